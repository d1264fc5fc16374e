"""The protected attributes of a first spec: which column of several, which groups, what is asked about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.column_roles import ATTRIBUTES, Column, Guess
from audits.spec_notes import Notes, listed, mapped, scalar

if TYPE_CHECKING:
    import polars as pl

WEAK = {
    "marital": "protected in lending by the US Equal Credit Opportunity Act",
    "veteran": "protected in US employment law",
}
"""Attributes that are protected for some decisions only: offered, not taken."""
EDGES = (25.0, 45.0, 65.0)
"""Ages at which a column of years is cut, as far as each part then has one row in twenty."""
OLDEST = 120.0
"""Years that nobody is older than, half of the people surely not."""
MOST_UNMARKED = 0.05
"""Share of rows up to which those that no indicator marks, or several, are left as unknown."""
MOST_GROUPS = 12
"""Of more groups there would be too many pairs, and too few rows in each."""
NOT_RACE = "not {}"


class Attribute(NamedTuple):
    """A protected attribute as it will stand in the spec: its line, how many groups, and what is to be said of it."""

    name: str
    line: str
    groups: int
    why: str
    question: str = ""
    taken: str = ""
    active: bool = True


def attributes(found: Sequence[Guess], table: pl.DataFrame) -> list[Attribute]:
    """Return an attribute for each that some column holds, in the order of ``ATTRIBUTES``."""
    by_name: dict[str, list[Guess]] = {}
    for guess in found:
        if guess.role == "protected":
            by_name.setdefault(guess.attribute, []).append(guess)
    return [_attribute(name, by_name[name], table) for name in ATTRIBUTES if name in by_name]


def _attribute(name: str, candidates: Sequence[Guess], table: pl.DataFrame) -> Attribute:
    marks = [guess for guess in candidates if guess.group]
    columns = [guess for guess in candidates if not guess.group]
    best = min(columns, key=_codes, default=None)
    if best is None or (marks and best.column.kind != "text" and (len(marks) > 1 or not _plain(best))):
        made, taken = _marked(name, marks, table), marks
    else:
        made, taken = _of_column(name, best, table), [best]
    used = {guess.column.name for guess in taken}
    also = [guess.column.name for guess in candidates if guess.column.name not in used]
    why = made.why + (f"; {', '.join(also)} say{'s' * (len(also) == 1)} it too" if also else "")
    return made._replace(why=why, active=made.active and name not in WEAK)


def _codes(guess: Guess) -> tuple[bool, bool, int]:
    """Words before numbers, ``sex`` before ``sex_offences``, few values before many."""
    return guess.column.kind not in ("text", "flag"), not _plain(guess), guess.column.distinct


def _plain(guess: Guess) -> bool:
    """Whether the column's name says the attribute and no more."""
    return guess.column.name.strip().lower() in ATTRIBUTES[guess.attribute]


def _marked(name: str, marks: Sequence[Guess], table: pl.DataFrame) -> Attribute:
    """Groups that columns of 0 and 1 mark."""
    if len(marks) == 1:
        column, group = marks[0].column, marks[0].group
        other = {"male": "female", "female": "male"}.get(group, f"not {group}")
        line = f"{{column: {scalar(column.name)}, values: {mapped({0: other, 1: group})}}}"
        question = f"is a row whose {column.name} is 0 {other}?"
        return Attribute(name, line, 2, _reason(marks[0]), question, "yes")
    named = {guess.column.name: guess.group for guess in marks}
    marked = table.select(list(named)).cast(float).sum_horizontal()
    unmarked = float((marked != 1).mean() or 0)
    if unmarked > MOST_UNMARKED:
        why = f"columns of 0 and 1 mark it; {100 * unmarked:.0f}% of the rows are marked by none of them, or by several"
        return Attribute(name, f"{{indicators: {mapped(named)}, overlap: true}}", len(set(named.values())), why,
                         "who are the rows that none of these columns marks?",
                         "of no known group, so each group is held against everybody outside it")  # fmt: skip
    question = "is a row that none of these columns, or several, mark of no known group?"
    return Attribute(name, f"{{indicators: {mapped(named)}}}", len(set(named.values())), "columns of 0 and 1 mark it",
                     question, "yes; it is shown as (missing)")  # fmt: skip


def _of_column(name: str, guess: Guess, table: pl.DataFrame) -> Attribute:
    column, quoted = guess.column, scalar(guess.column.name)
    if column.kind in ("whole", "number") and column.distinct > (MOST_GROUPS if name != "age" else 2):
        if name != "age":
            return _too_many(name, guess)
        edges = _edges(table[column.name])
        question = "which ages shall be compared? (US employment law protects 40 and over.)"
        if float(table[column.name].median() or 0) > OLDEST:
            question = (
                f"half of {column.name} is above {OLDEST:g}: in which unit is it, and which ages shall be compared?"
            )
        return Attribute(name, f"{{column: {quoted}, bins: {listed(edges)}}}", len(edges) + 1, _reason(guess), question,
                         f"cut at {', '.join(f'{edge:g}' for edge in edges)}")  # fmt: skip
    if column.distinct > MOST_GROUPS:
        return _too_many(name, guess)
    values = _words(name, column)
    if values:
        line = f"{{column: {quoted}, values: {mapped(values)}}}"
        return Attribute(name, line, len(values), _reason(guess), f"what do {_and(column.values)} mean?", _and(
            [f"{value} is {word}" for value, word in values.items()]))  # fmt: skip
    line = f"{{column: {quoted}}}"
    if column.kind == "text":
        return Attribute(name, line, column.distinct, _reason(guess))
    question = f"what do {_and(column.values)} mean? Name them: values: {{{scalar(column.values[0])}: …, …}}."
    return Attribute(name, line, column.distinct, _reason(guess), question, "the groups are called by their codes")


def _too_many(name: str, guess: Guess) -> Attribute:
    column = guess.column
    question = (
        f"which values of {column.name} shall be compared? Name them under values, several to a group if need be."
    )
    return Attribute(name, f"{{column: {scalar(column.name)}}}", column.distinct, _reason(guess), question,
                     f"none: {column.distinct} groups are too many to compare", active=False)  # fmt: skip


def _words(name: str, column: Column) -> dict[Any, str]:
    """Return names for the values of a sex column of single letters."""
    letters: Mapping[str, str] = {"m": "male", "f": "female"}
    said = {value: letters.get(str(value).strip().lower(), "") for value in column.values}
    return said if name == "sex" and said and all(said.values()) else {}


def _edges(ages: pl.Series) -> tuple[float, ...]:
    """Return the usual edges that leave a row in twenty on every side; else the median."""
    known = ages.drop_nulls()
    kept: list[float] = []
    for edge in EDGES:
        low = kept[-1] if kept else float("-inf")
        below, above = ((known >= low) & (known < edge)).mean(), (known >= edge).mean()
        if min(float(below or 0), float(above or 0)) >= 0.05:
            kept.append(edge)
    return tuple(kept) or (float(round(float(known.median() or 0))),)


def _reason(guess: Guess) -> str:
    missing = guess.column.missing
    return guess.why + (f"; {missing:,} rows without" if missing else "")


def _and(values: Sequence[Any]) -> str:
    texts = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in values]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def write(notes: Notes, chosen: Sequence[Attribute], by_words: Sequence[str]) -> list[Attribute]:
    """Write the part ``protected`` and return what stands in it.

    Args:
        notes: the spec in the making.
        chosen: the attributes that columns hold.
        by_words: lexicons to take where no column holds any (a text model: the words are exchanged).
    """
    notes.add()
    active = [one for one in chosen if one.active]
    if not active and not by_words:
        notes.ask("which column says who the people are?", "none: no name and no value of a column says so", 0)
    notes.add("protected:")
    for name in by_words if not active else ():
        active.append(
            Attribute(name, f"{{lexicon: {name}}}", 0, "no column holds it: the words of the text are exchanged")
        )
        notes.add(f"  {name}: {active[-1].line}", active[-1].why)
    if by_words and active and not [one for one in chosen if one.active]:
        notes.ask("which groups shall the words be exchanged for?", ", ".join(by_words))
        return active
    for one in chosen:
        if one.question:
            notes.ask(f"{one.name}: {one.question}", one.taken)
        weak = f" ({WEAK[one.name]}; remove the # to audit it)" if one.name in WEAK else ""
        notes.add(f"  {'' if one.active else '# '}{one.name}: {one.line}", one.why + weak)
    if not active:
        notes.add("  # sex: {column: <column>}")
    elif any(one.groups > 2 for one in active):
        notes.note("groups are compared with the largest one, and with each other; reference: <group> names another")
    return active
