"""ProPublica's COMPAS table: from its printed counts through evidence, techniques and verdict to a sealed artifact."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audits.artifact import find_problems, seal
from audits.artifact.texts import sealed_spec
from audits.evidence import PAIRS, PREDICTIONS, ROWS, Evidence
from audits.findings import Finding, canonical_json, write_findings
from audits.known_answers import Known
from audits.slices import cut
from audits.techniques import registry, run
from audits.verdict import Verdict, judge

PROPUBLICA = "ProPublica, compas-analysis, Compas Analysis.ipynb, tables of errors by race"
RATES = "counts of ProPublica, compas-analysis; rates as in the Aequitas COMPAS notebook"
METHOD = "counts of ProPublica; method of Newcombe 1998, Statistics in Medicine 17:873"
FAIRLEARN = "counts of ProPublica; as fairlearn 0.15 demographic_parity_* gives them"

COUNTS = {
    "African-American": (1369, 805, 532, 990),
    "Caucasian": (505, 349, 461, 1139),
    "Hispanic": (103, 87, 129, 318),
    "Asian": (6, 2, 3, 21),
    "Native American": (9, 3, 1, 5),
}
"""True positives, false positives, false negatives, true negatives of each race, as printed."""

SPEC = """\
audit: known-answers
question: Are the published numbers reproduced?
data: {source: compas.csv, label: label, decision: decision, positive: 1, favourable: 0}
protected: {race: {column: race, reference: Caucasian}}
techniques:
  parity: {metrics: [selection_rate, false_positive_rate, false_negative_rate, precision, accuracy]}
limits:
  - {measure: false_positive_rate, over: race, compare: difference, at_most: 0.1}
  - {measure: accuracy, over: race, compare: ratio, at_least: 0.8}
"""
STARTED = datetime(2016, 5, 23, tzinfo=UTC)


class Audited(NamedTuple):
    """What came out: findings by id, the verdict, and what verify said before and after a byte was flipped."""

    findings: dict[str, Finding]
    verdict: Verdict
    whole: str
    flipped: str


@cache
def audited() -> Audited:
    """Carry out a whole small audit of the printed counts, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="evenhand-selfcheck-") as temporary:
        folder, spec = Path(temporary), sealed_spec(SPEC.encode())
        _write_rows(folder)
        cut(spec, folder, folder)
        evidence = Evidence(folder, spec)
        findings = [
            found for name, options in spec.techniques.items() for found in run(registry[name], evidence, options)
        ]
        verdict = judge(spec.policy, findings, spec.statistics.level, STARTED.date())
        (folder / "findings.json").write_bytes(write_findings(findings))
        (folder / "verdict.json").write_bytes(canonical_json(verdict.to_json()) + b"\n")
        _write_rest(folder)
        sealed = seal(folder, folder / "runs", spec=spec, spec_text=SPEC, started=STARTED, ended=STARTED, libraries={})
        whole = _verified(sealed)
        flipped = all(_flip(path, sealed) for path in sorted(sealed.rglob("*")) if path.is_file())
        return Audited({found.id: found for found in findings}, verdict, whole, "found" if flipped else "not found")


def _write_rows(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    race = np.repeat(list(COUNTS), [sum(cells) for cells in COUNTS.values()])
    cells = np.concatenate([np.repeat(np.arange(4), counts) for counts in COUNTS.values()])
    truth, decision = np.isin(cells, (0, 2)).astype(np.int8), np.isin(cells, (0, 1)).astype(np.int8)
    inputs = [f"row:{at}" for at in range(len(race))]
    known: dict[str, Any] = {"row": range(len(race)), "input": inputs, "label": truth, "decision": decision}
    nothing = [None] * len(race)
    columns = [pa.array(known.get(field.name, nothing), field.type) for field in ROWS]
    pq.write_table(pa.table(columns, ROWS).append_column("data.race", pa.array(race)), folder / "rows.parquet")
    predictions = pa.table({"input": inputs, "score": nothing, "decision": decision}, PREDICTIONS)
    pq.write_table(predictions.sort_by("input"), folder / "predictions.parquet")
    pq.write_table(PAIRS.empty_table(), folder / "pairs.parquet")


def _write_rest(folder: Path) -> None:
    """Write what a whole artifact holds beside the numbers."""
    documents: dict[str, Any] = {"data": {"digest": "0" * 64}, "model": {}, "checks": [], "edits": [], "card": {}}
    for name, document in documents.items():
        (folder / f"{name}.json").write_bytes(canonical_json(document) + b"\n")
    (folder / "card.html").write_text("<!doctype html>")
    (folder / "card.md").write_text("# known answers\n")


def _verified(artifact: Path) -> str:
    problems = find_problems(artifact)
    return f"{problems[0].file}: {problems[0].message}" if problems else "whole"


def _flip(path: Path, artifact: Path) -> bool:
    """Flip one bit in the middle of a file, and say whether verify finds it."""
    content = path.read_bytes()
    at = len(content) // 2
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    found = bool(find_problems(artifact))
    path.write_bytes(content)
    return found


def _rate(measure: str, *groups: str) -> list[float | None]:
    return [audited().findings[f"parity/{measure}/race/{group}/-/rate"].value for group in groups]


def _pair(measure: str, comparison: str) -> Finding:
    return audited().findings[f"parity/{measure}/race/African-American/Caucasian/{comparison}"]


def _interval(measure: str, comparison: str = "difference") -> tuple[float | None, ...]:
    interval = _pair(measure, comparison).interval
    return (interval.low, interval.high) if interval else ()


def _ruling(measure: str) -> str:
    return next(one.verdict for one in audited().verdict.limits if one.limit["measure"] == measure)


BLACK, WHITE = "African-American", "Caucasian"

KNOWN = (
    Known(
        "COMPAS false positive rates, African-American and Caucasian",
        PROPUBLICA,
        "0.4485, 0.2345",
        lambda: _rate("false_positive_rate", BLACK, WHITE),
    ),
    Known(
        "COMPAS false negative rates, African-American and Caucasian",
        PROPUBLICA,
        "0.2799, 0.4772",
        lambda: _rate("false_negative_rate", BLACK, WHITE),
    ),
    Known("COMPAS selection rates of five races", RATES, "0.5882, 0.3480, 0.2983, 0.2500, 0.6667",
          lambda: _rate("selection_rate", *COUNTS)),
    Known("COMPAS precision of five races", RATES, "0.6297, 0.5913, 0.5421, 0.7500, 0.7500",
          lambda: _rate("precision", *COUNTS)),
    Known("COMPAS accuracy of five races", RATES, "0.6383, 0.6699, 0.6609, 0.8438, 0.7778",
          lambda: _rate("accuracy", *COUNTS)),
    Known("COMPAS false positive rate difference", METHOD, "0.1821, 0.2450",
          lambda: _interval("false_positive_rate")),
    Known("COMPAS false negative rate difference", METHOD, "-0.2346, -0.1599",
          lambda: _interval("false_negative_rate")),
    Known("COMPAS precision difference reaches below 0", METHOD, "-0.00004, 0.0773",
          lambda: _interval("precision")),
    Known("COMPAS demographic parity difference", FAIRLEARN, "0.240200",
          lambda: _pair("selection_rate", "difference").value),
    Known("COMPAS selection rate ratio, the other way round", FAIRLEARN, "0.591638",
          lambda: 1 / (_pair("selection_rate", "ratio").value or 0)),
    Known("COMPAS false positive rates are unequal by more than 10 points", PROPUBLICA, "FAIL",
          lambda: _ruling("false_positive_rate")),
    Known("a limit that the smallest groups cannot show stays open", "step 6 of the rule, by hand", "INCONCLUSIVE",
          lambda: _ruling("accuracy")),
    Known("a sealed artifact verifies", "the artifact's own definition", "whole", lambda: audited().whole),
    Known("one flipped bit in any of its files", "the artifact's own definition", "found",
          lambda: audited().flipped),
)  # fmt: skip
