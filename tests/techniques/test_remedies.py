"""Remedies: known answers, fairlearn as second implementation, a planted bias mended, a fair model left alone."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import write_evidence

from audits.errors import SpecError
from audits.evidence import Evidence
from audits.findings import write_findings
from audits.metrics import registry as metrics
from audits.refitting import as_many_positive, design, probabilities
from audits.remedies import (
    Target,
    auc,
    candidates,
    common_threshold,
    curve,
    group_thresholds,
    halves,
    residualised,
    reweighing,
    separation,
)
from audits.spec import AuditSpec
from audits.statistics import interval
from audits.techniques import registry, run
from audits.techniques.remedies import remedies
from audits.verdict import judge

DIFFERENCE = {"measure": "selection_rate", "over": "group", "compare": "difference", "at_most": 0.05}


def evidence_of(folder, group, decision, *, label=None, score=None, features=None, limits=(DIFFERENCE,), **more):
    """Evidence with scores and feature columns, under a policy."""
    groups = {"group": list(group)}
    evidence = write_evidence(folder, groups, label=label, decision=decision, reference="a", **more)
    rows = pq.read_table(folder / "rows.parquet")
    if score is not None:
        rows = rows.set_column(rows.column_names.index("score"), "score", pa.array(score, pa.float64()))
    for name, values in (features or {}).items():
        rows = rows.append_column(f"data.{name}", pa.array(values))
    pq.write_table(rows, folder / "rows.parquet")
    document = evidence.spec.model_dump(mode="json")
    document["data"] |= {"features": list(features or {})}
    if score is not None:
        document["data"] |= {"score": "score", "threshold": ">= 0.5"}
    document["limits"] = list(limits)
    return Evidence(folder, AuditSpec.model_validate(document))


def found(evidence, **options):
    return {f.id.removeprefix("remedies/"): f for f in remedies(evidence, **options)}


def numbers(evidence, measure="selection_rate difference", **options):
    """What each alternative comes to: name → (gap, change of the gap, change of the accuracy)."""
    every = found(evidence, **options)
    table = {}
    for finding in every.values():
        kind, _, alternative = finding.measure.removesuffix("]").partition("[")
        alternative = alternative.removesuffix(" (uses group)")
        if finding.group == measure and kind != "remedy_log":
            table.setdefault(alternative, {})[kind.removeprefix("remedy_")] = finding
    return table


def shifted(rows=8000, shift=1.0, seed=0):
    """A score that is as good in either group, and stands lower in one of them by ``shift``."""
    random = np.random.default_rng(seed)
    group = random.integers(0, 2, rows)
    truth = random.integers(0, 2, rows)
    score = 1 / (1 + np.exp(-(truth * 2 - 1 + random.normal(size=rows) - shift * group)))
    names = np.array(["a", "b"], object)[group].tolist()
    return names, truth.tolist(), score.tolist(), (score >= 0.5).astype(int).tolist()


# -- known answers and second implementations --------------------------------------------------------------------------


def test_weights_of_reweighing_are_those_of_its_paper():
    """Kamiran, Calders 2012, table 1 and section 4.3: ten applicants for a job."""
    sex = np.array(list("mmmmmfffff"))
    hired = np.array([1, 1, 1, 1, 0, 1, 0, 1, 0, 0])
    weights = reweighing(sex, hired)
    expected = {("f", 1): 1.5, ("f", 0): 2 / 3, ("m", 1): 0.75, ("m", 0): 2.0}
    for one, label, weight in zip(sex, hired, weights, strict=True):
        assert weight == pytest.approx(expected[one, label])
    shares = [weights[(sex == one) & (hired == 1)].sum() / weights[sex == one].sum() for one in "mf"]
    assert shares == pytest.approx([0.6, 0.6])


def test_the_auc_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    scores, truth = random.integers(0, 20, 500).astype(float), random.random(500) < 0.4
    assert auc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))


def test_residuals_of_two_groups_are_those_of_fairlearn():
    from fairlearn.preprocessing import CorrelationRemover

    random = np.random.default_rng(1)
    group = random.integers(0, 2, 300)
    matrix = random.normal(size=(300, 3)) + group[:, None] * [1.0, 0.5, 0.0]
    ours = residualised(matrix, group, np.ones(300, bool))
    theirs = CorrelationRemover(sensitive_feature_ids=[0]).fit_transform(np.column_stack([group, matrix]))
    assert np.allclose(ours, theirs)
    assert np.allclose(ours[group == 0].mean(axis=0), ours[group == 1].mean(axis=0))


def curves_of(group, score, truth, metric="selection_rate", grid=None):
    group, score, truth = np.array(group), np.array(score, float), np.array(truth, np.int8)
    parts = []
    for one in np.unique(group):
        at = group == one
        weights = np.ones(at.sum())
        grid_of = candidates(score[at]) if grid is None else grid
        parts.append(curve(metrics[metric].function, score[at], truth[at], truth[at], weights, grid_of))
    return parts


@pytest.mark.parametrize("metric", ["selection_rate", "true_positive_rate", "false_positive_rate", "precision"])
@pytest.mark.parametrize("target", [Target("difference", 0.0), Target("difference", 0.1), Target("ratio", 0.8)])
def test_group_thresholds_are_the_best_of_all_that_could_be_tried(metric, target):
    random = np.random.default_rng(2)
    for _ in range(5):
        group, truth = random.integers(0, 3, 45), random.integers(0, 2, 45)
        score = np.round(random.random(45) + truth * 0.4 - group * 0.2, 1)
        curves = curves_of(group, score, truth, metric)
        best = -1.0
        for places in itertools.product(*(range(len(one.thresholds)) for one in curves)):
            rates = np.array([one.rate[at] for one, at in zip(curves, places, strict=True)])
            high = target.highest(rates.min()) if not np.isnan(rates).any() else -1
            if not np.isnan(rates).any() and rates.max() <= high:
                best = max(best, sum(one.right[at] for one, at in zip(curves, places, strict=True)))
        chosen = group_thresholds(curves, target)
        if best < 0:
            assert chosen is None
        else:
            assert sum(one.right[at] for one, at in zip(curves, chosen, strict=True)) == best
            assert target.met(np.array([one.rate[at] for one, at in zip(curves, chosen, strict=True)]))


@pytest.mark.parametrize(
    ("metric", "constraint"),
    [("selection_rate", "demographic_parity"), ("true_positive_rate", "true_positive_rate_parity"),
     ("false_positive_rate", "false_positive_rate_parity")],
)  # fmt: skip
def test_group_thresholds_cost_what_those_of_fairlearn_cost(metric, constraint):
    """ThresholdOptimizer draws between two thresholds so that rates meet exactly; of many scores that gains little."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Given(ClassifierMixin, BaseEstimator):
        def fit(self, x, y):
            self.fitted_ = True
            return self

        def predict(self, x):
            return np.asarray(x)[:, 0]

    names, truth, score, _ = shifted(4000)
    optimizer = ThresholdOptimizer(estimator=Given(), constraints=constraint, predict_method="predict", grid_size=2000)
    x, truth = np.array(score)[:, None], np.array(truth)
    optimizer.fit(x, truth, sensitive_features=names)
    drawn = optimizer._pmf_predict(x, sensitive_features=names)[:, 1]
    theirs = np.mean(np.where(truth == 1, drawn, 1 - drawn))
    curves = curves_of(names, score, truth, metric)
    places = group_thresholds(curves, Target("difference", 0.002))
    ours = sum(one.right[at] for one, at in zip(curves, places, strict=True)) / len(truth)
    assert ours == pytest.approx(theirs, abs=0.003)
    kind = {"selection_rate": truth >= 0, "true_positive_rate": truth == 1, "false_positive_rate": truth == 0}[metric]
    for place, one, name in zip(places, curves, "ab", strict=True):
        rate = drawn[(np.array(names) == name) & kind].mean()
        assert one.rate[place] == pytest.approx(rate, abs=0.03)


def test_a_common_threshold_is_the_best_of_all():
    random = np.random.default_rng(3)
    group, truth = random.integers(0, 3, 60), random.integers(0, 2, 60)
    score = np.round(random.random(60) + truth * 0.4 - group * 0.2, 1)
    grid = candidates(score)
    curves = curves_of(group, score, truth, grid=grid)
    place = common_threshold(curves, Target("difference", 0.2))
    right = [np.mean((score >= t) == truth) for t in grid]
    gaps = [np.ptp([(score >= t)[group == g].mean() for g in range(3)]) for t in grid]
    best = max(r for r, gap in zip(right, gaps, strict=True) if gap <= 0.2)
    assert right[place] == pytest.approx(best)
    assert gaps[place] <= 0.2 + 1e-9


def test_of_very_many_scores_quantiles_are_tried():
    random = np.random.default_rng(4)
    score = random.random(20_000)
    grid = candidates(score, most=100)
    assert len(grid) == 99
    assert np.all(np.diff(grid) < 0)
    assert set(grid) <= set(score) - {score.min()}, "nobody and everybody are no thresholds"


def test_rows_of_one_cluster_are_in_the_same_half():
    clusters = np.random.default_rng(5).integers(0, 50, 400)
    first = halves(400, clusters, np.random.default_rng(0))
    assert len(np.unique(clusters[first])) == 25
    assert not set(clusters[first]) & set(clusters[~first])
    assert np.array_equal(first, halves(400, clusters, np.random.default_rng(0)))


def test_a_column_that_says_nothing_of_the_group_separates_nothing():
    random = np.random.default_rng(6)
    one, fitting = random.random(4000) < 0.5, random.random(4000) < 0.5
    noise, telling = random.normal(size=4000), random.normal(size=4000) + one * 2
    folded = np.where(one, random.normal(size=4000) * 3, random.normal(size=4000) * 0.2)
    assert separation(noise, one, fitting) < 0.55
    assert separation(telling, one, fitting) > 0.85
    assert separation(folded, one, fitting) > 0.8, "a column need not rise with the group to tell it"
    assert separation(np.where(one, np.nan, noise), one, fitting) == pytest.approx(1.0)
    assert separation(noise, np.ones(4000, bool), fitting) is None


# -- planted cases -----------------------------------------------------------------------------------------------------


def test_group_thresholds_close_the_gap_of_a_shifted_score_at_a_known_cost(tmp_path):
    """Scores N(±1, 1), those of one group lower by 1: Φ(−1)/2 + Φ(1)/2 = .5 are positive there, (Φ(0) + Φ(−2))/2 here.

    Thresholds of 0 and −1 tell the truth best, and are right for Φ(1) of the rows.
    """
    names, truth, score, decision = shifted(20_000)
    table = numbers(evidence_of(tmp_path, names, decision, label=truth, score=score))
    assert table["as it is"]["gap"].value == pytest.approx(0.5 - 0.2614, abs=0.03)
    mended = table["group thresholds"]
    assert abs(mended["gap"].value) < 0.08
    assert mended["gap"].interval.low < 0.05
    assert mended["gap_change"].interval.high < -0.2
    assert mended["accuracy_change"].interval.low > 0, "thresholds of their own are right more often here"
    today = np.mean(np.array(decision) == np.array(truth))
    assert today + mended["accuracy_change"].value == pytest.approx(0.8413, abs=0.01)
    assert "may itself be unlawful" in mended["gap"].details["caution"]
    thresholds = {n: float(t.removeprefix(">= ")) for n, t in mended["gap"].details["thresholds"].items()}
    assert thresholds["a"] > thresholds["b"]


def test_a_common_threshold_does_not_look_at_the_attribute_and_costs_what_it_costs(tmp_path):
    names, truth, score, decision = shifted(8000)
    common = numbers(evidence_of(tmp_path, names, decision, label=truth, score=score))["common threshold"]
    assert not common["gap"].details["uses_attribute"]
    assert "caution" not in common["gap"].details
    assert common["accuracy_change"].interval.high < 0
    assert abs(common["gap"].value) < 0.08


def proxied(rows=6000, seed=0):
    """Merit makes the truth of old decisions, which also went by a postcode that tells the group."""
    random = np.random.default_rng(seed)
    group = random.integers(0, 2, rows)
    merit = random.normal(size=rows)
    postcode = np.where(random.random(rows) < 0.9, group, 1 - group)
    hobby = random.normal(size=rows)
    truth = (merit - 1.5 * postcode + 0.75 + random.normal(size=rows) > 0).astype(int)
    decided = (merit - 1.5 * postcode + 0.75 > 0).astype(int)
    features = {"merit": merit, "postcode": np.array(["N", "S"], object)[postcode].tolist(), "hobby": hobby}
    return np.array(["a", "b"], object)[group].tolist(), truth.tolist(), decided.tolist(), features


@pytest.mark.parametrize("kind", ["logistic", "boosting"])
def test_dropping_a_planted_proxy_lowers_the_gap_and_its_cost_is_told(tmp_path, kind):
    names, truth, decision, features = proxied()
    evidence = evidence_of(tmp_path, names, decision, label=truth, features=features)
    table = numbers(evidence, refit=kind)
    dropped = table["without postcode"]
    assert dropped["gap"].details["dropped"] == {"postcode": pytest.approx(0.9, abs=0.02)}
    assert abs(table["refitted"]["gap"].value) > 0.3
    assert abs(dropped["gap"].value) < 0.06
    assert dropped["gap_change"].interval.high < -0.25
    assert dropped["accuracy_change"].value < 0
    assert dropped["accuracy_change"].details["compared_with"] == "refitted"
    assert not dropped["gap"].details["uses_attribute"]
    assert table["residualised"]["gap"].details["uses_attribute"]
    if kind == "logistic":  # a tree still finds the group in a column that is only the same on average
        assert table["residualised"]["gap_change"].value < -0.2
    assert "reweighed" in table
    assert set(table) == {
        "as it is", "common threshold", "group thresholds", "refitted", "without postcode", "residualised", "reweighed",
    }  # fmt: skip


def test_reweighing_narrows_a_gap_that_the_labels_brought(tmp_path):
    random = np.random.default_rng(1)
    rows = 8000
    group = random.integers(0, 2, rows)
    merit, sex = random.normal(size=rows), group + 0.0
    truth = (merit + random.normal(size=rows) * 0.5 - group > 0).astype(int)
    decision = (merit - group > 0).astype(int)
    evidence = evidence_of(
        tmp_path, np.array(["a", "b"], object)[group], decision.tolist(), label=truth.tolist(),
        features={"merit": merit, "sex": sex},
    )  # fmt: skip
    table = numbers(evidence)
    assert table["reweighed"]["gap_change"].interval.high < -0.1
    assert table["without sex"]["gap"].details["dropped"]["sex"] == pytest.approx(1.0, abs=1e-3)


def test_a_model_that_reads_the_attribute_itself_is_told_to(tmp_path):
    names, truth, decision, features = proxied(2000)
    evidence = evidence_of(tmp_path, names, decision, label=truth, features={**features, "group": names})
    table = numbers(evidence)
    every = found(evidence, alternatives=["refit", "drop"])
    assert "remedy_gap[refitted (uses group)]/group/selection_rate difference/-/check" in every
    uses = {name: entry["gap"].details["uses_attribute"] for name, entry in table.items() if entry["gap"].details}
    assert uses == {
        "as it is": False, "refitted": True, "without group": False, "without group, postcode": False,
        "residualised": True, "reweighed": False,
    }  # fmt: skip
    assert "caution" in table["refitted"]["gap"].details
    assert table["residualised"]["gap"].details["columns"] == ["merit", "postcode", "hobby"]


def test_a_group_too_small_to_fit_to_is_named_and_decides_nothing(tmp_path):
    names, truth, score, decision = shifted(4000)
    for at in range(20):
        names[at], decision[at] = "few", 0
    every = found(evidence_of(tmp_path, names, decision, label=truth, score=score))
    log = next(f for f in every.values() if f.measure.startswith("remedy_log"))
    assert log.details["fitted_to"] == ["a", "b"]
    assert log.details["too_small_to_fit_to"] == ["few"]
    gap = every["remedy_gap[group thresholds (uses group)]/group/selection_rate difference/-/check"]
    assert gap.details["between"] == ["a", "b"]
    assert gap.details["rates"]["few"] == 0
    assert set(gap.details["thresholds"]) == {"a", "b"}


def test_a_fair_model_is_told_that_nothing_is_to_be_mended(tmp_path):
    names, truth, score, decision = shifted(4000, shift=0.0)
    every = found(evidence_of(tmp_path, names, decision, label=truth, score=score))
    gap = every["remedy_gap[as it is]/group/selection_rate difference/-/check"]
    assert gap.details["said"].startswith("nothing is to be mended: the selection_rate difference is 0.0")
    log = every["remedy_log/group/selection_rate difference/-/check"]
    assert (log.value, log.details["alternatives"]) == (0, [])
    assert len(every) == 2


def test_where_only_a_group_too_small_to_fit_to_lies_apart_nothing_is_tried_on_the_others(tmp_path):
    names, truth, score, decision = shifted(4000, shift=0.0)
    for at in range(40):  # enough in all, not on the half that would be fitted on
        names[at], decision[at] = "few", 0
    every = found(evidence_of(tmp_path, names, decision, label=truth, score=score))
    said = every["remedy_gap[as it is]/group/selection_rate difference/-/check"].details["said"]
    assert said.startswith("nothing is to be mended: the selection_rate difference is 0.0")
    assert said.endswith("; few: too few rows to fit anything to")
    assert len(every) == 2


# -- the log, the law, and what is missing -----------------------------------------------------------------------------


def test_the_log_holds_every_alternative_with_seed_tolerance_and_room_for_the_choice(tmp_path):
    names, truth, score, decision = shifted(4000)
    features = {"noise": np.random.default_rng(0).normal(size=4000)}
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score, features=features)
    every = found(evidence, tolerance=0.01)
    log = next(f for f in every.values() if f.measure.startswith("remedy_log"))
    assert log.details["seed"] == 0
    assert log.details["tolerance"] == 0.01
    assert (log.details["chosen"], log.details["reason"]) == (None, None)
    entries = {entry["alternative"].removesuffix(" (uses group)"): entry for entry in log.details["alternatives"]}
    assert log.value == sum("not_tried" not in entry for entry in entries.values())
    assert entries["without proxies"]["not_tried"].startswith("no column tells a from b: of noise the AUC is 0.5")
    for entry in (entry for entry in entries.values() if "not_tried" not in entry):
        assert {"remedy_gap", "remedy_gap_change", "remedy_accuracy_change", "chosen", "reason"} <= entry.keys()
        assert entry["remedy_gap"]["low"] < entry["remedy_gap"]["value"] < entry["remedy_gap"]["high"]
    assert entries["group thresholds"]["within_tolerance"] == "shown"
    assert entries["common threshold"]["within_tolerance"] == "exceeded"
    assert "refitted" in entries, "what did not help is there too"


def test_no_limit_can_pass_by_a_remedy(tmp_path):
    names, truth, score, decision = shifted(3000)
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score)
    every = list(remedies(evidence))
    assert {finding.comparison for finding in every} == {"check"}
    assert judge(evidence.spec.policy, every).verdict == "INCONCLUSIVE"


def test_without_scores_and_columns_nothing_can_be_tried_and_that_is_said(tmp_path):
    names, truth, _, decision = shifted(2000)
    table = numbers(evidence_of(tmp_path, names, decision, label=truth))
    missing = {name: entry["gap"].missing for name, entry in table.items() if entry["gap"].missing}
    assert missing["group thresholds"] == "the evidence holds decisions and no scores to set thresholds on"
    assert missing["reweighed"].startswith("the evidence holds no columns that a model could be fitted to again")
    assert table["as it is"]["gap"].value is not None


def test_without_a_label_the_gap_is_told_and_the_accuracy_is_missing(tmp_path):
    names, _, score, decision = shifted(4000)
    table = numbers(evidence_of(tmp_path, names, decision, score=score))
    mended = table["group thresholds"]
    assert abs(mended["gap"].value) < 0.1
    assert mended["accuracy_change"].missing.startswith("the spec names no label")


def test_scores_of_which_low_is_positive_are_turned(tmp_path):
    names, truth, score, decision = shifted(4000)
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=[1 - s for s in score])
    document = evidence.spec.model_dump(mode="json")
    document["data"]["threshold"] = "<= 0.5"
    turned = numbers(Evidence(tmp_path, AuditSpec.model_validate(document)))["group thresholds"]
    plain = numbers(evidence_of(tmp_path / "plain", names, decision, label=truth, score=score))["group thresholds"]
    assert turned["gap"].value == pytest.approx(plain["gap"].value)
    assert all(text.startswith("<= ") for text in turned["gap"].details["thresholds"].values())


def test_a_limit_on_a_ratio_is_mended_as_a_ratio(tmp_path):
    names, truth, score, decision = shifted(8000)
    limit = {"measure": "selection_rate", "over": "group", "compare": "ratio", "at_least": 0.8}
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score, limits=[limit])
    table = numbers(evidence, "selection_rate ratio")
    assert table["as it is"]["gap"].value < 0.7
    assert table["group thresholds"]["gap"].value > 0.75
    assert table["group thresholds"]["gap"].interval.method == "koopman"


def test_a_composite_is_mended_one_rate_at_a_time(tmp_path):
    names, truth, score, decision = shifted(4000)
    limit = {"measure": "equalized_odds_difference", "over": "group", "compare": "difference", "at_most": 0.05}
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score, limits=[limit])
    for measure in ("true_positive_rate difference", "false_positive_rate difference"):
        table = numbers(evidence, measure)
        assert abs(table["group thresholds"]["gap"].value) < abs(table["as it is"]["gap"].value)


def test_a_rate_whose_denominator_moves_has_its_change_all_the_same(tmp_path):
    names, truth, score, decision = shifted(6000, shift=2.0)
    limit = {"measure": "precision", "over": "group", "compare": "difference", "at_most": 0.02}
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score, limits=[limit])
    change = numbers(evidence, "precision difference")["group thresholds"]["gap_change"]
    assert change.interval.low < change.value < change.interval.high


def test_intervals_follow_from_their_sufficient_statistics(tmp_path):
    names, truth, score, decision = shifted(3000)
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score)
    for finding in remedies(evidence):
        if finding.interval:
            low, high = interval(finding.interval.method, finding.sufficient, 1.959963984540054)
            assert (low, high) == pytest.approx((finding.interval.low, finding.interval.high), abs=1e-9)


def test_clusters_and_weights_widen_the_intervals(tmp_path):
    names, truth, score, decision = shifted(1500)
    often = [np.repeat(part, 4).tolist() for part in (names, decision, truth, score)]
    people = np.repeat([f"p{at}" for at in range(1500)], 4).tolist()
    cases = {
        "clustered": {"cluster": people},
        "weighted": {"weight": np.random.default_rng(0).exponential(size=6000).tolist()},
        "naive": {},
    }
    widths = {}
    for name, more in cases.items():
        evidence = evidence_of(tmp_path / name, often[0], often[1], label=often[2], score=often[3], **more)
        mended = numbers(evidence)["group thresholds"]
        widths[name] = {kind: f.interval.high - f.interval.low for kind, f in mended.items()}
    for kind in ("gap", "gap_change", "accuracy_change"):
        assert widths["clustered"][kind] > 1.6 * widths["naive"][kind]
        assert widths["weighted"][kind] > 1.2 * widths["naive"][kind]


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    names, truth, decision, features = proxied(1500)
    evidence = evidence_of(tmp_path, names, decision, label=truth, features=features)
    assert write_findings(remedies(evidence)) == write_findings(remedies(evidence))


def test_rows_of_unknown_group_keep_their_decision_under_group_thresholds(tmp_path):
    names, truth, score, decision = shifted(3000)
    names[:50] = [None] * 50
    table = numbers(evidence_of(tmp_path, names, decision, label=truth, score=score))
    assert set(table["group thresholds"]["gap"].details["thresholds"]) == {"a", "b"}


def test_options_choose_measures_alternatives_and_target(tmp_path):
    names, truth, score, decision = shifted(3000)
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score, limits=[])
    table = numbers(
        evidence, "true_positive_rate difference",
        measures=["true_positive_rate"], target=0.02, alternatives=["group_thresholds"],
    )  # fmt: skip
    assert set(table) == {"as it is", "group thresholds"}
    with pytest.raises(SpecError, match="got 'true_postive_rate', expected a rate of decisions"):
        list(remedies(evidence, measures=["true_postive_rate"]))
    nothing = run(registry["remedies"], evidence, {})
    assert [f.missing for f in nothing] == [
        "the policy limits no difference or ratio of a rate, so there is nothing to mend"
    ]


def test_a_group_that_cannot_be_measured_leaves_two_that_can(tmp_path):
    names, truth, score, decision = shifted(3000)
    names[0] = "alone"
    limit = {"measure": "true_positive_rate", "over": "group", "compare": "difference", "at_most": 0.05}
    truth[0] = 0
    evidence = evidence_of(tmp_path, names, decision, label=truth, score=score, limits=[limit])
    table = numbers(evidence, "true_positive_rate difference")
    assert table["group thresholds"]["gap"].value is not None
    assert "alone" not in table["group thresholds"]["gap"].details["rates"]


def test_groups_too_small_to_fit_to_are_said_to_be(tmp_path):
    evidence = evidence_of(tmp_path, ["a", "b"] * 10, [1, 0] * 10, score=[0.9, 0.1] * 10)
    assert [f.missing for f in remedies(evidence)] == [
        "fewer than two groups have 30 rows on the half that would be fitted on"
    ]


def test_intervals_hold_the_truth_as_often_as_they_say(tmp_path):
    """Of the shifted scores the rates beyond any threshold are known: Φ of the distance, half a group each way."""
    from scipy.stats import norm

    def of(threshold, shift):
        """Share that is positive, and share that is right."""
        at = np.log(threshold / (1 - threshold))
        positive, negative = norm.sf(at, 1 - shift), norm.sf(at, -1 - shift)
        return (positive + negative) / 2, (positive + 1 - negative) / 2

    inside = {"gap": 0, "gap_change": 0, "accuracy_change": 0}
    for seed in range(60):
        names, truth, score, decision = shifted(600, seed=seed)
        evidence = evidence_of(tmp_path / str(seed), names, decision, label=truth, score=score)
        mended = numbers(evidence, alternatives=["group_thresholds"])["group thresholds"]
        chosen = {n: float(t.removeprefix(">= ")) for n, t in mended["gap"].details["thresholds"].items()}
        (a, right_a), (b, right_b) = of(chosen["a"], 0), of(chosen["b"], 1)
        (a_now, right_a_now), (b_now, right_b_now) = of(0.5, 0), of(0.5, 1)
        true = {
            "gap": a - b,
            "gap_change": (a - b) - (a_now - b_now),
            "accuracy_change": (right_a + right_b - right_a_now - right_b_now) / 2,
        }
        assert mended["gap"].details["between"] == ["a", "b"]
        for kind, value in true.items():
            inside[kind] += mended[kind].interval.low <= value <= mended[kind].interval.high
    assert all(52 <= count <= 60 for count in inside.values()), inside


def test_columns_of_every_kind_become_numbers_and_what_is_missing_is_said():
    columns = {
        "number": pa.chunked_array([[1.0, 3.0, None, float("nan")]]),
        "whole": pa.chunked_array([[2, 4, 6, 8]]),
        "yes": pa.chunked_array([[True, False, None, True]]),
        "text": pa.chunked_array([["b", "a", None, "z"]]),
        "nothing": pa.chunked_array([pa.nulls(4, pa.float64())]),
        "same": pa.chunked_array([[5, 5, 5, 5]]),
    }
    made = design(columns, np.array([True, True, True, False]))
    assert np.isfinite(made.matrix).all()
    assert made.owner.count("number") == 2
    assert made.owner.count("text") == 2, "z is no value of the fitting rows"
    number = made.matrix[:, [at for at, owner in enumerate(made.owner) if owner == "number"]]
    assert number.tolist() == [[-1, 0], [1, 0], [0, 1], [0, 1]]
    assert made.without(["number", "text"]).shape[1] == len(made.owner) - 4
    assert not made.matrix[:, made.owner.index("same")].any()


def test_a_column_without_values_separates_nothing():
    one, fitting = np.arange(400) % 2 == 0, np.arange(400) < 200
    assert separation(np.full(400, np.nan), one, fitting) == 0.5


def test_as_many_are_positive_as_today():
    random = np.random.default_rng(0)
    scores, ones = random.random(1000), np.ones(1000)
    threshold = as_many_positive(scores, 0.3, ones, np.ones(1000, bool))
    assert (scores >= threshold).mean() == pytest.approx(0.3)
    assert np.isinf(as_many_positive(scores, 0.0, ones, np.ones(1000, bool)))
    assert as_many_positive(scores, 1.0, ones, np.ones(1000, bool)) == scores.min()


def test_a_model_without_columns_answers_the_share_of_positives():
    labels = np.array([1, 1, 0, -1], np.int8)
    found = probabilities("logistic", np.zeros((4, 0)), labels, np.ones(4), np.ones(4, bool), 0)
    assert found.tolist() == [0.666667] * 4
