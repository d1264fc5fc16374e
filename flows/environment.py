"""The surroundings of a run, set before prefect or mlflow is imported: both read their settings on import.

Telemetry and log noise are off; what a person sees is ours. Anything the user has set stays as it is.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from audits import host
from audits.errors import AuditError

QUIET = {
    **host.QUIET,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",  # "EventsWorker: still processing items", at the end of a short run
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for --json
    # a server that is away is noticed after seconds, not after the default four minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "GIT_PYTHON_REFRESH": "quiet",
}


def has_prefect_server() -> bool:
    """Whether the user's environment or active profile names a Prefect server."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    profiles = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect") / "profiles.toml"
    if not profiles.is_file():
        return False
    content = tomllib.loads(profiles.read_text())
    active = os.environ.get("PREFECT_PROFILE") or content.get("active", "")
    return "PREFECT_API_URL" in content.get("profiles", {}).get(active, {})


def prepare(folder: Path) -> None:
    """Set the environment for a run whose home is ``folder``. Raises ``AuditError`` where nothing can be kept there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, str(error.strerror)) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "Permission denied")
    os.environ["EVENHAND_HOME"] = str(folder)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_RESULTS_LOCAL_STORAGE_PATH", str(folder / "results"))
    if not has_prefect_server():
        os.environ.setdefault("PREFECT_HOME", str(folder / "prefect"))


def _unusable(folder: Path, why: str) -> AuditError:
    got = f"EVENHAND_HOME: got {str(folder)!r} ({why}), expected a folder that can be written to"
    return AuditError(got, "set EVENHAND_HOME to another folder")
