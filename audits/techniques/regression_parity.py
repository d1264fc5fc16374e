"""Regression parity: are predicted numbers as high, as spread and as right for every group?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import SpecError
from audits.evidence import Evidence
from audits.findings import Finding, rounded
from audits.metrics import chosen
from audits.metrics.marking import marked_rate
from audits.metrics.pairing import known_groups, pairs_of
from audits.metrics.predicted import distributed, full_sample_quantile, parts_of, summed, values_of
from audits.metrics.predicted_rows import PredictedRows, read_rows, top_rows
from audits.metrics.replicating import add_up, equal_groups, tables
from audits.metrics.running import Summarised, findings
from audits.metrics.sums import resampled, units_of
from audits.registry import Entry
from audits.statistics import bootstrap
from audits.statistics.roots import Floats, quotient
from audits.techniques import Column, technique

MOST_VALUES = 4096
"""Up to this many different predictions each is a value of its own; of more, each group's quantiles are the values."""

_MOST_NUMBERS = 1 << 24  # numbers of all tables by chance together
_FEWEST, _CHANCES = 100, 500
_SHORT = "short_by_at_most"
_DISTANCES = (
    "cdf_parity",
    "statistical_parity_area",
    "wasserstein_distance",
    "regression_statistical_parity",
    "no_disparate_impact_level",
)
_JUMPS = "it jumps from one prediction to another in resampled rows"
_MARKED = ("scoring_rate", "quantile_rate")


@technique(
    source="Agarwal, Dudík, Wu 2019, ICML; Calders et al. 2013, ICDM; scoring rate: NYC Local Law 144, 6 RCNY 5-300",
    task="regression",
    replayable=True,
)
def regression_parity(
    evidence: Evidence,
    *,
    predicted: Column | None = None,
    truth: Column | None = None,
    untreated: Column | None = None,
    metrics: list[str] | None = None,
    quantiles: list[float] | None = None,
    top: list[float] | None = None,
    high_is_good: bool | None = None,
    unit: str = "",
    floor: int = 1,
) -> Iterator[Finding]:
    """Means, errors and distributions of predicted numbers: of every group, between pairs, over all groups.

    Yields a ``mean`` per group, a ``gap`` per pair and where it can be a ``ratio``; for the shares above the median or
    another quantile of the full sample a ``rate``, ``difference`` and ``ratio``, as ``parity`` does (the quantile is
    of all rows with a prediction, also those of unknown group, and is taken as given in the intervals); for distances
    between distributions a ``gap`` per pair or one ``whole``, beside what chance alone makes of it.

    Intervals come from resampled rows, or clusters of rows; where there are more than 5,000, from 2,000 blocks that
    these are dealt to at random (``audits.metrics.sums``). Distances are exact where there are at most 4,096 different
    predictions; else they are taken at each group's quantiles, and ``details`` tells by how much that can be short.

    Args:
        evidence: rows, slices, and predictions where the column is left out.
        predicted: column of the predicted number; default the score, of the model or of the data.
        truth: column of the true number; without it only what needs no truth is measured.
        untreated: column of the number predicted without the treatment (a campaign, an offer), for
            ``treatment_effect``; treated is who is decided positive, or where nobody is decided everybody.
        metrics: regression metrics; default all that the columns allow.
        quantiles: for ``quantile_rate``, each between 0 and 1; default 0.8.
        top: quantiles of the full sample: means and errors are told once more of the rows predicted at or above each,
            named ``mean_absolute_error[from_quantile=0.8]``.
        high_is_good: whether a high prediction is good for the person; default not said.
        unit: of the predicted number, as told beside it.
        floor: fewest rows for a rate.

    Raises:
        DataError: a column that holds no numbers, or infinite ones.
        SpecError: a quantile out of range.
        NotMeasurable: no row has a prediction.
    """
    levels = [0.8] if quantiles is None else quantiles
    for option, level in [*(("quantiles", one) for one in levels), *(("top", one) for one in top or [])]:
        if not 0 < level < 1:
            raise SpecError(f"regression_parity.{option}: got {level:g}, expected numbers between 0 and 1")
    rows = read_rows(evidence, predicted, truth, untreated, high_is_good is not False)
    labelled = bool(np.isfinite(rows.truth + rows.predicted).any())
    asked = [e for e in chosen("regression", metrics) if metrics is not None or labelled or not e.facts["labels"]]
    asked = [e for e in asked if metrics is not None or rows.untreated is not None or e.name != "treatment_effect"]
    asked = [_told(entry, rows, high_is_good, unit) for entry in asked]
    possible = [entry for entry in asked if not _impossible(entry, rows, labelled)]
    sums = [entry for entry in possible if entry.name not in _DISTANCES + _MARKED]
    for attribute in evidence.attributes:
        for entry in asked:
            if why := _impossible(entry, rows, labelled):
                yield _missing(entry, attribute, why)
        for part, named in [(rows, sums), *(top_rows(rows, sums, level) for level in top or [])]:
            yield from _summed(evidence, attribute, part, named)
        yield from _distances(evidence, attribute, rows, [e for e in possible if e.name in _DISTANCES])
        for entry in possible:
            if entry.name in _MARKED:
                yield from _above(evidence, attribute, rows, entry, levels, floor)


def _impossible(entry: Entry, rows: PredictedRows, labelled: bool) -> str:
    """Why a metric cannot be taken of these rows, or nothing."""
    if entry.facts["labels"] and not labelled:
        return "no row has a prediction and a truth (regression_parity.truth), and it needs both"
    if entry.name == "treatment_effect" and rows.untreated is None:
        return "no column says what is predicted without the treatment (regression_parity.untreated)"
    return ""


def _told(entry: Entry, rows: PredictedRows, high_is_good: bool | None, unit: str) -> Entry:
    """The metric with its unit, what is good for the person, and whether ratios of it mean anything."""
    facts = dict(entry.facts)
    if facts["unit"].startswith("outcome"):
        facts["unit"] = unit and facts["unit"].replace("outcome", unit)
    if facts["good"] == "high" and high_is_good is None:
        facts["good"] = "open"
    if entry.name == "mean_prediction" and np.nanmin(rows.predicted) >= 0:
        facts["scale"] = "positive"
    return dataclasses.replace(entry, facts=facts)


def _missing(entry: Entry, attribute: str, why: str) -> Finding:
    return Finding(
        technique="regression_parity",
        measure=entry.name,
        attribute=attribute,
        comparison="whole",
        missing=why,
        unit=entry.facts["unit"],
    )


def _summed(evidence: Evidence, attribute: str, rows: PredictedRows, entries: Sequence[Entry]) -> Iterator[Finding]:
    """What follows from sums over the rows."""
    if not entries:
        return
    codes, groups = evidence.codes(attribute)
    known = np.isfinite(rows.predicted)
    rng = np.random.default_rng([evidence.spec.statistics.seed, 1, evidence.attributes.index(attribute)])
    parts = parts_of(rows.predicted, rows.truth, rows.weight, rows.untreated, rows.treated)
    own, again = resampled(parts, codes, len(groups), rows.unit, bootstrap.NUMBER, rng)
    both = known & np.isfinite(rows.truth)
    many = {at: np.bincount(codes[mask], minlength=len(groups)).astype(float) for at, mask in enumerate((known, both))}
    data = Summarised(
        technique="regression_parity",
        attribute=attribute,
        groups=groups,
        summary=summed(own),
        replicates=None if again is None else summed(again),
        rows=lambda entry: many[int(entry.facts["labels"])],
        pairs=pairs_of(evidence, attribute, groups, np.bincount(codes, minlength=len(groups))),
        level=evidence.spec.statistics.level,
        favourable=rows.favourable,
        file=rows.file,
        details=rows.details,
        unresampled="all rows are of one cluster, so that nothing can be resampled",
        apart=evidence.cluster_codes() is None,
    )
    separate = [units_of(codes, len(groups), rows.unit, mask, rows.weight) for mask in (known, both)]
    for entry in entries:
        yield from findings(entry, dataclasses.replace(data, units=separate[int(entry.facts["labels"])]))


def _distances(evidence: Evidence, attribute: str, rows: PredictedRows, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Distances between the groups' distributions of the prediction."""
    if not entries:
        return
    codes, groups = evidence.codes(attribute)
    known = np.isfinite(rows.predicted)
    most = max(256, min(MOST_VALUES, _MOST_NUMBERS // (bootstrap.NUMBER * len(groups))))
    value, place, exact = values_of(rows.predicted[known], codes[known], len(groups), most)
    cell = np.full(len(codes), -1, np.int64)
    cell[known] = place
    rng = np.random.default_rng([evidence.spec.statistics.seed, 2, evidence.attributes.index(attribute)])
    number = max(_FEWEST, min(_CHANCES, _MOST_NUMBERS // (len(groups) * len(value))))
    table, chance = _by_chance(evidence, codes[known], groups, place, len(value), known, number, rng)
    many = np.bincount(codes[known], minlength=len(groups)).astype(np.float64)
    details = dict(rows.details)
    if not exact:
        shares = quotient(table, np.broadcast_to(table.sum(axis=1, keepdims=True), table.shape))
        details |= {"values": len(value), _SHORT: rounded(float(shares.max()))}
    data = Summarised(
        technique="regression_parity",
        attribute=attribute,
        groups=groups,
        summary=distributed(table, value),
        replicates=None,
        by_chance=distributed(chance, value),
        rows=lambda entry: many,
        pairs=pairs_of(evidence, attribute, groups, np.bincount(codes, minlength=len(groups))),
        level=evidence.spec.statistics.level,
        file=rows.file,
        details=details,
        unresampled=_JUMPS,
    )
    for entry in entries:
        told = {
            name: value for name, value in details.items() if entry.name != "wasserstein_distance" or name != _SHORT
        }
        yield from findings(entry, dataclasses.replace(data, details=told))


def _by_chance(
    evidence: Evidence,
    codes: NDArray[Any],
    groups: Sequence[str],
    place: NDArray[np.int64],
    cells: int,
    known: NDArray[np.bool_],
    number: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    weights, clusters = evidence.weights(), evidence.cluster_codes()
    weights = None if weights is None else weights[known]
    pooled = known_groups(groups)
    if clusters is not None:
        own = tables(codes, len(groups), place, cells, weights, clusters[known], number, rng, known=pooled)
        return own.table, own.by_chance
    table = add_up(codes, len(groups), place, cells, weights)
    squares = None if weights is None else add_up(codes, len(groups), place, cells, weights**2)
    return table, equal_groups(table, number, rng, squares=squares, known=pooled)


def _above(
    evidence: Evidence,
    attribute: str,
    rows: PredictedRows,
    entry: Entry,
    levels: Sequence[float],
    floor: int,
) -> Iterator[Finding]:
    """The share strictly above the median, or above each quantile that is asked for."""
    known = np.isfinite(rows.predicted)
    for level in [0.5] if entry.name == "scoring_rate" else levels:
        name = entry.name if entry.name == "scoring_rate" else f"{entry.name}[quantile={level:g}]"
        cut = full_sample_quantile(rows.predicted[known], level, rows.weight[known])
        own = dataclasses.replace(entry, name=name)
        told = {"median" if entry.name == "scoring_rate" else "quantile": rounded(cut)} | rows.details
        for finding in marked_rate(
            evidence,
            attribute,
            own,
            rows.predicted > cut,
            known,
            technique="regression_parity",
            favourable=rows.favourable,
            floor=floor,
            file=rows.file,
        ):
            details = {**finding.details, **told} if not finding.missing else finding.details
            yield finding.model_copy(update={"details": details})
