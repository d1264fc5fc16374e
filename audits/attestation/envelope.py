"""The DSSE envelope: the bytes that were signed, what kind they are, and who signed them.

What is signed are the payload's own bytes, never JSON written again. Source: Dead Simple Signing Envelope, protocol
1.0 (github.com/secure-systems-lab/dsse).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from audits.artifact.strict import parse_json
from audits.attestation.keys import PublicKey, SigningKey
from audits.errors import ArtifactError
from audits.findings import Frozen, canonical_json

MOST_BYTES = 16 * 1024 * 1024
MOST_SIGNATURES = 100


class Signature(Frozen):
    """One signature: whose (a hint only: what counts is which key verifies it), and its bytes."""

    keyid: str
    sig: bytes


class Envelope(Frozen):
    """A payload, its type, and the signatures over both."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Return the envelope as JSON, the payload in base64 as it was signed."""
        document = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": one.keyid, "sig": base64.b64encode(one.sig).decode()} for one in self.signatures],
        }
        return canonical_json(document) + b"\n"


def encoded(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding, the bytes that are signed: ``DSSEv1 29 http://… 11 hello world``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, keys: Sequence[SigningKey]) -> Envelope:
    """Return the envelope of a payload, signed by each key."""
    message = encoded(payload_type, payload)
    signatures = tuple(Signature(keyid=key.public.keyid, sig=key.sign(message)) for key in keys)
    return Envelope(payload=payload, payload_type=payload_type, signatures=signatures)


def signed_by(envelope: Envelope, keys: Iterable[PublicKey]) -> list[PublicKey]:
    """Return those of the keys of which a signature holds, whatever key ids the envelope claims."""
    message = encoded(envelope.payload_type, envelope.payload)
    return [key for key in keys if any(key.verifies(one.sig, message) for one in envelope.signatures)]


def parse(content: bytes, name: str = "the envelope") -> Envelope:
    """Read an envelope, strictly: one meaning, nothing more in it than the protocol names.

    Raises:
        ArtifactError: naming what is wrong.
    """
    if len(content) > MOST_BYTES:
        raise ArtifactError(f"{name}: got {len(content):,} bytes, expected at most {MOST_BYTES:,}")
    document = parse_json(content, name)
    fields = _fields(document, {"payload", "payloadType", "signatures"}, name)
    signatures = fields["signatures"]
    if not isinstance(signatures, list) or not 0 < len(signatures) <= MOST_SIGNATURES:
        raise ArtifactError(f"{name}: signatures: expected 1 to {MOST_SIGNATURES} of them")
    if not isinstance(fields["payloadType"], str):
        raise ArtifactError(f"{name}: payloadType: expected a text")
    found = []
    for at, one in enumerate(signatures):
        place = f"{name}: signature {at + 1}"
        parts = _fields(one, {"keyid", "sig"}, place)
        if not isinstance(parts["keyid"], str):
            raise ArtifactError(f"{place}: keyid: expected a text")
        found.append(Signature(keyid=parts["keyid"], sig=_decoded(parts["sig"], f"{place}: sig")))
    payload = _decoded(fields["payload"], f"{name}: payload")
    return Envelope(payload=payload, payload_type=fields["payloadType"], signatures=tuple(found))


def _fields(value: Any, names: set[str], place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise ArtifactError(f"{place}: expected exactly {', '.join(sorted(names))}")
    return value


def _decoded(value: Any, place: str) -> bytes:
    """Base64 as the protocol allows it, standard or URL-safe; anything else in the text is refused."""
    if not isinstance(value, str):
        raise ArtifactError(f"{place}: expected base64")
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/").encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ArtifactError(f"{place}: expected base64") from None
