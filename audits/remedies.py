"""What would bring a gap between groups down to a target: other thresholds, other columns, other weights of rows.

Plain functions over arrays. They are fitted on one half of the rows (``halves``); what they come to is for the other
half to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Counts, Share
from audits.statistics.roots import Floats, quotient

MOST_THRESHOLDS = 1 << 12
"""So many thresholds are tried in a group; of more, evenly many rows lie between two that are."""

_CLOSE = 1e-12
_BINS = 32


class Target(NamedTuple):
    """What a gap must come down to: ``difference`` at most ``bound``, or ``ratio`` (smallest over largest) at least."""

    compare: str
    bound: float

    def highest(self, low: Floats) -> Floats:
        """Return how high the highest rate may be where the lowest is ``low``; below it where there is no ratio."""
        if self.compare == "difference":
            return low + self.bound + _CLOSE
        return np.asarray(np.where(low > 0, low / max(self.bound, _CLOSE) + _CLOSE, -1.0))

    def met(self, rates: Floats) -> bool:
        """Whether rates lie within the target of each other; rates that are all 0 do."""
        low, high = float(np.min(rates)), float(np.max(rates))
        return high == low or bool(high <= self.highest(np.asarray(low)))


class Curve(NamedTuple):
    """What each threshold makes of one group.

    ``rate`` the measure where rows of a score from the threshold on are positive, NaN where there is none ·
    ``right`` rows, or their weight, that are then decided as wanted.
    """

    thresholds: Floats
    rate: Floats
    right: Floats


def halves(number: int, clusters: NDArray[np.integer[Any]] | None, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows are to fit on; the others measure. Rows of one cluster are in the same half."""
    units = np.arange(number) if clusters is None else np.asarray(clusters)
    many = int(units.max()) + 1 if len(units) else 0
    first = np.zeros(many, np.bool_)
    first[rng.permutation(many)[: many // 2]] = True
    chosen: NDArray[np.bool_] = first[units]
    return chosen


def candidates(scores: Floats, most: int = MOST_THRESHOLDS) -> Floats:
    """Return the thresholds worth trying, from the highest: the scores there are but the lowest.

    From each of them on somebody is positive, and not everybody is; of a single score only everybody can be.
    """
    known = scores[~np.isnan(scores)]
    distinct = np.unique(known)
    if len(distinct) > most:
        distinct = np.unique(np.quantile(known, np.linspace(0, 1, most), method="lower"))
    return distinct[:0:-1] if len(distinct) > 1 else distinct


def curve(
    metric: Callable[[Counts], Share],
    scores: Floats,
    labels: NDArray[np.int8],
    wanted: NDArray[np.int8],
    weights: Floats,
    thresholds: Floats,
) -> Curve:
    """Return what each threshold makes of the rows of one group.

    Args:
        metric: from confusion counts.
        scores: one per row; high is positive.
        labels: 1, 0, −1 unknown.
        wanted: the decision that counts as right: the truth, or where there is none, today's decision; −1 neither.
        weights: one per row.
        thresholds: see ``candidates``.
    """
    order = np.argsort(scores, kind="stable")
    start = np.searchsorted(scores[order], thresholds, side="left")

    def above(chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Weight of the chosen rows from each threshold on, and below it."""
        summed = np.concatenate([np.zeros(1), np.cumsum(np.where(chosen, weights, 0.0)[order])])
        return summed[-1] - summed[start], summed[start]

    (tp, fn), (fp, tn), (up, un) = (above(labels == truth) for truth in (1, 0, -1))
    of, among = (np.asarray(part, np.float64) for part in metric(Counts(tp, fp, fn, tn, up, un)))
    rate = np.where(among > 0, quotient(of, among), np.nan)
    return Curve(thresholds, rate, above(wanted == 1)[0] + above(wanted == 0)[1])


def group_thresholds(curves: Sequence[Curve], target: Target) -> list[int] | None:
    """Return the place of each group's threshold: the most rows right with all rates within the target of each other.

    Exact over the thresholds of the curves: for every rate that may be the lowest, each group's best threshold whose
    rate lies between it and the highest that the target allows. ``None`` where there is no such choice.

    Source: Hardt, Price, Srebro 2016, section 4 (there with thresholds drawn at random, so that rates meet exactly).
    """
    lows = np.unique(np.concatenate([one.rate[~np.isnan(one.rate)] for one in curves]))
    total, windows = np.zeros(len(lows)), []
    for one in curves:
        order = np.argsort(one.rate, kind="stable")[: int((~np.isnan(one.rate)).sum())]
        rate, right = one.rate[order], one.right[order]
        left = np.searchsorted(rate, lows - _CLOSE, side="left")
        after = np.searchsorted(rate, target.highest(lows), side="right")
        total += _most_between(right, left, after)
        windows.append((order, right, left, after))
    if not len(lows) or not np.isfinite(total.max()):
        return None
    best = int(total.argmax())
    return [int(order[left[best] + right[left[best] : after[best]].argmax()]) for order, right, left, after in windows]


def common_threshold(curves: Sequence[Curve], target: Target) -> int | None:
    """Return the place of the one threshold for all with the most rows right and all rates within the target.

    Args:
        curves: of every group, over the same thresholds.
        target: what the gap must come down to.
    """
    rates = np.stack([one.rate for one in curves])
    known = ~np.isnan(rates).any(axis=0)
    low, high = np.where(known, rates, 0).min(axis=0), np.where(known, rates, 1).max(axis=0)
    right = np.where(known & ((high <= target.highest(low)) | (high == low)), sum(one.right for one in curves), -np.inf)
    return int(right.argmax()) if len(right) and np.isfinite(right.max()) else None


def _most_between(values: Floats, left: NDArray[Any], after: NDArray[Any]) -> Floats:
    """The largest of ``values[left:after]``, for many windows; −inf for an empty one."""
    table = [values]
    while 2 << (len(table) - 1) <= len(values):
        half = 1 << (len(table) - 1)
        table.append(np.maximum(table[-1][:-half], table[-1][half:]))
    found = np.full(len(left), -np.inf)
    size = after - left
    level = np.floor(np.log2(np.maximum(size, 1))).astype(np.int64)
    for at, best in enumerate(table):
        chosen = np.flatnonzero((size > 0) & (level == at))
        found[chosen] = np.maximum(best[left[chosen]], best[after[chosen] - (1 << at)])
    return found


def reweighing(groups: NDArray[Any], labels: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Return weights under which group and label are independent: P(group)·P(label)/P(group, label).

    Args:
        groups: one per row.
        labels: one per row.
        weights: what rows weigh already; they are multiplied.

    Source: Kamiran, Calders 2012, Knowledge and Information Systems 33:1, section 4.3.
    """
    weights = np.ones(len(groups)) if weights is None else weights
    group, label = (np.unique(part, return_inverse=True)[1] for part in (groups, labels))
    shape = (int(group.max(initial=0)) + 1, int(label.max(initial=0)) + 1)
    joint = np.bincount(group * shape[1] + label, weights, minlength=shape[0] * shape[1]).reshape(shape)
    even = np.outer(joint.sum(axis=1), joint.sum(axis=0)) / max(float(joint.sum()), _CLOSE)
    return weights * quotient(even, joint)[group, label]


def residualised(matrix: Floats, groups: NDArray[np.integer[Any]], fitting: NDArray[np.bool_]) -> Floats:
    """Return columns less the mean of their row's group, plus the mean of all, both learned from the fitting rows.

    It takes the attribute to do so, of every row that is decided. Only the means become the same: a linear model then
    says the same of both groups on average, one of trees may still tell them apart.
    Source: Johndrow, Lum 2019, Annals of Applied Statistics 13:189 (removal of dependence; here of means alone).
    """
    overall = matrix[fitting].mean(axis=0)
    found = matrix.copy()
    for group in np.unique(groups):
        rows = groups == group
        known = rows & fitting
        if known.any():
            found[rows] += overall - matrix[known].mean(axis=0)
    return found


def separation(values: NDArray[Any], one: NDArray[np.bool_], fitting: NDArray[np.bool_]) -> float | None:
    """Return how well a column tells one group from another: the AUC on rows that its bins were not made from.

    Args:
        values: numbers (NaN for none) or codes of a column, of the rows of both groups.
        one: whether the row is of the one group.
        fitting: the rows from which the share of the one group in every bin is learned.

    Returns:
        0.5 where the column says nothing (or less than nothing) of the group, 1 where it tells it; ``None`` where a
        group has no rows in either half.
    """
    if any(not part.any() for half in (fitting, ~fitting) for part in (one[half], ~one[half])):
        return None
    known = values[fitting & ~np.isnan(values)]
    edges = np.unique(known)
    if len(edges) > _BINS:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS)))
    bins = np.where(np.isnan(values), 0, 1 + np.searchsorted(edges, values, side="right"))
    rows, ones = (np.bincount(bins[part], minlength=len(edges) + 2) for part in (fitting, fitting & one))
    share = (ones + 1) / (rows + 2)
    return max(auc(share[bins[~fitting]], one[~fitting]), 0.5)


def auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the chance that a positive row has the higher score, ties counted half. Source: Mann, Whitney 1947."""
    _, place, many = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(many) - (many - 1) / 2)[place]
    ones = int(positive.sum())
    none = len(positive) - ones
    return float((rank[positive].sum() - ones * (ones + 1) / 2) / (ones * none)) if ones and none else math.nan
