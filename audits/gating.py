"""The gate: may this model be released, by what its audit found? Fails closed on whatever is missing.

The steps, each told as a check of the report; the first that is refused ends the gate without a verdict:

1. *policy*    The policy file is read and checked as a spec's is, every mistake with its line. Without a file the
               artifact's own policy holds. A policy without limits is refused.
2. *artifact*  Its format version is known, every byte is what was sealed, its files fit each other, its verdict
               follows from its findings under its own policy, and whoever had to has signed it.
3. *age*       The audit ended no longer ago than was asked (and not in the future).
4. *model*     The model about to be deployed is the audited one: its digest, taken over its files as the audit took
               it, is the artifact's.
5. *baseline*  The artifact of the model in production is what was sealed, is signed as the other one has to be, is of
               the same rows, and (where an alias is about to be moved) of the model that the alias points at now. Its
               changes become findings.
6. *verdict*   The findings are judged again under the policy of step 1, as of today, by the function that judges
               everything (``audits.verdict.judge``): waivers that have run out no longer hold, and what was not
               measured is INCONCLUSIVE, never passed.

Only PASS lets a model through. A check that nobody asked for is told as such, not left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from audits.artifact import Artifact, read, verify
from audits.artifact.strict import sound
from audits.attestation import require_signatures
from audits.errors import ArtifactError, AuditError, ModelError, SpecError
from audits.findings import Finding, digest
from audits.gate_outcome import Check, CheckName, GateReport
from audits.spec import Limit
from audits.verdict import Verdict, judge

CLOCKS = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""


@dataclass(frozen=True)
class Asked:
    """What a gate is asked beside the artifact.

    ``policy`` a policy file · ``keys`` public keys that must each have signed the artifact and the baseline ·
    ``max_age`` days · ``model_digest`` of the model about to be deployed, or ``model`` where it is (a folder,
    ``models:/name/version``, ``file.py:function``) · ``baseline`` the artifact of the model in production,
    ``production`` where that model is, as far as it is known · ``tracking``, ``home`` for models in a registry.
    """

    policy: Path | None = None
    keys: tuple[Path, ...] = ()
    max_age: float | None = None
    model_digest: str | None = None
    model: str | None = None
    baseline: Path | None = None
    production: str | None = None
    tracking: str = ""
    home: Path = Path(".evenhand")


def gate(path: Path, asked: Asked, now: datetime | None = None) -> GateReport:
    """Carry out the steps above.

    Args:
        path: the artifact.
        asked: what else is asked.
        now: the moment of the gate, with a time zone; default this one.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    running = _Gate(path, asked, now)
    for name, step in running.steps.items():
        try:
            with sound(f"the {name} step"):
                outcome, message = step()
        except AuditError as error:
            running.checks.append(Check.refusing(name, error))
            break
        running.checks.append(Check(name=name, outcome=outcome, message=message))
    return running.report()


Told = tuple[Literal["passed", "not asked"], str]


class _Gate:
    """The steps, and what they hand to one another."""

    def __init__(self, path: Path, asked: Asked, now: datetime) -> None:
        self.path, self.asked, self.now = path, asked, now
        self.checks: list[Check] = []
        self.given: tuple[Limit, ...] | None = None
        self.sealed: Artifact | None = None
        self.production: Artifact | None = None
        self.changes: list[Finding] = []
        self.verdict: Verdict | None = None
        self.steps: dict[CheckName, Callable[[], Told]] = {
            "policy": self.policy,
            "artifact": self.artifact,
            "age": self.age,
            "model": self.model,
            "baseline": self.baseline,
            "verdict": self.judge,
        }

    def policy(self) -> Told:
        """Step 1."""
        if self.asked.policy is None:
            return "not asked", "the artifact's own policy holds"
        from audits.spec_reader import read_policy

        self.given = read_policy(self.asked.policy)
        _refuse_empty(self.given, str(self.asked.policy))
        return "passed", f"{self.asked.policy}: {_many(len(self.given), 'limit')}"

    def artifact(self) -> Told:
        """Step 2."""
        read(self.path)  # of another format version, it is not tampered with: say that first
        self.sealed = verify(self.path)
        if self.given is None:
            _refuse_empty(self.sealed.policy, f"the policy of {str(self.path)!r}")
        told = f"every one of {len(self.sealed.manifest.files)} files is what was sealed"
        if self.asked.keys:
            signers = require_signatures(self.sealed, self.asked.keys)
            told += f"; signed by {', '.join(one.keyid[:12] for one in signers)}"
        return "passed", told

    def age(self) -> Told:
        """Step 3."""
        ended, most = self.opened.manifest.ended, self.asked.max_age
        if most is not None and not math.isfinite(most):
            raise ArtifactError(f"--max-age: got {most}, expected a number of days", "write a number, or leave it out")
        days = (self.now - ended) / timedelta(days=1)
        if ended > self.now + CLOCKS:
            raise ArtifactError(
                f"the audit ended {ended:%Y-%m-%d %H:%M} UTC, and it is {self.now:%Y-%m-%d %H:%M} UTC now: it cannot "
                "have ended in the future",
                "set the clocks right, of this machine and of the one that ran the audit",
            )
        if most is None:
            return "not asked", f"the audit ended {ended:%Y-%m-%d}, {_days(days)} ago"
        if days > most:
            raise ArtifactError(
                f"the audit is stale: it ended {ended:%Y-%m-%d}, {_days(days)} ago, and at most {_days(most)} are "
                "allowed (--max-age)",
                "run the audit again",
            )
        return "passed", f"the audit ended {ended:%Y-%m-%d}, {_days(days)} ago, within {_days(most)}"

    def model(self) -> Told:
        """Step 4."""
        audited = self.opened.manifest.digests.model
        if self.asked.model_digest is None and self.asked.model is None:
            about = f"the audited model has digest {audited}" if audited else "decisions were audited, not a model"
            return "not asked", about
        if audited is None:
            raise ModelError(
                "the artifact is of decisions in the data, so no model can be shown to be the audited one",
                "audit the model itself: name it in the spec",
            )
        for told, found in self._deployed():
            if found != audited:
                raise ModelError(
                    f"{told} is not the audited model: got digest {found}, the artifact has {audited}",
                    "audit the model that is about to be deployed, or deploy the audited one",
                )
        return "passed", f"the model about to be deployed is the audited one: digest {audited}"

    def _deployed(self) -> Sequence[tuple[str, str]]:
        """What is said of the model about to be deployed: in words, and as a digest."""
        found = []
        if self.asked.model_digest is not None:
            given = self.asked.model_digest.strip().lower().removeprefix("sha256:")
            if not re.fullmatch("[0-9a-f]{64}", given):
                raise ModelError(
                    f"--model-digest: got {self.asked.model_digest!r}, expected a sha256 (64 hexadecimal digits)",
                    "it is digests.model in the artifact's manifest.json, or give the model itself: --model",
                )
            found.append(("the model about to be deployed", given))
        if self.asked.model is not None:
            found.append((f"the model {self.asked.model!r}", self._digest_of(self.asked.model)))
        return found

    def _digest_of(self, place: str) -> str:
        """The digest of a model at a place, taken as the audit took it."""
        from audits.subjects.locate import locate

        hub, at, commit = place.rpartition("@")
        revision = commit if at and re.fullmatch("[0-9a-f]{40}", commit) else None
        function = ".py:" in place
        if not (place.startswith("models:/") or revision or function or Path(place).expanduser().exists()):
            raise ModelError(
                f"--model: got {place!r}, expected a folder that exists, models:/NAME/VERSION or a hub id @commit",
                "check the path; a relative one starts at the current folder",
            )
        model = {"uri": hub if revision else place, "kind": "python" if function else "", "revision": revision}
        found: str = locate(model, str(Path.cwd()), str(self.asked.home), self.asked.tracking)["digest"]
        return found

    def baseline(self) -> Told:
        """Step 5."""
        from audits.baseline import asked_of, compare, not_compared

        policy = self.held
        if self.asked.baseline is None:
            self.changes = not_compared(policy)
            return "not asked", "nothing is compared with the model in production"
        if not asked_of(policy):
            raise SpecError(
                "--baseline: no limit of the policy is on a change against production, so it would decide nothing",
                "add - {measure: selection_rate, over: …, compare: change, at_least: -0.02} or compare: widening",
            )
        read(self.asked.baseline)
        self.production = verify(self.asked.baseline)
        if self.asked.keys:
            require_signatures(self.production, self.asked.keys)
        self._refuse_other_production(self.production)
        self.changes = compare(self.opened, self.production, policy)
        rows = len(self.opened.evidence.column("rows", "row"))
        return "passed", f"compared with {str(self.asked.baseline)!r} on the same {_many(rows, 'row')}"

    def _refuse_other_production(self, baseline: Artifact) -> None:
        place = self.asked.production
        if place is None:
            return
        there = self._digest_of(place)
        if there != baseline.manifest.digests.model:
            raise ModelError(
                f"the baseline is not of the model in production: {place} has digest {there}, the baseline is of "
                f"{baseline.manifest.digests.model}",
                "give the artifact of the model that the alias points at",
            )

    def judge(self) -> Told:
        """Step 6."""
        findings = [*self.opened.findings, *self.changes]
        self.verdict = judge(self.held, findings, self.opened.spec.statistics.level, self.now.date())
        return "passed", self.verdict.reason

    @property
    def opened(self) -> Artifact:
        """The artifact, once it is verified."""
        if self.sealed is None:
            raise ArtifactError("the artifact was not verified", "")
        return self.sealed

    @property
    def held(self) -> tuple[Limit, ...]:
        """The policy that holds."""
        return self.opened.policy if self.given is None else self.given

    def report(self) -> GateReport:
        """What was done and found."""
        told: dict[str, Any] = {"artifact": str(self.path), "at": self.now, "checks": tuple(self.checks)}
        told["policy_file"] = None if self.asked.policy is None else str(self.asked.policy)
        told["baseline"] = None if self.asked.baseline is None else str(self.asked.baseline)
        if self.given is not None:
            told["policy_sha256"] = _policy_digest(self.given)
        if self.sealed is not None:
            manifest = self.sealed.manifest
            told |= {
                "audit": manifest.audit,
                "question": manifest.question,
                "artifact_digest": self.sealed.digest,
                "sealed": manifest.ended,
                "model_digest": manifest.digests.model,
                "sealed_verdict": self.sealed.verdict.verdict,
                "sealed_policy_sha256": manifest.digests.policy,
                "policy_sha256": _policy_digest(self.held),
            }
        if self.production is not None:
            told["baseline_digest"] = self.production.digest
        return GateReport(**told, verdict=self.verdict, changes=tuple(self.changes))


def _refuse_empty(policy: Sequence[Limit], whose: str) -> None:
    if not policy:
        raise SpecError(f"{whose} has no limits, so nothing could be judged", "write at least one limit")


def _policy_digest(policy: Sequence[Limit]) -> str:
    return digest([limit.model_dump(mode="json") for limit in policy])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _days(days: float) -> str:
    if 0 < days < 0.05:  # "0 days ago" would not be more than --max-age 0
        minutes = max(1, round(days * 24 * 60))
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    told = f"{days:.1f}".removesuffix(".0")
    return f"{told} day{'' if told == '1' else 's'}"
