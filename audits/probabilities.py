"""Protected attributes that the data hold as probabilities: one column per group, adding up to 1 in every row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import DataError
from audits.spec import ProtectedSpec

TOLERANCE = 0.01
"""How far the probabilities of a row may be from adding up to 1; what is left is rounding, and is taken out."""


class Probabilities(NamedTuple):
    """``of`` rows × groups, each known row adding up to 1 · ``known`` rows in which every one is given."""

    of: NDArray[np.float64]
    known: NDArray[np.bool_]
    groups: list[str]


def read_probabilities(rows: pa.Table, name: str, attribute: ProtectedSpec) -> Probabilities:
    """Return the probabilities of every group in every row of ``rows.parquet``.

    Raises:
        DataError: a column holds something else than numbers from 0 to 1, or a row does not add up to 1.
    """
    columns = attribute.probabilities or {}
    table = np.column_stack([_column(rows, name, group, column) for group, column in columns.items()])
    known = np.asarray(~np.isnan(table).any(axis=1))
    total = table.sum(axis=1)
    wrong = known & (np.abs(total - 1) > TOLERANCE + 1e-9)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(
            f"protected.{name}.probabilities: got {_row(rows, at)} adding up to {total[at]:.4g} "
            f"({int(wrong.sum()):,} such rows), expected 1",
            f"name a column for every group, also for all others (here: {', '.join(columns.values())})",
        )
    return Probabilities(table / np.where(known, total, 1)[:, None], known, list(columns))


def _column(rows: pa.Table, name: str, group: str, column: str) -> NDArray[np.float64]:
    place = f"protected.{name}.probabilities.{group}"
    values = rows[f"data.{column}"]
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)):
        raise DataError(
            f"{place}: got a column {column!r} of {values.type}, expected numbers from 0 to 1",
            "name the column of the probability, not of the group",
        )
    found: NDArray[np.float64] = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    wrong = (found < 0) | (found > 1)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(
            f"{place}: got {found[at]:g} in {_row(rows, at)} of {column!r} ({int(wrong.sum()):,} such rows), "
            "expected 0 to 1",
            "write percentages as proportions",
        )
    return found


def _row(rows: pa.Table, at: int) -> str:
    return f"row {rows['row'][at].as_py()}"
