"""Findings: the one currency of an audit.

Every technique yields findings; verdict, artifact, card, charts and MLflow read nothing else.
A finding is a number with its interval and the rows it stands on, or the reason there is none.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MISSING_GROUP = "(missing)"
"""The group of the rows whose attribute is not known. Shown and counted; never a side of a limit."""

WEIGHT = "weight"
"""Detail of a rate of weighted rows: the sum of the weights of its denominator."""

Comparison = Literal[
    "rate", "difference", "ratio", "paired", "share", "mean", "gap", "whole", "change", "widening", "check"
]
"""What the number is:

``rate``        one group's own rate, among ``n.group`` rows
``difference``  group minus reference, two independent sets of rows
``ratio``       group over reference, two independent sets of rows
``paired``      group minus reference on the same rows (``n.group`` pairs)
``share``       part of a whole that is not a rate of rows (of an attribution, say), 0 to 1
``mean``        one group's own number that is no share of rows (a mean, an AUC), in ``unit``
``gap``         difference of two such numbers, or one number of two groups together, in ``unit``
``whole``       one number of all groups of an attribute together (a range, an inequality index), in ``unit``
``change``      one group's own rate, this model minus the one in production, on the same rows
``widening``    group's lead over the reference, minus the gap between them in production, on the same rows
``check``       a quality figure of the technique itself (completeness error, share of edits refused)
"""


class Frozen(BaseModel):
    """A model that cannot change after it is made, and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Interval(Frozen):
    """A confidence interval. ``high`` may be null: no upper limit (a ratio whose reference rate may be 0)."""

    low: float
    high: float | None
    level: float = Field(gt=0, lt=1)
    method: str
    simultaneous: bool = False


class Support(Frozen):
    """The rows a number actually stands on: its conditional denominators, not the group sizes."""

    group: float
    reference: float | None = None


class Evidence(Frozen):
    """Where the number can be recomputed from: a file of the artifact and how to select in it."""

    file: str
    selector: str = ""


class Finding(Frozen):
    """One number of an audit, or the reason why there is none.

    ``sufficient`` holds the sufficient statistics of ``interval.method`` (see
    ``audits.statistics.interval``), so that a verdict can take the interval at any level from the
    finding alone. ``details`` holds what a card may show beside the number (example pairs, tokens).
    """

    technique: str
    measure: str
    attribute: str = ""
    group: str = ""
    reference: str = ""
    comparison: Comparison
    value: float | None = None
    missing: str = ""
    interval: Interval | None = None
    n: Support | None = None
    sufficient: dict[str, float] = Field(default_factory=dict)
    p: float | None = None
    p_adjusted: float | None = None
    adjustment: str = ""
    unit: str = "proportion"
    direction: str = ""
    evidence: Evidence | None = None
    details: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _number_or_reason(self) -> Finding:
        if (self.value is None) == (self.missing == ""):
            raise ValueError("a finding has either a value or the reason why it is missing")
        if self.value is None and self.interval is not None:
            raise ValueError("a finding without a value has no interval")
        return self

    @property
    def id(self) -> str:
        """Stable name: technique/measure/attribute/group/reference/comparison."""
        parts = (self.technique, self.measure, self.attribute, self.group, self.reference, self.comparison)
        return "/".join(_id_part(part) for part in parts)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON values, ``id`` first."""
        return {"id": self.id, **self.model_dump(mode="json")}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Finding:
        """Read back what ``to_json`` wrote. Raises ``ValueError`` where the id does not fit the content."""
        finding = cls.model_validate({key: value for key, value in document.items() if key != "id"})
        if document.get("id") != finding.id:
            raise ValueError(f"finding id: got {document.get('id')!r}, expected {finding.id!r}")
        return finding


@lru_cache(maxsize=4096)
def _id_part(text: str) -> str:
    """Keep letters, digits, spaces and a few marks; where anything else stood, a digest keeps ids apart."""
    kept = "".join(c if c.isalnum() or c in " _-.+×()[],:=≥→" else "_" for c in text)
    if kept == text and len(text) <= 80:
        return text or "-"
    return f"{kept[:60]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def canonical_json(value: Any) -> bytes:
    """Return the canonical bytes of a JSON value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: Any) -> str:
    """Return the sha256 (hex) of the canonical bytes of a JSON value."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def write_findings(findings: Iterable[Finding]) -> bytes:
    """Return the canonical bytes of ``findings.json``: one list, sorted by id, a finding a line."""
    ordered = sorted(findings, key=lambda finding: finding.id)
    ids = [finding.id for finding in ordered]
    twice = sorted({a for a, b in pairwise(ids) if a == b})
    if twice:
        raise ValueError(f"two findings share the id {twice[0]!r}: give their measures different names")
    lines = b",\n".join(canonical_json(finding.to_json()) for finding in ordered)
    return b"[\n" + lines + b"\n]\n"


def read_findings(content: bytes) -> list[Finding]:
    """Read ``findings.json``."""
    return [Finding.from_json(document) for document in json.loads(content)]


def rounded(value: float, digits: int = 12) -> float:
    """Round to ``digits`` significant digits, so that the last bits of a float never reach a digest."""
    if value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits}g}")


def families(findings: Sequence[Finding]) -> dict[tuple[str, str, str, str], list[Finding]]:
    """Group findings that belong to one chart or table: by technique, measure, attribute, comparison."""
    grouped: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.technique, finding.measure, finding.attribute, finding.comparison)
        grouped.setdefault(key, []).append(finding)
    return grouped
