"""What scores are worth in every group: ranking, two-class separation, losses, and distances between groups.

Every function takes ``audits.metrics.histograms.Scored``. A positive row should score high; the pairs of a positive and
a negative row are what an AUC is among, a tie counting half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.metrics.histograms import Scored
from audits.statistics.roots import Floats, quotient

NEGATIVE, POSITIVE = 1, 2
PAIRS = "pairs of a positive and a negative row"
PROBABILITIES = "rows with a known truth and a probability for a score"


def wins(high: Floats, low: Floats) -> Share:
    """Return how often a row of ``high`` scores above one of ``low``, a tie counting half: Mann–Whitney's U over n·m.

    Args:
        high: … × bins, rows in each bin.
        low: the same.
    """
    below = np.cumsum(low, axis=-1) - low / 2
    return Share((high * below).sum(axis=-1), high.sum(axis=-1) * low.sum(axis=-1))


def probable(scored: Scored, among: Floats) -> Floats:
    """Return ``among``, and 0 where scores are no probabilities."""
    return np.where(scored.outside > 0, 0.0, among)


def known(scored: Scored) -> Floats:
    """Return the rows (or weight) of each group whose truth is known."""
    return np.asarray(scored.held[..., NEGATIVE:, :].sum(axis=(-2, -1)))


@metric(
    source="Hanley, McNeil 1982, Radiology 143:29; Mann, Whitney 1947",
    among=PAIRS,
    good="quality",
    decisions=False,
    task="scores",
    scale="proportion",
    unit="AUC",
    within=("positives", "negatives"),
    names={
        "fairlearn": "roc_auc_score_group_min (the least of the groups; 0.0 or NaN for one class)",
        "holisticai": "abroca (group a − group b: a difference of AUCs, not the area that the name means)",
        "veritas": "auc_parity (privileged − unprivileged)",
    },
)
def auc(scored: Scored) -> Share:
    """How often a positive row scores above a negative one of the same group, a tie counting half."""
    return wins(scored.tally[..., POSITIVE, :], scored.tally[..., NEGATIVE, :])


@metric(
    source="Engelmann, Hayden, Tasche 2003, Risk 16:82 (accuracy ratio)",
    among=PAIRS,
    good="quality",
    decisions=False,
    task="scores",
    scale="signed",
    unit="Gini",
    within=("positives", "negatives"),
    names={"credo": "gini_coefficient"},
)
def gini(scored: Scored) -> Share:
    """Gini coefficient of a score, 2 AUC − 1: 0 ranks no better than chance, 1 perfectly, −1 the wrong way round."""
    of, among = auc(scored)
    return Share(2 * of - among, among)


@metric(
    source="Thomas, Edelman, Crook 2002, Credit Scoring and its Applications, section 7.3",
    among=PAIRS,
    good="quality",
    decisions=False,
    task="scores",
    scale="proportion",
    boundary=True,
    names={"credo": "ks_statistic"},
)
def ks_statistic(scored: Scored) -> Share:
    """Largest distance between the score distributions of positive and negative rows of a group, 0 to 1.

    It is the largest value of true minus false positive rate, either way round, over all thresholds. It is too large
    by chance, the more so the fewer the rows, so that groups of different size are not to be compared by it.
    """
    positive, negative = scored.tally[..., POSITIVE, :], scored.tally[..., NEGATIVE, :]
    many, few = positive.sum(axis=-1, keepdims=True), negative.sum(axis=-1, keepdims=True)
    apart = np.abs(np.cumsum(positive, axis=-1) * few - np.cumsum(negative, axis=-1) * many)
    return Share(apart.max(axis=-1), (many * few)[..., 0])


@metric(
    source="Good 1952, Journal of the Royal Statistical Society B 14:107 (logarithmic score)",
    among=PROBABILITIES,
    good="error",
    decisions=False,
    task="scores",
    scale="positive",
    unit="nats",
    names={"fairlearn": "log_loss_group_max (the largest of the groups)", "veritas": "log_loss_parity"},
)
def log_loss(scored: Scored) -> Share:
    """Mean of −ln of the probability given to the truth; a probability of 0 counts as 2.2e-16, as in scikit-learn."""
    return Share(scored.loss, probable(scored, known(scored)))


@metric(
    source="Brier 1950, Monthly Weather Review 78:1",
    among=PROBABILITIES,
    good="error",
    decisions=False,
    task="scores",
    scale="proportion",
    unit="squared error",
)
def brier_score(scored: Scored) -> Share:
    """Mean of (probability − truth)²: 0 for certain and right, 1 for certain and wrong."""
    return Share(scored.squared, probable(scored, known(scored)))


@metric(
    source="Calders et al. 2013, Controlling Attribute Effect in Linear Regression, section 2 (mean difference)",
    among="rows with a score",
    good="high",
    labels=False,
    decisions=False,
    task="scores",
    scale="number",
    unit="score",
    names={"holisticai": "avg_score_diff (a − b)", "fairlearn": "mean_prediction"},
)
def mean_score(scored: Scored) -> Share:
    """Mean score of the rows of a group, also where the truth is unknown."""
    return Share(scored.score.sum(axis=(-2, -1)), scored.held.sum(axis=(-2, -1)))


@metric(
    source="Gardner, Brooks, Baker 2019, Evaluating the Fairness of Predictive Student Models Through Slicing Analysis",
    among=PAIRS,
    good="zero",
    decisions=False,
    task="scores",
    over="pair",
    scale="proportion",
    unit="area",
    boundary=True,
    given="truth",
    names={"abroca": "abroca"},
)
def abroca(group: Scored, reference: Scored) -> Share:
    """Area between the ROC curves of two groups, ∫ |ROC_group − ROC_reference| over the false positive rate.

    0 for the same curve; curves that cross may differ much at the same AUC. Ties are joined by straight lines, between
    which the area is exact.
    """
    ours, theirs = _curve(group), _curve(reference)
    exists = (ours[2] > 0) & (theirs[2] > 0)
    return Share(_area_between(ours[:2], theirs[:2]), np.where(exists, 1.0, 0.0))


def _curve(scored: Scored) -> tuple[Floats, Floats, Floats]:
    """False and true positive rates at every threshold, the strictest first; and the pairs that there are."""
    falling = scored.tally[..., NEGATIVE:, ::-1]
    many = falling.sum(axis=-1, keepdims=True)
    rates = np.zeros((*falling.shape[:-1], falling.shape[-1] + 1))
    rates[..., 1:] = quotient(np.cumsum(falling, axis=-1), many)
    rates[..., -1] = 1.0  # not nearly 1, so that two curves end at the same place
    return rates[..., 0, :], rates[..., 1, :], many[..., 0, 0] * many[..., 1, 0]


def _area_between(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> Floats:
    """∫ |difference| of two curves that are straight between their points; exact, where they cross too."""
    points, before = one[0].shape[-1], np.broadcast_shapes(one[0].shape[:-1], other[0].shape[:-1])
    x = np.concatenate([np.broadcast_to(curve[0], (*before, curve[0].shape[-1])) for curve in (one, other)], axis=-1)
    order = np.argsort(x, axis=-1, kind="stable")
    x = _picked(x, order)
    mine = order < points
    left, right = np.zeros(()), np.zeros(())
    for curve, passed, sign in ((one, mine, 1.0), (other, ~mine, -1.0)):
        begin, end = _along(curve, passed, x)
        left, right = left + sign * begin, right + sign * end
    width = np.diff(x, axis=-1)
    size = np.abs(left) + np.abs(right)
    crossed = quotient(left**2 + right**2, size)
    heights = np.where(left * right >= 0, size, crossed) / 2
    return np.asarray((heights * width).sum(axis=-1))


def _along(curve: tuple[Floats, Floats], passed: NDArray[np.bool_], x: Floats) -> tuple[Floats, Floats]:
    """The curve's height at the left and right end of each interval of ``x``, inside the interval.

    ``passed`` which points of ``x`` are the curve's own. On an interval of some width the curve is one straight line.
    """
    at = np.clip(np.cumsum(passed, axis=-1)[..., :-1] - 1, 0, curve[0].shape[-1] - 2)
    slopes = quotient(np.diff(curve[1], axis=-1), np.diff(curve[0], axis=-1))
    x0, y0, slope = (_picked(part, at) for part in (*curve, slopes))
    return y0 + slope * (x[..., :-1] - x0), y0 + slope * (x[..., 1:] - x0)


def _picked(values: Floats, at: NDArray[np.intp]) -> Floats:
    """``np.take_along_axis`` over the last axis, several times as fast."""
    many = values.shape[-1]
    rows = np.arange(values.size // many, dtype=np.intp).reshape(values.shape[:-1])
    return np.asarray(np.ravel(values).take(at + rows[..., None] * many))


@metric(
    source="Kolmogorov 1933; Smirnov 1948 (two samples); Agarwal, Dudík, Wu 2019, section 2 (statistical parity)",
    among="rows with a score",
    good="zero",
    labels=False,
    decisions=False,
    task="scores",
    over="pair",
    scale="proportion",
    boundary=True,
    names={"holisticai": "max_statistical_parity"},
)
def score_ks_distance(group: Scored, reference: Scored) -> Share:
    """Largest gap between two groups in the share of rows above a threshold, over all thresholds: sup |F − F'|."""
    ours, theirs = group.tally.sum(axis=-2), reference.tally.sum(axis=-2)
    apart, among = _distribution_gap(ours, theirs)
    return Share(np.abs(apart).max(axis=-1), among)


@metric(
    source="Jiang et al. 2020, Wasserstein Fair Classification, section 3; Vallender 1974 (one dimension)",
    among="rows with a score",
    good="zero",
    labels=False,
    decisions=False,
    task="scores",
    over="pair",
    scale="number",
    unit="score",
    boundary=True,
    names={
        "holisticai": "statistical_parity_auc (the same area for scores between 0 and 1)",
        "aif360": "ot_distance (another cost)",
        "langfair": "sentiment bias, strict",
    },
)
def score_wasserstein_distance(group: Scored, reference: Scored) -> Share:
    """How far the scores of one group would have to be moved to be distributed as the other's: ∫ |F − F'|."""
    ours, theirs = group.tally.sum(axis=-2), reference.tally.sum(axis=-2)
    apart, among = _distribution_gap(ours, theirs)
    steps = np.diff(group.value, axis=-1)
    return Share((np.abs(apart[..., :-1]) * steps).sum(axis=-1), among)


def _distribution_gap(ours: Floats, theirs: Floats) -> tuple[Floats, Floats]:
    """F − F' at every bin, and 1 where both groups have rows (else 0)."""
    one, other = ours.sum(axis=-1, keepdims=True), theirs.sum(axis=-1, keepdims=True)
    apart = quotient(np.cumsum(ours, axis=-1), one) - quotient(np.cumsum(theirs, axis=-1), other)
    return apart, np.where((one > 0) & (other > 0), 1.0, 0.0)[..., 0]
