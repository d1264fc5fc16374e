"""Tests, multiplicity, sample sizes, effective rows."""

import numpy as np
import pytest
from scipy.special import betaincinv, stdtr

from audits.statistics import critical, interval, z_where
from audits.statistics.means import cluster_t_sufficient, t_sufficient, welch_sufficient
from audits.statistics.paired import clustered_mcnemar, mcnemar_p, mcnemar_z
from audits.statistics.power import (
    detectable_difference,
    detectable_ratio,
    rows_equality,
    rows_equivalence,
    rows_noninferiority,
    rows_ratio,
)
from audits.statistics.rates import student_tail, tail
from audits.statistics.simultaneous import (
    bonferroni,
    bonferroni_critical,
    bonferroni_p,
    holm,
    one_sided,
    pairs_critical,
    pairs_p,
)
from audits.statistics.weights import cluster_effective, design_effect, kish

Z = critical(0.95)


def test_mcnemar_gives_the_bentur_answers():
    assert mcnemar_z(1, 7) == pytest.approx(-2.1213, abs=5e-5)
    assert mcnemar_p(1, 7, "asymptotic") == pytest.approx(0.0339, abs=5e-5)
    assert mcnemar_p(1, 7, "exact") == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_p(1, 7, "corrected") == pytest.approx(2 * tail(3.125**0.5))


def test_mid_p_of_as_many_flips_each_way_takes_half_the_point():
    assert mcnemar_p(3, 3) == pytest.approx(1 - 0.5 * 20 / 64)
    assert mcnemar_p(0, 0) == 1


def test_mcnemar_refuses_an_unknown_method():
    with pytest.raises(ValueError, match="expected mid-p, exact, asymptotic or corrected"):
        mcnemar_p(1, 2, "chi")


def test_statsmodels_gives_the_same_exact_mcnemar():
    from statsmodels.stats.contingency_tables import mcnemar

    table = [[5, 4], [9, 5]]
    assert mcnemar_p(4, 9, "exact") == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert mcnemar_p(4, 9, "corrected") == pytest.approx(mcnemar(table, exact=False, correction=True).pvalue)
    assert mcnemar_p(4, 9, "asymptotic") == pytest.approx(mcnemar(table, exact=False, correction=False).pvalue)


def test_flips_in_clusters_give_the_smaller_statistic():
    b, c = (3, 0, 5, 1), (1, 2, 0, 1)
    assert mcnemar_z(sum(b), sum(c)) ** 2 == pytest.approx(1.9231, abs=5e-5)
    assert clustered_mcnemar(b, c) == pytest.approx(0.7576, abs=5e-5)
    assert clustered_mcnemar([0], [0]) == 0


@pytest.mark.parametrize(
    ("groups", "tukey", "bonferroni_z"),
    [
        (2, 1.960, 1.960),
        (3, 2.344, 2.394),
        (4, 2.569, 2.638),
        (5, 2.728, 2.807),
        (7, 2.948, 3.038),
        (8, 3.031, 3.124),
        (14, 3.354, 3.455),
    ],
)
def test_critical_values_for_all_pairs_are_those_of_the_table(groups, tukey, bonferroni_z):
    assert pairs_critical(0.95, groups) == pytest.approx(tukey, abs=5e-4)
    assert bonferroni_critical(0.95, groups * (groups - 1) // 2) == pytest.approx(bonferroni_z, abs=5e-4)


@pytest.mark.parametrize("z", [0.1, 1.0, 2.5, 4.0, 5.5])
def test_scipy_gives_the_same_studentized_range(z):
    from scipy.stats import studentized_range

    for groups in (2, 3, 8):
        theirs = studentized_range.sf(z * np.sqrt(2), groups, np.inf)
        assert pairs_p(z, groups) == pytest.approx(theirs, rel=1e-6, abs=1e-13)


def test_the_tail_for_all_pairs_falls_on_beyond_what_one_minus_a_float_holds():
    values = [pairs_p(z, 5) for z in (5.0, 6.9, 7.1, 9.0, 15.0, 30.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0


def test_critical_value_and_p_value_are_each_others_inverse():
    assert pairs_p(pairs_critical(0.9, 6), 6) == pytest.approx(0.1, abs=1e-9)
    assert one_sided(0.95) == pytest.approx(1.644854, abs=5e-7)
    assert pairs_p(0, 4) == 1
    assert bonferroni_p(Z, 3) == pytest.approx(0.15)


BH_1995 = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.324,
    0.4262,
    0.5719,
    0.6528,
    0.759,
    1,
]


def test_holm_and_bonferroni_reject_three_of_the_fifteen_of_benjamini_and_hochberg_1995():
    assert holm(BH_1995)[:4] == pytest.approx([0.0015, 0.0056, 0.0247, 0.1140], abs=5e-5)
    assert int((holm(BH_1995) <= 0.05).sum()) == 3
    assert int((bonferroni(BH_1995) <= 0.05).sum()) == 3


def test_holm_does_not_depend_on_the_order():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(1).permutation(BH_1995)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([]).shape == (0,)


def test_sample_sizes_are_those_of_chow_shao_and_wang():
    assert rows_equality(0.65, 0.85) == pytest.approx(69.66, abs=0.01)
    assert rows_noninferiority(0.85, 0.65, 0.10) == pytest.approx(24.39, abs=0.01)
    assert rows_equivalence(0.75, 0.80, 0.2) == pytest.approx(132.26, abs=0.01)


@pytest.mark.parametrize(
    ("p", "difference", "equivalence", "wide", "ratio", "ratio_to_many"),
    [
        (0.02, (97, 135), 135, 34, (12169, 16855), 6693),
        (0.05, (235, 326), 326, 82, (4719, 6536), 2596),
        (0.10, (446, 617), 617, 155, (2235, 3096), 1230),
        (0.30, (1039, 1439), 1439, 360, (580, 803), 319),
        (0.50, (1237, 1713), 1713, 429, (249, 344), 137),
        (0.90, (446, 617), 617, 155, (28, 39), 16),
    ],
)
def test_rows_to_pass_are_those_of_the_table(p, difference, equivalence, wide, ratio, ratio_to_many):
    def up(value):
        return int(np.ceil(value))

    assert tuple(up(rows_noninferiority(p, p, 0.05, power=power)) for power in (0.8, 0.9)) == difference
    assert up(rows_equivalence(p, p, 0.05)) == equivalence
    assert up(rows_equivalence(p, p, 0.10)) == wide
    assert tuple(up(rows_ratio(p, power=power)) for power in (0.8, 0.9)) == ratio
    assert up(rows_ratio(p, k=10)) == ratio_to_many


def test_minimum_detectable_disparities_are_those_of_the_table():
    table = {50: 0.257, 100: 0.182, 200: 0.128, 500: 0.081, 1000: 0.057, 5000: 0.026}
    for n, expected in table.items():
        assert detectable_difference(0.3, n, n, Z) == pytest.approx(expected, abs=5e-4)
    assert 0 < detectable_ratio(0.3, 100, 100, Z) < 1


def test_kish_gives_the_effective_rows_of_the_example():
    weights = np.repeat([1.0, 5.0], [100, 20])
    assert float(kish(weights.sum(), (weights**2).sum())) == pytest.approx(66.67, abs=5e-3)
    assert design_effect(40, 0.1) == pytest.approx(4.9)
    assert float(kish(0, 0)) == 0


def test_rows_that_repeat_each_other_count_once():
    assert cluster_effective([10, 0] * 20, [10] * 40) == pytest.approx(39, rel=0.01)
    assert cluster_effective([1, 0] * 200, [1] * 400) == pytest.approx(399, rel=0.01)
    assert cluster_effective([5, 5, 5], [5, 5, 5]) == 3
    assert cluster_effective([3], [5]) == 1


def test_korn_graubard_is_clopper_pearson_of_the_effective_rows():
    plain = interval("clopper-pearson", {"x": 20, "n": 100}, Z)
    same = interval("korn-graubard", {"x": 20, "n": 100, "effective": 100, "clusters": 100}, Z)
    wider = interval("korn-graubard", {"x": 20, "n": 100, "effective": 40, "clusters": 10}, Z)
    assert same == pytest.approx(plain, rel=1e-9)
    assert wider[0] < plain[0]
    assert plain[1] < wider[1]


def test_the_t_interval_is_that_of_scipy():
    from scipy import stats

    values = np.array([1.0, 2.5, 0.3, 4.1, 2.2])
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval("t", t_sufficient(values), Z) == pytest.approx((theirs.low, theirs.high))
    other = np.array([0.1, 0.2, 1.7])
    welch = stats.ttest_ind(values, other, equal_var=False).confidence_interval(0.95)
    assert interval("t", welch_sufficient(values, other), Z) == pytest.approx((welch.low, welch.high))


def test_clusters_weigh_the_same_in_a_cluster_mean():
    found = cluster_t_sufficient([1, 1, 1, 1, 3], ["a", "a", "a", "a", "b"])
    assert found == {"mean": 2.0, "se": pytest.approx(1.0), "df": 1.0}
    with pytest.raises(ValueError, match="expected at least 2"):
        cluster_t_sufficient([1, 2], ["a", "a"])


def test_the_cluster_interval_covers_where_the_naive_one_does_not():
    rng = np.random.default_rng(3)
    naive = clustered = 0
    for _ in range(200):
        values = rng.normal(0, 0.4, 30).repeat(50) + rng.normal(0, 1, 1500)
        low, high = interval("t", t_sufficient(values), Z)
        naive += low <= 0 <= high
        low, high = interval("t", cluster_t_sufficient(values, np.arange(30).repeat(50)), Z)
        clustered += low <= 0 <= high
    assert naive < 160
    assert clustered > 180


def test_effective_rows_keep_the_coverage_of_a_rate_in_clusters():
    rng = np.random.default_rng(5)
    naive = clustered = 0
    for _ in range(300):
        of = rng.binomial(30, rng.beta(2, 3, 40))
        low, high = interval("clopper-pearson", {"x": of.sum(), "n": 1200}, Z)
        naive += low <= 0.4 <= high
        worth = cluster_effective(of, np.full(40, 30))
        low, high = interval("korn-graubard", {"x": of.sum(), "n": 1200, "effective": worth, "clusters": 40}, Z)
        clustered += low <= 0.4 <= high
    assert naive < 220
    assert clustered >= 276


@pytest.mark.parametrize("df", [1.0, 2.0, 2.5, 3.0, 3.19, 5.0, 8.0, 30.0])
def test_students_tail_is_exact_as_far_out_as_a_float_tells(df):
    """scipy's stdtrit(3, 1e-163) is +inf; the quantile of the beta distribution is not wrong there."""
    share = 10.0 ** -np.arange(1, 140)
    beta = betaincinv(df / 2, 0.5, 2 * share)
    assert student_tail(df, share) == pytest.approx(np.sqrt(df * (1 - beta) / beta), rel=1e-9)
    further = student_tail(df, 10.0 ** -np.arange(1, 299))
    assert (np.diff(further) > 0).all()


@pytest.mark.parametrize("df", [0.5, 1.0, 2.5, 3.0, 3.19, 8.0, 40.0])
@pytest.mark.parametrize(("mean", "se"), [(0.085, 0.0411), (0.3, 0.0411), (0.02, 0.01), (-0.4, 0.001)])
def test_the_critical_value_at_which_a_t_interval_reaches_a_bound_is_that_of_its_tail(df, mean, se):
    """With few clusters: 4 of them once made a false FAIL, with a p-value of 1e-299."""
    z = float(z_where("t", {"mean": mean, "se": se, "df": df}, 0.05))
    assert tail(abs(z)) == pytest.approx(float(stdtr(df, -abs(mean - 0.05) / se)), rel=1e-6)
    assert (z > 0) == (mean > 0.05)
