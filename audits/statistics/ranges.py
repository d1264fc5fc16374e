"""What chance alone makes of the largest gap and the smallest ratio among groups that are truly equal.

The largest rate minus the smallest never lies below 0, so that sampling pushes it up only: eight groups of 100 rows
with one common rate of 0.3 show a range of 0.13 on average. Told beside an observed range, what is expected of equal
groups says how much of it is chance; ``double_corrected_variance`` has no such bias at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.roots import Floats

MOST_POINTS = 400
"""Up to this many possible rates the expectation is exact; of more, each rate is rounded to so fine a grid."""

_FAR = 9.0  # standard deviations: what lies beyond adds nothing that a float of this size can show


def expected_range(pooled: float, n: ArrayLike) -> float:
    """Return the expected largest minus smallest observed rate of groups whose true rates are all ``pooled``.

    Four groups of 200 rows at 0.3: 0.066. 0 for one group, or where the rate is 0 or 1.

    Args:
        pooled: the common rate, 0 to 1.
        n: rows of each group, at least 1; effective rows are rounded.

    Raises:
        ValueError: a rate outside 0 to 1, no group, or a group of no rows.

    Source: Lum, Zhang, Bower 2022, FAccT (that such measures are biased upward); order statistics of binomial rates.
    """
    points, below = _rates(pooled, n)
    if len(below) == 1:
        return 0.0
    largest = np.diff(below.prod(axis=0), prepend=0.0)
    above = np.hstack([np.ones((len(below), 1)), 1 - below])
    smallest = -np.diff(above.prod(axis=0))
    return max(float((points * (largest - smallest)).sum()), 0.0)


def expected_ratio(pooled: float, n: ArrayLike) -> float:
    """Return the expected smallest over largest observed rate of groups whose true rates are all ``pooled``.

    Four groups of 200 rows at 0.3: 0.80. Samples in which no row of any group counts have no ratio and are left out;
    towards a rate of 0, where at most one row counts, it is 0. 1 for one group, or where the rate is 1.

    Args:
        pooled: the common rate, 0 to 1.
        n: rows of each group, at least 1; effective rows are rounded.

    Raises:
        ValueError: a rate outside 0 to 1, no group, or a group of no rows.

    Source: as ``expected_range``.
    """
    points, below = _rates(pooled, n)
    if len(below) == 1:
        return 1.0
    inside = np.ones((len(points), len(points)))  # P(smallest ≥ points[i] and largest ≤ points[j])
    between = np.empty_like(inside)
    for group in below:
        np.subtract(group[None, :], np.append(0.0, group[:-1])[:, None], out=between)
        inside *= np.maximum(between, 0, out=between)
    smallest = np.diff(points, prepend=0.0) @ inside  # E[smallest; largest ≤ points[j]]
    some = points > 0
    share = (np.diff(smallest, prepend=0.0)[some] / points[some]).sum()
    none = float(below[:, ~some].prod(axis=0).sum())
    return float(min(share / (1 - none), 1.0)) if none < 1 else 0.0


def double_corrected_variance(x: ArrayLike, n: ArrayLike) -> float | None:
    """Return the variance of the true rates of the groups, free of the bias that sampling gives the observed ones.

    σ² = 1/(K − 1) Σ (p̂ₖ − p̄)² − 1/K Σ p̂ₖ(1 − p̂ₖ)/(nₖ − 1). It is right on average, so that it must be negative in
    many samples of equal groups; tell it as it is. ``None`` for fewer than two groups, or where one has fewer than
    two rows.

    Args:
        x: rows of each group that count.
        n: rows of each group.

    Source: Lum, Zhang, Bower 2022, FAccT, De-biasing "bias" measurement (arXiv 2205.05770).
    """
    x, n = np.asarray(x, np.float64), np.asarray(n, np.float64)
    if len(n) < 2 or (n < 2).any():
        return None
    rates = x / n
    return float(rates.var(ddof=1) - (rates * (1 - rates) / (n - 1)).mean())


def _rates(pooled: float, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return rates that a group may show, ascending, and for each group the chance of that rate or a lower one."""
    sizes = np.rint(np.atleast_1d(np.asarray(n, np.float64)))
    if not 0 <= pooled <= 1:
        raise ValueError(f"pooled: got {pooled!r}, expected a rate from 0 to 1")
    if not sizes.size or sizes.min() < 1:
        raise ValueError(f"n: got {np.asarray(n).tolist()!r}, expected at least one row of each group")
    chances = {size: _binomial(pooled, size) for size in np.unique(sizes)}
    possible = [counts / size for size, (counts, _) in chances.items()]
    points = np.unique(np.concatenate(possible))
    if len(points) > MOST_POINTS:
        # the common rate is a point itself, so that a group of very many rows is not moved by the rounding
        width = (points[-1] - points[0]) / (MOST_POINTS - 2)
        left, right = np.floor((pooled - points[0]) / width), np.floor((points[-1] - pooled) / width)
        points = np.unique(
            np.clip(np.append(pooled + width * np.arange(-left, right + 1), [points[0], points[-1]]), 0, 1)
        )
    edges = np.append((points[1:] + points[:-1]) / 2, np.inf)
    below = {}
    for size, (counts, chance) in chances.items():
        reached = np.searchsorted(counts / size, edges, side="right")
        below[size] = np.append(0.0, np.cumsum(chance))[reached]
    return points, np.stack([below[size] for size in sizes])


def _binomial(rate: float, size: float) -> tuple[Floats, Floats]:
    """Return the counts that ``size`` rows can show (but for a vanishing part) and the chance of each."""
    if rate in (0.0, 1.0):
        return np.array([size * rate]), np.ones(1)
    spread = _FAR * np.sqrt(size * rate * (1 - rate)) + 2 * _FAR
    counts = np.arange(np.floor(max(size * rate - spread, 0)), np.ceil(min(size * rate + spread, size)) + 1)
    steps = np.log(size - counts[:-1]) - np.log(counts[1:]) + np.log(rate) - np.log1p(-rate)
    log_chance = np.append(0.0, np.cumsum(steps))
    chance = np.exp(log_chance - log_chance.max())
    return counts, chance / chance.sum()
