"""Scores held against each other group by group: what is planted is found, what is fair is not, nothing is silent."""

import numpy as np
import pytest
from columned import found, with_columns
from sklearn.metrics import roc_auc_score

from audits.errors import SpecError
from audits.evidence import Evidence
from audits.findings import write_findings
from audits.metrics import of_task
from audits.metrics.identity import IDENTITY
from audits.techniques import registry, run
from audits.techniques.score_parity import USUAL


def people(count=1500, seed=0, noise=0.0, shift=0.0):
    """Scores that are calibrated; ``noise`` blurs those of group b, ``shift`` raises them."""
    random = np.random.default_rng(seed)
    group = np.where(random.random(count) < 0.4, "b", "a")
    logit = random.normal(0, 1.5, count)
    label = (random.random(count) < 1 / (1 + np.exp(-logit))).astype(int)
    own = logit + (group == "b") * (shift + noise * random.normal(size=count))
    return group.tolist(), label.tolist(), (1 / (1 + np.exp(-own))).tolist()


def audit(folder, group, label, score, metrics=None, **more):
    evidence = with_columns(folder, {"group": group}, {}, score=score, label=label, **more)
    options = {} if metrics is None else {"metrics": metrics}
    return found(evidence, "score_parity", resolution=100, **options)


def test_without_a_list_the_usual_metrics_are_measured_for_every_group_and_pair(tmp_path):
    findings = audit(tmp_path, *people())
    assert {finding.measure for finding in findings.values()} == set(USUAL)
    assert {finding.comparison for finding in findings.values()} == {"mean", "gap", "ratio"}
    auc = findings["auc/group/b/-/mean"]
    assert auc.interval.low < auc.value < auc.interval.high
    assert auc.n.group == people()[0].count("b")
    assert auc.interval.method == "logit-t"
    assert findings["log_loss/group/b/a/ratio"].interval.method == "log-t"


def test_every_score_metric_can_be_asked_for_by_name(tmp_path):
    names = [entry.name for entry in of_task("scores")]
    findings = audit(tmp_path, *people(400), metrics=names)
    assert {finding.measure for finding in findings.values() if finding.value is not None} == set(names)
    assert set(IDENTITY) <= set(names)


def test_a_group_whose_scores_are_blurred_is_ranked_worse_and_an_equal_one_is_not(tmp_path):
    fair = audit(tmp_path / "fair", *people(4000, seed=1))
    blurred = audit(tmp_path / "blurred", *people(4000, seed=1, noise=2.0))
    for name in ("auc/group/b/a/gap", "log_loss/group/b/a/gap"):
        assert fair[name].interval.low < 0 < fair[name].interval.high
    assert blurred["auc/group/b/a/gap"].interval.high < -0.05
    assert blurred["log_loss/group/b/a/gap"].interval.low > 0.05
    assert fair["abroca/group/b/a/gap"].p > 0.05
    assert blurred["abroca/group/b/a/gap"].p < 0.01
    assert blurred["abroca/group/b/a/gap"].interval is None
    assert blurred["abroca/group/b/a/gap"].details["by_chance"] < blurred["abroca/group/b/a/gap"].value / 2


def test_a_group_whose_risk_is_overstated_is_miscalibrated_though_it_is_ranked_right(tmp_path):
    names = ["auc", "calibration_in_the_large", "calibration_ratio", "calibration_slope", "expected_calibration_error"]
    findings = audit(tmp_path, *people(4000, seed=2, shift=1.0), metrics=names)
    assert abs(findings["auc/group/b/a/gap"].value) < 0.03
    assert findings["calibration_in_the_large/group/b/-/mean"].interval.low > 0.1
    large = findings["calibration_in_the_large/group/a/-/mean"].interval
    assert large.low < 0 < large.high
    assert findings["calibration_ratio/group/b/-/mean"].interval.low > 1.2
    slope = findings["calibration_slope/group/b/-/mean"].interval
    assert slope.low < 1 < slope.high
    wrong, right = (findings[f"expected_calibration_error/group/{group}/-/mean"] for group in "ba")
    assert wrong.p < 0.01
    assert right.p > 0.05
    assert right.details["by_chance"] == pytest.approx(right.value, rel=0.6)
    assert wrong.interval is None
    assert wrong.details["no_interval"].startswith("parity is the least value")


def test_the_calibration_error_of_a_group_comes_with_its_reliability_diagram(tmp_path):
    group, label, score = people(2000, seed=3)
    findings = audit(tmp_path, group, label, score)
    table = findings["expected_calibration_error/group/a/-/mean"].details["reliability"]
    inside = [(y, s) for g, y, s in zip(group, label, score, strict=True) if g == "a" and 0.3 <= s < 0.4]
    line = next(line for line in table if line["from"] == pytest.approx(0.3))
    assert line["n"] == len(inside)
    assert line["observed"] == pytest.approx(np.mean([y for y, _ in inside]))
    assert line["mean_score"] == pytest.approx(np.mean([s for _, s in inside]))
    from statsmodels.stats.proportion import proportion_confint

    limits = proportion_confint(sum(y for y, _ in inside), len(inside), method="wilson")
    assert (line["low"], line["high"]) == pytest.approx(limits)
    assert sum(line["n"] for line in table) == group.count("a")
    assert sum(line["low"] <= line["mean_score"] <= line["high"] for line in table) >= len(table) - 2


def test_few_clusters_widen_the_intervals_and_the_reliability_diagram(tmp_path):
    group, label, score = people(600, seed=4)
    four = [np.repeat(part, 4).tolist() for part in (group, label, score)]
    cluster = np.repeat([f"c{at}" for at in range(600)], 4).tolist()
    plain = audit(tmp_path / "plain", *four)
    clustered = audit(tmp_path / "clustered", *four, cluster=cluster)

    def width(findings, name):
        return findings[name].interval.high - findings[name].interval.low

    for name in ("auc/group/b/-/mean", "auc/group/b/a/gap", "log_loss/group/b/a/gap"):
        assert clustered[name].value == plain[name].value
        assert width(clustered, name) == pytest.approx(2 * width(plain, name), rel=0.15)
    name = "expected_calibration_error/group/a/-/mean"
    lines = [found[name].details["reliability"][4] for found in (plain, clustered)]
    assert lines[1]["high"] - lines[1]["low"] > 1.5 * (lines[0]["high"] - lines[0]["low"])
    assert "by_chance" not in clustered[name].details  # truths of one cluster hang together: chance is not known


def test_weights_count_and_weights_of_one_change_nothing(tmp_path):
    group, label, score = people(800, seed=5)
    plain = audit(tmp_path / "plain", group, label, score)
    ones = audit(tmp_path / "ones", group, label, score, weight=[1.0] * 800)
    weight = np.random.default_rng(0).exponential(size=800)
    weighted = audit(tmp_path / "weighted", group, label, score, weight=weight.tolist())
    rows = np.array(group) == "b"
    expected = roc_auc_score(np.array(label)[rows], np.array(score)[rows], sample_weight=weight[rows])
    assert weighted["auc/group/b/-/mean"].value == pytest.approx(expected)
    assert weighted["auc/group/b/-/mean"].n.group == rows.sum()
    for name, finding in plain.items():
        assert ones[name].value == pytest.approx(finding.value)
    widths = [f["auc/group/b/-/mean"].interval for f in (plain, ones, weighted)]
    assert widths[1].high - widths[1].low == pytest.approx(widths[0].high - widths[0].low, rel=0.15)
    assert widths[2].high - widths[2].low > 1.2 * (widths[0].high - widths[0].low)


def test_turning_the_reference_round_turns_the_sign_of_every_gap(tmp_path):
    data = people(700, seed=6)
    one = audit(tmp_path / "one", *data, reference="a")
    other = audit(tmp_path / "other", *data, reference="b")
    for name, finding in one.items():
        if finding.comparison == "gap":
            turned = other[name.replace("/b/a/", "/a/b/")]
            distance = finding.measure in ("abroca", "score_ks_distance")
            assert turned.value == pytest.approx(finding.value if distance else -finding.value, abs=1e-12)


def test_the_best_reference_is_that_of_the_metric_itself(tmp_path):
    findings = audit(tmp_path, *people(1500, seed=7, noise=2.0), reference="best", metrics=["auc", "brier_score"])
    best = {finding.measure: finding.reference for finding in findings.values() if finding.comparison == "gap"}
    assert best == {"auc": "a", "brier_score": "a"}


def test_rows_without_score_or_truth_are_left_out_and_counted(tmp_path):
    group, label, score = people(300, seed=8)
    score[0], score[1], label[2] = None, float("nan"), None
    findings = audit(tmp_path, group, label, score, metrics=["auc", "mean_score"])
    for finding in findings.values():
        assert finding.details["rows_without_score"] == 2
        assert finding.details["rows_without_truth"] == 1
    standing = [finding for finding in findings.values() if finding.comparison == "mean"]
    assert sum(f.n.group for f in standing if f.measure == "mean_score") == 298
    assert sum(f.n.group for f in standing if f.measure == "auc") == 297


def test_a_group_without_positives_has_no_auc_and_is_named(tmp_path):
    group, label, score = [*"aaaabbb"], [0, 1, 0, 1, 0, 0, 0], [0.1, 0.9, 0.3, 0.2, 0.4, 0.5, 0.6]
    findings = audit(tmp_path, group, label, score)
    why = "b has no pairs of a positive and a negative row, so it has no auc"
    assert findings["auc/group/b/-/mean"].missing == why
    assert findings["auc/group/b/a/gap"].missing == why
    assert findings["abroca/group/b/a/gap"].missing.startswith("b or a has no pairs")
    assert findings["brier_score/group/b/-/mean"].value == pytest.approx((0.16 + 0.25 + 0.36) / 3)


def test_scores_that_are_no_probabilities_have_ranks_but_no_losses(tmp_path):
    group, label, score = people(300, seed=9)
    points = np.round(np.array(score) * 10).tolist()
    usual = audit(tmp_path / "usual", group, label, points)
    assert {f.measure for f in usual.values()} == {"auc", "abroca", "mean_score", "score_ks_distance"}
    asked = audit(tmp_path / "asked", group, label, points, metrics=["log_loss", "expected_calibration_error"])
    why = "a has no rows with a known truth and a probability for a score, so it has no log loss"
    assert asked["log_loss/group/a/-/mean"].missing == why
    assert all(finding.value is None for finding in asked.values())


def test_without_a_label_only_the_scores_themselves_are_compared(tmp_path):
    group, _, score = people(300, seed=10)
    findings = audit(tmp_path, group, None, score)
    assert {finding.measure for finding in findings.values()} == {"mean_score", "score_ks_distance"}
    assert "rows_without_truth" not in findings["mean_score/group/a/-/mean"].details


def test_where_low_scores_mean_positive_they_are_turned_round_and_it_is_said(tmp_path):
    group, label, score = people(500, seed=11)
    plain = audit(tmp_path / "plain", group, label, score)
    evidence = with_columns(tmp_path / "low", {"group": group}, {}, score=[1 - s for s in score], label=label)
    data = evidence.spec.data.model_copy(update={"score": "risk", "threshold": "< 0.5"})
    evidence = Evidence(evidence.folder, evidence.spec.model_copy(update={"data": data}))
    turned = found(evidence, "score_parity", resolution=100)
    assert turned["auc/group/b/-/mean"].value == pytest.approx(plain["auc/group/b/-/mean"].value)
    assert turned["log_loss/group/b/-/mean"].value == pytest.approx(plain["log_loss/group/b/-/mean"].value)
    assert "a score s counts as 1 − s" in turned["auc/group/b/-/mean"].details["scores_turned"]


def test_no_score_at_all_is_one_finding_that_says_so(tmp_path):
    evidence = with_columns(tmp_path, {"group": ["a", "b"]}, {}, score=[None, None], label=[0, 1])
    (finding,) = run(registry["score_parity"], evidence, {})
    assert finding.missing == "no row has a score, so nothing can be said of scores"


def test_a_metric_of_another_task_is_refused_with_the_nearest_name(tmp_path):
    evidence = with_columns(tmp_path, {"group": ["a", "b"]}, {}, score=[0.1, 0.2], label=[0, 1])
    with pytest.raises(SpecError, match="got 'selection_rate', expected a metric of the task 'scores'"):
        run(registry["score_parity"], evidence, {"metrics": ["selection_rate"]})


def test_the_missing_group_is_shown_and_never_compared(tmp_path):
    group, label, score = people(300, seed=12)
    group = ["(missing)" if at % 7 == 0 else name for at, name in enumerate(group)]
    findings = audit(tmp_path, group, label, score, metrics=["auc", "abroca", "bpsn_auc"])
    assert findings["auc/group/(missing)/-/mean"].value is not None
    assert not [f for f in findings.values() if f.reference and "(missing)" in (f.group, f.reference)]
    names, truth, given = np.array(group), np.array(label), np.array(score)
    rows = ((names == "a") & (truth == 0)) | ((names == "b") & (truth == 1))
    expected = roc_auc_score(truth[rows], given[rows])  # rows of unknown group are in no background
    assert findings["bpsn_auc/group/a/-/mean"].value == pytest.approx(expected)


def test_classes_that_do_not_overlap_have_an_exact_interval(tmp_path):
    group, label = [*"aaaaaabbbb"], [0, 0, 0, 1, 1, 1, 0, 1, 0, 1]
    score = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9, 0.5, 0.4, 0.1, 0.9]
    findings = audit(tmp_path, group, label, score, metrics=["auc", "log_loss"])
    perfect = findings["auc/group/a/-/mean"]
    assert (perfect.value, perfect.interval.method, perfect.interval.high) == (1, "clopper-pearson", 1)
    assert perfect.interval.low == pytest.approx(0.025 ** (1 / 3))  # three pairs, all ranked right
    assert perfect.sufficient == {"x": 3, "n": 3}
    assert "no_interval" not in perfect.details


def test_values_are_exact_however_wide_the_bins_are_that_scores_are_resampled_in(tmp_path):
    group, label, score = people(3000, seed=13)
    evidence = with_columns(tmp_path, {"group": group}, {}, score=score, label=label)
    coarse, fine = (
        found(evidence, "score_parity", metrics=["auc", "abroca", "score_ks_distance"], resolution=most)
        for most in (64, 600)
    )
    rows = np.array(group) == "a"
    expected = roc_auc_score(np.array(label)[rows], np.array(score)[rows])
    assert coarse["auc/group/a/-/mean"].value == pytest.approx(expected)
    for name, finding in fine.items():
        assert coarse[name].value == pytest.approx(finding.value)
        if finding.interval:
            assert coarse[name].interval.low == pytest.approx(finding.interval.low, abs=3e-3)
        if finding.p is not None:
            assert coarse[name].p == pytest.approx(finding.p, abs=0.08)


def test_the_error_of_bins_is_told_where_there_are_more_scores_than_can_be_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("audits.metrics.score_tables.MOST_FINE", 6 * 300)
    group, label, score = people(3000, seed=14)
    rows = np.array(group) == "a"
    expected = roc_auc_score(np.array(label)[rows], np.array(score)[rows])
    for technique, name in (("score_parity", "auc"), ("identity_auc", "subgroup_auc")):
        evidence = with_columns(tmp_path / technique, {"group": group}, {}, score=score, label=label)
        auc = found(evidence, technique, resolution=100)[f"{name}/group/a/-/mean"]
        assert 0 < abs(auc.value - expected) < auc.details["auc_error_at_most"] < 1 / 300


def test_the_interval_of_a_gini_coefficient_is_that_of_the_auc_on_its_own_scale(tmp_path):
    findings = audit(tmp_path, *people(300, seed=15), metrics=["auc", "gini"])
    auc, gini = (findings[f"{name}/group/b/-/mean"] for name in ("auc", "gini"))
    assert gini.interval.method == "fisher-t"
    assert gini.interval.low == pytest.approx(2 * auc.interval.low - 1)
    assert gini.interval.high == pytest.approx(2 * auc.interval.high - 1)


def test_findings_are_the_same_bytes_again_and_do_not_hang_on_what_else_is_asked(tmp_path):
    evidence = with_columns(tmp_path, {"group": people(400)[0]}, {}, score=people(400)[2], label=people(400)[1])
    entry, few = registry["score_parity"], {"resolution": 64}
    assert write_findings(run(entry, evidence, few)) == write_findings(run(entry, evidence, few))
    whole = found(evidence, "score_parity", **few)
    for name in ("abroca", "expected_calibration_error"):
        for key, finding in found(evidence, "score_parity", metrics=[name], **few).items():
            assert finding == whole[key]
