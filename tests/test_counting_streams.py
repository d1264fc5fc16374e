"""Counting block by block gives what counting everything at once gives, however the rows are cut."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import write_evidence

from audits.errors import ArtifactError
from audits.findings import canonical_json
from audits.metrics.counting import AT_ONCE, ClusterTallies, cells, tally, tally_clusters
from audits.metrics.groups import count, count_all
from audits.metrics.streams import Names, blocks

RANDOM = np.random.default_rng(3)
ROWS = 1000


def some(values, nothing=0.1):
    """Drawn values, a part of them unknown."""
    drawn = RANDOM.choice(np.array(values, object), ROWS)
    drawn[RANDOM.random(ROWS) < nothing] = None
    return drawn.tolist()


RACE, SEX = some(["white", "Black", "Asian", "Other"]), some(["f", "m"], 0)
LABEL, DECISION = some([0, 1]), some([0, 1])
PEOPLE = RANDOM.integers(0, 300, ROWS).astype(str).tolist()
WEIGHT = RANDOM.random(ROWS).tolist()
KINDS = {
    "plain": {},
    "without a label": {"label": None},
    "without decisions": {"decision": None},
    "weighted": {"weight": WEIGHT},
    "in clusters": {"cluster": PEOPLE},
    "weighted and in clusters": {"weight": WEIGHT, "cluster": PEOPLE},
    "asked of a model": {"model": True},
}


def rewritten(folder, size):
    """The same tables in row groups of ``size`` rows."""
    for name in ("rows", "slices"):
        table = pq.read_table(folder / f"{name}.parquet")
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=size if name == "rows" else size + 3)


def equal(one, other, exact=True):
    assert one.groups == other.groups
    same = np.array_equal if exact else np.allclose
    for name in ("rows", "weights", "squares"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None), name
        assert left is None or (left.dtype == right.dtype and same(left, right)), name
    assert (one.clusters is None) == (other.clusters is None)
    for left, right in zip(one.clusters or [], other.clusters or [], strict=True):
        assert left.shape == right.shape
        assert same(left, right)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "group_size"), [(1 << 20, 1 << 20), (64, 100), (333, 7), (1, 1000)])
def test_blocks_and_row_groups_of_any_size_give_the_same_tallies(tmp_path, kind, size, group_size):
    options = {"label": LABEL, "decision": DECISION, **KINDS[kind]}
    evidence = write_evidence(tmp_path, {"race": RACE, "sex": SEX}, **options)
    rewritten(tmp_path, group_size)
    labels = evidence.label_codes()
    cell = cells(labels, evidence.decision_codes())
    found = count_all(evidence, ["race", "sex"], size)
    assert list(found) == ["race", "sex"]
    for attribute, counted in found.items():
        equal(counted, count(evidence, attribute, cell), exact="weight" not in options or size >= ROWS)
    assert found["race"].groups == ["Asian", "Black", "Other", "white", "(missing)"]


def test_shards_add_up_to_the_whole(tmp_path):
    def counted(folder, part):
        groups = {"race": np.array(RACE, object)[part].tolist()}
        more = {"label": LABEL[part], "decision": DECISION[part], "weight": WEIGHT[part], "cluster": PEOPLE[part]}
        return count_all(write_evidence(folder, groups, **more), ["race"])["race"]

    whole = counted(tmp_path / "whole", slice(None))
    shards = [counted(tmp_path / str(at), slice(at, at + 250)) for at in range(0, ROWS, 250)]
    assert all(shard.groups == whole.groups for shard in shards)
    assert np.array_equal(sum(shard.rows for shard in shards), whole.rows)
    assert np.allclose(sum(shard.weights for shard in shards), whole.weights)
    assert np.allclose(sum(shard.squares for shard in shards), whole.squares)
    assert np.allclose([table.sum(axis=0) for table in whole.clusters], whole.weights)


def test_the_groups_keep_the_order_of_the_slices_and_the_empty_ones_their_place(tmp_path):
    evidence = write_evidence(tmp_path, {"race": ["b", None, "z", "a"]}, decision=[1, 0, 1, 1], cluster=list("pqpp"))
    listed = {"attributes": {"race": {"groups": [{"name": n, "n": 0} for n in ("b", "nobody", "a")]}}}
    (tmp_path / "groups.json").write_bytes(canonical_json(listed))
    found = count_all(evidence, ["race"], 2)["race"]
    assert found.groups == evidence.codes("race")[1] == ["b", "nobody", "a", "z", "(missing)"]
    assert found.rows.sum(axis=(1, 2)).tolist() == [1, 0, 1, 1, 1]
    assert [len(table) for table in found.clusters] == [1, 0, 1, 1, 1]


def test_an_input_that_was_never_asked_has_no_decision(tmp_path):
    evidence = write_evidence(tmp_path, {"race": list("aab")}, decision=[1, 0, 1], model=True)
    kept = pq.read_table(tmp_path / "predictions.parquet").slice(1)
    pq.write_table(kept, tmp_path / "predictions.parquet")
    table = count_all(evidence, ["race"])["race"].rows
    assert table[:, :, 0].sum() == 1
    assert table[:, :, 2].sum() == 1


def test_rows_that_the_slices_do_not_have_are_refused(tmp_path):
    evidence = write_evidence(tmp_path, {"race": list("aab")}, decision=[1, 0, 1])
    pq.write_table(pq.read_table(tmp_path / "slices.parquet").slice(1), tmp_path / "slices.parquet")
    with pytest.raises(ArtifactError, match=r"slices\.parquet: got other rows than rows\.parquet has"):
        count_all(evidence, ["race"])


def test_no_block_is_longer_than_asked_and_none_is_lost(tmp_path):
    evidence = write_evidence(tmp_path, {"race": RACE}, decision=DECISION)
    found = [len(block.cell) for block in blocks(evidence, {"race": Names()}, 300)]
    assert found == [300, 300, 300, 100]


def test_an_audit_without_rows_counts_none(tmp_path):
    evidence = write_evidence(tmp_path, {"race": ["a"]}, decision=[1])
    for name in ("rows", "slices", "predictions"):
        pq.write_table(pq.read_table(tmp_path / f"{name}.parquet").slice(0, 0), tmp_path / f"{name}.parquet")
    found = count_all(evidence, ["race"])["race"]
    assert (found.groups, found.rows.shape) == ([], (0, 3, 3))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.integers(1, 60), st.integers(1, 50), st.integers(0, 2**31 - 1))
def test_sparse_tallies_of_clusters_are_the_dense_ones(rows, groups, step, highest):
    random = np.random.default_rng(rows)
    codes, cell = random.integers(0, groups, rows), random.integers(0, 9, rows).astype(np.int8)
    clusters, weights = random.choice([0, 1, 2, 7, highest], rows), random.random(rows)
    parts = ClusterTallies(True)
    for start in range(0, rows, step):
        at = slice(start, start + step)
        parts.add(codes[at], cell[at], clusters[at], weights[at])
    whole = tally_clusters(codes, groups, cell, clusters)
    for group in range(groups):
        inside = codes == group
        names = np.unique(clusters[inside])
        dense = [np.bincount(cell[inside & (clusters == one)], minlength=9) for one in names]
        assert np.array_equal(whole[group].reshape(-1, 9), np.array(dense).reshape(-1, 9))
        summed = [np.bincount(cell[m], weights[m], 9) for m in (inside & (clusters == one) for one in names)]
        assert np.allclose(parts.of(group).reshape(-1, 9), np.array(summed).reshape(-1, 9))


def test_so_many_groups_that_no_table_fits_the_cache_are_counted_all_the_same():
    groups = AT_ONCE // 9 + 5
    codes, cell = RANDOM.integers(0, groups, 5000), RANDOM.integers(0, 9, 5000).astype(np.int8)
    table = tally(codes, groups, cell)
    assert table.sum() == 5000
    assert np.array_equal(table.sum(axis=(1, 2)), np.bincount(codes, minlength=groups))
    assert np.allclose(tally(codes, groups, cell, np.full(5000, 2.0)), 2 * table)
