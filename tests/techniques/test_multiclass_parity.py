"""Multiclass parity: each class against the rest as parity tells it, distances beside chance, and bad columns."""

import numpy as np
import pytest
from columned import found, with_columns

from audits.errors import DataError, SpecError
from audits.findings import canonical_json
from audits.techniques import registry
from audits.techniques.parity import parity

HOLISTICAI = {"g": list("AAAABBBBCC"), "p": [0, 1, 2, 0, 1, 2, 0, 1, 2, 0], "y": [0, 1, 1, 0, 1, 0, 2, 1, 2, 1]}


def audit(folder, data, more=None, **options):
    columns = {name: data[name] for name in ("p", "y") if name in data}
    evidence = with_columns(folder, {"g": data["g"]}, columns, **(more or {}))
    truth = {"truth": "y"} if "y" in data else {}
    return found(evidence, "multiclass_parity", **{"predicted": "p", **truth, **options})


def drawn(seed, rows=600, bias=0.0, groups=2):
    """Three classes; ``bias`` is how often a row of group b is put into class ham whatever it is."""
    rng = np.random.default_rng(seed)
    names = np.array(["eggs", "ham", "spam"])
    group = rng.integers(0, groups, rows)
    truth = rng.integers(0, 3, rows)
    predicted = np.where(rng.random(rows) < 0.7, truth, rng.integers(0, 3, rows))
    predicted = np.where((group == 1) & (rng.random(rows) < bias), 1, predicted)
    return {"g": np.array(list("abcd"))[group].tolist(), "p": names[predicted].tolist(), "y": names[truth].tolist()}


def test_the_documented_case_with_the_classes_that_are_left_out(tmp_path):
    told = audit(tmp_path, HOLISTICAI)
    parities = {name: f.value for name, f in told.items() if f.measure == "multiclass_statistical_parity"}
    assert max(parities.values()) == 0.5
    gap = told["multiclass_true_rates/g/B/A/gap"]
    assert gap.value == 0.75
    assert gap.details["classes_left_out"] == ["2"]
    assert told["multiclass_average_odds/g/C/A/gap"].details["classes_left_out"] == ["0", "2"]
    assert told["multiclass_equality_of_opportunity/g/B/A/gap"].value == 0.75
    rate = told["true_positive_rate[class=2]/g/A/-/rate"]
    assert rate.value is None
    assert "A has no actual positives" in rate.missing
    assert "classes_left_out" not in told["macro_f1/g/A/-/mean"].details


def test_each_class_against_the_rest_is_what_parity_says_of_it(tmp_path):
    data = drawn(0)
    told = audit(tmp_path / "many", data, rates=["selection_rate", "true_positive_rate", "precision"])
    ham = {name: [int(value == "ham") for value in data[name]] for name in ("p", "y")}
    two = with_columns(tmp_path / "two", {"g": data["g"]}, {}, label=ham["y"], decision=ham["p"])
    for finding in parity(two, metrics=["selection_rate", "true_positive_rate", "precision"]):
        name = finding.id.removeprefix("parity/").replace(finding.measure, f"{finding.measure}[class=ham]", 1)
        same = told[name]
        assert (same.value, same.interval, same.p, same.n) == (
            finding.value,
            finding.interval,
            finding.p,
            finding.n,
        )


def test_weights_and_clusters_reach_every_class_as_in_parity(tmp_path):
    data = drawn(1)
    rng = np.random.default_rng(0)
    more = {"weight": (rng.random(600) + 0.5).tolist(), "cluster": [f"c{at // 3}" for at in range(600)]}
    told = audit(tmp_path / "many", data, more, rates=["selection_rate"], metrics=["macro_f1", "multiclass_accuracy"])
    spam = [int(value == "spam") for value in data["p"]]
    two = with_columns(tmp_path / "two", {"g": data["g"]}, {}, decision=spam, **more)
    for finding in parity(two, metrics=["selection_rate"]):
        name = finding.id.removeprefix("parity/").replace("selection_rate", "selection_rate[class=spam]", 1)
        assert (told[name].value, told[name].interval) == (finding.value, finding.interval)
    plain = audit(tmp_path / "plain", data, rates=[], metrics=["macro_f1"])
    weighted = told["macro_f1/g/a/-/mean"]
    assert weighted.value != plain["macro_f1/g/a/-/mean"].value
    assert weighted.interval is not None


def test_a_weight_that_all_rows_have_changes_no_number(tmp_path):
    data = drawn(2)
    one = audit(tmp_path / "one", data)
    two = audit(tmp_path / "two", data, {"weight": [2.0] * 600})
    assert {name: f.value for name, f in one.items()} == pytest.approx({name: f.value for name, f in two.items()})


def test_a_planted_bias_is_found_and_a_fair_model_is_not_blamed(tmp_path):
    planted = audit(tmp_path / "planted", drawn(3, bias=0.3), rates=[])
    fair = audit(tmp_path / "fair", drawn(3), rates=[])
    for measure in ("multiclass_statistical_parity", "multiclass_true_rates", "multiclass_equality_of_opportunity"):
        (one,) = [f for f in planted.values() if f.measure == measure]
        (other,) = [f for f in fair.values() if f.measure == measure]
        assert one.p < 0.01
        assert one.value > 2 * one.details["by_chance"]
        assert other.p > 0.05
        assert one.interval is None
        assert "no interval" in one.details["no_interval"]


def test_by_chance_equal_groups_reach_the_value_about_as_often_as_p_says(tmp_path):
    p = []
    for seed in range(60):
        told = audit(tmp_path / str(seed), drawn(seed, rows=120), rates=[], metrics=["multiclass_statistical_parity"])
        p += [f.p for f in told.values()]
    assert np.mean(np.array(p) < 0.2) < 0.35
    assert 0.3 < np.mean(p) < 0.7


def test_intervals_of_macro_averages_hold_the_truth(tmp_path):
    rng = np.random.default_rng(0)
    inside = 0
    for at in range(60):
        truth = rng.integers(0, 3, 300)
        predicted = np.where(rng.random(300) < 0.6, truth, (truth + rng.integers(1, 3, 300)) % 3)
        data = {"g": ["a", "b"] * 150, "p": predicted.tolist(), "y": truth.tolist()}
        told = audit(tmp_path / str(at), data, rates=[], metrics=["macro_recall"])
        interval = told["macro_recall/g/a/-/mean"].interval
        inside += interval.low <= 0.6 <= interval.high
    assert inside >= 53


def test_rows_of_unknown_group_and_unknown_class_are_counted_apart(tmp_path):
    data = {"g": ["a", "a", "b", None], "p": ["x", "y", None, "x"], "y": ["x", None, "y", "x"]}
    told = audit(tmp_path, data, rates=["selection_rate"])
    assert told["multiclass_accuracy/g/a/-/rate"].n.group == 1
    assert told["selection_rate[class=x]/g/a/-/rate"].n.group == 2
    assert told["multiclass_accuracy/g/b/-/rate"].missing
    assert told["multiclass_accuracy/g/(missing)/-/rate"].value == 1
    assert not [f for f in told.values() if f.reference and "(missing)" in (f.group, f.reference)]


def test_without_a_truth_only_what_needs_none_is_measured_and_the_rest_says_why(tmp_path):
    data = {name: drawn(4)[name] for name in ("g", "p")}
    told = audit(tmp_path / "plain", data)
    assert {f.measure.partition("[")[0] for f in told.values()} == {"multiclass_statistical_parity", "selection_rate"}
    asked = audit(tmp_path / "asked", data, metrics=["macro_f1"], rates=["precision", "jaccard_index"])
    assert {f.measure for f in asked.values()} == {"macro_f1", "precision", "jaccard_index"}
    assert all("no row has a true class" in f.missing for f in asked.values())


def test_which_class_is_good_for_the_person_is_told_where_it_is_said(tmp_path):
    told = audit(tmp_path / "said", drawn(5), rates=["selection_rate"], favourable=["ham"])
    assert told["selection_rate[class=ham]/g/a/-/rate"].direction == "high is good for the person"
    assert told["selection_rate[class=spam]/g/a/-/rate"].direction == "low is good for the person"
    silent = audit(tmp_path / "silent", drawn(5), rates=["selection_rate"])
    assert "depends on what is predicted" in silent["selection_rate[class=ham]/g/a/-/rate"].direction


def test_whole_numbers_floats_and_texts_name_the_same_class(tmp_path):
    told = audit(tmp_path, {"g": ["a", "a", "b", "b"], "p": [1.0, 2.0, 1.0, None], "y": ["1", "2", "2", "1"]})
    assert told["multiclass_accuracy/g/a/-/rate"].value == 1
    assert "selection_rate[class=2]/g/a/-/rate" in told


@pytest.mark.parametrize(
    ("data", "options", "error", "said"),
    [
        ({"p": ["x", "z"], "y": ["x", "y"]}, {"classes": ["x", "y"]}, DataError, "'p' holds 'z' in 1 rows"),
        ({"p": list(range(60)), "y": list(range(60))}, {}, DataError, "got 60 classes, expected at most 50"),
        ({"p": ["x", "y"]}, {"rates": ["selecton_rate"]}, SpecError, "got 'selecton_rate'"),
        ({"p": ["x", "y"]}, {"metrics": ["accuracy"]}, SpecError, "got 'accuracy'"),
        ({"p": ["x", "y"]}, {"favourable": ["z"]}, SpecError, "got 'z', expected a class"),
        ({"p": ["x", "y"]}, {"truth": "nowhere"}, DataError, "no column 'nowhere'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(tmp_path, data, options, error, said):
    with pytest.raises(error, match=said):
        audit(tmp_path, {"g": ["a", "b"] * (len(data["p"]) // 2), **data}, **options)


def test_a_column_without_any_class_is_said_to_be_not_measurable(tmp_path):
    (only,) = audit(tmp_path, {"g": ["a", "b"], "p": [None, None]}).values()
    assert only.missing == "multiclass_parity.predicted: the column 'p' has no value in any row"


def test_a_spec_may_name_nothing_but_the_columns_of_its_techniques():
    from audits.spec import AuditSpec
    from audits.spec_checks import check

    spec = {
        "audit": "classes",
        "question": "Are the groups put into the same classes?",
        "data": {"source": "rows.csv"},
        "protected": {"g": {"column": "g"}},
        "techniques": {"multiclass_parity": {"predicted": "p", "truth": "y"}},
        "limits": [{"measure": "true_positive_rate[class=spam]", "over": "g", "compare": "difference", "at_most": 0.1}],
    }
    assert not check(AuditSpec.model_validate(spec))
    without = check(AuditSpec.model_validate(spec | {"techniques": {"parity": {}}, "limits": []}))
    assert any("expected something to audit" in mistake.message for mistake in without)


def test_a_column_without_any_known_group_gives_numbers_of_the_unknown_alone(tmp_path):
    told = audit(tmp_path, {"g": [None, None], "p": ["x", "y"], "y": ["x", "x"]}, rates=["selection_rate"])
    assert {f.group for f in told.values() if f.group} == {"(missing)"}
    assert told["macro_recall/g/(missing)/-/mean"].value == 0.5


def test_the_same_evidence_gives_the_same_bytes(tmp_path):
    one, two = (audit(tmp_path / name, drawn(6)) for name in ("one", "two"))
    assert [canonical_json(f.to_json()) for f in one.values()] == [canonical_json(f.to_json()) for f in two.values()]
    assert registry["multiclass_parity"].facts["replayable"]
