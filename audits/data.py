"""The table under audit: read, filtered, split, its columns given their roles, and fingerprinted.

Nothing is dropped without a count: rows without label, decision or text stay, and ``data.json`` tells how many
rows each step took away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audits import expectations, roles, sources, techniques, templates
from audits.doubts import doubts
from audits.errors import DataError, nearest
from audits.spec import AuditSpec

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["load", "named_columns", "source_digest"]


def source_digest(spec: AuditSpec, base: Path) -> str:
    """Return a digest that changes when the data do: of the file's bytes, or of hub id and revision.

    Raises ``DataError`` where the source is absent.
    """
    return sources.source_digest(spec.data, base)


def load(spec: AuditSpec, base: Path, out: Path) -> None:
    """Read the data and write ``rows.parquet``, ``data.json``, ``checks.json``, with a split ``fit.parquet``.

    Args:
        spec: the audit.
        base: folder that relative paths of the spec start from.
        out: existing folder to write to.

    Raises:
        DataError: where the data are absent, broken, or not what the spec says they are.
    """
    whole = sources.read_table(spec.data, base)
    template = templates.read(spec.data.template, base)
    named = named_columns(spec, template)
    _refuse_unknown(named, whole.columns, spec, template)
    _refuse_nested(whole, named)
    kept, where = _filtered(whole, spec)
    table = whole[kept]
    if template is not None:
        table = template.write(table, kept)
    given = named if template is None else [*named, template.column]
    shown = table if spec.data.expect else table.select(list(dict.fromkeys(given)))
    rows, not_understood = roles.assign(spec, table, kept)  # says what is wrong with a column better than a check can
    expectations.examine(spec, shown, kept, list(dict.fromkeys(given)), out, doubts(spec.data, rows))
    audited, fitting = _dealt(spec, rows)
    columns = [f"data.{name}" for name in dict.fromkeys(given)]
    part = _Part(rows, table, columns)
    sealed = part.take(audited)
    _write(sealed, out / "rows.parquet")
    if fitting is not None:
        _write(part.take(fitting, whole=True), out / "fit.parquet")
    document = {
        "source": _source(spec, base),
        "fingerprint": sources.fingerprint(whole),
        "digest": sources.fingerprint(sealed),
        "rows": {
            "source": whole.height,
            **where,
            "after_where": len(kept),
            "fitting": 0 if fitting is None else len(fitting),
            "audited": len(audited),
        },
        "missing": {name: table[audited][name].null_count() for name in dict.fromkeys(given)},
        "not_understood": not_understood,
        "split": _split_facts(spec),
        "template": None if template is None else template.facts(),
        "columns": {name: str(kind) for name, kind in whole.schema.items()},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True, default=str)
    out.joinpath("data.json").write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class _Part:
    """The rows with their roles, and the columns they came from."""

    rows: pl.DataFrame
    table: pl.DataFrame
    columns: list[str]

    def take(self, at: NDArray[np.int64], *, whole: bool = False) -> pl.DataFrame:
        """Return some rows with the columns the spec names, or with all of them."""
        data = self.table.rename({name: f"data.{name}" for name in self.table.columns})
        return self.rows[at].hstack(data[at] if whole else data[at].select(self.columns))


def named_columns(spec: AuditSpec, template: templates.Written | None = None) -> list[str]:
    """Return every column of the data that the spec names, once each; the template's own are among them."""
    data = spec.data
    text = None if data.template else data.text
    given = [data.label, data.decision, data.score, text, data.continuation, data.weight, data.cluster, *data.features]
    for attribute in spec.protected.values():
        given += [attribute.column, *(attribute.indicators or ()), *(attribute.probabilities or {}).values()]
    for item in data.expect:
        given += [item.arguments.get(key) for key in ("column", "column_A", "column_B")]
        given += item.arguments.get("column_list") or []
    given += technique_columns(spec)
    if template is not None:
        given += template.columns
    written = data.template.column if data.template else None
    return [name for name in dict.fromkeys(given) if isinstance(name, str) and name != written]


def technique_columns(spec: AuditSpec) -> list[str]:
    """Return the columns of the data that options of the spec's techniques name."""
    chosen = [(techniques.registry[name], options) for name, options in spec.techniques.items()]
    return [column for entry, options in chosen for column in techniques.option_columns(entry, options)]


def _refuse_unknown(named: list[str], known: list[str], spec: AuditSpec, template: templates.Written | None) -> None:
    absent = [name for name in named if name not in known]
    if absent:
        from_template = f" (named in {template.name})" if template and absent[0] in template.columns else ""
        raise DataError(
            f"data: got the column{'s'[: len(absent) > 1]} {', '.join(map(repr, absent))}{from_template}, "
            f"expected columns of {sources.source_name(spec.data)}",
            _column_hint(absent[0], known),
        )
    if template is not None and template.column in known:
        raise DataError(
            f"data.template.column: got {template.column!r}, which the data already have", "choose another name"
        )


def _column_hint(absent: str, known: list[str]) -> str:
    if f"{absent}.0" in known:
        return f"it stands there more than once, with different values: name {absent}.0 (the first), {absent}.1 …"
    if len(known) == 1 and (mark := next((mark for mark in ";\t|" if mark in known[0]), "")):
        return f"the cells of the file are kept apart by {mark!r}: save it as CSV with commas"
    return nearest(absent, known)


def _refuse_nested(whole: pl.DataFrame, named: list[str]) -> None:
    import polars as pl

    for name in named:
        kind = whole[name].dtype
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            raise DataError(
                f"data: the column {name!r} holds {kind}, expected numbers, texts, dates or truth values",
                "write what is inside it into columns of their own",
            )


def _filtered(whole: pl.DataFrame, spec: AuditSpec) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Return positions of the rows that ``where`` keeps, and what it took away."""
    import polars as pl

    where = spec.data.where
    if where is None:
        kept = np.arange(whole.height)
        facts = {"left_out": 0, "left_out_unknown": 0}
    else:
        try:
            mask = whole.select(pl.sql_expr(where).alias("kept"))["kept"]
        except pl.exceptions.PolarsError as error:
            said = str(error).splitlines()[0]
            raise DataError(
                f"data.where: got {where!r}, which is no condition on these columns: {said}",
                "write an SQL expression over columns of the data; a column that SQL has a word for (order, group) "
                "stands in double quotes",
            ) from error
        if mask.dtype != pl.Boolean or len(mask) != whole.height:
            raise DataError(
                f"data.where: got {where!r}, expected true or false for each row",
                "compare with something: column = value",
            )
        kept = mask.fill_null(False).arg_true().to_numpy().astype(np.int64)
        unknown = mask.null_count()
        facts = {"left_out": whole.height - len(kept) - unknown, "left_out_unknown": unknown}
    if not len(kept):
        raise DataError(f"data: got no rows of {whole.height}, expected at least one", "check data.where")
    return kept, facts


def _dealt(spec: AuditSpec, rows: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Deal rows to the audited and the fitting part; rows of one cluster stay together."""
    split = spec.data.split
    if split is None:
        return np.arange(rows.height), None
    keys = np.arange(rows.height)
    if spec.data.cluster is not None:
        keys = rows["cluster"].rank("dense").to_numpy().astype(np.int64) - 1
    distinct = int(keys.max()) + 1
    order = np.random.default_rng(split.seed).permutation(distinct)
    chosen = np.zeros(distinct, dtype=bool)
    chosen[order[: max(1, round(split.audit * distinct))]] = True
    audited = chosen[keys]
    return np.flatnonzero(audited), np.flatnonzero(~audited)


def _source(spec: AuditSpec, base: Path) -> dict[str, Any]:
    data = spec.data
    return {
        "name": sources.source_name(data),
        "revision": data.revision,
        "config": data.config,
        "part": data.part,
        "package_version": sources.package_version(data.source),
        "digest": sources.source_digest(data, base),
        "available_from": data.available_from,
        "where": data.where,
    }


def _split_facts(spec: AuditSpec) -> dict[str, Any] | None:
    split = spec.data.split
    return None if split is None else {**split.model_dump(), "by": spec.data.cluster or "row"}


def _write(table: pl.DataFrame, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from audits.evidence import ROWS

    made = table.to_arrow()
    for field in ROWS:
        at = made.schema.get_field_index(field.name)
        made = made.set_column(at, field, made.column(at).cast(field.type))
    for at, field in enumerate(made.schema):
        if field.type == pa.large_string():
            made = made.set_column(at, pa.field(field.name, pa.string()), made.column(at).cast(pa.string()))
    pq.write_table(made, path, compression="zstd")
