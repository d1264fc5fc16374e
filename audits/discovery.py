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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.errors import DataError
from audits.subgroups.cells import MOST_CATEGORIES, Categories, Cells, Ints, gather

__all__ = ["MOST_CATEGORIES", "Categories", "Cells", "Grouping", "Patterns", "gather", "groupings", "search"]


MOST_PATTERNS = 1_000_000
"""More subgroups than this are no answer: columns that say the same make them without end."""


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
        DataError: ``depth`` is below 1, or there are more than ``MOST_PATTERNS``.
    """
    if depth is not None and depth < 1:
        raise DataError(f"depth: got {depth}, expected at least 1", "leave it out to search to any depth")
    sums = (cells.rows, cells.weights, cells.squares)
    tables = _tables(np.zeros(len(cells.rows), np.int64), 1, cells.outcome, cells.outcomes, sums)
    whole = Grouping((), np.empty((1, 0), np.int32), *tables)  # type: ignore[arg-type]
    found, many = [whole], 1
    for one in groupings(cells, depth):
        found.append(one)
        many += len(one.rows)
        if many > MOST_PATTERNS:
            raise DataError(
                f"subgroups: got more than {MOST_PATTERNS:,} that have {cells.least:,} rows, expected fewer",
                "raise support, lower depth, or search fewer columns",
            )
    found.sort(key=lambda one: (len(one.columns), one.columns))
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
