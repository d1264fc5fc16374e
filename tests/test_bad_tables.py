"""Tables and specs that are wrong in one thing, through the command line as a user meets them.

Each is refused in one clear error with exit code 2, or carried out with what is wrong said; nothing is half written.
"""

import io

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from audits.errors import DataError
from audits.sources import read_table
from audits.spec import DataSpec
from flows import cli

ROWS = 120
AT = np.arange(ROWS)
SPEC = """\
audit: small
question: Are all treated alike?
data: {source: t.csv, label: y, decision: d}
protected:
  sex: {column: sex}
techniques:
  parity: {}
limits:
  - {measure: true_positive_rate, over: sex, compare: difference, at_most: 0.5}
"""
PARQUET = ("t.csv", "t.parquet")
SCORED = ("decision: d", "score: s, threshold: '>= 0.5'")


def table(**columns):
    rng = np.random.default_rng(0)
    whole = {"sex": rng.choice(["m", "f"], ROWS), "y": AT % 2, "d": AT // 2 % 2, "s": (AT % 10) / 10}
    return pd.DataFrame({**whole, **columns})


def csv(sep=",", encoding="utf-8", **columns):
    return table(**columns).to_csv(index=False, sep=sep).encode(encoding)


def parquet(**columns):
    buffer = io.BytesIO()
    table(**columns).to_parquet(buffer)
    return buffer.getvalue()


def doubled(last):
    return b"sex,y,d,d\n" + b"".join(f"{'mf'[at % 2]},{at // 2 % 2},1,{last}\n".encode() for at in range(80))


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Run ``evenhand plan`` on a file and a changed spec; return exit code, stdout and stderr."""
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))

    def plan(content, *changes):
        spec = SPEC
        for old, new in changes:
            assert old in spec
            spec = spec.replace(old, new)
        name = "t.parquet" if "t.parquet" in spec else "t.jsonl" if "t.jsonl" in spec else "t.csv"
        (tmp_path / name).write_bytes(content)
        (tmp_path / "spec.yaml").write_text(spec)
        done = CliRunner().invoke(cli.main, ["plan", str(tmp_path / "spec.yaml")])
        return done.exit_code, done.stdout, done.stderr

    return plan


REFUSED = {
    "cp1252": (csv(encoding="cp1252", sex=np.where(AT % 2, "é", "m")), [], "'utf-8' codec", "save it as CSV in UTF-8"),
    "utf-16": (csv(encoding="utf-16"), [], "'utf-8' codec", "save it as CSV in UTF-8"),
    "semicolons": (csv(";"), [], "got the columns", "are kept apart by ';': save it as CSV with commas"),
    "tabs": (csv("\t"), [], "got the columns", r"are kept apart by '\t': save it as CSV with commas"),
    "a last line cut off": (
        csv() + b"m,1\n",
        [],
        "line 122 has 2 cells ('m,1'), expected 4 as in the header",
        "the file may have been cut off",
    ),
    "a line too long": (csv() + b"m,1,1,1,9,9\n", [], "line 122 has 6 cells", "mend the line"),
    "a first line too long": (b"sex,y,d\nm,1,1,9\n" + b"f,0,0\n" * 9, [], "line 2 has 4 cells", "mend the line"),
    "a table without rows": (b"sex,y,d\n", [], "got no rows, expected at least one", "check the file"),
    "an empty file": (b"", [], "No columns to parse", "save it as CSV"),
    "two columns of one name": (doubled(0), [], "got the column 'd'", "name d.0 (the first), d.1"),
    "no parquet": (
        b"hello",
        [PARQUET],
        "cannot be read: Parquet file size is 5 bytes",
        "check the file and its ending",
    ),
    "broken json lines": (b'{"sex":"m","y":1\n{}', [("t.csv", "t.jsonl")], "JSON parse error", "check the file"),
    "structs as groups": (
        parquet(sex=[{"a": "x"}] * ROWS),
        [PARQUET],
        "the column 'sex' holds Struct",
        "columns of their",
    ),
    "lists as groups": (parquet(sex=[["x"]] * ROWS), [PARQUET], "the column 'sex' holds List", "columns of their own"),
    "lists as truth": (parquet(y=[[1]] * ROWS), [PARQUET], "the column 'y' holds List", "columns of their own"),
    "bytes as groups": (parquet(sex=[b"x"] * ROWS), [PARQUET], "the column 'sex' holds Binary", "columns of their own"),
    "groups of two cases": (
        csv(sex=np.array(["male", "Male"])[AT % 2]),
        [],
        "got the groups 'male' and 'Male' (60 and 60 rows), which differ only in case",
        "values: {",
    ),
    "groups of other spaces": (csv(sex=np.array(["male", "male "])[AT % 2]), [], "'male' and 'male '", "values: {"),
    "groups of what is not seen": (
        csv(sex=np.array(["male", "male\u200b"])[AT % 2]),
        [],
        r"'male' and 'male\u200b'",
        "values: {",
    ),
    "groups of two forms": (csv(sex=np.array(["é", "e\u0301"])[AT % 2]), [], r"'\xe9' and 'e\u0301'", "values: {"),
    "a group of spaces": (
        csv(sex=np.array(["m", " "])[AT % 2]),
        [],
        "got the group ' ' (60 rows), which shows as nothing",
        "values: {",
    ),
    "a group called missing": (
        csv(sex=np.array(["m", "(missing)"])[AT % 2]),
        [],
        "the data hold the value '(missing)'",
        "give it a name",
    ),
    "a group of a page": (
        csv(sex=np.array(["m", "x" * 5000])[AT % 2]),
        [],
        "got a group of 5,000 characters",
        "name another column",
    ),
    "a truth of pages": (csv(y=np.array(["x" * 5000, "1", "0"])[AT % 3]), [], "xxx … xxx", "data.favourable"),
    "texts that are other numbers": (
        parquet(y=np.array(["1", "1.0", "0"])[AT % 3]),
        [PARQUET],
        "'0' (40), '1' (40), '1.0' (40); expected '1' (positive) and one",
        "data.favourable",
    ),
    "a word of SQL": (
        csv(order=AT),
        [("label: y", "where: 'order < 5', label: y")],
        "found 'order' clause",
        "stands in double quotes",
    ),
    "a condition that nothing meets": (
        csv(),
        [("label: y", "where: 'y > 5', label: y")],
        "got no rows of 120",
        "check data.where",
    ),
    "a condition on no column": (
        csv(),
        [("label: y", "where: 'yy > 0', label: y")],
        'unable to find column "yy"',
        "SQL",
    ),
    "a score in words": (
        csv(s=np.where(AT == 3, "high", "0.5")),
        [SCORED],
        "the column 's' holds String, 'high' in source row (from 0) 3, expected numbers",
        "numbers",
    ),
    "a threshold in percent": (
        csv(),
        [("decision: d", "score: s, threshold: '>= 50'")],
        "and the scores of 's' go from 0 to 0.9, expected a threshold from 0 to 1",
        "scale",
    ),
    "a threshold that is none": (csv(), [("decision: d", "score: s, threshold: 'nan'")], "expected a comparison", ""),
    "weights in words": (
        csv(w=["much"] * ROWS),
        [("label: y", "weight: w, label: y")],
        "'much' in source row",
        "numbers",
    ),
    "two groups with one crossed name": (
        csv(sex=np.array(["a × b", "a"])[AT % 2], race=np.array(["c", "b × c"])[AT // 2 % 2]),
        [("  sex: {column: sex}", "  sex: {column: sex}\n  race: {column: race}\nintersections: 2")],
        "2 combinations of groups are all called 'a × b × c'",
        "names without ' × '",
    ),
    "names that look alike": (
        csv(),
        [("{column: sex}", "{column: sex, values: {m: man, f: 'man '}}")],
        "got a group called 'man ', which looks like 'man'",
        "choose another name",
    ),
    "a measure of no technique": (
        csv(),
        [("parity: {}", "parity: {metrics: [selection_rate]}")],
        "expected what a technique here measures",
        "known: selection_rate",
    ),
    "a waiver of nobody": (
        csv(),
        [("0.5}", "0.5, waiver: {reason: r, expires: 2099-01-01}}")],
        "waiver.owner: got nothing",
        "add it",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_error_that_says_what_to_do(planned, tmp_path, name):
    content, changes, message, hint = REFUSED[name]
    code, out, said = planned(content, *changes)
    assert (code, out) == (2, "")
    error, *rest = said.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hint in "".join(rest)
    assert len(said) < 2_500
    assert "defect" not in said
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "spec.yaml", "t.csv", "t.parquet", "t.jsonl"}


TOLD = {
    "a truth of three values": (
        csv(y=AT % 3),
        [("label: y", "label: y, positive: 1, favourable: 0")],
        "column_values_to_be_in_set of y: 40 rows break it; the run would stop here",
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + csv(), [], "m "),
    "blank lines at the end": (csv() + b"\n  \n\n", [], "rows        120 audited"),
    "a nested column that nothing names": (parquet(n=[{"a": [1]}] * ROWS), [PARQUET], "rows        120 audited"),
    "two columns of one name and content": (doubled(1), [], "rows        80 audited"),
    "dates": (csv(sex=np.array(["2020-01-01", "2021-01-01"])[AT % 2]), [], "2020-01-01 60, 2021-01-01 60"),
    "truth values": (csv(sex=AT % 2 == 0), [], "False 60, True 60"),
    "marks of other tables": (csv(sex=np.array(["a×b", "f = x, y"])[AT % 2]), [], "a×b 60, f = x, y 60"),
    "a group on two lines": (csv(sex=np.array(["<b>\n| y |", "m"])[AT % 2]), [], "sex: <b> | y | 60, m 60"),
    "spellings that the spec brings together": (
        csv(sex=np.array(["male", "Male", "f"])[AT % 3]),
        [("{column: sex}", "{column: sex, values: {male: male, Male: male, f: female}}")],
        "male 80, female 40",
    ),
    "1, 1.0 and '1'": (b"sex,y,d\n" + b'm,"1",1.0\nf,0.0,0\n' * 40, [], "f: no row among the actual positives"),
    "a word of SQL in quotes": (csv(order=AT), [("label: y", "where: '\"order\" < 60', label: y")], "60 audited"),
    "a group of one": (csv(sex=np.where(AT == 0, "x", "m")), [], "x: no row among the actual positives"),
    "groups missing everywhere": (csv(sex=[None] * ROWS), [], "sex: (missing) 120"),
    "decisions missing everywhere": (csv(d=[None] * ROWS), [], "true_positive_rate over sex"),
    "scores missing everywhere": (csv(s=[None] * ROWS), [SCORED], "true_positive_rate over sex"),
    "some scores missing": (csv(s=np.where(AT < 9, np.nan, 0.7)), [SCORED], "each of them is >= 0.5"),
    "a threshold that no score meets": (
        csv(s=AT % 10),
        [("decision: d", "score: s, threshold: '>= 50'")],
        "data.threshold: scores from 0 to 9: none of them is >= 50",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_it_is_carried_out_and_told(planned, name):
    content, changes, told = TOLD[name]
    code, out, said = planned(content, *changes)
    assert (code, said) == (0, "")
    assert told in out


def test_a_name_twice_means_nothing_unless_both_columns_are_one(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    (tmp_path / "t.csv").write_text("a,b,b,c,c\n1,2,2,3,4\n1,,,5,5\n")
    found = read_table(DataSpec(source="t.csv"), tmp_path)
    assert found.columns == ["a", "b", "b.1", "c.0", "c.1"]
    assert found["c.0"].to_list() == [3, 5]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.bz2", "csv.xz"])
def test_a_line_cut_off_is_found_in_a_packed_file_and_one_broken_in_quotes_is_none(tmp_path, monkeypatch, ending):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    data, frame = DataSpec(source=f"t.{ending}"), pd.DataFrame({"a": ["x\ny", 'q"q', "p,p"], "b": [1, 2, 3]})
    frame.to_csv(tmp_path / data.source, index=False)
    assert read_table(data, tmp_path)["a"].to_list() == frame["a"].tolist()
    pd.DataFrame({"a,b": ["1,2", "3"]}).to_csv(tmp_path / data.source, sep="|", index=False)
    with pytest.raises(DataError, match="line 3 has 1 cells"):
        read_table(data, tmp_path)


@pytest.mark.slow
def test_a_run_that_is_refused_leaves_nothing(evenhand, tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "t.csv").write_bytes(csv() + b"m,1\n")
    assert "line 122 has 2 cells" in evenhand("run", "spec.yaml", expect=2).stderr
    assert not (tmp_path / "runs").exists()
