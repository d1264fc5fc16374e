"""How far each pattern's rate lies from that of all rows, and which part of it each category brings.

These are DivExplorer's numbers, for those who know them. Its ``t`` (``beta_t``) compares a subgroup with the whole, of
which it is a part, as if the two were independent: it is no valid test. ``audits.subgroups.testing`` compares with the
complement.

Source: Pastor, de Alfaro, Baralis 2021, Looking for Trouble, SIGMOD.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.discovery import Patterns
from audits.statistics.roots import Floats, quotient


def divergence(of: ArrayLike, among: ArrayLike) -> Floats:
    """Return each pattern's rate minus that of the first one, which is all rows; NaN where there is no rate.

    Args:
        of: the numerator of each pattern.
        among: its denominator.
    """
    of, among = np.asarray(of, np.float64), np.asarray(among, np.float64)
    rate = np.divide(of, among, out=np.full(len(of), np.nan), where=among > 0)
    return np.asarray(rate - rate[0])


def beta_t(of: ArrayLike, among: ArrayLike) -> Floats:
    """Return DivExplorer's ``t`` of each pattern against all rows: no valid test, for comparison only.

    |μ − μ₀|/√(v + v₀) of the Beta(1 + of, 1 + among − of) posterior means and variances.

    Args:
        of: the numerator of each pattern, of the first one that of all rows.
        among: its denominator.
    """
    a = np.asarray(of, np.float64) + 1
    b = np.asarray(among, np.float64) - a + 2
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    return np.asarray(np.abs(mean - mean[0]) / np.sqrt(variance + variance[0]))


def multiaccuracy(tables: ArrayLike, truth: ArrayLike, level: ArrayLike) -> Floats:
    """Return E[c(x)(y − f)] of each pattern: how far truth lies above prediction in it, times its share of all rows.

    f is the observed rate of each level of the score among all rows, so that it is calibrated on the whole; 0 for
    every pattern is multiaccuracy.

    Args:
        tables: rows by pattern and outcome, the first pattern all rows.
        truth: 1 or 0 of each outcome.
        level: level of the score (or the decision) of each outcome, whole numbers from 0.

    Source: Hébert-Johnson, Kim, Reingold, Rothblum 2018, Multicalibration, ICML.
    """
    tables, truth, level = np.asarray(tables, np.float64), np.asarray(truth, np.float64), np.asarray(level)
    predicted = quotient(np.bincount(level, tables[0] * truth), np.bincount(level, tables[0]))
    return np.asarray(tables @ (truth - predicted[level]) / tables[0].sum())


def shapley(patterns: Patterns, value: ArrayLike, at: int) -> dict[tuple[str, str], float]:
    """Return what each category of a pattern contributes to its value: they add up to it (less that of all rows).

    Args:
        patterns: all of them: every part of a frequent pattern is frequent too.
        value: a number for each pattern (``divergence``).
        at: the pattern.

    Source: Shapley 1953; Pastor, de Alfaro, Baralis 2021, section 4.
    """
    value, place = np.asarray(value, np.float64), patterns.index()
    items = patterns.items(at)
    count = len(items)
    found = {}
    for item in items:
        others = [one for one in items if one != item]
        total = 0.0
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for part in combinations(others, size):
                without = frozenset(part)
                total += weight * float(value[place[without | {item}]] - value[place[without]])
        found[item] = total
    return found


def corrective(patterns: Patterns, value: ArrayLike, at: int) -> dict[tuple[str, str], float]:
    """Return the categories of a pattern that bring it nearer to all rows, and by how much.

    Args:
        patterns: all of them.
        value: the divergence of each.
        at: the pattern.

    Source: Pastor, de Alfaro, Baralis 2021, section 4.3 (corrective items).
    """
    value, parents = np.abs(np.asarray(value, np.float64)), without_one(patterns)[at]
    items = patterns.items(at)
    nearer = {item: float(value[parent] - value[at]) for item, parent in zip(items, parents, strict=False)}
    return {item: by for item, by in nearer.items() if by > 0}


def redundant(patterns: Patterns, value: ArrayLike, epsilon: float = 0.01) -> NDArray[np.bool_]:
    """Return which patterns say no more than one with a category less: their values differ by ``epsilon`` or less.

    Args:
        patterns: all of them.
        value: the divergence of each.
        epsilon: what is no difference.
    """
    value = np.asarray(value, np.float64)
    parents = without_one(patterns)
    near = np.abs(value[:, None] - value[parents]) <= epsilon
    return np.asarray((near & (parents >= 0)).any(axis=1))


def without_one(patterns: Patterns) -> NDArray[np.int64]:
    """Return for each pattern those with one category less: in place j the one without its j-th, −1 after the last."""
    place = {tuple(key): at for at, key in enumerate(np.hstack([patterns.column, patterns.category]).tolist())}
    width = patterns.column.shape[1]
    found = np.full(patterns.column.shape, -1, np.int64)
    for at, length in enumerate(patterns.lengths.tolist()):
        columns, categories = patterns.column[at].tolist(), patterns.category[at].tolist()
        for j in range(length):
            fewer = [*columns[:j], *columns[j + 1 :], -1], [*categories[:j], *categories[j + 1 :], -1]
            found[at, j] = place[tuple(fewer[0] + fewer[1])]
    return found.reshape(len(patterns), width)
