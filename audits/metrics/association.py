"""How being of a group goes with having the positive label, against everybody: measures of association.

All take ``LabelCounts`` of all groups and tell each group's number; rows without a label count nowhere.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.balance import LabelCounts, values_of
from audits.metrics.information import information
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
    names={"rai_toolbox": "Sorensen-Dice Coefficient (half of it, of each group, then their difference)"},
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
    names={
        "rai_toolbox": "Kendall Rank Correlation (of each group, then their difference; takes ties for agreement, so "
        "that a group that has nothing to do with the label is not at 0)",
    },
)
def membership_correlation(labels: LabelCounts) -> Share:
    """Correlation of being of the group and having the positive label, −1 to 1; 0 where it is as common in it."""
    positive, rows, positives, everybody = _margins(labels)
    spread = rows * (everybody - rows) * positives * (everybody - positives)
    return Share(positive * everybody - rows * positives, np.sqrt(spread))


@metric(
    source=f"{_RAI}; Aka et al. 2021, Measuring Model Biases in the Absence of Ground Truth, AIES (LLR)",
    among="rows with a positive label",
    good="truth",
    task="data",
    scale="number",
    unit="nats",
    across=True,
    names={"rai_toolbox": "Log-Likelihood Ratio (of each group, then their difference)"},
)
def log_likelihood_ratio(labels: LabelCounts) -> Share:
    """Ln of the group's share of the positive rows, ln p(group | positive); depends on the group's size."""
    positive, _, positives, _ = _margins(labels)
    there = positive > 0
    return Share(np.log(np.where(there, quotient(positive, positives), 1.0)), there.astype(np.float64))


@metric(
    source=f"{_RAI}; Aka et al. 2021, Measuring Model Biases in the Absence of Ground Truth, AIES (t-test)",
    among="rows with a label, or no row has a positive one",
    good="zero",
    task="data",
    scale="number",
    unit="t",
    across=True,
    names={"rai_toolbox": "t-test (of each group, then their difference; the code takes p(label) for p(group, label))"},
)
def association_t_statistic(labels: LabelCounts) -> Share:
    """Share of rows both of the group and positive, less what it is by chance, over the root of the latter.

    (p(x, y) − p(x) p(y)) / √(p(x) p(y)); 0 where being of the group has nothing to do with the label.
    """
    positive, rows, positives, everybody = _margins(labels)
    return Share(positive * everybody - rows * positives, everybody * np.sqrt(rows * positives))


@metric(
    source="Shannon 1948; Credo AI Lens, data fairness (normalised mutual information with the sensitive feature)",
    among="rows of two groups with a value",
    good="zero",
    task="data",
    over="groups",
    scale="proportion",
    unit="share of the entropy of the group",
    boundary=True,
    names={"credo": "proxy_mutual_information, of each column (its max: the technique proxies)"},
)
def membership_information(labels: LabelCounts) -> Share:
    """Share of the information on the group that the value carries, I(value; group)/H(group): 0 none, 1 all."""
    values = np.swapaxes(values_of(labels), -1, -2)  # … × values × groups
    return information(values[..., None, :, :])


def _margins(labels: LabelCounts) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each group: its positive rows, its rows; of all groups: the positive rows, the rows."""
    values = values_of(labels)
    positive, rows = values[..., -1], values.sum(axis=-1)
    whole = [np.broadcast_to(part.sum(axis=-1, keepdims=True), rows.shape) for part in (positive, rows)]
    return positive, rows, whole[0], whole[1]
