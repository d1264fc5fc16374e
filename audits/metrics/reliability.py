"""A reliability diagram in numbers: what was said and what came true, bin by bin, for every group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.findings import rounded
from audits.metrics.histograms import Binning
from audits.metrics.replicating import add_up
from audits.metrics.score_rows import ScoredRows
from audits.statistics import bounds, critical
from audits.statistics.roots import Floats, quotient
from audits.statistics.weights import cluster_effective, kish


def reliability(
    rows: ScoredRows, codes: NDArray[np.integer[Any]], groups: int, bins: Binning, level: float
) -> list[list[dict[str, float]]]:
    """Return for each group the calibration bins that have rows with a known truth, lowest first.

    Each holds ``from`` and ``to`` (edges of the score), ``n`` rows, ``mean_score``, ``observed`` (share of positives)
    and its Wilson interval ``low`` and ``high`` at ``level``. Weighted rows count as Kish's effective number of rows,
    rows in clusters as the number of independent rows of the same precision.

    Args:
        rows: the scored rows; scores are probabilities.
        codes: the group of each, 0 to ``groups`` − 1.
        groups: number of groups.
        bins: where scores fall.
        level: of the intervals.
    """
    known = rows.of(rows.labels >= 0)
    key = codes[rows.labels >= 0].astype(np.intp) * bins.cuts + bins.cut[bins.place(known.scores)]  # codes may be int8
    many = groups * bins.cuts
    weights = np.ones(len(key)) if known.weights is None else known.weights

    def total(values: Floats) -> Floats:
        return add_up(key, many, np.zeros(len(key), np.intp), 1, values)[:, 0]

    n, worth = total(np.ones(len(key))), total(weights)
    positive, said = total(weights * known.labels), total(weights * known.scores)
    share = quotient(positive, worth)
    effective = np.minimum(kish(worth, total(weights**2)), n)
    if known.clusters is not None:
        effective = _clustered(key, n, known.labels, weights, known.clusters)
    low, high = bounds("wilson", {"x": share * effective, "n": np.maximum(effective, 1e-9)}, critical(level))
    found: list[list[dict[str, float]]] = [[] for _ in range(groups)]
    for at in np.flatnonzero(worth > 0):
        group, cut = divmod(int(at), bins.cuts)
        numbers = (cut / bins.cuts, (cut + 1) / bins.cuts, n[at], said[at] / worth[at], share[at], low[at], high[at])
        names = ("from", "to", "n", "mean_score", "observed", "low", "high")
        found[group].append({name: rounded(float(number)) for name, number in zip(names, numbers, strict=True)})
    return found


def _clustered(
    key: NDArray[Any], n: Floats, labels: NDArray[np.int8], weights: Floats, clusters: NDArray[np.int32]
) -> Floats:
    """Effective rows of each cell, from how much its clusters differ."""
    order = np.argsort(key, kind="stable")
    ends = np.searchsorted(key[order], np.arange(len(n) + 1))
    found = np.zeros(len(n))
    for at in np.flatnonzero(n):
        part = order[ends[at] : ends[at + 1]]
        _, inside = np.unique(clusters[part], return_inverse=True)
        among = np.bincount(inside, weights[part])
        found[at] = cluster_effective(np.bincount(inside, weights[part] * labels[part]), among, float(n[at]))
    return found
