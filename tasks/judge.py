"""Step 7: limits × findings → verdict."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from audits.findings import canonical_json, read_findings, write_findings
from audits.ledger import ledger
from audits.verdict import judge as decide
from tasks.run import Run
from tasks.step import step


@step(reads=("limits", "techniques"), also=lambda run: run.started[:10])  # a waiver ends on a day
def judge(run: Run, out: Path) -> None:
    """Put the findings of all techniques together; derive the verdict under the policy, and what was tested."""
    files = [run.folder / f"findings-{technique}.json" for technique in run.spec.techniques]
    findings = [finding for file in files for finding in read_findings(file.read_bytes())]
    (out / "findings.json").write_bytes(write_findings(findings))
    day = datetime.fromisoformat(run.started).date()
    verdict = decide(run.spec.policy, findings, run.spec.statistics.level, day)
    (out / "verdict.json").write_bytes(canonical_json(verdict.to_json()) + b"\n")
    (out / "ledger.json").write_bytes(canonical_json(ledger(findings, verdict)) + b"\n")
