"""How far a standard error can be trusted: degrees of freedom, and the intervals that follow from them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import coverage
import coverage_laws

from audits.metrics import chosen
from audits.metrics.groups import Counted
from audits.metrics.predicted import parts_of, summed
from audits.metrics.running import Summarised, findings
from audits.metrics.standing import EVERY, of_classes, of_decisions, of_scores, standing, together
from audits.metrics.sums import resampled
from audits.statistics import bounds, critical
from audits.statistics.bootstrap import spread
from audits.statistics.means import satterthwaite, skewed_df, t_p
from audits.statistics.simultaneous import bonferroni_critical

Z = critical(0.95)


def test_the_degrees_of_freedom_of_two_means_are_those_of_scipys_welch_test():
    random = np.random.default_rng(0)
    one, two = random.normal(size=12), random.normal(0, 3, 40)
    variances = [one.var(ddof=1) / 12, two.var(ddof=1) / 40]
    assert satterthwaite(variances, [11, 39]) == pytest.approx(stats.ttest_ind(one, two, equal_var=False).df)
    assert satterthwaite([0, 0], [4, 9]) == 4
    assert t_p(2.5, 7.3) == pytest.approx(2 * stats.t.sf(2.5, 7.3))


@pytest.mark.parametrize("shape", [1.0, 4.0])
def test_a_variance_of_gamma_rows_is_known_to_as_many_degrees_of_freedom_as_simulated(shape):
    """Exponential rows (shape 1): 1/(1/29 + 6/60) = 7.44 of 30 rows."""
    found = np.random.default_rng(1).gamma(shape, size=(200_000, 30)).var(axis=1, ddof=1)
    simulated = 2 * found.mean() ** 2 / found.var()
    assert skewed_df(30, 2 / np.sqrt(shape * 30)) == pytest.approx(simulated, rel=0.06)
    assert skewed_df(30, 2 / np.sqrt(30)) == pytest.approx(7.436, abs=1e-3)
    assert skewed_df(30, 0) == 29
    most = [stats.skew([0.0] * (n - 1) + [1.0]) / np.sqrt(n) for n in (2, 5, 1000)]
    assert skewed_df([2, 5, 1000], 9) == pytest.approx(skewed_df([2, 5, 1000], most))
    assert skewed_df([2, 5, 1000], 9).min() == 1


def test_the_skewness_of_replicates_is_that_of_the_mean_and_nothing_where_it_is_chance():
    random = np.random.default_rng(2)
    rows = random.exponential(size=(2, 50))
    rows[1] = random.normal(size=50)
    drawn = np.stack([random.choice(row, (20_000, 50)).mean(axis=1) for row in rows], axis=1)
    found = spread(drawn, np.ones_like(drawn))
    assert found.skewness[0] == pytest.approx(stats.skew(rows[0]) / np.sqrt(50), abs=0.04)
    assert abs(found.skewness[1]) == pytest.approx(abs(stats.skew(rows[1])) / np.sqrt(50), abs=0.04)
    noise = random.normal(size=(1000, 200))
    assert (spread(noise, np.ones_like(noise)).skewness == 0).mean() > 0.6


@pytest.mark.parametrize(
    ("method", "normal", "end"),
    [
        ("log-t", "log-normal", np.exp),
        ("logit-t", "logit-normal", lambda x: 1 / (1 + np.exp(-x))),
        ("fisher-t", "fisher", np.tanh),
        ("rest-log-t", None, lambda x: 1 - np.exp(-x)),
    ],
)
@given(mean=st.floats(-2, 2), se=st.floats(0.01, 1), df=st.floats(3, 200), z=st.floats(0.5, 3), more=st.floats(0.1, 1))
def test_a_t_interval_on_a_scale_is_students_wider_the_fewer_and_normal_with_many(
    method, normal, end, mean, se, df, z, more
):
    low, high = bounds(method, {"mean": mean, "se": se, "df": df}, z)
    far = stats.t.isf(stats.norm.sf(z), df) * se
    assert (low, high) == (pytest.approx(end(mean - far)), pytest.approx(end(mean + far)))
    wider = bounds(method, {"mean": mean, "se": se, "df": df}, z + more)
    assert wider[0] <= low <= high <= wider[1]
    if normal:
        many = bounds(method, {"mean": mean, "se": se, "df": 1e7}, z)
        assert many == tuple(
            pytest.approx(bound, rel=1e-4, abs=1e-6) for bound in bounds(normal, {"mean": mean, "se": se}, z)
        )


def test_a_number_within_two_sets_stands_on_the_smaller_one():
    assert together(np.array([[5, 500], [50, 50], [0, 9], [1, 400], [0, 0]])) == pytest.approx(
        [5.08, 99, 9, 2.005, 0], abs=0.01
    )


def test_each_task_counts_its_sets_of_rows():
    rows = np.zeros((1, 3, 3))
    rows[0, 2, 2], rows[0, 1, 2], rows[0, 2, 1], rows[0, 1, 1], rows[0, 0, 2] = 3, 5, 7, 11, 2
    sets = of_decisions(Counted("g", ["a"], rows))
    names = ("positives", "negatives", "predicted positives", "predicted negatives", "actual or predicted positives")
    assert [sets[name][0] for name in (EVERY, *names)] == [28, 10, 16, 10, 18, 15]
    clusters = np.zeros((2, 3, 3))
    clusters[0, 2, 2], clusters[:, 1, 1] = 9, 4
    sets = of_decisions(Counted("g", ["a"], rows, clusters=[clusters]))
    assert (sets["positives"][0], sets["negatives"][0]) == (1, 2)

    codes, labels = np.array([0] * 6 + [1] * 5), np.array([1, 1, 0, 0, 0, -1, 1, 0, 0, 0, 0], np.int8)
    entries = {name: chosen("scores", [name])[0] for name in ("mean_score", "log_loss", "auc", "bpsn_auc")}
    units = of_scores(codes, 2, labels, None, None)
    assert {name: units(entry).tolist() for name, entry in entries.items() if name in ("mean_score", "log_loss")} == {
        "mean_score": [6, 5], "log_loss": [5, 5],
    }  # fmt: skip
    assert units(entries["auc"]) == pytest.approx(together(np.array([[2, 3], [1, 4]])))
    assert units(entries["bpsn_auc"]) == pytest.approx(together(np.array([[1, 3], [2, 4]])))

    (recall,) = chosen("multiclass", ["macro_recall"])
    true, made = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 1, 0, 1, 0, 1])
    found = of_classes(np.zeros(6, int), 1, true, made, 2, None, None, recall)
    assert found == pytest.approx(together(np.array([[3, 2]])))
    assert standing(recall, {"true classes": np.array([[3.0, 2.0]])}) == pytest.approx(found)


def of_errors(groups, errors, units, seed, level=0.95):
    """The mean errors of groups, resampled by units."""
    random = np.random.default_rng(seed)
    own, again = resampled(
        parts_of(errors, np.zeros(len(errors)), np.ones(len(errors))), groups, groups.max() + 1, units, 400, random
    )
    many = groups.max() + 1
    of_each = np.array([len(np.unique(units[groups == group])) for group in range(many)], float)
    return Summarised(
        technique="regression_parity", attribute="g", groups=[f"g{at:02}" for at in range(many)], summary=summed(own),
        replicates=summed(again), rows=lambda entry: of_each, level=level, units=of_each,
        pairs=[(b, a) for a in range(many) for b in range(a + 1, many)], apart=len(units) == len(np.unique(units)),
    )  # fmt: skip


def test_the_gap_of_two_means_is_that_of_scipys_welch_test():
    random = np.random.default_rng(3)
    groups = np.repeat([0, 1], [40, 25])
    errors = random.normal(groups, 1 + 2 * groups)
    (mean_error,) = chosen("regression", ["mean_error"])
    gap = next(f for f in findings(mean_error, of_errors(groups, errors, np.arange(65), 4)) if f.comparison == "gap")
    low, high = stats.ttest_ind(errors[groups == 1], errors[groups == 0], equal_var=False).confidence_interval()
    assert (gap.interval.low, gap.interval.high) == (pytest.approx(low, abs=0.12), pytest.approx(high, abs=0.12))
    assert gap.interval.method == "t"


def test_gaps_of_fourteen_groups_of_five_clusters_are_all_held_as_often_as_they_should_be():
    """All 91 gaps together at Bonferroni's critical value; by the widening of one comparison 7.6 % missed."""
    groups = np.repeat(np.arange(14), 40)
    units = np.arange(14 * 40) // 8
    (mean_error,) = chosen("regression", ["mean_error"])
    random = np.random.default_rng(5)
    missed = 0
    for seed in range(60):
        errors = random.normal(size=70)[units] + random.normal(size=len(units))
        told = [f for f in findings(mean_error, of_errors(groups, errors, units, seed)) if f.comparison == "gap"]
        ends = [bounds(f.interval.method, f.sufficient, bonferroni_critical(0.95, 91)) for f in told]
        missed += any(low > 0 or high < 0 for low, high in ends)
    assert missed <= 1


@pytest.mark.parametrize(
    ("task", "law", "n", "metric", "least"),
    [
        ("scores", "base rate 0.2", 50, "generalized_true_positive_rate", 0.92),
        ("scores", "base rate 0.2", 30, "log_loss", 0.90),
        ("binary", "base rate 0.2", 50, "balanced_accuracy", 0.92),
        ("regression", "laplace", 50, "root_mean_squared_error", 0.87),
    ],
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(task, law, n, metric, least):
    """Least coverage of a group's number in 300 draws; gaps and ratios at least 93 %, less what chance makes of it."""
    random = np.random.default_rng(6)
    (population,) = [one for one in coverage_laws.laws(random) if one.task == task and law in one.name]
    for row in coverage.coverage(population, n, 150, 300, random, [metric]):
        assert row["covers"] >= (least if row["kind"] == "mean" else 0.89), row
        assert row["published"] > 0.8
