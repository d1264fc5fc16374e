"""What every test may lean on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    if not folder.is_dir():
        pytest.skip(f"{variable} is not set and there is no shared/{name} beside the checkout")
    return folder


@pytest.fixture
def shared_data() -> Path:
    """The folder of public data sets; skips where it is absent."""
    return _folder("EVENHAND_DATA", "data")


@pytest.fixture
def shared_models() -> Path:
    """The folder of small models; skips where it is absent."""
    return _folder("EVENHAND_MODELS", "models")
