"""What a model is given, by content: the key under which an input is scored once ever."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from audits.findings import digest

SLOT = re.compile(r"\{([A-Za-z][A-Za-z_]*)\}")
"""A slot of a prompt template: ``{name}``; ``{He}`` is ``{he}`` at the start of a sentence."""


def slots(text: str) -> list[str]:
    """Return the names of the slots that a text holds unfilled; a text with any is not scored."""
    return [found.group(1) for found in SLOT.finditer(text)]


def text_input(text: str) -> str:
    """Return the sha256 of a text given to a text classifier."""
    return digest({"text": text})


def prompt_input(text: str, continuation: str) -> str:
    """Return the sha256 of a prompt and the continuation a causal model scores after it."""
    return digest({"text": text, "continuation": continuation})


def features_input(features: Mapping[str, Any]) -> str:
    """Return the sha256 of a table row given to a model: feature names and values, missing ones as null."""
    return digest({"features": {name: _plain(value) for name, value in features.items()}})


def _plain(value: Any) -> Any:
    """Python values only; an integer and the same float are one input, as the model sees them as one number."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if isinstance(value, bool | float | str) else str(value)
