"""How far a group's share of the first places of a list is from its share of the whole list, discounted by place.

The share is looked at after every so many places and discounted by log₂ of the place; the sum is divided by what the
worse of the two extreme orders of the list gives (all of the group first, or all of it last), the mean is over lists.

Source: Yang, Stoyanovich 2017, Measuring Fairness in Ranked Outputs, SSDBM (arXiv:1610.08559).
"""

from __future__ import annotations

from audits.metrics import Share, metric
from audits.metrics.ranking import Ranked

_SOURCE = "Yang, Stoyanovich 2017, SSDBM (arXiv:1610.08559)"
_AMONG = "lists that hold it and others, as long as the first cut-off"


@metric(
    task="ranking",
    across=True,
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source=_SOURCE,
    among=_AMONG,
    good="zero",
    names={"fairrank": "rND"},
)
def rnd(summary: Ranked) -> Share:
    """Normalised discounted difference (rND) of the group's share of first places from its share of the list."""
    return Share(summary.rnd, summary.deviating)


@metric(
    task="ranking",
    across=True,
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source=_SOURCE,
    among=_AMONG,
    good="zero",
    names={"fairrank": "rKL (a share of 0 or 1 counts as 0.001 there)"},
)
def rkl(summary: Ranked) -> Share:
    """Normalised discounted divergence (rKL) of the group's share of first places from its share of the list."""
    return Share(summary.rkl, summary.deviating)


@metric(
    task="ranking",
    across=True,
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source=f"{_SOURCE}; as in the authors' code only too small a ratio counts",
    among=_AMONG,
    good="zero",
    names={"fairrank": "rRD (first places that hold the group alone count as holding none of it there)"},
)
def rrd(summary: Ranked) -> Share:
    """Normalised discounted lack (rRD) of the group's items per item of others, first places against the list.

    More of the group ahead than in the list counts as 0; one minus it is no measure of advantage.
    """
    return Share(summary.rrd, summary.deviating)
