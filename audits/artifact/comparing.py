"""Whether numbers derived again are the ones that were stored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

RELATIVE = 1e-11
"""How far two floats may lie apart and still be the same: one unit in the last of the 12 digits that findings
keep, since the last bits of a float differ between processors and decide which way the twelfth is rounded."""

Leaf = tuple[str, Any, Any]
"""Where (``limits[0].interval.low``), what was stored, what came out."""


def compare(stored: Any, again: Any, place: str = "") -> Iterator[Leaf]:
    """Yield each leaf in which two JSON values differ; floats are the same within ``RELATIVE``."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in sorted(stored.keys() | again.keys()):
            yield from compare(stored.get(key), again.get(key), f"{place}.{key}" if place else key)
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for at, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from compare(one, other, f"{place}[{at}]")
    elif not _same(stored, again):
        yield place, stored, again


def _same(one: Any, other: Any) -> bool:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other)):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=1e-15)
    return type(one) is type(other) and bool(one == other)
