"""The score store: what a model once answered, by model digest and input digest, in SQLite.

Committed batch by batch: a killed run loses the batch it was in, and the next one goes on from there. A batch is
taken from the store only as a whole; one of which anything is missing is scored again as a whole, so that scores do
not depend on where a run was killed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from audits import __version__
from audits.errors import AuditError, ModelError
from audits.findings import digest
from audits.subjects import Subject, libraries

SCHEMA = """
create table if not exists score (
  model text not null, input text not null, score real not null, truncated integer not null,
  primary key (model, input)) without rowid;
create table if not exists maker (model text primary key, facts text not null) without rowid;
"""
BUSY_S = 60
CHUNK = 500


def store_key(model_digest: str, model: dict[str, Any]) -> str:
    """Return the key of a model's scores: its digest, each setting of the spec that changes a score, who computes it.

    That is the versions of Evenhand and of the libraries that models of its kind stand on: another version may answer
    otherwise, and what the old one answered is no answer of the new one.
    """
    settings = {name: model[name] for name in ("kind", "dtype", "max_tokens", "positive_class", "features")}
    entry = model["uri"].rpartition(":")[2] if model["kind"] == "python" else None
    makers = {"evenhand": __version__, **libraries(model["kind"])}
    return digest({"model": model_digest, "entry": entry, **settings, "makers": makers})


class ScoreStore:
    """The scores of one model. Several processes may use one file at the same time."""

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self.model = model
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as connection:
            connection.execute("pragma journal_mode = wal")
            with connection:
                connection.executescript(SCHEMA)

    def known(self, inputs: Iterable[str]) -> dict[str, tuple[float, bool]]:
        """Return score and whether the input was cut, for those of the inputs that the store knows."""
        wanted = list(inputs)
        found: dict[str, tuple[float, bool]] = {}
        with closing(self._open()) as connection:
            for at in range(0, len(wanted), CHUNK):
                part = wanted[at : at + CHUNK]
                marks = ",".join("?" * len(part))
                rows = connection.execute(
                    f"select input, score, truncated from score where model = ? and input in ({marks})",  # noqa: S608
                    (self.model, *part),
                )
                found.update({name: (score, bool(cut)) for name, score, cut in rows})
        return found

    def put(self, inputs: list[str], scores: list[float], truncated: list[bool]) -> None:
        """Keep one batch, all of it or nothing."""
        rows = [(self.model, name, score, int(cut)) for name, score, cut in zip(inputs, scores, truncated, strict=True)]
        with closing(self._open()) as connection, connection:
            connection.executemany("insert or replace into score values (?, ?, ?, ?)", rows)

    def made_by(self) -> dict[str, Any]:
        """Return device and library versions that computed the latest scores; ``{}`` where there are none."""
        with closing(self._open()) as connection:
            row = connection.execute("select facts from maker where model = ?", (self.model,)).fetchone()
        return json.loads(row[0]) if row else {}

    def note_maker(self, facts: dict[str, Any]) -> None:
        """Keep device and library versions."""
        with closing(self._open()) as connection, connection:
            connection.execute("insert or replace into maker values (?, ?)", (self.model, json.dumps(facts)))

    def _open(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self.path, timeout=BUSY_S)
        except sqlite3.Error as error:
            raise AuditError(
                f"score store {str(self.path)!r} cannot be opened: {error}", "delete it; scores are computed anew"
            ) from error


def fill(subject: Subject, inputs: pa.Table, path: Path, model: str, report: Callable[[int, int], None]) -> int:
    """Score every batch of the plan that the store does not know as a whole; return how many inputs were scored.

    Args:
        subject: the model.
        inputs: all distinct inputs of the audit, since the plan is over all of them.
        path: the store's file.
        model: ``store_key``.
        report: called with inputs done and of how many, those already known not counted.
    """
    store = ScoreStore(path, model)
    names = np.array(inputs["input"].to_pylist(), dtype=object)
    known = store.known(names)
    plan = subject.plan(inputs)
    todo = [batch for batch in plan.batches if any(name not in known for name in names[batch])]
    total, done = sum(len(batch) for batch in todo), 0
    report(0, total)
    for batch in todo:
        scores = subject.rounded(plan.run(batch))
        if not np.isfinite(scores).all():
            raise ModelError("the model answered no finite number", "set model.dtype to float32, or check its weights")
        store.put(list(names[batch]), scores.tolist(), plan.truncated[batch].tolist())
        done += len(batch)
        report(done, total)
    if todo:
        store.note_maker({"device": subject.device, "libraries": libraries(subject.kind)})
    return done
