"""What other tools for parity get wrong, each held to the right value here.

The wrong values are those that the named versions print; where a peer is installed, it is asked. What is not in this
file is tested beside the function that it concerns: ``ELSEWHERE`` says where, and a test holds it to that.
"""

import ast
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import write_evidence
from test_bad_input import ROWS, SPEC, audited, changed, table
from test_verdict import all_pairs, limit

from audits.findings import MISSING_GROUP
from audits.spec import Limit
from audits.statistics import bounds, critical
from audits.statistics.differences import pooled_z
from audits.techniques.parity import parity
from audits.verdict import judge

ELSEWHERE = {
    "Giskard: ranks of Benjamini–Hochberg": "test_statistics_multiplicity.py",
    "Giskard: no discovery is a crash": "test_statistics_multiplicity.py",
    "Fairlearn: bootstrap of a range": "test_bootstrap.py",
    "Clarify: divergences without full support": "test_metrics_data.py",
    "holisticai: precision and recall exchanged": "test_metrics_multiclass.py",
    "holisticai: ABROCA that is an AUC gap": "test_metrics_scores.py",
    "holisticai: coefficient of variation": "test_metrics_binary.py",
    "holisticai: an unobserved class as disparity": "test_metrics_multiclass.py",
    "AIF360: generalized entropy at 0": "test_metrics_binary.py",
    "AIF360: infeasible index": "test_metrics_ranking.py",
    "LangFair: SERP and PRAG not normalised": "test_metrics_ranking.py",
    "DivExplorer: t against the whole": "test_discovery.py",
    "statsmodels: Miettinen–Nurminen": "test_statistics_intervals.py",
}
COMPAS = {  # group: positives flagged, negatives flagged, positives not, negatives not
    "African-American": (1369, 805, 532, 990),
    "Caucasian": (505, 349, 461, 1139),
}


@pytest.mark.parametrize(("defect", "file"), ELSEWHERE.items())
def test_the_other_defects_are_tested_where_their_function_is(defect, file):
    text = (Path(__file__).parent / file).read_text()
    assert defect.split(":")[0].split()[0].lower() in text.lower(), f"{file} does not name {defect}"
    assert any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in ast.parse(text).body)


def compas(folder):
    groups, labels, decisions = [], [], []
    for group, counts in COMPAS.items():
        for (label, decision), n in zip(((1, 1), (0, 1), (1, 0), (0, 0)), counts, strict=True):
            groups += [group] * n
            labels += [label] * n
            decisions += [decision] * n
    evidence = write_evidence(folder, {"race": groups}, label=labels, decision=decisions, reference="Caucasian")
    return {f.id.removeprefix("parity/"): f for f in parity(evidence)}


def test_error_rates_are_tested_among_the_labels_and_not_among_the_predictions(tmp_path):
    found = compas(tmp_path)["false_positive_rate/race/African-American/Caucasian/difference"]
    assert pooled_z(805, 1795, 349, 1488) == pytest.approx(12.7803, abs=5e-5)  # Aequitas: p = 0.0504, "not significant"
    assert found.p < 1e-12
    assert (found.interval.low, found.interval.high) == pytest.approx((0.1821, 0.2450), abs=5e-5)


def test_rates_of_a_group_have_the_groups_own_denominators(tmp_path):
    found = compas(tmp_path)
    rates = [found[f"false_negative_rate/race/{group}/-/rate"].value for group in COMPAS]
    assert rates == pytest.approx([0.2799, 0.4772], abs=5e-5)  # AI Verify: .186 and .161, the other way round


def test_a_group_without_positives_does_not_make_equalized_odds_look_unfair(tmp_path):
    from fairlearn.metrics import equalized_odds_difference

    group = ["a"] * 40 + ["b"] * 40
    label = [0, 1] * 20 + [0] * 40
    decision = [0, 1] * 20 + [0] * 40
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert equalized_odds_difference(label, decision, sensitive_features=group) == 1.0  # the false alarm
    found = {
        f.id.removeprefix("parity/"): f
        for f in parity(write_evidence(tmp_path, {"g": group}, label=label, decision=decision))
    }
    odds = next(f for id_, f in found.items() if id_.startswith("equalized_odds_difference/"))
    assert odds.value is None
    assert "actual positives" in odds.missing
    verdict = judge(
        [Limit(measure="equalized_odds_difference", over="g", compare="difference", at_most=0.1)], list(found.values())
    )
    assert verdict.verdict == "INCONCLUSIVE"


def test_a_row_of_unknown_group_is_a_row_and_in_no_group(tmp_path):
    from fairlearn.metrics import MetricFrame, selection_rate

    sex = np.array(["m", "f"] * 50, dtype=object)
    sex[:7] = None
    with pytest.raises(ValueError, match="missing values"):
        MetricFrame(
            metrics=selection_rate, y_true=[1] * 100, y_pred=[1] * 100, sensitive_features=pd.Series(sex, dtype="str")
        )
    findings, _ = audited(tmp_path, table().head(100).assign(sex=sex))
    own = {f.group: f.n.group for f in findings if f.measure == "selection_rate" and f.comparison == "rate"}
    assert own == {"f": 47, "m": 46, MISSING_GROUP: 7}  # Clarify counts them with the advantaged group
    assert all(MISSING_GROUP not in (f.group, f.reference) for f in findings if f.reference)


def test_two_attributes_that_share_a_value_do_not_mix(tmp_path):
    rng = np.random.default_rng(0)
    race, sex = rng.choice(["Other", "white"], 300).tolist(), rng.choice(["Other", "man"], 300).tolist()
    evidence = write_evidence(tmp_path, {"race": race, "sex": sex}, decision=rng.integers(0, 2, 300).tolist())
    found = {f.id: f.n.group for f in parity(evidence, metrics=["selection_rate"])}
    assert found["parity/selection_rate/race/Other/-/rate"] == race.count("Other")
    assert found["parity/selection_rate/sex/Other/-/rate"] == sex.count("Other")


def test_a_group_with_decisions_of_one_kind_has_its_other_rates(tmp_path):
    data = {"g": ["a"] * 4 + ["b"] * 4}  # VerifyML: IndexError of a 1 × 1 confusion matrix
    evidence = write_evidence(tmp_path, data, label=[1, 0, 1, 0, 1, 1, 1, 1], decision=[1, 0, 0, 1, 1, 1, 1, 1])
    found = {f.id.removeprefix("parity/"): f for f in parity(evidence)}
    assert found["true_positive_rate/g/b/-/rate"].value == 1
    assert (
        found["false_positive_rate/g/b/-/rate"].missing
        == "b has no actual negatives with a decision, so it has no false positive rate"
    )


def test_every_pair_of_groups_is_tested_not_the_first(tmp_path):
    rng = np.random.default_rng(0)
    evidence = write_evidence(
        tmp_path, {"g": rng.choice(list("abcde"), 500).tolist()}, decision=rng.integers(0, 2, 500).tolist()
    )
    tested = [f for f in parity(evidence, metrics=["selection_rate"]) if f.p is not None]
    assert len(tested) == 10  # Credo Lens returns after the first of K(K − 1)/2


def test_labels_may_be_called_anything(tmp_path):
    frame = table().assign(
        y=lambda f: np.where(f.y == 1, "repaid", "lost"), d=lambda f: np.where(f.d == 1, "repaid", "lost")
    )
    words, _ = audited(tmp_path, frame, changed("decision: d", "decision: d, favourable: repaid"))
    numbers, _ = audited(tmp_path, table(), SPEC)
    assert [f.value for f in words] == [f.value for f in numbers]


def test_no_row_is_left_out_because_there_are_many(tmp_path):
    many = pd.concat([table()] * 60, ignore_index=True)  # the RAI Toolbox keeps the first 5,000
    findings, _ = audited(tmp_path, many)
    assert sum(f.n.group for f in findings if f.measure == "selection_rate" and f.comparison == "rate") == 60 * ROWS


def test_more_than_two_labels_are_refused_and_not_made_into_a_number(tmp_path):
    from audits.errors import DataError

    with pytest.raises(DataError, match="expected '1'"):
        audited(tmp_path, table(d=np.arange(ROWS) % 3))  # fairpipe: a demographic parity difference of 2


def test_an_estimate_lies_inside_its_own_interval():
    rng = np.random.default_rng(0)
    n1, n2 = rng.integers(1, 60, 500), rng.integers(1, 60, 500)
    x1, x2 = rng.integers(0, n1 + 1), rng.integers(1, n2 + 1)
    counts = {"x1": x1, "n1": n1, "x2": x2, "n2": n2}
    for method, value in (("newcombe", x1 / n1 - x2 / n2), ("koopman", x1 * n2 / (n1 * x2))):
        low, high = bounds(method, counts, critical(0.95))
        assert (low <= value + 1e-9).all(), method
        assert (value <= high + 1e-9).all(), method


def test_the_impact_ratio_is_to_the_most_selected_group_and_never_above_one(tmp_path):
    # 84 of 115 published New York audits have other denominators, 329 of their rows a ratio above 1
    decisions = [1] * 412 + [0] * 385 + [1] * 204 + [0] * 204 + [1] * 170 + [0] * 220
    race = ["White"] * 797 + ["Hispanic"] * 408 + ["Black"] * 390
    evidence = write_evidence(tmp_path, {"race": race}, decision=decisions, reference="Black")
    found = {f.group: f.value for f in parity(evidence, metrics=["impact_ratio"]) if f.comparison == "mean"}
    assert found == pytest.approx({"White": 1, "Hispanic": 0.96723, "Black": 0.84323}, abs=5e-6)


def test_a_verdict_is_returned_with_its_error_control():
    equal = dict.fromkeys("abcdefgh", (300, 1000))
    verdict = judge([limit(at_most=0.1)], all_pairs("difference", equal))
    assert verdict.verdict == "PASS"  # DALEX prints and returns None
    assert verdict.level == 0.95
    assert "correction for the number of comparisons" in verdict.rule
