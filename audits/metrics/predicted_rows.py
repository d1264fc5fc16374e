"""Rows as predicted numbers: of the model or of a column, with truth, weight and unit of resampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits import columns
from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.findings import rounded
from audits.metrics.predicted import full_sample_quantile
from audits.metrics.sums import units
from audits.registry import Entry
from audits.statistics.roots import Floats


class PredictedRows(NamedTuple):
    """Each row's prediction and truth, NaN where unknown, its weight, its unit of resampling; what is told of all.

    Where it is asked for, what would be predicted without a treatment, and whether the row is treated (−1 unknown).
    """

    predicted: Floats
    truth: Floats
    weight: Floats
    unit: NDArray[np.int64]
    favourable: bool
    file: str
    details: dict[str, Any]
    untreated: NDArray[np.float64] | None
    treated: NDArray[np.integer[Any]] | None


def read_rows(
    evidence: Evidence, predicted: str | None, truth: str | None, untreated: str | None, favourable: bool
) -> PredictedRows:
    """Read what is predicted of the rows (see ``audits.techniques.regression_parity`` for the columns).

    Raises:
        DataError: a column that holds no numbers, or infinite ones.
        NotMeasurable: no row has a prediction.
    """
    what = "the score" if predicted is None else f"the column {predicted!r}"
    if predicted is None:
        scores = columns.finite(evidence.scores(), "regression_parity.predicted: the score")
    else:
        scores = columns.numbers(evidence, predicted, "regression_parity.predicted")
    if np.isnan(scores).all():
        raise NotMeasurable(f"regression_parity.predicted: {what} has no value in any row")
    true = np.full(len(scores), np.nan)
    if truth is not None:
        true = columns.numbers(evidence, truth, "regression_parity.truth")
    weights = evidence.weights()
    unit = units(len(scores), evidence.cluster_codes(), np.random.default_rng([evidence.spec.statistics.seed, 0]))
    lacking = int(np.isnan(scores).sum())
    own = predicted is not None or evidence.spec.model is None
    return PredictedRows(
        scores,
        true,
        np.ones(len(scores)) if weights is None else weights,
        unit,
        favourable,
        "rows.parquet" if own else "predictions.parquet",
        {"rows_without_prediction": lacking} if lacking else {},
        None if untreated is None else columns.numbers(evidence, untreated, "regression_parity.untreated"),
        None if untreated is None else _treated(evidence),
    )


def _treated(evidence: Evidence) -> NDArray[np.integer[Any]]:
    """Who is decided positive; everybody where nobody is decided."""
    decided = evidence.decision_codes()
    return decided if (decided >= 0).any() else np.ones_like(decided)


def top_rows(rows: PredictedRows, entries: Sequence[Entry], level: float) -> tuple[PredictedRows, list[Entry]]:
    """Return the rows predicted at or above a quantile of the full sample, and the metrics by their names there."""
    known = np.isfinite(rows.predicted)
    cut = full_sample_quantile(rows.predicted[known], level, rows.weight[known])
    above = np.where(known & (rows.predicted >= cut), rows.predicted, np.nan)
    named = [dataclasses.replace(entry, name=f"{entry.name}[from_quantile={level:g}]") for entry in entries]
    return rows._replace(predicted=above, details={"quantile": rounded(cut)} | rows.details), named
