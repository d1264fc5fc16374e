"""What an undecided limit needs: the smallest disparity that these rows can show, and the rows that would decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from audits.family import Family
from audits.findings import rounded
from audits.sides import Side, broken
from audits.statistics import bounds
from audits.statistics.power import (
    POWER,
    detectable_difference,
    detectable_ratio,
    rows_equivalence,
    rows_ratio,
)
from audits.statistics.roots import Floats
from audits.statistics.simultaneous import one_sided

MOST_ROWS = 10**12
"""More rows than this are no answer."""

MANY_TIMES, MANY_ROWS = 1000, 10**6
"""Nor are more than so many times the rows at hand, where they are more than so many: a number is then too near the
limit for any rows like these."""


class Needed(NamedTuple):
    """Rows that would decide, in four of five audits: if the groups were truly equal, else if all is as estimated.

    ``rows`` ``None`` where as good as no number of rows would.
    """

    rows: int | None
    if_equal: bool


def smallest_detectable(family: Family, at: int, level: float) -> float | None:
    """Return the smallest disparity that these rows tell from none in four of five audits.

    For a difference, paired difference or gap its size; for a ratio the ratio below 1 (its inverse is found as well);
    for one group's own number the value beyond the limit that would be found broken. ``None`` where it cannot be told,
    or where no disparity at all would be found.
    """
    side, z = family.sides[at], family.critical(level)
    counts, pooled = side.sufficient, _pooled(side)
    if side.of_two_rates and pooled is not None:
        if family.limit.compare == "difference":
            return _possible(family, side, detectable_difference(pooled, counts["n1"], counts["n2"], z))
        return rounded(detectable_ratio(pooled, counts["n1"], counts["n2"], z))
    spread = _spread(family, at, z)
    if spread is None:
        return None
    reach = (z + NormalDist().inv_cdf(POWER)) * spread
    if family.limit.compare == "ratio":
        return rounded(math.exp(-reach))
    if side.reference and family.limit.compare in ("paired", "gap", "difference"):
        return _possible(family, side, reach)
    return _possible(family, side, family.limit.bound + (reach if family.limit.at_most is not None else -reach))


def _possible(family: Family, side: Side, value: float) -> float | None:
    """A disparity that there can be; of proportions none lies beyond 1, and no rate below 0."""
    if side.finding.unit == "proportion":
        least = 0 if family.limit.compare in ("rate", "share") else -1
        return rounded(value) if least <= value <= 1 else None
    return rounded(value)


def rows_needed(family: Family, at: int, level: float) -> Needed | None:
    """Return the rows of the smaller group (or of the number itself) that would decide in 4 of 5 audits.

    For differences and ratios inside the limit, that it holds if the groups are truly equal; where there are that many
    rows already, and for all other numbers, what is true if it is as estimated. Rows that are weighted or in clusters
    are taken to be worth as much as those at hand. ``None`` where no number of rows would do.
    """
    side = family.sides[at]
    equal, smaller = _rows_if_equal(family, side, 1 - level), _rows(side)
    beyond = broken(family.limit, side)
    if smaller is None or (equal is not None and equal > smaller and not beyond):
        return _whole(None if equal is None else equal * _rows_per_effective(side), smaller, if_equal=True)
    z = family.critical(level) if beyond else one_sided(level)
    if set(side.sufficient) == {"x", "n"}:
        return _whole(_rows_of_rate(family, side, z) * _rows_per_effective(side), smaller)
    if side.sufficient.keys() & {"n", "n1", "df"}:
        return _whole(smaller * _times_as_many(family, side, z) * _rows_per_effective(side), smaller)
    spread, gap = _spread(family, at, z), _gap(family, side)
    times = ((z + NormalDist().inv_cdf(POWER)) * spread / gap) ** 2 if spread and gap else None
    return _whole(None if times is None else smaller * times, smaller)


def _times_as_many(family: Family, side: Side, z: float) -> float:
    """How many times the rows at hand leave the limit out of the interval, and their chance of it is ``POWER``."""
    bound = family.limit.bound
    below = side.value is not None and side.value < bound

    def still_in(log_times: Floats) -> Floats:
        counts = {name: _of_times(name, value, np.exp(log_times)) for name, value in side.sufficient.items()}
        low, high = bounds(side.method.partition("+")[0], counts, z + NormalDist().inv_cdf(POWER))
        return high - bound if below else bound - low

    return math.exp(_crossing(still_in, math.log(2 * MOST_ROWS)))


def _of_times(name: str, value: float, times: Floats) -> Floats:
    """A sufficient statistic of so many times the rows: counts and degrees of freedom grow, a mean stays."""
    if name == "se":
        return value / np.sqrt(times)
    return value * (times if name not in ("mean", "low", "high") else np.ones_like(times))


def _crossing(function: Callable[[Floats], Floats], high: float) -> float:
    """Where a falling function of one number crosses 0 between 0 and ``high``, to a ten-thousandth.

    By grids, not by halves: an interval is taken of many numbers at once nearly as fast as of one.
    """
    low = 0.0
    for _ in range(3):
        grid = np.linspace(low, high, 65)
        above = np.flatnonzero(function(grid) > 0)
        last = int(above[-1]) if len(above) else -1
        low, high = float(grid[max(last, 0)]), float(grid[min(last + 1, 64)])
    return (low + high) / 2


def _rows_of_rate(family: Family, side: Side, z: float) -> float:
    """Rows with which the interval of one rate leaves the limit out, were the rate as estimated."""
    x, n, bound = side.sufficient["x"], side.sufficient["n"], family.limit.bound
    p = x / n
    toward = 1 if p < bound else -1

    def still_in(log_rows: Floats) -> Floats:
        rows = np.exp(log_rows)
        unlucky = p * rows + toward * NormalDist().inv_cdf(POWER) * np.sqrt(rows * p * (1 - p))
        low, high = bounds(side.method, {"x": np.clip(unlucky, 0, rows), "n": rows}, z)
        return high - bound if toward > 0 else bound - low

    return math.exp(_crossing(still_in, math.log(2 * MOST_ROWS)))


def _rows_per_effective(side: Side) -> float:
    """How many rows count as one independent row, where they are weighted or in clusters."""
    counts, support = side.sufficient, side.n
    effective = counts["n1"] + counts["n2"] if "n1" in counts else counts.get("n", 0)
    if support is None or not effective:
        return 1.0
    return max((support.group + (support.reference or 0)) / effective, 1.0)


def _rows_if_equal(family: Family, side: Side, alpha: float) -> float | None:
    counts, pooled, bound = side.sufficient, _pooled(side), family.limit.bound
    if pooled is None:
        return None
    k = max(counts["n1"], counts["n2"]) / min(counts["n1"], counts["n2"])
    power = 1 - (1 - POWER) / max(family.comparisons, 1)  # every pair must be shown inside, none may miss
    if family.limit.compare == "difference":
        return rows_equivalence(pooled, pooled, bound, k, alpha, power) if bound > 0 else None
    holds = bound < 1 if family.limit.at_least is not None else bound > 1
    either_way = (1 + power) / 2  # both orders of the pair must be shown inside
    return rows_ratio(pooled, bound, k, alpha, either_way) if holds else None


def _pooled(side: Side) -> float | None:
    """The common rate of a pair; None where it is 0 or 1, or where the pair is not one of rates."""
    counts = side.sufficient
    if not {"x1", "n1", "x2", "n2"} <= counts.keys() or min(counts["n1"], counts["n2"]) <= 0:
        return None
    pooled = (counts["x1"] + counts["x2"]) / (counts["n1"] + counts["n2"])
    return pooled if 0 < pooled < 1 else None


def _rows(side: Side) -> float | None:
    """The effective rows of the smaller group, or of the number itself."""
    counts, support = side.sufficient, side.n
    if "n1" in counts:
        return min(counts["n1"], counts["n2"])
    return counts.get("n", support.group if support else None)


def _spread(family: Family, at: int, z: float) -> float | None:
    """The standard error that the interval at z stands for; of the logarithm for a ratio.

    There is none where the interval is mostly what no number of rows would tell (bounds).
    """
    if family.sides[at].method in ("bounds", "log-bounds"):
        return None
    low, high = _interval(family, at, z)
    if family.limit.compare == "ratio":
        low, high = (math.log(end) if 0 < end < math.inf else math.inf for end in (low, high))
    return (high - low) / 2 / z if math.isfinite(low) and math.isfinite(high) and high > low else None


def _interval(family: Family, at: int, z: float) -> tuple[float, float]:
    """The interval at z, beyond the ends of the number, too: how wide it is says how much is known."""
    side = family.sides[at]
    if side.method not in ("t", "log-t"):
        return family.interval(at, z)
    endless = {name: value for name, value in side.sufficient.items() if name not in ("low", "high")}
    low, high = bounds(side.method, endless, z)
    return float(low), float(high)


def _gap(family: Family, side: Side) -> float | None:
    """How far the estimate is from the limit."""
    if side.value is None:
        return None
    if family.limit.compare == "ratio":
        return abs(math.log(side.value / family.limit.bound)) if side.value > 0 else None
    return abs(side.value - family.limit.bound)


def _whole(rows: float | None, at_hand: float | None, if_equal: bool = False) -> Needed | None:
    if rows is None or not rows > 0:
        return None
    most = min(max(MANY_TIMES * (at_hand or 0), MANY_ROWS), MOST_ROWS)
    return Needed(math.ceil(rows) if rows < most else None, if_equal)
