"""``evenhand site``: as a user calls it, from a folder and from MLflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from synthetic import SPEC, sealed

from audits.artifact import read
from flows import cli

ROOT = Path(__file__).resolve().parent.parent


def call(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.main, ["site", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_a_site_is_built_and_said_to_be(whole, tmp_path):
    code, out, _ = call(whole.parent.parent, "--out", tmp_path / "site")
    assert code == 0
    assert out.splitlines()[0] == f"{tmp_path / 'site' / 'index.html'}: 1 artifact of 1 audit, 1 verified anew"
    assert (tmp_path / "site" / "audits" / "hiring.html").is_file()


def test_a_public_site_is_of_public_versions_and_stays_one(whole, tmp_path):
    out = tmp_path / "site"
    assert call(whole.parent.parent, "--out", out, "--public")[0] == 0
    card = out / "cards" / "hiring" / whole.name / "card.html"
    assert "This is the public version of the card" in card.read_text()
    assert json.loads(card.with_name("card.html.public.json").read_text())["threshold"] == 11
    code, _, err = call(whole.parent.parent, "--out", out)
    assert code == 2
    assert "was built with --public" in err


def test_json_says_what_was_written_left_and_removed(whole, artifact, tmp_path):
    runs = artifact.parent.parent
    code, out, err = call(runs, "--out", tmp_path / "site", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["index"] == str(tmp_path / "site" / "index.html")
    assert (told["audits"], told["artifacts"], told["verified"], told["broken"]) == (1, 1, 1, [])
    assert "index.html" in told["written"]
    again = json.loads(call(runs, "--out", tmp_path / "site", "--json")[1])
    assert (again["written"], again["removed"], again["unchanged"]) == ([], [], len(told["written"]))
    assert again["verified"] == 0
    afresh = json.loads(call(runs, "--out", tmp_path / "site", "--json", "--afresh")[1])
    assert (sorted(afresh["written"]), afresh["verified"]) == (sorted(told["written"]), 1)


def test_a_broken_artifact_is_told_and_the_site_is_built(artifact, tmp_path):
    (artifact / "card.md").write_text("other")
    code, out, _ = call(artifact.parent.parent, "--out", tmp_path / "site")
    assert code == 0
    assert f"broken: hiring/{artifact.name}: card.md: got 5 bytes" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing option '--out'"),
        (["nowhere", "--out", "site"], "expected a folder of artifacts"),
        (["a", "--out", "site", "--tracking", "sqlite:///m.db"], "RUNS and --tracking both say"),
        (["full", "--out", "full"], "expected a folder with <audit>/<artifact>"),
        (["runs", "--out", "full"], "holds 'thesis.txt', which no build of a site made"),
        (["runs", "--out", "full/thesis.txt"], "full/thesis.txt': "),
        (["runs", "--out", "runs"], "is a place for artifacts"),
        (["runs", "--out", "site", "--key", "nowhere.pub"], "nowhere.pub"),
        (["runs", "--out", "site", "--threshold", "5"], "--threshold belongs to --public"),
    ],
)
def test_what_cannot_be_built_is_exit_code_2_and_says_why(arguments, says, artifact, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    shutil.copytree(artifact.parent, tmp_path / "runs" / "hiring")
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "defect" not in err
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_no_heavy_library_is_loaded_for_it(whole, tmp_path):
    code = (
        f"import sys; sys.argv[1:] = ['site', {str(whole.parent.parent)!r}, '--out', {str(tmp_path / 'site')!r}]\n"
        "from flows.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (tmp_path / "site" / "index.html").is_file(), done.stderr
    assert not set(done.stderr.split()) & {"prefect", "mlflow", "torch", "pandas", "polars", "sklearn", "datasets"}


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """An MLflow store with two artifacts, and with a run that lies about what it holds."""
    import mlflow

    top = tmp_path_factory.mktemp("logged")
    uri = f"sqlite:///{top / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    for name, lies in (("hiring", []), ("promotion", ["0" * 64, "../../etc"])):
        made = sealed(top / name, SPEC.replace("audit: hiring", f"audit: {name}"))
        experiment = client.create_experiment(name, artifact_location=(top / "mlartifacts").as_uri())
        for said in (read(made).digest, *lies):
            run = client.create_run(experiment, tags={"evenhand.artifact_digest": said}).info.run_id
            client.log_artifacts(run, str(made))
            client.set_terminated(run)
    return uri


def test_the_artifacts_that_mlflow_keeps_are_fetched_once_and_held_to_their_tags(logged, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    code, out, err = call("--tracking", logged, "--out", tmp_path / "site", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["audits"], told["artifacts"], told["verified"]) == (2, 2, 2)
    assert len(told["broken"]) == 2
    problems = " ".join(one["problem"] for one in told["broken"])
    assert "its tag says 000000000000" in problems
    assert "says '../../etc', which is no digest" in problems
    index = (tmp_path / "site" / "index.html").read_text()
    assert "MLflow run " in index
    folders = sorted(path.parent for path in (tmp_path / "home").rglob("manifest.json"))
    assert sorted(read(folder).manifest.audit for folder in folders) == ["hiring", "promotion"]
    assert len(list((tmp_path / "site" / "cards").rglob("card.html"))) == 2
    again = json.loads(call("--tracking", logged, "--out", tmp_path / "site", "--json")[1])
    assert (again["verified"], again["written"]) == (0, [])


def test_a_server_without_artifacts_or_that_is_away_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    code, _, err = call("--tracking", f"sqlite:///{tmp_path / 'empty.db'}", "--out", tmp_path / "site")
    assert code == 2
    assert "names an artifact" in err
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, _, err = call("--tracking", "http://127.0.0.1:9", "--out", tmp_path / "site")
    assert code == 2
    assert "did not answer" in err
    assert not (tmp_path / "site").exists()
