"""A family of findings, told: what it is, one plain sentence, a chart with its limit, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audits.findings import MISSING_GROUP, Finding
from audits.spec import Limit
from audits.suppression import SUPPRESSED
from model_cards import charts
from model_cards.blocks import Chart, Figures, Heading, Leaf, Prose
from model_cards.curves import reliability_blocks
from model_cards.families import Family, distance, part_of
from model_cards.heat_map import grid
from model_cards.numbers import bound_words, form_of, is_distance, unit_after, written
from model_cards.sources import Sources
from model_cards.tables import COMPARED, check_table, group_table, pair_name, pair_table, part_table
from model_cards.telling import sentences, whole_sentence
from model_cards.waterfall import waterfall
from model_cards.words import anchor, facts_of, group_name, nouns, shown, title

ACROSS = 6
"""Columns beyond which a heat map is too narrow to read, and a list of dots takes its place."""


def family_blocks(family: Family, sources: Sources, *, brief: bool = False) -> list[Leaf]:
    """Return what the card says of one measure over one attribute; ``brief`` draws the groups alone, not the pairs."""
    told = [*sentences(family, nouns(sources.spec)), *map(whole_sentence, family.wholes)]
    blocks: list[Leaf] = [Prose(text=text) for text in told]
    why = next((f.details["no_interval"] for f in (*family.own, *family.pairs) if f.details.get("no_interval")), "")
    if why:
        blocks.append(Prose(text=(f"Told without an interval: {shown(why, 300)}.",), tone="note"))
    drawn = _charts(family, sources, brief=brief)
    if drawn:
        blocks.append(Figures(charts=tuple(drawn)))
    blocks += [*_tables(family), *reliability_blocks(family, brief=brief)]
    return blocks


def heading_id(technique: str, measure: str, attribute: str) -> str:
    """Return the anchor of a family, so that a limit can point at it."""
    return anchor(technique, measure, attribute)


def heading(family: Family) -> Heading:
    """Return the heading of a family: "by race"."""
    words = f"By {family.attribute}" if family.attribute else title(family.measure)
    return Heading(text=shown(words, 80), level=4, id=heading_id(family.technique, family.measure, family.attribute))


def definition(measure: str) -> str:
    """Return what a measure is, in the words of the metric itself; empty where this installation does not know it."""
    from audits.metrics import registry

    return facts_of(registry, measure)[0]


def bound_of(limits: Sequence[Limit], finding: Finding) -> charts.Bound | None:
    """Return the region that the strictest of several limits on a finding's family allows, as a chart draws it."""
    if not limits:
        return None
    limit = min(limits, key=lambda item: item.bound if item.at_most is not None else -item.bound)
    bound, at_least = limit.bound, limit.at_least is not None
    comparison = finding.comparison
    if comparison == "ratio":
        low, high = (bound, 1 / bound) if at_least else (1 / bound, bound)
        return charts.Bound(low, high, f"limit: {written('ratio', low)} to {written('ratio', high)}")
    size = bound_words(bound, finding, comparison)
    if comparison in ("difference", "paired", "gap") and not at_least and not is_distance(finding):
        return charts.Bound(-bound, bound, f"limit: within {size}")
    words = f"limit: at {'least' if at_least else 'most'} {size}"
    return charts.Bound(bound, None, words) if at_least else charts.Bound(None, bound, words)


def _charts(family: Family, sources: Sources, *, brief: bool = False) -> list[Chart]:
    name = heading_id(family.technique, family.measure, family.attribute)
    what = f"{title(family.measure)} by {family.attribute}" if family.attribute else title(family.measure)
    drawn = []
    if any(f.value is not None for f in family.own):
        drawn.append(_own_chart(family, sources, name, what))
    compared = [c for c in family.comparisons if any(f.value is not None for f in family.compared(c))]
    limited = [c for c in compared if any(sources.limits(f) for f in family.compared(c))]
    for comparison in limited or ([] if brief and drawn else compared[:1]):
        drawn.append(_pair_chart(family, sources, f"{name}.{comparison}", what, comparison))
    for (group, reference), parts in _wholes(family.parts).items():
        if any(f.value is not None for f in parts):
            drawn.append(_part_chart(parts, sources, f"{name}.{anchor(group, reference)}", what))
    return drawn


def _own_chart(family: Family, sources: Sources, name: str, what: str) -> Chart:
    parts = family.attribute.split("×")
    cells = {tuple(f.group.split(" × ")): f for f in family.own if f.group != MISSING_GROUP}
    pairs = {(key[0], key[1]): f for key, f in cells.items() if len(key) == 2}
    if len({second for _, second in pairs}) > ACROSS:  # the attribute with fewer groups goes across
        pairs = {(second, first): f for (first, second), f in pairs.items()}
    across = len({second for _, second in pairs})
    if len(parts) == 2 and len(pairs) == len(cells) > 2 and 1 < across <= ACROSS:
        svg = grid(name, what, pairs, unit_after(family.own[0]))
        return Chart(name=name, svg=svg, caption=f"{what}: the fuller the colour, the higher")
    rows = []
    for found in family.own:
        first = found.group == family.reference
        rows.append(charts.Row(group_name(found.group), found, "reference" if first else "", first))
    bound = bound_of(sources.limits(family.own[0]), family.own[0])
    svg = charts.dots(name, what, rows, line=None if bound else _overall(family), bound=bound)
    if any(f.details.get("bounds") for f in family.own):
        return Chart(name=name, svg=svg, caption=f"{what}: bars are bounds, dots are weighted by the probabilities")
    known = any(f.interval for f in family.own)
    return Chart(name=name, svg=svg, caption=f"{what}, with {_level(family.own)}intervals" if known else what)


def _pair_chart(family: Family, sources: Sources, name: str, what: str, comparison: str) -> Chart:
    pairs = [f for f in family.compared(comparison) if f.value is not None]
    against = [f for f in pairs if f.reference == family.reference or comparison == "rate"] or pairs
    told = {f.id for f in against}
    others = [f for f in pairs if f.id not in told]
    if others and distance(max(others, key=distance)) > max(map(distance, against)):
        against.append(max(others, key=distance))
    one = family.reference if comparison != "rate" and any(f.reference == family.reference for f in against) else ""
    rows = [charts.Row(group_name(f.group) if one and f.reference == one else pair_name(f), f) for f in against]
    centre = {"ratio": 1.0, "rate": None}.get(comparison, 0.0)
    bound = bound_of(sources.limits(pairs[0]), pairs[0])
    kind = COMPARED.get(comparison, "").lower()
    words = what + (f", {kind}" if kind else "") + (f" to {group_name(one)}" if one else " between groups")
    words += ", points" if form_of(pairs[0]) == "points" else ""
    return Chart(
        name=name,
        svg=charts.dots(name, words, rows, centre=centre, bound=bound),
        caption=words,
    )


def _part_chart(parts: Sequence[Finding], sources: Sources, name: str, what: str) -> Chart:
    first = parts[0]
    rows = [charts.Row(shown(part_of(f)[1], 40), f) for f in parts]
    whole = sources.whole_gap(first)
    total = charts.Row("The whole gap", whole) if whole else None
    words = f"{what}: {pair_name(first)}"
    return Chart(name=name, svg=waterfall(name, words, rows, total), caption=words)


def _tables(family: Family) -> list[Leaf]:
    what = title(family.measure)
    by = f" by {family.attribute}" if family.attribute else ""
    blocks: list[Leaf] = []
    covered: set[str] = set()
    if family.own:
        blocks.append(group_table(family, f"{what}{by}"))
        alone = {own.group for own in family.own}
        beside = [f for f in family.pairs if f.reference == family.reference and f.comparison != "rate"]
        covered = {f.id for f in beside if f.group in alone}
    others = [f for f in family.pairs if f.id not in covered]
    rest = [f for f in others if not f.missing.startswith(SUPPRESSED)]
    if rest:
        caption = f"{what}{by}: every other pair of groups" if covered else f"{what}{by}: pairs of groups"
        caption += " (without those suppressed)" if len(rest) < len(others) else ""
        blocks.append(pair_table(rest, caption, folded=bool(covered)))
    for parts in _wholes(family.parts).values():
        blocks.append(part_table(parts, f"{what}: {pair_name(parts[0])}", folded=True))
    if family.checks:
        blocks.append(check_table(family.checks, f"{what}{by}"))
    return blocks


def _wholes(parts: Sequence[Finding]) -> Mapping[tuple[str, str], list[Finding]]:
    """Group the parts of a whole by the pair of groups whose gap they add up to."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for part in parts:
        found.setdefault((part.group, part.reference), []).append(part)
    return found


def _overall(family: Family) -> tuple[float, str] | None:
    """Return the rate of all rows together, where the groups' counts give it."""
    counts = [f.sufficient for f in family.own if f.value is not None]
    if "×" in family.attribute or not counts or not all({"x", "n"} <= c.keys() for c in counts):
        return None
    among = sum(c["n"] for c in counts)
    return (sum(c["x"] for c in counts) / among, "all groups together") if among else None


def _level(findings: Sequence[Finding]) -> str:
    levels = {f.interval.level for f in findings if f.interval}
    return f"{100 * levels.pop():g}% " if len(levels) == 1 else ""
