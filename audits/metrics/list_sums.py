"""Ranked lists summed up for the metrics of rankings, in resampled lists, and in lists whose groups are shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import DataError
from audits.findings import MISSING_GROUP
from audits.metrics.likeness import jaccard, prag, serp
from audits.metrics.lists import expected_attention, per_list, prefixes, quality
from audits.metrics.ranking import Ranked
from audits.metrics.running import value_of
from audits.metrics.sums import again
from audits.registry import Entry
from audits.statistics.roots import Floats

AT_CUTOFF = ("skew", "dcg", "ndcg")
LIKENESS = ("jaccard_at_k", "serp_at_k", "prag_at_k")

_SHUFFLES = 400
_MOST_SHUFFLED = 1 << 23  # rows of all shuffles together
_FEWEST_SHUFFLES = 100
_LIST_FIELDS = Ranked._fields[:19]
_PAIR_FIELDS = Ranked._fields[19:]


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
        total, drawn = again(_grouped(self.table, unit), number, rng)
        separate = (_grouped(self.items, unit) > 0).sum(axis=0).astype(np.float64)
        return listed(total), None if drawn is None else listed(drawn), separate


def listed(sums: Floats) -> Ranked:
    """Return the summary of … × fields × groups, without the likeness of lists."""
    each = np.moveaxis(sums, -2, 0)
    none = np.zeros((*each.shape[1:], 0))
    return Ranked(*[*each, *(none for _ in _PAIR_FIELDS[:-1]), np.zeros(each.shape[1:])])


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
        first.rnd_exists,
        good.dcg,
        good.held,
        good.ndcg,
        good.ideal,
        good.precision,
        good.relevant,
    )
    return Listed(np.stack(table, axis=1) * items.weight[:, None, None], many)


def by_chance(
    items: Items,
    codes: NDArray[Any],
    groups: Sequence[str],
    step: int,
    target: Floats | None,
    rng: np.random.Generator,
) -> Ranked | None:
    """Return the sums of lists in which the groups are shuffled, or ``None`` where there are too many rows for it."""
    number = min(_SHUFFLES, _MOST_SHUFFLED // len(codes))
    if number < _FEWEST_SHUFFLES:
        return None
    blind = np.full(len(codes), np.nan)
    without = replace(items, relevance=blind)
    sums = np.empty((number, len(_LIST_FIELDS), len(groups)))
    for at in range(number):
        shuffled = codes[np.lexsort((rng.random(len(codes)), items.lists))]
        sums[at] = summed(without, shuffled, groups, None, step, target).table.sum(axis=0)
    return listed(sums)


@dataclass(frozen=True)
class Compared:
    """Likeness of two groups' lists: queries × fields × groups × references.

    ``place`` the column of each group as a reference, where it is ``referred`` to · ``query`` of each list ·
    ``queries`` that each group is compared over.
    """

    table: Floats
    place: NDArray[np.int64]
    referred: NDArray[np.bool_]
    query: NDArray[np.intp]
    queries: Floats

    def resampled(
        self, unit: NDArray[np.int64], number: int, rng: np.random.Generator
    ) -> tuple[Ranked, Ranked | None, Floats]:
        """Return the sums, resampled sums or ``None``, and in how many units each group is compared."""
        of_query = np.zeros(len(self.table), np.int64)
        of_query[self.query] = unit
        grouped = _grouped(self.table, of_query)
        total, drawn = again(grouped, number, rng)
        there = grouped[:, 2] > 0  # units × groups × references
        as_group, as_reference = there.any(axis=-1).sum(axis=0), there.any(axis=-2).sum(axis=0)[self.place]
        separate = np.maximum(as_group, as_reference * self.referred).astype(np.float64)
        return self._summary(total), None if drawn is None else self._summary(drawn), separate

    def rows_of(self, _: Entry) -> Floats:
        """Return the queries of each group for which another group has a list too."""
        return self.queries

    def _summary(self, sums: Floats) -> Ranked:
        each = np.moveaxis(sums, -3, 0)
        none = np.zeros(each.shape[1:-1])
        place = np.broadcast_to(self.place, each.shape[1:-1])
        return Ranked(*[*(none for _ in _LIST_FIELDS), *each, place])


def compared(
    items: Items, codes: NDArray[Any], groups: Sequence[str], pairs: Sequence[tuple[int, int]], cutoff: int
) -> Compared:
    """Compare the lists of each pair of groups that answer the same query, every list of one with every of the other.

    A list belongs to a group where all its rows do; others are passed over.

    Args:
        items: the lists, whose items are named.
        codes: the group of each item.
        groups: their names.
        pairs: positions (group, reference).
        cutoff: first items that are looked at.

    Raises:
        DataError: a list holds an item twice.
    """
    own = _lists_by_query(items, codes)
    references = sorted({reference for _, reference in pairs})
    column = {reference: at for at, reference in enumerate(references)}
    table = np.zeros((len(own), 5, len(groups), len(references)))
    queries = np.zeros(len(groups))
    for at, by_group in enumerate(own):
        for group, reference in pairs:
            if group in by_group and reference in by_group:
                table[at, :, group, column[reference]] = _alike(by_group[group], by_group[reference], cutoff)
        for group in by_group:
            queries[group] += len(by_group) > 1
    place = np.array([column.get(group, 0) for group in range(len(groups))])
    referred = np.array([group in column for group in range(len(groups))])
    return Compared(table, place, referred, items.query, queries)


def _alike(ones: list[Any], twos: list[Any], cutoff: int) -> list[float]:
    """Jaccard, SERP, queries, PRAG, queries with a PRAG: means over the lists of one query, times its weight."""
    weight = float(np.mean([w for _, w in ones]))
    lists = [(one, two) for one, _ in ones for two, _ in twos]
    found = []
    for like in (jaccard, serp, prag):
        values, exist = zip(*(value_of(like(one, two, cutoff)) for one, two in lists), strict=True)
        many = sum(map(bool, exist))
        found.append((weight * float(sum(values)) / many, weight) if many else (0.0, 0.0))
    return [found[0][0], found[1][0], found[0][1], *found[2]]


def _lists_by_query(items: Items, codes: NDArray[Any]) -> list[dict[int, list[tuple[list[int], float]]]]:
    """For each query and group, the items of its lists in order, with the weights of the lists."""
    found: list[dict[int, list[tuple[list[int], float]]]] = [{} for _ in range(int(items.query.max()) + 1)]
    starts = np.append(np.flatnonzero(np.diff(items.lists, prepend=-1)), len(items.lists))
    names = items.item if items.item is not None else items.row
    for one, (start, end) in enumerate(pairwise(starts.tolist())):
        group = int(codes[start])
        if (codes[start:end] != group).any():
            continue
        listing = [name for name in names[start:end].tolist() if name >= 0]
        if len(set(listing)) < len(listing):
            raise DataError(
                f"ranking_parity.item: a list of {len(listing)} items holds one of them twice, expected each once",
                "tell the lists of one query apart: lists: <column>",
            )
        found[items.query[one]].setdefault(group, []).append((listing, float(items.weight[one])))
    return found


def _grouped(table: Floats, unit: NDArray[np.int64]) -> Floats:
    """Add up the tables of the lists (or queries) that are drawn together."""
    found = np.zeros((int(unit.max()) + 1, *table.shape[1:]))
    np.add.at(found, unit, table)
    return found
