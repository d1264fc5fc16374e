"""Metrics of more than two classes: published answers with the peer's slip named, scikit-learn, and laws."""

import numpy as np
import pytest

from audits.metrics import registry
from audits.metrics.multiclass import (
    class_jaccard,
    classified,
    left_out,
    macro_f1,
    macro_jaccard,
    macro_precision,
    macro_recall,
    multiclass_accuracy,
    multiclass_average_odds,
    multiclass_equality_of_opportunity,
    multiclass_statistical_parity,
    multiclass_true_rates,
    precision_of_classes,
    recall_of_classes,
)
from audits.metrics.replicating import add_up
from audits.metrics.running import at, value_of

HOLISTICAI = {  # holisticai documentation, multiclass bias metrics
    "g": np.repeat([0, 1, 2], [4, 4, 2]),
    "p": np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]),
    "y": np.array([0, 1, 1, 0, 1, 0, 2, 1, 2, 1]),
}
PAIRS = [(0, 1), (1, 2), (0, 2)]


def summary(groups, truth, predicted, classes, weights=None):
    cell = (np.asarray(truth) + 1) * (classes + 1) + np.asarray(predicted) + 1
    count = int(np.max(groups)) + 1
    return classified(add_up(np.asarray(groups), count, cell, (classes + 1) ** 2, weights), classes)


def of_pairs(metric, found, pairs=PAIRS):
    one, two = np.array(pairs).T
    value, exists = value_of(metric(at(found, one), at(found, two)))
    assert exists.all()
    return value


@pytest.fixture
def fixture():
    return summary(HOLISTICAI["g"], HOLISTICAI["y"], HOLISTICAI["p"], 3)


def test_statistical_parity_is_that_of_the_holisticai_documentation(fixture):
    assert of_pairs(multiclass_statistical_parity, fixture).max() == 0.5


def test_total_variation_is_that_of_the_clarify_rows_and_keeps_a_class_that_one_group_lacks():
    # aws/amazon-sagemaker-clarify, tests/unit/bias/metrics/test_metrics.py: labels of facet {a, c} against b
    facet = np.array([value in "ac" for value in "abbcaabcbcbb"], int)
    labels = np.array([0, 0, 1, 1, 2, 1, 0, 1, 2, 2, 0, 2])
    found = summary(facet, np.full(12, -1), labels, 3)
    assert of_pairs(multiclass_statistical_parity, found, [(1, 0)])[0] == pytest.approx(1 / 3)
    # labels T T T F F F, the facet is row 1: shares (.4, .6) and (1, 0); Clarify drops F from its distances
    lacking = summary([1, 0, 0, 0, 0, 0], np.full(6, -1), [0, 0, 0, 1, 1, 1], 2)
    assert of_pairs(multiclass_statistical_parity, lacking, [(1, 0)])[0] == pytest.approx(0.6)


def test_an_unobserved_true_class_is_left_out_and_not_taken_for_a_uniform_one(fixture):
    # holisticai fills the columns of unobserved classes with 1/C, which then count as disparity
    library = {"equality of opportunity": 0.796296, "average odds": 0.166667, "true rates": 0.666667}
    by_hand = {
        "equality of opportunity": [(1 + 0.5) / 2, 1, 1],  # A has no class 2, C no class 0
        "average odds": [0.5, 0.5, 1],
        "true rates": [(1 + 0.5) / 2, 1, 0.5],
    }
    ours = {
        "equality of opportunity": of_pairs(multiclass_equality_of_opportunity, fixture),
        "average odds": of_pairs(multiclass_average_odds, fixture),
        "true rates": of_pairs(multiclass_true_rates, fixture),
    }
    for name, value in by_hand.items():
        assert ours[name] == pytest.approx(value)
        assert ours[name].mean() != pytest.approx(library[name], abs=1e-6)


def test_with_the_filler_put_in_the_same_formulas_give_the_librarys_numbers(fixture):
    filled = fixture._replace(both=np.where(fixture.both.sum(axis=-1, keepdims=True) > 0, fixture.both, 1 / 3))
    assert of_pairs(multiclass_equality_of_opportunity, filled).mean() == pytest.approx(0.796296, abs=5e-7)
    assert of_pairs(multiclass_average_odds, filled).mean() == pytest.approx(0.166667, abs=5e-7)
    assert of_pairs(multiclass_true_rates, filled).mean() == pytest.approx(0.666667, abs=5e-7)


def test_the_classes_that_a_number_does_not_speak_of_are_known(fixture):
    assert left_out(fixture, "multiclass_true_rates").tolist() == [
        [False, False, True],
        [False, False, False],
        [True, False, False],
    ]
    assert left_out(fixture, "macro_precision").tolist()[2] == [False, True, False]
    assert not left_out(fixture, "macro_f1").any()


def test_precision_divides_by_what_was_predicted_and_recall_by_what_there_is(fixture):
    # holisticai swaps the two: class 1 of group A there has precision 0.5 and recall 1.0
    precision = np.divide(*(part[0] for part in precision_of_classes(fixture)))
    recall = [part[0][1] for part in recall_of_classes(fixture)]
    assert (precision[1], recall[0] / recall[1]) == (1.0, 0.5)


def test_two_groups_without_a_true_class_in_common_cannot_be_compared():
    found = summary([0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1], 2)
    for metric in (multiclass_true_rates, multiclass_equality_of_opportunity, multiclass_average_odds):
        assert metric(at(found, [0]), at(found, [1])).among == [0]


def drawn(seed, rows=300, classes=4, groups=3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    predicted = np.where(rng.random(rows) < 0.6, truth, rng.integers(0, classes, rows))
    return rng.integers(0, groups, rows), truth, predicted


@pytest.mark.parametrize("seed", range(3))
def test_scikit_learn_gives_the_same_averages_over_classes(seed):
    from sklearn import metrics as theirs

    groups, truth, predicted = drawn(seed, rows=40)  # few enough that a class is lacking now and then
    found = summary(groups, truth, predicted, 4)
    for group in range(3):
        inside = groups == group
        y, p = truth[inside], predicted[inside]
        both = {"average": "macro", "zero_division": np.nan}
        expected = {
            macro_precision: theirs.precision_score(y, p, **both),
            macro_recall: theirs.recall_score(y, p, **both),
            macro_f1: theirs.f1_score(y, p, **both),
            macro_jaccard: theirs.jaccard_score(y, p, average="macro", zero_division=0),
            multiclass_accuracy: theirs.accuracy_score(y, p),
        }
        for metric, value in expected.items():
            assert value_of(metric(found))[0][group] == pytest.approx(value)


def test_scikit_learn_gives_the_same_jaccard_index_of_a_class():
    from sklearn.metrics import jaccard_score

    from audits.metrics.counting import cells, confusion, tally

    groups, truth, predicted = drawn(5)
    for one in range(4):
        marked = [(column == one).astype(np.int8) for column in (truth, predicted)]
        found = value_of(class_jaccard(confusion(tally(groups, 3, cells(*marked)))))[0]
        for group in range(3):
            inside = groups == group
            theirs = jaccard_score(truth[inside], predicted[inside], labels=[one], average=None)
            assert found[group] == pytest.approx(theirs[0])


def test_of_two_classes_the_distances_are_those_of_binary_decisions():
    from fairlearn.metrics import MetricFrame, selection_rate, true_negative_rate, true_positive_rate

    groups, truth, predicted = drawn(1, classes=2, groups=2)
    rates = MetricFrame(
        metrics={"sr": selection_rate, "tpr": true_positive_rate, "tnr": true_negative_rate},
        y_true=truth,
        y_pred=predicted,
        sensitive_features=groups,
    ).difference()
    found = summary(groups, truth, predicted, 2)
    assert of_pairs(multiclass_statistical_parity, found, [(0, 1)])[0] == pytest.approx(rates["sr"])
    gaps = (rates["tpr"] + rates["tnr"]) / 2
    assert of_pairs(multiclass_true_rates, found, [(0, 1)])[0] == pytest.approx(gaps)
    assert of_pairs(multiclass_equality_of_opportunity, found, [(0, 1)])[0] == pytest.approx(gaps)


ENTRIES = [e for e in registry.entries().values() if e.facts["task"] == "multiclass"]


def values(entry, found):
    share = entry.function(at(found, [0, 0, 1]), at(found, [1, 2, 2])) if entry.facts["over"] == "pair" else None
    return value_of(share or entry.function(found))[0]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_numbers_do_not_change_with_the_order_of_classes_or_a_weight_that_all_rows_have(entry):
    groups, truth, predicted = drawn(2)
    own = values(entry, summary(groups, truth, predicted, 4))
    assert values(entry, summary(groups, 3 - truth, 3 - predicted, 4)) == pytest.approx(own)
    doubled = summary(groups, truth, predicted, 4, np.full(len(groups), 2.0))
    assert values(entry, doubled) == pytest.approx(own)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_groups_with_the_same_rows_are_at_parity_and_a_distance_lies_between_0_and_1(entry):
    _, truth, predicted = drawn(3)
    same = summary(np.repeat([0, 1, 2], 300), np.tile(truth, 3), np.tile(predicted, 3), 4)
    assert np.ptp(values(entry, same)) == pytest.approx(0)
    if entry.facts["over"] == "pair":
        assert values(entry, same) == pytest.approx(0)
        found = values(entry, summary(*drawn(4), 4))
        assert ((found > 0) & (found <= 1)).all()


def test_groups_told_apart_by_the_predicted_class_are_wholly_apart():
    found = summary([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1], 2)
    for metric in (multiclass_statistical_parity, multiclass_equality_of_opportunity, multiclass_average_odds):
        assert of_pairs(metric, found, [(0, 1)]) == [1]


def test_rows_of_unknown_truth_count_where_only_the_prediction_is_looked_at():
    found = summary([0, 0, 1, 1], [-1, 0, 0, -1], [1, 0, 0, -1], 2)
    assert of_pairs(multiclass_statistical_parity, found, [(0, 1)]) == [0.5]
    assert multiclass_accuracy(found).among.tolist() == [1, 1]


def test_summaries_of_shards_add_up():
    groups, truth, predicted = drawn(6)
    whole = summary(groups, truth, predicted, 4)
    parts = [summary(groups[s], truth[s], predicted[s], 4) for s in (slice(0, 120), slice(120, None))]
    added = type(whole)(*(one + two for one, two in zip(*parts, strict=True)))
    for entry in ENTRIES:
        assert values(entry, added) == pytest.approx(values(entry, whole))


def test_averages_weighted_by_the_true_rows_are_those_of_credo_and_scikit_learn():
    from sklearn.metrics import confusion_matrix, precision_score

    _, truth, predicted = drawn(8)
    matrix = confusion_matrix(truth, predicted).astype(float)  # credo-ai/credoai_lens, multiclass_confusion_metrics
    tp = np.diag(matrix)
    fp, fn = matrix.sum(axis=0) - tp, matrix.sum(axis=1) - tp
    tn, weights = matrix.sum() - tp - fp - fn, matrix.sum(axis=1)
    theirs = {
        "weighted_class_accuracy": (tp + tn) / (tp + fp + fn + tn),
        "weighted_true_negative_rate": tn / (tn + fp),
        "weighted_false_positive_rate": fp / (fp + tn),
        "weighted_false_discovery_rate": fp / (tp + fp),
        "multiclass_accuracy": tp / (tp + fn),
    }
    found = summary(np.zeros(len(truth), int), truth, predicted, 4)
    for name, rates in theirs.items():
        assert value_of(registry[name].function(found))[0] == pytest.approx(np.average(rates, weights=weights))
    weighted = precision_score(truth, predicted, average="weighted")
    assert value_of(registry["weighted_false_discovery_rate"].function(found))[0] == pytest.approx(1 - weighted)


def test_a_class_without_a_rate_is_left_out_of_the_weighted_average_and_named():
    found = summary([0, 0, 0, 0], [0, 0, 1, 2], [0, 1, 0, 0], 3)  # the third class is never predicted
    share = registry["weighted_false_discovery_rate"].function(found)
    assert value_of(share)[0] == pytest.approx((2 * (2 / 3) + 1 * 1) / 3)  # credo: 0/0, and the whole is NaN
    assert left_out(found, "weighted_false_discovery_rate").tolist() == [[False, False, True]]
    alone = summary([0, 0], [1, 1], [1, 0], 2)
    assert not value_of(registry["weighted_true_negative_rate"].function(alone))[
        1
    ].any()  # no other class to be wrong of
    assert value_of(registry["weighted_class_accuracy"].function(alone))[0] == pytest.approx(0.5)
