"""Keys that others hold: a hardware module, a cloud's key management, a vault. They sign; only signatures come back.

Whatever ``securesystemslib`` signs with serves, by its URI (its ``Signer``,
https://python-securesystemslib.readthedocs.io): ``hsm:``, ``awskms:``, ``gcpkms:``, ``azurekms:``, ``hv:`` (a HashiCorp
vault), ``file2:``, and what is registered there. Such a key is a file as well, ``NAME.key``: where the private half is,
and the public half. It holds no secret.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.attestation.keys import PASSWORD, PublicKey, free_paths, public_key, read_public_key
from audits.errors import SigningError

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

FIELDS = ("signer", "public")


class HeldKey:
    """A key that signs where it is held."""

    def __init__(self, uri: str, public: PublicKey) -> None:
        self.uri = uri
        self.public = public

    def sign(self, message: bytes) -> bytes:
        """Return the holder's signature over exactly these bytes.

        Raises:
            SigningError: the holder cannot be reached or refuses, or signs with another key.
        """
        try:
            signature = bytes.fromhex(_signer(self.uri, self.public).sign(message).signature)
        except SigningError:
            raise
        except Exception as error:  # whatever the client of a hardware module or a cloud raises
            raise SigningError(
                f"{self.uri!r}: got no signature: {type(error).__name__}: {error}",
                f"check that this machine may use the key; a PIN or password is read from {PASSWORD}",
            ) from error
        if not self.public.verifies(signature, message):
            raise SigningError(
                f"{self.uri!r}: got a signature of another key than {self.public.keyid[:12]}",
                "link the public half that belongs to it: evenhand keys link",
            )
        return signature


def link_key(uri: str, public: Path, folder: Path, name: str = "evenhand") -> tuple[Path, Path, PublicKey]:
    """Write ``<name>.key``, which names a key that others hold, and ``<name>.pub``, after it has signed once.

    Args:
        uri: where the private half is, as ``securesystemslib`` writes it, such as ``awskms:alias/release``.
        public: the file of the public half, in PEM.
        folder: where the two files go.
        name: their name.

    Returns:
        The path of the link, that of the public half, and the public key.

    Raises:
        SigningError: the holder does not sign, signs with another key, or one of the files exists already.
    """
    key = HeldKey(uri, read_public_key(public))
    link, beside = free_paths(folder, name)
    key.sign(b"evenhand keys link")
    link.write_text(json.dumps({"signer": uri, "public": key.public.pem}, indent=2) + "\n")
    beside.write_text(key.public.pem)
    return link, beside, key.public


def held_key(content: bytes, place: str) -> HeldKey:
    """Read what ``link_key`` wrote.

    Raises:
        SigningError: it is something else.
    """
    try:
        link: Any = json.loads(content)
        uri, pem = (str(link[field]) for field in FIELDS)
    except (ValueError, TypeError, KeyError):
        raise SigningError(
            f"{place}: got no link to a key, expected a JSON object of {' and '.join(FIELDS)}",
            "evenhand keys link makes one",
        ) from None
    return HeldKey(uri, public_key(pem.encode(), f"{place}: public"))


def _signer(uri: str, public: PublicKey) -> Signer:
    try:
        from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, Signer, SSlibKey
    except ImportError as error:
        raise SigningError(
            f"{uri!r}: a key that others hold needs securesystemslib", "pip install 'evenhand[signers]'"
        ) from error
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    scheme = uri.partition(":")[0]
    if scheme not in SIGNER_FOR_URI_SCHEME:
        known = ", ".join(f"{one}:" for one in sorted(SIGNER_FOR_URI_SCHEME))
        raise SigningError(f"{uri!r}: got the scheme {scheme!r}, expected one of {known}")
    described = SSlibKey.from_crypto(load_pem_public_key(public.pem.encode()), keyid=public.keyid)
    return Signer.from_priv_key_uri(uri, described, lambda _: os.environ.get(PASSWORD, ""))
