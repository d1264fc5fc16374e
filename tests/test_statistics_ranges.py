"""What chance alone makes of the range of equal groups; the published table, simulations, and laws."""

from __future__ import annotations

import numpy as np
import pytest

from audits.statistics import ranges
from audits.statistics.ranges import double_corrected_variance, expected_range, expected_ratio


@pytest.mark.parametrize(
    ("groups", "n", "largest_gap", "smallest_ratio"),
    [
        (2, 50, 0.073, 0.79),
        (2, 200, 0.036, 0.89),
        (2, 1000, 0.016, 0.95),
        (4, 50, 0.133, 0.65),
        (4, 200, 0.066, 0.80),
        (4, 1000, 0.030, 0.91),
        (8, 50, 0.183, 0.54),
        (8, 200, 0.092, 0.74),
        (8, 1000, 0.041, 0.87),
        (14, 50, 0.219, 0.47),
        (14, 200, 0.110, 0.69),
        (14, 1000, 0.050, 0.85),
    ],
)
def test_equal_groups_at_a_rate_of_three_in_ten_show_the_simulated_ranges(groups, n, largest_gap, smallest_ratio):
    assert expected_range(0.3, [n] * groups) == pytest.approx(largest_gap, abs=0.001)
    assert expected_ratio(0.3, [n] * groups) == pytest.approx(smallest_ratio, abs=0.006)


@pytest.mark.parametrize(
    ("pooled", "n"),
    [
        (0.1, [10, 100, 1000, 30]),
        (0.02, [100, 1000, 50]),
        (0.3, [20, 1_000_000, 5000]),
        (0.5, [37, 411, 1290, 77, 900]),
        (0.9, [8, 60]),
    ],
)
def test_groups_of_unlike_sizes_show_what_drawing_them_shows(pooled, n):
    drawn = np.random.default_rng(1).binomial(n, pooled, size=(100_000, len(n))) / np.array(n)
    largest, smallest = drawn.max(axis=1), drawn.min(axis=1)
    some = largest > 0
    assert expected_range(pooled, n) == pytest.approx((largest - smallest).mean(), abs=0.001)
    assert expected_ratio(pooled, n) == pytest.approx((smallest[some] / largest[some]).mean(), abs=0.003)


def test_two_groups_of_two_rows_are_counted_by_hand():
    # rates 0, ½, 1 with chances ¼, ½, ¼: ranges ½ with chance ½ and 1 with ⅛ … E = ½·½ + 1·⅛
    assert expected_range(0.5, [2, 2]) == pytest.approx(0.5 * 0.5 + 1 / 8)
    # ratios: 1 where equal and not both 0 (¼ + 1/16), ½ for {½, 1} (¼), 0 where one is 0; both 0 (1/16) left out
    assert expected_ratio(0.5, [2, 2]) == pytest.approx((1 / 4 + 1 / 16 + 0.5 * 1 / 4) / (15 / 16))


def test_a_coarser_grid_gives_nearly_the_exact_number(monkeypatch):
    exact = expected_range(0.3, [150, 170]), expected_ratio(0.3, [150, 170])
    monkeypatch.setattr(ranges, "MOST_POINTS", 200)
    assert expected_range(0.3, [150, 170]) == pytest.approx(exact[0], abs=5e-4)
    assert expected_ratio(0.3, [150, 170]) == pytest.approx(exact[1], abs=2e-3)


def test_one_group_and_certain_rates_have_no_range():
    assert expected_range(0.3, [50]) == 0
    assert expected_range(0.0, [50, 60]) == expected_range(1.0, [50, 60]) == 0
    assert expected_ratio(0.3, [50]) == expected_ratio(1.0, [50, 60]) == 1
    assert expected_ratio(0.0, [50, 60]) == 0
    assert expected_ratio(1e-9, [50, 60]) == pytest.approx(0, abs=1e-6)


def test_order_of_the_groups_does_not_matter_and_effective_rows_are_rounded():
    assert expected_range(0.2, [30, 500, 80]) == pytest.approx(expected_range(0.2, [500.2, 80, 29.8]))


@pytest.mark.parametrize(("pooled", "n"), [(-0.1, [5, 5]), (1.1, [5, 5]), (0.3, []), (0.3, [5, 0])])
def test_no_rate_or_no_rows_are_refused(pooled, n):
    for function in (expected_range, expected_ratio):
        with pytest.raises(ValueError, match="expected"):
            function(pooled, n)


SIZES = np.array([40, 60, 100, 150, 250, 400, 600, 1000])


@pytest.mark.parametrize("spread", [0.0, 0.005])
def test_the_double_corrected_variance_is_right_on_average_where_the_naive_ones_are_not(spread):
    truth = 0.3 + np.sqrt(spread) * np.array([-1, 1, -1, 1, -1, 1, -1, 1]) * np.sqrt(7 / 8)
    assert truth.var(ddof=1) == pytest.approx(spread)
    x = np.random.default_rng(2).binomial(SIZES, truth, size=(20_000, 8))
    found = np.array([double_corrected_variance(one, SIZES) for one in x])
    assert found.mean() == pytest.approx(spread, abs=4 * found.std() / np.sqrt(len(found)))
    naive = (x / SIZES).var(axis=1).mean()
    assert (x / SIZES).var(axis=1, ddof=1).mean() > spread + 0.001
    assert spread > 0 or naive > 0.001
    assert spread > 0 or 0.5 < (found < 0).mean() < 0.7  # negative in most samples of equal groups, and told so


def test_a_group_of_one_row_has_no_double_corrected_variance():
    assert double_corrected_variance([1, 5], [1, 10]) is None
    assert double_corrected_variance([5], [10]) is None
    assert double_corrected_variance([5, 5], [10, 10]) == pytest.approx(-0.25 / 9)
