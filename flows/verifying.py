"""What ``evenhand verify`` finds: the bytes, the signatures, the chain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audits import artifact as artifacts
from audits.artifact.chain import folders_beside
from audits.attestation import require_signatures, signatures
from audits.errors import ArtifactError
from audits.findings import Frozen
from audits.telling import one_line


class Verified(Frozen):
    """An artifact that is what was sealed: by which keys it says to be signed, and by which of those asked for."""

    artifact: str
    digest: str
    files: int
    claimed: tuple[str, ...]
    signed_by: tuple[str, ...]
    chain: int | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**self.model_dump(mode="json"), "signed": bool(self.signed_by)}

    def to_text(self) -> str:
        """Return it in a few lines."""
        if self.signed_by:
            signed = f"signed by {_short(self.signed_by)}"
        elif self.claimed:
            signed = f"says to be signed by {_short(self.claimed)}; check it with --key"
        else:
            signed = "not signed"
        lines = [
            f"{self.artifact}: every one of {self.files} files is what was sealed",
            f"digest {self.digest}; {signed}",
        ]
        if self.chain is not None:
            lines.append(f"the chain of {self.chain} is whole: none removed, replaced or out of order")
        return "\n".join(lines)


def _short(keys: Sequence[str]) -> str:
    return ", ".join(one_line(key)[:12] for key in keys)


def verified(path: Path, keys: Sequence[Path], chain: bool) -> Verified:
    """Verify an artifact, that each of the keys signed it, and the chain it stands in.

    Raises:
        ArtifactError: naming what is wrong.
        SigningError: a key cannot be read.
    """
    artifact = artifacts.verify(path)
    held = require_signatures(artifact, keys) if keys else []
    claimed, _ = signatures(artifact)
    if chain:
        problems = artifacts.chain_problems(path)
        if problems:
            told = "; ".join(f"{problem.file}: {problem.message}" for problem in problems[:3])
            raise ArtifactError(f"the chain of {str(path)!r} is broken: {told}", "ask whoever keeps the artifacts")
    return Verified(
        artifact=str(path),
        digest=artifact.digest,
        files=len(artifact.manifest.files),
        claimed=tuple(claimed),
        signed_by=tuple(one.keyid for one in held),
        chain=len(folders_beside(path)) if chain else None,
    )
