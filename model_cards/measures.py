"""A family of findings, told: what it is, one plain sentence, a chart with its limit, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audits.findings import MISSING_GROUP, Finding
from audits.spec import Limit
from model_cards import charts
from model_cards.blocks import Chart, Figures, Heading, Leaf, Prose
from model_cards.families import CONTROL, Family, distance, part_of
from model_cards.numbers import Form, Text, form_of, number, unit_after, written
from model_cards.sources import Sources
from model_cards.tables import COMPARED, check_table, few, group_table, pair_name, pair_table, part_table
from model_cards.words import SMALL, Nouns, anchor, facts_of, group_name, nouns, people_word, shown, title

POSITIVE = ("selection_rate", "counterfactual_selection_rate", "true_positive_rate", "false_positive_rate")
NEGATIVE = ("true_negative_rate", "false_negative_rate")
"""Measures that count positive, and negative, decisions: they are said as "54 of 100 are approved"."""

ACROSS = 6
"""Columns beyond which a heat map is too narrow to read, and a list of dots takes its place."""


def family_blocks(family: Family, sources: Sources) -> list[Leaf]:
    """Return everything the card says of one measure over one attribute."""
    told = [*sentences(family, nouns(sources.spec), sources), *map(_whole_sentence, family.wholes)]
    blocks: list[Leaf] = [Prose(text=text) for text in told]
    drawn = _charts(family, sources)
    if drawn:
        blocks.append(Figures(charts=tuple(drawn)))
    blocks += _tables(family)
    return blocks


def heading_id(technique: str, measure: str, attribute: str) -> str:
    """Return the anchor of a family, so that a limit can point at it."""
    return anchor(technique, measure, attribute)


def heading(family: Family) -> Heading:
    """Return the heading of a family: "by race"."""
    words = f"By {family.attribute}" if family.attribute else title(family.measure)
    return Heading(text=shown(words, 80), level=4, id=heading_id(family.technique, family.measure, family.attribute))


def sentences(family: Family, words: Nouns, sources: Sources) -> list[Text]:
    """Return one or two plain sentences on the widest comparison of a family; none where there is none."""
    flips = [f for f in family.compared("rate") if f.value is not None and f.group != CONTROL and f.reference]
    if flips:
        return [_flip_sentence(max(flips, key=distance), family, words)]
    gaps = [f for f in family.pairs if f.comparison in ("difference", "paired", "gap") and f.value is not None]
    gaps = [f for f in gaps if f.reference == family.reference] or gaps
    if not gaps:
        return []
    solid = [f for f in gaps if not few(f)] or gaps  # "100 of 100" of a single person is no sentence to remember
    widest = max(solid, key=distance)
    own = {f.group: f for f in family.own if f.value is not None and f.comparison == "rate"}
    told: list[Text] = []
    if widest.group in own and widest.reference in own:
        told.append(rate_sentence(own[widest.group], own[widest.reference], words))
    which = "The difference" if len(gaps) == 1 else "The widest difference"
    which += f" between groups of at least {SMALL} rows" if len(solid) < len(gaps) else ""
    return [*told, _gap_sentence(widest, which)]


def rate_sentence(group: Finding, reference: Finding, words: Nouns) -> Text:
    """Say two rates as numbers of people."""
    form = _natural(group, reference)
    many = {"of100": "100", "of1000": "1,000", "of10000": "10,000"}[form]
    if group.measure.startswith("counterfactual_"):  # the same rows, whatever they say
        said, other = group_name(group.group), group_name(reference.group)
        start = f"Of the same {many} {words.subjects}, "
        return (
            *(start, number(group, form=form), f" {words.positive} when they are said to be {said}, "),
            *(number(reference, form=form), f" when {other}."),
        )
    these, those = (people_word(f.group, f.attribute, words.subjects) for f in (group, reference))
    among = _among(group)
    verb = words.positive if group.measure in POSITIVE else words.negative if group.measure in NEGATIVE else ""
    start = f"Among the {among}, of" if verb and among else "Of" if verb else f"{title(group.measure)}: of"
    end = "." if verb or not among else f" (counted among the {among})."
    return (
        f"{start} {many} {these}, ",
        number(group, form=form),
        f" {verb}; of {many} {those}, " if verb else f"; of {many} {those}, ",
        number(reference, form=form),
        end,
    )


def _gap_sentence(widest: Finding, what: str) -> Text:
    marked = " (few rows)" if few(widest) else ""
    who = f"{group_name(widest.group)} compared with {group_name(widest.reference)}{marked}"
    told: Text = (f"{what}, {who}, is ", number(widest), unit_after(widest))
    if widest.interval is None or widest.interval.high is None:
        return (*told, ".")
    level = f"{100 * widest.interval.level:g}% interval"
    told = (*told, f" ({level} ", number(widest, "interval"), ")")
    if widest.interval.low <= 0 <= widest.interval.high:
        return (*told, ": the interval includes zero, so these data do not show which way it goes, if any.")
    return (*told, ": the interval does not include zero.")


def _whole_sentence(whole: Finding) -> Text:
    """Say a number of all groups together, beside what chance alone would make of it."""
    if whole.value is None:
        return (f"Over all groups: not measurable: {shown(whole.missing, 300)}.",)
    details = whole.details
    if "largest" in details and "smallest" in details:
        unit = " points"
        told: Text = (f"The largest rate ({group_name(details['largest'])}) is ", number(whole), unit,
                      f" above the smallest ({group_name(details['smallest'])}).")  # fmt: skip
    else:
        unit = unit_after(whole)
        told = ("Over all groups: ", number(whole), unit)
        if whole.interval is not None:
            told = (*told, f" ({100 * whole.interval.level:g}% interval ", number(whole, "interval"), f"{unit}).")
        else:
            told = (*told, ".")
    if details.get("by_chance") is not None:
        told = (*told, " Of equal groups of these sizes, chance alone would make ",
                number(whole, "details.by_chance", form_of(whole)), f"{unit}.")  # fmt: skip
    if details.get("between_groups_variance") is not None:
        told = (*told, " The variance of the true rates between groups, freed of that bias: ",
                number(whole, "details.between_groups_variance", "plain"), ".")  # fmt: skip
    return told


def _flip_sentence(widest: Finding, family: Family, words: Nouns) -> Text:
    form = _natural(widest)
    many = {"of100": "100", "of1000": "1,000", "of10000": "10,000"}[form]
    told: Text = (
        f"Of {many} {words.subjects}, ", number(widest, form=form),
        f" get another decision when nothing but {shown(family.attribute, 80)} is changed, between "
        f"{group_name(widest.reference)} and {group_name(widest.group)}",
    )  # fmt: skip
    if widest.interval is not None:
        told = (*told, f" ({100 * widest.interval.level:g}% interval ", number(widest, "interval"), "%)")
    control = next((f for f in family.pairs if f.group == CONTROL and f.value is not None), None)
    if control is None:
        return (*told, ".")
    return (*told, "; an edit of the same kind that changes nothing protected turns ", number(control), "%.")


def _natural(*findings: Finding) -> Form:
    """Return the smallest round number of people of whom at least one is counted."""
    smallest = min((f.value for f in findings if f.value), default=1.0)
    return "of100" if smallest >= 0.01 else "of1000" if smallest >= 0.001 else "of10000"


def _among(finding: Finding) -> str:
    """Return the denominator of a measure in words; empty where it is simply all rows."""
    from audits.metrics import registry

    among = facts_of(registry, finding.measure)[2].get("among")
    return "" if not among or among == "rows" else str(among)


def definition(measure: str) -> str:
    """Return what a measure is, in the words of the metric itself; empty where this installation does not know it."""
    from audits.metrics import registry

    return facts_of(registry, measure)[0]


def bound_of(limits: Sequence[Limit], comparison: str) -> charts.Bound | None:
    """Return the region that the strictest of several limits on one family allows, as a chart draws it."""
    if not limits:
        return None
    limit = min(limits, key=lambda item: item.bound if item.at_most is not None else -item.bound)
    bound, at_least = limit.bound, limit.at_least is not None
    if comparison == "ratio":
        low, high = (bound, 1 / bound) if at_least else (1 / bound, bound)
        return charts.Bound(low, high, f"limit: {written('ratio', low)} to {written('ratio', high)}")
    if comparison in ("difference", "paired", "gap") and not at_least:
        unit = "points" if comparison != "gap" else ""
        size = f"{100 * bound:g}" if unit else f"{bound:g}"
        return charts.Bound(-bound, bound, f"limit: within {size} {unit}".rstrip())
    size = f"{100 * bound:g}%" if comparison in ("rate", "share") else f"{bound:g}"
    words = f"limit: at {'least' if at_least else 'most'} {size}"
    return charts.Bound(bound, None, words) if at_least else charts.Bound(None, bound, words)


def _charts(family: Family, sources: Sources) -> list[Chart]:
    name = heading_id(family.technique, family.measure, family.attribute)
    what = f"{title(family.measure)} by {family.attribute}" if family.attribute else title(family.measure)
    drawn = []
    if any(f.value is not None for f in family.own):
        drawn.append(_own_chart(family, sources, name, what))
    compared = [c for c in family.comparisons if any(f.value is not None for f in family.compared(c))]
    limited = [c for c in compared if any(sources.limits(f) for f in family.compared(c))]
    for comparison in limited or compared[:1]:
        drawn.append(_pair_chart(family, sources, f"{name}.{comparison}", what, comparison))
    for (group, reference), parts in _wholes(family.parts).items():
        if any(f.value is not None for f in parts):
            drawn.append(_part_chart(parts, sources, f"{name}.{anchor(group, reference)}", what))
    return drawn


def _own_chart(family: Family, sources: Sources, name: str, what: str) -> Chart:
    parts = family.attribute.split("×")
    cells = {tuple(f.group.split(" × ")): f for f in family.own if f.group != MISSING_GROUP}
    columns = {key[1] for key in cells if len(key) == 2}
    if len(parts) == 2 and all(len(key) == 2 for key in cells) and 1 < len(columns) <= ACROSS and len(cells) > 2:
        pairs = {(key[0], key[1]): f for key, f in cells.items()}
        svg = charts.grid(name, what, pairs, unit_after(family.own[0]))
        return Chart(name=name, svg=svg, caption=f"{what}: darker is higher")
    rows = []
    for found in family.own:
        first = found.group == family.reference
        rows.append(charts.Row(group_name(found.group), found, "reference" if first else "", first))
    bound = bound_of(sources.limits(family.own[0]), family.own[0].comparison)
    svg = charts.dots(name, what, rows, line=None if bound else _overall(family), bound=bound)
    return Chart(name=name, svg=svg, caption=f"{what}, with {_level(family.own)}intervals")


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
    bound = bound_of(sources.limits(pairs[0]), comparison)
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
    whole = next(
        (
            f
            for f in sources.findings
            if (f.technique, f.attribute, f.group, f.reference) == (first.technique, first.attribute, first.group,
                                                                    first.reference)
            and f.comparison == "gap" and not part_of(f)[1]
        ),
        None,
    )  # fmt: skip
    total = charts.Row("The whole gap", whole) if whole else None
    words = f"{what}: {pair_name(first)}"
    return Chart(name=name, svg=charts.bars(name, words, rows, total), caption=words)


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
    rest = [f for f in family.pairs if f.id not in covered]
    if rest:
        caption = f"{what}{by}: every other pair of groups" if covered else f"{what}{by}: pairs of groups"
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
