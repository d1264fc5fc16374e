"""The summary after the verdict: a few plain sentences, each with the findings behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from audits.findings import Finding
from audits.suppression import SUPPRESSED
from model_cards.blocks import Said, Word
from model_cards.families import CONTROL, Family, distance, gather
from model_cards.measures import heading_id
from model_cards.numbers import Text, number, unit_after
from model_cards.overview import limit_words, rates_of_pair, word_of
from model_cards.sources import Sources
from model_cards.tables import few
from model_cards.telling import rate_sentence, sentences
from model_cards.words import group_name, nouns, shown, subgroup_name, title

MOST = 6
"""Limits told in the summary; the list of limits has them all."""

_WORST_FIRST: tuple[Word, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
_OUTCOME = {
    "FAIL": "Limit broken",
    "INCONCLUSIVE": "Limit open: these data do not settle it",
    "PASS": "Limit shown to hold",
}


def summary(sources: Sources) -> tuple[Said, ...]:
    """Return what a reader who stops here should know: limits, then what else was found, then what was not."""
    told = [*_limits(sources), *_flips(sources), *_searched(sources), *_stability(sources), *_missing(sources)]
    return tuple(told)


def _said(text: Text, findings: Iterable[str] = (), anchor: str = "", verdict: Word | None = None) -> Said:
    """Return a sentence with every finding behind it: those that it shows, then the others."""
    shown_ids = [part.finding for part in text if not isinstance(part, str)]
    return Said(text=text, findings=tuple(dict.fromkeys([*shown_ids, *findings])), anchor=anchor, verdict=verdict)


def _limits(sources: Sources) -> Iterator[Said]:
    """Tell the pairs that decided the limits, broken ones first; a pair that decided several is told once."""
    entries = [entry for entry in sources.verdict.get("limits") or () if isinstance(entry, Mapping)]
    if not entries:
        yield from _without_limits(sources)
        return
    by_pair: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for entry in entries:
        worst = entry.get("worst")
        names = sorted(map(str, worst.values())) if isinstance(worst, Mapping) else []
        first = _deciding(entry, sources)
        family = (first.technique, first.measure, first.attribute) if first else (str(entry.get("text")),)
        by_pair.setdefault((*family, *names), []).append(entry)
    ranked = sorted(
        by_pair.values(), key=lambda found: min(_WORST_FIRST.index(word_of(e.get("verdict"))) for e in found)
    )
    for found in ranked[:MOST]:
        yield _limit(found, sources)
    if len(ranked) > MOST:
        yield _said(text=(f"{len(ranked) - MOST} more limits are told below, each with its number.",))


def _limit(entries: Sequence[Mapping[str, Any]], sources: Sources) -> Said:
    worst = min(entries, key=_rank)
    first, word = _deciding(worst, sources), word_of(worst.get("verdict"))
    ends = "; ".join(f"{_outcome(e)}: {limit_words(e, _deciding(e, sources))}" for e in entries)
    if first is None:
        return _said(text=(f"{ends}.",), verdict=word)
    rates = rates_of_pair(first, worst, sources)
    told: tuple[Text, list[Finding]]
    if rates and not any(map(few, rates)) and not first.details.get("bounds"):
        told = _pair(rates, str(worst["limit"]["compare"]), sources)
    else:
        told = _family_sentence(first, sources)
    text, behind = told
    return _said(
        text=(*text, f" {ends}."),
        findings=[*(f.id for f in behind), *_ids(entries)],
        anchor=heading_id(first.technique, first.measure, first.attribute),
        verdict=word,
    )


def _rank(entry: Mapping[str, Any]) -> tuple[int, bool]:
    """Which of several limits on one pair is told by its number: the one that came out worst, a difference first."""
    limit = entry.get("limit")
    difference = isinstance(limit, Mapping) and limit.get("compare") == "difference"
    return _WORST_FIRST.index(word_of(entry.get("verdict"))), not difference


def _outcome(entry: Mapping[str, Any]) -> str:
    said = _OUTCOME[word_of(entry.get("verdict"))]
    return f"{said}, and waived" if entry.get("waived") else said


def _ids(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the first finding that decided each limit: all of them stand in ``verdict.json``."""
    return [str(ids[0]) for entry in entries if (ids := entry.get("findings"))]


def _deciding(entry: Mapping[str, Any], sources: Sources) -> Finding | None:
    ids = entry.get("findings") or ()
    return sources.finding(str(ids[0])) if ids else None


def _pair(rates: tuple[Finding, Finding], compare: str, sources: Sources) -> tuple[Text, list[Finding]]:
    """Say two rates as numbers of people, and whether chance explains the difference or ratio that is limited."""
    one, other = rates
    between = _between(one, other, sources)
    ratio = between.get("ratio")
    told_as = compare if ratio is not None and ratio.group == one.group else "difference"  # else it is 1 by the ratio
    apart = next((between[kind] for kind in (told_as, "difference", "paired", "ratio") if kind in between), None)
    if apart is None:
        return rate_sentence(one, other, nouns(sources.spec)), [one, other]
    if apart.group != one.group:
        one, other = other, one
    told = rate_sentence(one, other, nouns(sources.spec))
    by_chance = chance(apart, 1 - sources.spec.statistics.level, between.get("difference"))
    return (*told, " ", *by_chance), [one, other, apart]


def _between(one: Finding, other: Finding, sources: Sources) -> dict[str, Finding]:
    """Return the findings that compare two rates, by how they compare them."""
    groups = {one.group, other.group}
    family = (one.technique, one.measure, one.attribute)
    return {
        f.comparison: f
        for f in sources.findings
        if f.comparison in ("difference", "ratio", "paired") and f.value is not None and f.interval is not None
        and (f.technique, f.measure, f.attribute) == family and {f.group, f.reference} == groups
    }  # fmt: skip


def chance(finding: Finding, alpha: float, tested: Finding | None = None) -> Text:
    """Say whether chance explains what lies between two groups, with its interval and the correction for many tries.

    ``tested`` is the comparison of the same groups that has the p-value, where the finding itself has none.
    """
    tested = tested if tested is not None and finding.p_adjusted is None else finding
    interval = finding.interval
    value: Text = (number(finding), unit_after(finding))
    if interval is None:
        return ("It comes to ", *value, ", without an interval.")
    what = "ratio" if finding.comparison == "ratio" else "difference"
    ends: Text = (f" ({100 * interval.level:g}% interval ", number(finding, "interval"), ")")
    middle = 1.0 if finding.comparison == "ratio" else 0.0
    within = interval.low <= middle and (interval.high is None or middle <= interval.high)
    if within:
        none = "1" if finding.comparison == "ratio" else "zero"
        return (f"That may be chance: the {what} is ", *value, *ends, f", and the interval includes {none}.")
    if tested.p_adjusted is None:
        return (f"The {what} is not chance: ", *value, *ends, ".")
    if tested.p_adjusted < alpha:
        return (f"The {what} is not chance: ", *value, *ends,
                ", also after correction for the number of comparisons.")  # fmt: skip
    return (f"By itself the {what} would not be chance: ", *value, *ends, "; among so many comparisons it may be "
            "(p ", number(tested, "p_adjusted", "p"), " after correction).")  # fmt: skip


def _family_of(finding: Finding, sources: Sources) -> Family:
    key = (finding.technique, finding.measure, finding.attribute)
    members = [f for f in sources.findings if (f.technique, f.measure, f.attribute) == key]
    return gather(members, sources.spec, {})[0]


def _family_sentence(finding: Finding, sources: Sources) -> tuple[Text, list[Finding]]:
    """Say the widest of a family on enough rows where the deciding pair is not one of two rates on enough rows."""
    family = _family_of(finding, sources)
    told = sentences(family, nouns(sources.spec))
    about = f"{title(shown(finding.measure, 80))} by {shown(finding.attribute, 80)}. " if finding.attribute else ""
    text: Text = (about,) if about else ()
    for sentence in told:
        text = (*text, *sentence, " ")
    if few(finding) and finding.n is not None:
        who = " against ".join(group_name(name) for name in (finding.group, finding.reference) if name)
        other = finding.n.reference
        least = "n.reference" if other is not None and other < finding.n.group else "n.group"
        text = (*text, f"What decides the limit is {who}, and stands on few rows: ", number(finding, least),
                " of one group. ")  # fmt: skip
    last = text[-1] if text else ""
    if isinstance(last, str) and last.endswith(" "):
        text = (*text[:-1], last.rstrip())
    return text, [finding]


def _without_limits(sources: Sources) -> Iterator[Said]:
    """Tell the first measure of each single attribute where no limit says which numbers matter."""
    alone = [f for f in gather(sources.findings, sources.spec, {}) if f.attribute in sources.spec.protected]
    seen: set[str] = set()
    for family in alone:
        told = sentences(family, nouns(sources.spec)) if family.attribute not in seen else []
        if told:
            seen.add(family.attribute)
            text = tuple(part for sentence in told for part in (*sentence, " "))[:-1]
            ids = tuple(dict.fromkeys(part.finding for part in text if not isinstance(part, str)))
            place = heading_id(family.technique, family.measure, family.attribute)
            yield _said(text=text, findings=ids, anchor=place)


def _flips(sources: Sources) -> Iterator[Said]:
    """Tell how often nothing but the group turns the decision, where no limit speaks of it."""
    limited = {limit.measure for limit in sources.spec.policy}
    found = [
        f for f in sources.findings
        if f.comparison == "rate" and f.reference and f.value is not None and f.group != CONTROL
        and f.measure == "flip_rate" and f.measure not in limited
    ]  # fmt: skip
    if found:
        widest = max(found, key=distance)
        text, behind = _family_sentence(widest, sources)
        place = heading_id(widest.technique, widest.measure, widest.attribute)
        yield _said(text=text[1:], findings=tuple(f.id for f in behind), anchor=place)


def _searched(sources: Sources) -> Iterator[Said]:
    """Tell what a search of subgroups that nobody named came to."""
    leads = [f for f in sources.findings if f.value is not None and "confirmed" in f.details]
    confirmed = [f for f in leads if f.details["confirmed"] is True]
    if not leads:
        return
    if not confirmed:
        text: Text = (f"A search of subgroups that nobody named suggested {len(leads)}; on other rows none of them "
                      "was confirmed.",)  # fmt: skip
        yield _said(text=text, findings=(leads[0].id,), anchor=leads[0].technique)
        return
    widest = max(confirmed, key=distance)
    text = (
        f"A search of subgroups that nobody named confirmed {len(confirmed)} on rows that it had not seen. Farthest "
        f"from all others, in {title(widest.measure).lower()}: {subgroup_name(widest.group)}, ", number(widest),
        f"{unit_after(widest)} (", number(widest, "interval"), ").",
    )  # fmt: skip
    yield _said(text=text, findings=(widest.id,), anchor=widest.technique)


def _stability(sources: Sources) -> Iterator[Said]:
    """Tell how far the verdict hangs on choices that could have been made otherwise."""
    found = [f for f in sources.findings if f.technique == "stability" and f.value is not None]
    if found:
        least = min(found, key=lambda f: f.value or 0.0)
        text: Text = (
            "Had the audit been set up otherwise, its least steady limit "
            f"({shown(least.group, 120).replace('_', ' ')}, by {shown(least.attribute, 80)}) would have got the same "
            "verdict in ", number(least), "% of the ", number(least, "n.group"), " ways that were tried.",
        )  # fmt: skip
        yield _said(text=text, findings=(least.id,), anchor="stability")


def _missing(sources: Sources) -> Iterator[Said]:
    """Tell how much was asked for and could not be measured."""
    absent = [f for f in sources.findings if f.value is None and not f.missing.startswith(SUPPRESSED)]
    if absent:
        noun = "number" if len(absent) == 1 else "numbers"
        text = (f"{len(absent):,} {noun} that the audit asked for could not be measured; none of them counts as "
                "equal.",)  # fmt: skip
        yield _said(text=text, findings=(), anchor="missing")
