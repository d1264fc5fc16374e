"""How many independent rows weighted or clustered rows are worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.roots import Floats, quotient


def kish(total: ArrayLike, squares: ArrayLike) -> Floats:
    """Return Kish's effective number of rows, (Σw)²/Σw², 0 where there are none.

    Args:
        total: Σw.
        squares: Σw².

    Source: Kish 1965, Survey Sampling, section 11.7.
    """
    return quotient(np.asarray(total, np.float64) ** 2, squares)


def design_effect(size: float, correlation: float) -> float:
    """Return how many times more rows clusters of ``size`` need: 1 + (m − 1)ρ. Source: Kish 1965, section 5.4."""
    return 1 + (size - 1) * correlation


def cluster_effective(of: ArrayLike, among: ArrayLike, rows: float | None = None) -> float:
    """Return the effective number of rows of a share whose rows come in clusters: p(1 − p)/Var(p̂).

    The variance is linearised between clusters. Where every row or no row counts, it cannot be seen, and each
    cluster counts as one row. Never more than ``rows``.

    Args:
        of: rows (or weight) that count, one number per cluster.
        among: rows (or weight) of the denominator, one number per cluster.
        rows: rows of the denominator; default the sum of ``among`` (unweighted rows).

    Source: Korn, Graubard 1998, Survey Methodology 24:193; Cochran 1977, section 9A.
    """
    among = np.asarray(among, np.float64)
    of = np.asarray(of, np.float64)[among > 0]
    among = among[among > 0]
    clusters, total = len(among), float(among.sum())
    if clusters < 2:
        return float(clusters)
    most = total if rows is None else rows
    p = float(of.sum()) / total
    variance = clusters / (clusters - 1) * float(((of - p * among) ** 2).sum()) / total**2
    if p * (1 - p) <= 1e-15:
        return min(float(clusters), most)
    return most if variance == 0 else min(p * (1 - p) / variance, most)
