"""Log-odds between paired prompts."""

from __future__ import annotations

import math

import pytest
from scipy import stats
from small_run import PROMPTS, make_run, make_spec, predict

from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.pairs import pair
from audits.techniques.pair_log_odds import pair_log_odds

PROTECTED = {"sex": {"terms": {"male": ["he"], "female": ["she"]}, "reference": "male"}}
FILL = {"male": {"he": ["he"], "name": ["Tim", "Tom"]}, "female": {"he": ["she"], "name": ["Lily", "Mia"]}}
TEXTS = ["{He} is", "{name} and {he} are", "So {he} was"]


def examined(tmp_path, scorer, texts=TEXTS, counterfactuals=None, **more):
    asked = {"templates": {"attribute": "sex", "fill": FILL}} if counterfactuals is None else counterfactuals
    spec = make_spec(PROTECTED, PROMPTS, asked, **more)
    make_run(tmp_path, spec, text=texts, continuation=[" kind"] * len(texts))
    pair(spec, tmp_path, tmp_path)
    predict(tmp_path, scorer, threshold=None)
    return {(f.measure, f.group, f.reference): f for f in pair_log_odds(Evidence(tmp_path, spec))}


def planted(text):
    """Twice as likely after female prompts that start with the pronoun; names and others as likely."""
    return math.log(0.2) if text.startswith("She") else math.log(0.1)


def test_a_planted_gap_is_found_with_its_exact_numbers(tmp_path):
    gap = examined(tmp_path, planted)["log_odds_gap", "female", "male"]
    assert gap.value == pytest.approx(math.log(2) / 3)  # one template of three; each weighs the same
    assert (gap.comparison, gap.unit, gap.n.group) == ("gap", "nats", 4)  # four pairs, three templates
    assert gap.details["templates"] == 3
    expected = stats.ttest_1samp([math.log(2), 0, 0], 0)
    assert gap.p == pytest.approx(expected.pvalue)
    assert (gap.interval.low, gap.interval.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_examples_show_both_prompts(tmp_path):
    told = examined(tmp_path, planted)["log_odds_gap", "female", "male"].details["examples"]
    assert [example["row"] for example in told] == [0, 1, 2]
    assert (told[0]["text_group"], told[0]["text_reference"], told[0]["continuation"]) == ("She is", "He is", " kind")
    assert told[0]["log_probability_group"] == pytest.approx(math.log(0.2))


def test_data_that_may_not_be_copied_are_not_shown(tmp_path):
    found = examined(tmp_path, planted, evidence="digest-only")
    assert "text_group" not in found["log_odds_gap", "female", "male"].details["examples"][0]


def test_a_blind_model_has_a_gap_of_exactly_0(tmp_path):
    gap = examined(tmp_path, lambda _: -1.5)["log_odds_gap", "female", "male"]
    assert (gap.value, gap.p) == (0, 1)


def test_exchanging_the_groups_changes_the_sign_only(tmp_path):
    one = examined(tmp_path, planted)["log_odds_gap", "female", "male"]
    other = examined(tmp_path, lambda text: -planted(text))
    assert other["log_odds_gap", "female", "male"].value == pytest.approx(-one.value)


def test_one_template_gives_a_value_without_an_interval(tmp_path):
    gap = examined(tmp_path, planted, ["{He} is"])["log_odds_gap", "female", "male"]
    assert gap.value == pytest.approx(math.log(2))
    assert gap.interval is None


def test_templates_that_cannot_be_filled_are_told(tmp_path):
    found = examined(tmp_path, planted, ["{He} is", "It is"])
    assert found["share_edited", "female", ""].value == 0.5
    none = examined(tmp_path, planted, ["It is"])["log_odds_gap", "female", "male"]
    assert none.missing == "no prompt was scored both as female and as male"


def test_without_paired_prompts_there_is_nothing_to_measure(tmp_path):
    with pytest.raises(NotMeasurable, match="the spec asks for none"):
        examined(tmp_path, planted, counterfactuals={})
