"""The count bootstrap: resampled tables of counts in place of resampled rows.

Resampling n rows with replacement makes the table of their counts multinomial, so that any statistic which is a
function of the counts has the very law of the row bootstrap, at a cost that does not depend on n. Every function
returns replicates along a new first axis; counts add up over shards.

It does not mend a statistic that is biased at parity: the largest minus the smallest of several rates never lies
below 0, nor do its replicates, so that a bootstrap interval of it never covers 0 (``audits.statistics.ranges``).

Source: Efron, Tibshirani 1993, chapter 6; Poisson: Hanley, MacGibbon 2006, Computer Methods and Programs in
Biomedicine 83:57; clusters: Davison, Hinkley 1997, section 3.8.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.statistics.roots import Floats, quotient

NUMBER = 1000
"""Replicates that a standard error is taken from: it is then known to about 2 %."""

FEWEST_DEFINED = 0.95
"""Share of the replicates in which a statistic must exist for its spread to be told."""

_AT_ONCE = 1 << 24  # numbers held at a time


class Spread(NamedTuple):
    """The spread of a statistic over replicates: ``se`` and its skewness where ``known``, else 0."""

    se: Floats
    known: NDArray[np.bool_]
    skewness: Floats


def multinomial(counts: ArrayLike, number: int, rng: np.random.Generator) -> Floats:
    """Return ``number`` resampled tables of whole counts: the row bootstrap, exactly.

    Args:
        counts: a table of any shape; its cells are what a row can be.
        number: how many replicates.
        rng: the generator.
    """
    counts = np.asarray(counts)
    total = int(counts.sum())
    if total == 0:
        return np.zeros((number, *counts.shape))
    drawn = rng.multinomial(total, counts.ravel() / total, size=number)
    return drawn.reshape(number, *counts.shape).astype(np.float64)


def poisson(counts: ArrayLike, number: int, rng: np.random.Generator, squares: ArrayLike | None = None) -> Floats:
    """Return ``number`` resampled tables, each cell by itself: for streams, shards and weighted rows.

    Args:
        counts: a table of counts, or of summed weights.
        number: how many replicates.
        rng: the generator.
        squares: the summed squares of the weights; a cell of weight W and squares S is S/W times a Poisson number
            of mean W²/S, which has the mean W and the variance S of a sum of independently resampled rows.
    """
    counts = np.asarray(counts, np.float64)
    if squares is None:
        return rng.poisson(counts, size=(number, *counts.shape)).astype(np.float64)
    squares = np.asarray(squares, np.float64)
    unit = np.divide(squares, counts, out=np.zeros_like(counts), where=counts > 0)
    mean = np.divide(counts, unit, out=np.zeros_like(counts), where=unit > 0)
    return np.asarray(rng.poisson(mean, size=(number, *counts.shape)) * unit)


def clusters(tables: Any, number: int, rng: np.random.Generator) -> Floats:
    """Return ``number`` tables, each the sum of as many clusters as there are, drawn with replacement.

    Args:
        tables: the table of each cluster: clusters × …, or a scipy sparse matrix of clusters × cells.
        number: how many replicates.
        rng: the generator.

    Returns:
        Replicates × … (× cells for a sparse matrix).
    """
    many = tables.shape[0]
    shape = tables.shape[1:]
    flat = tables if not isinstance(tables, np.ndarray) else tables.reshape(many, -1).astype(np.float64)
    found = np.empty((number, int(np.prod(shape))))
    step = max(1, _AT_ONCE // max(many, 1))
    for start in range(0, number, step):
        size = min(step, number - start)
        drawn = rng.multinomial(many, np.full(many, 1 / many), size=size).astype(np.float64)
        found[start : start + size] = (flat.T @ drawn.T).T
    return found.reshape(number, *shape)


def spread(of: ArrayLike, among: ArrayLike) -> Spread:
    """Return the standard error, and the skewness, of ``of / among`` over replicates (the first axis).

    Replicates in which ``among`` is 0 do not count; where they are more than one in twenty, the spread is not known.
    A skewness is shrunk towards 0 by what chance alone makes of it in so many replicates: its square by 6/B.
    """
    of, among = np.asarray(of, np.float64), np.asarray(among, np.float64)
    defined = among > 0
    value = np.divide(of, among, out=np.zeros(of.shape), where=defined)
    count = defined.sum(axis=0)
    off = np.where(defined, value - value.sum(axis=0) / np.maximum(count, 1), 0)
    squares = off**2
    variance = squares.sum(axis=0) / np.maximum(count - 1, 1)
    known = (count >= FEWEST_DEFINED * len(of)) & (count > 1)
    se = np.where(known, np.sqrt(variance), 0.0)
    third = quotient((squares * off).sum(axis=0), np.maximum(count, 1) * se**3)
    shrunk = np.sign(third) * np.sqrt(np.maximum(third**2 - quotient(6.0, count), 0))
    return Spread(se, known, np.asarray(shrunk))
