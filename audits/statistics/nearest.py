"""Nearest rows, whatever the order of rows: of rows that are equally near, all count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.statistics.roots import Floats, quotient

if TYPE_CHECKING:
    import pyarrow as pa

_AS_NEAR = 1e-9  # relative: distances of the same sums in another order


class Points(NamedTuple):
    """``places`` the different points, one a line · ``of`` which of them each row is at."""

    places: Floats
    of: NDArray[np.intp]


def points_of(columns: Sequence[pa.ChunkedArray]) -> Points:
    """Return where rows are: numbers in standard deviations; other values 0 apart where equal, and 1 where not.

    Args:
        columns: one per feature, without nulls, all of one length.
    """
    import pyarrow as pa

    axes: list[Floats] = []
    for column in columns:
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            values = column.cast(pa.float64()).to_numpy()
            axes.append(quotient(values - values.mean(), np.full(len(values), values.std()))[:, None])
        else:
            names = sorted(set(column.cast(pa.string()).to_pylist()))
            at = np.searchsorted(np.array(names), np.array(column.cast(pa.string()).to_pylist()))
            axes.append((at[:, None] == np.arange(len(names))) / np.sqrt(2))
    places, of = np.unique(np.hstack(axes), axis=0, return_inverse=True)
    return Points(places, of.reshape(-1))


def means_of_nearest(
    points: Points,
    values: Floats,
    nearest: int,
    own: NDArray[np.intp] | None = None,
    other: NDArray[np.intp] | None = None,
) -> Floats:
    """Return, for each row, the mean value of its nearest rows and of all that are as near as the last of them.

    Args:
        points: where rows are.
        values: one per row.
        nearest: how many rows; there must be as many (one more where ``other`` is ``None``).
        own: the rows that are asked about; default all.
        other: the rows among which the nearest are looked for; default all but the row itself.
    """
    from scipy.spatial import cKDTree

    own = np.arange(len(values)) if own is None else own
    among = np.arange(len(values)) if other is None else other
    used, at = np.unique(points.of[among], return_inverse=True)
    count = np.bincount(at).astype(np.float64)
    total = np.asarray(np.bincount(at, values[among]), np.float64)
    asked, back = np.unique(points.of[own], return_inverse=True)
    itself = 1 if other is None else 0
    tree = cKDTree(points.places[used])
    sums = np.array([_within(tree, points.places[place], count, total, nearest + itself) for place in asked])
    found = sums.reshape(-1, 2)[back]
    return quotient(found[:, 1] - itself * values[own], found[:, 0] - itself)


def _within(tree: Any, place: Floats, count: Floats, total: Floats, rows: int) -> tuple[float, float]:
    """Rows, and their total, at the points nearest to a place that hold as many rows, with all that are as near."""
    points = min(8, len(count))
    while True:
        distance, near = (np.atleast_1d(found) for found in tree.query(place, points))
        reached = np.cumsum(count[near])
        if reached[-1] >= rows:
            last = distance[np.searchsorted(reached, rows)]
            if points == len(count) or distance[-1] > last * (1 + _AS_NEAR):
                inside = near[distance <= last * (1 + _AS_NEAR)]
                return float(count[inside].sum()), float(total[inside].sum())
        elif points == len(count):
            return float(reached[-1]), float(total[near].sum())
        points = min(4 * points, len(count))
