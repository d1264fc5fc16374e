"""How often each item is shown to each group, and what it would be were lists dealt to the groups by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP
from audits.metrics.list_sums import Items, shuffles
from audits.metrics.lists import places
from audits.metrics.ranking import Ranked, ranked
from audits.registry import Entry
from audits.statistics.roots import Floats

SHOWN = (
    "aggregate_diversity",
    "shown_gini",
    "exposure_entropy",
    "exposure_total_variation",
    "exposure_kl_divergence",
)

_MOST_NUMBERS = 1 << 24  # numbers of all tables by chance together
_FEWEST = 100


@dataclass(frozen=True)
class Shown:
    """``table`` groups × items, each list by its weight · ``items`` named items among the first, of each group."""

    table: Floats
    items: Floats

    def summary(self) -> Ranked:
        """Return the summary of the groups."""
        return ranked(self.table.shape[:-1], shown=self.table)

    def rows_of(self, _: Entry) -> Floats:
        """Return the named items among the first, of each group."""
        return self.items


def shown(items: Items, codes: NDArray[Any], groups: int, cutoff: int) -> Shown:
    """Count how often each item is among the first ``cutoff`` of a list, by the group of its row.

    The catalogue are the items that any list holds at any place. An item without a name is passed over.
    """
    first, item, catalogue = _first(items, cutoff)
    key = codes[first].astype(np.int64) * catalogue + item
    table = np.bincount(key, items.weight[items.lists[first]], minlength=groups * catalogue).astype(np.float64)
    return Shown(table.reshape(groups, catalogue), np.bincount(codes[first], minlength=groups).astype(np.float64))


def shown_by_chance(
    items: Items,
    codes: NDArray[Any],
    groups: Sequence[str],
    cutoff: int,
    unit: NDArray[np.int64],
    rng: np.random.Generator,
) -> Ranked | None:
    """Return what groups are shown whose lists are dealt to them by chance.

    Lists that are drawn together (``unit``) and are of several groups are dealt among themselves; those of one group
    change hands as a whole. ``None`` where a list holds rows of several groups (its group is the items', then), or
    where there are too many rows or items for it.
    """
    from scipy.sparse import coo_matrix

    starts = np.flatnonzero(np.diff(items.lists, prepend=-1))
    own = codes[starts]
    if (codes != own[items.lists]).any():
        return None
    first, item, catalogue = _first(items, cutoff)
    number = min(shuffles(len(codes)), _MOST_NUMBERS // max(len(groups) * catalogue, 1))
    if number < _FEWEST:
        return None
    lists = items.lists[first]
    what = coo_matrix((items.weight[lists], (lists, item)), shape=(len(starts), catalogue)).tocsr()
    found = np.empty((number, len(groups), catalogue))
    known = own != groups.index(MISSING_GROUP) if MISSING_GROUP in groups else np.ones(len(own), np.bool_)
    for at in range(number):
        dealt = own.copy()
        dealt[known] = _dealt(own[known], unit[known], rng)
        found[at] = (what.T @ (dealt[:, None] == np.arange(len(groups))).astype(np.float64)).T
    return ranked(found.shape[:-1], shown=found)


def _dealt(own: NDArray[Any], unit: NDArray[np.int64], rng: np.random.Generator) -> NDArray[Any]:
    """The groups of the lists, shuffled within units of several groups, and among the units of one."""
    _, place, inside = np.unique(unit, return_index=True, return_inverse=True)
    alone = np.ones(len(place), np.bool_)
    np.logical_and.at(alone, inside, own == own[place][inside])
    of_unit = own[place].copy()
    of_unit[alone] = rng.permutation(of_unit[alone])
    dealt = of_unit[inside]
    mixed = np.flatnonzero(~alone[inside])
    by_unit = mixed[np.argsort(inside[mixed], kind="stable")]
    dealt[by_unit] = own[mixed[np.lexsort((rng.random(len(mixed)), inside[mixed]))]]
    return dealt


def _first(items: Items, cutoff: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], int]:
    """Which rows are named items among the first, which item of the catalogue each is, and how many items there are."""
    names = items.item if items.item is not None else np.full(len(items.lists), -1)
    catalogue = np.unique(names[names >= 0])
    first = (places(items.lists) <= cutoff) & (names >= 0)
    return first, np.searchsorted(catalogue, names[first]).astype(np.int64), len(catalogue)
