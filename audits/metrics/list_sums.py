"""Ranked lists summed up for the metrics of rankings, in resampled lists, and in lists whose groups are shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP
from audits.metrics.lists import expected_attention, per_list, places, prefixes, quality
from audits.metrics.ranking import Ranked, ranked
from audits.metrics.sums import again
from audits.statistics.roots import Floats, quotient

AT_CUTOFF = ("skew", "dcg", "ndcg", "precision_at_k", "recall_at_k", "f1_at_k", "recommendation_popularity")

_SHUFFLES = 400
_MOST_SHUFFLED = 1 << 23  # rows of all shuffles together
_FEWEST_SHUFFLES = 100
_LIST_FIELDS = Ranked._fields[: Ranked._fields.index("pool")]


@dataclass(frozen=True)
class Items:
    """The rows that have a place in a list, list by list, the first place first.

    Of each item: ``row`` · ``lists`` its list · ``rank`` its place as told · ``relevance`` NaN where unknown ·
    ``item`` which one it is, negative where unknown. Of each list: ``query`` · ``weight`` · ``cluster``.
    """

    row: NDArray[np.intp]
    lists: NDArray[np.intp]
    rank: Floats
    relevance: Floats
    query: NDArray[np.intp]
    item: NDArray[np.int64] | None
    weight: Floats
    cluster: NDArray[Any] | None
    file: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """The numbers of each list: lists × fields × groups, in the order of ``Ranked`` up to the likeness of lists."""

    table: Floats
    items: Floats

    def resampled(
        self, unit: NDArray[np.int64], number: int, rng: np.random.Generator
    ) -> tuple[Ranked, Ranked | None, Floats]:
        """Return the sums, resampled sums or ``None``, and in how many units each group is."""
        return resampled_lists(self.table, self.items, listed, unit, number, rng)


def resampled_lists(
    table: Floats,
    items: Floats,
    summary_of: Callable[[Floats], Ranked],
    unit: NDArray[np.int64],
    number: int,
    rng: np.random.Generator,
) -> tuple[Ranked, Ranked | None, Floats]:
    """Return the sums of all lists, resampled sums or ``None``, and in how many units each group is.

    Args:
        table: numbers of each list, lists × fields × groups.
        items: lists × groups.
        summary_of: makes a summary of summed numbers.
        unit: each list's unit: what is drawn.
        number: of replicates.
        rng: draws them.
    """
    total, drawn = again(grouped(table, unit), number, rng)
    separate = (grouped(items, unit) > 0).sum(axis=0).astype(np.float64)
    return summary_of(total), None if drawn is None else summary_of(drawn), separate


def listed(sums: Floats) -> Ranked:
    """Return the summary of … × fields × groups, without the likeness of lists."""
    each = np.moveaxis(sums, -2, 0)
    return ranked(each.shape[1:], **dict(zip(_LIST_FIELDS, each, strict=True)))


def summed(
    items: Items, codes: NDArray[Any], groups: Sequence[str], cutoff: int | None, step: int, target: Floats | None
) -> Listed:
    """Return the numbers of each list.

    Args:
        items: the lists.
        codes: the group of each item.
        groups: their names; items of ``(missing)`` are taken out before the first places are looked at.
        cutoff: how many first places; ``None`` where nothing asks for them.
        step: of rND.
        target: the share that each group should have of the first places; default its share of the list.
    """
    shape = (len(items.weight), len(groups))
    attention = 1 / np.log2(1 + items.rank)
    many, seen = per_list(items.lists, codes, shape), per_list(items.lists, codes, shape, attention)
    known = ~np.isnan(items.relevance)
    good = quality(items.lists, codes, items.relevance, shape, cutoff)
    named = codes != groups.index(MISSING_GROUP) if MISSING_GROUP in groups else np.ones(len(codes), np.bool_)
    first = prefixes(items.lists[named], codes[named], shape, cutoff or 1, step, target)
    held = (per_list(items.lists[named], codes[named], shape) > 0).sum(axis=1, keepdims=True)
    mixed, counted = (
        np.repeat(held >= least, shape[1], axis=1).astype(np.float64) for least in (2, 1 + (target is None))
    )
    table = (
        many,
        seen,
        expected_attention(many, seen) * mixed,
        seen * mixed,
        per_list(items.lists[known], codes[known], shape, items.relevance[known]),
        per_list(items.lists[known], codes[known], shape, attention[known]),
        counted,
        first.top * counted,
        first.expected * counted,
        first.ndkl * counted,
        first.infeasible * counted,
        first.rnd,
        first.rkl,
        first.rrd,
        first.deviating,
        good.dcg,
        good.held,
        good.ndcg,
        good.ideal,
        good.precision,
        good.relevant,
        good.hit,
        good.judged,
        good.recalled,
        good.relevant,
        good.balanced,
        good.judged,
        *_popularity(items, codes, shape, cutoff),
    )
    return Listed(np.stack(table, axis=1) * items.weight[:, None, None], many)


def shuffles(rows: int) -> int:
    """Return how often rows are shuffled to see what chance makes of them; 0 where there are too many for it."""
    number = min(_SHUFFLES, _MOST_SHUFFLED // max(rows, 1))
    return number if number >= _FEWEST_SHUFFLES else 0


def shuffled_rows(lists: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order of the rows that is by chance within each list; the lists stand one after the other."""
    return np.argsort(lists + rng.random(len(lists)), kind="stable")  # one sort of runs, a third of what two take


def _popularity(items: Items, codes: NDArray[Any], shape: tuple[int, int], cutoff: int | None) -> tuple[Floats, Floats]:
    """How many lists show the group's items among the first, on average over these, and whether there are any."""
    if items.item is None or cutoff is None:
        return np.zeros(shape), np.zeros(shape)
    first = (places(items.lists) <= cutoff) & (items.item >= 0)
    lists, item = items.lists[first], items.item[first]
    popular = np.bincount(item, items.weight[lists]).astype(np.float64)[item]
    many = per_list(lists, codes[first], shape)
    return quotient(per_list(lists, codes[first], shape, popular), many), (many > 0).astype(np.float64)


def by_chance(
    items: Items,
    codes: NDArray[Any],
    groups: Sequence[str],
    step: int,
    target: Floats | None,
    rng: np.random.Generator,
) -> Ranked | None:
    """Return the sums of lists in which the groups are shuffled, or ``None`` where there are too many rows for it."""
    number = shuffles(len(codes))
    if not number:
        return None
    blind = np.full(len(codes), np.nan)
    without = replace(items, relevance=blind, item=None)
    sums = np.empty((number, len(_LIST_FIELDS), len(groups)))
    for at in range(number):
        shuffled = codes[shuffled_rows(items.lists, rng)]
        sums[at] = summed(without, shuffled, groups, None, step, target).table.sum(axis=0)
    return listed(sums)


def grouped(table: Floats, unit: NDArray[np.int64]) -> Floats:
    """Return the tables of the lists (or queries) that are drawn together, added up."""
    found = np.zeros((int(unit.max()) + 1, *table.shape[1:]))
    np.add.at(found, unit, table)
    return found
