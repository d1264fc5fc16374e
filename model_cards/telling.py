"""Numbers of groups and pairs in plain sentences, every number with its finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audits.findings import MISSING_GROUP, Finding
from audits.suppression import SUPPRESSED
from model_cards.families import CONTROL, Family, distance
from model_cards.numbers import Form, Text, form_of, is_distance, number, unit_after
from model_cards.tables import few
from model_cards.words import SMALL, Nouns, facts_of, group_name, people_word, shown, title

POSITIVE = ("selection_rate", "counterfactual_selection_rate", "true_positive_rate", "false_positive_rate")
NEGATIVE = ("true_negative_rate", "false_negative_rate")
"""Measures that count positive, and negative, decisions: they are said as "54 of 100 are approved"."""


def sentences(family: Family, words: Nouns) -> list[Text]:
    """Return one or two plain sentences on the widest comparison of a family; none where there is none."""
    flips = [f for f in family.compared("rate") if f.value is not None and f.group != CONTROL and f.reference]
    if flips:
        return [_flip_sentence(max(flips, key=distance), family, words)]
    gaps = [f for f in family.pairs if f.comparison in ("difference", "paired", "gap") and f.value is not None]
    every = gaps
    gaps = [f for f in gaps if f.reference == family.reference] or gaps
    if not gaps:
        return _range_sentence(family)
    if any(f.details.get("bounds") for f in family.own):
        return _bounds_sentence(family, every, words)
    solid = [f for f in gaps if not few(f)] or gaps  # "100 of 100" of a single person is no sentence to remember
    widest = max(solid, key=distance)
    own = {f.group: f for f in family.own if f.value is not None and f.comparison == "rate"}
    told: list[Text] = []
    if widest.group in own and widest.reference in own:
        told.append(rate_sentence(own[widest.group], own[widest.reference], words))
    which = "The difference" if len(gaps) == 1 else "The widest difference"
    rivals = every if few(widest) else [f for f in every if not few(f)]
    if distance(widest) < max(map(distance, rivals)):
        which += " to the reference"
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


def _bounds_sentence(family: Family, gaps: Sequence[Finding], words: Nouns) -> list[Text]:
    """Say between which numbers of people the rates of groups lie that are known only as probabilities."""
    told: Text = ()
    for own in family.own:
        if isinstance(own.details.get("bounds"), Mapping):
            verb = words.positive if own.measure in POSITIVE else words.negative if own.measure in NEGATIVE else "count"
            start = f"{'; of' if told else 'Of'} 100 {people_word(own.group, own.attribute, words.subjects)}, between "
            told = (*told, start, number(own, "details.bounds.low", "of100"), " and ",
                    number(own, "details.bounds.high", "of100"), f" {verb}")  # fmt: skip
    among = _among(family.own[0])
    end = f" (among the {among})" if among else ""
    told = (*told, f"{end}: the data do not say where between.")
    widest = max(gaps, key=_reach)
    if widest.interval is None or widest.interval.high is None:
        return [told]
    both = widest.interval.low <= 0 <= widest.interval.high
    which = "so these data do not show which way it goes, if any" if both else "which does not include zero"
    gap: Text = (f"The difference between {group_name(widest.group)} and {group_name(widest.reference)} lies anywhere "
                 "in ", number(widest, "interval"), f"{unit_after(widest)}, {which}.")  # fmt: skip
    return [told, gap]


def _reach(finding: Finding) -> float:
    """How far from "no difference" the bounds of a pair reach: the pair that a limit is broken by first, if any."""
    interval = finding.interval
    return distance(finding) if interval is None else max(abs(interval.low), abs(interval.high or 0.0))


def _range_sentence(family: Family) -> list[Text]:
    """Say the lowest and the highest of numbers that are not compared in pairs."""
    known = [f for f in family.own if f.value is not None and f.comparison == "mean" and f.group != MISSING_GROUP]
    solid = [f for f in known if not few(f)] or known
    if len(solid) < 2 or not family.attribute:
        return []
    low, high = min(solid, key=lambda f: f.value or 0.0), max(solid, key=lambda f: f.value or 0.0)
    which = f" of groups of at least {SMALL} rows" if len(solid) < len(known) else ""
    return [(f"Lowest{which}: {group_name(low.group)}, ", number(low), f"{unit_after(low)}; highest: "
             f"{group_name(high.group)}, ", number(high), f"{unit_after(high)}.")]  # fmt: skip


def _gap_sentence(widest: Finding, what: str) -> Text:
    marked = " (few rows)" if few(widest) else ""
    who = f"{group_name(widest.group)} compared with {group_name(widest.reference)}{marked}"
    told: Text = (f"{what}, {who}, is ", number(widest), unit_after(widest))
    if is_distance(widest):
        who = f"{group_name(widest.group)} and {group_name(widest.reference)}{marked}"
        told = (f"{what.replace('difference', 'distance')}, of {who}, is ", number(widest), unit_after(widest))
    if widest.interval is None or widest.interval.high is None:
        return (*told, ".", *_by_chance(widest))
    level = f"{100 * widest.interval.level:g}% interval"
    told = (*told, f" ({level} ", number(widest, "interval"), ")")
    if widest.interval.low <= 0 <= widest.interval.high:
        return (*told, ": the interval includes zero, so these data do not show which way it goes, if any.")
    return (*told, ": the interval does not include zero.")


def _by_chance(finding: Finding) -> Text:
    """Say what chance alone makes of a number that can only be at or above parity."""
    if finding.details.get("by_chance") is None:
        return ()
    told: Text = (" Of equal groups of these sizes, chance alone would make ",
                  number(finding, "details.by_chance", form_of(finding)), unit_after(finding))  # fmt: skip
    return (*told, " (p ", number(finding, "p", "p"), ").") if finding.p is not None else (*told, ".")


def whole_sentence(whole: Finding) -> Text:
    """Say a number of all groups together, beside what chance alone would make of it."""
    if whole.value is None:
        why = "" if whole.missing.startswith(SUPPRESSED) else "not measurable: "
        return (f"Over all groups: {why}{shown(whole.missing, 300)}.",)
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
                number(whole, "details.by_chance", form_of(whole)), unit)  # fmt: skip
        told = (*told, " (p ", number(whole, "p", "p"), ").") if whole.p is not None else (*told, ".")
    variance = details.get("between_groups_variance")
    if isinstance(variance, int | float) and variance < 0:  # an estimate without bias can fall below zero
        told = (*told, " Freed of that, no variance of the true rates between groups is seen.")
    elif variance is not None:
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
