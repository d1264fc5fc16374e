"""What a gate hands on: every check with its outcome, the verdict, and what became of the model in its registry."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import audits
from audits.errors import AuditError
from audits.findings import Finding, Frozen
from audits.verdict import LimitVerdict, Verdict

CheckName = Literal["policy", "artifact", "age", "model", "baseline", "verdict", "promotion"]


class Check(Frozen):
    """One step of the gate, and what came of it in one sentence; ``error`` the kind of error it was refused with."""

    name: CheckName
    outcome: Literal["passed", "refused", "not asked"]
    message: str
    hint: str = ""
    error: str = ""

    @classmethod
    def refusing(cls, name: CheckName, error: AuditError) -> Check:
        """Return a check that ended in an error."""
        return cls(name=name, outcome="refused", message=error.message, hint=error.hint, error=type(error).__name__)


class Promotion(Frozen):
    """What became of a model version in its registry: ``alias`` moved from version ``previous`` only if ``moved``."""

    model: str
    version: str
    alias: str
    previous: str | None
    moved: bool
    message: str
    tags: dict[str, str]


class GateReport(Frozen):
    """What a gate did and found; ``verdict`` is null where a check was refused.

    ``policy_sha256`` the policy that was judged by, ``sealed_policy_sha256`` the one of the audit · ``model_digest``
    the audited model's · ``changes`` the findings against production, which no artifact holds.
    """

    artifact: str
    audit: str = ""
    question: str = ""
    artifact_digest: str = ""
    sealed: datetime | None = None
    model_digest: str | None = None
    sealed_verdict: str = ""
    sealed_policy_sha256: str = ""
    policy_file: str | None = None
    policy_sha256: str = ""
    baseline: str | None = None
    baseline_digest: str | None = None
    checks: tuple[Check, ...] = ()
    verdict: Verdict | None = None
    changes: tuple[Finding, ...] = ()
    promotion: Promotion | None = None
    at: datetime
    evenhand: str = audits.__version__

    @property
    def refused(self) -> Check | None:
        """The check that was refused, if any: the gate could then not be carried out."""
        return next((check for check in self.checks if check.outcome == "refused"), None)

    @property
    def limits(self) -> tuple[LimitVerdict, ...]:
        """What became of every limit; empty where nothing was judged."""
        return self.verdict.limits if self.verdict else ()

    @property
    def word(self) -> str:
        """PASS, FAIL or INCONCLUSIVE; REFUSED where the gate could not be carried out."""
        return "REFUSED" if self.refused or self.verdict is None else self.verdict.verdict

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        return self.refused.message if self.refused else self.verdict.reason if self.verdict else ""

    def with_check(self, check: Check, promotion: Promotion | None = None) -> GateReport:
        """Return the report with one check more."""
        return self.model_copy(update={"checks": (*self.checks, check), "promotion": promotion or self.promotion})
