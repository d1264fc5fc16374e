"""Intervals of the difference of two independent rates, x₁/n₁ − x₂/n₂.

Every function takes numbers or arrays of one shape, and ``z``, the two-sided critical value (1.96 for 95 %).
−1 and 1 are the ends of what is possible; 0 is parity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.rates import wilson
from audits.statistics.roots import Floats, arrays, falling_root, quotient


def newcombe(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Newcombe's square-and-add interval from the two Wilson intervals.

    Source: Newcombe 1998, Statistics in Medicine 17:873, method 10.
    """
    x1, n1, x2, n2, z = arrays(x1, n1, x2, n2, z)
    p1, p2 = quotient(x1, n1, otherwise=0.5), quotient(x2, n2, otherwise=0.5)
    (low1, high1), (low2, high2) = wilson(x1, n1, z), wilson(x2, n2, z)
    low = p1 - p2 - np.hypot(p1 - low1, high2 - p2)
    high = p1 - p2 + np.hypot(high1 - p1, p2 - low2)
    return np.clip(low, -1, 1), np.clip(high, -1, 1)


def agresti_caffo(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Wald's interval after one success and one failure more in each group.

    Source: Agresti, Caffo 2000, The American Statistician 54:280.
    """
    x1, n1, x2, n2, z = arrays(x1, n1, x2, n2, z)
    p1, p2 = (x1 + 1) / (n1 + 2), (x2 + 1) / (n2 + 2)
    spread = z * np.sqrt(p1 * (1 - p1) / (n1 + 2) + p2 * (1 - p2) / (n2 + 2))
    return np.clip(p1 - p2 - spread, -1, 1), np.clip(p1 - p2 + spread, -1, 1)


def miettinen_nurminen(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike
) -> tuple[Floats, Floats]:
    """Score interval with the variance N/(N − 1) times the binomial one.

    Own code because statsmodels 0.15.0 puts a count where a group size belongs (statsmodels/statsmodels#10269).
    Source: Miettinen, Nurminen 1985, Statistics in Medicine 4:213.
    """
    return _score_interval(x1, n1, x2, n2, z, corrected=True)


def mee(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Score interval with the plain binomial variance.

    Source: Mee 1984, Biometrics 40:1175; Farrington, Manning 1990, Statistics in Medicine 9:1447.
    """
    return _score_interval(x1, n1, x2, n2, z, corrected=False)


def pooled_z(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Return the score statistic of equal rates: z² is Pearson's χ². 0 where both rates are 0 or both are 1.

    Source: Pearson 1900; the statistic that ``mee`` and ``koopman`` invert, at parity.
    """
    x1, n1, x2, n2 = arrays(x1, n1, x2, n2)
    pooled = quotient(x1 + x2, n1 + n2)
    variance = np.maximum(pooled * (1 - pooled), 0) * (quotient(1, n1) + quotient(1, n2))
    return quotient(quotient(x1, n1) - quotient(x2, n2), np.sqrt(variance))


def difference_z(
    d: ArrayLike, x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, corrected: bool = False
) -> Floats:
    """Return the score statistic (p̂₁ − p̂₂ − d)/√Ṽ, Ṽ from the rates that are likeliest under p₁ − p₂ = d."""
    d, x1, n1, x2, n2 = arrays(d, x1, n1, x2, n2)
    p1, p2 = restricted_rates(d, x1, n1, x2, n2)
    variance = quotient(p1 * (1 - p1), n1) + quotient(p2 * (1 - p2), n2)
    if corrected:
        variance = variance * quotient(n1 + n2, n1 + n2 - 1, otherwise=1)
    gap = quotient(x1, n1) - quotient(x2, n2) - d
    return quotient(gap, np.sqrt(np.maximum(variance, 0)), otherwise=0) + np.where(variance <= 0, np.sign(gap) * 1e9, 0)


def restricted_rates(d: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> tuple[Floats, Floats]:
    """Return the rates p̃₁, p̃₂ that are likeliest under p₁ − p₂ = d: the middle root of a cubic.

    Source: Miettinen, Nurminen 1985, appendix I.
    """
    total, x = n1 + n2, x1 + x2
    l3 = np.maximum(total, 1e-9)
    l2 = (n1 + 2 * n2) * d - total - x
    l1 = (n2 * d - total - 2 * x2) * d + x
    l0 = x2 * d * (1 - d)
    r = l2**3 / (3 * l3) ** 3 - l1 * l2 / (6 * l3**2) + l0 / (2 * l3)
    s = np.where(r < 0, -1.0, 1.0) * np.sqrt(np.maximum(l2**2 / (3 * l3) ** 2 - l1 / (3 * l3), 0))
    a = (np.pi + np.arccos(np.clip(quotient(r, s**3), -1, 1))) / 3
    p2 = np.asarray(2 * s * np.cos(a) - l2 / (3 * l3))
    edge = ((x1 == 0) | (x2 == 0) | (x1 == n1) | (x2 == n2)) & (n1 > 0) & (n2 > 0)
    if edge.any():
        p2[edge] = _beside_an_edge(d[edge], x1[edge], n1[edge], x2[edge], n2[edge])
    p2 = np.clip(p2, np.maximum(0, -d), np.minimum(1, 1 - d))
    return np.clip(p2 + d, 0, 1), p2


def _beside_an_edge(d: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Floats:
    """The rate p̃₂ where one of the observed rates is 0 or 1: one root of the cubic is known, the others are exact.

    By the cosine they would keep half of their digits only, as they may lie on one another.
    """
    turned = (x1 > 0) & (x2 > 0)  # then some rate is 1: what is not counted is looked at
    x1, x2, d = np.where(turned, n1 - x1, x1), np.where(turned, n2 - x2, x2), np.where(turned, -d, d)
    swapped = x2 > 0  # then x1 is 0
    x, n, m = np.where(swapped, x2, x1), np.where(swapped, n2, n1), np.where(swapped, n1, n2)
    d = np.where(swapped, -d, d)
    # x of n rows at the rate p + d, none of m rows at p: (n + m)p² − bp + c = 0
    b, c = n * (1 - d) + x + m * (1 - 2 * d), x - d * (n + m * (1 - d))
    rest, more = m + n - x, np.where(d > 0, (n + m) * np.maximum(n - x, 0), -m * x)
    root = np.sqrt(np.where(d > 0, n * d - rest, n * d + rest) ** 2 + 4 * d * more)
    rate = quotient(np.where(b > 0, 2 * c, b - root), np.where(b > 0, b + root, 2 * (n + m)))
    rate = np.maximum(rate, np.maximum(0, -d)) + np.where(swapped, d, 0)
    return np.where(turned, 1 - rate, rate)


def _score_interval(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike, corrected: bool
) -> tuple[Floats, Floats]:
    x1, n1, x2, n2, z = arrays(x1, n1, x2, n2, z)
    ends = np.stack([z, -z])
    low, high = falling_root(
        lambda d: difference_z(d, x1, n1, x2, n2, corrected) - ends, np.full_like(ends, -1), np.full_like(ends, 1)
    )
    return low, high
