"""Metrics of ranked lists: published answers with the peers' slips named, scikit-learn, definitions written out."""

import itertools

import numpy as np
import pytest

from audits.findings import MISSING_GROUP
from audits.metrics import registry
from audits.metrics.deviations import rnd
from audits.metrics.likeness import jaccard, prag, serp
from audits.metrics.list_firsts import firsts, firsts_by_chance, summary_of
from audits.metrics.list_items import shown
from audits.metrics.list_sums import Items, listed, shuffled_rows, summed
from audits.metrics.lists import places, prefixes, quality
from audits.metrics.ranking import (
    attention_weighted_parity,
    dcg,
    exposure,
    exposure_per_relevance,
    infeasible_index,
    mean_average_precision,
    ndcg,
    ndkl,
    relative_attention,
    skew,
)
from audits.metrics.running import value_of

AIF360 = {  # Trusted-AI/AIF360, tests/test_regression_metric.py: a list in this order, r is 0 and b 1
    "scores": np.array([55, 65, 85, 70, 60, 50, 40, 30, 20, 10.0]),
    "groups": np.array([0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
}


def items_of(codes, lists=None, relevance=None, rank=None, weight=None, item=None):
    codes = np.asarray(codes)
    lists = np.zeros(len(codes), np.intp) if lists is None else np.asarray(lists)
    many = int(lists.max()) + 1
    return Items(
        row=np.arange(len(codes)),
        lists=lists,
        rank=places(lists).astype(float) if rank is None else np.asarray(rank, float),
        relevance=np.full(len(codes), np.nan) if relevance is None else np.asarray(relevance, float),
        query=np.arange(many),
        item=None if item is None else np.asarray(item),
        weight=np.ones(many) if weight is None else np.asarray(weight, float),
        cluster=None,
        file="",
        details={},
    )


def summary(codes, *columns, cutoff=10, step=10, target=None, groups=None, qualified=1, edges=(), **more):
    """The sums of lists, with who is among the first, and which items are shown."""
    codes, items = np.asarray(codes), items_of(codes, *columns, **more)
    names = groups or [str(name) for name in range(int(codes.max()) + 1)]
    shares = None if target is None else np.asarray(target, float)
    found = listed(summed(items, codes, names, cutoff, step, shares).table.sum(axis=0))
    ahead = summary_of(firsts(items, codes, names, cutoff or 10, qualified, edges).table.sum(axis=0))
    first = {name: getattr(ahead, name) for name in ahead._fields[ahead._fields.index("pool") :][:10]}
    return found._replace(**first, shown=shown(items, codes, len(names), cutoff or 10).table)


def number(share):
    value, exists = value_of(share)
    assert exists.all()
    return value


def test_the_infeasible_index_is_that_of_the_aif360_tests():
    half = [0.5, 0.5]
    assert number(infeasible_index(summary(AIF360["groups"], target=half))) == 1
    found = [prefixes(np.zeros(k, int), AIF360["groups"][:k], (1, 2), 1, 10, np.array(half)) for k in range(1, 11)]
    counts = [int(one.infeasible[0, 0]) for one in found]
    assert np.flatnonzero(np.diff([0, *counts])).tolist() == [3]  # the fourth place, k = 4


def test_the_infeasible_index_looks_at_the_last_place_too():
    # AIF360 stops one place short and finds 0 violations: of r b r r, two should be b, and the last place shows it
    assert number(infeasible_index(summary([0, 1, 0, 0], target=[0.5, 0.5]))) == 1
    assert number(infeasible_index(summary([0, 1, 0], target=[0.5, 0.5]))) == 0


def test_the_infeasible_index_counts_a_place_once_however_many_groups_lack_items():
    # of the first two groups ⌊k/3⌋ are lacking from place 3 on: counted by group as in AIF360, more than once a place
    found = summary([2, 2, 2, 2, 2, 2], target=[1 / 3, 1 / 3, 1 / 3])
    assert number(infeasible_index(found)) == 4


def test_discounted_gains_are_those_of_the_aif360_tests():
    scores = AIF360["scores"]
    scaled = (scores - scores.min()) / np.ptp(scores)
    found = summary(np.zeros(10, int), relevance=scaled, cutoff=None)
    assert number(dcg(found)) == pytest.approx([2.6126967], abs=5e-8)
    assert number(ndcg(found)) == pytest.approx([0.9205433], abs=5e-8)


@pytest.mark.parametrize("length", [3, 10, 20])
def test_identical_lists_are_wholly_alike(length):
    # langfair divides by other sums: SERP 0.375, 0.2955, 0.274 and PRAG 0.25, 0.4091, 0.452 of a list with itself
    items = list("abcdefghijklmnopqrstuvwxyz")[:length]
    for like, (cutoff, *_) in itertools.product((jaccard, serp, prag), [(length,), (length + 5,), (2,)]):
        assert number(like(items, items, cutoff)) == 1


def test_likeness_by_hand():
    one, two = list("abcd"), list("badx")
    assert number(jaccard(one, two, 4)) == pytest.approx(3 / 5)
    assert number(serp(one, two, 4)) == pytest.approx((4 + 3 + 1) / 10)  # c is not in the other list
    # of the pairs ab ac ad bc bd cd: ab is turned, c stands behind all, cd is turned by that
    assert number(prag(one, two, 4)) == pytest.approx(4 / 6)
    assert number(serp(one, list("wxyz"), 4)) == 0
    assert number(jaccard(one, two, 2)) == 1
    assert prag(["a"], ["a"], 1).among == 0
    assert jaccard([], [], 3).among == 0


@pytest.mark.parametrize("cutoff", [None, 5])
def test_scikit_learn_gives_the_same_ndcg_and_average_precision(cutoff):
    from sklearn.metrics import average_precision_score, ndcg_score

    rng = np.random.default_rng(0)
    lists, relevance = np.repeat(np.arange(30), 12), rng.integers(0, 4, 360).astype(float)
    codes = np.zeros(360, int)
    found = summary(codes, lists, relevance, cutoff=cutoff)
    order = -np.arange(12.0)[None]
    theirs = [ndcg_score(relevance[lists == q][None], order, k=cutoff) for q in range(30)]
    assert number(ndcg(found)) == pytest.approx(np.mean(theirs))
    theirs = [average_precision_score(relevance[lists == q] > 0, order[0]) for q in range(30)]
    assert number(mean_average_precision(found)) == pytest.approx(np.mean(theirs))


def test_relevance_is_looked_at_within_the_items_of_a_group():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(1)
    codes, relevance = rng.integers(0, 2, 30), rng.integers(0, 4, 30).astype(float)
    found = number(ndcg(summary(codes, relevance=relevance, cutoff=None)))
    for group in (0, 1):
        own = relevance[codes == group]
        assert found[group] == pytest.approx(ndcg_score(own[None], -np.arange(len(own), dtype=float)[None]))


def test_items_of_unknown_relevance_are_left_out_of_gains():
    known = summary([0, 0], relevance=[1, 2], cutoff=None)
    more = summary([0, 0, 0], relevance=[1, np.nan, 2], cutoff=None)
    assert number(ndcg(more)) == number(ndcg(known))
    assert ndcg(summary([0, 1], relevance=[1, 0])).among.tolist() == [1, 0]


def test_exposure_is_the_mean_attention_of_a_groups_items():
    found = summary([0, 1, 1, 0], relevance=[1, 1, 0, 3])
    attention = 1 / np.log2([2, 3, 4, 5])
    assert number(exposure(found)) == pytest.approx([attention[[0, 3]].mean(), attention[[1, 2]].mean()])
    merited = [attention[[0, 3]].sum() / 4, attention[[1, 2]].sum()]
    assert number(exposure_per_relevance(found)) == pytest.approx(merited)
    expected = attention.sum() / 2
    assert number(relative_attention(found)) == pytest.approx(
        [attention[[0, 3]].sum() / expected, attention[[1, 2]].sum() / expected]
    )
    shares = attention[[0, 3]].sum() / attention.sum()
    assert number(attention_weighted_parity(found)) == pytest.approx(abs(shares - 0.5))


def test_attention_counts_from_the_place_that_is_told():
    assert number(exposure(summary([0, 1], rank=[1, 7]))) == pytest.approx([1, 1 / 3])


def test_lists_of_one_group_say_nothing_of_who_stands_first():
    found = summary([0, 0, 1, 1], lists=[0, 0, 1, 1])
    assert number(exposure(found))[0] == number(exposure(found))[1]
    for metric in (relative_attention, attention_weighted_parity, skew, ndkl, infeasible_index, rnd):
        assert not value_of(metric(found))[1].any()


def test_skew_is_the_logarithm_of_the_share_of_the_first_places_over_the_target():
    found = summary([0, 0, 0, 1, 1, 1], cutoff=4)
    assert number(skew(found)) == pytest.approx(np.log([0.75 / 0.5, 0.25 / 0.5]))
    aimed = summary([0, 0, 0, 1, 1, 1], cutoff=4, target=[0.25, 0.75])
    assert number(skew(aimed)) == pytest.approx(np.log([0.75 / 0.25, 0.25 / 0.75]))
    assert skew(summary([0, 0, 0, 1, 1, 1], cutoff=3)).among.tolist() == [1, 0]


def ndkl_written_out(codes, target):
    total = norm = 0.0
    for k in range(1, len(codes) + 1):
        shares = [np.mean(codes[:k] == g) for g in range(len(target))]
        divergence = sum(s * np.log(s / t) for s, t in zip(shares, target, strict=True) if s > 0)
        total, norm = total + divergence / np.log2(k + 1), norm + 1 / np.log2(k + 1)
    return total / norm


def rnd_written_out(codes, group, step):
    size, own = len(codes), np.mean(codes == group)

    def distance(order):
        places = range(step, size + 1, step)
        return sum(abs(np.mean(order[:k]) - own) / np.log2(k) for k in places)

    marked = (codes == group).astype(float)
    worst = max(distance(np.sort(marked)), distance(-np.sort(-marked)))
    return distance(marked) / worst


def infeasible_written_out(codes, target):
    return sum(
        any(np.sum(codes[:k] == g) < np.floor(t * k + 1e-9) for g, t in enumerate(target))
        for k in range(1, len(codes) + 1)
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_looks_at_first_places_is_as_its_definition_is_written(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(25, 40, 6)
    lists, codes = np.repeat(np.arange(6), sizes), rng.integers(0, 3, sizes.sum())
    found = summary(codes, lists, step=5)
    each = [codes[lists == q] for q in range(6)]
    shares = [[np.mean(one == g) for g in range(3)] for one in each]
    by_hand = np.mean([ndkl_written_out(one, p) for one, p in zip(each, shares, strict=True)])
    assert number(ndkl(found)) == pytest.approx(by_hand)
    by_hand = [np.mean([rnd_written_out(one, g, 5) for one in each]) for g in range(3)]
    assert number(rnd(found)) == pytest.approx(by_hand)
    by_hand = np.mean([infeasible_written_out(one, p) for one, p in zip(each, shares, strict=True)])
    assert number(infeasible_index(found)) == pytest.approx(by_hand)
    target = [0.2, 0.3, 0.5]
    by_hand = np.mean([ndkl_written_out(one, target) for one in each])
    assert number(ndkl(summary(codes, lists, target=target))) == pytest.approx(by_hand)


def test_rnd_is_1_of_the_worst_order_and_0_of_an_even_one():
    assert number(rnd(summary([0] * 20 + [1] * 20))) == pytest.approx(1)
    assert number(rnd(summary([0, 1] * 20))) == pytest.approx(0)
    assert not value_of(rnd(summary([0, 1] * 4)))[1].any()  # shorter than the first cut-off


def test_items_of_unknown_group_are_taken_out_before_first_places_are_looked_at():
    named = summary([0, 1, 1, 0], step=2)
    mixed = summary([2, 0, 1, 2, 1, 0], step=2, groups=["a", "b", "(missing)"])
    for metric in (ndkl, infeasible_index):
        assert number(metric(mixed)) == pytest.approx(number(metric(named)))
    assert rnd(mixed).of[:2] == pytest.approx(rnd(named).of)


def test_a_list_counts_by_its_weight():
    rng = np.random.default_rng(3)
    lists, codes, relevance = np.repeat([0, 1], 15), rng.integers(0, 2, 30), rng.integers(0, 3, 30)
    item = np.tile(np.arange(15), 2)
    weighted = summary(codes, lists, relevance, weight=[1, 3], step=5, item=item, edges=[0.5])
    again = np.concatenate([np.flatnonzero(lists == 0), *[np.flatnonzero(lists == 1)] * 3])
    more = {"step": 5, "item": item[again], "edges": [0.5]}
    repeated = summary(codes[again], np.repeat(np.arange(4), 15), relevance[again], **more)
    for entry in ENTRIES:
        if entry.facts["over"] != "pair":
            assert number(entry.function(weighted)) == pytest.approx(number(entry.function(repeated)))


ENTRIES = [e for e in registry.entries().values() if e.facts["task"] == "ranking"]


def test_names_of_groups_do_not_matter():
    rng = np.random.default_rng(4)
    lists, codes, relevance = np.repeat(np.arange(5), 20), rng.integers(0, 3, 100), rng.integers(0, 3, 100)
    more = {"item": np.tile(np.arange(20), 5), "edges": [0.5, 1.5]}
    one, other = summary(codes, lists, relevance, **more), summary(2 - codes, lists, relevance, **more)
    for entry in ENTRIES:
        if entry.facts["over"] == "group":
            assert number(entry.function(one)) == pytest.approx(number(entry.function(other))[::-1])
        elif entry.facts["over"] == "groups":
            assert number(entry.function(one)) == pytest.approx(number(entry.function(other)))


def test_gains_of_a_group_stay_when_others_move_between_its_items():
    one = quality(np.zeros(4, int), np.array([0, 0, 1, 1]), np.array([1.0, 2, 0, 1]), (1, 2), None)
    other = quality(np.zeros(4, int), np.array([1, 0, 1, 0]), np.array([0.0, 1, 1, 2]), (1, 2), None)
    assert one.ndcg == pytest.approx(other.ndcg)
    assert one.precision == pytest.approx(other.precision)


def test_the_first_places_of_shuffled_lists_are_those_of_the_lists_one_by_one():
    rng = np.random.default_rng(3)
    lists = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    codes, weight = rng.integers(0, 3, len(lists)), rng.random(30)
    relevance = np.where(rng.random(len(lists)) < 0.2, np.nan, rng.integers(0, 4, len(lists)))
    items, asked = items_of(codes, lists, relevance, weight=weight), (["a", MISSING_GROUP, "b"], 2, 2.0, [0.5, 1.5])
    found = firsts_by_chance(items, codes, *asked, np.random.default_rng(5))
    again = np.random.default_rng(5)
    for at in range(20):
        own = codes[shuffled_rows(lists, again)]
        assert (np.bincount(lists * 3 + own, minlength=90) == np.bincount(lists * 3 + codes, minlength=90)).all()
        expected = summary_of(firsts(items, own, *asked).table.sum(axis=0))
        for name in expected._fields[expected._fields.index("pool") :][:10]:
            np.testing.assert_allclose(getattr(found, name)[at], getattr(expected, name), rtol=1e-12)
