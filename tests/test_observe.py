"""Observe: which inputs are asked, what is written, and the model made at first use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_models import save_classifier

from audits.errors import ModelError, SpecError
from audits.evidence import PAIRS, PREDICTIONS, ROWS
from audits.examine import examine_inside
from audits.findings import read_findings
from audits.host import Host
from audits.inputs import features_input, text_input
from audits.observe import distinct_inputs, observe, open_host, resolve
from audits.spec import AuditSpec

ROOT = Path(__file__).resolve().parent.parent


def spec_of(model=None, **data):
    document = {
        "audit": "a",
        "question": "?",
        "data": {"source": "x.csv", **data},
        "protected": {"sex": {"column": "sex", "values": {0: "female", 1: "male"}}},
        "techniques": {"parity": {}},
        "model": model,
    }
    return AuditSpec.model_validate(document)


def table(schema, lines, **more):
    columns = {name: pa.array([line.get(name) for line in lines], schema.field(name).type) for name in schema.names}
    return pa.table({**columns, **more})


def write_texts(run, texts, pairs=()):
    rows = [{"row": at, "input": text_input(text), "text": text} for at, text in enumerate(texts)]
    pq.write_table(table(ROWS, rows), run / "rows.parquet")
    versions = [
        {"pair": at, "row": row, "input": text_input(text), "text": text, "status": status}
        for at, (row, text, status) in enumerate(pairs)
    ]
    pq.write_table(table(PAIRS, versions), run / "pairs.parquet")


def python_model(base, source):
    base.mkdir(exist_ok=True)
    (base / "model.py").write_text(source)
    return {"kind": "python", "uri": "model.py:score"}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


LENGTH = "def score(texts): return [len(text) / 10 for text in texts]\n"


def test_each_distinct_text_of_rows_and_edited_pairs_is_asked_once(run):
    write_texts(run, ["a", "bb", "a"], [(0, "ccc", "edited"), (1, "bb", "edited"), (2, "dddd", "refused")])
    inputs = distinct_inputs(spec_of({"kind": "python", "uri": "m.py:f"}, text="t"), run)
    assert sorted(inputs["text"].to_pylist()) == ["a", "bb", "ccc"]
    assert inputs["input"].to_pylist() == sorted(text_input(text) for text in ("a", "bb", "ccc"))


def test_a_row_without_text_is_not_asked_and_has_no_prediction(run, base, tmp_path):
    rows = [{"row": 0, "input": text_input("a"), "text": "a"}, {"row": 1, "input": None, "text": None}]
    pq.write_table(table(ROWS, rows), run / "rows.parquet")
    spec = spec_of(python_model(base, LENGTH), text="t")
    with open_host(spec, base) as host:
        observe(spec, base, run, run, host, tmp_path / "home")
    assert pq.read_table(run / "predictions.parquet")["input"].to_pylist() == [text_input("a")]


def test_changed_columns_are_applied_to_the_rows_own(run):
    features = [{"sex": 0, "income": 1.5}, {"sex": 1, "income": None}]
    rows = [{"row": at * 7, "input": features_input(each)} for at, each in enumerate(features)]
    columns = {"data.sex": pa.array([0, 1]), "data.income": pa.array([1.5, None]), "data.other": pa.array(["x", "y"])}
    pq.write_table(table(ROWS, rows, **columns), run / "rows.parquet")
    changed = features_input({"sex": 0, "income": None})
    versions = [{"pair": 0, "row": 7, "input": changed, "changes": json.dumps({"sex": 0}), "status": "edited"}]
    pq.write_table(table(PAIRS, versions), run / "pairs.parquet")
    inputs = distinct_inputs(spec_of({"kind": "tabular", "uri": "m"}, features=["sex", "income"]), run)
    assert inputs.column_names == ["input", "sex", "income"]
    by_input = {row["input"]: (row["sex"], row["income"]) for row in inputs.to_pylist()}
    assert by_input == {rows[0]["input"]: (0, 1.5), rows[1]["input"]: (1, None), changed: (0, None)}


def test_without_a_model_the_decisions_and_scores_of_the_data_are_taken_over(run, base, tmp_path):
    rows = [{"row": at, "input": f"row:{at}", "decision": at % 2, "score": float(at)} for at in range(3)]
    pq.write_table(table(ROWS, rows), run / "rows.parquet")
    with Host(base) as host:
        observe(spec_of(decision="d"), base, run, run, host, tmp_path / "home")
        assert host.pid is None
    predictions = pq.read_table(run / "predictions.parquet")
    assert predictions.schema.equals(PREDICTIONS)
    assert predictions["decision"].to_pylist() == [0, 1, 0]
    assert json.loads((run / "model.json").read_text())["kind"] == "decisions"


def test_predictions_hold_score_and_decision_of_every_input_and_the_model_is_described(run, base, tmp_path):
    spec = spec_of({**python_model(base, LENGTH), "threshold": 0.2}, text="t")
    write_texts(run, ["a", "bb"], [(0, "ccc", "edited")])
    with open_host(spec, base) as host:
        observe(spec, base, run, run, host, tmp_path / "home")
    predictions = {row["input"]: row for row in pq.read_table(run / "predictions.parquet").to_pylist()}
    assert predictions[text_input("a")] == {"input": text_input("a"), "score": 0.1, "decision": 0}
    assert predictions[text_input("bb")]["decision"] == 1  # at the threshold
    assert predictions[text_input("ccc")]["score"] == 0.3
    model = json.loads((run / "model.json").read_text())
    assert model["inputs"] == {"distinct": 3, "scored": 3, "from_store": 0}
    assert model["resolved_uri"] == "model.py:score"
    assert set(model["files"]) == {"model.py"}
    assert model["threshold"] == 0.2
    assert "numpy" in model["libraries"]


def test_a_second_audit_of_the_same_inputs_asks_the_model_nothing(run, base, tmp_path):
    spec = spec_of(python_model(base, LENGTH), text="t")
    write_texts(run, ["a", "bb"])
    with open_host(spec, base) as host:
        model = resolve(spec, base, run, host, tmp_path / "home")
        observe(spec, base, run, run, host, tmp_path / "home", model=model)
    first = (run / "predictions.parquet").read_bytes()
    with open_host(spec, base) as host:
        observe(spec, base, run, run, host, tmp_path / "home", model=model)
        assert host.pid is None
    assert (run / "predictions.parquet").read_bytes() == first
    written = json.loads((run / "model.json").read_text())
    assert written["inputs"] == {"distinct": 2, "scored": 0, "from_store": 2}
    assert written["libraries"]


def test_a_changed_model_is_asked_again(run, base, tmp_path):
    write_texts(run, ["a"])
    for source, expected in ((LENGTH, 0.1), (LENGTH.replace("10", "5"), 0.2)):
        spec = spec_of(python_model(base, source), text="t")
        with open_host(spec, base) as host:
            observe(spec, base, run, run, host, tmp_path / "home")
        assert pq.read_table(run / "predictions.parquet")["score"].to_pylist() == [expected]


def test_a_transformers_folder_is_scored_in_the_child(run, base, tmp_path):
    save_classifier(base / "m")
    spec = spec_of({"kind": "text-classifier", "uri": "m", "max_tokens": 6, "device": "cpu"}, text="t")
    write_texts(run, ["the film is good", "the film is good and very bad"])
    with open_host(spec, base) as host:
        observe(spec, base, run, run, host, tmp_path / "home")
    model = json.loads((run / "model.json").read_text())
    assert (model["truncated"], model["device"], model["max_tokens"]) == (1, "cpu", 6)
    assert {"torch", "transformers"} <= set(model["libraries"])


SLOW = """
import time
def score(texts):
    time.sleep(0.3)
    return [0.5 for _ in texts]
"""
RUN = """
import sys
from pathlib import Path
from test_observe import *
run, base, home = map(Path, sys.argv[1:])
spec = spec_of({"kind": "python", "uri": "model.py:score"}, text="t")
with open_host(spec, base) as host:
    observe(spec, base, run, run, host, home)
"""


def test_a_run_that_is_killed_goes_on_where_it_was(run, base, tmp_path, monkeypatch):
    from audits.scores import ScoreStore, store_key

    source = SLOW + "import audits.subjects.python_function\naudits.subjects.python_function.TEXTS_PER_BATCH = 2\n"
    spec = spec_of(python_model(base, source), text="t")
    texts = [str(at) for at in range(20)]
    write_texts(run, texts)
    home = tmp_path / "home"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    with open_host(spec, base) as host:
        found = resolve(spec, base, run, host, home)
    key = store_key(found["digest"], {**spec.model.model_dump(), "features": []})
    with subprocess.Popen([sys.executable, "-c", RUN, str(run), str(base), str(home)], env=environment) as process:
        end = time.monotonic() + 60
        known = {}
        while len(known) < 4 and time.monotonic() < end:
            time.sleep(0.05)
            known = ScoreStore(home / "scores" / "scores.db", key).known(text_input(text) for text in texts)
        process.kill()
    assert 4 <= len(known) < 20
    with open_host(spec, base) as host:
        observe(spec, base, run, run, host, home)
    inputs = json.loads((run / "model.json").read_text())["inputs"]
    assert inputs["scored"] <= 20 - len(known)
    assert pq.read_table(run / "predictions.parquet")["score"].to_pylist() == [0.5] * 20


# ---------------------------------------------------------------- made at first use

FIT_TABLE = """
def fit(rows, out, seed):
    from pathlib import Path
    from sklearn.linear_model import LogisticRegression
    Path(__file__).with_name("fitted.txt").open("a").write("x")
    frame = rows.select(["data.income"]).rename_columns(["income"]).to_pandas()
    return LogisticRegression().fit(frame, rows["label"].to_numpy())
"""
FIT_TEXT = """
import sys
def fit(rows, out, seed):
    sys.path.insert(0, TESTS)
    from tiny_models import save_classifier
    save_classifier(out, seed=seed)
"""


def write_fit(run):
    lines = [
        {"row": at, "input": features_input({"income": at}), "label": int(at > 4), "text": "a"} for at in range(10)
    ]
    rows = table(ROWS, lines, **{"data.income": pa.array(range(10))})
    pq.write_table(rows, run / "fit.parquet")
    pq.write_table(rows, run / "rows.parquet")


def test_a_model_is_made_at_first_use_registered_and_found_again(run, base, tmp_path):
    (base / "fits.py").write_text(FIT_TABLE)
    write_fit(run)
    home = tmp_path / "home"
    spec = spec_of({"kind": "tabular", "uri": "models:/income", "fit": "fits.py:fit"}, features=["income"])
    with open_host(spec, base) as host:
        made = resolve(spec, base, run, host, home)
        observe(spec, base, run, run, host, home)
    assert (made["resolved_uri"], made["fitted"]["now"]) == ("models:/income/1", True)
    assert (home / "mlartifacts").is_dir()
    assert Path(made["folder"]).is_relative_to(home)
    assert pq.read_table(run / "predictions.parquet")["decision"].to_pylist().count(1) == 5
    with open_host(spec, base) as host:  # remembered: neither MLflow nor a process
        again = resolve(spec, base, run, host, home)
        assert host.pid is None
    assert again == {**made, "fitted": {"key": made["fitted"]["key"], "now": False}}
    shutil.rmtree(home / "models")
    with open_host(spec, base) as host:  # forgotten here, but the registry knows it by its tag
        found = resolve(spec, base, run, host, home)
    assert (found["digest"], found["fitted"]["now"]) == (made["digest"], False)
    assert (base / "fitted.txt").read_text() == "x"
    named = spec_of({"kind": "tabular", "uri": "models:/income/1"}, features=["income"])
    with open_host(named, base) as host:
        assert resolve(named, base, run, host, home)["digest"] == made["digest"]
        missing = spec_of({"kind": "tabular", "uri": "models:/income/7"}, features=["income"])
        with pytest.raises(ModelError, match="models:/income/7 is not in the registry"):
            resolve(missing, base, run, host, home)
        next(Path(made["folder"]).glob("*.skops")).write_bytes(b"other")
        with pytest.raises(ModelError, match="models:/income/1: its files have changed"):
            resolve(named, base, run, host, home)


@pytest.mark.slow
def test_a_fitted_transformers_folder_is_an_ordinary_one(run, base, tmp_path):
    from transformers import AutoModelForSequenceClassification

    (base / "fits.py").write_text(FIT_TEXT.replace("TESTS", repr(str(ROOT / "tests"))))
    write_fit(run)
    spec = spec_of({"kind": "text-classifier", "uri": "models:/tiny", "fit": "fits.py:fit"}, text="t")
    with open_host(spec, base) as host:
        made = resolve(spec, base, run, host, tmp_path / "home")
        observe(spec, base, run, run, host, tmp_path / "home", model=made)
    assert any(name.endswith(".safetensors") for name in made["files"])
    assert not any(name.endswith((".bin", ".pkl")) for name in made["files"])
    network = AutoModelForSequenceClassification.from_pretrained(Path(made["folder"]) / "model")
    assert network.config.id2label == {0: "denied", 1: "approved"}
    assert json.loads((run / "model.json").read_text())["fitted"]["now"] is True


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tabular", "text-classifier"])
def test_the_same_fit_on_another_day_in_another_folder_is_the_same_model(run, base, tmp_path, kind, monkeypatch):
    fit = FIT_TABLE if kind == "tabular" else FIT_TEXT.replace("TESTS", repr(str(ROOT / "tests")))
    (base / "fits.py").write_text(fit)
    write_fit(run)
    data = {"features": ["income"]} if kind == "tabular" else {"text": "t"}
    spec = spec_of({"kind": kind, "uri": "models:/one", "fit": "fits.py:fit"}, **data)
    made = []
    for name, zone in (("home", "UTC"), ("another folder", "Pacific/Kiritimati")):
        monkeypatch.setenv("TZ", zone)
        with open_host(spec, base) as host:
            made.append(resolve(spec, base, run, host, tmp_path / name))
    assert made[0]["folder"] != made[1]["folder"]
    assert made[0]["files"] == made[1]["files"]
    assert made[0]["digest"] == made[1]["digest"]


def test_a_fit_without_rows_to_fit_on_says_what_to_set(run, base, tmp_path):
    (base / "fits.py").write_text(FIT_TABLE)
    spec = spec_of({"kind": "tabular", "uri": "models:/income", "fit": "fits.py:fit"}, features=["income"])
    with open_host(spec, base) as host, pytest.raises(SpecError, match="no rows to fit on") as got:
        resolve(spec, base, run, host, tmp_path / "home")
    assert "data.split" in got.value.hint


def test_a_fit_is_registered_under_a_bare_name(run, base, tmp_path):
    write_fit(run)
    spec = spec_of({"kind": "tabular", "uri": "models:/income/3", "fit": "fits.py:fit"}, features=["income"])
    with open_host(spec, base) as host, pytest.raises(SpecError, match="expected models:/NAME"):
        resolve(spec, base, run, host, tmp_path / "home")


# ---------------------------------------------------------------- inside

TECHNIQUE = '''
from audits.findings import Finding
from audits.errors import NotMeasurable
from audits.techniques import technique

@technique(source="a test")
def peek(evidence, subject, *, at: int = 0):
    """Look into the model."""
    if at == 9:
        raise NotMeasurable("there is no ninth")
    names = evidence.spec.protected["sex"].values
    share = subject.predict(["abc"])[0]
    yield Finding(technique="peek", measure="m", comparison="mean", value=float(share), details={"female": names[0]})
'''


def test_a_technique_that_reads_the_model_runs_in_the_child(run, base, tmp_path, monkeypatch):
    (tmp_path / "techniques").mkdir()
    (tmp_path / "techniques" / "peek.py").write_text(TECHNIQUE)
    monkeypatch.setenv("EVENHAND_TECHNIQUES", str(tmp_path / "techniques"))
    spec = spec_of(python_model(base, LENGTH), text="t")
    write_texts(run, ["a"])
    with open_host(spec, base) as host:
        model = resolve(spec, base, run, host, tmp_path / "home")
        examine_inside(spec, model, "peek", {"at": 1}, run, run, host)
        (finding,) = read_findings((run / "findings-peek.json").read_bytes())
        assert finding.value == 0.3
        assert finding.details == {"female": "female"}  # keys that are numbers stay numbers on the way
        examine_inside(spec, model, "peek", {"at": 9}, run, run, host)
        (finding,) = read_findings((run / "findings-peek.json").read_bytes())
        assert (finding.value, finding.missing) == (None, "there is no ninth")
