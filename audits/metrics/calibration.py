"""Whether a score that is a probability means the same in every group: of those given 0.7, are 7 of 10 positive?

Every function takes ``audits.metrics.histograms.Scored``; where any score lies outside [0, 1], none has a value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.metrics.histograms import Scored
from audits.metrics.scores import NEGATIVE, POSITIVE, PROBABILITIES, known, probable
from audits.statistics.roots import Floats, quotient

MOST_STEPS = 40
MOST_SLOPE = 50.0
"""A slope beyond this is that of classes which the score separates: there is no largest likelihood."""


@metric(
    source="Naeini, Cooper, Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning, section 3",
    among=PROBABILITIES,
    good="error",
    decisions=False,
    task="scores",
    scale="proportion",
    boundary=True,
    names={"veritas": "calibration by group (score and observed rate per decile)"},
)
def expected_calibration_error(scored: Scored) -> Share:
    """Mean distance, over bins of equal width, between the mean score and the share of positives of a bin.

    Never below 0, and above it for a perfectly calibrated score too, the more so the fewer the rows: what such a
    score would get by chance is told beside it.
    """
    given = scored.score[..., NEGATIVE:, :].sum(axis=-2)
    apart = np.abs(given - scored.held[..., POSITIVE, :]).sum(axis=-1)
    return Share(apart, probable(scored, known(scored)))


@metric(
    source="Steyerberg 2019, Clinical Prediction Models, section 15.3 (mean calibration)",
    among=PROBABILITIES,
    good="zero",
    decisions=False,
    task="scores",
    scale="number",
    between=(-1.0, 1.0),
)
def calibration_in_the_large(scored: Scored) -> Share:
    """Mean score − share of positives: above 0 the group's risk is overstated, below 0 understated."""
    given = scored.score[..., NEGATIVE:, :].sum(axis=(-2, -1))
    return Share(given - scored.held[..., POSITIVE, :].sum(axis=-1), probable(scored, known(scored)))


@metric(
    source="Steyerberg 2019, Clinical Prediction Models, section 15.3 (expected over observed)",
    among="actual positives with a probability for a score",
    good="one",
    decisions=False,
    task="scores",
    scale="positive",
    unit="ratio",
    within=("positives",),
    bent=True,
    names={"veritas": "calibration ratio"},
)
def calibration_ratio(scored: Scored) -> Share:
    """Mean score / share of positives: above 1 the group's risk is overstated, below 1 understated."""
    given = scored.score[..., NEGATIVE:, :].sum(axis=(-2, -1))
    return Share(given, probable(scored, scored.held[..., POSITIVE, :].sum(axis=-1)))


@metric(
    source="Cox 1958, Biometrika 45:562; Steyerberg 2019, Clinical Prediction Models, section 15.3",
    among="two classes that overlap in a probability strictly between 0 and 1",
    good="one",
    decisions=False,
    task="scores",
    scale="number",
    unit="slope",
    within=("positives", "negatives"),
    bent=True,
)
def calibration_slope(scored: Scored) -> Share:
    """Slope of the logistic regression of the truth on the log-odds of the score: 1 is right, below 1 too extreme.

    A score of exactly 0 or 1 has no log-odds, so a group with one has no slope. Where several scores share a bin, they
    stand at its mean.
    """
    rows = scored.tally[..., NEGATIVE:, :].sum(axis=-2)
    inside = (scored.value > 0) & (scored.value < 1)
    certain = np.where(inside, 0.0, rows).sum(axis=-1) > 0
    value = np.where(inside, scored.value, 0.5)
    rows, positive = np.where(inside, rows, 0.0), np.where(inside, scored.tally[..., POSITIVE, :], 0.0)
    slope, found = _slope(np.log(value / (1 - value)), rows, positive)
    return Share(slope, probable(scored, np.where(found & ~certain, 1.0, 0.0)))


def _slope(x: Floats, rows: Floats, positive: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Newton's method for the likelihood of logit p = a + b·x, from a = 0 and b = 1; and where it has arrived."""
    a, b = np.zeros(rows.shape[:-1]), np.ones(rows.shape[:-1])
    found = np.zeros(a.shape, np.bool_)
    enough = (positive.sum(axis=-1) > 0) & (positive.sum(axis=-1) < rows.sum(axis=-1))
    for _ in range(MOST_STEPS):
        p = 1 / (1 + np.exp(-np.clip(a[..., None] + b[..., None] * x, -700, 700)))
        error, worth = positive - rows * p, rows * p * (1 - p)
        total, first, second = worth.sum(axis=-1), (worth * x).sum(axis=-1), (worth * x * x).sum(axis=-1)
        up, across = error.sum(axis=-1), (error * x).sum(axis=-1)
        determinant = total * second - first**2
        solvable = enough & (determinant > 1e-12 * total * second)
        by_a = np.where(solvable, quotient(second * up - first * across, determinant), 0.0)
        by_b = np.where(solvable, quotient(total * across - first * up, determinant), 0.0)
        shorter = 1 / np.maximum(1.0, np.maximum(np.abs(by_a), np.abs(by_b)) / 2)
        a, b = a + shorter * by_a, b + shorter * by_b
        found = solvable & (np.maximum(np.abs(by_a), np.abs(by_b)) < 1e-8) & (np.abs(b) < MOST_SLOPE)
        if (found | ~solvable).all():
            break
    return b, found


def _given_to(scored: Scored, label: int) -> Share:
    """The sum of the scores of the rows of one class, among these rows."""
    among = scored.held[..., label, :].sum(axis=-1)
    return Share(scored.score[..., label, :].sum(axis=-1), probable(scored, among))


def _kept_from(share: Share) -> Share:
    return Share(share.among - share.of, share.among)


@metric(
    source="Pleiss et al. 2017, On Fairness and Calibration, section 2; Kleinberg et al. 2017 (positive class)",
    among="actual positives with a probability for a score",
    good="high",
    decisions=False,
    task="scores",
    scale="proportion",
    within=("positives",),
    names={"aif360": "generalized_true_positive_rate (unprivileged − privileged)"},
)
def generalized_true_positive_rate(scored: Scored) -> Share:
    """Mean probability given to the actual positives."""
    return _given_to(scored, POSITIVE)


@metric(
    source="Pleiss et al. 2017, On Fairness and Calibration, section 2; Kleinberg et al. 2017 (negative class)",
    among="actual negatives with a probability for a score",
    good="high",
    decisions=False,
    task="scores",
    scale="proportion",
    within=("negatives",),
    names={"aif360": "generalized_false_positive_rate (unprivileged − privileged)"},
)
def generalized_false_positive_rate(scored: Scored) -> Share:
    """Mean probability given to the actual negatives."""
    return _given_to(scored, NEGATIVE)


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equalized odds), of scores; Pleiss et al. 2017, section 2",
    among="actual positives, or no actual negatives, with a probability for a score",
    good="zero",
    decisions=False,
    task="scores",
    over="pair",
    scale="proportion",
    boundary=True,
    given="truth",
    names={"aif360": "generalized_equalized_odds_difference (unsigned)"},
)
def generalized_equalized_odds_difference(group: Scored, reference: Scored) -> Share:
    """The larger of the distances of the generalized true and false positive rates, 0 to 1; 0 is equalized odds."""
    found = [[_given_to(one, truth) for one in (group, reference)] for truth in (POSITIVE, NEGATIVE)]
    distance = [np.abs(quotient(*one) - quotient(*other)) for one, other in found]
    there = [(one.among > 0) & (other.among > 0) for one, other in found]
    return Share(np.maximum(*distance), np.logical_and(*there).astype(np.float64))


@metric(
    source="Pleiss et al. 2017, On Fairness and Calibration, section 2 (generalized false negative rate)",
    among="actual positives with a probability for a score",
    good="low",
    decisions=False,
    task="scores",
    scale="proportion",
    within=("positives",),
    names={"aif360": "generalized_false_negative_rate"},
)
def generalized_false_negative_rate(scored: Scored) -> Share:
    """Mean probability kept from the actual positives, 1 − the generalized true positive rate."""
    return _kept_from(_given_to(scored, POSITIVE))


@metric(
    source="Bellamy et al. 2018, AI Fairness 360 (generalized confusion matrix of scores)",
    among="actual negatives with a probability for a score",
    good="low",
    decisions=False,
    task="scores",
    scale="proportion",
    within=("negatives",),
    names={"aif360": "generalized_true_negative_rate"},
)
def generalized_true_negative_rate(scored: Scored) -> Share:
    """Mean probability kept from the actual negatives, 1 − the generalized false positive rate."""
    return _kept_from(_given_to(scored, NEGATIVE))
