"""Step 8: the published known answers, recomputed once with this code and these libraries; every card shows it."""

from __future__ import annotations

from pathlib import Path

from audits.findings import canonical_json
from audits.selfcheck import selfcheck as check
from tasks.run import Run
from tasks.step import step


@step()
def selfcheck(run: Run, out: Path) -> None:
    """Write ``selfcheck.json``. An answer that is not reproduced is told in the card; it stops nothing."""
    (out / "selfcheck.json").write_bytes(canonical_json(check().to_json()) + b"\n")
