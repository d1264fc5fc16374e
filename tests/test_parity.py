"""Parity by hand, against fairlearn, and by law."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import write_evidence

from audits.errors import SpecError
from audits.evidence import Evidence
from audits.findings import canonical_json, write_findings
from audits.metrics import of_task
from audits.metrics import registry as metrics
from audits.metrics.counting import cells, confusion, tally, tally_clusters
from audits.statistics import interval
from audits.techniques import registry, run
from audits.techniques.parity import parity

GUIDE = {  # fairlearn user guide, 18 rows
    "y": [0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1],
    "d": [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0],
    "g": list("bbabbcccaacabccbcc"),
}
CLARIFY = {  # aws/amazon-sagemaker-clarify, tests/unit/bias/metrics/test_metrics.py
    "g": list("MFFMFMFFMMFF"),
    "y": [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0],
    "d": [1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0],
}


def audit(folder, data, **more):
    evidence = write_evidence(folder, {"group": data["g"]}, label=data.get("y"), decision=data.get("d"), **more)
    return {finding.id.removeprefix("parity/"): finding for finding in parity(evidence)}


def rate(found, measure, group):
    return found[f"{measure}/group/{group}/-/rate"].value


def test_rates_are_those_of_the_fairlearn_user_guide(tmp_path):
    found = audit(tmp_path, GUIDE)
    expected = {"a": (0.5, 1.0, 0.75, 4), "b": (0.6, 0, 0.5, 6), "c": (0.4, 2 / 3, 0.5, 8)}
    for group, (tpr, fpr, selected, n) in expected.items():
        assert rate(found, "true_positive_rate", group) == pytest.approx(tpr)
        assert rate(found, "false_positive_rate", group) == pytest.approx(fpr)
        assert rate(found, "selection_rate", group) == pytest.approx(selected)
        assert found[f"selection_rate/group/{group}/-/rate"].n.group == n


def test_rates_are_those_of_the_fairlearn_docstring(tmp_path):
    data = {"g": list("FFFFFMMMMM"), "y": [1, 1, 1, 1, 1, 0, 0, 1, 1, 0], "d": [0, 1, 1, 1, 1, 0, 0, 0, 1, 1]}
    found = audit(tmp_path, data, reference="F")
    assert found["selection_rate/group/M/F/difference"].value == pytest.approx(-0.4)
    assert found["selection_rate/group/M/F/ratio"].value == pytest.approx(0.5)
    assert (rate(found, "accuracy", "F"), rate(found, "accuracy", "M")) == (0.8, 0.6)


def test_differences_are_those_of_clarify_in_one_sign_convention(tmp_path):
    found = audit(tmp_path, CLARIFY, reference="M")

    def difference(measure):
        return found[f"{measure}/group/F/M/difference"].value

    assert found["selection_rate/group/F/M/ratio"].value == pytest.approx(10 / 7)  # DI
    assert -difference("true_positive_rate") == pytest.approx(-2 / 3)  # RD
    assert difference("true_negative_rate") == pytest.approx(1 / 6)  # SD
    assert -difference("precision") == pytest.approx(-1 / 2)  # DAR
    assert difference("negative_predictive_value") == pytest.approx(1 / 3)  # DRR
    assert -difference("accuracy") == pytest.approx(-13 / 35)  # AD
    assert -difference("base_rate") == pytest.approx(-1 / 35)  # DPL
    assert -difference("selection_rate") == pytest.approx(-6 / 35)  # DPPL


def test_with_the_other_reference_every_sign_flips(tmp_path):
    one = audit(tmp_path / "one", CLARIFY, reference="M")
    other = audit(tmp_path / "other", CLARIFY, reference="F")
    for name, finding in one.items():
        if finding.comparison == "difference":
            turned = other[name.replace("/F/M/", "/M/F/")]
            assert turned.value == pytest.approx(-finding.value)
            assert turned.interval.low == pytest.approx(-finding.interval.high)
            assert turned.p == pytest.approx(finding.p)
    assert other["selection_rate/group/M/F/ratio"].value == pytest.approx(7 / 10)


def test_rates_are_those_of_langfair_classification(tmp_path):
    data = {
        "g": ["0"] * 8 + ["1"] * 9,
        "d": [0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0],
        "y": [0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1],
    }
    found = audit(tmp_path, data, reference="1")

    def ratio(measure):
        return found[f"{measure}/group/0/1/ratio"].value

    def difference(measure):
        return found[f"{measure}/group/0/1/difference"].value

    assert difference("precision") == pytest.approx(-0.25)
    assert difference("negative_predictive_value") == pytest.approx(0.1)
    assert (difference("false_negative_rate"), ratio("false_negative_rate")) == (0, 1)
    assert (difference("false_positive_rate"), ratio("false_positive_rate")) == (pytest.approx(1 / 6), 1.5)
    assert (difference("selection_rate"), ratio("selection_rate")) == (pytest.approx(1 / 18), 1.125)


def test_fairlearn_gives_the_same_rates_where_it_defines_them(tmp_path):
    import fairlearn.metrics as fair
    from sklearn.metrics import accuracy_score, precision_score

    random = np.random.default_rng(4)
    data = {"g": random.choice(list("abcd"), 400).tolist()}
    data |= {name: random.integers(0, 2, 400).tolist() for name in ("y", "d")}
    theirs = fair.MetricFrame(
        metrics={
            "selection_rate": fair.selection_rate,
            "true_positive_rate": fair.true_positive_rate,
            "false_positive_rate": fair.false_positive_rate,
            "true_negative_rate": fair.true_negative_rate,
            "false_negative_rate": fair.false_negative_rate,
            "precision": precision_score,
            "accuracy": accuracy_score,
        },
        y_true=data["y"],
        y_pred=data["d"],
        sensitive_features=data["g"],
    )
    found = audit(tmp_path, data, reference="best")
    for measure in theirs.by_group.columns:
        for group, value in theirs.by_group[measure].items():
            assert rate(found, measure, group) == pytest.approx(value)
    widest = max(abs(f.value) for f in found.values() if (f.measure, f.comparison) == ("selection_rate", "difference"))
    assert widest == pytest.approx(theirs.difference()["selection_rate"])


def test_a_group_without_positives_has_no_true_positive_rate(tmp_path):
    data = {"g": list("aabb"), "y": [1, 0, 0, 0], "d": [1, 0, 1, 0]}
    found = audit(tmp_path, data)
    missing = found["true_positive_rate/group/b/-/rate"]
    assert missing.value is None
    assert missing.missing == "b has no actual positives with a decision, so it has no true positive rate"
    assert missing.n.group == 0
    assert found["true_positive_rate/group/b/a/difference"].missing == missing.missing
    assert found["selection_rate/group/b/a/difference"].value == 0


def test_a_ratio_to_a_rate_of_zero_is_missing_with_its_reason(tmp_path):
    found = audit(tmp_path, {"g": list("aaabb"), "d": [0, 0, 0, 1, 0]}, reference="a")
    ratio = found["selection_rate/group/b/a/ratio"]
    assert ratio.value is None
    assert ratio.missing == "the selection rate of a is 0 of 3 rows, so there is no ratio to it"
    assert ratio.sufficient == {"x1": 1, "n1": 2, "x2": 0, "n2": 3}


def test_rows_of_unknown_group_are_counted_and_never_a_side(tmp_path):
    found = audit(tmp_path, {"g": ["a", "a", "b", None], "d": [1, 0, 1, 1]})
    assert rate(found, "selection_rate", "(missing)") == 1
    assert not [f for f in found.values() if f.reference and "(missing)" in (f.group, f.reference)]


def test_every_pair_of_groups_is_there_once(tmp_path):
    found = audit(tmp_path, {"g": list("abcdabcdd"), "d": [1, 0] * 4 + [1]}, reference="largest")
    pairs = [(f.group, f.reference) for f in found.values() if f.comparison == "difference"]
    assert sorted(pairs) == [("a", "d"), ("b", "a"), ("b", "d"), ("c", "a"), ("c", "b"), ("c", "d")]


def test_a_group_below_the_floor_has_no_number(tmp_path):
    evidence = write_evidence(tmp_path, {"group": list("aaab")}, decision=[1, 0, 1, 1])
    found = {f.id: f for f in run(registry["parity"], evidence, {"metrics": ["selection_rate"], "floor": 2})}
    assert found["parity/selection_rate/group/b/-/rate"].missing == "b has too few rows: 1, where the floor is 2"
    assert found["parity/selection_rate/group/a/-/rate"].value == pytest.approx(2 / 3, abs=1e-12)


def test_without_a_label_what_needs_the_truth_is_missing_and_by_default_left_out(tmp_path):
    evidence = write_evidence(tmp_path, {"group": list("aabb")}, decision=[1, 0, 1, 1])
    assert {f.measure for f in parity(evidence)} == {"selection_rate"}
    asked = list(parity(evidence, metrics=["true_positive_rate"]))
    assert asked
    assert all("names no label" in finding.missing for finding in asked)


def test_without_decisions_the_base_rate_remains(tmp_path):
    evidence = write_evidence(tmp_path, {"group": list("aabb")}, label=[1, 0, 1, 1])
    assert {f.measure for f in parity(evidence)} == {"base_rate"}
    assert {f.group: f.value for f in parity(evidence) if f.comparison == "rate"} == {"a": 0.5, "b": 1}


def test_an_unknown_metric_is_refused_with_the_nearest(tmp_path):
    evidence = write_evidence(tmp_path, {"group": list("ab")}, decision=[1, 0])
    with pytest.raises(SpecError, match="got 'true_postive_rate'") as caught:
        list(parity(evidence, metrics=["true_postive_rate"]))
    assert caught.value.hint == "did you mean 'true_positive_rate'?"


def test_decisions_of_a_model_are_looked_up_by_input(tmp_path):
    own = audit(tmp_path / "own", GUIDE)
    asked = audit(tmp_path / "asked", GUIDE, model=True)
    assert {name: f.value for name, f in own.items()} == {name: f.value for name, f in asked.items()}
    assert asked["selection_rate/group/a/-/rate"].evidence.file == "predictions.parquet"


def test_the_best_reference_has_the_value_that_is_good_for_the_person(tmp_path):
    data = {"g": list("aaabbb"), "d": [1, 1, 0, 1, 0, 0]}
    good = audit(tmp_path / "good", data, reference="best")
    bad = audit(tmp_path / "bad", data, reference="best", favourable=0)
    assert "selection_rate/group/b/a/difference" in good
    assert "selection_rate/group/a/b/difference" in bad
    assert bad["selection_rate/group/a/b/difference"].direction.startswith("low is good for the person; ")


def test_labels_and_groups_may_be_exchanged(tmp_path):
    """Exchanging positive and negative exchanges the rates; renaming groups changes no gap."""
    flipped = {"g": GUIDE["g"], "y": [1 - y for y in GUIDE["y"]], "d": [1 - d for d in GUIDE["d"]]}
    renamed = {**GUIDE, "g": [{"a": "x", "b": "c", "c": "b"}[g] for g in GUIDE["g"]]}
    one, other, third = (audit(tmp_path / n, d) for n, d in (("1", GUIDE), ("2", flipped), ("3", renamed)))
    exchanged = {
        "false_positive_rate": "false_negative_rate",
        "true_positive_rate": "true_negative_rate",
        "precision": "negative_predictive_value",
    }
    for group in "abc":
        for left, right in exchanged.items():
            assert rate(one, left, group) == rate(other, right, group)

    def gaps(found):
        return sorted(abs(f.value) for f in found.values() if f.comparison == "difference" and f.value is not None)

    assert gaps(one) == pytest.approx(gaps(third))


def test_the_order_of_rows_does_not_matter(tmp_path):
    order = np.random.default_rng(0).permutation(18)
    shuffled = {name: [values[at] for at in order] for name, values in GUIDE.items()}
    one, other = audit(tmp_path / "1", GUIDE), audit(tmp_path / "2", shuffled)
    assert write_findings(one.values()) == write_findings(other.values())


def test_counts_of_groups_sum_to_all_rows(tmp_path):
    found = audit(tmp_path, {"g": ["a", "b", None, "a"], "d": [1, 0, 1, 1]})
    assert sum(f.n.group for f in found.values() if f.comparison == "rate") == 4


def test_equal_weights_change_nothing(tmp_path):
    plain, doubled = audit(tmp_path / "1", GUIDE), audit(tmp_path / "2", GUIDE, weight=[2.0] * 18)
    for name, finding in plain.items():
        assert doubled[name].value == pytest.approx(finding.value)
        assert doubled[name].n == finding.n
        if finding.interval:
            assert doubled[name].interval.low == pytest.approx(finding.interval.low)


def test_weighted_rows_count_as_kish_says(tmp_path):
    data = {"g": ["a"] * 120 + ["b"], "d": [1] * 30 + [0] * 70 + [1] * 4 + [0] * 16 + [1]}
    found = audit(tmp_path, data, weight=[1.0] * 100 + [5.0] * 20 + [1.0])
    finding = found["selection_rate/group/a/-/rate"]
    assert finding.value == pytest.approx(0.25)
    assert (finding.interval.low, finding.interval.high) == pytest.approx((0.1616, 0.3656), abs=5e-5)
    assert finding.n.group == 120
    assert finding.sufficient["n"] == pytest.approx(66.67, abs=5e-3)


def test_rows_that_repeat_each_other_do_not_narrow_an_interval(tmp_path):
    once = {"g": ["a"] * 40 + ["b"] * 40, "d": [1, 0] * 20 + [1, 0, 0, 0] * 10}
    often = {name: np.repeat(values, 10).tolist() for name, values in once.items()}
    clusters = np.repeat([f"person {at}" for at in range(80)], 10).tolist()
    one = audit(tmp_path / "1", once)["selection_rate/group/b/a/difference"].interval
    other = audit(tmp_path / "2", often, cluster=clusters)["selection_rate/group/b/a/difference"].interval
    naive = audit(tmp_path / "3", often)["selection_rate/group/b/a/difference"].interval
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.05)
    assert naive.high - naive.low < 0.5 * (one.high - one.low)


def test_the_interval_follows_from_the_sufficient_statistics(tmp_path):
    for finding in audit(tmp_path, GUIDE, level=0.9).values():
        if finding.interval:
            low, high = interval(finding.interval.method, finding.sufficient, 1.6448536269514722)
            assert (low, high) == pytest.approx((finding.interval.low, finding.interval.high))
            assert finding.interval.level == 0.9


def test_the_same_evidence_gives_the_same_bytes(tmp_path):
    one, other = audit(tmp_path, GUIDE), audit(tmp_path, GUIDE)
    assert canonical_json([f.to_json() for f in one.values()]) == canonical_json([f.to_json() for f in other.values()])


def test_groups_keep_the_order_of_the_slices_and_the_empty_ones_their_place(tmp_path):
    evidence = write_evidence(tmp_path, {"group": ["b", "a", None]}, decision=[1, 0, 1])
    listed = {"attributes": {"group": {"groups": [{"name": n, "n": 0} for n in ("b", "nobody", "a")]}}}
    (tmp_path / "groups.json").write_bytes(canonical_json(listed))
    codes, names = evidence.codes("group")
    assert names == ["b", "nobody", "a", "(missing)"]
    assert codes.tolist() == [0, 2, 3]
    found = {f.group: f.missing for f in parity(evidence) if f.comparison == "rate"}
    assert found["nobody"] == "nobody has no rows with a decision, so it has no selection rate"


def test_a_reason_does_not_deny_rows_that_are_undecided_or_of_unknown_truth(tmp_path):
    evidence = write_evidence(tmp_path, {"group": ["a", "b", "a"]}, decision=[None, 1, None], label=[1, None, 0])
    found = {(f.measure, f.group): f.missing for f in parity(evidence) if f.comparison == "rate"}
    assert found["selection_rate", "a"] == "a has no rows with a decision, so it has no selection rate"
    assert found["precision", "b"] == "b has no predicted positives with a known truth, so it has no precision"


def test_codes_are_the_same_whether_the_file_is_dictionary_encoded_or_not(tmp_path):
    evidence = write_evidence(tmp_path, {"group": ["b", "a", "b"]}, decision=[1, 0, 1])
    plain = evidence.codes("group")
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int32()), ["b", "a", "(missing)"])
    pq.write_table(pa.table({"row": [0, 1, 2], "group": column}), tmp_path / "slices.parquet")
    encoded = evidence.codes("group")
    assert plain[1] == encoded[1] == ["a", "b"]
    assert plain[0].tolist() == encoded[0].tolist() == [1, 0, 1]


def test_a_tally_counts_every_row_once():
    random = np.random.default_rng(0)
    codes, label, decision = random.integers(0, 3, 500), *random.integers(-1, 2, (2, 500)).astype(np.int8)
    cell = cells(label, decision)
    table = tally(codes, 3, cell)
    assert table.sum() == 500
    assert table[1, 2, 0] == np.sum((codes == 1) & (label == 1) & (decision == -1))
    assert np.array_equal(tally(codes, 3, cell, np.ones(500)), table)
    clusters = random.integers(0, 9, 500)
    assert np.array_equal(np.stack([t.sum(0) for t in tally_clusters(codes, 3, cell, clusters)]), table)
    assert confusion(table).tp[2] == table[2, 2, 2]
    assert np.array_equal(sum(confusion(table, decisions=False)), table.sum((1, 2)) - table[:, 0, 2] + table[:, 0, 2])


def test_every_metric_says_what_it_stands_on():
    for entry in metrics.entries().values():
        assert entry.source
        assert entry.summary.endswith(".")
        assert entry.facts["good"] in {"high", "low", "truth", "quality", "error", "zero", "one", "open"}


def fair(folder, rows=6000, groups="abc", seed=0, **more):
    rng = np.random.default_rng(seed)
    data = {"group": rng.choice(list(groups), rows).tolist()}
    return write_evidence(
        folder, data, label=rng.integers(0, 2, rows).tolist(), decision=rng.integers(0, 2, rows).tolist(), **more
    )


def test_the_range_stands_beside_what_chance_makes_of_equal_groups(tmp_path):
    found = {f.id: f for f in parity(fair(tmp_path), metrics=["selection_rate"])}
    whole = found["parity/selection_rate/group/-/-/whole"]
    rates = [found[f"parity/selection_rate/group/{name}/-/rate"].value for name in "abc"]
    assert whole.value == pytest.approx(max(rates) - min(rates))
    assert whole.interval is None
    assert 0 < whole.details["by_chance"] < 0.05
    assert whole.details["smallest_over_largest"] == pytest.approx(min(rates) / max(rates))
    assert abs(whole.details["between_groups_variance"]) < 0.001
    assert "limit the difference of pairs" in whole.details["no_interval"]


def test_of_many_groups_the_pairs_with_the_reference_are_told(tmp_path):
    found = list(parity(fair(tmp_path, groups="abcdefghijklmn"), metrics=["selection_rate"]))
    pairs = [f for f in found if f.comparison == "difference"]
    assert len(pairs) == 13
    assert len({f.reference for f in pairs}) == 1
    assert sum(f.comparison == "rate" for f in found) == 14


def test_every_metric_of_binary_decisions_can_be_asked_for(tmp_path):
    found = list(parity(fair(tmp_path), metrics="all"))
    names = {entry.name for entry in of_task("binary")}
    assert {f.measure for f in found} == names
    for finding in found:
        assert finding.interval or finding.missing or finding.details["no_interval"], finding.id
        if finding.interval and finding.interval.high is not None:
            assert finding.interval.low <= finding.value <= finding.interval.high, finding.id


def test_a_composite_brings_its_components(tmp_path):
    found = {f.measure for f in parity(fair(tmp_path), metrics=["equalized_odds_difference"])}
    assert found == {"equalized_odds_difference", "true_positive_rate", "false_positive_rate"}


def test_a_planted_gap_of_odds_is_found_and_equal_odds_are_not(tmp_path):
    rng = np.random.default_rng(1)
    rows = 4000
    group, label = rng.choice(list("ab"), rows), rng.integers(0, 2, rows)
    chance = 0.3 + 0.4 * label
    even = (rng.random(rows) < chance).astype(int)
    apart = (rng.random(rows) < chance - 0.2 * (group == "b")).astype(int)
    p = {}
    for name, decision in (("even", even), ("apart", apart)):
        evidence = write_evidence(
            tmp_path / name, {"group": group.tolist()}, label=label.tolist(), decision=decision.tolist()
        )
        found = parity(evidence, metrics=["equalized_odds_difference", "mutual_information_separation"])
        p[name] = {f.measure: f.p for f in found if f.comparison in ("gap", "whole") and f.p is not None}
    assert max(p["apart"].values()) < 0.01
    assert min(p["even"].values()) > 0.05


def test_intervals_of_averages_widen_where_rows_repeat_each_other(tmp_path):
    once = {f.id: f for f in parity(fair(tmp_path / "a"), metrics=["average_odds_difference"])}
    rng = np.random.default_rng(0)
    rows = 6000
    data = {"group": np.repeat(rng.choice(list("abc"), rows // 10), 10).tolist()}
    label = np.repeat(rng.integers(0, 2, rows // 10), 10).tolist()
    decision = np.repeat(rng.integers(0, 2, rows // 10), 10).tolist()
    cluster = np.repeat(np.arange(rows // 10), 10).astype(str).tolist()
    tens = write_evidence(tmp_path / "b", data, label=label, decision=decision, cluster=cluster)
    again = {f.id: f for f in parity(tens, metrics=["average_odds_difference"])}

    def width(found):
        gaps = [f.interval for f in found.values() if f.comparison == "gap"]
        return np.mean([gap.high - gap.low for gap in gaps])

    assert width(again) == pytest.approx(np.sqrt(10) * width(once), rel=0.15)


def test_rows_of_no_group_are_said_to_have_none_not_passed_over_in_silence(tmp_path):
    spec = write_evidence(tmp_path, {"group": ["a", "b", "b"]}, label=[1, 0, 1], decision=[1, 0, 0]).spec
    pq.write_table(pa.table({"row": pa.array([0, 1, 2], pa.int64())}), tmp_path / "slices.parquet")
    (finding,) = run(registry["parity"], Evidence(tmp_path, spec), {})
    assert finding.value is None
    assert finding.missing == "no row has a group of any protected attribute: words alone make none"
