"""Step 5: what the model answers, each distinct input asked once ever."""

from __future__ import annotations

import json
from pathlib import Path

from audits import observe as scoring
from tasks.console import console
from tasks.model import host
from tasks.run import Run
from tasks.step import step


@step(reads=("model", "data"))
def observe(run: Run, out: Path) -> None:
    """Score every distinct input of rows and pairs; without a model, take over what the data bring."""
    model = json.loads((run.folder / "resolved.json").read_bytes())
    scoring.observe(run.spec, run.base, run.folder, out, host(run), Path(run.home), console.progress, model)
    made = json.loads((out / "model.json").read_bytes())
    if cut := made.get("truncated"):
        console.warn(f"{cut:,} of {made['inputs']['distinct']:,} distinct texts are longer than the model reads")
