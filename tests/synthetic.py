"""A small finished run made by hand, for the tests of what comes after a run."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audits.artifact import seal
from audits.evidence import PAIRS, PREDICTIONS, ROWS, Evidence
from audits.findings import Finding, canonical_json, digest, read_findings, write_findings
from audits.inputs import text_input
from audits.slices import cut
from audits.spec import AuditSpec

SPEC = """\
audit: hiring   # who is asked to an interview
question: Are men and women asked equally often?
data: {source: people.csv, label: good, favourable: 1, text: letter}
protected:
  sex: {column: sex, reference: male}
model: {kind: text-classifier, uri: models/letters}
counterfactuals: {swap: {}}
techniques:
  parity: {metrics: [selection_rate, true_positive_rate]}
  flip_rate: {}
limits:
  - {measure: selection_rate, over: sex, compare: difference, at_most: 0.1}
  - {measure: flip_rate, over: sex, at_most: 0.05}
"""
DAY = date(2026, 3, 1)
STARTED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 9, 5, 30, tzinfo=UTC)


def spec_of(text: str = SPEC) -> AuditSpec:
    from audits.artifact.texts import sealed_spec

    return sealed_spec(text.encode())


def write_run(run: Path, spec: AuditSpec, rows: int = 120, seed: int = 0) -> Path:
    """Write every file of a finished run: evidence by chance, findings and verdict from it."""
    run.mkdir(parents=True, exist_ok=True)
    _write_evidence(run, rows, np.random.default_rng(seed))
    cut(spec, run, run)
    findings = _findings(run, spec)
    (run / "findings.json").write_bytes(write_findings(findings))
    write_verdict(run, spec)
    documents: dict[str, Any] = {
        "data.json": {"digest": digest("data"), "rows": rows},
        "model.json": {"digest": digest("model"), "kind": "text-classifier"},
        "checks.json": [],
        "edits.json": [],
        "card.json": {"title": "hiring"},
    }
    for name, document in documents.items():
        (run / name).write_bytes(canonical_json(document) + b"\n")
    (run / "card.html").write_text("<!doctype html><title>hiring</title>")
    (run / "card.md").write_text("# hiring\n")
    (run / "charts").mkdir(exist_ok=True)
    (run / "charts" / "rates-sex.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (run / "fit.parquet").write_bytes(b"never sealed")
    return run


def write_verdict(run: Path, spec: AuditSpec, today: date = DAY) -> None:
    from audits.ledger import ledger
    from audits.verdict import judge

    findings = read_findings((run / "findings.json").read_bytes())
    verdict = judge(spec.policy, findings, spec.statistics.level, today)
    (run / "verdict.json").write_bytes(canonical_json(verdict.to_json()) + b"\n")
    (run / "ledger.json").write_bytes(canonical_json(ledger(findings, verdict)) + b"\n")


def sealed(folder: Path, spec_text: str = SPEC, **changes: Any) -> Path:
    """Return the artifact of a synthetic run, sealed below ``folder``."""
    spec = spec_of(spec_text)
    run = write_run(folder / "run", spec)
    given: dict[str, Any] = {
        "spec": spec,
        "spec_text": spec_text,
        "started": STARTED,
        "ended": ENDED,
        "libraries": {"numpy": np.__version__},
    }
    return seal(run, folder / "artifacts", **{**given, **changes})


def reseal(artifact: Path, change: dict[str, bytes]) -> Path:
    """Return an artifact with other content, its manifest and name made to agree: what a forger would do."""
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    for name, content in change.items():
        (artifact / name).write_bytes(content)
        import hashlib

        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest["digests"]["findings"] = manifest["files"]["findings.json"]["sha256"]
    return rename(artifact, canonical_json(manifest) + b"\n")


def rename(artifact: Path, manifest: bytes) -> Path:
    """Put a manifest into an artifact and give the folder the name that it then has."""
    import hashlib

    (artifact / "manifest.json").write_bytes(manifest)
    time = artifact.name.split("-")[0]
    return artifact.rename(artifact.with_name(f"{time}-{hashlib.sha256(manifest).hexdigest()[:12]}"))


def _findings(run: Path, spec: AuditSpec) -> list[Finding]:
    from audits.techniques import registry
    from audits.techniques import run as carry_out

    evidence = Evidence(run, spec)
    return [f for name, options in spec.techniques.items() for f in carry_out(registry[name], evidence, options)]


def _write_evidence(run: Path, count: int, random: np.random.Generator) -> None:
    sexes = np.where(random.random(count) < 0.5, "male", "female")
    texts = [f"Letter {at}: this {sex} person worked here." for at, sex in enumerate(sexes)]
    other = [text.replace("female", "MALE").replace("male", "female").replace("MALE", "male") for text in texts]
    inputs, changed = [text_input(text) for text in texts], [text_input(text) for text in other]
    rows: dict[str, Any] = {
        "row": range(count),
        "input": inputs,
        "label": (random.random(count) < 0.5).astype(int),
        "text": texts,
        "data.sex": sexes,
    }
    schema = ROWS.append(pa.field("data.sex", pa.string()))
    pq.write_table(
        pa.table({name: rows.get(name, [None] * count) for name in schema.names}, schema=schema), run / "rows.parquet"
    )
    pairs = [
        {
            "pair": at,
            "row": at,
            "cluster": str(at),
            "counterfactual": "swap",
            "attribute": "sex",
            "kind": "counterfactual",
            "from_group": sexes[at],
            "to_group": "female" if sexes[at] == "male" else "male",
            "original": inputs[at],
            "input": changed[at],
            "text": other[at],
            "edits": "[]",
            "status": "edited",
            "reason": "",
        }
        for at in range(count)
    ]
    pq.write_table(pa.Table.from_pylist(pairs, schema=PAIRS), run / "pairs.parquet")
    distinct = sorted({*inputs, *changed})
    scores = random.random(len(distinct)).round(6)
    predictions = {"input": distinct, "score": scores, "decision": (scores >= 0.5).astype(int)}
    pq.write_table(pa.table(predictions, schema=PREDICTIONS), run / "predictions.parquet")
