"""Texts in which the words of one group are exchanged for those of another, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audits.counterfactuals import Version, counterfactual
from audits.errors import SpecError
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP
from audits.lexicons import Lexicon, Mention, lexicon_of, read_lexicon
from audits.rewriting import choose_form, quotation, rewrite

Replacement = tuple[Mention, str, bool]


@dataclass(frozen=True)
class Reading:
    """What a text says of one attribute: the row's group, the places; ``obstacle`` where nothing can be changed."""

    group: str
    mentions: tuple[Mention, ...] = ()
    obstacle: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """One attribute: its words, the groups a row can be given, each row's group (``None``: the text tells)."""

    attribute: str
    lexicon: Lexicon
    groups: tuple[str, ...]
    of_rows: NDArray[np.str_] | None

    def read(self, at: int, text: str, after: str = "") -> Reading:
        """Return what the text of the row at position ``at`` says; ``after`` goes on where the text ends."""
        mentions = tuple(mention for mention in self.lexicon.mentions(text + after) if mention.end <= len(text))
        said = {mention.group: text[mention.start : mention.end] for mention in reversed(mentions)}
        group = next(reversed(said), MISSING_GROUP) if self.of_rows is None else str(self.of_rows[at])
        return Reading(group, mentions, self._obstacle(group, text, mentions, said))

    def _obstacle(self, group: str, text: str, mentions: Sequence[Mention], said: dict[str, str]) -> str:
        quoted = [text[mention.start : mention.end] for mention in mentions if quotation(text, mention)]
        if group == MISSING_GROUP and self.of_rows is not None:
            return f"the row's {self.attribute} is not known"
        if not said:
            return f"the text has no word of {self.attribute}"
        if len(said) > 1:
            words = " and ".join(f"{name} ({word!r})" for name, word in reversed(said.items()))
            return f"the text speaks of more than one {self.attribute}: {words}"
        (told, word), *_ = said.items()
        if self.lexicon.group_of(group) != told:
            return f"the row is {group}, but the text says {word!r} ({told})"
        if (fits_one := self.lexicon.blocking(text)) is not None:
            return f"the text says {fits_one!r}, which fits one group only"
        return f"{quoted[0]!r} stands in a quotation" if quoted else ""

    def replacements(self, text: str, reading: Reading, group: str) -> tuple[list[Replacement], list[str], str]:
        """Return what to write for ``group``, the guesses made, and why it cannot be written (or nothing).

        ``text`` is read with what follows it: ``it is her`` before ``job`` is not the ``her`` of ``it is her.``
        """
        target = self.lexicon.group_of(group)
        if target is None:
            return [], [], f"there are no words for {group} in the lexicon {self.lexicon.name}"
        made: list[Replacement] = []
        guesses: list[str] = []
        for mention in reading.mentions:
            form, guess = choose_form(text, mention)
            old = text[mention.start : mention.end]
            if target == mention.group:
                return [], [], f"{reading.group} and {group} have the same words"
            if target not in form.words:
                return [], [], f"there is no word for {old!r} that says {group}"
            made.append((mention, form.words[target][0], form.plural))
            guesses += [f"{old!r} read as {form.name}"] if guess else []
        return made, guesses, ""


@dataclass(frozen=True, eq=False)
class Row:
    """One row: where it is, its text, and what the text says of each attribute (read once)."""

    at: int
    row: int
    text: str
    continuation: str | None
    parts: tuple[Part, ...]

    @property
    def whole(self) -> str:
        """The text and what a language model scores after it."""
        return self.text + (self.continuation or "")

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """What the text says, by attribute."""
        return {part.attribute: part.read(self.at, self.text, self.continuation or "") for part in self.parts}

    def version(self, parts: Sequence[Part], groups: Sequence[str]) -> Version:
        """Return the row with each part's attribute set to its group (an intersection where there are several)."""
        own = [self.readings[part.attribute] for part in parts]
        known = all(reading.group != MISSING_GROUP for reading in own)
        made: list[Replacement] = []
        guesses: list[str] = []
        reason = ""
        for part, reading, group in zip(parts, own, groups, strict=True):
            if reading.group != group and not reason:
                new, guessed, reason = (
                    ([], [], reading.obstacle) if reading.obstacle else part.replacements(self.whole, reading, group)
                )
                made, guesses = made + new, guesses + guessed
        if not reason and _overlap(made):
            reason = "one word says both attributes"
        text, edits = (None, ()) if reason else rewrite(self.text, made)
        return Version(
            row=self.row,
            counterfactual="swap",
            attribute="×".join(part.attribute for part in parts),
            from_group=" × ".join(reading.group for reading in own) if known else MISSING_GROUP,
            to_group=" × ".join(groups),
            text=text,
            continuation=self.continuation,
            edits=edits,
            status="refused" if reason else "edited",
            reason=reason or ("ambiguous: " + ", ".join(guesses) if guesses else ""),
        )

    def control(self, words: int) -> Version:
        """Return the row with up to ``words`` neutral words exchanged for others that mean the same.

        Which ones turns with the row's number, so that the control does not hang on one word of a template. Of a
        pair that means the same one way only (``but`` is ``yet``, ``not yet`` is not ``not but``), the first is.
        """
        neutral = read_lexicon("neutral")
        taken = [mention for reading in self.readings.values() for mention in reading.mentions]
        free = [
            m
            for m in neutral.mentions(self.whole)
            if m.end <= len(self.text)
            and not any(m.start < t.end and t.start < m.end for t in taken)
            and (m.group == "a" or m.forms[0].name != "one way")
        ]
        turn = self.row % len(free) if free else 0
        chosen = (free[turn:] + free[:turn])[:words]
        pick = [(m, m.forms[0].words["b" if m.group == "a" else "a"][0], m.forms[0].plural) for m in chosen]
        text, edits = rewrite(self.text, pick) if pick else (None, ())
        return Version(
            row=self.row,
            counterfactual="swap",
            attribute="",
            kind="control",
            from_group="(control)",
            to_group="(control)",
            text=text,
            continuation=self.continuation,
            edits=edits,
            status="edited" if pick else "refused",
            reason="" if pick else "the text has no neutral word with another that means the same",
        )


def _overlap(replacements: Sequence[Replacement]) -> bool:
    spans = sorted((mention.start, mention.end) for mention, _, _ in replacements)
    return any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))


def parts_of(evidence: Evidence, attributes: Sequence[str] | None) -> tuple[Part, ...]:
    """Return the attributes that a text swap can change.

    Args:
        evidence: the rows and slices.
        attributes: names; ``None`` for every protected attribute that has words.

    Raises:
        SpecError: a named attribute, or every attribute, has no words.
    """
    parts = []
    for name in evidence.spec.protected if attributes is None else attributes:
        if name not in evidence.spec.protected:
            known = ", ".join(evidence.spec.protected)
            raise SpecError(f"swap: got attribute {name!r}, expected one of {known}", "name it under protected")
        protected = evidence.spec.protected[name]
        lexicon = lexicon_of(name, protected)
        if lexicon is not None:
            codes, names = evidence.codes(name) if protected.sliced else (None, lexicon.groups)
            of_rows = None if codes is None else np.array(names, object)[codes]
            parts.append(Part(name, lexicon, tuple(group for group in names if group != MISSING_GROUP), of_rows))
        elif attributes is not None:
            raise SpecError(f"swap: no words are known for {name!r}", f"list them under protected.{name}.terms")
    if not parts:
        raise SpecError("swap: no protected attribute has words to exchange", "list them under protected.….terms")
    return tuple(parts)


@counterfactual(
    source="Lu et al. 2020, Gender Bias in Neural NLP (CDA); Garg et al. 2019, Counterfactual Fairness in Text "
    "Classification through Robustness",
    kinds={"text-classifier", "causal-lm", "python"},
)
def swap(
    evidence: Evidence, *, attributes: list[str] | None = None, control: bool = True, intersections: bool = False
) -> Iterator[Version]:
    """Exchange the words of one group for those of another, in texts.

    Every word of the attribute in a row's text is replaced at once by the other group's word of the same form
    (whole words, the longest that fits; capitals, articles, pronouns and possessives kept right). A row is
    refused, with the reason, whose group is not known, whose text names no group, two groups or another group
    than the row's, or says what fits one group only. Swapping twice gives the text back, where its words are
    unambiguous and each is the one that its group's list writes in.

    Args:
        evidence: rows (with texts) and slices.
        attributes: protected attributes to change; default all that have words.
        control: also exchange as many neutral words of each edited row for others that mean the same, so that
            the effect of editing as such is known.
        intersections: also change two attributes at once (``race×sex``).
    """
    parts = parts_of(evidence, attributes)
    rows = zip(*(evidence.rows[name].to_pylist() for name in ("row", "text", "continuation")), strict=True)
    for at, (number, text, continuation) in enumerate(rows):
        row = Row(at, number, text or "", continuation, parts)
        versions = list(_versions(row, intersections))
        yield from versions
        longest = max((len(version.edits) for version in versions), default=0)
        if control and longest:
            yield row.control(longest)


def _versions(row: Row, intersections: bool) -> Iterator[Version]:
    sets = [(part,) for part in row.parts] + (list(itertools.combinations(row.parts, 2)) if intersections else [])
    for parts in sets:
        own = tuple(row.readings[part.attribute].group for part in parts)
        for groups in itertools.product(*(part.groups for part in parts)):
            if groups != own:
                yield row.version(parts, groups)
