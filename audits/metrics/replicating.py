"""From rows to a table of counts for each group, and to resampled tables of it: one way for every task.

``replicates`` are tables as they might have come out, for standard errors: rows (or clusters of rows) drawn again
from those there are. ``by_chance`` are tables of groups that are equal, for metrics whose least value is parity: what
chance alone makes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.metrics.counting import AT_ONCE
from audits.statistics import bootstrap
from audits.statistics.roots import Floats, quotient

_IN_CACHE = 1 << 17  # numbers of a block of replicates
_MANY = 1 << 14  # from so many clusters that differ, drawing them one by one is faster than their multinomial


class Tables(NamedTuple):
    """``table`` groups × cells · ``replicates`` and ``by_chance`` number × groups × cells."""

    table: Floats
    replicates: Floats
    by_chance: Floats


def tables(
    codes: NDArray[np.integer[Any]],
    groups: int,
    cell: NDArray[np.integer[Any]],
    cells: int,
    weights: NDArray[np.float64] | None,
    clusters: NDArray[np.integer[Any]] | None,
    number: int,
    rng: np.random.Generator,
    *,
    given: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    known: Sequence[int] | None = None,
) -> Tables:
    """Count the rows, or add up their weights, of every group and cell, and resample them.

    Rows that are their own: a multinomial draw of the whole table, which has the very law of the row bootstrap.
    Weighted rows: a Poisson draw of each cell with the variance of the sum of its weights. Rows in clusters: as many
    clusters as there are, drawn with replacement, so that groups which share clusters rise and fall together.

    Args:
        codes: each row's group, 0 to ``groups`` − 1.
        groups: number of groups.
        cell: each row's cell, 0 to ``cells`` − 1; a row with a negative one is left out.
        cells: number of cells.
        weights: each row's weight, or ``None``.
        clusters: each row's cluster, any whole numbers, or ``None``.
        number: how many replicates, and how many tables by chance.
        rng: the generator.
        given: ``by_chance``, see ``equal_groups``.
        known: ``by_chance``, see ``equal_groups``.

    Source: Efron, Tibshirani 1993, chapter 6; Davison, Hinkley 1997, section 3.8 (clusters).
    """
    left_out = cell < 0
    if left_out.any():
        codes, cell = codes[~left_out], cell[~left_out]
        weights = None if weights is None else weights[~left_out]
        clusters = None if clusters is None else clusters[~left_out]
    table = add_up(codes, groups, cell, cells, weights)
    if clusters is not None and len(clusters):
        again = clusters_again(codes, groups, cell, cells, weights, clusters, number, rng)
        return Tables(table, again, moved_to_equal(table, again, given, known))
    squares = None if weights is None else add_up(codes, groups, cell, cells, weights**2)
    if squares is None:
        again = bootstrap.multinomial(table.astype(np.int64), number, rng)
    else:
        again = bootstrap.poisson(table, number, rng, squares)
    return Tables(table, again, equal_groups(table, number, rng, squares=squares, given=given, known=known))


def add_up(
    codes: NDArray[np.integer[Any]],
    groups: int,
    cell: NDArray[np.integer[Any]],
    cells: int,
    weights: NDArray[np.float64] | None = None,
) -> Floats:
    """Return the rows, or the sum of their weights, of every group and cell: groups × cells."""
    total = np.zeros(groups * cells, np.float64)
    for start in range(0, len(codes), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        key = codes[part].astype(np.intp) * cells + cell[part]
        total += np.bincount(key, None if weights is None else weights[part], minlength=groups * cells)
    return total.reshape(groups, cells)


def equal_groups(
    table: Floats,
    number: int,
    rng: np.random.Generator,
    *,
    squares: Floats | None = None,
    given: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    known: Sequence[int] | None = None,
) -> Floats:
    """Return tables of groups that differ by chance alone: each as large as it is, all of one distribution.

    Args:
        table: groups × cells, whole counts, or sums of weights where there are ``squares``.
        number: how many.
        rng: the generator.
        squares: sums of squared weights, groups × cells.
        given: each cell's stratum. Groups then keep their own share of every stratum, and are equal inside it: with
            the truth as stratum, equal error rates at base rates that differ. ``None``: one stratum.
        known: the groups whose distribution is pooled; default all.

    Returns:
        number × groups × cells.
    """
    found = np.zeros((number, *table.shape))
    for places, pooled, sizes in _strata(table, given, known):
        if squares is None:
            found[..., places] = rng.multinomial(np.rint(sizes).astype(np.int64), pooled, size=(number, len(table)))
        else:
            unit = quotient(squares[:, places].sum(axis=1), sizes)[:, None]
            mean = quotient(sizes[:, None] * pooled, np.broadcast_to(unit, (len(table), len(places))))
            found[..., places] = rng.poisson(mean, size=(number, *mean.shape)) * unit
    return found


def moved_to_equal(
    table: Floats,
    replicates: Floats,
    given: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    known: Sequence[int] | None = None,
) -> Floats:
    """Return replicates with each group's shares moved by what its own differ from the pooled ones.

    For rows in clusters, of which no law is known but that of the replicates: they keep their spread, and the spread
    that groups have in common, around shares that are equal. A share that falls below 0 is 0.

    Args:
        table: groups × cells.
        replicates: number × groups × cells.
        given: see ``equal_groups``.
        known: see ``equal_groups``.
    """
    found = np.zeros_like(replicates)
    step = max(1, _IN_CACHE * len(replicates) // max(replicates.size, 1))
    for places, pooled, sizes in _strata(table, given, known):
        own = quotient(table[:, places], np.broadcast_to(sizes[:, None], (len(table), len(places))))
        for start in range(0, len(replicates), step):
            part = replicates[start : start + step, :, places]
            many = part.sum(axis=-1, keepdims=True)
            moved = np.clip(quotient(part, many) - own + pooled, 0, None)
            found[start : start + step, :, places] = quotient(many * moved, moved.sum(axis=-1, keepdims=True))
    return found


def _strata(
    table: Floats, given: Sequence[int] | NDArray[np.integer[Any]] | None, known: Sequence[int] | None
) -> list[tuple[NDArray[np.intp], Floats, Floats]]:
    """The strata that have rows: their cells, the pooled share of each cell, the rows of each group."""
    stratum = np.zeros(table.shape[1], np.int64) if given is None else np.asarray(given)
    pool = table if known is None else table[list(known)]
    found = []
    for one in np.unique(stratum):
        places = np.flatnonzero(stratum == one)
        total = pool[:, places].sum(axis=0)
        if total.sum() > 0:
            found.append((places, total / total.sum(), table[:, places].sum(axis=1)))
    return found


def clusters_again(
    codes: NDArray[np.integer[Any]],
    groups: int,
    cell: NDArray[np.integer[Any]],
    cells: int,
    weights: NDArray[np.float64] | None,
    clusters: NDArray[np.integer[Any]],
    number: int,
    rng: np.random.Generator,
) -> Floats:
    """Return the resampled tables of rows in clusters: number × groups × cells.

    Takes what ``tables`` does, of rows that all have a cell; there is one at least. Clusters with the same table are
    drawn together.
    """
    from scipy.sparse import coo_matrix

    names, inside = np.unique(clusters, return_inverse=True)
    key = codes.astype(np.int64) * cells + cell
    worth = np.ones(len(key)) if weights is None else weights
    matrix = coo_matrix((worth, (inside, key)), shape=(len(names), groups * cells)).tocsr()
    patterns, times = _patterns(matrix)
    found = np.empty((number, matrix.shape[1]))
    step = max(1, (1 << 23) // len(times))
    for start in range(0, number, step):
        size = min(step, number - start)
        found[start : start + size] = (patterns.T @ _drawn(times, size, rng).T).T
    return found.reshape(number, groups, cells)


def _patterns(matrix: Any) -> tuple[Any, NDArray[np.int64]]:
    """The different rows of a sparse matrix and how often each occurs, where that makes them few enough."""
    mixing = np.random.default_rng(0).random(matrix.shape[1])
    _, first, same, times = np.unique(matrix @ mixing, return_index=True, return_inverse=True, return_counts=True)
    if len(first) < min(_MANY, matrix.shape[0]) and not (matrix != matrix[first][same]).nnz:
        return matrix[first], times
    return matrix, np.ones(matrix.shape[0], np.int64)


def _drawn(times: NDArray[np.int64], size: int, rng: np.random.Generator) -> Floats:
    """How often each pattern comes when as many clusters as there are are drawn with replacement: size × patterns."""
    many = int(times.sum())
    if len(times) < _MANY:
        return rng.multinomial(many, times / many, size=size).astype(np.float64)
    drawn = [np.bincount(rng.integers(0, many, many), minlength=many) for _ in range(size)]
    return np.stack(drawn).astype(np.float64)
