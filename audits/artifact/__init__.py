"""The artifact of an audit: one sealed folder, self-contained, movable, named by time and digest.

``seal`` makes it, ``read`` opens it, ``verify`` opens it only if every byte is what was
sealed, ``find_problems`` lists what is not.
"""

from audits.artifact.chain import chain_problems
from audits.artifact.model import Artifact, Digests, Manifest, SealedFile, read
from audits.artifact.sealing import newest_digest, seal
from audits.artifact.verifying import Problem, find_problems, verify

__all__ = [
    "Artifact",
    "Digests",
    "Manifest",
    "Problem",
    "SealedFile",
    "chain_problems",
    "find_problems",
    "newest_digest",
    "read",
    "seal",
    "verify",
]
