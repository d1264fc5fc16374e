"""How surely the truth of a group lies above or below what its scores say: the score that bias scans maximise.

A bias scan looks for the subset with the largest of these numbers; which subsets there are to be looked at, and whether
what is found is more than chance, is the technique ``subgroups``. Here the subsets are the groups, without a penalty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.metrics.histograms import Scored
from audits.metrics.scores import NEGATIVE, POSITIVE, probable
from audits.statistics.roots import Floats

_STEPS = 60  # halvings of the interval that holds the logarithm of the multiple
_MOST = 40.0  # beyond it a multiple of the odds is without bound


@metric(
    source="Zhang, Neill 2016, Identifying Significant Predictive Bias in Classifiers (arXiv:1611.08292), equation 1",
    among="rows with a known truth that its probability allows",
    good="zero",
    decisions=False,
    task="scores",
    scale="number",
    unit="nats per row",
    boundary=True,
    names={"aif360": "mdss_bias_score of the group over its rows (penalty 0, the larger of both directions)"},
)
def subset_scan_score(scored: Scored) -> Share:
    """How much likelier a row's truth is at the best multiple q of the odds that the scores give than at q = 1; mean.

    max over q of (Σ y ln q − Σ ln(1 − p + q p))/n: 0 where as many are positive as the scores say. Without 1/n it grows
    with the rows, and groups cannot be compared by it. A row whose probability is 0 or 1 adds nothing where its truth
    is that, and leaves no number where it is not. Where several scores share a bin, they stand at its mean.
    """
    tally, value = scored.tally, scored.value
    inside = (value > 0) & (value < 1)
    positive, negative = (np.where(inside, tally[..., truth, :], 0.0) for truth in (POSITIVE, NEGATIVE))
    wrong = np.where(value <= 0, tally[..., POSITIVE, :], 0.0) + np.where(value >= 1, tally[..., NEGATIVE, :], 0.0)
    rows, odds = positive + negative, np.where(inside, value, 0.5)
    odds = np.log(odds / (1 - odds))
    multiple = _best(odds, rows, positive.sum(axis=-1))[..., None]
    gained = positive * multiple - rows * (np.logaddexp(0, odds + multiple) - np.logaddexp(0, odds))
    known = tally[..., NEGATIVE:, :].sum(axis=(-2, -1))
    there = np.where(wrong.sum(axis=-1) > 0, 0.0, known)
    return Share(np.clip(gained.sum(axis=-1), 0, None), probable(scored, there))


def _best(odds: Floats, rows: Floats, positive: NDArray[np.float64]) -> Floats:
    """The logarithm of the multiple at which as many are expected positive as are, by halving."""
    low, high = np.full(positive.shape, -_MOST), np.full(positive.shape, _MOST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        expected = (rows / (1 + np.exp(-(odds + middle[..., None])))).sum(axis=-1)
        low, high = np.where(expected < positive, middle, low), np.where(expected < positive, high, middle)
    return np.asarray((low + high) / 2)
