"""Step 9: the artifact in the making, told to people."""

from __future__ import annotations

import shutil
from pathlib import Path

from audits.findings import canonical_json
from audits.history import Entry, read_entry
from model_cards import render
from model_cards.regulation import packs_document, read_packs
from tasks.run import Run
from tasks.step import step

MOST_EARLIER = 12
"""Earlier audits that a card looks back on; the site has all of them."""


@step(reads=("audit", "question", "card", "data", "protected", "model", "techniques"), also=lambda run: run.started)
def write_card(run: Run, out: Path) -> None:
    """Write card.html, card.md, card.json and the charts, from the run and the audits before it."""
    documents = {"packs.json": packs_document(read_packs(run.spec, run.base))}
    (run.folder / "history.json").unlink(missing_ok=True)  # of a run that was killed, when there were others before it
    if before := earlier(Path(run.out) / run.spec.audit):
        documents["history.json"] = [entry.model_dump(mode="json") for entry in before]
    for name, document in documents.items():
        (run.folder / name).write_bytes(canonical_json(document) + b"\n")
        shutil.copyfile(run.folder / name, out / name)
    render.write_card(run.folder, out)


def earlier(place: Path) -> list[Entry]:
    """Return the newest artifacts of the same audit that are what was sealed, the oldest first."""
    folders = sorted(path for path in place.iterdir() if (path / "manifest.json").is_file()) if place.is_dir() else []
    entries = [read_entry(folder) for folder in folders[-MOST_EARLIER:]]
    return sorted((entry for entry in entries if not entry.problem), key=lambda entry: entry.ended)
