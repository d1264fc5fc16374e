"""Whole audits through the command line, as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

SPEC = """
audit: loans
question: Are people approved equally often?
data:
  source: loans.csv
  label: repaid
  favourable: 1
  decision: approved
protected:
  group: {column: group, reference: a}
  sex: {column: sex}
intersections: 2
techniques:
  parity: {}
limits:
  - {measure: selection_rate, over: group, compare: difference, at_most: 0.1}
"""

LETTERS = """
audit: letters
question: Does the word decide?
data:
  source: letters.jsonl
  text: letter
  favourable: 1
protected:
  sex:
    column: sex
    reference: man
    terms: {man: [man], woman: [woman]}
model:
  kind: python
  uri: model.py:MODEL
counterfactuals:
  swap: {attributes: [sex]}
techniques:
  parity: {metrics: [selection_rate]}
  flip_rate: {}
limits:
  - {measure: flip_rate, over: sex, at_most: 0.02}
"""

MODEL = '''
def blind(texts):
    """Reads the income only."""
    return [0.9 if "good income" in text else 0.1 for text in texts]


def biased(texts):
    """Reads the income, and turns away a quarter of the women."""
    return [0.1 if "woman" in text and "Leeds" in text else score for text, score in zip(texts, blind(texts))]
'''


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    """400 decisions, group b approved half as often as group a."""
    rng = np.random.default_rng(7)
    group = np.where(np.arange(400) % 2 == 0, "a", "b")
    approved = rng.random(400) < np.where(group == "a", 0.8, 0.4)
    sex = np.where(rng.random(400) < 0.5, "woman", "man").astype(object)
    sex[:5] = None
    table = pa.table(
        {
            "group": group,
            "sex": pa.array(list(sex), pa.string()),
            "approved": approved.astype(int),
            "repaid": (rng.random(400) < 0.7).astype(int),
        }
    )
    pyarrow.csv.write_csv(table, tmp_path / "loans.csv")
    (tmp_path / "loans.yaml").write_text(SPEC)
    return tmp_path / "loans.yaml"


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """400 short letters; ``{model}`` in the spec is still to be named."""
    towns = ["York", "Leeds", "Bath", "Hull"]
    rows = [
        {
            "letter": f"I am a {sex} from {towns[i % 4]} with a {'good' if i % 3 else 'small'} income.",
            "sex": sex,
        }
        for i in range(200)
        for sex in ("man", "woman")
    ]
    (tmp_path / "letters.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "model.py").write_text(textwrap.dedent(MODEL))
    return tmp_path


def document(done) -> dict:
    return json.loads(done.stdout)


def findings_of(outcome: dict) -> bytes:
    return (Path(outcome["artifact"]) / "findings.json").read_bytes()


def test_an_audit_of_decisions_is_sealed_verified_and_replayed(evenhand, loans):
    outcome = document(evenhand("run", loans, "--json", expect=1))
    assert outcome["verdict"] == "FAIL"
    assert "group" in outcome["limits"][0]["text"]
    artifact = outcome["artifact"]
    assert {"card.html", "card.md", "manifest.json"} <= {path.name for path in Path(artifact).iterdir()}
    evenhand("verify", artifact, expect=0)
    assert "equal" in json.dumps(document(evenhand("replay", artifact, "--json", expect=0)))
    assert b"<!doctype html>" in evenhand("card", artifact, expect=0).stdout.lower().encode()


def test_the_second_run_repeats_nothing_and_chains_to_the_first(evenhand, loans):
    first = document(evenhand("run", loans, "--json", expect=1))
    again = evenhand("run", loans, "--json", expect=1)
    assert again.stderr.count("as before") >= 5
    second = document(again)
    assert findings_of(first) == findings_of(second)
    manifest = json.loads((Path(second["artifact"]) / "manifest.json").read_bytes())
    assert manifest["previous"] == first["digest"]


def test_a_changed_row_is_read_again(evenhand, loans):
    first = document(evenhand("run", loans, "--json", expect=1))
    data = loans.parent / "loans.csv"
    lines = data.read_text().splitlines()
    data.write_text("\n".join([*lines, lines[-1]]) + "\n")
    assert findings_of(first) != findings_of(document(evenhand("run", loans, "--json", expect=1)))


def test_a_model_that_reads_the_word_fails_and_a_blind_one_passes(evenhand, letters):
    for model, code in (("biased", 1), ("blind", 0)):
        spec = letters / f"{model}.yaml"
        spec.write_text(LETTERS.replace("MODEL", model))
        outcome = document(evenhand("run", spec, "--json", expect=code))
        flips = [f for f in json.loads(findings_of(outcome)) if f["id"].startswith("flip_rate/flip_rate/sex/")]
        rate = next(f["value"] for f in flips if f["comparison"] == "rate" and f["group"] != "(control)")
        # 50 of 200 pairs come from Leeds; of those, 34 have a good income (those with i % 3 != 0)
        expected = sum(1 for i in range(200) if i % 4 == 1 and i % 3 != 0) / 200 if model == "biased" else 0.0
        assert rate == pytest.approx(expected)


def test_only_the_wanted_steps_run(evenhand, loans):
    done = evenhand("run", loans, "--only", "cut", expect=0)
    assert "cut" in done.stderr
    assert "parity" not in done.stderr
    assert not (loans.parent / "runs").exists()
    wrong = evenhand("run", loans, "--only", "cutt", expect=2)
    assert "did you mean 'cut'?" in wrong.stderr


def test_a_tracking_server_that_is_away_costs_nothing_but_a_warning(evenhand, loans):
    evenhand.environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    done = evenhand("run", loans, "--json", expect=1)
    outcome = document(done)
    assert outcome["mlflow_run"] is None
    assert "could not be reached" in done.stderr
    del evenhand.environment["MLFLOW_TRACKING_URI"]
    resumed = document(evenhand("run", "--resume", outcome["artifact"], "--json", expect=0))
    assert resumed["run_id"]
    again = document(evenhand("run", "--resume", outcome["artifact"], "--json", expect=0))
    assert again["run_id"] == resumed["run_id"]


STEPS = ["load", "cut", "pair", "resolve", "observe", "examine parity", "judge", "write_card", "seal"]


@pytest.mark.slow
def test_runs_that_share_a_fresh_home_at_the_same_time_do_not_disturb_each_other(evenhand, loans):
    """Twice the same audit and one more, with a Prefect server each: none of their databases exists yet."""
    del evenhand.environment["PREFECT_API_URL"]
    evenhand.environment["PREFECT_HOME"] = str(loans.parent / "prefect")
    other = loans.with_name("other.yaml")
    other.write_text(loans.read_text().replace("audit: loans", "audit: other"))
    running = [evenhand.start("run", spec, "--json") for spec in (loans, loans, other)]
    ended = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [1, 1, 1], ended
    outcomes = [json.loads(out) for out, _ in ended]
    assert len({outcome["mlflow_run"] for outcome in outcomes} - {None}) == 3
    assert len({findings_of(outcome) for outcome in outcomes}) == 1
    assert sum("waiting: another process is carrying out this audit" in told for _, told in ended) == 1
    assert "warning" not in "".join(told for _, told in ended)


DAMAGES = ["steps cut short, results gone", "steps gone", "results cut short"]


@pytest.mark.parametrize("damaged", ["steps cut short", *(pytest.param(d, marks=pytest.mark.slow) for d in DAMAGES)])
def test_damaged_leftovers_are_made_again_and_never_sealed(evenhand, loans, damaged):
    first = document(evenhand("run", loans, "--json", expect=1))
    home = loans.parent / "home"
    if "steps cut short" in damaged:
        for path in home.glob("steps/*/*.parquet"):
            path.write_bytes(path.read_bytes()[:100])
    if damaged == "steps gone":
        shutil.rmtree(home / "steps")
    if "results gone" in damaged:
        shutil.rmtree(home / "results")
    if damaged == "results cut short":
        for path in home.glob("results/*"):
            path.write_bytes(path.read_bytes()[:10])
    second = document(evenhand("run", loans, "--json", expect=1))
    assert findings_of(first) == findings_of(second)
    evenhand("replay", second["artifact"], expect=0)


def test_a_prefect_server_that_is_away_is_named_and_no_defect(evenhand, loans):
    evenhand.environment["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    told = evenhand("run", loans, expect=2).stderr
    assert "check the server that PREFECT_API_URL names" in told
    assert "defect" not in told


def kill_after(evenhand, spec: Path, step: str) -> None:
    """Start the audit and kill it, as ``kill -9`` does, once ``step`` is done."""
    process = evenhand.start("run", spec, "--json")
    for line in process.stderr:
        if line.strip().startswith(step):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[] if step == "observe" else pytest.mark.slow) for step in STEPS]
)
def test_a_killed_run_carries_on_to_the_same_findings(evenhand, loans, step, tmp_path_factory):
    kill_after(evenhand, loans, step)
    done = evenhand("run", loans, "--json", expect=1)
    assert done.stderr.count("as before") >= min(STEPS.index(step) + 1, 3)
    resumed = document(done)
    assert len(list((loans.parent / "runs" / "loans").iterdir())) == 1
    evenhand.environment["EVENHAND_HOME"] = str(tmp_path_factory.mktemp("undisturbed"))
    undisturbed = document(evenhand("run", loans, "--json", expect=1))
    assert findings_of(undisturbed) == findings_of(resumed)


def test_the_technique_of_the_readme_is_one_file_and_shows_everywhere(evenhand, loans):
    """The README's example, word for word, in a folder of its own: list, schema, spec, limit, artifact and card."""
    folder = loans.parent / "own"
    folder.mkdir()
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    (folder / "coverage.py").write_text(code)
    evenhand.environment["EVENHAND_TECHNIQUES"] = str(folder)
    spec = loans.read_text().replace("  parity: {}\n", "  parity: {}\n  decided: {attribute: group}\n")
    loans.write_text(spec + "  - {measure: decided, over: group, at_least: 0.5}\n")

    assert "Share of each group's rows" in evenhand("list", "techniques", expect=0).stdout
    assert "decided" in evenhand("schema", expect=0).stdout
    outcome = document(evenhand("run", loans, "--json", expect=1))
    assert "decided/decided/group/a/-/rate" in {f["id"] for f in json.loads(findings_of(outcome))}
    assert outcome["limits"][-1]["measure" if "measure" in outcome["limits"][-1] else "text"].startswith("decided")
    card = (Path(outcome["artifact"]) / "card.html").read_text()
    assert 'data-finding="decided/decided/group/a/-/rate"' in card
    assert "decided" in evenhand("replay", outcome["artifact"], expect=0).stdout

    loans.write_text(spec.replace("{attribute: group}", "{atribute: group}"))
    assert "did you mean 'attribute'?" in evenhand("run", loans, expect=2).stderr


def test_hostile_rows_show_as_text(evenhand, loans):
    data = loans.parent / "loans.csv"
    hostile = '"<script>alert(1)</script>"', '"[x](javascript:alert(1)) | `x`"'
    text = data.read_text().replace('"a"', hostile[0]).replace('"b"', hostile[1])
    data.write_text(text)
    loans.write_text(loans.read_text().replace("reference: a", "reference: largest"))
    outcome = document(evenhand("run", loans, "--json", expect=1))
    folder = Path(outcome["artifact"])
    page = (folder / "card.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "[x](javascript" not in (folder / "card.md").read_text()
    assert all("<script" not in chart.read_text() for chart in (folder / "charts").iterdir())


TABLE = """
audit: table
question: Does the model approve both groups equally often?
data:
  source: loans.csv
  split: {audit: 0.5, seed: 1}
  label: repaid
  features: [approved, x]
protected:
  group: {column: group, reference: a}
model:
  kind: tabular
  uri: models:/loans
  fit: make.py:fit
techniques:
  parity: {metrics: [selection_rate]}
limits:
  - {measure: selection_rate, over: group, compare: difference, at_most: 0.9}
"""

FIT = '''
def fit(rows, out, seed):
    """A logistic regression on two columns."""
    from sklearn.linear_model import LogisticRegression

    frame = rows.select(["data.approved", "data.x"]).rename_columns(["approved", "x"]).to_pandas()
    return LogisticRegression().fit(frame, rows["label"].to_numpy())
'''


def test_a_fitted_model_is_registered_linked_and_tagged_in_mlflow(evenhand, loans):
    import mlflow

    data = loans.parent / "loans.csv"
    header, *lines = data.read_text().splitlines()
    data.write_text("\n".join([f'{header},"x"', *(f"{line},{at % 7}" for at, line in enumerate(lines))]) + "\n")
    (loans.parent / "make.py").write_text(FIT)
    loans.write_text(TABLE)
    outcome = document(evenhand("run", loans, "--json", expect=0))

    store = f"sqlite:///{loans.parent / 'home' / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=store, registry_uri=store)
    run = client.get_run(outcome["mlflow_run"])
    assert run.data.tags["evenhand.verdict"] == "PASS"
    assert run.data.tags["evenhand.artifact_digest"] == outcome["digest"]
    assert len(run.data.metrics) == sum(f["value"] is not None for f in json.loads(findings_of(outcome)))
    assert run.inputs.dataset_inputs[0].dataset.name == "loans.csv"
    assert len(run.inputs.model_inputs) == 1
    version = client.get_model_version("loans", "1")
    assert version.tags["evenhand.verdict"] == "PASS"
    assert "manifest.json" in {artifact.path for artifact in client.list_artifacts(run.info.run_id)}

    assert document(evenhand("run", loans, "--json", expect=0))["verdict"] == "PASS"
    assert len(client.search_model_versions("name = 'loans'")) == 1
