"""Table rows with the protected column set to another group."""

from __future__ import annotations

import pytest
from small_run import TABLE, make_run, make_spec

from audits.counterfactuals.column import column
from audits.errors import SpecError


def versions(tmp_path, protected, features, slices, read, **options):
    spec = make_spec(protected, TABLE, data={"features": read})
    return list(column(make_run(tmp_path, spec, slices, features=features), **options))


def test_the_column_is_set_to_every_other_group(tmp_path):
    made = versions(
        tmp_path,
        {"sex": {"column": "male", "values": {0: "female", 1: "male"}}},
        {"male": [1, 0], "income": [10, 20]},
        {"sex": ["male", "female"]},
        ("male", "income"),
    )
    assert [(v.row, v.from_group, v.to_group, v.changes) for v in made] == [
        (0, "male", "female", {"male": 0}),
        (1, "female", "male", {"male": 1}),
    ]


def test_indicators_are_set_together(tmp_path):
    made = versions(
        tmp_path,
        {"race": {"indicators": {"black": "Black", "hispan": "Hispanic"}}},
        {"black": [1, 0, 0], "hispan": [0, 1, 0]},
        {"race": ["Black", "Hispanic", "other"]},
        ("black", "hispan"),
    )
    assert {v.to_group: v.changes for v in made if v.row == 0} == {
        "Hispanic": {"black": 0, "hispan": 1},
        "other": {"black": 0, "hispan": 0},
    }


def test_a_bin_is_entered_by_its_most_frequent_value(tmp_path):
    made = versions(
        tmp_path,
        {"age": {"column": "age", "bins": [25]}},
        {"age": [20, 30, 40, 40, 30, 50]},
        {"age": ["<25"] + ["≥25"] * 5},
        ("age",),
    )
    assert made[0].changes == {"age": 30}  # 30 and 40 come twice: the smaller


def test_a_model_that_does_not_read_the_column_cannot_be_asked(tmp_path):
    features = {"sex": ["m", "f"], "income": [1, 2]}
    made = versions(tmp_path, {"sex": {"column": "sex"}}, features, {"sex": ["m", "f"]}, ("income",))
    assert {v.status for v in made} == {"refused"}
    assert {v.reason for v in made} == {"the model does not read sex, so changing it cannot change the decision"}


def test_a_row_of_unknown_group_is_refused(tmp_path):
    slices = {"sex": ["m", "f", "(missing)"]}
    made = versions(tmp_path, {"sex": {"column": "sex"}}, {"sex": ["m", "f", None]}, slices, ("sex",))
    assert [v.reason for v in made if v.row == 2] == ["the row's sex is not known"] * 2


def test_an_attribute_without_a_column_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"got attribute 'race', expected sex"):
        versions(tmp_path, {"sex": {"column": "sex"}}, {"sex": ["m"]}, {"sex": ["m"]}, ("sex",), attributes=["race"])
