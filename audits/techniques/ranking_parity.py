"""Ranking parity: are the items of every group seen as much, and does every group get lists as good?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from audits.errors import SpecError, nearest
from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics import chosen
from audits.metrics.list_rows import read_items
from audits.metrics.list_sums import AT_CUTOFF, LIKENESS, Compared, Items, by_chance, compared, summed
from audits.metrics.pairing import pairs_of
from audits.metrics.running import Summarised, findings
from audits.metrics.sums import units
from audits.registry import Entry
from audits.statistics import bootstrap
from audits.techniques import Column, technique

_NEEDS_ONE_LIST = "there is one list alone, and lists are what is resampled"


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
    metrics: list[str] | None = None,
) -> Iterator[Finding]:
    """Attention, first places and relevance of each group's items in ranked lists; likeness of two groups' lists.

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
        step: ``rnd`` looks at every so many places.
        targets: for an attribute, the share of first places that each group should have; default its share of the
            list.
        metrics: ranking metrics; default all that the columns allow.

    Raises:
        DataError: two rows at one place of a list, a rank that is none, a list with two weights, and the like.
        SpecError: options that do not fit each other.
        NotMeasurable: no row has a place.
    """
    ks = _checked(cutoffs, step, rank, score, targets, evidence)
    items = read_items(evidence, query, rank, score, relevance, item, lists)
    entries = _entries(metrics, items)
    for attribute in evidence.attributes:
        for entry in entries:
            if why := _impossible(entry, items):
                yield Finding(
                    technique="ranking_parity",
                    measure=entry.name,
                    attribute=attribute,
                    comparison="whole",
                    missing=why,
                    unit=entry.facts["unit"],
                )
        possible = [entry for entry in entries if not _impossible(entry, items)]
        target = (targets or {}).get(attribute)
        yield from _sums(evidence, attribute, items, possible, ks, step, target)
        yield from _likeness(evidence, attribute, items, possible, ks)


def _checked(
    cutoffs: list[int] | None,
    step: int,
    rank: str | None,
    score: str | None,
    targets: dict[str, dict[str, float]] | None,
    evidence: Evidence,
) -> list[int]:
    if rank is not None and score is not None:
        raise SpecError("ranking_parity: got both rank and score, expected one of them")
    found = [10] if cutoffs is None else list(dict.fromkeys(cutoffs))
    for name, number in [("step", step), *(("cutoffs", one) for one in found)]:
        if number < 1:
            raise SpecError(f"ranking_parity.{name}: got {number}, expected whole numbers from 1")
    for attribute, shares in (targets or {}).items():
        if attribute not in evidence.attributes:
            hint = nearest(attribute, evidence.attributes)
            raise SpecError(f"ranking_parity.targets: got {attribute!r}, expected an attribute of this audit", hint)
        known = evidence.codes(attribute)[1]
        for group in shares:
            if group not in known:
                raise SpecError(f"ranking_parity.targets: got {group!r}, expected a group", nearest(group, known))
        if min(shares.values(), default=0) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
            raise SpecError(
                f"ranking_parity.targets: got shares of {attribute} that add up to {sum(shares.values()):g}, "
                "expected shares above 0 that add up to 1"
            )
    return found


def _entries(names: Sequence[str] | None, items: Items) -> list[Entry]:
    entries = chosen("ranking", names)
    return entries if names is not None else [entry for entry in entries if not _impossible(entry, items)]


def _impossible(entry: Entry, items: Items) -> str:
    if entry.facts["labels"] and np.isnan(items.relevance).all():
        return "no item has a relevance (ranking_parity.relevance), and it needs one"
    if entry.name in LIKENESS and items.item is None:
        return "no column names the items (ranking_parity.item), so lists cannot be compared"
    return ""


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
    wanted = [entry for entry in entries if entry.name not in LIKENESS]
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
