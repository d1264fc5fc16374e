"""The three verdicts by hand, at their boundaries, by simulation and by law."""

import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.errors import SpecError
from audits.findings import MISSING_GROUP, Finding, Interval, Support, digest
from audits.spec import Limit, Waiver
from audits.statistics import critical, interval
from audits.verdict import Verdict, judge, verdict_of

METHODS = {"difference": "newcombe", "ratio": "koopman", "rate": "wilson", "paired": "tango", "gap": "t", "mean": "t"}


def finding(comparison, sufficient, value, group="b", reference="", measure="selection_rate", **more):
    low, high = interval(METHODS[comparison], sufficient, critical(0.95))
    more = {"technique": "parity", "attribute": "race", "n": Support(group=100), **more}
    if value is not None:
        more["interval"] = Interval(low=low, high=high, level=0.95, method=METHODS[comparison])
    return Finding(
        measure=measure,
        comparison=comparison,
        group=group,
        reference=reference,
        value=value,
        sufficient=sufficient,
        **more,
    )


def pair(comparison, group, reference, x1, n1, x2, n2, **more):
    value = x1 / n1 - x2 / n2 if comparison == "difference" else None if x2 == 0 else x1 * n2 / (n1 * x2)
    more |= {"missing": "no ratio to 0"} if value is None else {}
    return finding(comparison, {"x1": x1, "n1": n1, "x2": x2, "n2": n2}, value, group, reference, **more)


def all_pairs(comparison, groups, **more):
    names = list(groups)
    return [
        pair(comparison, names[j], names[i], *groups[names[j]], *groups[names[i]], **more)
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]


def own(group, x, n, **more):
    return finding("rate", {"x": x, "n": n}, x / n, group, n=Support(group=n), **more)


def limit(compare="difference", measure="selection_rate", over="race", **bound):
    return Limit(measure=measure, over=over, compare=compare, **(bound or {"at_most": 0.1}))


FOUR_FIFTHS = limit("ratio", at_least=0.8)


def only(policy, findings, **more):
    verdict = judge([policy], findings, **more)
    assert len(verdict.limits) == 1
    assert verdict_of([policy], findings, more.get("level", 0.95), 0) == verdict.limits[0].verdict
    return verdict.limits[0]


def test_the_verdict_of_a_limit_alone_is_that_among_the_others():
    found = all_pairs("difference", {"a": (560, 1000), "b": (430, 1000), "c": (500, 1000)})
    found += all_pairs("ratio", {"a": (560, 1000), "b": (430, 1000), "c": (500, 1000)})
    policy = [limit(at_most=bound) for bound in (0.05, 0.09, 0.1, 0.2, 0.3)] + [FOUR_FIFTHS, limit(over="sex")]
    verdicts = [one.verdict for one in judge(policy, found).limits]
    assert set(verdicts) == {"PASS", "FAIL", "INCONCLUSIVE"}
    assert [verdict_of(policy, found, 0.95, at) for at in range(len(policy))] == verdicts


def test_an_impact_ratio_wholly_below_four_fifths_fails():
    judged = only(FOUR_FIFTHS, [pair("ratio", "Black", "white", 540, 1000, 920, 1000)])
    assert judged.verdict == "FAIL"
    assert judged.reason == (
        "Selection rate is 54.0% for Black and 92.0% for white: a ratio of 0.59 (95% interval 0.55 to 0.62), "
        "wholly below the limit of 0.8."
    )
    assert judged.worst == {"group": "Black", "reference": "white"}
    assert judged.findings == ("parity/selection_rate/race/Black/white/ratio",)
    assert judged.p < 1e-9


def test_the_worst_pair_is_told_in_the_order_in_which_it_is_worst():
    judged = only(FOUR_FIFTHS, [pair("ratio", "white", "Black", 920, 1000, 540, 1000)])
    assert judged.verdict == "FAIL"
    assert judged.worst == {"group": "Black", "reference": "white"}
    assert judged.value == pytest.approx(0.5869565, abs=5e-8)


def test_a_fail_names_the_pair_of_which_the_most_is_shown_not_the_one_with_most_rows():
    groups = {"a": (5000, 10_000), "b": (3500, 10_000), "c": (20, 100)}
    judged = only(limit(), all_pairs("difference", groups))
    assert judged.verdict == "FAIL"
    assert judged.worst == {"group": "a", "reference": "c"}
    assert judged.findings[0] == "parity/selection_rate/race/c/a/difference"
    assert len(judged.findings) == 2


def test_a_pair_named_by_a_fail_is_beyond_the_limit_after_correction_for_the_other_limits_too():
    """b against a is shown whatever else is asked; c against a only where this is the only limit."""
    groups = {"a": (5000, 10_000), "b": (4200, 10_000), "c": (6, 28)}
    rows = all_pairs("difference", groups)
    assert only(limit(at_most=0.02), rows).worst == {"group": "a", "reference": "c"}
    others = [limit(measure=f"other_{i}") for i in range(40)]
    judged = judge([limit(at_most=0.02), *others], rows).limits[0]
    assert (judged.verdict, judged.worst) == ("FAIL", {"group": "a", "reference": "b"})


def test_with_many_rows_the_widest_gap_is_still_the_one_named():
    groups = {"a": (5_000_000, 10**7), "b": (3_000_000, 10**7), "c": (1_000_000, 10**7)}
    assert only(limit(), all_pairs("difference", groups)).worst == {"group": "a", "reference": "c"}


def test_a_difference_wholly_inside_passes():
    judged = only(limit(), [pair("difference", "b", "a", 540, 1000, 520, 1000)])
    assert judged.verdict == "PASS"
    assert judged.interval.level == pytest.approx(0.9)
    assert "inside the limit of 10 points with 95% confidence" in judged.reason
    assert 0.05 < judged.smallest_detectable < 0.1  # told beside a PASS too


def test_a_difference_across_the_limit_is_inconclusive_with_what_it_takes():
    judged = only(limit(), [pair("difference", "b", "a", 30, 100, 30, 100)])
    assert judged.verdict == "INCONCLUSIVE"
    assert judged.smallest_detectable == pytest.approx(0.182, abs=5e-4)
    assert judged.rows_needed == 360
    assert (
        "About 360 rows of the smaller group would show that it holds, if the groups are truly equal" in judged.reason
    )


def test_a_rate_without_a_case_needs_as_many_rows_as_the_rule_of_three_says():
    """No flip in n rows leaves 1 − 0.05^(1/n): 2 % at n = 149."""
    flips = finding("rate", {"x": 0, "n": 30}, 0.0, reference="a", measure="flip_rate", n=Support(group=30))
    judged = only(limit("rate", "flip_rate", at_most=0.02), [flips])
    assert judged.rows_needed == 149
    assert judged.reason.endswith("About 149 rows would settle it, if the truth is as estimated.")


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.9])
@pytest.mark.parametrize("n", [10, 40])
def test_a_rate_at_its_limit_is_misjudged_no_more_often_than_the_level_says(rate, n):
    """The exact chances, over every count that can come."""
    from scipy.stats import binom

    for bound in ("at_most", "at_least"):
        chance = {"PASS": 0.0, "FAIL": 0.0, "INCONCLUSIVE": 0.0}
        for x in range(n + 1):
            chance[only(limit("rate", **{bound: rate}), [own("a", x, n)]).verdict] += binom.pmf(x, n, rate)
        assert chance["PASS"] <= 0.05
        assert chance["FAIL"] <= 0.025


def test_two_groups_without_a_case_need_few_rows():
    """0 of n twice leaves z²/(n + z²) at z = 1.645 + 0.842: 10 points at n = 56."""
    none = pair("difference", "b", "a", 0, 10, 0, 20, n=Support(group=10, reference=20))
    assert only(limit(), [none]).rows_needed == 56


def test_an_estimate_beyond_the_limit_is_not_told_what_equal_groups_would_need():
    judged = only(limit(), [pair("difference", "b", "a", 620, 1000, 500, 1000)])
    assert "on both sides of the limit of 10 points" in judged.reason
    assert judged.reason.endswith("rows of the smaller group would settle it, if the truth is as estimated.")


def test_a_flip_rate_is_told_between_two_groups_and_a_paired_difference_with_its_direction():
    flips = finding("rate", {"x": 30, "n": 90}, 1 / 3, reference="a", measure="flip_rate")
    assert "Flip rate is 33.3% between b and a (" in only(limit("rate", "flip_rate", at_most=0.02), [flips]).reason
    paired = finding("paired", {"b": 1, "c": 60, "n": 200}, -59 / 200, reference="a")
    judged = only(limit("paired", at_most=0.05), [paired])
    assert "Selection rate is 29.5 points higher for a than for b (" in judged.reason


def test_rows_that_are_weighted_are_needed_in_the_same_proportion():
    one = pair("difference", "b", "a", 30, 100, 30, 100, n=Support(group=300, reference=300))
    assert only(limit(), [one]).rows_needed == pytest.approx(3 * 360, abs=3)


def test_an_interval_next_to_the_limit_is_not_told_as_the_limit():
    judged = only(limit(), [pair("difference", "b", "a", 14_820, 10**5, 5000, 10**5)])
    assert judged.verdict == "INCONCLUSIVE"
    assert " to 10.08" not in judged.reason


def test_what_has_the_rows_needed_passes_in_about_four_of_five_audits():
    random = np.random.default_rng(2)
    passed = sum(
        only(limit(), [pair("difference", "b", "a", *_drawn(random, 0.3, 360), *_drawn(random, 0.3, 360))]).verdict
        == "PASS"
        for _ in range(200)
    )
    assert 140 <= passed <= 180


def _drawn(random, p, n):
    return int(random.binomial(n, p)), n


def test_exactly_four_fifths_is_not_below_four_fifths():
    """EEOC questions and answers: .48 against .60 is no adverse impact, .45 against .60 is."""
    judged = only(FOUR_FIFTHS, [pair("ratio", "Hispanic", "white", 48_000_000, 10**8, 60_000_000, 10**8)])
    assert judged.verdict == "INCONCLUSIVE"
    assert judged.p == 1
    assert "a ratio of 0.80 " in judged.reason
    assert only(FOUR_FIFTHS, [pair("ratio", "Indian", "white", 45_000_000, 10**8, 60_000_000, 10**8)]).verdict == "FAIL"
    assert only(FOUR_FIFTHS, [pair("ratio", "Black", "white", 51_000_000, 10**8, 60_000_000, 10**8)]).verdict == "PASS"


def test_a_number_next_to_the_limit_is_not_told_as_the_limit():
    judged = only(FOUR_FIFTHS, [pair("ratio", "b", "a", 47_990, 10**5, 60_000, 10**5)])
    assert "a ratio of 0.7998 " in judged.reason


def test_compas_precision_at_margin_zero_is_inconclusive():
    published = pair("difference", "b", "a", 1369, 2174, 505, 854)
    assert published.interval.low == pytest.approx(-0.00004, abs=5e-6)
    judged = only(limit(at_most=0.0), [published])
    assert judged.verdict == "INCONCLUSIVE"
    assert judged.interval.low < published.interval.low  # judged by the hull of two intervals, never the narrower one


def test_more_pairs_need_more_to_fail():
    """A gap shown beyond the limit for two groups alone is not shown when it was looked for among eight."""
    gap = {"a": (30, 100), "b": (56, 100)}
    assert only(limit(), all_pairs("difference", gap)).verdict == "FAIL"
    others = {f"c{i}": (43, 100) for i in range(6)}
    assert only(limit(), all_pairs("difference", gap | others)).verdict == "INCONCLUSIVE"


def test_more_limits_need_more_to_fail():
    gap = [pair("difference", "b", "a", 54, 100, 30, 100)]
    fair = [pair("difference", "b", "a", 500, 1000, 500, 1000, measure="accuracy")]
    assert judge([limit()], gap).verdict == "FAIL"
    both = judge([limit(), limit(measure="accuracy")], gap + fair)
    assert [one.verdict for one in both.limits] == ["INCONCLUSIVE", "PASS"]
    assert "but not after correction for the number of limits" in both.limits[0].reason
    assert both.limits[0].p_adjusted == pytest.approx(2 * both.limits[0].p)


def test_a_group_that_cannot_be_measured_makes_its_limit_inconclusive_by_name():
    fine = pair("difference", "b", "a", 500, 1000, 500, 1000)
    why = "c has no actual positives with a decision, so it has no true positive rate"
    gone = [
        Finding(
            technique="parity",
            measure="selection_rate",
            attribute="race",
            group="c",
            reference=reference,
            comparison=comparison,
            missing=why,
        )
        for reference, comparison in [("", "rate"), ("a", "difference"), ("b", "difference")]
    ]
    judged = only(limit(), [fine, *gone])
    assert judged.verdict == "INCONCLUSIVE"
    assert why in judged.reason
    assert gone[1].id in judged.findings
    broken = pair("difference", "d", "a", 900, 1000, 500, 1000)
    assert only(limit(), [fine, broken, *gone]).verdict == "FAIL"


def test_a_ratio_to_nobody_can_fail_but_never_pass():
    """No one of 200 selected in one group, half of the others: the ratio itself does not exist, the verdict does."""
    assert only(FOUR_FIFTHS, [pair("ratio", "b", "a", 100, 200, 0, 200)]).verdict == "FAIL"
    assert only(FOUR_FIFTHS, [pair("ratio", "b", "a", 0, 200, 0, 200)]).verdict == "INCONCLUSIVE"
    assert only(limit("ratio", at_most=1.25), [pair("ratio", "b", "a", 1, 9, 0, 9)]).verdict == "INCONCLUSIVE"


def test_rows_of_unknown_group_are_told_and_are_no_side():
    rows = [own("a", 50, 100), own("b", 50, 100), own(MISSING_GROUP, 7, 7)]
    judged = only(limit("rate", at_most=0.7), rows)
    assert judged.verdict == "PASS"
    assert "7 rows of unknown race are on neither side. Whatever their group, the limit holds" in judged.reason


def test_the_control_of_a_flip_rate_is_no_side():
    flips = [own("b", 1, 1000, measure="flip_rate"), own("(control)", 500, 1000, measure="flip_rate")]
    flips[0] = flips[0].model_copy(update={"reference": "a"})
    assert only(limit("rate", "flip_rate", at_most=0.02), flips).verdict == "PASS"
    assert only(limit("rate", "flip_rate", at_most=0.0005), flips).verdict == "INCONCLUSIVE"


def test_rates_are_held_to_a_floor_one_by_one_with_bonferroni():
    rows = [own("a", 900, 1000), own("b", 600, 1000)]
    judged = only(limit("rate", at_least=0.7), rows)
    assert (judged.verdict, judged.worst["group"]) == ("FAIL", "b")
    assert judged.interval.simultaneous
    assert only(limit("rate", at_least=0.5), rows).verdict == "PASS"


def test_a_gap_is_bounded_either_way():
    away = finding(
        "gap", {"mean": -0.5, "se": 0.01, "df": 50}, -0.5, reference="a", measure="log_odds_gap", unit="nats"
    )
    judged = only(limit("gap", "log_odds_gap", at_most=0.1), [away])
    assert judged.verdict == "FAIL"
    assert judged.worst == {"group": "a", "reference": "b"}
    assert "0.5 nats" in judged.reason
    paired = finding("paired", {"b": 1, "c": 60, "n": 200}, -59 / 200, reference="a")
    assert only(limit("paired", at_most=0.05), [paired]).verdict == "FAIL"


def test_a_mean_is_bounded_one_way():
    low = finding("mean", {"mean": -0.5, "se": 0.01, "df": 50}, -0.5, measure="mean_score_change")
    assert only(limit("mean", "mean_score_change", at_most=0.1), [low]).verdict == "PASS"


def test_a_mean_change_between_two_groups_is_bounded_either_way():
    low = finding("mean", {"mean": -0.5, "se": 0.01, "df": 50}, -0.5, reference="a", measure="mean_score_change")
    judged = only(limit("mean", "mean_score_change", at_most=0.1), [low])
    assert (judged.verdict, judged.worst) == ("FAIL", {"group": "a", "reference": "b"})


def test_a_published_interval_serves_where_a_method_is_not_known():
    other = Finding(
        technique="other",
        measure="selection_rate",
        attribute="race",
        group="b",
        reference="a",
        comparison="difference",
        value=0.3,
        interval=Interval(low=0.2, high=0.4, level=0.95, method="bootstrap"),
    )
    judged = only(limit(), [other])
    assert judged.verdict == "FAIL"
    assert judged.interval.low == pytest.approx(0.2)
    assert only(limit(at_most=0.35), [other]).verdict == "INCONCLUSIVE"
    assert only(limit(at_most=0.5), [other]).verdict == "PASS"
    ratio = other.model_copy(update={"comparison": "ratio"})
    assert only(FOUR_FIFTHS, [ratio]).verdict == "FAIL"


def test_nothing_measured_is_inconclusive_and_says_what_is_nearest():
    found = all_pairs("difference", {"a": (1, 2), "b": (1, 2)})
    judged = only(limit(measure="selection_rat"), found)
    assert judged.verdict == "INCONCLUSIVE"
    assert "Nothing was measured" in judged.reason
    assert "did you mean 'selection_rate'?" in judged.reason
    assert "did you mean 'race'?" in only(limit(over="rase"), found).reason
    assert "selection_rate over race has no ratio; it has difference" in only(FOUR_FIFTHS, found).reason
    assert "fewer than two known groups (a)" in only(limit(), [own("a", 1, 2)]).reason
    assert "no finding is over 'race'" in only(limit(), []).reason
    assert only(Limit(**{**limit().model_dump(), "technique": "shap"}), found).verdict == "INCONCLUSIVE"


def test_a_number_without_an_interval_was_measured_though_nothing_can_be_shown_of_it():
    bare = Finding(
        technique="parity", measure="abroca", attribute="race", group="b", reference="a", comparison="gap", value=0.2,
        details={"no_interval": "parity is the least value"},
    )  # fmt: skip
    judged = only(limit("gap", "abroca"), [bare])
    assert judged.reason == "Nothing can be shown: ABROCA has no interval: parity is the least value."
    gap = {"mean": 0.0, "se": 0.01, "df": 50}
    beside = finding("gap", gap, 0.0, group="c", reference="a", measure="abroca", unit="area")
    assert "no interval" in only(limit("gap", "abroca"), [bare, beside]).reason
    wide = finding("gap", {**gap, "se": 0.2}, 0.0, group="c", reference="a", measure="abroca", unit="area")
    assert " Not judged: ABROCA has no interval" in only(limit("gap", "abroca"), [bare, wide]).reason


def test_an_empty_policy_judges_nothing():
    verdict = judge([], [own("a", 1, 2)])
    assert verdict.verdict == "INCONCLUSIVE"
    assert verdict.reason == "No limit was set, so nothing was judged."
    assert verdict.policy_sha256 == digest([])


def test_the_policy_digest_is_that_of_its_limits():
    policy = [limit(), FOUR_FIFTHS]
    assert judge(policy, []).policy_sha256 == digest([one.model_dump(mode="json") for one in policy])


def test_a_limit_over_several_attributes_is_judged_over_each():
    rows = all_pairs("difference", {"a": (500, 1000), "b": (500, 1000)})
    verdict = judge([limit(over=("race", "sex"))], rows)
    assert [(one.attribute, one.verdict) for one in verdict.limits] == [("race", "PASS"), ("sex", "INCONCLUSIVE")]
    assert verdict.verdict == "INCONCLUSIVE"


BROKEN = [pair("difference", "b", "a", 900, 1000, 500, 1000)]


def waived(expires):
    return limit().model_copy(update={"waiver": Waiver(owner="R. Ito", reason="retrained in May", expires=expires)})


def test_a_waiver_keeps_the_limit_broken_and_lets_the_audit_through():
    verdict = judge([waived("2026-05-31")], BROKEN, today=date(2026, 5, 31))
    assert verdict.verdict == "PASS"
    assert (verdict.limits[0].verdict, verdict.limits[0].waived) == ("FAIL", True)
    assert verdict.limits[0].reason.endswith("Waived by R. Ito until 2026-05-31: retrained in May.")
    assert verdict.waivers[0]["owner"] == "R. Ito"
    assert "Waived: selection_rate over race" in verdict.reason


def test_a_waiver_that_has_run_out_is_a_fail():
    verdict = judge([waived("2026-05-31")], BROKEN, today=date(2026, 6, 1))
    assert verdict.verdict == "FAIL"
    assert verdict.limits[0].reason.endswith("The waiver of R. Ito ran out on 2026-05-31.")
    assert verdict.waivers[0]["expired"]


def test_a_waiver_does_not_let_another_limit_through():
    other = limit(measure="accuracy")
    findings = [*BROKEN, pair("difference", "b", "a", 30, 100, 30, 100, measure="accuracy")]
    assert judge([waived("2030-01-01"), other], findings, today=date(2026, 1, 1)).verdict == "INCONCLUSIVE"


def test_a_waiver_with_an_impossible_date_is_refused():
    with pytest.raises(SpecError, match="got expires '2026-02-30'"):
        judge([waived("2026-02-30")], BROKEN)


def test_a_verdict_is_read_back_as_it_was_written():
    verdict = judge([limit(), FOUR_FIFTHS, waived("2030-01-01")], [*BROKEN, own(MISSING_GROUP, 1, 2)])
    document = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert Verdict.from_json(document) == verdict


def test_the_order_of_findings_does_not_matter():
    rows = all_pairs("difference", {"a": (50, 100), "b": (40, 100), "c": (70, 100)})
    assert judge([limit()], rows) == judge([limit()], rows[::-1])


def simulate(rates, n, audits, seed, comparison="difference", policy=None):
    """Return the shares of PASS and FAIL over simulated audits of groups with these rates."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(audits):
        groups = {f"g{i}": _drawn(random, rate, n) for i, rate in enumerate(rates)}
        found.append(judge([policy or limit()], all_pairs(comparison, groups)).verdict)
    return found.count("PASS") / audits, found.count("FAIL") / audits


def test_a_fair_model_with_eight_small_groups_is_not_blocked_as_broken():
    """The point rule max − min > .10 blocks 75% of these."""
    passed, failed = simulate([0.3] * 8, 100, 100, seed=0)
    assert failed == 0
    assert passed <= 0.02


def test_a_fair_model_with_enough_rows_passes():
    passed, failed = simulate([0.3] * 8, 3000, 30, seed=1)
    assert (passed, failed) == (1, 0)
    passed, failed = simulate([0.3, 0.3], 300, 300, seed=2)
    assert passed == pytest.approx(0.707, abs=0.07)
    assert failed == 0


def test_at_the_limit_both_errors_stay_below_the_level():
    passed, failed = simulate([0.4, 0.3], 1000, 300, seed=3)
    assert passed <= 0.08  # .048 in the long run
    assert failed <= 0.045  # .025 in the long run
    passed, failed = simulate([0.4, 0.3, 0.3, 0.3], 300, 200, seed=4)
    assert passed <= 0.03
    assert failed <= 0.04


def test_a_planted_gap_is_found():
    _, failed = simulate([0.45, 0.3], 1000, 200, seed=5)
    assert failed == pytest.approx(0.654, abs=0.1)
    _, failed = simulate([0.3] * 7 + [0.5], 1000, 20, seed=6)
    assert failed == 1
    _, failed = simulate([0.3, 0.5], 800, 20, seed=7, comparison="ratio", policy=FOUR_FIFTHS)
    assert failed == 1


@st.composite
def audits_of_groups(draw):
    count = draw(st.integers(2, 5))
    sizes = [draw(st.integers(1, 2000)) for _ in range(count)]
    return {f"g{i}": (draw(st.integers(0, n)), n) for i, n in enumerate(sizes)}


@settings(max_examples=30, deadline=None)
@given(groups=audits_of_groups(), margin=st.sampled_from([0.0, 0.05, 0.1, 0.3]))
def test_renaming_groups_changes_no_verdict(groups, margin):
    policy = limit(at_most=margin)
    one = only(policy, all_pairs("difference", groups))
    turned = {f"h{name}": groups[name] for name in reversed(groups)}
    other = only(policy, all_pairs("difference", turned))
    assert (one.verdict, one.p) == (other.verdict, pytest.approx(other.p))
    assert one.interval.low == pytest.approx(other.interval.low, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(groups=audits_of_groups(), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_pass_and_fail_are_never_both_true(groups, level):
    """What passes has every estimate inside; what fails has its whole interval outside."""
    for policy, comparison in [
        (limit(), "difference"),
        (FOUR_FIFTHS, "ratio"),
        (limit("ratio", at_most=1.25), "ratio"),
    ]:
        judged = only(policy, all_pairs(comparison, groups), level=level)
        low = judged.interval.low
        high = np.inf if judged.interval.high is None else judged.interval.high
        inside = high < policy.bound if policy.at_most else low > policy.bound
        outside = low > policy.bound if policy.at_most else high < policy.bound
        assert not (inside and outside)
        assert {"PASS": inside, "FAIL": outside}.get(judged.verdict, not (inside or outside))
        assert (judged.p < 1 - level) == (judged.verdict == "FAIL")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "n", "parity", "at_limit", "beyond"),
    [
        (2, 300, (0.707, 0), (0.054, 0.025), (0.002, 0.238)),
        (2, 1000, (1, 0), (0.048, 0.025), (0, 0.654)),
        (4, 300, (0.271, 0), (0.006, 0.011), (0, 0.203)),
        (4, 1000, (0.993, 0), (0.004, 0.014), (0, 0.636)),
        (8, 100, (0, 0), (0, 0.006), (0, 0.049)),
    ],
)
def test_the_rule_errs_as_seldom_as_its_published_simulation(count, n, parity, at_limit, beyond):
    for highest, expected in ((0.3, parity), (0.4, at_limit), (0.45, beyond)):
        found = simulate([highest] + [0.3] * (count - 1), n, 500, seed=count * n)
        assert found == pytest.approx(expected, abs=0.07 if 0.1 < max(expected) < 0.99 else 0.025)


def test_pairs_that_have_no_finding_are_judged_from_the_rates_of_their_groups():
    groups = {"a": (50, 100), "b": (20, 100), "c": (80, 100), "d": (50, 100)}
    rates = [own(name, *counts) for name, counts in groups.items()]
    against_a = [pair("difference", name, "a", *groups[name], *groups["a"]) for name in "bcd"]
    whole = only(limit(at_most=0.2), [*rates, *all_pairs("difference", groups)])
    part = only(limit(at_most=0.2), [*rates, *against_a])
    assert (part.verdict, part.p) == (whole.verdict, pytest.approx(whole.p))
    assert part.worst == whole.worst == {"group": "c", "reference": "b"}
    assert part.value == pytest.approx(0.6)
    assert {f"parity/selection_rate/race/{name}/-/rate" for name in "bc"} <= set(part.findings)


def test_one_pair_told_is_no_pass_where_another_pair_is_not_equal():
    groups = {"a": (5000, 10000), "b": (4500, 10000), "c": (5500, 10000)}
    rates = [own(name, *counts) for name, counts in groups.items()]
    told = [pair("difference", name, "a", *groups[name], *groups["a"]) for name in "bc"]
    assert only(limit(at_most=0.08), told).verdict == "PASS"  # without the rates nothing else is known
    assert only(limit(at_most=0.08), [*rates, *told]).verdict == "FAIL"


def test_measures_without_any_pair_get_none_from_their_rates():
    judged = only(limit(measure="flip_rate", at_most=0.1), [own("a", 5, 100, measure="flip_rate")])
    assert judged.verdict == "INCONCLUSIVE"


EQUALIZED = limit(measure="equalized_odds_difference", at_most=0.1)


def odds(tpr, fpr):
    return [
        *all_pairs("difference", tpr, measure="true_positive_rate"),
        *all_pairs("difference", fpr, measure="false_positive_rate"),
    ]


def test_equalized_odds_hold_only_if_both_rates_do():
    even, apart = {"a": (500, 1000), "b": (505, 1000)}, {"a": (500, 1000), "b": (800, 1000)}
    assert only(EQUALIZED, odds(even, even)).verdict == "PASS"
    for tpr, fpr, measure in ((apart, even, "True positive"), (even, apart, "False positive")):
        judged = only(EQUALIZED, odds(tpr, fpr))
        assert judged.verdict == "FAIL"
        assert judged.reason.startswith(f"{measure} rate is 80.0% for b")


def test_equalized_odds_are_open_where_one_rate_is_not_measured():
    gone = pair("difference", "b", "a", 1, 2, 1, 2, measure="false_positive_rate").model_copy(
        update={"value": None, "interval": None, "sufficient": {}, "missing": "b has no actual negatives"}
    )
    even = all_pairs("difference", {"a": (500, 1000), "b": (505, 1000)}, measure="true_positive_rate")
    judged = only(EQUALIZED, [*even, gone])
    assert judged.verdict == "INCONCLUSIVE"
    assert "b has no actual negatives" in judged.reason


def test_a_range_is_not_judged_and_says_what_to_limit_instead():
    whole = Finding(
        technique="parity",
        measure="selection_rate",
        attribute="race",
        comparison="whole",
        value=0.2,
        n=Support(group=100),
        details={"no_interval": "limit the difference of pairs"},
    )
    judged = only(limit("whole", at_most=0.1), [whole])
    assert judged.verdict == "INCONCLUSIVE"
    assert "limit the difference of pairs" in judged.reason


def test_a_limit_over_groups_that_overlap_holds_each_against_those_outside_it():
    groups = {"Black": (400, 1000), "Asian": (690, 1000)}
    outside = {"Black": (700, 1000), "Asian": (700, 1000)}
    findings = [
        pair("difference", name, f"not {name}", *groups[name], *outside[name], attribute=f"race={name}")
        for name in groups
    ]
    judged = only(limit(at_most=0.1), findings)
    assert (judged.verdict, judged.worst) == ("FAIL", {"group": "not Black", "reference": "Black"})
    assert only(limit(at_most=0.1), findings[1:]).verdict == "PASS"


def test_equalized_odds_are_open_where_one_rate_was_never_measured():
    """The gate's policy may ask what the audit did not: nothing known of false positives is no parity of them."""
    even = all_pairs("difference", {"a": (500, 1000), "b": (505, 1000)}, measure="true_positive_rate")
    judged = only(EQUALIZED, even)
    assert judged.verdict == "INCONCLUSIVE"
    assert "no finding is of 'false_positive_rate' over race" in judged.reason
    apart = all_pairs("difference", {"a": (500, 1000), "b": (900, 1000)}, measure="true_positive_rate")
    assert only(EQUALIZED, apart).verdict == "FAIL"


def test_pairs_are_judged_from_rates_even_where_many_groups_have_none():
    """With 30 groups of which 8 have rows there are more findings without a number than pairs with one."""
    groups = {f"g{at}": (500, 1000) for at in range(6)} | {"low": (300, 1000), "high": (700, 1000)}
    rates = [own(name, *counts) for name, counts in groups.items()]
    told = [pair("difference", name, "g0", *groups[name], *groups["g0"]) for name in groups if name != "g0"]
    gone = [
        told[0].model_copy(
            update={"group": f"empty{at}", "value": None, "interval": None, "sufficient": {}, "missing": "has no rows"}
        )
        for at in range(22)
    ]
    judged = only(limit(at_most=0.25), [*rates, *told, *gone])
    assert (judged.verdict, judged.worst) == ("FAIL", {"group": "high", "reference": "low"})


def test_many_groups_compared_with_one_only_are_no_pass_where_nothing_says_how_the_others_differ():
    """AUC 5 points above that of the reference, and 5 points below: 10 points apart, and nobody looked."""
    gaps = [
        finding("gap", {"mean": gap, "se": 0.001, "df": 999}, gap, f"g{at}", "g0", measure="auc")
        for at, gap in enumerate([0.05, -0.05] + [0.0] * 11, start=1)
    ]
    judged = only(limit("gap", "auc", at_most=0.07), gaps)
    assert judged.verdict == "INCONCLUSIVE"
    assert "of the 14 groups of race only 13 pairs were compared" in judged.reason
    assert only(limit("gap", "auc", at_most=0.03), gaps).verdict == "FAIL"


def test_how_alike_two_lists_are_is_the_same_in_either_order():
    alike = finding("gap", {"mean": 0.9, "se": 0.01, "df": 50}, 0.9, reference="a", measure="jaccard_at_k[k=10]")
    assert only(limit("gap", "jaccard_at_k[k=10]", at_least=0.6), [alike]).verdict == "PASS"
    assert only(limit("gap", "jaccard_at_k[k=10]", at_least=0.95), [alike]).verdict == "FAIL"


def test_the_smallest_detectable_ratio_is_a_ratio_whatever_it_is_of():
    """Two groups and the same counts: it does not matter that the groups overlap others."""
    apart = pair("ratio", "B", "not B", 300, 1000, 310, 1000)
    overlapping = pair("ratio", "B", "not B", 300, 1000, 310, 1000, attribute="race=B")
    expected = only(FOUR_FIFTHS, [apart]).smallest_detectable
    assert expected == pytest.approx(np.exp(-(1.96 + 0.8416) * np.sqrt(0.695 / 0.305 * 2 / 1000)), abs=1e-4)
    assert only(FOUR_FIFTHS, [overlapping]).smallest_detectable == pytest.approx(expected)
    losses = apart.model_copy(
        update={
            "sufficient": {"mean": 0.0, "se": 0.05},
            "interval": Interval(low=0.9, high=1.1, level=0.95, method="log-normal"),
        }
    )
    found = only(FOUR_FIFTHS, [losses]).smallest_detectable
    assert found == pytest.approx(np.exp(-(1.96 + 0.8416) * 0.05), abs=1e-4)


def test_a_disparity_that_cannot_be_is_not_told_as_detectable():
    assert only(limit("rate", at_least=0.02), [own("a", 1, 10)]).smallest_detectable is None
    assert only(limit(at_most=0.1), [pair("difference", "b", "a", 1, 3, 1, 3)]).smallest_detectable is None


def test_an_interval_that_is_open_above_cannot_be_seen_from_the_other_group():
    odds = Finding(
        technique="other",
        measure="odds",
        attribute="race",
        group="b",
        reference="a",
        comparison="mean",
        value=2.0,
        interval=Interval(low=1.5, high=None, level=0.95, method="exact"),
        unit="odds",
    )
    assert only(limit("mean", "odds", at_least=1.0), [odds]).verdict == "INCONCLUSIVE"


def subgroup(name, x1, n1, x2, n2, **details):
    return pair(
        "difference", name, "all others", x1, n1, x2, n2, technique="subgroups", attribute="subgroups", details=details
    )


def any_subgroup(high, value=0.05):
    return Finding(
        technique="subgroups",
        measure="selection_rate",
        attribute="subgroups",
        group="any subgroup",
        reference="all others",
        comparison="difference",
        value=value,
        interval=Interval(low=0.0, high=high, level=0.9, method="largest-one-sided-limit", simultaneous=True),
    )


SUBGROUPS = limit(over="subgroups")


def test_subgroups_that_a_bound_over_all_of_them_covers_pass_by_it_alone():
    """A lead has half of the rows; the bound is of all of them, for every subgroup of the search."""
    lead = subgroup("race=b", 33, 100, 300, 1000, bounded_by="any subgroup")
    assert only(SUBGROUPS, [lead]).verdict == "INCONCLUSIVE"
    judged = only(SUBGROUPS, [lead, any_subgroup(0.09)])
    assert (judged.verdict, judged.findings) == ("PASS", (any_subgroup(0.09).id,))
    assert judged.reason.startswith("Selection rate is 5.0 points for any subgroup against all others (90% interval")
    assert only(SUBGROUPS, [lead, any_subgroup(0.11)]).verdict == "INCONCLUSIVE"
    contrary = lead.model_copy(
        update={"value": None, "interval": None, "sufficient": {}, "missing": "the halves contradict each other"}
    )
    assert only(SUBGROUPS, [contrary, any_subgroup(0.09)]).verdict == "PASS"


def test_a_subgroup_that_no_search_holds_has_to_be_shown_by_itself():
    rule = subgroup("a linear combination of race, sex", 33, 100, 300, 1000)
    judged = only(SUBGROUPS, [rule, any_subgroup(0.09)])
    assert (judged.verdict, judged.worst["group"]) == ("INCONCLUSIVE", "a linear combination of race, sex")
    clear = subgroup("race=b", 600, 1000, 300, 1000, bounded_by="any subgroup")
    assert only(SUBGROUPS, [clear, any_subgroup(0.35, 0.3)]).verdict == "FAIL"


def test_subgroups_against_their_complements_are_corrected_by_their_number_not_as_all_pairs():
    leads = [subgroup(f"s{at}", 300, 1000, 300, 1000) for at in range(9)]
    worst = subgroup("s", 460, 1000, 300, 1000)
    alone = only(SUBGROUPS, [worst]).p
    assert only(SUBGROUPS, [worst, *leads]).p == pytest.approx(10 * alone)


def test_many_groups_are_judged_as_few_are(monkeypatch):
    """Of more numbers than ``MANY`` only the nearest get an interval; the verdict and what is named stay the same."""
    from audits import family

    random = np.random.default_rng(3)
    groups = {f"g{at}": _drawn(random, 0.3, 400) for at in range(9)}
    for at_most in (0.02, 0.1, 0.3):
        rows = all_pairs("difference", groups)
        whole = only(limit(at_most=at_most), rows)
        with monkeypatch.context() as few:
            few.setattr(family, "MANY", 10)
            few.setattr(family, "NEAREST", 40)
            assert only(limit(at_most=at_most), rows) == whole


def test_groups_of_less_than_one_row_hide_no_other():
    """Two clusters are worth a fraction of a row: nothing is known of two such groups, and all of the two others."""
    groups = {"a": (0.01, 0.2), "b": (0.1, 0.2), "c": (500, 1000), "d": (100, 1000)}
    judged = only(FOUR_FIFTHS, all_pairs("ratio", groups))
    assert (judged.verdict, judged.worst) == ("FAIL", {"group": "d", "reference": "c"})
