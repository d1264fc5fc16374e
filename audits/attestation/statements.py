"""What is attested, as in-toto Statements: the result of an audit, and what a gate made of it.

Subjects are matched by digest, names only tell. Formats: in-toto Statement v1, test-result v0.1, SLSA verification
summary v1 (github.com/in-toto/attestation, github.com/slsa-framework/slsa).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import audits

if TYPE_CHECKING:
    from audits.artifact import Artifact

STATEMENT_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
PASSED_LEVEL = "EVENHAND_POLICY_PASS"
VERDICT = "urn:evenhand:verdict"
"""Extension of the summary: it knows only PASSED and FAILED, and this says which verdict it was."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RESULTS = {"PASS": "PASSED", "INCONCLUSIVE": "WARNED", "FAIL": "FAILED"}
_CONFIGURATION = ("spec.yaml", "policy.yaml", "findings.json", "verdict.json")


def result_statement(artifact: Artifact) -> dict[str, Any]:
    """Return the statement of an audit's result.

    Subjects: the model, where it is files with a digest, and the data as audited. A test per limit and attribute, by
    the limit's own words: passed, warned (INCONCLUSIVE) or failed; a broken limit that is waived is failed, and an
    audit that only passes by a waiver is warned. ``configuration`` names the manifest and through it every file.
    """
    manifest, verdict = artifact.manifest, artifact.verdict
    by_verdict: dict[str, list[str]] = {"PASS": [], "INCONCLUSIVE": [], "FAIL": []}
    for limit in verdict.limits:
        by_verdict[limit.verdict].append(limit.text)
    result = _RESULTS[verdict.verdict]
    if result == "PASSED" and by_verdict["FAIL"]:
        result = "WARNED"
    files = [_resource(name, manifest.files[name].sha256) for name in _CONFIGURATION]
    return {
        "_type": STATEMENT,
        "subject": _subjects(artifact),
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": result,
            "configuration": [_resource("manifest.json", artifact.digest), *files],
            "passedTests": sorted(by_verdict["PASS"]),
            "warnedTests": sorted(by_verdict["INCONCLUSIVE"]),
            "failedTests": sorted(by_verdict["FAIL"]),
        },
    }


def summary_statement(
    artifact: Artifact, *, verdict: str, policy_sha256: str, resource: str, time: datetime, attestation: str | None
) -> dict[str, Any]:
    """Return a gate's verification summary. It fails closed: anything but PASS is FAILED, the verdict beside it.

    Its subject is what is released: the model, or the decisions where no model was audited. The data that a model was
    audited on pass nothing, so their digest must not be found in it.

    Args:
        artifact: the audit that was looked at.
        verdict: what the gate made of it: PASS, FAIL or INCONCLUSIVE.
        policy_sha256: digest of the gate's policy.
        resource: URI of what is about to be deployed.
        time: when, in UTC.
        attestation: sha256 of the audit's own attestation; its manifest stands in where there is none.
    """
    passed = verdict == "PASS"
    data, *model = reversed(_subjects(artifact))
    name, digest = ("attestation.dsse.json", attestation) if attestation else ("manifest.json", artifact.digest)
    return {
        "_type": STATEMENT,
        "subject": model or [data],
        "predicateType": SUMMARY,
        "predicate": {
            "verifier": {"id": "urn:evenhand:gate", "version": {"evenhand": audits.__version__}},
            "timeVerified": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "resourceUri": resource,
            "policy": {"uri": "urn:evenhand:policy", "digest": {"sha256": policy_sha256}},
            "inputAttestations": [
                {"uri": f"urn:evenhand:artifact:{artifact.name}/{name}", "digest": {"sha256": digest}}
            ],
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": [PASSED_LEVEL if passed else "FAILED"],
            VERDICT: verdict,
        },
    }


def _subjects(artifact: Artifact) -> list[Mapping[str, Any]]:
    spec, digests = artifact.spec, artifact.manifest.digests
    subjects: list[Mapping[str, Any]] = [_resource(spec.data.source, digests.data)]
    if spec.model is not None and digests.model and _SHA256.fullmatch(digests.model):
        subjects.insert(0, _resource(spec.model.uri, digests.model))
    return subjects


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}
