"""Every way in which groups can be empty, and how the rows of it become the summary of each task.

A row is (group, truth, given): truth 1, 0 or ``None``; given what a model gave it, 1, 0 or ``None``. A new task adds
its maker to ``MAKERS``; a maker takes rows and the number of groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from audits.metrics.balance import LabelCounts
from audits.metrics.counting import cells, confusion, tally
from audits.metrics.histograms import binning, summarise
from audits.metrics.list_firsts import firsts, summary_of
from audits.metrics.list_items import shown
from audits.metrics.list_likeness import compared
from audits.metrics.list_sums import Items, listed
from audits.metrics.list_sums import summed as listing
from audits.metrics.lists import places
from audits.metrics.multiclass import classified
from audits.metrics.predicted import Predicted, parts_of, summed
from audits.metrics.replicating import add_up

Row = tuple[int, int | None, int | None]
GROUPS = 3

_EVERY = [(truth, given) for truth in (1, 0) for given in (1, 0)]
WAYS: dict[str, list[Row]] = {
    "no rows at all": [],
    "one row": [(0, 1, 1)],
    "one row a group": [(group, 1, 0) for group in range(GROUPS)],
    "only one group has rows": [(0, *cell) for cell in _EVERY * 3],
    "one group is empty": [(group, *cell) for group in (0, 2) for cell in _EVERY * 2],
    "one group has one row": [(group, *cell) for group in (0, 1) for cell in _EVERY * 2] + [(2, 0, 1)],
    "all positive": [(group, 1, given) for group in range(GROUPS) for given in (1, 0, 0)],
    "all negative": [(group, 0, given) for group in range(GROUPS) for given in (1, 0, 0)],
    "one group without positives": [
        (group, truth if group else 0, given) for group in range(GROUPS) for truth, given in _EVERY * 2
    ],
    "all given positive": [(group, truth, 1) for group in range(GROUPS) for truth in (1, 0, 0)],
    "all given negative": [(group, truth, 0) for group in range(GROUPS) for truth in (1, 0, 0)],
    "one group given nothing": [
        (group, truth, given if group else 0) for group in range(GROUPS) for truth, given in _EVERY * 2
    ],
    "no truth": [(group, None, given) for group in range(GROUPS) for given in (1, 0, 0)],
    "nothing given": [(group, truth, None) for group in range(GROUPS) for truth in (1, 0, 0)],
    "nothing known": [(group, None, None) for group in range(GROUPS)],
    "one group of unknown truth": [
        (group, truth if group else None, given) for group in range(GROUPS) for truth, given in _EVERY * 2
    ],
    "all right": [(group, truth, truth) for group in range(GROUPS) for truth in (1, 0, 0)],
    "all wrong": [(group, truth, 1 - truth) for group in range(GROUPS) for truth in (1, 0, 0)],
    "all right and positive": [(group, 1, 1) for group in range(GROUPS) for _ in range(2)],
    "groups told apart by what is given": [(group, truth, int(group == 0)) for group in range(3) for truth in (1, 0)],
    "groups told apart by the truth": [(group, int(group == 0), given) for group in range(3) for given in (1, 0)],
}


def _columns(rows: list[Row]) -> tuple[Any, Any, Any]:
    group, truth, given = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    known = [np.array([-1 if one is None else one for one in column], np.int8) for column in (truth, given)]
    return np.array(group, np.int64), *known


def binary(rows: list[Row], groups: int = GROUPS) -> Any:
    group, truth, given = _columns(rows)
    return confusion(tally(group, groups, cells(truth, given)))


def data(rows: list[Row], groups: int = GROUPS) -> Any:
    """What is given is the stratum."""
    group, truth, given = _columns(rows)
    table = add_up(group, groups, (given.astype(int) + 1) * 3 + truth + 1, 9).reshape(groups, 3, 3)
    return LabelCounts(table[..., 1:], table[..., 0])


def multiclass(rows: list[Row], groups: int = GROUPS) -> Any:
    """Two of three classes occur."""
    group, truth, given = _columns(rows)
    return classified(add_up(group, groups, (truth.astype(int) + 1) * 4 + given + 1, 16), 3)


def scores(rows: list[Row], groups: int = GROUPS) -> Any:
    """Scores of 0.8 and 0.2; rows without one are not there."""
    group, truth, given = _columns([row for row in rows if row[2] is not None])
    score = np.where(given == 1, 0.8, 0.2)
    found = summarise(group, groups, truth, score, binning(score, 16))
    return found._replace(rest=found.tally.sum(axis=0) - found.tally)


def regression(rows: list[Row], groups: int = GROUPS) -> Any:
    """Truths and predictions of 10 and 0."""
    group, truth, given = _columns(rows)
    numbers = [np.where(column < 0, np.nan, 10.0 * column) for column in (given, truth)]
    parts = parts_of(numbers[0], numbers[1], np.ones(len(rows)), np.zeros(len(rows)), given)
    sums = np.stack([np.bincount(group, part, minlength=groups) for part in parts])
    found: Predicted = summed(sums)
    known = given >= 0
    table = add_up(group[known], groups, given[known].astype(int), 2)
    return found._replace(histogram=table, value=np.tile([0.0, 10.0], (groups, 1)))


def ranking(rows: list[Row], groups: int = GROUPS) -> Any:
    """One list of all items that were given anything, the positive first; and a list of each group's own."""
    group, truth, given = _columns(rows)
    order = np.flatnonzero(given >= 0)
    order = order[np.argsort(-given[order], kind="stable")]
    codes, relevance = group[order], np.where(truth < 0, np.nan, truth)[order]
    one = Items(
        row=order,
        lists=np.zeros(len(order), np.intp),
        rank=1.0 + np.arange(len(order)),
        relevance=relevance,
        query=np.zeros(1, np.intp),
        item=None,
        weight=np.ones(1),
        cluster=None,
        file="",
        details={},
    )
    whole = listed(listing(one, codes, [str(name) for name in range(groups)], 2, 2, None).table.sum(axis=0))
    own = np.argsort(codes, kind="stable")
    _, lists = np.unique(codes[own], return_inverse=True)
    pairs = [(a, b) for a in range(groups) for b in range(groups)]
    each = replace(one, lists=lists, item=places(lists), query=np.zeros(groups, np.intp), weight=np.ones(groups))
    alike = compared(each, codes[own], [str(name) for name in range(groups)], pairs, 2).table.sum(axis=0)
    found = dict(zip(("jaccard", "serp", "compared", "prag", "prag_compared"), alike, strict=True))
    first = summary_of(firsts(one, codes, [str(name) for name in range(groups)], 2, 1, [0.5]).table.sum(axis=0))
    found |= {name: getattr(first, name) for name in first._fields[first._fields.index("pool") :][:10]}
    named = replace(one, item=order % 4)
    found["shown"] = np.zeros((groups, 4))
    found["shown"][:, : len(np.unique(named.item))] = shown(named, codes, groups, 2).table
    return whole._replace(**found, place=np.arange(groups))


MAKERS = {
    "binary": binary,
    "data": data,
    "multiclass": multiclass,
    "scores": scores,
    "regression": regression,
    "ranking": ranking,
}
