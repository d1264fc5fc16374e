"""Pairs: each audited row beside its counterfactual versions, and how many could be made."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audits.counterfactuals import Version, registry
from audits.errors import SpecError
from audits.evidence import PAIRS, Evidence
from audits.findings import canonical_json, rounded
from audits.inputs import features_input, prompt_input, slots, text_input
from audits.rewriting import apply
from audits.spec import AuditSpec

BATCH = 20_000
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
Row = dict[str, Any]


def pair(spec: AuditSpec, run: Path, out: Path) -> None:
    """Write ``pairs.parquet`` (see ``audits.evidence.PAIRS``) and ``edits.json``: every version of every row.

    ``edits.json`` is a list, one entry per counterfactual, attribute, group and kind: ``asked``, ``edited``,
    ``ambiguous`` (edited, some edit being a guess), ``share_edited`` (null where none was asked), ``mean_edits``,
    ``mean_characters`` (replaced per edited version; null without text edits), ``refused`` (reason → count,
    the words that a reason quotes left out).

    Args:
        spec: the audit.
        run: folder with ``rows.parquet`` and ``slices.parquet``.
        out: existing folder to write to.

    Raises:
        SpecError: a counterfactual that the model's kind cannot be asked, or whose options are wrong.
        ValueError: a counterfactual yields a version that is not what it says (a defect of its code).
    """
    statistics = Statistics()
    with pq.ParquetWriter(out / "pairs.parquet", PAIRS) as writer:
        records = _records(spec, Evidence(run, spec), statistics)
        for batch in _batches(enumerate(records), BATCH):
            writer.write_table(pa.Table.from_pylist([{"pair": at, **record} for at, record in batch], PAIRS))
    document = json.dumps(statistics.entries(), ensure_ascii=False, indent=1)  # the commonest reason stays first
    (out / "edits.json").write_text(document + "\n", encoding="utf-8")


def _batches(items: Iterator[tuple[int, Row]], size: int) -> Iterator[list[tuple[int, Row]]]:
    while batch := list(itertools.islice(items, size)):
        yield batch


def versions(spec: AuditSpec, evidence: Evidence) -> Iterator[Version]:
    """Yield every version that the spec's counterfactuals make. Raises ``SpecError`` as ``pair`` does."""
    for name, options in spec.counterfactuals.items():
        entry = registry[name]
        kind = spec.model.kind if spec.model else "no model"
        if kind not in entry.facts["kinds"]:
            kinds = ", ".join(sorted(entry.facts["kinds"]))
            raise SpecError(f"counterfactual {name}: got {kind}, expected one of {kinds}", "leave it out of the spec")
        checked = entry.options.model_validate(options)
        given = {option: getattr(checked, option) for option in type(checked).model_fields}
        yield from entry.function(evidence, **given)


def _records(spec: AuditSpec, evidence: Evidence, statistics: Statistics) -> Iterator[Row]:
    if not spec.counterfactuals:
        return
    at = {row: position for position, row in enumerate(evidence.rows["row"].to_pylist())}
    originals = evidence.rows["input"].to_pylist()
    texts = evidence.rows["text"].to_pylist()
    clusters = evidence.rows["cluster"].to_pylist()
    input_of = _input_of(spec, evidence)
    seen: set[tuple[Any, ...]] = set()
    for version in versions(spec, evidence):
        position = at.get(version.row, -1)
        _validate(version, texts[position] if position >= 0 else None, position, seen)
        if spec.evidence == "digest-only":  # reasons are published, with the words that they quote
            version = version.model_copy(update={"reason": QUOTED.sub("…", version.reason)})
        statistics.count(version)
        yield {
            **version.model_dump(include=set(PAIRS.names)),
            "cluster": str(version.row) if clusters[position] is None else clusters[position],
            "original": originals[position],
            "input": input_of(version, position) if version.status == "edited" else None,
            "changes": None if version.changes is None else canonical_json(version.changes).decode(),
            "edits": json.dumps([edit.model_dump() for edit in version.edits], ensure_ascii=False),
        }


def _input_of(spec: AuditSpec, evidence: Evidence) -> Callable[[Version, int], str]:
    """Return how a version's input is named, by what the model reads."""
    columns = {name: evidence.rows[f"data.{name}"].to_pylist() for name in spec.data.features}

    def name(version: Version, position: int) -> str:
        if version.changes is not None:
            row = {feature: values[position] for feature, values in columns.items()}
            return features_input({**row, **version.changes})
        if spec.model is not None and spec.model.kind == "causal-lm":
            return prompt_input(version.text or "", version.continuation or "")
        return text_input(version.text or "")

    return name


def _validate(version: Version, text: str | None, position: int, seen: set[tuple[Any, ...]]) -> None:
    """Hold a counterfactual to its contract, so that what pairs say can be relied on."""
    key = (version.counterfactual, version.attribute, version.kind, version.row, version.to_group, version.filling)
    problem = ""
    if position < 0:
        problem = "is of a row that is not audited"
    elif key in seen:
        problem = "was made twice"
    elif version.status == "refused":
        problem = "" if version.reason else "was refused without a reason"
    elif (version.text is None) == (version.changes is None):
        problem = "has to change either a text or columns"
    elif version.text is not None and version.edits and apply(text or "", version.edits) != version.text:
        problem = "differs from its row by more than its edits"
    elif version.text is not None and slots(version.text) and version.filling is not None:
        problem = "has an unfilled slot"
    if problem:
        raise ValueError(
            f"{version.counterfactual}: the version of row {version.row} for {version.to_group!r} {problem}"
        )
    seen.add(key)


class Statistics:
    """Counts of versions asked for, made and refused, by counterfactual, attribute, group and kind."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str], Counter[str]] = {}
        self._refused: dict[tuple[str, str, str, str], Counter[str]] = {}

    def count(self, version: Version) -> None:
        """Count one version."""
        key = (version.counterfactual, version.attribute, version.to_group, version.kind)
        counts = self._counts.setdefault(key, Counter())
        refused = self._refused.setdefault(key, Counter())
        counts["asked"] += 1
        if version.status == "refused":
            refused[QUOTED.sub("…", version.reason)] += 1  # one reason, whichever words it is told of
            return
        counts["edited"] += 1
        counts["ambiguous"] += version.reason.startswith("ambiguous")
        counts["edits"] += len(version.edits) or len(version.changes or ())
        counts["characters"] += sum(len(edit.old) for edit in version.edits)

    def entries(self) -> list[dict[str, Any]]:
        """Return the list that ``edits.json`` holds."""
        return [self._entry(key) for key in sorted(self._counts)]

    def _entry(self, key: Sequence[str]) -> dict[str, Any]:
        name, attribute, group, kind = key
        counts, refused = self._counts[name, attribute, group, kind], self._refused[name, attribute, group, kind]
        edited = counts["edited"]
        return {
            "counterfactual": name,
            "attribute": attribute,
            "to_group": group,
            "kind": kind,
            "asked": counts["asked"],
            "edited": edited,
            "ambiguous": counts["ambiguous"],
            "share_edited": rounded(edited / counts["asked"]),
            "mean_edits": rounded(counts["edits"] / edited) if edited else None,
            "mean_characters": rounded(counts["characters"] / edited) if counts["characters"] else None,
            "refused": dict(sorted(refused.items(), key=lambda item: (-item[1], item[0]))),
        }
