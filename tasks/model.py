"""The host of the model under audit, kept alive over the steps of one run.

A handle cannot be a task's parameter (it has no content to key), so the steps of a run find it here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from audits.host import Host
from audits.observe import open_host
from tasks.run import Run

_hosts: dict[str, Host] = {}


def host(run: Run) -> Host:
    """Return the run's host. Its process starts at the first call, so a run that needs no model has none."""
    key = str(run.folder)
    if key not in _hosts:
        _hosts[key] = open_host(run.spec, run.base)
    return _hosts[key]


@contextlib.contextmanager
def closing(run: Run) -> Iterator[None]:
    """End the model's process with the run, however the run ends."""
    try:
        yield
    finally:
        if (held := _hosts.pop(str(run.folder), None)) is not None:
            held.close()
