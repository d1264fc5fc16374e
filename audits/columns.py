"""Columns of the data that an option of a technique names, as numbers or as names."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from audits.errors import DataError
from audits.evidence import Evidence
from audits.values import value_key

_SHOWN = 3


def numbers(evidence: Evidence, column: str, option: str) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where a row has none.

    Args:
        evidence: the rows.
        column: name of the column in the data.
        option: who names it, for messages: ``regression_parity.truth``.

    Raises:
        DataError: it holds something else than finite numbers.
    """
    found = _column(evidence, column, option)
    if found.null_count == len(found):
        return np.full(len(found), np.nan)
    kind = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
    if pa.types.is_boolean(kind):
        found = found.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        told = ", ".join(repr(value) for value in pc.unique(found.drop_null())[:_SHOWN].to_pylist())
        raise DataError(
            f"{option}: the column {column!r} holds {told}, expected numbers",
            "name a column of numbers, or write its values as numbers",
        )
    values: NDArray[np.float64] = found.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return finite(values, f"{option}: the column {column!r}")


def finite(values: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """Return numbers in which NaN says that there is none.

    Raises ``DataError`` where one is infinite.
    """
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"{what} holds {values[infinite[0]]} in row {infinite[0]}, expected finite numbers",
            "mend these rows, or leave them out by data.where",
        )
    return values


def names(evidence: Evidence, column: str, option: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return each row's place among the different values of a column, −1 where it has none, and their names.

    Values are named as everywhere (``1``, ``1.0``, ``True`` and ``"1"`` are one), numbers in their order before
    texts in theirs. A column without any value has no names.

    Args:
        evidence: the rows.
        column: name of the column in the data.
        option: who names it, for messages.
    """
    found = _column(evidence, column, option)
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    if pa.types.is_floating(found.type):
        found = pc.if_else(pc.is_nan(found), None, found)
    encoded = found.combine_chunks().dictionary_encode()
    own = [value_key(value) for value in encoded.dictionary.to_pylist()]
    known = in_order(set(own))
    place = {name: at for at, name in enumerate(known)}
    lookup = np.array([*(place[name] for name in own), -1], np.int64)
    indices: NDArray[np.int64] = encoded.indices.fill_null(len(own)).to_numpy(zero_copy_only=False)
    return lookup[indices], known


def in_order(names: Iterable[str]) -> list[str]:
    """Return names in order: numbers by their size, then texts."""
    return sorted(names, key=_order)


def _order(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _column(evidence: Evidence, column: str, option: str) -> pa.ChunkedArray:
    if f"data.{column}" not in pq.read_schema(evidence.folder / "rows.parquet").names:
        raise DataError(
            f"{option}: rows.parquet holds no column {column!r}",
            "name a column of the data in the spec, and run the audit again",
        )
    found = evidence.column("rows", f"data.{column}")
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found
