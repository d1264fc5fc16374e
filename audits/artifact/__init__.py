"""The artifact of an audit: one sealed folder, self-contained, movable, named by time and digest.

``seal`` makes it, ``read`` opens it, ``verify`` finds every byte that is not what was sealed.
"""

from audits.artifact.model import Artifact, Digests, Manifest, SealedFile, read
from audits.artifact.sealing import newest_digest, seal
from audits.artifact.verifying import Problem, verified, verify

__all__ = [
    "Artifact",
    "Digests",
    "Manifest",
    "Problem",
    "SealedFile",
    "newest_digest",
    "read",
    "seal",
    "verified",
    "verify",
]
