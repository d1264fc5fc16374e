"""A run folder of a few rows, and predictions of a scorer written for a test."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audits.evidence import PREDICTIONS, ROWS, Evidence
from audits.inputs import features_input, prompt_input, text_input
from audits.spec import AuditSpec

TEXTS = {"kind": "text-classifier", "uri": "folder"}
TABLE = {"kind": "tabular", "uri": "folder"}
PROMPTS = {"kind": "causal-lm", "uri": "folder"}


def make_spec(protected, model=TEXTS, counterfactuals=None, data=None, **more):
    return AuditSpec.model_validate(
        {
            "audit": "small",
            "question": "?",
            "data": {"source": "rows.csv", **(data or {})},
            "protected": protected,
            "model": model,
            "counterfactuals": counterfactuals or {},
            "techniques": {"flip_rate": {}},
            **more,
        }
    )


def make_run(folder: Path, spec: AuditSpec, slices=None, **columns) -> Evidence:
    """Write rows (``text``, ``continuation``, ``cluster``, ``features``: name → values) and slices."""
    features = columns.pop("features", {})
    count = len(next(iter({**columns, **features}.values())))
    lines = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)] or [{}] * count
    rows = []
    for at, line in enumerate(lines):
        rows.append({"row": at, "input": _input(spec, line, {k: v[at] for k, v in features.items()}), **line})
    table = pa.Table.from_pylist(rows, ROWS)
    for name, values in features.items():
        table = table.append_column(f"data.{name}", pa.array(values))
    pq.write_table(table, folder / "rows.parquet")
    pq.write_table(pa.table({"row": range(count), **(slices or {})}), folder / "slices.parquet")
    return Evidence(folder, spec)


def _input(spec, line, features):
    if spec.model.kind == "tabular":
        return features_input({name: features[name] for name in spec.data.features})
    if spec.model.kind == "causal-lm":
        return prompt_input(line["text"], line["continuation"])
    return text_input(line["text"])


def predict(run: Path, scorer, threshold=0.5) -> None:
    """Score every row and every edited version: texts, or (prompt, continuation), or changes as a dict."""
    scores = {}
    for line in pq.read_table(run / "rows.parquet").to_pylist():
        if "{" not in (line["text"] or ""):
            features = {name.removeprefix("data."): value for name, value in line.items() if name.startswith("data.")}
            scores[line["input"]] = scorer(features if line["text"] is None else line["text"])
    for line in pq.read_table(run / "pairs.parquet").to_pylist():
        if line["status"] == "edited":
            given = json.loads(line["changes"]) if line["changes"] else line["text"]
            scores[line["input"]] = scorer(given)
    table = [
        {"input": key, "score": score, "decision": None if threshold is None else int(score >= threshold)}
        for key, score in sorted(scores.items())
    ]
    pq.write_table(pa.Table.from_pylist(table, PREDICTIONS), run / "predictions.parquet")
