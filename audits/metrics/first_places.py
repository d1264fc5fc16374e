"""Who is among the first k of a list: the least that a group has of it over the most that one has, 1 where alike.

Groups' shares of the first places, by how many there are to choose from and by how relevant they are. Items of all
lists that hold two known groups are taken together; a group without items to choose from is passed over. 1 is parity.

Source: Cachel, Rundensteiner 2022, FINS Auditing Framework: Group Fairness for Subset Selections, AIES.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.metrics import Share, metric
from audits.metrics.ranking import Ranked
from audits.statistics.roots import Floats, arrays, quotient

_FINS = "Cachel, Rundensteiner 2022, FINS Auditing Framework: Group Fairness for Subset Selections, AIES"
_ITEMS = "items of two groups to choose from, or none among the first"
_JUDGED = "items of two groups of known relevance, or no relevance among the first"

_least_over_most = partial(
    metric,
    task="ranking",
    over="groups",
    boundary=True,
    decisions=False,
    scale="proportion",
    unit="ratio",
    good="one",
)
"""What all metrics of this file state alike."""


@_least_over_most(
    labels=False,
    source=f"{_FINS} (parity)",
    among=_ITEMS,
    names={"credo": "FINS parity"},
)
def first_places_parity(summary: Ranked) -> Share:
    """Smallest over largest of the groups' shares of their own items that are among the first k."""
    return _least(summary.first, summary.pool)


@_least_over_most(
    labels=False,
    source=f"{_FINS} (balance)",
    among=_ITEMS,
    names={"credo": "FINS balance"},
)
def first_places_balance(summary: Ranked) -> Share:
    """Smallest over largest of the groups' numbers of items among the first k."""
    return _least(summary.first, summary.pool, each=False)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (qualified parity)",
    among="items of two groups that are relevant enough, or none of them among the first",
    names={"credo": "FINS qualified parity (a group without qualified items counts as 0)"},
)
def qualified_parity(summary: Ranked) -> Share:
    """Smallest over largest of the groups' shares of their relevant enough items that are among the first k."""
    return _least(summary.able_first, summary.able)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (qualified balance)",
    among="items of two groups that are relevant enough, or none of them among the first",
    names={"credo": "FINS qualified balance (a group without qualified items counts as 0)"},
)
def qualified_balance(summary: Ranked) -> Share:
    """Smallest over largest of the groups' numbers of relevant enough items among the first k."""
    return _least(summary.able_first, summary.able, each=False)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (calibrated parity)",
    among="relevance bin with items of two groups, one of them among the first",
    names={"credo": "FINS calibrated parity (a group without items in a bin counts as 0 there)"},
)
def calibrated_parity(summary: Ranked) -> Share:
    """Parity of first places among items of like relevance: the smallest of the parities of the relevance bins."""
    return _least_of_bins(summary, each=True)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (calibrated balance)",
    among="relevance bin with items of two groups, one of them among the first",
    names={"credo": "FINS calibrated balance (a group without items in a bin counts as 0 there)"},
)
def calibrated_balance(summary: Ranked) -> Share:
    """Balance of first places among items of like relevance: the smallest of the balances of the relevance bins."""
    return _least_of_bins(summary, each=False)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (relevance parity)",
    among="relevant items of two groups, or none of their items among the first",
    names={"credo": "FINS relevance parity"},
)
def relevance_parity(summary: Ranked) -> Share:
    """Smallest over largest of the groups' numbers among the first k for the mean relevance of all their items."""
    return _least_of(quotient(summary.first, quotient(summary.worth, summary.judged)), np.asarray(summary.worth) > 0)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (score parity)",
    among=_JUDGED,
    names={"credo": "FINS score parity"},
)
def first_places_relevance_parity(summary: Ranked) -> Share:
    """Smallest over largest of the groups' mean relevances of their items among the first k."""
    return _least(summary.worth_first, summary.judged_first)


@_least_over_most(
    labels=True,
    source=f"{_FINS} (score balance)",
    among=_JUDGED,
    names={"credo": "FINS score balance (a group without items among the first is passed over)"},
)
def first_places_relevance_balance(summary: Ranked) -> Share:
    """Smallest over largest of the groups' sums of relevance among the first k."""
    return _least(summary.worth_first, summary.judged, each=False)


def _least(of: ArrayLike, among: ArrayLike, *, each: bool = True) -> Share:
    """The smallest over the largest of the groups' shares (or numbers), of the groups that have a denominator."""
    of, among = arrays(of, among)
    return _least_of(quotient(of, among) if each else of, among > 0)


def _least_of(values: Floats, there: NDArray[np.bool_]) -> Share:
    most = np.where(there, values, 0.0).max(axis=-1, initial=0.0)
    least = np.where(there, values, np.inf).min(axis=-1, initial=np.inf)
    exists = (there.sum(axis=-1) > 1) & (most > 0)
    return Share(quotient(np.where(exists, least, 0.0), most), np.asarray(exists, np.float64))


def _least_of_bins(summary: Ranked, *, each: bool) -> Share:
    of, among = (np.moveaxis(np.asarray(part, np.float64), -2, -1) for part in (summary.binned_first, summary.binned))
    found: Any = _least(of, among, each=each)  # … × bins
    exists = np.asarray(found.among) > 0
    least = np.where(exists, found.of, np.inf).min(axis=-1, initial=np.inf)
    any_bin = np.asarray(exists.any(axis=-1))
    return Share(np.where(any_bin, least, 0.0), any_bin.astype(np.float64))
