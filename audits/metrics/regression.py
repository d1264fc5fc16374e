"""Predicted numbers: errors, means and whole distributions of every group.

Each is a function of sums over rows, and of how many rows lie at each value (``audits.metrics.predicted``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.metrics.predicted import Predicted
from audits.statistics.roots import Floats, quotient

NONE = 1e-12
"""Share of a sum of squares below which what is left of it is rounding."""

PREDICTED = "rows with a prediction"
KNOWN = "rows with a truth and a prediction"


@metric(
    task="regression",
    labels=False,
    decisions=False,
    scale="number",
    unit="outcome",
    source="Calders, Karim, Kamiran, Ali, Zhang 2013, ICDM (equal means)",
    among=PREDICTED,
    good="high",
    names={
        "fairlearn": "MetricFrame(mean_prediction)",
        "holisticai": "avg_score_diff (a − b), avg_score_ratio (a / b); mad_score (a − b, of recommendations)",
    },
)
def mean_prediction(summary: Predicted) -> Share:
    """Mean of the predictions; where none is below 0, its ratio between groups is told too."""
    return Share(summary.predicted, summary.weight)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="number",
    unit="outcome",
    source="Calders, Karim, Kamiran, Ali, Zhang 2013, ICDM (balanced residuals)",
    among=KNOWN,
    good="zero",
)
def mean_error(summary: Predicted) -> Share:
    """Mean of prediction − truth: above 0 the group is predicted too high."""
    return Share(summary.error, summary.both)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="positive",
    unit="outcome",
    source="Agarwal, Dudík, Wu 2019, ICML, section 2 (bounded group loss)",
    among=KNOWN,
    good="error",
    names={
        "fairlearn": "mean_absolute_error_group_max",
        "holisticai": "mae_ratio, recommender_mae_ratio (a / b)",
        "ai_verify": "Mean Absolute Error parity",
    },
)
def mean_absolute_error(summary: Predicted) -> Share:
    """Mean of |prediction − truth|."""
    return Share(summary.absolute, summary.both)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="positive",
    unit="outcome²",
    source="Agarwal, Dudík, Wu 2019, ICML, section 2 (bounded group loss)",
    among=KNOWN,
    good="error",
    names={"fairlearn": "mean_squared_error_group_max", "ai_verify": "Mean Squared Error parity"},
)
def mean_squared_error(summary: Predicted) -> Share:
    """Mean of (prediction − truth)²."""
    return Share(summary.squares, summary.both)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="positive",
    unit="outcome",
    source="Agarwal, Dudík, Wu 2019, ICML, section 2 (bounded group loss), by its root",
    among=KNOWN,
    good="error",
    root=True,
    names={"holisticai": "rmse_ratio, recommender_rmse_ratio (a / b)", "veritas": "RMSE parity and ratio"},
)
def root_mean_squared_error(summary: Predicted) -> Share:
    """Root of the mean of (prediction − truth)²."""
    return _where(summary.both > 0, np.sqrt(np.maximum(quotient(summary.squares, summary.both), 0)))


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="positive",
    source="de Myttenaere, Golden, Le Grand, Rossi 2016, Neurocomputing 192:38",
    among="rows with a prediction and a truth other than 0",
    good="error",
    names={"veritas": "MAPE parity and ratio"},
)
def mean_absolute_percentage_error(summary: Predicted) -> Share:
    """Mean of |prediction − truth| / |truth|, over the rows whose truth is not 0."""
    return Share(summary.relative, summary.nonzero)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="positive",
    source="Kolassa, Schütz 2007, Foresight 6:40 (the MAD/mean ratio)",
    among="rows with a prediction and a truth other than 0",
    good="error",
    names={"veritas": "WAPE parity and ratio"},
)
def weighted_absolute_percentage_error(summary: Predicted) -> Share:
    """Sum of |prediction − truth| over the sum of |truth|."""
    return Share(summary.absolute, summary.size)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="explained",
    source="Kvålseth 1985, The American Statistician 39:279, equation 1",
    among="rows with a prediction whose truth varies",
    good="quality",
    bent=True,
    names={"fairlearn": "r2_score_group_min"},
)
def r_squared(summary: Predicted) -> Share:
    """Share of the truth's variance within the group that the predictions explain: 1 − Σe²/Σ(y − ȳ)²."""
    total = _around_mean(summary.truth_squares, summary.truth, summary.both)
    return Share(total - summary.squares, total)


@metric(
    task="regression",
    labels=True,
    decisions=False,
    scale="signed",
    source="Pearson 1895, Proceedings of the Royal Society of London 58:240",
    among="rows whose truth and prediction vary",
    good="quality",
    bent=True,
    names={"holisticai": "correlation_diff (a − b)"},
)
def correlation(summary: Predicted) -> Share:
    """Correlation of prediction and truth within the group."""
    one = _around_mean(summary.truth_squares, summary.truth, summary.both)
    two = _around_mean(summary.paired_squares, summary.paired, summary.both)
    together = summary.product - quotient(summary.truth * summary.paired, summary.both)
    return Share(together, np.sqrt(one * two))


@metric(
    task="regression",
    over="pair",
    labels=False,
    decisions=False,
    scale="number",
    unit="standard deviations",
    source="Cohen 1988, Statistical Power Analysis, section 2.2 (d)",
    among="predictions that vary within the groups",
    good="zero",
    names={"holisticai": "zscore_diff (a − b; its pooled variance adds population variances by n − 1: too small)"},
)
def z_score_difference(group: Predicted, reference: Predicted) -> Share:
    """Difference of the mean predictions over their pooled standard deviation within the two groups."""
    rows = group.rows + reference.rows
    weight = group.weight + reference.weight
    inside = sum(_around_mean(one.shifted_squares, one.shifted, one.weight) for one in (group, reference))
    variance = quotient(inside, weight) * quotient(rows, np.maximum(rows - 2, 0))
    gap = quotient(group.predicted, group.weight) - quotient(reference.predicted, reference.weight)
    defined = (group.weight > 0) & (reference.weight > 0) & (variance > 0)
    return _where(defined, quotient(gap, np.sqrt(variance)))


@metric(
    task="regression",
    labels=False,
    decisions=False,
    source="New York City, Local Law 144 of 2021, 6 RCNY 5-300 (scoring rate)",
    among=PREDICTED,
    good="high",
    names={"holisticai": "success_rate_regression(threshold='median'), per group"},
)
def scoring_rate(summary: Predicted) -> Share:
    """Share of predictions strictly above the median of the full sample; its ratio is the rule's impact ratio."""
    return Share(summary.above_median, summary.weight)


@metric(
    task="regression",
    labels=False,
    decisions=False,
    source="holisticai, disparate_impact_regression and statistical_parity_regression, at the quantile in the name",
    among=PREDICTED,
    good="high",
    names={
        "holisticai": "disparate_impact_regression (a / b), statistical_parity_regression (a − b), at or above; its "
        "batch entry 'Statistical Parity Q50' is taken at quantile 0.8",
        "aequitas": "pprev where decisions are taken by rank_pct",
    },
)
def quantile_rate(summary: Predicted) -> Share:
    """Share of predictions strictly above a quantile of the full sample; the name says which quantile."""
    return Share(summary.above, summary.weight)


@metric(
    task="regression",
    over="pair",
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source="Agarwal, Dudík, Wu 2019, ICML, section 2 (statistical parity), between two groups; Smirnov 1939",
    among=PREDICTED,
    good="zero",
    names={"holisticai": "max_statistical_parity (at 150 thresholds)"},
)
def cdf_parity(group: Predicted, reference: Predicted) -> Share:
    """Largest distance of two groups' distribution functions of the prediction (Kolmogorov–Smirnov), 0 to 1."""
    distance = np.abs(_cumulated(group) - _cumulated(reference))
    return _where((group.weight > 0) & (reference.weight > 0), distance.max(axis=-1, initial=0))


@metric(
    task="regression",
    over="pair",
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source="holisticai, statistical_parity_auc: statistical parity at every threshold, the mean of its size",
    among=PREDICTED,
    good="zero",
    names={"holisticai": "statistical_parity_auc (at 150 thresholds)"},
)
def statistical_parity_area(group: Predicted, reference: Predicted) -> Share:
    """Mean unsigned difference of two groups' shares above a threshold, over the predictions of both, 0 to 1."""
    distance = np.abs(_cumulated(group) - _cumulated(reference))
    every = quotient(group.histogram + reference.histogram, (group.weight + reference.weight)[..., None])
    return _where((group.weight > 0) & (reference.weight > 0), (distance * every).sum(axis=-1))


@metric(
    task="regression",
    over="pair",
    boundary=True,
    labels=False,
    decisions=False,
    scale="number",
    unit="outcome",
    source="Vallender 1974, Theory of Probability and Its Applications 18:784: the area between distribution functions",
    among=PREDICTED,
    good="zero",
    names={"aif360": "ot_distance (of scores)"},
)
def wasserstein_distance(group: Predicted, reference: Predicted) -> Share:
    """Mean distance by which one group's predictions must move to be distributed as the other's (Wasserstein-1)."""
    width = np.diff(group.value, axis=-1)
    distance = np.abs(_cumulated(group) - _cumulated(reference))[..., :-1]
    return _where((group.weight > 0) & (reference.weight > 0), (distance * width).sum(axis=-1))


@metric(
    task="regression",
    over="groups",
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source="Agarwal, Dudík, Wu 2019, ICML, section 2 (statistical parity): the largest over groups and values",
    among=PREDICTED,
    good="zero",
)
def regression_statistical_parity(summary: Predicted) -> Share:
    """Largest distance between some group's distribution function of the prediction and that of all, 0 to 1."""
    present = summary.weight > 0
    every = summary.histogram.sum(axis=-2, keepdims=True)
    cumulated = quotient(every.cumsum(axis=-1), np.maximum(every.sum(axis=-1, keepdims=True), np.finfo(float).tiny))
    distance = np.abs(_cumulated(summary) - cumulated).max(axis=-1, initial=0)
    return _where(present.sum(axis=-1) > 1, (distance * present).max(axis=-1, initial=0))


@metric(
    task="regression",
    over="groups",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Jain, Chiu, Hawe 1984, DEC Research Report TR-301 (index of fairness), of absolute errors",
    among="rows with an error other than 0",
    good="one",
    names={"holisticai": "jain_index"},
)
def jain_index(summary: Predicted) -> Share:
    """How evenly absolute errors fall on all rows, (Σ|e|)²/(nΣe²): 1 all alike, 1/n all on one row."""
    total, squares = summary.absolute.sum(axis=-1), summary.squares.sum(axis=-1)
    return Share(total**2, squares * summary.both.sum(axis=-1))


def _around_mean(squares: NDArray[Any], total: NDArray[Any], weight: NDArray[Any]) -> Floats:
    """The sum of squares around the group's own mean, 0 where it is but rounding."""
    around = squares - quotient(np.asarray(total) ** 2, weight)
    return np.asarray(np.where(around > NONE * np.asarray(squares), around, 0.0))


def _cumulated(summary: Predicted) -> Floats:
    """Distribution function of each group at every value."""
    below = summary.histogram.cumsum(axis=-1)
    return quotient(below, np.broadcast_to(np.asarray(summary.weight)[..., None], below.shape))


def _where(defined: NDArray[np.bool_], value: Floats) -> Share:
    defined = np.asarray(defined)
    return Share(np.where(defined, value, 0.0), defined.astype(np.float64))
