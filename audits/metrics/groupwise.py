"""Numbers of one group that are no share of rows: balanced accuracy, F1, correlations, odds, and shares of a whole.

All are functions of the group's confusion counts (``audits.metrics.Counts``); ``predicted_share`` and ``impact_ratio``
look at the counts of the other groups too, which are along the last axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audits.metrics import Counts, Share, metric
from audits.metrics.rates import selection_rate
from audits.statistics.roots import Floats, arrays, quotient


@metric(
    source="Brodersen et al. 2010, The balanced accuracy and its posterior distribution, ICPR",
    among="actual positives and actual negatives",
    good="quality",
    scale="proportion",
    within=("positives", "negatives"),
    names={"fairlearn": "balanced_accuracy_score_group_min (smallest)"},
)
def balanced_accuracy(counts: Counts) -> Share:
    """Mean of true positive rate and true negative rate: ½ where the decisions say nothing of the truth."""
    tp, fp, fn, tn = _known(counts)
    positive, negative = tp + fn, tn + fp
    return Share(tp * negative + tn * positive, 2 * positive * negative)


@metric(
    source="van Rijsbergen 1979, Information Retrieval, chapter 7; scikit-learn, f1_score",
    among="actual or predicted positives",
    good="quality",
    scale="proportion",
    within=("actual or predicted positives",),
    names={"fairlearn": "f1_score_group_min (smallest)", "clarify": "F1 score"},
)
def f1_score(counts: Counts) -> Share:
    """Harmonic mean of precision and true positive rate: 2TP/(2TP + FP + FN)."""
    tp, fp, fn, _ = _known(counts)
    return Share(2 * tp, 2 * tp + fp + fn)


@metric(
    source="Matthews 1975, Biochimica et Biophysica Acta 405:442",
    among="rows of both truths and of both decisions",
    good="quality",
    scale="signed",
    unit="correlation",
    within=("positives", "negatives", "predicted positives", "predicted negatives"),
    names={"credo": "matthews_correlation_coefficient"},
)
def matthews_correlation(counts: Counts) -> Share:
    """Correlation of decision and truth, −1 to 1; there is none where all rows have one truth or one decision."""
    tp, fp, fn, tn = _known(counts)
    return Share(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


@metric(
    source="SageMaker Clarify, post-training metrics, DCA (difference in conditional acceptance)",
    among="predicted positives",
    good="low",
    scale="positive",
    unit="actual per predicted positive",
    bent=True,
    names={"clarify": "conditional acceptance; DCA (advantaged − disadvantaged)"},
)
def conditional_acceptance(counts: Counts) -> Share:
    """Actual positives for each predicted one: (TP + FN)/(TP + FP); above 1 fewer are accepted than are positive."""
    tp, fp, fn, _ = _known(counts)
    return Share(tp + fn, tp + fp)


@metric(
    source="SageMaker Clarify, post-training metrics, DCR (difference in conditional rejection)",
    among="predicted negatives",
    good="high",
    scale="positive",
    unit="actual per predicted negative",
    bent=True,
    names={"clarify": "conditional rejection; DCR (disadvantaged − advantaged)"},
)
def conditional_rejection(counts: Counts) -> Share:
    """Actual negatives for each predicted one: (TN + FP)/(TN + FN); below 1 more are rejected than are negative."""
    _, fp, fn, tn = _known(counts)
    return Share(tn + fp, tn + fn)


@metric(
    source="Berk et al. 2021, section 3 (treatment equality)",
    among="false positives",
    good="low",
    scale="positive",
    unit="false negatives per false positive",
    bent=True,
    names={"clarify": "TE (disadvantaged − advantaged)"},
)
def treatment_equality(counts: Counts) -> Share:
    """Wrong negative decisions for each wrong positive one: FN/FP."""
    return Share(*arrays(counts.fn, counts.fp))


@metric(
    source="Agresti 2013, Categorical Data Analysis, section 2.2.3 (odds)",
    among="rows decided negative",
    good="high",
    labels=False,
    scale="positive",
    unit="positive per negative decision",
    bent=True,
)
def selection_odds(counts: Counts) -> Share:
    """Positive decisions for each negative one; its ratio over two groups is the odds ratio."""
    positive = np.asarray(counts.tp + counts.fp + counts.up, np.float64)
    return Share(positive, np.asarray(counts.fn + counts.tn + counts.un, np.float64))


@metric(
    source="Saleiro et al. 2018 (Aequitas) (predicted positive rate, statistical parity)",
    among="rows, or nobody is selected in any group",
    good="high",
    labels=False,
    scale="positive",
    between=(0.0, 1.0),
    unit="share of all predicted positives",
    names={
        "aequitas": "ppr; ppr_disparity (group / reference; Statistical Parity)",
        "ai_verify": "Equal Selection Parity (difference of the counts)",
    },
)
def predicted_share(counts: Counts) -> Share:
    """Share of everybody decided positive who is of this group; depends on the group's size, as a rate does not."""
    positive, rows = arrays(*selection_rate(counts))
    return Share(positive, np.where(rows > 0, positive.sum(axis=-1, keepdims=True), 0.0))


@metric(
    source="6 RCNY § 5-300 (Local Law 144 of New York City), impact ratio; 29 CFR 1607.4 D",
    among="rows, or there is no group in which anybody was selected",
    good="one",
    labels=False,
    scale="proportion",
    unit="ratio",
    boundary=True,
    across=True,
)
def impact_ratio(counts: Counts) -> Share:
    """Selection rate over that of the most selected group of the attribute; 1 for that group itself.

    The rule names no pass mark. Its ratios with intervals are those of ``selection_rate`` with the reference ``best``.
    """
    return _over_the_highest(*selection_rate(counts))


@metric(
    source="Fairlearn, MetricFrame.difference(method='to_overall'); Bird et al. 2020",
    among="rows",
    good="high",
    labels=False,
    scale="number",
    between=(-1.0, 1.0),
    across=True,
    names={"fairlearn": 'demographic_parity_difference(method="to_overall") (the largest distance, unsigned)'},
)
def selection_rate_deviation(counts: Counts) -> Share:
    """Selection rate of the group minus that of all rows of known group, its own among them."""
    positive, rows = arrays(*selection_rate(counts))
    overall = quotient(positive.sum(axis=-1, keepdims=True), rows.sum(axis=-1, keepdims=True))
    return Share(quotient(positive, rows) - overall, (rows > 0).astype(np.float64))


def _over_the_highest(of: Any, among: Any) -> Share:
    of, among = arrays(of, among)
    rate = quotient(of, among)
    highest = rate.max(axis=-1, keepdims=True) if rate.shape[-1] else rate
    return Share(rate, np.where(among > 0, np.broadcast_to(highest, rate.shape), 0.0))


def _known(counts: Counts) -> tuple[Floats, ...]:
    """TP, FP, FN, TN as floats, whose products are exact enough where those of whole numbers overflow."""
    return arrays(counts.tp, counts.fp, counts.fn, counts.tn)
