"""A limit's verdict in one plain sentence: what was measured, with which certainty, and how it lies to the limit."""

from __future__ import annotations

from fractions import Fraction

from audits.family import Family
from audits.findings import Finding, Interval
from audits.resolution import Needed
from audits.sides import Side, exact
from audits.unknowns import Unknown

AGAINST_PRODUCTION = ("change", "widening")
"""Comparisons with the model in production, on the same rows (``audits.baseline``)."""


_ACRONYMS = frozenset({"auc", "abroca", "bpsn", "bnsp", "dcg", "ndkl", "js", "kl", "cdf"})


def words(measure: str) -> str:
    """Return a measure's name in words, acronyms in capitals."""
    return " ".join(part.upper() if part in _ACRONYMS else part for part in measure.split("_"))


def estimate(family: Family, side: Side, interval: Interval) -> str:
    """Return the number with the rates it is made of and its interval."""
    measure, counts = words(side.finding.measure), side.sufficient
    together = f" for all {'pairs' if side.reference else 'groups'} together" if interval.simultaneous else ""
    low, high = (end if end is None else Fraction(str(end)) for end in (interval.low, interval.high))
    ends = f"{_apart(family, low)} to {_apart(family, high)}"
    kind = "bounds" if side.method in ("bounds", "log-bounds") else "interval"
    arms = f"({_level(interval.level)} {kind}{together} {ends})"
    if family.limit.compare in AGAINST_PRODUCTION and "in_production" in side.finding.details:
        return f"{_moved(family, side)} {arms}"
    if side.of_two_rates:
        rates = f"{_share(counts['x1'], counts['n1'])} for {side.group} and {_share(counts['x2'], counts['n2'])} for"
        value = "no ratio" if side.value is None else f"a {family.limit.compare} of {_apart(family, exact(side))}"
        return f"{measure} is {rates} {side.reference}: {value} {arms}"
    if side.reference and (family.limit.compare == "ratio" or "−" in side.finding.direction):
        than = "over" if family.limit.compare == "ratio" else "minus"
        return f"{measure} of {side.group} {than} that of {side.reference} is {_apart(family, exact(side))} {arms}"
    whom = f" for {side.group}" if side.group else ""
    if side.reference:
        told = {
            "rate": f" between {side.group} and {side.reference}",
            "paired": f" higher{whom} than for {side.reference}",
        }
        whom = told.get(family.limit.compare, f"{whom} against {side.reference}")
    return f"{measure} is {_apart(family, exact(side))}{whom} {arms}"


def _moved(family: Family, side: Side) -> str:
    """A change against the model in production, with the numbers it is made of."""
    measure, known = words(side.finding.measure), side.finding.details
    value = _apart(family, exact(side))
    if family.limit.compare == "change":
        now, before = (f"{100 * float(known[name]):.1f}%" for name in ("rate", "in_production"))
        return f"{measure} is {now} for {side.group} and was {before} in production: a change of {value}"
    lead, gap = (number(family, float(known[name])) for name in ("lead", "in_production"))
    apart, moved = gap.removeprefix("−"), "shrunk" if value.startswith("−") else "grown"
    return (
        f"{measure} of {side.group} minus that of {side.reference} is {lead}, and they were {apart} apart in "
        f"production: the gap has {moved} by {value.removeprefix('−')}"
    )


def needed(family: Family, side: Side, needed: Needed) -> str:
    """Return how many rows would decide, and on what supposition, as a sentence."""
    whose = (
        " of the smaller group"
        if side.of_two_rates
        else ""
        if side.reference or not side.group
        else f" of {side.group}"
    )
    if needed.rows is None:
        suppose = "the groups are truly equal" if needed.if_equal else "the truth is as estimated"
        return f" More rows like these will not settle it: a thousand times as many would not, if {suppose}."
    rows = f" About {needed.rows:,} rows{whose} would"
    return (
        f"{rows} show that it holds, if the groups are truly equal."
        if needed.if_equal
        else f"{rows} settle it, if the truth is as estimated."
    )


def limit(family: Family) -> str:
    """Return the limit as a number."""
    return f"the limit of {number(family, family.limit.bound, exactly=True)}"


def _apart(family: Family, value: Fraction | None) -> str:
    """A number, with more digits where rounding would put it on the limit although it is not; None is no upper end."""
    if value is None:
        return "no upper end"
    on_it, bound = value == Fraction(str(family.limit.bound)), family.limit.bound
    told = [number(family, float(value), digits) for digits in range(6)]
    apart = [text for digits, text in enumerate(told) if on_it or text != number(family, bound, digits)]
    return apart[0] if apart else told[-1]


def number(family: Family, value: float, more: int = 0, exactly: bool = False) -> str:
    """Return a value in the unit of its comparison: a percentage, percentage points, a ratio, or as it is."""
    compare = family.limit.compare
    unit = family.sides[0].finding.unit if family.sides else "proportion"
    if compare == "ratio":
        told = f"{value:g}" if exactly else f"{value:.{2 + more}f}"
    elif unit == "proportion":
        told = f"{100 * value:g}" if exactly else f"{100 * value:.{1 + more}f}"
        told += " points" if compare in ("difference", "paired", "gap", *AGAINST_PRODUCTION) else "%"
    else:
        said = (
            "" if unit.lower() == family.limit.measure.rpartition("_")[2] else f" {unit}"
        )  # "AUC is 0.7", not "0.7 AUC"
        told = (f"{value:g}" if exactly else f"{value:.{3 + more}g}") + said
    return told.replace("-", "−", 1) if told.startswith("-") else told


def _share(x: float, n: float) -> str:
    return f"{100 * x / n:.1f}%" if n else "unknown"


def _level(level: float) -> str:
    return f"{100 * level:g}%"


def left_out(family: Family) -> str:
    """Return how many rows belong to no known group, as a sentence; empty where there are none."""
    if not family.left_out:
        return ""
    rows = "1 row" if family.left_out == 1 else f"{family.left_out:,} rows"
    return f" {rows} of unknown {family.attribute} {'is' if family.left_out == 1 else 'are'} on neither side."


def assigned(family: Family, unknown: Unknown) -> str:
    """Return what becomes of the limit however the rows of unknown group are assigned, as a sentence."""
    low, high = (None if end is None else Fraction(str(end)) for end in (unknown.low, unknown.high))
    ends = [_apart(family, low), _apart(family, high)]
    whom = f"{unknown.worst['group']} against {unknown.worst['reference']}"
    whose = whom if unknown.worst["reference"] else unknown.worst["group"]
    told = {
        "PASS": "Whatever their group, the limit holds",
        "FAIL": "Whatever their group, the limit is broken",
        "INCONCLUSIVE": "Depending on their group, the limit may hold or not",
    }[unknown.verdict]
    if low is None:
        return f" {told}: {unknown.worst['reference']} has a rate of 0 by any assignment."
    if ends[0] == ends[1]:
        told = "Whatever their group, the limit stays open" if unknown.verdict == "INCONCLUSIVE" else told
        return f" {told}: {whose} is {ends[0]} by any assignment."
    return f" {told}: {whose} lies between {ends[0]} and {ends[1]} by their assignment alone."


def unmeasured(family: Family) -> str:
    """Return why groups could not be measured, each reason once, groups by name."""
    own = family.limit.compare not in AGAINST_PRODUCTION and [
        f.missing for f in family.known if f.comparison == "rate" and f.missing and f.group != "(missing)"
    ]
    reasons = own or [f.missing or _no_interval(f) for f in family.unmeasured]
    return "; ".join(dict.fromkeys([*reasons, *family.unseen]))


def _no_interval(finding: Finding) -> str:
    why = finding.details.get("no_interval")
    return f"{words(finding.measure)} has no interval" + (f": {why}" if why else "")
