"""Averages over classes, each class weighted by its true rows, as Credo Lens takes a confusion matrix.

Each class is held against the rest. The weighted true positive rate is the accuracy, and the weighted false negative
rate one minus it. A class without a rate of its own is left out, and the others' weights are what they are over.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.multiclass import Classified
from audits.statistics.roots import Floats, quotient

_SOURCE = "Credo AI Lens, multiclass_confusion_metrics, weighted; Sokolova, Lapalme 2009, table 3, class by class"


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source=_SOURCE,
    among="rows with a known truth and prediction",
    good="quality",
    names={"credo": "multiclass ACC (weighted)"},
)
def weighted_class_accuracy(summary: Classified) -> Share:
    """Mean over the classes, by their true rows, of (TP + TN)/n of the class against the rest; above the accuracy."""
    tp, fp, fn, tn = _against_the_rest(summary)
    return _weighted(tp + tn, tp + fp + fn + tn, tp + fn)


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source=_SOURCE,
    among="rows of two true classes with a prediction",
    good="quality",
    names={"credo": "multiclass TNR (weighted)"},
)
def weighted_true_negative_rate(summary: Classified) -> Share:
    """Mean over the classes, by their true rows, of TN/(TN + FP) of the class against the rest."""
    tp, fp, fn, tn = _against_the_rest(summary)
    return _weighted(tn, tn + fp, tp + fn)


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source=_SOURCE,
    among="rows of two true classes with a prediction",
    good="error",
    names={"credo": "multiclass FPR (weighted)"},
)
def weighted_false_positive_rate(summary: Classified) -> Share:
    """Mean over the classes, by their true rows, of FP/(TN + FP) of the class against the rest."""
    tp, fp, fn, tn = _against_the_rest(summary)
    return _weighted(fp, tn + fp, tp + fn)


@metric(
    task="multiclass",
    labels=True,
    decisions=False,
    scale="proportion",
    source=_SOURCE,
    among="true classes that were predicted",
    good="error",
    within=("predicted classes",),
    names={
        "credo": "multiclass FDR (weighted)",
        "fairlearn": "MetricFrame(precision_score, average='weighted'), one minus it (there a class that is never "
        "predicted counts as wholly wrong)",
    },
)
def weighted_false_discovery_rate(summary: Classified) -> Share:
    """Mean over the classes that were predicted, by their true rows, of FP/(TP + FP)."""
    tp, fp, fn, _ = _against_the_rest(summary)
    return _weighted(fp, tp + fp, tp + fn)


def _against_the_rest(summary: Classified) -> tuple[Floats, Floats, Floats, Floats]:
    """True and false positives, false and true negatives of each class (the last axis)."""
    both = np.asarray(summary.both, np.float64)
    tp, total = np.diagonal(both, axis1=-2, axis2=-1), both.sum(axis=(-2, -1))[..., None]
    fn, fp = both.sum(axis=-1) - tp, both.sum(axis=-2) - tp
    return tp, fp, fn, total - tp - fp - fn


def _weighted(of: Floats, among: Floats, weight: Floats) -> Share:
    """The mean of the classes' rates by their weights, over the classes that have one."""
    weight = np.where(among > 0, weight, 0.0)
    return Share((weight * quotient(of, among)).sum(axis=-1), weight.sum(axis=-1))
