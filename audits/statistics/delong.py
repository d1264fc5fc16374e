"""The standard error of an AUC in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.statistics.roots import Floats


def auc_sufficient(positive: ArrayLike, negative: ArrayLike) -> dict[str, float]:
    """Return an AUC and its standard error.

    The AUC is the mean over the positive rows of the share of negative ones below each, and the other way round; its
    variance is the sum of the variances of these two means.

    Args:
        positive: scores of the positive rows, at least two; a tie with a negative one counts half.
        negative: scores of the negative rows, at least two.

    Source: DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44:837; Sun, Xu 2014, IEEE Signal
    Processing Letters 21:1389.
    """
    high, low = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    if min(len(high), len(low)) < 2:
        raise ValueError(f"scores: got {len(high)} positive and {len(low)} negative, expected at least 2 of each")
    above, below = _share_below(high, np.sort(low)), 1 - _share_below(low, np.sort(high))
    variance = above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low)
    return {"mean": float(above.mean()), "se": float(np.sqrt(variance))}


def _share_below(values: Floats, others: NDArray[np.float64]) -> Floats:
    """For each value the share of ``others`` (sorted) that lie below it, equal ones counting half."""
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * len(others))
