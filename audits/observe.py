"""Observe: what the model answers for every distinct input of rows and pairs, each asked once ever.

Writes ``predictions.parquet`` and ``model.json``.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audits.errors import DataError, ModelError, SpecError
from audits.evidence import PREDICTIONS
from audits.host import Host, Progress
from audits.inputs import SLOT
from audits.paths import resolve as path_of
from audits.paths import tracking_uri
from audits.scores import ScoreStore, store_key
from audits.spec import AuditSpec, ModelSpec
from audits.subjects.fitting import fit_key, remember, remembered
from audits.subjects.locate import is_hub_id
from audits.subjects.python_function import split

NO_MODEL: dict[str, Any] = {
    "kind": "decisions",
    "uri": None,
    "resolved_uri": None,
    "version": None,
    "digest": None,
    "files": {},
}


def open_host(spec: AuditSpec, base: Path) -> Host:
    """Return a host for the spec's model: online only where the model is a hub id."""
    online = spec.model is not None and spec.model.kind != "python" and is_hub_id(spec.model.uri, base)
    return Host(base, online=online)


def resolve(spec: AuditSpec, base: Path, run: Path | None, host: Host, home: Path) -> dict[str, Any]:
    """Return which model the spec means, made first where the spec says how (``model.fit``).

    Args:
        spec: the audit.
        base: folder of the spec.
        run: run folder with ``fit.parquet``; only needed with ``model.fit``.
        host: the model's process; not started for a fitted model that is already there.
        home: Evenhand's own folder.

    Returns:
        ``kind``, ``uri``, ``resolved_uri``, ``version``, ``folder``, ``digest``, ``files`` (path: sha256) and
        ``threshold``; with a fit also ``fitted: {key, now}``. Without a model ``digest`` is null.
    """
    if spec.model is None:
        return dict(NO_MODEL)
    home = home.resolve()
    if spec.model.fit is not None:
        found = _fitted(spec, base, run, host, home)
    else:
        found = host.call(
            "resolve",
            model=spec.model.model_dump(mode="json"),
            base=str(base.resolve()),
            home=str(home),
            tracking=tracking_uri(spec.tracking.uri, home),
        )
    return {"kind": spec.model.kind, **found, "threshold": spec.model.threshold}


def model_of(spec: AuditSpec) -> ModelSpec:
    """Return the spec's model. Raises ``SpecError`` where it has none."""
    if spec.model is None:
        raise SpecError("the spec names no model", "add model.kind and model.uri")
    return spec.model


def _fitted(spec: AuditSpec, base: Path, run: Path | None, host: Host, home: Path) -> dict[str, Any]:
    model = model_of(spec)
    named = re.fullmatch(r"models:/([A-Za-z0-9._-]+)", model.uri)
    if named is None:
        raise SpecError(
            f"model.uri: got {model.uri!r}, expected models:/NAME where model.fit makes the model",
            "leave the version out: each fit registers its own",
        )
    if run is None or not (run / "fit.parquet").is_file():
        raise SpecError("model.fit: there are no rows to fit on", "set data.split, so that some rows are kept for it")
    file, function = split(model.fit or "")
    path = path_of(file, base).resolve()
    if not path.is_file():
        raise ModelError(f"model.fit: {str(path)!r}: no such file", "paths are relative to the spec's folder")
    key = fit_key(path, function, run / "fit.parquet", spec.statistics.seed, model.kind)
    now, found = False, remembered(key, home)
    if not found:
        register: dict[str, Any] = {
            "name": named[1],
            "key": key,
            "tracking": tracking_uri(spec.tracking.uri, home),
            "home": str(home),
        }
        found = host.call("find_fit", **register)
        if not found:
            now = True
            rows = str((run / "fit.parquet").resolve())
            request: dict[str, Any] = {"fit": model.fit, "path": str(path), "rows": rows, "seed": spec.statistics.seed}
            found = host.call("fit", **request, kind=model.kind, **register)
        remember(key, home, found)
    return {**found, "uri": model.uri, "fitted": {"key": key, "now": now}}


def model_arguments(spec: AuditSpec) -> dict[str, Any]:
    """Return the spec's model as the child takes it: with the columns it reads and what the data call positive."""
    data = spec.data
    arguments = model_of(spec).model_dump(mode="json")
    return {**arguments, "features": list(data.features), "positive_value": str(data.positive_value)}


def observe(
    spec: AuditSpec,
    base: Path,
    run: Path,
    out: Path,
    host: Host,
    home: Path,
    progress: Progress | None = None,
    model: dict[str, Any] | None = None,
) -> None:
    """Score every distinct input of ``rows`` and ``pairs``; without a model, take over what the data bring.

    Args:
        spec: the audit.
        base: folder of the spec.
        run: run folder with ``rows.parquet`` and, with counterfactuals, ``pairs.parquet``.
        out: existing folder that gets ``predictions.parquet`` and ``model.json``.
        host: the model's process; not started where the store knows every answer.
        home: Evenhand's own folder, with ``scores/scores.db``.
        progress: called with inputs scored, and of how many.
        model: what ``resolve`` returned, where it was called before.
    """
    if spec.model is None:
        predictions = from_data(pq.read_table(run / "rows.parquet"))
        facts: dict[str, Any] = {**NO_MODEL, "inputs": {"distinct": len(predictions)}}
    else:
        model = model or resolve(spec, base, run, host, home)
        inputs = distinct_inputs(spec, run)
        predictions, scored = _from_model(spec, model, inputs, host, home.resolve(), progress)
        facts = {**{name: value for name, value in model.items() if name != "folder"}, **scored}
    pq.write_table(predictions, out / "predictions.parquet")
    (out / "model.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def from_data(rows: pa.Table) -> pa.Table:
    """Return the predictions that the data bring, where there is no model."""
    return rows.select(PREDICTIONS.names).cast(PREDICTIONS).sort_by("input")


def _from_model(
    spec: AuditSpec, model: dict[str, Any], inputs: pa.Table, host: Host, home: Path, progress: Progress | None
) -> tuple[pa.Table, dict[str, Any]]:
    asked = model_of(spec)
    arguments = model_arguments(spec)
    key = store_key(model["digest"], arguments)
    store = ScoreStore(home / "scores" / "scores.db", key)
    names = inputs["input"].to_pylist()
    known, scored = store.known(names), 0
    if len(known) < len(names):
        with tempfile.TemporaryDirectory() as folder:
            pq.write_table(inputs, Path(folder) / "inputs.parquet")
            request = {"inputs": f"{folder}/inputs.parquet", "store": str(store.path), "key": key}
            answer = host.call("score", progress=progress, model=arguments, folder=model["folder"], **request)
        known, scored = store.known(names), answer["scored"]
    maker = store.made_by()
    facts = {
        "positive_class": asked.positive_class,
        "device": maker.get("device"),
        "dtype": asked.dtype,
        "max_tokens": asked.max_tokens,
        "truncated": sum(known[name][1] for name in names),
        "inputs": {"distinct": len(names), "scored": scored, "from_store": len(names) - scored},
        "libraries": maker.get("libraries", {}),
    }
    return _predictions(names, np.array([known[name][0] for name in names], dtype=np.float64), spec), facts


def _predictions(names: list[str], scores: Any, spec: AuditSpec) -> pa.Table:
    """Decide by the threshold; a log-probability is no decision."""
    asked = model_of(spec)
    decides = asked.kind != "causal-lm"
    decisions = (scores >= asked.threshold).astype(np.int8) if decides else [None] * len(names)
    return pa.table([names, scores, decisions], schema=PREDICTIONS)


def distinct_inputs(spec: AuditSpec, run: Path) -> pa.Table:
    """Return every distinct input of rows and edited pairs, sorted by digest: ``input`` and what the model reads.

    That is ``text``; for a causal model also ``continuation`` (and no row with an unfilled slot, see
    ``audits.evidence.PAIRS``); for a model of tables ``data.features`` instead. A row without text gives the
    model nothing and is not among them.
    """
    rows = pq.read_table(run / "rows.parquet")
    pairs = pq.read_table(run / "pairs.parquet") if (run / "pairs.parquet").is_file() else None
    if pairs is not None:
        pairs = pairs.filter(pc.equal(pairs["status"], "edited"))
    if model_of(spec).kind in ("tabular", "python") and spec.data.features:
        parts = _feature_parts(list(spec.data.features), rows, pairs)
    else:
        columns = ["input", "text"]
        if model_of(spec).kind == "causal-lm":
            columns.append("continuation")
            unfilled = pc.match_substring_regex(rows["text"], SLOT.pattern)
            rows = rows.filter(pc.invert(unfilled))  # a template is scored only as filled, in pairs
        parts = iter([each.select(columns) for each in (rows, pairs) if each is not None])
    table = pa.concat_tables(list(parts)).combine_chunks()
    table = table.filter(pc.is_valid(table["input"]))
    _, first = np.unique(np.array(table["input"].to_pylist(), dtype=object), return_index=True)
    return table.take(pa.array(first))


def _feature_parts(features: list[str], rows: pa.Table, pairs: pa.Table | None) -> Iterator[pa.Table]:
    source = rows.select([f"data.{name}" for name in features]).rename_columns(features)
    yield source.add_column(0, "input", rows["input"])
    if pairs is None or not len(pairs):
        return
    position = {row: at for at, row in enumerate(rows["row"].to_pylist())}
    changed = source.take(pa.array([position[row] for row in pairs["row"].to_pylist()]))
    changes = [json.loads(text) for text in pairs["changes"].to_pylist()]
    for name in sorted({name for change in changes for name in change}):
        if name not in features:
            continue
        at = changed.column_names.index(name)
        values = changed[name].to_pylist()
        new = [change.get(name, value) for change, value in zip(changes, values, strict=True)]
        changed = changed.set_column(at, name, _typed(new, changed.schema.field(at)))
    yield changed.add_column(0, "input", pairs["input"])


def _typed(values: list[Any], field: pa.Field) -> pa.Array:
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"column {field.name!r} holds {field.type}, and a counterfactual sets it to something else: {error}",
            "write the changed values as the column has them",
        ) from error
