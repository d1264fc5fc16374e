"""Parity: the same rate in every group? Rates, and the difference and ratio of every pair of groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from audits import metrics as catalogue
from audits.errors import SpecError, nearest
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Finding, Interval, Support, rounded
from audits.findings import Evidence as Source
from audits.metrics import direction
from audits.metrics.counting import cells
from audits.metrics.groups import GroupRates, count, measure
from audits.registry import Entry
from audits.statistics import bounds, critical, difference_p
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import holm
from audits.techniques import technique


@technique(
    source="Hardt, Price, Srebro 2016, section 2; intervals: Wilson 1927, Newcombe 1998, Koopman 1984",
    needs={"decisions"},
    replayable=True,
)
def parity(evidence: Evidence, *, metrics: list[str] | None = None, floor: int = 1) -> Iterator[Finding]:
    """Rates of every group, and difference and ratio of every pair of groups, with intervals.

    Yields a ``rate`` per group (the rows of ``(missing)`` too), and per pair a ``difference`` (group − reference,
    two-sided p-value of the pooled score test, Holm-adjusted over the pairs) and a ``ratio`` (group / reference):
    every group against the reference, then every other pair once. Weighted rows count as Kish's effective number
    of rows; rows in clusters as the number of independent rows of the same precision, group by group (groups that
    share clusters are taken as independent, which widens the interval where they rise and fall together).

    Args:
        evidence: rows, slices and predictions.
        metrics: names of metrics (``evenhand list metrics``); default all that the data allow.
        floor: fewest rows of the denominator for a number; below it the number is missing, with that reason.
    """
    chosen = [_known(name) for name in metrics] if metrics is not None else _allowed(evidence)
    labels, decisions = evidence.label_codes(), evidence.decision_codes()
    if evidence.spec.data.label is None:
        labels = np.full_like(labels, -1)
    cell = cells(labels, decisions)
    for attribute in evidence.attributes:
        counted = count(evidence, attribute, cell)
        for entry in chosen:
            rates = measure(evidence, entry, counted, max(floor, 1))
            yield from _rates(rates)
            yield from _pairs(rates, _pair_order(evidence, rates))


def _known(name: str) -> Entry:
    if name not in catalogue.registry:
        raise SpecError(f"parity metrics: got {name!r}, which is not one", nearest(name, catalogue.registry))
    return catalogue.registry[name]


def _allowed(evidence: Evidence) -> list[Entry]:
    """Every metric whose needs the spec meets."""
    data = evidence.spec.data
    label = data.label is not None
    decision = evidence.spec.model is not None or data.decision is not None or data.score is not None
    entries = catalogue.of_task("binary")
    return [e for e in entries if (label or not e.facts["labels"]) and (decision or not e.facts["decisions"])]


def _words(measure: str) -> str:
    return measure.replace("_", " ")


def _rates(rates: GroupRates) -> Iterator[Finding]:
    low, high = bounds("wilson", {"x": rates.x, "n": rates.n}, critical(rates.level))
    for at, group in enumerate(rates.groups):
        yield _finding(
            rates,
            group=group,
            comparison="rate",
            value=float(rates.value[at]),
            missing=rates.missing[at],
            limits=(low[at], high[at], "wilson"),
            n=Support(group=rates.rows[at]),
            sufficient={"x": float(rates.x[at]), "n": float(rates.n[at])},
            direction=direction(rates.good, rates.favourable),
        )


def _pair_order(evidence: Evidence, rates: GroupRates) -> list[tuple[int, int]]:
    """Pairs of positions (group, reference): all against the reference, then every other pair once."""
    known = [at for at, group in enumerate(rates.groups) if group != MISSING_GROUP]
    if len(known) < 2:
        return []
    reference = _reference(evidence.reference(rates.attribute), rates, known)
    first = [(at, reference) for at in known if at != reference]
    return first + [(b, a) for i, a in enumerate(known) for b in known[i + 1 :] if reference not in (a, b)]


def _reference(policy: str, rates: GroupRates, known: Sequence[int]) -> int:
    """The position of the group that the others are told against.

    ``best`` is the group with the most favourable value of the measure itself. Where the policy names no group
    that has rows (an intersection that nobody is in), it is the largest.
    """
    from audits.slices import reference_group

    names = [rates.groups[at] for at in known]
    counts = {name: float(rates.totals[at]) for name, at in zip(names, known, strict=True)}
    sign = -1 if "low is good" in direction(rates.good, rates.favourable) else 1
    values = {
        name: None if rates.missing[at] else sign * float(rates.value[at])
        for name, at in zip(names, known, strict=True)
    }
    found = reference_group(policy, names, counts, values) or reference_group("largest", names, counts)
    return known[names.index(found)] if found else known[0]


def _pairs(rates: GroupRates, pairs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    if not pairs:
        return
    one, two = np.array(pairs).T
    counts = {"x1": rates.x[one], "n1": rates.n[one], "x2": rates.x[two], "n2": rates.n[two]}
    missing = ["; ".join(filter(None, (rates.missing[a], rates.missing[b]))) for a, b in pairs]
    yield from _differences(rates, pairs, counts, missing)
    yield from _ratios(rates, pairs, counts, missing)


def _differences(
    rates: GroupRates, pairs: Sequence[tuple[int, int]], counts: dict[str, Floats], missing: list[str]
) -> Iterator[Finding]:
    low, high = bounds("newcombe", counts, critical(rates.level))
    p = difference_p(**counts)
    measured = np.array([not why for why in missing])
    adjusted = np.ones(len(pairs))
    adjusted[measured] = holm(p[measured])
    for at, (one, two) in enumerate(pairs):
        yield _finding(
            rates,
            group=rates.groups[one],
            reference=rates.groups[two],
            comparison="difference",
            value=float(rates.value[one] - rates.value[two]),
            missing=missing[at],
            limits=(low[at], high[at], "newcombe"),
            n=Support(group=rates.rows[one], reference=rates.rows[two]),
            sufficient={name: float(column[at]) for name, column in counts.items()},
            direction=f"{direction(rates.good, rates.favourable)}; difference = group − reference",
            p=(float(p[at]), float(adjusted[at])),
        )


def _ratios(
    rates: GroupRates, pairs: Sequence[tuple[int, int]], counts: dict[str, Floats], missing: list[str]
) -> Iterator[Finding]:
    low, high = bounds("koopman", counts, critical(rates.level))
    ratio = quotient(rates.value[[a for a, _ in pairs]], rates.value[[b for _, b in pairs]])
    for at, (one, two) in enumerate(pairs):
        why = missing[at]
        if not why and rates.value[two] == 0:
            name, n = rates.groups[two], int(rates.rows[two])
            why = f"the {_words(rates.measure)} of {name} is 0 of {n} {rates.among}, so there is no ratio to it"
        yield _finding(
            rates,
            group=rates.groups[one],
            reference=rates.groups[two],
            comparison="ratio",
            value=float(ratio[at]),
            missing=why,
            limits=(low[at], high[at], "koopman"),
            n=Support(group=rates.rows[one], reference=rates.rows[two]),
            sufficient={} if missing[at] else {name: float(column[at]) for name, column in counts.items()},
            direction=f"{direction(rates.good, rates.favourable)}; ratio = group / reference",
        )


def _finding(
    rates: GroupRates,
    *,
    group: str,
    comparison: Any,
    value: float,
    missing: str,
    limits: tuple[Any, Any, str],
    n: Support,
    sufficient: dict[str, float],
    direction: str,
    reference: str = "",
    p: tuple[float, float] | None = None,
) -> Finding:
    """One finding; where ``missing`` says why there is no number, nothing but the rows it would stand on."""
    low, high, method = float(limits[0]), float(limits[1]), limits[2]
    known = not missing
    sides = f"{group} | {reference}" if reference else group
    return Finding(
        technique="parity",
        measure=rates.measure,
        attribute=rates.attribute,
        group=group,
        reference=reference,
        comparison=comparison,
        value=rounded(value) if known else None,
        missing=missing,
        interval=Interval(
            low=rounded(low), high=rounded(high) if np.isfinite(high) else None, level=rates.level, method=method
        )
        if known
        else None,
        n=n,
        sufficient={name: rounded(number) for name, number in sufficient.items()}
        if known or comparison == "ratio"
        else {},
        p=rounded(p[0]) if known and p else None,
        p_adjusted=rounded(p[1]) if known and p else None,
        adjustment="holm" if known and p else "",
        direction=direction,
        evidence=Source(file=rates.file, selector=f"{rates.attribute} = {sides}; among {rates.among}"),
    )
