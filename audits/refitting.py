"""A plain model refitted from the evidence: what the columns of a table make of the truth, with some left out.

It stands in for the model under audit, whose training is not at hand: what is compared is one refitted model with
another, never with the audited one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.statistics.roots import Floats, quotient

Kind = Literal["logistic", "boosting"]

MOST_LEVELS = 30
"""The commonest values of a text column that are told apart; the others are one."""

MOST_ROWS = 200_000
"""A model is fitted on so many rows at most."""

_DIGITS = 6  # of a probability: beyond them a sum's order shows


class Design(NamedTuple):
    """Columns of the data as numbers: ``matrix`` rows × made columns, ``owner`` the column each was made from."""

    matrix: Floats
    owner: list[str]

    def without(self, columns: Sequence[str]) -> Floats:
        """Return the matrix without what was made from some columns."""
        return self.matrix[:, [one not in columns for one in self.owner]]


def numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], bool]:
    """Return a column as floats, NaN for none, and whether they are codes of values that have no order."""
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    ordered = pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
    if not ordered:
        text = column.cast(pa.string()).combine_chunks().dictionary_encode()
        names = text.dictionary.to_pylist()
        place = np.argsort(np.argsort(np.array(names, dtype=object))) if names else np.zeros(0, np.int64)
        codes = text.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        return np.append(place.astype(np.float64), np.nan)[codes], True
    found = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(np.isfinite(found), found, np.nan), False


def design(columns: dict[str, pa.ChunkedArray], fitting: NDArray[np.bool_]) -> Design:
    """Return columns as numbers, scaled as the fitting rows are.

    A column of numbers becomes itself, less its mean and over its standard deviation, and where some are missing a
    second one that says so; any other becomes one of 0 and 1 for each of its commonest values.
    """
    made: list[Floats] = []
    owner: list[str] = []
    for name, column in columns.items():
        values, coded = numbers(column)
        parts = _levels(values, fitting) if coded else _scaled(values, fitting)
        made += parts
        owner += [name] * len(parts)
    matrix = np.stack(made, axis=1) if made else np.zeros((len(fitting), 0))
    return Design(matrix, owner)


def _levels(codes: Floats, fitting: NDArray[np.bool_]) -> list[Floats]:
    levels, many = np.unique(codes[fitting & ~np.isnan(codes)], return_counts=True)
    commonest = np.sort(levels[np.argsort(-many, kind="stable")[:MOST_LEVELS]])
    return [(codes == level).astype(np.float64) for level in commonest]


def _scaled(values: Floats, fitting: NDArray[np.bool_]) -> list[Floats]:
    absent = np.isnan(values)
    known = values[fitting & ~absent]
    middle, spread = (float(known.mean()), float(known.std())) if len(known) else (0.0, 0.0)
    scaled = quotient(np.where(absent, 0.0, values - middle), spread)
    return [scaled, absent.astype(np.float64)] if absent[fitting].any() else [scaled]


def probabilities(
    kind: Kind, matrix: Floats, labels: NDArray[np.int8], weights: Floats, fitting: NDArray[np.bool_], seed: int
) -> Floats:
    """Return the probability of a positive truth for every row, from a model fitted on some.

    Args:
        kind: ``logistic`` (regression with a light penalty) or ``boosting`` (of trees, on histograms).
        matrix: rows × columns.
        labels: 1, 0, −1 unknown; rows with an unknown one are not fitted on.
        weights: one per row.
        fitting: the rows to fit on.
        seed: of what is random in the fit.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    rows = np.flatnonzero(fitting & (labels >= 0) & (weights > 0))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64))]
    if not matrix.shape[1] or len(np.unique(labels[rows])) < 2:
        known = labels[rows] == 1
        share = quotient(weights[rows][known].sum(), weights[rows].sum())
        return np.full(len(matrix), round(float(share), _DIGITS), np.float64)
    model = _model(kind, seed)
    scale = quotient(weights[rows], weights[rows].mean())
    with threadpool_limits(1):  # the order of sums, and so the last digits, else depends on the number of cores
        model.fit(matrix[rows], labels[rows], sample_weight=scale)
        return np.asarray(np.round(model.predict_proba(matrix)[:, 1], _DIGITS), np.float64)


def _model(kind: Kind, seed: int) -> Any:
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=1.0, tol=1e-8, max_iter=2000)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=15, early_stopping=False, random_state=seed)


def as_many_positive(scores: Floats, share: float, weights: Floats, among: NDArray[np.bool_]) -> float:
    """Return the threshold from which on about a share of some rows is positive: the nearest that scores allow."""
    order = np.argsort(-scores[among], kind="stable")
    ranked, summed = scores[among][order], np.cumsum(weights[among][order])
    if not len(ranked) or summed[-1] <= 0:
        return float("inf")
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    shares = np.append(0.0, summed[last] / summed[-1])
    best = int(np.abs(shares - share).argmin())
    return float("inf") if best == 0 else float(ranked[last[best - 1]])
