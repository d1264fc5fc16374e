"""Ranked lists as numbers of each list and group: who stands where, and how well each group's own items are ranked.

Items stand in the order of their lists, best first; every array here holds one entry per item in that order, and the
numbers it gives are lists × groups. They add up over lists, so that lists can be resampled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.statistics.roots import Floats, quotient

Codes = NDArray[np.integer[Any]]


class Prefixes(NamedTuple):
    """What the first items of each list say; lists × groups, ``infeasible`` and ``ndkl`` per list and group.

    ``top`` the group's items among the first k · ``expected`` its target share of these · ``ndkl`` the group's part of
    the list's NDKL · ``infeasible`` how many first parts of the list hold too few of some group (the same for every
    group) · ``rnd``, ``rkl`` and ``rrd`` of the group, where it is ``deviating``.
    """

    top: Floats
    expected: Floats
    ndkl: Floats
    infeasible: Floats
    rnd: Floats
    rkl: Floats
    rrd: Floats
    deviating: Floats


def ordered(lists: Codes, key: Floats) -> NDArray[np.intp]:
    """Return the rows of all lists, list by list, by rising ``key``; equal ones in the order of the rows.

    Args:
        lists: each row's list, negative where it is in none.
        key: NaN where a row has no place in its list; it is then left out.
    """
    kept = np.flatnonzero((lists >= 0) & ~np.isnan(key))
    return kept[np.lexsort((key[kept], lists[kept]))]


def places(lists: Codes) -> NDArray[np.int64]:
    """Return the place of each item in its list, from 1; the lists stand one after the other."""
    first = np.flatnonzero(np.append(True, lists[1:] != lists[:-1])) if len(lists) else np.zeros(0, np.intp)
    sizes = np.diff(np.append(first, len(lists)))
    return np.arange(1, len(lists) + 1) - np.repeat(first, sizes)


def per_list(lists: Codes, codes: Codes, shape: tuple[int, int], worth: Floats | None = None) -> Floats:
    """Add up a number of each item (or count the items): lists × groups."""
    key = lists.astype(np.int64) * shape[1] + codes
    found: Floats = np.bincount(key, worth, minlength=shape[0] * shape[1]).astype(np.float64)
    return found.reshape(shape)


def expected_attention(items: Floats, attention: Floats) -> Floats:
    """Return the attention each group would get were the order of its lists random: lists × groups."""
    share = quotient(items, np.broadcast_to(items.sum(axis=1, keepdims=True), items.shape))
    return np.asarray(share * attention.sum(axis=1, keepdims=True))


def prefixes(
    lists: Codes, codes: Codes, shape: tuple[int, int], cutoff: int, step: int, target: Floats | None = None
) -> Prefixes:
    """Compare the groups' shares of the first items of each list with what they should be.

    Args:
        lists: each item's list.
        codes: each item's group.
        shape: how many lists and groups.
        cutoff: k of ``top``.
        step: rND, rKL and rRD look at the first ``step``, 2·``step`` … items.
        target: the share that each group should have; default its share of the list itself.
    """
    many, place = per_list(lists, codes, shape), places(lists)
    size = many.sum(axis=1)
    own = quotient(many, np.broadcast_to(size[:, None], shape))
    share = own if target is None else np.where(size[:, None] > 0, target, 0.0)
    within = _so_far(lists, codes, shape[1])
    first = place <= cutoff
    top = per_list(lists[first], codes[first], shape)
    least = np.floor(share[lists] * place[:, None] + 1e-9)
    short = (within < least).any(axis=1)
    infeasible = np.bincount(lists, short, minlength=shape[0])
    return Prefixes(
        top,
        np.minimum(size, cutoff)[:, None] * share,
        _divergence(lists, place, within, share, shape),
        np.repeat(infeasible[:, None], shape[1], axis=1),
        *_deviations(lists, place, within, many, step),
    )


def _so_far(lists: Codes, codes: Codes, groups: int) -> Floats:
    """How many items of each group a list holds up to each of its places: items × groups."""
    running = (codes[:, None] == np.arange(groups)).astype(np.float64).cumsum(axis=0)
    first = np.arange(len(lists)) - (places(lists) - 1)
    before = np.where((first > 0)[:, None], running[np.maximum(first - 1, 0)], 0.0)
    return np.asarray(running - before)


def _divergence(
    lists: Codes, place: NDArray[np.int64], within: Floats, share: Floats, shape: tuple[int, int]
) -> Floats:
    """Each group's part of Σ KL(first places ‖ target) / log₂(place + 1), over Σ 1 / log₂(place + 1)."""
    ahead = within / place[:, None]
    ratio = quotient(ahead, share[lists], otherwise=1.0)
    part = ahead * np.log(np.where(ahead > 0, ratio, 1.0)) / np.log2(place + 1)[:, None]
    norm = np.bincount(lists, 1 / np.log2(place + 1), minlength=shape[0])
    summed = np.stack([np.bincount(lists, column, minlength=shape[0]) for column in part.T], axis=1)
    return quotient(summed, np.broadcast_to(norm[:, None], shape))


def _deviations(lists: Codes, place: NDArray[np.int64], within: Floats, many: Floats, step: int) -> list[Floats]:
    """The deviations of each group in each list, over the largest that any order of the list would give; which exist.

    The largest is that of one of the two extreme orders; a test holds it against every order of short lists.
    """
    at = (place % step == 0) & (place > 1)
    lists, place, within = lists[at], place[at][:, None], within[at]
    all_of, size = many[lists], many.sum(axis=1)[lists][:, None]
    share = all_of / size
    weight = 1 / np.log2(place)
    orders = (
        within / place,
        np.minimum(place, all_of) / place,
        np.maximum(0, place - (size - all_of)) / place,
    )
    deviations, exists = [], np.zeros(many.shape, np.bool_)
    for distance in (_difference, _kl, _lack):
        found, best, worst = (
            np.stack(
                [np.bincount(lists, part, minlength=len(many)) for part in (weight * distance(x, share)).T], axis=1
            )
            for x in orders
        )
        most = np.maximum(best, worst)
        exists |= most > 1e-12
        deviations.append(quotient(found, np.where(most > 1e-12, most, 0.0)))
    return [*(np.where(exists, one, 0.0) for one in deviations), exists.astype(np.float64)]


def _difference(ahead: Floats, share: Floats) -> Floats:
    return np.abs(ahead - share)


def _kl(ahead: Floats, share: Floats) -> Floats:
    """Divergence of the group and the others ahead from the group and the others in the list."""
    parts = [x * np.log(np.where(x > 0, quotient(x, s, 1.0), 1.0)) for x, s in ((ahead, share), (1 - ahead, 1 - share))]
    return np.asarray(sum(parts))


def _lack(ahead: Floats, share: Floats) -> Floats:
    """How much smaller the ratio of group to others is ahead than in the list; where it is alone, not at all."""
    lack = quotient(share, 1 - share) - quotient(ahead, 1 - ahead)
    return np.where((ahead < 1) & (share < 1), np.maximum(lack, 0), 0.0)


class Quality(NamedTuple):
    """How well the items of each group are ranked among themselves; lists × groups.

    ``dcg`` of its first k items · ``ndcg`` that over the best it could be, where ``ideal`` says there is one ·
    ``precision`` average precision, where ``relevant`` says there is a relevant item · ``held`` whether it has items ·
    ``hit`` share of its first k that is relevant · ``recalled`` share of the relevant that is among them · ``balanced``
    harmonic mean of the two · ``judged`` whether it has items of known relevance.
    """

    dcg: Floats
    ndcg: Floats
    ideal: Floats
    precision: Floats
    relevant: Floats
    held: Floats
    hit: Floats
    recalled: Floats
    balanced: Floats
    judged: Floats


def quality(lists: Codes, codes: Codes, relevance: Floats, shape: tuple[int, int], cutoff: int | None) -> Quality:
    """Take discounted gain and precision of each group's own items, in the order in which they stand.

    Args:
        lists: each item's list.
        codes: each item's group.
        relevance: 0 or more, NaN where it is not known: the item is then left out.
        shape: how many lists and groups.
        cutoff: gains are of the group's first ``cutoff`` items; ``None`` for all.
    """
    known = ~np.isnan(relevance)
    lists, codes, relevance = lists[known], codes[known], relevance[known]
    one = lists.astype(np.int64) * shape[1] + codes  # a list for each list and group
    order = np.argsort(one, kind="stable")
    gain, best = relevance[order], relevance[np.lexsort((-relevance, one))]
    one = one[order]
    place = places(one)
    first = (place <= (cutoff or len(place) + 1)).astype(np.float64)
    discount = first / np.log2(place + 1)
    hit = (gain > 0).astype(np.float64)
    hits = hit.cumsum() - (hit.cumsum() - hit)[np.arange(len(one)) - (place - 1)] if len(one) else hit

    def summed(worth: Floats) -> Floats:
        return np.asarray(np.bincount(one, worth, minlength=shape[0] * shape[1]).reshape(shape), np.float64)

    dcg, ideal, many = summed(gain * discount), summed(best * discount), summed(hit)
    ahead, looked_at = summed(hit * first), summed(first)
    return Quality(
        dcg,
        quotient(dcg, ideal),
        (ideal > 0).astype(np.float64),
        quotient(summed(hit * hits / np.maximum(place, 1)), many),
        (many > 0).astype(np.float64),
        (summed(np.ones(len(one))) > 0).astype(np.float64),
        quotient(ahead, looked_at),
        quotient(ahead, many),
        quotient(2 * ahead, looked_at + many),
        (looked_at > 0).astype(np.float64),
    )
