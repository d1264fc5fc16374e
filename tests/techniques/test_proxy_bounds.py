"""Bounds where the group is a probability: from a spec to the verdict."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from audits import data, slices
from audits.errors import DataError, SpecError
from audits.evidence import Evidence
from audits.findings import write_findings
from audits.reach import reach
from audits.spec_reader import read_spec
from audits.techniques import registry, run
from audits.verdict import judge

SPEC = """\
audit: loans
question: Are applicants approved equally often?
data: {{source: rows.parquet, decision: approved, label: repaid{roles}}}
protected:
  race: {{probabilities: {{Black: p_black, White: p_white}}, reference: White}}
techniques:
  proxy_bounds: {options}
limits:
  - {{measure: selection_rate, over: race, compare: {compare}, {bound}}}
"""


def audit(folder, table, options="{}", compare="difference", bound="at_most: 0.1", roles=""):
    pl.DataFrame(table).write_parquet(folder / "rows.parquet")
    text = SPEC.format(options=options, compare=compare, bound=bound, roles=roles)
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    spec = read_spec(folder / "spec.yaml")
    data.load(spec, folder, folder)
    slices.cut(spec, folder, folder)
    evidence = Evidence(folder, spec)
    findings = run(registry["proxy_bounds"], evidence, dict(spec.techniques["proxy_bounds"]))
    write_findings(findings)  # ids are distinct, no number is infinite
    return findings, judge(spec.policy, findings, today=date(2026, 1, 1))


def loans(rows, sure, gap, seed=0, likely=None):
    """Rows whose probabilities are ``sure`` or 1 − ``sure``; Black applicants are approved ``gap`` less often."""
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(rows) < 0.4, sure, 1 - sure)
    black = rng.random(rows) < p
    approved = rng.random(rows) < 0.5 - gap * black
    repaid = rng.random(rows) < 0.8
    return {"p_black": p, "p_white": 1 - p, "approved": approved.astype(int), "repaid": repaid.astype(int)}


def one(findings, measure="selection_rate", comparison="difference"):
    (found,) = [f for f in findings if f.measure == measure and f.comparison == comparison and f.group == "Black"]
    return found


def example():
    """Kallus, Mao, Zhou: three strata; exactly .6, .5 and .35 of their rows are approved."""
    strata = [(4000, 0.1, 0.6), (3500, 0.5, 0.5), (2500, 0.9, 0.35)]
    p = np.concatenate([np.full(n, p) for n, p, _ in strata])
    approved = np.concatenate([np.arange(n) < round(n * y) for n, _, y in strata]).astype(int)
    return {"p_black": p, "p_white": 1 - p, "approved": approved, "repaid": np.ones(10_000, int)}


def test_the_bounds_of_the_published_example_are_found_and_the_value_is_the_weighted_estimate(tmp_path):
    findings, _ = audit(tmp_path, example())
    found = one(findings)
    assert found.details["bounds"] == pytest.approx({"low": -0.6437, "high": 0.3304}, abs=0.01)
    assert found.value == pytest.approx(-0.1252, abs=5e-5)
    assert found.interval.method == "bounds"
    assert found.interval.low < found.details["bounds"]["low"]
    assert found.interval.high > found.details["bounds"]["high"]
    rate = one(findings, comparison="rate")
    assert rate.details["bounds"] == pytest.approx({"low": 0.1420, "high": 0.6875}, abs=0.01)
    assert rate.n.group == pytest.approx(4400)
    ratio = one(findings, comparison="ratio")
    assert ratio.details["bounds"] == pytest.approx({"low": 0.1420 / 0.7857, "high": 0.6875 / 0.3571}, rel=0.05)


def test_nearly_certain_probabilities_pass_a_fair_model_and_fail_one_with_a_planted_gap(tmp_path):
    (tmp_path / "fair").mkdir()
    (tmp_path / "unfair").mkdir()
    _, fair = audit(tmp_path / "fair", loans(20_000, 0.99, 0.0))
    assert fair.verdict == "PASS"
    _, unfair = audit(tmp_path / "unfair", loans(20_000, 0.99, 0.3))
    assert unfair.verdict == "FAIL"
    assert unfair.limits[0].worst == {"group": "White", "reference": "Black"}


def test_vague_probabilities_are_inconclusive_however_many_rows_there_are(tmp_path):
    findings, verdict = audit(tmp_path, loans(50_000, 0.7, 0.0))
    assert abs(one(findings).value) < 0.02  # the weighted estimate alone would say: no gap
    assert verdict.verdict == "INCONCLUSIVE"
    assert verdict.limits[0].rows_needed is None  # more rows would not help
    assert verdict.limits[0].smallest_detectable is None


def test_a_ratio_has_bounds_and_a_verdict_of_its_own(tmp_path):
    (tmp_path / "fair").mkdir()
    (tmp_path / "unfair").mkdir()
    _, fair = audit(tmp_path / "fair", loans(20_000, 0.99, 0.0), compare="ratio", bound="at_least: 0.8")
    assert fair.verdict == "PASS"
    findings, unfair = audit(tmp_path / "unfair", loans(20_000, 0.99, 0.3), compare="ratio", bound="at_least: 0.8")
    assert unfair.verdict == "FAIL"
    ratio = one(findings, comparison="ratio")
    assert ratio.interval.low < 0.4 < ratio.interval.high < 0.8


def test_true_and_false_positive_rates_are_bounded_where_there_are_labels(tmp_path):
    findings, _ = audit(tmp_path, loans(20_000, 0.98, 0.2))
    for measure in ("true_positive_rate", "false_positive_rate"):
        found = one(findings, measure)
        assert found.interval.low < -0.2 < found.interval.high
        assert found.details["bounds"]["high"] - found.details["bounds"]["low"] < 0.5
    accuracy, _ = audit(tmp_path, loans(2000, 0.9, 0.2), options="{metrics: [selection_rate, accuracy]}")
    assert {f.measure for f in accuracy} == {"selection_rate", "accuracy"}


def test_what_bounds_can_show_is_not_known_beforehand(tmp_path):
    audit(tmp_path, loans(100, 0.9, 0.0))
    spec = read_spec(tmp_path / "spec.yaml")
    (told,) = reach(spec, Evidence(tmp_path, spec))
    assert told.outlook == "not known beforehand"
    assert "race is known as probabilities" in told.reason


def test_the_same_evidence_gives_the_same_bytes(tmp_path):
    one_time, _ = audit(tmp_path, loans(500, 0.8, 0.1))
    again, _ = audit(tmp_path, loans(500, 0.8, 0.1))
    assert write_findings(one_time) == write_findings(again)


def test_strata_of_other_columns_make_the_bounds_narrower(tmp_path):
    half = np.full(8000, 0.5)
    place = np.repeat([0, 1], 4000)
    approved = (np.random.default_rng(6).random(8000) < np.where(place, 0.8, 0.2)).astype(int)
    table = {"p_black": half, "p_white": half, "approved": approved, "repaid": approved, "place": place.astype(str)}
    wide = one(audit(tmp_path, table)[0], comparison="rate").details["bounds"]
    narrow = one(audit(tmp_path, table, options="{strata: [place]}")[0], comparison="rate").details["bounds"]
    assert wide == pytest.approx({"low": 0, "high": 1}, abs=0.03)
    assert narrow == pytest.approx({"low": 0.3, "high": 0.7}, abs=0.03)


def test_rows_without_a_probability_are_left_out_counted_and_shown(tmp_path):
    table = loans(2000, 0.9, 0.0)
    table["p_black"] = [None if at % 10 == 0 else p for at, p in enumerate(table["p_black"].tolist())]
    findings, verdict = audit(tmp_path, table)
    assert one(findings).details["left_out"] == 200
    (missing,) = [f for f in findings if f.group == "(missing)" and f.measure == "selection_rate"]
    assert missing.n.group == 200
    assert verdict.limits[0].worst["group"] != "(missing)"


def test_a_group_that_nobody_can_be_in_leaves_the_limit_open_by_name(tmp_path):
    table = loans(500, 1.0, 0.0) | {"p_black": np.zeros(500), "p_white": np.ones(500)}
    findings, verdict = audit(tmp_path, table)
    assert "Black has no" in one(findings).missing
    assert verdict.verdict == "INCONCLUSIVE"
    assert "Black" in verdict.limits[0].reason


def test_weights_and_clusters_are_heeded(tmp_path):
    table = {name: np.repeat(values, 4) for name, values in loans(500, 0.9, 0.0).items()}
    table["person"] = np.repeat(np.arange(500), 4).astype(str)
    table["weight"] = np.full(2000, 2.0)
    apart = one(audit(tmp_path, table)[0]).sufficient
    alike = one(audit(tmp_path, table, roles=", cluster: person, weight: weight")[0]).sufficient
    assert alike["low"] == pytest.approx(apart["low"], abs=0.03)
    assert alike["se_low"] > 1.5 * apart["se_low"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"p_black": 1.2},
            r"protected.race.probabilities.Black: got 1.2 in row 3 of 'p_black' .1 such rows., expected 0",
        ),
        ({"p_black": 0.5, "p_white": 0.4}, r"protected.race.probabilities: got row 3 adding up to 0.9 .*expected 1"),
    ],
)
def test_what_is_no_probability_is_refused_with_the_row(tmp_path, change, said):
    table = loans(10, 0.9, 0.0)
    for name, value in change.items():
        table[name][3] = value
    with pytest.raises(DataError, match=said):
        audit(tmp_path, table)


def test_a_column_of_names_is_no_probability(tmp_path):
    with pytest.raises(DataError, match="expected numbers from 0 to 1"):
        audit(tmp_path, loans(10, 0.9, 0.0) | {"p_black": ["x"] * 10})


def refused(tmp_path, old, new):
    text = SPEC.format(options="{}", compare="difference", bound="at_most: 0.1", roles="")
    (tmp_path / "spec.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_spec(tmp_path / "spec.yaml")
    return str(caught.value)


def test_what_does_not_fit_probabilities_is_refused_when_the_spec_is_read(tmp_path):
    given = "probabilities: {Black: p_black, White: p_white}"
    assert "got both column and probabilities" in refused(tmp_path, given, f"column: race, {given}")
    assert "got an empty mapping" in refused(tmp_path, given, "probabilities: {}")
    assert "got 'Black' alone" in refused(tmp_path, given, "probabilities: {Black: p_black}")
    assert "the column of 'Black' already" in refused(tmp_path, "White: p_white", "White: p_black")
    assert "expected a group, largest or best" in refused(tmp_path, "reference: White", "reference: Whit")
    assert "expected a technique that bounds it" in refused(tmp_path, "proxy_bounds: {}", "parity: {}")
    assert "got values without a column" in refused(tmp_path, given, f"values: {{a: b}}, {given}")


def test_without_probabilities_there_is_nothing_to_bound(tmp_path):
    table = loans(50, 0.9, 0.0) | {"race": ["Black", "White"] * 25}
    pl.DataFrame(table).write_parquet(tmp_path / "rows.parquet")
    text = SPEC.format(options="{}", compare="difference", bound="at_most: 0.1", roles="")
    text = text.replace("probabilities: {Black: p_black, White: p_white}", "column: race")
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    spec = read_spec(tmp_path / "spec.yaml")
    data.load(spec, tmp_path, tmp_path)
    slices.cut(spec, tmp_path, tmp_path)
    (found,) = run(registry["proxy_bounds"], Evidence(tmp_path, spec), {})
    assert "no protected attribute has probabilities" in found.missing


def test_of_many_groups_every_pair_is_bounded(tmp_path):
    rng = np.random.default_rng(7)
    names = [f"g{at:02}" for at in range(13)]
    p = rng.dirichlet(np.full(13, 0.05), 4000).round(3)
    p[:, -1] = 1 - p[:, :-1].sum(axis=1)
    table = {f"p_{name}": p[:, at].clip(0, 1) for at, name in enumerate(names)} | {"d": rng.integers(0, 2, 4000)}
    pl.DataFrame(table).write_parquet(tmp_path / "rows.parquet")
    columns = ", ".join(f"{name}: p_{name}" for name in names)
    text = f"""\
audit: many
question: Are they approved equally often?
data: {{source: rows.parquet, decision: d}}
protected: {{origin: {{probabilities: {{{columns}}}}}}}
techniques: {{proxy_bounds: {{}}}}
"""
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    spec = read_spec(tmp_path / "spec.yaml")
    data.load(spec, tmp_path, tmp_path)
    slices.cut(spec, tmp_path, tmp_path)
    findings = run(registry["proxy_bounds"], Evidence(tmp_path, spec), {})
    pairs = {frozenset((f.group, f.reference)) for f in findings if f.comparison == "difference"}
    assert len(pairs) == 13 * 12 // 2
