"""Consistency and the flip test: by hand, by scikit-learn where no two rows are as near, by law."""

import numpy as np
import pyarrow as pa
import pytest
from columned import found, with_columns
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from audits.errors import SpecError
from audits.findings import MISSING_GROUP
from audits.statistics.nearest import means_of_nearest, points_of
from audits.techniques import registry, run


def audit(folder, group, columns, decision, **options):
    evidence = with_columns(folder, {"group": group}, columns, decision=decision, reference="a")
    return found(evidence, "neighbours", **{"features": sorted(columns), **options})


def people(rows=300, seed=0):
    random = np.random.default_rng(seed)
    group = random.choice(["a", "b"], rows)
    skill, years = random.normal(size=rows), random.normal(size=rows)
    return random, group.tolist(), {"skill": skill.tolist(), "years": years.tolist()}


def test_consistency_is_that_of_the_definition(tmp_path):
    random, group, columns = people()
    decision = random.integers(0, 2, 300)
    result = audit(tmp_path, group, columns, decision.tolist())
    x = np.column_stack([(np.array(c) - np.mean(c)) / np.std(c) for c in columns.values()])
    near = NearestNeighbors(n_neighbors=6).fit(x).kneighbors(x)[1][:, 1:]
    same = 1 - abs(decision - decision[near].mean(1))
    assert result["consistency/group/-/-/whole"].value == pytest.approx(same.mean())
    own = np.array(group) == "b"
    assert result["consistency/group/b/-/mean"].value == pytest.approx(same[own].mean())
    assert result["consistency/group/b/-/mean"].n.group == own.sum()
    assert result["consistency/group/b/-/mean"].interval is None
    assert "each other's neighbours" in result["consistency/group/b/-/mean"].details["no_interval"]


def test_the_flip_test_is_that_of_clarify_where_no_two_rows_are_as_near(tmp_path):
    random, group, columns = people()
    decision = random.integers(0, 2, 300)
    finding = audit(tmp_path, group, columns, decision.tolist())["flip_test/group/b/a/gap"]
    x = np.column_stack([(np.array(c) - np.mean(c)) / np.std(c) for c in columns.values()])
    a, d = (np.array(group) == one for one in "ab")
    if_a = KNeighborsClassifier(5).fit(x[a], decision[a]).predict(x[d])  # smclarify, posttraining.FT
    assert finding.value == pytest.approx(((if_a > decision[d]).sum() - (if_a < decision[d]).sum()) / d.sum())
    assert finding.details["would_be_positive"] == (if_a > decision[d]).sum()
    assert finding.direction.startswith("low is good for the person")


def test_a_planted_difference_is_seen_and_none_where_there_is_none(tmp_path):
    _, group, columns = people(1000, 3)
    skill, member = np.array(columns["skill"]), np.array(group) == "b"
    fair = audit(tmp_path / "fair", group, columns, (skill > 0).astype(int).tolist())
    harsh = audit(tmp_path / "harsh", group, columns, (skill > np.where(member, 1, 0)).astype(int).tolist())
    assert abs(fair["flip_test/group/b/a/gap"].value) < 0.05
    assert harsh["flip_test/group/b/a/gap"].value > 0.25
    assert fair["consistency/group/-/-/whole"].value > harsh["consistency/group/-/-/whole"].value + 0.1


def test_the_order_of_rows_changes_nothing_though_many_are_as_near(tmp_path):
    random = np.random.default_rng(1)
    group, job = random.choice(["a", "b"], 200), random.choice(["x", "y", "z"], 200)
    decision = random.integers(0, 2, 200)
    order = random.permutation(200)
    one = audit(tmp_path / "one", group.tolist(), {"job": job.tolist()}, decision.tolist())
    other = audit(tmp_path / "two", group[order].tolist(), {"job": job[order].tolist()}, decision[order].tolist())
    assert {name: finding.value for name, finding in one.items()} == pytest.approx(
        {name: finding.value for name, finding in other.items()}
    )


def test_all_rows_that_are_as_near_as_the_last_count():
    values = np.array([1.0, 0, 0, 1, 1, 0])
    points = points_of([pa.chunked_array([["x", "x", "x", "y", "y", "y"]])])
    assert means_of_nearest(points, values, 1) == pytest.approx([0, 0.5, 0.5, 0.5, 0.5, 1])
    assert means_of_nearest(points, values, 3) == pytest.approx([2 / 5, 3 / 5, 3 / 5, 2 / 5, 2 / 5, 3 / 5])
    near = means_of_nearest(points, values, 2, np.array([0]), np.array([3, 4, 5]))
    assert near == pytest.approx([2 / 3])


def test_rows_without_a_feature_are_left_out_and_counted(tmp_path):
    group = ["a"] * 6 + ["b"] * 6 + [MISSING_GROUP] * 2
    value = [1.0, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, None, 1, 2]
    result = audit(tmp_path, group, {"value": value}, [1, 0] * 7, nearest=2)
    finding = result["consistency/group/b/-/mean"]
    assert finding.n.group == 5
    assert finding.details["rows_left_out"] == 1
    assert result["consistency/group/-/-/whole"].n.group == 11
    assert [name for name in result if name.startswith("flip_test")] == ["flip_test/group/b/a/gap"]


def test_a_group_that_is_too_small_to_be_neighbours_has_no_flip_test(tmp_path):
    result = audit(tmp_path, ["a"] * 3 + ["b"] * 9, {"value": list(range(12))}, [1, 0] * 6)
    assert result["flip_test/group/b/a/gap"].missing == "a has 3 rows with a decision and every feature"


def test_what_cannot_be_is_refused_or_said(tmp_path):
    evidence = with_columns(tmp_path, {"group": list("ab")}, {"value": [1, 2]}, decision=[1, 0])
    (only,) = found(evidence, "neighbours", features=["value"]).values()
    assert only.missing == "neighbours: got 2 rows with a decision and every feature, expected more than 5"
    with pytest.raises(SpecError, match="name at least one column"):
        run(registry["neighbours"], evidence, {"features": []})


def test_of_many_rows_some_are_drawn_by_the_seed(tmp_path):
    random, group, columns = people(400)
    decision = random.integers(0, 2, 400).tolist()
    one = audit(tmp_path / "one", group, columns, decision, rows=100)
    two = audit(tmp_path / "two", group, columns, decision, rows=100)
    assert one == two
    assert one["consistency/group/-/-/whole"].n.group == 100
    assert one["consistency/group/-/-/whole"].details["rows_drawn"] == 100


def test_labels_are_held_to_those_of_the_neighbours_and_need_no_decision(tmp_path):
    random, group, columns = people()
    label = random.integers(0, 2, 300)
    alone = with_columns(tmp_path / "labels", {"group": group}, columns, label=label.tolist(), reference="a")
    told = found(alone, "neighbours", features=sorted(columns), labels=True)
    as_decisions = audit(tmp_path / "decisions", group, columns, label.tolist())
    assert {finding.measure for finding in told.values()} == {"label_consistency"}
    for side in ("a/-/mean", "b/-/mean", "-/-/whole"):
        assert told[f"label_consistency/group/{side}"].value == as_decisions[f"consistency/group/{side}"].value
    assert told["label_consistency/group/a/-/mean"].evidence.file == "rows.parquet"
    both = with_columns(
        tmp_path / "both", {"group": group}, columns, label=label.tolist(), decision=[1] * 300, reference="a"
    )
    result = found(both, "neighbours", features=sorted(columns), labels=True)
    assert result["consistency/group/-/-/whole"].value == 1  # everybody is decided alike
    assert result["label_consistency/group/-/-/whole"].value == told["label_consistency/group/-/-/whole"].value
    (only,) = found(alone, "neighbours", features=sorted(columns)).values()
    assert "0 rows with a decision" in only.missing
    assert "label_consistency" not in {
        finding.measure for finding in found(both, "neighbours", features=["skill"]).values()
    }


def test_aif360_counts_a_row_among_its_own_neighbours(tmp_path):
    """Trusted-AI/AIF360, BinaryLabelDatasetMetric.consistency: rows alike to nobody are wholly like themselves."""
    label, place = [0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0]
    evidence = with_columns(tmp_path, {"group": list("abab")}, {"x": place}, label=label)
    ours = found(evidence, "neighbours", features=["x"], nearest=1, labels=True)["label_consistency/group/-/-/whole"]
    itself = NearestNeighbors(n_neighbors=1).fit(np.array(place)[:, None]).kneighbors(np.array(place)[:, None])[1]
    theirs = 1 - abs(np.array(label) - np.array(label)[itself].mean(1)).mean()
    assert theirs == 1
    assert ours.value == 0
