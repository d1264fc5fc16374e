"""Step 6: one technique, from evidence to findings; a step for each technique of the spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audits import examine as inside
from audits.evidence import Evidence
from audits.findings import write_findings
from audits.host import Host
from audits.spec import AuditSpec
from audits.techniques import examines_inside, registry
from audits.techniques import run as carry_out
from tasks.console import console
from tasks.model import host
from tasks.run import Run
from tasks.step import step


@step(reads=("data", "protected", "statistics", "model"))
def examine(run: Run, out: Path, technique: str, options: dict[str, Any]) -> None:
    """Carry out a technique: beside the evidence, or in the model's process where it reads the model's inside."""
    examine_into(run.spec, run.folder, out, host(run), technique, options)


def examine_into(spec: AuditSpec, run: Path, out: Path, model: Host, technique: str, options: dict[str, Any]) -> None:
    """Write ``findings-<technique>.json`` into ``out``."""
    entry = registry[technique]
    if examines_inside(entry):
        resolved = json.loads((run / "resolved.json").read_bytes())
        inside.examine_inside(spec, resolved, technique, options, run, out, model, console.progress)
    else:
        findings = carry_out(entry, Evidence(run, spec), options)
        (out / f"findings-{technique}.json").write_bytes(write_findings(findings))
