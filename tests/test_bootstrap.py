"""The count bootstrap: the same law as resampled rows, and what no bootstrap mends."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import factorial

import numpy as np
import pytest

from audits.statistics import bounds
from audits.statistics.bootstrap import clusters, multinomial, poisson, spread
from audits.statistics.simultaneous import pairs_critical


def test_resampled_counts_have_the_very_law_of_resampled_rows():
    rows = [0, 0, 1, 2, 2]  # cells of five rows
    by_rows = Counter(
        tuple(np.bincount([rows[i] for i in drawn], minlength=3)) for drawn in product(range(5), repeat=5)
    )
    chances = np.array([2, 1, 2]) / 5
    for table in ((a, b, 5 - a - b) for a in range(6) for b in range(6 - a)):
        ways = factorial(5) / np.prod([factorial(one) for one in table])
        assert by_rows[table] / 5**5 == pytest.approx(ways * np.prod(chances**table), abs=1e-16)
    drawn = multinomial([2, 1, 2], 50_000, np.random.default_rng(0))
    seen = Counter(map(tuple, drawn.astype(int)))
    for table, times in by_rows.items():
        assert seen[table] / 50_000 == pytest.approx(times / 5**5, abs=0.01)


def test_every_replicate_has_as_many_rows_in_tables_of_any_shape():
    counts = np.arange(12).reshape(2, 3, 2)
    drawn = multinomial(counts, 300, np.random.default_rng(1))
    assert drawn.shape == (300, 2, 3, 2)
    assert (drawn.sum(axis=(1, 2, 3)) == 66).all()
    assert (drawn[:, 0, 0, 0] == 0).all()
    assert (multinomial(np.zeros((2, 2)), 3, np.random.default_rng(1)) == 0).all()


def test_resampled_rows_of_the_data_give_the_same_spread_of_a_gap_of_rates():
    rng = np.random.default_rng(2)
    group, decided = rng.integers(0, 2, 400), rng.random(400) < 0.3
    table = np.zeros((2, 2))
    np.add.at(table, (group, decided.astype(int)), 1)
    drawn = multinomial(table, 4000, rng)
    cells = drawn[:, :, 1] / drawn.sum(axis=2)
    at = rng.integers(0, 400, (2000, 400))
    rows = [[decided[one][group[one] == g].mean() for g in (0, 1)] for one in at]
    ours, theirs = cells[:, 1] - cells[:, 0], np.diff(rows)[:, 0]
    assert ours.std() == pytest.approx(theirs.std(), rel=0.06)
    assert np.quantile(ours, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(theirs, [0.1, 0.5, 0.9]), abs=0.007)


def test_poisson_counts_have_their_own_size_as_mean_and_variance():
    counts = np.array([[3.0, 40.0], [0.0, 250.0]])
    drawn = poisson(counts, 40_000, np.random.default_rng(3))
    assert drawn.mean(axis=0) == pytest.approx(counts, rel=0.01, abs=0.02)
    assert drawn.var(axis=0) == pytest.approx(counts, rel=0.03, abs=0.02)


def test_poisson_weights_have_the_moments_of_rows_resampled_one_by_one():
    rng = np.random.default_rng(4)
    weights = rng.gamma(2, 2, 50)
    drawn = poisson([weights.sum(), 0], 40_000, rng, squares=[(weights**2).sum(), 0])
    one_by_one = (rng.poisson(1, (40_000, 50)) * weights).sum(axis=1)
    assert drawn[:, 0].mean() == pytest.approx(one_by_one.mean(), rel=0.01)
    assert drawn[:, 0].var() == pytest.approx(one_by_one.var(), rel=0.04)
    assert drawn[:, 0].var() == pytest.approx((weights**2).sum(), rel=0.03)
    assert (drawn[:, 1] == 0).all()


def test_multinomial_and_poisson_agree_on_a_rate():
    table = np.array([[120, 280], [60, 340]])
    rng = np.random.default_rng(5)
    one, other = multinomial(table, 8000, rng), poisson(table, 8000, rng)
    for drawn in (one, other):
        found = spread(drawn[..., 0], drawn.sum(axis=-1))
        assert found.known.all()
        assert found.se == pytest.approx(np.sqrt([0.3 * 0.7 / 400, 0.15 * 0.85 / 400]), rel=0.03)


def test_clusters_that_differ_widen_the_spread_that_resampled_rows_give():
    rng = np.random.default_rng(6)
    rates = rng.beta(1, 1, 60)
    hits = rng.binomial(30, rates)
    tables = np.stack([hits, 30 - hits], axis=1)
    by_cluster = clusters(tables, 4000, rng)
    by_row = multinomial(tables.sum(axis=0), 4000, rng)
    wide = spread(by_cluster[:, 0], by_cluster.sum(axis=1)).se
    narrow = spread(by_row[:, 0], by_row.sum(axis=1)).se
    shares = hits / 30
    assert wide == pytest.approx(shares.std() / np.sqrt(60), rel=0.04)
    assert wide > 2.5 * narrow
    assert (by_cluster.sum(axis=1) == 1800).all()


def test_clusters_of_one_row_are_the_row_bootstrap_and_may_be_sparse():
    from scipy.sparse import csr_array

    rows = np.eye(3)[[0] * 20 + [1] * 30 + [2] * 50]
    drawn = clusters(rows, 5000, np.random.default_rng(7))
    other = multinomial([20, 30, 50], 5000, np.random.default_rng(8))
    assert drawn.std(axis=0) == pytest.approx(other.std(axis=0), rel=0.05)
    assert (drawn.sum(axis=1) == 100).all()
    sparse = clusters(csr_array(rows), 5000, np.random.default_rng(7))
    assert (sparse == drawn).all()
    shaped = clusters(rows.reshape(100, 3, 1), 5000, np.random.default_rng(7))
    assert (shaped[..., 0] == drawn).all()


def test_a_statistic_that_often_does_not_exist_has_no_known_spread():
    among = np.array([[1, 1], [1, 0], [1, 1], [1, 1]])
    found = spread(np.array([[1, 0], [0, 0], [1, 1], [0, 1]]), among)
    assert found.known.tolist() == [True, False]
    assert found.se.tolist() == [pytest.approx(np.sqrt(1 / 3)), 0]


def _fairlearn_interval(x, n, replicates, seed):
    from fairlearn.metrics import MetricFrame, selection_rate

    group = np.repeat(np.arange(len(n)), n)
    decided = np.concatenate([np.arange(rows) < hits for hits, rows in zip(x, n, strict=True)]).astype(int)
    frame = MetricFrame(
        metrics=selection_rate,
        y_true=decided,
        y_pred=decided,
        sensitive_features=group,
        n_boot=replicates,
        ci_quantiles=[0.025, 0.975],
        random_state=seed,
    )
    return [float(end) for end in frame.difference_ci()]


def _range_interval(x, n, replicates, rng):
    """The same from counts: quantiles of the largest minus the smallest rate over resampled tables."""
    drawn = multinomial(np.stack([x, n - x], axis=1), replicates, rng)
    rates = drawn[..., 0] / drawn.sum(axis=2)
    return np.quantile(rates.max(axis=1) - rates.min(axis=1), [0.025, 0.975])


def test_fairlearns_interval_of_a_range_never_contains_parity_and_ours_of_the_pairs_do():
    rng = np.random.default_rng(9)
    n = np.full(8, 60)
    pairs = np.array([(a, b) for a in range(8) for b in range(a)])
    missed, covered = 0, 0
    for draw in range(200):
        x = rng.binomial(n, 0.3)
        low, high = _range_interval(x, n, 400, rng)
        missed += low > 0
        if draw < 3:  # the real one, which takes seconds, says the same
            real = _fairlearn_interval(x, n, 120, draw)
            assert real[0] > 0.05
            assert real == pytest.approx([low, high], abs=0.06)
        counts = {"x1": x[pairs[:, 0]], "n1": n[pairs[:, 0]], "x2": x[pairs[:, 1]], "n2": n[pairs[:, 1]]}
        lower, upper = bounds("newcombe", counts, pairs_critical(0.95, 8))
        covered += bool(((lower <= 0) & (upper >= 0)).all())
    assert missed == 200
    assert covered >= 186  # 93 %: two standard errors below the level
