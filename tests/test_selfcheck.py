"""The self-check: every known answer is reproduced, and an answer that is wrong is told, never passed over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from audits.known_answers import Known, agrees, known_answers, told
from audits.selfcheck import selfcheck, summary
from flows import cli

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def report():
    return selfcheck()


def test_every_known_answer_is_reproduced_with_the_installed_versions(report):
    assert [check for check in report.checks if not check.ok] == []
    assert report.ok
    assert report.passed == len(report.checks) > 50
    assert report.libraries["numpy"] == np.__version__


def test_every_known_answer_has_a_name_of_its_own_and_a_published_source():
    known = list(known_answers())
    assert len({one.name for one in known}) == len(known)
    assert all(len(one.source) > 10 for one in known)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("0.2553", 0.25534, True),
        ("0.2553", 0.25536, False),
        ("0.2553, 0.3662", (0.2553, 0.3662), True),
        ("0.2553, 0.3662", (0.2553, None), False),
        ("0.2553, 0.3662", (0.2553,), False),
        ("0.2553", (0.2553, 0.3662), False),
        ("10/7", 10 / 7, True),
        ("10/7", 1.42857, False),
        ("70", 70.4, True),
        ("70", 70.6, False),
        ("none", None, True),
        ("0.0", None, False),
        ("none", 0.0, False),
        ("PASS", "PASS", True),
        ("PASS", "FAIL", False),
        ("at least 0.93", 0.95, True),
        ("at least 0.93", 0.92, False),
        ("0.5", float("nan"), False),
        ("0.5", True, False),
    ],
)
def test_an_answer_agrees_to_half_a_unit_of_the_last_printed_digit(expected, got, same):
    assert agrees(expected, got) is same


def test_an_answer_is_told_with_two_digits_more_than_are_printed():
    assert told("0.2553, 0.3662", (0.25534567, None)) == "0.255346, none"
    assert told("10/7", 10 / 7) == "1.428571"
    assert told("0.5", (0.5, 3)) == "0.500, 3"


def test_a_wrong_answer_fails_and_one_that_cannot_be_computed_says_why():
    answers = [
        Known("right", "by hand, on paper", "0.50", lambda: 0.5),
        Known("wrong", "by hand, on paper", "0.50", lambda: 0.51),
        Known("broken", "by hand, on paper", "0.50", lambda: 1 / 0),
    ]
    report = selfcheck(answers)
    assert (report.passed, report.failed, report.ok) == (1, 2, False)
    assert report.checks[2].got == "ZeroDivisionError: division by zero"
    assert "NOT reproduced  wrong: got 0.5100, expected 0.50 (by hand, on paper)" in report.to_text()


def test_a_file_of_answers_that_cannot_be_read_fails_and_stops_no_audit(monkeypatch):
    monkeypatch.setitem(sys.modules, "audits.known_answers.inference", None)
    report = selfcheck()
    [wrong] = [check for check in report.checks if not check.ok]
    assert wrong.name == "the answers of inference"
    assert "audits.known_answers.inference" in wrong.got


def test_no_known_answer_at_all_is_no_success():
    assert not selfcheck([]).ok


def test_a_defect_in_an_interval_is_found(monkeypatch):
    """The planted case: the continuity of Wilson's interval left out, as in a library that computes Wald's."""
    from audits import statistics

    def wald(x, n, z):
        p = x / n
        spread = z * np.sqrt(p * (1 - p) / n)
        return p - spread, p + spread

    monkeypatch.setitem(statistics.METHODS, "wilson", wald)
    wrong = {check.name for check in selfcheck().checks if not check.ok}
    assert "Wilson, 81 of 263" in wrong
    assert "Newcombe, 56/70 − 48/80" not in wrong


def test_a_seal_that_does_not_look_at_bytes_is_found(monkeypatch):
    from audits.known_answers import compas

    monkeypatch.setattr(compas, "find_problems", lambda artifact: [])
    compas.audited.cache_clear()
    try:
        wrong = {check.name for check in selfcheck(compas.KNOWN).checks if not check.ok}
    finally:
        compas.audited.cache_clear()
    assert wrong == {"one flipped bit in any of its files"}


def test_the_verb_prints_one_document_and_says_by_its_exit_code_whether_all_is_well(monkeypatch):
    done = CliRunner().invoke(cli.main, ["selfcheck", "--json"])
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert document["failed"] == 0
    assert {"name", "source", "expected", "got", "ok"} == document["checks"][0].keys()
    monkeypatch.setattr("audits.selfcheck.known_answers", lambda: [Known("x", "on paper, by hand", "1", lambda: 2)])
    done = CliRunner().invoke(cli.main, ["selfcheck"])
    assert done.exit_code == 2
    assert "0 of 1" in done.stdout


def test_it_answers_within_a_few_seconds_of_work_and_leaves_nothing_behind(tmp_path):
    code = (
        "import sys, time; sys.argv[1:] = ['selfcheck']\n"
        "from flows.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(time.process_time(), *sys.modules, file=sys.stderr)"
    )
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    seconds, *loaded = done.stderr.split()
    assert float(seconds) < 10
    assert not {"prefect", "mlflow", "torch"} & set(loaded)
    assert os.listdir(tmp_path) == []


def test_every_card_says_how_many_known_answers_were_reproduced_and_folds_them_away(tmp_path, report):
    from cards_example import write_example

    from model_cards.card import build
    from model_cards.render import render

    run = write_example(tmp_path / "run")
    before = build(run)
    (run / "selfcheck.json").write_text(json.dumps({**report.to_json(), "calibration": None}))
    card = build(run)
    blocks = next(section.blocks for section in card.sections if section.id == "reproduce")
    told = next(b.text[0] for b in blocks if b.kind == "prose" and "known answers" in b.text[0])
    count = len(report.checks)
    assert told.startswith(f"{count} of {count} published known answers reproduced with Evenhand")
    assert f"numpy {np.__version__}" in told
    table = next(b for b in blocks if b.kind == "table" and "Known answers" in b.caption)
    assert table.folded
    assert len(table.lines) == count
    assert told in render(run, "html").decode()
    assert not any("known answers" in str(section) for section in before.sections)  # an artifact of before has none


def test_a_card_warns_of_a_known_answer_that_was_not_reproduced_and_tells_the_calibration(report):
    from model_cards.self_tests import selfcheck_blocks

    document = report.to_json()
    document["checks"][3]["ok"] = False
    path = {"cases": 720, "methods": {"newcombe": {"wrong_fail": {"rate": 0.01}, "wrong_pass": {"rate": 0.05}}}}
    gap = {"cases": 720, "methods": {"normal": {"wrong_fail": {"rate": 0.019}}, "point": {"wrong_fail": {"rate": 0.9}}}}
    aims = {"wrong_fail": 0.025, "wrong_pass": 0.055, "coverage": 0.935}
    simulated = {"evenhand": "1", "aims": aims, "paths": {"difference": path, "gap": gap}, "shortfalls": []}
    document["calibration"] = summary(simulated)
    prose, table, calibrated = selfcheck_blocks(document)
    assert prose.tone == "warning"
    assert document["checks"][3]["name"] in prose.text[0]
    assert table.lines[0].tone == "warning"
    words = "Calibration of the verdict by simulation (version 1, 1,440 cases): in the worst case "
    words += "wrong FAIL 1.9% (aim 2.5%); wrong PASS 5.0% (aim 5.5%)."
    assert calibrated.text == (words,)
    document["calibration"]["shortfalls"] = 2
    assert "2 aims were missed" in selfcheck_blocks(document)[2].text[0]


def test_a_calibration_that_is_absent_or_unreadable_is_left_out(tmp_path, monkeypatch):
    for content in (
        None,
        "not json",
        "{}",
        '{"evenhand": "1", "paths": {"a": {"cases": 1, "methods": {}}}, "aims": {}}',
    ):
        place = tmp_path / "calibration.json"
        if content is not None:
            place.write_text(content)
        monkeypatch.setattr("audits.selfcheck.CALIBRATION", place)
        assert selfcheck([]).calibration is None


def test_an_artifact_holds_the_self_check_of_its_run_where_there_is_one(tmp_path):
    from synthetic import ENDED, SPEC, STARTED, spec_of, write_run

    from audits.artifact import find_problems, read, seal

    run = write_run(tmp_path / "run", spec_of())
    (run / "selfcheck.json").write_text("{}\n")
    given = {"spec": spec_of(), "spec_text": SPEC, "started": STARTED, "ended": ENDED, "libraries": {}}
    sealed = seal(run, tmp_path / "runs", **given)
    assert "selfcheck.json" in read(sealed).manifest.files
    assert find_problems(sealed) == []
    (sealed / "selfcheck.json").write_text("{ }")
    assert find_problems(sealed)[0].file == "selfcheck.json"
