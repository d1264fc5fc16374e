"""What some techniques found, told in a form of its own: alternatives, searches and remedies are no rates by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audits.findings import Finding
from model_cards import charts
from model_cards.blocks import Block, Bullets, Chart, Facts, Figures, Heading, Line, Prose, Table
from model_cards.families import distance, part_of
from model_cards.measures import bound_of, definition, heading_id
from model_cards.numbers import Text, number, unit_after
from model_cards.records import scalar
from model_cards.sources import Sources
from model_cards.tables import LONG, rows_cell, value_cell
from model_cards.words import shown, subgroup_name, title

Teller = Callable[[Sequence[Finding], Sources], list[Block]]
VERDICTS = ("FAIL", "INCONCLUSIVE", "PASS")


def stability(findings: Sequence[Finding], sources: Sources) -> list[Block]:
    """Tell each limit's verdict under every other choice that was tried, and which choices turn it."""
    words = (
        "Each limit was judged again under every combination of the choices that the spec names: other thresholds, "
        "bins, bounds, and rows drawn anew. None of these is a verdict of the audit; they show how far the verdict "
        "hangs on a choice."
    )
    blocks: list[Block] = [Prose(text=(words,))]
    lines, turned, absent = [], [], []
    for finding in findings:
        name = _limit_name(finding)
        if finding.value is None:
            absent.append((f"{name}: {shown(finding.missing, 200)}.",))
            continue
        verdict, others = str(finding.details.get("verdict", "")), finding.details.get("verdicts") or {}
        counts = tuple((number(finding, f"details.verdicts.{key}", "count"),) if key in others else ("0",)
                       for key in VERDICTS)  # fmt: skip
        same: Text = (number(finding), "%")
        lines.append(Line(name=(name,), cells=((shown(verdict, 20),), same, *counts, (number(finding, "n.group"),))))
        turned += [(name, entry) for entry in finding.details.get("alternatives") or ()
                   if isinstance(entry, Mapping) and entry.get("verdict") != verdict]  # fmt: skip
    columns = ("Limit", "Verdict", "The same in", "FAIL", "INCONCLUSIVE", "PASS", "Ways tried")
    if lines:
        blocks.append(Table(caption="Verdicts under other choices", columns=columns, lines=tuple(lines)))
    if absent:
        blocks += [Prose(text=("Not judged again:",)), Bullets(items=tuple(absent))]
    if turned:
        told = tuple(
            Line(name=(name,), cells=((_choice(one),), (shown(one.get("verdict"), 20),))) for name, one in turned
        )
        blocks.append(Table(caption="Choices under which the verdict is another one", columns=("Limit", "Choice",
                            "Verdict"), lines=told, folded=len(told) > LONG))  # fmt: skip
    return blocks


def _limit_name(finding: Finding) -> str:
    measure, colon, rest = finding.group.partition(":")
    return shown(f"{title(measure)} by {finding.attribute}{colon}{rest}", 200)


def _choice(entry: Mapping[str, Any]) -> str:
    parts = []
    for key, value in entry.items():
        if key != "verdict":
            shape = ", ".join(map(scalar, value)) if isinstance(value, list) else scalar(value)
            name = {"margin": "limit"}.get(key, key.replace("_", " "))
            parts.append(f"rows drawn anew (seed {shape})" if key == "seed" else f"{name} {shape}")
    return shown("; ".join(parts), 200)


def subgroups(findings: Sequence[Finding], sources: Sources) -> list[Block]:
    """Tell, for each measure, how many subgroups were searched, which were confirmed, and what bounds them all."""
    words = (
        "Groups that nobody named: every combination of categories that enough rows have was looked at on one half of "
        "the rows. What stood out there was then tested on the other half; only what is confirmed there counts."
    )
    blocks: list[Block] = [Prose(text=(words,))]
    names = list(dict.fromkeys(part_of(f)[1] or f.measure for f in findings))
    for measure in names:
        of_measure = [f for f in findings if (part_of(f)[1] or f.measure) == measure]
        blocks += _searched(measure, of_measure, sources)
    return blocks


def _searched(measure: str, findings: Sequence[Finding], sources: Sources) -> list[Block]:
    leads = sorted((f for f in findings if "confirmed" in f.details), key=lambda f: -distance(f))
    bound = next((f for f in findings if f.details.get("searched") is not None), None)
    check = next((f for f in findings if f.comparison == "check"), None)
    whole = next((f for f in findings if f.comparison == "whole"), None)
    one = findings[0]
    place = heading_id(one.technique, measure, one.attribute)
    blocks: list[Block] = [Heading(text=title(shown(measure, 80)), level=3, id=place)]
    if definition(measure):
        blocks.append(Prose(text=(definition(measure),)))
    if check is not None and check.value is not None:
        confirmed = sum(f.details["confirmed"] is True for f in leads)
        text: Text = (number(check), f" subgroups were searched; {len(leads)} stood out, and {confirmed} of them "
                      f"{'was' if confirmed == 1 else 'were'} confirmed on rows not searched.")  # fmt: skip
        blocks.append(Prose(text=text))
    if bound is not None and bound.value is not None:
        farthest = subgroup_name(str(bound.details.get("furthest")))
        blocks.append(Prose(text=(
            f"Of all rows, the subgroup farthest from all others is {farthest}: ",
            number(bound), unit_after(bound), " apart. As far as these rows show, no subgroup of the search is more "
            "than ", number(bound, "interval.high"), f"{unit_after(bound)} apart, all of them taken at once.",
        )))  # fmt: skip
    elif bound is None and whole is not None and whole.missing:
        blocks.append(Prose(text=(shown(whole.missing, 300),), tone="note"))
    drawn = [f for f in leads if f.value is not None]
    if drawn:
        rows = [charts.Row(subgroup_name(f.group), f, hollow=f.details["confirmed"] is not True) for f in drawn]
        words = f"{title(measure)}: each subgroup minus all others, points"
        words += "; hollow where it was not confirmed" if any(row.hollow for row in rows) else ""
        svg = charts.dots(place, words, rows, centre=0.0, bound=bound_of(sources.limits(drawn[0]), drawn[0]))
        blocks.append(Figures(charts=(Chart(name=place, svg=svg, caption=words),)))
    if leads:
        blocks.append(_leads(leads, measure))
    return blocks


def _leads(leads: Sequence[Finding], measure: str) -> Table:
    lines = []
    for lead in leads:
        sure = lead.details["confirmed"] is True
        p: Text = (number(lead, "p_adjusted", "p"),) if lead.p_adjusted is not None else ("–",)
        first = lead.details.get("difference_on_discovery_half")
        before: Text = (
            (number(lead, "details.difference_on_discovery_half", "points"),) if first is not None else ("–",)
        )
        said = "confirmed" if sure else f"not confirmed{f': {shown(lead.missing, 120)}' if lead.missing else ''}"
        cells: tuple[Text, ...] = (value_cell(lead), before, rows_cell(lead), p, (said,))
        lines.append(Line(name=(subgroup_name(lead.group),), cells=cells, tone="" if sure else "note"))
    columns = ("Subgroup", "Difference to all others, points", "On the half searched, points", "Rows",
               "p, corrected", "Outcome")  # fmt: skip
    return Table(caption=f"{title(measure)}: subgroups that stood out", columns=columns, lines=tuple(lines))


def remedies(findings: Sequence[Finding], sources: Sources) -> list[Block]:
    """Tell, for each limit, what would narrow the gap, at what cost, and which of it may itself be unlawful."""
    words = (
        "Alternatives to what was audited, each fitted on one half of the rows and measured on the other. They are "
        "proposals for people to choose from: none was chosen here, and none of these numbers is held against a limit."
    )
    blocks: list[Block] = [Prose(text=(words,))]
    caution = next((f.details["caution"] for f in findings if isinstance(f.details.get("caution"), str)), "")
    if caution:
        names = list(dict.fromkeys(part_of(f)[1] for f in findings if f.details.get("caution")))
        blocks.append(Prose(text=(f"Legal caution, for {shown(', '.join(names), 300)}: {shown(caution, 600)}.",),
                            tone="warning"))  # fmt: skip
    for aim in dict.fromkeys((f.attribute, f.group) for f in findings):
        blocks += _aim(aim, [f for f in findings if (f.attribute, f.group) == aim])
    return blocks


def _aim(aim: tuple[str, str], findings: Sequence[Finding]) -> list[Block]:
    attribute, group = aim
    place = heading_id(findings[0].technique, group, attribute)
    blocks: list[Block] = [Heading(text=shown(f"{title(group)} by {attribute}", 120), level=3, id=place)]
    log = next((f for f in findings if f.measure == "remedy_log"), None)
    if log is not None:
        blocks.append(_set_up(log))
    by_name: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        measure, name = part_of(finding)
        if name:
            by_name.setdefault(name, {})[measure] = finding
    gap = next((f for found in by_name.values() if (f := found.get("remedy_gap")) and f.value is not None), None)
    if gap is None or not gap.details.get("between"):
        said = next((str(f.details["said"]) for f in findings if f.details.get("said")), "")
        return [*blocks, Prose(text=(f"{shown(said, 200).capitalize()}.",))] if said else blocks
    lines = tuple(_alternative(name, found) for name, found in by_name.items() if found["remedy_gap"].value is not None)
    pair = " and ".join(shown(name, 60) for name in gap.details["between"])
    kind = "Ratio" if gap.unit == "ratio" else "Difference, points"
    columns = ("Alternative", f"{kind}, of {pair}", "Change of the difference, points", "Change of accuracy, points",
               "Decisions changed", f"Looks at {attribute}")  # fmt: skip
    blocks.append(Table(caption=f"{shown(title(group), 100)} by {attribute}: what it would take", columns=columns,
                        lines=lines))  # fmt: skip
    untried = [(name, found["remedy_gap"].missing) for name, found in by_name.items() if found["remedy_gap"].missing]
    if untried:
        blocks.append(Bullets(items=tuple((f"{shown(name, 80)}: {shown(why, 300)}.",) for name, why in untried)))
    return blocks


def _set_up(log: Finding) -> Facts:
    details = log.details
    target = details.get("target")
    facts: list[tuple[str, Text]] = []
    if isinstance(target, Mapping):
        side = "at least" if target.get("compare") == "ratio" else "at most"
        facts.append(("Aim", (f"a {shown(target.get('compare'), 20)} of {side} {scalar(target.get('bound'))}",)))
    facts.append(("Accuracy that may be lost", (scalar(details.get("tolerance", "none was fixed")),)))
    for key, name in (("fitted_on", "Rows fitted on"), ("measured_on", "Rows measured on")):
        if isinstance(details.get(key), int):
            facts.append((name, (number(log, f"details.{key}", "count"),)))
    small = details.get("too_small_to_fit_to")
    if isinstance(small, list) and small:
        facts.append(("Too few rows to fit to", (shown(", ".join(map(str, small)), 200),)))
    facts.append(("Chosen", ("none: which of them, and why, is for people to say",)))
    return Facts(items=tuple(facts))


def _alternative(name: str, found: Mapping[str, Finding]) -> Line:
    gap = found["remedy_gap"]
    change, accuracy = (found.get(f"remedy_{key}_change") for key in ("gap", "accuracy"))
    changed = gap.details.get("decisions_changed")
    moved: Text = (number(gap, "details.decisions_changed", "percent"), "%") if changed is not None else ("–",)
    uses = gap.details.get("uses_attribute")
    told = "yes: see the caution" if gap.details.get("caution") else "no" if uses is False else "–"
    cells: tuple[Text, ...] = (value_cell(gap), value_cell(change), value_cell(accuracy), moved, (told,))
    compared = gap.details.get("compared_with")
    beside = f" (compared with {shown(compared, 60)})" if compared and compared != "as it is" else ""
    return Line(name=(f"{shown(name, 80)}{beside}",), cells=cells)


TELLERS: dict[str, Teller] = {"stability": stability, "subgroups": subgroups, "remedies": remedies}
"""By technique. One that is not here is told measure by measure, as any new one is."""
