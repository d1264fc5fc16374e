"""From rows with probabilities to the bounds of each group's rate, with the sampling error of each end.

A bound is a mean of minima, Σ min(p, y) over strata; with the estimated y of a small stratum in it, it comes out too
narrow, as every minimum of noisy numbers is too small. Here it is therefore only *decided* on other rows which of the
two is the smaller one: then the mean of that one over a row's own fold is right on average for any decision, and sharp
for the right one. So the bounds hold however fine the strata are.

Source: Kallus, Mao, Zhou 2022, Management Science 68:1959 (the bounds, also for true positive and false positive
rates); Ji, Lei, Spector 2023, arXiv 2310.08115 (cross-fitted dual bounds).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.statistics.ratios import LOG_RANGE
from audits.statistics.roots import Floats, quotient

FOLDS = 5
FEWEST = 20
"""Strata of fewer rows are put together with others of nearly the same probability."""

_MOST_BINS = 20
_CERTAIN = 2.0
"""Rows by which an end may be off where no row, or every row, counts: its standard error is never below 2 rows of the
denominator. With it the 95 % limit of 0 of n is that of Clopper and Pearson, 3/n."""


class Sample(NamedTuple):
    """What is known of every row beside its probabilities: ``numerator`` and ``rest`` are disjoint.

    ``numerator`` rows that count · ``rest`` other rows of the denominator · ``weights`` · ``strata`` codes of rows that
    are alike · ``clusters`` codes of rows that belong together · ``folds`` of rows; clusters stay whole.
    """

    numerator: NDArray[np.bool_]
    rest: NDArray[np.bool_]
    weights: Floats
    strata: NDArray[np.int64]
    clusters: NDArray[np.int64]
    folds: NDArray[np.int64]


class End(NamedTuple):
    """One end of the bounds: its value, each row's part in its error, and the rows of its denominator."""

    value: float
    parts: Floats
    rows: float


class GroupBounds(NamedTuple):
    """A group's rate: ``weighted`` by the probabilities, and its bounds. ``rows`` expected in its denominator."""

    weighted: float
    low: End
    high: End
    rows: float


def folds_of(clusters: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal clusters (rows, where each is its own) to ``FOLDS`` folds of nearly the same number."""
    count = int(clusters.max()) + 1 if len(clusters) else 0
    folds: NDArray[np.int64] = (rng.permutation(count) % FOLDS)[clusters]
    return folds


def group_bounds(p: Floats, sample: Sample) -> GroupBounds | None:
    """Return the bounds of the rate of one group; ``None`` where none of its members can be in the denominator.

    Args:
        p: each row's probability of being in the group.
        sample: the rows.
    """
    counted = sample.numerator | sample.rest
    expected = float((sample.weights * p * counted).sum())
    if expected <= 0:
        return None
    cells = _cells(p, sample.strata)
    share = _elsewhere(cells, sample.numerator, sample)
    other = _elsewhere(cells, sample.rest, sample)
    high = _end(_most(p, share, sample.numerator), _least(p, other, sample.rest), sample, nobody=0.0)
    low = _end(_least(p, share, sample.numerator), _most(p, other, sample.rest), sample, nobody=1.0)
    weighted = float((sample.weights * p * sample.numerator).sum()) / expected
    return GroupBounds(weighted, low, high, float((p * counted).sum()))


def difference(one: GroupBounds, other: GroupBounds, clusters: NDArray[np.int64]) -> dict[str, float]:
    """Return the bounds of the difference of two groups' rates, as ``bounded`` takes them.

    Both ends are reached at once in some law that fits the data, so that these are sharp as well.
    """

    def error(a: End, b: End) -> float:
        return _error(a.parts - b.parts, clusters, (_CERTAIN / a.rows, _CERTAIN / b.rows))

    return {
        "low": one.low.value - other.high.value,
        "high": one.high.value - other.low.value,
        "se_low": error(one.low, other.high),
        "se_high": error(one.high, other.low),
    }


def ratio(one: GroupBounds, other: GroupBounds, clusters: NDArray[np.int64]) -> dict[str, float]:
    """Return the bounds of the logarithm of the ratio of two groups' rates, as ``bounded_ratio`` takes them."""

    def end(a: End, b: End, without: float) -> tuple[float, float]:
        if a.value <= 0 or b.value <= 0:
            return without, 0.0
        least = (_CERTAIN / a.rows / a.value, _CERTAIN / b.rows / b.value)
        return float(np.log(a.value / b.value)), _error(a.parts / a.value - b.parts / b.value, clusters, least)

    low, se_low = end(one.low, other.high, -LOG_RANGE)
    high, se_high = end(one.high, other.low, LOG_RANGE)
    return {"low": low, "high": high, "se_low": se_low, "se_high": se_high}


def alone(one: GroupBounds, clusters: NDArray[np.int64]) -> dict[str, float]:
    """Return the bounds of one group's own rate, as ``bounded`` takes them."""
    errors = [_error(end.parts, clusters, (_CERTAIN / end.rows,)) for end in (one.low, one.high)]
    return {"low": one.low.value, "high": one.high.value, "se_low": errors[0], "se_high": errors[1], "least": 0.0}


def _cells(p: Floats, strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """The strata, those with few rows put together by the size of the probability."""
    sizes = np.bincount(strata)
    few = sizes[strata] < FEWEST
    cells = strata.copy()
    bins = int(np.clip(few.sum() // FEWEST, 1, _MOST_BINS))
    rank = np.argsort(np.argsort(p[few], kind="stable"), kind="stable")
    cells[few] = len(sizes) + rank * bins // max(int(few.sum()), 1)
    return cells


def _elsewhere(cells: NDArray[np.int64], of: NDArray[np.bool_], sample: Sample) -> Floats:
    """For each row, the share of its cell's rows in the other folds that count; ½ where there are none."""
    count = int(cells.max()) + 1
    key = cells * FOLDS + sample.folds

    def others(weights: Floats) -> Floats:
        table = np.bincount(key, weights, minlength=count * FOLDS).reshape(count, FOLDS)
        return np.asarray((table.sum(axis=1, keepdims=True) - table)[cells, sample.folds])

    return quotient(others(sample.weights * of), np.maximum(others(sample.weights), 1e-300), otherwise=0.5)


def _most(p: Floats, share: Floats, of: NDArray[np.bool_]) -> Floats:
    """Each row's part in the greatest number of members that can be among the rows ``of``: the smaller of two means."""
    return np.where(p <= share, p, of)


def _least(p: Floats, share: Floats, of: NDArray[np.bool_]) -> Floats:
    """Each row's part in the least number of members that must be among the rows ``of``."""
    return np.where(p + share > 1, p + of - 1, 0.0)


def _end(counting: Floats, not_counting: Floats, sample: Sample, nobody: float) -> End:
    """The share T/(T + S), ``nobody`` where both are 0; each row's part in its linearised error."""
    top = max(float((sample.weights * counting).sum()), 0.0)
    rest = max(float((sample.weights * not_counting).sum()), 0.0)
    total = top + rest
    if total <= 0:
        return End(nobody, np.zeros(len(counting)), 1.0)
    value = top / total
    parts = sample.weights * ((1 - value) * counting - value * not_counting) / total
    own = np.abs(sample.weights * (counting + not_counting))
    squares = float((np.bincount(sample.clusters, own) * np.bincount(sample.clusters, sample.weights)).sum())
    return End(value, parts, total**2 / squares if squares > 0 else 1.0)


def _error(parts: Floats, clusters: NDArray[np.int64], least: tuple[float, ...]) -> float:
    """The standard error between clusters, and what two rows more or less would make of it."""
    total = np.bincount(clusters, parts)
    count = max(len(total), 2)
    return float(np.sqrt(count / (count - 1) * (total**2).sum() + sum(one**2 for one in least)))
