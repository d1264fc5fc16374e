"""Sealed audits of small models, for the tests of what decides on a release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tables import write_evidence

from audits.artifact import seal
from audits.artifact.texts import policy_bytes
from audits.evidence import PAIRS, Evidence
from audits.findings import canonical_json, digest, write_findings
from audits.spec import AuditSpec, Limit
from audits.subjects.files import files_digest, model_files
from audits.techniques.parity import parity
from audits.verdict import judge

NOW = datetime.now(UTC).replace(microsecond=0)
DIFFERENCE = {"measure": "selection_rate", "over": "race", "compare": "difference", "at_most": 0.1}


def people(**groups: tuple[int, int]) -> tuple[list[str], list[int]]:
    """Each group's rows: so many positive, so many in all."""
    names = [name for name, (_, rows) in groups.items() for _ in range(rows)]
    decided = [int(at < positive) for positive, rows in groups.values() for at in range(rows)]
    return names, decided


def write_model(folder: Path, content: str = "weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.skops").write_text(content)
    return folder


def released(
    folder: Path,
    groups: Sequence[str],
    decisions: Sequence[int],
    *limits: dict[str, Any],
    model: Path | None = None,
    ended: datetime = NOW,
    source: str = "people",
    metrics: list[str] | None = None,
    today: date | None = None,
    seen: Sequence[str] = (),
    evidence: str = "keep",
    decided_in_data: bool = False,
    **columns: Any,
) -> Path:
    """Seal the audit of a model that decided so.

    ``model`` its folder · ``source`` what the whole table is · ``seen`` columns that this model reads ·
    ``decided_in_data`` the decisions are those of the data · ``columns`` as ``write_evidence`` takes them.
    """
    run = folder / f"run-{len(list(folder.glob('run-*')))}"
    rows = write_evidence(run, {"race": groups}, decision=decisions, model=not decided_in_data, **columns)
    spec = rows.spec.model_dump(mode="json") | {
        "audit": "hiring",
        "question": "Are all asked to an interview equally often?",
        "techniques": {"parity": {"metrics": metrics or ["selection_rate"]}},
        "evidence": evidence,
        "limits": [Limit.model_validate(limit).model_dump(mode="json") for limit in limits],
    }
    whole = AuditSpec.model_validate(spec)
    found = list(parity(Evidence(run, whole), metrics=metrics or ["selection_rate"]))
    (run / "findings.json").write_bytes(write_findings(found))
    verdict = judge(whole.policy, found, whole.statistics.level, today or ended.date())
    (run / "verdict.json").write_bytes(canonical_json(verdict.to_json()) + b"\n")
    pq.write_table(pa.table({name: [] for name in PAIRS.names}, schema=PAIRS), run / "pairs.parquet")
    about = files_digest(model_files(model)) if model else digest("a model")
    documents: dict[str, Any] = {
        "data.json": {
            "digest": digest([source, list(groups), list(seen)]),
            "fingerprint": digest(source),
            "rows": len(groups),
        },
        "model.json": {"digest": about, "kind": "tabular"},
        "checks.json": [],
        "edits.json": [],
        "groups.json": {},
        "card.json": {"title": "hiring"},
    }
    for name, document in documents.items():
        (run / name).write_bytes(canonical_json(document) + b"\n")
    (run / "card.html").write_text("<!doctype html><title>hiring</title>")
    (run / "card.md").write_text("# hiring\n")
    return seal(
        run,
        folder / "artifacts",
        spec=whole,
        spec_text=policy_bytes(()).decode(),
        started=ended - timedelta(minutes=5),
        ended=ended,
        libraries={},
    )
