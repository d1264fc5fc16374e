"""Step 4: which model the spec means; made first, where the spec says how."""

from __future__ import annotations

import json
from pathlib import Path

from audits import observe
from tasks.lock import alone
from tasks.model import host
from tasks.run import Run
from tasks.step import step


@step(reads=("model", "tracking", "data"), retries=1, kept=False)
def resolve(run: Run, out: Path) -> None:
    """Find the model and its digest; fit and register it at first use. Looks each time: a place may hold another."""
    home = Path(run.home)
    with alone(home / "models.lock", "finding or fitting a model"):  # which another run may then find
        model = observe.resolve(run.spec, run.base, run.folder, host(run), home)
    if "fitted" in model:
        model["fitted"] = {"key": model["fitted"]["key"]}  # the same model, whether it was fitted now or before
    (out / "resolved.json").write_text(json.dumps(model, sort_keys=True))
