"""How far a rate of every group moved between two sets of decisions on the same rows.

Both sets share their rows, so that what is common to them cancels: a row that both decide alike says nothing of the
change. Variances are linearised over what each row adds to the change, rows of one cluster together.

Source: McNemar 1947, Psychometrika 12:153 (pairs); Cochran 1977, section 9A (linearised, between clusters); Bonett,
Price 2012, Journal of Educational and Behavioral Statistics 37:479 (one flip more each way).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable
from audits.metrics.counting import CELLS, cells, confusion
from audits.registry import Entry
from audits.statistics.roots import Floats, quotient
from audits.statistics.weights import kish


@dataclass(frozen=True)
class Decided:
    """Rows of one attribute, decided twice.

    ``codes`` each row's group, of ``groups`` many · ``labels``, ``old``, ``new``: 1 positive, 0 not, −1 unknown ·
    ``weights``, ``clusters`` (numbered from 0) where the rows have them.
    """

    codes: NDArray[np.integer[Any]]
    groups: int
    labels: NDArray[np.int8]
    old: NDArray[np.int8]
    new: NDArray[np.int8]
    weights: Floats | None = None
    clusters: NDArray[np.integer[Any]] | None = None


@dataclass(frozen=True)
class Moved:
    """A rate of every group under the old and the new decisions; arrays with one number per group.

    ``exists`` whether both rates exist · ``rows`` rows in a denominator of either · ``units`` independent rows or
    clusters behind them · ``up``, ``down`` rows that count under the new decisions only, under the old only ·
    ``plain`` whether the change is that of independent unweighted pairs, (up − down)/rows · ``change``, ``total`` and
    ``before`` covariances between the groups of new − old, new + old and old: groups × groups · ``change_third``,
    ``total_third`` third central moments of each group's (of groups that share clusters as if they did not).
    """

    old: Floats
    new: Floats
    exists: NDArray[np.bool_]
    rows: Floats
    units: Floats
    up: Floats
    down: Floats
    plain: bool
    change: Floats
    total: Floats
    before: Floats
    change_third: Floats
    total_third: Floats


def moved(entry: Entry, rows: Decided) -> Moved:
    """Take a rate of every group under both sets of decisions.

    Raises:
        NotMeasurable: the metric is not a share of rows, so that it does not change row by row.
    """
    of, among = _per_cell(entry)
    old, new = (cells(rows.labels, decided).astype(np.intp) for decided in (rows.old, rows.new))
    key = (rows.codes.astype(np.intp) * CELLS + old) * CELLS + new
    counts = _table(key, rows.groups, None)
    weights = counts if rows.weights is None else _table(key, rows.groups, rows.weights)
    squares = counts if rows.weights is None else _table(key, rows.groups, rows.weights**2)
    cubes = counts if rows.weights is None else _table(key, rows.groups, rows.weights**3)
    whole_new, whole_old = weights @ among, np.swapaxes(weights, 1, 2) @ among
    totals = {"new": whole_new.sum(axis=1), "old": whole_old.sum(axis=1)}
    new_rate = quotient((weights @ of).sum(axis=1), totals["new"])
    old_rate = quotient((np.swapaxes(weights, 1, 2) @ of).sum(axis=1), totals["old"])
    own_new = quotient(of - new_rate[:, None] * among, totals["new"][:, None])[:, None, :]
    own_old = quotient(of - old_rate[:, None] * among, totals["old"][:, None])[:, :, None]
    counted = (among[:, None] + among[None, :] > 0) * 1.0
    flips = of[None, :] - of[:, None]
    spread = _Spread(rows, key, *(table * counted for table in (counts, weights, squares, cubes)))
    same_rows = not ((counts > 0) & (among[:, None] != among[None, :])).any()
    return Moved(
        old=old_rate,
        new=new_rate,
        exists=(totals["new"] > 0) & (totals["old"] > 0),
        rows=(counts * counted).sum(axis=(1, 2)),
        units=spread.units,
        up=(counts * (flips > 0)).sum(axis=(1, 2)),
        down=(counts * (flips < 0)).sum(axis=(1, 2)),
        plain=same_rows and rows.weights is None and rows.clusters is None,
        change=spread.covariance(own_new - own_old),
        total=spread.covariance(own_new + own_old),
        before=spread.covariance(own_old + 0 * own_new),
        change_third=spread.third(own_new - own_old),
        total_third=spread.third(own_new + own_old),
    )


def _per_cell(entry: Entry) -> tuple[Floats, Floats]:
    """What one row of each cell adds to numerator and denominator; only a share of rows is such a sum."""
    decisions = entry.facts["decisions"]

    def share(table: NDArray[Any]) -> tuple[Floats, Floats]:
        of, among = entry.function(confusion(table, decisions))
        return np.asarray(of, np.float64), np.asarray(among, np.float64)

    name = entry.name.replace("_", " ")
    if entry.facts["task"] != "binary" or entry.facts["over"] != "group" or entry.facts["scale"] != "rate":
        raise NotMeasurable(f"{name} is no share of rows, and only such rates are followed row by row")
    of, among = share(np.eye(CELLS).reshape(CELLS, 3, 3))
    trial = np.arange(1.0, CELLS + 1) ** 2
    got = share(trial.reshape(3, 3))
    if not np.allclose(got, (of @ trial, among @ trial)):
        raise NotMeasurable(f"{name} is no share of rows, and only such rates are followed row by row")
    return of, among


def _table(key: NDArray[np.intp], groups: int, weights: Floats | None) -> Floats:
    counted = np.bincount(key, weights, minlength=groups * CELLS * CELLS)
    return counted.reshape(groups, CELLS, CELLS).astype(np.float64)


class _Spread:
    """Moments of sums over rows, from what a row of each group and pair of cells adds."""

    def __init__(
        self, rows: Decided, key: NDArray[np.intp], counts: Floats, weights: Floats, squares: Floats, cubes: Floats
    ) -> None:
        self.rows, self.squares, self.cubes, self.key = rows, squares, cubes, key
        counted = counts.ravel()[key] > 0
        if rows.clusters is None:
            self.units = kish(weights.sum(axis=(1, 2)), squares.sum(axis=(1, 2)))
        else:
            self.cluster = rows.clusters.astype(np.intp) * rows.groups + rows.codes
            self.many = int(rows.clusters.max(initial=-1)) + 1
            present = np.bincount(self.cluster[counted], minlength=self.many * rows.groups)
            self.units = (present.reshape(self.many, rows.groups) > 0).sum(axis=0).astype(np.float64)

    def covariance(self, own: Floats) -> Floats:
        """Return the covariances between groups of Σ w·own, one row (or cluster) more each way added to each."""
        widened = quotient(self.units, self.units + 2)
        if self.rows.clusters is None:
            found = np.diag((self.squares * own**2).sum(axis=(1, 2)))
        else:
            sums = self._sums(own)
            found = sums.T @ sums
            widened = widened * np.sqrt(quotient(self.units, self.units - 1)) * _few(self.units)
        return found * np.outer(widened, widened) + np.diag(2 / (self.units + 2) ** 2)

    def third(self, own: Floats) -> Floats:
        """Return the third central moment of Σ w·own of each group."""
        if self.rows.clusters is None:
            return np.asarray((self.cubes * own**3).sum(axis=(1, 2)))
        return np.asarray((self._sums(own) ** 3).sum(axis=0))

    def _sums(self, own: Floats) -> Floats:
        """What each cluster adds to each group: clusters × groups."""
        each = own.ravel()[self.key] * (1.0 if self.rows.weights is None else self.rows.weights)
        sums = np.bincount(self.cluster, each, minlength=self.many * self.rows.groups).astype(np.float64)
        return sums.reshape(self.many, self.rows.groups)


def _few(clusters: Floats) -> Floats:
    """How much wider than normal limits those of t are with so few clusters, at 95 %."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.maximum(clusters - 1, 1), 0.975) / stdtrit(1e9, 0.975))
