"""The gate's verification summary: a SLSA statement in a DSSE envelope, for whoever deploys and knows only PASSED."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audits.artifact import verify
from audits.artifact.strict import hash_file
from audits.attestation import ATTESTATION, STATEMENT_TYPE, SigningKey, sign, signing_keys, summary_statement
from audits.errors import AuditError, SigningError
from audits.findings import canonical_json
from audits.gate_outcome import GateReport


def summary_keys() -> list[SigningKey]:
    """Return the keys that sign a summary. Raises ``SigningError`` where the environment names none."""
    keys = signing_keys()
    if not keys:
        raise SigningError(
            "--summary: got no key to sign with", "set EVENHAND_SIGNING_KEY; evenhand keys new makes one"
        )
    return keys


def write_summary(
    file: Path, artifact: Path, report: GateReport, resource: str | None, keys: Sequence[SigningKey]
) -> None:
    """Write the signed summary of a gate that judged; one that was refused has none, which is no pass either.

    Args:
        file: where to.
        artifact: the artifact that was judged.
        report: what the gate found.
        resource: what is about to be deployed; the audited model where nobody says.
        keys: who signs.
    """
    sealed = verify(artifact, expected_digest=report.artifact_digest)  # never a word on another one put in its place
    spec = sealed.spec
    signed = (sealed.folder / ATTESTATION).is_file()
    statement = summary_statement(
        sealed,
        verdict=report.word,
        policy_sha256=report.policy_sha256,
        resource=resource or (spec.model.uri if spec.model else spec.data.source),
        time=report.at,
        attestation=hash_file(sealed.folder, ATTESTATION)[0] if signed else None,
    )
    envelope = sign(canonical_json(statement), STATEMENT_TYPE, keys)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(envelope.to_bytes())
    except OSError as error:
        raise AuditError(
            f"cannot write the summary to {str(file)!r}: {error.strerror}", "give another --summary"
        ) from error
