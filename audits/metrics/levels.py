"""Predicted numbers with a bound to them: up to which level groups pass alike, and what a treatment changes."""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.predicted import Predicted
from audits.statistics.roots import Floats, quotient

FOUR_FIFTHS = 0.8


@metric(
    task="regression",
    over="pair",
    labels=False,
    decisions=False,
    scale="number",
    unit="outcome",
    source="holisticai, no_disparate_impact_level; 29 CFR 1607.4 D (four-fifths rule)",
    among="rows with a prediction",
    good="open",
    names={"holisticai": "no_disparate_impact_level (ratio between 0.8 and 1.2, at 100 quantiles)"},
)
def no_disparate_impact_level(group: Predicted, reference: Predicted) -> Share:
    """Highest value which four fifths as many of the one group as of the other reach, or more.

    The highest values are reached by the fewest rows, where the ratio is chance: it says nothing of lower thresholds.
    """
    one, other = _reaching(group), _reaching(reference)
    alike = quotient(np.minimum(one, other), np.maximum(one, other)) >= FOUR_FIFTHS - 1e-12
    value = np.where(alike, group.value, -np.inf).max(axis=-1, initial=-np.inf)
    there = (group.weight > 0) & (reference.weight > 0)
    return Share(np.where(there, value, 0.0), there.astype(np.float64))


@metric(
    task="regression",
    labels=False,
    decisions=False,
    scale="number",
    unit="outcome",
    source="Monetary Authority of Singapore, Veritas toolkit, rejected_harm and acquire_benefit (uplift models)",
    among="rows of which it is known what is predicted without the treatment, and whether they are treated",
    good="open",
    names={"veritas": "rejected_harm, acquire_benefit (privileged − unprivileged)"},
)
def treatment_effect(summary: Predicted) -> Share:
    """Sum over those treated of the prediction less the one without the treatment, over all rows of the group.

    Of the chance of being rejected it is the harm from rejection, of that of being acquired the benefit.
    """
    return Share(summary.effect, summary.treatable)


def _reaching(summary: Predicted) -> Floats:
    """Share of each group at or above every value."""
    above = np.flip(np.flip(summary.histogram, axis=-1).cumsum(axis=-1), axis=-1)
    return quotient(above, np.broadcast_to(np.asarray(summary.weight)[..., None], above.shape))
