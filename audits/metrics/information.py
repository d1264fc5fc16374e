"""How much decisions tell of the group: mutual information, and differential fairness.

All take the confusion counts of all groups of an attribute, along the last axis. Mutual information is in units of
what there is to tell (the entropy of the group): 0 nothing, 1 everything. A group without rows tells nothing and is
passed over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Counts, Share, metric
from audits.statistics.roots import Floats, arrays, quotient

CONCENTRATION = 1.0
"""Rows that smoothing adds to each group, half of them positive (the prior of Foulds et al. in AI Fairness 360)."""

_INFORMATION = "Steinberg et al. 2020, Fairness Measures for Regression via Probabilistic Classification"
_FOULDS = "Foulds et al. 2020, An Intersectional Definition of Fairness, ICDE"


@metric(
    source=f"{_INFORMATION} (normalised mutual information, independence)",
    among="two groups with decisions",
    good="zero",
    labels=False,
    over="groups",
    scale="proportion",
    boundary=True,
    names={"veritas": "mi_independence"},
)
def mutual_information_independence(counts: Counts) -> Share:
    """Share of the information on the group that the decision carries: I(decision; group)/H(group)."""
    positive, negative = counts.tp + counts.fp + counts.up, counts.fn + counts.tn + counts.un
    return information(_joint([[positive, negative]]))


@metric(
    source=f"{_INFORMATION} (normalised mutual information, separation)",
    among="two groups with decisions and a known truth",
    good="zero",
    over="groups",
    scale="proportion",
    boundary=True,
    given="truth",
    names={"veritas": "mi_separation"},
)
def mutual_information_separation(counts: Counts) -> Share:
    """Share of the information on the group that the decision adds to the truth: I(decision; group | truth)/H."""
    return information(_joint([[counts.tp, counts.fn], [counts.fp, counts.tn]]))


@metric(
    source=f"{_INFORMATION} (normalised mutual information, sufficiency)",
    among="two groups with decisions and a known truth",
    good="zero",
    over="groups",
    scale="proportion",
    boundary=True,
    given="decision",
    names={"veritas": "mi_sufficiency"},
)
def mutual_information_sufficiency(counts: Counts) -> Share:
    """Share of the information on the group that the truth adds to the decision: I(truth; group | decision)/H."""
    return information(_joint([[counts.tp, counts.fp], [counts.fn, counts.tn]]))


@metric(
    source=f"{_FOULDS} (differential fairness, smoothed)",
    among="two groups with decisions",
    good="zero",
    labels=False,
    over="groups",
    scale="number",
    unit="nats",
    boundary=True,
    names={"aif360": "smoothed_empirical_differential_fairness, smoothed_edf (of predictions)"},
)
def differential_fairness(counts: Counts) -> Share:
    """Largest |ln| of the ratio of two groups' chances of the same decision, smoothed by half a row of each."""
    return _differential(counts.tp + counts.fp + counts.up, counts.fn + counts.tn + counts.un)


@metric(
    source=f"{_FOULDS} (differential fairness of the data, smoothed)",
    among="two groups with a known truth",
    good="zero",
    decisions=False,
    over="groups",
    scale="number",
    unit="nats",
    boundary=True,
    names={"aif360": "smoothed_empirical_differential_fairness, smoothed_edf (of labels)"},
)
def label_differential_fairness(counts: Counts) -> Share:
    """Largest |ln| of the ratio of two groups' shares of the same truth, smoothed by half a row of each."""
    return _differential(counts.tp + counts.fn, counts.fp + counts.tn)


@metric(
    source=f"{_FOULDS} (bias amplification)",
    among="two groups with decisions and a known truth",
    good="zero",
    over="groups",
    scale="number",
    unit="nats",
    boundary=True,
    names={"aif360": "differential_fairness_bias_amplification, df_bias_amplification (predictions − labels)"},
)
def bias_amplification(counts: Counts) -> Share:
    """Differential fairness of the decisions minus that of the truth, on the same rows; above 0 decisions add to it."""
    decided = _differential(counts.tp + counts.fp, counts.fn + counts.tn)
    true = _differential(counts.tp + counts.fn, counts.fp + counts.tn)
    return Share(decided.of - true.of, np.minimum(decided.among, true.among))


def _joint(cells: list[list[NDArray[np.generic]]]) -> Floats:
    """… × strata × values × groups."""
    return np.stack([np.stack(arrays(*stratum), axis=-2) for stratum in cells], axis=-3)


def information(joint: Floats) -> Share:
    """Return I(value; group | stratum) over H(group | stratum), of counts … × strata × values × groups."""
    stratum = joint.sum(axis=(-2, -1), keepdims=True)
    value, group = joint.sum(axis=-1, keepdims=True), joint.sum(axis=-2, keepdims=True)
    told = (joint * _log(joint * stratum, value * group)).sum(axis=(-3, -2, -1))
    there_is = (group * _log(stratum, group)).sum(axis=(-3, -2, -1))
    total = joint.sum(axis=(-3, -2, -1))
    return Share(np.clip(quotient(told, total), 0, None), quotient(there_is, total))


def _log(numerator: Floats, denominator: Floats) -> Floats:
    """Ln of a quotient, 0 where either side is 0 (0 · ln 0 is 0)."""
    top, bottom = np.broadcast_arrays(numerator, denominator)
    there = (top > 0) & (bottom > 0)
    return np.asarray(np.log(np.divide(top, bottom, out=np.ones(top.shape), where=there)))


def _differential(positive: NDArray[np.generic], negative: NDArray[np.generic]) -> Share:
    positive, negative = arrays(positive, negative)
    rows = positive + negative
    there = rows > 0
    share = (positive + CONCENTRATION / 2) / (rows + CONCENTRATION)
    spread = [_range(np.log(part), there) for part in (share, 1 - share)]
    return Share(np.maximum(*spread), (there.sum(axis=-1) > 1).astype(np.float64))


def _range(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """Largest minus smallest of the values that are there, over the last axis; 0 where none is."""
    high = np.where(there, values, -np.inf).max(axis=-1, initial=-np.inf)
    low = np.where(there, values, np.inf).min(axis=-1, initial=np.inf)
    return np.asarray(np.where(there.any(axis=-1), high, 0.0) - np.where(there.any(axis=-1), low, 0.0))
