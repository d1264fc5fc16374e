"""Signing an artifact, and checking who signed it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audits.artifact.model import ATTESTATION
from audits.attestation.envelope import Envelope, parse, sign, signed_by
from audits.attestation.keys import PublicKey, SigningKey, read_public_key
from audits.attestation.statements import STATEMENT_TYPE, result_statement
from audits.errors import ArtifactError
from audits.findings import canonical_json

if TYPE_CHECKING:
    from audits.artifact import Artifact


def attest(artifact: Artifact, keys: Sequence[SigningKey]) -> Path:
    """Sign an artifact and write its attestation, whole or not at all; earlier signatures stay.

    Args:
        artifact: one that verifies.
        keys: who signs; a key that has signed already is not added again.

    Returns:
        The path of the envelope.

    Raises:
        ArtifactError: there is an attestation already that says something else.
    """
    payload = canonical_json(result_statement(artifact))
    path = artifact.folder / ATTESTATION
    signed = sign(payload, STATEMENT_TYPE, keys)
    if path.is_file():
        before = _read(artifact)
        _hold(artifact, before)
        known = {key.public.keyid for key in keys if signed_by(before, [key.public])}
        added = tuple(one for one in signed.signatures if one.keyid not in known)
        signed = before.model_copy(update={"signatures": before.signatures + added})
    beside = path.with_name(f".{ATTESTATION}-{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            file.write(signed.to_bytes())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def signatures(artifact: Artifact, keys: Iterable[PublicKey] = ()) -> tuple[list[str], list[PublicKey]]:
    """Return the key ids that an artifact's attestation claims, and those of ``keys`` of which a signature holds.

    Raises:
        ArtifactError: the attestation is broken, or says something else than the artifact.
    """
    if not (artifact.folder / ATTESTATION).is_file():
        return [], []
    envelope = _read(artifact)
    _hold(artifact, envelope)
    return [one.keyid for one in envelope.signatures], signed_by(envelope, keys)


def require_signatures(artifact: Artifact, keys: Sequence[Path]) -> list[PublicKey]:
    """Return the public keys of these files, each of which has signed the artifact.

    Raises:
        ArtifactError: naming the key that did not sign.
        SigningError: a key cannot be read.
    """
    public = [read_public_key(key) for key in keys]
    claimed, held = signatures(artifact, public)
    absent = [str(key) for key, one in zip(keys, public, strict=True) if one not in held]
    if absent:
        by = ", ".join(key[:12] for key in claimed) or "nobody"
        raise ArtifactError(
            f"{str(artifact.folder)!r} is not signed by {', '.join(absent)}: it says to be signed by {by}",
            "get it again from whoever signs, or sign it: evenhand sign",
        )
    return public


def _read(artifact: Artifact) -> Envelope:
    from audits.artifact.strict import read_bytes

    return parse(read_bytes(artifact.folder, ATTESTATION), ATTESTATION)


def _hold(artifact: Artifact, envelope: Envelope) -> None:
    """Hold an attestation to the artifact beside it, byte for byte: there is one way to write the statement."""
    if envelope.payload_type != STATEMENT_TYPE:
        raise ArtifactError(
            f"{ATTESTATION}: got the payload type {envelope.payload_type!r}, expected {STATEMENT_TYPE!r}"
        )
    if envelope.payload != canonical_json(result_statement(artifact)):
        raise ArtifactError(
            f"{ATTESTATION}: is no statement of this artifact", "get the artifact again from where it was sealed"
        )
