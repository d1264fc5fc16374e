"""Sizes of groups and rates of decisions as one system of counts: which of them are small, and what each tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from audits.disclosure import Fact, Mask, Reader, Secret
from audits.findings import MISSING_GROUP, Finding

ALL: Mask = (1,) * 9
"""All rows: every truth (unknown, negative, positive) × every decision."""

OUTCOMES: tuple[Mask, ...] = tuple(tuple(int(place == at) for place in range(9)) for at in (4, 5, 7, 8))
"""Every outcome of which truth and decision are known, by itself."""
POSITIVE: Mask = (0,) * 6 + (1,) * 3
"""Rows whose truth is positive."""
SELECTED: Mask = (0, 0, 1) * 3
"""Rows that are decided positively."""

Why = Literal["small", "complementary", "derived", "versions"]
Groups = Mapping[str, Mapping[str, int]]
"""Attribute → group → rows; ``(missing)`` among them where there are any."""


class Item(NamedTuple):
    """Something that may be published: its name, the facts it tells, and the rows it stands on."""

    name: str
    attribute: str
    group: str
    facts: tuple[tuple[Mask, float], ...]
    size: float


@dataclass(frozen=True)
class Earlier:
    """What was published before: counts by name, names withheld, and whether it was of the same data."""

    counts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    same_data: bool = False


def rows_name(attribute: str, group: str) -> str:
    """Return the name under which a group's number of rows is known."""
    return f"rows/{attribute}/{group}"


def small(value: float, threshold: int) -> bool:
    """Whether a count may not be told."""
    return 1e-9 < value < threshold - 1e-9


def item_of(finding: Finding, groups: Groups) -> Item | None:
    """A rate of decisions over rows that are neither weighted nor clustered, as the counts it tells; else ``None``."""
    masks = _masks(finding.measure) if finding.technique == "parity" else None
    if masks is None or finding.comparison != "rate" or finding.group not in groups.get(finding.attribute, {}):
        return None
    of, among = masks
    if finding.value is None:
        rows = finding.n.group if finding.n else 0.0
        return Item(finding.id, finding.attribute, finding.group, ((among, rows),), rows)
    x, n = finding.sufficient.get("x"), finding.sufficient.get("n")
    if x is None or n is None or finding.n is None or n != finding.n.group or not (x.is_integer() and n.is_integer()):
        return None
    return Item(finding.id, finding.attribute, finding.group, ((of, x), (among, n)), n)


def _masks(measure: str) -> tuple[Mask, Mask] | None:
    """Which of truth × decision a rate counts, and among which; ``None`` of what is no rate of decisions."""
    import numpy as np

    from audits.metrics import registry
    from audits.metrics.counting import CELLS, confusion

    if measure not in registry:
        return None
    entry = registry[measure]
    if entry.facts["task"] != "binary" or entry.facts["over"] != "group" or entry.facts["scale"] != "rate":
        return None
    share = entry.function(confusion(np.eye(CELLS).reshape(CELLS, 3, 3), entry.facts["decisions"]))
    of, among = (tuple(int(v) for v in np.broadcast_to(part, (CELLS,))) for part in share)
    plain = set(of) | set(among) <= {0, 1} and all(a <= b for a, b in zip(of, among, strict=True))
    return (of, among) if plain else None


def _outcomes(counted: Sequence[Item], rows: int) -> Mask:
    """The outcomes that rows have: where every row is decided, or every truth known, a reader may know that, too."""
    sums: dict[tuple[str, Mask], dict[str, float]] = {}
    for item in counted:
        for mask, n in spread_out(item):
            sums.setdefault((item.attribute, mask), {})[item.group] = n
    kept = ALL
    for (_, mask), by_group in sums.items():
        if sum(by_group.values()) == rows:
            kept = _both(kept, mask)
    return kept


def _both(one: Mask, other: Mask) -> Mask:
    return tuple(a * b for a, b in zip(one, other, strict=True))


def _less(among: Mask, of: Mask) -> Mask:
    return tuple(a - b for a, b in zip(among, of, strict=True))


def spread_out(item: Item) -> list[tuple[Mask, float]]:
    """The counts of an item, with what is left of its denominator."""
    if len(item.facts) == 1:
        return list(item.facts)
    (of, x), (among, n) = item.facts
    return [(of, x), (among, n), (_less(among, of), n - x)]


class LinkedCounts:
    """Sizes of groups and rates of decisions, those withheld for what they tell alone, and what must stay open.

    ``audits.withholding`` withholds more until it does.
    """

    def __init__(
        self, groups: Groups, rows: int, counted: Sequence[Item], threshold: int, earlier: Sequence[Earlier]
    ) -> None:
        self.threshold, self.groups = threshold, groups
        first = next(iter(groups), "")
        self.items = [Item("rows", first, "", ((ALL, float(rows)),), float(rows))] if first else []
        for attribute, own in groups.items():
            for group, n in own.items():
                name = rows_name(attribute, group)
                self.items.append(Item(name, attribute, group, ((ALL, float(n)),), float(n)))
        self.items += counted
        self.outcomes = _outcomes(counted, rows)
        self.items = [item._replace(facts=tuple((_both(mask, self.outcomes), n) for mask, n in item.facts))
                      for item in self.items]  # fmt: skip
        masks = {mask for item in self.items for mask, _ in spread_out(item) if any(mask)}
        tables = {a: [g for g in own if g != MISSING_GROUP] for a, own in groups.items()}
        self.reader = Reader(tables, masks)
        self.facts = {
            item.name: tuple(self._fact(item, mask, n) for mask, n in item.facts if any(mask)) for item in self.items
        }
        self.empty = self._empty()
        self.before = self._still_true(earlier)
        self.withheld: dict[str, Why] = {}
        self.open_ends: list[str] = []
        self.secrets = [*self._small_counts(masks), *self._unknown_parts(masks)]
        self._withhold_small(earlier)

    def consistent(self) -> bool:
        """Return whether all counts can be of one table of whole rows."""
        return self.reader.consistent([*self.empty, *(fact for facts in self.facts.values() for fact in facts)])

    def tells(self, attribute: str, group: str, *masks: Mask) -> bool:
        """Return whether a group's counts of certain outcomes follow from what is told of it."""
        own = [item for item in self.items if (item.attribute, item.group) == (attribute, group)]
        told = {mask: n for item in own if item.name not in self.withheld for mask, n in spread_out(item) if any(mask)}
        told |= _solved(told)
        asked = [_both(mask, self.outcomes) for mask in masks]
        return all(mask in told for mask in asked if any(mask))

    def _fact(self, item: Item, mask: Mask, count: float) -> Fact:
        if item.name == "rows":
            groups = [*(g for g in self.groups[item.attribute] if g != MISSING_GROUP), MISSING_GROUP]
            cells = [cell for group in groups for cell in self.reader.cells(item.attribute, group, mask)]
            return Fact(tuple(cells), count)
        return Fact(self.reader.cells(item.attribute, item.group, mask), count)

    def _empty(self) -> list[Fact]:
        """Everybody sees that a group that is not listed has no rows."""
        absent = [(a, g) for a, g in self.reader.groups() if g not in self.groups[a]]
        return [Fact(self.reader.cells(a, g, self.outcomes), 0.0) for a, g in absent]

    def _still_true(self, earlier: Sequence[Earlier]) -> list[Fact]:
        """What was published of the same data and is so still: it can be looked up whatever is withheld now."""
        known = {name: facts for name, facts in self.facts.items() if facts}
        return [
            fact
            for before in earlier
            if before.same_data
            for name, counts in before.counts.items()
            if len(counts) == len(known.get(name, ()))
            for fact, count in zip(known[name], counts, strict=True)
            if fact.total == count
        ]

    def _known(self) -> dict[tuple[str, str, Mask], float]:
        """Every count of a group that its own numbers tell, single outcomes too where they follow."""
        counts: dict[tuple[str, str, Mask], float] = {}
        for item in self.items:
            if item.name != "rows":
                counts |= {(item.attribute, item.group, mask): n for mask, n in spread_out(item) if any(mask)}
        for attribute, own in self.groups.items():
            for group in own:
                mine = {mask: n for (a, g, mask), n in counts.items() if (a, g) == (attribute, group)}
                counts |= {(attribute, group, mask): n for mask, n in _solved(mine).items()}
        return counts

    def _small_counts(self, masks: set[Mask]) -> Iterator[Secret]:
        self.known = self._known()
        for (attribute, group, mask), count in self.known.items():
            if small(count, self.threshold):
                cells = self.reader.cells(attribute, group, mask)
                yield Secret(f"{attribute} = {group}", cells, 1.0, self.threshold - 1.0)

    def _unknown_parts(self, masks: set[Mask]) -> Iterator[Secret]:
        """Rows whose one attribute is recorded and the other not: nobody tells them, and they are what is left over."""
        for attribute in self.groups:
            for (one, other), place in self.reader.half_known(attribute):
                for mask in masks:
                    count = self._left_over(attribute, one, other, mask)
                    if count is not None and small(count, self.threshold):
                        name = f"{attribute} = {one} × {other}"
                        yield Secret(name, self.reader.at([place], mask), 1.0, self.threshold - 1.0)

    def _left_over(self, attribute: str, one: str, other: str, mask: Mask) -> float | None:
        first, second = attribute.split("×")
        whole = self.known.get((second, other, mask) if one == MISSING_GROUP else (first, one, mask))
        names = [f"{one} × {b}" for b in self.groups[second] if b != MISSING_GROUP]
        if one == MISSING_GROUP:
            names = [f"{a} × {other}" for a in self.groups[first] if a != MISSING_GROUP]
        parts = [self.known.get((attribute, name, mask)) for name in names if name in self.groups[attribute]]
        if whole is None or any(part is None for part in parts):
            return None
        return whole - sum(part for part in parts if part is not None)

    def _withhold_small(self, earlier: Sequence[Earlier]) -> None:
        for item in self.items:
            if any(small(n, self.threshold) for _, n in spread_out(item)):
                self.withheld[item.name] = "small"
            for before in earlier:
                self._hold_against(item, before)

    def _hold_against(self, item: Item, before: Earlier) -> None:
        if before.same_data and item.name in before.withheld:
            self.withheld.setdefault(item.name, "versions")
        counts = before.counts.get(item.name)
        if counts is None or len(counts) != len(item.facts):
            return
        old = spread_out(item._replace(facts=tuple((m, n) for (m, _), n in zip(item.facts, counts, strict=True))))
        for (mask, now), (_, then) in zip(spread_out(item), old, strict=True):
            if small(abs(now - then), self.threshold) and any(mask):
                self.withheld.setdefault(item.name, "versions")
                most = self.threshold - 1.0
                low, high = (then + 1, then + most) if now > then else (max(then - most, 0.0), then - 1)
                cells = self._fact(item, mask, now).cells
                self.secrets.append(Secret(f"{item.name} since the last release", cells, low, high))


def tells_the_same(one: Item, other: Item) -> bool:
    """Whether two items tell the same counts: a rate and what it leaves, under two names."""
    if (one.attribute, one.group) != (other.attribute, other.group):
        return False
    return dict(spread_out(one)) == dict(spread_out(other))


def _solved(counts: Mapping[Mask, float]) -> dict[Mask, float]:
    """Single outcomes that follow from the counts of one group."""
    import numpy as np

    masks = list(counts)
    columns = list(zip(*masks, strict=True)) if masks else []
    kinds = [kind for kind in dict.fromkeys(columns) if any(kind)]
    if len(kinds) < 2:
        return {}
    matrix = np.array(kinds, dtype=float).T
    back = np.linalg.pinv(matrix)
    follows = np.abs(back @ matrix - np.eye(len(kinds))).max(axis=1) < 1e-9
    values = back @ np.array([counts[mask] for mask in masks])
    return {tuple(int(c == kinds[at]) for c in columns): float(np.round(values[at]))
            for at in np.flatnonzero(follows)}  # fmt: skip
