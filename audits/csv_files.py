"""What a CSV file says of itself before it is read: its header, and that every line has as many cells."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_OPENED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_BLOCK = 2**24
"""Bytes that are looked at together; a longer line is not looked at."""
IN_UTF8 = "save it as CSV in UTF-8"


def header(path: Path) -> tuple[list[str], list[str]]:
    """Return the names of the columns as the file has them, and as pandas tells them apart (``d``, ``d.1``).

    Raises ``DataError`` where there is no header, or a line has more or fewer cells than it.
    """
    import pandas as pd

    settings: dict[str, Any] = {"dtype": str, "keep_default_na": False, "index_col": False}
    try:
        written = pd.read_csv(path, header=None, nrows=1, **settings).iloc[0].tolist()
        apart = pd.read_csv(path, nrows=0, **settings).columns.tolist()
    except ValueError as error:  # pandas' own errors and broken UTF-8 are all of this kind
        said = str(error).strip().splitlines()[0]
        raise DataError(f"data.source {path.name!r}: cannot be read: {said}", IN_UTF8) from error
    _refuse_ragged(path)
    return written, apart


def _refuse_ragged(path: Path) -> None:
    """A line that was cut off reads as one whose last cells are missing: a decision that nobody took."""
    import pyarrow as pa
    import pyarrow.csv as arrow

    wrong: list[Any] = []

    def met(row: Any) -> str:
        if not row.text.strip():
            return "skip"
        wrong.append(row)
        return "error"

    reading = arrow.ReadOptions(use_threads=False, autogenerate_column_names=True, block_size=_BLOCK)  # or no number
    parsing = arrow.ParseOptions(newlines_in_values=True, invalid_row_handler=met)
    first = arrow.ConvertOptions(check_utf8=False, include_columns=["f0"], column_types={"f0": pa.binary()})
    opened: Any = _OPENED.get(path.suffix.lower(), open)
    with contextlib.suppress(pa.ArrowInvalid), opened(path, "rb") as file:
        for _ in arrow.open_csv(file, reading, parsing, first):
            pass
    if wrong:
        row = wrong[0]
        raise DataError(
            f"data.source {path.name!r}: cannot be read: line {row.number} has {row.actual_columns} cells "
            f"({row.text.strip()[:80]!r}), expected {row.expected_columns} as in the header",
            "mend the line; where it is the last one the file may have been cut off",
        )


def told_apart(table: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return a table in which a name that stands over two columns means one thing, or nothing.

    Columns of one name with the same values are one. Else the first is called ``name.0``, as the second is
    ``name.1`` already, and whoever means one of them says which.

    Args:
        table: columns as pandas calls them.
        names: what the header calls them, in order.
    """
    of: dict[str, list[str]] = {}
    for name, column in zip(names, table.columns, strict=True):
        of.setdefault(name, []).append(column)
    unlike = {
        columns[0]: f"{name}.0"
        for name, columns in of.items()
        if any(not table[columns[0]].equals(table[other], null_equal=True) for other in columns[1:])
    }
    return table.rename(unlike)
