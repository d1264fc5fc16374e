"""The registry side of the gate: tag the audited model version, and move an alias to it only on PASS.

Two gates at once cannot both promote against the same state. Each notes which version the alias points at before
anything is judged; moves it only while no other gate is moving it; and only if it still points there. Where the store
is a local SQLite file the operating system's lock on a file beside it keeps the others out. A server offers no such
lock and no compare-and-set, so there a claim is written as a tag, left to settle, and read again before it counts
(Fischer's algorithm; Lamport 1987, ACM Transactions on Computer Systems 5:1): safe as long as a request takes less
than ``SETTLE`` seconds.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from audits.errors import ArtifactError, AuditError, ModelError
from audits.gate_outcome import Check, GateReport, Promotion
from audits.subjects.registered import connected, shown
from tasks.lock import alone

SETTLE = 5.0
"""Seconds that a claim is left before it is read again."""

EXPIRES = 600.0
"""Seconds after which a claim was left behind by a gate that was killed."""


class Target(NamedTuple):
    """A model version and the alias that is to point at it, in the registry at ``tracking``."""

    model: str
    version: str
    alias: str
    tracking: str
    home: Path

    @property
    def uri(self) -> str:
        """The version as MLflow names it."""
        return f"models:/{self.model}/{self.version}"


class State(NamedTuple):
    """Which version the alias pointed at before the gate; ``None`` where there was no such alias."""

    version: str | None


def target_of(uri: str, alias: str, tracking: str, home: Path) -> Target:
    """Read ``models:/NAME/VERSION``. Raises ``ModelError`` where it names no version by number."""
    found = re.fullmatch(r"models:/([^/@]+)/(\d+)", uri)
    if found is None:
        raise ModelError(
            f"--promote: got {uri!r}, expected models:/NAME/VERSION",
            "name the version by its number: an alias could move while the gate runs",
        )
    return Target(found[1], str(int(found[2])), alias, tracking, home)


def current(target: Target) -> State:
    """Return which version the alias points at now.

    Raises:
        ModelError: the registry does not know the model or the version, or cannot be reached.
    """
    with registry_of(target) as client:
        state = _state(client, target)
        client.get_model_version(target.model, target.version)
    return state


def settle(report: GateReport, target: Target, before: State) -> GateReport:
    """Tag the version with what the gate found, and on PASS move the alias; return the report with what was done.

    Args:
        report: of the gate; a refused one changes nothing in the registry.
        target: the version and the alias. Its model was the audited one by the gate's own check.
        before: what ``current`` gave before anything was judged.
    """
    if report.verdict is None or report.refused:
        return report
    try:
        promotion = _settle(report, target, before)
    except AuditError as error:
        return report.with_check(Check.refusing("promotion", error))
    return report.with_check(Check(name="promotion", outcome="passed", message=promotion.message), promotion)


def _settle(report: GateReport, target: Target, before: State) -> Promotion:
    tags = {
        "evenhand.verdict": report.word,
        "evenhand.artifact_digest": report.artifact_digest,
        "evenhand.policy_sha256": report.policy_sha256,
        "evenhand.gated_at": f"{report.at:%Y-%m-%dT%H:%M:%SZ}",
    }
    with registry_of(target) as client:
        if report.word != "PASS":
            _tag(client, target, tags)
            told = f"{target.alias} was not moved to {target.uri}: the verdict is {report.word}"
            return _promotion(target, before, False, told, tags)
        with _alone(client, target):
            return _move(client, target, before, tags)


def _move(client: Any, target: Target, before: State, tags: dict[str, str]) -> Promotion:
    """Move the alias, if it still points where it did; nobody else is moving it now."""
    found = _state(client, target)
    if found != before:
        _tag(client, target, tags)
        raise ArtifactError(
            f"{target.alias} of {target.model} was moved while this gate ran: it pointed at {_version(before)}, and "
            f"points at {_version(found)} now; it was left there",
            "run the gate again, against the model that is in production now",
        )
    if before.version == target.version:
        _tag(client, target, tags)
        return _promotion(target, before, False, f"{target.alias} points at {target.uri} already", tags)
    tags = {**tags, f"evenhand.{target.alias}.previous": before.version or "none"}
    _tag(client, target, tags)
    client.set_registered_model_alias(target.model, target.alias, target.version)
    if _state(client, target).version != target.version:
        raise ArtifactError(
            f"{target.alias} of {target.model} was set to version {target.version} and points at "
            f"{_version(_state(client, target))}: somebody else moved it at the same time",
            "look at the registry, then run the gate again",
        )
    told = f"{target.alias} of {target.model} moved from {_version(before)} to version {target.version}"
    return _promotion(target, before, True, told, tags)


def _promotion(target: Target, before: State, moved: bool, message: str, tags: dict[str, str]) -> Promotion:
    return Promotion(
        model=target.model,
        version=target.version,
        alias=target.alias,
        previous=before.version,
        moved=moved,
        message=message,
        tags=tags,
    )


def _version(state: State) -> str:
    return "no version" if state.version is None else f"version {state.version}"


def _state(client: Any, target: Target) -> State:
    aliases = dict(client.get_registered_model(target.model).aliases)
    return State(str(aliases[target.alias]) if target.alias in aliases else None)


def _tag(client: Any, target: Target, tags: dict[str, str]) -> None:
    for name, value in tags.items():
        client.set_model_version_tag(target.model, target.version, name, value)


@contextlib.contextmanager
def registry_of(target: Target) -> Iterator[Any]:
    """A client of the registry; what it refuses is told as our own error."""
    from mlflow.exceptions import MlflowException

    try:
        with connected(target.tracking, target.home) as (_, client):
            yield client
    except MlflowException as error:
        said = shown(str(error.message)).strip().split("\n")[0][:200]
        raise ModelError(
            f"{target.uri}, alias {target.alias!r}: the registry at {shown(target.tracking)} says: {said}",
            "check name, version and alias, and MLFLOW_TRACKING_URI",
        ) from error


@contextlib.contextmanager
def _alone(client: Any, target: Target) -> Iterator[None]:
    """Keep every other gate from moving this alias."""
    local = re.fullmatch(r"sqlite:///(.+)", target.tracking)
    if local is None:
        with _claimed(client, target):
            yield
        return
    with alone(Path(f"{local[1]}.promote.lock"), f"moving {target.alias} of {target.model}"):
        yield


@contextlib.contextmanager
def _claimed(client: Any, target: Target) -> Iterator[None]:
    """Hold a claim in the registry: wait until there is none, write one, let it settle, and look whether it stood."""
    name, claim = f"evenhand.moving.{target.alias}", secrets.token_hex(8)
    deadline = time.monotonic() + 6 * SETTLE
    while (other := _claim(client, target, name)) is not None:
        if time.monotonic() > deadline:
            raise ArtifactError(
                f"another gate has been moving {target.alias} of {target.model} for {other:.0f} seconds",
                f"wait for it; where it was killed, its claim ends after {EXPIRES:.0f} seconds",
            )
        time.sleep(SETTLE / 5)
    client.set_registered_model_tag(target.model, name, json.dumps({"claim": claim, "at": time.time()}))
    time.sleep(SETTLE)
    if json.loads(client.get_registered_model(target.model).tags.get(name, "{}")).get("claim") != claim:
        raise ArtifactError(
            f"another gate began to move {target.alias} of {target.model} at the same time and was first",
            "run the gate again, against the model that is in production then",
        )
    try:
        yield
    finally:
        client.delete_registered_model_tag(target.model, name)


def _claim(client: Any, target: Target, name: str) -> float | None:
    """How old another gate's claim is, in seconds; ``None`` where there is none, or it was left behind."""
    text = client.get_registered_model(target.model).tags.get(name)
    try:
        age = time.time() - float(json.loads(text)["at"]) if text else None
    except (ValueError, KeyError, TypeError):
        return None  # not a claim
    return None if age is None or age > EXPIRES else max(age, 0.0)
