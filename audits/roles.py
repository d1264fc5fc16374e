"""Columns of the data given their roles: label and decision as 1 and 0, scores cut, weights, inputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from audits.errors import DataError
from audits.inputs import features_input, prompt_input, text_input
from audits.sources import whole_numbers
from audits.spec import AuditSpec, DataSpec
from audits.telling import one_line
from audits.values import value_key

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

MOST_OF_A_VALUE = 80
"""Characters of a value that a message shows."""
NotUnderstood = dict[str, dict[str, int]]


def assign(spec: AuditSpec, table: pl.DataFrame, rows: NDArray[Any]) -> tuple[pl.DataFrame, NotUnderstood]:
    """Return the columns of ``audits.evidence.ROWS`` for each row of a table.

    Args:
        spec: which column plays which role.
        table: columns of the source, and of the template.
        rows: position in the source of each row.

    Returns:
        The columns, and by role the values that were not understood with their counts (only where the spec says
        ``when_broken: carry-on``; such a label or decision is then unknown).

    Raises:
        DataError: where a column cannot play its role.
    """
    import polars as pl

    data = spec.data
    odd: NotUnderstood = {}
    columns: dict[str, pl.Series] = {"row": pl.Series(rows, dtype=pl.Int64)}
    for role, column in (("label", data.label), ("decision", data.decision)):
        columns[role] = _empty(table.height) if column is None else _coded(data, role, table[column], odd)
    columns["score"] = _empty(table.height)
    if data.score is not None:
        columns["score"] = _numbers(table[data.score], "data.score", rows)
        if data.threshold is not None:
            columns["decision"] = cut(columns["score"], data.threshold)
            _refuse_another_scale(data, columns["score"])
    columns["weight"] = _empty(table.height) if data.weight is None else _weights(table[data.weight], rows)
    for role, name in (("cluster", data.cluster), ("text", data.text_column), ("continuation", data.continuation)):
        columns[role] = _empty(table.height) if name is None else _texts(table[name])
    if data.cluster is not None:
        # a row whose cluster is unknown stands alone
        columns["cluster"] = columns["cluster"].fill_null(pl.Series([f"row:{row}" for row in rows], dtype=pl.String))
    columns["input"] = pl.Series(inputs(spec, table, columns), dtype=pl.String)
    kinds = {"label": pl.Int8, "decision": pl.Int8, "score": pl.Float64, "weight": pl.Float64}
    order = ("row", "input", "label", "decision", "score", "weight", "cluster", "text", "continuation")
    made = {name: columns[name].cast(kinds[name]) if name in kinds else columns[name] for name in order}
    texts = [pl.col(name).cast(pl.String) for name in ("cluster", "text", "continuation")]
    return pl.DataFrame(made).with_columns(texts), odd


def cut(scores: pl.Series, threshold: str) -> pl.Series:
    """Return 1 where a score meets ``threshold`` (``">= 5"``), 0 where not, null where there is no score."""
    import polars as pl

    operator, number = re.fullmatch(r"\s*([<>]=?)\s*(\S+)\s*", threshold).groups()  # type: ignore[union-attr]
    compare: dict[str, Callable[[float], pl.Series]] = {
        ">=": scores.__ge__,
        ">": scores.__gt__,
        "<=": scores.__le__,
        "<": scores.__lt__,
    }
    return compare[operator](float(number)).cast(pl.Int8)


def _refuse_another_scale(data: DataSpec, scores: pl.Series) -> None:
    """A threshold in percent, or in points, on probabilities: everybody would be on one side of it."""
    number = float(re.sub(r"[<>=\s]", "", str(data.threshold)))
    known = scores.drop_nulls()
    if len(known) and not 0 <= number <= 1 and bool(known.is_between(0, 1).all()):
        raise DataError(
            f"data.threshold: got {data.threshold!r}, and the scores of {data.score!r} go from {known.min():g} to "
            f"{known.max():g}, expected a threshold from 0 to 1",
            "write it on the scale of the scores",
        )


def inputs(spec: AuditSpec, table: pl.DataFrame, columns: dict[str, pl.Series]) -> list[str | None]:
    """Return what the model is given for each row, as a digest; null where a row has no text to give."""
    kind = spec.model.kind if spec.model else None
    if kind is None:
        return [f"row:{row}" for row in columns["row"].to_list()]
    if kind == "tabular" or (kind == "python" and spec.data.features):
        return [features_input(values) for values in table.select(spec.data.features).to_dicts()]
    texts = columns["text"].to_list()
    if spec.data.continuation is None or kind == "text-classifier":
        return [None if text is None else text_input(text) for text in texts]
    after = columns["continuation"].to_list()
    return [None if a is None or b is None else prompt_input(a, b) for a, b in zip(texts, after, strict=True)]


def _empty(n: int) -> pl.Series:
    import polars as pl

    return pl.Series([None] * n, dtype=pl.Null)


def _texts(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    elif column.dtype.is_float() and whole_numbers(column):
        column = column.cast(pl.Int64)
    return column.cast(pl.String)


def _coded(data: DataSpec, role: str, column: pl.Series, odd: NotUnderstood) -> pl.Series:
    """Return 1 for the positive value, 0 for the other one, null for none."""
    import polars as pl

    counts = {value: n for value, n in column.value_counts().iter_rows() if value is not None}
    codes = _codes(data, {value_key(value) for value in counts})
    strange = {value_key(value): n for value, n in counts.items() if value_key(value) not in codes}
    if strange:
        _refuse_values(data, role, column.name, {value_key(v): n for v, n in counts.items()}, bool(codes))
        odd[role] = dict(sorted(strange.items()))
    known = {value: codes[value_key(value)] for value in counts if value_key(value) in codes}
    if not known:
        return pl.Series([None] * len(column), dtype=pl.Int8)
    return column.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int8)


def _codes(data: DataSpec, found: set[str]) -> dict[str, int]:
    """Return which value is 1 and which 0; empty where the two cannot be told.

    A positive and another favourable value name both. Else the positive one is 1 and the one other value found
    is 0; a column without the positive value is understood only where it holds 0 and 1 is positive, or the reverse.
    """
    positive = value_key(data.positive_value)
    if not data.positive_is_favourable:
        return {positive: 1, value_key(data.favourable): 0}
    others = found - {positive}
    if len(others) <= 1 and (positive in found or {positive, *others} <= {"0", "1"}):
        return {positive: 1, **dict.fromkeys(others, 0)}
    return {}


def _refuse_values(data: DataSpec, role: str, name: str, counts: dict[str, int], known: bool) -> None:
    """Raise unless the spec names both values and says to carry on."""
    if known and data.when_broken == "carry-on":
        return
    told = ", ".join(
        f"{one_line(value, MOST_OF_A_VALUE)!r} ({n})"
        for value, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:8]
    )
    wanted = f"{value_key(data.positive_value)!r} (positive)"
    expected = f"{wanted} and {value_key(data.favourable)!r}" if known else f"{wanted} and one other value"
    raise DataError(
        f"data.{role}: the column {name!r} has {told}; expected {expected}",
        "name the values by data.favourable and data.positive, leave other rows out by data.where, "
        "or make a column of two values",
    )


def _numbers(column: pl.Series, place: str, rows: NDArray[Any]) -> pl.Series:
    import polars as pl

    empty = column.null_count() == len(column)  # of no type, whatever the file says
    if not (empty or column.dtype.is_numeric() or column.dtype == pl.Boolean):
        texts = column.cast(pl.String)
        odd = (texts.is_not_null() & texts.cast(pl.Float64, strict=False).is_null()).arg_true().to_list()[:1]
        first = "".join(f", {one_line(texts[at], MOST_OF_A_VALUE)!r} in source row (from 0) {rows[at]}" for at in odd)
        raise DataError(
            f"{place}: the column {column.name!r} holds {column.dtype}{first}, expected numbers",
            "name a column of numbers",
        )
    numbers = column.cast(pl.Float64).fill_nan(None)
    endless = numbers.is_infinite().fill_null(False)
    if endless.any():
        raise DataError(
            f"{place}: the column {column.name!r} is infinite in source rows (from 0) "
            f"{_first(rows[endless.to_numpy()])}",
            "leave them out by data.where",
        )
    return numbers


def _weights(column: pl.Series, rows: NDArray[Any]) -> pl.Series:
    weights = _numbers(column, "data.weight", rows)
    wrong = ~(weights >= 0).fill_null(False)
    if wrong.any():
        raise DataError(
            f"data.weight: the column {column.name!r} is negative or missing in source rows (from 0) "
            f"{_first(rows[wrong.to_numpy()])}",
            "leave them out by data.where",
        )
    return weights


def _first(rows: NDArray[Any]) -> str:
    return ", ".join(str(int(row)) for row in rows[:20]) + (f", … ({len(rows)} in all)" if len(rows) > 20 else "")
