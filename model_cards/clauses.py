"""The shape of a regulation pack: an instrument as read on a day, and its clauses with the place of their answers."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from audits.findings import Finding, Frozen


class Chosen(Frozen):
    """Which findings answer a clause: all that have every one of these; of a list, any of it."""

    technique: str | tuple[str, ...] | None = None
    measure: str | tuple[str, ...] | None = None
    attribute: str | tuple[str, ...] | None = None
    comparison: str | tuple[str, ...] | None = None

    def of(self, finding: Finding) -> bool:
        """Return whether a finding is one of them."""
        return all(
            getattr(finding, name) in (value if isinstance(value, tuple) else (value,))
            for name, value in self
            if value is not None
        )


class Answer(Frozen):
    """Where the answer to a clause is: exactly one of these."""

    findings: Chosen | None = None
    """Findings of the audit."""
    missing: Literal["findings"] | None = None
    """The list of what could not be measured."""
    spec: str | None = None
    """A field of the spec, dotted."""
    manifest: str | None = None
    """A field of the artifact's manifest."""
    document: str | None = None
    """A record of the run: data, groups, checks, model, selfcheck."""
    verdict: str | None = None
    """A field of the verdict, or of its limits."""
    flip_flop: str | None = None
    """A rate: whether moving one person from the favoured group to the other turns their order round."""
    people: str | None = None
    """What only people can supply."""

    @model_validator(mode="after")
    def _one(self) -> Answer:
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise ValueError(f"got {', '.join(given) or 'nothing'}, expected exactly one place of an answer")
        return self


class Clause(Frozen):
    """One thing that an instrument asks."""

    id: str
    provision: str
    asks: str
    answer: Answer
    only_with: Literal["score", "model", "probabilities"] | None = None
    left: str = ""
    """What of it people must still supply: however good the answer, the clause is then answered in part."""
    also: str = ""


class Pack(Frozen):
    """An instrument, as read on a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: str = Field(pattern=r"^[a-z0-9-]+$")
    instrument: str
    jurisdiction: str
    status: Literal["in_force", "pending", "superseded", "voluntary", "draft"]
    as_of: date
    effective_from: date | None
    superseded_by: str | None
    source: str
    does_not_say: tuple[str, ...]
    clauses: tuple[Clause, ...] = Field(min_length=1)
