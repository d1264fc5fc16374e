"""One metric in every group of one attribute: from tallies to a numerator, a denominator and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import MISSING_GROUP
from audits.metrics.counting import ClusterTallies, add_to, confusion, tally, tally_clusters
from audits.metrics.streams import BLOCK, Block, Names, blocks
from audits.registry import Entry
from audits.statistics import critical
from audits.statistics.rates import degrees_adjusted
from audits.statistics.roots import Floats, quotient
from audits.statistics.weights import cluster_effective, kish


@dataclass(frozen=True)
class Counted:
    """The tallies of one attribute: rows, and where there are any, weights, squared weights, clusters."""

    attribute: str
    groups: list[str]
    rows: NDArray[Any]
    weights: NDArray[Any] | None = None
    squares: NDArray[Any] | None = None
    clusters: list[NDArray[Any]] | None = None


@dataclass(frozen=True)
class GroupRates:
    """One metric in every group of one attribute, one number per group.

    ``rows`` real rows of the denominator · ``x`` of ``n`` effective rows, for intervals (the counts themselves
    where rows are neither weighted nor clustered) · ``missing`` why there is no number, or empty · ``totals`` all
    rows of the group · ``file`` where the decisions are · ``favourable`` whether positive is good for the person ·
    ``weight`` the sum of the weights of the denominator, where rows are weighted.
    """

    measure: str
    attribute: str
    groups: list[str]
    totals: NDArray[Any]
    rows: Floats
    x: Floats
    n: Floats
    value: Floats
    missing: list[str]
    among: str
    good: str
    level: float
    file: str
    favourable: bool
    weight: Floats | None = None


def count(evidence: Evidence, attribute: str, cell: NDArray[np.int8]) -> Counted:
    """Tally the rows of every group of an attribute (``cell``: see ``audits.metrics.counting.cells``)."""
    codes, groups = evidence.codes(attribute)
    return count_rows(attribute, codes, groups, cell, evidence.weights(), evidence.cluster_codes())


def count_rows(
    attribute: str,
    codes: NDArray[np.integer[Any]],
    groups: list[str],
    cell: NDArray[np.int8],
    weights: NDArray[np.float64] | None = None,
    clusters: NDArray[np.integer[Any]] | None = None,
) -> Counted:
    """Tally rows that are at hand: each row's group as a number, its cell, its weight and cluster where it has them."""
    return Counted(
        attribute,
        groups,
        tally(codes, len(groups), cell),
        None if weights is None else tally(codes, len(groups), cell, weights),
        None if weights is None else tally(codes, len(groups), cell, weights**2),
        None if clusters is None else tally_clusters(codes, len(groups), cell, clusters, weights),
    )


def count_all(evidence: Evidence, attributes: Sequence[str], block: int = BLOCK) -> dict[str, Counted]:
    """Tally the rows of every group of several attributes in one pass over the files, in constant memory.

    Labels count where the spec names one; decisions are the data's own, or the model's looked up by input. The groups
    stand in the order of ``Evidence.codes``. What is kept is one table per attribute; with clusters, the cells of each
    cluster that have rows; with a model, its predictions.

    Args:
        evidence: the files.
        attributes: names of attributes and intersections.
        block: rows that are held at a time.

    Raises:
        ArtifactError: a file is absent, or the two do not have the same rows.
    """
    names = {attribute: Names() for attribute in attributes}
    data = evidence.spec.data
    tallies = {attribute: _Tallies(bool(data.weight), bool(data.cluster)) for attribute in attributes}
    for part in blocks(evidence, names, block):
        for attribute, growing in tallies.items():
            growing.add(len(names[attribute].known), part.groups[attribute], part)
    return {
        attribute: growing.counted(attribute, names[attribute].known, evidence.group_order(attribute))
        for attribute, growing in tallies.items()
    }


class _Tallies:
    """The tallies of one attribute while rows are being read; groups by the order in which they were first seen."""

    def __init__(self, weighted: bool, clustered: bool) -> None:
        self.rows: NDArray[Any] = np.zeros((0, 3, 3), np.int64)
        self.weights = np.zeros((0, 3, 3)) if weighted else None
        self.squares = np.zeros((0, 3, 3)) if weighted else None
        self.clusters = ClusterTallies(weighted) if clustered else None

    def add(self, groups: int, codes: NDArray[np.int32], part: Block) -> None:
        self.rows = _grown(self.rows, groups)
        add_to(self.rows, codes, part.cell)
        if self.weights is not None and self.squares is not None and part.weights is not None:
            self.weights, self.squares = _grown(self.weights, groups), _grown(self.squares, groups)
            add_to(self.weights, codes, part.cell, part.weights)
            add_to(self.squares, codes, part.cell, part.weights**2)
        if self.clusters is not None and part.clusters is not None:
            self.clusters.add(codes, part.cell, part.clusters, part.weights)

    def counted(self, attribute: str, seen: list[str], order: list[str]) -> Counted:
        place = {group: at for at, group in enumerate(seen)}
        listed = [group for group in order if group != MISSING_GROUP]
        others = sorted(place.keys() - set(listed) - {MISSING_GROUP})
        missing = MISSING_GROUP in place and bool(self.rows[place[MISSING_GROUP]].any())
        groups = [*listed, *others, *[MISSING_GROUP] * missing]
        at = [place.get(group, len(seen)) for group in groups]  # a group without rows is the zeros after the last
        weights, squares = (None if t is None else _grown(t, len(seen) + 1)[at] for t in (self.weights, self.squares))
        clusters = None if self.clusters is None else [self.clusters.of(one) for one in at]
        return Counted(attribute, groups, _grown(self.rows, len(seen) + 1)[at], weights, squares, clusters)


def _grown(table: NDArray[Any], groups: int) -> NDArray[Any]:
    """A table with room for more groups."""
    if len(table) >= groups:
        return table
    return np.concatenate([table, np.zeros((groups - len(table), 3, 3), table.dtype)])


def measure(evidence: Evidence, entry: Entry, counted: Counted, floor: int) -> GroupRates:
    """Take a metric in every group.

    Args:
        evidence: for its spec: the level, what is favourable, whether there is a label.
        entry: the metric, from ``audits.metrics.registry``.
        counted: the tallies of the attribute.
        floor: fewest rows of the denominator for a number.
    """

    def share(table: NDArray[Any]) -> tuple[Floats, Floats]:
        of, among = entry.function(confusion(table, entry.facts["decisions"]))
        return np.asarray(of, np.float64), np.asarray(among, np.float64)

    rows = share(counted.rows)[1]
    of, among = share(counted.rows if counted.weights is None else counted.weights)
    worth = rows
    if counted.clusters is not None:
        worth = _cluster_worth(counted.clusters, share, rows, critical(evidence.spec.statistics.level))
    elif counted.squares is not None:
        worth = np.minimum(kish(among, share(counted.squares)[1]), rows)
    value = quotient(of, among)
    plain = worth is rows and counted.weights is None
    missing = [
        _why_missing(evidence, entry, group, int(n), float(total), floor)
        for group, n, total in zip(counted.groups, rows, among, strict=True)
    ]
    return GroupRates(
        measure=entry.name,
        attribute=counted.attribute,
        groups=counted.groups,
        totals=counted.rows.sum(axis=(1, 2)),
        rows=rows,
        x=of if plain else value * worth,
        n=worth,
        value=value,
        missing=missing,
        among=entry.facts["among"],
        good=entry.facts["good"],
        level=evidence.spec.statistics.level,
        file="rows.parquet" if evidence.spec.model is None else "predictions.parquet",
        favourable=evidence.spec.data.positive_is_favourable,
        weight=None if counted.weights is None else among,
    )


def _cluster_worth(clusters: list[NDArray[Any]], share: Any, rows: Floats, z: float) -> Floats:
    """Effective rows of each group, from how much its clusters differ."""
    worth = np.zeros(len(clusters))
    for at, table in enumerate(clusters):
        of, among = share(table)
        effective = cluster_effective(of, among, float(rows[at]))
        worth[at] = float(degrees_adjusted(rows[at], effective, np.count_nonzero(among > 0), z))
    return worth


def _why_missing(evidence: Evidence, entry: Entry, group: str, rows: int, total: float, floor: int) -> str:
    """Why a group has no number; empty where it has one."""
    name, among = entry.name.replace("_", " "), entry.facts["among"]
    if entry.facts["labels"] and evidence.spec.data.label is None:
        return f"the spec names no label (data.label), so nothing is known of the {name}"
    if rows == 0:
        return f"{group} has no {among}{_known_part(entry)}, so it has no {name}"
    if total <= 0:
        return f"the {among} of {group} have no weight, so it has no {name}"
    if rows < floor:
        return f"{group} has too few {among}: {rows}, where the floor is {floor}"
    return ""


def _known_part(entry: Entry) -> str:
    """What must be known of a row for it to be in the denominator."""
    if not entry.facts["decisions"]:
        return ""
    return " with a known truth" if "predicted" in entry.facts["among"] else " with a decision"
