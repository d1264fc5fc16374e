"""Two decisions on the same rows: ``b`` rows flip one way, ``c`` the other, among ``n`` pairs.

The difference is (b − c)/n. Functions of intervals take numbers or arrays of one shape, and ``z``, the two-sided
critical value (1.96 for 95 %). A difference of 0 can hide many flips: report the flip rate (b + c)/n beside it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.rates import clopper_pearson, tail, wilson
from audits.statistics.roots import Floats, arrays, falling_root, quotient


def tango(b: ArrayLike, c: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Tango's score interval of the paired difference.

    Source: Tango 1998, Statistics in Medicine 17:891.
    """
    b, c, n, z = arrays(b, c, n, z)
    ends = np.stack([z, -z])
    low, high = falling_root(lambda d: _tango_z(d, b, c, n) - ends, np.full_like(ends, -1), np.full_like(ends, 1))
    return low, high


def _tango_z(d: Floats, b: Floats, c: Floats, n: Floats) -> Floats:
    big_b = -b - c + (2 * n - b + c) * d
    big_c = -c * d * (1 - d)
    q21 = quotient(np.sqrt(np.maximum(big_b**2 - 8 * n * big_c, 0)) - big_b, 4 * n)
    gap, variance = b - c - n * d, n * (2 * q21 + d * (1 - d))
    return quotient(gap, np.sqrt(np.maximum(variance, 0))) + np.where(variance <= 0, np.sign(gap) * 1e9, 0)


def one_way(b: ArrayLike, c: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Clopper and Pearson's interval of the net flips, as if all went one way: exact where they do.

    By itself too narrow where flips go both ways; together with Tango's it keeps the level where nearly all go one
    way, which Tango's interval alone loses at the critical values of many comparisons.

    Source: Clopper, Pearson 1934, Biometrika 26:404, of |b − c| among n.
    """
    b, c, n, z = arrays(b, c, n, z)
    low, high = clopper_pearson(np.abs(b - c), n, z)
    return np.where(b >= c, np.where(b > c, low, -high), -high), np.where(b >= c, high, -low)


def agreed_paired(b: ArrayLike, c: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Return what Tango's interval and the exact one of one-way flips hold between them: their hull."""
    one, other = tango(b, c, n, z), one_way(b, c, n, z)
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])


def bonett_price(b: ArrayLike, c: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Wald's interval after one flip more each way.

    Source: Bonett, Price 2012, Journal of Educational and Behavioral Statistics 37:479.
    """
    b, c, n, z = arrays(b, c, n, z)
    one, other = (b + 1) / (n + 2), (c + 1) / (n + 2)
    spread = z * np.sqrt(np.maximum(one + other - (one - other) ** 2, 0) / (n + 2))
    return np.clip(one - other - spread, -1, 1), np.clip(one - other + spread, -1, 1)


def newcombe_paired(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Square-and-add interval with the correlation φ of the table [a, b; c, d], continuity-corrected.

    Source: Newcombe 1998, Statistics in Medicine 17:2635, method 10.
    """
    a, b, c, d, z = arrays(a, b, c, d, z)
    n = a + b + c + d
    p1, p2 = quotient(a + b, n), quotient(a + c, n)
    (low1, high1), (low2, high2) = wilson(a + b, n, z), wilson(a + c, n, z)
    cross = a * d - b * c
    cross = np.where(cross > 0, np.maximum(cross - n / 2, 0), cross)
    phi = quotient(cross, np.sqrt((a + b) * (c + d) * (a + c) * (b + d)))

    def joined(one: Floats, other: Floats) -> Floats:
        return np.sqrt(np.maximum(one**2 - 2 * phi * one * other + other**2, 0))

    return p1 - p2 - joined(p1 - low1, high2 - p2), p1 - p2 + joined(high1 - p1, p2 - low2)


def widening(
    same: ArrayLike,
    same_se: ArrayLike,
    same_skew: ArrayLike,
    turned: ArrayLike,
    turned_se: ArrayLike,
    turned_skew: ArrayLike,
    behind: ArrayLike,
    z: ArrayLike,
) -> tuple[Floats, Floats]:
    """Interval of a lead in a new model minus the size of the gap in the old one: g₁ − |g₀|.

    That is the smaller of g₁ − g₀ (``same``) and g₁ + g₀ (``turned``). The lower limit is the smaller of both lower
    limits. The upper one is that of g₁ − g₀, which is never below g₁ − |g₀|; of g₁ + g₀ only where the group was
    surely behind: the sign of an estimate near 0 is chance, and choosing by it would be wrong twice as often.

    Args:
        same: g₁ − g₀.
        same_se: its standard error, over the same rows.
        same_skew: its third central moment over its variance: few flips that all go one way are skewed, and the limit
            on their side is moved out by (2z² + 1)/6 of it; the other one stays.
        turned: g₁ + g₀.
        turned_se: its standard error.
        turned_skew: its third central moment over its variance.
        behind: 1 where g₀ lies below 0 by more than 3.09 of its standard errors (1 in 1,000), else 0.
        z: two-sided critical value.

    Source: intersection-union test, Berger 1982, Technometrics 24:295, on normal limits corrected for skewness, Johnson
    1978, JASA 73:536; Hall 1992, Journal of the Royal Statistical Society B 54:221.
    """
    same, same_se, same_skew, turned, turned_se, turned_skew, behind, z = arrays(
        same, same_se, same_skew, turned, turned_se, turned_skew, behind, z
    )
    out = (2 * z * z + 1) / 6
    low = np.minimum(
        same - z * same_se + out * np.minimum(same_skew, 0), turned - z * turned_se + out * np.minimum(turned_skew, 0)
    )
    high = np.where(
        behind > 0,
        turned + z * turned_se + out * np.maximum(turned_skew, 0),
        same + z * same_se + out * np.maximum(same_skew, 0),
    )
    return low, high


def mcnemar_z(b: float, c: float) -> float:
    """Return (b − c)/√(b + c), 0 where nothing flips. Source: McNemar 1947, Psychometrika 12:153."""
    return (b - c) / math.sqrt(b + c) if b + c else 0.0


def mcnemar_p(b: int, c: int, method: str = "mid-p") -> float:
    """Return the two-sided p-value that flips go both ways equally often.

    Args:
        b: flips one way.
        c: flips the other way.
        method: ``mid-p`` (recommended), ``exact``, ``asymptotic`` or ``corrected`` (asymptotic with the continuity
            correction (|b − c| − 1)²/(b + c); conservative).

    Source: Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91.
    """
    if b + c == 0:
        return 1.0
    if method == "asymptotic":
        return 2 * tail(abs(mcnemar_z(b, c)))
    if method == "corrected":
        return 2 * tail(max(abs(b - c) - 1, 0) / math.sqrt(b + c))
    from scipy.special import bdtr

    fewer, flips = min(b, c), b + c
    exact = min(1.0, 2 * float(bdtr(fewer, flips, 0.5)))
    if method == "exact":
        return exact
    if method != "mid-p":
        raise ValueError(f"method: got {method!r}, expected mid-p, exact, asymptotic or corrected")
    point = float(bdtr(fewer, flips, 0.5) - (bdtr(fewer - 1, flips, 0.5) if fewer else 0.0))
    return 1 - point / 2 if b == c else exact - point


def clustered_mcnemar(b: ArrayLike, c: ArrayLike) -> float:
    """Return χ² (one degree of freedom) of flips that come in clusters: (Σdₖ)²/Σdₖ², dₖ = bₖ − cₖ.

    Args:
        b: flips one way, one number per cluster.
        c: flips the other way, one number per cluster.

    Source: Obuchowski 1998, Statistics in Medicine 17:1495; Durkalski et al. 2003, Statistics in Medicine 22:2417.
    """
    net = np.asarray(b, np.float64) - np.asarray(c, np.float64)
    squares = float((net**2).sum())
    return float(net.sum()) ** 2 / squares if squares else 0.0
