"""Ranked lists: whose items are seen, who has its share of the first places, and how well each group is served."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.statistics.roots import Floats, quotient


class Ranked(NamedTuple):
    """Sums over ranked lists, for each group; a list counts by its weight.

    Over items with a place r in a list: ``items`` their number · ``attention`` Σ 1/log₂(1 + r) · ``expected`` the
    attention the group would have in random order, and ``mixed`` what it has, in lists of two groups or more ·
    ``merit`` Σ of relevance and ``merited`` attention of the items whose relevance is known. Over lists that hold two
    groups or more (any list where there is a target), without items of unknown group (``audits.metrics.lists``):
    ``lists`` their number, the same for every group · ``top`` and ``expected_top`` · ``ndkl`` · ``infeasible`` ·
    ``rnd``, ``rkl``, ``rrd`` and ``deviating`` lists. Over the group's own items in each list: ``dcg`` and
    ``dcg_lists`` · ``ndcg`` and ``ndcg_lists`` · ``precision`` and ``precision_lists`` · among its first k ``hit`` and
    ``hit_lists``, ``recalled`` and ``recalled_lists``, ``balanced`` and ``balanced_lists`` · ``popular`` and
    ``popular_lists``. Of lists that hold two groups or more (``audits.metrics.first_places``): items in the ``pool``
    and among the ``first`` k, of known relevance ``judged`` and ``judged_first`` and its sums ``worth`` and
    ``worth_first``, of enough relevance ``able`` and ``able_first``; groups × bins of relevance ``binned`` and
    ``binned_first``. Groups × items: how often each is ``shown`` among the first k. Of two lists for one query, groups
    × references: ``jaccard``, ``serp`` and ``compared`` queries · ``prag`` and ``prag_compared`` · ``place`` the column
    of the group as a reference.
    """

    items: NDArray[Any]
    attention: NDArray[Any]
    expected: NDArray[Any]
    mixed: NDArray[Any]
    merit: NDArray[Any]
    merited: NDArray[Any]
    lists: NDArray[Any]
    top: NDArray[Any]
    expected_top: NDArray[Any]
    ndkl: NDArray[Any]
    infeasible: NDArray[Any]
    rnd: NDArray[Any]
    rkl: NDArray[Any]
    rrd: NDArray[Any]
    deviating: NDArray[Any]
    dcg: NDArray[Any]
    dcg_lists: NDArray[Any]
    ndcg: NDArray[Any]
    ndcg_lists: NDArray[Any]
    precision: NDArray[Any]
    precision_lists: NDArray[Any]
    hit: NDArray[Any]
    hit_lists: NDArray[Any]
    recalled: NDArray[Any]
    recalled_lists: NDArray[Any]
    balanced: NDArray[Any]
    balanced_lists: NDArray[Any]
    popular: NDArray[Any]
    popular_lists: NDArray[Any]
    pool: NDArray[Any]
    first: NDArray[Any]
    judged: NDArray[Any]
    judged_first: NDArray[Any]
    worth: NDArray[Any]
    worth_first: NDArray[Any]
    able: NDArray[Any]
    able_first: NDArray[Any]
    binned: NDArray[Any]
    binned_first: NDArray[Any]
    shown: NDArray[Any]
    jaccard: NDArray[Any]
    serp: NDArray[Any]
    compared: NDArray[Any]
    prag: NDArray[Any]
    prag_compared: NDArray[Any]
    place: NDArray[Any]


def ranked(shape: tuple[int, ...], **known: NDArray[Any]) -> Ranked:
    """Return the summary of … × groups that holds what is given, and 0 for all else."""
    return Ranked(**{**{name: np.zeros(shape) for name in Ranked._fields}, **known})


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="positive",
    unit="attention",
    source="Singh, Joachims 2018, KDD (arXiv:1802.07281), section 4.1",
    among="items with a place in a list",
    good="high",
    names={"holisticai": "exposure_distribution"},
)
def exposure(summary: Ranked) -> Share:
    """Mean attention 1/log₂(1 + rank) of the group's items; its ratio is demographic parity of exposure."""
    return Share(summary.attention, summary.items)


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="positive",
    unit="attention",
    source="Singh, Joachims 2018, KDD (arXiv:1802.07281), section 4.2 (disparate treatment ratio)",
    among="relevance",
    good="high",
)
def exposure_per_relevance(summary: Ranked) -> Share:
    """Attention that the group's items get per unit of their relevance; its ratio is the disparate treatment ratio."""
    return Share(summary.merited, summary.merit)


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="positive",
    unit="times",
    source="Singh, Joachims 2018, KDD (arXiv:1802.07281), section 4.1, over the attention of a random order",
    among="items in lists that hold another group too",
    good="high",
)
def relative_attention(summary: Ranked) -> Share:
    """Attention the group's items get over what they would get if each of its lists were in random order."""
    return Share(summary.mixed, summary.expected)


@metric(
    task="ranking",
    over="groups",
    boundary=True,
    labels=False,
    decisions=False,
    scale="proportion",
    source="Sapiezynski, Zeng, Robertson, Mislove, Wilson 2019, WWW Companion: attention-weighted rank fairness",
    among="list that holds two groups",
    good="zero",
)
def attention_weighted_parity(summary: Ranked) -> Share:
    """Total variation between the groups' shares of attention and those of a random order of the lists, 0 to 1."""
    distance = np.abs(_shares(summary.mixed) - _shares(summary.expected)).sum(axis=-1) / 2
    return _where(_several(summary), distance)


@metric(
    task="ranking",
    labels=False,
    decisions=False,
    scale="number",
    unit="log ratio",
    source="Geyik, Ambler, Kenthapadi 2019, KDD (arXiv:1905.01989)",
    among="items among the first of a list that holds another group too",
    good="high",
    names={"credo": "Skew parity difference and ratio"},
)
def skew(summary: Ranked) -> Share:
    """Logarithm of the group's share of the first k places over its target share; 0 is parity, of many lists pooled."""
    defined = (summary.top > 0) & (summary.expected_top > 0)
    ratio = quotient(np.where(defined, summary.top, 1.0), np.where(defined, summary.expected_top, 1.0))
    return _where(defined, np.log(ratio))


@metric(
    task="ranking",
    over="groups",
    boundary=True,
    labels=False,
    decisions=False,
    scale="number",
    unit="nats",
    source="Geyik, Ambler, Kenthapadi 2019, KDD (arXiv:1905.01989)",
    among="list that holds two groups",
    good="zero",
    names={"credo": "NDKL"},
)
def ndkl(summary: Ranked) -> Share:
    """Normalised discounted divergence of the groups' shares of each list's first places from the target, its mean."""
    return _where(_several(summary), quotient(summary.ndkl.sum(axis=-1), summary.lists.max(axis=-1)))


@metric(
    task="ranking",
    over="groups",
    boundary=True,
    labels=False,
    decisions=False,
    scale="number",
    unit="places",
    source="Geyik, Ambler, Kenthapadi 2019, KDD (arXiv:1905.01989) (infeasible index)",
    among="list that holds two groups",
    good="zero",
    names={"aif360": "infeasible_index (never tests the last place; counts a place once for every group)"},
)
def infeasible_index(summary: Ranked) -> Share:
    """Number of places k of a list, the last included, whose first k items hold too few of some group; its mean."""
    return _where(_several(summary), quotient(summary.infeasible.max(axis=-1), summary.lists.max(axis=-1)))


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="positive",
    unit="gain",
    source="Järvelin, Kekäläinen 2002, ACM TOIS 20:422, with linear gain and log₂(1 + place)",
    among="items of known relevance",
    good="high",
    names={"aif360": "discounted_cum_gain (min–max scaled scores)"},
)
def dcg(summary: Ranked) -> Share:
    """Discounted cumulative gain of the group's own items, in the order in which they stand; mean over its lists."""
    return Share(summary.dcg, summary.dcg_lists)


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Järvelin, Kekäläinen 2002, ACM TOIS 20:422; by group of the person asking: Ekstrand et al. 2018, FAT*",
    among="lists with a relevant item of its own",
    good="quality",
    names={"aif360": "discounted_cum_gain(normalized=True)"},
)
def ndcg(summary: Ranked) -> Share:
    """DCG of the group's own items over the best order of them: 1 is the best; mean over its lists."""
    return Share(summary.ndcg, summary.ndcg_lists)


@metric(
    task="ranking",
    labels=True,
    decisions=False,
    scale="proportion",
    source="Manning, Raghavan, Schütze 2008, Introduction to Information Retrieval, section 8.4",
    among="lists with a relevant item of its own",
    good="quality",
)
def mean_average_precision(summary: Ranked) -> Share:
    """Average precision of the group's own items (relevance above 0), in the order in which they stand; mean."""
    return Share(summary.precision, summary.precision_lists)


def _shares(of: NDArray[Any]) -> Floats:
    return quotient(of, np.broadcast_to(of.sum(axis=-1, keepdims=True), np.shape(of)))


def _several(summary: Ranked) -> NDArray[np.bool_]:
    return np.asarray(summary.lists.max(axis=-1, initial=0) > 0)


def _where(defined: NDArray[np.bool_], value: Floats) -> Share:
    defined = np.asarray(defined)
    return Share(np.where(defined, value, 0.0), defined.astype(np.float64))
