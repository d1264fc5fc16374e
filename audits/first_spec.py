"""A first spec from a table: what its columns probably are, why, and what only a person can answer.

Every guess stands in the spec with its reason as a comment; a comment that begins with ``?`` asks, and says what was
taken for an answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audits import first_groups, first_outcome
from audits.column_roles import Guess, described, guesses
from audits.findings import Frozen
from audits.first_groups import Attribute
from audits.first_outcome import Outcome, Values, fits
from audits.spec_notes import Notes, listed, scalar

if TYPE_CHECKING:
    import polars as pl

MOST_CROSSED = 40
"""Groups of two attributes together up to which they are crossed."""


class FirstSpec(Frozen):
    """The spec as text, the questions that it asks, and why no valid spec is possible (empty where one is)."""

    text: str
    questions: tuple[str, ...]
    obstacle: str = ""


def first_spec(table: pl.DataFrame, source: str, *, name: str, model: str | None = None) -> FirstSpec:
    """Return a first spec.

    Args:
        table: the data.
        source: what ``data.source`` shall say.
        name: of the audit.
        model: what ``model.uri`` shall say; ``None`` where the decisions in the data are audited.
    """
    found = guesses(described(table))
    outcome = first_outcome.choose(found, model is not None)
    found = first_outcome.tell_the_outcome(found, outcome, table)
    outcome = first_outcome.choose(found, model is not None)
    found = [guess for guess in found if guess.role != "feature" or guess.column.name not in outcome.names]
    texts = [guess for guess in found if guess.role == "text"]
    text = max(texts, key=lambda guess: guess.column.words, default=None)
    kind = _kind(model, text) if model is not None else ""
    reads = kind == "text-classifier" or (kind == "python" and text is not None)
    chosen = first_groups.attributes(found, table)
    values = first_outcome.values_of(outcome)
    notes = Notes()
    _head(notes, table, source, name, outcome, kind)
    notes.add("\ndata:")
    notes.add(f"  source: {scalar(source)}")
    first_outcome.write(notes, table, outcome, values, model is not None)
    _beside(notes, found, text, kind)
    if not reads:
        _features(notes, found, bool(kind))
    _absent(notes, found, text)
    by_words = ("sex", "race", "religion") if reads else ()
    active = first_groups.write(notes, chosen, by_words)
    if not active and text is not None and not model:
        notes.note("a model that reads the texts can be audited by the words in them: evenhand init DATA --model URI")
    crossed = math.prod(sorted(one.groups for one in active)[-2:])
    if len(active) > 1 and 0 < crossed <= MOST_CROSSED:
        notes.add("intersections: 2", "every pair of attributes too")
    if model is not None:
        _model(notes, model, kind)
    _rules(notes, active, outcome, values, kind, reads)
    return FirstSpec(text=notes.text, questions=tuple(notes.questions), obstacle=_obstacle(active, outcome, kind))


def _kind(model: str, text: Guess | None) -> str:
    if re.search(r"\.py:[A-Za-z_]\w*$", model):
        return "python"
    return "text-classifier" if text is not None else "tabular"


def _head(notes: Notes, table: pl.DataFrame, source: str, name: str, outcome: Outcome, kind: str) -> None:
    size = f"{table.height:,} rows, {table.width} columns"
    shown = source.rpartition("/")[2]
    notes.note(f"A first spec of {shown} ({size}), written by evenhand init from names and values alone.", 0)
    notes.note("A comment that begins with ? asks what only you can know, and says what was taken for the answer.", 0)
    notes.note("evenhand plan <this file> says what would run and what cannot be answered; evenhand run runs it.", 0)
    notes.add(f"audit: {name}")
    notes.ask("which question shall the audit answer, in one sentence?", "the next line", 0)
    if kind or outcome.audited or outcome.label is None:
        question = f"{'Does the model' if kind else 'Do the decisions'} treat every group alike?"
    else:
        question = f"Is {outcome.label.column.name} as often good for every group?"
    notes.add(f"question: {question if ': ' not in question and ' #' not in question else scalar(question)}")


def _beside(notes: Notes, found: Sequence[Guess], text: Guess | None, kind: str) -> None:
    """Write weight, cluster and text."""
    for role, question in (
        ("weight", "shall rates be weighted by it?"),
        ("cluster", "do rows of one belong together?"),
    ):
        for at, guess in enumerate(one for one in found if one.role == role):
            if not at:
                notes.ask(f"{guess.column.name}: {question}", "yes")
            notes.add(f"  {'# ' if at else ''}{role}: {scalar(guess.column.name)}", guess.why)
    if text is not None:
        reads = kind in ("text-classifier", "python")
        why = text.why if reads else f"{text.why}; only a text model reads it"
        notes.add(f"  {'' if reads else '# '}text: {scalar(text.column.name)}", why)


def _features(notes: Notes, found: Sequence[Guess], read: bool) -> None:
    names = [guess.column.name for guess in found if guess.role == "feature"]
    if not names:
        return
    if read:
        notes.ask("which columns does the model read, in which order? Protected ones too?", "these, none protected")
    else:
        notes.note("what a tabular model might read:")
    notes.add(f"  {'' if read else '# '}features: {listed(names)}")


def _absent(notes: Notes, found: Sequence[Guess], text: Guess | None) -> None:
    """Say of every other column why it is left out."""
    reasons: dict[str, list[str]] = {}
    for guess in found:
        if guess.role == "left out":
            reasons.setdefault(guess.why, []).append(guess.column.name)
        elif guess.role == "text" and guess is not text:
            reasons.setdefault("free text beside the one above", []).append(guess.column.name)
    for why, names in reasons.items():
        notes.note(f"left out: {', '.join(names)}: {why}")


def _model(notes: Notes, model: str, kind: str) -> None:
    notes.add("\nmodel:")
    notes.ask("what does the model read and answer?", kind)
    notes.add(f"  kind: {kind}")
    notes.add(f"  uri: {scalar(model)}")
    notes.ask("from which score on is its decision positive?", "0.5")
    notes.add("  threshold: 0.5")


def _rules(
    notes: Notes, active: Sequence[Attribute], outcome: Outcome, values: Values | None, kind: str, reads: bool
) -> None:
    """Write counterfactuals, techniques and limits; ``reads``: the model reads texts."""
    names = [one.name for one in active]
    worded = [name for name in names if name in ("sex", "race", "religion", "age", "disability", "nationality")]
    sliced = any(one.groups for one in active)
    swap = bool(reads and worded and not sliced)
    if swap:
        notes.add(f"\ncounterfactuals:\n  swap: {{attributes: {listed(worded)}, control: true}}")
    if reads and worded and not swap:
        notes.add()
        notes.note(
            f"counterfactuals: {{swap: {{attributes: {listed(worded)}}}}} exchanges the words of the texts; see", 0
        )
        notes.note("evenhand list counterfactuals, and flip_rate in evenhand list techniques", 0)
    notes.add("\ntechniques:")
    if sliced or not swap:
        notes.add("  parity: {}", "rates, group by group, with their gaps and ratios")
    if swap:
        notes.add("  flip_rate: {}", "how often a word for the group alone changes the decision")
    limits = _limits(names if sliced else [], worded if swap else [], outcome, values, kind)
    usual = {
        "at_least: 0.8": "four fifths (EEOC Uniform Guidelines)",
        "at_most: 0.1": "10 points",
        "at_most: 0.02": "2 %",
    }
    taken = ", ".join(words for bound, words in usual.items() if any(limit.endswith(bound) for limit in limits))
    notes.add("\nlimits:" if limits else "\nlimits: []")
    if limits:
        notes.ask("how large a gap is tolerable? Settle it before any result is seen.", taken)
    for limit in limits:
        notes.add(f"  - {{{limit}}}")


def _limits(
    names: Sequence[str], worded: Sequence[str], outcome: Outcome, values: Values | None, kind: str
) -> list[str]:
    """The rate that is good for the person by the four-fifths rule; rates of a bad outcome, and errors, in points."""
    bad = values is not None and values.positive != values.favourable
    decided = bool(kind or outcome.audited)
    rate = "selection_rate" if decided else "base_rate"
    found: list[str] = []
    if names:
        over = listed(names) if len(names) > 1 else scalar(names[0])
        bound = "compare: difference, at_most: 0.1"
        found.append(f"measure: {rate}, over: {over}, {bound if bad else 'compare: ratio, at_least: 0.8'}")
        if decided and outcome.label is not None and fits(outcome):
            errors = (
                ("false_positive_rate", "false_negative_rate") if bad else ("true_positive_rate", "false_positive_rate")
            )
            found += [f"measure: {error}, over: {over}, {bound}" for error in errors]
    if worded:
        found.append(f"measure: flip_rate, over: {listed(worded)}, at_most: 0.02")
    return found


def _obstacle(active: Sequence[Attribute], outcome: Outcome, kind: str) -> str:
    if not active:
        return "no column says who the people are (sex, race, age …): name one under protected"
    if not kind and outcome.audited is None and outcome.label is None:
        return "no column holds decisions, scores or labels: name one under data, or give --model"
    return ""
