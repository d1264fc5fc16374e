"""Evidence made by hand: small parquet files in the schemas of audits.evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audits.evidence import PREDICTIONS, ROWS, Evidence
from audits.spec import AuditSpec


def write_evidence(
    folder: Path,
    groups: dict[str, Sequence[Any]],
    *,
    label: Sequence[Any] | None = None,
    decision: Sequence[Any] | None = None,
    weight: Sequence[float] | None = None,
    cluster: Sequence[str] | None = None,
    reference: str = "largest",
    level: float = 0.95,
    positive: int = 1,
    favourable: int = 1,
    model: bool = False,
) -> Evidence:
    """Write rows, slices and predictions, and return the evidence with the spec that fits it.

    ``model`` puts the decisions into predictions only, as where a model was asked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(groups.values())))
    inputs = [f"row:{at}" for at in range(count)]
    nothing = [None] * count
    columns = {
        "row": range(count),
        "input": inputs,
        "label": nothing if label is None else label,
        "decision": nothing if decision is None or model else decision,
        "score": nothing,
        "weight": nothing if weight is None else weight,
        "cluster": nothing if cluster is None else cluster,
        "text": nothing,
        "continuation": nothing,
    }
    pq.write_table(pa.table(columns, schema=ROWS), folder / "rows.parquet")
    sliced = {"row": pa.array(range(count), pa.int64())}
    sliced |= {name: pa.array(values, pa.string()) for name, values in groups.items()}
    pq.write_table(pa.table(sliced), folder / "slices.parquet")
    decided = nothing if decision is None else decision
    found = sorted(zip(inputs, [None] * count, decided, strict=True))
    pq.write_table(
        pa.table(
            [pa.array(c, f.type) for c, f in zip(zip(*found, strict=True), PREDICTIONS, strict=True)], PREDICTIONS
        ),
        folder / "predictions.parquet",
    )
    spec = {
        "audit": "by-hand",
        "question": "Are the groups treated alike?",
        "data": {
            "source": "by-hand.csv",
            "label": None if label is None else "label",
            "decision": None if decision is None or model else "decision",
            "weight": None if weight is None else "weight",
            "cluster": None if cluster is None else "cluster",
            "favourable": favourable,
            "positive": positive,
        },
        "protected": {part: {"column": part, "reference": reference} for name in groups for part in name.split("×")},
        "techniques": {"parity": {}},
        "statistics": {"level": level},
    }
    if model:
        spec["model"] = {"kind": "tabular", "uri": "models/by-hand"}
    return Evidence(folder, AuditSpec.model_validate(spec))
