"""False discovery rates and max-T: published p-values, second implementations, and what goes wrong elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from audits.statistics.multiplicity import benjamini_hochberg, benjamini_yekutieli, westfall_young
from audits.statistics.rates import tail
from audits.statistics.simultaneous import bonferroni, holm

BH_1995 = [1e-4, 4e-4, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1]


def test_the_fifteen_of_benjamini_and_hochberg_1995_have_four_discoveries_and_three_by_the_others():
    adjusted = benjamini_hochberg(BH_1995)
    assert adjusted[:5] == pytest.approx([0.0015, 0.0030, 0.0095, 0.0356, 0.0603], abs=5e-5)
    found = [int((one(BH_1995) <= 0.05).sum()) for one in (benjamini_hochberg, bonferroni, holm, benjamini_yekutieli)]
    assert found == [4, 3, 3, 3]


def test_scipy_and_statsmodels_give_the_same_in_any_order():
    from scipy.stats import false_discovery_control
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(1).permutation(BH_1995)
    for ours, theirs, other in ((benjamini_hochberg, "bh", "fdr_bh"), (benjamini_yekutieli, "by", "fdr_by")):
        assert ours(p) == pytest.approx(false_discovery_control(p, method=theirs))
        assert ours(p) == pytest.approx(multipletests(p, method=other)[1])


def test_no_discovery_and_no_test_are_normal_answers():
    assert (benjamini_hochberg([0.4, 0.9, 0.2]) > 0.05).all()
    assert benjamini_hochberg([]).shape == benjamini_yekutieli([]).shape == (0,)


def _giskard(p, level):
    """The selection of giskard/scanner/performance/performance_bias_detector.py: ranks by one argsort."""
    ranks = np.argsort(p) + 1
    passed = p <= ranks / len(p) * level
    return p <= p[passed].max() if passed.any() else passed  # Giskard itself raises where nothing passes


def test_ranks_are_where_each_p_value_stands_and_not_giskards_single_argsort():
    p = np.array([0.2, 0.001, 0.03, 0.04, 0.5])
    ours = benjamini_hochberg(p) <= 0.05
    assert p[ours].tolist() == [0.001]
    assert p[_giskard(p, 0.05)].tolist() == [0.001, 0.03]  # two discoveries, one of them wrong


def test_false_discoveries_stay_below_the_level_where_giskards_ranks_let_them_double():
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for _ in range(1000):
        z = rng.normal(size=20) + np.repeat([2.5, 0], [4, 16])
        p = np.array([tail(one) for one in z])
        for found, chosen in ((ours, benjamini_hochberg(p) <= 0.05), (theirs, _giskard(p, 0.05))):
            found.append(chosen[4:].sum() / max(chosen.sum(), 1))
    assert np.mean(ours) < 0.05
    assert np.mean(theirs) > 0.08


def test_max_t_of_four_permutations_is_counted_by_hand():
    observed = [1.0, 3.0, 2.0]
    permuted = [[0.5, 1.0, 2.5], [3.5, 0.0, 1.0], [0.2, 0.1, 0.3], [1.5, 2.9, 0.4]]
    # the largest of each permutation: 2.5, 3.5, 0.3, 2.9
    assert westfall_young(observed, permuted, step_down=False) == pytest.approx([4 / 5, 2 / 5, 4 / 5])
    # without the clearest test: 2.5, 3.5, 0.3, 1.5 against 2; without both: 0.5, 3.5, 0.2, 1.5 against 1
    assert westfall_young(observed, permuted) == pytest.approx([3 / 5, 2 / 5, 3 / 5])


def test_one_test_has_the_ordinary_permutation_p_value_and_copies_of_it_cost_nothing():
    permuted = np.abs(np.random.default_rng(3).normal(size=(199, 1)))
    alone = westfall_young([1.7], permuted)
    assert alone == pytest.approx([(1 + (permuted >= 1.7).sum()) / 200])
    for step_down in (True, False):
        assert westfall_young([1.7] * 3, np.repeat(permuted, 3, axis=1), step_down) == pytest.approx([alone[0]] * 3)
    assert westfall_young([], np.empty((5, 0))).shape == (0,)


def test_stepping_down_is_never_less_powerful_than_a_single_step():
    rng = np.random.default_rng(4)
    observed, permuted = np.abs(rng.normal(1, 1, 12)), np.abs(rng.normal(size=(500, 12)))
    assert (westfall_young(observed, permuted) <= westfall_young(observed, permuted, step_down=False)).all()


def test_a_false_alarm_is_as_rare_as_promised_among_tests_that_go_together():
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1], 20)
    shuffles = np.array([rng.permutation(group) for _ in range(99)])
    alarms, missed = 0, 0
    for _ in range(300):
        outcomes = rng.normal(size=(40, 1)) + rng.normal(size=(40, 6)) * 0.5
        gap = np.abs(outcomes[group == 1].mean(axis=0) - outcomes[group == 0].mean(axis=0))
        drawn = np.abs((2 * shuffles - 1) @ outcomes / 20)
        alarms += bool((westfall_young(gap, drawn) <= 0.05).any())
        planted = np.abs((2 * group - 1) @ (outcomes + group[:, None] * 1.5) / 20)
        shifted = np.abs((2 * shuffles - 1) @ (outcomes + group[:, None] * 1.5) / 20)
        missed += not (westfall_young(planted, shifted) <= 0.05).any()
    assert 0.02 < alarms / 300 < 0.085
    assert missed / 300 < 0.1
