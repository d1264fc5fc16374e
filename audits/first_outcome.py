"""What a first spec audits: which of several columns is score, decision and label, and which value is good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.column_roles import MOST_VALUES, SURE_LABELS, Column, Guess, words
from audits.spec_notes import Notes, scalar
from audits.values import value_key

if TYPE_CHECKING:
    import polars as pl

BAD = words(
    "recid recidivism default defaulted reject rejected deny denied arrest arrested fraud risk churn death died "
    "violent bad toxic hate event readmitted"
)
"""Words of a column whose larger value is bad for the person."""
GOOD_VALUES = words("yes approved accepted granted hired selected admitted high good pass passed positive true")
BAD_VALUES = words("bad no denied rejected low fail failed negative false toxic")


class Outcome(NamedTuple):
    """What is audited, and the truth; ``others`` might have been chosen instead."""

    score: Guess | None
    decision: Guess | None
    label: Guess | None
    others: tuple[Guess, ...]

    @property
    def audited(self) -> Guess | None:
        """The column that is audited, where no model is."""
        return self.score or self.decision

    @property
    def names(self) -> frozenset[str]:
        """The columns that were chosen."""
        return frozenset(guess.column.name for guess in (self.score, self.decision, self.label) if guess)


class Values(NamedTuple):
    """Which value is good for the person, which one the rates count, and why."""

    favourable: Any
    positive: Any
    why: str


def choose(found: Sequence[Guess], model: bool) -> Outcome:
    """Choose what is audited and what is the truth; with a model, the label alone."""
    of_role = {role: [guess for guess in found if guess.role == role] for role in ("score", "decision", "label")}
    score = min(of_role["score"], key=lambda guess: len(guess.column.name), default=None)  # before v_score, score.1
    decision = min(of_role["decision"], key=lambda guess: _bad(guess.column), default=None)  # approve before reject
    label = max(reversed(of_role["label"]), key=_sureness, default=None)  # of equals the one farthest right
    if model:
        label, score, decision = label or decision, None, None
    elif score is not None:
        decision = None
    if label is None and score is None and decision is None:
        two = [guess for guess in found if guess.role == "feature" and guess.column.two]
        why = "no name says label; it is the last column of two values"
        label = two[-1]._replace(role="label", why=why) if two else None
    chosen = Outcome(score, decision, label, ())
    others = tuple(guess for group in of_role.values() for guess in group if guess.column.name not in chosen.names)
    return chosen._replace(others=others)


def _sureness(guess: Guess) -> tuple[bool, int, int]:
    """A sure name before others; a plain one before one with ``is_`` or ``violent`` in it."""
    tokens = guess.column.tokens
    return guess.column.name.lower() in SURE_LABELS, len(tokens & {"year", "true"}), -len(tokens & {"is", "violent"})


def _bad(column: Column) -> bool:
    return bool(column.tokens & BAD)


def values_of(outcome: Outcome) -> Values | None:
    """Return which value is good for the person, from the names of columns and values."""
    named = outcome.decision or outcome.label
    bad = next((word for guess in (named, outcome.score) if guess for word in sorted(guess.column.tokens & BAD)), "")
    if named is None:
        values: tuple[Any, ...] = (0, 1)
    else:
        values = tuple(int(v) if isinstance(v, bool) or (isinstance(v, float) and v.is_integer()) else v
                       for v in named.column.values)  # fmt: skip
    if len(values) != 2:
        return None
    low, high = values
    good, why = high, "the larger value" if not isinstance(high, str) else "the one that sorts last"
    for one, other in ((low, high), (high, low)):
        word = str(one).strip().lower()
        if word in GOOD_VALUES or word.startswith(">"):
            good, why = one, f"the word {one}"
        elif word in BAD_VALUES:
            good, why = other, f"{one} is the bad one by its name"
    if {value_key(low), value_key(high)} == {"0", "1"}:
        good, why = 1, "the larger of 0 and 1"
    if not bad:
        return Values(good, good, why)
    return Values(low if good == high else high, good, f"the column's name says {bad}, so {good} is the bad one")


def write(notes: Notes, table: pl.DataFrame, outcome: Outcome, values: Values | None, model: bool) -> None:
    """Write score, decision and label, and their values."""
    for role in ("score", "decision", "label"):
        guess = getattr(outcome, role)
        if guess is None:
            continue
        shown = role != "label" or fits(outcome)
        clash = (
            "" if shown else "; other values than the decision's, or another one is good: recode it, then remove the #"
        )
        notes.add(f"  {'' if shown else '# '}{role}: {scalar(guess.column.name)}", guess.why + clash)
        if guess.why.startswith("no name"):
            notes.ask(f"is {guess.column.name} what shall be audited?", "yes")
        if role == "score":
            threshold = _threshold(guess.column, table)
            notes.ask("from which score on is the decision positive?", threshold)
            notes.add(f'  threshold: "{threshold}"')
    if not outcome.names and not model:
        notes.ask("which column holds the decisions, or the scores they are taken by?", "none: no name of one says so")
        notes.add("  # decision: <column>")
        return
    if outcome.audited is None and outcome.label is not None and not model:
        notes.note("no column of decisions was found: without a model, the label itself is audited (base rates)")
    if values is not None:
        notes.ask("which value is good for the person?", f"{values.favourable}, {values.why}")
        notes.add(f"  favourable: {scalar(values.favourable)}")
        if values.positive != values.favourable:
            notes.add(f"  positive: {scalar(values.positive)}", "what the rates count: the bad outcome")
        elif (model or outcome.score is not None) and value_key(values.favourable) != "1":
            notes.ask("what does a decision by the threshold predict?", str(values.positive))
            notes.add(f"  positive: {scalar(values.positive)}")
    for role in ("score", "decision", "label"):
        names = [guess.column.name for guess in outcome.others if guess.role == role]
        if names:
            notes.note(f"might be meant as {role} instead: {', '.join(names)}")


def fits(outcome: Outcome) -> bool:
    """Whether label and decision have the same two values, and the same of them is good."""
    if outcome.decision is None or outcome.label is None:
        return True
    decision, label = outcome.decision.column, outcome.label.column
    same = {value_key(v) for v in decision.values} == {value_key(v) for v in label.values}
    return same and _bad(decision) == _bad(label)


def tell_the_outcome(found: Sequence[Guess], outcome: Outcome, table: pl.DataFrame) -> list[Guess]:
    """Return the guesses with those columns left out each value of which comes with one value of the outcome.

    A column like that is the outcome told otherwise (``reject`` beside ``approve``), or what came of it.
    """
    named = outcome.decision or outcome.label
    if named is None:
        return list(found)
    name, kept = named.column.name, []
    for guess in found:
        few = 1 < guess.column.distinct <= MOST_VALUES and guess.role in ("feature", "decision", "label")
        if few and guess.column.name != name and _tells(table, guess.column.name, name):
            why = f"each of its values comes with one value of {name}, so it tells the outcome"
            guess = guess._replace(role="left out", why=why)
        kept.append(guess)
    return kept


def _tells(table: pl.DataFrame, column: str, outcome: str) -> bool:
    both = table.select(column, outcome).drop_nulls()
    return bool(both.n_unique() == both[column].n_unique() and both[outcome].n_unique() > 1)


def _threshold(column: Column, table: pl.DataFrame) -> str:
    """Half way where the scale is short or from 0 to 1, else the median."""
    low, high = column.low or 0.0, column.high or 0.0
    if low >= 0 and high <= 1:
        return ">= 0.5"
    middle = math.floor((low + high) / 2) if high - low <= 20 else float(table[column.name].median() or 0)
    return f">= {middle:g}"
