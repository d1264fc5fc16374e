"""Step 1: read the table, name the columns' roles, check it."""

from __future__ import annotations

from pathlib import Path

from audits import data
from tasks.run import Run
from tasks.step import step


def source(run: Run) -> str:
    """Return the digest of the data's source, so that changed data are read again."""
    return data.source_digest(run.spec, run.base)


@step(reads=("data", "protected", "model"), also=source, retries=1)
def load(run: Run, out: Path) -> None:
    """Read the data, check them against what the spec expects, and split off the fitting part."""
    data.load(run.spec, run.base, out)
