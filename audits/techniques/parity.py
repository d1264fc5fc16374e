"""Parity: the same decisions for every group? Rates, their differences and ratios, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics import Counts, chosen, direction, of_task
from audits.metrics.comparing import many_rate_findings
from audits.metrics.counting import CELLS, cells, confusion
from audits.metrics.groups import Counted, GroupRates, count_all, measure
from audits.metrics.inequality import BENEFITS, turned
from audits.metrics.pairing import known_groups, pairs_of
from audits.metrics.replicating import equal_groups, moved_to_equal, tables
from audits.metrics.running import Summarised, findings
from audits.metrics.standing import of_decisions, standing
from audits.registry import Entry
from audits.statistics import bootstrap
from audits.statistics.roots import Floats
from audits.techniques import technique

USUAL = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "precision",
    "negative_predictive_value",
    "accuracy",
    "base_rate",
    "equalized_odds_difference",
)
"""The metrics of an audit that names none."""


@technique(
    source="Hardt, Price, Srebro 2016, section 2; intervals: Wilson 1927, Newcombe 1998, Koopman 1984",
    needs={"decisions"},
    replayable=True,
)
def parity(
    evidence: Evidence, *, metrics: list[str] | Literal["all"] | None = None, floor: int = 1
) -> Iterator[Finding]:
    """Rates of every group, difference and ratio of every pair of groups, composites and inequality of all groups.

    Of a rate: a ``rate`` per group (the rows of ``(missing)`` too), and per pair a ``difference`` (group − reference,
    two-sided p-value of the pooled score test, Holm-adjusted over the pairs) and a ``ratio`` (group / reference):
    every group against the reference, then every other pair once (of more than a dozen groups, those with the
    reference alone: a verdict derives the others from the rates); and the range over all groups, with what chance
    makes of it. Of other metrics: a ``mean`` per group, a ``gap`` per pair or a ``whole``, with intervals from
    resampled counts. Weighted rows count as Kish's effective number of rows; rows in clusters as the number of
    independent rows of the same precision, group by group.

    Args:
        evidence: rows, slices and predictions.
        metrics: names of metrics (``evenhand list metrics``) or ``all``; default the usual ones that the data allow.
        floor: fewest rows of the denominator for a rate; below it the number is missing, with that reason.
    """
    entries = _entries(evidence, metrics)
    plain = [entry for entry in entries if is_rate(entry)]
    others = [entry for entry in entries if not is_rate(entry)]
    for counted in count_all(evidence, evidence.attributes).values():
        measured = [measure(evidence, entry, counted, max(floor, 1)) for entry in plain]
        yield from many_rate_findings([(rates, _pairs(evidence, rates)) for rates in measured])
        if others:
            yield from _others(evidence, others, counted)


def is_rate(entry: Entry) -> bool:
    """Whether a metric is a share of the rows of one group, with the intervals of a rate."""
    return bool(entry.facts["over"] == "group" and entry.facts["scale"] == "rate")


def _entries(evidence: Evidence, names: Sequence[str] | None) -> list[Entry]:
    """The metrics that are asked for, or those that the data allow; with the components of composites."""
    if names is None or names == "all":
        data = evidence.spec.data
        label = data.label is not None
        decision = evidence.spec.model is not None or data.decision is not None or data.score is not None
        entries = of_task("binary") if names else chosen("binary", USUAL)
        entries = [e for e in entries if (label or not e.facts["labels"]) and (decision or not e.facts["decisions"])]
    else:
        entries = chosen("binary", list(names))
    known = [entry.name for entry in entries]
    return chosen("binary", list(dict.fromkeys([*known, *(c for e in entries for c in e.facts["components"])])))


def _pairs(evidence: Evidence, rates: GroupRates) -> list[tuple[int, int]]:
    """``best`` is the group with the most favourable value of the measure itself."""
    sign = -1 if "low" in direction(rates.good, rates.favourable) else 1
    values = [None if why else sign * float(v) for why, v in zip(rates.missing, rates.value, strict=True)]
    return pairs_of(evidence, rates.attribute, rates.groups, rates.totals, values)


def _others(evidence: Evidence, entries: Sequence[Entry], counted: Counted) -> Iterator[Finding]:
    """Metrics that are no plain rates, from the counts of all groups together."""
    table, again, chance = _resampled(evidence, counted)
    totals, units = counted.rows.sum(axis=(1, 2)), of_decisions(counted)
    favourable = evidence.spec.data.positive_is_favourable
    for entry in entries:

        def counts(of: NDArray[Any], entry: Entry = entry) -> Counts:
            found = confusion(of, entry.facts["decisions"])
            return turned(found) if entry.name in BENEFITS and not favourable else found

        yield from findings(
            entry,
            Summarised(
                technique="parity",
                attribute=counted.attribute,
                groups=counted.groups,
                summary=counts(table),
                replicates=counts(again),
                by_chance=counts(chance(entry)) if entry.facts["boundary"] else None,
                rows=lambda entry: _known_rows(entry, counted),
                pairs=pairs_of(evidence, counted.attribute, counted.groups, totals),
                units=standing(entry, units),
                apart=counted.clusters is None,
                level=evidence.spec.statistics.level,
                favourable=favourable,
                file="rows.parquet" if evidence.spec.model is None else "predictions.parquet",
            ),
        )


def _resampled(evidence: Evidence, counted: Counted) -> tuple[Floats, Floats, Callable[[Entry], Floats]]:
    """The tally of an attribute, resampled tallies, and a maker of tallies that differ by chance alone."""
    shape, number = counted.rows.shape, bootstrap.NUMBER
    rng = np.random.default_rng([evidence.spec.statistics.seed, evidence.attributes.index(counted.attribute)])
    table = np.asarray(counted.rows if counted.weights is None else counted.weights, np.float64)
    known = known_groups(counted.groups)
    if counted.clusters is None:
        squares = counted.squares
        again = (
            bootstrap.multinomial(table.astype(np.int64), number, rng)
            if squares is None
            else bootstrap.poisson(table, number, rng, squares)
        )
        chance_seed = int(rng.integers(1 << 62))

        def chance(entry: Entry) -> Floats:
            flat = equal_groups(
                table.reshape(shape[0], -1),
                number,
                np.random.default_rng(chance_seed),
                squares=None if squares is None else squares.reshape(shape[0], -1),
                given=_given(entry),
                known=known,
            )
            return flat.reshape(number, *shape)

        return table, again, chance
    codes, _ = evidence.codes(counted.attribute)
    labels, decisions = _codes(evidence)
    cell = cells(labels, decisions)
    many = tables(codes, shape[0], cell, CELLS, evidence.weights(), evidence.cluster_codes(), number, rng)

    def moved(entry: Entry) -> Floats:
        flat = moved_to_equal(many.table, many.replicates, _given(entry), known)
        return flat.reshape(number, *shape)

    return table, many.replicates.reshape(number, *shape), moved


def _given(entry: Entry) -> NDArray[np.int64] | None:
    """Which cells are compared with which where groups are equal: all, those of one truth, or of one decision."""
    truth, decision = np.divmod(np.arange(CELLS), 3)
    return {"truth": truth, "decision": decision}.get(entry.facts["given"])


def _known_rows(entry: Entry, counted: Counted) -> Floats:
    """The rows of each group of which a metric knows what it needs."""
    rows = counted.rows[:, 1:] if entry.facts["labels"] else counted.rows
    rows = rows[..., 1:] if entry.facts["decisions"] else rows
    return np.asarray(rows.sum(axis=(1, 2)), np.float64)


def _codes(evidence: Evidence) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    labels = evidence.label_codes()
    return (labels if evidence.spec.data.label is not None else np.full_like(labels, -1)), evidence.decision_codes()
