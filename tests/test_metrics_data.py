"""Data balance and conditional disparity: published numbers, where peers are wrong, findings."""

import numpy as np
import pytest
from columned import found, with_columns
from counted import labels, number, numbers, pair
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, kendalltau
from sklearn.metrics import f1_score, jaccard_score, matthews_corrcoef
from tables import write_evidence

from audits.errors import SpecError
from audits.findings import MISSING_GROUP
from audits.metrics import of_task
from audits.metrics import registry as registry_of_metrics
from audits.metrics.balance import LabelCounts
from audits.metrics.counting import cells
from audits.metrics.replicating import add_up, equal_groups, tables
from audits.metrics.strata import disparity, usable
from audits.techniques import registry, run

X = list("MFFMFMFFMMFF")  # aws/amazon-sagemaker-clarify, tests/unit/bias/metrics/test_metrics.py
Y = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0]
STRATA = {  # the same file, CDDL
    "x": list("MMMFFFFMMMMFMMFMFFMMFMMF"),
    "y": [0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0],
    "s": [1, 0, 2, 2, 1, 1, 2, 1, 1, 2, 0, 1, 2, 0, 1, 1, 1, 2, 0, 1, 0, 0, 1, 1],
}


def of_rows(group, label, weights=None, strata=None):
    """Labels of rows: groups and values in sorted order."""
    names, values = sorted(set(group)), sorted(set(label))
    codes = np.array([names.index(one) for one in group])
    layer = np.zeros(len(codes), int) if strata is None else np.array(strata)
    cell = layer * len(values) + np.array([values.index(one) for one in label])
    table = add_up(codes, len(names), cell, (layer.max() + 1) * len(values), None if weights is None else weights)
    return labels(table.reshape(len(names), -1, len(values)))


# Published numbers, and where they are wrong


def test_clarify_class_imbalance_and_positive_proportions():
    ours = of_rows(X, Y)  # F 0, M 1; disadvantaged F
    assert -pair("class_imbalance", ours, 0, 1) == pytest.approx(-1 / 6)  # CI, advantaged − disadvantaged
    assert -pair("positive_label_rate", ours, 0, 1) == pytest.approx(-1 / 35)  # DPL
    assert pair("class_imbalance", ours, 1, 0) == pytest.approx(-1 / 6)


def test_distances_are_taken_on_the_support_of_both_groups_and_not_as_clarify_does():
    # labels T T T F F F, disadvantaged the first row: P_a = (.4, .6), P_d = (1, 0) in the order T, F
    ours = labels([[1, 0], [2, 3]])
    assert pair("label_kl_divergence", ours, 0, 1) is None  # infinite; clarify expects −0.366516
    assert pair("label_js_divergence", ours, 0, 1) == pytest.approx(0.274358, abs=5e-7)  # clarify: 0.0664143
    assert pair("label_l2_distance", ours, 0, 1) == pytest.approx(0.848528, abs=5e-7)  # clarify: 0.6
    a, d = 2 / 5, 1.0  # what is left where the label that one group lacks is dropped
    middle = (a + d) / 2
    assert a * np.log(a / d) == pytest.approx(-0.366516, abs=5e-7)
    assert (a * np.log(a / middle) + d * np.log(d / middle)) / 2 == pytest.approx(0.0664143, abs=5e-8)
    assert abs(a - d) == pytest.approx(0.6)
    assert pair("label_kl_divergence", ours, 1, 0) == pytest.approx(np.log(1 / 0.4))  # the other way it is finite


def test_clarify_distances_where_both_groups_have_every_label():
    ours = of_rows(list("aabbb"), [1, 0, 0, 1, 1])
    assert pair("label_linf_distance", ours, 1, 0) == pytest.approx(0.1666667, abs=5e-8)
    x = ["d" if one in "ac" else "b" for one in "abbcaabcbcbb"]
    label = [0, 0, 1, 1, 2, 1, 0, 1, 2, 2, 0, 2]
    assert pair("label_linf_distance", of_rows(x, label), 1, 0) == pytest.approx(0.3333333, abs=5e-8)
    binary = of_rows(x, [int(one != 0) for one in label])
    assert pair("label_kl_divergence", binary, 1, 0) == pytest.approx(0.2938933, abs=5e-8)
    assert pair("label_l2_distance", binary, 1, 0) == pytest.approx(0.4714045, abs=5e-8)


def test_aif360_kullback_leibler_with_weights():
    group = [1, 1, 1, 1, 0, 0, 0]  # privileged 1
    ours = of_rows(group, [0, 1, 2, 0, 0, 1, 2], np.array([1.0, 2, 3, 4, 4, 3, 3]))
    expected = (5 * np.log(5 / 4) + 2 * np.log(2 / 3)) / 10
    assert expected == pytest.approx(0.0304788, abs=5e-8)
    assert pair("label_kl_divergence", ours, 0, 1) == pytest.approx(expected)


def test_one_name_stood_for_two_conditional_disparities():
    # AI Fairness 360: over protected groups
    ours = of_rows([0, 0, 1, 1, 2, 2, 2], [0, 1, 0, 1, 0, 1, 0], np.array([1.0, 2, 3, 4, 3, 2, 1]))
    assert number("group_conditional_disparity", ours) == pytest.approx(0.015625)
    # SageMaker Clarify: over strata
    ours = of_rows(STRATA["x"], STRATA["y"], strata=STRATA["s"])
    for name in ("conditional_demographic_disparity", "conditional_demographic_disparity_in_labels"):
        assert numbers(name, ours) == pytest.approx([0.3982142857, -0.3982142857], abs=5e-11)
    assert number("group_conditional_disparity", ours) != pytest.approx(0.3982142857)


def test_a_stratum_without_rejected_people_is_left_out_and_not_counted_as_zero():
    counts = np.zeros((2, 2, 2))  # groups × strata × (negative, positive)
    counts[:, 0] = [[3, 1], [1, 3]]
    one = LabelCounts(counts, np.zeros((2, 2)))
    alone = labels(counts[:, :1])
    expected = numbers("conditional_demographic_disparity", alone)
    counts[:, 1] = [[0, 40], [0, 2]]  # everybody accepted: 0/0 rejected, which clarify reads as 0
    assert usable(one).tolist() == [True, False]
    assert numbers("conditional_demographic_disparity", one) == pytest.approx(expected)
    theirs = (8 * expected[0] + 42 * (0 - 40 / 42)) / 50
    assert theirs != pytest.approx(expected[0], abs=0.1)
    nothing = labels([[[0, 5]], [[0, 7]]])
    assert numbers("conditional_demographic_disparity", nothing) == [None, None]


def test_distances_are_those_of_scipy():
    random = np.random.default_rng(3)
    table = random.integers(1, 30, (2, 5)).astype(float)
    one, other = table / table.sum(1, keepdims=True)
    ours = labels(table)
    assert pair("label_kl_divergence", ours, 0, 1) == pytest.approx(entropy(other, one))
    assert pair("label_js_divergence", ours, 0, 1) == pytest.approx(jensenshannon(one, other) ** 2)
    assert pair("label_total_variation", ours, 0, 1) == pytest.approx(abs(one - other).sum() / 2)
    assert pair("label_l2_distance", ours, 0, 1) == pytest.approx(np.linalg.norm(one - other))
    sizes = table.sum(1)
    even = np.array([0.5, 0.5])
    share = sizes / sizes.sum()
    assert number("group_size_kl_divergence", ours) == pytest.approx(entropy(share, even))
    assert number("group_size_total_variation", ours) == pytest.approx(abs(share - even).sum() / 2)
    assert number("group_size_linf_distance", ours) == pytest.approx(abs(share - even).max())
    assert number("group_size_atkinson_index", ours) == pytest.approx(1 - np.sqrt(sizes.prod()) / sizes.mean())


def test_pointwise_mutual_information_by_hand():
    ours = labels([[6, 2], [2, 6], [4, 0]])  # 20 rows, 8 positive
    found = numbers("pointwise_mutual_information", ours)
    assert found[:2] == pytest.approx([np.log((2 / 8) / (8 / 20)), np.log((6 / 8) / (8 / 20))])
    assert found[2] is None  # never positive: minus infinity
    assert found[1] - found[0] == pytest.approx(np.log(3))  # ln of the ratio of base rates


def test_associations_of_group_and_label_are_those_of_scipy_and_scikit_learn():
    table = np.array([[6, 2], [2, 6], [4, 1]])
    ours = labels(table)
    group = np.repeat([0, 0, 1, 1, 2, 2], table.ravel())
    positive = np.repeat([0, 1] * 3, table.ravel())
    for at in range(3):
        member = (group == at).astype(int)
        correlation = numbers("membership_correlation", ours)[at]
        assert correlation == pytest.approx(kendalltau(member, positive).statistic)
        assert correlation == pytest.approx(matthews_corrcoef(member, positive))
        assert numbers("membership_jaccard_index", ours)[at] == pytest.approx(jaccard_score(member, positive))
        assert numbers("dice_coefficient", ours)[at] == pytest.approx(f1_score(member, positive))
    assert numbers("membership_correlation", labels([[3, 5]])) == [None]


def test_an_empty_group_is_as_unequal_as_can_be():
    ours = labels([[3, 5], [0, 0]])
    assert number("group_size_atkinson_index", ours) == 1
    assert number("group_size_total_variation", ours) == 0.5
    assert number("group_size_kl_divergence", ours) == pytest.approx(np.log(2))
    assert pair("label_js_divergence", ours, 0, 1) is None
    assert pair("class_imbalance", ours, 0, 1) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)), min_size=2, max_size=40))
def test_shards_merge_and_the_order_of_groups_changes_nothing(rows):
    group, layer, value = (np.array(column) for column in zip(*rows, strict=True))
    table = add_up(group, 3, layer * 3 + value, 6)
    half = len(rows) // 2
    shards = [add_up(group[part], 3, (layer * 3 + value)[part], 6) for part in (slice(half), slice(half, None))]
    assert np.array_equal(table, shards[0] + shards[1])
    order = [2, 0, 1]
    one, other = labels(table.reshape(3, 2, 3)), labels(table[order].reshape(3, 2, 3))
    for entry in of_task("data"):
        if entry.facts["over"] == "pair":
            continue
        first, second = numbers(entry.name, one), numbers(entry.name, other)
        expected = [first[at] for at in order] if entry.facts["over"] == "group" else first
        assert second == [None if value is None else pytest.approx(value) for value in expected]


# Techniques


def test_data_balance_needs_labels_alone_and_has_an_interval_where_one_is_valid(tmp_path):
    random = np.random.default_rng(0)
    group = random.choice(["a", "b", "c", MISSING_GROUP], 3000, p=[0.5, 0.3, 0.15, 0.05]).tolist()
    label = [int(random.random() < (0.3 if one == "a" else 0.5)) for one in group]
    result = found(write_evidence(tmp_path, {"group": group}, label=label), "data_balance")
    rate = result["positive_label_rate/group/b/-/mean"]
    own = [y for g, y in zip(group, label, strict=True) if g == "b"]
    assert rate.value == pytest.approx(np.mean(own))
    assert rate.interval.low < rate.value < rate.interval.high
    gap = result["positive_label_rate/group/b/a/gap"]
    assert gap.p < 0.01
    assert gap.n.group == len(own)
    distance = result["label_total_variation/group/b/a/gap"]
    assert distance.interval is None
    assert distance.details["no_interval"].startswith("parity is the least value")
    assert distance.details["by_chance"] < 0.03 < distance.value
    assert distance.p < 0.01 < result["label_total_variation/group/c/b/gap"].p
    assert result["positive_label_rate/group/(missing)/-/mean"].value is not None
    assert "(missing)" in result["pointwise_mutual_information/group/(missing)/-/mean"].missing
    assert result["class_imbalance/group/b/a/gap"].interval is not None
    sizes = result["group_size_total_variation/group/-/-/whole"]
    assert (sizes.p, sizes.interval) == (None, None)
    assert result["group_conditional_disparity/group/-/-/whole"].value is not None
    assert not any(name.startswith("conditional_demographic") for name in result)


def test_groups_without_a_difference_are_not_found_to_differ(tmp_path):
    random = np.random.default_rng(1)
    p = []
    for at in range(40):
        group, label = random.choice(list("ab"), 200).tolist(), random.integers(0, 2, 200).tolist()
        evidence = write_evidence(tmp_path / str(at), {"group": group}, label=label)
        result = found(evidence, "data_balance", metrics=["label_total_variation"])
        (one,) = (finding for finding in result.values() if finding.comparison == "gap")
        p.append(one.p)
    assert 0 < np.mean(np.array(p) < 0.1) < 0.25
    assert 0.3 < np.mean(p) < 0.7


def test_data_balance_of_a_column_of_many_values(tmp_path):
    color = ["red", "blue", "red", None, "green", "blue"] * 20
    evidence = with_columns(tmp_path, {"group": list("aabbab") * 20}, {"color": color})
    result = found(evidence, "data_balance", column="color")
    whole = result["label_linf_distance/group/b/a/gap"]
    assert whole.value == pytest.approx(1 / 6 + 1 / 3 - 1 / 6, abs=0.2)
    assert whole.details["values"] == ["blue", "green", "red"]
    assert whole.n.group == 40  # of 60, 20 without a color
    assert "positive_label_rate/group/b/a/gap" not in result
    (refused,) = found(evidence, "data_balance", column="color", metrics=["positive_label_rate"]).values()
    assert refused.missing == "positive_label_rate needs two values, one of them positive, and the column has 3"


def test_data_balance_without_label_or_column_says_so(tmp_path):
    evidence = write_evidence(tmp_path, {"group": list("ab")}, decision=[0, 1])
    (only,) = found(evidence, "data_balance").values()
    assert only.missing.startswith("the spec names no label")
    with pytest.raises(SpecError, match="which needs strata"):
        run(registry["data_balance"], evidence, {"column": "x", "metrics": ["conditional_demographic_disparity"]})


def test_conditional_disparity_is_that_of_clarify_for_labels_and_decisions(tmp_path):
    evidence = with_columns(tmp_path, {"sex": STRATA["x"]}, {"s": STRATA["s"]}, label=STRATA["y"], decision=STRATA["y"])
    result = found(evidence, "conditional_disparity", strata="s")
    for measure in ("conditional_demographic_disparity", "conditional_demographic_disparity_in_labels"):
        assert result[f"{measure}/sex/F/-/mean"].value == pytest.approx(0.3982142857, abs=5e-11)
        assert result[f"{measure}/sex/M/-/mean"].value == pytest.approx(-0.3982142857, abs=5e-11)
    assert len(result) == 4
    told = result["conditional_demographic_disparity/sex/F/-/mean"]
    assert told.direction == "low is good for the person"
    assert told.details["excluded"] == []
    assert told.n.group == STRATA["x"].count("F")


def test_a_stratum_that_says_nothing_is_named(tmp_path):
    data = {"sex": list("MFMFMFMF") * 5 + list("MF")}
    strata = ["x", "x", "x", "x", "y", "y", "y", "y"] * 5 + [None, "x"]
    decision = [1, 0, 0, 0, 1, 1, 1, 1] * 5 + [1, 1]
    result = found(with_columns(tmp_path, data, {"s": strata}, decision=decision), "conditional_disparity", strata="s")
    one = result["conditional_demographic_disparity/sex/F/-/mean"]
    assert one.details["excluded"] == [{"stratum": "y", "rows": 20, "reason": "nobody negative"}]
    assert one.details["rows_without_stratum_or_outcome"] == 1
    assert one.value == pytest.approx(10 / 15 - 1 / 6)
    assert one.n.group == 11
    assert one.interval is not None


def test_a_disparity_that_strata_explain_is_none(tmp_path):
    """Berkeley, 1973: departments differ in how many they admit and in who applies (Bickel et al. 1975)."""
    random = np.random.default_rng(7)
    easy = random.random(6000) < 0.5
    woman = random.random(6000) < np.where(easy, 0.2, 0.8)
    admitted = random.random(6000) < np.where(easy, 0.6, 0.2)
    sex = np.where(woman, "F", "M").tolist()
    evidence = with_columns(
        tmp_path,
        {"sex": sex},
        {"department": easy.tolist(), "none": [1] * 6000},
        decision=admitted.astype(int).tolist(),
    )
    name = "conditional_demographic_disparity/sex/F/-/mean"
    plain = found(evidence, "conditional_disparity", strata="none")[name]
    inside = found(evidence, "conditional_disparity", strata="department")[name]
    assert plain.interval.low > 0.15
    assert inside.interval.low < 0 < inside.interval.high


def test_rows_in_clusters_and_weighted_rows_have_wider_intervals(tmp_path):
    random = np.random.default_rng(6)
    cluster = np.repeat(np.arange(80), 5)
    label = (random.random(80) < 0.4).astype(int)[cluster].tolist()  # whole clusters have one label
    group, stratum = ["ab"[at % 2] for at in cluster], (cluster % 4 // 2).tolist()

    def widths(name, **more):
        evidence = with_columns(tmp_path / name, {"group": group}, {"s": stratum}, label=label, **more)
        rate = found(evidence, "data_balance")["positive_label_rate/group/b/-/mean"]
        disparity = found(evidence, "conditional_disparity", strata="s")
        own = disparity["conditional_demographic_disparity_in_labels/group/b/-/mean"]
        return [one.interval.high - one.interval.low for one in (rate, own)]

    plain = widths("plain")
    clustered = widths("clustered", cluster=[str(one) for one in cluster])
    weighted = widths("weighted", weight=random.exponential(size=400).tolist())
    for one, two, three in zip(plain, clustered, weighted, strict=True):
        assert 1.7 < two / one < 3  # √5 and Student's distribution
        assert 1.2 < three / one < 1.8  # √2


def test_findings_follow_from_the_evidence_and_the_seed(tmp_path):
    evidence = with_columns(tmp_path, {"sex": STRATA["x"]}, {"s": STRATA["s"]}, label=STRATA["y"])
    for name, options in (("data_balance", {}), ("conditional_disparity", {"strata": "s"})):
        assert run(registry[name], evidence, options) == run(registry[name], evidence, options)


# Replicates


def drawn(rows=4000, seed=2):
    random = np.random.default_rng(seed)
    codes = random.choice(3, rows, p=[0.6, 0.3, 0.1])
    cell = cells(random.integers(0, 2, rows).astype(np.int8), random.integers(0, 2, rows).astype(np.int8))
    return codes, cell, random


def test_replicates_have_the_spread_of_resampled_rows():
    codes, cell, random = drawn()
    many = tables(codes, 3, cell, 9, None, None, 2000, random)
    plain = np.stack([add_up(codes[r], 3, cell[r], 9) for r in random.integers(0, len(codes), (500, len(codes)))])
    there = many.table > 0
    assert np.allclose(many.replicates.std(0)[there], plain.std(0)[there], rtol=0.12)
    assert np.allclose(many.replicates.mean(0), many.table, atol=4 * plain.std(0).max() / np.sqrt(2000))


def test_clusters_of_one_row_are_rows_and_copies_of_rows_widen():
    codes, cell, random = drawn()
    plain = tables(codes, 3, cell, 9, None, None, 2000, random).replicates.std(0)
    alone = tables(codes, 3, cell, 9, None, np.arange(len(codes)), 2000, random).replicates.std(0)
    assert np.allclose(alone[plain > 0], plain[plain > 0], rtol=0.1)
    twice, clusters = [np.repeat(one, 4) for one in (codes, cell)], np.repeat(np.arange(len(codes)), 4)
    wide = tables(twice[0], 3, twice[1], 9, None, clusters, 2000, random).replicates.std(0)
    assert np.allclose(wide[plain > 0], 4 * plain[plain > 0], rtol=0.1)


def test_many_different_clusters_have_the_spread_of_few():
    codes, cell, random = drawn(40_000)
    weights = random.random(40_000) + 0.5  # no two clusters are alike, so that they are drawn one by one
    drawn_one_by_one = tables(codes, 3, cell, 9, weights, np.arange(40_000), 300, random).replicates.std(0)
    by_poisson = tables(codes, 3, cell, 9, weights, None, 300, random).replicates.std(0)
    there = by_poisson > 0
    assert np.allclose(drawn_one_by_one[there], by_poisson[there], rtol=0.25)


def test_weights_have_the_spread_of_their_squares():
    codes, cell, random = drawn()
    weights = random.exponential(size=len(codes))
    many = tables(codes, 3, cell, 9, weights, None, 3000, random)
    squares = add_up(codes, 3, cell, 9, weights**2)
    assert np.allclose(many.replicates.std(0), np.sqrt(squares), rtol=0.1)
    assert many.table.sum() == pytest.approx(weights.sum())


def test_equal_groups_keep_their_sizes_and_what_is_given():
    codes, cell, random = drawn()
    table = add_up(codes, 3, cell, 9)
    chance = equal_groups(table, 500, random)
    assert np.array_equal(chance.sum(-1), np.broadcast_to(table.sum(-1), (500, 3)))
    pooled = table.sum(0) / table.sum()
    assert np.allclose(chance.mean(0) / table.sum(-1, keepdims=True), pooled, atol=0.01)
    truth = np.arange(9) // 3
    chance = equal_groups(table, 500, random, given=truth)
    for one in range(3):
        own = chance[..., truth == one].sum(-1)
        assert np.array_equal(own, np.broadcast_to(table[:, truth == one].sum(-1), own.shape))
    chance = equal_groups(table, 500, random, known=[0])
    assert np.allclose(chance.mean(0)[1] / table[1].sum(), table[0] / table[0].sum(), atol=0.01)


def test_clusters_that_are_equal_by_chance_have_equal_shares():
    codes, cell, random = drawn()
    clusters = random.integers(0, 300, len(codes))
    many = tables(codes, 3, cell, 9, None, clusters, 500, random, given=np.arange(9) // 3)
    shares = many.by_chance[..., 4:6] / many.by_chance[..., 4:6].sum(-1, keepdims=True)
    assert np.allclose(shares.mean(0)[:, 0], many.table[:, 4].sum() / many.table[:, 4:6].sum(), atol=0.01)


def test_rows_without_a_cell_are_left_out():
    codes, cell, random = drawn()
    left = np.where(np.arange(len(cell)) % 2, -1, cell.astype(int))
    many = tables(codes, 3, left, 9, None, None, 10, random)
    assert np.array_equal(many.table, add_up(codes[::2], 3, cell[::2], 9))
    empty = tables(codes[:0], 3, cell[:0], 9, None, codes[:0], 10, random)
    assert empty.replicates.sum() == empty.by_chance.sum() == 0


def test_disparity_of_two_groups_sums_to_nothing():
    random = np.random.default_rng(5)
    of, among = disparity(labels(random.integers(1, 9, (2, 4, 2))))
    assert (of / among).sum() == pytest.approx(0)


def chances(rows, number=120, seed=4):
    """How often equal groups differ as much by chance, of many draws of ``rows(random)``."""
    random, function = np.random.default_rng(seed), registry_of_metrics["label_total_variation"].function

    def distance(table):
        one, other = (LabelCounts(table[..., at, None, :], np.zeros((*table.shape[:-2], 1))) for at in (0, 1))
        of, among = function(one, other)
        return of / among

    p = []
    for _ in range(number):
        codes, label, weights, clusters = rows(random)
        many = tables(codes, 2, label, 2, weights, clusters, 200, random)
        p.append((1 + (distance(many.by_chance) >= distance(many.table) - 1e-12).sum()) / 201)
    return np.array(p)


def test_equal_groups_of_rows_in_clusters_or_of_weighted_rows_are_not_found_to_differ():
    def clustered(random, told):
        cluster = np.repeat(np.arange(60), 10)
        label = random.random(600) < 1 / (1 + np.exp(0.5 - random.normal(0, 1, 60)[cluster]))
        return cluster % 2, label.astype(int), None, cluster if told else None

    def weighted(random):
        weights = random.exponential(size=400)
        return random.integers(0, 2, 400), random.integers(0, 2, 400), weights, None

    assert np.mean(chances(lambda random: clustered(random, True)) < 0.1) < 0.18
    assert np.mean(chances(lambda random: clustered(random, False)) < 0.1) > 0.2  # taken for rows of their own
    found = chances(weighted)
    assert np.mean(found < 0.1) < 0.18
    assert 0.4 < found.mean() < 0.6
