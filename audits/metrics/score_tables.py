"""The scores of every group, summarised and resampled: as they might have come out, and as chance makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.metrics.histograms import LABELS, Binning, Scored, into_cuts, row_errors, summarise
from audits.metrics.replicating import add_up, clusters_again, equal_groups, moved_to_equal
from audits.metrics.score_rows import ScoredRows
from audits.statistics import bootstrap
from audits.statistics.bootstrap import NUMBER
from audits.statistics.roots import Floats, quotient

MOST_CELLS = 1 << 23
"""Numbers in the resampled tables of one attribute (64 MiB): where there are many groups, bins are wider."""

MOST_FINE = 1 << 20
"""Numbers in the one table that the values themselves are taken from: nothing is lost up to so many distinct scores."""

FEWEST_BINS = 32
FEWEST = 200
"""Replicates at least: a standard error is then known to 5 %."""


def finest(groups: int) -> int:
    """Return how many bins the table may have that the values of so many groups are taken from."""
    return MOST_FINE // (LABELS * max(groups, 1))


def affordable(groups: int, resolution: int) -> tuple[int, int]:
    """Return how many bins the resampled tables of so many groups may have, and how many replicates there can be."""
    cells = MOST_CELLS // (LABELS * max(groups, 1))
    bins = max(FEWEST_BINS, min(resolution, cells // NUMBER))
    return bins, max(FEWEST, min(NUMBER, cells // bins))


@dataclass(frozen=True, eq=False)
class Resampled:
    """The summary of every group, replicates of it, and how to make groups that are equal.

    ``summary`` the groups · ``replicates`` with an axis of replicates before them · ``rows`` real rows by group, truth
    and bin (``summary.tally`` holds weights) · ``squares`` squared weights the same way, or ``None`` ·
    ``clustered`` whether rows come in clusters.
    """

    summary: Scored
    replicates: Scored
    rows: Floats
    squares: Floats | None
    clustered: bool
    bins: Binning

    def equal(self, rng: np.random.Generator, known: list[int], by_truth: bool) -> Scored:
        """Return as many summaries of groups that differ by chance alone; only ``tally`` and ``value`` are filled.

        Args:
            rng: the generator.
            known: the groups that are pooled.
            by_truth: groups are equal among rows of the same truth (and keep their own base rates), not overall.
        """
        given = np.repeat(np.arange(LABELS), self.bins.bins) if by_truth else None
        number, groups = self.replicates.tally.shape[:2]
        flat = self.summary.tally.reshape(groups, -1)
        if self.clustered:
            again = self.replicates.tally.reshape(number, groups, -1)
            found = moved_to_equal(flat, again, given, known)
        else:
            squares = None if self.squares is None else self.squares.reshape(groups, -1)
            found = equal_groups(flat, number, rng, squares=squares, given=given, known=known)
        return _blank(self.summary, found.reshape(self.replicates.tally.shape))

    def unseparated(self, rng: np.random.Generator) -> Scored:
        """Return as many summaries of groups in each of which the score says nothing of the truth."""
        found = np.zeros_like(self.replicates.tally)
        for group, table in enumerate(self.summary.tally[:, 1:]):
            squares = None if self.squares is None else self.squares[group, 1:]
            if self.clustered:
                found[:, group, 1:] = moved_to_equal(table, self.replicates.tally[:, group, 1:])
            else:
                found[:, group, 1:] = equal_groups(table, len(found), rng, squares=squares)
        return _blank(self.summary, found)

    def calibrated(self, rng: np.random.Generator) -> Scored | None:
        """Return as many summaries of the same rows, were their scores perfectly calibrated.

        Only what the calibration error is made of is filled. ``None`` where rows come in clusters, whose truths hang
        together.
        """
        if self.clustered:
            return None
        count, number = self.summary.tally[:, 1:].sum(axis=1), len(self.replicates.tally)
        worth = count if self.squares is None else quotient(count**2, self.squares[:, 1:].sum(axis=1))
        trials = np.rint(worth).astype(np.int64)
        chance = np.clip(self.summary.value, 0, 1)
        positive = rng.binomial(trials, chance, size=(number, *trials.shape)) * quotient(count, trials)
        by_truth = np.stack([np.zeros_like(positive), count - positive, positive], axis=-2)
        given = np.zeros_like(self.summary.score)
        given[:, 1] = self.summary.score[:, 1:].sum(axis=1)
        blank = _blank(self.summary, by_truth)
        return blank._replace(held=into_cuts(by_truth, self.bins), score=_along(given, number))


def _along(part: Floats, number: int) -> Floats:
    """The same numbers for every replicate, held once."""
    return np.broadcast_to(part, (number, *part.shape))


def _blank(summary: Scored, count: Floats) -> Scored:
    """Replicates of which only the counts are known."""
    number = len(count)
    empty = {name: _along(np.zeros_like(part), number) for name, part in summary._asdict().items()}
    same = {name: _along(getattr(summary, name), number) for name in ("value", "outside")}
    return Scored(**{**empty, **same, "tally": count})


def resample(
    rows: ScoredRows,
    codes: NDArray[np.integer[Any]],
    groups: int,
    bins: Binning,
    rng: np.random.Generator,
    number: int,
) -> Resampled:
    """Summarise the rows of every group, and resample them.

    The counts are resampled as whole tables (``audits.metrics.replicating``). A sum of scores or losses follows from
    them where each bin holds one score; else each replicate adds the error that resampling makes inside the bins,
    which is drawn from the normal distribution of its variance.

    Args:
        rows: the scored rows.
        codes: the group of each, 0 to ``groups`` − 1.
        groups: number of groups.
        bins: where scores fall.
        rng: the generator.
        number: how many replicates.
    """
    place = bins.place(rows.scores)
    cell = (rows.labels.astype(np.intp) + 1) * bins.bins + place
    summary = summarise(codes, groups, rows.labels, rows.scores, bins, rows.weights)
    shape, many = summary.tally.shape, LABELS * bins.bins
    real, squares = summary.tally, None
    if rows.weights is not None:
        real = add_up(codes, groups, cell, many).reshape(shape)
        squares = add_up(codes, groups, cell, many, rows.weights**2).reshape(shape)
    if rows.clusters is not None and len(rows.clusters):
        counts = clusters_again(codes, groups, cell, many, rows.weights, rows.clusters, number, rng)
    elif squares is not None:
        counts = bootstrap.poisson(summary.tally, number, rng, squares)
    else:
        counts = bootstrap.multinomial(summary.tally.astype(np.int64), number, rng)
    counts = counts.reshape(number, *shape)
    sums = _sums_again(rows, codes, bins, place, summary, counts, rng)
    again = Scored(
        tally=counts,
        rest=_along(np.zeros_like(summary.rest), number),
        value=_along(summary.value, number),
        held=into_cuts(counts, bins),
        score=sums["score"].reshape(number, groups, LABELS, bins.cuts),
        squared=sums["squared"][..., 0],
        loss=sums["loss"][..., 0],
        outside=_along(summary.outside, number),
    )
    return Resampled(summary, again, real, squares, rows.clusters is not None, bins)


def _sums_again(
    rows: ScoredRows,
    codes: NDArray[np.integer[Any]],
    bins: Binning,
    place: NDArray[np.intp],
    summary: Scored,
    counts: Floats,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """The sums that go with resampled counts: count × mean of each cell, and the error inside the cells."""
    number, groups = counts.shape[:2]
    truth = rows.labels.astype(np.intp) + 1
    squared, loss = row_errors(rows.labels, rows.scores)
    none, every = np.zeros(len(place), np.intp), np.ones((LABELS * bins.bins, 1))
    by_cut = np.kron(np.eye(LABELS), bins.cut[:, None] == np.arange(bins.cuts))
    sums = {  # the values of the rows, the target of each row and of each cell
        "score": (rows.scores, truth * bins.cuts + bins.cut[place], by_cut),
        "squared": (squared, none, every),
        "loss": (loss, none, every),
    }
    cell, flat = truth * bins.bins + place, counts.reshape(number, groups, -1)
    found = {}
    for name, (values, target, of_cell) in sums.items():
        total = add_up(codes, groups, cell, len(every), values if rows.weights is None else values * rows.weights)
        mean = quotient(total, summary.tally.reshape(groups, -1))
        drawn = np.stack([flat[:, g] @ (mean[g][:, None] * of_cell) for g in range(groups)], axis=1)
        if not bins.exact:
            targets = of_cell.shape[1]
            key = codes.astype(np.int64) * targets + target
            variance = _inside(values - mean[codes, cell], key, groups * targets, rows)
            drawn += rng.normal(size=drawn.shape) * np.sqrt(variance.reshape(groups, targets))
        found[name] = drawn
    return found


def _inside(residuals: Floats, key: NDArray[np.int64], keys: int, rows: ScoredRows) -> Floats:
    """The variance of the sum of residuals of each key, over resampled rows or clusters of rows."""
    weighted = residuals if rows.weights is None else residuals * rows.weights
    if rows.clusters is None:
        return np.bincount(key, weighted**2, minlength=keys).astype(np.float64)
    both, inside = np.unique(rows.clusters.astype(np.int64) * keys + key, return_inverse=True)
    sums = np.bincount(inside, weighted)
    return np.bincount(both % keys, sums**2, minlength=keys).astype(np.float64)
