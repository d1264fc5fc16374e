"""Numbers of two groups that are made of several rates, or of a rate and its spread.

Every function takes the confusion counts of a group and of its reference. Differences are group − reference. What is
the largest of several differences, or the smallest of several ratios, names those rates as its ``components``: it has
no interval of its own that is valid where the groups are equal, and a limit on it is one on each of them.
``cohen_d`` and the two z count rows as their weights are: with weights they are as large as the weights make them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audits.metrics import Counts, Share, metric
from audits.metrics.rates import (
    false_omission_rate,
    false_positive_rate,
    negative_predictive_value,
    precision,
    selection_rate,
    true_positive_rate,
)
from audits.statistics.roots import Floats, arrays, quotient

_Rate = Callable[[Counts], Share]
_ODDS = ("true_positive_rate", "false_positive_rate")


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equalized odds)",
    among="actual positives, or no actual negatives",
    good="zero",
    over="pair",
    scale="proportion",
    boundary=True,
    given="truth",
    components=_ODDS,
    names={
        "fairlearn": "equalized_odds_difference (of the largest and smallest rates of all groups, unsigned)",
        "aif360": "equalized_odds_difference (unsigned)",
        "aequitas": "Equalized Odds (FPR Parity and TPR Parity)",
    },
)
def equalized_odds_difference(group: Counts, reference: Counts) -> Share:
    """The larger of the two distances of true and false positive rates, 0 to 1; 0 is equalized odds."""
    return _largest(group, reference, true_positive_rate, false_positive_rate)


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equalized odds); Fairlearn, equalized_odds_ratio",
    among="actual positives decided positive, or no actual negatives decided positive",
    good="one",
    over="pair",
    scale="proportion",
    unit="ratio",
    boundary=True,
    given="truth",
    components=_ODDS,
    names={"fairlearn": "equalized_odds_ratio (smallest / largest, the smaller of the two)"},
)
def equalized_odds_ratio(group: Counts, reference: Counts) -> Share:
    """The smaller of the ratios of true and of false positive rates, each the smaller rate over the larger."""
    return smallest_ratio(group, reference, true_positive_rate, false_positive_rate)


@metric(
    source="Bellamy et al. 2018 (AI Fairness 360), average odds difference",
    among="actual positives, or no actual negatives",
    good="zero",
    over="pair",
    scale="number",
    between=(-1.0, 1.0),
    within=("positives", "negatives"),
    names={
        "aif360": "average_odds_difference (unprivileged − privileged)",
        "holisticai": "average_odds_diff (a − b)",
        "veritas": "neg_equal_odds (privileged − unprivileged); equal_odds, with the other sign",
    },
)
def average_odds_difference(group: Counts, reference: Counts) -> Share:
    """Mean of the differences of true and of false positive rates, −1 to 1; opposite ones cancel."""
    return _mean(group, reference, true_positive_rate, false_positive_rate)


@metric(
    source="Bellamy et al. 2018 (AI Fairness 360), average absolute odds difference",
    among="actual positives, or no actual negatives",
    good="zero",
    over="pair",
    scale="proportion",
    boundary=True,
    given="truth",
    names={
        "aif360": "average_abs_odds_difference, average_odds_error",
        "fairlearn": 'equalized_odds_difference(agg="mean") (of two groups)',
    },
)
def average_absolute_odds_difference(group: Counts, reference: Counts) -> Share:
    """Mean of the distances of true and of false positive rates, 0 to 1; 0 is equalized odds."""
    return _mean(group, reference, true_positive_rate, false_positive_rate, absolute=True)


@metric(
    source="Bellamy et al. 2018 (AI Fairness 360), average predictive value difference",
    among="predicted positives, or no predicted negatives",
    good="zero",
    over="pair",
    scale="number",
    between=(-1.0, 1.0),
    within=("predicted positives", "predicted negatives"),
    names={
        "aif360": "average_predictive_value_difference (unprivileged − privileged)",
        "veritas": "calibration_by_group (privileged − unprivileged)",
    },
)
def average_predictive_value_difference(group: Counts, reference: Counts) -> Share:
    """Mean of the differences of precision and of false omission rate, −1 to 1; opposite ones cancel."""
    return _mean(group, reference, precision, false_omission_rate)


@metric(
    source="Berk et al. 2021, section 3 (conditional use accuracy equality)",
    among="predicted positives, or no predicted negatives",
    good="zero",
    over="pair",
    scale="proportion",
    boundary=True,
    given="decision",
    components=("precision", "negative_predictive_value"),
)
def conditional_use_accuracy_difference(group: Counts, reference: Counts) -> Share:
    """The larger of the distances of precision and of negative predictive value, 0 to 1; 0 is parity of both."""
    return _largest(group, reference, precision, negative_predictive_value)


@metric(
    source="29 CFR 1607.4 D (four-fifths rule), in either direction; holisticai, four_fifths",
    among="rows decided positive, or no rows",
    good="one",
    labels=False,
    over="pair",
    scale="proportion",
    unit="ratio",
    boundary=True,
    components=("selection_rate",),
    names={"holisticai": "four_fifths", "fairlearn": "demographic_parity_ratio (of two groups)"},
)
def four_fifths_ratio(group: Counts, reference: Counts) -> Share:
    """The smaller selection rate over the larger, 0 to 1; the rule of thumb asks for 0.8."""
    return smallest_ratio(group, reference, selection_rate)


@metric(
    source="Cohen 1988, Statistical Power Analysis, section 2.2; holisticai, cohen_d",
    among="rows of both decisions",
    good="zero",
    labels=False,
    over="pair",
    scale="number",
    unit="standard deviations",
    names={"holisticai": "cohen_d (a − b)"},
)
def cohen_d(group: Counts, reference: Counts) -> Share:
    """Difference of selection rates in standard deviations of a decision, pooled over both groups.

    The variances p(1 − p) are weighted by n − 1, as holisticai does it.
    """
    (rate, rows, _), (other, rows_other, _) = _selection(group), _selection(reference)
    freedom = rows + rows_other - 2
    pooled = np.clip(rows - 1, 0, None) * rate * (1 - rate) + np.clip(rows_other - 1, 0, None) * other * (1 - other)
    spread = np.sqrt(quotient(pooled, np.where(freedom > 0, freedom, 0)))
    return Share(rate - other, np.where((rows > 0) & (rows_other > 0), spread, 0.0))


@metric(
    source="Morris 2001, Personnel Psychology 54 (two-standard-deviation rule); Hazelwood v. United States 1977",
    among="rows of both decisions",
    good="zero",
    labels=False,
    over="pair",
    scale="number",
    unit="standard errors",
    names={"holisticai": "z_test_diff (a − b)"},
)
def z_test_difference(group: Counts, reference: Counts) -> Share:
    """Difference of selection rates over its standard error where they are equal; beyond ±2 is the old rule's bias."""
    (rate, rows, one), (other, rows_other, two) = _selection(group), _selection(reference)
    overall = quotient(one + two, rows + rows_other)
    error = np.sqrt(overall * (1 - overall) * (quotient(1, rows) + quotient(1, rows_other)))
    return Share(rate - other, np.where((rows > 0) & (rows_other > 0), error, 0.0))


@metric(
    source="Morris, Lobsenz 2000, Personnel Psychology 53:89 (test of the log ratio)",
    among="rows decided positive, or all are",
    good="zero",
    labels=False,
    over="pair",
    scale="number",
    unit="standard errors",
    names={"holisticai": "z_test_ratio (a / b)"},
)
def z_test_ratio(group: Counts, reference: Counts) -> Share:
    """Logarithm of the ratio of selection rates over its standard error where they are equal."""
    (rate, rows, one), (other, rows_other, two) = _selection(group), _selection(reference)
    overall = quotient(one + two, rows + rows_other)
    error = np.sqrt(quotient(1 - overall, overall) * (quotient(1, rows) + quotient(1, rows_other)))
    both = (rate > 0) & (other > 0)
    return Share(np.log(quotient(rate, other, 1.0), where=both, out=np.zeros_like(rate)), np.where(both, error, 0.0))


def _selection(counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Selection rate, rows, and positive decisions."""
    positive, rows = arrays(*selection_rate(counts))
    return quotient(positive, rows), rows, positive


def _sides(group: Counts, reference: Counts, rates: tuple[_Rate, ...]) -> list[tuple[Floats, Floats, Floats]]:
    """For each rate: that of the group, that of the reference, and 1 where there are both, else 0."""
    found = []
    for rate in rates:
        (of, among), (of_other, among_other) = arrays(*rate(group)), arrays(*rate(reference))
        both = ((among > 0) & (among_other > 0)).astype(np.float64)
        found.append((quotient(of, among), quotient(of_other, among_other), both))
    return found


def _largest(group: Counts, reference: Counts, *rates: _Rate) -> Share:
    sides = _sides(group, reference, rates)
    distance = np.maximum.reduce([abs(one - other) for one, other, _ in sides])
    return Share(distance, np.minimum.reduce([both for _, _, both in sides]))


def smallest_ratio(group: Counts, reference: Counts, *rates: _Rate) -> Share:
    """Return the smallest of the ratios of rates, each the smaller over the larger; none where one is 0 in both."""
    sides = _sides(group, reference, rates)
    ratio = np.minimum.reduce([quotient(np.minimum(one, other), np.maximum(one, other)) for one, other, _ in sides])
    there = [both * (np.maximum(one, other) > 0) for one, other, both in sides]
    return Share(ratio, np.minimum.reduce(there))


def _mean(group: Counts, reference: Counts, *rates: _Rate, absolute: bool = False) -> Share:
    sides = _sides(group, reference, rates)
    total = np.add.reduce([abs(one - other) if absolute else one - other for one, other, _ in sides])
    return Share(total / len(rates), np.minimum.reduce([both for _, _, both in sides]))
