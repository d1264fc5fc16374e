"""Stability: what moves the verdict is found, what does not is not; alternatives are counted as the audit counts."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import write_evidence

from audits.errors import NotMeasurable, SpecError
from audits.evidence import Evidence
from audits.spec import AuditSpec
from audits.techniques.parity import parity
from audits.techniques.stability import stability
from audits.verdict import judge

LIMIT = {"measure": "selection_rate", "over": "sex", "compare": "difference", "at_most": 0.1}


def scored(folder, apart, limits=(LIMIT,), rows=4000, protected=None, **more):
    """Rows with scores from 0 to 1; above 0.5 the sexes differ by ``apart``, above 0.9 not at all."""
    rng = np.random.default_rng(0)
    sex = np.where(np.arange(rows) % 2, "man", "woman")
    score = rng.random(rows) * 0.5
    share = np.where(sex == "man", 0.4 + apart, 0.4)
    up = rng.random(rows) < share
    score[up] = 0.5 + 0.4 * rng.random(int(up.sum()))
    top = rng.random(rows) < 0.1
    score[top] = 0.95
    age = rng.integers(20, 70, rows)
    write_evidence(folder, {"sex": sex.tolist()}, decision=(score >= 0.5).astype(int).tolist())
    table = pq.read_table(folder / "rows.parquet")
    table = table.set_column(table.schema.get_field_index("score"), "score", pa.array(score))
    table = table.append_column("data.age", pa.array(age)).append_column("data.sex", pa.array(sex))
    pq.write_table(table, folder / "rows.parquet")
    predictions = pa.table({"input": table["input"], "score": table["score"], "decision": table["decision"]})
    pq.write_table(predictions.sort_by("input"), folder / "predictions.parquet")
    spec = AuditSpec.model_validate(
        {
            "audit": "small",
            "question": "?",
            "data": {"source": "rows.csv", "score": "score", "threshold": ">= 0.5"},
            "protected": protected or {"sex": {"column": "sex"}},
            "techniques": {"parity": {}, "stability": {}},
            "limits": list(limits),
            **more,
        }
    )
    return Evidence(folder, spec)


def test_a_verdict_that_hangs_on_the_threshold_is_said_to(tmp_path):
    evidence = scored(tmp_path, 0.3)
    (found,) = stability(evidence, thresholds=[0.4, 0.93])
    assert found.details["verdict"] == "FAIL"
    by_threshold = {one["threshold"]: one["verdict"] for one in found.details["alternatives"]}
    assert by_threshold == {0.4: "FAIL", 0.93: "PASS"}
    assert found.value == 0.5
    assert (found.measure, found.comparison, found.n.group) == ("stability", "share", 2)


def test_a_verdict_that_nothing_moves_is_stable(tmp_path):
    evidence = scored(tmp_path, 0.0)
    (found,) = stability(evidence, thresholds=[0.45, 0.6], margins={"difference": [0.08, 0.12]}, seeds=[1, 2, 3])
    assert found.value == 1
    assert found.n.group == 3 * 3 * 4 - 1
    assert found.details["verdicts"] == {"PASS": 35}


def test_the_first_alternative_is_the_audit_itself(tmp_path):
    evidence = scored(tmp_path, 0.3)
    (found,) = stability(evidence, margins={"difference": [0.9]})
    assert found.details["verdict"] == judge(evidence.spec.policy, list(parity(evidence))).verdict
    assert found.details["alternatives"] == [{"margin": 0.9, "verdict": "PASS"}]


def test_other_bins_cut_the_column_again(tmp_path):
    over_age = {**LIMIT, "over": "age"}
    protected = {"sex": {"column": "sex"}, "age": {"column": "age", "bins": [40]}}
    evidence = scored(tmp_path, 0.0, [over_age], protected=protected)
    slices = pq.read_table(tmp_path / "slices.parquet")
    age = pq.read_table(tmp_path / "rows.parquet")["data.age"].to_numpy()
    slices = slices.append_column("age", pa.array(np.where(age < 40, "<40", "≥40")))
    pq.write_table(slices, tmp_path / "slices.parquet")
    (found,) = stability(evidence, bins={"age": [[30, 50], [60]]})
    assert [one["bins"] for one in found.details["alternatives"]] == [{"age": [30, 50]}, {"age": [60]}]


def test_a_limit_on_what_is_no_rate_is_missing_with_its_reason(tmp_path):
    flips = {"measure": "flip_rate", "over": "sex", "at_most": 0.1}
    (found,) = stability(scored(tmp_path, 0.0, [flips]), seeds=[1])
    assert found.value is None
    assert "flip_rate over sex is no rate of decisions by group" in found.missing


def test_the_same_seeds_give_the_same_findings(tmp_path):
    evidence = scored(tmp_path, 0.07)
    assert list(stability(evidence, seeds=[1, 2])) == list(stability(evidence, seeds=[1, 2]))


def test_nothing_varied_is_not_measurable(tmp_path):
    with pytest.raises(NotMeasurable, match="nothing is varied"):
        list(stability(scored(tmp_path, 0.0)))


def test_bins_of_an_attribute_without_bins_are_refused(tmp_path):
    with pytest.raises(SpecError, match=r"stability.bins.sex: got other bins, expected an attribute that has bins"):
        list(stability(scored(tmp_path, 0.0), bins={"sex": [[1]]}))


def test_rows_drawn_by_cluster_stay_together():
    from audits.techniques.stability import _drawn_again

    clusters = np.array([2, 0, 2, 1, 0, 2])
    codes = np.arange(6)
    drawn, _, _, again = _drawn_again(3, codes, codes.astype(np.int8), None, clusters)
    for one in np.unique(again):
        rows = drawn[again == one]
        assert sorted(rows) == sorted(np.flatnonzero(clusters == clusters[rows[0]]))


def test_a_margin_that_no_rates_can_have_is_refused(tmp_path):
    evidence = scored(tmp_path, 0.0)
    with pytest.raises(SpecError, match=r"stability.margins.ratio: got 0, expected ratios above 0"):
        list(stability(evidence, margins={"ratio": [0.0]}))
    with pytest.raises(SpecError, match=r"stability.margins.difference: got 10, expected proportions, 0 to 1"):
        list(stability(evidence, margins={"difference": [10]}))


def test_a_ratio_is_moved_on_its_own_side_of_one_only(tmp_path):
    """Two limits, at least 0.8 and at most 1.25: a margin of 0.75 is another bound of the first alone."""
    ratio = {"measure": "selection_rate", "over": "sex", "compare": "ratio"}
    evidence = scored(tmp_path, 0.0, [ratio | {"at_least": 0.8}, ratio | {"at_most": 1.25}])
    low, high = stability(evidence, margins={"ratio": [0.75, 1.3, 1.4]})
    assert ([low.n.group, high.n.group], [low.value, high.value]) == ([1, 2], [1, 1])


def test_a_limit_is_judged_among_the_others_as_the_audit_judges_it(tmp_path):
    """A gap that is beyond its limit by itself, but not after the correction for the other limits of the policy."""
    others = [LIMIT | {"at_most": 0.5 + at / 100} for at in range(20)]
    limits = [LIMIT | {"at_most": 0.23}, *others]
    evidence = scored(tmp_path, 0.3, limits=limits)
    real = judge(evidence.spec.policy, [*parity(evidence)]).limits
    alone = judge(evidence.spec.policy[:1], [*parity(evidence)]).limits
    assert (alone[0].verdict, real[0].verdict) == ("FAIL", "INCONCLUSIVE")
    found = list(stability(evidence, seeds=[1]))
    assert [one.details["verdict"] for one in found] == [one.verdict for one in real]
