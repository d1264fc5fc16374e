"""Where things are: names in a spec, environment variables in them, and Evenhand's own folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
BESIDE = {"EVENHAND_DATA": "data", "EVENHAND_MODELS": "models"}
"""Variables that need not be set where ``shared/data`` and ``shared/models`` lie beside the checkout."""


def resolve(name: str, base: Path) -> Path:
    """Return the path a spec means: as it is, else relative to the spec's folder, else to the current one.

    A path that exists in neither folder is returned relative to ``base``.
    """
    path = Path(name).expanduser()
    if path.is_absolute():
        return path
    beside = base / path
    return path.absolute() if not beside.exists() and path.exists() else beside


def home() -> Path:
    """Return Evenhand's own folder: ``EVENHAND_HOME``, or ``.evenhand`` in the current folder."""
    return Path(os.environ.get("EVENHAND_HOME") or ".evenhand").absolute()


def tracking_uri(uri: str | None, home: Path) -> str:
    """Return the MLflow store: the spec's, else ``MLFLOW_TRACKING_URI``, else a SQLite file in Evenhand's folder.

    A sealed spec names a local store as it was written: a variable in it that is not set here leads nowhere.
    """
    named, unset = expand(uri or "")
    known = "" if unset else named
    return known or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home.absolute() / 'mlflow.db'}"


def variable(name: str) -> str | None:
    """Return the value of an environment variable; ``EVENHAND_DATA`` and ``EVENHAND_MODELS`` have a fallback.

    They stand for ``shared/data`` and ``shared/models`` beside the checkout or the current folder.
    """
    if os.environ.get(name):
        return os.environ[name]
    if name in BESIDE:
        for folder in (Path(__file__).resolve().parents[2], Path.cwd().parent):
            if (found := folder / "shared" / BESIDE[name]).is_dir():
                return str(found)
    return None


def expand(text: str) -> tuple[str, list[str]]:
    """Replace every ``${NAME}``; return the text and the names that are not set."""
    unset = [name for name in VARIABLE.findall(text) if variable(name) is None]
    return VARIABLE.sub(lambda found: variable(found[1]) or found[0], text), unset
