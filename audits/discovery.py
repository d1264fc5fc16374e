"""Subgroups nobody named: every conjunction of categories that enough rows have, counted exactly.

Rows that are alike in every searched column and in their outcome are counted once (``gather``); then every set of
columns is rolled up, a set after all of its subsets, along the cells whose combination is still frequent
(``groupings``). What is yielded are counts by outcome (``Patterns``): every rate of every subgroup follows from them by
arithmetic, and so do all tests (``audits.subgroups``). What is found is a lead, never a result: a subgroup counts only
after other rows have confirmed it.

Source: Beyer, Ramakrishnan 1999, SIGMOD (iceberg cubes, bottom up); Agrawal, Srikant 1994, VLDB (pruning by support);
Pastor, de Alfaro, Baralis 2021, SIGMOD (divergence of frequent patterns).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.errors import DataError

Ints = NDArray[np.int64]

MOST_CATEGORIES = 1000
"""A column with more distinct values is an identifier, a text or a number that was not cut."""

_ROOM = 1 << 62


class Categories(NamedTuple):
    """One column: its name, each row's category (a position in ``names``, −1 for none), and the categories' names."""

    name: str
    codes: NDArray[np.integer[Any]]
    names: Sequence[str]


@dataclass(frozen=True)
class Cells:
    """Rows that are alike, once each.

    ``columns`` names and categories · ``codes`` columns × cells: the category plus one, 0 where it is none of the
    frequent ones · ``outcome`` of each cell, 0 to ``outcomes`` − 1 · ``rows`` it stands for · ``weights``, ``squares``
    the sums of their weights and squared weights, or ``None`` · ``of_row`` each row's cell · ``least`` rows of a
    pattern.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...]
    codes: NDArray[Any]
    outcome: Ints
    outcomes: int
    rows: Ints
    of_row: Ints
    least: int
    weights: NDArray[np.float64] | None = None
    squares: NDArray[np.float64] | None = None

    @property
    def total(self) -> int:
        """All rows."""
        return int(self.rows.sum())

    @cached_property
    def combinations(self) -> tuple[NDArray[Any], Ints]:
        """The cells whatever their outcome: columns × combinations, and each cell's place among them."""
        key = _number(list(self.codes), [len(names) + 1 for _, names in self.columns], len(self.rows))
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        return self.codes[:, first], place.astype(np.int64)


@dataclass(frozen=True)
class Patterns:
    """Every conjunction of categories that enough rows have; the first is the empty one, which all rows have.

    ``column`` and ``category`` patterns × most categories together: positions in ``columns`` and their categories,
    −1 after the last · ``tables`` patterns × outcomes: rows · ``weights``, ``squares`` the same of weights.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...]
    column: NDArray[np.int32]
    category: NDArray[np.int32]
    tables: Ints
    weights: NDArray[np.float64] | None = None
    squares: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.tables)

    @property
    def lengths(self) -> Ints:
        """How many categories each pattern joins."""
        return np.asarray((self.column >= 0).sum(axis=1))

    def items(self, at: int) -> tuple[tuple[str, str], ...]:
        """Return the column and category of each part of a pattern, in the order of the columns."""
        pairs = zip(self.column[at], self.category[at], strict=True)
        return tuple((self.columns[c][0], self.columns[c][1][v]) for c, v in pairs if c >= 0)

    def name(self, at: int) -> str:
        """Return a pattern as people read it: ``age=25 to <45 & race=Black``; the empty one is ``all rows``."""
        return " & ".join(f"{column}={category}" for column, category in self.items(at)) or "all rows"

    def index(self) -> dict[frozenset[tuple[str, str]], int]:
        """Return the position of each pattern by its parts."""
        return {frozenset(self.items(at)): at for at in range(len(self))}


def gather(
    columns: Sequence[Categories],
    outcome: ArrayLike,
    outcomes: int,
    support: float,
    weights: NDArray[np.float64] | None = None,
) -> Cells:
    """Count the rows that are alike in every column and in their outcome.

    Args:
        columns: what is searched; categories that too few rows have are set aside, as no pattern can hold them.
        outcome: each row's outcome as a number, 0 to ``outcomes`` − 1.
        outcomes: how many there are.
        support: least share of the rows that a pattern must have, above 0.
        weights: each row's weight; support is of rows all the same.

    Raises:
        DataError: no rows or columns, a support outside (0, 1], a column of another length or with more than
            ``MOST_CATEGORIES`` categories, an outcome that is not one.
    """
    outcome = np.asarray(outcome)
    _check(columns, outcome, outcomes, support)
    least = max(math.ceil(support * len(outcome) - 1e-9), 1)
    sizes = [len(column.names) + 1 for column in columns]
    codes = [_frequent(column, least) for column in columns]
    key = _number([*codes, outcome], [*sizes, outcomes], len(outcome))
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    place = place.astype(np.int64)
    return Cells(
        columns=tuple((column.name, tuple(column.names)) for column in columns),
        codes=np.stack([code[first] for code in codes]),
        outcome=outcome[first].astype(np.int64),
        outcomes=outcomes,
        rows=np.bincount(place, minlength=len(first)),
        of_row=place,
        least=least,
        weights=None if weights is None else np.bincount(place, weights, len(first)).astype(np.float64),
        squares=None if weights is None else np.bincount(place, weights**2, len(first)).astype(np.float64),
    )


class Grouping(NamedTuple):
    """A set of columns rolled up: the combinations of their categories that enough rows have.

    ``columns`` positions · ``categories`` groups × columns · ``rows`` groups × outcomes · ``weights``, ``squares``
    the same of weights, or ``None``.
    """

    columns: tuple[int, ...]
    categories: NDArray[np.int32]
    rows: NDArray[Any]
    weights: NDArray[np.float64] | None
    squares: NDArray[np.float64] | None


class _Part(NamedTuple):
    """The cells that have a frequent combination of ``columns``: which (``group``), and the columns still to come."""

    columns: tuple[int, ...]
    categories: NDArray[np.int32]
    group: Ints
    later: dict[int, NDArray[Any]]
    outcome: Ints
    sums: tuple[NDArray[Any] | None, ...]


def groupings(
    cells: Cells, depth: int | None = None, keep: Callable[[Grouping], NDArray[np.bool_]] | None = None
) -> Iterator[Grouping]:
    """Roll up every set of columns that has a frequent combination, each after all of its subsets.

    Args:
        cells: the distinct rows.
        depth: most columns together; ``None`` for all.
        keep: which groups may still be parts of larger ones, beyond those with enough rows.
    """
    sizes = [len(names) + 1 for _, names in cells.columns]
    most = len(sizes) if depth is None else min(depth, len(sizes))
    alive: set[tuple[int, ...]] = {()}

    def below(part: _Part) -> Iterator[Grouping]:
        for column in sorted(part.later, reverse=True):  # backwards, so that every subset comes first
            which = (*part.columns, column)
            if any(which[:i] + which[i + 1 :] not in alive for i in range(len(which))):
                continue
            found, enough = _widened(part, column, sizes[column], cells)
            if not len(found.rows):
                continue
            alive.add(which)
            yield found
            if len(which) < most and column < len(sizes) - 1:
                if keep is not None:
                    further = keep(found)
                    enough[np.flatnonzero(enough)[~further]] = False
                    found = found._replace(categories=found.categories[further])
                if len(found.categories):
                    yield from below(_narrowed(part, found, enough, sizes, cells.outcomes))

    rows = None if cells.rows.max() == 1 else cells.rows.astype(np.float64)
    later = dict(enumerate(cells.codes))
    nothing = np.zeros(len(cells.rows), np.int64)
    sums = (rows, cells.weights, cells.squares)
    yield from below(_Part((), np.empty((1, 0), np.int32), nothing, later, cells.outcome, sums))


def _widened(part: _Part, column: int, size: int, cells: Cells) -> tuple[Grouping, NDArray[np.bool_]]:
    """Roll one more column up; and which of all groups × categories (0: none) have enough rows."""
    key, bins, outcomes = part.group * size, len(part.categories) * size, cells.outcomes
    key += part.later[column]
    inside, groups, outcome, sums = key, bins, part.outcome, part.sums
    tables: list[NDArray[Any] | None] = []
    if bins * outcomes > max(4 * len(key), 1 << 16):  # a table mostly empty: rows first, outcomes of the frequent only
        enough = np.bincount(key, sums[0], bins) >= cells.least
        enough[::size] = False
        at = np.flatnonzero(enough[key])
        inside, groups, outcome = (np.cumsum(enough) - 1)[key[at]], int(enough.sum()), outcome[at]
        sums = tuple(None if one is None else one[at] for one in sums)
        tables = _tables(inside, groups, outcome, outcomes, sums)
    else:
        tables = _tables(inside, groups, outcome, outcomes, sums)
        enough = tables[0].sum(axis=1) >= cells.least  # type: ignore[union-attr]
        enough[::size] = False  # of none of the searched categories
        tables = [None if table is None else table[enough] for table in tables]
    parent, code = np.divmod(np.flatnonzero(enough), size)
    categories = np.column_stack([part.categories[parent], (code - 1).astype(np.int32)])
    return Grouping((*part.columns, column), categories, *tables), enough  # type: ignore[arg-type]


def _tables(
    group: Ints, groups: int, outcome: Ints, outcomes: int, sums: tuple[NDArray[Any] | None, ...]
) -> list[NDArray[Any] | None]:
    """Rows (where ``None`` stands for them, one each), weights and squares of every group and outcome."""
    key = group if outcomes == 1 else group * outcomes + outcome
    bins = groups * outcomes
    rows = np.bincount(key, sums[0], bins).reshape(groups, outcomes)
    others = [None if one is None else np.bincount(key, one, bins).reshape(groups, outcomes) for one in sums[1:]]
    return [rows, *others]


def _narrowed(part: _Part, found: Grouping, enough: NDArray[np.bool_], sizes: Sequence[int], outcomes: int) -> _Part:
    """The cells of the groups that are kept, alike ones made one where that makes them far fewer."""
    column = found.columns[-1]
    key = part.group * sizes[column] + part.later[column]
    at = np.flatnonzero(enough[key])
    group = (np.cumsum(enough) - 1)[key[at]]
    later = {one: codes[at] for one, codes in part.later.items() if one > column}
    sums = tuple(None if one is None else one[at] for one in part.sums)
    shape = (len(found.categories), *(sizes[one] for one in later), outcomes)
    outcome = part.outcome[at]
    room = math.prod(shape)
    if 2 * room <= len(at):
        dense = np.ravel_multi_index((group, *later.values(), outcome), shape)
        filled = np.bincount(dense, sums[0], room)
        there = np.flatnonzero(filled)
        group, *rest, outcome = np.unravel_index(there, shape)
        later = dict(zip(later, rest, strict=True))
        others = [None if one is None else np.bincount(dense, one, room)[there] for one in sums[1:]]
        sums = (filled[there].astype(np.float64), *others)
    return _Part(found.columns, found.categories, group, later, outcome, sums)


def search(cells: Cells, depth: int | None = None) -> Patterns:
    """Return every conjunction that enough rows have, with its counts: the empty one, then by length and columns.

    Args:
        cells: the distinct rows (``gather``), which say how many rows are enough.
        depth: most categories together; ``None`` for as many as there are columns.

    Raises:
        DataError: ``depth`` is below 1.
    """
    if depth is not None and depth < 1:
        raise DataError(f"depth: got {depth}, expected at least 1", "leave it out to search to any depth")
    sums = (cells.rows, cells.weights, cells.squares)
    tables = _tables(np.zeros(len(cells.rows), np.int64), 1, cells.outcome, cells.outcomes, sums)
    whole = Grouping((), np.empty((1, 0), np.int32), *tables)  # type: ignore[arg-type]
    found = sorted([whole, *groupings(cells, depth)], key=lambda one: (len(one.columns), one.columns))
    width = len(found[-1].columns)
    columns = [np.broadcast_to(np.array(one.columns, np.int32), one.categories.shape) for one in found]
    weighted = cells.weights is not None
    return Patterns(
        columns=cells.columns,
        column=np.concatenate([_padded(part, width) for part in columns]),
        category=np.concatenate([_padded(one.categories, width) for one in found]),
        tables=np.concatenate([one.rows for one in found]).astype(np.int64),
        weights=np.concatenate([one.weights for one in found]) if weighted else None,
        squares=np.concatenate([one.squares for one in found]) if weighted else None,
    )


def _padded(part: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    return np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1)


def _frequent(column: Categories, least: int) -> NDArray[Any]:
    """Each row's category plus one, 0 where it has none or one that too few rows have."""
    small = np.dtype(np.int16 if len(column.names) < np.iinfo(np.int16).max else np.int32)
    shifted = column.codes.astype(small)
    shifted += 1
    enough = np.bincount(shifted, minlength=len(column.names) + 1) >= least
    enough[0] = False
    kept: NDArray[Any] = np.where(enough, np.arange(len(enough)), 0).astype(small)
    return np.asarray(kept[shifted])


def _number(codes: Sequence[NDArray[Any]], sizes: Sequence[int], count: int) -> Ints:
    """One number per row that is the same for rows with the same codes."""
    key, room = np.zeros(count, np.int64), 1
    for code, size in zip(codes, sizes, strict=True):
        if room * size > _ROOM:
            values, inverse = np.unique(key, return_inverse=True)
            key, room = inverse.astype(np.int64), len(values)
        key = key * size + code
        room *= size
    return key


def _check(columns: Sequence[Categories], outcome: NDArray[Any], outcomes: int, support: float) -> None:
    if not 0 < support <= 1:
        raise DataError(f"support: got {support!r}, expected a share above 0 and up to 1", "write 0.05 for 5 %")
    if not len(outcome) or not columns:
        what = "columns" if len(outcome) else "rows"
        raise DataError(f"subgroups: got no {what} to search", "name columns of categories that the rows have")
    if outcome.min() < 0 or outcome.max() >= outcomes:
        raise DataError(
            f"outcome: got {int(outcome.min())} to {int(outcome.max())}, expected 0 to {outcomes - 1}",
            "leave out rows without an outcome",
        )
    for name, codes, names in columns:
        if len(codes) != len(outcome):
            raise DataError(f"{name}: got {len(codes)} rows, expected {len(outcome)}", "give one category per row")
        if len(names) > MOST_CATEGORIES:
            raise DataError(
                f"{name}: got {len(names):,} distinct values, expected at most {MOST_CATEGORIES:,} categories",
                "leave the column out, or cut it into a few categories first",
            )
        if len(codes) and (codes.min() < -1 or codes.max() >= len(names)):
            raise DataError(f"{name}: got codes outside −1 to {len(names) - 1}", "number the categories from 0")
