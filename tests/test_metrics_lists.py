"""First places, items shown and what is found: numbers that FINS, holisticai and Credo print, and laws."""

import itertools

import numpy as np
import pytest
from test_metrics_ranking import items_of, number, summary

from audits.metrics import registry
from audits.metrics.deviations import rkl, rnd, rrd
from audits.metrics.list_items import shown_by_chance
from audits.metrics.list_sums import grouped
from audits.metrics.ranking import ndkl
from audits.metrics.running import at, value_of

FINS = [100, 85, 54, 12]  # KCachel/FINS, docstrings: relevance of four items, two of each group


def fins(chosen, name, groups=(0, 0, 1, 1), relevance=FINS, **options):
    """The metric where the items ``chosen`` (from 1) stand first."""
    order = [at - 1 for at in chosen] + [at for at in range(len(groups)) if at + 1 not in chosen]
    found = summary([groups[at] for at in order], None, [relevance[at] for at in order], cutoff=len(chosen), **options)
    return value_of(registry[name].function(found))


def told(name, found, *places):
    return number(registry[name].function(*((at(found, [place]) for place in places) if places else (found,)))).item()


# First places: Cachel, Rundensteiner 2022


def test_first_places_are_those_of_the_fins_docstrings():
    assert fins([1, 4], "first_places_parity")[0] == 1
    assert fins([1, 4], "first_places_balance")[0] == 1
    assert fins([1, 4], "relevance_parity")[0] == pytest.approx(0.3567567567567568)
    assert fins([2, 4], "first_places_relevance_parity")[0] == pytest.approx(0.1411764705882353)
    assert fins([2, 3, 4], "first_places_relevance_balance")[0] == pytest.approx(0.7764705882352941)
    assert fins([2, 4], "qualified_parity", qualified=50)[0] == 0
    assert fins([2, 4], "qualified_balance", qualified=50)[0] == 0
    assert fins([1, 4], "calibrated_parity", edges=[49])[0] == 0
    assert fins([2, 4], "calibrated_balance", edges=[86])[0] == 1


def test_a_group_without_items_to_choose_from_is_passed_over_and_not_taken_for_one_that_nobody_chose():
    assert fins([1, 3], "qualified_parity", qualified=50, relevance=[100, 85, 12, 11])[1] == False  # noqa: E712  FINS: 0
    assert fins([1, 3], "qualified_parity", groups=(0, 0, 1, 1), qualified=5)[0] == 1
    three = fins([1, 3], "first_places_parity", groups=(0, 0, 1, 1, 2, 2), relevance=[*FINS, 9, 8])
    assert three[0] == 0  # nobody of the third group
    assert not fins([1], "qualified_parity", qualified=999)[1]
    assert not fins([1], "first_places_parity", groups=(0, 0, 0, 0))[1]


def test_parity_of_first_places_is_the_smallest_ratio_of_selection_rates_and_lists_are_taken_together():
    rng = np.random.default_rng(0)
    lists, codes = np.repeat(np.arange(20), 12), rng.integers(0, 3, 240)
    found = summary(codes, lists, cutoff=4)
    first = np.tile(np.arange(12) < 4, 20)
    rates = [first[codes == group].mean() for group in range(3)]
    assert told("first_places_parity", found) == pytest.approx(min(rates) / max(rates))
    counts = [first[codes == group].sum() for group in range(3)]
    assert told("first_places_balance", found) == pytest.approx(min(counts) / max(counts))


# Deviation: Yang, Stoyanovich 2017


def deviation(marked, step, distance):
    own = np.mean(marked)
    return sum(distance(np.mean(marked[:k]), own) / np.log2(k) for k in range(step, len(marked) + 1, step) if k > 1)


def divergence(x, s):
    return sum(a * np.log(a / b) for a, b in ((x, s), (1 - x, 1 - s)) if a > 0)


def lack(x, s):
    return max(0, s / (1 - s) - x / (1 - x)) if x < 1 else 0


DISTANCES = {rnd: lambda x, s: abs(x - s), rkl: divergence, rrd: lack}


@pytest.mark.parametrize("metric", DISTANCES, ids=lambda metric: metric.__name__)
def test_a_deviation_is_over_the_largest_that_any_order_of_the_list_gives(metric):
    for size, step in ((6, 1), (7, 2), (8, 3)):
        for many in range(1, size):
            orders = [np.isin(np.arange(size), one) for one in itertools.combinations(range(size), many)]
            written = np.array([deviation(one, step, DISTANCES[metric]) for one in orders])
            ours = [value_of(metric(summary(1 - one.astype(int), step=step)))[0][0] for one in orders]
            assert ours == pytest.approx(written / written.max())


def test_too_small_a_ratio_alone_is_lacking_and_a_group_alone_ahead_lacks_nothing():
    ahead, behind = [0] * 10 + [1] * 20, [1] * 20 + [0] * 10
    assert number(rrd(summary(ahead)))[0] == 0  # DataResponsibly/FairRank counts 10 : 0 as a ratio of 0
    assert number(rrd(summary(behind)))[0] == pytest.approx(1)
    assert number(rkl(summary(ahead)))[0] == pytest.approx(1)
    assert number(rrd(summary([0, 1] * 15)))[0] == pytest.approx(0)
    one = summary([0] * 20)
    for metric in (rnd, rkl, rrd):
        assert not value_of(metric(one))[1].any()


def test_ndkl_is_that_of_the_credo_docstring():
    # credo-ai/credoai_lens, metrics_credoai.py: female male male female male male, desired .6 and .4
    assert number(ndkl(summary([0, 1, 1, 0, 1, 1], target=[0.6, 0.4]))) == pytest.approx(0.208096993149323)


# What is found


def test_precision_recall_and_f1_are_those_of_scikit_learn_averaged_over_lists():
    from sklearn.metrics import f1_score, precision_score, recall_score

    rng = np.random.default_rng(2)
    lists, relevance = np.repeat(np.arange(30), 9), rng.integers(0, 3, 270)
    found = summary(np.zeros(270, int), lists, relevance, cutoff=4)
    first = np.arange(9) < 4
    each = relevance.reshape(30, 9) > 0
    for name, score in (("precision_at_k", precision_score), ("recall_at_k", recall_score), ("f1_at_k", f1_score)):
        assert told(name, found) == pytest.approx(np.mean([score(one, first) for one in each]))


def test_a_list_without_relevant_items_has_no_recall_and_is_not_counted_as_zero():
    found = summary([0] * 4, [0, 0, 1, 1], [1, 0, 0, 0], cutoff=1)
    assert told("recall_at_k", found) == 1  # holisticai: 0.5
    assert told("precision_at_k", found) == 0.5
    assert told("f1_at_k", found) == 0.5
    assert not value_of(registry["precision_at_k"].function(summary([0, 0])))[1].any()


# What is shown: holisticai, documentation of the recommender metrics

SCORES = np.array([
    *([0.9, 0.8, 0.4, 0.2], [0.7, 0.9, 0.1, 0.7], [0.3, 0.2, 0.3, 0.3], [0.2, 0.1, 0.7, 0.8], [0.8, 0.7, 0.9, 0.1]),
    *([1.0, 0.9, 0.3, 0.6], [0.8, 0.9, 0.1, 0.1], [0.2, 0.3, 0.1, 0.5], [0.1, 0.2, 0.7, 0.7], [0.2, 0.7, 0.1, 0.2]),
])  # fmt: skip
PEOPLE = [0] * 4 + [1] * 6


def listing(scores, groups, top=None, threshold=None):
    """Each row's items by falling score, of equal ones the last first, as far as they are shown."""
    rows = []
    for one, (values, group) in enumerate(zip(scores, groups, strict=True)):
        order = np.lexsort((-np.arange(len(values)), -values))
        kept = order[:top] if threshold is None else order[values[order] >= threshold]
        rows += [(group, one, item) for item in kept]
    codes, lists, item = np.array(rows).T
    _, lists = np.unique(lists, return_inverse=True)
    return summary(codes, lists, item=item, cutoff=len(scores[0]))


def test_items_that_two_groups_are_shown_differ_as_in_the_holisticai_documentation():
    found = listing(SCORES, PEOPLE, top=1)
    assert told("exposure_total_variation", found, 0, 1) == pytest.approx(0.25)
    assert told("exposure_kl_divergence", found, 0, 1) == pytest.approx(0.23217831296817806)
    assert told("exposure_total_variation", found, 1, 0) == pytest.approx(0.25)


def test_diversity_gini_entropy_and_popularity_are_those_of_the_holisticai_documentation():
    scaled = (SCORES - SCORES.min()) / np.ptp(SCORES)
    everybody = [0] * 10
    assert told("shown_gini", listing(SCORES, everybody, top=2)) == pytest.approx(0.1333333333333333)
    assert told("exposure_entropy", listing(scaled, everybody, threshold=0.3)) == pytest.approx(1.3762266043445464)
    assert told("recommendation_popularity", listing(SCORES, everybody, threshold=0.5)) == pytest.approx(
        5.037037037037036
    )
    several = summary([0, 0, 0, 0], [0, 0, 0, 0], item=[3, 1, 0, 2], cutoff=3)
    assert told("aggregate_diversity", several) == 0.75


def test_entropy_and_divergence_of_what_is_shown_are_those_of_scipy():
    from scipy.stats import entropy

    rng = np.random.default_rng(4)
    codes, lists = np.repeat(rng.integers(0, 2, 40), 6), np.repeat(np.arange(40), 6)
    item = np.concatenate([rng.permutation(8)[:6] for _ in range(40)])
    found = summary(codes, lists, item=item, cutoff=6)
    counts = [np.bincount(item[codes == group], minlength=8) for group in (0, 1)]
    assert number(registry["exposure_entropy"].function(found)) == pytest.approx([entropy(one) for one in counts])
    assert told("exposure_kl_divergence", found, 1, 0) == pytest.approx(entropy(counts[1], counts[0]))


def test_what_the_reference_is_never_shown_makes_the_divergence_infinite_and_so_none():
    found = summary([0, 0, 1, 1], [0, 0, 1, 1], item=[1, 2, 2, 3], cutoff=2)
    share = registry["exposure_kl_divergence"].function(at(found, [0]), at(found, [1]))
    assert not value_of(share)[1].any()
    assert told("exposure_total_variation", found, 0, 1) == 0.5


def test_lists_are_dealt_within_a_query_that_two_groups_asked_and_else_between_queries():
    rng = np.random.default_rng(5)
    lists = np.repeat(np.arange(8), 3)
    asked_twice = items_of(np.zeros(24), lists, item=np.repeat([0, 1, 2, 3], 6))  # two lists of each query are alike
    codes = np.repeat([0, 1] * 4, 3)
    unit = np.repeat(np.arange(4), 2)
    dealt = shown_by_chance(asked_twice, codes, ["a", "b"], 3, unit, rng)
    assert (dealt.shown == 3).all()  # each group has one list of each query, whoever gets which
    once = shown_by_chance(asked_twice, codes, ["a", "b"], 3, np.arange(8), rng)
    assert (once.shown.sum(axis=1) == 6).all()
    assert np.ptp(once.shown[:, 0]) > 0
    mixed = np.tile([0, 1, 1], 8)
    assert shown_by_chance(asked_twice, mixed, ["a", "b"], 3, unit, rng) is None


def test_tables_of_lists_that_are_drawn_together_are_added_up():
    assert grouped(np.ones((3, 2)), np.array([0, 1, 0])).tolist() == [[2, 2], [1, 1]]
