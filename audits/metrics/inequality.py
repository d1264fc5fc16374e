"""Inequality indices of what decisions do to people: generalized entropy and its relatives.

What a person has of a decision is b = decision − truth + 1, each 1 where it is good for the person: 0 who was wrongly
decided negative, 1 who was decided rightly, 2 who was wrongly decided positive; where the positive decision is the bad
one, counts are ``turned`` first, so that whoever is wrongly decided positive has nothing. 0 is perfect equality. The
indices of all people depend on the attribute only through who is left out (rows of unknown group); those
``between_group`` put the mean of the group in the place of each person's own, so that their difference from the former
is the inequality inside the groups.

Source: Speicher et al. 2018, A Unified Approach to Quantifying Algorithmic Unfairness, KDD.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.metrics import Counts, Share, metric
from audits.statistics.roots import Floats, arrays, quotient

_SOURCE = "Speicher et al. 2018, A Unified Approach to Quantifying Algorithmic Unfairness, KDD"
_AMONG = "rows with a known truth whose decision is right or favours the person"


BENEFITS = frozenset(
    {
        "generalized_entropy_index",
        "theil_index",
        "mean_log_deviation",
        "coefficient_of_variation",
        "between_group_generalized_entropy",
        "between_group_theil_index",
        "between_group_coefficient_of_variation",
    }
)
"""The metrics that take the positive decision for the good one."""


def turned(counts: Counts) -> Counts:
    """Return the counts with positive and negative exchanged, in truth and decision."""
    return Counts(tp=counts.tn, fp=counts.fn, fn=counts.fp, tn=counts.tp, up=counts.un, un=counts.up)


def generalized_entropy(benefits: ArrayLike, people: ArrayLike, alpha: float) -> Share:
    """Return the generalized entropy index of benefits, over the last axis.

    GE(α) = Σ n·((b/μ)^α − 1) / (n α(α − 1)); α = 1, Theil: Σ n·(b/μ) ln(b/μ) / n; α = 0, mean log deviation:
    −Σ n·ln(b/μ) / n, which does not exist where somebody has nothing.

    Args:
        benefits: what each has, not below 0.
        people: how many have it.
        alpha: weight on the top of the distribution.

    Returns:
        The index, over 1 where it exists and 0 where there is nobody, or nobody has anything.
    """
    benefit, many = arrays(benefits, people)
    total = many.sum(axis=-1)
    mean = quotient((benefit * many).sum(axis=-1), total)
    relative = quotient(benefit, np.broadcast_to(mean[..., None], benefit.shape))
    exists = (total > 0) & (mean > 0)
    logarithm = np.log(np.where(relative > 0, relative, 1.0))
    if alpha == 1:
        each = relative * logarithm
    elif alpha == 0:
        each = -logarithm
        exists &= ~((benefit == 0) & (many > 0)).any(axis=-1)
    else:
        each = (relative**alpha - 1) / (alpha * (alpha - 1))
    index = np.clip(quotient((each * many).sum(axis=-1), total), 0, None)
    return Share(np.where(exists, index, 0.0), exists.astype(np.float64))


@metric(
    source=f"{_SOURCE} (generalized entropy, α = 2)",
    among=_AMONG,
    good="zero",
    over="groups",
    scale="positive",
    unit="index",
    names={
        "aif360": "generalized_entropy_index, generalized_entropy_error",
        "clarify": "GE",
        "holisticai": "generalized_entropy_index",
    },
)
def generalized_entropy_index(counts: Counts) -> Share:
    """Half the squared coefficient of variation of what decisions give people; 0 where all have the same."""
    return generalized_entropy(*_people(counts), alpha=2)


@metric(
    source=f"{_SOURCE} (generalized entropy, α = 1); Theil 1967, Economics and Information Theory",
    among=_AMONG,
    good="zero",
    over="groups",
    scale="positive",
    unit="index",
    names={"aif360": "theil_index", "holisticai": "theil_index"},
)
def theil_index(counts: Counts) -> Share:
    """Mean of (b/μ) ln(b/μ) of what decisions give people; 0 where all have the same."""
    return generalized_entropy(*_people(counts), alpha=1)


@metric(
    source=f"{_SOURCE} (generalized entropy, α = 0)",
    among="rows with a known truth, or has some wrongly decided against them (who have nothing)",
    good="zero",
    over="groups",
    scale="positive",
    unit="index",
    names={"aif360": "generalized_entropy_index(alpha=0) (divided by the mean once too often)"},
)
def mean_log_deviation(counts: Counts) -> Share:
    """Mean of −ln(b/μ) of what decisions give people; there is none where somebody has nothing (b = 0)."""
    return generalized_entropy(*_people(counts), alpha=0)


@metric(
    source=f"{_SOURCE}; Shorrocks 1980, Econometrica 48:613",
    among=_AMONG,
    good="zero",
    over="groups",
    scale="positive",
    unit="index",
    names={
        "aif360": "coefficient_of_variation",
        "holisticai": "coefficient_of_variation (√2 times too large)",
    },
)
def coefficient_of_variation(counts: Counts) -> Share:
    """Standard deviation over mean of what decisions give people: √(2 GE(2))."""
    return _variation(generalized_entropy(*_people(counts), alpha=2))


@metric(
    source="Speicher et al. 2018, KDD (between-group component)",
    among=_AMONG,
    good="zero",
    over="groups",
    scale="number",
    unit="index",
    boundary=True,
    names={
        "aif360": "between_all_groups_generalized_entropy_index, between_group_generalized_entropy_index (two groups)"
    },
)
def between_group_generalized_entropy(counts: Counts) -> Share:
    """Generalized entropy (α = 2) of the groups' mean benefits; 0 where all groups have the same mean."""
    return generalized_entropy(*_groups(counts), alpha=2)


@metric(
    source="Speicher et al. 2018, KDD (between-group component, α = 1)",
    among=_AMONG,
    good="zero",
    over="groups",
    scale="number",
    unit="index",
    boundary=True,
    names={"aif360": "between_all_groups_theil_index, between_group_theil_index (two groups)"},
)
def between_group_theil_index(counts: Counts) -> Share:
    """Theil index of the groups' mean benefits; 0 where all groups have the same mean."""
    return generalized_entropy(*_groups(counts), alpha=1)


@metric(
    source="Speicher et al. 2018, KDD (between-group component); Shorrocks 1980, Econometrica 48:613",
    among=_AMONG,
    good="zero",
    over="groups",
    scale="number",
    unit="index",
    boundary=True,
    names={
        "aif360": "between_all_groups_coefficient_of_variation, between_group_coefficient_of_variation (two groups)"
    },
)
def between_group_coefficient_of_variation(counts: Counts) -> Share:
    """Standard deviation over mean of the groups' mean benefits; 0 where all groups have the same mean."""
    return _variation(generalized_entropy(*_groups(counts), alpha=2))


def _variation(entropy: Share) -> Share:
    return Share(np.sqrt(2 * entropy.of), entropy.among)


def _people(counts: Counts) -> tuple[Floats, Floats]:
    """The three benefits, and how many people of all groups have each."""
    tp, fp, fn, tn = arrays(counts.tp, counts.fp, counts.fn, counts.tn)
    many = np.stack([fn.sum(axis=-1), (tp + tn).sum(axis=-1), fp.sum(axis=-1)], axis=-1)
    return np.array([0.0, 1.0, 2.0]), many


def _groups(counts: Counts) -> tuple[Floats, Floats]:
    """The mean benefit of each group, and its rows."""
    tp, fp, fn, tn = arrays(counts.tp, counts.fp, counts.fn, counts.tn)
    rows = tp + fp + fn + tn
    return quotient(tp + tn + 2 * fp, rows), rows
