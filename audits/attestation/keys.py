"""Keys: Ed25519 by default, ECDSA on P-256 or P-384 as well, as PEM files, or held elsewhere (``custody``).

A key is known by its ``keyid``: the sha256 (hex) of its public half in DER (SubjectPublicKeyInfo).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from audits.errors import SigningError
from audits.findings import Frozen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNING_KEY = "EVENHAND_SIGNING_KEY"
"""Private keys (paths) that sign every artifact a run seals, and every summary of a gate."""
PASSWORD = "EVENHAND_KEY_PASSWORD"  # noqa: S105  (the variable's name)
CURVES = ("secp256r1", "secp384r1")
MOST_BYTES = 64 * 1024


class PublicKey(Frozen):
    """The half of a key that checks signatures: its id, and itself in PEM."""

    keyid: str
    pem: str

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether ``signature`` is this key's, over exactly these bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = _public(self.pem.encode(), "the public key")
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, message)
            else:
                key.verify(signature, message, _ecdsa(key))
        except InvalidSignature:
            return False
        return True


class SigningKey(Protocol):
    """What signs: a private half in this process, or a holder of one elsewhere."""

    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        """Return the signature over exactly these bytes."""
        ...


class PrivateKey:
    """The half that signs. It never leaves the process."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self.public = _described(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature over exactly these bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        signature: bytes = self._key.sign(message, _ecdsa(self._key))
        return signature


def make_key(folder: Path, name: str = "evenhand") -> tuple[Path, Path, PublicKey]:
    """Make an Ed25519 key and write ``<name>.key`` (only its owner may read it) and ``<name>.pub``.

    The private half is encrypted where ``EVENHAND_KEY_PASSWORD`` holds a password.

    Returns:
        The path of the private half, that of the public one, and the public key.

    Raises:
        SigningError: where one of the files exists already: a key is never overwritten.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private, public = free_paths(folder, name)
    key = PrivateKey(Ed25519PrivateKey.generate())
    password = os.environ.get(PASSWORD)
    protection: Any = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password.encode())
    content = key._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    public.write_text(key.public.pem)
    return private, public, key.public


def free_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """Return where the two halves of a new key go, ``<name>.key`` and ``<name>.pub``, in a folder that is there.

    Raises:
        SigningError: where one of the files exists already: a key is never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    for path in (private, public):
        if path.exists():
            raise SigningError(f"{str(path)!r} exists already", "choose another name: --name, or another folder: --out")
    return private, public


def read_private_key(path: Path) -> SigningKey:
    """Read a private key in PEM, or a link to one that others hold.

    An encrypted one is opened with the password of ``EVENHAND_KEY_PASSWORD``.

    Raises:
        SigningError: where there is none, it is of another kind, or the password is missing or wrong.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content, password = _content(path), os.environ.get(PASSWORD)
    if content.lstrip().startswith(b"{"):
        from audits.attestation.custody import held_key

        return held_key(content, repr(str(path)))
    encrypted = b"ENCRYPTED" in content
    if encrypted and not password:
        raise SigningError(f"{str(path)!r} is encrypted, and no password was given", f"set {PASSWORD}")
    try:
        key = load_pem_private_key(content, password.encode() if encrypted and password else None)
    except (ValueError, TypeError) as error:
        hint = f"check {PASSWORD}" if encrypted else "name a PEM file: evenhand keys new makes one"
        raise SigningError(f"{str(path)!r}: got no private key that can be read", hint) from error
    if isinstance(key, EllipticCurvePrivateKey):
        _ecdsa(key)
    elif not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{str(path)!r}: got {type(key).__name__}, expected Ed25519 or ECDSA on P-256 or P-384")
    return PrivateKey(key)


def signing_keys() -> list[SigningKey]:
    """Return the private keys that ``EVENHAND_SIGNING_KEY`` names; none where it is not set.

    Raises:
        SigningError: one of them cannot be read.
    """
    named = os.environ.get(SIGNING_KEY, "")
    return [read_private_key(Path(path)) for path in named.split(os.pathsep) if path]


def read_public_key(path: Path) -> PublicKey:
    """Read a public key in PEM.

    Raises:
        SigningError: where there is none, or it is of another kind.
    """
    return public_key(_content(path), repr(str(path)))


def public_key(content: bytes, place: str) -> PublicKey:
    """Return the public key that ``content`` is in PEM; ``place`` names it in errors.

    Raises:
        SigningError: it is no key, or one of another kind.
    """
    return _described(_public(content, place))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()[: MOST_BYTES + 1]
    except OSError as error:
        raise SigningError(f"{str(path)!r}: {error.strerror}", "name the file of a key in PEM") from error
    if len(content) > MOST_BYTES:
        raise SigningError(f"{str(path)!r}: got more than {MOST_BYTES:,} bytes, expected a key in PEM")
    return content


def _public(content: bytes, what: str) -> Ed25519PublicKey | EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        hint = (
            "this is the private half: name the .pub file" if b"PRIVATE KEY" in content else "name a .pub file in PEM"
        )
        raise SigningError(f"{what}: got no public key that can be read", hint) from error
    if isinstance(key, EllipticCurvePublicKey):
        _ecdsa(key)
        return key
    if not isinstance(key, Ed25519PublicKey):
        raise SigningError(f"{what}: got {type(key).__name__}, expected Ed25519 or ECDSA on P-256 or P-384")
    return key


def _ecdsa(key: Any) -> Any:
    """The hash that goes with a curve. Raises for a curve that is not one of the two."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if key.curve.name not in CURVES:
        raise SigningError(f"got a key on the curve {key.curve.name}, expected {' or '.join(CURVES)}")
    return ec.ECDSA(hashes.SHA256() if key.curve.name == CURVES[0] else hashes.SHA384())


def _described(key: Any) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(keyid=hashlib.sha256(der).hexdigest(), pem=pem)
