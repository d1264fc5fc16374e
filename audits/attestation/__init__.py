"""Attestation: who says what of which audit, so that a stranger can check it without a network.

An artifact is attested by an in-toto Statement in a DSSE envelope, ``attestation.dsse.json``, which lies beside the
sealed files and names the digest of their manifest. Several people can sign the same statement.
"""

from audits.artifact.model import ATTESTATION
from audits.attestation.custody import link_key
from audits.attestation.envelope import Envelope, parse, sign, signed_by
from audits.attestation.keys import PublicKey, SigningKey, make_key, read_private_key, read_public_key, signing_keys
from audits.attestation.signing import attest, require_signatures, signatures
from audits.attestation.statements import STATEMENT_TYPE, result_statement, summary_statement

__all__ = [
    "ATTESTATION",
    "STATEMENT_TYPE",
    "Envelope",
    "PublicKey",
    "SigningKey",
    "attest",
    "link_key",
    "make_key",
    "parse",
    "read_private_key",
    "read_public_key",
    "require_signatures",
    "result_statement",
    "sign",
    "signatures",
    "signed_by",
    "signing_keys",
    "summary_statement",
]
