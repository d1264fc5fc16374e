"""Which items a group is shown among the first k of its lists: how many different ones, how evenly, and the same ones?

Every function but the last takes how often each item of the catalogue is shown to each group. Lists belong to the
people who are shown them; where the group is the item's own, two groups have no item in common. More lists show more
different items, so that groups with different numbers of lists are not to be compared by the first three.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Share, metric
from audits.metrics.ranking import Ranked
from audits.statistics.roots import Floats, quotient

_AMONG = "items among the first that have a name"


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="number",
    between=(0.0, 1.0),
    unit="proportion",
    source="Adomavicius, Kwon 2012, IEEE TKDE 24:896 (aggregate diversity), over the items of the catalogue",
    among=_AMONG,
    good="high",
    names={"holisticai": "aggregate_diversity (of all groups)"},
)
def aggregate_diversity(summary: Ranked) -> Share:
    """Share of the catalogue's items that the group is shown at all."""
    shown = np.asarray(summary.shown, np.float64)
    return Share((shown > 0).sum(axis=-1), np.where(shown.sum(axis=-1) > 0, float(shown.shape[-1]), 0.0))


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="number",
    between=(0.0, 1.0),
    unit="Gini",
    source="Mansoury et al. 2020, FairMatch, UMAP (arXiv:2005.01148), section 5 (Gini index)",
    among="items among the first that have a name, or the catalogue has one item",
    good="low",
    names={"holisticai": "gini_index (of all groups)"},
)
def shown_gini(summary: Ranked) -> Share:
    """How unevenly the catalogue's items are shown to the group: 0 each as often, 1 one item alone."""
    ordered = np.sort(np.asarray(summary.shown, np.float64), axis=-1)
    many = ordered.shape[-1]
    weight = 2 * np.arange(many) - many + 1
    return Share((weight * ordered).sum(axis=-1), ordered.sum(axis=-1) * max(many - 1, 0))


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="number",
    unit="nats",
    source="Shannon 1948, of exposure: holisticai, exposure_entropy",
    among=_AMONG,
    good="high",
    names={"holisticai": "exposure_entropy (of all groups)"},
)
def exposure_entropy(summary: Ranked) -> Share:
    """Entropy of the items shown to the group: 0 one item alone, ln of the catalogue each as often."""
    share, there = _shares(summary)
    return Share(-(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=-1), there)


@metric(
    task="ranking",
    over="pair",
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source="Giannakas et al. 2021, Fairness in Network-Friendly Recommendations (arXiv:2104.00959)",
    among=_AMONG,
    good="zero",
    names={"holisticai": "exposure_l1", "helm": "stereotypical associations, of words (against even shares)"},
)
def exposure_total_variation(group: Ranked, reference: Ranked) -> Share:
    """Total variation between the items that two groups are shown: 0 the same as often, 1 none in common."""
    (one, there), (other, too) = _shares(group), _shares(reference)
    return Share(np.abs(one - other).sum(axis=-1) / 2, there * too)


@metric(
    task="ranking",
    over="pair",
    boundary=True,
    labels=False,
    decisions=False,
    scale="number",
    unit="nats",
    source="Dash et al. 2021, When the Umpire is also a Player, FAccT (arXiv:2102.00141)",
    among="items among the first, each of which the reference is shown too",
    good="zero",
    names={"holisticai": "exposure_kl (a ‖ b)"},
)
def exposure_kl_divergence(group: Ranked, reference: Ranked) -> Share:
    """Divergence of the items a group is shown from the reference's, Σ g ln(g/r); none where r lacks one (infinite)."""
    (one, there), (other, too) = _shares(group), _shares(reference)
    both = (one > 0) & (other > 0)
    ratio = np.where(both, quotient(one, np.where(both, other, 1.0)), 1.0)
    finite = ~((one > 0) & (other == 0)).any(axis=-1)
    return Share(np.clip((one * np.log(ratio)).sum(axis=-1), 0, None), there * too * finite)


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="positive",
    unit="lists",
    source="Abdollahpouri et al. 2021, User-centered Evaluation of Popularity Bias (arXiv:2103.06364)",
    among="lists with a named item among the first",
    good="low",
    names={"holisticai": "avg_recommendation_popularity (of all groups)"},
)
def recommendation_popularity(summary: Ranked) -> Share:
    """How many lists of all groups show an item that the group is shown: mean over a list's items, then over lists."""
    return Share(summary.popular, summary.popular_lists)


def _shares(summary: Ranked) -> tuple[Floats, Floats]:
    """Each item's share of what the group is shown, and 1 where it is shown anything, else 0."""
    shown = np.asarray(summary.shown, np.float64)
    total = shown.sum(axis=-1)
    return quotient(shown, np.broadcast_to(total[..., None], shown.shape)), (total > 0).astype(np.float64)
