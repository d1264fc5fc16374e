"""Step 9: the artifact in the making, told to people."""

from __future__ import annotations

from pathlib import Path

from model_cards import render
from tasks.run import Run
from tasks.step import step


@step(reads=("audit", "question", "card", "data", "protected", "model", "techniques"), also=lambda run: run.started)
def write_card(run: Run, out: Path) -> None:
    """Write card.html, card.md, card.json and the charts."""
    render.write_card(run.folder, out)
