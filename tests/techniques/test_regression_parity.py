"""Regression parity: intervals, chance, weights, clusters, planted and fair, and bad columns."""

import numpy as np
import pytest
from columned import found, with_columns

from audits.errors import DataError, SpecError
from audits.findings import canonical_json
from audits.techniques import registry


def drawn(seed, rows=500, bias=0.0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, rows)
    truth = rng.gamma(4, 5, rows)
    predicted = truth + rng.normal(0, 2, rows) + bias * group
    return {"g": np.array(["a", "b"])[group].tolist(), "p": predicted.tolist(), "y": truth.tolist()}


def audit(folder, data, more=None, **options):
    columns = {name: data[name] for name in ("p", "y") if name in data}
    evidence = with_columns(folder, {"g": data["g"]}, columns, **{"reference": "a", **(more or {})})
    named = {option: name for option, name in (("predicted", "p"), ("truth", "y")) if name in data}
    return found(evidence, "regression_parity", **{**named, **options})


def test_the_interval_of_a_mean_error_is_the_one_of_the_textbook(tmp_path):
    from scipy import stats

    data = drawn(0)
    told = audit(tmp_path, data, metrics=["mean_error"])
    error = {
        g: np.array([p - y for p, y, h in zip(data["p"], data["y"], data["g"], strict=True) if h == g]) for g in "ab"
    }
    for group, values in error.items():
        finding = told[f"mean_error/g/{group}/-/mean"]
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert finding.value == pytest.approx(values.mean())
        assert (finding.interval.low, finding.interval.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    gap = told["mean_error/g/b/a/gap"]
    theirs = stats.ttest_ind(error["b"], error["a"], equal_var=False)
    assert gap.value == pytest.approx(error["b"].mean() - error["a"].mean())
    assert gap.p == pytest.approx(theirs.pvalue, abs=0.05)


@pytest.mark.parametrize(("rows", "times", "least"), [(16, 120, 105), (60, 120, 107), (6000, 40, 34)])
def test_intervals_hold_the_truth_of_few_rows_and_of_rows_dealt_to_blocks(rows, times, least):
    from audits.metrics.predicted import parts_of, summed
    from audits.metrics.regression import mean_error
    from audits.metrics.running import Summarised, findings
    from audits.metrics.sums import resampled, units, units_of

    (entry,) = [e for e in entries() if e.function is mean_error]
    rng = np.random.default_rng(rows)
    inside = 0
    for _ in range(times):
        error, codes, unit = rng.normal(3, 1, rows), np.arange(rows) % 2, units(rows, None, rng)
        total, again = resampled(parts_of(error, np.zeros(rows), np.ones(rows)), codes, 2, unit, 300, rng)
        data = Summarised(
            technique="t",
            attribute="g",
            groups=["a", "b"],
            summary=summed(total),
            replicates=summed(again),
            rows=lambda entry: np.full(2, rows / 2),
            pairs=[],
            level=0.95,
            units=units_of(codes, 2, unit, np.ones(rows, bool)),
        )
        first = next(findings(entry, data))
        inside += first.interval.low <= 3 <= first.interval.high
    assert inside >= least  # expected 95 of 100


def entries():
    from audits.metrics import of_task

    return of_task("regression")


def test_every_metric_is_told_for_groups_pairs_or_all(tmp_path):
    told = audit(tmp_path, drawn(1))
    needs_a_column = {"treatment_effect"}
    assert {f.measure.partition("[")[0] for f in told.values()} == {entry.name for entry in entries()} - needs_a_column
    assert told["mean_prediction/g/b/a/gap"].interval.method == "t"
    assert told["mean_absolute_error/g/b/a/ratio"].interval.method == "log-t"
    assert told["scoring_rate/g/b/a/ratio"].interval.method == "koopman"
    assert told["jain_index/g/-/-/whole"].interval is not None
    for name in ("cdf_parity/g/b/a/gap", "wasserstein_distance/g/b/a/gap", "regression_statistical_parity/g/-/-/whole"):
        assert told[name].interval is None
        assert 0 < told[name].p <= 1
        assert told[name].details["by_chance"] > 0


def test_a_planted_shift_is_found_and_a_fair_model_is_not_blamed(tmp_path):
    planted, fair = (audit(tmp_path / str(bias), drawn(2, bias=bias)) for bias in (5.0, 0.0))
    for name in ("mean_error/g/b/a/gap", "cdf_parity/g/b/a/gap", "wasserstein_distance/g/b/a/gap"):
        assert planted[name].p < 0.01
        assert fair[name].p > 0.05
    assert planted["mean_error/g/b/a/gap"].interval.low > 4
    low, high = (getattr(fair["mean_error/g/b/a/gap"].interval, end) for end in ("low", "high"))
    assert low < 0 < high


def test_the_quantile_is_in_the_name_and_its_value_beside_the_number(tmp_path):
    data = drawn(3)
    told = audit(tmp_path, data, quantiles=[0.5, 0.9], metrics=["quantile_rate", "scoring_rate"])
    half = told["quantile_rate[quantile=0.5]/g/a/-/rate"]
    assert half.value == told["scoring_rate/g/a/-/rate"].value
    assert half.details["quantile"] == pytest.approx(np.median(data["p"]))
    assert told["scoring_rate/g/b/a/ratio"].details["median"] == pytest.approx(np.median(data["p"]))
    assert told["quantile_rate[quantile=0.9]/g/a/-/rate"].value < half.value


def test_the_median_is_of_all_rows_also_of_those_of_unknown_group(tmp_path):
    data = {"g": ["a", "b", None, None, None], "p": [1.0, 2.0, 3.0, 4.0, 5.0]}
    told = audit(tmp_path, data, metrics=["scoring_rate"])
    assert (told["scoring_rate/g/a/-/rate"].value, told["scoring_rate/g/(missing)/-/rate"].value) == (
        0,
        pytest.approx(2 / 3),
    )


def test_against_the_best_group_the_ratio_of_scoring_rates_is_the_impact_ratio(tmp_path):
    rng = np.random.default_rng(8)
    group = rng.integers(0, 3, 300)
    data = {"g": np.array(["a", "b", "c"])[group].tolist(), "p": (rng.normal(size=300) + 0.4 * group).tolist()}
    told = audit(tmp_path, data, {"reference": "best"}, metrics=["scoring_rate"])
    rates = {f.group: f.value for f in told.values() if f.comparison == "rate"}
    best = max(rates, key=rates.get)
    for group in set(rates) - {best}:
        ratio = told[f"scoring_rate/g/{group}/{best}/ratio"].value
        assert ratio == pytest.approx(rates[group] / max(rates.values()))
        assert ratio <= 1


def test_uneven_weights_count_as_fewer_rows(tmp_path):
    data = drawn(9, rows=60)
    uneven = np.random.default_rng(0).lognormal(0, 1.2, 60)
    even = audit(tmp_path / "even", data, metrics=["mean_error"])["mean_error/g/a/-/mean"].interval
    found_ = audit(tmp_path / "uneven", data, {"weight": uneven.tolist()}, metrics=["mean_error"])
    wide = found_["mean_error/g/a/-/mean"].interval
    assert wide.high - wide.low > 1.15 * (even.high - even.low)


def test_a_weight_that_all_rows_have_changes_no_number(tmp_path):
    one, two = drawn(4), {"weight": [2.0] * 500}
    plain, weighted = audit(tmp_path / "one", one), audit(tmp_path / "two", one, two)
    assert {name: f.value for name, f in plain.items()} == pytest.approx({n: f.value for n, f in weighted.items()})


def test_rows_of_one_cluster_count_together(tmp_path):
    data = drawn(5, rows=60)
    many = {name: [value for value in column for _ in range(10)] for name, column in data.items()}
    clusters = {"cluster": [f"c{at}" for at in range(60) for _ in range(10)]}
    own = audit(tmp_path / "own", data)["mean_error/g/b/a/gap"].interval
    apart = audit(tmp_path / "apart", many)["mean_error/g/b/a/gap"].interval
    together = audit(tmp_path / "together", many, clusters)["mean_error/g/b/a/gap"].interval
    assert together.high - together.low == pytest.approx(own.high - own.low, rel=0.15)
    assert apart.high - apart.low < 0.5 * (own.high - own.low)
    alone = audit(tmp_path / "alone", data, {"cluster": ["c"] * 60}, metrics=["mean_error"])
    assert "all rows are of one cluster" in alone["mean_error/g/a/-/mean"].details["no_interval"]


def test_the_ratio_of_means_is_told_only_where_no_prediction_is_below_zero(tmp_path):
    positive = audit(tmp_path / "one", {"g": ["a", "a", "b", "b"], "p": [1, 2, 3, 3]}, metrics=["mean_prediction"])
    assert positive["mean_prediction/g/b/a/ratio"].value == 2
    signed = audit(tmp_path / "two", {"g": ["a", "a", "b", "b"], "p": [-1, 2, 3, 3]}, metrics=["mean_prediction"])
    assert "mean_prediction/g/b/a/ratio" not in signed


def test_unit_and_what_is_good_are_told_where_they_are_said(tmp_path):
    told = audit(tmp_path / "said", drawn(6), unit="EUR", high_is_good=False)
    assert told["mean_error/g/a/-/mean"].unit == "EUR"
    assert told["mean_squared_error/g/a/-/mean"].unit == "EUR²"
    assert told["mean_prediction/g/a/-/mean"].direction == "low is good for the person"
    assert told["scoring_rate/g/a/-/rate"].direction == "low is good for the person"
    silent = audit(tmp_path / "silent", drawn(6))
    assert silent["mean_error/g/a/-/mean"].unit == ""
    assert "depends on what is predicted" in silent["mean_prediction/g/a/-/mean"].direction


def test_without_a_column_the_score_is_what_is_audited(tmp_path):
    evidence = with_columns(
        tmp_path, {"g": ["a", "a", "b", "b"]}, {}, score=[1.0, 3.0, None, 4.0], decision=[1, 0, 1, 0]
    )
    told = found(evidence, "regression_parity", metrics=["mean_prediction"])
    assert told["mean_prediction/g/a/-/mean"].value == 2
    assert told["mean_prediction/g/b/-/mean"].n.group == 1
    assert told["mean_prediction/g/b/-/mean"].details["rows_without_prediction"] == 1


def test_without_a_truth_what_needs_it_says_so_and_a_group_without_one_has_no_error(tmp_path):
    data = {"g": ["a", "a", "b", "b"], "p": [1, 2, 3, 4]}
    assert "mean_error" not in {f.measure for f in audit(tmp_path / "one", data).values()}
    (asked,) = audit(tmp_path / "two", data, metrics=["mean_error"]).values()
    assert "no row has a prediction and a truth" in asked.missing
    partly = audit(tmp_path / "three", data | {"y": [1.0, 1.0, None, None]}, metrics=["mean_error"])
    assert (
        partly["mean_error/g/b/-/mean"].missing
        == "b has no rows with a truth and a prediction, so it has no mean error"
    )
    assert partly["mean_error/g/b/a/gap"].missing
    nothing = audit(tmp_path / "four", data | {"y": [None] * 4})
    assert "mean_error" not in {f.measure for f in nothing.values()}


@pytest.mark.parametrize(
    ("data", "options", "error", "said"),
    [
        ({"p": ["low", "mid", "high", "low"]}, {}, DataError, "'p' holds 'low', 'mid', 'high', expected numbers"),
        ({"p": [1, 2, 3, np.inf]}, {}, DataError, "'p' holds inf in row 3, expected finite numbers"),
        ({"p": [1, 2, 3, 4]}, {"quantiles": [80]}, SpecError, "got 80, expected numbers between 0 and 1"),
        ({"p": [1, 2, 3, 4]}, {"metrics": ["mae"]}, SpecError, "got 'mae'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(tmp_path, data, options, error, said):
    with pytest.raises(error, match=said):
        audit(tmp_path, {"g": ["a", "a", "b", "b"], **data}, **options)


def test_a_column_that_is_all_missing_is_said_to_be_not_measurable(tmp_path):
    for at, column in enumerate(([None] * 4, [np.nan] * 4)):
        (only,) = audit(tmp_path / str(at), {"g": ["a", "a", "b", "b"], "p": column}).values()
        assert only.missing == "regression_parity.predicted: the column 'p' has no value in any row"


def test_the_same_evidence_gives_the_same_bytes(tmp_path):
    one, two = (audit(tmp_path / name, drawn(7)) for name in ("one", "two"))
    assert [canonical_json(f.to_json()) for f in one.values()] == [canonical_json(f.to_json()) for f in two.values()]
    assert registry["regression_parity"].facts["replayable"]


def test_means_and_errors_are_told_once_more_of_the_rows_at_the_top(tmp_path):
    data = drawn(4, bias=3)
    told = audit(tmp_path, data, top=[0.8], metrics=["mean_absolute_error", "correlation", "mean_prediction"])
    p, y, g = (np.array(data[name]) for name in "pyg")
    above = p >= np.quantile(p, 0.8, method="averaged_inverted_cdf")
    for group in "ab":
        finding = told[f"mean_absolute_error[from_quantile=0.8]/g/{group}/-/mean"]
        own = above & (g == group)
        assert finding.value == pytest.approx(np.abs(p - y)[own].mean())
        assert finding.n.group == own.sum()
        assert finding.interval.low < finding.value < finding.interval.high
        assert told[f"mean_absolute_error/g/{group}/-/mean"].n.group == (g == group).sum()
    gap = told["correlation[from_quantile=0.8]/g/b/a/gap"].value
    by_hand = [np.corrcoef(p[above & (g == one)], y[above & (g == one)])[0, 1] for one in "ba"]
    assert gap == pytest.approx(by_hand[0] - by_hand[1])
    assert "mean_prediction[from_quantile=0.8]/g/b/a/ratio" in told
    with pytest.raises(SpecError, match=r"top: got 1\.5"):
        audit(tmp_path / "odd", data, top=[1.5])


def test_the_effect_of_a_treatment_is_told_of_those_treated_and_where_nobody_is_decided_of_everybody(tmp_path):
    rng = np.random.default_rng(6)
    group = rng.integers(0, 2, 400)
    without = rng.random(400)
    lift = 0.1 + 0.2 * group + rng.normal(0, 0.02, 400)
    decided = rng.integers(0, 2, 400)
    columns = {"p": (without + lift).tolist(), "q": without.tolist()}
    groups = {"g": np.array(["a", "b"])[group].tolist()}

    def told(name, **more):
        evidence = with_columns(tmp_path / name, groups, columns, reference="a", **more)
        asked = {"predicted": "p", "untreated": "q", "metrics": ["treatment_effect"]}
        return found(evidence, "regression_parity", **asked)["treatment_effect/g/b/a/gap"]

    everybody, some = told("all"), told("some", decision=decided.tolist())
    assert everybody.value == pytest.approx(lift[group == 1].mean() - lift[group == 0].mean())
    assert everybody.interval.low > 0.19
    means = [(lift * decided)[group == g].mean() for g in (0, 1)]
    assert some.value == pytest.approx(means[1] - means[0])
    missing = audit(tmp_path / "none", drawn(0), metrics=["treatment_effect"])["treatment_effect/g/-/-/whole"].missing
    assert "regression_parity.untreated" in missing
