"""Remedies: what would it take to bring a broken limit's gap down, and at what cost?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from audits.alternatives import ALTERNATIVES, AS_IT_IS, Alternative, Tried, read_rows, thresholds
from audits.errors import NotMeasurable, SpecError, nearest
from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics import registry as metrics
from audits.metrics.pairing import known_groups
from audits.refitted import refits
from audits.refitting import Kind
from audits.registry import Entry
from audits.remedies import Target
from audits.remedy_findings import aim_of, log_of, nothing, told
from audits.remedy_measuring import Asked, Measuring
from audits.spec import Limit
from audits.techniques import technique


@technique(
    source="Hardt, Price, Srebro 2016, section 4 (group thresholds); Kamiran, Calders 2012 (reweighing); "
    "less discriminatory alternatives: 12 CFR 1002 (Regulation B), comment 6(a)-2 as in force until July 2026",
    needs={"decisions"},
    measures={"remedy_gap", "remedy_gap_change", "remedy_accuracy_change", "remedy_log"},
    replayable=True,
)
def remedies(
    evidence: Evidence,
    *,
    measures: list[str] | None = None,
    attributes: list[str] | None = None,
    alternatives: list[Alternative] | None = None,
    target: float | None = None,
    tolerance: float | None = None,
    refit: Kind = "logistic",
    proxies: int = 3,
    floor: int = 30,
) -> Iterator[Finding]:
    """What would mend a broken limit, and at what cost; one that uses the attribute to decide may be unlawful.

    Each alternative is fitted on one half of the rows (dealt by seed, clusters whole) and measured on the other. It
    yields, under its name in brackets and with the limited rate as group, a ``remedy_gap`` (between the two groups
    most shown to break the limit on the fitting half, with Newcombe's or
    Koopman's interval), a ``remedy_gap_change`` and a ``remedy_accuracy_change`` (the same rows before and after, with
    Tango's interval); ``remedy_log`` holds them all, also those that did not help, for people to choose from. Refitted
    models are compared with a model of the same kind that was refitted with every column, never with the audited one.
    A composite (equalized odds) is mended one of its rates at a time. None of these numbers can be held against a
    limit: an alternative is a proposal, not what was audited.

    Args:
        evidence: rows, slices and predictions.
        measures: rates; default those of which the policy limits a difference or ratio.
        attributes: default those of the limits, or all.
        alternatives: default all.
        target: the gap to come down to; default the limit's own bound.
        tolerance: how much accuracy may be lost, fixed here before anything is tried; said of each alternative.
        refit: kind of the model that is fitted again.
        proxies: at most so many columns, beside the attribute's own, are taken for proxies of it.
        floor: fewest rows of a group, in the denominator and on the fitting half, for anything to be fitted to it;
            smaller ones keep today's thresholds, and their rates stand beside the others.
    """
    asked = list(_asked(evidence, measures, attributes, target))
    if not asked:
        raise NotMeasurable(
            "the policy limits no difference or ratio of a rate, so there is nothing to mend",
            "add such a limit, or name measures and target",
        )
    seed = evidence.spec.statistics.seed
    for attribute in dict.fromkeys(one.attribute for one in asked):
        rows = read_rows(evidence, attribute, seed)
        for one in asked:
            if one.attribute == attribute:
                options = (list(alternatives or ALTERNATIVES), refit, proxies, seed, max(floor, 1))
                yield from _mend(Measuring(rows, one, tolerance), options)


def _asked(
    evidence: Evidence, measures: list[str] | None, attributes: list[str] | None, target: float | None
) -> Iterator[Asked]:
    """Each limited rate over each attribute once, by the strictest of its limits."""
    found: dict[tuple[str, str, str], Target] = {}
    for limit in evidence.spec.policy:
        for measure in _rates_of(limit):
            for attribute in limit.attributes if measures is None or measure in measures else ():
                key = (measure, attribute, limit.compare)
                bound = _bound(limit) if target is None else target
                stricter = min if limit.compare == "difference" else max
                found[key] = Target(limit.compare, stricter(bound, found[key].bound if key in found else bound))
    named = {measure for measure, _, _ in found}
    for name in measures or ():
        if name not in metrics or not _is_rate(metrics[name]):
            known = [other for other, entry in metrics.entries().items() if _is_rate(entry)]
            raise SpecError(f"remedies measures: got {name!r}, expected a rate of decisions", nearest(name, known))
        if name not in named:
            for attribute in evidence.attributes:
                found[name, attribute, "difference"] = Target("difference", 0.0 if target is None else target)
    for (name, attribute, _), aim in found.items():
        if attribute in evidence.attributes and (attributes is None or attribute in attributes):
            yield Asked(metrics[name], attribute, aim)


def _rates_of(limit: Limit) -> list[str]:
    """The rates whose difference or ratio a limit bounds: its measure, or the components of a composite."""
    if limit.measure not in metrics or limit.compare not in ("difference", "ratio"):
        return []
    names = metrics[limit.measure].facts["components"] or (limit.measure,)
    return [name for name in names if _is_rate(metrics[name])]


def _is_rate(entry: Entry) -> bool:
    facts = entry.facts
    return bool(
        facts["task"] == "binary" and facts["over"] == "group" and facts["scale"] == "rate" and facts["decisions"]
    )


def _bound(limit: Limit) -> float:
    return 1 / limit.bound if limit.compare == "ratio" and limit.at_most is not None else limit.bound


def _mend(case: Measuring, options: tuple[Sequence[str], Kind, int, int, int]) -> Iterator[Finding]:
    rows, asked = case.rows, case.asked
    every = np.ones(len(rows.codes), np.bool_)
    whole = case.rates(rows.decisions, every)
    known = [at for at in known_groups(rows.groups) if not whole.missing[at]]
    if len(known) < 2:
        why = f"fewer than two groups of {asked.attribute} have a {asked.entry.name.replace('_', ' ')}"
        yield case.finding("remedy_gap", AS_IT_IS, missing=why)
        return
    names, kind, proxies, seed, floor = options
    large = [at for at in known if whole.rows[at] >= floor]
    if len(large) > 1 and asked.target.met(whole.value[large]):
        yield from nothing(case, whole, large)
        return
    aim = aim_of(case, floor)
    if aim is None:
        why = f"fewer than two groups have {floor} {asked.entry.facts['among']} on the half that would be fitted on"
        yield case.finding("remedy_gap", AS_IT_IS, missing=why)
        return
    if asked.target.met(whole.value[aim.groups]):  # what lies apart has too few rows on the fitting half
        yield from nothing(case, whole, aim.groups)
        return
    log: list[dict[str, Any]] = []
    now = Tried(AS_IT_IS, rows.decisions, "", rows.decisions)
    for one in (now, *thresholds(rows, aim, names), *refits(rows, aim, names, kind, proxies, seed)):
        yield from told(case, aim, one, log)
    yield log_of(case, aim, log, seed)
