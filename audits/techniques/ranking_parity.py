"""Ranking parity: are the items of every group seen as much, and does every group get lists as good?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics.list_firsts import FIRST_PLACES, firsts, firsts_by_chance
from audits.metrics.list_items import SHOWN, shown, shown_by_chance
from audits.metrics.list_likeness import LIKENESS, Compared, compared
from audits.metrics.list_options import Chosen, checked, impossible, possible_entries
from audits.metrics.list_rows import read_items
from audits.metrics.list_sums import AT_CUTOFF, Items, by_chance, summed
from audits.metrics.pairing import pairs_of
from audits.metrics.running import Summarised, findings
from audits.metrics.sums import units
from audits.registry import Entry
from audits.statistics import bootstrap
from audits.techniques import Column, technique

_NEEDS_ONE_LIST = "there is one list alone, and lists are what is resampled"
_FEWER_ITEMS = "resampled lists show fewer different items than lists do, so that their spread is not that of lists"


@technique(
    source="Singh, Joachims 2018, KDD; Geyik, Ambler, Kenthapadi 2019, KDD; Yang, Stoyanovich 2017, SSDBM",
    task="ranking",
    replayable=True,
)
def ranking_parity(
    evidence: Evidence,
    *,
    query: Column | None = None,
    rank: Column | None = None,
    score: Column | None = None,
    relevance: Column | None = None,
    item: Column | None = None,
    lists: Column | None = None,
    cutoffs: list[int] | None = None,
    step: int = 10,
    targets: dict[str, dict[str, float]] | None = None,
    qualified: float | None = None,
    relevance_bins: list[float] | None = None,
    metrics: list[str] | None = None,
) -> Iterator[Finding]:
    """Attention, first places and relevance of each group's items in ranked lists; what two groups are shown.

    A row is an item at a place of a list; its group is the item's, or where all rows of a list are of one group, that
    of the person who asked. Attention counts from the place that is told; whatever looks at the first places
    (``skew``, ``ndkl``, ``rnd``, ``infeasible_index``) first takes out items of unknown group. Relevance is looked
    at within the group's own items, in the order in which they stand, so that it tells how well a group is served,
    not where it stands. What looks at the first k places is named ``skew[k=10]``.

    Intervals come from resampled queries (or clusters of them); what chance alone makes of a distance, from lists
    whose groups are shuffled. A weight belongs to a list: its rows have the same.

    Args:
        evidence: rows, slices, and scores where neither ``rank`` nor ``score`` is named.
        query: column that says which query a row answers; default all rows are one list.
        rank: column of the place in the list, 1 the first.
        score: column of numbers, the highest first; equal ones stand in the order of the rows.
        relevance: column of how relevant an item is, 0 or more.
        item: column that names the item, so that two lists for one query can be compared.
        lists: column that tells the lists of one query apart; default a query has one list for all rows.
        cutoffs: k of ``skew[k=…]``, ``ndcg[k=…]`` …; default 10.
        step: ``rnd``, ``rkl`` and ``rrd`` look at every so many places.
        targets: for an attribute, the share of first places that each group should have; default its share of the
            list.
        qualified: least relevance that is enough, for ``qualified_parity`` and ``qualified_balance``.
        relevance_bins: rising edges between bins of relevance, for ``calibrated_parity`` and ``calibrated_balance``; a
            bin holds what is above its lower edge, up to its upper one.
        metrics: ranking metrics; default all that the columns allow.

    Raises:
        DataError: two rows at one place of a list, a rank that is none, a list with two weights, and the like.
        SpecError: options that do not fit each other.
        NotMeasurable: no row has a place.
    """
    ks = checked(cutoffs, step, rank, score, targets, relevance_bins, evidence)
    items = read_items(evidence, query, rank, score, relevance, item, lists)
    asked = Chosen(ks, qualified, relevance_bins)
    entries = possible_entries(metrics, items, asked)
    for attribute in evidence.attributes:
        for entry in entries:
            if why := impossible(entry, items, asked):
                yield Finding(
                    technique="ranking_parity",
                    measure=entry.name,
                    attribute=attribute,
                    comparison="whole",
                    missing=why,
                    unit=entry.facts["unit"],
                )
        possible = [entry for entry in entries if not impossible(entry, items, asked)]
        target = (targets or {}).get(attribute)
        yield from _sums(evidence, attribute, items, possible, ks, step, target)
        yield from _first_places(evidence, attribute, items, possible, asked)
        yield from _shown(evidence, attribute, items, possible, ks)
        yield from _likeness(evidence, attribute, items, possible, ks)


def _sums(
    evidence: Evidence,
    attribute: str,
    items: Items,
    entries: Sequence[Entry],
    cutoffs: Sequence[int],
    step: int,
    target: Mapping[str, float] | None,
) -> Iterator[Finding]:
    """What is a sum over lists."""
    wanted = [entry for entry in entries if entry.name not in (*LIKENESS, *FIRST_PLACES, *SHOWN)]
    codes, groups = evidence.codes(attribute)
    own = codes[items.row]
    seed = [evidence.spec.statistics.seed, evidence.attributes.index(attribute)]
    unit = _unit(evidence, items)
    shares = None if target is None else np.array([target.get(group, 0.0) for group in groups])
    many = np.bincount(own, minlength=len(groups)).astype(np.float64)
    judged = np.bincount(own[~np.isnan(items.relevance)], minlength=len(groups)).astype(np.float64)
    for k in [None, *cutoffs]:
        measured = [e for e in wanted if (e.name in AT_CUTOFF) == (k is not None) or (k is None and e.name in _BOTH)]
        if not measured:
            continue
        table = summed(items, own, groups, k, step, shares)
        summary, again, separate = table.resampled(unit, bootstrap.NUMBER, np.random.default_rng([*seed, k or 0]))
        chance = None
        if any(entry.facts["boundary"] for entry in measured):
            chance = by_chance(items, own, groups, step, shares, np.random.default_rng([*seed, 0, 1]))
        data = Summarised(
            technique="ranking_parity",
            attribute=attribute,
            groups=groups,
            summary=summary,
            replicates=again,
            by_chance=chance,
            rows=lambda entry: judged if entry.facts["labels"] else many,
            pairs=pairs_of(evidence, attribute, groups, np.bincount(codes, minlength=len(groups))),
            level=evidence.spec.statistics.level,
            file=items.file,
            details=items.details,
            unresampled=_NEEDS_ONE_LIST,
            units=separate,
        )
        for entry in measured:
            name = entry.name if k is None else f"{entry.name}[k={k}]"
            yield from findings(dataclasses.replace(entry, name=name), data)


_BOTH = ("dcg", "ndcg")


def _unit(evidence: Evidence, items: Items) -> NDArray[np.int64]:
    """Which lists are drawn together: those of one cluster, or of one query."""
    together = items.query if items.cluster is None else items.cluster
    return units(len(together), together, np.random.default_rng([evidence.spec.statistics.seed, 0]))


def _first_places(
    evidence: Evidence, attribute: str, items: Items, entries: Sequence[Entry], asked: Chosen
) -> Iterator[Finding]:
    """Who is among the first k, by how many there are to choose from and how relevant they are."""
    wanted = [entry for entry in entries if entry.name in FIRST_PLACES]
    codes, groups = evidence.codes(attribute)
    qualified, edges = np.inf if asked.qualified is None else asked.qualified, asked.edges or []
    seed = [evidence.spec.statistics.seed, evidence.attributes.index(attribute)]
    for k in asked.cutoffs if wanted else ():
        table = firsts(items, codes[items.row], groups, k, qualified, edges)
        rng = np.random.default_rng([*seed, k, 3])
        summary, _, separate = table.resampled(_unit(evidence, items), 1, rng)
        data = Summarised(
            technique="ranking_parity",
            attribute=attribute,
            groups=groups,
            summary=summary,
            replicates=None,
            by_chance=firsts_by_chance(items, codes[items.row], groups, k, qualified, edges, rng),
            rows=table.rows_of,
            pairs=[],
            level=evidence.spec.statistics.level,
            file=items.file,
            details=items.details,
            units=separate,
        )
        for entry in wanted:
            yield from findings(dataclasses.replace(entry, name=f"{entry.name}[k={k}]"), data)


def _shown(
    evidence: Evidence, attribute: str, items: Items, entries: Sequence[Entry], cutoffs: Sequence[int]
) -> Iterator[Finding]:
    """Which items the groups are shown."""
    wanted = [entry for entry in entries if entry.name in SHOWN]
    codes, groups = evidence.codes(attribute)
    seed = [evidence.spec.statistics.seed, evidence.attributes.index(attribute)]
    for k in cutoffs if wanted else ():
        found = shown(items, codes[items.row], len(groups), k)
        rng = np.random.default_rng([*seed, k, 4])
        data = Summarised(
            technique="ranking_parity",
            attribute=attribute,
            groups=groups,
            summary=found.summary(),
            replicates=None,
            by_chance=shown_by_chance(items, codes[items.row], groups, k, _unit(evidence, items), rng),
            rows=found.rows_of,
            pairs=pairs_of(evidence, attribute, groups, np.bincount(codes, minlength=len(groups))),
            level=evidence.spec.statistics.level,
            file=items.file,
            details=items.details,
            unresampled=_FEWER_ITEMS,
        )
        for entry in wanted:
            yield from findings(dataclasses.replace(entry, name=f"{entry.name}[k={k}]"), data)


def _likeness(
    evidence: Evidence, attribute: str, items: Items, entries: Sequence[Entry], cutoffs: Sequence[int]
) -> Iterator[Finding]:
    """How alike the lists of two groups are for the same query."""
    wanted = [entry for entry in entries if entry.name in LIKENESS]
    codes, groups = evidence.codes(attribute)
    pairs = pairs_of(evidence, attribute, groups, np.bincount(codes, minlength=len(groups)))
    if not wanted or not pairs:
        return
    seed = [evidence.spec.statistics.seed, evidence.attributes.index(attribute)]
    for k in cutoffs:
        found: Compared = compared(items, codes[items.row], groups, pairs, k)
        rng = np.random.default_rng([*seed, k, 2])
        summary, again, separate = found.resampled(_unit(evidence, items), bootstrap.NUMBER, rng)
        data = Summarised(
            technique="ranking_parity",
            attribute=attribute,
            groups=groups,
            summary=summary,
            replicates=again,
            rows=found.rows_of,
            pairs=pairs,
            level=evidence.spec.statistics.level,
            file=items.file,
            details=items.details,
            unresampled=_NEEDS_ONE_LIST,
            units=separate,
        )
        for entry in wanted:
            yield from findings(dataclasses.replace(entry, name=f"{entry.name}[k={k}]"), data)
