"""For test suites: a policy as an assertion, judged by the function that judges everything.

from audits.testing import assert_parity

def test_the_model_decides_alike():
    assert_parity("runs/hiring/20260301T090530Z-0c2e1d9add3e", "policy.yaml")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from audits.artifact import Artifact, verify
from audits.errors import SpecError
from audits.findings import Finding
from audits.spec import Limit
from audits.verdict import Verdict, judge

LEVEL = 0.95


def assert_parity(
    findings: Sequence[Finding] | Artifact | Path | str,
    policy: Path | str | Sequence[Limit | Mapping[str, Any]],
    *,
    level: float | None = None,
    today: date | None = None,
) -> Verdict:
    """Assert that every limit of a policy is shown to hold. INCONCLUSIVE fails, too.

    Args:
        findings: of an audit; or its artifact, or the folder of one, every byte of which is then held to what was
            sealed.
        policy: a policy file, or limits as a spec has them: ``[{"measure": "selection_rate", "over": "sex",
            "compare": "ratio", "at_least": 0.8}]``.
        level: confidence level; default the artifact's, else 0.95.
        today: the day on which waivers are looked at; default the day it is.

    Returns:
        The verdict, a PASS.

    Raises:
        AssertionError: naming each limit that is not shown to hold, with its sentence.
        SpecError: the policy has a mistake, or no limit.
        ArtifactError: the artifact is not what was sealed.
    """
    __tracebackhide__ = True
    limits = _limits(policy)
    if isinstance(findings, str | Path):
        findings = verify(Path(findings))
    if isinstance(findings, Artifact):
        level = findings.spec.statistics.level if level is None else level
        findings = findings.findings
    verdict = judge(limits, list(findings), LEVEL if level is None else level, today)
    if verdict.verdict != "PASS":
        raise AssertionError(_told(verdict))
    return verdict


def _limits(policy: Path | str | Sequence[Limit | Mapping[str, Any]]) -> tuple[Limit, ...]:
    from audits.spec_reader import policy_of, read_policy

    limits = read_policy(Path(policy)) if isinstance(policy, str | Path) else policy_of(policy)
    if not limits:
        raise SpecError("policy: got no limits, expected at least one", "an empty policy would hold for any model")
    return limits


def _told(verdict: Verdict) -> str:
    open_ = [one for one in verdict.limits if one.verdict != "PASS" and not one.waived]
    lines = [f"{verdict.verdict}: {verdict.reason}"]
    lines += [f"  {one.verdict}  {one.text}\n    {one.reason}" for one in open_]
    return "\n".join(lines)
