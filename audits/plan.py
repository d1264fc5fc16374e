"""The plan of an audit: what would run, on how much, for how long, and what it cannot answer. Runs no model."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from audits.answerable import Unanswerable, unanswerable
from audits.artifact.model import EVIDENCE, MANIFEST, OPTIONAL, REQUIRED
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Frozen
from audits.reach import Reach, reach
from audits.spec import AuditSpec, ModelSpec
from audits.telling import one_line

CHARACTERS_PER_TOKEN = 4
"""English text in the tokens of common models."""
PER_SECOND = {"text-classifier": 4_000, "causal-lm": 1_500, "tabular": 20_000, "python": 2_000}
"""Tokens (texts) or rows (tables) a second: a small model on two processor cores. Ten times as large a model takes
about ten times as long; a graphics card a hundredth."""
START_SECONDS = {"text-classifier": 8.0, "causal-lm": 8.0, "tabular": 3.0, "python": 3.0}
CLASSIFIER_TOKENS = 512
"""Tokens after which a text classifier cuts a text, where the spec does not say."""


class Groups(Frozen):
    """How many rows are in each group of an attribute; ``missing`` rows are in none."""

    attribute: str
    groups: dict[str, int]
    missing: int


class Inside(Frozen):
    """A technique that reads the model's inside: on how many rows, with how many passes each."""

    technique: str
    rows: int
    passes: int


class Plan(Frozen):
    """What an audit would do.

    ``forward_passes`` distinct inputs to score, once each (0 without a model; inputs that the same model has scored
    before are taken from the store, so it is the most) · ``inside`` passes of the techniques that read the
    model's inside · ``seconds`` an estimate, and ``seconds_from`` what it rests on; null without a model.
    """

    audit: str
    question: str
    rows: int
    fitting_rows: int
    groups: tuple[Groups, ...]
    pairs: int
    refused: int
    forward_passes: int
    tokens: int | None
    inside: tuple[Inside, ...]
    seconds: float | None
    seconds_from: str
    techniques: tuple[str, ...]
    unanswerable: tuple[Unanswerable, ...]
    limits: tuple[Reach, ...]
    files: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return self.model_dump(mode="json")

    def to_text(self) -> str:
        """Return the plan for people."""
        lines = [f"{self.audit}: {self.question}", "", f"rows        {self.rows:,} audited"]
        if self.fitting_rows:
            lines.append(f"            {self.fitting_rows:,} kept apart to fit the model")
        for each in self.groups:
            sizes = {**each.groups, **({MISSING_GROUP: each.missing} if each.missing else {})}
            told = ", ".join(f"{group} {count:,}" for group, count in sizes.items())
            lines.append(f"            {each.attribute}: {told}")
        if self.pairs or self.refused:
            lines.append(f"pairs       {self.pairs:,} counterfactual inputs, {self.refused:,} that cannot be made")
        if self.forward_passes:
            tokens = f", about {self.tokens:,} tokens" if self.tokens is not None else ""
            lines.append(f"model       {self.forward_passes:,} forward passes{tokens}")
        lines += [f"            {one.technique}: {one.passes:,} passes on {one.rows:,} rows" for one in self.inside]
        if self.seconds is not None:
            lines.append(f"time        about {_time(self.seconds)}: {self.seconds_from}")
        lines.append(f"techniques  {', '.join(self.techniques)}")
        lines += _section("limits", [f"{one.limit}: {one.outlook}. {one.reason}" for one in self.limits])
        asked = [f"{u.what}: {u.why}{f' ({u.remedy})' if u.remedy else ''}" for u in self.unanswerable]
        lines += _section("cannot be answered", asked)
        lines += ["", f"would write {len(self.files)} files and the charts; nothing was run"]
        return "\n".join(map(one_line, lines))


def plan(spec: AuditSpec, base: Path) -> Plan:
    """Return the plan of an audit: the data are read, sliced and paired in a temporary folder, no model is loaded.

    Args:
        spec: the audit.
        base: folder of the spec.

    Raises:
        DataError: the data cannot be read. A broken expectation of the data is told among what cannot be answered.
    """
    from audits import data, pairs, slices

    lenient = spec.model_copy(update={"data": spec.data.model_copy(update={"when_broken": "carry-on"})})
    with tempfile.TemporaryDirectory(prefix="evenhand-plan-") as name:
        folder = Path(name)
        data.load(lenient, base, folder)
        slices.cut(spec, folder, folder)
        pairs.pair(spec, folder, folder)
        return _plan(spec, folder)


def _plan(spec: AuditSpec, folder: Path) -> Plan:
    evidence = Evidence(folder, spec)
    edits, checks = (json.loads((folder / name).read_bytes()) for name in ("edits.json", "checks.json"))
    lengths = _lengths(spec, folder)
    tokens = _tokens(spec.model, lengths)
    inside = tuple(_inside(spec, evidence.rows.num_rows))
    seconds, source = _seconds(spec.model, lengths, tokens, inside)
    fitting = folder / "fit.parquet"
    edited = sum(entry["edited"] for entry in edits)
    return Plan(
        audit=spec.audit,
        question=spec.question,
        rows=evidence.rows.num_rows,
        fitting_rows=pq.read_metadata(fitting).num_rows if fitting.is_file() else 0,
        groups=tuple(_groups(evidence, attribute) for attribute in evidence.attributes),
        pairs=edited,
        refused=sum(entry["asked"] for entry in edits) - edited,
        forward_passes=len(lengths),
        tokens=tokens,
        inside=inside,
        seconds=seconds,
        seconds_from=source,
        techniques=tuple(spec.techniques),
        unanswerable=tuple(unanswerable(spec, evidence, edits, checks)),
        limits=tuple(reach(spec, evidence)),
        files=_files(spec),
    )


def _groups(evidence: Evidence, attribute: str) -> Groups:
    codes, names = evidence.codes(attribute)
    counts = {name: int((codes == at).sum()) for at, name in enumerate(names)}
    missing = counts.pop(MISSING_GROUP, 0)
    return Groups(attribute=attribute, groups=counts, missing=missing)


def _lengths(spec: AuditSpec, folder: Path) -> list[int]:
    """Return the length in characters of each distinct input that the model would be asked (0 for a table row)."""
    if spec.model is None:
        return []
    from audits.observe import distinct_inputs

    inputs = distinct_inputs(spec, folder)
    texts = [inputs[name].to_pylist() for name in ("text", "continuation") if name in inputs.column_names]
    return (
        [sum(len(text or "") for text in parts) for parts in zip(*texts, strict=True)] if texts else [0] * len(inputs)
    )


def _tokens(model: ModelSpec | None, lengths: list[int]) -> int | None:
    if model is None or model.kind not in ("text-classifier", "causal-lm"):
        return None
    most = model.max_tokens or (CLASSIFIER_TOKENS if model.kind == "text-classifier" else math.inf)
    return sum(int(min(math.ceil(length / CHARACTERS_PER_TOKEN) + 2, most)) for length in lengths)


def _inside(spec: AuditSpec, rows: int) -> list[Inside]:
    """Passes of techniques that read the model's inside, from their options ``rows`` and ``nodes`` or ``steps``."""
    from audits.techniques import examines_inside, registry

    found = []
    for name, options in spec.techniques.items():
        if name in registry and examines_inside(registry[name]):
            given = registry[name].options.model_validate(options)
            examined = min(getattr(given, "rows", None) or rows, rows)
            each = getattr(given, "nodes", None) or getattr(given, "steps", None) or 1
            found.append(Inside(technique=name, rows=examined, passes=examined * each))
    return found


def _seconds(
    model: ModelSpec | None, lengths: list[int], tokens: int | None, inside: tuple[Inside, ...]
) -> tuple[float | None, str]:
    if model is None:
        return None, "no model is run"
    work = float(len(lengths) if tokens is None else tokens)
    each = work / max(len(lengths), 1)
    work += 3 * each * sum(one.passes for one in inside)  # a gradient costs about two forward passes more
    seconds = START_SECONDS[model.kind] + work / PER_SECOND[model.kind]
    unit = "rows" if tokens is None else f"tokens ({CHARACTERS_PER_TOKEN} characters each)"
    source = (
        f"a guess, not measured: {PER_SECOND[model.kind]:,} {unit} a second, as a small model does on two processor "
        "cores; inputs scored before are not scored again"
    )
    return round(seconds, 1), source + ("; fitting the model at first use comes on top" if model.fit else "")


def _files(spec: AuditSpec) -> tuple[str, ...]:
    withheld = EVIDENCE if spec.evidence == "digest-only" else frozenset()
    return tuple(sorted({MANIFEST} | OPTIONAL | REQUIRED - withheld))


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  - {line}" for line in lines)] if lines else []
