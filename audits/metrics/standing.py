"""On how many independent rows a number effectively stands: those of the sets of rows that it is averaged within.

An AUC of 5 positive and 500 negative rows is known no better than its 5 positive rows say. Each task tells the units of
its sets of rows by name; a metric names the ones that it is averaged within (``within``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.metrics.groups import Counted
from audits.metrics.sums import units_of
from audits.registry import Entry
from audits.statistics.roots import Floats, quotient
from audits.statistics.weights import kish

EVERY = ""
"""The name of all the rows that a metric is among; the sets that need the truth have names of their own."""

_TRUTHS = ("negatives", "positives")
_BINARY: Mapping[str, Sequence[tuple[int, int]]] = {  # truth and decision: 1 negative, 2 positive
    "positives": [(2, 0), (2, 1), (2, 2)],
    "negatives": [(1, 0), (1, 1), (1, 2)],
    "predicted positives": [(0, 2), (1, 2), (2, 2)],
    "predicted negatives": [(0, 1), (1, 1), (2, 1)],
    "actual or predicted positives": [(2, 1), (2, 2), (1, 2)],
}


def standing(entry: Entry, units: Mapping[str, Floats]) -> Floats:
    """Return how many units the number of each group is effectively of.

    Args:
        entry: the metric.
        units: those of each set of rows, by its name: groups, or groups × classes where it is one set for each class.
    """
    sets = [units[name] for name in entry.facts["within"] or (EVERY,)]
    return together(np.concatenate([part.reshape(len(part), -1) for part in sets], axis=1))


def together(units: Floats) -> Floats:
    """Return how many units a sum of the means of several sets is effectively of: its degrees of freedom and one.

    Each set's mean is taken to vary by 1/n, and its variance to be known to n − 1 degrees of freedom. Sets without
    units are passed over. Of one set, its own number; of 5 and 500 units, 5.1.

    Args:
        units: … × sets.

    Source: Satterthwaite 1946, Biometrics Bulletin 2:110.
    """
    variances = quotient(1.0, units)
    spread = (variances**2 / np.maximum(units - 1, 1)).sum(axis=-1)
    df = quotient(variances.sum(axis=-1) ** 2, spread)
    return np.asarray(np.where((units > 0).any(axis=-1), np.where(units.max(axis=-1) < 2, 1.0, df + 1), 0.0))


def of_decisions(counted: Counted) -> dict[str, Floats]:
    """Return the rows (clusters, or rows that weighted ones are worth) of each set of rows with decisions."""
    every = [(truth, decision) for truth in range(3) for decision in range(3)]
    return {name: _of_cells(counted, cells) for name, cells in {EVERY: every, **_BINARY}.items()}


def _of_cells(counted: Counted, cells: Sequence[tuple[int, int]]) -> Floats:
    inside = np.zeros((3, 3), np.bool_)
    inside[tuple(np.array(cells).T)] = True
    if counted.clusters is not None:
        return np.array([(tables[:, inside].sum(axis=1) > 0).sum() for tables in counted.clusters], np.float64)
    if counted.weights is None or counted.squares is None:
        return np.asarray(counted.rows[:, inside].sum(axis=1), np.float64)
    return kish(counted.weights[:, inside].sum(axis=1), counted.squares[:, inside].sum(axis=1))


def of_scores(
    codes: NDArray[np.integer[Any]],
    groups: int,
    labels: NDArray[np.int8],
    clusters: NDArray[np.integer[Any]] | None,
    weights: Floats | None,
) -> Callable[[Entry], Floats]:
    """Return the function that gives the units which a score metric's number of each group effectively stands on.

    Args:
        codes: each scored row's group.
        groups: how many.
        labels: the truth: 1 positive, 0 negative, −1 unknown.
        clusters: each row's cluster, or ``None``.
        weights: each row's weight, or ``None``.
    """
    unit = None if clusters is None else clusters.astype(np.int64)

    def counted(part: NDArray[Any], many: int, known: NDArray[np.bool_]) -> Floats:
        return units_of(part, many, unit, known, weights)

    every = np.ones(len(codes), np.bool_)
    rows, known = counted(codes, groups, every), counted(codes, groups, labels >= 0)
    by_truth = counted(codes.astype(np.int64) * 2 + (labels == 1), groups * 2, labels >= 0).reshape(groups, 2)
    sets = dict(zip(_TRUTHS, by_truth.T, strict=True))
    sets |= {f"background {name}": part.sum() - part for name, part in sets.items()}

    def of_entry(entry: Entry) -> Floats:
        return standing(entry, {EVERY: known if entry.facts["labels"] else rows, **sets})

    return of_entry


def of_classes(
    codes: NDArray[np.integer[Any]],
    groups: int,
    truth: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    classes: int,
    clusters: NDArray[np.integer[Any]] | None,
    weights: Floats | None,
    entry: Entry,
) -> Floats:
    """Return the units that a number over classes effectively stands on, group by group.

    Args:
        codes: each row's group.
        groups: how many.
        truth: each row's true class, 0 and up; negative where unknown.
        predicted: its predicted class, the same.
        classes: how many there are.
        clusters: each row's cluster, or ``None``.
        weights: each row's weight, or ``None``.
        entry: the metric.
    """
    unit = None if clusters is None else clusters.astype(np.int64)
    known = (predicted >= 0) & ((truth >= 0) | (not entry.facts["labels"]))
    own = codes.astype(np.int64)

    def by_class(of: NDArray[np.integer[Any]], rows: NDArray[np.bool_]) -> Floats:
        return units_of(own * classes + of, groups * classes, unit, rows, weights).reshape(groups, classes)

    units = {EVERY: units_of(own, groups, unit, known, weights)}
    if entry.facts["within"]:
        true, made = by_class(truth, known), by_class(predicted, known)
        right = by_class(truth, known & (truth == predicted))
        units |= {"true classes": true, "predicted classes": made, "classes": true + made - right}
    return standing(entry, units)
