"""Metrics of binary decisions: published numbers, fairlearn where it is right, laws."""

import fairlearn.metrics as fair
import numpy as np
import pytest
from counted import COMPAS, SEX, counted, counts, number, numbers, pair, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from tables import write_evidence

from audits.metrics import Counts, of_task, registry
from audits.metrics.counting import cells, confusion, tally
from audits.metrics.inequality import generalized_entropy
from audits.metrics.replicating import equal_groups
from audits.techniques import registry as techniques
from audits.techniques import run

RACES, SEXES = counts(COMPAS), counts(SEX)
BLACK, WHITE, HISPANIC = 0, 1, 2
TWO = {name: COMPAS[name] for name in ("African-American", "Caucasian")}
CLARIFY = counted(  # aws/amazon-sagemaker-clarify, tests/unit/bias/metrics/test_metrics.py; F is 0, M is 1
    [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0], list("MFFMFMFFMMFF")
)


def turned(found: Counts) -> Counts:
    """The same people where the other outcome is called positive."""
    return Counts(tp=found.tn, fp=found.fn, fn=found.fp, tn=found.tp, up=found.un, un=found.up)


def widest(name, found):
    """The largest distance of two groups, and the smallest ratio."""
    values = [value for value in numbers(name, found) if value is not None]
    return max(values) - min(values), min(values) / max(values)


# Published numbers


PRINTED = {  # selection, TPR, FPR, FNR, PPV, NPV, accuracy
    "African-American": (0.5882, 0.7201, 0.4485, 0.2799, 0.6297, 0.6505, 0.6383),
    "Caucasian": (0.3480, 0.5228, 0.2345, 0.4772, 0.5913, 0.7119, 0.6699),
    "Hispanic": (0.2983, 0.4440, 0.2148, 0.5560, 0.5421, 0.7114, 0.6609),
    "Other": (0.2095, 0.3233, 0.1475, 0.6767, 0.5443, 0.6980, 0.6658),
    "Asian": (0.2500, 0.6667, 0.0870, 0.3333, 0.7500, 0.8750, 0.8438),
    "Native American": (0.6667, 0.9000, 0.3750, 0.1000, 0.7500, 0.8333, 0.7778),
    "All": (0.4598, 0.6260, 0.3235, 0.3740, 0.6135, 0.6880, 0.6537),
}
RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
    "precision",
    "negative_predictive_value",
    "accuracy",
)


@pytest.mark.parametrize("group", PRINTED)
def test_compas_rates_follow_from_the_counts(group):
    row = COMPAS.get(group) or np.sum(list(COMPAS.values()), axis=0)
    found = [numbers(name, counts([row]))[0] for name in RATES]
    assert found == pytest.approx(PRINTED[group], abs=5.0001e-5)
    by_sex = np.sum(list(SEX.values()), axis=0)
    assert group != "All" or row.tolist() == by_sex.tolist() == [2035, 1282, 1216, 2681]


def test_compas_disparities_are_those_of_fairlearn():
    two = counts(TWO)
    assert pair("selection_rate", two, 0, 1) == pytest.approx(0.240200, abs=5e-7)
    assert pair("equalized_odds_difference", two, 0, 1) == pytest.approx(0.213925, abs=5e-7)
    assert pair("equalized_odds_ratio", two, 0, 1) == pytest.approx(0.522987, abs=5e-7)
    assert pair("average_absolute_odds_difference", two, 0, 1) == pytest.approx(0.205649, abs=5e-7)
    assert pair("four_fifths_ratio", two, 0, 1) == pytest.approx(0.591638, abs=5e-7)
    assert pair("true_positive_rate", two, 0, 1) == pytest.approx(0.197373, abs=5e-7)
    assert widest("true_positive_rate", two)[1] == pytest.approx(0.725927, abs=5e-7)
    to_overall = [abs(value) for value in numbers("selection_rate_deviation", two)]
    assert max(to_overall) == pytest.approx(0.144354, abs=5e-7)
    assert widest("selection_rate", RACES) == pytest.approx((0.457118, 0.314324), abs=5e-7)
    assert widest("selection_rate", SEXES) == pytest.approx((0.044809, 0.904348), abs=5e-7)
    assert pair("equalized_odds_difference", SEXES, 0, 1) == pytest.approx(0.020698, abs=5e-7)


def test_compas_with_low_risk_as_favourable_is_that_of_aif360():
    two = turned(counts(TWO))  # favourable: no recidivism; unprivileged − privileged
    assert pair("selection_rate", two, 0, 1) == pytest.approx(-0.240200, abs=5e-7)
    rates = numbers("selection_rate", two)
    assert rates[0] / rates[1] == pytest.approx(0.631593, abs=5e-7)
    assert pair("true_positive_rate", two, 0, 1) == pytest.approx(-0.213925, abs=5e-7)
    assert pair("average_odds_difference", two, 0, 1) == pytest.approx(-0.205649, abs=5e-7)
    assert number("generalized_entropy_index", two) == pytest.approx(0.183703, abs=5e-7)
    assert number("theil_index", two) == pytest.approx(0.256381, abs=5e-7)


def test_compas_ratios_are_those_of_aequitas():
    def ratio(name, group, reference):
        found = numbers(name, RACES)
        return found[group] / found[reference]

    assert ratio("false_positive_rate", BLACK, WHITE) == pytest.approx(1.912093, abs=5e-7)
    assert ratio("false_discovery_rate", BLACK, HISPANIC) == pytest.approx(0.808669, abs=5e-7)
    assert ratio("false_negative_rate", BLACK, HISPANIC) == pytest.approx(0.503301, abs=5e-7)
    assert ratio("false_omission_rate", BLACK, HISPANIC) == pytest.approx(1.211197, abs=5e-7)
    assert ratio("selection_rate", BLACK, HISPANIC) == pytest.approx(1.972030, abs=5e-7)
    assert ratio("predicted_share", BLACK, HISPANIC) == pytest.approx(2174 / 190)
    one = pair("type_one_error_ratio", RACES, BLACK, HISPANIC)
    two = pair("type_two_error_ratio", RACES, BLACK, HISPANIC)
    assert one == pytest.approx(1 / ratio("false_positive_rate", BLACK, HISPANIC))
    assert two == pytest.approx(ratio("false_negative_rate", BLACK, HISPANIC))
    assert pair("type_one_error_ratio", RACES, HISPANIC, BLACK) == pytest.approx(one)


def test_supervised_and_unsupervised_fairness_are_the_worst_of_what_aequitas_puts_together():
    # dssg/aequitas, COMPAS notebook, disparities to Hispanic: fdr .808669, for 1.211197, pprev 1.972030
    supervised = pair("supervised_fairness_ratio", RACES, BLACK, HISPANIC)
    both = [pair(name, RACES, BLACK, HISPANIC) for name in ("type_one_error_ratio", "type_two_error_ratio")]
    assert supervised == pytest.approx(min(both))
    unsupervised = pair("unsupervised_fairness_ratio", RACES, BLACK, HISPANIC)
    assert unsupervised == pytest.approx(190 / 2174)  # of the positive decisions; the rates alone are 1/1.97203
    assert min(1 / 1.972030, unsupervised) == unsupervised
    same = counts([[5, 5, 5, 5], [1, 1, 1, 1]])
    assert pair("supervised_fairness_ratio", same, 0, 1) == pytest.approx(1)
    assert pair("unsupervised_fairness_ratio", same, 0, 1) == pytest.approx(0.2)  # equal rates of unequal groups
    assert pair("unsupervised_fairness_ratio", counts([[0, 0, 1, 1], [0, 0, 2, 1]]), 0, 1) is None
    assert pair("supervised_fairness_ratio", counts([[5, 0, 5, 5], [1, 0, 1, 1]]), 0, 1) is None


def test_clarify_numbers_in_one_sign_convention():
    def ours(name):
        return pair(name, CLARIFY, 0, 1)  # disadvantaged F − advantaged M

    assert -ours("conditional_acceptance") == pytest.approx(1 / 4)  # DCA, advantaged − disadvantaged
    assert ours("conditional_rejection") == pytest.approx(1 / 3)  # DCR
    assert -ours("true_positive_rate") == pytest.approx(-2 / 3)  # RD
    assert ours("true_negative_rate") == pytest.approx(1 / 6)  # SD
    assert -ours("precision") == pytest.approx(-1 / 2)  # DAR
    assert ours("negative_predictive_value") == pytest.approx(1 / 3)  # DRR
    assert -ours("accuracy") == pytest.approx(-13 / 35)  # AD
    assert ours("error_rate") == pytest.approx(-13 / 35)
    assert ours("treatment_equality") == pytest.approx(-1 / 2)  # TE
    assert -ours("base_rate") == pytest.approx(-1 / 35)  # DPL
    assert -ours("selection_rate") == pytest.approx(-6 / 35)  # DPPL
    assert ours("non_selection_rate") == pytest.approx(-6 / 35)
    assert number("generalized_entropy_index", CLARIFY) == pytest.approx(0.24556213017751485, abs=1e-15)


def test_aif360_unit_tests_of_inequality():
    y, d = [1, 0, 0, 1, 0, 0, 1, 0, 1, 1], [1, 0, 0, 0, 1, 1, 1, 0, 1, 0]
    found = counted(y, d, [0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    assert number("generalized_entropy_index", found) == pytest.approx(0.2)
    assert number("theil_index", found) == pytest.approx(4 * np.log(2) / 10)
    benefits = np.array([1, 1, *[1.25] * 4, *[0.75] * 4])
    assert number("between_group_generalized_entropy", found) == pytest.approx((benefits**2 - 1).sum() / 20)
    assert number("between_group_theil_index", found) == pytest.approx((benefits * np.log(benefits)).mean())
    assert number("between_group_coefficient_of_variation", found) == pytest.approx(benefits.std())
    assert number("generalized_entropy_index", counted(y, [0, 1, 1, 0, 0, 0, 0, 1, 1, 1], y)) == pytest.approx(0.3)


def test_holisticai_documentation():
    group = list("aaaabbbbbb")
    found = counted([0] * 10, [1, 1, 1, 0, 1, 1, 0, 0, 0, 0], group)
    assert pair("selection_rate", found, 0, 1) == pytest.approx(0.416667, abs=5e-7)
    assert pair("four_fifths_ratio", found, 0, 1) == pytest.approx(0.44444, abs=5e-6)
    assert pair("z_test_difference", found, 0, 1) == pytest.approx(1.290994, abs=5e-7)
    assert pair("z_test_ratio", found, 0, 1) == pytest.approx(1.256288, abs=5e-7)
    found = counted([1, 1, 0, 0, 1, 0, 1, 0, 0, 1], [1, 1, 0, 0, 1, 1, 0, 1, 1, 1], group)
    assert pair("true_positive_rate", found, 0, 1) == pytest.approx(0.333333, abs=5e-7)
    assert pair("false_positive_rate", found, 0, 1) == pytest.approx(-1)
    assert pair("false_negative_rate", found, 0, 1) == pytest.approx(-0.333333, abs=5e-7)
    assert pair("average_odds_difference", found, 0, 1) == pytest.approx(-0.333333, abs=5e-7)
    assert pair("accuracy", found, 0, 1) == pytest.approx(0.666667, abs=5e-7)
    assert pair("cohen_d", found, 0, 1) == pytest.approx(-0.784465, abs=5e-7)


def test_coefficient_of_variation_is_that_of_the_definition_and_not_that_of_holisticai():
    found = counts([(2, 1, 1, 2)])  # b = 1 2 0 1 1 1
    assert number("coefficient_of_variation", found) == pytest.approx(0.577350, abs=5e-7)
    benefits = np.array([1, 2, 0, 1, 1, 1])
    assert number("coefficient_of_variation", found) == pytest.approx(benefits.std() / benefits.mean())
    theirs = 2 * np.sqrt(number("generalized_entropy_index", found))  # holisticai 1.0, _classification.py
    assert theirs == pytest.approx(0.816497, abs=5e-7)


def test_generalized_entropy_at_zero_is_that_of_the_definition_and_not_that_of_aif360():
    benefits = np.array([1, 1, 2, 1, 0.5])
    of, among = generalized_entropy(benefits, np.ones(5), alpha=0)
    relative = benefits / benefits.mean()
    assert of / among == pytest.approx(0.09531, abs=5e-6)
    theirs = -np.mean(np.log(relative) / benefits.mean())  # AIF360 0.6, classification_metric.py
    assert theirs == pytest.approx(0.08665, abs=5e-6)


def test_mean_log_deviation_does_not_exist_where_somebody_has_nothing():
    assert number("mean_log_deviation", counts([(3, 2, 0, 5)])) == pytest.approx(np.log(1.2) - 0.2 * np.log(2))
    assert number("mean_log_deviation", counts([(3, 2, 1, 5)])) is None


def test_local_law_144_impact_ratios():
    race = {  # 6 RCNY § 5-301, arithmetic of a transcription: selected of applicants
        "White": (412, 797),
        "Hispanic or Latino": (204, 408),
        "Asian": (302, 616),
        "Two or more races": (96, 213),
        "Native American or Alaska Native": (18, 41),
        "Native Hawaiian or Pacific Islander": (52, 119),
        "Black or African American": (170, 390),
    }
    found = counts([(0, 0, 0, 0, selected, n - selected) for selected, n in race.values()])
    printed = [1, 0.96723, 0.94839, 0.87187, 0.84928, 0.84531, 0.84323]
    assert numbers("impact_ratio", found) == pytest.approx(printed, abs=5e-6)
    nobody = counts([(0, 0, 0, 0, 0, 5), (0, 0, 0, 0, 0, 0)])
    assert numbers("impact_ratio", nobody) == [None, None]
    one_is_empty = counts([(0, 0, 0, 0, 2, 3), (0, 0, 0, 0, 0, 0)])
    assert numbers("impact_ratio", one_is_empty) == [1, None]


def test_mutual_information_and_differential_fairness_by_hand():
    # two groups of 8 people; the decision is the group, and the truth is a coin
    found = counts([(4, 4, 0, 0), (0, 0, 4, 4)])
    assert number("mutual_information_independence", found) == pytest.approx(1)
    assert number("mutual_information_separation", found) == pytest.approx(1)
    assert number("mutual_information_sufficiency", found) is None  # the decision tells the group: nothing is left
    assert number("differential_fairness", found) == pytest.approx(np.log(8.5 / 0.5))
    assert number("label_differential_fairness", found) == pytest.approx(0)
    assert number("bias_amplification", found) == pytest.approx(np.log(17))
    fair_ones = counts([(4, 2, 1, 3), (8, 4, 2, 6)])
    for criterion in ("independence", "separation", "sufficiency"):
        assert number(f"mutual_information_{criterion}", fair_ones) == pytest.approx(0, abs=1e-15)


def test_mutual_information_is_that_of_scikit_learn():
    truth, decision, group = rows_of(COMPAS)
    entropy = sk.mutual_info_score(group, group)
    assert number("mutual_information_independence", RACES) == pytest.approx(
        sk.mutual_info_score(decision, group) / entropy
    )
    truth, decision, group = (np.array(column) for column in (truth, decision, group))

    def inside(other, given):
        told = sum(sk.mutual_info_score(other[given == v], group[given == v]) * (given == v).sum() for v in (0, 1))
        there_is = sum(sk.mutual_info_score(group[given == v], group[given == v]) * (given == v).sum() for v in (0, 1))
        return told / there_is

    assert number("mutual_information_separation", RACES) == pytest.approx(inside(decision, truth))
    assert number("mutual_information_sufficiency", RACES) == pytest.approx(inside(truth, decision))


@pytest.mark.shared
def test_smoothed_empirical_differential_fairness_of_adult_is_that_of_aif360(shared_data):
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "adult" / "adult.parquet").slice(32561)
    assert len(table) == 16281
    attributes = {"race": "White", "sex": "Male", "native_country": "United-States"}  # unknown is not the latter
    columns = [[value == of for value in table[name].to_pylist()] for name, of in attributes.items()]
    group = list(zip(*columns, strict=True))
    label = [int(str(value).strip(" .") == ">50K") for value in table["income"].to_pylist()]
    found = counted(label, label, group)
    assert number("label_differential_fairness", found) == pytest.approx(1.53679014653623, abs=1e-12)


# Against fairlearn and scikit-learn


@pytest.fixture(scope="module")
def drawn():
    random = np.random.default_rng(11)
    group = random.choice(list("abcd"), 600, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    return random.integers(0, 2, 600).tolist(), random.integers(0, 2, 600).tolist(), group


GENERATED = {
    "accuracy_score": "accuracy",
    "balanced_accuracy_score": "balanced_accuracy",
    "f1_score": "f1_score",
    "false_negative_rate": "false_negative_rate",
    "false_positive_rate": "false_positive_rate",
    "precision_score": "precision",
    "recall_score": "true_positive_rate",
    "selection_rate": "selection_rate",
    "true_negative_rate": "true_negative_rate",
    "true_positive_rate": "true_positive_rate",
    "zero_one_loss": "error_rate",
}
OTHER_TASKS = {"log_loss", "mean_absolute_error", "mean_squared_error", "r2_score", "roc_auc_score"}


def generated():
    """The generated metrics of the installed fairlearn: name, base, what is made of the groups."""
    for name in fair.__all__:
        for how in ("difference", "ratio", "group_min", "group_max"):
            if name.endswith(f"_{how}") and not name.startswith(("demographic", "equalized", "equal_opportunity")):
                yield name, name.removesuffix(f"_{how}"), how


@pytest.mark.parametrize(("name", "base", "how"), [one for one in generated() if one[1] not in OTHER_TASKS])
def test_every_generated_metric_of_fairlearn_is_made_of_ours(name, base, how, drawn):
    truth, decision, group = drawn
    found = counted(truth, decision, group)
    values = numbers(GENERATED[base], found)
    difference, ratio = widest(GENERATED[base], found)
    ours = {"difference": difference, "ratio": ratio, "group_min": min(values), "group_max": max(values)}[how]
    assert getattr(fair, name)(truth, decision, sensitive_features=group) == pytest.approx(ours)


def test_the_disparity_functions_of_fairlearn_are_made_of_ours(drawn):
    truth, decision, group = drawn
    found = counted(truth, decision, group)
    pairs = [(a, b) for a in range(4) for b in range(a)]

    def theirs(name, **more):
        return getattr(fair, name)(truth, decision, sensitive_features=group, **more)

    assert theirs("demographic_parity_difference") == pytest.approx(widest("selection_rate", found)[0])
    deviation = numbers("selection_rate_deviation", found)
    assert theirs("demographic_parity_difference", method="to_overall") == pytest.approx(max(map(abs, deviation)))
    assert theirs("demographic_parity_ratio") == pytest.approx(
        min(pair("four_fifths_ratio", found, *one) for one in pairs)
    )
    assert theirs("equal_opportunity_difference") == pytest.approx(widest("true_positive_rate", found)[0])
    assert theirs("equal_opportunity_ratio") == pytest.approx(widest("true_positive_rate", found)[1])
    assert theirs("equalized_odds_difference") == pytest.approx(
        max(pair("equalized_odds_difference", found, *one) for one in pairs)
    )
    assert theirs("equalized_odds_ratio") == pytest.approx(
        min(pair("equalized_odds_ratio", found, *one) for one in pairs)
    )
    two = [at for at, name in enumerate(group) if name in "ab"]
    truth, decision, group = ([column[at] for at in two] for column in drawn)
    assert theirs("equalized_odds_difference", agg="mean") == pytest.approx(
        pair("average_absolute_odds_difference", counted(truth, decision, group), 0, 1)
    )


def test_a_group_without_positives_is_no_disparity_as_it_is_in_fairlearn():
    truth, decision, group = [1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], list("aaabbb")
    assert fair.equalized_odds_difference(truth, decision, sensitive_features=group) == 1.0  # 0/0 read as 0
    found = counted(truth, decision, group)
    assert pair("equalized_odds_difference", found, 0, 1) is None
    assert pair("false_positive_rate", found, 0, 1) == 0


def test_scikit_learn_gives_the_same_numbers_of_a_group():
    truth, decision, _ = rows_of(TWO)
    found = counts([np.sum(list(TWO.values()), axis=0)])
    assert numbers("matthews_correlation", found) == pytest.approx([sk.matthews_corrcoef(truth, decision)])
    assert numbers("jaccard_index", found) == pytest.approx([sk.jaccard_score(truth, decision)])
    assert numbers("f1_score", found) == pytest.approx([sk.f1_score(truth, decision)])
    assert numbers("balanced_accuracy", found) == pytest.approx([sk.balanced_accuracy_score(truth, decision)])
    wrong = np.array(decision) != np.array(truth)
    assert numbers("overprediction_rate", found) == pytest.approx([np.mean(wrong & (np.array(decision) == 1))])
    assert numbers("underprediction_rate", found) == pytest.approx([np.mean(wrong & (np.array(decision) == 0))])


def test_z_tests_of_selection_rates_are_the_published_ones():
    found = counts([(0, 0, 0, 0, 3, 26), (0, 0, 0, 0, 55, 148)])
    assert pair("z_test_difference", found, 0, 1) == pytest.approx(-1.948432067234, abs=1e-10)  # two-SD rule
    assert pair("selection_odds", found, 0, 1) == pytest.approx(3 / 26 - 55 / 148)


# Laws

ENTRIES = [pytest.param(entry, id=entry.name) for entry in of_task("binary")]
row = st.tuples(st.integers(-1, 1), st.integers(-1, 1), st.integers(0, 2))


def shares(entry, found):
    """Of and among of a metric, over the groups, the pairs of neighbours, or all."""
    if entry.facts["over"] == "pair":
        one = Counts(*(np.asarray(side)[..., :-1] for side in found))
        other = Counts(*(np.asarray(side)[..., 1:] for side in found))
        return entry.function(one, other)
    return entry.function(found)


def value(share):
    of, among = np.asarray(share.of, float), np.asarray(share.among, float)
    return np.where(among > 0, of / np.where(among > 0, among, 1), np.nan)


@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=1, max_size=60), st.integers(0, 60))
def test_shards_merge_by_addition(rows, at):
    truth, decision, group = (np.array(column, np.int8) for column in zip(*rows, strict=True))
    cell = cells(truth, decision)
    whole = tally(group, 3, cell)
    merged = tally(group[:at], 3, cell[:at]) + tally(group[at:], 3, cell[at:])
    assert np.array_equal(whole, merged)
    for entry in of_task("binary"):
        one, other = (shares(entry, confusion(table, entry.facts["decisions"])) for table in (whole, merged))
        assert np.array_equal(value(one), value(other), equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 6), min_size=2, max_size=5), st.randoms())
def test_the_order_of_the_groups_changes_nothing(table, random):
    order = list(range(len(table)))
    random.shuffle(order)
    one, other = counts(table), counts([table[at] for at in order])
    for entry in of_task("binary"):
        if entry.facts["over"] == "group":
            first, second = value(entry.function(one))[order], value(entry.function(other))
        elif entry.facts["over"] == "groups":
            first, second = value(entry.function(one)), value(entry.function(other))
        else:
            first, second = turned_round(entry, one)
        assert np.allclose(first, second, equal_nan=True, atol=1e-12), entry.name


def turned_round(entry, found):
    """A metric of a pair and what it should be by that of the pair the other way round."""
    one, other = (Counts(*(np.asarray(side)[at] for side in found)) for at in (0, 1))
    forth, back = value(entry.function(one, other)), value(entry.function(other, one))
    return forth, back if entry.facts["boundary"] else -back


@pytest.mark.parametrize("entry", ENTRIES)
def test_weights_of_two_leave_every_number_but_the_z_values(entry):
    double = Counts(*(2 * np.asarray(side) for side in RACES))
    one, other = value(shares(entry, RACES)), value(shares(entry, double))
    if entry.name in ("z_test_difference", "z_test_ratio"):
        assert np.allclose(other, one * np.sqrt(2))
    elif entry.name == "cohen_d":
        assert np.allclose(one, other, rtol=0.05)
    elif "differential" in entry.name or entry.name == "bias_amplification":
        assert np.allclose(one, other, atol=0.1)  # smoothing adds one row, however many there are
    else:
        assert np.allclose(one, other, equal_nan=True)


def test_the_other_outcome_called_positive_exchanges_the_rates():
    for one, other in (
        ("false_positive_rate", "false_negative_rate"),
        ("true_positive_rate", "true_negative_rate"),
        ("precision", "negative_predictive_value"),
        ("false_discovery_rate", "false_omission_rate"),
        ("selection_rate", "non_selection_rate"),
        ("overprediction_rate", "underprediction_rate"),
        ("conditional_acceptance", "conditional_rejection"),
        ("accuracy", "accuracy"),
        ("matthews_correlation", "matthews_correlation"),
        ("balanced_accuracy", "balanced_accuracy"),
    ):
        assert numbers(one, turned(RACES)) == pytest.approx(numbers(other, RACES))
    assert pair("conditional_use_accuracy_difference", turned(RACES), 0, 1) == pytest.approx(
        pair("conditional_use_accuracy_difference", RACES, 0, 1)
    )
    assert pair("average_predictive_value_difference", turned(RACES), 0, 1) == pytest.approx(
        -pair("average_predictive_value_difference", RACES, 0, 1)
    )


def test_the_complements_add_up_to_one():
    for one, other in (
        ("false_discovery_rate", "precision"),
        ("false_omission_rate", "negative_predictive_value"),
        ("error_rate", "accuracy"),
        ("non_selection_rate", "selection_rate"),
    ):
        assert np.allclose(np.add(numbers(one, RACES), numbers(other, RACES)), 1)
    assert sum(numbers("predicted_share", RACES)) == pytest.approx(1)


def test_the_impossibility_identity_holds_in_every_group():
    base, false_positive = numbers("base_rate", RACES), numbers("false_positive_rate", RACES)
    precise, missed = numbers("precision", RACES), numbers("false_negative_rate", RACES)
    for p, fpr, ppv, fnr in zip(base, false_positive, precise, missed, strict=True):
        assert fpr == pytest.approx(p / (1 - p) * (1 - ppv) / ppv * (1 - fnr))


@pytest.mark.parametrize("entry", ENTRIES)
def test_leading_axes_are_replicates(entry):
    again = Counts(*(np.stack([np.asarray(side), 3 * np.asarray(side) + 1]) for side in RACES))
    both = value(shares(entry, again))
    for at in (0, 1):
        alone = value(shares(entry, Counts(*(side[at] for side in again))))
        assert np.allclose(both[at], alone, equal_nan=True)


def test_groups_with_equal_odds_at_other_base_rates_are_not_found_to_differ():
    random = np.random.default_rng(8)
    truth, function = np.arange(9) // 3, registry["equalized_odds_difference"].function

    def odds(tables):
        one, other = (confusion(tables[..., at, :].reshape(*tables.shape[:-2], 3, 3)) for at in (0, 1))
        return value(function(one, other))

    p = {"given the truth": [], "pooled": []}
    for _ in range(120):
        table = np.zeros((2, 9))
        for group, positive in enumerate(random.binomial(600, [0.06, 0.6])):
            true = random.binomial([positive, 600 - positive], [0.7, 0.2])
            table[group, [8, 7, 5, 4]] = true[0], positive - true[0], true[1], 600 - positive - true[1]
        for how, given_ in (("given the truth", truth), ("pooled", None)):
            chance = odds(equal_groups(table, 200, random, given=given_))
            p[how].append((1 + (chance >= odds(table)).sum()) / 201)
    assert 0.35 < np.mean(p["given the truth"]) < 0.65
    assert np.mean(np.array(p["given the truth"]) < 0.1) < 0.2
    assert np.mean(np.array(p["pooled"]) < 0.1) > 0.3  # why chance is told of groups that keep their base rates


def test_what_looks_across_groups_leaves_out_rows_of_unknown_group(tmp_path):
    group = ["a"] * 40 + ["b"] * 40 + ["(missing)"] * 10
    decision = [1] * 20 + [0] * 20 + [1] * 10 + [0] * 30 + [1] * 10
    evidence = write_evidence(tmp_path, {"group": group}, decision=decision)
    metrics = ["impact_ratio", "four_fifths_ratio", "selection_rate_deviation"]
    found = {one.id.removeprefix("parity/"): one for one in run(techniques["parity"], evidence, {"metrics": metrics})}
    assert found["impact_ratio/group/a/-/mean"].value == 1  # not those of whom the group is not known, all selected
    ratio = found["impact_ratio/group/b/-/mean"]
    assert ratio.value == 0.5
    assert ratio.interval is None
    assert ratio.details["no_interval"].startswith("parity is the greatest value that it or its parts can take")
    assert 0.7 < ratio.details["by_chance"] < 1
    assert ratio.p < 0.05
    assert "compares known groups" in found["impact_ratio/group/(missing)/-/mean"].missing
    assert not [name for name in found if name.startswith("impact_ratio") and not name.endswith("mean")]
    fifths = found["four_fifths_ratio/group/b/a/gap"]
    assert (fifths.value, fifths.interval) == (0.5, None)
    assert fifths.p < 0.05
    assert fifths.details["by_chance"] < 1
    deviation = found["selection_rate_deviation/group/b/-/mean"]
    assert deviation.value == pytest.approx(0.25 - 0.375)
    assert deviation.interval.high < 0
    assert found["selection_rate_deviation/group/(missing)/-/mean"].value is None


def test_components_of_composites_are_rates():
    for entry in of_task("binary"):
        for component in entry.facts["components"]:
            assert registry[component].facts["over"] == "group"
            assert registry[component].facts["scale"] == "rate"
