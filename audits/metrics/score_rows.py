"""The rows of an audit that have a score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.statistics.roots import Floats


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The rows that have a score.

    ``kept`` which audited rows they are · ``labels`` 1 positive, 0 negative, −1 unknown · ``scores`` finite, a high
    one standing for the positive class · ``weights``, ``clusters`` or ``None`` · ``told`` what a card says beside
    every number: rows left out, scores turned round.
    """

    kept: NDArray[np.bool_]
    labels: NDArray[np.int8]
    scores: Floats
    weights: Floats | None
    clusters: NDArray[np.int32] | None
    told: dict[str, Any]

    @cached_property
    def probabilities(self) -> bool:
        """Whether every score lies between 0 and 1."""
        return bool(self.scores.min() >= 0 and self.scores.max() <= 1)

    def of(self, rows: NDArray[np.bool_]) -> ScoredRows:
        """Return some of the rows (a mask over them)."""
        kept = self.kept.copy()
        kept[kept] = rows
        weights = None if self.weights is None else self.weights[rows]
        clusters = None if self.clusters is None else self.clusters[rows]
        return ScoredRows(kept, self.labels[rows], self.scores[rows], weights, clusters, self.told)


def scored_rows(evidence: Evidence) -> ScoredRows:
    """Read the scores of an audit.

    Where the spec calls low scores a positive decision (``threshold: "< 700"``), they are turned round: a score s
    counts as 1 − s if all lie between 0 and 1, else as −s.

    Raises ``NotMeasurable`` where no row has a score.
    """
    scores, labels = evidence.scores(), evidence.label_codes()
    if evidence.spec.data.label is None:
        labels = np.full_like(labels, -1)
    kept = np.isfinite(scores)
    if not kept.any():
        raise NotMeasurable("no row has a score, so nothing can be said of scores")
    told: dict[str, Any] = {}
    weights, clusters = evidence.weights(), evidence.cluster_codes()
    if not kept.all():
        told["rows_without_score"] = int((~kept).sum())
        scores, labels = scores[kept], labels[kept]
        weights = None if weights is None else weights[kept]
        clusters = None if clusters is None else clusters[kept]
    if evidence.spec.data.label is not None and (unknown := int((labels < 0).sum())):
        told["rows_without_truth"] = unknown
    threshold = evidence.spec.data.threshold
    if evidence.spec.model is None and threshold is not None and threshold.strip().startswith("<"):
        inside = scores.min() >= 0 and scores.max() <= 1
        scores = 1 - scores if inside else -scores
        turned = "1 − s" if inside else "−s"
        told["scores_turned"] = f"low scores mean positive ({threshold}): a score s counts as {turned}"
    return ScoredRows(kept, labels, scores, weights, clusters, told)
