"""Means, gaps between means, and their t intervals; rows may come in clusters.

The sufficient statistics of a t interval are ``mean``, ``se`` and ``df``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.rates import tails
from audits.statistics.roots import Floats, arrays


def t_interval(mean: ArrayLike, se: ArrayLike, df: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Student's t interval with the tail probability of ``z``. Source: Student 1908, Biometrika 6:1."""
    from scipy.special import stdtrit

    mean, se, df, z = arrays(mean, se, df, z)
    spread = -stdtrit(df, tails(z)) * se
    return mean - spread, mean + spread


def normal_interval(mean: ArrayLike, se: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Normal interval of an estimate whose standard error is known or resampled: mean ± z·se."""
    mean, se, z = arrays(mean, se, z)
    return mean - z * se, mean + z * se


def log_normal_interval(mean: ArrayLike, se: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Normal interval of a positive number on the scale of its logarithm: ``mean`` and ``se`` are of the log."""
    low, high = normal_interval(mean, se, z)
    with np.errstate(over="ignore"):  # without an upper end
        return np.exp(low), np.exp(high)


def logit_normal_interval(mean: ArrayLike, se: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Normal interval of a number between 0 and 1 on the scale of its log-odds, which stays between 0 and 1."""
    low, high = normal_interval(mean, se, z)
    with np.errstate(over="ignore"):  # 0
        return 1 / (1 + np.exp(-low)), 1 / (1 + np.exp(-high))


def fisher_interval(mean: ArrayLike, se: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Normal interval of a number between −1 and 1 on Fisher's scale, its inverse hyperbolic tangent.

    Source: Fisher 1921, Metron 1:3 (correlations); that of 2r − 1 is the logit-normal interval of r.
    """
    low, high = normal_interval(mean, se, z)
    return np.tanh(low), np.tanh(high)


def t_sufficient(values: ArrayLike) -> dict[str, float]:
    """Return mean, standard error and degrees of freedom of independent values (at least two)."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        raise ValueError(f"values: got {len(values)}, expected at least 2")
    return {
        "mean": float(values.mean()),
        "se": float(values.std(ddof=1) / np.sqrt(len(values))),
        "df": float(len(values) - 1),
    }


def cluster_t_sufficient(values: ArrayLike, clusters: ArrayLike) -> dict[str, float]:
    """Return mean, standard error and degrees of freedom of the clusters' means, each cluster weighing the same.

    Args:
        values: one per row.
        clusters: each row's cluster (a template, a person); at least two different ones.

    Source: cluster-summary analysis, Donner, Klar 2000, section 6.
    """
    values = np.asarray(values, np.float64)
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    return t_sufficient(np.bincount(codes, values) / np.bincount(codes))


def welch_sufficient(values: ArrayLike, reference: ArrayLike) -> dict[str, float]:
    """Return mean(values) − mean(reference), its standard error and Welch's degrees of freedom.

    Source: Welch 1947, Biometrika 34:28; Satterthwaite 1946, Biometrics Bulletin 2:110.
    """
    one, other = t_sufficient(values), t_sufficient(reference)
    variance = one["se"] ** 2 + other["se"] ** 2
    spread = one["se"] ** 4 / one["df"] + other["se"] ** 4 / other["df"]
    df = variance**2 / spread if spread else one["df"] + other["df"]
    return {"mean": one["mean"] - other["mean"], "se": float(np.sqrt(variance)), "df": float(df)}
