"""Expectations: what is broken is named by expectation, column, count and source row."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from audits.errors import DataError, SpecError
from audits.expectations import arguments_of, examine, known
from audits.spec import AuditSpec


def make_spec(**data) -> AuditSpec:
    return AuditSpec.model_validate(
        {
            "audit": "small",
            "question": "?",
            "data": {"source": "t.csv", "label": "ok", **data},
            "protected": {"who": {"column": "who"}},
            "techniques": {"parity": {}},
        }
    )


def checked(folder, spec, named=("who", "ok"), **columns):
    table = pl.DataFrame({"who": ["a", "b", "a", "b"], "ok": [1, 0, 1, 0], **columns}, strict=False)
    examine(spec, table, np.array([10, 11, 12, 13]), list(named), folder)
    return json.loads((folder / "checks.json").read_text())


def entry(checks, expectation, column):
    return next(check for check in checks if (check["expectation"], check["column"]) == (expectation, column))


def test_good_data_meet_every_default_expectation(tmp_path):
    checks = checked(tmp_path, make_spec())
    assert all(check["success"] for check in checks)
    assert {check["from"] for check in checks} == {"default"}
    assert {check["expectation"] for check in checks} == {
        "column_to_exist",
        "column_unique_value_count_to_be_between",
        "column_proportion_of_non_null_values_to_be_between",
        "column_values_to_not_be_null",
    }


def test_missing_values_are_a_warning_with_their_rows(tmp_path):
    told = entry(checked(tmp_path, make_spec(), who=["a", None, None, "b"]), "column_values_to_not_be_null", "who")
    assert told == {
        "expectation": "column_values_to_not_be_null",
        "column": "who",
        "arguments": {"column": "who"},
        "from": "default",
        "success": False,
        "unexpected_count": 2,
        "unexpected_rows": [11, 12],
        "observed": [None, None],
        "severity": "warning",
    }


@pytest.mark.parametrize(
    ("data", "columns", "message"),
    [
        ({}, {"who": [None] * 4}, r"column_proportion_of_non_null_values_to_be_between\(column='who', .*got 0.0"),
        ({}, {"ok": [0, 1, 2, 0]}, r"column_unique_value_count_to_be_between\(column='ok', max_value=2\): got 3"),
        ({"positive": 1, "favourable": 0}, {"ok": [0, 1, 2, 0]},
         r"column_values_to_be_in_set\(column='ok', value_set=\[0, 1\]\): 1 of 4 rows, source rows \(from 0\): 12"),
        ({"text": "t"}, {"t": ["x", " ", None, ""]}, r"column_values_to_match_regex\(.*\): 2 of 4 rows, .*: 11, 13"),
        ({"text": "t"}, {"t": ["x", " ", None, ""]}, r"column_values_to_not_be_null\(column='t'\): 1 of 4 .*: 12"),
        ({"weight": "w"}, {"w": [1.0, -1.0, 0.0, -2.0]}, r"column='w', min_value=0\): 2 of 4 .*: 11, 13"),
        ({"weight": "w"}, {"w": [1.0, None, 0.0, 2.0]}, r"column_values_to_not_be_null\(column='w'\): 1 of 4 .*: 11"),
    ],
)  # fmt: skip
def test_a_broken_default_stops_and_names_rows(tmp_path, data, columns, message):
    with pytest.raises(DataError, match=message):
        checked(tmp_path, make_spec(**data), **columns)
    assert (tmp_path / "checks.json").is_file()


def between(**more):
    return [{"expect": "column_values_to_be_between", "arguments": {"column": "age", "min_value": 18, **more}}]


def test_a_broken_expectation_of_the_spec_names_the_first_twenty_rows(tmp_path):
    table = pl.DataFrame({"who": ["a", "b"] * 20, "ok": [0, 1] * 20, "age": [17] * 30 + [18] * 10})
    with pytest.raises(DataError) as caught:
        examine(make_spec(expect=between()), table, np.arange(100, 140), ["who", "ok", "age"], tmp_path)
    assert str(caught.value) == (
        "data: 1 broken expectation:\n"
        "  column_values_to_be_between(column='age', min_value=18): 30 of 40 rows, source rows (from 0): "
        f"{', '.join(map(str, range(100, 120)))}, …\n"
        "  Hint: mend the data or leave rows out by data.where; data.when_broken: carry-on records it only"
    )


def test_carrying_on_and_warnings_record_what_is_broken(tmp_path):
    age = {"age": [17, 20, 30, None]}
    for spec in (make_spec(expect=between(), when_broken="carry-on"), make_spec(expect=between(severity="warning"))):
        told = entry(checked(tmp_path, spec, **age), "column_values_to_be_between", "age")
        assert (told["from"], told["success"], told["unexpected_rows"]) == ("spec", False, [10])


def test_a_tolerated_share_is_a_success(tmp_path):
    checks = checked(tmp_path, make_spec(expect=between(mostly=0.6)), age=[17, 20, 30, 40])
    assert entry(checks, "column_values_to_be_between", "age")["success"]


def test_an_expectation_of_a_whole_column_tells_what_it_saw(tmp_path):
    expect = [{"expect": "expect_column_mean_to_be_between", "arguments": {"column": "age", "min_value": 100}}]
    with pytest.raises(DataError, match=r"column_mean_to_be_between\(column='age', min_value=100\): got 25"):
        checked(tmp_path, make_spec(expect=expect), age=[10, 20, 30, 40])


def test_an_expectation_that_cannot_be_computed_is_broken(tmp_path):
    with pytest.raises(DataError, match=r"column_values_to_be_between\(column='age', min_value=18\): got "):
        checked(tmp_path, make_spec(expect=between()), age=["x", "y", "z", "w"])


def test_arguments_of_the_wrong_kind_are_refused(tmp_path):
    expect = [{"expect": "column_values_to_be_in_set", "arguments": {"column": "who", "value_set": 5}}]
    with pytest.raises(SpecError, match=r"data.expect: column_values_to_be_in_set\(.*has arguments it cannot take"):
        checked(tmp_path, make_spec(expect=expect))


def test_the_names_read_from_files_are_those_of_the_library():
    import great_expectations.expectations as gxe

    classes = [getattr(gxe, name) for name in dir(gxe) if name.startswith("Expect") and name != "Expectation"]
    offered = {each.expectation_type for each in classes if each.expectation_type}
    assert set(known()) == offered


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("expect_column_values_to_be_between", {"column", "mostly", "min_value", "max_value", "severity"}),
        ("expect_column_values_to_not_be_null", {"column", "mostly"}),
        ("expect_column_kl_divergence_to_be_less_than", {"column", "partition_object", "threshold"}),
        ("expect_compound_columns_to_be_unique", {"column_list", "ignore_row_if"}),
        ("expect_column_pair_values_to_be_equal", {"column_A", "column_B"}),
        ("expect_table_row_count_to_equal", {"value"}),
    ],
)
def test_arguments_read_from_source_text_are_those_of_the_class(name, arguments):
    assert arguments <= arguments_of(name)


def test_every_argument_that_is_told_is_one_the_library_takes():
    import great_expectations.expectations as gxe

    classes = [getattr(gxe, name) for name in dir(gxe) if name.startswith("Expect") and name != "Expectation"]
    fields = {each.expectation_type: set(each.__fields__) for each in classes}
    for name in known():
        assert arguments_of(name) <= fields[name], name
