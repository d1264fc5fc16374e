"""The numbers that one limit is held against over one attribute, side by side: how they lie to the limit, together.

A family knows its intervals at any critical value, how far beyond the limit it lies, and what holds for all of its
numbers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from audits.findings import Finding
from audits.sides import OF_RATES, Chosen, Sides
from audits.spec import Limit
from audits.statistics import bounds, on_side, z_where
from audits.statistics.roots import Floats, falling_root
from audits.statistics.simultaneous import bonferroni_critical, bonferroni_p, pairs_critical, pairs_p
from audits.subgroups import ALL_OTHERS, BOUNDED_BY

MANY = 2000
"""A family of more numbers than this is judged by test statistics alone, which come in closed form; intervals are
taken of the ``NEAREST`` of them. Of 1,000 groups there are a million ordered pairs."""

NEAREST = 500

PUBLISHED = "published"
"""The method of an interval of which only one level is known."""


@dataclass(frozen=True)
class Family:
    """Everything one limit is held against over one attribute.

    ``sides`` the numbers · ``unmeasured`` findings without a number, of known groups · ``left_out`` rows of
    unknown group · ``known`` all findings of the measure over the attribute, of any comparison · ``unseen`` what the
    limit bounds and nobody looked at, in words: it cannot be shown to hold then.
    """

    limit: Limit
    attribute: str
    sides: Sides
    unmeasured: tuple[Finding, ...]
    left_out: int
    known: tuple[Finding, ...]
    unseen: tuple[str, ...] = ()

    @cached_property
    def groups(self) -> int:
        """How many groups the sides are of."""
        return self.sides.groups

    @cached_property
    def pairs_of_all(self) -> bool:
        """Whether the sides are all pairs of groups, so that the studentized range applies.

        Not where groups overlap, and not of subgroups that are each compared with their own complement.
        """
        return self.limit.compare in OF_RATES and not any(
            finding.attribute != self.attribute or finding.reference == ALL_OTHERS for finding in self.sides.findings
        )

    @cached_property
    def comparisons(self) -> int:
        """How many numbers are looked at: one per finding, or per pair of findings."""
        return self.sides.comparisons

    @cached_property
    def _measures(self) -> int:
        """How many measures are looked at: several where a limit is held against the components of a composite."""
        return max(len({(finding.technique, finding.measure) for finding in self.sides.findings}), 1)

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

    def intervals(self, z: float, chosen: Chosen | None = None) -> tuple[Floats, Floats]:
        """Lower and upper limits of every side; NaN for those that are not among the chosen ones."""
        low, high = np.full(len(self.sides), np.nan), np.full(len(self.sides), np.nan)
        for method, at, sufficient in self.sides.by_method(chosen):
            with np.errstate(invalid="ignore"):
                low[at], high[at] = _published(sufficient, z) if method == PUBLISHED else bounds(method, sufficient, z)
        return low, high

    def interval(self, at: int, z: float) -> tuple[float, float]:
        """Lower and upper limit of one side."""
        low, high = self.intervals(z, np.arange(len(self.sides)) == at)
        return float(low[at]), float(high[at])

    def within(self, z: float) -> tuple[Chosen, tuple[Floats, Floats]]:
        """Which sides' intervals at ``z`` lie inside the limit; and the intervals, of many sides the nearest ones'."""
        sign = 1 if self.limit.at_most is not None else -1
        if len(self.sides) > MANY:
            nearest = self._first(-sign * self._z_where(quick=True))
            return sign * self._on_side(z) < 0, self.intervals(z, nearest)
        low, high = self.intervals(z)
        return (high < self.limit.bound if sign > 0 else low > self.limit.bound), (low, high)

    def beyond(self) -> Floats:
        """How far each side lies beyond the limit, as the critical value at which its interval reaches it; else 0."""
        outside = self.sides.broken(self.limit)
        sign = 1 if self.limit.at_most is not None else -1
        if outside.sum() > MANY:  # no hull reaches further than its part, so that the furthest are among these
            outside = self._first(-sign * self._z_where(outside, quick=True))
        return np.maximum(sign * self._z_where(outside), 0)

    def _first(self, order: Floats) -> Chosen:
        """The ``NEAREST`` sides by an order."""
        chosen = np.zeros(len(self.sides), np.bool_)
        chosen[np.argsort(order, kind="stable")[:NEAREST]] = True
        return chosen

    def covered(self, inside: Chosen) -> tuple[Chosen, tuple[Finding, ...]]:
        """Which sides another one bounds that lies inside, and the unmeasured findings that none bounds.

        A subgroup that was taken to half of the rows is one of those of which *all* rows say how far any can lie.
        """
        if not any(BOUNDED_BY in finding.details for finding in (*self.sides.findings, *self.unmeasured)):
            return np.zeros(len(self.sides), np.bool_), self.unmeasured
        within: dict[tuple[str, str, str, str], bool] = {}
        for side, holds in zip(self.sides, inside, strict=True):
            name = (*measured(side.finding), side.finding.group)
            within[name] = within.get(name, True) and bool(holds)

        def bounded(finding: Finding) -> bool:
            by = finding.details.get(BOUNDED_BY)
            return by is not None and within.get((*measured(finding), str(by)), False)

        sides = np.array([bounded(side.finding) for side in self.sides], np.bool_)
        return sides, tuple(finding for finding in self.unmeasured if not bounded(finding))

    def _z_where(self, chosen: Chosen | None = None, quick: bool = False) -> Floats:
        """The critical value at which the interval of a side reaches the limit, below 0 for estimates below; else 0.

        ``quick``: of a hull the value of its score method alone, which comes in closed form.
        """
        found = np.zeros(len(self.sides))
        for method, at, sufficient in self.sides.by_method(chosen):
            one = method.split("+")[-1] if quick else method
            where = _published_z if method == PUBLISHED else partial(z_where, one)
            with np.errstate(invalid="ignore"):  # less than one row's worth: nothing is known
                found[at] = np.nan_to_num(where(sufficient, self.limit.bound))
        return found

    def _on_side(self, z: float) -> Floats:
        """1 where the interval of a side lies wholly above the limit, −1 where wholly below, else 0."""
        found, bound = np.zeros(len(self.sides)), self.limit.bound
        for method, at, sufficient in self.sides.by_method():
            if method == PUBLISHED:
                low, high = _published(sufficient, z)
                found[at] = np.where(low > bound, 1.0, np.where(high < bound, -1.0, 0.0))
            else:
                found[at] = on_side(method, sufficient, bound, z)
        return found


def measured(finding: Finding) -> tuple[str, str, str]:
    """Return what a finding is of: technique, measure, attribute."""
    return finding.technique, finding.measure, finding.attribute


def _published(known: Mapping[str, Floats], z: float | Floats) -> tuple[Floats, Floats]:
    """An interval of which only one level is known, each arm stretched in proportion to the critical value."""
    stretch = z / known["z"]
    low = known["value"] - (known["value"] - known["low"]) * stretch
    return low, known["value"] + (known["high"] - known["value"]) * stretch


def _published_z(known: Mapping[str, Floats], bound: float) -> Floats:
    none = np.zeros(len(known["value"]))
    above = falling_root(lambda z: _published(known, z)[0] - bound, none, none + 37)
    return above - falling_root(lambda z: bound - _published(known, z)[1], none, none + 37)
