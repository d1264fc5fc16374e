"""Binomial tails without scipy: against scipy, against sums, and to the last digits where scipy has them not."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainccinv, betaincinv, log_ndtr, ndtr

from audits.statistics import bounds, z_where
from audits.statistics.binomial import log_rate_where, log_tail
from audits.statistics.rates import tails


@given(n=st.integers(1, 40), x=st.integers(1, 40), share=st.floats(0.001, 0.999))
def test_a_tail_is_the_sum_of_its_terms(n, x, share):
    x = min(x, n)
    rate = share * x / n
    terms = [math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(x, n + 1)]
    assert log_tail(x, n, math.log(rate)) == pytest.approx(math.log(math.fsum(terms)), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("most", [3, 30, 1000, 100_000])
@pytest.mark.parametrize("z", [0.0, 1.0, 1.645, 3.0, 8.0])
def test_the_rate_where_a_tail_has_a_size_is_the_quantile_of_a_beta_law(most, z):
    rng = np.random.default_rng(most)
    n = np.floor(rng.uniform(1, most + 1, 300))
    x = np.clip(np.floor(n * rng.choice([0, 0.001, 0.1, 0.5, 0.97, 1], 300)) + rng.integers(0, 3, 300), 1, n)
    assert np.exp(log_rate_where(x, n, log_ndtr(-z))) == pytest.approx(betaincinv(x, n - x + 1, ndtr(-z)), rel=2e-12)


def test_counts_may_be_fractions():
    rng = np.random.default_rng(0)
    x, more = rng.uniform(1e-3, 40, 300), rng.uniform(0, 40, 300)
    found = np.exp(log_rate_where(x, x + more, math.log(0.025)))
    assert found == pytest.approx(betaincinv(x, more + 1, 0.025), rel=1e-12)


def test_an_upper_limit_near_0_and_a_lower_one_near_1_keep_their_digits():
    n = 10.0**9
    assert bounds("clopper-pearson", {"x": 0.0, "n": n}, 1.645)[1] == pytest.approx(
        -math.expm1(math.log(ndtr(-1.645)) / n), rel=1e-14
    )
    low, high = bounds("clopper-pearson", {"x": 3.0, "n": n}, 1.96)
    assert low == pytest.approx(betaincinv(3, n - 2, ndtr(-1.96)), rel=1e-13)
    assert high == pytest.approx(betainccinv(4, n - 3, ndtr(-1.96)), rel=1e-13)


def test_few_numbers_and_many_have_the_same_limits():
    x, n = np.arange(1201) % 7.0, np.arange(1201) % 13 + 6.0
    many = bounds("clopper-pearson", {"x": x, "n": n}, 2.0)
    few = [bounds("clopper-pearson", {"x": x[at : at + 400], "n": n[at : at + 400]}, 2.0) for at in range(0, 1201, 400)]
    for end in (0, 1):
        assert np.concatenate([limits[end] for limits in few]) == pytest.approx(many[end], rel=1e-12)
    assert tails(np.linspace(0, 30, 1201)) == pytest.approx(ndtr(-np.linspace(0, 30, 1201)), rel=1e-12)
    assert tails(np.linspace(0, 30, 9)) == pytest.approx(ndtr(-np.linspace(0, 30, 9)), rel=1e-12)


@given(n=st.integers(1, 3000), share=st.floats(0, 1), bound=st.floats(0.001, 0.999))
def test_an_exact_interval_reaches_a_bound_where_it_is_said_to(n, share, bound):
    counts = {"x": float(round(n * share)), "n": float(n)}
    z = float(z_where("clopper-pearson", counts, bound))
    if abs(z) < 30:
        low, high = bounds("clopper-pearson", counts, abs(z))
        reached = low if counts["x"] > n * bound else high
        slack = 0 if z else 1  # both tails of a discrete law are above a half near the estimate
        assert reached == pytest.approx(bound, rel=1e-9) or (slack and low <= bound <= high)


def test_no_upper_limit_reaches_a_bound_of_1_and_no_lower_one_0():
    counts = {"x": np.array([0.0, 3.0, 9.0]), "n": np.full(3, 9.0)}
    assert z_where("clopper-pearson", counts, 0.0).tolist() == [0, 37, 37]
    assert z_where("clopper-pearson", counts, 1.0).tolist() == [-37, -37, 0]


def test_a_rate_is_judged_without_scipy():
    code = (
        "import sys; from audits.statistics import bounds, z_where\n"
        "bounds('clopper-pearson', {'x': 3.0, 'n': 90.0}, 2.0); z_where('clopper-pearson', {'x': 3.0, 'n': 90.0}, .1)\n"
        "bounds('tango+one-way', {'b': 3.0, 'c': 1.0, 'n': 90.0}, 2.0); sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_law_itself_is_the_one_of_the_textbook():
    # P(X ≥ 2) of 1,000 rows at 1 in 1,000: 1 − 0.999¹⁰⁰⁰ − 0.999⁹⁹⁹
    assert math.exp(float(log_tail(2.0, 1000.0, math.log(1e-3)))) == pytest.approx(
        1 - 0.999**1000 - 1000 * 1e-3 * 0.999**999, rel=1e-12
    )
