"""Conditional demographic disparity: who is turned down more often than accepted, stratum by stratum."""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.balance import LabelCounts
from audits.statistics.roots import Floats, quotient

_SOURCE = "Wachter, Mittelstadt, Russell 2021, Computer Law & Security Review 41:105567; SageMaker Clarify"
_AMONG = "stratum in which some are accepted and some rejected, or no rows"


@metric(
    source=f"{_SOURCE}, CDDPL",
    among=_AMONG,
    good="low",
    task="data",
    scale="number",
    between=(-1.0, 1.0),
    across=True,
    names={
        "clarify": "CDDPL (above 0: disadvantaged rejected more; a stratum without rejected or accepted counts as 0)",
        "fairlearn": "control_features (the stratum's own differences, not summed)",
    },
)
def conditional_demographic_disparity(decisions: LabelCounts) -> Share:
    """A group's share of the rejected minus its share of the accepted, averaged over strata by their rows."""
    return disparity(decisions)


@metric(
    source=f"{_SOURCE}, CDDL",
    among=_AMONG,
    good="low",
    task="data",
    scale="number",
    between=(-1.0, 1.0),
    across=True,
    names={
        "clarify": "CDDL (above 0: disadvantaged rejected more; a stratum without rejected or accepted counts as 0)"
    },
)
def conditional_demographic_disparity_in_labels(labels: LabelCounts) -> Share:
    """A group's share of the negative labels minus its share of the positive ones, averaged over strata by rows."""
    return disparity(labels)


def disparity(labels: LabelCounts) -> Share:
    """Return Σ n_s (negative_gs/negative_s − positive_gs/positive_s) over Σ n_s, for every group g.

    Strata s in which nobody is negative, or nobody positive, say nothing and are left out of both sums
    (``usable``). Rows without a label count nowhere. A group without rows in the strata that are left has no number.
    """
    negative, positive = _sides(labels)
    used = usable(labels)
    rows = (negative + positive).sum(axis=-2)
    each = quotient(negative, negative.sum(axis=-2, keepdims=True))
    each -= quotient(positive, positive.sum(axis=-2, keepdims=True))
    total = np.where(used, rows, 0).sum(axis=-1)
    of = (np.where(used, rows, 0)[..., None, :] * each).sum(axis=-1)
    own = np.where(used[..., None, :], negative + positive, 0).sum(axis=-1)
    return Share(of, np.where(own > 0, total[..., None], 0.0))


def usable(labels: LabelCounts) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return which strata have both somebody negative and somebody positive: … × strata."""
    negative, positive = _sides(labels)
    return np.asarray((negative.sum(axis=-2) > 0) & (positive.sum(axis=-2) > 0))


def _sides(labels: LabelCounts) -> tuple[Floats, Floats]:
    """Negative (every value but the last) and positive rows: … × groups × strata."""
    counts = np.asarray(labels.counts, np.float64)
    return counts[..., :-1].sum(axis=-1), counts[..., -1]
