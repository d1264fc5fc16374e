"""Findings sorted into what belongs together on a page: one measure over one attribute, its groups and its pairs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from audits.findings import MISSING_GROUP, Finding
from audits.spec import AuditSpec

CONTROL = "(control)"


@dataclass(frozen=True)
class Family:
    """One measure over one attribute.

    ``own``: a number per group. ``pairs``: numbers between a group and its reference, in order. ``parts``: measures
    named ``measure[part]``, which add up to a whole. ``wholes``: numbers of all groups together. ``checks``: the
    technique's own quality figures.
    """

    technique: str
    measure: str
    attribute: str
    own: tuple[Finding, ...] = ()
    pairs: tuple[Finding, ...] = ()
    parts: tuple[Finding, ...] = ()
    wholes: tuple[Finding, ...] = ()
    checks: tuple[Finding, ...] = ()

    @cached_property
    def reference(self) -> str:
        """The group that the others are compared with: the one most pairs name."""
        named = Counter(pair.reference for pair in self.pairs if pair.comparison != "rate")
        return named.most_common(1)[0][0] if named else ""

    def compared(self, comparison: str) -> tuple[Finding, ...]:
        """Return the pairs of one comparison."""
        return tuple(pair for pair in self.pairs if pair.comparison == comparison)

    @property
    def comparisons(self) -> list[str]:
        """Comparisons between groups that occur, in order of reading."""
        present = {pair.comparison for pair in self.pairs}
        order = ["rate", "difference", "ratio", "paired", "gap", "mean", "share"]
        return [name for name in order if name in present]


def gather(findings: Iterable[Finding], spec: AuditSpec, group_order: dict[str, list[str]]) -> list[Family]:
    """Return the families of a technique's findings, measures and attributes in the order of the spec."""
    kept: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kept.setdefault((part_of(finding)[0], finding.attribute), []).append(finding)
    attributes = attribute_order(spec, [attribute for _, attribute in kept])
    measures = measure_order(spec, [measure for measure, _ in kept])
    in_parts = {key[0] for key, members in kept.items() if any(part_of(f)[1] for f in members)}  # after their whole
    ordered = sorted(kept, key=lambda key: (key[0] in in_parts, measures.index(key[0]), attributes.index(key[1])))
    return [_family(key, kept[key], group_order.get(key[1], [])) for key in ordered]


def part_of(finding: Finding) -> tuple[str, str]:
    """Split ``gap_contribution[age]`` into measure and part; ``skew[k=10]`` is a measure of its own, and no part."""
    measure, bracket, rest = finding.measure.partition("[")
    if not bracket or not rest.endswith("]") or _is_metric(measure):
        return finding.measure, ""
    return measure, rest[:-1]


@lru_cache(maxsize=1024)
def _is_metric(measure: str) -> bool:
    """Whether a name is that of a metric, so that what stands in brackets after it says which one of them."""
    from audits.metrics import registry

    return measure in registry


def attribute_order(spec: AuditSpec, present: Sequence[str]) -> list[str]:
    """Return attributes as the spec lists them, intersections after, by how many parts they have."""
    known = list(spec.protected)
    place = {name: at for at, name in enumerate(known)}

    def rank(name: str) -> tuple[int, list[int], str]:
        parts = name.split("×")
        return len(parts), [place.get(part, len(known)) for part in parts], name

    return sorted(dict.fromkeys(present), key=rank)


def measure_order(spec: AuditSpec, present: Sequence[str]) -> list[str]:
    """Return measures as the spec asks for them (limits first, then options), then the others by name."""
    asked = [limit.measure for limit in spec.policy]
    for options in spec.techniques.values():
        metrics = options.get("metrics")
        asked += [name for name in metrics if isinstance(name, str)] if isinstance(metrics, list | tuple) else []
    place = {name: at for at, name in reversed(list(enumerate(asked)))}
    return sorted(dict.fromkeys(present), key=lambda name: (place.get(name, len(asked)), name))


def distance(finding: Finding) -> float:
    """Return how far a pair lies from "no difference", so that the widest can be found."""
    if finding.value is None:
        return -1.0
    if finding.comparison == "ratio":
        return abs(math.log(finding.value)) if finding.value > 0 else math.inf
    return abs(finding.value)


def _family(key: tuple[str, str], findings: list[Finding], order: list[str]) -> Family:
    place = {name: at for at, name in enumerate(order)}

    def rank(finding: Finding) -> tuple[bool, bool, int, int]:
        group, reference = finding.group, finding.reference
        last = len(order)
        return group == CONTROL, group == MISSING_GROUP, place.get(group, last), place.get(reference, last)

    ordered = sorted(findings, key=rank)
    parts = tuple(f for f in ordered if part_of(f)[1])
    checks = tuple(f for f in ordered if f.comparison == "check" and f not in parts)
    wholes = tuple(f for f in ordered if f.comparison == "whole" and f not in parts)
    rest = [f for f in ordered if not part_of(f)[1] and f.comparison not in ("check", "whole")]
    own = tuple(f for f in rest if _of_one_group(f))
    pairs = tuple(f for f in rest if not _of_one_group(f))
    return Family(ordered[0].technique, key[0], key[1], own, pairs, parts, wholes, checks)


def _of_one_group(finding: Finding) -> bool:
    one = finding.comparison in ("rate", "share", "mean") and not finding.reference
    return one and finding.group != CONTROL
