"""Other processes on this machine."""

from __future__ import annotations

import os


def alive(pid: int) -> bool:
    """Whether a process runs, ours or somebody else's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
