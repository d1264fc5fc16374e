"""What must fit between a spec's limits and the rest of it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from audits.errors import nearest
from audits.spec import AuditSpec, Limit
from audits.spec_errors import Mistake
from audits.yaml_lines import Place

_LEAST_BOUND = {"rate": 0, "share": 0, "difference": 0, "paired": 0, "widening": 0, "change": -1}
"""Comparisons of proportions, and the least that a bound on them can be."""
_OF_NUMBERS = {"rate": "mean", "share": "mean", "difference": "gap", "paired": "gap"}
"""What is compared of a number that is no share of rows, where these are compared of rates."""


def check_policy(spec: AuditSpec) -> Iterator[Mistake]:
    """Return every mistake of the limits."""
    for at, limit in enumerate(spec.policy):
        yield from _limit(spec, limit, ("limits", at))
    yield from _measures(spec)
    yield from check_limits(spec.policy)


def check_limits(policy: Sequence[Limit]) -> Iterator[Mistake]:
    """Return every mistake of limits that shows without the rest of a spec: bounds and dates."""
    for at, limit in enumerate(policy):
        place: Place = ("limits", at)
        yield from _bound(limit, place)
        if limit.waiver is not None:
            try:
                datetime.date.fromisoformat(limit.waiver.expires)
            except ValueError:
                yield Mistake(
                    (*place, "waiver", "expires"), f"got {limit.waiver.expires!r}, expected a day that exists"
                )


def _bound(limit: Limit, place: Place) -> Iterator[Mistake]:
    """A bound that every audit would keep, or none could."""
    from audits import metrics

    key, other = ("at_least", "at_most") if limit.at_least is not None else ("at_most", "at_least")
    bound, measure, least = limit.bound, limit.measure.partition("[")[0], _LEAST_BOUND.get(limit.compare)
    percent = f"write {bound / 100:g} for {bound:g} %"
    known = measure in metrics.registry or measure.endswith("rate") or limit.compare in ("rate", "share")
    facts = metrics.registry[measure].facts if measure in metrics.registry else {}
    usual = _OF_NUMBERS.get(limit.compare) if facts.get("over") == "group" and facts["scale"] != "rate" else None
    if known and least is not None and not least <= bound <= 1 and usual:
        got = f"got {limit.compare}, expected {usual}: {limit.measure} is no share of rows"
        yield Mistake((*place, "compare"), got, f"write compare: {usual}")
    elif known and least is not None and not least <= bound <= 1:
        yield Mistake((*place, key), f"got {bound:g}, expected {least} to 1: a rate is a proportion", percent)
    if limit.compare == "ratio" and (bound > 1 if key == "at_least" else bound < 1):
        within = "at most 1" if key == "at_least" else "at least 1"
        yield Mistake(
            (*place, key),
            f"got {bound:g}, expected {within}: a limit bounds both ratios of two groups",
            percent if bound >= 10 else f"write {other}: {bound:g}",
        )
    if limit.compare == "gap" and key == "at_least" and bound > 0 and not metrics.alike(limit.measure):
        yield Mistake((*place, key), f"got {bound:g}, expected at_most: a limit bounds both gaps of two groups")


def _limit(spec: AuditSpec, limit: Limit, place: Place) -> Iterator[Mistake]:
    for at, over in enumerate(limit.attributes):
        where = (*place, "over") if isinstance(limit.over, str) else (*place, "over", at)
        yield from _over(spec, over, where)
        yield from _bounded(spec, over, where)
    if limit.technique is not None and limit.technique not in spec.techniques:
        yield Mistake(
            (*place, "technique"),
            f"got {limit.technique!r}, expected a technique of this spec",
            nearest(limit.technique, spec.techniques),
        )


def _over(spec: AuditSpec, over: str, place: Place) -> Iterator[Mistake]:
    known = {*spec.protected, *_of_techniques(spec)}
    if over in known - spec.protected.keys():
        return
    parts = over.split("×")
    for part in parts:
        if part not in spec.protected:
            yield Mistake(place, f"got {part!r}, expected a protected attribute", nearest(part, known))
            return
    ordered = [name for name in spec.protected if name in parts]
    if len(ordered) != len(parts):
        yield Mistake(place, f"got {over!r}, expected each attribute once")
    elif parts != ordered:
        yield Mistake(place, f"got {over!r}, expected the order of the spec", f"write {'×'.join(ordered)!r}")
    elif len(parts) > spec.intersections:
        yield Mistake(
            place,
            f"got {over!r}, expected at most {spec.intersections} attribute"
            f"{'s' if spec.intersections > 1 else ''} together",
            f"set intersections: {len(parts)}",
        )
    elif len(parts) > 1 and not all(spec.protected[part].sliced for part in parts):
        yield Mistake(place, f"got {over!r}, expected attributes that rows have", "give each a column or indicators")


def _of_techniques(spec: AuditSpec) -> set[str]:
    """What the findings of the spec's techniques are over that is no protected attribute."""
    from audits.techniques import registry

    return {over for name in spec.techniques if name in registry for over in registry[name].facts["over"]}


def _bounded(spec: AuditSpec, over: str, place: Place) -> Iterator[Mistake]:
    """A group that is known as a probability only is bounded by one technique, and by no other measured at all."""
    if over in spec.protected and spec.protected[over].probabilities and "proxy_bounds" not in spec.techniques:
        yield Mistake(
            place,
            f"got {over!r}, which has probabilities only, expected a technique that bounds it",
            "add techniques: {proxy_bounds: {}}",
        )


def _measures(spec: AuditSpec) -> Iterator[Mistake]:
    """A limit on what no technique of the spec measures; only where every technique says what it measures."""
    known = _known_measures(spec)
    for at, limit in enumerate(spec.policy):
        if known is not None and limit.measure.partition("[")[0] not in known:
            yield Mistake(
                ("limits", at, "measure"),
                f"got {limit.measure!r}, expected what a technique here measures",
                nearest(limit.measure, known),
            )


def _known_measures(spec: AuditSpec) -> set[str] | None:
    from audits import metrics, techniques

    known: set[str] = set()
    for name, options in spec.techniques.items():
        if name not in techniques.registry:
            return None
        entry = techniques.registry[name]
        if "metrics" in entry.options.model_fields:
            named = options.get("metrics")
            task = [each.name for each in metrics.of_task(entry.facts["task"])]
            known |= set(named if isinstance(named, list | tuple) else task)
            known |= set(entry.facts["measures"])
        elif entry.facts.get("measures"):
            known |= set(entry.facts["measures"])
        else:
            return None
    return known
