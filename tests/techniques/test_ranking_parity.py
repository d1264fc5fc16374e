"""Ranking parity: intervals over queries, chance, likeness of lists, planted and fair, and bad columns."""

import numpy as np
import pytest
from columned import found, with_columns

from audits.errors import DataError, SpecError
from audits.findings import canonical_json
from audits.metrics import of_task
from audits.techniques import registry


def drawn(seed, queries=40, size=12, bias=0.0):
    """Items of two groups, scored; ``bias`` lowers the scores of b. Relevance follows the scores before that."""
    rng = np.random.default_rng(seed)
    rows = queries * size
    group = rng.integers(0, 2, rows)
    score = rng.normal(size=rows)
    return {
        "g": np.array(["a", "b"])[group].tolist(),
        "query": np.repeat(np.arange(queries), size).tolist(),
        "score": (score - bias * group).tolist(),
        "relevance": np.clip(np.round(score + rng.normal(size=rows)), 0, 3).tolist(),
    }


def audit(folder, data, more=None, **options):
    columns = {name: data[name] for name in data if name != "g"}
    evidence = with_columns(folder, {"g": data["g"]}, columns, **{"reference": "a", **(more or {})})
    named = {name: name for name in ("query", "rank", "score", "relevance", "item", "lists") if name in columns}
    return found(evidence, "ranking_parity", **{**named, **options})


def counterfactual(seed, queries=30, turned=0.0):
    """The same query asked for both groups; ``turned`` is how often the list of b has two neighbours exchanged."""
    rng = np.random.default_rng(seed)
    rows = []
    for query in range(queries):
        items = rng.permutation(20)[:8]
        for group in "ab":
            own = items.copy()
            if group == "b" and rng.random() < turned:
                at = rng.integers(0, 7)
                own[[at, at + 1]] = own[[at + 1, at]]
            rows += [(group, query, group, place + 1, f"item {item}") for place, item in enumerate(own)]
    return dict(zip(("g", "query", "lists", "rank", "item"), map(list, zip(*rows, strict=True)), strict=True))


def test_every_metric_is_told_of_scored_lists_or_of_lists_for_the_same_query(tmp_path):
    one = audit(tmp_path / "one", drawn(0), cutoffs=[3, 5], qualified=1, relevance_bins=[0, 1])
    two = audit(tmp_path / "two", counterfactual(0, turned=0.5), cutoffs=[8])
    told = {f.measure.partition("[")[0] for f in [*one.values(), *two.values()] if f.value is not None}
    assert told == {entry.name for entry in of_task("ranking")}
    assert {"skew[k=3]/g/a/-/mean", "skew[k=5]/g/a/-/mean", "ndcg[k=3]/g/a/-/mean", "ndcg/g/a/-/mean"} <= set(one)


def test_a_planted_bias_is_found_and_a_fair_order_is_not_blamed(tmp_path):
    planted, fair = (audit(tmp_path / str(bias), drawn(1, bias=bias)) for bias in (1.0, 0.0))
    assert planted["exposure/g/b/a/ratio"].interval.high < 0.9
    assert fair["exposure/g/b/a/ratio"].interval.low < 1 < fair["exposure/g/b/a/ratio"].interval.high
    for name in ("ndkl/g/-/-/whole", "attention_weighted_parity/g/-/-/whole", "rnd/g/b/-/mean"):
        assert planted[name].p < 0.02
        assert fair[name].p > 0.05
        assert planted[name].interval is None
        assert planted[name].value > planted[name].details["by_chance"]
    assert planted["infeasible_index/g/-/-/whole"].p < 0.02
    assert planted["exposure_per_relevance/g/b/a/ratio"].value < 1
    low = planted["skew[k=10]/g/b/-/mean"]
    assert low.value < 0
    assert low.direction == "high is good for the person"


def test_the_interval_of_a_mean_over_queries_is_the_one_of_the_textbook(tmp_path):
    from scipy import stats
    from sklearn.metrics import ndcg_score

    from audits.statistics.means import skewed_df

    rng = np.random.default_rng(2)
    groups = ["a", "b"] * 12  # the person who asks
    data = {
        "g": np.repeat(groups, 6).tolist(),
        "query": np.repeat(np.arange(24), 6).tolist(),
        "rank": np.tile(np.arange(1, 7), 24).tolist(),
        "relevance": rng.integers(0, 3, 144).tolist(),
    }
    told = audit(tmp_path, data, metrics=["ndcg"])
    lists = np.array(data["relevance"], float).reshape(24, 6)
    own = np.array([ndcg_score(one[None], -np.arange(6.0)[None]) for one in lists])
    for group in "ab":
        values = own[np.array(groups) == group]
        df = skewed_df(len(values), stats.skew(values) / len(values) ** 0.5)  # len − 1, were they not skewed
        low, high = stats.t.interval(0.95, df, values.mean(), stats.sem(values))
        finding = told[f"ndcg/g/{group}/-/mean"]
        assert finding.value == pytest.approx(values.mean())
        assert finding.interval.high - finding.interval.low == pytest.approx(
            high - low, rel=0.25
        )  # skewness of 1,000 replicates


def test_one_list_alone_has_numbers_and_no_interval_and_says_why(tmp_path):
    data = {"g": list("aabab"), "rank": [1, 2, 3, 4, 5]}
    told = audit(tmp_path, data, step=2)
    gap = told["exposure/g/b/a/gap"]
    assert gap.value == pytest.approx((1 / np.log2([4, 6])).mean() - (1 / np.log2([2, 3, 5])).mean())
    assert gap.interval is None
    assert gap.details["no_interval"] == "there is one list alone, and lists are what is resampled"
    assert told["ndkl/g/-/-/whole"].p is not None


def test_groups_kept_from_the_first_places_and_shown_other_items_are_found_and_fair_lists_are_not(tmp_path):
    planted, fair = (
        audit(tmp_path / str(bias), drawn(1, bias=bias), cutoffs=[4], qualified=1, relevance_bins=[0, 1])
        for bias in (1.5, 0.0)
    )
    for name in ("first_places_parity", "first_places_balance", "qualified_parity", "calibrated_parity"):
        found, unbiased = (told[f"{name}[k=4]/g/-/-/whole"] for told in (planted, fair))
        assert found.value < found.details["by_chance"]
        assert found.p < 0.02
        assert unbiased.p > 0.05
        assert found.interval is None
        assert found.details["no_interval"].startswith("parity is the greatest value")
    for name in ("rkl/g/b/-/mean", "rrd/g/b/-/mean"):
        assert planted[name].p < 0.02 < fair[name].p


def shown_to(seed, apart):
    """Lists of five items for people of two groups; ``apart`` shifts what b is shown."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(60):
        group = person % 2
        worth = rng.normal(size=12) + apart * group * (np.arange(12) < 4)
        rows += [("ab"[group], person, at + 1, f"item {item}") for at, item in enumerate(np.argsort(-worth)[:5])]
    return dict(zip(("g", "query", "rank", "item"), map(list, zip(*rows, strict=True)), strict=True))


def test_groups_that_are_shown_other_items_are_told_apart_from_those_that_differ_by_chance(tmp_path):
    apart, alike = (audit(tmp_path / str(at), shown_to(0, at), cutoffs=[5]) for at in (1.5, 0.0))
    name = "exposure_total_variation[k=5]/g/b/a/gap"
    assert apart[name].p < 0.01
    assert alike[name].p > 0.1
    assert alike[name].value == pytest.approx(alike[name].details["by_chance"], abs=0.05)  # far above 0 by chance
    gap = apart["exposure_entropy[k=5]/g/b/a/gap"]
    assert gap.value < 0
    assert gap.interval is None
    assert "fewer different items" in gap.details["no_interval"]
    popular = apart["recommendation_popularity[k=5]/g/b/-/mean"]
    assert popular.interval.low < popular.value < popular.interval.high


def test_what_needs_a_bound_of_relevance_says_so_where_it_is_asked_for_without(tmp_path):
    asked = ["qualified_parity", "calibrated_balance", "shown_gini"]
    told = audit(tmp_path / "asked", drawn(0), metrics=asked)
    reasons = ("ranking_parity.qualified", "ranking_parity.relevance_bins", "ranking_parity.item")
    for name, reason in zip(asked, reasons, strict=True):
        assert reason in told[f"{name}/g/-/-/whole"].missing
    with pytest.raises(SpecError, match="each above the last"):
        audit(tmp_path / "bins", drawn(0), relevance_bins=[2, 1])


def test_targets_are_shares_that_the_first_places_are_held_against(tmp_path):
    data = {"g": list("abaa"), "rank": [1, 2, 3, 4]}
    half = {"targets": {"g": {"a": 0.5, "b": 0.5}}}
    assert audit(tmp_path / "half", data, **half)["infeasible_index/g/-/-/whole"].value == 1
    assert audit(tmp_path / "own", data)["infeasible_index/g/-/-/whole"].value == 0


def test_lists_of_two_groups_for_the_same_query_are_compared(tmp_path):
    same = audit(tmp_path / "same", counterfactual(1))
    for name in ("jaccard_at_k[k=10]", "serp_at_k[k=10]", "prag_at_k[k=10]"):
        assert same[f"{name}/g/b/a/gap"].value == 1
        assert same[f"{name}/g/b/a/gap"].n.group == 30
    turned = audit(tmp_path / "turned", counterfactual(1, turned=1), cutoffs=[8])
    assert turned["jaccard_at_k[k=8]/g/b/a/gap"].value == 1
    assert turned["prag_at_k[k=8]/g/b/a/gap"].value == pytest.approx(27 / 28)
    some = audit(tmp_path / "some", counterfactual(2, turned=0.5), cutoffs=[8])["prag_at_k[k=8]/g/b/a/gap"]
    assert some.interval.low < some.value < some.interval.high
    assert some.p < 0.01


def test_lists_of_groups_that_never_answer_the_same_query_cannot_be_compared(tmp_path):
    data = {"g": list("aabb"), "query": [1, 1, 2, 2], "rank": [1, 2, 1, 2], "item": list("xyxy")}
    told = audit(tmp_path, data, metrics=["jaccard_at_k", "prag_at_k"])
    assert all(f.value is None and "for which the other has one" in f.missing for f in told.values())


def test_a_weight_that_all_lists_have_changes_no_number_and_clusters_of_queries_are_drawn_together(tmp_path):
    data = drawn(3)
    plain = audit(tmp_path / "plain", data)
    weighted = audit(tmp_path / "weighted", data, {"weight": [2.0] * 480})
    assert {name: f.value for name, f in plain.items()} == pytest.approx({n: f.value for n, f in weighted.items()})
    twice = {name: column * 2 for name, column in data.items()} | {
        "query": [*data["query"], *(q + 40 for q in data["query"])]
    }
    clusters = {"cluster": [f"c{query % 40}" for query in twice["query"]]}
    together = audit(tmp_path / "together", twice, clusters)["exposure/g/b/a/gap"].interval
    apart = audit(tmp_path / "apart", twice)["exposure/g/b/a/gap"].interval
    own = plain["exposure/g/b/a/gap"].interval
    assert together.high - together.low == pytest.approx(own.high - own.low, rel=0.15)
    assert apart.high - apart.low < 0.85 * (own.high - own.low)


def test_rows_without_a_place_or_a_query_are_in_no_list_and_counted(tmp_path):
    data = {"g": list("ababab"), "query": [1, 1, 1, None, 2, 2], "rank": [1, 2, None, 1, 2, 1]}
    told = audit(tmp_path, data, metrics=["exposure"])
    assert told["exposure/g/a/-/mean"].n.group == 2
    assert told["exposure/g/a/-/mean"].details["rows_without_place"] == 2


def test_without_a_rank_the_score_of_the_model_or_the_data_gives_the_order(tmp_path):
    data = {"g": list("abab"), "query": [1, 1, 2, 2]}
    evidence = with_columns(
        tmp_path / "own", {"g": data["g"]}, {"query": data["query"]}, score=[0.9, 0.1, 0.2, 0.7], decision=[1, 0, 0, 1]
    )
    told = found(evidence, "ranking_parity", query="query", metrics=["exposure"])
    named = audit(tmp_path / "named", data | {"score": [0.9, 0.1, 0.2, 0.7]}, metrics=["exposure"])
    assert {name: f.value for name, f in told.items()} == {name: f.value for name, f in named.items()}


def test_what_needs_relevance_or_items_says_so(tmp_path):
    data = {"g": list("ab"), "rank": [1, 2]}
    told = audit(tmp_path, data, metrics=["ndcg", "serp_at_k"])
    assert "no item has a relevance" in told["ndcg/g/-/-/whole"].missing
    assert "no column names the items" in told["serp_at_k/g/-/-/whole"].missing


@pytest.mark.parametrize(
    ("data", "options", "error", "said"),
    [
        (
            {"rank": [1, 1, 2, 3]},
            {},
            DataError,
            "1 times two rows of one list have the same rank, the first time rank 1",
        ),
        ({"rank": [0, 1, 2, 3]}, {}, DataError, "holds 0, expected whole numbers from 1"),
        ({"rank": [1, 2.5, 3, 4]}, {}, DataError, "holds 2.5, expected whole numbers from 1"),
        ({"rank": ["first", "second", "third", "last"]}, {}, DataError, "holds 'first', 'second', 'third', expected"),
        ({"rank": [1, 2, 3, 4], "score": [4, 3, 2, 1]}, {}, SpecError, "got both rank and score"),
        ({"rank": [1, 2, 3, 4], "relevance": [-1, 0, 1, 1]}, {}, DataError, "holds -1, expected numbers from 0"),
        ({"rank": [1, 2, 3, 4]}, {"cutoffs": [0]}, SpecError, "cutoffs: got 0, expected whole numbers from 1"),
        ({"rank": [1, 2, 3, 4]}, {"targets": {"g": {"a": 0.4, "b": 0.4}}}, SpecError, "add up to 0.8"),
        ({"rank": [1, 2, 3, 4]}, {"targets": {"g": {"x": 1.0}}}, SpecError, "got 'x', expected a group"),
        ({"rank": [1, 2, 3, 4]}, {"targets": {"h": {"a": 1.0}}}, SpecError, "got 'h', expected an attribute"),
        ({"rank": [1, 2, 1, 2], "query": list("xxyy"), "item": list("iiij")}, {}, DataError, "holds one of them twice"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(tmp_path, data, options, error, said):
    with pytest.raises(error, match=said):
        audit(tmp_path, {"g": ["a", "a", "b", "b"], **data}, **options)


def test_rows_of_one_list_have_one_weight(tmp_path):
    with pytest.raises(DataError, match="rows of one list have different weights"):
        audit(tmp_path, {"g": list("ab"), "rank": [1, 2]}, {"weight": [1.0, 2.0]})


def test_a_rank_that_is_all_missing_is_said_to_be_not_measurable(tmp_path):
    (only,) = audit(tmp_path, {"g": list("ab"), "rank": [None, None]}).values()
    assert only.missing == "ranking_parity: no row has a place in a list"


def test_the_same_evidence_gives_the_same_bytes(tmp_path):
    one, two = (audit(tmp_path / name, drawn(4)) for name in ("one", "two"))
    assert [canonical_json(f.to_json()) for f in one.values()] == [canonical_json(f.to_json()) for f in two.values()]
    assert registry["ranking_parity"].facts["replayable"]
