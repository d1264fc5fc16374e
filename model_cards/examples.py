"""Real rows beside the numbers: pairs with their changed words marked, and the tokens of a text by weight."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audits.findings import Finding
from model_cards.blocks import Block, Pair, Piece, Strip, Token
from model_cards.numbers import Text, number
from model_cards.records import scalar
from model_cards.words import LONGEST, group_name, shown, visible

MOST = 3
"""Examples shown per technique."""

TOKENS = 160
"""Tokens shown of one text."""

LONGEST_COMPARED = 20_000
"""Characters of a text that are compared word by word."""

STRONGEST = 5
"""Tokens named with their number under a text."""


def example_blocks(findings: Sequence[Finding]) -> list[Block]:
    """Return the examples that the findings of one technique carry in ``details``, at most three of each kind."""
    pairs: list[Block] = []
    strips: list[Block] = []
    for finding in sorted(findings, key=lambda f: -abs(f.value or 0.0)):
        for path, entry in _entries(finding):
            sides = _sides(entry)
            if isinstance(entry.get("tokens"), list) and len(strips) < MOST:
                strips.append(_strip(finding, path, entry))
            elif sides and len(pairs) < MOST:
                pairs.append(_pair(finding, path, entry, sides))
    return [*pairs, *strips]


def _entries(finding: Finding) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in finding.details.items():
        if isinstance(value, list):
            for at, entry in enumerate(value):
                if isinstance(entry, Mapping):
                    yield f"details.{key}.{at}", entry


def _sides(entry: Mapping[str, Any]) -> tuple[list[Piece], list[Piece]] | None:
    """Return the row before and after, what differs marked; ``None`` where the entry holds no such thing."""
    for one, other in (("text", "text_after"), ("text_reference", "text_group")):
        before, after = entry.get(one), entry.get(other)
        if isinstance(before, str) and isinstance(after, str):
            return _compared(before, after)
    text, edits, changes = entry.get("text"), entry.get("edits"), entry.get("changes")
    if isinstance(text, str) and isinstance(edits, list):
        return _compared(text, _edited(text, edits))
    if isinstance(changes, Mapping):
        return _changed(changes)
    return None


def _compared(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Mark the words that differ."""
    one, other = (re.findall(r"\s*\S+|\s+$", text[:LONGEST_COMPARED]) for text in (before, after))
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        for pieces, words in ((left, one[i:j]), (right, other[k:m])):
            text = "".join(words)
            space = text[: len(text) - len(text.lstrip())]
            if kind != "equal" and space:
                pieces.append(Piece(text=space))
            if text:
                pieces.append(Piece(text=text if kind == "equal" else text.lstrip(), changed=kind != "equal"))
    for pieces, text in ((left, before), (right, after)):
        if len(text) > LONGEST_COMPARED:
            pieces.append(Piece(text=f" … [{len(text) - LONGEST_COMPARED:,} more characters]"))
    return left, right


def _edited(text: str, edits: Sequence[Any]) -> str:
    usable = [e for e in edits if isinstance(e, Mapping) and {type(e.get("start")), type(e.get("end"))} == {int}]
    for edit in sorted(usable, key=lambda e: -e["start"]):
        text = text[: edit["start"]] + str(edit.get("new", "")) + text[edit["end"] :]
    return text


def _changed(changes: Mapping[str, Any]) -> tuple[list[Piece], list[Piece]]:
    left: list[Piece] = []
    right: list[Piece] = []
    for name, values in changes.items():
        known = values if isinstance(values, list) and len(values) == 2 else ["?", values]
        for pieces, value in zip((left, right), known, strict=True):
            pieces += [Piece(text=f"{'; ' if pieces else ''}{name} = "), Piece(text=scalar(value), changed=True)]
    return left, right


def _pair(finding: Finding, path: str, entry: Mapping[str, Any], sides: tuple[list[Piece], list[Piece]]) -> Pair:
    origin = group_name(str(entry.get("from", entry.get("reference", ""))))
    goal = group_name(str(entry.get("to", entry.get("group", ""))))
    scored = entry.get("continuation")
    more = f", scored on “{shown(scored, 120).strip()}”" if isinstance(scored, str) else ""
    return Pair(
        name=f"Row {shown(entry.get('row', '?'), 20)}: {origin} → {goal}{more}",
        before=_cut(sides[0]),
        after=_cut(sides[1]),
        outcome_before=_outcome(finding, path, entry, ("_before", "_reference")),
        outcome_after=_outcome(finding, path, entry, ("_after", "_group")),
    )


def _cut(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Keep what stands around the changes: a long stretch without change is shortened in its middle."""
    room = max(4 * LONGEST // max(len(pieces), 1), 120)
    kept = []
    for piece in pieces:
        text = piece.text
        if len(text) > room + 40:
            left_out = len(text) - room
            text = f"{text[: room // 2]} … [{left_out:,} more characters] … {text[-room // 2 :]}"
        if text:
            kept.append(Piece(text=visible(text), changed=piece.changed))
    return tuple(kept)


def _outcome(finding: Finding, path: str, entry: Mapping[str, Any], endings: tuple[str, ...]) -> Text:
    """Return what the model made of one side: the decision in words, scores as numbers."""
    told: Text = ()
    for key in sorted(entry):
        value, ending = entry[key], next((e for e in endings if key.endswith(e)), "")
        if not ending or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        name = key.removesuffix(ending).replace("_", " ")
        told = (*told, " · ") if told else told
        if name == "decision":
            told = (*told, "positive decision" if value >= 0.5 else "negative decision")
        else:
            told = (*told, f"{shown(name, 40)} ", number(finding, f"{path}.{key}", "plain"))
    return told


def _strip(finding: Finding, path: str, entry: Mapping[str, Any]) -> Strip:
    """Return a text's tokens; an entry holds ``tokens`` as [text, value], and ``terms``, places of protected words."""
    raw = [t for t in entry["tokens"] if isinstance(t, list | tuple) and len(t) == 2 and isinstance(t[1], int | float)]
    terms = entry.get("terms") if isinstance(entry.get("terms"), list) else []
    largest = max((abs(value) for _, value in raw), default=0.0) or 1.0
    tokens = [
        Token(text=shown(str(text), 40), weight=round(value / largest, 3), protected=at in set(terms or ()))
        for at, (text, value) in enumerate(raw[:TOKENS])
    ]
    if len(raw) > TOKENS:
        tokens.append(Token(text=f"… [{len(raw) - TOKENS:,} more tokens]", weight=0.0))
    name = (f"Row {shown(entry.get('row', '?'), 20)}, {group_name(finding.group)}",)
    strongest = _strongest(finding, path, raw) if len(raw) == len(entry["tokens"]) else ()
    return Strip(name=name, tokens=tuple(tokens), strongest=strongest)


def _strongest(finding: Finding, path: str, raw: Sequence[Any]) -> Text:
    """Return the tokens that weigh most, in words: what the shading says, for whoever does not see it."""
    told: Text = ()
    for at in sorted(range(len(raw)), key=lambda at: -abs(raw[at][1]))[:STRONGEST]:
        words = f"{'; ' if told else ''}“{shown(str(raw[at][0]), 40)}” "
        told = (*told, words, number(finding, f"{path}.tokens.{at}.1", "signed"))
    return told
