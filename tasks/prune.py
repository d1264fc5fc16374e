"""What Evenhand's own folder keeps only to be quick, removed when nobody has used it for long."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

KEPT_DAYS = 30
"""Days since its last use that something is kept."""
PLACES = ("steps", "results", "runs", "datasets")
"""Finished steps, the results that name them, runs that never ended, tables read from files: all can be made again."""
HUB = "hub"
"""Tables from the hub: without a network they could not be had again."""


@contextlib.contextmanager
def in_use(home: Path) -> Iterator[None]:
    """Hold ``home`` against ``prune``, beside any number of others who do."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "in-use.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def prune(home: Path, days: float = KEPT_DAYS) -> None:
    """Remove what nobody has used for ``days``; nothing while a run is going on, whose end then does it.

    A run that was killed and is taken up later than that makes anew what it lacks. Scores, models and what waits to
    be logged stay.
    """
    with (home / "in-use.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        oldest = time.time() - days * 86_400
        for path in [path for place in PLACES if (home / place).is_dir() for path in (home / place).iterdir()]:
            with contextlib.suppress(OSError):
                if path.name == HUB or path.lstat().st_mtime >= oldest:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
