"""Step 3: counterfactual versions of the audited inputs."""

from __future__ import annotations

from pathlib import Path

from audits import pairs
from tasks.run import Run
from tasks.step import step


@step(reads=("counterfactuals", "protected", "model", "data"))
def pair(run: Run, out: Path) -> None:
    """Write every counterfactual version of every row, or why there is none."""
    pairs.pair(run.spec, run.folder, out)
