"""How alike two ranked lists are: a person's list and that of another who asked the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audits.metrics import Share


def jaccard(one: Sequence[Any], two: Sequence[Any], cutoff: int) -> Share:
    """Return how many of the items that stand among the first ``cutoff`` of either list stand in both."""
    first, second = set(one[:cutoff]), set(two[:cutoff])
    return _share(len(first & second), len(first | second))


def serp(one: Sequence[Any], two: Sequence[Any], cutoff: int) -> Share:
    """Return how much of the first list's weight is on items of the second; an item at place r of K weighs K − r + 1.

    Divided by K(K + 1)/2, K the length of the first list or ``cutoff``, so that a list is wholly like itself.
    """
    first, second = one[:cutoff], set(two[:cutoff])
    weights = range(len(first), 0, -1)
    return _share(sum(w for item, w in zip(first, weights, strict=True) if item in second), sum(weights))


def prag(one: Sequence[Any], two: Sequence[Any], cutoff: int) -> Share:
    """Return for how many pairs of the first list the one that stands ahead also stands ahead in the second.

    An item that the second list lacks stands behind all that it has. Divided by K(K − 1)/2, K the length of the first
    list or ``cutoff``, so that a list is wholly like itself; of one item there is no pair.
    """
    first, place = one[:cutoff], {item: at for at, item in enumerate(two[:cutoff])}
    ahead = np.array([place.get(item, np.inf) for item in first])
    agree = np.triu(ahead[:, None] < ahead[None, :], 1).sum()
    return _share(int(agree), len(first) * (len(first) - 1) // 2)


def _share(of: float, among: float) -> Share:
    return Share(np.asarray(float(of)), np.asarray(float(among)))
