"""Predicted numbers as sums over the rows of every group, and as weights at values that all groups share.

Both add up over shards. Squares are taken around an origin that all groups share, so that they do not cancel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.statistics.roots import Floats, quotient


class Predicted(NamedTuple):
    """Sums over the rows of each group, each row by its weight; e = prediction − truth.

    Over rows with a prediction: ``rows`` their number · ``weight`` · ``predicted`` Σŷ · ``shifted`` Σ(ŷ − a) and
    ``shifted_squares`` Σ(ŷ − a)², a an origin · ``above_median`` of predictions strictly above the median of the full
    sample · ``above`` above another quantile of it. Over rows with a truth too: ``both`` their weight · ``error`` Σe ·
    ``absolute`` Σ|e| · ``squares`` Σe² · ``size`` Σ|y| · ``nonzero`` weight where y ≠ 0 and ``relative`` Σ|e/y| there ·
    ``truth`` Σ(y − b) and ``truth_squares`` Σ(y − b)², b an origin · ``paired`` Σ(ŷ − a), ``paired_squares`` Σ(ŷ − a)²
    and ``product`` Σ(ŷ − a)(y − b). Over rows of which it is known what is predicted without a treatment, and whether
    they are treated: ``treatable`` their weight · ``effect`` Σ(ŷ − ŷ without) of the treated. With an axis of its own:
    ``histogram`` weight of the predictions at each of the values ``value``, which rise and are the same for every
    group.
    """

    rows: NDArray[Any]
    weight: NDArray[Any]
    predicted: NDArray[Any]
    shifted: NDArray[Any]
    shifted_squares: NDArray[Any]
    above_median: NDArray[Any]
    above: NDArray[Any]
    both: NDArray[Any]
    error: NDArray[Any]
    absolute: NDArray[Any]
    squares: NDArray[Any]
    size: NDArray[Any]
    nonzero: NDArray[Any]
    relative: NDArray[Any]
    truth: NDArray[Any]
    truth_squares: NDArray[Any]
    paired: NDArray[Any]
    paired_squares: NDArray[Any]
    product: NDArray[Any]
    treatable: NDArray[Any]
    effect: NDArray[Any]
    histogram: NDArray[Any]
    value: NDArray[Any]


def parts_of(
    predicted: Floats,
    truth: Floats,
    weight: Floats,
    untreated: Floats | None = None,
    treated: NDArray[np.integer[Any]] | None = None,
) -> list[Floats]:
    """Return what each row adds to the fields of ``Predicted`` before the histogram, in their order.

    Args:
        predicted: NaN where unknown.
        truth: NaN where unknown.
        weight: of each row.
        untreated: what would be predicted without the treatment, NaN where unknown.
        treated: 1, 0, −1 unknown.
    """
    known = np.isfinite(predicted)
    both = known & np.isfinite(truth)
    y, t = np.where(known, predicted, 0.0), np.where(both, truth, 0.0)
    w, v = weight * known, weight * both
    a = float(y[known].mean()) if known.any() else 0.0
    b = float(t[both].mean()) if both.any() else 0.0
    e, nonzero = np.where(both, y - t, 0.0), both & (t != 0)
    none = np.zeros(len(y))
    return [
        known.astype(np.float64),
        w,
        w * y,
        w * (y - a),
        w * (y - a) ** 2,
        none,
        none,
        v,
        v * e,
        v * np.abs(e),
        v * e**2,
        v * np.abs(t),
        v * nonzero,
        v * quotient(np.abs(e), np.where(nonzero, np.abs(t), 0.0)),
        v * (t - b),
        v * (t - b) ** 2,
        v * (y - a),
        v * (y - a) ** 2,
        v * (y - a) * (t - b),
        *_effect(predicted, weight, untreated, treated),
    ]


def _effect(
    predicted: Floats, weight: Floats, untreated: Floats | None, treated: NDArray[np.integer[Any]] | None
) -> tuple[Floats, Floats]:
    if untreated is None or treated is None:
        return np.zeros(len(predicted)), np.zeros(len(predicted))
    known = np.isfinite(predicted) & np.isfinite(untreated) & (treated >= 0)
    return weight * known, weight * np.where(known & (treated == 1), predicted - untreated, 0.0)


def summed(parts: Floats) -> Predicted:
    """Return the summary of sums of ``parts_of``, … × parts × groups, without the distribution."""
    each = np.moveaxis(parts, -2, 0)
    none = np.zeros((*each.shape[1:], 0))
    return Predicted(*[*each, none, none])


def distributed(table: Floats, value: Floats) -> Predicted:
    """Return the summary of weights at each value, … × groups × values, with nothing but the distribution."""
    weight = table.sum(axis=-1)
    none = np.zeros(weight.shape)
    empty = Predicted(*(none for _ in Predicted._fields))
    return empty._replace(weight=weight, histogram=table, value=np.broadcast_to(value, table.shape))


def values_of(predicted: Floats, codes: NDArray[Any], groups: int, most: int) -> tuple[Floats, NDArray[np.int64], bool]:
    """Return values that stand for the predictions, rising; each row's place among them; whether they are all.

    Where there are more different predictions than ``most``, a value stands for all predictions from one quantile of
    some group up to the next one, by their mean; so no group has many of its rows at one value, however small it is.
    """
    distinct = np.unique(predicted)
    if len(distinct) <= most:
        return distinct, np.searchsorted(distinct, predicted), True
    present = np.flatnonzero(np.bincount(codes, minlength=groups))
    levels = np.arange(1, max(2, most // len(present))) / max(2, most // len(present))
    quantiles = [np.quantile(predicted[codes == one], levels, method="inverted_cdf") for one in present]
    starts = np.unique(np.concatenate([[distinct[0]], *quantiles]))
    place = np.searchsorted(starts, predicted, side="right") - 1
    many = np.bincount(place, minlength=len(starts))
    return quotient(np.bincount(place, predicted, minlength=len(starts)), many), place, False


def full_sample_quantile(values: Floats, level: float, weights: Floats) -> float:
    """Return the least value that a share ``level`` of the weight lies at or below; midway to the next if exactly so.

    At one half this is the median, of an even number of values the mean of the middle two.
    Source: Hyndman, Fan 1996, The American Statistician 50:361, definition 2.
    """
    order = np.argsort(values, kind="stable")
    ordered, below = values[order], np.cumsum(weights[order])
    if below[-1] <= 0:
        return float(np.quantile(values, level, method="averaged_inverted_cdf"))
    target = level * below[-1]
    exact = np.abs(below - target) <= 1e-9 * below[-1]
    at = int(np.flatnonzero(exact)[0]) if exact.any() else int(np.searchsorted(below, target))
    beyond = np.flatnonzero(weights[order][at + 1 :] > 0)
    if exact.any() and len(beyond):
        return float((ordered[at] + ordered[at + 1 + beyond[0]]) / 2)
    return float(ordered[min(at, len(ordered) - 1)])
