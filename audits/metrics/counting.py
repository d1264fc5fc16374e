"""From rows to confusion counts: one bincount over small codes; tallies add up over blocks of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Counts

CELLS = 9
"""Truth (unknown, negative, positive) × decision (unknown, negative, positive)."""

AT_ONCE = 1 << 18
"""Rows whose codes fit the processor's cache."""

_BYTE = 256
_CLUSTER_BITS = 31
_SPARSE = 1 << 22  # cells of clusters that wait to be sorted in


def cells(labels: NDArray[np.int8], decisions: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return each row's cell, 0 to 8: 3 × (label + 1) + (decision + 1).

    Args:
        labels: 1 positive, 0 negative, −1 unknown.
        decisions: the same.
    """
    cell = labels * np.int8(3)
    cell += decisions
    cell += np.int8(4)
    return cell


def tally(
    codes: NDArray[np.integer[Any]],
    groups: int,
    cell: NDArray[np.int8],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[Any]:
    """Count the rows, or add up their weights, of every group and cell.

    Args:
        codes: each row's group, 0 to ``groups`` − 1.
        groups: number of groups.
        cell: each row's cell (``cells``).
        weights: each row's weight; ``None`` counts rows.

    Returns:
        groups × 3 (truth: unknown, negative, positive) × 3 (decision: unknown, negative, positive).
    """
    total = np.zeros((groups, 3, 3), dtype=np.int64 if weights is None else np.float64)
    add_to(total, codes, cell, weights)
    return total


def add_to(
    total: NDArray[Any],
    codes: NDArray[np.integer[Any]],
    cell: NDArray[np.int8],
    weights: NDArray[np.float64] | None = None,
) -> None:
    """Add more rows to a tally (groups × 3 × 3); blocks of whole ``AT_ONCE`` give the bytes of one long tally."""
    flat = total.reshape(-1)
    if weights is None and len(flat) <= _BYTE:
        flat += _tally_bytes(codes, cell)[: len(flat)]
        return
    for start in range(0, len(codes), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        key = codes[part].astype(np.intp)
        key *= CELLS
        key += cell[part]
        if len(flat) > AT_ONCE:
            np.add.at(flat, key, 1 if weights is None else weights[part])
        else:
            flat += np.bincount(key, None if weights is None else weights[part], minlength=len(flat))


def _tally_bytes(codes: NDArray[np.integer[Any]], cell: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count keys that fit into a byte, two rows at a step: a pair of keys is one number of 16 bits."""
    key = codes.astype(np.uint8)
    key *= np.uint8(CELLS)
    key += cell.view(np.uint8)
    even = len(key) // 2 * 2
    pairs = np.zeros(_BYTE * _BYTE, dtype=np.int64)
    for start in range(0, even, 4 * AT_ONCE):
        part = key[start : min(start + 4 * AT_ONCE, even)]
        pairs += np.bincount(part.view(np.uint16), minlength=_BYTE * _BYTE)
    square = pairs.reshape(_BYTE, _BYTE)
    counts: NDArray[np.int64] = square.sum(axis=0) + square.sum(axis=1)
    counts[key[even:]] += 1  # the row left over where their number is odd
    return counts


def confusion(table: NDArray[Any], decisions: bool = True) -> Counts:
    """Return the confusion counts of a tally (… × 3 × 3), as arrays over its leading axes.

    Args:
        table: what ``tally`` gives.
        decisions: whether the metric looks at decisions; where it does not, a row without one counts by its
            truth alone (as decided negative).
    """
    unknown = 0 if decisions else table[..., 0]
    negative = table[..., 1] + unknown
    return Counts(
        tp=table[..., 2, 2],
        fp=table[..., 1, 2],
        fn=negative[..., 2],
        tn=negative[..., 1],
        up=table[..., 0, 2],
        un=negative[..., 0],
    )


def tally_clusters(
    codes: NDArray[np.integer[Any]],
    groups: int,
    cell: NDArray[np.int8],
    clusters: NDArray[np.integer[Any]],
    weights: NDArray[np.float64] | None = None,
) -> list[NDArray[Any]]:
    """Return, group by group, the tally of each of its clusters: clusters of the group × 3 × 3."""
    tallies = ClusterTallies(weights is not None)
    tallies.add(codes, cell, clusters, weights)
    return [tallies.of(group) for group in range(groups)]


class ClusterTallies:
    """The tally of each cluster in each group, kept sparse: what is stored are the cells that have rows."""

    def __init__(self, weighted: bool) -> None:
        self._dtype = np.float64 if weighted else np.int64
        self._known = (np.empty(0, np.int64), np.empty(0, self._dtype))
        self._new: list[tuple[NDArray[np.int64], NDArray[Any]]] = []

    def add(
        self,
        codes: NDArray[np.integer[Any]],
        cell: NDArray[np.int8],
        clusters: NDArray[np.integer[Any]],
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        """Add more rows: group, cell, cluster (below 2³¹) and weight of each."""
        key = (codes.astype(np.int64) << _CLUSTER_BITS) + clusters
        key *= CELLS
        key += cell
        self._new.append(np.unique(key, return_counts=True) if weights is None else _summed(key, weights))
        if sum(len(keys) for keys, _ in self._new) > len(self._known[0]) + _SPARSE:
            self._settle()

    def of(self, group: int) -> NDArray[Any]:
        """Return the tally of each cluster of a group, in the order of their numbers: clusters × 3 × 3."""
        self._settle()
        keys, values = self._known
        first, last = np.searchsorted(keys, np.array([group, group + 1], np.int64) * (CELLS << _CLUSTER_BITS))
        keys = keys[first:last]
        cluster = keys // CELLS
        place = np.cumsum(np.diff(cluster, prepend=cluster[:1]) != 0)
        table = np.zeros((int(place[-1]) + 1 if len(place) else 0, CELLS), self._dtype)
        table[place, keys % CELLS] = values[first:last]
        return table.reshape(-1, 3, 3)

    def _settle(self) -> None:
        if self._new:
            parts = [self._known, *self._new]
            self._known = _summed(np.concatenate([k for k, _ in parts]), np.concatenate([v for _, v in parts]))
            self._new = []


def _summed(keys: NDArray[np.int64], values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The distinct keys in order, and for each the sum of its values, added in the order in which they stand."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    return keys[first], np.add.reduceat(values[order], first) if len(first) else values
