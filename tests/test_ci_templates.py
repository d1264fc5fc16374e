"""The templates for continuous integration: they parse, and their steps do locally what they say, fail closed."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
CI = ROOT / "infra" / "ci"
SCRIPTS = sorted(path.name for path in CI.glob("*.sh"))
SECRET = "s3cr3t-t0ken"

STUB = """#!{python}
import json, os, sys
from pathlib import Path

name = Path(sys.argv[0]).name
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
if name == "curl":
    Path(os.environ["CALLS"] + ".config").write_text(sys.stdin.read())
verb = sys.argv[1] if len(sys.argv) > 1 else ""
if verb == "run" and os.environ.get("STUB_ARTIFACT") is not None:
    print(json.dumps({{"artifact": os.environ["STUB_ARTIFACT"] or None, "verdict": "FAIL"}}))
if verb == "diff":
    print("### what changed")
if verb == "gate" and os.environ.get("STUB_SILENT") is None:
    for at, word in enumerate(sys.argv):
        if word == "--output":
            Path(sys.argv[at + 1]).write_text("the report")
sys.exit(int(os.environ.get("STUB_CODE", "0")))
"""


@pytest.fixture
def shell(tmp_path):
    """Runs a script with commands that only note how they were called."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("evenhand", "gh", "curl"):
        place = commands / name
        place.write_text(STUB.format(python=sys.executable))
        place.chmod(place.stat().st_mode | stat.S_IXUSR)

    def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": f"{commands}:/usr/bin:/bin", "CALLS": str(tmp_path / "calls"), "EVENHAND_SPEC": "a.yaml"}
        return subprocess.run(
            ["sh", CI / script, *arguments],
            cwd=tmp_path,
            env={**known, **environment},
            text=True,
            capture_output=True,
            check=False,
        )

    return run


def calls(folder: Path) -> list[list[str]]:
    path = folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_parses_and_stops_at_what_is_unset_or_fails(script):
    subprocess.run(["sh", "-n", CI / script], check=True)
    text = (CI / script).read_text()
    assert text.startswith("#!/bin/sh\n")
    assert re.search(r"^set -eu$", text, flags=re.MULTILINE)
    assert not re.search(r"set -\w*x", text)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_audit_names_its_artifact_whatever_the_verdict(shell, tmp_path, code):
    done = shell("audit.sh", STUB_CODE=str(code), STUB_ARTIFACT="runs/a/1")
    assert done.returncode == 0
    assert (tmp_path / "evenhand-ci" / "artifact.txt").read_text() == "runs/a/1\n"
    assert calls(tmp_path) == [["evenhand", "run", "a.yaml", "--out", "runs", "--json"]]


@pytest.mark.parametrize("code", [2, 127, 137])
def test_an_audit_that_could_not_be_carried_out_stops_the_job_and_leaves_no_artifact_of_before(shell, tmp_path, code):
    out = tmp_path / "evenhand-ci"
    out.mkdir()
    for name in ("artifact.txt", "gate.md", "gate.xml"):
        (out / name).write_text("of the run before")
    done = shell("audit.sh", STUB_CODE=str(code), STUB_ARTIFACT="runs/a/1")
    assert done.returncode == code
    assert [path.name for path in out.iterdir()] == ["run.json"]
    assert shell("gate.sh").returncode == 2


@pytest.mark.parametrize("answer", [{"STUB_ARTIFACT": ""}, {}])
def test_an_audit_that_sealed_nothing_or_said_nothing_is_no_success(shell, tmp_path, answer):
    assert shell("audit.sh", **answer).returncode != 0
    assert not (tmp_path / "evenhand-ci" / "artifact.txt").exists()


def test_the_audit_says_which_variable_is_missing(shell):
    done = shell("audit.sh", EVENHAND_SPEC="")
    assert done.returncode != 0
    assert "EVENHAND_SPEC=audits/my-audit.yaml" in done.stderr


@pytest.mark.parametrize("code", [0, 1, 2, 3, 137])
def test_the_exit_code_of_the_gate_is_that_of_the_job(shell, tmp_path, code):
    done = shell("gate.sh", "--max-age", "30", STUB_CODE=str(code), EVENHAND_ARTIFACT="a 1", EVENHAND_POLICY="p q.yaml")
    assert done.returncode == code
    files = ["--output", "evenhand-ci/gate.md", "--output", "evenhand-ci/gate.xml"]
    assert calls(tmp_path) == [["evenhand", "gate", "a 1", "--policy", "p q.yaml", "--max-age", "30", *files]]


def test_a_gate_that_wrote_no_report_blocks_even_with_exit_code_0(shell, tmp_path):
    done = shell("gate.sh", STUB_SILENT="1", EVENHAND_ARTIFACT="a")
    assert done.returncode == 2
    assert "could not decide" in (tmp_path / "evenhand-ci" / "gate.md").read_text()


def test_what_changed_since_the_baseline_is_added_and_changes_no_exit_code(shell, tmp_path):
    done = shell("gate.sh", STUB_CODE="3", EVENHAND_ARTIFACT="b", EVENHAND_BASELINE="a")
    assert done.returncode == 3
    assert ["evenhand", "diff", "a", "b", "--format", "md"] in calls(tmp_path)
    assert (tmp_path / "evenhand-ci" / "gate.md").read_text().startswith("the report")


def test_the_comment_on_github_is_one_that_is_edited_and_the_token_is_no_argument(shell, tmp_path):
    done = shell("comment_github.sh", PULL_REQUEST="7", GH_TOKEN=SECRET)
    assert done.returncode == 0
    [called] = calls(tmp_path)
    assert called[:4] == ["gh", "pr", "comment", "7"]
    assert "--edit-last" in called
    assert SECRET not in json.dumps(called) + done.stdout + done.stderr
    assert "no verdict" in (tmp_path / "evenhand-ci" / "gate.md").read_text()


def test_the_comment_on_gitlab_carries_the_report_and_the_token_goes_over_a_pipe(shell, tmp_path):
    out = tmp_path / "evenhand-ci"
    out.mkdir()
    (out / "gate.md").write_text('says "no" & <b>\n')
    known = {"CI_API_V4_URL": "https://git/api/v4", "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "9"}
    done = shell("comment_gitlab.sh", EVENHAND_GITLAB_TOKEN=SECRET, **known)
    assert done.returncode == 0
    [called] = calls(tmp_path)
    assert called[-1] == "https://git/api/v4/projects/5/merge_requests/9/notes"
    assert json.loads((out / "comment.json").read_text()) == {"body": 'says "no" & <b>\n'}
    assert SECRET in (tmp_path / "calls.config").read_text()
    assert SECRET not in json.dumps(called) + done.stdout + done.stderr


def test_without_a_token_the_gate_of_gitlab_holds_and_says_that_no_comment_is_written(shell, tmp_path):
    done = shell("comment_gitlab.sh")
    assert done.returncode == 0
    assert "no comment is written" in done.stderr
    assert calls(tmp_path) == []


@pytest.fixture(params=["github.yaml", "gitlab.yaml"])
def template(request):
    return yaml.safe_load((CI / request.param).read_text())


def steps_of(template) -> list[str]:
    if "jobs" in template:
        return [step["run"] for step in template["jobs"]["gate"]["steps"] if "run" in step]
    job = template["parity"]
    return [*job["before_script"], *job["script"], *job["after_script"]]


def test_every_step_of_a_template_is_a_script_that_exists(template):
    named = re.findall(r"infra/ci/(\w+\.sh)", "\n".join(steps_of(template)))
    assert [name for name in named if "comment" not in name] == ["install.sh", "audit.sh", "gate.sh"]
    assert set(named) <= set(SCRIPTS)


def test_no_step_is_allowed_to_fail_and_nothing_that_a_stranger_writes_is_run(template):
    text = json.dumps(template, default=str)
    assert "continue-on-error" not in text
    assert "allow_failure" not in text
    for step in steps_of(template):
        assert "${{" not in step
        assert "|| true" not in step


def test_github_gives_the_token_to_the_comment_alone_and_never_runs_with_the_rights_of_the_target():
    template = yaml.safe_load((CI / "github.yaml").read_text())
    assert set(template[True]) == {"pull_request", "workflow_dispatch"}  # YAML reads the key "on" as true
    assert template["permissions"] == {"contents": "read"}
    job = template["jobs"]["gate"]
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    with_token = [step["name"] for step in job["steps"] if "token" in json.dumps(step.get("env", {}))]
    assert with_token == ["Comment"]
    checkout = next(step for step in job["steps"] if str(step.get("uses", "")).startswith("actions/checkout"))
    assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("change", "code"), [("", 0), ("limit", 1), ("byte", 2)])
def test_the_gate_step_with_the_real_gate_blocks_what_does_not_pass(tmp_path, whole, change, code):
    import shutil

    from flows import cli

    if "gate" not in cli.main.commands:
        pytest.skip("this version has no gate")
    commands = tmp_path / "bin"
    commands.mkdir()
    place = commands / "evenhand"
    place.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flows.cli "$@"\n')
    place.chmod(0o755)
    artifact = Path(shutil.copytree(whole, tmp_path / "hiring" / whole.name))
    bound = 0.0001 if change == "limit" else 0.9
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"- {{measure: flip_rate, over: sex, at_most: {bound}}}\n")
    if change == "byte":
        (artifact / "card.md").write_text("# something else\n")
    environment = {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "EVENHAND_ARTIFACT": str(artifact),
        "EVENHAND_POLICY": str(policy),
        "EVENHAND_HOME": str(tmp_path / "home"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    done = subprocess.run(
        ["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "evenhand-ci" / "gate.md").read_text()
