"""Step 9: the artifact in the making, told to people."""

from __future__ import annotations

import shutil
from pathlib import Path

from audits.findings import canonical_json
from model_cards import render
from model_cards.regulation import packs_document, read_packs
from tasks.run import Run
from tasks.step import step


@step(reads=("audit", "question", "card", "data", "protected", "model", "techniques"), also=lambda run: run.started)
def write_card(run: Run, out: Path) -> None:
    """Write card.html, card.md, card.json and the charts."""
    packs = packs_document(read_packs(run.spec, run.base))
    (run.folder / "packs.json").write_bytes(canonical_json(packs) + b"\n")
    shutil.copyfile(run.folder / "packs.json", out / "packs.json")
    render.write_card(run.folder, out)
