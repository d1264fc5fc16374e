"""Counts made by hand, and the number of a metric of them: for the tests of metrics that are functions of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audits.metrics import Counts, registry
from audits.metrics.balance import LabelCounts
from audits.metrics.counting import cells, confusion, tally

COMPAS = {  # TP FP FN TN: ProPublica, compas-analysis notebook, cells 71 to 84; decile score ≥ 5
    "African-American": (1369, 805, 532, 990),
    "Caucasian": (505, 349, 461, 1139),
    "Hispanic": (103, 87, 129, 318),
    "Other": (43, 36, 90, 208),
    "Asian": (6, 2, 3, 21),
    "Native American": (9, 3, 1, 5),
}
SEX = {"Female": (303, 288, 195, 609), "Male": (1732, 994, 1021, 2072)}


def counts(rows: dict[str, Sequence[float]] | Sequence[Sequence[float]]) -> Counts:
    """Counts of groups given as TP FP FN TN, and where there are six numbers as positive and negative unknown too."""
    given = list(rows.values()) if isinstance(rows, dict) else list(rows)
    table = np.array([[*row, 0, 0][:6] for row in given], np.float64).reshape(len(given), 6)
    return Counts(*table.T)


def rows_of(table: dict[str, Sequence[int]]) -> tuple[list[int], list[int], list[str]]:
    """Truth, decision and group of every row of a table of counts."""
    truth, decision, group = [], [], []
    for name, (tp, fp, fn, tn) in table.items():
        truth += [1] * tp + [0] * fp + [1] * fn + [0] * tn
        decision += [1] * (tp + fp) + [0] * (fn + tn)
        group += [name] * (tp + fp + fn + tn)
    return truth, decision, group


def counted(truth: Sequence[int], decision: Sequence[int], group: Sequence[Any]) -> Counts:
    """Counts of rows, the groups in sorted order."""
    names = sorted(set(group))
    codes = np.array([names.index(one) for one in group])
    return confusion(tally(codes, len(names), cells(np.array(truth, np.int8), np.array(decision, np.int8))))


def labels(table: Any, unknown: Any = None) -> LabelCounts:
    """Labels of groups × values in one stratum, or of groups × strata × values."""
    found = np.asarray(table, np.float64)
    found = found[:, None, :] if found.ndim == 2 else found
    return LabelCounts(found, np.zeros(found.shape[:2]) if unknown is None else np.asarray(unknown, np.float64))


def part(summary: Any, place: int) -> Any:
    """One group of a summary."""
    return type(summary)(*(np.asarray(array)[place] for array in summary))


def numbers(name: str, *summaries: Any) -> list[float | None]:
    """The number of each group, ``None`` where there is none."""
    of, among = (np.atleast_1d(np.asarray(side, np.float64)) for side in registry[name].function(*summaries))
    return [float(a / b) if b > 0 else None for a, b in zip(of, among, strict=True)]


def number(name: str, *summaries: Any) -> float | None:
    """The one number of a pair of groups, or of all groups."""
    (found,) = numbers(name, *summaries)
    return found


def pair(name: str, summary: Any, group: int, reference: int) -> float | None:
    """The number of two groups of a summary; for a metric of one group the difference."""
    if registry[name].facts["over"] == "pair":
        return number(name, part(summary, group), part(summary, reference))
    one, other = numbers(name, summary)[group], numbers(name, summary)[reference]
    return None if one is None or other is None else one - other
