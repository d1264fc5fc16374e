"""The command line as a reader of the README meets it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows import cli

ROOT = Path(__file__).resolve().parent.parent


def verbs_of_the_readme() -> set[str]:
    return set(re.findall(r"^\| `evenhand (\w+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))


def call(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.main, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_the_readme_names_every_verb_and_no_other():
    assert verbs_of_the_readme() == set(cli.main.commands)


def test_every_format_of_the_card_is_in_the_readme():
    from model_cards.exports import formats
    from model_cards.render import FORMATS

    for form in (*FORMATS, *(entry.name for entry in formats())):
        assert f"`{form}`" in (ROOT / "README.md").read_text(), form


@pytest.mark.parametrize("verb", sorted(cli.main.commands))
def test_help_of_every_verb_says_what_it_does(verb):
    code, out, _ = call(verb, "--help")
    assert code == 0
    assert len(out.splitlines()) > 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run"], "Missing argument 'SPEC'"),
        (["run", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["verify", "nowhere"], "expected the folder of an artifact"),
        (["replay", "nowhere"], "expected the folder of an artifact"),
        (["card", "nowhere"], "expected the folder of an artifact"),
        (["card", "nowhere", "--format", "docx"], "got 'docx', expected one of html, md, json, pdf"),
        (["list", "metric"], "'metric' is not one of"),
        (["plan", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["run", "--resume", "nowhere"], "expected the folder of an artifact"),
    ],
)
def test_what_cannot_be_carried_out_is_exit_code_2_and_says_why(arguments, says, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert code == 2
    assert says in err
    assert out == ""


def test_an_unexpected_error_is_exit_code_2_and_never_a_verdict(tmp_path, monkeypatch):
    import audits.artifact

    def fall_over(path):
        raise RuntimeError("out of paper")

    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    monkeypatch.setattr(audits.artifact, "verify", fall_over)
    code, _, err = call("verify", "anything")
    assert code == 2
    assert "out of paper" in err
    assert "RuntimeError" in (tmp_path / "last-error.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["verify", "nowhere"], "ArtifactError"),
        (["card", "nowhere"], "ArtifactError"),
        (["run"], "UsageError"),
        (["list", "metric"], "UsageError"),
        (["frobnicate"], "UsageError"),
        (["schema", "--frobnicate"], "UsageError"),
    ],
)
def test_with_json_an_error_is_one_document(arguments, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(*arguments, "--json")
    assert code == 2
    assert json.loads(out)["error"] == error


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_home_that_cannot_be_made_is_exit_code_2_and_named(verb, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "file" / "home"))
    code, out, err = call(verb, str(tmp_path / "any.yaml"), "--json")
    assert code == 2
    assert json.loads(out)["message"].startswith("EVENHAND_HOME: got")
    assert "set EVENHAND_HOME to another folder" in err


def test_a_defect_without_a_home_to_keep_its_trace_is_exit_code_2_still(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr("audits.artifact.verify", lambda path: 1 / 0)
    code, _, err = call("verify", "anything")
    assert code == 2
    assert "ZeroDivisionError" in err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KeyboardInterrupt(), "stopped"),
        (PermissionError(13, "Permission denied", "there/card.pdf"), "there/card.pdf: Permission denied"),
    ],
)
def test_what_the_person_or_the_disk_did_is_no_defect(error, says, monkeypatch):
    def fall_over(path):
        raise error

    monkeypatch.setattr("audits.artifact.verify", fall_over)
    code, _, err = call("verify", "anything")
    assert code == 2
    assert says in err
    assert "defect" not in err


@pytest.mark.parametrize("what", ["metrics", "techniques", "counterfactuals"])
def test_lists_give_each_entry_with_its_source(what):
    code, out, _ = call("list", what, "--json")
    assert code == 0
    for entry in json.loads(out):
        assert entry["summary"]
        assert entry["source"]


def test_the_schema_is_one_json_document():
    code, out, _ = call("schema")
    assert code == 0
    assert json.loads(out)["properties"]["audit"]


def test_help_answers_within_half_a_second_of_work():
    code = (
        "import time, sys; sys.argv[1:] = ['--help']\nfrom flows.cli import main\ntry: main()\nexcept SystemExit: pass"
    )
    code += "\nprint(time.process_time(), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert float(done.stderr.split()[-1]) < 0.5


def test_the_spec_of_the_readme_is_a_whole_spec(tmp_path):
    from audits.spec_reader import read_spec

    example = (ROOT / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    for name in ("mortgage-letter.txt", "mortgage_models.py"):
        (tmp_path / name).write_text((ROOT / "audits" / "specs" / name).read_text())
    (tmp_path / "spec.yaml").write_text(example)
    spec = read_spec(tmp_path / "spec.yaml")
    assert list(spec.techniques) == ["parity", "flip_rate", "integrated_gradients"]
