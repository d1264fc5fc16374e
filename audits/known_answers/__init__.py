"""Published numbers that the installed Evenhand must reproduce: one entry each, as they are printed in their source.

Every file of this folder has a tuple ``KNOWN``; a new entry is one line in it, a new subject a new file. The expected
text is what is printed: numbers separated by commas, compared to half a unit of the last printed digit; fractions
(``10/7``) exactly; words as they are; ``at least 0.93`` as a bound. ``none`` is a number that does not exist.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

EXACT = 1e-9
"""How far a number may be from a fraction and be it."""


class Known(NamedTuple):
    """A known answer: what it is, where it is published, what is printed there, and how it is computed here."""

    name: str
    source: str
    expected: str
    compute: Callable[[], Any]


def known_answers() -> Iterator[Known]:
    """Yield every known answer, file by file; a file that cannot be read is an answer that is not reproduced."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        try:
            yield from importlib.import_module(f"{__name__}.{module.name}").KNOWN
        except Exception as error:
            yield Known(f"the answers of {module.name}", "this installation of Evenhand", "readable", _raising(error))


def _raising(error: Exception) -> Callable[[], Any]:
    def compute() -> Any:
        raise error

    return compute


def agrees(expected: str, got: Any) -> bool:
    """Whether a computed answer is the printed one: every part of it, to the printed precision."""
    printed, computed = _parts(expected), _values(got)
    return len(printed) == len(computed) and all(map(_same, printed, computed))


def told(expected: str, got: Any) -> str:
    """Return a computed answer as text, numbers with two digits more than are printed."""
    printed, computed = _parts(expected), _values(got)
    padded = [*printed, *[""] * (len(computed) - len(printed))]
    return ", ".join(_told(one, value) for one, value in zip(padded, computed, strict=False))


def _parts(expected: str) -> list[str]:
    return [part.strip() for part in expected.split(",")]


def _values(got: Any) -> list[Any]:
    if isinstance(got, str) or not isinstance(got, Sequence):
        return [got]
    return [value for one in got for value in _values(one)]


def _same(printed: str, got: Any) -> bool:
    if got is None or isinstance(got, str):
        return printed == (got or "none")
    bound = printed.removeprefix("at least ")
    try:
        value = Fraction(bound)
    except ValueError:
        return False
    if bound != printed:
        return bool(got >= value)
    allowed = EXACT if "/" in printed else 0.5000001 * 10.0 ** -_decimals(printed)
    return abs(float(got) - float(value)) <= allowed


def _decimals(printed: str) -> int:
    return len(printed.partition(".")[2])


def _told(printed: str, got: Any) -> str:
    if got is None or isinstance(got, str):
        return got or "none"
    if isinstance(got, int):
        return str(got)
    return f"{float(got):.{6 if '/' in printed else _decimals(printed) + 2}f}"
