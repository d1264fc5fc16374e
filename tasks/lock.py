"""One process at a time, where several runs share a home."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from tasks.console import console


@contextlib.contextmanager
def alone(lock: Path, doing: str) -> Iterator[None]:
    """Hold ``lock`` against other processes; where one of them holds it, say so and wait.

    The operating system lets go of it with the process, however that ends. The empty file stays.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.say(f"  waiting: another process is {doing}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
