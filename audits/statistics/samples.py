"""Stratified samples of rows, and means over rows that do not all count the same or come in clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.statistics.means import welch_sufficient
from audits.statistics.roots import Floats
from audits.statistics.weights import kish

Codes = NDArray[np.int64]


def stratified_sample(strata: ArrayLike, size: int, seed: int) -> tuple[Codes, Floats]:
    """Draw rows without replacement, the same number from every stratum as far as each has them.

    Small groups are thus seen as well as large ones; the weights give means over all rows again.

    Args:
        strata: each row's stratum.
        size: most rows to draw.
        seed: same seed, strata and size: same rows.

    Returns:
        Positions of the rows, ascending, and for each the rows it stands for (stratum size / rows drawn of it).
    """
    names, codes = np.unique(np.asarray(strata), return_inverse=True)
    sizes = np.bincount(codes, minlength=len(names))
    drawn = _allocation(sizes, size)
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    chosen = np.concatenate([shuffled[codes[shuffled] == at][:take] for at, take in enumerate(drawn)] or [[]])
    positions = np.sort(chosen).astype(np.int64)
    return positions, (sizes / np.maximum(drawn, 1))[codes[positions]]


def _allocation(sizes: Codes, size: int) -> Codes:
    """Deal ``size`` rows to the strata one round at a time; what a small stratum cannot use goes to the others."""
    drawn = np.zeros_like(sizes)
    left = min(size, int(sizes.sum()))
    while left:
        open_ = np.flatnonzero(drawn < sizes)
        share = max(left // len(open_), 1)
        for at in open_:
            more = min(share, int(sizes[at] - drawn[at]), left)
            drawn[at] += more
            left -= more
    return drawn


TOO_UNEQUAL = "one row or cluster weighs so much that all of them are worth fewer than two"
"""Why a mean of less than one degree of freedom is told without its interval, which would say nothing."""


def mean_sufficient(
    values: ArrayLike, weights: ArrayLike | None = None, clusters: ArrayLike | None = None
) -> dict[str, float]:
    """Return weighted mean, its standard error between clusters, and degrees of freedom.

    The variance is linearised: G/(G − 1) · Σ_c (Σ_{i∈c} w_i (y_i − ȳ))² / (Σw)². Without weights and clusters this is
    the ordinary s²/n with n − 1 degrees of freedom; with them, Kish's effective number of clusters less one.

    Args:
        values: one per row.
        weights: how many rows each stands for; default one.
        clusters: each row's cluster; default every row its own. At least two.

    Source: Cochran 1977, Sampling Techniques, sections 6.3 and 9A; Kish 1965, section 11.7.
    """
    values, weights, codes = _rows(values, weights, clusters)
    mean, parts = _influence(values, weights)
    total = np.bincount(codes, weights)
    count = len(total)
    if count < 2:
        raise ValueError(f"clusters: got {count}, expected at least 2")
    variance = count / (count - 1) * float((np.bincount(codes, parts) ** 2).sum())
    df = float(kish(total.sum(), (total**2).sum())) - 1
    return {"mean": mean, "se": float(np.sqrt(variance)), "df": df}


def gap_sufficient(
    values: ArrayLike, group: NDArray[np.bool_], weights: ArrayLike | None = None, clusters: ArrayLike | None = None
) -> dict[str, float]:
    """Return mean(group) − mean(the other rows), its standard error and degrees of freedom.

    Two independent sets of rows: Welch. Where a cluster has rows on both sides, the variance is linearised between
    clusters over both sides at once, so that what the sides share cancels.

    Args:
        values: one per row of both sides.
        group: which rows are the group's; the others are the reference's.
        weights: how many rows each stands for; default one.
        clusters: each row's cluster; default every row its own. At least two on each side.

    Source: Welch 1947, Biometrika 34:28; Cochran 1977, section 9A.
    """
    values, weights, codes = _rows(values, weights, clusters)
    if np.intersect1d(codes[group], codes[~group]).size:
        return _shared(values, weights, codes, group)
    if clusters is None and np.ptp(weights) == 0:
        return welch_sufficient(values[group], values[~group])
    one = mean_sufficient(values[group], weights[group], codes[group])
    other = mean_sufficient(values[~group], weights[~group], codes[~group])
    variance = one["se"] ** 2 + other["se"] ** 2
    spread = one["se"] ** 4 / one["df"] + other["se"] ** 4 / other["df"]
    df = variance**2 / spread if spread else one["df"] + other["df"]
    return {"mean": one["mean"] - other["mean"], "se": float(np.sqrt(variance)), "df": float(df)}


def _shared(values: Floats, weights: Floats, codes: Codes, group: NDArray[np.bool_]) -> dict[str, float]:
    one, parts_one = _influence(values[group], weights[group])
    other, parts_other = _influence(values[~group], weights[~group])
    parts = np.empty(len(values))
    parts[group], parts[~group] = parts_one, -parts_other
    count = int(codes.max()) + 1
    if count < 2:
        raise ValueError(f"clusters: got {count}, expected at least 2")
    variance = count / (count - 1) * float((np.bincount(codes, parts) ** 2).sum())
    return {"mean": one - other, "se": float(np.sqrt(variance)), "df": float(count - 1)}


def _rows(values: ArrayLike, weights: ArrayLike | None, clusters: ArrayLike | None) -> tuple[Floats, Floats, Codes]:
    values = np.asarray(values, np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if clusters is None:
        return values, weights, np.arange(len(values))
    return values, weights, np.unique(np.asarray(clusters), return_inverse=True)[1]


def _influence(values: Floats, weights: Floats) -> tuple[float, Floats]:
    """Return the weighted mean and each row's part in its error."""
    total = float(weights.sum())
    mean = float((weights * values).sum() / total)
    return mean, weights * (values - mean) / total
