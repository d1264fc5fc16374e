"""What changed between two artifacts, told to people: as text, and as Markdown that fits a pull-request comment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from audits.differing import Change, DiffReport, Ruled, Side
from audits.findings import Finding, Frozen
from audits.moves import Figure, Move
from model_cards.numbers import MINUS, form_of, unit_after, written
from model_cards.words import group_name, shown, title

SAMPLES = {
    "same rows": "Both audits stand on the same rows: their numbers are not independent, so no p-value is given.",
    "same table": "The rows are from one table, and some may be in both audits: no p-value is given.",
    "other rows": "A p-value holds if nobody is in both sets of rows; it is adjusted (Holm) for all that moved.",
}
MOST_MOVES = 10
"""Moves that are told at once."""
MOST_FOLDED = 60
"""Moves and changes of each kind that a comment holds, folded; the rest is counted."""
_PARTS = ("about", "data", "model", "policy", "spec", "versions")


class Changed(Frozen):
    """A report in words, part by part, for a page that lays it out itself.

    ``limits`` of which the verdict changed: limit, before, after, why · ``parts`` that changed: name, how many, the
    first of them · ``moves``, the largest first: number, before, after, change, more than chance · ``note`` on chance.
    """

    headline: str
    same: bool
    limits: tuple[tuple[str, str, str, str], ...]
    kept: int
    parts: tuple[tuple[str, int, tuple[str, ...]], ...]
    numbers: str
    moves: tuple[tuple[str, str, str, str, str], ...]
    moved: int
    note: str


def in_words(report: DiffReport) -> Changed:
    """Return the report in words, part by part."""
    changed = [one for one in report.limits if one.changed]
    parts = {part: getattr(report, part) for part in _PARTS if getattr(report, part)}
    return Changed(
        headline=_headline(report),
        same=report.same,
        limits=tuple(
            (shown(one.limit, 200), one.before or "not set", one.after or "not set", shown(one.reason, 400))
            for one in changed[:MOST_FOLDED]
        ),
        kept=len(report.limits) - len(changed),
        parts=tuple((name, len(held), tuple(map(_change, held[:MOST_MOVES]))) for name, held in parts.items()),
        numbers=_counts(report),
        moves=tuple(
            (_what(move), _figure(move, move.before), _figure(move, move.after), _step(move), _chance(move))
            for move in report.moves[:MOST_MOVES]
        ),
        moved=len(report.moves),
        note=SAMPLES[report.samples],
    )


def to_text(report: DiffReport) -> str:
    """Return the report for a terminal."""
    lines = [f"{_name(report)}", f"verdict   {_headline(report)}"]
    if report.same:
        return "\n".join([*lines, f"nothing changed: {report.unchanged:,} numbers are the same"]) + "\n"
    for limit in report.limits:
        lines.append(f"  {_word(limit)}  {shown(limit.limit, 200)}")
        lines += [f"    {shown(limit.reason, 400)}"] if limit.changed else []
    for part in _PARTS:
        changes = getattr(report, part)
        lines += [f"{part:<9} {len(changes)} changed"] if changes else []
        lines += [f"  {_change(change)}" for change in changes[:MOST_MOVES]]
        lines += _rest(len(changes) - MOST_MOVES)
    lines.append(f"numbers   {_counts(report)}")
    lines += [f"  {what}: {how}" for what, how in map(_move, report.moves[:MOST_MOVES])]
    lines += _rest(len(report.moves) - MOST_MOVES)
    if report.moves:
        lines.append(f"  {SAMPLES[report.samples]}")
    return "\n".join(lines) + "\n"


def to_markdown(report: DiffReport) -> str:
    """Return the report as a comment: what matters in sight, the rest folded, every value escaped."""
    from model_cards.render import escape_markdown as safe

    lines = [f"### {safe(_name(report))}", "", f"**Verdict: {_headline(report)}**"]
    if report.same:
        return "\n".join([*lines, "", f"Nothing changed: {report.unchanged:,} numbers are the same."]) + "\n"
    lines += _limits_table(report.limits, safe)
    changed = [f"{part} ({len(getattr(report, part))})" for part in _PARTS if getattr(report, part)]
    lines += ["", f"Changed: {', '.join(changed) if changed else 'nothing but numbers'}. Numbers: {_counts(report)}."]
    if report.moves:
        lines += ["", *_moves_table(report.moves[:MOST_MOVES], safe), "", SAMPLES[report.samples]]
    lines += _folded("More numbers that moved", _moves_table(report.moves[MOST_MOVES:][:MOST_FOLDED], safe),
                     len(report.moves) - MOST_MOVES - MOST_FOLDED)  # fmt: skip
    for part in _PARTS:
        told = [f"- {safe(_change(change))}" for change in getattr(report, part)[:MOST_FOLDED]]
        lines += _folded(f"Changes of {part}", told, len(getattr(report, part)) - MOST_FOLDED)
    return "\n".join(lines) + "\n"


def _limits_table(limits: Sequence[Ruled], safe: Callable[[Any], str]) -> list[str]:
    """Return the limits whose verdict changed in sight; of the others only how many there are."""
    changed = [limit for limit in limits if limit.changed]
    lines: list[str] = []
    if changed:
        lines += ["", "| Limit | Before | After | Why |", "|---|---|---|---|"]
        for one in changed[:MOST_FOLDED]:
            words = (shown(one.limit, 200), one.before or "not set", one.after or "not set", shown(one.reason, 400))
            lines.append(f"| {' | '.join(map(safe, words))} |")
    kept = len(limits) - len(changed)
    return [*lines, "", f"{kept} of {len(limits)} limits have the verdict they had."] if limits else lines


def _moves_table(moves: Sequence[Move], safe: Callable[[Any], str]) -> list[str]:
    if not moves:
        return []
    lines = ["| Number | Before | After | Change | More than chance |", "|---|---|---|---|---|"]
    for move in moves:
        words = (_what(move), _figure(move, move.before), _figure(move, move.after), _step(move), _chance(move) or "–")
        lines.append(f"| {' | '.join(map(safe, words))} |")
    return lines


def _folded(summary: str, lines: list[str], more: int) -> list[str]:
    if not lines:
        return []
    return ["", f"<details><summary>{summary}</summary>", "", *lines, "", *_rest(more), "</details>"]


def _rest(more: int) -> list[str]:
    return [f"  and {more:,} more; evenhand diff --json has all of them"] if more > 0 else []


def _name(report: DiffReport) -> str:
    one, two = report.before, report.after
    audit = shown(two.audit if one.audit == two.audit else f"{one.audit} → {two.audit}", 170)
    return f"{audit}: {_when(one)} → {_when(two)}"


def _when(side: Side) -> str:
    return f"{side.ended[:16].replace('T', ' ')} UTC ({side.digest[:12]})"


def _headline(report: DiffReport) -> str:
    before, after = report.before.verdict, report.after.verdict
    return f"{after}, as before" if before == after else f"{before} → {after}"


def _from_to(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _word(limit: Ruled) -> str:
    return _from_to(limit.before or "not set", limit.after or "not set")


def _counts(report: DiffReport) -> str:
    beyond = sum(bool(move.beyond_chance) for move in report.moves)
    shown_beyond = f" ({beyond:,} by more than chance allows)" if report.samples == "other rows" else ""
    moved = f"{len(report.moves):,} moved{shown_beyond}"
    return f"{report.unchanged:,} the same, {moved}, {len(report.added):,} new, {len(report.gone):,} gone"


def _change(change: Change) -> str:
    return f"{shown(change.what, 160)}: {_value(change.before)} → {_value(change.after)}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = shown(value, 160)
    return text[:12] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text


def _move(move: Move) -> tuple[str, str]:
    numbers = f"{_figure(move, move.before)} → {_figure(move, move.after)}"
    return _what(move), "; ".join(part for part in (numbers, _step(move), _chance(move)) if part)


def _what(move: Move) -> str:
    who = " vs ".join(group_name(name) for name in (move.group, move.reference) if name)
    about = f"{shown(move.attribute, 80)}: {who}" if who else shown(move.attribute, 80)
    name = title(shown(move.measure, 80))
    kind = "" if move.comparison == "rate" or name.endswith(f" {move.comparison}") else f" {move.comparison}"
    return f"{name}{kind}{f', {about}' if about else ''}"


def _form(move: Move) -> tuple[Any, str]:
    """Return how the card writes such a number, and the unit after it."""
    like = Finding.model_construct(comparison=move.comparison, unit=move.unit, reference=move.reference)
    return form_of(like), shown(unit_after(like), 40)


def _figure(move: Move, figure: Figure) -> str:
    if figure.value is None:
        return f"not measurable ({shown(figure.missing, 160)})"
    form, unit = _form(move)
    told = f"{written(form, figure.value)}{unit}"
    if figure.low is None:
        return told
    return f"{told} [{written(form, {'low': figure.low, 'high': figure.high})}]"


def _step(move: Move) -> str:
    """Return the change: in points for shares, as a factor for ratios."""
    before, after = move.before.value, move.after.value
    if before is None or after is None:
        return ""
    form, unit = _form(move)
    if form == "ratio":
        return f"× {after / before:.2f}" if before > 0 else ""
    form, unit = {"percent": ("points", " points"), "plain": ("signed", unit)}.get(form, (form, unit))
    text = written(form, after - before)
    return f"{text}{unit}" if text[:1] in f"+{MINUS}" else ""


def _chance(move: Move) -> str:
    """Return whether the change is more than chance allows; empty where that cannot be said."""
    if move.p_adjusted is None:
        return ""
    p = written("p", move.p_adjusted)
    told = f"p {p}" if p.startswith("<") else f"p = {p}"
    return f"yes, {told}" if move.beyond_chance else f"not shown, {told}"
