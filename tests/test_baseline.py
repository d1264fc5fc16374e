"""The model about to be released against the one in production, on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from released import DIFFERENCE, people, released
from tables import write_evidence

from audits import metrics
from audits.artifact import read
from audits.baseline import AGAINST_PRODUCTION, changes, compare, not_compared
from audits.errors import ArtifactError, SpecError
from audits.findings import MISSING_GROUP
from audits.metrics.changing import Decided, moved
from audits.spec import Limit
from audits.spec_reader import read_policy
from audits.statistics import bounds, critical
from audits.statistics.simultaneous import one_sided
from audits.verdict import judge

FALL = Limit(measure="selection_rate", over="race", compare="change", at_least=-0.05)
GROWTH = Limit(measure="selection_rate", over="race", compare="widening", at_most=0.05)


def both(tmp_path, groups, old, new, limits=(FALL, GROWTH), **columns):
    """The changes between two models that decided the same rows."""
    production = write_evidence(tmp_path / "old", {"race": groups}, decision=old, model=True, **columns)
    candidate = write_evidence(tmp_path / "new", {"race": groups}, decision=new, model=True, **columns)
    return list(changes(candidate, production, limits))


def only(found, comparison, group="", reference=""):
    return next(f for f in found if (f.comparison, f.group, f.reference) == (comparison, group, reference))


def paired(stay_up, up, down, stay_down):
    """Old and new decisions of so many rows each way."""
    old = [1] * stay_up + [0] * up + [1] * down + [0] * stay_down
    return old, [1] * stay_up + [1] * up + [0] * down + [0] * stay_down


# --- known answers


def test_the_approval_ratings_of_agresti(tmp_path):
    """Agresti 2002, Categorical Data Analysis, table 10.1: 1,600 voters asked twice, −0.04 (−0.059, −0.021)."""
    old, new = paired(794, 86, 150, 570)
    found = only(both(tmp_path, ["voters"] * 1600, old, new), "change", "voters")
    assert found.value == pytest.approx(-0.04)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.059, -0.021), abs=5e-4)
    assert found.sufficient == {"b": 86, "c": 150, "n": 1600}
    assert found.p == pytest.approx(3.1e-5, rel=0.2)  # χ² is 17.36 on one degree of freedom
    assert found.details == {"rate": 0.55, "in_production": 0.59, "up": 86, "down": 150}


def test_mcnemar_and_tango_are_those_of_statsmodels(tmp_path):
    from statsmodels.stats.contingency_tables import mcnemar

    old, new = paired(30, 12, 3, 40)
    found = only(both(tmp_path, ["a"] * 85, old, new), "change", "a")
    exact = mcnemar([[30, 3], [12, 40]], exact=True).pvalue
    point = 2 * 0.5**15 * 455 / 2  # half of the probability of the flips themselves: 15 choose 3
    assert found.p == pytest.approx(exact - point)


def test_the_standard_error_of_rows_in_clusters_is_that_of_statsmodels(tmp_path):
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(300), 5)
    old = (rng.random(1500) < 0.5).astype(int)
    new = np.where(np.repeat(rng.random(300) < 0.2, 5), 1, old)  # whole clusters flip together
    found = only(
        both(tmp_path, ["a"] * 1500, old.tolist(), new.tolist(), cluster=[str(c) for c in cluster]), "change", "a"
    )
    model = sm.OLS(new - old, np.ones(1500)).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    assert found.interval.method == "t"
    one_more_each_way = 2 / 302**2
    assert found.sufficient["se"] == pytest.approx(np.sqrt(model.bse[0] ** 2 + one_more_each_way), rel=0.01)
    alone = only(both(tmp_path / "alone", ["a"] * 1500, old.tolist(), new.tolist()), "change", "a")
    apart = [f.interval.high - f.interval.low for f in (found, alone)]
    assert apart[0] > 1.2 * apart[1]


@pytest.mark.parametrize("measure", ["selection_rate", "precision", "true_positive_rate"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_spread_of_a_change_is_that_of_resampled_rows(measure, weighted):
    rng = np.random.default_rng(3)
    n = 1200
    codes, labels = rng.integers(0, 2, n), rng.integers(0, 2, n).astype(np.int8)
    old = (rng.random(n) < 0.3 + 0.3 * labels).astype(np.int8)
    new = np.where(rng.random(n) < 0.15, 1 - old, old).astype(np.int8)
    weights = rng.uniform(0.5, 3, n) if weighted else None
    entry = metrics.registry[measure]
    rows = Decided(codes, 2, labels, old, new, weights)
    known = moved(entry, rows)

    def again():
        at = rng.integers(0, n, n)
        one = moved(
            entry, Decided(codes[at], 2, labels[at], old[at], new[at], None if weights is None else weights[at])
        )
        gaps = [rate[0] - rate[1] for rate in (one.new, one.old)]
        return one.new[0] - one.old[0], gaps[0] - gaps[1], gaps[0] + gaps[1], gaps[1]

    spread = np.std([again() for _ in range(600)], axis=0)
    pair = [np.sqrt(c[0, 0] + c[1, 1] - 2 * c[0, 1]) for c in (known.change, known.total, known.before)]
    assert spread == pytest.approx([np.sqrt(known.change[0, 0]), *pair], rel=0.12)
    assert known.plain is (measure != "precision" and not weighted)


def test_groups_that_share_clusters_move_together():
    """Each cluster has rows of both groups and flips as one: what it adds to both cancels in their gap."""
    rng = np.random.default_rng(8)
    many = 500
    codes, clusters = np.tile([0, 1, 0, 1], many), np.repeat(np.arange(many), 4)
    labels = np.full(4 * many, -1, np.int8)
    old = rng.integers(0, 2, 4 * many).astype(np.int8)
    new = np.where(np.repeat(rng.random(many) < 0.3, 4), 1, old).astype(np.int8)
    entry = metrics.registry["selection_rate"]
    known = moved(entry, Decided(codes, 2, labels, old, new, clusters=clusters))
    rows = np.arange(4 * many).reshape(many, 4)

    def again():
        at = rows[rng.integers(0, many, many)].ravel()
        one = moved(entry, Decided(codes[at], 2, labels[at], old[at], new[at]))
        change = one.new - one.old
        return change[0], change[0] - change[1]

    spread = np.std([again() for _ in range(600)], axis=0)
    pair = np.sqrt(known.change[0, 0] + known.change[1, 1] - 2 * known.change[0, 1])
    assert spread == pytest.approx([np.sqrt(known.change[0, 0]), pair], rel=0.12)
    assert known.change[0, 1] > 0.2 * known.change[0, 0]


# --- laws


def test_a_model_that_decides_alike_has_not_changed_and_passes(tmp_path):
    groups, decisions = people(white=(300, 500), Black=(100, 500))
    found = both(tmp_path, groups, decisions, decisions)
    assert all(f.value == 0 for f in found if f.comparison == "change")
    assert only(found, "widening", "white", "Black").value == 0
    assert only(found, "widening", "Black", "white").value == -0.8  # the other order: far from ahead
    assert judge([FALL, GROWTH], found).verdict == "PASS"


def test_nothing_is_known_of_a_few_rows_even_where_none_of_them_flips(tmp_path):
    groups, decisions = people(white=(3, 5), Black=(2, 5))
    found = both(tmp_path, groups, decisions, decisions)
    assert [one.verdict for one in judge([FALL, GROWTH], found).limits] == ["INCONCLUSIVE", "INCONCLUSIVE"]


def test_exchanging_the_models_turns_every_change_round(tmp_path):
    rng = np.random.default_rng(0)
    groups = ["a"] * 200 + ["b"] * 200
    old, new = (rng.integers(0, 2, 400).tolist() for _ in range(2))
    there = both(tmp_path / "1", groups, old, new)
    back = both(tmp_path / "2", groups, new, old)
    for group in "ab":
        one, other = only(there, "change", group), only(back, "change", group)
        assert one.value == pytest.approx(-other.value)
        assert one.interval.low == pytest.approx(-other.interval.high)
        assert one.p == other.p


def test_other_names_of_the_groups_change_no_number(tmp_path):
    groups, old = people(a=(90, 200), b=(60, 150), c=(10, 80))
    new = [1 - decided if at % 9 == 0 else decided for at, decided in enumerate(old)]
    plain = both(tmp_path / "1", groups, old, new)
    names = {"a": "z", "b": "y", "c": "x"}
    turned = both(tmp_path / "2", [names[g] for g in groups], old, new)
    for finding in plain:
        other = only(turned, finding.comparison, names[finding.group], names.get(finding.reference, ""))
        assert (finding.value, finding.sufficient) == (other.value, other.sufficient)


def test_a_gap_that_closes_or_turns_is_told_by_its_size(tmp_path):
    """From 60 % against 40 % to 50 against 50 it closes; to 25 against 75 it has turned and grown by 30 points."""
    groups, old = people(a=(600, 1000), b=(400, 1000))
    closed = both(tmp_path / "1", groups, old, people(a=(500, 1000), b=(500, 1000))[1])
    assert only(closed, "widening", "a", "b").value == pytest.approx(-0.2)
    assert judge([GROWTH], closed).verdict == "PASS"
    turned = both(tmp_path / "2", groups, old, people(a=(250, 1000), b=(750, 1000))[1])
    assert only(turned, "widening", "b", "a").value == pytest.approx(0.3)
    assert judge([GROWTH], turned).verdict == "FAIL"
    assert judge([GROWTH], turned).limits[0].worst == {"group": "b", "reference": "a"}


def test_rows_of_unknown_group_are_shown_and_never_compared(tmp_path):
    groups, old = people(a=(50, 100), b=(50, 100), **{MISSING_GROUP: (10, 20)})
    found = both(tmp_path, groups, old, [1 - d for d in old])
    assert only(found, "change", MISSING_GROUP).value == 0
    assert not [f for f in found if f.comparison == "widening" and MISSING_GROUP in (f.group, f.reference)]
    assert only(found, "change", MISSING_GROUP).p_adjusted is None


# --- how often it is wrong


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.05), (-0.03, 0.08), (0.2, 0.25), (-0.1, 0.15), (-0.2, 0.25)])
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_a_gap_that_grew_to_the_limit_is_passed_and_failed_no_oftener_than_the_level_says(before, after, correlation):
    """Also where production had no gap: choosing its sign from the data would pass twice as often."""
    rng, se, draws = np.random.default_rng(11), 0.035, 40_000
    noise = rng.multivariate_normal([0, 0], se**2 * np.array([[1, correlation], [correlation, 1]]), draws)
    old, new = before + noise[:, 0], after + noise[:, 1]
    same, turned = se * np.sqrt(2 - 2 * correlation), se * np.sqrt(2 + 2 * correlation)
    low, high = [], []
    for sign in (1, -1):
        counts = {"same": sign * (new - old), "same_se": same, "same_skew": 0}
        counts |= {"turned": sign * (new + old), "turned_se": turned, "turned_skew": 0}
        counts["behind"] = sign * old < -3.09 * se
        high.append(bounds("widening", counts, one_sided(0.95))[1])
        low.append(bounds("widening", counts, critical(0.95))[0])
    assert abs(after) - abs(before) == pytest.approx(0.05)
    assert (np.maximum(*high) < 0.05).mean() < 0.053
    assert (np.maximum(*low) > 0.05).mean() < 0.027


@pytest.mark.parametrize("rows", [100, 300, 1000])
@pytest.mark.parametrize("flips", [0.01, 0.03, 0.05, 0.1, 0.2])
def test_few_flips_that_all_go_one_way_are_passed_no_oftener_than_the_level_says(rows, flips):
    """Without the correction for their skewness it was up to 1.4 times as often."""
    from scipy.stats import binom

    chances = binom.pmf(np.arange(rows + 1), rows, flips)
    codes, old = np.repeat([0, 1], rows), np.zeros(2 * rows, np.int8)
    passed = 0.0
    for up in np.flatnonzero(chances > 1e-6):
        new = old.copy()
        new[:up] = 1
        known = moved(metrics.registry["selection_rate"], Decided(codes, 2, np.full_like(old, -1), old, new))
        variance = known.change[0, 0] + known.change[1, 1]
        same = {"same": up / rows, "same_se": variance**0.5, "same_skew": known.change_third[0] / variance}
        counts = {**same, **{name.replace("same", "turned"): value for name, value in same.items()}, "behind": 0}
        passed += chances[up] * bool(bounds("widening", counts, one_sided(0.95))[1] < flips - 1e-12)
    assert passed < 0.0525


def test_a_planted_change_is_found_beside_noise_that_is_not(tmp_path):
    rng = np.random.default_rng(2)
    groups = ["a"] * 2000 + ["b"] * 2000
    old = (rng.random(4000) < 0.5).astype(int)
    noise = np.where(rng.random(4000) < 0.04, 1 - old, old)
    assert judge([FALL, GROWTH], both(tmp_path / "1", groups, old.tolist(), noise.tolist())).verdict == "PASS"
    planted = noise.copy()
    planted[2000:2600] = 0
    verdict = judge([FALL, GROWTH], both(tmp_path / "2", groups, old.tolist(), planted.tolist()))
    assert [one.verdict for one in verdict.limits] == ["FAIL", "FAIL"]
    assert verdict.limits[0].worst == {"group": "b", "reference": ""}
    assert verdict.limits[1].worst == {"group": "a", "reference": "b"}


# --- what cannot be told


def test_a_group_without_positives_is_named_and_the_limit_is_open(tmp_path):
    groups, old = people(a=(50, 100), b=(50, 100))
    limit = FALL.model_copy(update={"measure": "true_positive_rate"})
    found = both(tmp_path, groups, old, old, [limit], label=[1] * 100 + [0] * 100)
    assert only(found, "change", "b").missing == "b has no actual positives, so its true positive rate has no change"
    assert judge([limit], found).verdict == "INCONCLUSIVE"


def test_only_shares_of_rows_are_followed_row_by_row(tmp_path):
    groups, old = people(a=(50, 100), b=(50, 100))
    other = next(entry.name for entry in metrics.of_task("scores"))
    for name, why in ((other, "no share of rows"), ("loudness", "no metric of this version")):
        found = both(tmp_path, groups, old, old, [FALL.model_copy(update={"measure": name})])
        assert [why in f.missing for f in found] == [True]


def test_one_cluster_says_nothing_of_a_change(tmp_path):
    groups, old = people(a=(5, 10), b=(5, 10))
    found = both(tmp_path, groups, old, old, cluster=["one"] * 10 + [str(at) for at in range(10)])
    assert "a has 1 cluster among the rows" in only(found, "change", "a").missing
    assert "a has 1 cluster" in only(found, "widening", "b", "a").missing


def test_without_a_baseline_every_limit_on_a_change_is_open_and_says_why():
    found = not_compared([FALL, GROWTH, Limit.model_validate(DIFFERENCE)])
    assert {f.comparison for f in found} == set(AGAINST_PRODUCTION)
    verdict = judge([FALL, GROWTH], found)
    assert verdict.verdict == "INCONCLUSIVE"
    assert all("no artifact of the model in production was given (--baseline)" in one.reason for one in verdict.limits)


# --- the same rows


@pytest.fixture
def pair(tmp_path):
    groups, old = people(white=(300, 500), Black=(250, 500))
    new = [1 - decided if at % 40 == 0 else decided for at, decided in enumerate(old)]
    return [read(released(tmp_path, groups, decisions, DIFFERENCE)) for decisions in (new, old)]


def test_two_artifacts_of_the_same_rows_are_compared(pair):
    found = compare(*pair, [FALL, GROWTH])
    assert {(f.comparison, f.group) for f in found} == {(c, g) for c in AGAINST_PRODUCTION for g in ("white", "Black")}


def test_models_that_read_different_columns_of_the_same_source_are_compared(pair, tmp_path):
    """Their rows have other digests, the source has not."""
    groups, old = people(white=(300, 500), Black=(250, 500))
    wider = released(tmp_path, groups, old, DIFFERENCE, seen=["one", "more"])
    assert read(wider).manifest.digests.data != pair[0].manifest.digests.data
    assert compare(pair[0], read(wider), [FALL])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"source": "others"}, "are of different data: data digest [0-9a-f]{64}, the baseline has [0-9a-f]{64}"),
        ({"rows": slice(0, 900)}, "of different rows: got 1,000, the baseline has 900"),
        ({"label": [1] * 1000}, "of different rows: their column 'label' is not the same"),
        ({"favourable": 0, "positive": 0}, "data.favourable: got 1, the baseline has 0"),
        ({"positive": 0}, "data.positive: got 1, the baseline has 0"),
        ({"groups": ["white"] * 1000}, "the baseline has other groups of race"),
    ],
)
def test_artifacts_of_other_rows_are_refused_with_the_reason(pair, tmp_path, changed, why):
    groups, old = people(white=(300, 500), Black=(250, 500))
    rows = changed.pop("rows", slice(None))
    groups = changed.pop("groups", groups)
    other = released(tmp_path, groups[rows], old[rows], DIFFERENCE, **changed)
    with pytest.raises(ArtifactError, match=why):
        compare(pair[0], read(other), [FALL])


def test_an_artifact_is_no_baseline_of_itself(pair):
    with pytest.raises(ArtifactError, match="the very artifact"):
        compare(pair[0], pair[0], [FALL])


def test_withheld_evidence_cannot_be_compared(pair, tmp_path):
    groups, old = people(white=(300, 500), Black=(250, 500))
    with pytest.raises(ArtifactError, match="withheld"):
        compare(pair[0], read(released(tmp_path, groups, old, DIFFERENCE, evidence="digest-only")), [FALL])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("compare: widening, at_least: 0.1", "got at_least on a widening, expected at_most"),
        ("compare: change, technique: parity, at_most: 0.1", "got a technique on a change, expected none"),
        ("compare: change, at_least: -2", "limits\\[0\\].at_least: got -2, expected -1 to 1: a rate is a proportion"),
        ("compare: widening, at_most: 2", "limits\\[0\\].at_most: got 2, expected 0 to 1"),
        ("compare: widenings, at_most: 0.1", "did you mean 'widening'"),
    ],
)
def test_a_mistaken_limit_on_a_change_is_refused_by_line(tmp_path, line, says):
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"- {{measure: selection_rate, over: race, {line}}}\n")
    with pytest.raises(SpecError, match=f"policy.yaml:1: .*{says}|{says}"):
        read_policy(policy)


def test_a_change_is_told_with_the_rates_it_is_made_of(tmp_path):
    groups, old = people(a=(600, 1000), b=(400, 1000))
    new = people(a=(650, 1000), b=(300, 1000))[1]
    told = [one.reason for one in judge([FALL, GROWTH], both(tmp_path, groups, old, new)).limits]
    assert told[0].startswith(
        "Selection rate is 30.0% for b and was 40.0% in production: a change of −10.0 points (95%"
    )
    assert told[0].endswith("wholly below the limit of −5 points.")
    assert told[1].startswith(
        "Selection rate of a minus that of b is 35.0 points, and they were 20.0 points apart in production: the gap "
        "has grown by 15.0 points (95% interval for all pairs together"
    )


def test_a_gap_that_has_become_smaller_is_told_as_shrunk(tmp_path):
    groups, old = people(a=(600, 1000), b=(400, 1000))
    new = people(a=(550, 1000), b=(420, 1000))[1]
    told = judge([GROWTH], both(tmp_path, groups, old, new)).limits[0].reason
    assert "is 13.0 points, and they were 20.0 points apart in production: the gap has shrunk by 7.0 points (" in told


def test_an_audit_by_itself_says_that_production_is_a_gates_business(pair):
    reason = judge([FALL], pair[0].findings).limits[0].reason
    assert "only a gate does: evenhand gate --baseline" in reason
