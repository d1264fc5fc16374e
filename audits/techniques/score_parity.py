"""Score parity: does a score rank, and mean, the same in every group? No threshold is needed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from audits.evidence import Evidence
from audits.findings import Finding, rounded
from audits.metrics import chosen
from audits.metrics.calibration import expected_calibration_error
from audits.metrics.histograms import Binning, Scored, auc_error, binning
from audits.metrics.identity import IDENTITY
from audits.metrics.pairing import known_groups, pairs_of
from audits.metrics.reliability import reliability
from audits.metrics.running import Summarised, findings
from audits.metrics.score_rows import ScoredRows, scored_rows
from audits.metrics.score_tables import Resampled, affordable_bins, resample
from audits.metrics.separation import exact_where_separated
from audits.registry import Entry
from audits.statistics.roots import Floats
from audits.techniques import technique

PROBABILITY = "probability"
"""Stands in the words of the denominator of every metric that is defined for scores between 0 and 1 only."""


@technique(
    source="Hanley, McNeil 1982; Gardner, Brooks, Baker 2019; Pleiss et al. 2017; intervals: Efron, Tibshirani 1993",
    needs={"scores"},
    task="scores",
    replayable=True,
)
def score_parity(
    evidence: Evidence,
    *,
    metrics: list[str] | None = None,
    bins: Annotated[int, Field(ge=2, le=100)] = 10,
    resolution: Annotated[int, Field(ge=32, le=10_000)] = 1000,
) -> Iterator[Finding]:
    """Ranking, losses and calibration of the score in every group, and how far the groups' scores lie apart.

    Yields for a metric of one group a ``mean`` per group and a ``gap`` (group − reference) per pair, with intervals
    from resampled counts; for a distance between two groups a ``gap`` per pair, beside what chance alone makes of it.
    The calibration error of a group is told beside that of a perfectly calibrated score, and with its reliability
    diagram in ``details``. Each distinct score is a bin of its own where there are few; else ``auc_error_at_most``
    in ``details`` says how wrong an AUC can be because positive and negative rows share a bin.

    Args:
        evidence: rows, slices and predictions.
        metrics: names of score metrics (``evenhand list metrics``); default all that labels and scores allow, without
            those of a group against its background (``identity_auc``).
        bins: calibration bins of equal width.
        resolution: most bins that scores are counted in; where there are many groups, fewer are used.
    """
    rows = scored_rows(evidence)
    asked = [e for e in chosen("scores", metrics) if metrics is not None or _allowed(e, evidence, rows)]
    for attribute in evidence.attributes:
        codes, groups = evidence.codes(attribute)
        places = binning(rows.scores, affordable_bins(len(groups), resolution), bins)
        yield from _Compared(evidence, attribute, groups, rows, codes[rows.kept], places).findings(asked)


def _allowed(entry: Entry, evidence: Evidence, rows: ScoredRows) -> bool:
    """Whether labels and scores allow it; a group against its background is another technique's."""
    if entry.name in IDENTITY or (entry.facts["labels"] and evidence.spec.data.label is None):
        return False
    return rows.probabilities or PROBABILITY not in entry.facts["among"]


def generator(evidence: Evidence, name: str) -> np.random.Generator:
    """Return the generator of one part of an audit, which no other part's draws shift."""
    return np.random.default_rng([evidence.spec.statistics.seed, zlib.crc32(name.encode())])


def standing_on(found: Resampled) -> Callable[[Entry], Floats]:
    """Return the function that gives the rows which a metric's number of each group stands on."""
    by_truth = found.rows.sum(axis=-1)

    def rows(entry: Entry) -> Floats:
        among = entry.facts["among"]
        if among.startswith("actual positives"):
            stands = by_truth[:, 2:]
        elif among.startswith("actual negatives"):
            stands = by_truth[:, 1:2]
        else:
            stands = by_truth[:, 1:] if entry.facts["labels"] else by_truth
        return np.asarray(stands.sum(axis=1))

    return rows


@dataclass(eq=False)
class _Compared:
    """The scores of the groups of one attribute."""

    evidence: Evidence
    attribute: str
    groups: list[str]
    rows: ScoredRows
    codes: NDArray[np.integer[Any]]
    bins: Binning

    @property
    def level(self) -> float:
        """The level of the intervals."""
        return self.evidence.spec.statistics.level

    def findings(self, asked: list[Entry]) -> Iterator[Finding]:
        """Yield the findings of the metrics."""
        rng = generator(self.evidence, f"score_parity/{self.attribute}")
        found = resample(self.rows, self.codes, len(self.groups), self.bins, rng)
        summary, again = found.summary, found.replicates
        if any(entry.name in IDENTITY for entry in asked):
            summary, again = _against_the_rest(summary), _against_the_rest(again)
        data = self._summarised(found, summary, again)
        for entry in asked:
            if not entry.facts["boundary"]:
                yield from self._exact(entry, findings(entry, data), found)
                continue
            chance = self._by_chance(entry, found, rng)
            made = findings(entry, replace(data, replicates=None, by_chance=chance))
            yield from self._reliable(made) if entry.function is expected_calibration_error else made

    def _exact(self, entry: Entry, made: Iterator[Finding], found: Resampled) -> Iterator[Finding]:
        if found.squares is not None or found.clustered:
            return made
        own = found.rows.sum(axis=-1)
        return exact_where_separated(entry, made, self.groups, own, own.sum(axis=0) - own, self.level)

    def _by_chance(self, entry: Entry, found: Resampled, rng: np.random.Generator) -> Scored | None:
        """What is drawn by chance: groups that are equal, or in each a score without worth, or one well calibrated."""
        if entry.facts["over"] != "group":
            return found.equal(rng, known_groups(self.groups), by_truth=entry.facts["given"] == "truth")
        if entry.function is expected_calibration_error:
            return found.calibrated(rng) if self.rows.probabilities else None
        return found.unseparated(rng)

    def _summarised(self, found: Resampled, summary: Scored, again: Scored) -> Summarised:
        totals = found.rows.sum(axis=(1, 2))
        error = 0.0 if self.bins.exact else float(auc_error(summary.tally).max())
        details: dict[str, Any] = {**self.rows.told, "score_bins": self.bins.bins}
        return Summarised(
            technique="score_parity",
            attribute=self.attribute,
            groups=self.groups,
            summary=summary,
            replicates=again,
            rows=standing_on(found),
            pairs=pairs_of(self.evidence, self.attribute, self.groups, totals),
            level=self.level,
            favourable=self.evidence.spec.data.positive_is_favourable,
            details={**details, "auc_error_at_most": rounded(error)} if error else details,
        )

    def _reliable(self, made: Iterator[Finding]) -> Iterator[Finding]:
        """Put the reliability diagram beside each group's calibration error."""
        if not self.rows.probabilities:
            yield from made
            return
        tables = reliability(self.rows, self.codes, len(self.groups), self.bins, self.level)
        for finding in made:
            if finding.comparison == "mean" and finding.value is not None:
                table = tables[self.groups.index(finding.group)]
                yield finding.model_copy(update={"details": {**finding.details, "reliability": table}})
            else:
                yield finding


def _against_the_rest(scored: Scored) -> Scored:
    """Return the summary with all other groups as each group's background."""
    return scored._replace(rest=scored.tally.sum(axis=-3, keepdims=True) - scored.tally)
