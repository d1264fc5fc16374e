import numpy as np
import pytest

from audits.statistics.means import cluster_t_sufficient, t_sufficient, welch_sufficient
from audits.statistics.samples import gap_sufficient, mean_sufficient, stratified_sample


def test_strata_get_the_same_number_of_rows_as_far_as_they_have_them():
    strata = np.array(["a"] * 90 + ["b"] * 7 + ["c"] * 40)
    positions, weights = stratified_sample(strata, 47, seed=3)
    names, counts = np.unique(strata[positions], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"a": 20, "b": 7, "c": 20}
    assert np.all(np.diff(positions) > 0)
    assert weights.sum() == pytest.approx(137)


def test_a_sample_as_large_as_the_rows_is_all_of_them():
    positions, weights = stratified_sample(["x", "y", "x"], 10, seed=0)
    assert positions.tolist() == [0, 1, 2]
    assert weights.tolist() == [1, 1, 1]


def test_of_no_rows_no_sample_is_drawn():
    positions, weights = stratified_sample(np.array([], dtype=str), 5, seed=0)
    assert len(positions) == len(weights) == 0


def test_the_same_seed_draws_the_same_rows_and_another_seed_others():
    strata = np.repeat(["a", "b"], 500)
    first, second, other = (stratified_sample(strata, 40, seed)[0].tolist() for seed in (1, 1, 2))
    assert first == second != other


def test_without_weights_and_clusters_it_is_the_ordinary_mean():
    values = np.random.default_rng(0).normal(size=30)
    assert mean_sufficient(values) == pytest.approx(t_sufficient(values))
    assert mean_sufficient(values, np.full(30, 2.5)) == pytest.approx(t_sufficient(values))


def test_clusters_of_one_size_give_the_mean_of_their_means():
    values, clusters = np.random.default_rng(1).normal(size=40), np.repeat(np.arange(10), 4)
    assert mean_sufficient(values, None, clusters) == pytest.approx(cluster_t_sufficient(values, clusters))


def test_weights_undo_the_strata_of_a_sample():
    random = np.random.default_rng(2)
    strata = np.repeat(["large", "small"], [900, 100])
    values = np.where(strata == "large", 0.0, 1.0) + random.normal(size=1000) * 0.01
    positions, weights = stratified_sample(strata, 100, seed=0)
    assert values[positions].mean() == pytest.approx(0.5, abs=0.01)
    assert mean_sufficient(values[positions], weights)["mean"] == pytest.approx(0.1, abs=0.005)


def test_the_gap_of_independent_rows_is_welchs():
    random = np.random.default_rng(3)
    values, group = random.normal(size=50), np.arange(50) < 15
    expected = welch_sufficient(values[group], values[~group])
    assert gap_sufficient(values, group) == pytest.approx(expected)
    assert gap_sufficient(values, group, None, np.arange(50)) == pytest.approx(expected)


def test_what_two_sides_of_a_cluster_share_cancels_in_their_gap():
    shared = np.repeat(np.random.default_rng(4).normal(size=20), 2)
    group = np.tile([True, False], 20)
    gap = gap_sufficient(shared + group * 0.5, group, None, np.repeat(np.arange(20), 2))
    assert gap == pytest.approx({"mean": 0.5, "se": 0.0, "df": 19})


def test_one_cluster_has_no_standard_error():
    with pytest.raises(ValueError, match="got 1, expected at least 2"):
        mean_sufficient([1.0, 2.0], None, ["same", "same"])
