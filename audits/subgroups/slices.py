"""Slices on which a model errs most, by SliceLine's score: large errors in slices that are not small.

Exact: the upper bound of a slice's score bounds every part of it, so that what is left out cannot be among the best.
A score is no test; none above 0 is a normal answer.

Source: Sagadeeva, Boehm 2021, SliceLine, SIGMOD (sections 2 and 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.discovery import Categories, Grouping, gather, groupings
from audits.errors import DataError
from audits.statistics.roots import Floats


class Slice(NamedTuple):
    """A slice: the category of each of its columns, its score, rows, and mean error."""

    items: tuple[tuple[str, str], ...]
    score: float
    rows: int
    error: float


def slice_score(rows: ArrayLike, errors: ArrayLike, total: float, mean: float, alpha: float) -> Floats:
    """Return α(ē_S/ē − 1) − (1 − α)(n/|S| − 1): 0 for all rows.

    Args:
        rows: |S|.
        errors: the sum of the errors of the slice.
        total: n, all rows.
        mean: ē, the mean error of all rows.
        alpha: weight of the error against that of the size, from 0 to 1.
    """
    rows, errors = np.asarray(rows, np.float64), np.asarray(errors, np.float64)
    return np.asarray(alpha * (errors / rows / mean - 1) - (1 - alpha) * (total / rows - 1))


def score_bound(
    rows: ArrayLike, errors: ArrayLike, largest: ArrayLike, total: float, mean: float, alpha: float, least: int
) -> Floats:
    """Return a score that no part of a slice exceeds, of those with ``least`` rows or more.

    The score of a part of s rows is at most that with an error of min(s·largest, errors); as a function of s its
    largest value lies at ``least``, at errors/largest, or at all rows.

    Args:
        rows: rows of the slice.
        errors: the sum of its errors.
        largest: no row's error is larger.
        total: all rows.
        mean: the mean error of all rows.
        alpha: weight of the error.
        least: fewest rows of a slice.
    """
    rows, errors, largest = (np.asarray(one, np.float64) for one in (rows, errors, largest))
    turn = np.divide(errors, largest, out=np.zeros(np.broadcast(errors, largest).shape), where=largest > 0)
    sizes = np.stack([np.full(rows.shape, float(least)), np.clip(turn, least, np.maximum(rows, least)), rows])
    return np.asarray(slice_score(sizes, np.minimum(sizes * largest, errors), total, mean, alpha).max(axis=0))


def best_slices(
    columns: Sequence[Categories],
    errors: ArrayLike,
    *,
    alpha: float = 0.95,
    count: int = 4,
    least: int | None = None,
    depth: int = 3,
) -> list[Slice]:
    """Return the slices with the highest scores above 0, the best first; none is a normal answer.

    Args:
        columns: what slices are made of.
        errors: each row's error, 0 or more.
        alpha: weight of the error against the size of a slice, above 0 and up to 1.
        count: how many; of equal scores the one with fewer categories comes first.
        least: fewest rows of a slice; default a hundredth of them, at least 32.
        depth: most categories together.

    Raises:
        DataError: an ``alpha`` or an error outside its range.
    """
    errors = np.asarray(errors, np.float64)
    if not 0 < alpha <= 1:
        raise DataError(f"alpha: got {alpha!r}, expected above 0 and up to 1", "write 0.95")
    if not np.isfinite(errors).all() or (errors < 0).any():
        raise DataError("errors: got a negative or unknown one, expected 0 or more", "leave out rows without an error")
    total = len(errors)
    least = max(32, -(-total // 100)) if least is None else least
    mean = float(errors.mean()) if total else 0.0
    if mean == 0 or least > total:
        return []
    cells = gather(columns, np.zeros(total, np.int8), 1, least / total, weights=errors)
    highest = _highest(columns, errors)
    found: list[tuple[float, int, Grouping, int]] = []

    def promising(part: Grouping) -> NDArray[np.bool_]:
        largest = np.min([highest[c][v] for c, v in zip(part.columns, part.categories.T, strict=True)], axis=0)
        rows, sums = part.rows[:, 0], part.weights[:, 0]  # type: ignore[index]
        bound = score_bound(rows, sums, largest, total, mean, alpha, least)
        return (bound > 0) & (bound >= (found[-1][0] if len(found) == count else 0))

    for part in groupings(cells, depth, promising):
        scores = slice_score(part.rows[:, 0], part.weights[:, 0], total, mean, alpha)  # type: ignore[index]
        found += [(float(scores[at]), len(part.columns), part, int(at)) for at in np.flatnonzero(scores > 0)]
        found.sort(key=lambda one: (-one[0], one[1], one[2].columns, tuple(one[2].categories[one[3]])))
        del found[count:]
    return [_told(cells.columns, one) for one in found]


def _highest(columns: Sequence[Categories], errors: Floats) -> list[Floats]:
    """The largest error of any row of each category."""
    found = []
    for _, codes, names in columns:
        largest = np.zeros(len(names))
        np.maximum.at(largest, codes[codes >= 0], errors[codes >= 0])
        found.append(largest)
    return found


def _told(columns: Sequence[tuple[str, Sequence[str]]], one: tuple[float, int, Grouping, int]) -> Slice:
    score, _, part, at = one
    items = zip(part.columns, part.categories[at], strict=True)
    rows = int(part.rows[at, 0])
    named = tuple((columns[column][0], columns[column][1][category]) for column, category in items)
    return Slice(named, score, rows, float(part.weights[at, 0]) / rows)  # type: ignore[index]
