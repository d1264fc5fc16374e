"""How far the sizes of the groups are from equal: who is in the data, and who hardly is.

All take ``LabelCounts`` and look at no label. Equal sizes are a yardstick, not a demand: people are not spread so.
Resampled rows cannot tell how far from it chance alone leads, so these numbers have no interval.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.balance import LabelCounts
from audits.statistics.roots import Floats, quotient

_RAI = "Responsible AI Toolbox, data balance (distribution and aggregate measures against equal sizes)"


@metric(
    source=f"{_RAI}; Bommasani et al. 2023 (HELM), demographic representation",
    among="rows",
    good="zero",
    task="data",
    over="groups",
    scale="proportion",
    boundary=True,
    names={"rai_toolbox": "Total Variation Distance", "helm": "demographic representation"},
)
def group_size_total_variation(labels: LabelCounts) -> Share:
    """Share of the rows that would have to change group to make all groups equally large."""
    share, among = _shares(labels)
    return Share(abs(share - 1 / share.shape[-1]).sum(axis=-1) / 2, among)


@metric(
    source=_RAI,
    among="rows",
    good="zero",
    task="data",
    over="groups",
    scale="proportion",
    boundary=True,
    names={"rai_toolbox": "Infinity Norm"},
)
def group_size_linf_distance(labels: LabelCounts) -> Share:
    """Largest distance of a group's share of the rows from an equal share."""
    share, among = _shares(labels)
    return Share(abs(share - 1 / share.shape[-1]).max(axis=-1, initial=0.0), among)


@metric(
    source=f"{_RAI}; Theil 1967, Economics and Information Theory",
    among="rows",
    good="zero",
    task="data",
    over="groups",
    scale="number",
    unit="nats",
    boundary=True,
    names={"rai_toolbox": "KL Divergence, Theil T Index (cross-entropy and JS Distance are made of it)"},
)
def group_size_kl_divergence(labels: LabelCounts) -> Share:
    """Divergence of the groups' shares from equal ones, Σ p ln(p k), which is their Theil index; 0 to ln k."""
    share, among = _shares(labels)
    logarithm = np.log(np.where(share > 0, share * share.shape[-1], 1.0))
    return Share(np.clip((share * logarithm).sum(axis=-1), 0, None), among)


@metric(
    source=f"{_RAI}; Atkinson 1970, Journal of Economic Theory 2:244",
    among="rows",
    good="zero",
    task="data",
    over="groups",
    scale="proportion",
    unit="index",
    boundary=True,
    names={"rai_toolbox": "Atkinson Index (Theil L Index is −ln(1 − it))"},
)
def group_size_atkinson_index(labels: LabelCounts) -> Share:
    """One minus the geometric over the arithmetic mean of the groups' sizes; 1 where a group is empty."""
    share, among = _shares(labels)
    logarithm = np.log(np.where(share > 0, share * share.shape[-1], 1.0))
    geometric = np.where((share > 0).all(axis=-1), np.exp(logarithm.mean(axis=-1)), 0.0)
    return Share(np.clip(1 - geometric, 0, None), among)


SIZES = frozenset(
    function.__name__
    for function in (
        group_size_total_variation,
        group_size_linf_distance,
        group_size_kl_divergence,
        group_size_atkinson_index,
    )
)
"""Metrics of the groups' sizes: tables of groups that are alike but for their sizes tell nothing of them."""


def _shares(labels: LabelCounts) -> tuple[Floats, Floats]:
    """Each group's share of all rows, and 1 where there are two groups or more and any rows, else 0."""
    rows = np.asarray(labels.counts, np.float64).sum(axis=(-2, -1)) + np.asarray(labels.unknown, np.float64).sum(
        axis=-1
    )
    total = rows.sum(axis=-1)
    return quotient(rows, total[..., None]), ((total > 0) & (rows.shape[-1] > 1)).astype(np.float64)
