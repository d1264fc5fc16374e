"""Values of the data and names in the spec: when they are the same, and what a value is called."""

from __future__ import annotations

import itertools
import math
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audits.spec import ProtectedSpec


def value_key(value: Any) -> str:
    """Return the text under which values are compared: ``1``, ``1.0``, ``True`` and ``"1"`` are one value.

    A number that is whole is written without a fraction; every other value as Python writes it.
    """
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)


def as_seen(text: str) -> str:
    """Return what a reader sees of a text, whatever its case, spaces, invisible characters and Unicode form."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(" " if c.isspace() else c for c in folded if c.isprintable() or c.isspace()).split())


def bin_names(edges: tuple[float, ...]) -> list[str]:
    """Return the names of the half-open bins between edges: ``<25``, ``25 to <45``, ``≥45``."""
    texts = [value_key(float(edge)) for edge in edges]
    between = [f"{low} to <{high}" for low, high in itertools.pairwise(texts)]
    return [f"<{texts[0]}", *between, f"≥{texts[-1]}"]


def group_names(attribute: ProtectedSpec) -> list[str] | None:
    """Return the groups a spec names for an attribute, in its order; ``None`` where only the data know."""
    if attribute.values is not None:
        return list(dict.fromkeys(attribute.values.values()))
    if attribute.indicators is not None:
        return list(dict.fromkeys(attribute.indicators.values()))
    if attribute.probabilities is not None:
        return list(attribute.probabilities)
    if attribute.bins is not None:
        return bin_names(attribute.bins)
    return None
