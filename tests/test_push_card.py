"""The card's first screen as the description of the audited model version, and of no other."""

import pytest
from click.testing import CliRunner
from test_gate_promote import registry  # noqa: F401  (a fixture)

from audits.artifact import read
from flows import cli
from tasks.push_card import MOST, description


@pytest.fixture
def push(registry, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking)
    monkeypatch.setenv("EVENHAND_HOME", str(registry.place / "home"))

    def pushed(*arguments):
        done = CliRunner().invoke(cli.main, ["card", *map(str, arguments)])
        return done.exit_code, done.stdout, done.stderr

    return pushed


def test_the_audited_version_is_described_and_tagged(registry, push):  # noqa: F811
    artifact = registry.artifacts[0]
    code, told, _ = push(artifact, "--push", "models:/hiring/1")
    assert (code, told.startswith("models:/hiring/1: description and tags")) == (0, True)
    version = registry.client.get_model_version("hiring", "1")
    assert version.description == description(read(artifact))
    assert "PASS" in version.description
    assert version.tags["evenhand.artifact_digest"] == read(artifact).digest


def test_another_version_is_refused_and_left_alone(registry, push):  # noqa: F811
    before = registry.client.get_model_version("hiring", "3").description
    code, _, error = push(registry.artifacts[0], "--push", "models:/hiring/3")
    assert code == 2
    assert "got the model digest" in error
    assert registry.client.get_model_version("hiring", "3").description == before


def test_a_version_that_is_not_there_is_one_clear_error(registry, push):  # noqa: F811
    code, _, error = push(registry.artifacts[0], "--push", "models:/hiring/99")
    assert code == 2
    assert "models:/hiring/99" in error


def test_a_long_card_is_cut_between_limits_and_says_so(registry, monkeypatch):  # noqa: F811
    artifact = read(registry.artifacts[0])
    limit = artifact.verdict.limits[0].model_copy(update={"reason": "long <b>reason</b> " * 30})
    long = artifact.verdict.model_copy(update={"limits": (limit,) * 40})
    monkeypatch.setitem(artifact.__dict__, "verdict", long)
    text = description(artifact)
    assert len(text) <= MOST
    assert text.endswith("… the rest is in the card.")
    assert "<b>" not in text
