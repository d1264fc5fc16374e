"""How many of the relevant items a group is shown, and how relevant the items that it is shown are.

Like gains, these are looked at within the group's own items, in the order in which they stand: they tell how well a
group is served. Relevant is what has a relevance above 0; items of unknown relevance are left out. The first k items
are those of the group itself; where all rows of a list are of one group (the person's who asked), those of the list.
"""

from __future__ import annotations

from audits.metrics import Share, metric
from audits.metrics.ranking import Ranked

_SOURCE = "Manning, Raghavan, Schütze 2008, Introduction to Information Retrieval, section 8"


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="positive",
    between=(0.0, 1.0),
    source=f"{_SOURCE}.4 (precision at k)",
    among="lists with an item of known relevance",
    good="quality",
    names={"holisticai": "avg_precision_ratio (a / b)"},
)
def precision_at_k(summary: Ranked) -> Share:
    """Share of the group's first k items that are relevant; mean over its lists."""
    return Share(summary.hit, summary.hit_lists)


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="positive",
    between=(0.0, 1.0),
    source=f"{_SOURCE}.3 (recall), of the first k",
    among="lists with a relevant item of its own",
    good="quality",
    names={"holisticai": "avg_recall_ratio (a / b; a list without relevant items counts as 0)"},
)
def recall_at_k(summary: Ranked) -> Share:
    """Share of the group's relevant items that stand among its first k; mean over its lists."""
    return Share(summary.recalled, summary.recalled_lists)


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="positive",
    between=(0.0, 1.0),
    source=f"{_SOURCE}.3 (F measure), of the first k",
    among="lists with an item of known relevance",
    good="quality",
    names={"holisticai": "avg_f1_ratio (a / b)"},
)
def f1_at_k(summary: Ranked) -> Share:
    """Harmonic mean of precision and recall of the group's first k items; mean over its lists."""
    return Share(summary.balanced, summary.balanced_lists)
