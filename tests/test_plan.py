"""The plan: exact counts, what cannot be answered, how little the rows can show. No model is run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audits.plan import Plan, plan
from audits.reach import Reach
from audits.spec import AuditSpec

# Great Expectations imports deprecated modules of the standard library
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
COLUMNS = "sex,race,good,letter\n"
TEXTS = {"kind": "text-classifier", "uri": "no/such/model"}


def spec_of(**changes: Any) -> AuditSpec:
    document: dict[str, Any] = {
        "audit": "hiring",
        "question": "Are men and women asked equally often?",
        "data": {"source": "people.csv", "label": "good", "text": "letter"},
        "protected": {"sex": {"column": "sex", "lexicon": "sex"}},
        "model": TEXTS,
        "counterfactuals": {"swap": {"control": False}},
        "techniques": {"parity": {}, "flip_rate": {}},
        "limits": [{"measure": "selection_rate", "over": "sex", "compare": "difference", "at_most": 0.1}],
    }
    return AuditSpec.model_validate({**document, **changes})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """60 men and 40 women, half of each good; letters that say so, one in four of them without saying who."""
    lines = []
    for at in range(100):
        sex, pronoun = ("male", "He") if at < 60 else ("female", "She")
        letter = f"{pronoun} worked here for {at} years." if at % 4 else f"Worked here for {at} years."
        lines.append(f"{sex},{'A' if at % 10 else 'B'},{at % 2},{letter}\n")
    (tmp_path / "people.csv").write_text(COLUMNS + "".join(lines))
    return tmp_path


def only_limit(made: Plan) -> Reach:
    (reach,) = made.limits
    return reach


def told(made: Plan, what: str) -> str:
    return "; ".join(f"{one.why} | {one.remedy}" for one in made.unanswerable if what in one.what)


def test_rows_groups_pairs_and_inputs_are_counted_exactly(base: Path) -> None:
    made = plan(spec_of(), base)
    assert made.rows == 100
    assert made.groups[0].attribute == "sex"
    assert made.groups[0].groups == {"male": 60, "female": 40}
    assert made.groups[0].missing == 0
    assert (made.pairs, made.refused) == (75, 25)
    assert made.forward_passes == 175
    assert made.fitting_rows == 0


def test_equal_inputs_are_scored_once(base: Path) -> None:
    (base / "people.csv").write_text(COLUMNS + "male,A,1,He works.\n" * 30 + "female,A,0,She works.\n" * 30)
    made = plan(spec_of(), base)
    assert made.rows == 60
    assert made.pairs == 60
    assert made.forward_passes == 2  # each text is the other's swap


def test_the_time_is_an_estimate_and_says_from_what(base: Path) -> None:
    made = plan(spec_of(), base)
    assert made.tokens is not None
    assert 175 * 7 < made.tokens < 175 * 12
    assert made.seconds is not None
    assert made.seconds > 0
    assert "a guess, not measured" in made.seconds_from


def test_longer_texts_than_the_model_reads_count_no_more(base: Path) -> None:
    made = plan(spec_of(model={**TEXTS, "max_tokens": 5}), base)
    assert made.tokens == 175 * 5


def test_a_technique_that_reads_the_models_inside_adds_its_passes(base: Path) -> None:
    techniques = {"integrated_gradients": {"rows": 10, "nodes": 8}}
    with_it, without = plan(spec_of(techniques=techniques), base), plan(spec_of(), base)
    assert [(one.technique, one.rows, one.passes) for one in with_it.inside] == [("integrated_gradients", 10, 80)]
    assert with_it.seconds is not None
    assert without.seconds is not None
    assert with_it.seconds > without.seconds


def test_a_table_row_counts_once_and_has_no_tokens(base: Path) -> None:
    data = {"source": "people.csv", "label": "good", "features": ["race", "sex"]}
    model = {"kind": "tabular", "uri": "no/such/model"}
    made = plan(spec_of(data=data, model=model, counterfactuals={"column": {"attributes": ["sex"]}}), base)
    assert made.forward_passes == 4  # two races, two sexes
    assert made.tokens is None
    assert made.seconds is not None


def test_without_a_model_nothing_is_scored(base: Path) -> None:
    data = {"source": "people.csv", "decision": "good"}
    made = plan(spec_of(data=data, model=None, counterfactuals={}, techniques={"parity": {}}), base)
    assert made.forward_passes == 0
    assert made.seconds is None
    assert made.seconds_from == "no model is run"
    assert made.unanswerable == ()
    assert "model " not in made.to_text()


def test_a_split_keeps_rows_apart_for_fitting(base: Path) -> None:
    made = plan(spec_of(data={**spec_of().data.model_dump(), "split": {"audit": 0.3, "seed": 1}}), base)
    assert (made.rows, made.fitting_rows) == (30, 70)


def test_what_needs_a_label_is_told_where_there_is_none(base: Path) -> None:
    techniques = {"parity": {"metrics": ["selection_rate", "true_positive_rate"]}}
    made = plan(spec_of(data={"source": "people.csv", "text": "letter"}, techniques=techniques), base)
    assert told(made, "true_positive_rate") == "it needs the truth, and the spec names no label | add data.label"
    assert told(made, "selection_rate") == ""


def test_what_needs_pairs_is_told_where_no_counterfactual_is_asked(base: Path) -> None:
    made = plan(spec_of(counterfactuals={}), base)
    assert "the spec asks for no counterfactuals" in told(made, "flip_rate")


def test_an_attribute_that_no_text_mentions_is_told_with_the_reason(base: Path) -> None:
    (base / "people.csv").write_text(COLUMNS + "male,A,1,Worked here.\nfemale,A,0,Worked there.\n" * 10)
    made = plan(spec_of(), base)
    assert made.pairs == 0
    assert "none of 10 could be made; most often: " in told(made, "swap of sex to female")
    assert "not one counterfactual could be made" in told(made, "flip_rate")


def test_a_technique_for_another_kind_of_model_is_told(base: Path) -> None:
    data = {"source": "people.csv", "decision": "good", "text": "letter"}
    techniques = {"parity": {}, "integrated_gradients": {}}
    made = plan(spec_of(data=data, model=None, counterfactuals={}, techniques=techniques), base)
    assert "it examines text-classifier, and there is no model" in told(made, "integrated_gradients")


def test_an_attribute_of_one_group_is_told(base: Path) -> None:
    (base / "people.csv").write_text(COLUMNS + "male,A,1,He works.\nmale,A,0,He worked.\n")
    made = plan(spec_of(), base)
    assert "only 'male'" in told(made, "parity over sex")
    assert only_limit(made).outlook == "cannot be measured"


def test_of_groups_that_overlap_the_one_with_the_fewest_rows_is_told(base: Path) -> None:
    table = "old,few,good\n" + "".join(f"{int(at % 2 == 0)},{int(at < 10)},{at % 3 // 2}\n" for at in range(100))
    (base / "overlap.csv").write_text(table)
    changes = {
        "data": {"source": "overlap.csv", "decision": "good"},
        "protected": {"groups": {"indicators": {"old": "old", "few": "few"}, "overlap": True}},
        "limits": [{"measure": "selection_rate", "over": "groups", "compare": "difference", "at_most": 0.1}],
    }
    found = only_limit(plan(spec_of(**changes, model=None, counterfactuals={}, techniques={"parity": {}}), base))
    assert (found.attribute, found.outlook) == ("groups", "too few rows")
    assert (found.pair, found.rows) == (("few", "not few"), (10, 90))
    assert found.limit == "selection_rate over groups: difference at most 0.1"


def test_a_named_group_without_rows_is_counted_and_told(base: Path) -> None:
    (base / "people.csv").write_text(COLUMNS + "m,A,1,He works.\nm,A,0,He worked.\n")
    made = plan(
        spec_of(protected={"sex": {"column": "sex", "values": {"m": "male", "f": "female"}, "lexicon": "sex"}}), base
    )
    assert made.groups[0].groups == {"male": 2, "female": 0}
    assert "only 'male'" in told(made, "parity over sex")
    assert only_limit(made).pair == ("female",)
    assert only_limit(made).outlook == "cannot be measured"


def test_a_broken_expectation_is_told_and_does_not_stop_the_plan(base: Path) -> None:
    expect = [{"expect": "column_values_to_be_between", "arguments": {"column": "good", "max_value": 0}}]
    made = plan(spec_of(data={**spec_of().data.model_dump(), "expect": expect}), base)
    assert (
        told(made, "column_values_to_be_between of good") == "50 rows break it; the run would stop here | mend the data"
    )


# --- how little the rows can show


def test_the_smallest_detectable_gap_is_that_of_the_normal_approximation(base: Path) -> None:
    """(1.960 + 0.842) √(¼ (1/60 + 1/40)) = 0.286."""
    reach = only_limit(plan(spec_of(), base))
    assert reach.smallest_detectable == pytest.approx(0.286, abs=0.0005)
    assert reach.pair == ("female", "male")
    assert reach.rows == (40, 60)
    assert reach.outlook == "too few rows"


def test_a_limit_that_equal_groups_would_miss_in_two_of_five_audits_is_not_told_to_be_within_reach(base: Path) -> None:
    """60 and 40 rows at a rate of a half: both orders inside 0.27 at once with 68 % power, inside 0.30 with 81 %."""
    limits = [{"measure": "selection_rate", "over": "sex", "compare": "difference", "at_most": 0.27}]
    assert only_limit(plan(spec_of(limits=limits), base)).outlook == "too few rows"


def test_a_wide_limit_can_hold_on_the_same_rows(base: Path) -> None:
    limits = [{"measure": "selection_rate", "over": "sex", "compare": "difference", "at_most": 0.3}]
    assert only_limit(plan(spec_of(limits=limits), base)).outlook == "can hold"


def test_a_rate_among_positives_stands_on_the_positives_alone(base: Path) -> None:
    limits = [{"measure": "true_positive_rate", "over": "sex", "compare": "ratio", "at_least": 0.8}]
    reach = only_limit(plan(spec_of(limits=limits), base))
    assert reach.rows == (20, 30)
    assert "20 actual positives" in reach.reason
    assert reach.smallest_detectable is not None
    assert 0 < reach.smallest_detectable < 0.8


def test_a_denominator_that_the_decisions_fix_is_told_as_at_most(base: Path) -> None:
    limits = [{"measure": "precision", "over": "sex", "compare": "difference", "at_most": 0.1}]
    reach = only_limit(plan(spec_of(limits=limits), base))
    assert "female (at most 40 predicted positives)" in reach.reason


def test_a_group_without_positives_leaves_its_limit_open_by_name(base: Path) -> None:
    text = (base / "people.csv").read_text().replace("female,A,1", "female,A,0").replace("female,B,1", "female,B,0")
    (base / "people.csv").write_text(text)
    limits = [{"measure": "true_positive_rate", "over": "sex", "compare": "difference", "at_most": 0.1}]
    reach = only_limit(plan(spec_of(limits=limits), base))
    assert reach.outlook == "cannot be measured"
    assert reach.pair == ("female",)


def test_a_flip_rate_limit_needs_enough_pairs_even_if_none_flips(base: Path) -> None:
    """No flip in 75 pairs leaves up to 1 − 0.05^(1/75) = 0.039."""
    limits = [{"measure": "flip_rate", "over": "sex", "at_most": 0.02}]
    reach = only_limit(plan(spec_of(limits=limits), base))
    assert reach.smallest_detectable == pytest.approx(1 - 0.05 ** (1 / 75), rel=1e-3)
    assert reach.outlook == "too few rows"
    limits[0]["at_most"] = 0.05
    assert only_limit(plan(spec_of(limits=limits), base)).outlook == "can hold"


def test_a_measure_known_only_after_scoring_says_so(base: Path) -> None:
    limits = [{"measure": "mean_output_gap", "over": "sex", "compare": "gap", "at_most": 0.1}]
    assert only_limit(plan(spec_of(limits=limits), base)).outlook == "not known beforehand"


def test_clusters_are_told_to_make_it_less(base: Path) -> None:
    made = plan(spec_of(data={**spec_of().data.model_dump(), "cluster": "race"}), base)
    assert "it is really less" in only_limit(made).reason


# --- how it is told


def test_the_plan_is_plain_json_and_text(base: Path) -> None:
    made = plan(spec_of(), base)
    assert json.loads(json.dumps(made.to_json()))["rows"] == 100
    text = made.to_text()
    assert "sex: male 60, female 40" in text
    assert "175 forward passes" in text
    assert "nothing was run" in text
    assert {"manifest.json", "rows.parquet", "card.html"} <= set(made.files)


def test_withheld_files_are_not_among_those_written(base: Path) -> None:
    assert not [name for name in plan(spec_of(evidence="digest-only"), base).files if name.endswith(".parquet")]


def test_nothing_of_the_model_or_the_flow_is_loaded(base: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from audits.plan import plan; from audits.spec import AuditSpec\n"
        f"plan(AuditSpec.model_validate({spec_of().model_dump()!r}), Path({str(base)!r}))\n"
        "print([name for name in ('torch', 'transformers', 'prefect', 'mlflow', 'shap') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_decisions_that_are_wrong_more_often_than_right_are_a_question(base: Path) -> None:
    data = {"source": "people.csv", "label": "good", "decision": "asked"}
    spec = spec_of(data=data, model=None, counterfactuals={}, techniques={"parity": {}})
    rows = {"right": [(one, one) for one in (0, 1) * 50], "wrong": [(one, 1 - one) for one in (0, 1) * 50]}
    for name, pairs in rows.items():
        lines = [f"{'male' if at % 3 else 'female'},{good},{asked}\n" for at, (good, asked) in enumerate(pairs)]
        (base / "people.csv").write_text("sex,good,asked\n" + "".join(lines))
        said = told(plan(spec, base), "data.favourable")
        assert ("agree in only 0 of 100 rows: one may be named the wrong way round" in said) == (name == "wrong")


def test_a_truth_alone_without_decisions_is_planned(base: Path) -> None:
    data = {"source": "people.csv", "label": "good"}
    made = plan(spec_of(data=data, model=None, counterfactuals={}, techniques={"parity": {}}), base)
    assert "neither a model nor decisions" in told(made, "parity")


def test_one_cluster_that_holds_much_of_the_rows_is_a_question_and_as_many_unknown_ones_are_not(base: Path) -> None:
    data = {"source": "people.csv", "decision": "good", "cluster": "author"}
    spec = spec_of(data=data, model=None, counterfactuals={}, techniques={"parity": {}}, limits=[])
    for unknown in ("none", ""):
        authors = [unknown if at < 84 else f"a{at}" for at in range(200)]
        lines = [f"{'male' if at % 3 else 'female'},{at % 2},{author}\n" for at, author in enumerate(authors)]
        (base / "people.csv").write_text("sex,good,author\n" + "".join(lines))
        said = told(plan(spec, base), "data.cluster")
        few = (84 + 116) ** 2 / (84**2 + 116)  # Kish 1965, section 11.7
        expected = f"the largest of 117 clusters holds 42% of the rows: together they say about as much as {few:.1f} of"
        assert said.startswith(expected) if unknown else not said


def test_few_clusters_are_a_question_however_equal(base: Path) -> None:
    data = {"source": "people.csv", "decision": "good", "cluster": "author"}
    spec = spec_of(data=data, model=None, counterfactuals={}, techniques={"parity": {}}, limits=[])
    for clusters in (19, 20):
        lines = [f"{'male' if at % 3 else 'female'},{at % 2},{at % clusters}\n" for at in range(clusters * 5)]
        (base / "people.csv").write_text("sex,good,author\n" + "".join(lines))
        assert ("as 19.0 of equal size" in told(plan(spec, base), "data.cluster")) == (clusters == 19)


def test_a_comparison_that_a_measure_never_has_is_told_with_the_right_word(base: Path) -> None:
    limits = [
        {"measure": "mean_error", "over": "sex", "compare": "difference", "at_most": 5},
        {"measure": "auc", "over": "sex", "at_least": 0.7},
        {"measure": "theil_index", "over": "sex", "compare": "gap", "at_most": 0.1},
        {"measure": "auc", "over": "sex", "compare": "gap", "at_most": 0.1},
        {"measure": "equalized_odds_difference", "over": "sex", "compare": "difference", "at_most": 0.1},
        {"measure": "mean_prediction", "over": "sex", "compare": "ratio", "at_least": 0.8},
        {"measure": "selection_rate", "over": "sex", "compare": "paired", "at_most": 0.1},
    ]
    techniques = {"parity": {}, "score_parity": {}, "regression_parity": {"predicted": "good"}}
    made = plan(spec_of(limits=limits, techniques=techniques, counterfactuals={}), base)
    assert "no difference, it has mean, gap | write compare: gap" in told(made, "difference of mean_error over")
    assert "auc has no rate, it has mean, gap | write compare: mean" in told(made, "rate of auc over sex")
    assert "it has whole | write compare: whole" in told(made, "gap of theil_index")
    wrong = [one.what for one in made.unanswerable if " has no " in one.why and " of " in one.what]
    assert len(wrong) == 3


def test_parity_over_an_attribute_that_only_words_name_is_told(base: Path) -> None:
    words = {"sex": {"lexicon": "sex"}}
    assert "not of which group a row is | add protected.sex.column" in told(plan(spec_of(protected=words), base), "sex")
    for more in ({}, {"protected": words, "techniques": {"flip_rate": {}}}):
        assert "not of which group" not in told(plan(spec_of(**more), base), "sex")
