"""What a limit is held against: the findings of one measure over one attribute, each seen from every side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from audits.findings import MISSING_GROUP, Finding, Support
from audits.spec import Limit
from audits.statistics import METHODS, bounds, critical, reverse, z_where
from audits.statistics.roots import Floats, falling_root
from audits.statistics.simultaneous import bonferroni_critical, bonferroni_p, pairs_critical, pairs_p

NO_SIDE = frozenset({MISSING_GROUP, "(control)"})
"""Groups that are never a side of a limit: rows of unknown group, and edits that change no attribute."""

BOTH_WAYS = frozenset({"difference", "ratio", "paired", "gap"})
"""Comparisons of two groups: a limit bounds them in either order; so it does a mean change between two groups."""

OF_RATES = {"difference": "newcombe+gart-nam", "ratio": "koopman+gart-nam-ratio"}
"""Comparisons of two rates, and the interval by which they are judged."""

JUDGED_BY = {
    "wilson": "clopper-pearson",
    "newcombe": OF_RATES["difference"],
    "koopman": OF_RATES["ratio"],
    "tango": "tango+one-way",
}
"""Where a published interval is too narrow far out in its tails, at the critical values of many comparisons, a limit
is held against the hull of it and of one that is not (decision 5)."""

_PUBLISHED = "published"


@dataclass(frozen=True)
class Side:
    """One number as a limit sees it: group and reference in the order that ``value`` is told in.

    ``method`` and ``sufficient`` give its interval at any level. ``value`` is ``None`` for a ratio to a rate of 0.
    ``finding`` the number itself, ``ids`` the stored findings it follows from: itself, or the rates of both groups.
    """

    finding: Finding
    group: str
    reference: str
    value: float | None
    method: str
    sufficient: dict[str, float]
    n: Support | None
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Everything one limit is held against over one attribute.

    ``sides`` the numbers · ``unmeasured`` findings without a number, of known groups · ``left_out`` rows of
    unknown group · ``known`` all findings of the measure over the attribute, of any comparison.
    """

    limit: Limit
    attribute: str
    sides: tuple[Side, ...]
    unmeasured: tuple[Finding, ...]
    left_out: int
    known: tuple[Finding, ...]

    @property
    def groups(self) -> int:
        """How many groups the sides are of."""
        return len({name for side in self.sides for name in (side.group, side.reference)})

    @property
    def pairs_of_all(self) -> bool:
        """Whether the sides are all pairs of independent groups, so that the studentized range applies."""
        overlapping = any(side.finding.attribute != self.attribute for side in self.sides)
        return self.limit.compare in ("difference", "ratio") and not overlapping

    @property
    def comparisons(self) -> int:
        """How many numbers are looked at: one per finding, or per pair of findings."""
        return len({side.ids for side in self.sides})

    @property
    def _measures(self) -> int:
        """How many measures are looked at: several where a limit is held against the components of a composite."""
        return max(len({(side.finding.technique, side.finding.measure) for side in self.sides}), 1)

    def critical(self, level: float) -> float:
        """The critical value that holds for every number of the family together."""
        if self.pairs_of_all:
            return pairs_critical(1 - (1 - level) / self._measures, max(self.groups, 2))
        return bonferroni_critical(level, self.comparisons)

    def p(self, z: float) -> float:
        """The chance that some number lies beyond the limit by ``z`` or more, were all at the limit."""
        if self.pairs_of_all:
            return min(1.0, self._measures * pairs_p(z, max(self.groups, 2)))
        return bonferroni_p(z, self.comparisons)

    def intervals(self, z: float) -> tuple[Floats, Floats]:
        """Lower and upper limits of every side."""
        low, high = np.empty(len(self.sides)), np.empty(len(self.sides))
        for method, at, sufficient in self._by_method(range(len(self.sides))):
            low[at], high[at] = _published(sufficient, z) if method == _PUBLISHED else bounds(method, sufficient, z)
        return low, high

    def beyond(self) -> Floats:
        """How far each side lies beyond the limit, as the critical value at which its interval reaches it; else 0."""
        found = np.zeros(len(self.sides))
        outside = [at for at, side in enumerate(self.sides) if broken(self.limit, side)]
        for method, at, sufficient in self._by_method(outside):
            where = _published_z if method == _PUBLISHED else partial(z_where, method)
            z = where(sufficient, self.limit.bound)
            found[at] = np.maximum(z if self.limit.at_most is not None else -z, 0)
        return found

    def _by_method(self, chosen: Sequence[int]) -> list[tuple[str, list[int], dict[str, Floats]]]:
        places: dict[str, list[int]] = {}
        for at in chosen:
            places.setdefault(self.sides[at].method, []).append(at)
        return [
            (method, at, {k: np.array([self.sides[i].sufficient[k] for i in at]) for k in self.sides[at[0]].sufficient})
            for method, at in places.items()
        ]


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
    sides = [side for finding in held for side in _sides(finding)]
    measured = {side.finding.id for side in sides}
    sides += _pairs_not_stored(limit, known, held)
    left_out = max((f.n.group for f in known if f.group == MISSING_GROUP and f.n), default=0)
    unmeasured = tuple(f for f in held if f.id not in measured)
    return Family(limit, attribute, tuple(sides), unmeasured, int(left_out), tuple(known))


def _is_over(finding: Finding, attribute: str) -> bool:
    """Whether a finding is of an attribute, or of one of its groups that overlap."""
    return finding.attribute == attribute or finding.attribute.startswith(f"{attribute}=")


def _pairs_not_stored(limit: Limit, known: Sequence[Finding], held: Sequence[Finding]) -> list[Side]:
    """Both orders of every pair that has no finding of its own, from the rates of its groups.

    Of an attribute of many groups only the pairs with the reference are stored; the verdict looks at all of them.
    """
    if limit.compare not in OF_RATES:
        return []
    stored: dict[tuple[str, str, str], set[frozenset[str]]] = {}
    for finding in held:
        of = (finding.technique, finding.measure, finding.attribute)
        stored.setdefault(of, set()).add(frozenset((finding.group, finding.reference)))
    sides: list[Side] = []
    for of, pairs in stored.items():
        rates = [f for f in known if (f.technique, f.measure, f.attribute) == of and own_rate(f)]
        if len(pairs) < len(rates) * (len(rates) - 1) // 2:
            for at, one in enumerate(rates):
                others = [other for other in rates[at + 1 :] if frozenset((one.group, other.group)) not in pairs]
                sides += [
                    side for other in others for side in (_of_rates(limit, one, other), _of_rates(limit, other, one))
                ]
    return sides


def own_rate(finding: Finding) -> bool:
    """Whether a finding is the rate of a known group, with its counts."""
    return finding.comparison == "rate" and finding.group not in NO_SIDE and finding.sufficient.keys() == {"x", "n"}


def _of_rates(limit: Limit, one: Finding, other: Finding) -> Side:
    counts = {
        "x1": one.sufficient["x"],
        "n1": one.sufficient["n"],
        "x2": other.sufficient["x"],
        "n2": other.sufficient["n"],
    }
    own, its = counts["x1"] / counts["n1"], counts["x2"] / counts["n2"]
    value = own - its if limit.compare == "difference" else own / its if its else None
    n = Support(group=one.n.group, reference=other.n.group) if one.n and other.n else None
    ids = tuple(sorted((one.id, other.id)))
    return Side(one, one.group, other.group, value, OF_RATES[limit.compare], counts, n, ids)


def _sides(finding: Finding) -> list[Side]:
    """A finding as the limit sees it: once, or in both orders of a pair. Empty where it has no interval."""
    method = finding.interval.method if finding.interval else "koopman" if finding.comparison == "ratio" else ""
    method = JUDGED_BY.get(method, method)
    sufficient = dict(finding.sufficient)
    if (not sufficient or method not in METHODS) and finding.interval is not None and finding.value is not None:
        low, high = finding.interval.low, finding.interval.high
        z = critical(finding.interval.level)
        method = _PUBLISHED
        sufficient = {"value": finding.value, "low": low, "high": np.inf if high is None else high, "z": z}
    if not sufficient or not method or (method == _PUBLISHED and finding.comparison == "ratio" and not finding.value):
        return []
    side = Side(finding, finding.group, finding.reference, finding.value, method, sufficient, finding.n, (finding.id,))
    between = finding.comparison in BOTH_WAYS or (finding.comparison == "mean" and finding.reference != "")
    return [side, _turned(side)] if between else [side]


def _turned(side: Side) -> Side:
    """The same pair in the other order."""
    ratio = side.finding.comparison == "ratio"
    n = side.n and Support(group=side.n.reference or 0, reference=side.n.group)
    turn: Callable[[float], float] = _inverse if ratio else lambda value: -value
    if side.method == _PUBLISHED:
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


def broken(limit: Limit, side: Side) -> bool:
    """Whether the estimate itself lies beyond the limit; counts of rows are compared in exact rationals.

    48 of 100 against 60 of 100 is exactly 0.8 and so not below a limit of 0.8.
    """
    value, bound = exact(side), Fraction(str(limit.bound))
    if value is None:
        return limit.at_most is not None and bool(side.sufficient.get("x1"))
    return value > bound if limit.at_most is not None else value < bound


def exact(side: Side) -> Fraction | None:
    """The estimate as a fraction of whole numbers where the counts are whole, else as the float it is."""
    counts = side.sufficient
    if set(counts) == {"x1", "n1", "x2", "n2"} and all(float(v).is_integer() for v in counts.values()):
        x1, n1, x2, n2 = (int(counts[name]) for name in ("x1", "n1", "x2", "n2"))
        if side.method.startswith("koopman") or side.finding.comparison == "ratio":
            return Fraction(x1 * n2, n1 * x2) if x2 else None
        return Fraction(x1, n1) - Fraction(x2, n2)
    if set(counts) >= {"x", "n"} and all(float(counts[name]).is_integer() for name in ("x", "n")):
        return Fraction(int(counts["x"]), int(counts["n"]))
    return None if side.value is None else Fraction(str(side.value))


def _published(known: Mapping[str, Floats], z: float | Floats) -> tuple[Floats, Floats]:
    """An interval of which only one level is known, each arm stretched in proportion to the critical value."""
    stretch = z / known["z"]
    low = known["value"] - (known["value"] - known["low"]) * stretch
    return low, known["value"] + (known["high"] - known["value"]) * stretch


def _published_z(known: Mapping[str, Floats], bound: float) -> Floats:
    none = np.zeros(len(known["value"]))
    above = falling_root(lambda z: _published(known, z)[0] - bound, none, none + 37)
    return above - falling_root(lambda z: bound - _published(known, z)[1], none, none + 37)
