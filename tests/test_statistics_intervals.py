"""Known answers: the tables of the papers named in the docstrings of audits.statistics, recomputed; see each test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.errors import SpecError
from audits.statistics import METHODS, bounds, critical, difference_p, interval, on_side, reverse
from audits.statistics.differences import pooled_z
from audits.statistics.paired import newcombe_paired
from audits.statistics.roots import falling_root

Z = critical(0.95)
TWO = ("x1", "n1", "x2", "n2")


def rate(method, x, n, z=Z):
    return interval(method, {"x": x, "n": n}, z)


def two(method, *counts, z=Z):
    return interval(method, dict(zip(TWO, counts, strict=True)), z)


@pytest.mark.parametrize(
    ("x", "n", "wilson", "exact", "mid_p"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676), (0.2544, 0.3658)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617), None),
        (0, 20, (0, 0.1611), (0, 0.1684), None),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776), None),
    ],
)
def test_intervals_of_a_rate_are_those_of_newcombe_1998(x, n, wilson, exact, mid_p):
    assert rate("wilson", x, n) == pytest.approx(wilson, abs=5e-5)
    assert rate("clopper-pearson", x, n) == pytest.approx(exact, abs=5e-5)
    if mid_p:
        assert rate("mid-p", x, n) == pytest.approx(mid_p, abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "agresti_caffo", "newcombe", "mee", "miettinen_nurminen"),
    [
        ((56, 70, 48, 80), (0.0525, 0.3358), (0.0524, 0.3339), (0.0533, 0.3377), (0.0528, 0.3382)),
        ((9, 10, 3, 10), (0.1600, 0.8400), (0.1705, 0.8090), (0.1821, 0.8370), (0.1700, 0.8406)),
        ((5, 56, 0, 29), (-0.0289, 0.1712), (-0.0381, 0.1926), (-0.0313, 0.1926), (-0.0326, 0.1933)),
        ((0, 10, 0, 20), (-0.1411, 0.2168), (-0.1611, 0.2775), (-0.1611, 0.2775), (-0.1658, 0.2844)),
        ((7, 34, 1, 34), (0.0116, 0.3217), (0.0189, 0.3404), (0.0284, 0.3439), (0.0270, 0.3453)),
    ],
)
def test_intervals_of_a_difference_are_those_of_newcombe_1998(counts, agresti_caffo, newcombe, mee, miettinen_nurminen):
    assert two("agresti-caffo", *counts) == pytest.approx(agresti_caffo, abs=5e-5)
    assert two("newcombe", *counts) == pytest.approx(newcombe, abs=5e-5)
    assert two("mee", *counts) == pytest.approx(mee, abs=5e-5)
    assert two("miettinen-nurminen", *counts) == pytest.approx(miettinen_nurminen, abs=5e-5)


def test_the_last_digits_are_those_of_r_propcis():
    assert two("agresti-caffo", 7, 34, 1, 34) == pytest.approx((0.01161167, 0.32172166), abs=5e-9)
    assert two("miettinen-nurminen", 7, 34, 1, 34) == pytest.approx((0.0270416, 0.3452912), abs=5e-8)


def test_intervals_of_a_ratio_are_those_of_nam_1995_and_fagerland_2015():
    assert two("koopman", 36, 40, 16, 80) == pytest.approx((2.9396, 7.1522), abs=5e-5)
    assert two("miettinen-nurminen-ratio", 36, 40, 16, 80) == pytest.approx((2.9346, 7.1663), abs=5e-5)
    assert two("katz", 36, 40, 16, 80) == pytest.approx((2.8686, 7.0593), abs=5e-5)
    assert two("koopman", 7, 34, 1, 34) == pytest.approx((1.2209, 42.58), abs=5e-3)
    assert two("katz", 7, 34, 1, 34) == pytest.approx((0.91, 54), abs=0.5)
    assert two("adjusted-log", 7, 34, 1, 34) == pytest.approx((0.92, 27), abs=0.5)


def test_a_ratio_to_nothing_has_no_upper_limit_and_a_ratio_of_nothing_begins_at_zero():
    assert two("koopman", 3, 10, 0, 10)[1] is None
    assert two("koopman", 0, 10, 3, 10)[0] == 0
    assert two("koopman", 0, 5, 0, 5) == (0, None)
    assert two("katz", 0, 5, 2, 5) == (0, None)


def test_koopman_of_two_full_groups_has_its_closed_form():
    assert two("koopman", 10, 10, 20, 20) == pytest.approx((10 / (10 + Z * Z), (20 + Z * Z) / 20), rel=1e-12)


def test_intervals_of_paired_flips_are_those_of_the_bentur_table():
    flips = {"b": 1, "c": 7, "n": 21}
    assert interval("tango", flips, Z) == pytest.approx((-0.5172, -0.0260), abs=5e-5)
    assert interval("bonett-price", flips, Z) == pytest.approx((-0.5084, -0.0134), abs=5e-5)
    assert tuple(map(float, newcombe_paired(1, 1, 7, 12, Z))) == pytest.approx((-0.5069, -0.0256), abs=5e-5)


def test_where_all_flips_go_one_way_they_are_a_rate_with_an_exact_interval():
    exact = interval("clopper-pearson", {"x": 6, "n": 80}, Z)
    assert interval("one-way", {"b": 6, "c": 0, "n": 80}, Z) == pytest.approx(exact)
    assert interval("one-way", {"b": 1, "c": 7, "n": 80}, Z) == pytest.approx((-exact[1], -exact[0]))
    low, high = interval("one-way", {"b": 4, "c": 4, "n": 80}, Z)
    assert high == -low == pytest.approx(interval("clopper-pearson", {"x": 0, "n": 80}, Z)[1])
    far = critical(1 - 0.05 / 28)
    hull = interval("tango+one-way", {"b": 30, "c": 0, "n": 300}, far)
    assert hull[0] == interval("one-way", {"b": 30, "c": 0, "n": 300}, far)[0]
    assert hull[0] < interval("tango", {"b": 30, "c": 0, "n": 300}, far)[0]


def test_tango_takes_a_single_flip():
    flips = {"b": 0, "c": 1, "n": 44}
    assert interval("tango", flips, Z) == pytest.approx((-0.1181, 0.0594), abs=5e-5)
    assert interval("tango", flips, critical(0.9)) == pytest.approx((-0.0957, 0.0365), abs=5e-5)


def test_the_two_standard_deviation_statistic_has_its_published_digits():
    """yocom-mckee.com prints −1.948432067234; its last two digits are its own rounding (exact: −1.94843206720826)."""
    assert float(pooled_z(3, 29, 55, 203)) == pytest.approx(-1.948432067234, abs=5e-11)
    assert float(pooled_z(3, 29, 55, 203)) == pytest.approx(-1.94843206720826, abs=5e-15)
    assert float(pooled_z(48, 80, 12, 40)) ** 2 == pytest.approx(9.6, rel=1e-12)
    assert float(pooled_z(16, 80, 3, 20)) == pytest.approx(0.510, abs=5e-4)


def test_wilson_of_effective_rows():
    assert interval("wilson", {"x": 0.25 * 200 / 3, "n": 200 / 3}, Z) == pytest.approx((0.1616, 0.3656), abs=5e-5)


TABLES = [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 1, 29), (7, 34, 1, 34), (150, 300, 170, 300)]


@pytest.mark.parametrize("counts", TABLES)
def test_statsmodels_gives_the_same_where_it_is_right(counts):
    from statsmodels.stats.proportion import confint_proportions_2indep as other

    assert two("newcombe", *counts) == pytest.approx(other(*counts, method="newcomb"), abs=1e-9)
    assert two("agresti-caffo", *counts) == pytest.approx(other(*counts, method="agresti-caffo"), abs=1e-9)
    koopman = other(*counts, compare="ratio", method="score", correction=False)
    assert two("koopman", *counts) == pytest.approx(koopman, rel=1e-5)


@pytest.mark.parametrize(("x", "n"), [(0, 20), (1, 29), (15, 148), (20, 20)])
def test_statsmodels_and_scipy_give_the_same_rate_intervals(x, n):
    from scipy.stats import binomtest
    from statsmodels.stats.proportion import proportion_confint

    assert rate("wilson", x, n) == pytest.approx(proportion_confint(x, n, method="wilson"), abs=1e-12)
    exact = binomtest(x, n).proportion_ci(method="exact")
    assert rate("clopper-pearson", x, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_statsmodels_0_15_gets_the_miettinen_nurminen_difference_wrong():
    """statsmodels/statsmodels#10269: ``count0`` where ``nobs0`` belongs. When this fails, they have mended it."""
    from statsmodels.stats.proportion import confint_proportions_2indep as other

    theirs = other(56, 70, 48, 80, compare="diff", method="score")
    assert theirs == pytest.approx((0.0526, 0.3440), abs=5e-5)
    assert two("miettinen-nurminen", 56, 70, 48, 80) == pytest.approx((0.0528, 0.3382), abs=5e-5)


@st.composite
def tables(draw):
    n1, n2 = draw(st.integers(1, 400)), draw(st.integers(1, 400))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n2)), n2


DIFFERENCES = ["newcombe", "agresti-caffo", "mee", "miettinen-nurminen"]


@pytest.mark.parametrize("method", DIFFERENCES)
@given(counts=tables())
def test_exchanging_the_groups_turns_a_difference_round(method, counts):
    there = two(method, *counts)
    back = interval(method, reverse(dict(zip(TWO, counts, strict=True))), Z)
    assert back == pytest.approx((-there[1], -there[0]), abs=1e-9)
    assert -1 <= there[0] <= there[1] <= 1


@given(counts=tables())
def test_exchanging_the_groups_inverts_a_ratio(counts):
    low, high = two("koopman", *counts)
    back_low, back_high = interval("koopman", reverse(dict(zip(TWO, counts, strict=True))), Z)
    assert back_low == pytest.approx(0 if high is None else 1 / high, rel=1e-9)
    assert (back_high is None) == (low == 0)
    if low > 0:
        assert back_high == pytest.approx(1 / low, rel=1e-9)


@given(counts=tables())
def test_every_interval_contains_its_estimate(counts):
    x1, n1, x2, n2 = counts
    for method in ("wilson", "clopper-pearson", "mid-p"):
        low, high = rate(method, x1, n1)
        assert low <= x1 / n1 <= high
    for method in ("newcombe", "mee", "miettinen-nurminen"):
        low, high = two(method, *counts)
        assert low - 1e-9 <= x1 / n1 - x2 / n2 <= high + 1e-9
    if x2:
        low, high = two("koopman", *counts)
        assert low - 1e-9 <= (x1 * n2) / (n1 * x2) <= (np.inf if high is None else high * (1 + 1e-9))


@given(n=st.integers(1, 300), share=st.floats(0, 1), swap=st.floats(0, 1))
def test_tango_turns_round_with_the_flips(n, share, swap):
    b = round(share * n)
    c = round(swap * (n - b))
    low, high = interval("tango", {"b": b, "c": c, "n": n}, Z)
    assert low - 1e-9 <= (b - c) / n <= high + 1e-9
    assert interval("tango", reverse({"b": b, "c": c, "n": n}), Z) == pytest.approx((-high, -low), abs=1e-9)


def test_intervals_grow_with_their_level():
    for method in DIFFERENCES:
        narrow, wide = two(method, 56, 70, 48, 80, z=1.0), two(method, 56, 70, 48, 80, z=3.0)
        assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_arrays_give_what_numbers_give():
    columns = np.array(TABLES, dtype=float).T
    for method in [*DIFFERENCES, "koopman", "katz"]:
        low, high = bounds(method, dict(zip(TWO, columns, strict=True)), Z)
        for at, counts in enumerate(TABLES):
            assert (low[at], high[at]) == pytest.approx(two(method, *counts), rel=1e-12)


def test_no_rows_say_nothing():
    assert rate("wilson", 0, 0) == (0, 1)


def test_an_unknown_method_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match=r"got 'wilsn'") as caught:
        rate("wilsn", 1, 2)
    assert "wilson" in caught.value.hint
    assert "newcombe" in METHODS


@pytest.mark.parametrize(
    ("n1", "p1", "n2", "p2", "published"),
    [
        (30, 0.1, 300, 0.1, (0.958, 0.960, 0.950, 0.947, 0.953)),
        (50, 0.05, 1000, 0.1, (0.975, 0.962, 0.962, 0.935, 0.964)),
        (200, 0.02, 5000, 0.03, (0.965, 0.954, 0.959, 0.946, 0.955)),
        (100, 0.5, 100, 0.5, (0.944, 0.943, 0.941, 0.953, 0.934)),
    ],
)
def test_coverage_is_that_of_the_published_simulation(n1, p1, n2, p2, published):
    rng = np.random.default_rng(0)
    x1, x2 = rng.binomial(n1, p1, 4000), rng.binomial(n2, p2, 4000)
    counts = dict(zip(TWO, (x1, np.full(4000, n1), x2, np.full(4000, n2)), strict=True))
    methods = ("agresti-caffo", "newcombe", "miettinen-nurminen", "adjusted-log", "koopman")
    for method, expected in zip(methods, published, strict=True):
        truth = p1 / p2 if method in ("adjusted-log", "koopman") else p1 - p2
        low, high = bounds(method, counts, Z)
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(expected, abs=0.014), method


def test_the_p_value_of_a_difference_is_that_of_the_pooled_score_test():
    assert float(difference_p(3, 29, 55, 203)) == pytest.approx(0.05136, abs=5e-5)
    assert float(difference_p(0, 5, 0, 9)) == 1


@pytest.mark.parametrize(
    ("method", "margin"),
    [("newcombe+gart-nam", 0.1), ("koopman+gart-nam-ratio", 0.8), ("newcombe", -0.1), ("koopman", 1.25)],
)
def test_which_side_of_a_bound_an_interval_lies_on_is_what_the_interval_says(method, margin):
    """The closed form of the score methods against their intervals, inverted."""
    random = np.random.default_rng(4)
    n1, n2 = random.integers(1, 400, (2, 300))
    counts = {"x1": random.binomial(n1, 0.3), "n1": n1, "x2": random.binomial(n2, 0.25), "n2": n2}
    for z in (1.0, 1.645, 3.2):
        low, high = bounds(method, counts, z)
        np.testing.assert_array_equal(on_side(method, counts, margin, z), (low > margin) * 1.0 - (high < margin))


def test_an_interval_beyond_what_a_float_holds_has_no_end():
    assert interval("log-normal", {"mean": 0.0, "se": 400.0}, 1.96) == (0.0, None)
    assert interval("logit-normal", {"mean": 0.0, "se": 400.0}, 1.96) == (0.0, 1.0)


@pytest.mark.parametrize("n1", [50, 5000, 1_000_000])
@pytest.mark.parametrize("n2", [40, 7000, 300_000])
@pytest.mark.parametrize("full", [False, True])
def test_score_limits_of_two_rates_of_0_or_1_keep_their_digits_however_many_the_rows(n1, n2, full):
    # the likeliest rates under a difference d > 0 are then 0 and d: the limit is Wilson's own, z²/(n + z²)
    counts = {"x1": n1 * full, "n1": n1, "x2": n2 * full, "n2": n2}
    low, high = bounds("mee", counts, 1.96)
    of_one, of_other = 1.96**2 / (n1 + 1.96**2), 1.96**2 / (n2 + 1.96**2)
    assert low == pytest.approx(-of_one if full else -of_other, rel=1e-9, abs=0)
    assert high == pytest.approx(of_other if full else of_one, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("function", "root"),
    [
        pytest.param(lambda x: 0.3 - x, 0.3, id="a line"),
        pytest.param(lambda x: np.where(x < 0.3, 1e9, -1e-9), 0.3, id="a step"),
        pytest.param(lambda x: np.where(x < 0.3, 1.0, 0.0), 0.3, id="a step onto a plateau at 0"),
        pytest.param(lambda x: np.maximum(0.3 - x, 0), 0.3, id="a slope onto a plateau at 0"),
        pytest.param(lambda x: -((x - 0.3) ** 9), 0.3, id="flat where it crosses"),
        pytest.param(lambda x: -np.expm1(500 * (x - 0.3)), 0.3, id="steep on one side"),
        pytest.param(lambda x: np.where(x < 0.3, np.inf, np.nan), 0.3, id="from no end to no number"),
        pytest.param(lambda x: -np.ones_like(x), -1.0, id="below 0 from the beginning"),
        pytest.param(lambda x: np.ones_like(x), 1.0, id="above 0 to the end"),
    ],
)
def test_a_falling_function_is_followed_to_where_it_crosses(function, root):
    found = falling_root(function, np.array([-1.0, -1.0]), 1.0)
    assert found.shape == (2,)
    assert found == pytest.approx(root, abs=1e-15)
