"""How far the sizes of the groups are from equal: who is in the data, and who hardly is.

All take ``LabelCounts`` and look at no label. Equal sizes are a yardstick, not a demand: people are not spread so.
Resampled rows cannot tell how far from it chance alone leads, so these numbers have no interval; chi-squared alone is
held to what chance makes of groups of equal size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.balance import LabelCounts, all_rows
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
    names={
        "rai_toolbox": "Total Variation Distance; Wasserstein Distance (of the shares as numbers: 2/k of it, k groups)",
        "helm": "demographic representation",
    },
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
    names={"rai_toolbox": "KL Divergence, Theil T Index"},
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
    names={"rai_toolbox": "Atkinson Index"},
)
def group_size_atkinson_index(labels: LabelCounts) -> Share:
    """One minus the geometric over the arithmetic mean of the groups' sizes; 1 where a group is empty."""
    share, among = _shares(labels)
    logarithm = np.log(np.where(share > 0, share * share.shape[-1], 1.0))
    geometric = np.where((share > 0).all(axis=-1), np.exp(logarithm.mean(axis=-1)), 0.0)
    return Share(np.clip(1 - geometric, 0, None), among)


@metric(
    source=f"{_RAI}; Theil 1967, Economics and Information Theory (mean logarithmic deviation)",
    among="rows, or has a group without any",
    good="zero",
    task="data",
    over="groups",
    scale="number",
    unit="nats",
    boundary=True,
    names={"rai_toolbox": "Theil L Index; Cross Entropy, which is ln k more (the code adds where it should multiply)"},
)
def group_size_theil_l_index(labels: LabelCounts) -> Share:
    """Mean over the groups of −ln(p k), p a group's share of the rows; there is none where a group is empty."""
    share, among = _shares(labels)
    logarithm = np.log(np.where(share > 0, share * share.shape[-1], 1.0))
    return Share(np.clip(-_mean(logarithm), 0, None), among * (share > 0).all(axis=-1))


@metric(
    source=f"{_RAI}; Endres, Schindelin 2003, IEEE Transactions on Information Theory 49:1858",
    among="rows",
    good="zero",
    task="data",
    over="groups",
    scale="proportion",
    unit="distance",
    boundary=True,
    names={"rai_toolbox": "JS Distance"},
)
def group_size_js_distance(labels: LabelCounts) -> Share:
    """Root of the Jensen–Shannon divergence (nats) of the groups' shares of the rows from equal ones; below 0.833."""
    share, among = _shares(labels)
    even = 1 / max(share.shape[-1], 1)
    middle = (share + even) / 2
    own = share * np.log(np.where(share > 0, share / middle, 1.0))
    return Share(np.sqrt(np.clip((own + even * np.log(even / middle)).sum(axis=-1) / 2, 0, None)), among)


@metric(
    source=f"{_RAI}; Pearson 1900, Philosophical Magazine 50:157",
    among="rows",
    good="zero",
    task="data",
    over="groups",
    scale="number",
    unit="chi-squared",
    boundary=True,
    names={"rai_toolbox": "Chi-Squared, and its p-value"},
)
def group_size_chi_squared(labels: LabelCounts) -> Share:
    """Sum over the groups of (rows − mean rows)² / mean rows; weighted rows count as their weights are."""
    rows, (_, among) = all_rows(labels), _shares(labels)
    mean = quotient(rows.sum(axis=-1), np.asarray(float(rows.shape[-1])))[..., None]
    return Share(quotient((rows - mean) ** 2, np.broadcast_to(mean, rows.shape)).sum(axis=-1), among)


SIZES = frozenset(
    function.__name__
    for function in (
        group_size_total_variation,
        group_size_linf_distance,
        group_size_kl_divergence,
        group_size_atkinson_index,
        group_size_theil_l_index,
        group_size_js_distance,
        group_size_chi_squared,
    )
)
"""Metrics of the groups' sizes: tables of groups that are alike but for their sizes tell nothing of them."""


def equal_sizes(
    labels: LabelCounts, units: Floats, known: Sequence[int], number: int, rng: np.random.Generator
) -> LabelCounts:
    """Return groups that differ in size by chance alone: as many rows as the known ones have, dealt to them alike.

    Args:
        labels: the groups.
        units: how many independent rows each is worth; as many are dealt, each of the mean weight.
        known: positions of the groups that are compared; the others get none.
        number: how many times.
        rng: deals them.
    """
    places = list(known)
    many = max(round(float(units[places].sum())), 1)
    rows = np.zeros((number, len(units)))
    if places:
        dealt = rng.multinomial(many, np.full(len(places), 1 / len(places)), size=number)
        rows[:, places] = dealt * (float(all_rows(labels)[places].sum()) / many)
    return LabelCounts(np.zeros((*rows.shape, 1, 1)), rows[..., None])


def _shares(labels: LabelCounts) -> tuple[Floats, Floats]:
    """Each group's share of all rows, and 1 where there are two groups or more and any rows, else 0."""
    rows = all_rows(labels)
    total = rows.sum(axis=-1)
    return quotient(rows, total[..., None]), ((total > 0) & (rows.shape[-1] > 1)).astype(np.float64)


def _mean(logarithm: Floats) -> Floats:
    """Mean over the groups; 0 where there is none."""
    return np.asarray(logarithm.sum(axis=-1) / max(logarithm.shape[-1], 1))
