"""Families of findings as tables: a line per group, or a line per pair of groups."""

from __future__ import annotations

from collections.abc import Sequence

from audits.findings import MISSING_GROUP, Finding
from audits.suppression import SUPPRESSED
from model_cards.blocks import Line, Table
from model_cards.families import CONTROL, Family, distance, part_of
from model_cards.numbers import Text, form_of, number, unit_after
from model_cards.words import SMALL, group_name, shown, title

LONG = 12
"""Lines beyond which a table is folded away until it is asked for."""

MOST_PAIRS = 100
"""Pairs of groups in one table; of more, the widest are told, and all of them stand in ``findings.json``."""


BY_CHANCE = ("By chance alone", "p")
"""Columns of a number that lies above parity by chance already."""

COMPARED = {"difference": "Difference", "ratio": "Ratio", "paired": "Difference on the same rows", "gap": "Gap"}
"""How a comparison between groups is headed; a rate or a mean between groups is headed by its measure."""


def pair_name(finding: Finding) -> str:
    """Return "Black vs white"; the control edit and unnamed pairs by what they are."""
    if finding.group == CONTROL:
        return "control edit"
    if not finding.reference:
        return group_name(finding.group) if finding.group else title(finding.measure)
    between = "↔" if finding.comparison == "rate" else "vs"
    return f"{group_name(finding.group)} {between} {group_name(finding.reference)}"


def few(finding: Finding) -> bool:
    """Whether a number stands on few rows."""
    return finding.n is not None and min(finding.n.group, finding.n.reference or finding.n.group) < SMALL


def value_cell(finding: Finding | None, *, unit: bool = False) -> Text:
    """Return value and interval, "not measured", or nothing where the finding was not asked for."""
    if finding is None:
        return ("–",)
    if finding.value is None:
        return (SUPPRESSED if finding.missing.startswith(SUPPRESSED) else "not measured",)
    cell: Text = (number(finding), unit_after(finding)) if unit else (number(finding),)
    return (*cell, " (", number(finding, "interval"), ")") if finding.interval else cell


def chance_cells(finding: Finding) -> tuple[Text, Text]:
    """Return what chance alone makes of a number, and its p-value."""
    told: Text = ("–",)
    if finding.details.get("by_chance") is not None:
        told = (number(finding, "details.by_chance", form_of(finding)),)
    return told, (number(finding, "p", "p"),) if finding.p is not None else ("–",)


def rows_cell(finding: Finding | None) -> Text:
    """Return the rows that a number stands on."""
    if finding is None or finding.n is None:
        return ("–",)
    cell: Text = (number(finding, "n.group"),)
    if finding.n.reference is not None:
        cell = (*cell, " and ", number(finding, "n.reference"))
    return (*cell, "\u00a0(few)") if few(finding) else cell


def group_table(family: Family, caption: str, *, folded: bool = False) -> Table:
    """Return a line per group: its own number, the rows, and how it compares with the reference."""
    reference = family.reference
    against = {
        comparison: {f.group: f for f in family.compared(comparison) if f.reference == reference}
        for comparison in family.comparisons
        if comparison != "rate"
    }
    columns = [title(family.attribute) or "Group", headed(family.own[0], title(family.measure)), "Rows"]
    columns += [headed(next(iter(found.values())), f"{COMPARED.get(name, title(name))} to {group_name(reference)}")
                for name, found in against.items() if found]  # fmt: skip
    beside = any(f.details.get("by_chance") is not None for f in family.own)
    columns += BY_CHANCE if beside else ()
    lines = []
    for own in family.own:
        is_reference = own.group == reference and reference != ""
        name = f"{group_name(own.group)} (reference)" if is_reference else group_name(own.group)
        cells = [value_cell(own), rows_cell(own)]
        absent: Text = ("reference",) if is_reference else ("not compared",) if own.group == MISSING_GROUP else ("–",)
        cells += [value_cell(found[own.group]) if own.group in found else absent for found in against.values() if found]
        cells += chance_cells(own) if beside else ()
        lines.append(Line(name=(name,), cells=tuple(cells), tone="note" if few(own) or own.value is None else ""))
    return Table(caption=caption, columns=tuple(columns), lines=tuple(lines), folded=folded or len(lines) > LONG)


def pair_table(findings: Sequence[Finding], caption: str, *, folded: bool = False) -> Table:
    """Return a line per pair of groups, its comparisons side by side; of very many pairs the widest."""
    comparisons = list(dict.fromkeys(f.comparison for f in findings))
    by_pair: dict[tuple[str, str], dict[str, Finding]] = {}
    for finding in findings:
        by_pair.setdefault((finding.group, finding.reference), {})[finding.comparison] = finding
    if len(by_pair) > MOST_PAIRS:
        caption += f" (the {MOST_PAIRS} widest of {len(by_pair):,}; findings.json has all)"
        by_pair = _widest(by_pair)
    first = {c: next(f for f in findings if f.comparison == c) for c in comparisons}
    heads = {c: headed(first[c], COMPARED.get(c) or title(first[c].measure)) for c in comparisons}
    beside = any(f.details.get("by_chance") is not None for f in findings)
    lines = []
    for found in by_pair.values():
        one = next(iter(found.values()))
        cells = [value_cell(found.get(comparison)) for comparison in comparisons]
        cells += [*(chance_cells(one) if beside else ()), rows_cell(one)]
        weak = few(one) or one.value is None
        lines.append(Line(name=(pair_name(one),), cells=tuple(cells), tone="note" if weak else ""))
    columns = ("Groups", *heads.values(), *(BY_CHANCE if beside else ()), "Rows")
    return Table(caption=caption, columns=columns, lines=tuple(lines), folded=folded or len(lines) > LONG)


def _widest(by_pair: dict[tuple[str, str], dict[str, Finding]]) -> dict[tuple[str, str], dict[str, Finding]]:
    """Keep the pairs farthest apart, those of many rows first, in their order."""

    def rank(pair: tuple[str, str]) -> tuple[bool, float]:
        one = next(iter(by_pair[pair].values()))
        return few(one) or one.value is None, -distance(one)

    kept = set(sorted(by_pair, key=rank)[:MOST_PAIRS])
    return {pair: found for pair, found in by_pair.items() if pair in kept}


def part_table(parts: Sequence[Finding], caption: str, *, folded: bool = False) -> Table:
    """Return a line per part of a whole, the largest first."""
    ordered = sorted(parts, key=lambda f: -abs(f.value or 0.0))
    lines = [Line(name=(shown(part_of(f)[1], 80),), cells=(value_cell(f), rows_cell(f))) for f in ordered]
    columns = ("Part", headed(ordered[0], title(part_of(ordered[0])[0])), "Rows")
    return Table(caption=caption, columns=columns, lines=tuple(lines), folded=folded or len(lines) > LONG)


def check_table(checks: Sequence[Finding], caption: str) -> Table:
    """Return a technique's own quality figures."""
    lines = []
    for check in checks:
        about = [title(check.measure), check.attribute, pair_name(check) if check.group or check.reference else ""]
        name = ", ".join(shown(part, 80) for part in about if part)
        lines.append(Line(name=(name,), cells=(value_cell(check, unit=True), rows_cell(check))))
    return Table(caption=caption, columns=("Check", "Value", "Rows"), lines=tuple(lines), folded=len(lines) > LONG)


def headed(finding: Finding, words: str) -> str:
    """Return a column's heading with its unit: "Selection rate, %"."""
    form = form_of(finding)
    unit = {"percent": "%", "points": "points", "ratio": ""}.get(form, finding.unit if finding.unit != "ratio" else "")
    return f"{words}, {unit}" if unit and unit != words else words
