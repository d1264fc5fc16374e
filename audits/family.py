"""The numbers that one limit is held against over one attribute, side by side: how they lie to the limit, together.

A family knows its intervals at any critical value, how far beyond the limit it lies, and what holds for all of its
numbers at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from audits.findings import Finding, Support
from audits.spec import Limit
from audits.statistics import bounds, on_side, z_where
from audits.statistics.roots import Floats, falling_root
from audits.statistics.simultaneous import bonferroni_critical, bonferroni_p, pairs_critical, pairs_p
from audits.subgroups import ALL_OTHERS, BOUNDED_BY

OF_RATES = {"difference": "newcombe+gart-nam", "ratio": "koopman+gart-nam-ratio"}
"""Comparisons of two rates, and the interval by which they are judged."""

MANY = 2000
"""A family of more numbers than this is judged by test statistics alone, which come in closed form; intervals are
taken of the ``NEAREST`` of them. Of 1,000 groups there are a million ordered pairs."""

NEAREST = 500

_EXACTLY = 1e-9  # numbers nearer than this to the limit are compared with it as fractions

PUBLISHED = "published"
"""The method of an interval of which only one level is known."""


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

    @property
    def of_two_rates(self) -> bool:
        """Whether it is the difference or ratio of two rates, with their counts."""
        return self.sufficient.keys() >= {"x1", "n1", "x2", "n2"}


@dataclass(frozen=True)
class Family:
    """Everything one limit is held against over one attribute.

    ``sides`` the numbers · ``unmeasured`` findings without a number, of known groups · ``left_out`` rows of
    unknown group · ``known`` all findings of the measure over the attribute, of any comparison · ``unseen`` what the
    limit bounds and nobody looked at, in words: it cannot be shown to hold then.
    """

    limit: Limit
    attribute: str
    sides: tuple[Side, ...]
    unmeasured: tuple[Finding, ...]
    left_out: int
    known: tuple[Finding, ...]
    unseen: tuple[str, ...] = ()

    @cached_property
    def groups(self) -> int:
        """How many groups the sides are of."""
        return len({name for side in self.sides for name in (side.group, side.reference)})

    @cached_property
    def pairs_of_all(self) -> bool:
        """Whether the sides are all pairs of groups, so that the studentized range applies.

        Not where groups overlap, and not of subgroups that are each compared with their own complement.
        """
        return self.limit.compare in OF_RATES and not any(
            side.finding.attribute != self.attribute or side.finding.reference == ALL_OTHERS for side in self.sides
        )

    @cached_property
    def comparisons(self) -> int:
        """How many numbers are looked at: one per finding, or per pair of findings."""
        return len({side.ids for side in self.sides})

    @cached_property
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

    def intervals(self, z: float, chosen: Sequence[int] | None = None) -> tuple[Floats, Floats]:
        """Lower and upper limits of every side; NaN for those that are not among the chosen ones."""
        low, high = np.full(len(self.sides), np.nan), np.full(len(self.sides), np.nan)
        for method, at, sufficient in self._by_method(range(len(self.sides)) if chosen is None else chosen):
            with np.errstate(invalid="ignore"):
                low[at], high[at] = _published(sufficient, z) if method == PUBLISHED else bounds(method, sufficient, z)
        return low, high

    def interval(self, at: int, z: float) -> tuple[float, float]:
        """Lower and upper limit of one side."""
        low, high = self.intervals(z, [at])
        return float(low[at]), float(high[at])

    def within(self, z: float) -> tuple[NDArray[np.bool_], tuple[Floats, Floats]]:
        """Which sides' intervals at ``z`` lie inside the limit; and the intervals, of many sides the nearest ones'."""
        sign = 1 if self.limit.at_most is not None else -1
        if len(self.sides) > MANY:
            every = range(len(self.sides))
            nearest = np.argsort(-sign * self._z_where(every, quick=True), kind="stable")[:NEAREST].tolist()
            return sign * self._on_side(every, z) < 0, self.intervals(z, nearest)
        low, high = self.intervals(z)
        return (high < self.limit.bound if sign > 0 else low > self.limit.bound), (low, high)

    def beyond(self) -> Floats:
        """How far each side lies beyond the limit, as the critical value at which its interval reaches it; else 0."""
        outside = [at for at, side in enumerate(self.sides) if broken(self.limit, side)]
        sign = 1 if self.limit.at_most is not None else -1
        if len(outside) > MANY:  # no hull reaches further than its part, so that the furthest are among these
            far = sign * self._z_where(outside, quick=True)
            outside = np.argsort(-far, kind="stable")[:NEAREST].tolist()
        return np.maximum(sign * self._z_where(outside), 0)

    def covered(self, inside: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[Finding, ...]]:
        """Which sides another one bounds that lies inside, and the unmeasured findings that none bounds.

        A subgroup that was taken to half of the rows is one of those of which *all* rows say how far any can lie.
        """
        within: dict[tuple[str, str, str, str], bool] = {}
        for side, holds in zip(self.sides, inside, strict=True):
            name = (*measured(side.finding), side.finding.group)
            within[name] = within.get(name, True) and bool(holds)

        def bounded(finding: Finding) -> bool:
            by = finding.details.get(BOUNDED_BY)
            return by is not None and within.get((*measured(finding), str(by)), False)

        sides = np.array([bounded(side.finding) for side in self.sides], np.bool_)
        return sides, tuple(finding for finding in self.unmeasured if not bounded(finding))

    def _z_where(self, chosen: Sequence[int], quick: bool = False) -> Floats:
        """The critical value at which the interval of a side reaches the limit, below 0 for estimates below; else 0.

        ``quick``: of a hull the value of its score method alone, which comes in closed form.
        """
        found = np.zeros(len(self.sides))
        for method, at, sufficient in self._by_method(chosen):
            one = method.split("+")[-1] if quick else method
            where = _published_z if method == PUBLISHED else partial(z_where, one)
            with np.errstate(invalid="ignore"):  # less than one row's worth: nothing is known
                found[at] = np.nan_to_num(where(sufficient, self.limit.bound))
        return found

    def _on_side(self, chosen: Sequence[int], z: float) -> Floats:
        """1 where the interval of a side lies wholly above the limit, −1 where wholly below, else 0."""
        found, bound = np.zeros(len(self.sides)), self.limit.bound
        for method, at, sufficient in self._by_method(chosen):
            if method == PUBLISHED:
                low, high = _published(sufficient, z)
                found[at] = np.where(low > bound, 1.0, np.where(high < bound, -1.0, 0.0))
            else:
                found[at] = on_side(method, sufficient, bound, z)
        return found

    def _by_method(self, chosen: Sequence[int]) -> list[tuple[str, list[int], dict[str, Floats]]]:
        places: dict[str, list[int]] = {}
        for at in chosen:
            places.setdefault(self.sides[at].method, []).append(at)
        return [
            (method, at, {k: np.array([self.sides[i].sufficient[k] for i in at]) for k in self.sides[at[0]].sufficient})
            for method, at in places.items()
        ]


def measured(finding: Finding) -> tuple[str, str, str]:
    """Return what a finding is of: technique, measure, attribute."""
    return finding.technique, finding.measure, finding.attribute


def broken(limit: Limit, side: Side) -> bool:
    """Whether the estimate itself lies beyond the limit; counts of rows are compared in exact rationals.

    48 of 100 against 60 of 100 is exactly 0.8 and so not below a limit of 0.8.
    """
    upper = limit.at_most is not None
    if side.value is not None and abs(side.value - limit.bound) > _EXACTLY * max(abs(side.value), 1):
        return (side.value > limit.bound) == upper
    value, bound = exact(side), Fraction(str(limit.bound))
    if value is None:
        return upper and bool(side.sufficient.get("x1"))
    return value > bound if upper else value < bound


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
