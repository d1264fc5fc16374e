"""Skewness-corrected score intervals: the package of their author, and exact error rates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binom

from audits.statistics import bounds, critical, interval, z_where
from audits.statistics.differences import difference_z
from audits.statistics.ratios import ratio_z
from audits.statistics.simultaneous import pairs_critical
from audits.statistics.skewness import skewed_difference_z, skewed_ratio_z

Z = critical(0.95)
NAMES = ("x1", "n1", "x2", "n2")


def two(method, *counts, z=Z):
    return interval(method, dict(zip(NAMES, counts, strict=True)), z)


def test_intervals_are_those_of_the_r_package_ratesci():
    """Examples of ``scoreci`` and ``scasci`` in the documentation of ratesci 1.0, to the digits it prints."""
    assert two("gart-nam", 12, 16, 1, 16) == pytest.approx((0.38567597, 0.8778839), abs=3e-6)
    assert two("gart-nam", 19, 29, 22, 30) == pytest.approx((-0.31189939, 0.1600794), abs=3e-6)
    assert two("gart-nam", 5, 56, 0, 29) == pytest.approx((-0.01861954, 0.186718), abs=3e-6)
    low, high = two("gart-nam-ratio", 5, 56, 0, 29)
    assert low == pytest.approx(0.7696, abs=5e-5)
    assert high is None


def test_the_test_of_equal_rates_is_that_of_ratesci():
    assert float(skewed_difference_z(0, 5, 56, 0, 29)) == pytest.approx(1.7392131, abs=5e-8)
    assert float(skewed_difference_z(0, 19, 29, 22, 30)) == pytest.approx(-0.6466546, abs=5e-8)
    assert float(skewed_difference_z(0, 12, 16, 1, 16)) == pytest.approx(3.8969520, abs=5e-8)
    assert float(skewed_ratio_z(1, 12, 16, 1, 16)) == pytest.approx(3.8969520, abs=5e-8)


def test_groups_of_one_size_and_equal_rates_have_no_skewness():
    for x1, x2 in ((3, 9), (12, 4), (0, 5)):
        assert skewed_ratio_z(1, x1, 20, x2, 20) == pytest.approx(ratio_z(1, x1, 20, x2, 20, corrected=True))
        assert skewed_difference_z(0, x1, 20, x2, 20) == pytest.approx(difference_z(0, x1, 20, x2, 20, corrected=True))


def test_exchanging_the_groups_turns_the_intervals_round():
    for counts in ((7, 34, 1, 40), (0, 10, 3, 12), (12, 12, 5, 30)):
        turned = (*counts[2:], *counts[:2])
        low, high = two("gart-nam", *counts)
        assert two("gart-nam", *turned) == pytest.approx((-high, -low), abs=1e-12)
        low, high = two("gart-nam-ratio", *counts)
        assert two("gart-nam-ratio", *turned)[0] == pytest.approx(0 if high is None else 1 / high)


@pytest.mark.parametrize("method", ["gart-nam", "gart-nam-ratio", "newcombe+gart-nam", "koopman+gart-nam-ratio"])
def test_where_an_interval_reaches_a_bound_is_what_its_statistic_says(method):
    """In every table of 12 against 25 rows, at the critical values that verdicts take."""
    x1, x2 = (x.ravel() for x in np.meshgrid(np.arange(13), np.arange(26)))
    counts = {"x1": x1, "n1": np.full(x1.size, 12), "x2": x2, "n2": np.full(x1.size, 25)}
    bound = 0.8 if "ratio" in method else 0.1
    reach = z_where(method, counts, bound)
    for z in (1.645, Z, pairs_critical(0.95, 14)):
        low, high = bounds(method, counts, z)
        assert ((low > bound) == (reach > z)).all()
        assert ((high < bound) == (reach < -z)).all()


def test_the_hull_holds_both_intervals():
    counts = (3, 50, 90, 1000)
    hull, parts = two("newcombe+gart-nam", *counts), [two(name, *counts) for name in ("newcombe", "gart-nam")]
    assert hull == pytest.approx((min(low for low, _ in parts), max(high for _, high in parts)))
    assert two("koopman+gart-nam-ratio", 0, 5, 0, 5) == (0, None)


def _wrongly_beyond(method, bound, z, n1, n2, p1, p2):
    """The exact chance that an interval lies wholly on the wrong side of the true value."""
    x1, x2 = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    counts = {"x1": x1, "n1": np.full_like(x1, n1), "x2": x2, "n2": np.full_like(x1, n2)}
    chance = np.outer(binom.pmf(np.arange(n1 + 1), n1, p1), binom.pmf(np.arange(n2 + 1), n2, p2))
    for part in method.split("+"):
        if part == "newcombe":
            chance = chance * (bounds(part, counts, z)[0] > bound)
        else:
            reach = z_where(part, counts, bound)
            chance = chance * (reach < -z if p1 < p2 else reach > z)
    return float(chance.sum())


def test_far_out_the_skewness_correction_keeps_the_level_that_koopman_and_newcombe_lose():
    """All pairs of 14 groups: 3.35 standard errors, 0.0004 a side; rates of 1 and 2 % in 50 rows against 1,000."""
    z = pairs_critical(0.95, 14)
    level = 0.0003985
    ratio, difference = (0.8, z, 1000, 50, 0.016, 0.02), (0.1, z, 50, 1000, 0.11, 0.01)
    assert _wrongly_beyond("koopman", *ratio) > 8 * level
    assert _wrongly_beyond("newcombe", *difference) > 4 * level
    for method, case in (("gart-nam-ratio", ratio), ("gart-nam", difference)):
        assert _wrongly_beyond(method, *case) < 1.1 * level


def test_both_methods_together_are_wrong_as_rarely_as_promised_from_fifty_rows_on():
    for (n1, n2), p in itertools.product(itertools.product((50, 200), repeat=2), (0.02, 0.1, 0.3, 0.5)):
        assert _wrongly_beyond("koopman+gart-nam-ratio", 0.8, Z, n1, n2, 0.8 * p, p) < 1.15 * 0.025
        assert _wrongly_beyond("newcombe+gart-nam", 0.1, Z, n1, n2, p + 0.1, p) < 1.15 * 0.025
