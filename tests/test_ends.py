"""What a number can be at all: no interval is told beyond it, and no rows are asked for that would tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
from columned import found, with_columns
from scipy import stats

from audits.findings import Finding, Interval, Support
from audits.metrics import comparisons, ends, of_task, registry, running
from audits.spec import Limit
from audits.statistics import bounds, critical, interval, reverse
from audits.verdict import judge


def gap(value, se, df, n=300, **limits):
    sufficient = {"mean": value, "se": se, "df": df, **limits}
    low, high = interval("t", sufficient, critical(0.95))
    return Finding(
        technique="score_parity", measure="auc", attribute="who", group="b", reference="a", comparison="gap",
        value=value, interval=Interval(low=low, high=high, level=0.95, method="t"), sufficient=sufficient,
        n=Support(group=n, reference=n), direction="high means right more often; group − reference",
    )  # fmt: skip


def judged(finding, at_most=0.05):
    policy = [Limit(measure="auc", over="who", compare="gap", at_most=at_most)]
    one = judge(policy, [finding])
    assert judge(policy, [Finding.from_json(finding.to_json())]) == one
    return one.limits[0]


def rows(mode, seed, count=40):
    random = np.random.default_rng(seed)
    group = random.choice(["a", "b"], count).tolist()
    score = np.clip(random.beta(0.5, 1, count), 0.001, 0.999)
    label = (random.random(count) < score).astype(int)
    more = {}
    if mode == "one large cluster":
        cluster = random.integers(0, 4, count)
        cluster[: int(0.6 * count)] = 0
        more["cluster"] = [f"c{one}" for one in cluster]
    if mode == "unlike weights":
        more["weight"] = (random.pareto(1, count) + 0.01).tolist()
    columns = {"amount": 100 * score + random.standard_cauchy(count), "offered": 100 * score}
    decision = (score >= 0.5).astype(int).tolist()
    return group, columns, {"score": score.tolist(), "label": label.tolist(), "decision": decision, **more}


@pytest.mark.parametrize("mode", ["one large cluster", "unlike weights", "few rows"])
@pytest.mark.parametrize(
    ("technique", "options"),
    [
        ("parity", {"metrics": ["balanced_accuracy", "matthews_correlation", "average_odds_difference"]}),
        ("score_parity", {"metrics": ["auc", "gini", "brier_score", "calibration_in_the_large"], "resolution": 32}),
        ("identity_auc", {"resolution": 32}),
        ("regression_parity", {"predicted": "offered", "truth": "amount", "metrics": ["r_squared", "correlation"]}),
        ("data_balance", {"metrics": ["positive_label_rate", "class_imbalance"]}),
    ],
)
def test_no_interval_is_told_beyond_what_the_number_can_be(tmp_path, technique, options, mode):
    told = 0
    for seed in range(4):
        group, columns, more = rows(mode, seed, 20 if mode == "few rows" else 40)
        evidence = with_columns(tmp_path / str(seed), {"who": group}, columns, **more)
        for finding in found(evidence, technique, **options).values():
            entry = registry.entries().get(finding.measure)
            if entry is None or finding.interval is None:
                continue
            low, high = ends(entry)
            if finding.comparison == "gap" and entry.facts["over"] == "group":
                low, high = (None, None) if None in (low, high) else (low - high, high - low)
            if finding.comparison == "ratio":
                low, high = 0, None
            assert low is None or finding.interval.low >= low, finding.id
            assert high is None or finding.interval.high <= high, finding.id
            assert finding.interval.low <= finding.value
            assert finding.interval.high is None or finding.value <= finding.interval.high
            told += 1
    assert told


def test_what_a_limit_may_compare_is_what_is_told(tmp_path):
    group, columns, more = rows("", 0, 200)
    evidence = with_columns(tmp_path, {"who": group}, columns, **more)
    asked = [
        ("parity", {"metrics": [entry.name for entry in of_task("binary")]}),
        ("score_parity", {"resolution": 32, "metrics": [entry.name for entry in of_task("scores")]}),
        ("regression_parity", {"predicted": "offered", "truth": "amount"}),
        ("data_balance", {}),
    ]
    seen = {}
    for technique, options in asked:
        for finding in found(evidence, technique, **options).values():
            if finding.measure in registry and finding.comparison != "check":
                seen.setdefault(finding.measure, set()).add(finding.comparison)
    assert len(seen) > 100
    for measure, told in seen.items():
        known = comparisons(registry[measure])
        assert not known or told <= set(known), measure


def test_a_gap_of_which_nothing_is_known_ends_where_gaps_end():
    """Two units, one of them huge: Student's interval with one degree of freedom is ±31."""
    ends_at = {"low": -1.0, "high": 1.0}
    assert bounds("t", {"mean": 0.1, "se": 2.4, "df": 1.0}, critical(0.95))[1] > 30
    found = judged(gap(0.1, 2.4, 1.0, **ends_at))
    assert (found.verdict, found.interval.low, found.interval.high) == ("INCONCLUSIVE", -1, 1)
    assert reverse({"mean": 0.1, "se": 1.0, "df": 3.0, "low": -0.2, "high": 0.5}) == {
        "mean": -0.1, "se": 1.0, "df": 3.0, "low": -0.5, "high": 0.2,
    }  # fmt: skip
    low, high = bounds("log-t", {"mean": np.log(0.9), "se": 0.3, "df": 4.0, "high": 1.0}, critical(0.95))
    assert (high, low) == (1, pytest.approx(0.9 * np.exp(-0.3 * stats.t.ppf(0.975, 4))))


def test_where_a_number_ends_changes_no_verdict_and_not_what_it_takes():
    for value, se, df in ((0.2, 0.03, 8.0), (0.0, 0.01, 8.0), (0.2, 0.12, 3.0), (-0.5, 0.02, 2.0)):
        one, other = judged(gap(value, se, df)), judged(gap(value, se, df, low=-1.0, high=1.0))
        assert (one.verdict, one.p, one.rows_needed) == (other.verdict, other.p, other.rows_needed)
        assert one.smallest_detectable == other.smallest_detectable


def test_with_more_rows_a_standard_error_is_known_better_too():
    """m times the rows: t with m·df degrees of freedom at the tail of z + 0.842, times se/√m, reaches the limit."""
    found = judged(gap(0.15, 0.4, 1.0, n=100, low=-1.0, high=1.0))
    z = critical(0.95) + stats.norm.ppf(0.8)
    times = np.exp(np.linspace(0, 12, 200_001))
    first = times[np.argmax(0.15 - stats.t.isf(stats.norm.sf(z), times) * 0.4 / np.sqrt(times) > 0.05)]
    assert found.rows_needed == pytest.approx(100 * first, rel=0.01)
    assert found.rows_needed < 100 * ((z * 0.4 / 0.1) ** 2 + 9)  # not as if there were one degree of freedom for ever


def test_rows_that_nobody_will_ever_have_are_not_asked_for():
    found = judged(gap(0.0500001, 0.1, 40.0, low=-1.0, high=1.0))
    assert found.rows_needed is None
    assert "More rows like these will not settle it: a thousand times as many would not" in found.reason
    assert judged(gap(0.055, 0.1, 40.0)).rows_needed > 300


def explained(group, se):
    sufficient = {"mean": -1.0, "se": se, "df": 1.0}
    told = running._interval(("rest-log-t", sufficient), 0.95)
    return told and Finding(
        technique="regression_parity", measure="r_squared", attribute="who", group=group, comparison="mean",
        value=1 - np.e, interval=told, sufficient=sufficient, n=Support(group=9),
    )  # fmt: skip


def test_what_has_no_lower_end_is_told_without_an_interval_and_judged_all_the_same():
    """R² of rows of which one alone is explained: −log of the rest reaches beyond the floats."""
    assert explained("a", 60.0) is None
    policy = [Limit(measure="r_squared", over="who", compare="mean", at_least=0.1)]
    one = judge(policy, [explained(group, 55.0) for group in "abc"])  # at 95 % there is an end, for all three none
    assert one.verdict == "INCONCLUSIVE"
    assert one.limits[0].interval.low < -1e308
