"""The gate as a release engineer meets it: what lets a model through, and everything that must not."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner
from released import DIFFERENCE, NOW, people, released, write_model
from synthetic import rename

from audits.artifact import read
from audits.errors import ArtifactError, SpecError
from audits.findings import canonical_json
from audits.gating import Asked, gate
from audits.testing import assert_parity
from flows import cli
from model_cards.gate_report import FORMATS, render

EQUAL = people(white=(500, 1000), Black=(500, 1000))
UNEQUAL = people(white=(700, 1000), Black=(400, 1000))
FEW = people(white=(50, 100), Black=(45, 100))
WAIVER = {"owner": "Ada Lovelace", "reason": "pilot until the refit", "expires": str((NOW + timedelta(30)).date())}
CHANGE = {"measure": "selection_rate", "over": "race", "compare": "change", "at_least": -0.05}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def model(place) -> Path:
    return write_model(place / "model")


@pytest.fixture(scope="module")
def passing(place, model) -> Path:
    return released(place, *EQUAL, DIFFERENCE, model=model)


@pytest.fixture(scope="module")
def failing(place, model) -> Path:
    return released(place, *UNEQUAL, DIFFERENCE, model=model)


@pytest.fixture(scope="module")
def undecided(place, model) -> Path:
    return released(place, *FEW, DIFFERENCE, model=model)


@pytest.fixture
def policy(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "policy.yaml"
        file.write_text(text)
        return file

    return write


def outcome(report, name: str) -> str:
    return next(check.outcome for check in report.checks if check.name == name)


def call(*arguments) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.main, ["gate", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


# --- the verdict


def test_only_a_pass_is_exit_code_0(passing, failing, undecided):
    assert [call(artifact)[0] for artifact in (passing, failing, undecided)] == [0, 1, 3]
    assert [gate(artifact, Asked()).word for artifact in (passing, failing, undecided)] == [
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
    ]


def test_another_policy_is_judged_from_the_sealed_findings_and_both_digests_are_told(failing, policy):
    lax = policy("- {measure: selection_rate, over: race, compare: difference, at_most: 0.4}\n")
    report = gate(failing, Asked(policy=lax))
    assert (report.word, report.sealed_verdict) == ("PASS", "FAIL")
    assert report.sealed_policy_sha256 == read(failing).manifest.digests.policy
    assert report.policy_sha256 == report.verdict.policy_sha256 != report.sealed_policy_sha256
    told = call(failing, "--policy", lax)[1]
    assert report.policy_sha256[:12] in told
    assert report.sealed_policy_sha256[:12] in told


def test_a_policy_file_may_be_a_mapping_as_in_a_spec(passing, policy):
    limits = "limits:\n  - {measure: selection_rate, over: race, compare: ratio, at_least: 0.8}\n"
    assert gate(passing, Asked(policy=policy(limits))).word == "PASS"


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("measure: true_positive_rate, over: race, at_least: 0.1", "no finding is of 'true_positive_rate' over race"),
        ("measure: selection_rat, over: race, at_least: 0.1", "did you mean 'selection_rate'"),
        ("measure: selection_rate, over: rase, at_least: 0.1", "no finding is over 'rase'; did you mean 'race'"),
        ("measure: selection_rate, over: race, compare: paired, at_most: 0.1", "has no paired"),
        ("measure: selection_rate, over: race, technique: shap, at_least: 0.1", "Nothing was measured"),
        ("measure: selection_rate, over: race, compare: change, at_least: -0.1", "no artifact of the model in product"),
    ],
)
def test_what_the_audit_did_not_measure_is_inconclusive_and_says_so(passing, policy, limit, why):
    held = "- {measure: selection_rate, over: race, compare: difference, at_most: 0.1}\n"
    file = policy(f"{held}- {{{limit}}}\n")
    code, told, _ = call(passing, "--policy", file)
    assert code == 3
    assert why in told


# --- refused: exit code 2, one sentence


def refused(*arguments) -> str:
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    return err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]\n", "policy.yaml has no limits"),
        ("limits: []\n", "policy.yaml has no limits"),
        ("limit: 1\n", "policy.yaml:1: got no list, expected a list of limits"),
        (
            "- {measure: selection_rate, over: race, compare: difference, at_most: 10}\n",
            "policy.yaml:1: limits[0].at_m",
        ),
        ("-\n  measure: selection_rate\n  over: race\n  at_mots: 1\n", "policy.yaml:4: limits[0].at_mots: got an unk"),
        ("- {measure: selection_rate, over: race}\n", "got no bound, expected at_least or at_most"),
    ],
)
def test_a_mistaken_policy_is_refused_by_line(passing, policy, text, says):
    assert says in refused(passing, "--policy", policy(text))


@pytest.mark.parametrize(
    ("waiver", "says"),
    [
        ("{reason: soon, expires: 2999-01-01}", "limits[0].waiver.owner: got nothing, expected text"),
        ("{owner: ' ', reason: soon, expires: 2999-01-01}", "got a blank owner, expected the name of whoever takes"),
        ("{owner: Ada, reason: '', expires: 2999-01-01}", "got a blank reason, expected why"),
        ("{owner: Ada, reason: soon}", "limits[0].waiver.expires: got nothing, expected a date"),
        ("{owner: Ada, reason: soon, expires: 2999-02-30}", "got '2999-02-30', expected a day that exists"),
        ("{owner: Ada, reason: soon, expires: next year}", "got 'next year', expected a date, YYYY-MM-DD"),
    ],
)
def test_a_waiver_without_owner_reason_or_date_is_refused(failing, policy, waiver, says):
    limit = f"- {{measure: selection_rate, over: race, compare: difference, at_most: 0.1, waiver: {waiver}}}\n"
    assert says in refused(failing, "--policy", policy(limit))


def test_an_audit_without_limits_is_refused(place):
    assert "has no limits, so nothing could be judged" in refused(released(place, *EQUAL))


def test_one_changed_byte_is_refused(passing, tmp_path):
    broken = Path(shutil.copytree(passing, tmp_path / passing.name))
    content = (broken / "card.md").read_bytes()
    (broken / "card.md").write_bytes(content.replace(b"hiring", b"firing"))
    assert "is not what was sealed: card.md: got sha256" in refused(broken)


def test_an_artifact_of_another_format_version_is_refused_as_such(passing, tmp_path):
    copy = Path(shutil.copytree(passing, tmp_path / passing.name))
    manifest = json.loads((copy / "manifest.json").read_bytes())
    later = rename(copy, canonical_json({**manifest, "format_version": 2}) + b"\n")
    err = refused(later)
    assert "manifest.json: got format version 2, expected 1" in err
    assert "use a newer Evenhand" in err
    assert "not what was sealed" not in err


def test_a_stale_audit_is_refused(place):
    old = released(place, *EQUAL, DIFFERENCE, ended=NOW - timedelta(days=40))
    assert "the audit is stale: it ended" in refused(old, "--max-age", 30)
    assert call(old, "--max-age", 41)[0] == 0
    assert call(old)[0] == 0
    lately = released(place, *EQUAL, DIFFERENCE, ended=NOW - timedelta(minutes=19))
    assert re.search(r"\d+ minutes ago, and at most 0 days are allowed", refused(lately, "--max-age", 0))


def test_an_audit_from_the_future_is_refused(place):
    assert "cannot have ended in the future" in refused(released(place, *EQUAL, DIFFERENCE, ended=NOW + timedelta(1)))


def test_the_model_about_to_be_deployed_must_be_the_audited_one(passing, model, tmp_path):
    digest = read(passing).manifest.digests.model
    for given in (["--model", model], ["--model-digest", digest], ["--model-digest", f"sha256:{digest.upper()}"]):
        assert call(passing, *given)[0] == 0
    other = write_model(tmp_path / "other", "other weights")
    assert "is not the audited model: got digest" in refused(passing, "--model", other)
    assert "is not the audited model: got digest" in refused(passing, "--model-digest", "0" * 64)
    assert "--model: got 'nowhere', expected a folder" in refused(passing, "--model", "nowhere")
    assert "expected a sha256" in refused(passing, "--model-digest", "abc")


def test_a_model_logged_by_mlflow_is_the_same_model(passing, model, tmp_path):
    """MLflow's own envelope around the files does not count, as in the audit."""
    copy = Path(shutil.copytree(model, tmp_path / "logged"))
    (copy / "MLmodel").write_text("run_id: 1\n")
    assert call(passing, "--model", copy)[0] == 0


def test_decisions_in_the_data_are_no_model(whole_of_decisions, model):
    assert "the artifact is of decisions in the data" in refused(whole_of_decisions, "--model", model)


@pytest.fixture(scope="module")
def whole_of_decisions(place) -> Path:
    return released(place, *EQUAL, DIFFERENCE, decided_in_data=True)


def test_a_baseline_that_would_decide_nothing_is_refused(passing, failing):
    assert "no limit of the policy is on a change" in refused(passing, "--baseline", failing)


def test_a_refused_check_ends_the_gate_and_the_ones_before_it_are_told(passing):
    report = gate(passing, Asked(model_digest="0" * 64))
    assert [(check.name, check.outcome) for check in report.checks] == [
        ("policy", "not asked"),
        ("artifact", "passed"),
        ("age", "not asked"),
        ("model", "refused"),
    ]
    assert report.verdict is None
    assert report.word == "REFUSED"


# --- waivers


def test_a_waived_limit_lets_through_until_the_waiver_runs_out(place):
    waived = released(place, *UNEQUAL, {**DIFFERENCE, "waiver": WAIVER})
    code, told, _ = call(waived)
    assert code == 0
    assert "Waived by Ada Lovelace until" in told
    later = datetime.now(UTC) + timedelta(days=31)
    report = gate(waived, Asked(), later)
    assert report.word == "FAIL"
    assert "The waiver of Ada Lovelace ran out" in report.limits[0].reason


def test_a_waiver_in_the_gates_own_policy_holds(failing, policy):
    limit = {**DIFFERENCE, "waiver": WAIVER}
    report = gate(failing, Asked(policy=policy(json.dumps([limit]))))
    assert report.word == "PASS"
    assert report.limits[0].waived
    assert report.verdict.waivers[0]["owner"] == "Ada Lovelace"


# --- the baseline


def test_against_production_a_change_is_judged_like_any_other_limit(place, model):
    groups, old = people(white=(600, 1000), Black=(550, 1000))
    new = [0 if at >= 1000 and at % 5 == 0 else decided for at, decided in enumerate(old)]
    production = released(place, groups, old, DIFFERENCE)
    worse = released(place, groups, new, CHANGE, model=model)
    code, told, _ = call(worse, "--baseline", production)
    assert code == 1
    assert "on the same 2,000 rows" in told
    same = released(place, groups, old, CHANGE, model=model)
    assert call(same, "--baseline", production)[0] == 0
    assert call(same)[0] == 3
    report = gate(worse, Asked(baseline=production))
    assert report.baseline_digest == read(production).digest
    assert report.limits[0].findings == ("baseline/selection_rate/race/Black/-/change",)


def test_a_baseline_that_is_broken_or_of_other_rows_is_refused(place, tmp_path):
    groups, old = people(white=(600, 1000), Black=(550, 1000))
    candidate = released(place, groups, old, CHANGE)
    other = released(place, groups, old, DIFFERENCE, source="others")
    assert "are of different data" in refused(candidate, "--baseline", other)
    broken = Path(shutil.copytree(other, tmp_path / other.name))
    (broken / "card.md").write_text("something else")
    assert "is not what was sealed: card.md" in refused(candidate, "--baseline", broken)
    assert "expected the folder of an artifact" in refused(candidate, "--baseline", tmp_path / "nowhere")


# --- reports


SUITE = {"name", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}


def well_formed(text: str) -> Xml.Element:
    """The shape of the common JUnit schema: attributes, order and number of children, counts that add up."""
    suites = Xml.fromstring(text)
    assert suites.tag == "testsuites"
    (suite,) = suites
    assert (suite.tag, set(suite.attrib)) == ("testsuite", SUITE)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
    tags = [child.tag for child in suite]
    assert tags == ["properties", *["testcase"] * int(suite.get("tests")), "system-out", "system-err"]
    assert all(set(each.attrib) == {"name", "value"} for each in suite.find("properties"))
    for case in suite.iter("testcase"):
        assert set(case.attrib) == {"name", "classname", "time"}
        assert [child.tag for child in case] in ([], ["failure"], ["error"], ["skipped"])
        assert all(set(child.attrib) == {"message", "type"} for child in case if child.tag in ("failure", "error"))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(name)) == len(list(suite.iter(tag)))
    return suite


def test_junit_has_one_case_per_limit(place, passing, failing, undecided):
    (case,) = well_formed(call(failing, "--format", "junit")[1]).iter("testcase")
    assert case.get("name") == "selection_rate over race: difference at most 0.1"
    assert case.find("failure").get("type") == "FAIL"
    assert "70.0% for white and 40.0% for Black" in case.find("failure").get("message")
    (case,) = well_formed(call(undecided, "--format", "junit")[1]).iter("testcase")
    assert case.find("failure").get("type") == "INCONCLUSIVE"
    assert not list(well_formed(call(passing, "--format", "junit")[1]).find("testcase"))
    waived = released(place, *UNEQUAL, {**DIFFERENCE, "waiver": WAIVER}, DIFFERENCE)
    cases = list(well_formed(call(waived, "--format", "junit")[1]).iter("testcase"))
    assert [child.tag for case in cases for child in case] == ["skipped", "failure"]


def test_junit_of_a_refused_gate_is_one_error(passing):
    code, out, err = call(passing, "--model-digest", "0" * 64, "--format", "junit")
    assert code == 2
    (case,) = well_formed(out).iter("testcase")
    assert case.get("name") == "gate: model"
    assert case.find("error").get("type") == "ModelError"
    assert err.startswith("error: the model about to be deployed is not")


def test_json_is_one_document_with_the_verdict_or_the_error(passing, failing):
    code, out, err = call(failing, "--json")
    document = json.loads(out)
    assert (code, document["verdict"]) == (1, "FAIL")
    assert document["limits"][0]["worst"] == {"group": "white", "reference": "Black"}
    assert document["artifact_digest"] == read(failing).digest
    assert "verdict: FAIL" in err
    code, out, _ = call(passing, "--max-age", 0, "--json")
    document = json.loads(out)
    assert (code, document["verdict"], document["error"]) == (2, None, "ArtifactError")
    assert "stale" in document["message"]
    assert json.loads(call("nowhere", "--json")[1])["error"] == "ArtifactError"


HOSTILE = "<b>|`x`](http://x) @all\n::error::\x1b[31m & \u202eabc"


def test_names_of_groups_never_become_markup(place):
    artifact = released(place, *people(**{HOSTILE: (700, 1000), "Black": (400, 1000)}), DIFFERENCE)
    report = gate(artifact, Asked())
    assert report.word == "FAIL"
    told = {form: render(report, form) for form in FORMATS}
    for form in ("text", "junit", "md"):
        assert "\x1b" not in told[form]
        assert "\u202e" not in told[form]
        assert not any(line.startswith("::") for line in told[form].splitlines())
    assert "<b>" not in told["md"]
    assert not re.search(r"(?<!\\)\]\(", told["md"])
    assert "@all" not in told["md"]
    table = [line for line in told["md"].splitlines() if line.startswith("| FAIL")]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [4]
    assert HOSTILE.split("|")[0] in well_formed(told["junit"]).find("testcase/failure").get("message")
    assert json.loads(told["json"])["limits"][0]["worst"]["group"] == HOSTILE


def test_reports_go_to_files_by_their_ending_and_the_text_to_the_terminal(failing, tmp_path):
    files = [tmp_path / "out" / f"gate{ending}" for ending in (".xml", ".md", ".json", ".txt")]
    code, out, err = call(failing, *[part for file in files for part in ("--output", file)])
    assert code == 1
    assert "verdict: FAIL" in out
    assert err.count("wrote") == 4
    assert well_formed(files[0].read_text()).get("failures") == "1"
    assert files[1].read_text().startswith("<!-- evenhand-gate:hiring -->\n### ❌ Parity gate: FAIL\n")
    assert json.loads(files[2].read_text())["verdict"] == "FAIL"
    assert files[3].read_text() == out
    assert call(failing, "--format", "md", "--output", tmp_path / "comment", "--json")[1].startswith("{")
    assert (tmp_path / "comment").read_text().startswith("<!--")


def test_reports_that_have_no_place_are_refused_before_anything_is_done(passing, tmp_path):
    assert "got 'gate.doc' without --format" in refused(passing, "--output", "gate.doc")
    (tmp_path / "file").touch()
    assert "cannot write the report to" in refused(passing, "--output", tmp_path / "file" / "gate.md")
    assert "both want stdout" in call(passing, "--json", "--format", "md")[2]
    assert "which is missing" in call(passing, "--alias", "champion")[2]


def test_the_gate_imports_neither_mlflow_nor_prefect(failing):
    code = (
        f"import sys; sys.argv[1:] = ['gate', {str(failing)!r}]\nfrom flows.cli import main\n"
        "try: main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    )
    root = Path(cli.__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert not set(done.stderr.split()) & {"prefect", "mlflow", "torch", "pandas", "polars", "sklearn", "datasets"}


# --- as a release engineer: a shell script


SCRIPT = """\
#!/bin/sh
# Releases the model in $2 if the audit in $1 lets it.
set -e
evenhand gate "$1" --model "$2" --max-age 30 --output gate.xml --output comment.md >gate.log 2>&1
echo released
"""


def test_a_script_that_stops_at_errors_releases_only_what_passes(
    passing, failing, undecided, model, place, tmp_path, monkeypatch
):
    tampered = Path(shutil.copytree(passing, tmp_path / passing.name))
    (tampered / "findings.json").write_bytes((tampered / "findings.json").read_bytes().replace(b"0.5", b"0.6", 1))
    stale = released(place, *EQUAL, DIFFERENCE, model=model, ended=NOW - timedelta(days=31))
    waived = released(place, *UNEQUAL, {**DIFFERENCE, "waiver": WAIVER}, model=model)
    past = {**WAIVER, "expires": str((NOW - timedelta(1)).date())}
    expired = released(place, *UNEQUAL, {**DIFFERENCE, "waiver": past}, model=model)
    wrong = write_model(tmp_path / "wrong", "other weights")

    (tmp_path / "bin").mkdir()
    command, script = tmp_path / "bin" / "evenhand", tmp_path / "release.sh"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m flows.cli "$@"\n')
    script.write_text(SCRIPT)
    for file in (command, script):
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    root = str(Path(cli.__file__).resolve().parents[1])
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": root}

    def release(artifact, deployed=model) -> tuple[int, bool, str]:
        done = subprocess.run(
            [str(script), str(artifact), str(deployed)], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout == "released\n", (tmp_path / "gate.log").read_text()

    for artifact, code, says in (
        (passing, 0, "verdict: PASS"),
        (waived, 0, "Waived by Ada Lovelace"),
        (failing, 1, "wholly above the limit"),
        (expired, 1, "ran out on"),
        (tampered, 2, "is not what was sealed"),
        (stale, 2, "the audit is stale"),
        (tmp_path / "nowhere", 2, "expected the folder of an artifact"),
        (undecided, 3, "on both sides of the limit"),
    ):
        got, through, told = release(artifact)
        assert (got, through) == (code, code == 0), told
        assert says in told
        well_formed((tmp_path / "gate.xml").read_text())
    got, through, told = release(passing, wrong)
    assert (got, through) == (2, False)
    assert "is not the audited model" in told


# --- in a test suite


def test_assert_parity_returns_the_verdict_of_a_model_that_passes(passing, policy):
    limits = policy("- {measure: selection_rate, over: race, compare: difference, at_most: 0.1}\n")
    for findings in (passing, str(passing), read(passing), read(passing).findings):
        for rules in (limits, str(limits), [DIFFERENCE], read(passing).policy):
            assert assert_parity(findings, rules).verdict == "PASS"


def test_assert_parity_names_each_limit_that_is_not_shown_to_hold(failing):
    lax = {**DIFFERENCE, "at_most": 0.9}
    absent = {"measure": "precision", "over": "race", "at_least": 0.5}
    with pytest.raises(AssertionError) as caught:
        assert_parity(failing, [lax, DIFFERENCE, absent])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("FAIL: 1 of 3 limits broken: selection_rate over race: difference at most 0.1")
    assert lines[1] == "  FAIL  selection_rate over race: difference at most 0.1"
    assert "a difference of 30.0 points" in lines[2]
    assert lines[3] == "  INCONCLUSIVE  precision over race: rate at least 0.5"
    assert len(lines) == 5


def test_assert_parity_fails_what_is_not_shown(undecided):
    with pytest.raises(AssertionError, match=r"^INCONCLUSIVE: 1 of 1 limits not shown to hold"):
        assert_parity(undecided, [DIFFERENCE])
    assert assert_parity(undecided, [{**DIFFERENCE, "at_most": 0.15}], level=0.6).level == 0.6


def test_assert_parity_refuses_what_it_cannot_judge_by(failing, tmp_path):
    with pytest.raises(SpecError, match="got no limits, expected at least one"):
        assert_parity(failing, [])
    with pytest.raises(SpecError, match=r"limits\[0\].waiver.owner: got nothing, expected text"):
        assert_parity(failing, [{**DIFFERENCE, "waiver": {"reason": "soon", "expires": "2999-01-01"}}])
    with pytest.raises(SpecError, match="did you mean 'at_most'"):
        assert_parity(failing, [{**DIFFERENCE, "at_mots": 1}])
    with pytest.raises(ArtifactError, match="expected the folder of an artifact"):
        assert_parity(tmp_path / "nowhere", [DIFFERENCE])


def test_assert_parity_takes_waivers_of_the_day(failing):
    waived = [{**DIFFERENCE, "waiver": WAIVER}]
    assert assert_parity(failing, waived).limits[0].waived
    with pytest.raises(AssertionError, match="ran out"):
        assert_parity(failing, waived, today=NOW.date() + timedelta(31))


def test_command_line_gate_flow_and_test_helper_judge_alike(failing, undecided, passing):
    for artifact in (failing, undecided, passing):
        word = gate(artifact, Asked()).word
        assert json.loads(call(artifact, "--json")[1])["verdict"] == word == read(artifact).verdict.verdict
        if word != "PASS":
            with pytest.raises(AssertionError, match=f"^{word}"):
                assert_parity(artifact, read(artifact).policy)
