"""What a score is worth: published answers, scikit-learn and scipy, laws, and how far the intervals can be trusted."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn import metrics as sk

from audits.metrics import of_task, registry
from audits.metrics.histograms import Scored, auc_error, binning, merged, summarise
from audits.metrics.identity import IDENTITY
from audits.metrics.running import at, value_of
from audits.metrics.score_rows import ScoredRows
from audits.metrics.score_tables import affordable, resample
from audits.statistics import critical, interval
from audits.statistics.bootstrap import spread
from audits.statistics.delong import auc_sufficient

EXACT = 10**6


def scored(labels, scores, groups=None, bins=EXACT, weights=None, cuts=10):
    """Return the summary of every group (one group where none are given)."""
    labels, scores = np.asarray(labels, np.int8), np.asarray(scores, np.float64)
    codes = np.zeros(len(labels), np.int64) if groups is None else np.asarray(groups)
    many = int(codes.max(initial=0)) + 1
    return summarise(codes, many, labels, scores, binning(scores, bins, cuts), weights)


def value(name, *summaries):
    found, exists = value_of(registry[name].function(*summaries))
    assert exists.all(), name
    return found if found.ndim and len(found) > 1 else float(found.ravel()[0])


def simulated(count=3000, seed=0, slope=1.0, groups=2):
    """Well calibrated where the slope is 1; two groups, the second with lower scores."""
    random = np.random.default_rng(seed)
    group = random.integers(0, groups, count)
    logit = random.normal(-0.5 * group, 1.2)
    truth = (random.random(count) < 1 / (1 + np.exp(-slope * logit))).astype(np.int8)
    return group, truth, 1 / (1 + np.exp(-logit))


def rows_of(truth, scores, weights=None, clusters=None):
    return ScoredRows(np.ones(len(truth), bool), truth, scores, weights, clusters, {})


def resampled(group, truth, scores, bins=EXACT, seed=0, number=1000, **more):
    rows = rows_of(truth, scores, **more)
    many = int(group.max()) + 1
    return resample(rows, group, many, binning(scores, bins), np.random.default_rng(seed), number)


def se_of(name, found, group=0):
    return float(spread(*registry[name].function(found.replicates)).se[group])


# Ranking


def test_auc_and_its_standard_error_are_those_published_for_the_ct_ratings_of_hanley_and_mcneil():
    # Hanley, McNeil 1982, table 1; standard error and interval as in Stata's manual, roctab, example 1
    normal, abnormal = np.repeat(range(1, 6), [33, 6, 6, 11, 2]), np.repeat(range(1, 6), [3, 2, 2, 11, 33])
    found = auc_sufficient(abnormal, normal)
    assert found["mean"] == pytest.approx(0.8932, abs=5e-5)
    assert found["se"] == pytest.approx(0.0307, abs=5e-5)
    low, high = interval("normal", found, critical(0.95))
    assert (low, high) == (pytest.approx(0.83295, abs=5e-6), pytest.approx(0.95339, abs=5e-6))
    truth = np.repeat([0, 1], [len(normal), len(abnormal)])
    assert value("auc", scored(truth, np.append(normal, abnormal))) == pytest.approx(found["mean"], abs=1e-15)


@pytest.mark.shared
def test_auc_of_compas_is_what_is_computed_from_the_published_rows(shared_data):
    table = pq.read_table(shared_data / "compas" / "compas_two_years.parquet")
    truth, score = table["two_year_recid"].to_numpy(), table["decile_score"].to_numpy()
    race = np.array(table["race"].to_pylist())
    expected = {"African-American": 0.691834, "Caucasian": 0.693146, "": 0.702166}
    for group, published in expected.items():
        chosen = race == group if group else np.ones(len(race), bool)
        assert value("auc", scored(truth[chosen], score[chosen])) == pytest.approx(published, abs=5e-7)


@pytest.mark.parametrize("digits", [1, 2, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_auc_log_loss_and_brier_score_are_those_of_sklearn_ties_and_weights_included(digits, weighted):
    group, truth, score = simulated()
    score = np.round(score, digits)
    weights = np.random.default_rng(1).random(len(truth)) if weighted else None
    found = scored(truth, score, group, weights=weights)
    for one in (0, 1):
        rows = group == one
        more = {"sample_weight": weights[rows]} if weighted else {}
        assert value("auc", at(found, [one])) == pytest.approx(sk.roc_auc_score(truth[rows], score[rows], **more))
        assert value("subgroup_auc", at(found, [one])) == value("auc", at(found, [one]))
        assert value("log_loss", at(found, [one])) == pytest.approx(sk.log_loss(truth[rows], score[rows], **more))
        theirs = sk.brier_score_loss(truth[rows], score[rows], **more)
        assert value("brier_score", at(found, [one])) == pytest.approx(theirs)


def test_log_loss_of_wrong_certainty_is_large_and_finite_as_in_sklearn():
    truth, score = np.array([1, 0, 1, 0]), np.array([0.0, 0.2, 1.0, 1.0])
    assert value("log_loss", scored(truth, score)) == pytest.approx(sk.log_loss(truth, score))


@pytest.mark.parametrize("bins", [20, 100, 256, 1000])
def test_an_auc_from_bins_is_wrong_by_less_than_the_bound_and_the_bound_falls_with_them(bins):
    _, truth, score = simulated(20_000, groups=1)
    found = scored(truth, score, bins=bins)
    error = abs(value("auc", found) - sk.roc_auc_score(truth, score))
    bound = float(auc_error(found.tally)[0])
    assert error <= bound
    assert bound < 1 / bins
    assert error < {20: 2e-3, 100: 1e-4, 256: 2e-5, 1000: 1e-5}[bins]


def test_a_score_that_most_rows_share_is_a_bin_of_its_own():
    score = np.concatenate([np.full(900, 0.25), np.linspace(0, 1, 500)])
    bins = binning(score, 50)
    assert not bins.exact
    held = np.bincount(bins.place(score), minlength=bins.bins)
    where = bins.place(np.array([0.25]))[0]
    assert bins.value[where] == pytest.approx(0.25)
    assert held[where] == 900
    assert np.delete(held, where).max() < 60


def test_bins_never_cross_the_edges_of_calibration_bins():
    score = np.append(np.random.default_rng(0).random(5000), [0.3, 0.7, 1.0, 0.0])
    for most in (64, EXACT):
        bins = binning(score, most)
        cut = bins.cut[bins.place(score)]
        assert (cut == np.minimum(np.searchsorted(np.arange(1, 10) / 10, score, "right"), 9)).all()


def test_gini_is_twice_the_auc_less_one():
    _, truth, score = simulated(groups=1)
    assert value("gini", scored(truth, score)) == pytest.approx(2 * sk.roc_auc_score(truth, score) - 1)


def test_ks_statistic_is_that_of_scipy_and_the_best_of_the_roc_curve():
    _, truth, score = simulated(groups=1)
    found = value("ks_statistic", scored(truth, score))
    assert found == pytest.approx(stats.ks_2samp(score[truth == 1], score[truth == 0]).statistic)
    false, true, _ = sk.roc_curve(truth, score)
    assert found == pytest.approx((true - false).max())


def test_no_rising_change_of_the_score_alters_a_ranking_and_turning_it_round_mirrors_the_auc():
    group, truth, score = simulated()
    found, changed = scored(truth, score, group), scored(truth, np.exp(3 * score), group)
    for name in ("auc", "gini", "ks_statistic"):
        assert value(name, found) == pytest.approx(value(name, changed))
    assert value("abroca", at(found, 0), at(found, 1)) == pytest.approx(value("abroca", at(changed, 0), at(changed, 1)))
    assert value("auc", scored(truth, -score, group)) == pytest.approx(1 - value("auc", found))
    assert value("auc", scored(1 - truth, score, group)) == pytest.approx(1 - value("auc", found))


# The area between ROC curves


def roc(truth, score):
    false, true, _ = sk.roc_curve(truth, score, drop_intermediate=False)
    return false, true


def crossing(many, seed):
    """Two groups whose ROC curves cross: as in holisticai's case, where the AUCs are equal and the curves are not."""
    random = np.random.default_rng(seed)
    parts = [(0.6, 0.05), (0.4, 0.35), (0.6, 0.35), (0.4, 0.05)]  # A positive, A negative, B positive, B negative
    score = np.concatenate([random.normal(mean, deviation, many) for mean, deviation in parts])
    return np.repeat([0, 1], 2 * many), np.tile(np.repeat([1, 0], many), 2), score


def test_abroca_sees_roc_curves_that_cross_where_the_difference_of_aucs_that_holisticai_calls_abroca_does_not():
    group, truth, score = crossing(200_000, seed=0)
    found = scored(truth, score, group, bins=2000)
    f = np.linspace(0, 1, 400_003)[1:-1]
    a = stats.norm.sf(stats.norm.isf(f, 0.4, 0.35), 0.6, 0.05)
    b = stats.norm.sf(stats.norm.isf(f, 0.4, 0.05), 0.6, 0.35)
    population = np.abs(a - b).mean()
    assert population == pytest.approx(0.340, abs=5e-4)
    assert value("abroca", at(found, 0), at(found, 1)) == pytest.approx(population, abs=2e-3)
    assert abs(np.diff(value("auc", found))[0]) < 5e-3  # what holisticai calls abroca
    draws = []
    for seed in range(60):  # the published 0.365 and 0.007 are of one draw of 400 rows a group
        small = scored(*crossing(200, seed)[1:], crossing(200, seed)[0])
        draws.append(value("abroca", at(small, 0), at(small, 1)))
    assert min(draws) < 0.365 < max(draws)


@pytest.mark.parametrize("digits", [1, 6])
def test_abroca_is_the_area_between_the_curves_of_sklearn(digits):
    group, truth, score = simulated(700, seed=3, groups=3)
    score = np.round(score, digits)
    found = scored(truth, score, group)
    grid = np.linspace(0, 1, 2_000_001)
    middle = (grid[1:] + grid[:-1]) / 2
    for one, other in ((0, 1), (1, 2)):
        heights = [np.interp(middle, *roc(truth[group == at_], score[group == at_])) for at_ in (one, other)]
        expected = np.abs(heights[0] - heights[1]).mean()
        assert value("abroca", at(found, one), at(found, other)) == pytest.approx(expected, abs=2e-6)
        assert value("abroca", at(found, other), at(found, one)) == value("abroca", at(found, one), at(found, other))


def test_abroca_of_lines_by_hand():
    # A ranks perfectly (area 1), B not at all (one score): between them half the square
    found = scored([1, 0, 1, 0], [2, 1, 5, 5], [0, 0, 1, 1])
    assert value("abroca", at(found, 0), at(found, 1)) == 0.5
    # B the wrong way round: the whole square
    found = scored([1, 0, 1, 0], [2, 1, 5, 6], [0, 0, 1, 1])
    assert value("abroca", at(found, 0), at(found, 1)) == 1
    # A goes up at 0 to ½ and straight on; B straight: they meet at 1, a triangle between
    found = scored([1, 1, 0, 1, 0], [2, 1, 1, 5, 5], [0, 0, 0, 1, 1])
    assert value("abroca", at(found, 0), at(found, 1)) == pytest.approx(0.25)


def test_where_one_curve_lies_above_the_other_abroca_is_the_difference_of_aucs():
    random = np.random.default_rng(0)
    truth = np.tile([0, 1], 4000)
    group = np.repeat([0, 1], 4000)
    score = random.normal(size=8000) + truth * np.where(group == 0, 2.5, 1.0)
    found = scored(truth, score, group)
    difference = np.diff(value("auc", found))[0]
    assert value("abroca", at(found, 0), at(found, 1)) == pytest.approx(abs(difference), abs=1e-4)


# Distances between distributions


@pytest.mark.parametrize("weighted", [False, True])
def test_distances_between_score_distributions_are_those_of_scipy(weighted):
    group, truth, score = simulated()
    weights = np.random.default_rng(1).integers(1, 4, len(truth)).astype(float) if weighted else None
    found = scored(np.where(score > 0.8, -1, truth), score, group, weights=weights)  # an unknown truth does not matter
    a, b = group == 0, group == 1
    more = (weights[a], weights[b]) if weighted else ()
    expected = stats.wasserstein_distance(score[a], score[b], *more)
    assert value("score_wasserstein_distance", at(found, 0), at(found, 1)) == pytest.approx(expected)
    one, other = (np.repeat(score[rows], weights[rows].astype(int) if weighted else 1) for rows in (a, b))
    expected = stats.ks_2samp(one, other).statistic
    assert value("score_ks_distance", at(found, 0), at(found, 1)) == pytest.approx(expected)


def test_mean_score_counts_every_row_with_a_score():
    found = scored([1, 0, -1, 1], [3, 1, 8, 2], [0, 0, 0, 1])
    assert value("mean_score", found).tolist() == [4, 2]


# Calibration


def test_calibration_by_hand():
    # scores .1 (1 of 4 positive), .9 (2 of 4): Σ|Σp − Σy| = |.4 − 1| + |3.6 − 2| = 2.2 of 8 rows
    found = scored([1, 0, 0, 0, 1, 1, 0, 0], [0.1] * 4 + [0.9] * 4)
    assert value("expected_calibration_error", found) == pytest.approx(2.2 / 8)
    assert value("calibration_in_the_large", found) == pytest.approx((4.0 - 3) / 8)
    assert value("calibration_ratio", found) == pytest.approx(4 / 3)
    assert value("generalized_true_positive_rate", found) == pytest.approx((0.1 + 0.9 + 0.9) / 3)
    assert value("generalized_false_positive_rate", found) == pytest.approx((0.3 + 1.8) / 5)
    assert value("generalized_false_negative_rate", found) == pytest.approx((0.9 + 0.1 + 0.1) / 3)
    assert value("generalized_true_negative_rate", found) == pytest.approx((2.7 + 0.2) / 5)


def test_the_scan_score_is_the_likelihood_ratio_that_aif360_maximises_over_the_multiple_of_the_odds():
    from scipy.optimize import minimize_scalar

    group, truth, score = simulated(600, slope=0.6)
    score = np.clip(score + 0.08 * group, 0.01, 0.99)
    found = value("subset_scan_score", scored(truth, score, group))
    for one in (0, 1):
        y, p = truth[group == one], score[group == one]

        def loss(b, y=y, p=p):  # Trusted-AI/AIF360, detectors/mdss/ScoringFunctions/Bernoulli.py, penalty 0
            return -(y.sum() * b - np.log(1 - p + np.exp(b) * p).sum())

        best = -minimize_scalar(loss, bounds=(-5, 5), method="bounded").fun
        assert found[one] * len(y) == pytest.approx(best, abs=1e-6)


def test_the_scan_score_by_hand():
    def ours(truth, score):
        return value("subset_scan_score", scored(truth, score)) * len(truth)

    three = 2 * np.log(3) - 4 * np.log(1.5)  # half are positive where p is 1/4: the odds are three times as high
    assert ours([1, 1, 0, 0], [0.25] * 4) == pytest.approx(three)
    assert ours([1, 0, 0, 0], [0.25] * 4) == pytest.approx(0, abs=1e-12)
    assert ours([1, 1], [0.5, 0.5]) == pytest.approx(2 * np.log(2))  # the multiple is without bound: −Σ ln p
    assert ours([1, 1, 0, 0, 0], [0.25] * 4 + [0.0]) == pytest.approx(three)
    assert not value_of(registry["subset_scan_score"].function(scored([1, 0], [0.0, 0.5])))[1].any()


def test_generalized_equalized_odds_is_the_larger_distance_of_the_generalized_rates():
    group, truth, score = simulated(400)
    found = scored(truth, score, group)
    distance = value("generalized_equalized_odds_difference", at(found, [1]), at(found, [0]))
    gaps = [
        score[(group == 1) & (truth == y)].mean() - score[(group == 0) & (truth == y)].mean() for y in (1, 0)
    ]  # Trusted-AI/AIF360, ClassificationMetric.generalized_equalized_odds_difference
    assert distance == pytest.approx(max(map(abs, gaps)))
    decided = scored(truth, (score > 0.5).astype(float), group)
    from fairlearn.metrics import equalized_odds_difference

    theirs = equalized_odds_difference(truth, score > 0.5, sensitive_features=group)
    assert value("generalized_equalized_odds_difference", at(decided, [1]), at(decided, [0])) == pytest.approx(theirs)
    none = scored([1, 1, 1, 0], [0.2, 0.4, 0.3, 0.1], [0, 0, 1, 1])
    assert not value_of(registry["generalized_equalized_odds_difference"].function(at(none, [1]), at(none, [0])))[1]


def test_calibration_error_is_the_same_from_coarse_and_from_exact_bins():
    _, truth, score = simulated(groups=1)
    found = [value("expected_calibration_error", scored(truth, score, bins=bins)) for bins in (64, EXACT)]
    assert found[0] == pytest.approx(found[1], abs=1e-12)
    where = np.minimum((score * 10).astype(int), 9)
    expected = sum(abs(score[where == k].sum() - truth[where == k].sum()) for k in range(10)) / len(truth)
    assert found[0] == pytest.approx(expected)


@pytest.mark.parametrize("slope", [1.0, 0.5, 2.0])
def test_calibration_slope_is_that_of_a_logistic_regression(slope):
    import statsmodels.api as sm

    _, truth, score = simulated(2000, slope=slope, groups=1)
    logit = np.log(score / (1 - score))
    fitted = sm.Logit(truth, sm.add_constant(logit)).fit(disp=0)
    assert value("calibration_slope", scored(truth, score)) == pytest.approx(fitted.params[1], rel=1e-6)
    assert value("calibration_slope", scored(truth, score, bins=1000)) == pytest.approx(fitted.params[1], rel=1e-3)
    assert se_of("calibration_slope", resampled(np.zeros(2000, int), truth, score, 500)) == pytest.approx(
        fitted.bse[1], rel=0.15
    )


def test_calibration_slope_does_not_exist_where_the_classes_do_not_overlap_or_a_score_is_certain():
    function = registry["calibration_slope"].function
    for truth, score in [([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8]), ([0, 1, 0, 1], [0.0, 0.2, 0.7, 0.8])]:
        assert function(scored(truth, score)).among == 0
    assert function(scored([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5])).among == 0


# A group against its background


def against(group, truth, score, weights=None, bins=EXACT):
    found = scored(truth, score, group, bins, weights)
    return at(found, [0])._replace(rest=found.tally[1:2])


@pytest.mark.parametrize("weighted", [False, True])
def test_identity_aucs_are_those_of_sklearn_on_the_rows_that_borkan_and_others_name(weighted):
    group, truth, score = simulated(seed=2)
    score = np.round(score, 2)
    weights = np.random.default_rng(1).random(len(truth)) if weighted else None
    found = against(group, truth, score, weights)
    own = group == 0

    def expected(rows, labels=truth):
        return sk.roc_auc_score(labels[rows], score[rows], sample_weight=None if weights is None else weights[rows])

    assert value("subgroup_auc", found) == pytest.approx(expected(own))
    assert value("bpsn_auc", found) == pytest.approx(expected((own & (truth == 0)) | (~own & (truth == 1))))
    assert value("bnsp_auc", found) == pytest.approx(expected((own & (truth == 1)) | (~own & (truth == 0))))
    for label, name in enumerate(("negative_average_equality_gap", "positive_average_equality_gap")):
        assert value(name, found) == pytest.approx(expected(truth == label, own) - 0.5)


def test_average_equality_gaps_are_one_half_less_mann_whitney_of_background_and_subgroup():
    group, truth, score = simulated(seed=5)
    found = against(group, truth, score)
    for label, name in enumerate(("negative_average_equality_gap", "positive_average_equality_gap")):
        background, subgroup = (score[(group == g) & (truth == label)] for g in (1, 0))
        u = stats.mannwhitneyu(background, subgroup, alternative="less").statistic
        assert value(name, found) == pytest.approx(0.5 - u / (len(background) * len(subgroup)))


def test_the_auc_of_all_rows_is_the_mean_of_the_aucs_within_and_between_group_and_background():
    group, truth, score = simulated(seed=4)
    found = against(group, truth, score)
    background = scored(truth, score, group)
    parts = [registry[name].function(found) for name in ("subgroup_auc", "bpsn_auc", "bnsp_auc")]
    parts.append(registry["auc"].function(at(background, [1])))
    whole = sum(part.of for part in parts) / sum(part.among for part in parts)
    assert whole[0] == pytest.approx(sk.roc_auc_score(truth, score))


# Sums that add up


def test_shards_add_up_to_the_whole_and_other_bins_are_refused():
    group, truth, score = simulated(seed=6)
    bins = binning(score, 100)
    whole = summarise(group, 2, truth, score, bins)
    parts = [summarise(group[part], 2, truth[part], score[part], bins) for part in (slice(1000), slice(1000, None))]
    for name, ours, theirs in zip(Scored._fields, merged(*parts), whole, strict=True):
        assert ours == pytest.approx(theirs), name
    other = summarise(group, 2, truth, score, binning(score, 50))
    with pytest.raises(ValueError, match="got other bins, expected the same ones"):
        merged(whole, other)


@pytest.mark.parametrize("entry", of_task("scores"), ids=lambda entry: entry.name)
def test_no_score_metric_changes_when_rows_are_shuffled_groups_renamed_or_all_weights_doubled(entry):
    group, truth, score = simulated(500, seed=7)
    order = np.random.default_rng(0).permutation(500)

    def measured(group, truth, score, first, weights=None):
        found = scored(truth, score, group, weights=weights)
        one, two = at(found, [first]), at(found, [1 - first])
        one = one._replace(rest=two.tally)
        return value(entry.name, *((one, two) if entry.facts["over"] == "pair" else (one,)))

    plain = measured(group, truth, score, 0)
    assert measured(group[order], truth[order], score[order], 0) == pytest.approx(plain, rel=1e-9)
    assert measured(1 - group, truth, score, 1) == pytest.approx(plain, rel=1e-9)
    assert measured(group, truth, score, 0, np.full(500, 2.0)) == pytest.approx(plain, rel=1e-9)


EMPTY = {  # rows of the group (truth, score), and the metrics that exist nonetheless
    "no rows": ([], [], set()),
    "no positive rows": (
        [0, 0, 0],
        [0.2, 0.4, 0.4],
        {
            *("log_loss", "brier_score", "mean_score", "expected_calibration_error", "calibration_in_the_large"),
            *("generalized_false_positive_rate", "generalized_true_negative_rate", "score_ks_distance"),
            *("score_wasserstein_distance", "bpsn_auc", "negative_average_equality_gap", "subset_scan_score"),
        },
    ),
    "no negative rows": (
        [1, 1, 1],
        [0.2, 0.4, 0.4],
        {
            *("log_loss", "brier_score", "mean_score", "expected_calibration_error", "calibration_in_the_large"),
            *("calibration_ratio", "generalized_true_positive_rate", "generalized_false_negative_rate"),
            *("score_ks_distance", "score_wasserstein_distance", "bnsp_auc", "positive_average_equality_gap"),
            "subset_scan_score",
        },
    ),
    "no known truth": ([-1, -1], [0.2, 0.4], {"mean_score", "score_ks_distance", "score_wasserstein_distance"}),
    "one score for all": ([0, 1], [0.5, 0.5], None),
    "scores that are no probabilities": ([0, 1, 0, 1], [3.0, 4.0, 5.0, 6.0], None),
}
NOT_ANYWAY = {
    "one score for all": {"calibration_slope"},
    "scores that are no probabilities": {
        *("log_loss", "brier_score", "expected_calibration_error", "calibration_in_the_large", "calibration_ratio"),
        *("calibration_slope", "generalized_true_positive_rate", "generalized_false_positive_rate"),
        *("generalized_false_negative_rate", "generalized_true_negative_rate"),
        *("generalized_equalized_odds_difference", "subset_scan_score"),
    },
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize("entry", of_task("scores"), ids=lambda entry: entry.name)
def test_what_cannot_be_known_is_undefined_and_everything_else_is_finite(case, entry):
    truth, score, exist = EMPTY[case]
    others_truth, others_score = [0, 1, 0, 1, 0, 1], [0.1, 0.3, 0.4, 0.5, 0.6, 0.9]
    group = np.repeat([0, 1], [len(truth), 6])
    found = scored([*truth, *others_truth], [*score, *others_score], group)
    one, two = at(found, [0]), at(found, [1])
    one = one._replace(rest=two.tally)
    share = entry.function(*((one, two) if entry.facts["over"] == "pair" else (one,)))
    number, exists = value_of(share)
    assert np.isfinite(number).all()
    expected = entry.name not in NOT_ANYWAY[case] if exist is None else entry.name in exist
    assert exists.tolist() == [expected]


# How sure the numbers are


def test_the_standard_error_of_an_auc_from_resampled_counts_is_delongs():
    group, truth, score = simulated(4000, seed=8)
    for bins in (200, 1000):
        found = resampled(group, truth, score, bins)
        for one in (0, 1):
            positive, negative = (score[(group == one) & (truth == label)] for label in (1, 0))
            assert se_of("auc", found, one) == pytest.approx(auc_sufficient(positive, negative)["se"], rel=0.07)


@pytest.mark.parametrize("bins", [32, EXACT])
def test_the_standard_error_of_a_mean_is_that_of_the_rows_even_where_bins_are_wide(bins):
    group, truth, score = simulated(1500, seed=9)
    found = resampled(group, truth, score, bins)
    rows = group == 0
    given = np.where(truth == 1, score, 1 - score)
    for name, values in {
        "log_loss": -np.log(given)[rows],
        "brier_score": ((1 - given) ** 2)[rows],
        "mean_score": score[rows],
        "calibration_in_the_large": (score - truth)[rows],
        "generalized_true_positive_rate": score[rows & (truth == 1)],
    }.items():
        assert se_of(name, found) == pytest.approx(values.std() / np.sqrt(len(values)), rel=0.07), name


@pytest.mark.parametrize("bins", [32, EXACT])
@pytest.mark.parametrize("name", ["auc", "log_loss", "mean_score", "brier_score"])
def test_rows_said_four_times_over_are_worth_no_more_than_once(name, bins):
    group, truth, score = simulated(600, seed=10)
    once = resampled(group, truth, score, bins)
    cluster = np.repeat(np.arange(600), 4).astype(np.int32)
    four = [np.repeat(part, 4) for part in (group, truth, score)]
    assert se_of(name, resampled(*four, bins, clusters=cluster)) == pytest.approx(se_of(name, once), rel=0.1)
    assert se_of(name, resampled(*four, bins)) == pytest.approx(se_of(name, once) / 2, rel=0.1)


@pytest.mark.parametrize("bins", [32, EXACT])
def test_unequal_weights_widen_the_standard_error_as_the_linearised_variance_says(bins):
    group, truth, score = simulated(1500, seed=11, groups=1)
    weights = np.random.default_rng(0).exponential(size=1500)
    found = resampled(group, truth, score, bins, weights=weights)
    given = np.where(truth == 1, score, 1 - score)
    for name, values in {"log_loss": -np.log(given), "mean_score": score}.items():
        off = weights * (values - np.average(values, weights=weights))
        assert se_of(name, found) == pytest.approx(np.sqrt((off**2).sum()) / weights.sum(), rel=0.08), name


def test_the_interval_of_an_auc_holds_the_true_one_as_often_as_it_says():
    random = np.random.default_rng(12)
    truth = np.repeat([0, 1], [60, 40]).astype(np.int8)
    true = stats.norm.cdf(1.2 / np.sqrt(2))
    held = []
    for seed in range(300):
        score = random.normal(size=100) + 1.2 * truth
        found = resampled(np.zeros(100, int), truth, score, seed=seed, number=200)
        mean, se = value("auc", found.summary), se_of("auc", found)
        low, high = interval(
            "logit-normal",
            {"mean": np.log(mean / (1 - mean)), "se": se / (mean * (1 - mean))},
            critical(0.95),
        )
        held.append(low <= true <= high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_groups_that_are_equal_differ_by_as_much_as_chance_says():
    pair = ("abroca", True), ("score_ks_distance", False), ("score_wasserstein_distance", False)
    random = np.random.default_rng(13)
    as_large = {name: [] for name, _ in pair}
    for seed in range(150):
        truth = (random.random(300) < 0.4).astype(np.int8)
        group, score = random.integers(0, 2, 300), np.round(random.normal(size=300) + truth, 1)
        found = resampled(group, truth, score, seed=seed, number=200)
        for name, by_truth in pair:
            function = registry[name].function
            chance, _ = value_of(
                function(*(at(found.equal(random, [0, 1], by_truth), [one], axis=1) for one in (0, 1)))
            )
            here = value(name, at(found.summary, 0), at(found.summary, 1))
            as_large[name].append((chance >= here - 1e-12).mean())
    for name, p in as_large.items():
        assert np.mean(np.array(p) <= 0.1) <= 0.17, name
        assert 0.4 <= np.mean(p) <= 0.62, name


def test_a_calibrated_score_has_the_calibration_error_that_chance_says_and_a_worthless_one_the_ks_statistic():
    random = np.random.default_rng(14)
    p = {"expected_calibration_error": [], "ks_statistic": []}
    for seed in range(120):
        score = random.random(400)
        truth = (random.random(400) < score).astype(np.int8)
        found = resampled(np.zeros(400, int), truth, score, 60, seed=seed, number=200)
        function = registry["expected_calibration_error"].function
        chance, _ = value_of(function(found.calibrated(random)))
        p["expected_calibration_error"].append((chance[:, 0] >= value_of(function(found.summary))[0][0]).mean())
        found = resampled(np.zeros(400, int), random.permutation(truth), score, 60, seed=seed, number=200)
        function = registry["ks_statistic"].function
        chance, _ = value_of(function(found.unseparated(random)))
        p["ks_statistic"].append((chance[:, 0] >= value_of(function(found.summary))[0][0]).mean())
    for name, found in p.items():
        assert np.mean(np.array(found) <= 0.1) <= 0.17, name
        assert 0.4 <= np.mean(found) <= 0.6, name


def test_resampled_tables_stay_small_however_many_groups_there_are():
    for groups in (1, 5, 40, 1000):
        bins, number = affordable(groups, 1000)
        assert 32 <= bins <= 1000
        assert 200 <= number <= 1000
        assert groups * 3 * bins * number <= 20e6
    assert affordable(2, 1000) == (1000, 1000)


def test_the_names_of_the_metrics_of_a_group_against_its_background_are_registered():
    assert set(IDENTITY) <= {entry.name for entry in of_task("scores")}
