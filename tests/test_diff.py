"""What changed between two artifacts: found where it was planted, told as it is, and no p-value where none is due."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import ENDED, SPEC, STARTED, reseal, spec_of, write_run

from audits.artifact import seal
from audits.differing import diff
from audits.errors import ArtifactError
from audits.findings import canonical_json
from audits.moves import compared
from audits.statistics import critical, interval
from flows import cli
from model_cards.differences import SAMPLES, to_markdown, to_text

ROOT = Path(__file__).resolve().parent.parent


def made(folder: Path, spec: str = SPEC, rows: int = 120, seed: int = 0, data=None, model=None, **more) -> Path:
    run = write_run(folder / "run", spec_of(spec), rows, seed)
    for name, change in (("data", data), ("model", model)):
        document = json.loads((run / f"{name}.json").read_bytes())
        (run / f"{name}.json").write_bytes(canonical_json({**document, **(change or {})}) + b"\n")
    given = {"started": STARTED, "ended": ENDED, "libraries": {"numpy": np.__version__}, **more}
    return seal(run, folder / "artifacts", spec=spec_of(spec), spec_text=spec, **given)


def finding(value, n=100, comparison="rate", low=None, high=None, **more):
    if low is None and value is not None and comparison == "rate":
        low, high = interval("wilson", {"x": round(value * n), "n": n}, critical(0.95))
    known = {"low": low, "high": high, "level": 0.95, "method": "wilson", "simultaneous": False}
    return {
        "id": "parity/selection_rate/sex/female/-/rate",
        "technique": "parity",
        "measure": "selection_rate",
        "attribute": "sex",
        "group": "female",
        "reference": "",
        "comparison": comparison,
        "unit": "proportion",
        "value": value,
        "missing": "" if value is not None else "nobody",
        "interval": None if low is None else known,
        "n": {"group": n, "reference": None},
        **more,
    }


def test_the_same_run_sealed_twice_differs_in_nothing(tmp_path):
    one, two = made(tmp_path / "a"), made(tmp_path / "b", ended=ENDED + timedelta(days=1))
    report = diff(one, two)
    assert report.same
    assert report.moves == report.data == report.spec == ()
    assert report.samples == "same rows"
    assert "nothing changed" in to_text(report)
    assert "Nothing changed" in to_markdown(report)


def test_each_part_that_was_changed_is_found_and_no_other(tmp_path):
    spec = SPEC.replace("at_most: 0.1}", "at_most: 0.2}").replace("text: letter", "text: letter, weight: null")
    other = spec.replace("letters}", "letters, threshold: 0.6}").replace("models/letters", "models/newer")
    one = made(tmp_path / "a")
    two = made(tmp_path / "b", other, model={"digest": "f" * 64}, libraries={"numpy": "9.9"})
    report = diff(one, two)
    assert {(c.what, c.before, c.after) for c in report.spec} == {
        ("model.threshold", 0.5, 0.6),
        ("model.uri", "models/letters", "models/newer"),
    }
    assert [(c.what, c.before, c.after) for c in report.policy] == [
        ("selection_rate over sex: difference at most", "0.1", "0.2")
    ]
    assert [c.what for c in report.model] == ["digest"]
    assert [(c.what, c.after) for c in report.versions] == [("numpy", "9.9")]
    assert report.data == ()
    assert report.moves == ()


def test_a_limit_added_and_one_removed_are_told_with_their_verdicts(tmp_path):
    added = "  - {measure: true_positive_rate, over: sex, compare: difference, at_most: 0.3}\n"
    removed = "  - {measure: flip_rate, over: sex, at_most: 0.05}\n"
    assert removed in SPEC
    report = diff(made(tmp_path / "a"), made(tmp_path / "b", SPEC.replace(removed, added)))
    told = {one.limit: (one.before, one.after) for one in report.limits}
    assert told["flip_rate over sex: rate at most 0.05"][1] is None
    assert told["true_positive_rate over sex: difference at most 0.3"][0] is None
    assert {c.what: (c.before, c.after) for c in report.policy} == {
        "flip_rate over sex: rate at most": ("0.05", None),
        "true_positive_rate over sex: difference at most": (None, "0.3"),
    }


def test_other_rows_and_groups_are_counted_and_numbers_that_moved_are_told_the_largest_first(tmp_path):
    one = made(tmp_path / "a", data={"rows": {"source": 120}, "columns": {"sex": "String", "age": "Int64"}})
    two = made(tmp_path / "b", rows=200, seed=5, data={"digest": "b" * 64, "rows": {"source": 200}, "columns": {}})
    report = diff(one, two)
    assert report.samples == "other rows"
    changes = {c.what: (c.before, c.after) for c in report.data}
    assert changes["rows.source"] == (120, 200)
    assert changes["columns.age"] == ("Int64", None)
    assert any(name.startswith("groups.sex.") for name in changes)
    assert report.moves
    sizes = [move.size for move in report.moves if not move.beyond_chance]
    assert sizes == sorted(sizes, reverse=True)
    assert all(move.p is not None for move in report.moves if move.comparison == "rate")
    assert SAMPLES["other rows"] in to_text(report)


def test_on_the_same_rows_no_p_value_is_given(tmp_path):
    report = diff(made(tmp_path / "a"), made(tmp_path / "b", seed=5, model={"digest": "f" * 64}))
    assert report.samples == "same rows"
    assert report.moves
    assert all(move.p is None and move.beyond_chance is None for move in report.moves)
    assert SAMPLES["same rows"] in to_markdown(report)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"fingerprint": "x"}, {"fingerprint": "x"}),
        ({"source": {"name": "a.csv"}, "rows": {"source": 9}}, {"source": {"name": "a.csv"}, "rows": {"source": 9}}),
    ],
)
def test_two_parts_of_one_table_are_not_independent(tmp_path, before, after):
    one = made(tmp_path / "a", data={**before, "digest": "a" * 64})
    two = made(tmp_path / "b", data={**after, "digest": "b" * 64}, seed=3)
    report = diff(one, two)
    assert report.samples == "same table"
    assert all(move.p is None for move in report.moves)


def test_of_two_rates_the_change_is_beyond_chance_just_where_newcombes_interval_leaves_out_0():
    for x1 in range(5, 40, 3):
        for x2 in range(30, 70, 3):
            one, two = finding(x1 / 50, 50), finding(x2 / 80, 80)
            counts = {"x1": x2, "n1": 80, "x2": x1, "n2": 50}
            low, high = interval("newcombe", counts, critical(0.95))
            moves = compared([(one, two)], "other rows")
            p = moves[0].p
            assert (p < 0.05) is not (low <= 0 <= high)


def test_of_equal_rates_one_in_twenty_or_fewer_is_called_beyond_chance():
    rng = np.random.default_rng(0)
    pairs = [(finding(a / 200, 200), finding(b / 300, 300)) for a, b in rng.binomial([200, 300], 0.3, (1000, 2))]
    p = [compared([pair], "other rows")[0].p for pair in pairs]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


def test_the_p_values_are_adjusted_for_all_numbers_that_moved():
    pairs = [(finding(0.3, id=f"{at}"), finding(0.32, id=f"{at}")) for at in range(30)]
    pairs += [(finding(0.2, 400, id="planted"), finding(0.6, 400, id="planted"))]
    pairs += [(finding(0.30, id="slight"), finding(0.45, id="slight"))]  # beyond chance alone, not among 32
    moves = {move.id: move for move in compared(pairs, "other rows")}
    assert [name for name, move in moves.items() if move.beyond_chance] == ["planted"]
    assert moves["slight"].p < 0.05 < moves["slight"].p_adjusted
    assert next(iter(moves)) == "planted"


def test_a_ratio_is_compared_on_its_logarithm():
    down = finding(0.5, comparison="ratio", low=0.4, high=0.625)
    up = finding(2.0, comparison="ratio", low=1.6, high=2.5)
    even = finding(1.0, comparison="ratio", low=0.8, high=1.25)
    one, two = compared([(even, down)], "other rows")[0], compared([(even, up)], "other rows")[0]
    assert one.size == pytest.approx(two.size)
    assert one.p == pytest.approx(two.p)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (finding(0.5), finding(None)),
        (finding(0.5, low=0.4, high=None), finding(0.6)),
        (finding(0.5), {**finding(0.6), "interval": None}),
        (finding(0.0, comparison="ratio", low=0.0, high=0.1), finding(1.0, comparison="ratio", low=0.5, high=2.0)),
    ],
)
def test_a_number_without_what_a_test_needs_has_no_p_value(one, two):
    moves = compared([(one, two)], "other rows")
    assert moves[0].p is None
    assert moves[0].beyond_chance is None


def test_a_number_that_can_no_longer_be_measured_comes_first_and_says_why():
    pairs = [(finding(0.1, id="a"), finding(0.9, id="a")), (finding(0.5, id="b"), finding(None, id="b"))]
    moves = compared(pairs, "same rows")
    assert [move.id for move in moves] == ["b", "a"]
    assert moves[0].after.missing == "nobody"


def test_the_kind_of_a_number_is_named_once(tmp_path):
    report = diff(made(tmp_path / "a"), made(tmp_path / "b", seed=5, model={"digest": "f" * 64}))
    gaps = [finding(value, id="a", comparison="gap", measure="mean_output_gap") for value in (0.1, 0.4)]
    told = to_text(report.model_copy(update={"moves": tuple(compared([tuple(gaps)], "same rows"))}))
    assert "Mean output gap, " in told
    assert "gap gap" not in told


def test_numbers_within_a_float_s_last_digits_did_not_move():
    assert compared([(finding(0.3, low=0.2, high=0.4), finding(0.3 + 1e-15, low=0.2, high=0.4))], "same rows") == ()
    assert compared([(finding(None), {**finding(None), "missing": "other words"})], "same rows") == ()


def test_findings_that_are_new_or_gone_are_counted(tmp_path):
    spec = SPEC.replace("[selection_rate, true_positive_rate]", "[selection_rate, accuracy]")
    report = diff(made(tmp_path / "a"), made(tmp_path / "b", spec))
    assert {name.split("/")[1] for name in report.added} == {"accuracy"}
    assert {name.split("/")[1] for name in report.gone} == {"true_positive_rate"}


def test_what_the_data_say_never_becomes_markup(tmp_path):
    spec = SPEC.replace("Are men and women asked equally often?", "<img src=x onerror=alert(1)> | [x](http://y) @team")
    other = spec_of(spec).question
    assert "<img" in other
    text = to_markdown(diff(made(tmp_path / "a"), made(tmp_path / "b", spec)))
    assert "<img" not in text
    assert "\\[x\\](http&#58;" in text
    assert "@team" not in text


def test_the_comment_stays_short_where_everything_changed(tmp_path):
    one = made(tmp_path / "a", data={"columns": {f"c{at}": "Int64" for at in range(5000)}})
    two = made(tmp_path / "b", rows=300, seed=9, data={"digest": "b" * 64, "columns": {}})
    text = to_markdown(diff(one, two))
    assert len(text) < 65_000
    assert "more; evenhand diff --json has all of them" in text
    assert text.count("<details>") == text.count("</details>") > 0


def test_the_verb_writes_text_markdown_or_one_document_and_exits_with_0_whatever_changed(tmp_path):
    one, two = made(tmp_path / "a"), made(tmp_path / "b", rows=300, seed=9, data={"digest": "b" * 64})
    for form, begins in (("text", "hiring: "), ("md", "### hiring"), ("json", "{")):
        done = CliRunner().invoke(cli.main, ["diff", str(one), str(two), "--format", form])
        assert done.exit_code == 0
        assert done.stdout.startswith(begins)
    done = CliRunner().invoke(cli.main, ["diff", str(one), str(two), "--json"])
    assert json.loads(done.stdout)["same"] is False


def test_a_broken_artifact_is_exit_code_2(tmp_path):
    one, two = made(tmp_path / "a"), made(tmp_path / "b")
    rows = two / "rows.parquet"
    content = bytearray(rows.read_bytes())
    content[40] ^= 1
    rows.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match="not what was sealed: rows"):
        diff(one, two)
    done = CliRunner().invoke(cli.main, ["diff", str(one), str(two)])
    assert done.exit_code == 2
    done = CliRunner().invoke(cli.main, ["diff", str(one), str(tmp_path / "nowhere"), "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"] == "ArtifactError"


def test_a_verdict_that_was_made_to_say_otherwise_is_not_missed(tmp_path, whole):
    copy = Path(shutil.copytree(whole, tmp_path / "hiring" / whole.name))
    document = json.loads((copy / "verdict.json").read_bytes())
    document["limits"][0]["verdict"] = "FAIL" if document["limits"][0]["verdict"] != "FAIL" else "PASS"
    forged = reseal(copy, {"verdict.json": canonical_json(document) + b"\n"})
    report = diff(whole, forged)
    assert [one.changed for one in report.limits] == [True, False]
    assert not report.same


def test_it_answers_within_half_a_second_of_work_and_imports_no_heavy_library(tmp_path, whole):
    code = (
        f"import sys, time; sys.argv[1:] = ['diff', {str(whole)!r}, {str(whole)!r}]\n"
        "from flows.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(time.process_time(), *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    seconds, *loaded = done.stderr.split()
    assert float(seconds) < 0.5
    assert not {"prefect", "mlflow", "torch", "polars", "pandas", "scipy", "pyarrow", "datasets"} & set(loaded)
