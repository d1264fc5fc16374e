"""Groups that are known only as probabilities: what can be said of their rates, and what cannot.

Where each row has a probability of being in each group (from surname and address, say) and not the group itself, the
rates of the groups are not identified: many joint laws of group and outcome fit the same data. Cutting the
probabilities at a threshold or weighting by them picks one of these laws without saying so. The bounds here are what
all of them agree on; they are *sharp*: every value between them fits the data.

Source: Kallus, Mao, Zhou 2022, Management Science 68:1959 (arXiv 1906.00285); Chen, Kallus, Mao, Svacha, Udell 2019,
FAccT (arXiv 1811.11154); surname and place: Elliott et al. 2009, Health Services and Outcomes Research Methodology
9:69.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.ratios import LOG_RANGE
from audits.statistics.roots import Floats, arrays, quotient


def bisg(p_race_given_surname: ArrayLike, p_geo_given_race: ArrayLike, *others: ArrayLike) -> Floats:
    """Return the probability of each group given surname and place (Bayesian improved surname geocoding).

    P(r | s, g) ∝ P(r | s) · P(g | r), supposing that place and surname are independent within a group.

    Args:
        p_race_given_surname: P(r | s); the last axis is the groups.
        p_geo_given_race: P(g | r), or anything proportional to it over the groups.
        others: further factors P(· | r), of the first name say (BIFSG).

    Returns:
        The same shape, each row adding up to 1; rows of zeros where no group is possible.

    Source: Elliott et al. 2009; Voicu 2018, Statistics and Public Policy 5:1 (first names).
    """
    product = np.asarray(p_race_given_surname, np.float64) * np.asarray(p_geo_given_race, np.float64)
    for other in others:
        product = product * np.asarray(other, np.float64)
    return quotient(product, product.sum(axis=-1, keepdims=True))


def frechet_bounds(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Return the least and the greatest P(A and Y) that P(A) = p and P(Y) = y allow. Source: Fréchet 1951."""
    p, y = arrays(p, y)
    return np.maximum(p + y - 1, 0), np.minimum(p, y)


class DisparityBounds(NamedTuple):
    """Least and greatest rate of the group, of all others, and of their difference (group − others)."""

    group: tuple[float, float]
    others: tuple[float, float]
    difference: tuple[float, float]


def disparity_bounds(weight: ArrayLike, p: ArrayLike, y: ArrayLike) -> DisparityBounds:
    """Return the sharp bounds of P(Ŷ=1 | A) − P(Ŷ=1 | not A), one number per stratum given for each argument.

    Args:
        weight: share of the rows in each stratum.
        p: P(A | stratum).
        y: P(Ŷ=1 | stratum).

    Raises:
        ValueError: nobody, or everybody, is in the group.

    Source: Kallus, Mao, Zhou 2022 (demographic disparity, two classes).
    """
    weight, p, y = arrays(weight, p, y)
    inside, outside = float((weight * p).sum()), float((weight * (1 - p)).sum())
    if inside <= 0 or outside <= 0:
        raise ValueError(f"p: got a group that is {inside:g} of all rows, expected some rows in it and some not")
    least, greatest = ((weight * joint).sum() for joint in frechet_bounds(p, y))
    selected = (weight * y).sum()
    group = float(least / inside), float(greatest / inside)
    others = float((selected - greatest) / outside), float((selected - least) / outside)
    return DisparityBounds(group, others, (group[0] - others[1], group[1] - others[0]))


def weighted_disparity(weight: ArrayLike, p: ArrayLike, y: ArrayLike) -> float:
    """Return the difference of rates weighted by the probabilities: right only if A and Ŷ have nothing more in common.

    Args and source as ``disparity_bounds``; Chen et al. 2019 (the weighted estimator).
    """
    weight, p, y = arrays(weight, p, y)
    one = (weight * p * y).sum() / (weight * p).sum()
    return float(one - (weight * (1 - p) * y).sum() / (weight * (1 - p)).sum())


def weighted_bias(covariance: float, share: float) -> float:
    """Return how far ``weighted_disparity`` lies above the truth: −E[Cov(A, Ŷ | Z)] · (1/P(A) + 1/P(not A)).

    Args:
        covariance: the mean over strata of the covariance of membership and outcome within a stratum.
        share: P(A), strictly between 0 and 1.

    Source: Chen et al. 2019 (bias of the weighted estimator).
    """
    return -covariance * (1 / share + 1 / (1 - share))


def bounded(
    low: ArrayLike, high: ArrayLike, se_low: ArrayLike, se_high: ArrayLike, z: ArrayLike, least: ArrayLike = -1.0
) -> tuple[Floats, Floats]:
    """Widen bounds by the sampling error of each end; clipped to ``least`` (0 for a rate, −1 for a difference) and 1.

    Source: Imbens, Manski 2004, Econometrica 72:1845 (each end by itself, at the critical value of two ends: safe).
    """
    low, high, se_low, se_high, z, least = arrays(low, high, se_low, se_high, z, least)
    return np.clip(low - z * se_low, least, 1), np.clip(high + z * se_high, least, 1)


def bounded_ratio(
    low: ArrayLike, high: ArrayLike, se_low: ArrayLike, se_high: ArrayLike, z: ArrayLike
) -> tuple[Floats, Floats]:
    """Widen bounds of the logarithm of a ratio in the same way; 0 and infinity from ``LOG_RANGE`` on."""
    low, high, se_low, se_high, z = arrays(low, high, se_low, se_high, z)
    left, right = low - z * se_low, high + z * se_high
    none, open_ = left <= -LOG_RANGE, right >= LOG_RANGE
    return np.where(none, 0.0, np.exp(np.maximum(left, -LOG_RANGE))), np.where(
        open_, np.inf, np.exp(np.minimum(right, LOG_RANGE))
    )
