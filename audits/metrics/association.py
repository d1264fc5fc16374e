"""How being of a group goes with having the positive label, against everybody: measures of association.

All take ``LabelCounts`` of all groups and tell each group's number; rows without a label count nowhere.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.balance import LabelCounts, values_of
from audits.statistics.roots import Floats, quotient

_RAI = "Responsible AI Toolbox, data balance (feature balance measures)"


@metric(
    source=f"{_RAI}; Church, Hanks 1990, Computational Linguistics 16:22",
    among="rows with a positive label",
    good="zero",
    task="data",
    scale="number",
    unit="nats",
    across=True,
    names={"rai_toolbox": "Pointwise Mutual Information (of each group, then their difference)"},
)
def pointwise_mutual_information(labels: LabelCounts) -> Share:
    """Ln of how much more often the group is positive than all rows are: 0 as often, above 0 more often."""
    positive, rows, positives, everybody = _margins(labels)
    lift = quotient(positive * everybody, rows * positives)
    there = lift > 0
    return Share(np.log(np.where(there, lift, 1.0)), there.astype(np.float64))


@metric(
    source=f"{_RAI}; Dice 1945, Ecology 26:297",
    among="rows with a label",
    good="truth",
    task="data",
    scale="proportion",
    unit="index",
    across=True,
    names={"rai_toolbox": "Sorensen-Dice Coefficient (of each group, then their difference)"},
)
def dice_coefficient(labels: LabelCounts) -> Share:
    """Overlap of the group with the positives: twice the rows that are both, over those of the one and of the other."""
    positive, rows, positives, _ = _margins(labels)
    return Share(2 * positive, np.where(rows > 0, rows + positives, 0.0))


@metric(
    source=f"{_RAI}; Jaccard 1912, New Phytologist 11:37",
    among="rows with a label",
    good="truth",
    task="data",
    scale="proportion",
    unit="index",
    across=True,
    names={"rai_toolbox": "Jaccard Index (of each group, then their difference)"},
)
def membership_jaccard_index(labels: LabelCounts) -> Share:
    """Rows that are of the group and positive, of those that are either."""
    positive, rows, positives, _ = _margins(labels)
    return Share(positive, np.where(rows > 0, rows + positives - positive, 0.0))


@metric(
    source=f"{_RAI}; Kendall 1945, Biometrika 33:239 (tau-b, of two yes-or-no values the phi coefficient)",
    among="rows with a label, or everybody is of the group, or of one label",
    good="zero",
    task="data",
    scale="signed",
    unit="correlation",
    across=True,
    names={"rai_toolbox": "Kendall Rank Correlation (of each group, then their difference)"},
)
def membership_correlation(labels: LabelCounts) -> Share:
    """Correlation of being of the group and having the positive label, −1 to 1; 0 where it is as common in it."""
    positive, rows, positives, everybody = _margins(labels)
    spread = rows * (everybody - rows) * positives * (everybody - positives)
    return Share(positive * everybody - rows * positives, np.sqrt(spread))


def _margins(labels: LabelCounts) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each group: its positive rows, its rows; of all groups: the positive rows, the rows."""
    values = values_of(labels)
    positive, rows = values[..., -1], values.sum(axis=-1)
    whole = [np.broadcast_to(part.sum(axis=-1, keepdims=True), rows.shape) for part in (positive, rows)]
    return positive, rows, whole[0], whole[1]
