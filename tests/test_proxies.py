"""Groups known as probabilities: published numbers, sharp by linear programming, coverage of the ends."""

from __future__ import annotations

import numpy as np
import pytest

from audits.statistics import bounds, critical, interval, reverse
from audits.statistics.proxies import bisg, disparity_bounds, frechet_bounds, weighted_bias, weighted_disparity
from audits.statistics.proxy_rates import Sample, alone, difference, folds_of, group_bounds, ratio

EXAMPLE = (0.4, 0.35, 0.25), (0.1, 0.5, 0.9), (0.6, 0.5, 0.35)
Z = critical(0.95)


def test_surname_and_place_give_the_probabilities_of_the_example():
    surname, place = (0.20, 0.60, 0.15, 0.05), (2, 9, 1, 3)
    assert bisg(surname, place) == pytest.approx([0.0656, 0.8852, 0.0246, 0.0246], abs=5e-5)
    with_first_name = bisg(surname, place, (1, 4, 0.5, 1))
    assert with_first_name == pytest.approx([0.0180, 0.9719, 0.0034, 0.0067], abs=5e-5)
    assert bisg([surname, (1, 0, 0, 0)], [place, (0, 1, 1, 1)])[1].tolist() == [0, 0, 0, 0]


def test_the_disparity_lies_between_the_sharp_bounds_of_the_example():
    found = disparity_bounds(*EXAMPLE)
    assert found.group == pytest.approx((0.1420, 0.6875), abs=5e-5)
    assert found.others == pytest.approx((0.3571, 0.7857), abs=5e-5)
    assert found.difference == pytest.approx((-0.6437, 0.3304), abs=5e-5)
    assert weighted_disparity(*EXAMPLE) == pytest.approx(-0.1252, abs=5e-5)
    assert frechet_bounds(0.7, 0.6) == pytest.approx((0.3, 0.6))
    with pytest.raises(ValueError, match="expected some rows in it and some not"):
        disparity_bounds([1], [1.0], [0.4])


def test_probabilities_that_are_certain_leave_one_number():
    found = disparity_bounds([0.3, 0.7], [1, 0], [0.25, 0.4])
    assert found.difference == pytest.approx((-0.15, -0.15))
    assert weighted_disparity([0.3, 0.7], [1, 0], [0.25, 0.4]) == pytest.approx(-0.15)


def test_the_weighted_estimate_is_off_by_the_covariance_within_strata():
    rng = np.random.default_rng(0)
    weight, p, y = rng.dirichlet(np.ones(6)), rng.uniform(0.1, 0.9, 6), rng.uniform(0.1, 0.9, 6)
    least, greatest = frechet_bounds(p, y)
    joint = least + rng.random(6) * (greatest - least)
    share = float(weight @ p)
    truth = weight @ joint / share - weight @ (y - joint) / (1 - share)
    bias = weighted_bias(float(weight @ (joint - p * y)), share)
    assert weighted_disparity(weight, p, y) - truth == pytest.approx(bias, abs=1e-12)
    low, high = disparity_bounds(weight, p, y).difference
    assert low <= truth <= high


def _sample(numerator, rest, strata, weights=None, clusters=None, seed=0):
    clusters = np.arange(len(numerator)) if clusters is None else clusters
    weights = np.ones(len(numerator)) if weights is None else weights
    folds = folds_of(clusters, np.random.default_rng(seed))
    return Sample(numerator, rest, weights, strata, clusters, folds)


def _drawn(rows, joint, rng):
    """Rows of strata with P(group, cell) as given: strata × groups × cells; which group is not told."""
    strata = rng.integers(0, len(joint), rows)
    groups, cells = joint.shape[1:]
    flat = np.array([rng.choice(groups * cells, p=joint[one].ravel()) for one in strata])
    return strata, flat // cells, flat % cells


def _linear_program(joint, group, reference):
    """The greatest difference of selection rates that the probabilities of groups and of decisions allow."""
    from scipy.optimize import linprog

    count, groups, cells = joint.shape
    p, y = joint.sum(axis=2), joint.sum(axis=1)
    shares = p.mean(axis=0)
    objective = np.zeros(joint.shape)
    objective[:, group, 1] = -1 / count / shares[group]
    objective[:, reference, 1] = 1 / count / shares[reference]
    equal, right = [], []
    for one in range(count):
        for at in range(groups):
            row = np.zeros(joint.shape)
            row[one, at] = 1
            equal.append(row.ravel())
            right.append(p[one, at])
        for at in range(cells):
            row = np.zeros(joint.shape)
            row[one, :, at] = 1
            equal.append(row.ravel())
            right.append(y[one, at])
    return -linprog(objective.ravel(), A_eq=np.array(equal), b_eq=right).fun


def test_of_three_groups_the_bounds_are_those_of_a_linear_program():
    rng = np.random.default_rng(1)
    joint = rng.dirichlet(np.ones(6), 3).reshape(3, 3, 2)
    strata, _, decided = _drawn(60_000, joint, rng)
    sample = _sample(decided == 1, decided == 0, strata)
    p = joint.sum(axis=2)[strata]
    one, other = group_bounds(p[:, 0], sample), group_bounds(p[:, 1], sample)
    found = difference(one, other, sample.clusters)
    assert found["high"] == pytest.approx(_linear_program(joint, 0, 1), abs=0.02)
    assert found["low"] == pytest.approx(-_linear_program(joint, 1, 0), abs=0.02)


def _exact(joint, group):
    """Bounds of a true positive rate by hand: cells are (not among, among and not decided, decided)."""
    p, y = joint.sum(axis=2)[:, group], joint.sum(axis=1)
    top, rest = np.minimum(p, y[:, 2]), np.maximum(p + y[:, 1] - 1, 0)
    least, most = np.maximum(p + y[:, 2] - 1, 0), np.minimum(p, y[:, 1])
    return least.sum() / (least + most).sum(), top.sum() / (top + rest).sum()


def test_a_rate_among_some_rows_only_has_wider_bounds_that_hold_the_truth():
    rng = np.random.default_rng(2)
    joint = rng.dirichlet(np.ones(6), 4).reshape(4, 2, 3)
    strata, _, cell = _drawn(80_000, joint, rng)
    sample = _sample(cell == 2, cell == 1, strata)
    for group in (0, 1):
        found = group_bounds(joint.sum(axis=2)[strata, group], sample)
        assert (found.low.value, found.high.value) == pytest.approx(_exact(joint, group), abs=0.02)
        truth = joint[:, group, 2].sum() / joint[:, group, 1:].sum()
        assert found.low.value - 0.02 <= truth <= found.high.value + 0.02
        assert found.low.value <= found.weighted <= found.high.value


@pytest.mark.parametrize(("rows", "strata"), [(300, 3), (300, 300), (1500, 200)])
def test_the_ends_cover_the_bounds_however_fine_the_strata_are(rows, strata):
    """The naive minimum over strata of one row each collapses to the weighted estimate; these ends do not."""
    rng = np.random.default_rng(3)
    p = np.linspace(0.05, 0.95, strata)
    y = 0.2 + 0.5 * p
    truth = disparity_bounds(np.full(strata, 1 / strata), p, y).difference
    low_missed = high_missed = 0
    for draw in range(300):
        at = rng.integers(0, strata, rows)
        decided = rng.random(rows) < y[at]
        sample = _sample(decided, ~decided, at, seed=draw)
        found = difference(group_bounds(p[at], sample), group_bounds(1 - p[at], sample), sample.clusters)
        low, high = interval("bounds", found, Z)
        low_missed += low > truth[0]
        high_missed += high < truth[1]
    assert low_missed <= 0.025 * 300 + 7
    assert high_missed <= 0.025 * 300 + 7


def test_where_groups_are_certain_the_ends_are_the_ordinary_difference():
    rng = np.random.default_rng(4)
    group, decided = rng.random(600) < 0.4, rng.random(600) < 0.3
    sample = _sample(decided, ~decided, group.astype(int))
    one, other = group_bounds(group * 1.0, sample), group_bounds(1.0 - group, sample)
    found = difference(one, other, sample.clusters)
    gap = decided[group].mean() - decided[~group].mean()
    assert (found["low"], found["high"]) == pytest.approx((gap, gap))
    counts = [decided[group].sum(), group.sum(), decided[~group].sum(), (~group).sum()]
    newcombe = interval("newcombe", dict(zip(("x1", "n1", "x2", "n2"), map(float, counts), strict=True)), Z)
    assert interval("bounds", found, Z) == pytest.approx(newcombe, abs=0.006)
    katz = interval("katz", dict(zip(("x1", "n1", "x2", "n2"), map(float, counts), strict=True)), Z)
    assert interval("log-bounds", ratio(one, other, sample.clusters), Z) == pytest.approx(katz, rel=0.03)


@pytest.mark.parametrize("rows", [10, 40, 200])
def test_no_row_that_counts_leaves_as_much_open_as_clopper_and_pearson(rows):
    nobody = np.zeros(rows, bool)
    sample = _sample(nobody, ~nobody, np.zeros(rows, np.int64))
    high = interval("bounds", alone(group_bounds(np.ones(rows), sample), sample.clusters), Z)[1]
    exact = bounds("clopper-pearson", {"x": 0, "n": rows}, Z)[1]
    assert 0.9 * float(exact) <= high <= 1.4 * float(exact)
    certain = group_bounds(np.ones(rows), sample)
    assert ratio(certain, certain, sample.clusters)["low"] == -60
    assert interval("log-bounds", ratio(certain, certain, sample.clusters), Z) == (0, None)


def test_rows_that_repeat_each_other_widen_the_ends_and_weights_count_as_rows():
    rng = np.random.default_rng(5)
    p, decided = np.repeat(rng.uniform(0.2, 0.8, 80), 5), np.repeat(rng.random(80) < 0.5, 5)
    clusters = np.repeat(np.arange(80), 5)
    strata = np.zeros(400, np.int64)
    alike = _sample(decided, ~decided, strata, clusters=clusters)
    single = _sample(decided[::5], ~decided[::5], strata[::5])
    wide, one = alone(group_bounds(p, alike), alike.clusters), alone(group_bounds(p[::5], single), single.clusters)
    assert wide["se_high"] == pytest.approx(one["se_high"], rel=0.02)
    apart = _sample(decided, ~decided, strata)
    assert alone(group_bounds(p, apart), apart.clusters)["se_high"] < 0.6 * wide["se_high"]
    tripled = _sample(decided, ~decided, strata, weights=np.full(400, 3.0))
    assert alone(group_bounds(p, tripled), tripled.clusters) == pytest.approx(
        alone(group_bounds(p, apart), apart.clusters)
    )


def test_a_group_that_nobody_can_be_in_has_no_bounds():
    decided = np.array([True, False])
    assert group_bounds(np.zeros(2), _sample(decided, ~decided, np.array([0, 1]))) is None


def test_the_other_order_of_a_pair_turns_the_bounds_round():
    known = {"low": -0.1, "high": 0.3, "se_low": 0.01, "se_high": 0.02}
    low, high = interval("bounds", known, Z)
    assert interval("bounds", reverse(known), Z) == pytest.approx((-high, -low))
    low, high = interval("log-bounds", known, Z)
    assert interval("log-bounds", reverse(known), Z) == pytest.approx((1 / high, 1 / low))
