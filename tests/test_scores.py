"""The score store: each input once ever, a kill loses one batch, two may write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from audits.errors import ModelError
from audits.scores import ScoreStore, fill, store_key
from audits.subjects import Plan, Subject

ROOT = Path(__file__).resolve().parent.parent


class Counting(Subject):
    """Answers with a tenth of the input's number, in batches of three; counts what it was asked."""

    kind = "python"

    def __init__(self, dies_after: int | None = None):
        self.asked: list[str] = []
        self.dies_after = dies_after

    def plan(self, inputs):
        names = inputs["input"].to_pylist()
        order = np.argsort(names)

        def run(batch):
            if self.dies_after is not None and len(self.asked) >= self.dies_after:
                raise KeyboardInterrupt
            self.asked += [names[at] for at in batch]
            return np.array([float(names[at]) / 10 + 1e-9 for at in batch])

        return Plan([order[at : at + 3] for at in range(0, len(order), 3)], run, np.array([n == "1" for n in names]))


def numbers(n):
    return pa.table({"input": [str(at) for at in range(n)]})


def test_every_input_is_scored_once_ever(tmp_path):
    subject = Counting()
    assert fill(subject, numbers(7), tmp_path / "s.db", "m", lambda done, total: None) == 7
    assert sorted(subject.asked) == [str(at) for at in range(7)]
    assert fill(subject, numbers(7), tmp_path / "s.db", "m", lambda done, total: None) == 0
    assert len(subject.asked) == 7
    known = ScoreStore(tmp_path / "s.db", "m").known(["0", "1", "6", "9"])
    assert known == {"0": (0.0, False), "1": (0.1, True), "6": (0.6, False)}


def test_scores_of_one_model_are_not_those_of_another(tmp_path):
    fill(Counting(), numbers(2), tmp_path / "s.db", "m", lambda done, total: None)
    assert ScoreStore(tmp_path / "s.db", "other").known(["0", "1"]) == {}


def test_a_run_that_was_killed_goes_on_at_the_batch_it_was_in(tmp_path):
    subject = Counting(dies_after=6)
    with pytest.raises(KeyboardInterrupt):
        fill(subject, numbers(10), tmp_path / "s.db", "m", lambda done, total: None)
    assert set(ScoreStore(tmp_path / "s.db", "m").known(numbers(10)["input"].to_pylist())) == set("012345")
    again = Counting()
    assert fill(again, numbers(10), tmp_path / "s.db", "m", lambda done, total: None) == 4
    assert again.asked == ["6", "7", "8", "9"]


def test_a_batch_of_which_one_input_is_new_is_scored_as_a_whole(tmp_path):
    fill(Counting(), numbers(4), tmp_path / "s.db", "m", lambda done, total: None)
    again = Counting()
    fill(again, numbers(6), tmp_path / "s.db", "m", lambda done, total: None)
    assert again.asked == ["3", "4", "5"]


def test_what_is_not_a_finite_number_is_not_kept(tmp_path):
    class Overflowing(Counting):
        def plan(self, inputs):
            return Plan(
                [np.arange(len(inputs))], lambda batch: np.full(len(batch), np.nan), np.zeros(len(inputs), bool)
            )

    with pytest.raises(ModelError, match="no finite number"):
        fill(Overflowing(), numbers(2), tmp_path / "s.db", "m", lambda done, total: None)
    assert ScoreStore(tmp_path / "s.db", "m").known(["0"]) == {}


def test_progress_counts_what_is_left_to_do(tmp_path):
    fill(Counting(), numbers(3), tmp_path / "s.db", "m", lambda done, total: None)
    seen = []
    fill(Counting(), numbers(8), tmp_path / "s.db", "m", lambda done, total: seen.append((done, total)))
    assert seen == [(0, 5), (3, 5), (5, 5)]


def test_scores_of_other_library_versions_do_not_answer(tmp_path, monkeypatch):
    model = {"kind": "tabular", "uri": "m", "dtype": "float32", "max_tokens": None, "positive_class": 1, "features": []}
    before = store_key("digest", model)
    fill(Counting(), numbers(2), tmp_path / "s.db", before, lambda done, total: None)
    monkeypatch.setattr("audits.scores.libraries", lambda kind: {"scikit-learn": "99.0"})
    after = store_key("digest", model)
    assert after != before
    assert ScoreStore(tmp_path / "s.db", after).known(["0", "1"]) == {}
    assert set(ScoreStore(tmp_path / "s.db", before).known(["0", "1"])) == {"0", "1"}


def test_what_changes_a_score_changes_the_key_and_what_does_not_does_not():
    model = {"kind": "text-classifier", "uri": "m", "dtype": "float32", "max_tokens": None, "positive_class": 1}
    model["features"] = ["a", "b"]
    key = store_key("digest", {**model, "threshold": 0.5})
    assert key == store_key("digest", {**model, "threshold": 0.9, "uri": "elsewhere"})
    for change in ({"dtype": "bfloat16"}, {"max_tokens": 8}, {"positive_class": 0}, {"features": ["b", "a"]}):
        assert key != store_key("digest", {**model, **change})
    assert key != store_key("other", model)
    function = {**model, "kind": "python", "uri": "m.py:one"}
    assert store_key("digest", function) != store_key("digest", {**function, "uri": "m.py:two"})


WRITER = """
import sys
from pathlib import Path
from audits.errors import ModelError
from audits.scores import ScoreStore
store = ScoreStore(Path(sys.argv[1]), "m")
for batch in range(60):
    store.put([f"{sys.argv[2]}-{batch}-{at}" for at in range(5)], [0.5] * 5, [False] * 5)
"""


def test_two_processes_may_write_at_the_same_time(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path / "new" / "s.db")]
    writers = [subprocess.Popen([*command, name], env=environment) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    names = [f"{name}-{batch}-{at}" for name in "ab" for batch in range(60) for at in range(5)]
    assert len(ScoreStore(tmp_path / "new" / "s.db", "m").known(names)) == 600
