"""Scores as counts: how many rows of each group and truth lie in each bin of the score.

Whatever follows from the order of the scores (AUC, ROC curves, distances between distributions) and from their
agreement with the truth (calibration) is a function of these sums, which add up over shards. Where there are few
distinct scores each is a bin of its own, and nothing is lost. Else bins hold about as many rows each; an AUC from them
is wrong by at most ½ Σ f₁ f₀, the chance that a positive and a negative row share a bin (``auc_error``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.metrics.replicating import add_up
from audits.statistics.roots import Floats, quotient

LABELS = 3
"""Truth unknown, negative, positive."""

CERTAIN = float(np.finfo(np.float64).eps)
"""A probability nearer to 0 or 1 than this counts as this near in the log loss, which is else infinite."""

_AT_ONCE = 1 << 18

Ints = NDArray[np.integer[Any]]


class Scored(NamedTuple):
    """The scores of every group, as sums over rows (or of their weights). Own axes follow the axis of the groups.

    ``tally`` rows by truth (unknown, negative, positive) and bin of the score, lowest first · ``rest`` the same of
    each group's background, the rows outside it (0 where nothing asks for it) · ``value`` the score that each bin
    stands for, the same for every group · ``held`` rows and ``score`` sum of scores by truth and calibration bin ·
    ``squared`` sum of (score − truth)² and ``loss`` of −ln of the probability given to the truth, over rows whose
    truth is known · ``outside`` rows of all groups whose score is no probability (below 0 or above 1); where there
    are any, what is defined for probabilities does not exist.
    """

    tally: Floats
    rest: Floats
    value: Floats
    held: Floats
    score: Floats
    squared: Floats
    loss: Floats
    outside: Floats


@dataclass(frozen=True, eq=False)
class Binning:
    """How scores fall into bins. A bin runs from its start up to the next one's; the first begins anywhere.

    ``starts`` where bins 1, 2 … begin · ``value`` what each bin stands for: its one score, or its mean score ·
    ``cut`` the calibration bin that each bin lies in · ``cuts`` how many of those · ``exact`` whether each bin
    holds one distinct score.
    """

    starts: Floats
    value: Floats
    cut: NDArray[np.intp]
    cuts: int
    exact: bool

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.value)

    def place(self, scores: Floats) -> NDArray[np.intp]:
        """Return each score's bin. A score must be finite."""
        places: NDArray[np.intp] = np.searchsorted(self.starts, scores, side="right")
        return places


def binning(scores: Floats, bins: int, cuts: int = 10) -> Binning:
    """Choose bins for scores.

    Args:
        scores: one per row; those that are not finite are passed over.
        bins: most distinct scores that each have their own bin; where there are more, about as many bins, of about
            the same number of rows each. A score that takes more than a bin's share of the rows is a bin of its own.
        cuts: calibration bins of equal width on [0, 1], closed on the left (the last one on both sides); one for
            all where some score lies outside. No bin crosses from one into the next.
    """
    ordered = np.sort(scores[np.isfinite(scores)])
    if len(ordered) == 0:
        return Binning(np.empty(0), np.zeros(1), np.zeros(1, np.intp), 1, True)
    probabilities = ordered[0] >= 0 and ordered[-1] <= 1
    edges = np.arange(1, cuts) / cuts if probabilities else np.empty(0)
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    exact = len(first) <= bins
    if exact:
        value = ordered[first]
        starts = value[1:]
    else:
        starts = _starts(ordered, bins, edges)
        value = _means(ordered, starts)
    cut = np.searchsorted(edges, value, side="right").astype(np.intp)
    if not exact:  # a mean may be rounded over the edge, a start is on the right side of it
        cut = np.searchsorted(edges, np.append(ordered[0], starts), side="right").astype(np.intp)
    return Binning(starts, value, cut, len(edges) + 1, exact)


def _starts(ordered: Floats, bins: int, edges: Floats) -> Floats:
    """Where bins begin: at quantiles, behind scores that are more than one quantile, and at the calibration edges."""
    quantiles, times = np.unique(ordered[np.arange(1, bins) * len(ordered) // bins], return_counts=True)
    heavy = np.nextafter(quantiles[times > 1], np.inf)
    starts = np.unique(np.concatenate([quantiles, heavy, edges]))
    return np.asarray(starts[(starts > ordered[0]) & (starts <= ordered[-1])])


def _means(ordered: Floats, starts: Floats) -> Floats:
    """The mean score of each bin; where it is empty, its start."""
    bounds = np.concatenate([[0], np.searchsorted(ordered, starts, side="left"), [len(ordered)]])
    many = np.diff(bounds)
    sums = np.add.reduceat(np.append(ordered, 0.0), bounds[:-1])
    return np.asarray(np.where(many > 0, quotient(sums, many), np.append(ordered[0], starts)))


def summarise(
    codes: Ints,
    groups: int,
    labels: Ints,
    scores: Floats,
    bins: Binning,
    weights: Floats | None = None,
) -> Scored:
    """Add up the rows of every group.

    Args:
        codes: each row's group, 0 to ``groups`` − 1.
        groups: number of groups.
        labels: the truth: 1 positive, 0 negative, −1 unknown.
        scores: finite numbers, one per row.
        bins: where scores fall (``binning``).
        weights: each row's weight, 0 or more; ``None`` counts rows.

    Returns:
        The summary, ``rest`` being 0.
    """
    count = np.zeros((groups, LABELS * bins.bins))
    score = np.zeros((groups, LABELS * bins.cuts))
    errors = np.zeros((2, groups))
    outside = 0.0
    for start in range(0, len(scores), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        group, truth, given = codes[part], labels[part].astype(np.intp) + 1, scores[part]
        worth = np.ones(len(given)) if weights is None else weights[part]
        at = bins.place(given)
        count += add_up(group, groups, truth * bins.bins + at, count.shape[1], worth)
        score += add_up(group, groups, truth * bins.cuts + bins.cut[at], score.shape[1], worth * given)
        for place, error in enumerate(row_errors(truth - 1, given)):
            errors[place] += add_up(group, groups, np.zeros(len(given), np.intp), 1, worth * error)[:, 0]
        outside += float(((given < 0) | (given > 1)).sum())
    tally = count.reshape(groups, LABELS, bins.bins)
    return Scored(
        tally=tally,
        rest=np.zeros_like(tally),
        value=np.tile(bins.value, (groups, 1)),
        held=into_cuts(tally, bins),
        score=score.reshape(groups, LABELS, bins.cuts),
        squared=errors[0],
        loss=errors[1],
        outside=np.full(groups, outside),
    )


def row_errors(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """Return each row's (score − truth)² and −ln of the probability given to its truth; 0 where it is unknown."""
    given = np.where(labels == 1, scores, 1 - scores)
    known = labels >= 0
    loss = -np.log(np.clip(given, CERTAIN, 1 - CERTAIN))
    return np.where(known, (1 - given) ** 2, 0.0), np.where(known, loss, 0.0)


def into_cuts(count: Floats, bins: Binning) -> Floats:
    """Return counts by bin (the last axis) as counts by calibration bin."""
    return np.asarray(count @ (bins.cut[:, None] == np.arange(bins.cuts)).astype(np.float64))


def merged(one: Scored, other: Scored) -> Scored:
    """Return the summary of two shards of the same groups, taken with the same bins.

    Raises ``ValueError`` where the bins are not the same.
    """
    if one.value.shape != other.value.shape or not np.array_equal(one.value, other.value):
        raise ValueError("shards: got other bins, expected the same ones")
    sums = {name: getattr(one, name) + getattr(other, name) for name in Scored._fields if name != "value"}
    return Scored(**sums, value=one.value)


def auc_error(count: Floats) -> Floats:
    """Return how wrong an AUC from the bins can be for each group: half the chance to share a bin, ½ Σ f₁ f₀.

    Args:
        count: … × truth × bins, as in ``Scored``. Where each bin holds one score, ties are real and this is no error.
    """
    shares = quotient(count, count.sum(axis=-1, keepdims=True))
    return np.asarray((shares[..., 1, :] * shares[..., 2, :]).sum(axis=-1) / 2)
