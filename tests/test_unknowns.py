"""Rows of unknown group, assigned in every way: bounds by hand, against brute force, and what becomes of a verdict."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verdict import EQUALIZED, all_pairs, finding, limit, only, own

from audits.findings import MISSING_GROUP, WEIGHT, Support

GROUPS = {"a": (500, 1000), "b": (510, 1000)}


def findings(groups, x, n, compare="difference"):
    rates = [own(name, *counts) for name, counts in groups.items()]
    return [*all_pairs(compare, groups), *rates, *([own(MISSING_GROUP, x, n)] if n else [])]


def test_few_unknown_rows_leave_a_pass_whatever_their_group():
    judged = only(limit(at_most=0.1), findings(GROUPS, 10, 20))
    assert judged.verdict == "PASS"
    assert (judged.unknown.verdict, judged.unknown.rows) == ("PASS", 20)
    # b over a: the ten positive rows are b's and the ten negative ones a's
    assert judged.unknown.high == pytest.approx(520 / 1010 - 500 / 1010)
    assert judged.unknown.low == pytest.approx(510 / 1010 - 510 / 1010)
    assert "Whatever their group, the limit holds" in judged.reason


def test_many_unknown_rows_could_hide_a_gap_behind_a_pass():
    judged = only(limit(at_most=0.1), findings(GROUPS, 300, 600))
    assert judged.verdict == "PASS"
    assert judged.unknown.verdict == "INCONCLUSIVE"
    assert "Depending on their group, the limit may hold or not" in judged.reason


def test_a_gap_that_no_assignment_could_close_stays_broken():
    judged = only(limit(at_most=0.1), findings({"a": (900, 1000), "b": (500, 1000)}, 20, 40))
    assert (judged.verdict, judged.unknown.verdict) == ("FAIL", "FAIL")


def test_a_gap_that_an_assignment_would_close_is_open_under_the_bounds():
    judged = only(limit(at_most=0.1), findings({"a": (700, 1000), "b": (500, 1000)}, 300, 600))
    assert (judged.verdict, judged.unknown.verdict) == ("FAIL", "INCONCLUSIVE")


def test_without_unknown_rows_there_are_no_bounds():
    assert only(limit(), findings(GROUPS, 0, 0)).unknown is None


def test_ratios_and_single_rates_have_bounds_too():
    ratio = only(limit("ratio", at_least=0.8), findings(GROUPS, 10, 20, "ratio"))
    assert ratio.unknown.verdict == "PASS"
    assert 0.9 < ratio.unknown.low < ratio.unknown.high < 1.1
    rate = only(limit("rate", at_least=0.4), findings(GROUPS, 10, 20))
    assert rate.unknown.verdict == "PASS"
    assert rate.unknown.low == pytest.approx(500 / 1010)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=2, max_size=3),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_the_bounds_are_those_of_brute_force(rest, positive, negative):
    groups = {"abc"[at]: (x, x + more) for at, (x, more) in enumerate(rest)}
    found = only(limit(at_most=0.5), findings(groups, positive, positive + negative)).unknown
    if not positive + negative:
        assert found is None
        return
    one, two = found.worst["group"], found.worst["reference"]
    rows = [1] * positive + [0] * negative
    gaps = []
    for assigned in itertools.product(groups, repeat=len(rows)):
        counts = {name: [x, n] for name, (x, n) in groups.items()}
        for name, row in zip(assigned, rows, strict=True):
            counts[name][0] += row
            counts[name][1] += 1
        gaps.append(counts[one][0] / counts[one][1] - counts[two][0] / counts[two][1])
    assert found.low == pytest.approx(min(gaps))
    assert found.high == pytest.approx(max(gaps))


def worth(name, rate, effective, rows, **details):
    """A rate of weighted or clustered rows."""
    counts = {"x": rate * effective, "n": effective}
    return finding("rate", counts, rate, name, n=Support(group=rows), details=details)


def test_rows_in_clusters_count_as_rows_when_they_are_assigned_though_they_say_little():
    """5,000 unknown rows in 50 clusters beside 10,000 of each group: a half of them positive, the bounds are wide."""
    even = {"a": (5000, 10_000), "b": (5000, 10_000)}
    judged = only(limit(at_most=0.1), [*findings(even, 0, 0), worth(MISSING_GROUP, 0.5, 50, 5000)])
    assert judged.verdict == "PASS"
    assert judged.unknown.verdict == "INCONCLUSIVE"
    assert judged.unknown.high == pytest.approx(7500 / 12_500 - 5000 / 12_500)


def test_weighted_rows_are_assigned_with_their_weight():
    even = [worth(name, 0.5, 900, 1000, **{WEIGHT: 2000.0}) for name in "ab"]
    unknown = worth(MISSING_GROUP, 0.25, 90, 100, **{WEIGHT: 1000.0})
    pairs = all_pairs("difference", {"a": (450, 900), "b": (450, 900)})
    found = only(limit(at_most=0.1), [*pairs, *even, unknown]).unknown
    assert found.high == pytest.approx((1000 + 250) / 2250 - 1000 / 2750)
    assert found.verdict == "INCONCLUSIVE"


def test_a_rate_of_zero_leaves_a_ratio_without_an_end_by_any_assignment():
    rows = findings({"a": (100, 1000), "b": (0, 1000)}, 0, 5, "ratio")
    judged = only(limit("ratio", at_most=1.25), rows)
    assert (judged.unknown.verdict, judged.unknown.low, judged.unknown.high) == ("FAIL", None, None)
    assert "b has a rate of 0 by any assignment" in judged.reason


def test_a_component_without_unknown_rows_is_held_to_the_limit_all_the_same():
    """Nobody of unknown group is an actual negative: what is open of false positives stays open."""
    rows = [
        each
        for measure, groups in (
            ("true_positive_rate", {"a": (500, 1000), "b": (505, 1000)}),
            ("false_positive_rate", {"a": (5, 10), "b": (9, 10)}),
        )
        for each in [
            *all_pairs("difference", groups, measure=measure),
            *[own(name, *counts, measure=measure) for name, counts in groups.items()],
        ]
    ]
    judged = only(EQUALIZED, [*rows, own(MISSING_GROUP, 1, 2, measure="true_positive_rate")])
    assert (judged.verdict, judged.unknown.verdict, judged.unknown.rows) == ("INCONCLUSIVE", "INCONCLUSIVE", 2)


def test_rows_whose_assignment_moves_nothing_are_not_said_to_decide():
    judged = only(limit(at_most=0.1), findings({"a": (7010, 10_000), "b": (6000, 10_000)}, 1, 2))
    assert (judged.verdict, judged.unknown.verdict) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert "Whatever their group, the limit stays open: a against b is 10.1 points by any assignment." in judged.reason
