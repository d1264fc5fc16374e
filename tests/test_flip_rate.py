"""Flip rate: a planted bias is found with its exact numbers, a blind model flips nothing."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from small_run import PROMPTS, TABLE, make_run, make_spec, predict

from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.pairs import pair
from audits.statistics import critical, interval
from audits.techniques.flip_rate import flip_rate, mean, paired, paired_p, share

Z = critical(0.95)
RACE = {"race": {"column": "race", "reference": "white"}}


def examined(tmp_path, spec, scorer, slices, **columns):
    make_run(tmp_path, spec, slices, **columns)
    pair(spec, tmp_path, tmp_path)
    predict(tmp_path, scorer)
    found = list(flip_rate(Evidence(tmp_path, spec)))
    assert len({finding.id for finding in found}) == len(found)
    return {(f.measure, f.comparison, f.group, f.reference): f for f in found}


def biased(text):
    """Positive for a good income, unless the text says Black and the income is middling."""
    income = int(re.search(r"\d+", text).group())
    return 0.9 if income > 50 or (income > 20 and "Black" not in text) else 0.1


def race_run(tmp_path, scorer, incomes=(10, 30, 60, 40), **more):
    groups = ["Black", "white"] * (len(incomes) // 2)
    texts = [f"A {group} man needs {income}." for group, income in zip(groups, incomes, strict=True)]
    spec = make_spec(RACE, counterfactuals={"swap": {}}, **more)
    return examined(tmp_path, spec, scorer, {"race": groups}, text=texts)


def test_a_planted_bias_is_found_with_its_exact_numbers(tmp_path):
    found = race_run(tmp_path, biased)
    flips = found["flip_rate", "rate", "Black", "white"]
    assert (flips.value, flips.n.group) == (0.5, 4)  # incomes 30 and 40 of four
    assert flips.sufficient == {"x": 2, "n": 4}
    assert flips.interval.method == "clopper-pearson"
    assert (flips.interval.low, flips.interval.high) == pytest.approx((0.0675859865, 0.9324140135))
    assert (flips.details["positive_as_group_only"], flips.details["positive_as_reference_only"]) == (0, 2)
    as_black = found["counterfactual_selection_rate", "rate", "Black", ""]
    as_white = found["counterfactual_selection_rate", "rate", "white", ""]
    assert (as_black.value, as_white.value, as_black.n.group) == (0.25, 0.75, 4)
    net = found["counterfactual_selection_rate", "paired", "Black", "white"]
    assert (net.value, net.sufficient) == (-0.5, {"b": 0, "c": 2, "n": 4})
    assert net.p == 0.25  # exact 0.5 less half of the two tails' 0.25
    change = found["mean_score_change", "mean", "Black", "white"]
    assert (change.value, change.unit) == (pytest.approx(-0.4), "probability")
    assert change.sufficient["df"] == 3


def test_examples_are_real_rows_with_their_edits(tmp_path):
    found = race_run(tmp_path, lambda text: biased(text) + ("40" in text and "white" in text) * 0.05)
    told = found["flip_rate", "rate", "Black", "white"].details["examples"]
    assert [example["row"] for example in told] == [3, 1]  # the largest change first
    assert told[0]["from"] == "white"
    assert told[0]["text"] == "A white man needs 40."
    assert told[0]["text_after"] == "A Black man needs 40."
    assert told[0]["edits"] == [{"start": 2, "end": 7, "old": "white", "new": "Black"}]
    assert (told[0]["decision_before"], told[0]["decision_after"]) == (1, 0)
    assert (told[0]["score_before"], told[0]["score_after"]) == pytest.approx((0.95, 0.1))


def test_data_that_may_not_be_copied_are_not_shown(tmp_path):
    found = race_run(tmp_path, biased, evidence="digest-only")
    told = found["flip_rate", "rate", "Black", "white"].details["examples"]
    assert told
    assert not {"text", "text_after", "edits", "changes"} & set(told[0])


def test_a_blind_model_flips_nothing(tmp_path):
    found = race_run(tmp_path, lambda text: 0.9 if int(re.search(r"\d+", text).group()) > 50 else 0.1, range(200))
    flips = found["flip_rate", "rate", "Black", "white"]
    assert flips.value == 0
    assert (flips.interval.low, flips.interval.high) == (0, pytest.approx(1 - 0.025 ** (1 / 200)))
    assert flips.interval.high < 0.02  # a limit of 2 % is shown to hold
    assert flips.details["examples"] == []
    assert found["mean_score_change", "mean", "Black", "white"].value == 0
    assert found["counterfactual_selection_rate", "paired", "Black", "white"].p == 1


def test_the_control_tells_what_editing_as_such_does(tmp_path):
    found = race_run(tmp_path, lambda text: 0.9 if "needs" in text else 0.1)
    control = found["flip_rate", "rate", "(control)", ""]
    assert (control.value, control.n.group) == (1, 4)  # every control writes "requires"
    assert found["flip_rate", "rate", "Black", "white"].value == 0
    assert found["share_edited", "check", "(control)", ""].value == 1


def test_the_share_edited_is_told_with_the_reasons(tmp_path):
    spec = make_spec(RACE, counterfactuals={"swap": {"control": False}})
    slices = {"race": ["Black", "white", "white", "(missing)"]}
    found = examined(tmp_path, spec, lambda _: 0.9, slices, text=["A Black man", "A white man", "A man", "white"])
    told = found["share_edited", "check", "Black", ""]
    assert told.value == pytest.approx(1 / 3)
    assert told.details["refused"] == {"the row's race is not known": 1, "the text has no word of race": 1}


def test_three_groups_are_compared_pair_by_pair_in_the_same_rows(tmp_path):
    spec = make_spec(RACE, counterfactuals={"swap": {"control": False}})
    groups = ["Asian", "Black", "white", "white"]
    texts = [f"See {group} person {at}." for at, group in enumerate(groups)]
    found = examined(tmp_path, spec, lambda text: 0.1 if "Asian" in text else 0.9, {"race": groups}, text=texts)
    flips = {key[2:]: f.value for key, f in found.items() if key[:2] == ("flip_rate", "rate")}
    assert flips == {("Asian", "white"): 1, ("Black", "white"): 0, ("Black", "Asian"): 1}
    assert found["flip_rate", "rate", "Black", "Asian"].n.group == 4  # rows of white people too, edited twice
    told = found["flip_rate", "rate", "Black", "Asian"].details["examples"]
    assert [example["row"] for example in told] == [0, 1, 2]
    assert "edits" not in told[2]  # neither side is the row as it is
    p = [f.p_adjusted for f in found.values() if f.p_adjusted is not None]
    assert len(p) == 3


def test_a_table_example_shows_the_changed_columns(tmp_path):
    spec = make_spec({"sex": {"column": "sex"}}, TABLE, {"column": {}}, {"features": ("sex",)})
    found = examined(
        tmp_path,
        spec,
        lambda given: 0.9 if given["sex"] == "m" else 0.1,
        {"sex": ["m", "f"]},
        features={"sex": ["m", "f"]},
    )
    flips = next(f for key, f in found.items() if key[:2] == ("flip_rate", "rate"))
    assert flips.value == 1
    assert flips.details["examples"][0]["changes"] == {"sex": ["m", "f"]}


def test_a_model_that_does_not_read_the_attribute_has_no_flip_rate(tmp_path):
    spec = make_spec({"sex": {"column": "sex"}}, TABLE, {"column": {}}, {"features": ("pay",)})
    features = {"sex": ["m", "f"], "pay": [1, 2]}
    found = examined(tmp_path, spec, lambda _: 0.9, {"sex": ["m", "f"]}, features=features)
    flips = [f for key, f in found.items() if key[:2] == ("flip_rate", "rate")]
    assert [f.value for f in flips] == [None]
    assert flips[0].missing == (
        f"no row could be written both as {flips[0].group} and as {flips[0].reference}: "
        "the model does not read sex, so changing it cannot change the decision"
    )


def test_without_counterfactuals_there_is_no_flip_rate(tmp_path):
    with pytest.raises(NotMeasurable, match="the spec asks for none"):
        examined(tmp_path, make_spec(RACE), biased, {"race": ["white"]}, text=["A man with 1"])


def test_a_model_without_decisions_has_no_flip_rate(tmp_path):
    protected = {"sex": {"terms": {"a": ["he"], "b": ["she"]}}}
    fill = {"a": {"he": ["he"]}, "b": {"he": ["she"]}}
    spec = make_spec(protected, PROMPTS, {"templates": {"attribute": "sex", "fill": fill}})
    make_run(tmp_path, spec, text=["{He} is"], continuation=[" kind"])
    pair(spec, tmp_path, tmp_path)
    predict(tmp_path, lambda _: -1.0, threshold=None)
    found = next(flip_rate(Evidence(tmp_path, spec)))
    assert found.missing == "the model gave no decision for the edited rows"


def decisions(b, c, n):
    one = np.array([1.0] * b + [0.0] * c + [1.0] * (n - b - c))
    other = np.array([0.0] * b + [1.0] * c + [1.0] * (n - b - c))
    return one, other, np.arange(n)


def test_published_tango_interval_and_mid_p_of_the_ahr_table():
    from audits.statistics import interval

    one, other, cluster = decisions(1, 7, 21)  # Bentur et al., as in Fagerland, Lydersen, Laake 2014
    value, method, sufficient = paired(one, other, cluster, Z)
    assert value == pytest.approx(-0.2857, abs=5e-5)
    assert interval(method, sufficient, Z) == pytest.approx((-0.5172, -0.0260), abs=5e-5)
    assert paired_p(one, other, cluster) == pytest.approx(0.0391, abs=5e-5)


def test_published_tango_interval_of_one_flip():
    from audits.statistics import interval

    _, method, sufficient = paired(*decisions(0, 1, 44), Z)
    assert interval(method, sufficient, Z) == pytest.approx((-0.1181, 0.0594), abs=5e-5)
    assert interval(method, sufficient, critical(0.90)) == pytest.approx((-0.0957, 0.0365), abs=5e-5)


def test_clustered_flips_take_the_clustered_mcnemar_test():
    b, c = (3, 0, 5, 1), (1, 2, 0, 1)
    change = np.concatenate([[1.0] * up + [-1.0] * down for up, down in zip(b, c, strict=True)])
    cluster = np.repeat(np.arange(4), [up + down for up, down in zip(b, c, strict=True)])
    p = paired_p((change > 0).astype(float), (change < 0).astype(float), cluster)
    assert p == pytest.approx(0.3841, abs=5e-5)  # χ² 0.7576 with one degree of freedom


def test_rows_in_clusters_count_as_fewer():
    flipped = np.repeat([True, False, False, False], 10)
    alone = share(flipped, np.arange(40))
    together = share(flipped, np.repeat(np.arange(4), 10))
    assert alone[0] == together[0] == 0.25
    assert together[1] == "korn-graubard"
    assert together[2]["effective"] == pytest.approx(3.0)  # p(1 − p) over the variance of four cluster shares
    _, method, sufficient = paired(flipped.astype(float), np.zeros(40), np.repeat(np.arange(4), 10), Z)
    assert method == "tango"
    assert sufficient["n"] < 4


def test_clusters_that_never_flip_count_as_one_row_each():
    _, _, sufficient = share(np.zeros(40, bool), np.repeat(np.arange(4), 10))
    assert sufficient["effective"] == 4


def test_the_mean_change_of_one_cluster_has_no_interval():
    assert mean(np.array([0.1, 0.3]), np.array([0, 0])) == (pytest.approx(0.2), "", {})


def test_few_clusters_widen_the_interval_of_a_rate_as_they_do_that_of_a_flip_rate(tmp_path):
    groups, incomes = ["Black", "white"] * 4, (10, 60, 10, 60, 30, 40, 60, 10)
    texts = [f"A {group} man needs {income}." for group, income in zip(groups, incomes, strict=True)]
    spec = make_spec(RACE, counterfactuals={"swap": {}}, data={"cluster": "person"})
    people = ["p", "p", "p", "q", "q", "q", "r", "r"]
    found = examined(tmp_path, spec, biased, {"race": groups}, text=texts, cluster=people)
    as_white = found["counterfactual_selection_rate", "rate", "white", ""]
    decided = np.array([income > 20 for income in incomes])
    _, method, counts = share(decided, np.repeat(np.arange(3), [3, 3, 2]))
    low, high = interval(method, counts, Z)
    assert as_white.sufficient["n"] < counts["effective"]
    assert high - low >= as_white.interval.high - as_white.interval.low > 0.7


def test_findings_do_not_depend_on_the_order_of_pairs(tmp_path):
    import pyarrow.parquet as pq

    first = {key: f.to_json() for key, f in race_run(tmp_path, biased).items()}
    table = pq.read_table(tmp_path / "pairs.parquet")
    pq.write_table(table.take(list(reversed(range(table.num_rows)))), tmp_path / "pairs.parquet")
    spec = make_spec(RACE, counterfactuals={"swap": {}})
    again = {(f.measure, f.comparison, f.group, f.reference): f.to_json() for f in flip_rate(Evidence(tmp_path, spec))}
    assert json.dumps(list(first.values())) == json.dumps([again[key] for key in first])
