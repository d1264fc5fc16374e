"""The registry side of the gate: an alias moves only on PASS, only to the audited model, only from where it was."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from released import DIFFERENCE, people, released, write_model

from audits.artifact import read
from audits.errors import ArtifactError, ModelError
from audits.gating import Asked, gate
from flows import cli
from tasks import promote
from tasks.promote import Target, current, settle, target_of

EQUAL = people(white=(500, 1000), Black=(500, 1000))
UNEQUAL = people(white=(700, 1000), Black=(400, 1000))
CHANGE = {"measure": "selection_rate", "over": "race", "compare": "change", "at_least": -0.05}
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> SimpleNamespace:
    """A local MLflow store with three versions of a model, each with the artifact of its audit; made once, slow."""
    import mlflow

    place = tmp_path_factory.mktemp("registry")
    tracking = f"sqlite:///{place / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking, registry_uri=tracking)
    client.create_registered_model("hiring")
    folders, artifacts = [], []
    for at, (decided, limits) in enumerate([(EQUAL, [DIFFERENCE]), (EQUAL, [DIFFERENCE, CHANGE]), (UNEQUAL, [CHANGE])]):
        folders.append(write_model(place / f"model-{at}", f"weights {at}"))
        client.create_model_version("hiring", source=str(folders[-1]))
        artifacts.append(released(place, *decided, *limits, model=folders[-1]))
    return SimpleNamespace(place=place, tracking=tracking, client=client, artifacts=artifacts)


@pytest.fixture
def alias(request) -> str:
    """An alias that no other test moves."""
    return f"a{abs(hash(request.node.name)) % 10**9}"


@pytest.fixture
def call(registry, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking)
    monkeypatch.setenv("EVENHAND_HOME", str(registry.place / "home"))

    def gated(*arguments) -> tuple[int, str, str]:
        done = CliRunner().invoke(cli.main, ["gate", *map(str, arguments)])
        return done.exit_code, done.stdout, done.stderr

    return gated


def points_at(registry, alias: str) -> str | None:
    found = dict(registry.client.get_registered_model("hiring").aliases).get(alias)
    return None if found is None else str(found)


def tags(registry, version: int) -> dict[str, str]:
    return dict(registry.client.get_model_version("hiring", str(version)).tags)


def test_a_pass_moves_the_alias_and_tags_the_version(registry, call, alias):
    first, second = registry.artifacts[:2]
    code, told, _ = call(first, "--promote", "models:/hiring/1", "--alias", alias)
    assert code == 0
    assert f"{alias} of hiring moved from no version to version 1" in told
    assert points_at(registry, alias) == "1"
    found = tags(registry, 1)
    assert found["evenhand.verdict"] == "PASS"
    assert found["evenhand.artifact_digest"] == read(first).digest
    assert found[f"evenhand.{alias}.previous"] == "none"

    code, told, _ = call(second, "--promote", "models:/hiring/2", "--alias", alias, "--baseline", first)
    assert code == 0
    assert "moved from version 1 to version 2" in told
    assert tags(registry, 2)[f"evenhand.{alias}.previous"] == "1"

    code, told, _ = call(second, "--promote", "models:/hiring/2", "--alias", alias, "--baseline", second)
    assert code == 2  # nothing is a baseline of itself


def test_promoting_what_is_there_already_is_done(registry, call, alias):
    for said in ("moved from no version to version 1", "points at models:/hiring/1 already"):
        code, told, _ = call(registry.artifacts[0], "--promote", "models:/hiring/1", "--alias", alias)
        assert code == 0
        assert said in told


@pytest.mark.parametrize(("policy", "code", "word"), [("at_most: 0.1", 1, "FAIL"), ("at_most: 0.3", 3, "INCONCLUSIVE")])
def test_anything_else_leaves_the_alias_and_tags_the_version(registry, call, alias, tmp_path, policy, code, word):
    file = tmp_path / "policy.yaml"
    file.write_text(f"- {{measure: selection_rate, over: race, compare: difference, {policy}}}\n")
    got, told, _ = call(
        registry.artifacts[2], "--policy", file, "--promote", "models:/hiring/3", "--alias", alias, "--format", "md"
    )
    assert got == code
    assert f"was not moved to models:/hiring/3: the verdict is {word}" in told
    assert points_at(registry, alias) is None
    assert tags(registry, 3)["evenhand.verdict"] == word
    assert tags(registry, 3)["evenhand.artifact_digest"] == read(registry.artifacts[2]).digest


def test_another_version_than_the_audited_one_is_neither_promoted_nor_tagged(registry, call, alias):
    before = tags(registry, 3)
    code, _, err = call(registry.artifacts[0], "--promote", "models:/hiring/3", "--alias", alias)
    assert code == 2
    assert "the model 'models:/hiring/3' is not the audited model" in err
    assert points_at(registry, alias) is None
    assert tags(registry, 3) == before


def test_a_baseline_of_another_model_than_the_one_in_production_is_refused(registry, call, alias):
    first, second, third = registry.artifacts
    call(first, "--promote", "models:/hiring/1", "--alias", alias)
    code, _, err = call(second, "--promote", "models:/hiring/2", "--alias", alias, "--baseline", third)
    assert code == 2
    assert "the baseline is not of the model in production: models:/hiring/1 has digest" in err
    assert points_at(registry, alias) == "1"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("models:/hiring@champion", "expected models:/NAME/VERSION"),
        ("models:/hiring/latest", "expected models:/NAME/VERSION"),
        ("hiring/1", "expected models:/NAME/VERSION"),
        ("models:/hiring/99", "the registry at sqlite:///"),
        ("models:/nobody/1", "Registered Model with name=nobody not found"),
    ],
)
def test_what_cannot_be_promoted_is_refused_with_the_reason(registry, call, alias, uri, says):
    code, out, err = call(registry.artifacts[0], "--promote", uri, "--alias", alias)
    assert code == 2
    assert says in err
    assert out == ""


def test_a_model_beside_the_promoted_one_is_refused(registry, call):
    code, _, err = call(registry.artifacts[0], "--promote", "models:/hiring/1", "--model", "models:/hiring/2")
    assert code == 2
    assert "expected one model" in err


def test_an_alias_that_the_registry_reserves_is_refused_as_the_registry_says(registry, call):
    code, _, err = call(registry.artifacts[0], "--promote", "models:/hiring/1", "--alias", "v1")
    assert code == 2
    assert "is reserved" in err


# --- two at once


def target(registry, version: int, alias: str) -> Target:
    return target_of(f"models:/hiring/{version}", alias, registry.tracking, registry.place / "home")


def test_an_alias_that_moved_while_the_gate_ran_is_left_where_it_is(registry, alias):
    aim = target(registry, 1, alias)
    before = current(aim)
    report = gate(registry.artifacts[0], Asked())
    registry.client.set_registered_model_alias("hiring", alias, "3")
    refused = settle(report, aim, before).refused
    assert refused.message == (
        f"{alias} of hiring was moved while this gate ran: it pointed at no version, and points at version 3 now; "
        "it was left there"
    )
    assert points_at(registry, alias) == "3"


def test_a_refused_gate_touches_nothing(registry, alias):
    aim = target(registry, 1, alias)
    report = gate(registry.artifacts[0], Asked(model_digest="0" * 64))
    assert settle(report, aim, current(aim)) == report
    assert points_at(registry, alias) is None


BOTH = """
import sys, time
from pathlib import Path
from audits.gating import Asked, gate
from tasks import promote
place, tracking, version, artifact, *aliases = sys.argv[1:]
place, promote.SETTLE = Path(place), 2.0
for alias in aliases:
    if alias.startswith("claim"):
        promote._alone = promote._claimed
    aim = promote.target_of(f"models:/hiring/{version}", alias, tracking, place / "home")
    before = promote.current(aim)
    (place / f"{alias}-{version}").touch()
    while len(list(place.glob(f"{alias}-*"))) < 2:
        time.sleep(0.01)
    report = promote.settle(gate(Path(artifact), Asked()), aim, before)
    print("moved" if report.promotion and report.promotion.moved else report.refused.message)
"""


@pytest.mark.slow
def test_two_gates_at_once_do_not_both_promote_against_the_same_state(registry, tmp_path):
    """Two processes that both saw the alias nowhere; each is about to move it to a version of its own.

    Once kept apart by the lock of the local store, then by a claim, as in a registry that has no locks.
    """
    file = tmp_path / "both.py"
    file.write_text(BOTH)
    aliases = ["lock", "claim"]
    passing = [registry.artifacts[0], released(registry.place, *EQUAL, DIFFERENCE, model=registry.place / "model-1")]
    running = [
        subprocess.Popen(
            [sys.executable, file, registry.place, registry.tracking, str(at + 1), artifact, *aliases],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )
        for at, artifact in enumerate(passing)
    ]
    ended = [process.communicate(timeout=300) for process in running]
    said = [out.splitlines() for out, _ in ended]
    assert [len(lines) for lines in said] == [2, 2], ended
    for alias, told in zip(aliases, zip(*said, strict=True), strict=True):
        assert told.count("moved") == 1, ended
        winner = told.index("moved")
        assert points_at(registry, alias) == str(winner + 1)
        assert "was moved while this gate ran" in told[1 - winner] or "another gate" in told[1 - winner]


class Server:
    """The part of a registry without locks that a claim is made in."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.on_write = lambda: None

    def get_registered_model(self, name):
        return SimpleNamespace(tags=dict(self.tags))

    def set_registered_model_tag(self, name, key, value):
        self.tags[key] = value
        self.on_write()

    def delete_registered_model_tag(self, name, key):
        self.tags.pop(key, None)


@pytest.fixture
def server(monkeypatch) -> Server:
    monkeypatch.setattr(promote, "SETTLE", 0.05)
    return Server()


AIM = Target("hiring", "1", "champion", "http://registry", Path("home"))


def test_a_claim_is_held_and_given_back(server):
    with promote._claimed(server, AIM):
        assert list(server.tags) == ["evenhand.moving.champion"]
    assert server.tags == {}


def test_a_claim_that_another_gate_overwrote_is_lost(server):
    server.on_write = lambda: server.tags.update({"evenhand.moving.champion": '{"claim": "theirs", "at": 0}'})
    with pytest.raises(ArtifactError, match="at the same time and was first"), promote._claimed(server, AIM):
        pass
    assert "theirs" in server.tags["evenhand.moving.champion"]


def test_a_gate_waits_for_a_claim_and_gives_up_in_time(server):
    server.tags["evenhand.moving.champion"] = f'{{"claim": "theirs", "at": {time.time()}}}'
    with (
        pytest.raises(ArtifactError, match="another gate has been moving champion of hiring for"),
        promote._claimed(server, AIM),
    ):
        pass
    assert "theirs" in server.tags["evenhand.moving.champion"]


@pytest.mark.parametrize("left", ['{"claim": "theirs", "at": 0}', "something else"])
def test_a_claim_left_behind_by_a_killed_gate_holds_nobody_up(server, left):
    server.tags["evenhand.moving.champion"] = left
    with promote._claimed(server, AIM):
        assert "theirs" not in server.tags["evenhand.moving.champion"]


def test_a_registry_that_is_away_is_named_without_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Target("hiring", "1", "champion", "http://ada:secret@127.0.0.1:9", tmp_path)
    with pytest.raises(ModelError, match=r"the registry at http://\*\*\*@127.0.0.1:9 says") as caught:
        current(away)
    assert "secret" not in str(caught.value)
