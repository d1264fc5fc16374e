"""Intervals of the ratio of two independent rates (the impact ratio), (x₁/n₁)/(x₂/n₂).

Every function takes numbers or arrays of one shape, and ``z``, the two-sided critical value (1.96 for 95 %).
1 is parity. Where x₂ is 0 there is no upper limit (``inf``); where x₁ is 0 the lower limit is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.roots import Floats, arrays, falling_root, quotient

LOG_RANGE = 60.0
"""Ratios are searched from e⁻⁶⁰ to e⁶⁰: beyond what counts of rows can make."""


def koopman(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Koopman's score interval: swapping the groups gives exactly the inverse interval.

    Source: Koopman 1984, Biometrics 40:513; Miettinen, Nurminen 1985 without their N/(N − 1).
    """
    return _score_interval(x1, n1, x2, n2, z, corrected=False)


def miettinen_nurminen_ratio(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike
) -> tuple[Floats, Floats]:
    """Koopman's interval with the variance N/(N − 1) times as large.

    Source: Miettinen, Nurminen 1985, Statistics in Medicine 4:213.
    """
    return _score_interval(x1, n1, x2, n2, z, corrected=True)


def katz(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Wald's interval of the logarithm; too narrow for small counts, 0 to ``inf`` where a count is 0.

    Source: Katz, Baptista, Azen, Pike 1978, Biometrics 34:469.
    """
    x1, n1, x2, n2, z = arrays(x1, n1, x2, n2, z)
    known = (x1 > 0) & (x2 > 0)
    safe1, safe2 = np.where(known, x1, 1), np.where(known, x2, 1)
    spread = z * np.sqrt(np.maximum(1 / safe1 - quotient(1, n1) + 1 / safe2 - quotient(1, n2), 0))
    ratio = quotient(safe1 * n2, n1 * safe2)
    return np.where(known, ratio * np.exp(-spread), 0), np.where(known, ratio * np.exp(spread), np.inf)


def adjusted_log(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Katz's interval after half a success more in each group.

    Source: Walter 1975, Biometrika 62:371; Fagerland, Lydersen, Laake 2015, SMMR 24:224.
    """
    x1, n1, x2, n2, z = arrays(x1, n1, x2, n2, z)
    return katz(x1 + 0.5, n1 + 0.5, x2 + 0.5, n2 + 0.5, z)


def ratio_z(
    ratio: ArrayLike, x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, corrected: bool = False
) -> Floats:
    """Return the score statistic (p̂₁ − θp̂₂)/√(p̃₁q̃₁/n₁ + θ²p̃₂q̃₂/n₂), p̃ likeliest under p₁ = θp₂.

    0 where both counts are 0: nothing is known of the ratio then.
    """
    theta, x1, n1, x2, n2 = arrays(ratio, x1, n1, x2, n2)
    p1, p2 = ratio_rates(theta, x1, n1, x2, n2)
    total = n1 + n2
    variance = quotient(p1 * (1 - p1), n1) + theta**2 * quotient(p2 * (1 - p2), n2)
    if corrected:
        variance = variance * quotient(total, total - 1, otherwise=1)
    return quotient(quotient(x1, n1) - theta * quotient(x2, n2), np.sqrt(variance))


def ratio_rates(theta: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> tuple[Floats, Floats]:
    """Return the rates p̃₁, p̃₂ that are likeliest under p₁ = θp₂."""
    own, its = theta * (n1 + x2), x1 + n2
    more = 4 * theta * np.maximum(n1 - x1, 0) * np.maximum(n2 - x2, 0)
    root = np.sqrt((own - its) ** 2 + more)  # b² − 4ac, as a sum: where rates are near 1 the difference cancels
    p2 = np.minimum(quotient(2 * (x1 + x2), own + its + root), 1)  # the smaller root, without cancellation
    return np.minimum(theta * p2, 1), p2


def _score_interval(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: ArrayLike, corrected: bool
) -> tuple[Floats, Floats]:
    x1, n1, x2, n2, z = arrays(x1, n1, x2, n2, z)
    ends = np.stack([z, -z])
    edge = np.full_like(ends, LOG_RANGE)
    a, n, b, m = (np.stack([count, count]) for count in (x1, n1, x2, n2))  # once, not at every step
    low, high = falling_root(lambda log_ratio: ratio_z(np.exp(log_ratio), a, n, b, m, corrected) - ends, -edge, edge)
    return np.where(x1 <= 0, 0.0, np.exp(low)), np.where(x2 <= 0, np.inf, np.exp(high))
