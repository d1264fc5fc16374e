"""Examine: carry out a technique that reads the model's inside, in the process that holds the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audits.host import Host, Progress
from audits.observe import model_arguments
from audits.spec import AuditSpec


def examine_inside(
    spec: AuditSpec,
    model: dict[str, Any],
    technique: str,
    options: dict[str, Any],
    run: Path,
    out: Path,
    host: Host,
    progress: Progress | None = None,
) -> None:
    """Write ``findings-<technique>.json`` of a technique that takes the model itself.

    Args:
        spec: the audit.
        model: what ``audits.observe.resolve`` returned.
        technique: its name.
        options: as in the spec.
        run: run folder with the evidence.
        out: existing folder that gets the findings.
        host: the model's process.
        progress: called as the technique reports.

    Raises:
        ModelError: the model failed inside it.
    """
    host.call(
        "examine",
        progress=progress,
        model=model_arguments(spec),
        folder=model["folder"],
        spec=repr(spec.model_dump()),
        technique=technique,
        options=options,
        run=str(run.resolve()),
        out=str((out / f"findings-{technique}.json").resolve()),
    )
