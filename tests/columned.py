"""Evidence made by hand whose rows hold columns of the data, for techniques that name their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tables import write_evidence

from audits.evidence import Evidence
from audits.findings import Finding
from audits.techniques import registry, run


def with_columns(
    folder: Path, groups: dict[str, Sequence[Any]], columns: dict[str, Any], score: Sequence[Any] | None = None, **more
) -> Evidence:
    """Return evidence whose ``rows.parquet`` also holds ``data.<name>`` for every column, and scores if given."""
    evidence = write_evidence(folder, groups, **more)
    rows = pq.read_table(folder / "rows.parquet")
    for name, values in columns.items():
        rows = rows.append_column(f"data.{name}", pa.array(values))
    pq.write_table(rows, folder / "rows.parquet")
    if score is not None:
        found = pq.read_table(folder / "predictions.parquet").to_pydict()
        by_input = dict(zip(rows["input"].to_pylist(), score, strict=True))
        found["score"] = [by_input[name] for name in found["input"]]
        schema = pq.read_schema(folder / "predictions.parquet")
        pq.write_table(pa.table(found, schema=schema), folder / "predictions.parquet")
    return Evidence(folder, evidence.spec)


def found(evidence: Evidence, technique: str, **options: Any) -> dict[str, Finding]:
    """Return the findings of a technique by id, without its name."""
    findings = run(registry[technique], evidence, options)
    by_id = {finding.id.removeprefix(f"{technique}/"): finding for finding in findings}
    assert len(by_id) == len(findings)
    return by_id
