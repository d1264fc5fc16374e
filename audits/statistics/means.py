"""Means, gaps between means, and their t intervals; rows may come in clusters.

The sufficient statistics of a t interval are ``mean``, ``se`` and ``df``. A standard error that is itself estimated
is known to as many degrees of freedom as twice its squared mean over its variance: few rows have few, and so have rows
that are skewed, of which a sample as a rule lacks the far ones (``skewed_df``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.rates import student_tail, tails
from audits.statistics.roots import Floats, arrays, quotient


def t_interval(
    mean: ArrayLike, se: ArrayLike, df: ArrayLike, z: ArrayLike, low: ArrayLike = -np.inf, high: ArrayLike = np.inf
) -> tuple[Floats, Floats]:
    """Student's t interval with the tail probability of ``z``; no further than the number itself, ``low`` to ``high``.

    Source: Student 1908, Biometrika 6:1.
    """
    mean, se, df, z = arrays(mean, se, df, z)
    spread = student_tail(df, tails(z)) * se
    return np.maximum(mean - spread, low), np.minimum(mean + spread, high)


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


def log_t_interval(
    mean: ArrayLike, se: ArrayLike, df: ArrayLike, z: ArrayLike, high: ArrayLike = np.inf
) -> tuple[Floats, Floats]:
    """Student's t interval of a positive number on the scale of its logarithm: ``mean`` and ``se`` are of the log.

    It ends at ``high``, the greatest that the number itself can be.
    """
    low, top = log_normal_interval(mean, _as_far(se, df, z), 1.0)
    return low, np.minimum(top, high)


def logit_t_interval(mean: ArrayLike, se: ArrayLike, df: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Student's t interval of a number between 0 and 1 on the scale of its log-odds."""
    return logit_normal_interval(mean, _as_far(se, df, z), 1.0)


def fisher_t_interval(mean: ArrayLike, se: ArrayLike, df: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Student's t interval of a number between −1 and 1 on Fisher's scale."""
    return fisher_interval(mean, _as_far(se, df, z), 1.0)


def rest_log_t_interval(mean: ArrayLike, se: ArrayLike, df: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Student's t interval of a number of at most 1 on the scale of −log(1 − it), which ``mean`` and ``se`` are of."""
    low, high = normal_interval(mean, _as_far(se, df, z), 1.0)
    with np.errstate(over="ignore"):  # without a lower end
        return -np.expm1(-low), -np.expm1(-high)


def _as_far(se: ArrayLike, df: ArrayLike, z: ArrayLike) -> Floats:
    """How far the end of a t interval lies from its middle."""
    return t_interval(0.0, se, df, z)[1]


def fisher_interval(mean: ArrayLike, se: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Normal interval of a number between −1 and 1 on Fisher's scale, its inverse hyperbolic tangent.

    Source: Fisher 1921, Metron 1:3 (correlations); that of 2r − 1 is the logit-normal interval of r.
    """
    low, high = normal_interval(mean, se, z)
    return np.tanh(low), np.tanh(high)


def t_p(statistic: ArrayLike, df: ArrayLike) -> Floats:
    """Return the two-sided p-value of Student's t. Source: Student 1908, Biometrika 6:1."""
    from scipy.special import stdtr

    statistic, df = arrays(statistic, df)
    return np.asarray(2 * stdtr(df, -np.abs(statistic)), np.float64)


def satterthwaite(variances: ArrayLike, df: ArrayLike) -> Floats:
    """Return the degrees of freedom of a sum of independent variances (the first axis), (Σv)²/Σ(v²/df).

    Where all variances are 0, the least of ``df``.

    Source: Satterthwaite 1946, Biometrics Bulletin 2:110; Welch 1947, Biometrika 34:28.
    """
    variances, df = arrays(variances, df)
    spread = (variances**2 / df).sum(axis=0)
    return quotient(variances.sum(axis=0) ** 2, spread) + np.where(spread > 0, 0.0, df.min(axis=0))


def skewed_df(units: ArrayLike, skewness: ArrayLike) -> Floats:
    """Return the degrees of freedom of the variance of a mean whose units are skewed.

    The estimated variance of a mean of n units has the squared coefficient of variation 2/(n − 1) + κ/n, κ being the
    excess kurtosis of a unit; of a gamma distribution (Pearson's type III) that is 1½ times its squared skewness. So
    30 draws from an exponential distribution are worth 7½ degrees of freedom, not 29. Never fewer than 1: n numbers
    are skewed by (n − 2)/√(n − 1) at most.

    Args:
        units: how many independent ones, at least 2.
        skewness: of the mean, i.e. that of a unit over √n; more than n numbers can have counts as the most.

    Source: Satterthwaite 1946, Biometrics Bulletin 2:110 (df = 2 mean²/variance); O'Neill 2014, The American
    Statistician 68:282 (the kurtosis in it); Pearson 1895, Philosophical Transactions A 186:343 (type III); Wilkins
    1944, Annals of Mathematical Statistics 15:333 (the most that n numbers are skewed by).
    """
    units, skewness = arrays(units, skewness)
    most = (units - 2) ** 2 / (units * (units - 1))
    return np.asarray(1 / (1 / (units - 1) + 0.75 * np.minimum(skewness**2, most)))


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
