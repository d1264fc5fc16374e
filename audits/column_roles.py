"""What each column of a table probably is, from its name and its values, and why.

Names are looked at word by word (``days_b_screening`` is days, b, screening), values as they stand. A guess is never
more than that: each carries its reason, and a question where only a person can know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import polars as pl


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


Role = Literal["protected", "score", "decision", "label", "weight", "cluster", "text", "feature", "left out"]

MOST_VALUES = 40
"""Distinct values of a column that are looked at one by one."""
FREE_TEXT = 4.0
"""Words a cell has on average from which a column of texts is free text."""

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "sex": frozenset({"sex", "gender", "sexe", "sexo", "geschlecht"}),
    "race": frozenset({"race", "ethnicity", "ethnic", "ethnie", "raceth", "rac1p", "racial"}),
    "age": frozenset({"age", "agep", "alter", "edad"}),
    "religion": frozenset({"religion", "faith"}),
    "disability": frozenset({"disability", "disabled", "handicap"}),
    "nationality": frozenset({"nationality", "citizenship", "birthplace", "pobp"}),
    "orientation": frozenset({"lgbt", "lgbtq", "orientation"}),
    "veteran": frozenset({"veteran"}),
    "marital": frozenset({"marital", "married", "marriage", "mar"}),
}
"""Names of protected attributes, and the words in a column's name that say them."""
NATIVE = (frozenset({"native", "country"}), frozenset({"birth", "country"}), frozenset({"national", "origin"}))

INDICATORS: Mapping[str, tuple[str, str]] = {
    "male": ("sex", "male"),
    "female": ("sex", "female"),
    "woman": ("sex", "female"),
    "black": ("race", "Black"),
    "white": ("race", "white"),
    "hispan": ("race", "Hispanic"),
    "hispanic": ("race", "Hispanic"),
    "latino": ("race", "Hispanic"),
    "asian": ("race", "Asian"),
}
"""Columns of 0 and 1 that mark one group."""

VALUES: Mapping[str, frozenset[str]] = {
    "sex": frozenset({"male", "female", "man", "woman", "men", "women", "non-binary", "nonbinary"}),
    "race": frozenset(
        {"black", "white", "asian", "hispanic", "latino", "caucasian", "african-american", "african american"}
    ),
}
"""Values that say what a column is, whatever it is called; two of them are enough."""

SCORES = frozenset({"score", "proba", "probability", "prob", "scores", "decile"})
DECISIONS = words(
    "decision decided predicted prediction pred yhat approved approve accepted accept hired selected admitted admit "
    "granted denied deny reject rejected shortlisted offered invited promoted"
)
LABELS = words(
    "y label target class outcome truth true actual recid recidivism default defaulted income repaid arrest event "
    "survived churn passed fraud pincp readmitted"
)
OUTCOMES = frozenset({"label", "target", "outcome", "truth"})
SURE_LABELS = OUTCOMES | {"y", "class"}
IDENTIFIERS = words("id uuid guid key ssn passport iban index rownumber")
PERSONS = words("name firstname lastname surname fullname email mail phone telephone address dob")
BELONG = words("person user patient applicant customer client employee student household family template")
WEIGHTS = words("fnlwgt pwgtp wgt weights sampleweight perwt wtfinl samplingweight")
PARTS = words("split part fold subset dataset partition")


class Column(NamedTuple):
    """A column as it is looked at: ``kind`` of its values, the values themselves where they are few, as they sort."""

    name: str
    kind: Literal["flag", "whole", "number", "text", "date", "other", "empty"]
    rows: int
    missing: int
    distinct: int
    values: tuple[Any, ...]
    words: float
    low: float | None = None
    high: float | None = None

    @property
    def tokens(self) -> frozenset[str]:
        """The words of its name, in lower case, and the whole name without marks."""
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name)
        parts = [part.lower() for part in re.split(r"[^0-9A-Za-z]+", spaced) if part]
        return frozenset([*parts, "".join(parts)])

    @property
    def two(self) -> bool:
        """Whether it holds two values."""
        return self.distinct == 2

    @property
    def binary(self) -> bool:
        """Whether it holds 0 and 1."""
        return self.two and {float(v) for v in self.values if isinstance(v, int | float)} == {0.0, 1.0}


class Guess(NamedTuple):
    """What a column probably is. ``attribute`` and ``group`` where it is protected."""

    column: Column
    role: Role
    why: str
    attribute: str = ""
    group: str = ""


def described(table: pl.DataFrame) -> list[Column]:
    """Return the columns of a table as they are looked at."""
    return [_described(table[name]) for name in table.columns]


def _described(series: pl.Series) -> Column:
    import polars as pl

    known = series.drop_nulls()
    kind: Any = _kind(known)
    distinct = known.n_unique() if kind != "other" else len(known)
    few = known.unique().sort().to_list() if 0 < distinct <= MOST_VALUES and kind != "other" else []
    words = 0.0
    if kind == "text":
        words = float(known.head(2000).str.strip_chars().str.count_matches(r"\s+").cast(pl.Float64).mean() or 0) + 1
    numbers = kind in ("whole", "number")
    low, high = (float(known.min()), float(known.max())) if numbers else (None, None)
    return Column(series.name, kind, len(series), series.null_count(), distinct, tuple(few), words, low, high)


def _kind(known: pl.Series) -> str:
    import polars as pl

    from audits.sources import whole_numbers

    if not len(known):
        return "empty"
    if known.dtype == pl.Boolean:
        return "flag"
    if known.dtype.is_integer() or (known.dtype.is_float() and whole_numbers(known)):
        return "whole"
    if known.dtype.is_float():
        return "number"
    if known.dtype.is_temporal():
        return "date"
    if known.dtype != pl.String:
        return "other"
    dates = known.head(200).str.contains(r"^\d{4}-\d{2}-\d{2}([T ]|$)|^\d{1,2}/\d{1,2}/\d{2,4}$")
    return "date" if dates.all() else "text"


def guesses(columns: list[Column]) -> list[Guess]:
    """Return what each column probably is, in the order of the table; outcomes are still to be told apart.

    A column that may be a score, a decision or a label has that role; ``audits.first_spec`` chooses among them.
    """
    return [_guess(column) for column in columns]


def _guess(column: Column) -> Guess:
    for rule in (_left_out, _protected, _grouping, _texts, _outcome):
        found = rule(column)
        if found is not None:
            return found
    return Guess(column, "feature", "none of the known roles")


def _left_out(column: Column) -> Guess | None:
    tokens, filled = column.tokens, column.rows - column.missing
    if column.kind == "empty":
        return Guess(column, "left out", "it holds nothing")
    if column.distinct == 1:
        return Guess(column, "left out", "it holds a single value")
    if column.kind == "other":
        return Guess(column, "left out", "its cells are lists or records")
    if column.kind == "date":
        return Guess(column, "left out", "it holds dates")
    if tokens & PERSONS and column.kind == "text" and column.distinct > MOST_VALUES:
        return Guess(column, "left out", "its name says that it identifies people")
    if tokens & IDENTIFIERS and column.distinct > 0.9 * filled:
        return Guess(column, "left out", "it identifies rows")
    if column.kind in ("whole", "text") and column.distinct == filled > MOST_VALUES and column.words < FREE_TEXT:
        return Guess(column, "left out", "every row has a value of its own, as an identifier has")
    if tokens & PARTS and column.distinct <= 5:
        return Guess(column, "left out", "it says which part of the data a row is in")
    return None


def _protected(column: Column) -> Guess | None:
    tokens = column.tokens
    for word, (attribute, group) in INDICATORS.items():
        if (tokens == {word} or tokens == {"is", word, f"is{word}"}) and (column.binary or column.kind == "flag"):
            return Guess(column, "protected", f"0 and 1 mark {group}", attribute, group)
    for attribute, words in ATTRIBUTES.items():
        found = sorted(tokens & words)
        if found:
            return Guess(column, "protected", f"its name says {found[0]}", attribute)
    if any(words <= tokens for words in NATIVE):
        return Guess(column, "protected", "its name says where people are from", "nationality")
    said = {value.strip().lower() for value in column.values if isinstance(value, str)}
    for attribute, known in VALUES.items():
        if len(said & known) >= 2:
            return Guess(column, "protected", f"its values are {', '.join(sorted(said & known)[:3])}", attribute)
    return None


def _grouping(column: Column) -> Guess | None:
    tokens = column.tokens
    if tokens & WEIGHTS and column.low is not None and column.low >= 0:
        return Guess(column, "weight", "its name says that it is a sampling weight")
    repeats = 10 <= column.distinct < 0.9 * (column.rows - column.missing)
    if tokens & BELONG and tokens & IDENTIFIERS and repeats:
        return Guess(column, "cluster", "its values repeat: rows of one belong together")
    if tokens & IDENTIFIERS and column.distinct > MOST_VALUES:
        return Guess(column, "left out", "its name says that it is an identifier")
    return None


def _texts(column: Column) -> Guess | None:
    if column.kind != "text" or column.distinct <= MOST_VALUES:
        return None
    if column.words >= FREE_TEXT and column.distinct > 0.5 * (column.rows - column.missing):
        return Guess(column, "text", f"free text, {column.words:.0f} words on average")
    if column.distinct > 0.5 * (column.rows - column.missing):
        return Guess(column, "left out", "nearly every row has a text of its own, as a name has")
    return Guess(column, "left out", f"it holds more than {MOST_VALUES} different texts")


def _outcome(column: Column) -> Guess | None:
    tokens = column.tokens
    number = column.kind in ("whole", "number")
    if tokens & SCORES and number and column.distinct > 2:
        return Guess(column, "score", f"its name says {min(tokens & SCORES)}, its values are numbers")
    if tokens & SCORES and column.kind == "text":
        return Guess(column, "left out", "its name says that it is a score in words")
    if not column.two:
        why = f"its name says that it is the outcome, and it holds {column.distinct:,} values, not two"
        return Guess(column, "left out", why) if column.name.strip().lower() in OUTCOMES else None
    for role, words in (("decision", DECISIONS), ("label", LABELS)):
        if tokens & words:
            found: Any = role
            return Guess(column, found, f"its name says {min(tokens & words)}, and it holds two values")
    return None
