"""Somebody who reads all that is published and solves it, by whole numbers; written without what decides on it.

The attacker knows every published number to all its digits, the programme that made them, and which groups there are.
What comes out is not an inequality but another set of people: if the same documents would have been published of it,
to the byte, nobody can tell the two apart, whatever is drawn, printed, sealed or worked out from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from audits.findings import MISSING_GROUP, Finding
from tests.tables import write_evidence

Person = tuple[str, str, int, int]
"""Race, sex, truth, decision."""
Of = Callable[[int, int], bool]

RATES: dict[str, tuple[Of, Of]] = {
    "selection_rate": (lambda t, d: d == 1, lambda t, d: True),
    "base_rate": (lambda t, d: t == 1, lambda t, d: True),
    "true_positive_rate": (lambda t, d: t == 1 and d == 1, lambda t, d: t == 1),
    "false_positive_rate": (lambda t, d: t == 0 and d == 1, lambda t, d: t == 0),
    "precision": (lambda t, d: t == 1 and d == 1, lambda t, d: d == 1),
    "negative_predictive_value": (lambda t, d: t == 0 and d == 0, lambda t, d: d == 0),
    "accuracy": (lambda t, d: t == d, lambda t, d: True),
    "true_negative_rate": (lambda t, d: t == 0 and d == 0, lambda t, d: t == 0),
    "false_negative_rate": (lambda t, d: t == 1 and d == 0, lambda t, d: t == 1),
}


def named(attribute: str, person: Person) -> str:
    """The group of a person, as an audit names it."""
    race, sex = person[:2]
    if attribute == "race×sex":
        return MISSING_GROUP if MISSING_GROUP in (race, sex) else f"{race} × {sex}"
    return race if attribute == "race" else sex


def sizes(people: Mapping[Person, int]) -> dict[str, dict[str, int]]:
    """Attribute → group → rows."""
    found: dict[str, dict[str, int]] = {"race": {}, "sex": {}, "race×sex": {}}
    for person, many in people.items():
        for attribute, own in found.items():
            own[named(attribute, person)] = own.get(named(attribute, person), 0) + many
    return {attribute: {group: n for group, n in own.items() if n} for attribute, own in found.items()}


def audited(folder: Path, people: Mapping[Person, int], metrics: Sequence[str]) -> list[Finding]:
    """The findings of an audit of these people."""
    from audits.techniques.parity import parity

    rows = [person for person, many in sorted(people.items()) for _ in range(many)]
    columns = {attribute: [named(attribute, row) for row in rows] for attribute in ("race", "sex", "race×sex")}
    evidence = write_evidence(folder, columns, label=[r[2] for r in rows], decision=[r[3] for r in rows])
    return list(parity(evidence, metrics=list(metrics)))


def small_counts(people: Mapping[Person, int], metrics: Sequence[str]) -> Iterator[tuple[str, str, Of, int]]:
    """Every count of 1 to 10 that a rate stands on or leaves, as (attribute, group, which of them, count)."""
    for attribute, own in sizes(people).items():
        for group, metric in itertools.product(own, [name for name in metrics if name in RATES]):
            of, among = RATES[metric]
            for which in (of, among, lambda t, d, of=of, among=among: among(t, d) and not of(t, d)):
                count = sum(n for p, n in people.items() if named(attribute, p) == group and which(*p[2:]))
                if 1 <= count <= 10:
                    yield attribute, group, which, count


@dataclass
class Attacker:
    """What can be solved from public findings and group sizes (null where suppressed)."""

    groups: Mapping[str, Mapping[str, int | None]]
    rows: int | None
    findings: Sequence[Finding]
    cells: list[Person] = field(init=False)
    equations: list[tuple[np.ndarray[Any, Any], float, float]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        listed = list(itertools.product(self.groups["race"], self.groups["sex"], (0, 1), (0, 1)))
        self.cells = [p for p in listed if named("race×sex", p) in self.groups["race×sex"]]
        if self.rows is not None:
            self._equal(np.ones(len(self.cells)), self.rows)
        for attribute, own in self.groups.items():
            for group, n in own.items():
                if n is not None:
                    self._equal(self.count(attribute, group, lambda t, d: True), n)
        for finding in self.findings:
            if finding.measure in RATES and finding.n is not None:
                self._read(finding)

    def count(self, attribute: str, group: str, which: Of) -> np.ndarray[Any, Any]:
        """The cells that a count adds up."""
        return np.array([float(named(attribute, p) == group and which(*p[2:])) for p in self.cells])

    def another(self, attribute: str, group: str, which: Of, count: int) -> dict[Person, int] | None:
        """Other people, of whom all that is published holds as well, and of whom so many are such."""
        rows = [*self.equations, (self.count(attribute, group, which), float(count), float(count))]
        for own, name in ((own, name) for name, own in self.groups.items()):
            rows += [(self.count(name, g, lambda t, d: True), 1.0, np.inf) for g in own]  # a group that is listed
        matrix, low, high = zip(*rows, strict=True)
        found = milp(
            np.zeros(len(self.cells)), integrality=np.ones(len(self.cells)), bounds=Bounds(0, np.inf),
            constraints=[LinearConstraint(np.array(matrix), low, high)], options={"node_limit": 20_000},
        )  # fmt: skip
        if found.x is None:
            return None
        return {cell: round(n) for cell, n in zip(self.cells, found.x, strict=True) if round(n)}

    def _equal(self, row: np.ndarray[Any, Any], total: float) -> None:
        self.equations.append((row, total, total))

    def _read(self, finding: Finding) -> None:
        """What a number says: a rate its counts, a difference or a ratio an equation between two of them."""
        of, among = RATES[finding.measure]
        assert finding.n is not None
        if finding.comparison == "rate":
            self._equal(self.count(finding.attribute, finding.group, among), finding.n.group)
            if finding.value is not None:
                self._equal(self.count(finding.attribute, finding.group, of), round(finding.value * finding.n.group))
        elif finding.comparison in ("difference", "ratio") and finding.value is not None:
            n1, n2 = finding.n.group, finding.n.reference
            assert n2 is not None
            for group, n in ((finding.group, n1), (finding.reference, n2)):
                self._equal(self.count(finding.attribute, group, among), n)
            one, two = (self.count(finding.attribute, g, of) for g in (finding.group, finding.reference))
            if finding.comparison == "difference":
                row, right = one * n2 - two * n1, finding.value * n1 * n2
            else:
                row, right = one * n2 - two * n1 * finding.value, 0.0
            room = 1e-9 * n1 * n2
            self.equations.append((row, right - room, right + room))
