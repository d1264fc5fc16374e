"""Rows as ranked lists: their order, weights and clusters, after a look at whether they are what they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits import columns
from audits.errors import DataError, NotMeasurable
from audits.evidence import Evidence
from audits.metrics.list_sums import Items
from audits.metrics.lists import ordered, places


def read_items(
    evidence: Evidence,
    query: str | None,
    rank: str | None,
    score: str | None,
    relevance: str | None,
    item: str | None,
    lists: str | None,
) -> Items:
    """Read the ranked lists of the rows (see ``audits.techniques.ranking_parity`` for the columns).

    Raises:
        DataError: a column that cannot play its role; two rows at one place of a list; a list with two weights.
        NotMeasurable: no row has a place in a list.
    """
    rows = evidence.rows.num_rows
    asked = _named(evidence, query, "query", rows)
    part = _named(evidence, lists, "lists", rows)
    own = np.where((asked < 0) | (part < 0), -1, asked * (part.max(initial=0) + 1) + part)
    told = columns.numbers(evidence, rank, "ranking_parity.rank") if rank is not None else None
    if told is None:
        what = "ranking_parity.score"
        scores = columns.numbers(evidence, score, what) if score is not None else evidence.scores()
        order = ordered(own, -columns.finite(scores, f"{what}: the score"))
    else:
        order = ordered(own, told)
    if not len(order):
        raise NotMeasurable("ranking_parity: no row has a place in a list")
    _, list_of = np.unique(own[order], return_inverse=True)
    place = places(list_of).astype(np.float64)
    if told is not None:
        place = _ranks(told[order], list_of, str(rank))
    relevant = np.full(rows, np.nan) if relevance is None else _relevance(evidence, relevance)
    first = np.unique(list_of, return_index=True)[1]
    lacking = rows - len(order)
    return Items(
        row=order,
        lists=list_of,
        rank=place,
        relevance=relevant[order],
        query=np.unique(asked[order][first], return_inverse=True)[1],
        item=None if item is None else columns.names(evidence, item, "ranking_parity.item")[0][order],
        weight=_of_lists(evidence.weights(), order, list_of, first),
        cluster=_clusters(evidence, order, list_of, first),
        file="rows.parquet" if told is not None or score or evidence.spec.model is None else "predictions.parquet",
        details={"rows_without_place": lacking} if lacking else {},
    )


def _named(evidence: Evidence, column: str | None, option: str, rows: int) -> NDArray[np.int64]:
    return (
        np.zeros(rows, np.int64) if column is None else columns.names(evidence, column, f"ranking_parity.{option}")[0]
    )


def _ranks(told: NDArray[np.float64], lists: NDArray[Any], column: str) -> NDArray[np.float64]:
    """The ranks, after a look at whether they are ranks."""
    odd = told[(told < 1) | (told != np.floor(told))]
    if len(odd):
        raise DataError(
            f"ranking_parity.rank: the column {column!r} holds {odd[0]:g}, expected whole numbers from 1",
            "where it holds scores, the highest first, name it as score",
        )
    twice = np.flatnonzero((lists[1:] == lists[:-1]) & (told[1:] == told[:-1]))
    if len(twice):
        raise DataError(
            f"ranking_parity.rank: {len(twice)} times two rows of one list have the same rank, the first time rank "
            f"{told[twice[0]]:g}; expected each rank once in a list",
            "tell the lists apart by query, or where one query has several by lists",
        )
    return told


def _relevance(evidence: Evidence, column: str) -> NDArray[np.float64]:
    found = columns.numbers(evidence, column, "ranking_parity.relevance")
    below = found[found < 0]
    if len(below):
        raise DataError(
            f"ranking_parity.relevance: the column {column!r} holds {below[0]:g}, expected numbers from 0",
            "shift the scale so that an irrelevant item has 0",
        )
    return found


def _of_lists(
    weights: NDArray[np.float64] | None, order: NDArray[Any], lists: NDArray[Any], first: NDArray[Any]
) -> NDArray[np.float64]:
    """The weight of each list, which is that of its rows."""
    if weights is None:
        return np.ones(len(first))
    own = weights[order]
    if (own != own[first][lists]).any():
        raise DataError(
            "data.weight: rows of one list have different weights, expected one weight for a list",
            "give every row of a list the same weight, or leave data.weight out",
        )
    return np.asarray(own[first])


def _clusters(evidence: Evidence, order: NDArray[Any], lists: NDArray[Any], first: NDArray[Any]) -> Any:
    """The cluster of each list; ``None`` where there are none, or where a list holds rows of several."""
    found = evidence.cluster_codes()
    if found is None or (found[order] != found[order][first][lists]).any():
        return None
    return found[order][first]
