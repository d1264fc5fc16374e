"""Many comparisons at once: critical values for all pairs of groups, Bonferroni, Holm."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.rates import tail
from audits.statistics.roots import Floats


def critical(level: float) -> float:
    """Return the two-sided critical value of one comparison: 1.96 for a level of 0.95."""
    return -NormalDist().inv_cdf((1 - level) / 2)


def one_sided(level: float) -> float:
    """Return the one-sided critical value: 1.645 for a level of 0.95."""
    return -NormalDist().inv_cdf(1 - level)


@lru_cache(maxsize=256)
def pairs_critical(level: float, groups: int) -> float:
    """Return q/√2 of the studentized range with infinite degrees of freedom: for all pairs of ``groups`` at once.

    2 groups at 0.95: 1.960; 4 groups: 2.569. Conservative where group sizes differ (Tukey–Kramer).

    Source: Tukey 1953; Hayter 1984, Annals of Statistics 12:61.
    """
    if groups < 3:
        return critical(level)
    low, high = critical(level), bonferroni_critical(level, groups * (groups - 1) // 2)
    over, under = pairs_p(low, groups) - 1 + level, pairs_p(high, groups) - 1 + level
    if under >= 0:
        return high  # so far out that Bonferroni's value is the one that ``pairs_p`` gives
    at, side = high, 0
    for _ in range(60):  # false position, an end that stays halved (Illinois): a handful of steps to the last bits
        before, at = at, low + (high - low) * over / (over - under)
        off = pairs_p(at, groups) - 1 + level
        if off == 0 or abs(at - before) < 1e-13:
            break
        if off > 0:
            low, over, under, side = at, off, under / 2 if side > 0 else under, 1
        else:
            high, under, over, side = at, off, over / 2 if side < 0 else over, -1
    return at


@lru_cache(maxsize=4096)
def pairs_p(z: float, groups: int) -> float:
    """Return the probability that some pair of ``groups`` equal groups differs by more than ``z`` standard errors.

    The upper tail of the studentized range at z√2: its distribution function is K ∫ φ(x) (Φ(x) − Φ(x − z√2))ᴷ⁻¹ dx.
    Two groups: the two-sided normal p-value.
    """
    if z <= 0:
        return 1.0
    if groups < 3:
        return 2 * tail(z)
    if z > 7:  # beyond the precision of 1 − F; Bonferroni's bound is safe and sharp there
        return min(1.0, groups * (groups - 1) * tail(z))
    step = 0.05  # the trapezoid rule is exact to the last bits for an integrand that dies like a Gaussian
    x = np.arange(-9, 9 + z * math.sqrt(2), step)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    # Φ(x) − Φ(x − z√2), a few hundred points: cheaper one by one than the import of scipy, which verify can spare
    between = np.array([tail(one - z * math.sqrt(2)) - tail(one) for one in x.tolist()])
    inside = groups * step * float((density * between ** (groups - 1)).sum())
    return min(max(1 - inside, 0.0), 1.0)


def bonferroni_critical(level: float, comparisons: int) -> float:
    """Return the two-sided critical value that holds for ``comparisons`` at once."""
    return -NormalDist().inv_cdf((1 - level) / 2 / max(comparisons, 1))


def bonferroni_p(z: float, comparisons: int) -> float:
    """Return the two-sided p-value at ``z``, times the number of comparisons."""
    return min(1.0, 2 * tail(z) * max(comparisons, 1)) if z > 0 else 1.0


def bonferroni(p: ArrayLike) -> Floats:
    """Return p-values adjusted by Bonferroni: times their number, at most 1."""
    p = np.asarray(p, np.float64)
    return np.asarray(np.minimum(p * len(p), 1))


def holm(p: ArrayLike) -> Floats:
    """Return p-values adjusted by Holm's step-down: the chance of one false alarm or more stays below the level.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1))
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted
