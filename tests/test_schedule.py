"""The recurring audit: registered once, carried out as ``evenhand run`` does, its verdict the state of the run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from test_flow import SPEC, loans  # noqa: F401

from flows import cli


def test_without_a_server_that_stays_nothing_is_registered(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    done = CliRunner().invoke(cli.main, ["schedule", "any.yaml", "--cron", "0 6 * * 1"])
    assert done.exit_code == 2
    assert "got no Prefect server" in done.stderr
    assert "prefect server start" in done.stderr


def test_a_schedule_needs_its_times():
    done = CliRunner().invoke(cli.main, ["schedule", "any.yaml", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"] == "UsageError"


def test_times_and_pools_that_are_none_are_refused_with_what_to_do(evenhand, loans):  # noqa: F811
    done = evenhand("schedule", loans, "--cron", "every monday", "--pool", "p", expect=2)
    assert "--cron: got 'every monday', expected a cron expression" in done.stderr
    done = evenhand("schedule", loans, "--cron", "0 6 * * 1", "--pool", "nowhere", expect=2)
    assert "--pool: got 'nowhere', expected a work pool" in done.stderr
    assert "prefect work-pool create nowhere" in done.stderr


ASK = """
import json, sys
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    if sys.argv[1] == "pool":
        from prefect.client.schemas.actions import WorkPoolCreate
        client.create_work_pool(WorkPoolCreate(name="audits", type="process"))
    else:
        found = client.read_deployment_by_name("evenhand-recurring/loans")
        print(json.dumps({"entrypoint": found.entrypoint, "parameters": found.parameters, "id": str(found.id),
                          "crons": [s.schedule.cron for s in found.schedules], "pool": found.work_pool_name}))
"""


def ask(evenhand, what):
    done = subprocess.run(
        [sys.executable, "-c", ASK, what], env=evenhand.environment, text=True, capture_output=True, check=True
    )
    return json.loads(done.stdout) if done.stdout else None


def test_an_audit_is_registered_once_however_often_it_is_scheduled(evenhand, loans):  # noqa: F811
    ask(evenhand, "pool")
    first = json.loads(
        evenhand("schedule", loans, "--cron", "0 6 * * 1", "--pool", "audits", "--json", expect=0).stdout
    )
    again = json.loads(
        evenhand("schedule", loans, "--cron", "0 7 * * *", "--pool", "audits", "--json", expect=0).stdout
    )
    found = ask(evenhand, "deployment")
    assert first["id"] == again["id"] == found["id"]
    assert found["crons"] == ["0 7 * * *"]
    assert found["pool"] == "audits"
    assert found["entrypoint"] == "flows.recurring.recurring"
    assert found["parameters"]["spec"] == str(loans.resolve())
    assert found["parameters"]["home"] == evenhand.environment["EVENHAND_HOME"]


@pytest.mark.parametrize(
    ("limit", "state"),
    [(0.1, ("FAILED", "Failed")), pytest.param(0.9, ("COMPLETED", "PASS"), marks=pytest.mark.slow)],
)
def test_a_broken_limit_is_a_failed_run_and_any_other_verdict_is_its_name(evenhand, loans, limit, state):  # noqa: F811
    loans.write_text(SPEC.replace("at_most: 0.1", f"at_most: {limit}"))
    code = (
        "import sys\nfrom flows.recurring import recurring\n"
        "state = recurring(*sys.argv[1:], return_state=True)\nprint(state.type.value, state.name, state.message)"
    )
    home = evenhand.environment["EVENHAND_HOME"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(loans), str(evenhand.folder / "runs"), home],
        cwd=evenhand.folder,
        env=evenhand.environment,
        text=True,
        capture_output=True,
        check=True,
    )
    kind, name, *_ = done.stdout.split()
    assert (kind, name) == state
    assert "card.html" in done.stdout
    assert list((evenhand.folder / "runs" / "loans").glob("*/manifest.json"))
