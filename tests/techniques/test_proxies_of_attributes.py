"""Proxies: columns that tell of the group, by scikit-learn and by hand; planted, and columns that tell nothing."""

import numpy as np
import pytest
from columned import found, with_columns
from counted import labels, number
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score, roc_auc_score

from audits.errors import SpecError
from audits.findings import MISSING_GROUP
from audits.techniques import registry, run


def people(seed=0, rows=600, tells=1.0):
    """Two groups; ``income`` and ``town`` tell of the group, ``noise`` and ``color`` do not."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, rows)
    town = np.where(rng.random(rows) < 0.5 + 0.35 * tells * (2 * group - 1), "north", "south")
    columns = {
        "income": (rng.normal(size=rows) + tells * group).tolist(),
        "town": town.tolist(),
        "noise": rng.normal(size=rows).tolist(),
        "color": rng.choice(["red", "blue", None], rows).tolist(),
    }
    return {"g": np.array(["a", "b"])[group].tolist()}, columns


def test_information_is_that_of_scikit_learn_over_the_entropy_of_the_group():
    # credo-ai/credoai_lens, data_fairness.py: mutual_info_classif over that of the sensitive feature with itself
    table = np.array([[6, 2, 4], [2, 6, 1], [4, 1, 9]])
    group = np.repeat(np.repeat(np.arange(3), 3), table.ravel())
    value = np.repeat(np.tile(np.arange(3), 3), table.ravel())
    expected = mutual_info_score(value, group) / mutual_info_score(group, group)
    assert number("membership_information", labels(table)) == pytest.approx(expected)
    assert mutual_info_score(group, group) == pytest.approx(entropy(table.sum(axis=1)))
    assert number("membership_information", labels([[5, 0], [0, 7]])) == pytest.approx(1)
    assert number("membership_information", labels([[2, 4], [3, 6]])) == pytest.approx(0)
    assert number("membership_information", labels([[2, 4], [0, 0]])) is None


def test_columns_that_tell_of_the_group_are_found_and_others_are_not(tmp_path):
    groups, columns = people()
    told = found(with_columns(tmp_path, groups, columns, reference="a"), "proxies", features=list(columns))
    by_column = {name: told[f"membership_information[column={name}]/g/-/-/whole"] for name in columns}
    for name in ("income", "town"):
        assert by_column[name].p < 0.01
        assert by_column[name].value > 5 * by_column[name].details["by_chance"]
    for name in ("noise", "color"):
        assert by_column[name].p > 0.05
    most = told["membership_information/g/-/-/whole"]
    assert most.value == max(finding.value for finding in by_column.values())
    assert most.details["column"] == max(by_column, key=lambda name: by_column[name].value)
    assert most.p == pytest.approx(4 * min(finding.p for finding in by_column.values()), abs=1e-9)
    assert most.interval is None
    auc = told["membership_auc/g/b/-/mean"]
    assert 0.75 < auc.interval.low < auc.value < auc.interval.high < 1
    assert auc.n.group == groups["g"].count("b")


def test_columns_that_tell_nothing_have_an_auc_of_a_half(tmp_path):
    groups, columns = people(1, tells=0)
    told = found(with_columns(tmp_path, groups, columns, reference="a"), "proxies", features=list(columns))
    auc = told["membership_auc/g/a/-/mean"]
    assert abs(auc.value - 0.5) < 0.06
    assert told["membership_information/g/-/-/whole"].p > 0.05


def test_the_auc_of_one_column_is_that_of_the_column_itself(tmp_path):
    groups, columns = people(2)
    evidence = with_columns(tmp_path, groups, columns, reference="a")
    auc = found(evidence, "proxies", features=["income"])["membership_auc/g/b/-/mean"]
    itself = roc_auc_score([one == "b" for one in groups["g"]], columns["income"])
    assert auc.value == pytest.approx(itself, abs=0.01)  # the folds' models differ in where they stand


def test_of_three_groups_each_is_held_against_all_others_and_unknown_groups_are_no_side(tmp_path):
    rng = np.random.default_rng(3)
    group = rng.choice(["a", "b", "c", MISSING_GROUP], 600)
    columns = {"x": (rng.normal(size=600) + 2 * (group == "c")).tolist()}
    told = found(with_columns(tmp_path, {"g": group.tolist()}, columns), "proxies", features=["x"])
    assert told["membership_auc/g/c/-/mean"].value > 0.85
    assert told["membership_auc/g/c/-/mean"].n.reference == np.isin(group, ["a", "b"]).sum()
    assert not any(MISSING_GROUP in name for name in told)


def test_rows_of_one_cluster_are_in_one_fold_and_tell_nothing_of_each_other(tmp_path):
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(40), 15)
    group = np.array(["a", "b"])[rng.integers(0, 2, 40)][cluster]
    columns = {"house": rng.normal(size=40)[cluster].tolist()}  # a number of the cluster that has nothing to do with it
    options = {"features": ["house"], "kind": "boosting"}
    apart = found(with_columns(tmp_path / "rows", {"g": group.tolist()}, columns), "proxies", **options)
    together = found(
        with_columns(tmp_path / "clusters", {"g": group.tolist()}, columns, cluster=[str(one) for one in cluster]),
        "proxies",
        **options,
    )
    name = "membership_auc/g/a/-/mean"
    assert apart[name].value > 0.9  # each cluster is learned by heart
    assert together[name].value < 0.75
    assert together[name].interval is None
    assert "clusters" in together[name].details["no_interval"]
    assert together["membership_information/g/-/-/whole"].p > 0.05


def test_columns_that_tell_rows_apart_and_none_at_all_are_refused(tmp_path):
    groups, _ = people()
    names = {"name": [f"person {at}" for at in range(600)]}
    evidence = with_columns(tmp_path, groups, names)
    (only,) = found(evidence, "proxies", features=["name"]).values()
    assert "600 different values" in only.missing
    with pytest.raises(SpecError, match="expected one or more"):
        run(registry["proxies"], evidence, {"features": []})
    alone = with_columns(tmp_path / "alone", {"g": ["a"] * 20}, {"x": list(range(20))})
    (only,) = found(alone, "proxies", features=["x"]).values()
    assert "fewer than two groups" in only.missing


def test_proxies_follow_from_the_evidence_and_the_seed(tmp_path):
    groups, columns = people(5, rows=200)
    evidence = with_columns(tmp_path, groups, columns, reference="a")
    options = {"features": list(columns), "folds": 3}
    assert run(registry["proxies"], evidence, options) == run(registry["proxies"], evidence, options)
