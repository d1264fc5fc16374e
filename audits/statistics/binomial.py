"""Tails of the binomial law and where they are of a given size, in a few lines of numpy.

scipy has both, but its import alone takes longer than everything else that a verdict needs; and the rates where a tail
is given, 3 in a million say, are as exact here from 0 as from 1. Counts may be fractions.

The chance of ``x`` or more of n is x b(x) ∫ exp(h(s)) ds over s > 0, with b the law's own value at x and the rate p,
and h(s) = −xs + (n − x) log((1 − pe⁻ˢ)/(1 − p)): the incomplete beta integral in the logarithm of the rate. h falls
from 0, ever faster, as long as p is below x/n.

Source: Loader 2000, Fast and accurate computation of binomial probabilities (the value at x); Takahasi, Mori 1974,
Publications of RIMS 9:721 (the rule of the integral).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.roots import Floats, arrays

_AT = np.arange(-4.2, 4.2, 0.06)
_NODES = np.exp(_AT - np.exp(-_AT))
_WEIGHTS = 0.06 * _NODES * (1 + np.exp(-_AT))
_FEW = 15  # up to here the logarithm of x! is taken as it is, from here its series is exact


def log_tail(x: ArrayLike, n: ArrayLike, log_rate: ArrayLike) -> Floats:
    """Return the logarithm of the chance of ``x`` or more of ``n``, at a rate below x/n.

    Args:
        x: above 0, at most ``n``; a number or array of any shape, as are the others.
        n: independent rows.
        log_rate: logarithm of the rate, so that a rate near 1 keeps its digits.
    """
    return _tail(*arrays(x, n, log_rate))[0]


def log_rate_where(x: ArrayLike, n: ArrayLike, log_share: ArrayLike) -> Floats:
    """Return the logarithm of the rate at which ``x`` or more of ``n`` has a chance of exp(``log_share``).

    Newton's steps, on logarithms: the tail is concave there, so that they never leave the way to the root.

    Args:
        x: above 0, at most ``n``; a number or array of any shape, as are the others.
        n: independent rows.
        log_share: at most log ½.
    """
    x, n, log_share = arrays(x, n, log_share)
    at = np.log(x) - np.log(n) - 1 / np.sqrt(x)  # a deviation below the rate that is seen
    for _ in range(60):
        log_chance, slope = _tail(x, n, at)
        step = np.where(x < n, (log_share - log_chance) / slope, log_share / n - at)
        at = at + step
        if (np.abs(step) <= 4e-16 * np.abs(at)).all():
            break
    return at


def _tail(x: Floats, n: Floats, log_rate: Floats) -> tuple[Floats, Floats]:
    """The logarithm of the tail, and its slope over that of the rate."""
    rate, rest = np.exp(log_rate), -np.expm1(log_rate)
    left = n - x
    off = np.where(rate < 0.5, n * rate - x, left - n * rest)  # of what is expected, from the side that is exact
    steep, odds = -off / rest, rate / rest
    width = 2 / (steep + np.sqrt(steep**2 + 2 * left * odds / rest))
    s = width[..., None] * _NODES
    falls = left[..., None] * np.log1p(odds[..., None] * -np.expm1(-s)) - x[..., None] * s
    area = width * (np.exp(falls) * _WEIGHTS).sum(axis=-1)
    some = np.where(left > 0, left, 1.0)
    at_x = _beyond_stirling(n) - _beyond_stirling(x) - _beyond_stirling(left)
    at_x -= _deviance(x, off, np.log(n / x) + log_rate) + _deviance(some, -off, np.log(n / some) + np.log(rest))
    at_x += np.log(n * x / (2 * math.pi * some)) / 2
    return np.where(left > 0, at_x + np.log(area), n * log_rate), 1 / area


def _deviance(count: Floats, off: Floats, log_ratio: Floats) -> Floats:
    """What the count lies from the expected one, count + off or count · exp(log_ratio), in log-likelihood."""
    share = off / count
    return np.asarray(count * (share - np.where(np.abs(share) < 0.5, np.log1p(np.maximum(share, -0.5)), log_ratio)))


def _beyond_stirling(count: Floats) -> Floats:
    """log(x!) without Stirling's √(2πx)(x/e)ˣ; 0 for none."""
    few = [math.lgamma(k + 1) - (k + 0.5) * math.log(k) + k if 0 < k <= _FEW else 0.0 for k in count.ravel().tolist()]
    large = np.maximum(count, _FEW)
    y = 1 / large**2
    series = (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - y * 691 / 360360))))) / large
    known = np.reshape(few, count.shape) - math.log(2 * math.pi) / 2
    return np.where(count > _FEW, series, np.where(count > 0, known, 0.0))
