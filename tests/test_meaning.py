"""Which decision is the good one: however a spec says it, the rates are the published ones, or it is refused.

The counts are those of ProPublica's analysis of COMPAS (Larson, Mattu, Kirchner, Angwin 2016, "How we analyzed the
COMPAS recidivism algorithm", contingency tables of Black and white defendants): low risk is what is good for them.
"""

import json

import pandas as pd
import pytest

from audits.data import load
from audits.doubts import AGREE, DIVIDE
from audits.errors import DataError, ModelError, SpecError
from audits.evidence import Evidence
from audits.slices import cut
from audits.spec_reader import read_spec
from audits.subjects import positive_index
from audits.techniques.parity import parity

COUNTS = {  # race: {(reoffended, flagged as medium or high risk): defendants}
    "African-American": {(0, 0): 990, (0, 1): 805, (1, 0): 532, (1, 1): 1369},
    "Caucasian": {(0, 0): 1139, (0, 1): 349, (1, 0): 461, (1, 1): 505},
}
FLAGGED = {  # as published: false positive rate, false negative rate; share flagged from the same table
    "African-American": (0.4485, 0.2799, 2174 / 3696),
    "Caucasian": (0.2345, 0.4772, 854 / 2454),
}
SPEC = """\
audit: compas
question: Which decision is the good one?
data: {{source: t.csv, {data}}}
protected: {{race: {{column: race}}}}
{more}techniques: {{parity: {{metrics: [selection_rate, false_positive_rate, false_negative_rate]}}}}
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    cells = [(race, *cell, n) for race, counts in COUNTS.items() for cell, n in counts.items()]
    rows = pd.DataFrame([cell[:3] for cell in cells for _ in range(cell[3])], columns=["race", "recid", "high"])
    words = {1: "yes", 0: "no"}
    rows = rows.assign(
        stayed=1 - rows.recid,
        released=1 - rows.high,
        decile=rows.high * 6 + 2,
        chance=rows.high * 0.8 + 0.1,
        recid_word=rows.recid.map(words),
        high_word=rows.high.map(words),
    )
    path = tmp_path_factory.mktemp("compas") / "t.csv"
    rows.to_csv(path, index=False)
    return path


@pytest.fixture
def audited(table, tmp_path, monkeypatch):
    """Read, load and measure a spec over the counts; return its data section, the rates by group, and the checks."""
    monkeypatch.setenv("EVENHAND_HOME", str(table.parent / "home"))

    def audit(data, more=""):
        (table.parent / "spec.yaml").write_text(SPEC.format(data=data, more=more))
        spec = read_spec(table.parent / "spec.yaml")
        load(spec, table.parent, tmp_path)
        cut(spec, tmp_path, tmp_path)
        found = {(f.measure, f.group): f.value for f in parity(Evidence(tmp_path, spec)) if f.comparison == "rate"}
        return spec.data, found, {c["expectation"]: c for c in json.loads((tmp_path / "checks.json").read_text())}

    return audit


FLAGS, FREES = "being flagged is positive", "not being flagged is positive"
SAID = [
    ("label: recid, score: decile, threshold: '>= 5', positive: 1, favourable: 0", FLAGS),
    ("label: recid, score: decile, threshold: '> 4', positive: 1, favourable: 0", FLAGS),
    ("label: recid, score: decile, threshold: '>4.5', positive: 1.0, favourable: 0", FLAGS),
    ("label: recid, score: decile, threshold: '>= 5', positive: '1', favourable: 0", FLAGS),
    ("label: recid, score: decile, threshold: '>= 5', positive: true, favourable: false", FLAGS),
    ("label: recid, score: chance, threshold: '>= 0.5', positive: 1, favourable: 0", FLAGS),
    ("label: recid_word, score: decile, threshold: '>= 5', positive: 'yes', favourable: 'no'", FLAGS),
    ("label: recid, decision: high, positive: 1, favourable: 0", FLAGS),
    ("label: recid_word, decision: high_word, positive: 'yes', favourable: 'no'", FLAGS),
    ("label: recid, score: decile, threshold: '< 5', positive: 0, favourable: 0", FREES),
    ("label: recid, score: decile, threshold: '<= 4', positive: '0', favourable: 0", FREES),
    ("label: recid, score: decile, threshold: '< 5', positive: false, favourable: 0", FREES),
    ("label: recid, score: chance, threshold: '< 0.5', positive: 0, favourable: 0", FREES),
    ("label: recid_word, score: decile, threshold: '< 5', positive: 'no', favourable: 'no'", FREES),
    ("label: recid, decision: high, favourable: 0", FREES),
    ("label: recid_word, decision: high_word, favourable: 'no'", FREES),
    ("label: stayed, score: decile, threshold: '< 5', favourable: 1", FREES),
    ("label: stayed, score: decile, threshold: '< 5'", FREES),
    ("label: stayed, decision: released", FREES),
    ("label: stayed, decision: released, positive: 0, favourable: 1", FLAGS),
]


@pytest.mark.parametrize(("data", "positive"), SAID, ids=[said[0] for said in SAID])
def test_however_it_is_said_low_risk_is_the_good_decision_and_the_rates_are_the_published_ones(audited, data, positive):
    read, rates, checks = audited(data)
    assert read.positive_is_favourable == (positive == FREES)
    assert checks[AGREE]["success"]
    for group, (false_positive, false_negative, flagged) in FLAGGED.items():
        if positive == FREES:  # the errors change places
            false_positive, false_negative, flagged = false_negative, false_positive, 1 - flagged
        assert rates["selection_rate", group] == pytest.approx(flagged)
        assert rates["false_positive_rate", group] == pytest.approx(false_positive, abs=5e-5)
        assert rates["false_negative_rate", group] == pytest.approx(false_negative, abs=5e-5)


TWO_WAYS = [
    ("label: recid, score: decile, threshold: '>= 5', favourable: 0", "a score >= 5 could mean either value"),
    ("label: recid, score: decile, threshold: '< 5', favourable: 0", "a score < 5 could mean either value"),
    ("label: recid, score: decile, threshold: '< 5', favourable: false", "a score < 5 could mean either value"),
    ("label: recid_word, score: decile, threshold: '>= 5', favourable: 'no'", "a score >= 5 could mean either value"),
    ("label: recid, score: decile, favourable: 0", "a high score could mean either value"),
]


@pytest.mark.parametrize(("data", "why"), TWO_WAYS, ids=[said[0] for said in TWO_WAYS])
def test_what_could_be_meant_both_ways_is_refused_with_what_to_write(audited, data, why):
    with pytest.raises(
        SpecError, match=rf"3: data.favourable: got .* without data.positive, expected both: {why}"
    ) as e:
        audited(data)
    assert "Hint: write positive: " in str(e.value)


def test_a_function_that_answers_numbers_is_asked_what_they_predict(audited):
    model = "model: {kind: python, uri: 'm.py:f'}\n"
    with pytest.raises(SpecError, match=r"an answer of 0\.5 or more could mean either value"):
        audited("label: recid, features: [decile], favourable: 0", model)
    with pytest.raises(SpecError, match=r"model.threshold: got 50, expected 0 to 1"):
        audited("label: recid, features: [decile]", model.replace("'m.py:f'", "'m.py:f', threshold: 50"))


DOUBTED = [
    "label: recid, score: decile, threshold: '< 5'",  # 1 is taken for good, as always where nothing is said
    "label: stayed, score: decile, threshold: '>= 5'",
    "label: recid, decision: released",
    "label: recid, score: decile, threshold: '>= 5', positive: 0, favourable: 0",
]


@pytest.mark.parametrize("data", DOUBTED)
def test_decisions_that_are_wrong_more_often_than_right_are_doubted_in_the_artifact(audited, data):
    doubt = audited(data)[2][AGREE]
    assert (doubt["success"], doubt["severity"]) == (False, "warning")
    assert doubt["observed"].startswith("decisions and truth agree in only 2,147 of 6,150 rows: one may be")


def test_a_threshold_on_another_scale_than_the_scores_is_refused_and_one_that_divides_nothing_doubted(audited):
    with pytest.raises(
        DataError, match=r"got '>= 50', and the scores of 'chance' go from 0.1 to 0.9, expected .* 0 to 1"
    ):
        audited("label: recid, score: chance, threshold: '>= 50', positive: 1, favourable: 0")
    for threshold, side in ((">= 50", "none"), (">= 1", "each")):
        data = f"label: recid, score: decile, threshold: '{threshold}', positive: 1, favourable: 0"
        assert audited(data)[2][DIVIDE]["observed"] == f"scores from 2 to 8: {side} of them is {threshold}"
    assert audited(SAID[0][0])[2][DIVIDE]["success"]


REFUSED = "refused"
CLASSES = [  # the model's classes, model.positive_class, what the data call positive: whose probability is taken
    (["0", "1"], None, "1", 1),
    (["0.0", "1.0"], None, "1", 1),
    (["False", "True"], None, "True", 1),
    (["LABEL_0", "LABEL_1"], None, "1", 1),
    (["NEGATIVE", "POSITIVE"], None, "1", 1),
    (["denied", "approved"], None, "approved", 1),
    (["LABEL_0"], None, "1", 0),
    (["toxic"], None, "toxic", 0),
    (["0", "1"], None, "0", REFUSED),
    (["0.0", "1.0"], None, "0", REFUSED),
    (["False", "True"], None, "False", REFUSED),
    (["LABEL_0", "LABEL_1"], None, "0", REFUSED),
    (["NEGATIVE", "POSITIVE"], None, "0", REFUSED),
    (["NEGATIVE", "POSITIVE"], None, "no", REFUSED),
    (["approved", "denied"], None, "approved", REFUSED),
    (["1", "2"], None, "1", REFUSED),
    (["LABEL_0"], None, "0", REFUSED),
    (["NEGATIVE", "POSITIVE"], "NEGATIVE", "0", 0),
    (["NEGATIVE", "POSITIVE"], 1, "no", 1),
]


@pytest.mark.parametrize(("labels", "asked", "counted", "index"), CLASSES)
def test_a_class_is_taken_by_its_name_or_for_1_and_never_guessed(labels, asked, counted, index):
    if index == REFUSED:
        with pytest.raises(ModelError, match=f"got nothing, which means {labels[-1]!r}, and data.positive is"):
            positive_index(labels, asked, counted)
    else:
        assert positive_index(labels, asked, counted) == index
