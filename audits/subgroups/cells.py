"""Rows that are alike, counted once: what a search for subgroups goes through instead of the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
