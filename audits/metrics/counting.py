"""From rows to confusion counts: one bincount over small codes, a million rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Counts

CELLS = 9
"""Truth (unknown, negative, positive) × decision (unknown, negative, positive)."""

_AT_ONCE = 1 << 18  # rows whose codes fit the processor's cache
_BYTE = 256


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
    if weights is None and groups * CELLS <= _BYTE:
        return _tally_bytes(codes, cell)[: groups * CELLS].reshape(groups, 3, 3)
    total = np.zeros(groups * CELLS, dtype=np.int64 if weights is None else np.float64)
    for start in range(0, len(codes), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        key = codes[part].astype(np.intp)
        key *= CELLS
        key += cell[part]
        total += np.bincount(key, None if weights is None else weights[part], minlength=groups * CELLS)
    return total.reshape(groups, 3, 3)


def _tally_bytes(codes: NDArray[np.integer[Any]], cell: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count keys that fit into a byte, two rows at a step: a pair of keys is one number of 16 bits."""
    key = codes.astype(np.uint8)
    key *= np.uint8(CELLS)
    key += cell.view(np.uint8)
    even = len(key) // 2 * 2
    pairs = np.zeros(_BYTE * _BYTE, dtype=np.int64)
    for start in range(0, even, 4 * _AT_ONCE):
        part = key[start : min(start + 4 * _AT_ONCE, even)]
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
    found = []
    for group in range(groups):
        rows = np.flatnonzero(codes == group)
        _, inside = np.unique(clusters[rows], return_inverse=True)
        count = int(inside.max()) + 1 if len(rows) else 0
        found.append(tally(inside, count, cell[rows], None if weights is None else weights[rows]))
    return found
