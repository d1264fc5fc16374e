"""How labels, or any values, are spread over the groups of the data: what can be said before any model is trained.

All take ``LabelCounts``. Positive is the last value; of two groups, differences are group − reference.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.statistics.roots import Floats, arrays, quotient

_CLARIFY = "SageMaker Clarify, pre-training metrics"


class LabelCounts(NamedTuple):
    """Rows (or sums of weights) of every group, by stratum and value of the label.

    ``counts`` … × groups × strata × values, the values in order, the positive one last; one stratum where there are
    none · ``unknown`` … × groups × strata, rows without a label.
    """

    counts: NDArray[Any]
    unknown: NDArray[Any]


def values_of(labels: LabelCounts) -> Floats:
    """Return the rows with a label: … × groups × values."""
    return np.asarray(np.asarray(labels.counts, np.float64).sum(axis=-2))


def all_rows(labels: LabelCounts) -> Floats:
    """Return all rows of each group, with a label or without."""
    return np.asarray(values_of(labels).sum(axis=-1) + np.asarray(labels.unknown, np.float64).sum(axis=-1))


@metric(
    source=f"{_CLARIFY}, CI; AI Fairness 360, class_imbalance",
    among="rows",
    good="zero",
    task="data",
    over="pair",
    scale="number",
    between=(-1.0, 1.0),
    names={
        "clarify": "CI (advantaged − disadvantaged)",
        "aif360": "class_imbalance (unprivileged − privileged)",
    },
)
def class_imbalance(group: LabelCounts, reference: LabelCounts) -> Share:
    """How many more rows the group has than the reference, of the rows of both: −1 to 1, 0 where as many."""
    one, other = all_rows(group), all_rows(reference)
    return Share(one - other, one + other)


@metric(
    source=f"{_CLARIFY}, DPL (difference in proportions of labels)",
    among="rows with a label",
    good="truth",
    task="data",
    scale="positive",
    between=(0.0, 1.0),
    names={
        "clarify": "DPL (advantaged − disadvantaged)",
        "aif360": "mean_difference (unprivileged − privileged), disparate_impact (unprivileged / privileged)",
        "rai_toolbox": "Statistical Parity (difference)",
    },
)
def positive_label_rate(labels: LabelCounts) -> Share:
    """Share of the labelled rows of a group that have the positive (the last) value."""
    values = values_of(labels)
    return Share(values[..., -1], values.sum(axis=-1))


@metric(
    source=f"{_CLARIFY}, KL; Kullback, Leibler 1951, Annals of Mathematical Statistics 22:79",
    among="rows with each label that the reference has",
    good="zero",
    task="data",
    over="pair",
    scale="number",
    unit="nats",
    boundary=True,
    names={
        "clarify": "KL(advantaged ‖ disadvantaged) (labels that one of both lacks are dropped)",
        "aif360": "kl_divergence (privileged ‖ unprivileged)",
    },
)
def label_kl_divergence(group: LabelCounts, reference: LabelCounts) -> Share:
    """Divergence of the group's labels from the reference's, Σ r ln(r/g); infinite, so none, where g lacks a label."""
    one, other, there = _distributions(group, reference)
    finite = ~((other > 0) & (one == 0)).any(axis=-1)
    return Share(_divergence(other, one), there * finite)


@metric(
    source=f"{_CLARIFY}, JS; Lin 1991, IEEE Transactions on Information Theory 37:145",
    among="rows with a label",
    good="zero",
    task="data",
    over="pair",
    scale="number",
    unit="nats",
    boundary=True,
    names={"clarify": "JS (labels that one of both lacks are dropped)"},
)
def label_js_divergence(group: LabelCounts, reference: LabelCounts) -> Share:
    """Mean divergence of both groups' labels from their mean distribution, 0 to ln 2."""
    one, other, there = _distributions(group, reference)
    middle = (one + other) / 2
    return Share((_divergence(one, middle) + _divergence(other, middle)) / 2, there)


@metric(
    source=f"{_CLARIFY}, LP (L2 norm)",
    among="rows with a label",
    good="zero",
    task="data",
    over="pair",
    scale="number",
    unit="distance",
    boundary=True,
    names={"clarify": "LP (labels that one of both lacks are dropped)"},
)
def label_l2_distance(group: LabelCounts, reference: LabelCounts) -> Share:
    """Euclidean distance of the two distributions of labels, 0 to √2."""
    one, other, there = _distributions(group, reference)
    return Share(np.sqrt(((one - other) ** 2).sum(axis=-1)), there)


@metric(
    source=f"{_CLARIFY}, TVD (total variation distance)",
    among="rows with a label",
    good="zero",
    task="data",
    over="pair",
    scale="proportion",
    boundary=True,
    names={"clarify": "TVD"},
)
def label_total_variation(group: LabelCounts, reference: LabelCounts) -> Share:
    """Share of one group's labels that would have to change to make both distributions the same, 0 to 1."""
    one, other, there = _distributions(group, reference)
    return Share(abs(one - other).sum(axis=-1) / 2, there)


@metric(
    source=f"{_CLARIFY}, KS (largest distance of the share of one label; no distance of distribution functions)",
    among="rows with a label",
    good="zero",
    task="data",
    over="pair",
    scale="proportion",
    boundary=True,
    names={"clarify": "KS"},
)
def label_linf_distance(group: LabelCounts, reference: LabelCounts) -> Share:
    """Largest distance of the shares of one label in both groups, 0 to 1."""
    one, other, there = _distributions(group, reference)
    return Share(abs(one - other).max(axis=-1, initial=0.0), there)


@metric(
    source="Wachter, Mittelstadt, Russell 2021, Computer Law & Security Review 41:105567; AI Fairness 360",
    among="positive and negative labels",
    good="low",
    task="data",
    over="groups",
    scale="number",
    between=(-1.0, 1.0),
    names={"aif360": "conditional_demographic_disparity (clarify's metric of this name is another)"},
)
def group_conditional_disparity(labels: LabelCounts) -> Share:
    """Each group's share of the negatives minus its share of the positives, averaged over groups by their rows."""
    values = values_of(labels)
    negative, positive = values[..., :-1].sum(axis=-1), values[..., -1]
    negatives, positives = negative.sum(axis=-1), positive.sum(axis=-1)
    rows = negative + positive
    disparity = quotient(negative, negatives[..., None]) - quotient(positive, positives[..., None])
    exists = (negatives > 0) & (positives > 0)
    return Share((rows * disparity).sum(axis=-1), np.where(exists, rows.sum(axis=-1), 0.0))


def _divergence(one: Floats, other: Floats) -> Floats:
    """Σ p ln(p/q) over the values that p has; where q lacks one of them, the rest alone (the caller knows)."""
    there = (one > 0) & (other > 0)
    return np.asarray(np.where(there, one * np.log(np.where(there, quotient(one, other), 1.0)), 0.0).sum(axis=-1))


def _distributions(group: LabelCounts, reference: LabelCounts) -> tuple[Floats, Floats, Floats]:
    """Both distributions over the labels, and 1 where both groups have labelled rows, else 0."""
    one, other = arrays(values_of(group), values_of(reference))
    many, many_other = one.sum(axis=-1, keepdims=True), other.sum(axis=-1, keepdims=True)
    there = ((many > 0) & (many_other > 0))[..., 0].astype(np.float64)
    return quotient(one, many), quotient(other, many_other), there
