"""Step 1: read the table, name the columns' roles, check it."""

from __future__ import annotations

import json
from pathlib import Path

from audits import data
from audits.doubts import REMEDY
from audits.findings import digest
from tasks.console import console
from tasks.run import Run
from tasks.step import step


def source(run: Run) -> str:
    """Return a digest of the data's source and of the columns asked for, so that changed data are read again."""
    return digest([data.source_digest(run.spec, run.base), data.technique_columns(run.spec)])


@step(reads=("data", "protected", "model"), also=source, retries=1)
def load(run: Run, out: Path) -> None:
    """Read the data, check them against what the spec expects, and split off the fitting part."""
    data.load(run.spec, run.base, out)
    for check in json.loads((out / "checks.json").read_bytes()):
        if check["expectation"] in REMEDY and not check["success"]:
            place, remedy = REMEDY[check["expectation"]]
            console.warn(f"{place}: {check['observed']}; {remedy}")
