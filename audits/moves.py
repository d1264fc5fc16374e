"""Numbers that are in two artifacts and not the same: how far they moved, and whether chance alone does that.

More than chance allows is said only where it follows from the two findings: where they stand on other rows. Then z is
the change over its standard error, which comes from the two intervals, square and add, each taken on the side that
faces the other number (on the logarithm for a ratio); for two rates this is Newcombe's interval of their difference.
The p-values are adjusted by Holm over all numbers that moved. On the same rows, or on parts of one table, two numbers
are not independent: no p-value is given.

Source: Zou, Donner 2008, Statistics in Medicine 27:1693 (square and add); Holm 1979, Scandinavian Journal of
Statistics 6:65.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal

from audits.artifact.comparing import compare
from audits.findings import Frozen

Samples = Literal["same rows", "same table", "other rows"]
"""What is known of the rows that two artifacts stand on."""
ALPHA = 0.05


class Figure(Frozen):
    """A number as it stands in one artifact."""

    value: float | None
    missing: str = ""
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: dict[str, Any] | None = None


class Move(Frozen):
    """A number that is in both artifacts and not the same.

    ``size`` how far it moved (for a ratio on its logarithm), null where one of the two is not measurable ·
    ``p``, ``p_adjusted`` that it moved by chance alone, null where that cannot be said · ``beyond_chance`` the
    adjusted p-value is below 0.05.
    """

    id: str
    technique: str
    measure: str
    attribute: str
    group: str
    reference: str
    comparison: str
    unit: str
    before: Figure
    after: Figure
    size: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    beyond_chance: bool | None = None


def compared(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], samples: Samples) -> tuple[Move, ...]:
    """Return the numbers that moved: first what can no longer or newly be measured, then what is beyond chance.

    Args:
        pairs: a finding as JSON before and after.
        samples: what is known of the rows.
    """
    return tuple(_ordered(_adjusted([move for one, two in pairs for move in _moves(one, two, samples)])))


def _moves(one: Mapping[str, Any], two: Mapping[str, Any], samples: Samples) -> Iterator[Move]:
    """Yield the move of a number, if it moved: its value, its interval or the rows that it stands on."""
    parts = ("value", "interval", "n")
    neither = one.get("value") is None and two.get("value") is None  # why there is none may be worded otherwise
    changed = [part for part in parts if one.get(part) != two.get(part)]
    if neither or not any(True for part in changed for _ in compare(one.get(part), two.get(part))):
        return
    before, after = _figure(one), _figure(two)
    ratio = two["comparison"] == "ratio"
    names = ("id", "technique", "measure", "attribute", "group", "reference", "comparison", "unit")
    yield Move(
        **{name: two.get(name, "") for name in names},
        before=before,
        after=after,
        size=_size(before.value, after.value, ratio),
        p=_by_chance(one, two, ratio) if samples == "other rows" else None,
    )


def _figure(finding: Mapping[str, Any]) -> Figure:
    interval = finding.get("interval") or {}
    return Figure(
        value=finding.get("value"),
        missing=finding.get("missing", ""),
        low=interval.get("low"),
        high=interval.get("high"),
        level=interval.get("level"),
        n=finding.get("n"),
    )


def _size(before: float | None, after: float | None, ratio: bool) -> float | None:
    if before is None or after is None:
        return None
    return abs(_scale(after, ratio) - _scale(before, ratio)) if min(before, after) > 0 else abs(after - before)


def _by_chance(one: Mapping[str, Any], two: Mapping[str, Any], ratio: bool) -> float | None:
    """Return the two-sided p-value of two independent numbers, from their intervals; ``None`` where one has none."""
    lower, upper = sorted((one, two), key=lambda finding: finding.get("value") or 0.0)
    if lower.get("value") is None or upper.get("value") is None:
        return None
    parts = [_reach(lower, "high", ratio), _reach(upper, "low", ratio)]
    if None in parts:
        return None
    gap = _scale(upper["value"], ratio) - _scale(lower["value"], ratio)
    spread = math.hypot(*(part for part in parts if part is not None))
    if gap == 0:
        return 1.0
    return math.erfc(gap / spread / math.sqrt(2)) if spread > 0 else None


def _reach(finding: Mapping[str, Any], end: str, ratio: bool) -> float | None:
    """Return how far the interval reaches towards the other number, in standard errors' size."""
    interval, value = finding.get("interval"), finding["value"]
    if not interval or interval.get("simultaneous") or interval.get(end) is None:
        return None
    if ratio and min(value, interval[end]) <= 0:
        return None
    return abs(_scale(interval[end], ratio) - _scale(value, ratio)) / NormalDist().inv_cdf((1 + interval["level"]) / 2)


def _scale(value: float, ratio: bool) -> float:
    return math.log(value) if ratio else value


def _adjusted(moves: Sequence[Move]) -> list[Move]:
    """Return the moves with p-values adjusted by Holm over all that have one."""
    tested = sorted((at for at, move in enumerate(moves) if move.p is not None), key=lambda at: moves[at].p or 0.0)
    adjusted, least = list(moves), 0.0
    for rank, at in enumerate(tested):
        least = max(least, min(1.0, (moves[at].p or 0.0) * (len(tested) - rank)))
        adjusted[at] = moves[at].model_copy(update={"p_adjusted": least, "beyond_chance": least < ALPHA})
    return adjusted


def _ordered(moves: Sequence[Move]) -> list[Move]:
    """What can no longer or newly be measured, then what is beyond chance, then the rest; each by size."""
    return sorted(moves, key=lambda move: (move.size is not None, not move.beyond_chance, -(move.size or 0.0), move.id))
