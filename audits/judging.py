"""What a limit is held against: the findings of one measure over one attribute, each seen from every side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from audits.family import PUBLISHED, Family, measured
from audits.findings import MISSING_GROUP, Finding, Support
from audits.metrics import alike
from audits.metrics.pairing import MOST_GROUPS
from audits.sides import OF_RATES, PairsOfRates, Side, Sides
from audits.spec import Limit
from audits.statistics import METHODS, critical, reverse
from audits.subgroups import ALL_OTHERS

NO_SIDE = frozenset({MISSING_GROUP, "(control)"})
"""Groups that are never a side of a limit: rows of unknown group, and edits that change no attribute."""

BOTH_WAYS = frozenset({"difference", "ratio", "paired", "gap"})
"""Comparisons of two groups: a limit bounds them in either order; so it does a mean change between two groups."""

JUDGED_BY = {
    "wilson": "clopper-pearson",
    "newcombe": OF_RATES["difference"],
    "koopman": OF_RATES["ratio"],
    "tango": "tango+one-way",
}
"""Where a published interval is too narrow far out in its tails, at the critical values of many comparisons, a limit
is held against the hull of it and of one that is not (decision 5)."""


def families(policy: Sequence[Limit], findings: Sequence[Finding]) -> list[Family]:
    """Return what every limit is held against, over each of its attributes, in the order of the policy."""
    return [_family(limit, attribute, findings) for limit in policy for attribute in limit.attributes]


def measures_of(limit: Limit, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return what a limit is held against: its measure, or the components of one that is the largest of several."""
    if limit.compare not in OF_RATES or any(
        (limit.measure, limit.compare) == (f.measure, f.comparison) for f in findings
    ):
        return (limit.measure,)
    from audits.metrics import registry

    entry = registry.entries().get(limit.measure)
    return tuple(entry.facts["components"]) if entry and entry.facts["components"] else (limit.measure,)


def _family(limit: Limit, attribute: str, findings: Sequence[Finding]) -> Family:
    measures = measures_of(limit, findings)
    known = [
        f
        for f in findings
        if f.measure in measures and _is_over(f, attribute) and limit.technique in (None, f.technique)
    ]
    held = [f for f in known if f.comparison == limit.compare and not NO_SIDE & {f.group, f.reference}]
    either = limit.compare == "gap" and alike(limit.measure)
    sides = [side for finding in held for side in _sides(finding, either)]
    with_number = {side.finding.id for side in sides}
    derived = _pairs_not_stored(limit, known, held)
    left_out = max((f.n.group for f in known if f.group == MISSING_GROUP and f.n), default=0)
    unmeasured = tuple(f for f in held if f.id not in with_number)
    unseen = (*_absent(measures, attribute, held), *_not_compared(limit, held, derived))
    return Family(limit, attribute, Sides(sides, derived), unmeasured, int(left_out), tuple(known), unseen)


def _absent(measures: Sequence[str], attribute: str, held: Sequence[Finding]) -> Iterator[str]:
    """Of what is the largest of several rates' differences, the rates that were not measured at all."""
    there = {finding.measure for finding in held}
    for measure in measures if there else ():
        if measure not in there:
            yield f"no finding is of {measure!r} over {attribute}"


def _not_compared(limit: Limit, held: Sequence[Finding], derived: Sequence[PairsOfRates]) -> Iterator[str]:
    """Where many groups were each compared with one of them only, and their own numbers do not say the rest."""
    if limit.compare not in ("difference", "ratio", "gap"):
        return
    pairs: dict[tuple[str, str, str], set[frozenset[str]]] = {}
    for finding in held:
        if finding.reference != ALL_OTHERS:
            pairs.setdefault(measured(finding), set()).add(frozenset((finding.group, finding.reference)))
    unmeasured = {measured(finding) for finding in held if finding.missing}
    more = {measured(table.rates[0]): table for table in derived if len(table)}
    for of, seen in pairs.items():
        groups, count = set().union(*seen), len(seen)
        if of in more:
            groups, count = groups | more[of].groups, count + len(more[of]) // 2
        if of not in unmeasured and len(groups) > MOST_GROUPS and count < len(groups) * (len(groups) - 1) // 2:
            yield (
                f"of the {len(groups)} groups of {of[2]} only {count} pairs were compared, "
                f"and {of[1].replace('_', ' ')} of two groups does not follow from their own"
            )


def _is_over(finding: Finding, attribute: str) -> bool:
    """Whether a finding is of an attribute, or of one of its groups that overlap."""
    return finding.attribute == attribute or finding.attribute.startswith(f"{attribute}=")


def _pairs_not_stored(limit: Limit, known: Sequence[Finding], held: Sequence[Finding]) -> list[PairsOfRates]:
    """Every pair that has no finding of its own, from the rates of its groups.

    Of an attribute of many groups only the pairs with the reference are stored; the verdict looks at all of them.
    """
    if limit.compare not in OF_RATES:
        return []
    stored: dict[tuple[str, str, str], set[frozenset[str]]] = {}
    for finding in held:
        stored.setdefault(measured(finding), set()).add(frozenset((finding.group, finding.reference)))
    return [
        PairsOfRates(limit.compare, [f for f in known if measured(f) == of and own_rate(f)], pairs)
        for of, pairs in stored.items()
    ]


def own_rate(finding: Finding) -> bool:
    """Whether a finding is the rate of a known group, with its counts."""
    return finding.comparison == "rate" and finding.group not in NO_SIDE and finding.sufficient.keys() == {"x", "n"}


def _sides(finding: Finding, either: bool = False) -> list[Side]:
    """A finding as the limit sees it: once, or in both orders of a pair. Empty where it has no interval.

    ``either``: it is the same number in either order.
    """
    method = finding.interval.method if finding.interval else "koopman" if finding.comparison == "ratio" else ""
    method = JUDGED_BY.get(method, method)
    sufficient = dict(finding.sufficient)
    if (not sufficient or method not in METHODS) and finding.interval is not None and finding.value is not None:
        low, high = finding.interval.low, finding.interval.high
        z = critical(finding.interval.level)
        method = PUBLISHED
        sufficient = {"value": finding.value, "low": low, "high": np.inf if high is None else high, "z": z}
    if not sufficient or not method or (method == PUBLISHED and finding.comparison == "ratio" and not finding.value):
        return []
    side = Side(finding, finding.group, finding.reference, finding.value, method, sufficient, finding.n, (finding.id,))
    between = finding.comparison in BOTH_WAYS or (finding.comparison == "mean" and finding.reference != "")
    if not between or either:
        return [side]
    if method == PUBLISHED and finding.comparison != "ratio" and np.isinf(sufficient["high"]):
        return []  # turned, it has no lower limit
    return [side, _turned(side)]


def _turned(side: Side) -> Side:
    """The same pair in the other order."""
    ratio = side.finding.comparison == "ratio"
    n = side.n and Support(group=side.n.reference or 0, reference=side.n.group)
    turn: Callable[[float], float] = _inverse if ratio else lambda value: -value
    if side.method == PUBLISHED:
        known = side.sufficient
        sufficient = {
            "value": turn(known["value"]),
            "low": turn(known["high"]),
            "high": turn(known["low"]),
            "z": known["z"],
        }
        value: float | None = sufficient["value"]
    else:
        sufficient = reverse(side.sufficient)
        counted = ratio and "x1" in sufficient
        value = _ratio(sufficient) if counted else None if side.value is None else turn(side.value)
    finite = value if value is not None and np.isfinite(value) else None
    return Side(side.finding, side.reference, side.group, finite, side.method, sufficient, n, side.ids)


def _inverse(value: float) -> float:
    return np.inf if value == 0 else 1 / value


def _ratio(counts: Mapping[str, float]) -> float | None:
    if not counts["x2"]:
        return None
    return counts["x1"] * counts["n2"] / (counts["n1"] * counts["x2"])
