"""Intervals of one rate, ``x`` of ``n``: Wilson, Clopper–Pearson, mid-p, Korn–Graubard.

Every function takes numbers or arrays of one shape, and ``z``, the two-sided critical value (1.96 for 95 %).
Counts may be fractions (effective counts). With ``n = 0`` nothing is known: the interval is 0 to 1.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.binomial import log_rate_where, log_tail
from audits.statistics.roots import Floats, arrays, falling_root, quotient

_FEW = 1000
"""Up to as many numbers at once take less time than the import of scipy."""

_FAR = 1e-8
"""Shares from here on may lie where the tail of Student's distribution is its first term."""


def tail(z: float) -> float:
    """Return the probability above ``z`` of a standard normal variable, exact far into the tail."""
    return math.erfc(z / math.sqrt(2)) / 2


def tails(z: ArrayLike) -> Floats:
    """Return ``tail`` of every element of an array."""
    z = np.asarray(z, np.float64)
    if z.size <= _FEW:
        return np.array([tail(one) for one in z.ravel().tolist()]).reshape(z.shape)
    from scipy.special import ndtr

    return np.asarray(ndtr(-z))


def student_tail(df: ArrayLike, share: ArrayLike) -> Floats:
    """Return the quantile of Student's distribution above which ``share`` (below ½) lies, exact far into the tail.

    Where few degrees of freedom make the tail long, scipy's quantile is wrong from shares of 1e-136 on, and infinite
    with the wrong sign; there the first term of the tail's series is exact to the last bits of a float, being wrong
    by a share of about df²/t².

    Source: Soms 1976, JASA 71:728.
    """
    from scipy.special import gammaln, stdtrit

    df, share = arrays(df, share)
    near = -stdtrit(df, share)
    if share.min(initial=1) > _FAR:
        return np.asarray(near)
    front = gammaln((df + 1) / 2) - gammaln(df / 2) - np.log(np.pi * df) / 2 + (df - 1) / 2 * np.log(df)
    with np.errstate(over="ignore"):  # beyond the floats
        far = np.exp((front - np.log(np.maximum(share, 1e-300))) / df)
    return np.where((share <= _FAR) & (far > 1e9 * df), far, near)


def wilson(x: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Wilson's score interval.

    Source: Wilson 1927, JASA 22:209; Newcombe 1998, Statistics in Medicine 17:857, method 3.
    """
    x, n, z = arrays(x, n, z)
    spread = z * np.sqrt(np.maximum(quotient(x * (n - x), n), 0) + z * z / 4)
    low = quotient(x + z * z / 2 - spread, n + z * z)
    high = quotient(x + z * z / 2 + spread, n + z * z, otherwise=1)
    low = np.where(x <= 0, 0.0, low)
    high = np.where(x >= n, 1.0, high)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def clopper_pearson(x: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Clopper and Pearson's exact interval: at least the nominal coverage, usually more.

    Source: Clopper, Pearson 1934, Biometrika 26:404, as quantiles of the beta distribution.
    """
    x, n, z = arrays(x, n, z)
    if x.size <= _FEW and (z >= 0).all():
        some, not_all, log_share = x > 0, x < n, np.log(np.maximum(tails(z), 1e-300))
        one, other = np.where(some, x, 1), np.where(not_all, n - x, 1)
        low = np.exp(log_rate_where(one, np.where(some, n, 1), log_share))
        high = -np.expm1(log_rate_where(other, np.where(not_all, n, 1), log_share))
        return np.where(some, low, 0.0), np.where(not_all, high, 1.0)
    from scipy.special import betainccinv, betaincinv

    inner_x, inner_rest = np.maximum(x, 1e-300), np.maximum(n - x, 1e-300)
    low = np.where(x <= 0, 0.0, betaincinv(inner_x, n - x + 1, tails(z)))
    high = np.where(x >= n, 1.0, betainccinv(x + 1, inner_rest, tails(z)))
    return low, high


def clopper_pearson_z(bound: float, x: ArrayLike, n: ArrayLike) -> Floats:
    """Return z where the lower limit of ``clopper_pearson`` at z is ``bound``, −z where the upper one is; else 0.

    Args:
        bound: a rate; no limit reaches one that there cannot be.
        x: positive rows.
        n: all rows.
    """
    x, n = arrays(x, n)
    above, below = x > n * bound, x < n * bound
    if not 0 < bound < 1:
        return np.asarray(1e9 * (above * 1.0 - below), np.float64)
    count = np.where(above, x, np.where(below, n - x, 1))
    log_rate = np.where(above | ~below, math.log(bound), math.log1p(-bound))
    chance = np.exp(log_tail(count, np.where(above | below, n, 1), log_rate))
    z = [-NormalDist().inv_cdf(min(max(one, 1e-300), 0.5)) for one in chance.ravel().tolist()]
    return np.asarray(np.reshape(z, x.shape) * (above * 1.0 - below))


def mid_p(x: ArrayLike, n: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Clopper and Pearson's interval with half of the probability of ``x`` itself in each tail.

    Source: Lancaster 1961, JASA 56:223; Newcombe 1998, Statistics in Medicine 17:857, method 6.
    """
    from scipy.special import betainc

    x, n, z = arrays(x, n, z)
    inner_x, inner_rest = np.maximum(x, 1e-300), np.maximum(n - x, 1e-300)

    def at_least(p: Floats) -> Floats:
        """P(X > x) + P(X = x)/2 under rate p."""
        reached = np.where(x <= 0, 1.0, betainc(inner_x, n - x + 1, p))
        passed = np.where(x >= n, 0.0, betainc(x + 1, inner_rest, p))
        return np.asarray((reached + passed) / 2)

    zeros, ones, share = np.zeros_like(x), np.ones_like(x), tails(z)
    low = np.where(x <= 0, 0.0, falling_root(lambda p: share - at_least(p), zeros, ones))
    high = np.where(x >= n, 1.0, falling_root(lambda p: 1 - share - at_least(p), zeros, ones))
    return low, high


def korn_graubard(
    x: ArrayLike, n: ArrayLike, effective: ArrayLike, clusters: ArrayLike, z: ArrayLike
) -> tuple[Floats, Floats]:
    """Clopper and Pearson's interval on the effective number of rows, for rows that come in clusters.

    Args:
        x: positive rows.
        n: all rows.
        effective: rows that would say as much if they were independent (``weights.cluster_effective``).
        clusters: number of clusters; few of them widen the interval, by the quantile of t.
        z: two-sided critical value.

    Source: Korn, Graubard 1998, Survey Methodology 24:193.
    """
    x, n, effective, clusters, z = arrays(x, n, effective, clusters, z)
    rows = degrees_adjusted(n, effective, clusters, z)
    return clopper_pearson(quotient(x, n) * rows, rows, z)


def degrees_adjusted(n: ArrayLike, effective: ArrayLike, clusters: ArrayLike, z: ArrayLike) -> Floats:
    """Return the effective number of rows times (t with n − 1 / t with clusters − 1 degrees)², at most ``n``.

    One cluster alone says nothing of how clusters differ: it counts as a single row.
    """
    n, effective, clusters, z = arrays(n, effective, clusters, z)
    share = tails(z)
    with np.errstate(invalid="ignore"):  # both beyond the floats
        ratio = quotient(student_tail(np.maximum(n - 1, 1), share), student_tail(np.maximum(clusters - 1, 1), share), 1)
    return np.minimum(np.where(clusters < 2, np.minimum(n, 1.0), effective * ratio**2), n)
