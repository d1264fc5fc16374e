"""The search for subgroups: published answers, brute force, laws; the tests and bounds that go with it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.discovery import Categories, gather, search
from audits.errors import DataError, NotMeasurable
from audits.metrics import registry as metrics
from audits.statistics import difference_p
from audits.statistics.differences import pooled_z
from audits.statistics.multiplicity import westfall_young
from audits.statistics.simultaneous import holm, one_sided
from audits.subgroups import outcomes_of
from audits.subgroups.columns import different
from audits.subgroups.divergence import beta_t, corrective, divergence, multiaccuracy, redundant, shapley
from audits.subgroups.linear import fit_linear, gamma
from audits.subgroups.sample import sample
from audits.subgroups.slices import best_slices, score_bound, slice_score
from audits.subgroups.testing import (
    cluster_errors,
    furthest,
    half_of,
    memberships,
    permuted_z,
    simultaneous_bounds,
    with_complement,
)

FPR = outcomes_of(metrics["false_positive_rate"])


def column(name, values):
    names, codes = np.unique(np.asarray(values).astype(str), return_inverse=True)
    return Categories(name, codes, names.tolist())


def compas(shared_data):
    """COMPAS as elianap/divexplorer discretises it (notebooks/datasets/compas_discretized.csv): 6,172 rows."""
    import polars as pl

    table = pl.read_parquet(shared_data / "compas" / "compas_two_years.parquet").filter(
        pl.col("days_b_screening_arrest").is_between(-30, 30),
        pl.col("is_recid") != -1,
        pl.col("c_charge_degree") != "O",
        pl.col("score_text") != "N/A",
    )
    day = {name: table[name].str.to_datetime().dt.date() for name in ("c_jail_in", "c_jail_out")}
    stay = (day["c_jail_out"] - day["c_jail_in"]).dt.total_days().to_numpy()
    names = {"age": "age_cat", "charge": "c_charge_degree", "race": "race", "sex": "sex"}
    columns = [column(name, table[source]) for name, source in names.items()]
    columns.append(Categories("#prior", np.digitize(table["priors_count"], [1, 4]), ["0", "[1,3]", ">3"]))
    columns.append(Categories("stay", np.searchsorted([7, 93], stay), ["<week", "1w-3M", ">3Months"]))
    label = table["two_year_recid"].to_numpy()
    decision = (table["score_text"] == "High").to_numpy().astype(int)
    return columns, label, decision


@pytest.mark.shared
def test_the_divexplorer_patterns_of_compas_are_found(shared_data):
    columns, label, decision = compas(shared_data)
    patterns = search(gather(columns, 2 * label + decision, 4, 0.1))
    assert patterns.tables[0].tolist() == [3066, 297, 1962, 847]  # tn fp fn tp
    assert len(patterns) == 155  # with the empty one
    of, among = patterns.tables[:, 1], patterns.tables[:, :2].sum(axis=1)
    gap, t = divergence(of, among), beta_t(of, among)
    assert of[0] / among[0] == pytest.approx(0.088314, abs=5e-7)
    best = np.argsort(-gap)[:2]
    assert patterns.name(best[0]) == "age=25 - 45 & race=African-American & sex=Male & #prior=>3"
    assert patterns.name(best[1]) == "age=25 - 45 & race=African-American & #prior=>3"
    published = [(0.128645, 0.308036, 0.219722, 7.116857), (0.145010, 0.299242, 0.210928, 7.448260)]
    for at, (support, rate, apart, their_t) in zip(best, published, strict=True):
        assert patterns.tables[at].sum() / 6172 == pytest.approx(support, abs=5e-7)
        assert of[at] / among[at] == pytest.approx(rate, abs=5e-7)
        assert gap[at] == pytest.approx(apart, abs=5e-7)
        assert t[at] == pytest.approx(their_t, abs=5e-7)
    assert (~redundant(patterns, gap, 0.01)).sum() == 55


@pytest.mark.shared
def test_a_subgroup_is_tested_against_its_complement_and_not_by_divexplorers_t(shared_data):
    columns, label, decision = compas(shared_data)
    patterns = search(gather(columns, 2 * label + decision, 4, 0.1))
    of, among = patterns.tables[:, 1], patterns.tables[:, :2].sum(axis=1)
    best = int(np.argmax(divergence(of, among)))
    assert with_complement(of, among).z[best] == pytest.approx(12.0, abs=0.005)  # where t is 7.117


@pytest.mark.shared
def test_max_t_finds_more_than_bonferroni_over_the_same_patterns(shared_data):
    columns, label, decision = compas(shared_data)
    cells = gather(columns, 2 * label + decision, 4, 0.1)
    patterns, (codes, place) = search(cells), cells.combinations
    of, among = (np.bincount(place, cells.rows * np.isin(cells.outcome, which)) for which in ([1], [0, 1]))
    permuted = permuted_z(patterns, codes, of, among, 1000, np.random.default_rng(0))[:, 1:]
    z = np.abs(with_complement(patterns.tables[:, 1], patterns.tables[:, :2].sum(axis=1)).z[1:])
    limit = np.quantile(permuted.max(axis=1), 0.95)
    assert 3.2 < limit < 3.595  # Bonferroni's for 154 two-sided tests at .05
    found = (westfall_young(z, permuted) < 0.05).sum()
    assert found >= (westfall_young(z, permuted, step_down=False) < 0.05).sum() >= (z > 3.595).sum() > 0


@pytest.mark.shared
def test_observed_rates_within_decisions_are_not_multiaccurate_on_compas(shared_data):
    columns, label, decision = compas(shared_data)
    patterns = search(gather(columns, 2 * label + decision, 4, 0.1), 1)
    apart = multiaccuracy(patterns.tables, [0, 0, 1, 1], [0, 1, 0, 1])
    place = patterns.index()
    none, many = place[frozenset({("#prior", "0")})], place[frozenset({("#prior", ">3")})]
    assert patterns.tables[[none, many]].sum(axis=1).tolist() == [2085, 1811]
    assert apart[[none, many]] == pytest.approx([-0.0448, 0.0433], abs=5e-5)
    assert apart[0] == pytest.approx(0)


@pytest.mark.shared
def test_the_slices_are_sliceline_s_and_none_is_a_normal_answer(shared_data):
    columns, label, decision = compas(shared_data)
    errors = (label != decision).astype(float)
    assert errors.mean() == pytest.approx(0.366008, abs=5e-7)
    best = best_slices(columns, errors, alpha=0.95, least=62, depth=4)[0]
    assert (best.items, best.rows) == ((("#prior", ">3"),), 1811)
    assert best.score == pytest.approx(0.079045, abs=5e-7)
    assert best.error == pytest.approx(0.4428, abs=5e-5)
    assert best_slices(columns, errors, alpha=0.6, least=62, depth=4) == []
    patterns = search(gather(columns, (label != decision).astype(int), 2, 62 / 6172), 4)
    rows = patterns.tables[1:].sum(axis=1)
    scores = slice_score(rows, patterns.tables[1:, 1], 6172, errors.mean(), 0.6)
    assert scores.max() == pytest.approx(-0.073697, abs=5e-7)


@pytest.mark.shared
def test_a_linear_rule_is_further_from_parity_than_any_conjunction_of_race_sex_and_age(shared_data):
    columns, label, decision = compas(shared_data)
    cells = gather([columns[0], columns[2], columns[3]], 2 * label + decision, 4, 0.001)
    codes, place = cells.combinations
    of, among = (np.bincount(place, cells.rows * np.isin(cells.outcome, which)) for which in ([1], [0, 1]))
    sizes = [len(names) + 1 for _, names in cells.columns]
    inside = fit_linear(codes, sizes, range(3), of, among).picks(codes)
    linear = gamma(of[inside].sum(), among[inside].sum(), of.sum(), among.sum())
    patterns = search(gather([columns[0], columns[2], columns[3]], 2 * label + decision, 4, 0.1))
    x, n = patterns.tables[:, 1], patterns.tables[:, :2].sum(axis=1)
    assert linear > gamma(x, n, x[0], n[0]).max()
    over_all_rows = gamma(x, n, x[0], n[0], patterns.tables.sum(axis=1) / 6172)
    assert not np.allclose(over_all_rows, gamma(x, n, x[0], n[0]))  # the weight has to be told


def brute(columns, outcome, outcomes, least, depth):
    found = {}
    for size in range(depth + 1):
        for which in itertools.combinations(range(len(columns)), size):
            for values in itertools.product(*(range(len(columns[at].names)) for at in which)):
                rows = np.ones(len(outcome), bool)
                for at, value in zip(which, values, strict=True):
                    rows &= columns[at].codes == value
                if rows.sum() >= least or not which:
                    items = tuple((columns[a].name, columns[a].names[v]) for a, v in zip(which, values, strict=True))
                    found[items] = np.bincount(outcome[rows], minlength=outcomes).tolist()
    return found


@st.composite
def tables(draw):
    count, width = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    columns = []
    for at in range(width):
        size = draw(st.integers(1, 4))
        codes = random.choice(np.arange(-1, size), count, p=np.array([0.1, *[0.9 / size] * size]))
        columns.append(Categories(f"c{at}", codes, [f"v{value}" for value in range(size)]))
    return columns, random.integers(0, 3, count), draw(st.sampled_from([0.01, 0.1, 0.3])), draw(st.integers(1, 4))


@settings(max_examples=150, deadline=None)
@given(tables())
def test_the_search_counts_what_brute_force_counts(table):
    columns, outcome, support, depth = table
    patterns = search(gather(columns, outcome, 3, support), depth)
    least = max(int(np.ceil(support * len(outcome) - 1e-9)), 1)
    expected = brute(columns, outcome, 3, least, depth)
    assert {patterns.items(at): patterns.tables[at].tolist() for at in range(len(patterns))} == expected
    assert patterns.lengths.tolist() == sorted(patterns.lengths)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_every_pattern_has_the_rows_that_its_membership_says(table):
    columns, outcome, support, depth = table
    drawn = sample(columns, outcome.astype(np.int8), np.arange(len(outcome)) % 2 == 0, support, depth)
    counts = np.bincount(drawn.cells.combinations[1], drawn.cells.rows)
    rows = np.concatenate([matrix @ counts for _, matrix in memberships(drawn.patterns, drawn.codes)])
    assert rows.tolist() == drawn.patterns.tables.sum(axis=1).tolist()
    assert [int(drawn.picked(at).sum()) for at in range(len(rows))] == rows.tolist()


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from([0.5, 0.8, 0.95, 1.0]), st.sampled_from([1, 3, 8]))
def test_the_best_slices_are_those_of_brute_force(table, alpha, count):
    columns, outcome, support, depth = table
    errors, total = outcome.astype(float), len(outcome)
    least = max(int(np.ceil(support * total)), 1)
    found = best_slices(columns, errors, alpha=alpha, count=count, least=least, depth=depth)
    scores = []
    if errors.sum():
        for items, counts in brute(columns, outcome, 3, least, depth).items():
            if items:
                rows, sums = sum(counts), counts[1] + 2 * counts[2]
                scores.append(float(slice_score(rows, sums, total, errors.mean(), alpha)))
    expected = sorted((score for score in scores if score > 0), reverse=True)[:count]
    assert [one.score for one in found] == pytest.approx(expected)


def test_many_columns_of_many_categories_are_told_apart():
    random = np.random.default_rng(8)
    columns = [Categories(f"c{at}", random.integers(0, 50, 300), [f"v{v}" for v in range(50)]) for at in range(25)]
    outcome = random.integers(0, 2, 300)  # 51²⁵ combinations: more than a number of 64 bits tells apart
    patterns = search(gather(columns, outcome, 2, 0.01), 1)
    expected = brute(columns, outcome, 2, 3, 1)
    assert {patterns.items(at): patterns.tables[at].tolist() for at in range(len(patterns))} == expected


def test_no_part_of_a_slice_scores_above_its_bound():
    random = np.random.default_rng(0)
    errors = random.exponential(size=200)
    for _ in range(200):
        outer = random.random(200) < 0.6
        inner = outer & (random.random(200) < 0.6)
        if inner.sum() < 10:
            continue
        of_inner = slice_score(inner.sum(), errors[inner].sum(), 200, errors.mean(), 0.9)
        bound = score_bound(outer.sum(), errors[outer].sum(), errors[outer].max(), 200, errors.mean(), 0.9, 10)
        assert of_inner <= bound + 1e-12


def test_shapley_values_add_up_and_corrective_categories_bring_a_pattern_nearer():
    random = np.random.default_rng(1)
    columns = [Categories(name, random.integers(0, 2, 4000), ["no", "yes"]) for name in "abc"]
    rate = 0.2 + 0.2 * columns[0].codes - 0.1 * columns[1].codes
    patterns = search(gather(columns, (random.random(4000) < rate).astype(int), 2, 0.01))
    gap = divergence(patterns.tables[:, 1], patterns.tables.sum(axis=1))
    at = patterns.index()[frozenset({("a", "yes"), ("b", "yes"), ("c", "yes")})]
    values = shapley(patterns, gap, at)
    assert sum(values.values()) == pytest.approx(gap[at])
    assert values[("a", "yes")] == pytest.approx(0.1, abs=0.03)
    assert abs(values[("c", "yes")]) < 0.03
    assert ("b", "yes") in corrective(patterns, gap, at)


def test_permuting_the_distinct_rows_has_the_law_of_permuting_the_rows():
    from scipy.stats import ks_2samp

    random = np.random.default_rng(2)
    columns = [
        Categories(name, random.integers(0, size, 300), list("xyz"[:size]))
        for name, size in zip("ab", (2, 3), strict=True)
    ]
    outcome = random.integers(0, 3, 300)  # 0 no part of the denominator, 1 in it, 2 in the numerator
    cells = gather(columns, outcome, 3, 0.05)
    patterns, (codes, place) = search(cells), cells.combinations
    of, among = (np.bincount(place, cells.rows * np.isin(cells.outcome, which)) for which in ([2], [1, 2]))
    ours = permuted_z(patterns, codes, of, among, 3000, np.random.default_rng(3))
    rows = np.flatnonzero(outcome)
    inside = np.concatenate([matrix.toarray() for _, matrix in memberships(patterns, codes)]).astype(bool)
    inside = inside[:, place[cells.of_row]][1:, rows].astype(int)
    theirs = []
    for _ in range(3000):
        hit = random.permutation(outcome[rows] == 2)
        x, n = inside @ hit, inside.sum(axis=1)
        theirs.append(np.abs(pooled_z(x, n, hit.sum() - x, len(hit) - n)))
    ours, theirs = ours[:, 1:].round(9), np.array(theirs).round(9)  # few values, the same ones
    assert set(np.unique(ours)) & set(np.unique(theirs))
    assert ks_2samp(ours.max(axis=1), theirs.max(axis=1)).pvalue > 0.01
    for at in (0, 4, len(patterns) - 2):
        assert ks_2samp(ours[:, at], theirs[:, at]).pvalue > 0.005


def noise(random, count, rate=0.3):
    columns = [Categories(name, random.integers(0, size, count), list("wxyz"[:size])) for name, size in
               zip("abcd", (2, 3, 4, 2), strict=True)]  # fmt: skip
    return columns, np.where(random.random(count) < rate, 5, 4).astype(np.int8)  # actual negatives, decided or not


def test_on_pure_noise_hardly_anything_is_confirmed_and_naive_discovery_finds_much():
    random, confirmed, naive, runs = np.random.default_rng(4), 0, 0, 300
    for _ in range(runs):
        columns, cell = noise(random, 600)
        drawn = sample(columns, cell, half_of(600, random), 0.05, 3)
        z = np.abs(drawn.compared(FPR, True).z)
        leads = np.argsort(-z)[:10]
        other = drawn.compared(FPR, False)
        p = difference_p(other.x1[leads], other.n1[leads], other.x2[leads], other.n2[leads])
        confirmed += bool((holm(p) < 0.05).any())
        naive += z.max() > 1.96
    assert confirmed / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
    assert naive / runs > 0.8


def test_bounds_hold_for_all_subgroups_at_once_and_for_the_largest_difference():
    random, all_hold, largest_holds, runs = np.random.default_rng(5), 0, 0, 120
    for _ in range(runs):
        columns, cell = noise(random, 800, 0.0)
        rate = 0.3 + 0.15 * (columns[0].codes == 1) * (columns[1].codes == 0)
        cell = np.where(random.random(800) < rate, 5, 4).astype(np.int8)
        drawn = sample(columns, cell, half_of(800, random), 0.05, 2)
        truth = np.zeros(len(drawn.patterns))
        for at in range(1, len(truth)):
            inside = drawn.picked(at)
            truth[at] = rate[inside].mean() - rate[~inside].mean()
        of, among = drawn.by_combination(FPR)
        draws = drawn.resampled(FPR, 200, random)
        bounds = simultaneous_bounds(drawn.patterns, drawn.codes, of, among, draws, 0.95)
        all_hold += bool(((bounds.low <= truth) & (truth <= bounds.high))[1:].all())
        compared = drawn.compared(FPR)
        others = type(compared)(*(part[1:] for part in compared))
        largest_holds += furthest(others, one_sided(0.95)).bound >= np.abs(truth).max()
    assert all_hold / runs >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / runs)
    assert largest_holds / runs >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / runs)


def test_a_subgroup_without_a_denominator_may_differ_by_all_there_is():
    columns = [Categories("a", np.repeat([0, 1], 50), ["x", "y"])]
    cell = np.array([4, 5] * 25 + [8] * 50, np.int8)  # no actual negatives in y
    drawn = sample(columns, cell, np.arange(100) % 2 == 0, 0.05, 1)
    compared = drawn.compared(FPR)
    assert not compared.measured[1:].any()
    assert furthest(type(compared)(*(part[1:] for part in compared)), 1.645).bound == 1


def test_errors_between_clusters_are_those_of_the_rows_where_every_row_is_its_own():
    random = np.random.default_rng(6)
    columns, cell = noise(random, 500)
    alone = sample(columns, cell, half_of(500, random), 0.05, 2, clusters=np.arange(500))
    compared = alone.compared(FPR)
    se = cluster_errors(alone.patterns, alone.codes, *alone.by_cluster(FPR))
    p1, p2 = compared.x1 / compared.n1, compared.x2 / np.maximum(compared.n2, 1)
    plain = np.sqrt(p1 * (1 - p1) / compared.n1 + p2 * (1 - p2) / np.maximum(compared.n2, 1))
    assert se[1:] == pytest.approx(plain[1:] * np.sqrt(500 / 499))
    twice = sample(
        [one._replace(codes=np.tile(one.codes, 2)) for one in columns],
        np.tile(cell, 2),
        np.tile(alone.discovery, 2),
        0.05,
        2,
        clusters=np.tile(np.arange(500), 2),
    )
    again = cluster_errors(twice.patterns, twice.codes, *twice.by_cluster(FPR))
    assert again == pytest.approx(se)  # every row twice says nothing new


def test_equal_weights_change_nothing_and_a_half_keeps_clusters_whole():
    random = np.random.default_rng(7)
    columns, cell = noise(random, 400)
    half = half_of(400, random)
    plain = sample(columns, cell, half, 0.05, 2)
    weighted = sample(columns, cell, half, 0.05, 2, weights=np.full(400, 2.5))
    for one, other in zip(plain.compared(FPR), weighted.compared(FPR), strict=True):
        assert one == pytest.approx(other)
    clusters = np.repeat(np.arange(100), 4)
    half = half_of(400, random, clusters)
    assert half.reshape(100, 4).all(axis=1).sum() == 50 == (~half.reshape(100, 4)).all(axis=1).sum()


def test_only_rates_of_rows_have_subgroups():
    assert outcomes_of(metrics["selection_rate"]).of.sum() == 3
    other = next(one for one in metrics.entries().values() if one.facts["over"] != "group")
    with pytest.raises(NotMeasurable, match="no rate of rows"):
        outcomes_of(other)


def refused(match, columns=None, outcome=(0, 1, 0, 1), outcomes=2, support=0.1, depth=None):
    columns = [Categories("a", np.array([0, 1, 0, 1]), ["x", "y"])] if columns is None else columns
    with pytest.raises(DataError, match=match):
        search(gather(columns, np.array(outcome), outcomes, support), depth)


def test_a_column_that_parts_the_rows_as_another_does_is_searched_once():
    sex = Categories("sex", np.array([0, 1, 1, 0, -1]), ["female", "male"])
    male = Categories("male", np.array([1, 0, 0, 1, -1]), ["1", "0"])
    known = Categories("known", np.array([1, 0, 0, 1, 0]), ["no", "yes"])
    age = Categories("age", np.array([0, 1, 2, 0, -1]), ["young", "middle", "old"])
    kept, twins = different([sex, male, known, age])
    assert [column.name for column in kept] == ["sex", "known", "age"]
    assert twins == {"male": "parts the rows as sex does"}


def test_columns_that_say_the_same_make_no_endless_search(monkeypatch):
    from audits import discovery

    monkeypatch.setattr(discovery, "MOST_PATTERNS", 1000)
    alike = [Categories(f"c{at}", np.zeros(4, int), ["x"]) for at in range(40)]
    refused("got more than 1,000 that have 1 rows", columns=alike)


def test_bad_input_is_refused_with_what_was_expected():
    refused("support: got 0, expected a share", support=0)
    refused("support: got 5, expected a share", support=5)
    refused("outcome: got 0 to 3, expected 0 to 1", outcome=(0, 3, 0, 1))
    refused("got no rows", columns=[Categories("a", np.array([], int), ["x"])], outcome=())
    refused("got no columns", columns=[])
    refused("a: got 3 rows, expected 4", columns=[Categories("a", np.array([0, 0, 0]), ["x"])])
    refused("a: got codes outside", columns=[Categories("a", np.array([0, 0, 0, 7]), ["x"])])
    refused("depth: got 0, expected at least 1", depth=0)
    many = Categories("id", np.arange(1_000_000), range(1_000_000))
    refused("id: got 1,000,000 distinct values", columns=[many], outcome=np.zeros(1_000_000, int))
    with pytest.raises(DataError, match="alpha: got 0, expected"):
        best_slices([Categories("a", np.array([0]), ["x"])], [1.0], alpha=0)
    with pytest.raises(DataError, match="errors: got a negative"):
        best_slices([Categories("a", np.array([0]), ["x"])], [-1.0])
