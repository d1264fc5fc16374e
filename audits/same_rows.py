"""Whether two artifacts are of the same rows, so that their models can be compared row by row."""

from __future__ import annotations

from audits.artifact import Artifact
from audits.errors import ArtifactError

SAME = "audit both models on the same data, with the same spec but for the model"
"""What mends it."""


def refuse_other_rows(candidate: Artifact, baseline: Artifact) -> None:
    """Raise ``ArtifactError`` unless both artifacts are of the same rows in the same roles.

    The same rows: the data digest is the same, or (where the models read different columns) the digest of the whole
    source, and row by row the number in the source, truth, weight and cluster.
    """
    if candidate.digest == baseline.digest:
        raise ArtifactError("the baseline is the very artifact that is gated", "give the artifact of production")
    for what in ("favourable", "positive_value"):
        one, other = (getattr(artifact.spec.data, what) for artifact in (candidate, baseline))
        if one != other:
            name = what.removesuffix("_value")
            raise ArtifactError(
                f"data.{name}: got {one!r}, the baseline has {other!r}: their rates are of different decisions", SAME
            )
    data = [artifact.document("data.json") for artifact in (candidate, baseline)]
    digests = [tuple(document.get(name) for name in ("digest", "fingerprint")) for document in data]
    if not any(one == other and one is not None for one, other in zip(*digests, strict=True)):
        raise ArtifactError(
            f"the artifacts are of different data: data digest {digests[0][0]}, the baseline has {digests[1][0]}", SAME
        )
    for column in ("row", "label", "weight", "cluster"):
        one, other = (artifact.evidence.column("rows", column) for artifact in (candidate, baseline))
        if len(one) != len(other):
            raise ArtifactError(
                f"the artifacts are of different rows: got {len(one):,}, the baseline has {len(other):,}", SAME
            )
        if not one.equals(other):
            raise ArtifactError(f"the artifacts are of different rows: their column {column!r} is not the same", SAME)
