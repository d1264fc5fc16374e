"""Metrics of predicted numbers: published answers with the peer's slip named, other libraries, and laws."""

import numpy as np
import pytest

from audits.metrics import registry
from audits.metrics.predicted import distributed, full_sample_quantile, parts_of, summed, values_of
from audits.metrics.regression import (
    cdf_parity,
    correlation,
    jain_index,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_error,
    mean_prediction,
    mean_squared_error,
    quantile_rate,
    r_squared,
    regression_statistical_parity,
    root_mean_squared_error,
    scoring_rate,
    statistical_parity_area,
    wasserstein_distance,
    weighted_absolute_percentage_error,
    z_score_difference,
)
from audits.metrics.replicating import add_up
from audits.metrics.running import at, value_of


def summary(groups, predicted, truth=None, weights=None, level=0.8):
    """The whole summary: sums, shares above quantiles, and the distribution."""
    groups, predicted = np.asarray(groups), np.asarray(predicted, float)
    truth = np.full(len(groups), np.nan) if truth is None else np.asarray(truth, float)
    weights = np.ones(len(groups)) if weights is None else np.asarray(weights, float)
    count = int(groups.max()) + 1
    parts = parts_of(predicted, truth, weights)
    known = np.isfinite(predicted)
    own = (predicted[known], weights[known])
    for field, q in ((5, 0.5), (6, level)):
        parts[field] = np.where(known, weights * (predicted > full_sample_quantile(own[0], q, own[1])), 0.0)
    found = summed(np.stack([np.bincount(groups, part, minlength=count) for part in parts]))
    value, place, _ = values_of(predicted[known], groups[known], count, 4096)
    histogram = distributed(add_up(groups[known], count, place, len(value), weights[known]), value)
    return found._replace(histogram=histogram.histogram, value=np.asarray(histogram.value))


def number(share):
    value, exists = value_of(share)
    assert exists.all()
    return value


def pair(metric, found, one=0, two=1):
    return number(metric(at(found, [one]), at(found, [two])))[0]


A, B = np.repeat([0, 1], [4, 6]), np.repeat([0, 1], 50)
SCORES = [0.8, 0.9, 0.2, 0.1, 0.7, 0.9, 0.8, 0.6, 0.3, 0.5]  # holisticai documentation, regression bias metrics
LINE = np.concatenate([np.linspace(-1, 1, 50), np.linspace(-1, 1, 50) ** 3])


def test_average_scores_are_those_of_the_holisticai_documentation():
    mean = number(mean_prediction(summary(A, SCORES)))
    assert mean[0] - mean[1] == pytest.approx(-0.133333333)
    assert mean[0] / mean[1] == pytest.approx(0.7894736842)


def test_the_disparate_impact_at_a_quantile_is_that_of_the_holisticai_documentation():
    above = number(quantile_rate(summary(A, SCORES, level=0.7)))
    assert above[0] / above[1] == pytest.approx(1.5)
    # strictly above, as the scoring rate; holisticai's difference of 0.16667 is of scores at or above the quantile
    assert above[0] - above[1] == pytest.approx(1 / 4 - 1 / 6)


def test_the_quantile_is_the_one_in_the_name():
    # holisticai's batch entry "Statistical Parity Q50" is computed at quantile 0.8
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 200)
    scores = rng.normal(size=400) + 0.5 * groups
    at_half, at_eight = (number(quantile_rate(summary(groups, scores, level=q))) for q in (0.5, 0.8))
    by_hand = [[(scores[groups == g] > np.quantile(scores, q)).mean() for g in (0, 1)] for q in (0.5, 0.8)]
    assert at_half == pytest.approx(by_hand[0])
    assert at_eight == pytest.approx(by_hand[1])
    assert at_half[0] - at_half[1] != pytest.approx(at_eight[0] - at_eight[1])


def test_the_largest_statistical_parity_is_that_of_the_holisticai_documentation():
    assert pair(cdf_parity, summary(B, LINE)) == pytest.approx(0.2)
    # the area under the curve of holisticai is a sum over 150 thresholds, here it is over every prediction
    assert pair(statistical_parity_area, summary(B, LINE)) == pytest.approx(0.12106666666666668, abs=0.003)


def test_error_ratios_and_correlations_are_those_of_the_holisticai_documentation():
    line = np.linspace(-1, 1, 50)
    found = summary(B, np.tile(line, 2), np.concatenate([line**2, line**3]))
    root, absolute = number(root_mean_squared_error(found)), number(mean_absolute_error(found))
    assert root[0] / root[1] == pytest.approx(2.7471209467641367)
    assert absolute[0] / absolute[1] == pytest.approx(2.084201388888889)
    own = number(correlation(summary(B, LINE, np.concatenate([line, line**2]))))
    assert own == pytest.approx([1, 0], abs=1e-9)


def test_the_level_without_disparate_impact_is_that_of_the_holisticai_documentation():
    level = registry["no_disparate_impact_level"].function
    assert pair(level, summary(A, SCORES)) == 0.7
    assert pair(level, summary(A, SCORES), 1, 0) == 0.7  # four fifths of either group; holisticai: from 0.8 to 1.2
    assert pair(level, summary(A, np.repeat([5.0, 1.0], [4, 6]))) == 1  # the lowest value is reached by everybody
    assert pair(level, summary(A, np.ones(10))) == 1
    # 10 of 10 and 8 of 10 reach 2: four fifths exactly
    assert pair(level, summary(np.repeat([0, 1], 10), [2.0] * 10 + [2.0] * 8 + [1.0] * 2)) == 2


def test_the_effect_of_a_treatment_is_the_harm_from_rejection_of_the_veritas_toolkit():
    rng = np.random.default_rng(3)
    group, treated = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    with_it, without = rng.random(60), rng.random(60)
    parts = parts_of(with_it, np.full(60, np.nan), np.ones(60), without, treated)
    found = summed(np.stack([np.bincount(group, part, minlength=2) for part in parts]))
    ours = number(registry["treatment_effect"].function(found))
    chosen = treated == 1  # whose lift is above the threshold; the sum is over all rows of the group
    theirs = [((with_it - without)[chosen & (group == g)]).sum() / (group == g).sum() for g in (0, 1)]
    assert ours == pytest.approx(theirs)
    assert not value_of(registry["treatment_effect"].function(summary(A, SCORES)))[1].any()
    unknown = parts_of(with_it, with_it, np.ones(60), np.where(group == 1, np.nan, without), treated)
    known = summed(np.stack([np.bincount(group, part, minlength=2) for part in unknown]))
    assert value_of(registry["treatment_effect"].function(known))[1].tolist() == [True, False]


def test_the_z_score_difference_has_the_pooled_deviation_of_both_groups():
    scores = [0.8, 0.9, 0.2, 0.1, 0.2, 0.9, 0.3, 0.6, 0.3, 0.5]
    library = 0.1166919931983158  # holisticai weighs population variances by n − 1, so its deviation is too small
    groups = np.array(scores[:4]), np.array(scores[4:])
    pooled = np.sqrt(sum((len(g) - 1) * g.var(ddof=1) for g in groups) / 8)
    ours = pair(z_score_difference, summary(A, scores))
    assert ours == pytest.approx((groups[0].mean() - groups[1].mean()) / pooled)
    assert ours == pytest.approx(0.10328, abs=5e-6)
    assert ours < library


def test_the_scoring_rate_counts_scores_strictly_above_the_median_of_the_full_sample():
    scores = [1, 2, 2, 2, 3, 2, 4, 5]  # the median is 2, and three of the first group lie at it
    assert number(scoring_rate(summary([0] * 4 + [1] * 4, scores))).tolist() == [0, 0.75]


def test_the_median_of_an_even_number_of_scores_is_the_middle_of_two():
    assert full_sample_quantile(np.array([4.0, 1, 3, 2]), 0.5, np.ones(4)) == 2.5
    assert full_sample_quantile(np.array([4.0, 1, 3, 2]), 0.5, np.array([3.0, 1, 1, 1])) == 3.5
    assert full_sample_quantile(np.array([1.0, 2, 9]), 0.5, np.array([1.0, 1, 0])) == 1.5


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5, 0.8])
def test_quantiles_are_those_of_numpy_and_of_repeated_values(level):
    rng = np.random.default_rng(1)
    values, times = rng.integers(0, 30, 57).astype(float), rng.integers(1, 5, 57)
    plain = np.quantile(values, level, method="averaged_inverted_cdf")
    assert full_sample_quantile(values, level, np.ones(57)) == plain
    repeated = np.quantile(np.repeat(values, times), level, method="averaged_inverted_cdf")
    assert full_sample_quantile(values, level, times.astype(float)) == repeated


def test_an_impact_ratio_of_scores_divides_scoring_rates():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 3, 500)
    scores = rng.normal(size=500) + 0.3 * groups
    rates = number(scoring_rate(summary(groups, scores)))
    by_hand = [(scores[groups == g] > np.median(scores)).mean() for g in range(3)]
    assert rates / rates.max() == pytest.approx(np.array(by_hand) / max(by_hand))


def drawn(seed, rows=400, groups=3):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, groups, rows)
    truth = rng.gamma(3, 10, rows) + 1
    return codes, truth + rng.normal(0, 5, rows) + codes, truth


def test_scikit_learn_and_fairlearn_give_the_same_group_losses():
    from fairlearn.metrics import MetricFrame
    from fairlearn.metrics import mean_prediction as theirs_mean
    from sklearn import metrics as theirs

    codes, predicted, truth = drawn(3)
    frame = MetricFrame(
        metrics={
            "mean_prediction": theirs_mean,
            "mae": theirs.mean_absolute_error,
            "mse": theirs.mean_squared_error,
            "rmse": theirs.root_mean_squared_error,
            "r2": theirs.r2_score,
            "mape": theirs.mean_absolute_percentage_error,
        },
        y_true=truth,
        y_pred=predicted,
        sensitive_features=codes,
    ).by_group
    found = summary(codes, predicted, truth)
    ours = {
        "mean_prediction": mean_prediction,
        "mae": mean_absolute_error,
        "mse": mean_squared_error,
        "rmse": root_mean_squared_error,
        "r2": r_squared,
        "mape": mean_absolute_percentage_error,
    }
    for name, metric in ours.items():
        assert number(metric(found)) == pytest.approx(frame[name].to_numpy())


def test_weighted_losses_are_those_of_scikit_learn_with_weights():
    from sklearn import metrics as theirs

    codes, predicted, truth = drawn(4)
    weights = np.random.default_rng(0).random(400) * 3
    found = summary(codes, predicted, truth, weights)
    for group in range(3):
        inside = codes == group
        rows = (truth[inside], predicted[inside])
        for metric, other in ((mean_absolute_error, theirs.mean_absolute_error), (r_squared, theirs.r2_score)):
            assert number(metric(found))[group] == pytest.approx(other(*rows, sample_weight=weights[inside]))


def test_scipy_gives_the_same_distances_between_distributions():
    from scipy import stats

    codes, predicted, _ = drawn(5)
    found = summary(codes, predicted)
    one, two = predicted[codes == 0], predicted[codes == 1]
    assert pair(cdf_parity, found) == pytest.approx(stats.ks_2samp(one, two).statistic)
    assert pair(wasserstein_distance, found) == pytest.approx(stats.wasserstein_distance(one, two))
    whole = max(stats.ks_2samp(predicted[codes == g], predicted).statistic for g in range(3))
    assert number(regression_statistical_parity(found)) == pytest.approx(whole)


def test_weighted_distances_are_those_of_scipy():
    from scipy import stats

    codes, predicted, _ = drawn(6)
    weights = np.random.default_rng(1).random(400)
    one, two = codes == 0, codes == 1
    theirs = stats.wasserstein_distance(predicted[one], predicted[two], weights[one], weights[two])
    assert pair(wasserstein_distance, summary(codes, predicted, weights=weights)) == pytest.approx(theirs)


def test_binned_distances_are_short_by_less_than_a_bin_also_for_a_small_group_at_one_place():
    from scipy import stats

    rng = np.random.default_rng(7)
    codes = np.repeat([0, 1, 2], [20_000, 60, 60])
    predicted = np.concatenate([rng.normal(size=20_000), rng.normal(0, 1e-4, 60), rng.normal(5e-5, 1e-4, 60)])
    value, place, exact = values_of(predicted, codes, 3, 1000)
    assert not exact
    assert len(value) <= 1000
    found = distributed(add_up(codes, 3, place, len(value)), value)
    for a, b in ((0, 1), (1, 2), (0, 2)):
        theirs = stats.ks_2samp(predicted[codes == a], predicted[codes == b]).statistic
        ours = number(cdf_parity(at(found, [a]), at(found, [b])))[0]
        assert theirs - 3 / 1000 - 1 / 60 <= ours <= theirs + 1e-12


def test_the_weighted_percentage_error_and_the_mean_error_by_hand():
    found = summary([0, 0, 1], [3, 1, 5], [1, 2, 4])
    assert number(weighted_absolute_percentage_error(found)).tolist() == [1, 0.25]
    assert number(mean_error(found)).tolist() == [0.5, 1]


def test_a_percentage_error_leaves_out_truths_of_zero_and_is_none_where_all_are():
    found = summary([0, 0, 1], [3, 1, 5], [0, 2, 0])
    share = mean_absolute_percentage_error(found)
    assert share.of[0] / share.among[0] == 0.5
    assert share.among[1] == 0


def test_jains_index_is_1_for_errors_all_alike_and_1_over_n_for_one_alone():
    assert number(jain_index(summary([0, 0, 1], [1, 2, 3], [2, 3, 2]))) == 1
    assert number(jain_index(summary([0, 0, 1, 1], [1, 2, 3, 9], [1, 2, 3, 4]))) == 0.25
    assert jain_index(summary([0, 1], [1, 2], [1, 2])).among == 0


def test_a_constant_truth_has_no_r_squared_and_constant_predictions_no_z_score():
    found = summary([0, 0, 1, 1], [0.1, 0.1, 0.1, 0.1], [0.3, 0.3, 1, 2])
    assert r_squared(found).among.tolist()[0] == 0
    assert correlation(found).among.tolist() == [0, 0]
    assert z_score_difference(at(found, [0]), at(found, [1])).among == [0]


ENTRIES = [e for e in registry.entries().values() if e.facts["task"] == "regression"]


def values(entry, found):
    share = entry.function(at(found, [0, 0, 1]), at(found, [1, 2, 2])) if entry.facts["over"] == "pair" else None
    return value_of(share or entry.function(found))[0]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_rows_may_come_in_any_order_and_a_weight_that_all_have_changes_nothing(entry):
    codes, predicted, truth = drawn(8)
    own = values(entry, summary(codes, predicted, truth))
    order = np.random.default_rng(0).permutation(400)
    assert values(entry, summary(codes[order], predicted[order], truth[order])) == pytest.approx(own)
    assert values(entry, summary(codes, predicted, truth, np.full(400, 2.0))) == pytest.approx(own)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_groups_with_the_same_rows_have_the_same_number_and_no_distance(entry):
    _, predicted, truth = drawn(9, groups=1)
    found = summary(np.repeat([0, 1, 2], 400), np.tile(predicted, 3), np.tile(truth, 3))
    assert np.ptp(values(entry, found)) == pytest.approx(0)
    if entry.name == "no_disparate_impact_level":  # a level, no distance: everybody reaches the same values
        assert values(entry, found) == pytest.approx(max(predicted))
    elif entry.facts["over"] == "pair" or entry.name == "regression_statistical_parity":
        assert values(entry, found) == pytest.approx(0, abs=1e-12)


def test_predictions_far_from_zero_keep_their_digits():
    codes, predicted, truth = drawn(10)
    for metric in (r_squared, correlation):
        far = number(metric(summary(codes, predicted + 1e9, truth + 1e9)))
        assert far == pytest.approx(number(metric(summary(codes, predicted, truth))), rel=1e-5)
