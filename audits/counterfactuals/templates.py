"""Prompt templates whose slots are filled once for each group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audits.counterfactuals import Edit, Version, counterfactual
from audits.errors import SpecError, nearest
from audits.evidence import Evidence
from audits.inputs import SLOT, slots
from audits.rewriting import apply

Words = Mapping[str, Sequence[str]]


@counterfactual(
    source="Kurita et al. 2019, Measuring Bias in Contextualized Word Representations; Tamkin et al. 2023, Evaluating "
    "and Mitigating Discrimination in Language Model Decisions (arXiv:2312.03689)",
    kinds={"causal-lm"},
)
def templates(evidence: Evidence, *, attribute: str, fill: dict[str, dict[str, list[str]]]) -> Iterator[Version]:
    """Fill the slots of prompt templates with the words of each group, filling i of one with filling i of the other.

    A row's text is a template: ``Once upon a time there was a {boy_girl} named {name}. {He} wanted to be``; a slot
    written with a capital is filled with one. A slot with one word is the same in every filling, one with several
    makes as many fillings; the words of two groups are paired by position. The continuation stays the row's own.

    Args:
        evidence: rows with templates as texts, and continuations.
        attribute: the protected attribute that the slots say.
        fill: group → slot → words.
    """
    reference = _checked(evidence, attribute, fill)
    rows = zip(*(evidence.rows[name].to_pylist() for name in ("row", "text", "continuation")), strict=True)
    for row, text, continuation in rows:
        used = [slot for slot in slots(text or "") if _word(fill[reference], slot, 0) is not None]
        fillings = max((len(words[_key(words, slot)]) for words in fill.values() for slot in used), default=1)
        for group, words in fill.items():
            reason = _refusal(text or "", continuation or "", words)
            for filling in range(1 if reason else fillings):
                edits = () if reason else _edits(text, words, filling)
                yield Version(
                    row=row,
                    counterfactual="templates",
                    attribute=attribute,
                    from_group=reference,
                    to_group=group,
                    text=None if reason else apply(text, edits),
                    continuation=continuation,
                    edits=edits,
                    filling=None if reason else filling,
                    status="refused" if reason else "edited",
                    reason=reason,
                )


def _checked(evidence: Evidence, attribute: str, fill: Mapping[str, Words]) -> str:
    """Check the options against the spec and each other; return the reference group."""
    if attribute not in evidence.spec.protected:
        raise SpecError(f"templates: got attribute {attribute!r}", nearest(attribute, evidence.spec.protected))
    if len(fill) < 2:
        raise SpecError(f"templates: got fill for {len(fill)} groups, expected at least two", "list words per group")
    first, *others = fill
    for group in others:
        if set(fill[group]) != set(fill[first]):
            odd = sorted(set(fill[group]) ^ set(fill[first]))[0]
            raise SpecError(f"templates: got slot {odd!r} for one of {first} and {group} only", "fill it for both")
    for slot in fill[first]:
        lengths = {group: len(fill[group][slot]) for group in fill}
        if len(set(lengths.values())) > 1 or not min(lengths.values()):
            raise SpecError(
                f"templates: got {lengths} words for slot {slot!r}, expected as many for every group",
                "words are paired by position",
            )
    lengths_over_one = {len(words) for slots_ in fill.values() for words in slots_.values()} - {1}
    if len(lengths_over_one) > 1:
        raise SpecError(
            f"templates: got slots with {sorted(lengths_over_one)} words, expected one number", "or a single word"
        )
    named = evidence.spec.protected[attribute].reference
    return named if named in fill else first


def _key(words: Words, slot: str) -> str:
    return slot if slot in words else slot[:1].lower() + slot[1:]


def _word(words: Words, slot: str, filling: int) -> str | None:
    """Return the word for a slot, with the slot's own capital, or ``None`` where it has none."""
    key = _key(words, slot)
    if key not in words:
        return None
    word = words[key][filling % len(words[key])]
    return word if key == slot else word[:1].upper() + word[1:]


def _refusal(text: str, continuation: str, words: Words) -> str:
    empty = [slot for slot in slots(text) if _word(words, slot, 0) is None]
    if empty:
        return f"slot {{{empty[0]}}} has no words"
    if not slots(text):
        return "the text has no slot"
    if slots(continuation):
        return "the continuation has a slot: it must be the same for every group"
    return "" if continuation else "the row has no continuation to score"


def _edits(text: str, words: Words, filling: int) -> tuple[Edit, ...]:
    return tuple(
        Edit(start=found.start(), end=found.end(), old=found.group(), new=_word(words, found.group(1), filling) or "")
        for found in SLOT.finditer(text)
    )
