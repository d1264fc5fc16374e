"""A run folder with findings of every technique, for the tests of what tells them: few rows, many kinds of number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cards_example import _made, documents, example_findings
from columned import with_columns

from audits.evidence import Evidence
from audits.findings import Finding, Interval, Support, canonical_json, write_findings
from audits.ledger import ledger
from audits.spec import AuditSpec
from audits.techniques import registry
from audits.techniques import run as carry_out
from audits.verdict import judge

SPEC = """\
audit: every-technique
question: Are applicants approved, ranked and priced alike?
data:
  source: people.csv
  score: score
  threshold: ">= 0.5"
  label: repaid
  favourable: 1
  features: [income, age]
protected:
  race: {column: race, reference: white}
  sex: {column: sex, reference: male}
intersections: 2
techniques:
  parity: {metrics: [selection_rate, true_positive_rate]}
  score_parity: {metrics: [auc, expected_calibration_error, abroca], resolution: 64}
  identity_auc: {attributes: [race], resolution: 64}
  subgroups: {columns: [income], permutations: 99}
  stability: {thresholds: [0.4], margins: {ratio: [0.6, 0.9]}, seeds: [1]}
  remedies: {}
  data_balance:
    metrics: [class_imbalance, group_size_atkinson_index, label_js_divergence, label_kl_divergence, label_l2_distance,
              label_linf_distance]
  conditional_disparity: {strata: region}
  neighbours: {features: [income, age]}
  multiclass_parity: {predicted: kind, rates: [selection_rate]}
  regression_parity: {predicted: offered, truth: amount, metrics: [mean_error, cdf_parity, scoring_rate]}
  ranking_parity: {query: region, rank: place, relevance: repaid, metrics: [exposure, ndkl, skew]}
limits:
  - {measure: selection_rate, over: race, compare: ratio, at_least: 0.8}
  - {measure: selection_rate, over: sex, compare: difference, at_most: 0.1}
  - {measure: auc, over: race, compare: gap, at_most: 0.1}
card: {subject_word: applicants, positive_word: approved, owner: Retail lending}
"""


def write_every(run: Path, rows: int = 500) -> Path:
    """Write findings of every technique, the verdict on them, and the other documents of a run."""
    evidence = _evidence(run, rows)
    spec = evidence.spec
    found = [f for name, options in spec.techniques.items() for f in carry_out(registry[name], evidence, options)]
    found += [f for f in example_findings() if f.technique != "parity"]
    found += [*_gaps(), *_bounds()]
    (run / "spec.yaml").write_text(SPEC)
    (run / "findings.json").write_bytes(write_findings(found))
    told = documents()
    told["groups"] = (
        json.loads((run / "groups.json").read_text()) if (run / "groups.json").is_file() else told["groups"]
    )
    verdict = judge(spec.policy, found, spec.statistics.level)
    told |= {"verdict": verdict.to_json(), "ledger": ledger(found, verdict)}
    for name, document in told.items():
        (run / f"{name}.json").write_bytes(canonical_json(document))
    return run


def _evidence(run: Path, rows: int) -> Evidence:
    rng = np.random.default_rng(5)
    race = rng.choice(["white", "Black", "Hispanic"], rows, p=[0.6, 0.25, 0.15])
    sex = rng.choice(["male", "female"], rows)
    score = np.clip(rng.normal(0.6 - 0.3 * (race == "Black"), 0.2, rows), 0.01, 0.99).round(3)
    repaid = (rng.random(rows) < 0.2 + 0.6 * score).astype(int)
    crossed = [f"{one} × {other}" for one, other in zip(race, sex, strict=True)]
    columns: dict[str, Any] = {
        "race": race, "sex": sex, "income": rng.integers(10, 90, rows), "age": rng.integers(20, 70, rows),
        "region": rng.choice(["N", "S", "E"], rows), "kind": rng.choice(["new", "used", "lease"], rows),
        "offered": (100 * score).round(1), "amount": (100 * score + rng.normal(0, 9, rows)).round(1), "repaid": repaid,
    }  # fmt: skip
    place = np.zeros(rows, dtype=int)
    for region in ("N", "S", "E"):
        rank = np.argsort(-score[columns["region"] == region], kind="stable")
        places = np.empty(len(rank), dtype=int)
        places[rank] = np.arange(1, len(rank) + 1)
        place[columns["region"] == region] = places
    columns["place"] = place
    groups = {"race": race.tolist(), "sex": sex.tolist(), "race×sex": crossed}
    decision = (score >= 0.5).astype(int).tolist()
    with_columns(run, groups, columns, label=repaid.tolist(), decision=decision, score=score.tolist())
    table = pq.read_table(run / "rows.parquet")
    table = table.set_column(table.schema.get_field_index("score"), "score", pa.array(score))
    pq.write_table(table, run / "rows.parquet")
    from audits.artifact.texts import sealed_spec

    spec: AuditSpec = sealed_spec(SPEC.encode())
    return Evidence(run, spec)


def _gaps() -> list[Finding]:
    """What drives a gap, as ``shap`` tells it."""
    parts = {"income": -0.5, "debt": -0.2, "age": 0.08, "years at address": -0.03}
    named = {"mean_output_gap": sum(parts.values()), **{f"gap_contribution[{n}]": v for n, v in parts.items()}}
    return [
        _made("shap", measure, "race", "Black", "white", "gap", value, "t", {"mean": value, "se": 0.03, "df": 60}, 98,
              300, "log-odds")
        for measure, value in named.items()
    ]  # fmt: skip


def _bounds() -> list[Finding]:
    """Rates of groups that are known as probabilities, as ``proxy_bounds`` tells them."""
    told = []
    for group, reference, comparison, value, low, high in (
        ("Black", "", "rate", 0.48, 0.09, 0.66), ("white", "", "rate", 0.73, 0.63, 0.97),
        ("Black", "white", "difference", -0.25, -0.88, 0.03),
    ):  # fmt: skip
        told.append(Finding(
            technique="proxy_bounds", measure="selection_rate", attribute="origin", group=group, reference=reference,
            comparison=comparison, value=value, n=Support(group=200, reference=300 if reference else None),
            interval=Interval(low=low - 0.02, high=high + 0.02, level=0.95, method="bounds"),
            details={"bounds": {"low": low, "high": high}},
        ))  # fmt: skip
    return told
