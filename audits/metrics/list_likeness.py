"""Lists of two groups for the same query, compared: every list of one with every list of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import DataError
from audits.metrics.likeness import jaccard, prag, serp
from audits.metrics.list_sums import Items, grouped
from audits.metrics.ranking import Ranked, ranked
from audits.metrics.running import value_of
from audits.metrics.sums import again
from audits.registry import Entry
from audits.statistics.roots import Floats

LIKENESS = ("jaccard_at_k", "serp_at_k", "prag_at_k")

_PAIR_FIELDS = Ranked._fields[Ranked._fields.index("jaccard") :]


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
        tables = grouped(self.table, of_query)
        total, drawn = again(tables, number, rng)
        there = tables[:, 2] > 0  # units × groups × references
        as_group, as_reference = there.any(axis=-1).sum(axis=0), there.any(axis=-2).sum(axis=0)[self.place]
        separate = np.maximum(as_group, as_reference * self.referred).astype(np.float64)
        return self._summary(total), None if drawn is None else self._summary(drawn), separate

    def rows_of(self, _: Entry) -> Floats:
        """Return the queries of each group for which another group has a list too."""
        return self.queries

    def _summary(self, sums: Floats) -> Ranked:
        each = np.moveaxis(sums, -3, 0)
        place = np.broadcast_to(self.place, each.shape[1:-1])
        return ranked(each.shape[1:-1], **dict(zip(_PAIR_FIELDS, [*each, place], strict=True)))


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
