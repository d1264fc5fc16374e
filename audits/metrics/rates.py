"""The rates of binary decisions, group by group.

Every function takes confusion counts and returns a numerator and a denominator; 0 means none of the
denominator's rows, 1 all of them. Where truth or decision is unknown, a row is left out of the rates that need it.
"""

from __future__ import annotations

from audits.metrics import Counts, Share, metric


@metric(
    source="Hardt, Price, Srebro 2016; EEOC Uniform Guidelines 1978, 29 CFR 1607.4",
    among="rows",
    good="high",
    labels=False,
)
def selection_rate(counts: Counts) -> Share:
    """Share of rows decided positive: (TP + FP)/n, also where the truth is unknown."""
    positive = counts.tp + counts.fp + counts.up
    return Share(positive, positive + counts.fn + counts.tn + counts.un)


@metric(source="Hardt, Price, Srebro 2016, section 2 (equal opportunity)", among="actual positives", good="high")
def true_positive_rate(counts: Counts) -> Share:
    """Share of actual positives decided positive: TP/(TP + FN)."""
    return Share(counts.tp, counts.tp + counts.fn)


@metric(source="Hardt, Price, Srebro 2016, section 2 (equalized odds)", among="actual negatives", good="high")
def false_positive_rate(counts: Counts) -> Share:
    """Share of actual negatives decided positive: FP/(FP + TN)."""
    return Share(counts.fp, counts.fp + counts.tn)


@metric(source="Hardt, Price, Srebro 2016, section 2 (equalized odds)", among="actual negatives", good="low")
def true_negative_rate(counts: Counts) -> Share:
    """Share of actual negatives decided negative: TN/(FP + TN)."""
    return Share(counts.tn, counts.fp + counts.tn)


@metric(source="Hardt, Price, Srebro 2016, section 2 (equal opportunity)", among="actual positives", good="low")
def false_negative_rate(counts: Counts) -> Share:
    """Share of actual positives decided negative: FN/(TP + FN)."""
    return Share(counts.fn, counts.tp + counts.fn)


@metric(source="Chouldechova 2017, section 2 (predictive parity)", among="predicted positives", good="quality")
def precision(counts: Counts) -> Share:
    """Share of those decided positive that are positive: TP/(TP + FP)."""
    return Share(counts.tp, counts.tp + counts.fp)


@metric(source="Berk et al. 2021, section 3 (conditional use accuracy)", among="predicted negatives", good="quality")
def negative_predictive_value(counts: Counts) -> Share:
    """Share of those decided negative that are negative: TN/(TN + FN)."""
    return Share(counts.tn, counts.tn + counts.fn)


@metric(source="Berk et al. 2021, section 3 (overall accuracy)", among="rows with a known truth", good="quality")
def accuracy(counts: Counts) -> Share:
    """Share of rows decided as the truth is: (TP + TN)/n."""
    right = counts.tp + counts.tn
    return Share(right, right + counts.fp + counts.fn)


@metric(
    source="Kleinberg, Mullainathan, Raghavan 2017, section 1",
    among="rows with a known truth",
    good="truth",
    decisions=False,
)
def base_rate(counts: Counts) -> Share:
    """Share of rows that are positive in truth, whatever was decided: (TP + FN)/n."""
    positive = counts.tp + counts.fn
    return Share(positive, positive + counts.fp + counts.tn)
