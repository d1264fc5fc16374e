"""Step 2: protected attributes → named groups of rows."""

from __future__ import annotations

from pathlib import Path

from audits import slices
from tasks.run import Run
from tasks.step import step


@step(reads=("protected", "intersections"))
def cut(run: Run, out: Path) -> None:
    """Name each row's group of every protected attribute and intersection."""
    slices.cut(run.spec, run.folder, out)
