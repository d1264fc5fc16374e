"""A group held against its background, the rows outside it: threshold-free metrics for groups that may overlap.

Every function takes ``audits.metrics.histograms.Scored``: ``tally`` holds the group, ``rest`` its background.
"""

from __future__ import annotations

from audits.metrics import Share, metric
from audits.metrics.histograms import Scored
from audits.metrics.scores import NEGATIVE, PAIRS, POSITIVE, wins

_SOURCE = "Borkan et al. 2019, Nuanced Metrics for Measuring Unintended Bias, section 3"


@metric(
    source=f"{_SOURCE}.1; Dixon et al. 2018",
    among=PAIRS,
    good="quality",
    decisions=False,
    task="scores",
    scale="proportion",
    unit="AUC",
    within=("positives", "negatives"),
    names={"conversationai": "subgroup_auc"},
)
def subgroup_auc(scored: Scored) -> Share:
    """How often a positive row of the group scores above a negative row of the group, a tie counting half."""
    return wins(scored.tally[..., POSITIVE, :], scored.tally[..., NEGATIVE, :])


@metric(
    source=f"{_SOURCE}.1; Kallus, Zhou 2019, The xAUC Metric",
    among="pairs of a positive row of its background and a negative row of its own",
    good="quality",
    decisions=False,
    task="scores",
    scale="proportion",
    unit="AUC",
    within=("background positives", "negatives"),
    names={"conversationai": "bpsn_auc", "kallus and zhou": "xAUC (background, group)"},
)
def bpsn_auc(scored: Scored) -> Share:
    """How often a positive row of the background scores above a negative row of the group (BPSN).

    Low where the group's negative rows score too high: false positives that fall on the group.
    """
    return wins(scored.rest[..., POSITIVE, :], scored.tally[..., NEGATIVE, :])


@metric(
    source=f"{_SOURCE}.1; Kallus, Zhou 2019, The xAUC Metric",
    among="pairs of a positive row of its own and a negative row of its background",
    good="quality",
    decisions=False,
    task="scores",
    scale="proportion",
    unit="AUC",
    within=("positives", "background negatives"),
    names={"conversationai": "bnsp_auc", "kallus and zhou": "xAUC (group, background)"},
)
def bnsp_auc(scored: Scored) -> Share:
    """How often a positive row of the group scores above a negative row of the background (BNSP).

    Low where the group's positive rows score too low: false negatives that fall on the group.
    """
    return wins(scored.tally[..., POSITIVE, :], scored.rest[..., NEGATIVE, :])


@metric(
    source=f"{_SOURCE}.2",
    among="pairs of a negative row of its own and a negative row of its background",
    good="zero",
    decisions=False,
    task="scores",
    scale="number",
    between=(-0.5, 0.5),
    within=("negatives", "background negatives"),
    names={"conversationai": "negative_aeg (½ − MWU(background, subgroup): above 0 the subgroup scores higher)"},
)
def negative_average_equality_gap(scored: Scored) -> Share:
    """How much oftener than half a negative row of the group scores above a negative row of the background.

    Between −½ and ½; above 0 the group's negative rows score higher, at 0 the false positive rates are equal on
    average over all thresholds.
    """
    return _gap(scored, NEGATIVE)


@metric(
    source=f"{_SOURCE}.2",
    among="pairs of a positive row of its own and a positive row of its background",
    good="zero",
    decisions=False,
    task="scores",
    scale="number",
    between=(-0.5, 0.5),
    within=("positives", "background positives"),
    names={"conversationai": "positive_aeg (½ − MWU(background, subgroup): above 0 the subgroup scores higher)"},
)
def positive_average_equality_gap(scored: Scored) -> Share:
    """How much oftener than half a positive row of the group scores above a positive row of the background.

    Between −½ and ½; above 0 the group's positive rows score higher, at 0 the true positive rates are equal on
    average over all thresholds.
    """
    return _gap(scored, POSITIVE)


def _gap(scored: Scored, label: int) -> Share:
    of, among = wins(scored.tally[..., label, :], scored.rest[..., label, :])
    return Share(of - among / 2, among)


IDENTITY = (
    "subgroup_auc",
    "bpsn_auc",
    "bnsp_auc",
    "negative_average_equality_gap",
    "positive_average_equality_gap",
)
"""The metrics of a group against its background."""
