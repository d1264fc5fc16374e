"""Lists summed up for ``audits.metrics.first_places``: what there is to choose from, and what is among the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP
from audits.metrics.list_sums import Items, resampled_lists, shuffled_rows, shuffles
from audits.metrics.lists import per_list, places
from audits.metrics.ranking import Ranked, ranked
from audits.registry import Entry
from audits.statistics.roots import Floats

FIRST_PLACES = (
    "first_places_parity",
    "first_places_balance",
    "qualified_parity",
    "qualified_balance",
    "calibrated_parity",
    "calibrated_balance",
    "relevance_parity",
    "first_places_relevance_parity",
    "first_places_relevance_balance",
)

_KINDS = 4  # what is added up of each item, before its bins
_FIELDS = Ranked._fields[Ranked._fields.index("pool") : Ranked._fields.index("binned")]


@dataclass(frozen=True)
class Firsts:
    """The numbers of each list: lists × fields × groups; the bins after the fields. ``items`` lists × groups."""

    table: Floats
    items: Floats

    def resampled(
        self, unit: NDArray[np.int64], number: int, rng: np.random.Generator
    ) -> tuple[Ranked, Ranked | None, Floats]:
        """Return the sums, resampled sums or ``None``, and in how many units each group is."""
        return resampled_lists(self.table, self.items, summary_of, unit, number, rng)

    def rows_of(self, _: Entry) -> Floats:
        """Return the items of each group."""
        return np.asarray(self.items.sum(axis=0))


def summary_of(sums: Floats) -> Ranked:
    """Return the summary of … × fields and bins × groups."""
    each = np.moveaxis(sums, -2, 0)
    bins = (each.shape[0] - len(_FIELDS)) // 2
    fields = dict(zip(_FIELDS, each, strict=False))
    binned, first = (np.moveaxis(each[at : at + bins], 0, -1) for at in (len(_FIELDS), len(_FIELDS) + bins))
    return ranked(each.shape[1:], **fields, binned=binned, binned_first=first)


def firsts(
    items: Items, codes: NDArray[Any], groups: Sequence[str], cutoff: int, qualified: float, edges: Sequence[float]
) -> Firsts:
    """Return the numbers of each list; items of ``(missing)`` are taken out before the first are looked at.

    Args:
        items: the lists.
        codes: the group of each item.
        groups: their names.
        cutoff: how many first places.
        qualified: the least relevance that is enough.
        edges: between bins of relevance, rising; a bin holds what is above its lower edge, up to its upper one.
    """
    known = codes != groups.index(MISSING_GROUP) if MISSING_GROUP in groups else np.ones(len(codes), np.bool_)
    lists, own, relevance = items.lists[known], codes[known], items.relevance[known]
    shape = (len(items.weight), len(groups))
    first = (places(lists) <= cutoff).astype(np.float64)
    several = ((per_list(lists, own, shape) > 0).sum(axis=1) > 1).astype(np.float64)
    sums = [
        [per_list(lists, own, shape, worth * one) for one in (np.ones(len(first)), first)]
        for worth in _worths(relevance, qualified, edges)
    ]
    parts = [part for both in sums[:_KINDS] for part in both]
    parts += [both[at] for at in (0, 1) for both in sums[_KINDS:]]
    table = np.stack(parts, axis=1) * (items.weight * several)[:, None, None]
    return Firsts(table, per_list(lists, own, shape))


def _worths(relevance: Floats, qualified: float, edges: Sequence[float]) -> list[Floats]:
    """What is added up of each item: itself, whether judged, its relevance, whether enough; whether in each bin."""
    judged = ~np.isnan(relevance)
    worth = np.where(judged, relevance, 0.0)
    bins = np.searchsorted(np.asarray(edges, np.float64), worth, side="left")
    kinds = [np.ones(len(worth)), judged, worth, judged & (relevance >= qualified)]
    return [np.asarray(kind, np.float64) for kind in kinds + [judged & (bins == at) for at in range(len(edges) + 1)]]


def firsts_by_chance(
    items: Items,
    codes: NDArray[Any],
    groups: Sequence[str],
    cutoff: int,
    qualified: float,
    edges: Sequence[float],
    rng: np.random.Generator,
) -> Ranked | None:
    """Return the sums of lists in which the groups are shuffled, or ``None`` where there are too many rows for it."""
    number = shuffles(len(codes))
    if not number:
        return None
    missing = groups.index(MISSING_GROUP) if MISSING_GROUP in groups else -1
    named = codes != missing
    held = per_list(items.lists[named], codes[named], (len(items.weight), len(groups))) > 0  # shuffling keeps it
    weight = (items.weight * (held.sum(axis=1) > 1))[items.lists]
    worths = [weight * worth for worth in _worths(items.relevance, qualified, edges)]
    sums = np.empty((number, len(worths), len(groups), 2))
    for at in range(number):
        own = codes[shuffled_rows(items.lists, rng)]
        known = np.flatnonzero(own != missing)
        key = own[known].astype(np.int64) * 2 + (places(items.lists[known]) <= cutoff)
        for kind, worth in enumerate(worths):
            sums[at, kind] = np.bincount(key, worth[known], minlength=2 * len(groups)).reshape(-1, 2)
    both = np.stack([sums.sum(axis=-1), sums[..., 1]], axis=2)
    of_kinds = both[:, :_KINDS].reshape(number, -1, len(groups))
    of_bins = np.moveaxis(both[:, _KINDS:], 2, 1).reshape(number, -1, len(groups))
    return summary_of(np.concatenate([of_kinds, of_bins], axis=1))
