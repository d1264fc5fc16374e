"""Decisions among more than two classes: distances between groups, and averages over classes.

A class that a group has no rows of has no rate there. It is left out of that group's average, and out of the
comparison with another group; nothing is put in its place. ``left_out`` says which classes these are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Counts, Share, metric
from audits.statistics.roots import Floats, quotient


class Classified(NamedTuple):
    """Rows, or sums of weights, by group, true class and predicted class.

    ``both`` … × groups × true class × predicted class · ``predicted_alone`` … × groups × predicted class, where the
    truth is unknown · ``true_alone`` … × groups × true class, where the prediction is · ``neither`` … × groups.
    """

    both: NDArray[Any]
    predicted_alone: NDArray[Any]
    true_alone: NDArray[Any]
    neither: NDArray[Any]


def classified(table: NDArray[Any], classes: int) -> Classified:
    """Return the summary of a table whose cell is (true class + 1) × (classes + 1) + predicted class + 1, 0 unknown.

    Args:
        table: … × groups × (classes + 1)².
        classes: how many there are.
    """
    square = table.reshape(*table.shape[:-1], classes + 1, classes + 1)
    return Classified(square[..., 1:, 1:], square[..., 0, 1:], square[..., 1:, 0], square[..., 0, 0])


@metric(
    task="multiclass",
    over="pair",
    boundary=True,
    labels=False,
    decisions=False,
    source="Dwork et al. 2012, section 3 (statistical parity), by the total variation of the predicted classes",
    among="rows with a predicted class",
    good="zero",
    names={"holisticai": "multiclass_statistical_parity (largest or mean of the pairs, unsigned)"},
)
def multiclass_statistical_parity(group: Classified, reference: Classified) -> Share:
    """Total variation between two groups' predicted classes: 0 the same shares of every class, 1 none in common."""
    one, two = _predicted(group), _predicted(reference)
    totals = one.sum(axis=-1), two.sum(axis=-1)
    distance = np.abs(_shares(one) - _shares(two)).sum(axis=-1) / 2
    return _where((totals[0] > 0) & (totals[1] > 0), distance)


@metric(
    task="multiclass",
    over="pair",
    boundary=True,
    labels=True,
    decisions=False,
    source="Hardt, Price, Srebro 2016, section 2 (equal opportunity), class by class",
    among="rows of a true class that both groups have",
    good="zero",
    names={"holisticai": "multiclass_true_rates (mean of pairs; an unobserved true class counts as 1/C)"},
)
def multiclass_true_rates(group: Classified, reference: Classified) -> Share:
    """Mean of the unsigned differences of the true positive rate over the true classes both groups have, 0 to 1."""
    one, two = _given_truth(group), _given_truth(reference)
    both = _observed(group) & _observed(reference)
    gap = np.abs(np.diagonal(one, axis1=-2, axis2=-1) - np.diagonal(two, axis1=-2, axis2=-1))
    return Share((gap * both).sum(axis=-1), both.sum(axis=-1))


@metric(
    task="multiclass",
    over="pair",
    boundary=True,
    labels=True,
    decisions=False,
    source="Hardt, Price, Srebro 2016, section 2: predictions given the truth, by total variation, class by class",
    among="rows of a true class that both groups have",
    good="zero",
    names={"holisticai": "multiclass_equality_of_opp (mean of pairs; an unobserved true class counts as 1/C)"},
)
def multiclass_equality_of_opportunity(group: Classified, reference: Classified) -> Share:
    """Mean total variation between predictions given the truth, over the true classes both groups have, 0 to 1."""
    both = _observed(group) & _observed(reference)
    distance = np.abs(_given_truth(group) - _given_truth(reference)).sum(axis=-1) / 2
    return Share((distance * both).sum(axis=-1), both.sum(axis=-1))


@metric(
    task="multiclass",
    over="pair",
    boundary=True,
    labels=True,
    decisions=False,
    source="Hardt, Price, Srebro 2016, section 2: mean over true classes of predictions given the truth",
    among="rows of a true class that both groups have",
    good="zero",
    names={"holisticai": "multiclass_average_odds (mean of pairs; an unobserved true class counts as 1/C)"},
)
def multiclass_average_odds(group: Classified, reference: Classified) -> Share:
    """Total variation between the predictions of two groups, every shared true class counted alike, 0 to 1."""
    both = _observed(group) & _observed(reference)
    gap = ((_given_truth(group) - _given_truth(reference)) * both[..., None]).sum(axis=-2)
    return Share(np.abs(gap).sum(axis=-1) / 2, both.sum(axis=-1))


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    source="Sokolova, Lapalme 2009, Information Processing and Management 45:427, table 3 (multi-class)",
    among="rows with a known truth and prediction",
    good="quality",
    names={
        "fairlearn": "MetricFrame(accuracy_score)",
        "aif360": "accuracy",
        "credo": "multiclass TPR (weighted); FNR (weighted) is one minus it",
    },
)
def multiclass_accuracy(summary: Classified) -> Share:
    """Share of rows whose predicted class is the true one."""
    return Share(np.trace(summary.both, axis1=-2, axis2=-1), summary.both.sum(axis=(-2, -1)))


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Sokolova, Lapalme 2009, Information Processing and Management 45:427, table 3 (macro-averaging)",
    among="predicted classes with a known truth",
    good="quality",
    within=("predicted classes",),
    names={
        "fairlearn": "MetricFrame(precision_score, average='macro')",
        "holisticai": "multiclass_recall_matrix (its precision divides by the true classes: the two are swapped)",
    },
)
def macro_precision(summary: Classified) -> Share:
    """Mean over the classes that were predicted of the share of each that is right: TP/(TP + FP)."""
    return _mean(*precision_of_classes(summary))


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Sokolova, Lapalme 2009, Information Processing and Management 45:427, table 3 (macro-averaging)",
    among="true classes with a prediction",
    good="quality",
    within=("true classes",),
    names={
        "fairlearn": "MetricFrame(recall_score, average='macro')",
        "holisticai": "multiclass_precision_matrix (its recall divides by the predicted classes: the two are swapped)",
    },
)
def macro_recall(summary: Classified) -> Share:
    """Mean over the true classes of the share of each that was recognised: TP/(TP + FN); balanced accuracy."""
    return _mean(*recall_of_classes(summary))


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Opitz, Burst 2019 (arXiv:1911.03347): the averaged F1",
    among="classes, true or predicted",
    good="quality",
    within=("classes",),
    names={"fairlearn": "MetricFrame(f1_score, average='macro')"},
)
def macro_f1(summary: Classified) -> Share:
    """Mean over the classes that occur of 2TP/(2TP + FP + FN)."""
    right, true, predicted = _margins(summary)
    return _mean(2 * right, true + predicted)


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Jaccard 1912, New Phytologist 11:37; averaged over classes as scikit-learn's jaccard_score",
    among="classes, true or predicted",
    good="quality",
    within=("classes",),
    names={"holisticai": "multiclass_accuracy_matrix (per class; called accuracy there)"},
)
def macro_jaccard(summary: Classified) -> Share:
    """Mean over the classes that occur of TP/(TP + FP + FN); class by class it is ``jaccard_index[class=…]``."""
    right, true, predicted = _margins(summary)
    return _mean(right, true + predicted - right)


def class_jaccard(counts: Counts) -> Share:
    """Share right of the rows that are of the class or were predicted to be: TP/(TP + FP + FN), of one class."""
    return Share(counts.tp, counts.tp + counts.fp + counts.fn)


def precision_of_classes(summary: Classified) -> tuple[Floats, Floats]:
    """Return rows predicted right and rows predicted, class by class (the last axis)."""
    right, _, predicted = _margins(summary)
    return right, predicted


def recall_of_classes(summary: Classified) -> tuple[Floats, Floats]:
    """Return rows predicted right and rows that there are, class by class (the last axis)."""
    right, true, _ = _margins(summary)
    return right, true


def left_out(summary: Classified, name: str) -> NDArray[np.bool_]:
    """Return which classes have no number of their own in each group, by the metric that averages over classes.

    Args:
        summary: the groups.
        name: the metric.

    Returns:
        groups × classes.
    """
    _, true, predicted = _margins(summary)
    if name in ("macro_precision", "weighted_false_discovery_rate"):
        return np.asarray(predicted == 0)
    if name in ("macro_f1", "macro_jaccard"):
        return np.asarray(true + predicted == 0)
    return np.asarray(true == 0)


def _margins(summary: Classified) -> tuple[Floats, Floats, Floats]:
    """Right, true and predicted rows of each class, among those of which both are known."""
    both = np.asarray(summary.both, np.float64)
    return np.diagonal(both, axis1=-2, axis2=-1), both.sum(axis=-1), both.sum(axis=-2)


def _predicted(summary: Classified) -> Floats:
    return np.asarray(summary.both.sum(axis=-2) + summary.predicted_alone, np.float64)


def _observed(summary: Classified) -> NDArray[np.bool_]:
    return np.asarray(summary.both.sum(axis=-1) > 0)


def _given_truth(summary: Classified) -> Floats:
    return _shares(summary.both)


def _shares(counts: NDArray[Any]) -> Floats:
    return quotient(counts, np.broadcast_to(counts.sum(axis=-1, keepdims=True), counts.shape))


def _where(defined: NDArray[np.bool_], value: Floats) -> Share:
    return Share(value * defined, defined.astype(np.float64))


def _mean(of: Floats, among: Floats) -> Share:
    """The mean of the classes' shares, over those that have one."""
    return Share(quotient(of, among).sum(axis=-1), np.asarray((among > 0).sum(axis=-1), np.float64))
