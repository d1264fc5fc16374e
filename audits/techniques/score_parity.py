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
from audits.findings import MISSING_GROUP, Finding, rounded
from audits.metrics import chosen, direction
from audits.metrics.calibration import expected_calibration_error
from audits.metrics.histograms import Binning, Scored, auc_error, binning, summarise
from audits.metrics.identity import IDENTITY
from audits.metrics.pairing import known_groups, pairs_of
from audits.metrics.reliability import reliability
from audits.metrics.running import Summarised, findings, value_of
from audits.metrics.scan import subset_scan_score
from audits.metrics.score_rows import ScoredRows, scored_rows
from audits.metrics.score_tables import Resampled, affordable, finest, resample
from audits.metrics.separation import exact_where_separated
from audits.metrics.standing import of_scores
from audits.registry import Entry
from audits.statistics.roots import Floats
from audits.techniques import technique

USUAL = (
    "auc",
    "abroca",
    "log_loss",
    "brier_score",
    "expected_calibration_error",
    "calibration_in_the_large",
    "mean_score",
    "score_ks_distance",
)
"""The metrics where a spec names none: ranking, losses, calibration, distribution. Others are asked for by name."""

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
    resolution: Annotated[int, Field(ge=32, le=10_000)] = 500,
) -> Iterator[Finding]:
    """Ranking, losses and calibration of the score in every group, and how far the groups' scores lie apart.

    Yields for a metric of one group a ``mean`` per group and a ``gap`` (group − reference) per pair, with intervals
    from resampled counts; for a distance between two groups a ``gap`` per pair, beside what chance alone makes of it.
    The calibration error of a group is told beside that of a perfectly calibrated score, and with its reliability
    diagram in ``details``. Values are those of the distinct scores; of more than some hundred thousand of them
    ``auc_error_at_most`` says how wrong an AUC can be because positive and negative rows share a bin. Scores are
    resampled in wider bins.

    Args:
        evidence: rows, slices and predictions.
        metrics: names of score metrics (``evenhand list metrics``); default the usual ones (``USUAL``) that labels
            and scores allow.
        bins: calibration bins of equal width.
        resolution: most bins that scores are resampled in; where there are many groups, fewer are used.
    """
    rows = scored_rows(evidence)
    asked = chosen("scores", USUAL if metrics is None else metrics)
    if metrics is None:
        asked = [entry for entry in asked if _allowed(entry, evidence, rows)]
    for attribute in evidence.attributes:
        codes, groups = evidence.codes(attribute)
        most, number = affordable(len(groups), resolution)
        coarse = binning(rows.scores, most, bins)
        fine = coarse if coarse.exact else binning(rows.scores, finest(len(groups)), bins)
        compared = _Compared(evidence, attribute, groups, rows, codes[rows.kept], coarse, fine)
        yield from compared.findings(asked, number)


def _allowed(entry: Entry, evidence: Evidence, rows: ScoredRows) -> bool:
    """Whether labels and scores allow it."""
    if entry.facts["labels"] and evidence.spec.data.label is None:
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
    """The scores of the groups of one attribute; ``bins`` to resample them in, ``fine`` for the values themselves."""

    evidence: Evidence
    attribute: str
    groups: list[str]
    rows: ScoredRows
    codes: NDArray[np.integer[Any]]
    bins: Binning
    fine: Binning

    @property
    def favourable(self) -> bool:
        """Whether the positive class is good for the person."""
        return self.evidence.spec.data.positive_is_favourable

    @property
    def level(self) -> float:
        """The level of the intervals."""
        return self.evidence.spec.statistics.level

    def findings(self, asked: list[Entry], number: int) -> Iterator[Finding]:
        """Yield the findings of the metrics, from so many replicates."""
        part = f"score_parity/{self.attribute}"
        found = resample(self.rows, self.codes, len(self.groups), self.bins, generator(self.evidence, part), number)
        values, again = found.summary, found.replicates
        if self.fine is not self.bins:
            rows = self.rows
            values = summarise(self.codes, len(self.groups), rows.labels, rows.scores, self.fine, rows.weights)
        if any(entry.name in IDENTITY for entry in asked):
            values, again = self._against_the_rest(values), self._against_the_rest(again)
        data = self._summarised(found, values, again)
        units = of_scores(self.codes, len(self.groups), self.rows.labels, self.rows.clusters, self.rows.weights)
        for entry in asked:
            of_entry = replace(data, pairs=self._pairs(entry, values, found), units=units(entry))
            if entry.facts["boundary"]:
                made = self._beside_chance(entry, replace(of_entry, replicates=None), found, part)
                yield from self._reliable(made) if entry.function is expected_calibration_error else made
            else:
                yield from self._exact(entry, findings(entry, of_entry), found)

    def _beside_chance(self, entry: Entry, data: Summarised, found: Resampled, part: str) -> Iterator[Finding]:
        """The values, and how they stand to chance: what is compared with it is counted in the bins that it is."""
        chance = self._by_chance(entry, found, generator(self.evidence, f"{part}/{entry.name}"))
        compared = findings(entry, replace(data, summary=found.summary, by_chance=chance))
        for finding, beside in zip(findings(entry, data), compared, strict=True):
            told = {key: beside.details[key] for key in ("by_chance",) if key in beside.details}
            of_chance = {key: getattr(beside, key) for key in ("p", "p_adjusted", "adjustment")}
            yield finding.model_copy(update={**of_chance, "details": {**finding.details, **told}})

    def _against_the_rest(self, scored: Scored) -> Scored:
        """Return the summary with all rows of other known groups as each group's background."""
        known = [group != MISSING_GROUP for group in self.groups]
        tally = scored.tally * np.array(known)[:, None, None]
        return scored._replace(rest=tally.sum(axis=-3, keepdims=True) - tally)

    def _exact(self, entry: Entry, made: Iterator[Finding], found: Resampled) -> Iterator[Finding]:
        if found.squares is not None or found.clustered:
            return made
        rest = self._against_the_rest(found.summary).rest
        own, others = found.rows.sum(axis=-1), rest.sum(axis=-1)
        return exact_where_separated(entry, made, self.groups, own, others, self.level)

    def _by_chance(self, entry: Entry, found: Resampled, rng: np.random.Generator) -> Scored | None:
        """What is drawn by chance: groups that are equal, or in each a score without worth, or one well calibrated."""
        if entry.facts["over"] != "group":
            return found.equal(rng, known_groups(self.groups), by_truth=entry.facts["given"] == "truth")
        if entry.function in (expected_calibration_error, subset_scan_score):
            return found.calibrated(rng) if self.rows.probabilities else None
        return found.unseparated(rng)

    def _pairs(self, entry: Entry, summary: Scored, found: Resampled) -> list[tuple[int, int]]:
        """The pairs that are compared; the reference ``best`` is that with the best value of the metric itself."""
        worth = None
        if entry.facts["over"] == "group":
            value, exists = value_of(entry.function(summary))
            off = {"zero": -np.abs(value), "one": -np.abs(value - 1)}.get(entry.facts["good"])
            sign = -1 if "low" in direction(entry.facts["good"], self.favourable) else 1
            better = sign * value if off is None else off
            worth = [float(v) if there else None for v, there in zip(better, exists, strict=True)]
        return pairs_of(self.evidence, self.attribute, self.groups, found.rows.sum(axis=(1, 2)), worth)

    def _summarised(self, found: Resampled, summary: Scored, again: Scored) -> Summarised:
        details: dict[str, Any] = dict(self.rows.told)
        if not self.fine.exact:
            details["auc_error_at_most"] = rounded(float(auc_error(summary.tally).max()))
        return Summarised(
            technique="score_parity",
            attribute=self.attribute,
            groups=self.groups,
            summary=summary,
            replicates=again,
            rows=standing_on(found),
            pairs=[],
            level=self.level,
            favourable=self.favourable,
            details=details,
            apart=not found.clustered,
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
