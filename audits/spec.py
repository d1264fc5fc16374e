"""The spec: what to audit, as frozen models. ``audits.spec_reader.read_spec`` reads and checks one.

The text under each field is its description in the JSON Schema (``evenhand schema``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from audits.findings import Frozen, digest
from audits.values import value_key

Scalar = bool | int | float | str
THRESHOLD = r"^\s*(>=|>|<=|<)\s*-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=80)]

ModelKind = Literal["text-classifier", "tabular", "causal-lm", "python"]


class Section(Frozen):
    """A part of the spec: frozen, refuses unknown keys, each field described by the text under it."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Expectation(Section):
    """One Great Expectations expectation: its snake-case name and its arguments."""

    expect: str
    """Name, with or without ``expect_``: ``column_values_to_be_between``."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Its arguments: ``{column: age, min_value: 18}``."""


class Split(Section):
    """Rows are dealt to a fitting part and an audited part by a seeded shuffle; only the audited part is audited."""

    audit: float = Field(default=0.5, gt=0, le=1)
    """Share of the rows that are audited."""
    seed: int = Field(default=0, ge=0)
    """Seed of the shuffle."""


class Template(Section):
    """Writes each row out as a text: a Jinja file (sandboxed) whose names are the data's columns."""

    file: str
    """Path of the Jinja file, relative to the spec."""
    column: str = "text"
    """Name of the column the text is written to."""


class DataSpec(Section):
    """Where the table is and which column plays which role.

    ``positive`` is the value of label and decision that the rates call positive (default: ``favourable``);
    ``favourable`` is the one that is good for the person. They differ where the positive class is the bad one
    (a prediction of reoffending).
    """

    source: str
    """A path (parquet, csv, jsonl), ``package:NAME/DATASET``, a hub id with revision, or ``sql+<url>#<query>``."""
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    """Commit of the hub dataset."""
    config: str | None = None
    """Configuration of the hub dataset."""
    part: str | None = None
    """Part of the hub dataset: ``train``, ``test`` …"""
    available_from: str | None = None
    """Where the data can be had; told to whoever does not have them."""
    where: str | None = None
    """Row filter, an SQL expression: ``age >= 18 AND state = 'FL'``."""
    split: Split | None = None
    """Keep a part of the rows for fitting a model; only the other part is audited."""
    template: Template | None = None
    """Write each row out as a text for a text model."""
    label: str | None = None
    """Column with the truth."""
    favourable: Scalar = 1
    """The value of label and decision that is good for the person."""
    positive: Scalar | None = None
    """The value of label and decision that the rates call positive; the favourable one where left out. With scores or
    a Python function it is what a decision by the threshold predicts, and has to be said unless 1 is favourable."""
    decision: str | None = None
    """Column with decisions already taken; then no model is needed."""
    score: str | None = None
    """Column with scores already given; then no model is needed."""
    threshold: str | None = Field(default=None, pattern=THRESHOLD)
    """Which scores are a positive decision: ``">= 5"``."""
    text: str | None = None
    """Column with the text the model reads."""
    continuation: str | None = None
    """Column with what a causal language model scores after the text."""
    features: tuple[str, ...] = ()
    """Columns a tabular model reads."""
    weight: str | None = None
    """Column with row weights, 0 or more."""
    cluster: str | None = None
    """Column that says which rows belong together: rows of one person or of one template."""
    expect: tuple[Expectation, ...] = ()
    """Data expectations beyond those checked anyway."""
    when_broken: Literal["stop", "carry-on"] = "stop"
    """What a broken expectation does: stop the audit, or be recorded only."""

    @property
    def positive_value(self) -> Scalar:
        """The value counted as positive."""
        return self.favourable if self.positive is None else self.positive

    @property
    def positive_is_favourable(self) -> bool:
        """Whether the positive decision is the one that is good for the person."""
        return value_key(self.positive_value) == value_key(self.favourable)

    @property
    def decision_column(self) -> str | None:
        """The column that decisions are in, or are cut from; none where a model decides, or nobody does."""
        return self.decision or (self.score if self.threshold else None)

    @property
    def text_column(self) -> str | None:
        """The column the model reads its text from: given, or written by the template."""
        return self.template.column if self.template else self.text


class ProtectedSpec(Section):
    """One protected attribute: a column, indicator columns, probabilities, or (for prompts) only its terms."""

    column: str | None = None
    """Column that holds the attribute."""
    indicators: dict[str, str] | None = None
    """0/1 columns and the group each one marks: ``{black: Black, hispan: Hispanic}``."""
    probabilities: dict[str, str] | None = None
    """Groups and the columns that hold the probability of being in each, where the group itself is not known:
    ``{Black: p_black, White: p_white, other: p_other}``. They add up to 1 in every row. Only bounds can be told of
    such an attribute (technique ``proxy_bounds``), and a limit over it holds only if all of them lie inside it."""
    overlap: bool = False
    """With indicators: a row may belong to several groups, and each group is held against all rows outside it."""
    values: dict[Scalar, str] | None = None
    """Names of the column's values: ``{0: female, 1: male}``."""
    bins: tuple[float, ...] | None = None
    """Inner edges of a continuous column: ``[25, 45]`` makes ``<25``, ``25 to <45``, ``≥45``."""
    terms: dict[str, tuple[str, ...]] | None = None
    """Words of each group that a text swap exchanges; the first one is what is written in."""
    lexicon: str | None = None
    """A lexicon that ships with the project, or a file of terms."""
    reference: str = "largest"
    """The group others are compared with: a group, ``largest`` or ``best``."""

    @model_validator(mode="after")
    def _one_origin(self) -> ProtectedSpec:
        if self.column is not None and self.indicators is not None:
            raise ValueError("got both column and indicators, expected one of them")
        if self.probabilities is not None and (self.column is not None or self.indicators is not None):
            other = "column" if self.column is not None else "indicators"
            raise ValueError(f"got both {other} and probabilities, expected one of them")
        if self.bins is not None and self.values is not None:
            raise ValueError("got both values and bins, expected one of them")
        if self.overlap and self.indicators is None:
            raise ValueError("got overlap without indicators, expected 0/1 columns that mark the groups")
        if self.bins is not None and (not self.bins or list(self.bins) != sorted(set(self.bins))):
            raise ValueError(f"bins: got {list(self.bins)}, expected edges that rise")
        return self

    @property
    def sliced(self) -> bool:
        """Whether each row is in a known group; not where there are only terms (edited texts) or probabilities."""
        return self.column is not None or self.indicators is not None


class ModelSpec(Section):
    """The model under audit.

    Nothing that runs code on loading is loaded, except the one pickle that ``pickle_sha256`` allows.
    """

    kind: ModelKind
    """What the model reads and answers."""
    uri: str
    """``models:/name/version``, a folder, a hub id (with ``revision``), ``file.py:function``."""
    revision: str | None = None
    """Commit of the hub model."""
    fit: str | None = None
    """Function that makes the model at first use: ``file.py:function``."""
    threshold: float = 0.5
    """Probabilities from here on are a positive decision."""
    positive_class: str | int | None = None
    """Class (index or name) whose probability is the score; index 1 where left out."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model runs."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format the model computes in."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Texts are cut after this many tokens."""
    pickle_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """sha256 of the one pickle that may be loaded."""


def _attribute_name(name: str) -> str:
    return "×".join(part.strip() for part in name.replace("*", "×").split("×"))


Attribute = Annotated[str, AfterValidator(_attribute_name)]


class Waiver(Section):
    """A named person takes responsibility for one broken limit until a date."""

    owner: str
    """Who takes responsibility, by name."""
    reason: str
    """Why."""
    expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Last day it holds, ``YYYY-MM-DD``."""

    @model_validator(mode="after")
    def _said(self) -> Waiver:
        if not self.owner.strip():
            raise ValueError("got a blank owner, expected the name of whoever takes responsibility")
        if not self.reason.strip():
            raise ValueError("got a blank reason, expected why the limit may be broken")
        return self


class Limit(Section):
    """What must hold: a measure, over one attribute or each of several, within a bound.

    ``compare: rate`` bounds each group's own number; ``difference`` and ``ratio`` bound every ordered pair of
    groups. An intersection is written ``race×sex`` or ``race*sex``.

    Against the model in production, on the same rows (``evenhand gate --baseline``): ``change`` bounds how far each
    group's own rate moves (``at_least: -0.02``: none falls by more than 2 points); ``widening`` bounds by how much
    the gap between any two groups grows, whichever of them is ahead (``at_most: 0.02``).
    """

    measure: str
    """Name of what is measured: ``selection_rate``, ``flip_rate`` …"""
    over: Attribute | tuple[Attribute, ...]
    """A protected attribute, an intersection (``race*sex``), or a list of them."""
    compare: Literal["rate", "difference", "ratio", "paired", "share", "mean", "gap", "whole", "change", "widening"] = (
        "rate"
    )
    """What is bounded: each group's own number, what two groups differ by, or either against production."""
    technique: str | None = None
    """Technique whose measure is meant, where two have one of that name."""
    at_least: float | None = None
    """The lower bound."""
    at_most: float | None = None
    """The upper bound."""
    waiver: Waiver | None = None
    """Who takes responsibility if it does not hold."""

    @model_validator(mode="after")
    def _one_bound(self) -> Limit:
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("got both at_least and at_most, expected one of them")
        if self.at_least is None and self.at_most is None:
            raise ValueError("got no bound, expected at_least or at_most")
        if self.compare == "ratio" and not self.bound > 0:
            raise ValueError(f"got a ratio bounded by {self.bound:g}, expected a bound above 0")
        if self.compare in ("difference", "paired", "widening") and self.at_most is None:
            raise ValueError(f"got at_least on a {self.compare}, expected at_most")
        if self.compare in ("change", "widening") and self.technique is not None:
            raise ValueError(f"got a technique on a {self.compare}, expected none: it compares two artifacts")
        return self

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes it is over, one by one."""
        return (self.over,) if isinstance(self.over, str) else self.over

    @property
    def bound(self) -> float:
        """The margin."""
        return self.at_least if self.at_least is not None else self.at_most  # type: ignore[return-value]

    def text(self, attribute: str) -> str:
        """Return the limit in one line: ``selection_rate over race: ratio at least 0.8``."""
        side = "at least" if self.at_least is not None else "at most"
        return f"{self.measure} over {attribute}: {self.compare} {side} {self.bound:g}"


class Statistics(Section):
    """Confidence level of published intervals, and the seed of everything random."""

    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence level of published intervals."""
    seed: int = Field(default=0, ge=0)
    """Seed of everything random."""


class CardSpec(Section):
    """What only people know about the audit; anything left out reads "not supplied" in the card."""

    title: str | None = None
    """Heading of the card."""
    intended_use: str | None = None
    """What the decisions are used for."""
    users: str | None = None
    """Who is meant to use the model."""
    out_of_scope: str | None = None
    """What they must not be used for."""
    developer: str | None = None
    """Who made the model."""
    citation: str | None = None
    """Where the model is described: a paper, a page."""
    training_data: str | None = None
    """What the model was trained on."""
    data_motivation: str | None = None
    """Why the audit is on these data."""
    languages: str | None = None
    """Languages of the texts that the model reads."""
    owner: str | None = None
    """Who answers for the audit."""
    contact: str | None = None
    """Where questions go."""
    licence: str | None = None
    """Licence of the model or data."""
    ethical_considerations: str | None = None
    """Risks and what was done about them."""
    caveats: str | None = None
    """What a reader must know before relying on the numbers."""
    positive_word: str | None = None
    """What a positive decision is called, as said after "are": ``approved``, ``well paid``."""
    negative_word: str | None = None
    """What a negative decision is called, as said after "are": ``denied``."""
    subject_word: str | None = None
    """What the people are called, in the plural: ``applicants``."""
    packs: tuple[str, ...] = ()
    """Regulation packs the card answers: names (``evenhand list packs``) or paths of your own, relative to the spec."""


_LATER = frozenset({"users", "developer", "citation", "training_data", "data_motivation", "languages"})


class Tracking(Section):
    """The MLflow experiment, and the server where there is one (default: a local SQLite file)."""

    experiment: str | None = None
    """Name of the MLflow experiment; the audit's name where left out."""
    uri: str | None = None
    """Tracking server."""


class AuditSpec(Section):
    """A whole audit."""

    audit: Name
    """Name of the audit."""
    question: str
    """The question it answers, in one sentence."""
    data: DataSpec
    """The table and the roles of its columns."""
    protected: dict[str, ProtectedSpec] = Field(min_length=1)
    """Protected attributes by name."""
    intersections: int = Field(default=1, ge=1, le=4)
    """Up to how many attributes are combined: 2 adds every pair."""
    model: ModelSpec | None = None
    """The model under audit; left out: the decisions in the data are audited."""
    counterfactuals: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Ways to change a protected attribute of an input, with their options."""
    techniques: dict[str, dict[str, Any]] = Field(min_length=1)
    """What is measured, with options."""
    limits: tuple[Limit, ...] | str = ()
    """The policy: a list of limits, or the name of a file that holds one."""
    statistics: Statistics = Statistics()
    """Confidence level and seed."""
    card: CardSpec = CardSpec()
    """What only people know."""
    tracking: Tracking = Tracking()
    """Where MLflow keeps the run."""
    evidence: Literal["keep", "digest-only"] = "keep"
    """Whether the artifact holds the rows, or only their digests (data that may not be copied)."""

    @property
    def digest(self) -> str:
        """sha256 of the spec as checked, so that comments and key order do not count.

        What ``CardSpec`` came to hold later counts only where it is given, so that older artifacts keep their digest.
        """
        document = self.model_dump(mode="json")
        document["card"] = {k: v for k, v in document["card"].items() if v is not None or k not in _LATER}
        return digest(document)

    @property
    def policy(self) -> tuple[Limit, ...]:
        """The limits. ``read_spec`` has already replaced a file name by what the file holds."""
        return () if isinstance(self.limits, str) else self.limits

    @property
    def policy_digest(self) -> str:
        """sha256 of the limits."""
        return digest([limit.model_dump(mode="json") for limit in self.policy])
