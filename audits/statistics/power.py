"""How many rows a verdict needs, and the smallest disparity that the rows at hand can show.

Normal approximations: not to be trusted for rates of 2 % and below, and for two groups (more groups need more).
``k``: how many times as large as the first group the second one is. Results are rows of the first group, not
rounded up.
"""

from __future__ import annotations

import math
from statistics import NormalDist

POWER = 0.8


def _z(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


def rows_equality(p1: float, p2: float, k: float = 1, alpha: float = 0.05, power: float = POWER) -> float:
    """Return the rows that show two rates to differ (two-sided test).

    Source: Chow, Shao, Wang 2008, Sample Size Calculations in Clinical Research, section 4.2.1.
    """
    z = _z(1 - alpha / 2) + _z(power)
    return (p1 * (1 - p1) + p2 * (1 - p2) / k) * z**2 / (p1 - p2) ** 2


def rows_noninferiority(
    p1: float, p2: float, margin: float, k: float = 1, alpha: float = 0.05, power: float = POWER
) -> float:
    """Return the rows that show p₁ − p₂ to be above −``margin`` (one-sided test).

    Source: Chow, Shao, Wang 2008, section 4.2.2.
    """
    z = _z(1 - alpha) + _z(power)
    return (p1 * (1 - p1) + p2 * (1 - p2) / k) * z**2 / (p1 - p2 + margin) ** 2


def rows_equivalence(
    p1: float, p2: float, margin: float, k: float = 1, alpha: float = 0.05, power: float = POWER
) -> float:
    """Return the rows that show |p₁ − p₂| to be below ``margin``, by two one-sided tests.

    Source: Chow, Shao, Wang 2008, section 4.2.3.
    """
    z = _z(1 - alpha) + _z((1 + power) / 2)
    return (p1 * (1 - p1) + p2 * (1 - p2) / k) * z**2 / (margin - abs(p1 - p2)) ** 2


def rows_ratio(p: float, bound: float = 0.8, k: float = 1, alpha: float = 0.05, power: float = POWER) -> float:
    """Return the rows that show the ratio of two equal rates ``p`` to be inside ``bound`` (one-sided test)."""
    z = _z(1 - alpha) + _z(power)
    return (1 - p) / p * (1 + 1 / k) * z**2 / math.log(bound) ** 2


def detectable_difference(p: float, n1: float, n2: float, z: float, power: float = POWER) -> float:
    """Return the minimum detectable disparity: the smallest difference told from none with that power.

    Args:
        p: the common rate.
        n1: rows of one group.
        n2: rows of the other.
        z: two-sided critical value of the test.
        power: chance to find it.
    """
    return (z + _z(power)) * math.sqrt(p * (1 - p) * (1 / n1 + 1 / n2))


def detectable_ratio(p: float, n1: float, n2: float, z: float, power: float = POWER) -> float:
    """Return the ratio, below 1, that is told from 1 with that power; its inverse is found as well."""
    return math.exp(-(z + _z(power)) * math.sqrt((1 - p) / p * (1 / n1 + 1 / n2)))
