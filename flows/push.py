"""``evenhand card --push``: the card's first screen into the registry, beside the model that it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audits import paths
from audits.artifact import verify
from flows import environment
from flows.gate import tracking_of


def push_card(artifact: Path, uri: str) -> dict[str, Any]:
    """Verify an artifact and write its card to a model version (``tasks.push_card``)."""
    home = paths.home()
    sealed = verify(artifact)
    environment.prepare(home)
    from tasks.push_card import push

    return push(sealed, uri, tracking_of(artifact, home), home)
