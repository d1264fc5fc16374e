"""Parities that Aequitas puts together from others: the smallest of the ratios of the rates that they are made of.

A ratio is the smaller rate over the larger, so that it is from 0 to 1; Aequitas passes it where it is at least τ. What
is made of numbers of people too is no composite of rates: a limit is one on ``predicted_share`` and on
``selection_rate``, each by itself.

Source: Saleiro et al. 2018, Aequitas: A Bias and Fairness Audit Toolkit.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Counts, Share, metric
from audits.metrics.composites import smallest_ratio
from audits.metrics.rates import (
    false_discovery_rate,
    false_negative_rate,
    false_omission_rate,
    false_positive_rate,
    selection_rate,
)
from audits.statistics.roots import arrays, quotient


@metric(
    source="Saleiro et al. 2018 (Aequitas) (Type I parity)",
    among="false positives to compare",
    good="one",
    over="pair",
    scale="proportion",
    unit="ratio",
    boundary=True,
    components=("false_discovery_rate", "false_positive_rate"),
    names={"aequitas": "TypeI Parity (FDR and FPR within τ and 1/τ)"},
)
def type_one_error_ratio(group: Counts, reference: Counts) -> Share:
    """The smaller of the ratios of false discovery and of false positive rates, each the smaller over the larger."""
    return smallest_ratio(group, reference, false_discovery_rate, false_positive_rate)


@metric(
    source="Saleiro et al. 2018 (Aequitas) (Type II parity)",
    among="false negatives to compare",
    good="one",
    over="pair",
    scale="proportion",
    unit="ratio",
    boundary=True,
    components=("false_omission_rate", "false_negative_rate"),
    names={"aequitas": "TypeII Parity (FOR and FNR within τ and 1/τ)"},
)
def type_two_error_ratio(group: Counts, reference: Counts) -> Share:
    """The smaller of the ratios of false omission and of false negative rates, each the smaller over the larger."""
    return smallest_ratio(group, reference, false_omission_rate, false_negative_rate)


@metric(
    source="Saleiro et al. 2018 (Aequitas) (supervised fairness: Type I and Type II parity)",
    among="false positives and false negatives to compare",
    good="one",
    over="pair",
    scale="proportion",
    unit="ratio",
    boundary=True,
    components=("false_discovery_rate", "false_positive_rate", "false_omission_rate", "false_negative_rate"),
    names={"aequitas": "Supervised Fairness (TypeI Parity and TypeII Parity)"},
)
def supervised_fairness_ratio(group: Counts, reference: Counts) -> Share:
    """The smallest of the ratios of all four error rates, each the smaller over the larger."""
    rates = (false_discovery_rate, false_positive_rate, false_omission_rate, false_negative_rate)
    return smallest_ratio(group, reference, *rates)


@metric(
    source="Saleiro et al. 2018 (Aequitas) (unsupervised fairness: statistical and impact parity)",
    among="rows decided positive, or no rows",
    good="one",
    labels=False,
    over="pair",
    scale="proportion",
    unit="ratio",
    boundary=True,
    names={"aequitas": "Unsupervised Fairness (Statistical Parity and Impact Parity)"},
)
def unsupervised_fairness_ratio(group: Counts, reference: Counts) -> Share:
    """The smaller of the ratios of the positive decisions' numbers and rates, each the smaller over the larger."""
    one, two = arrays(selection_rate(group).of, selection_rate(reference).of)
    share, among = smallest_ratio(group, reference, selection_rate)
    number = quotient(np.minimum(one, two), np.maximum(one, two))
    return Share(np.minimum(share, number), among)
