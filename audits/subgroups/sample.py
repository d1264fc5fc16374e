"""One audit's rows as subgroups see them: searched once, in two halves, for every rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.discovery import Categories, Cells, Patterns, gather, search
from audits.metrics.counting import CELLS
from audits.statistics import bootstrap
from audits.statistics.roots import Floats, quotient
from audits.statistics.weights import kish
from audits.subgroups import Outcomes
from audits.subgroups.testing import Compared

_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Sample:
    """Rows, their distinct cells, and every pattern that enough rows have.

    Outcomes are truth × decision (``audits.metrics.counting.cells``), those of the discovery half after those of the
    other one. Every pattern has its support over all rows, which no outcome decides, so that what is searched is fixed
    before any half is looked at.
    """

    cells: Cells
    patterns: Patterns
    cell: NDArray[np.int8]
    discovery: NDArray[np.bool_]
    weights: NDArray[np.float64] | None
    clusters: NDArray[Any] | None

    @cached_property
    def codes(self) -> NDArray[Any]:
        """The distinct rows whatever their outcome: columns × combinations."""
        return self.cells.combinations[0]

    @property
    def plain(self) -> bool:
        """Whether every row counts once and stands for itself."""
        return self.weights is None and self.clusters is None

    def compared(self, rate: Outcomes, half: bool | None = None) -> Compared:
        """Return every pattern beside its complement, in effective rows where they are weighted.

        Args:
            rate: the metric.
            half: ``True`` the discovery half, ``False`` the other, ``None`` all rows.
        """
        of, among = (self._on(part, half) for part in rate)
        found = self.patterns
        rows = found.tables @ among
        if found.weights is None or found.squares is None:
            x = found.tables @ of
            return Compared(x, rows, x[0] - x, rows[0] - rows)
        sides = []
        for weights, squares, count in (
            (found.weights, found.squares, rows),
            (found.weights[0] - found.weights, found.squares[0] - found.squares, rows[0] - rows),
        ):
            total = weights @ among
            worth = np.minimum(kish(total, squares @ among), count)
            sides += [quotient(weights @ of, total) * worth, worth]
        return Compared(*sides)

    def picked(self, at: int) -> NDArray[np.bool_]:
        """Return which rows have a pattern."""
        inside = np.ones(len(self.cells.rows), bool)
        for column, category in zip(self.patterns.column[at], self.patterns.category[at], strict=True):
            if column >= 0:
                inside &= self.cells.codes[column] == category + 1
        return np.asarray(inside[self.cells.of_row])

    def by_combination(self, rate: Outcomes, half: bool | None = None, squared: bool = False) -> tuple[Floats, Floats]:
        """Return numerator and denominator (or their squared weights) of each distinct row."""
        place, worth = self.cells.combinations[1], self.cells.rows if self.weights is None else self.cells.weights
        worth = self.cells.squares if squared else worth
        count = self.codes.shape[1]
        parts = [worth * self._on(part, half)[self.cells.outcome] for part in rate]  # type: ignore[operator]
        of, among = (np.bincount(place, part, count).astype(np.float64) for part in parts)
        return of, among

    def by_cluster(self, rate: Outcomes) -> tuple[Any, Any]:
        """Return numerator and denominator of each distinct row in each cluster: sparse, combinations × clusters."""
        from scipy.sparse import csr_matrix

        clusters = self.clusters if self.clusters is not None else np.arange(len(self.cell))
        place = self.cells.combinations[1][self.cells.of_row]
        worth = np.ones(len(self.cell)) if self.weights is None else self.weights
        shape = (self.codes.shape[1], int(clusters.max()) + 1)
        of, among = (csr_matrix((worth * part[self.cell], (place, clusters)), shape=shape) for part in rate)
        return of, among

    def resampled(self, rate: Outcomes, number: int, rng: np.random.Generator) -> Iterator[tuple[Floats, Floats]]:
        """Yield resampled numerators and denominators, each replicates × combinations, some replicates at a time."""
        of, among = self.by_combination(rate)
        count = len(of)
        both = np.stack([of, among - of])
        step = max(1, _AT_ONCE // (2 * count))
        sparse = self._clusters_of_both(rate) if self.clusters is not None else None
        squares = None
        if self.weights is not None:
            of2, among2 = self.by_combination(rate, squared=True)
            squares = np.stack([of2, among2 - of2])
        for start in range(0, number, step):
            size = min(step, number - start)
            if sparse is not None:
                again = bootstrap.clusters(sparse, size, rng).reshape(size, 2, count)
            elif squares is not None:
                again = bootstrap.poisson(both, size, rng, squares)
            else:
                again = bootstrap.multinomial(both.astype(np.int64), size, rng)
            yield again[:, 0], again.sum(axis=1)

    def _clusters_of_both(self, rate: Outcomes) -> Any:
        from scipy.sparse import hstack

        of, among = self.by_cluster(rate)
        return hstack([of.T, (among - of).T]).tocsr()

    def _on(self, part: Floats, half: bool | None) -> Floats:
        """A rate's part by outcome and half: the other half's outcomes come first."""
        return np.concatenate([part * (half is not True), part * (half is not False)])


def sample(
    columns: Sequence[Categories],
    cell: NDArray[np.int8],
    discovery: NDArray[np.bool_],
    support: float,
    depth: int | None,
    weights: NDArray[np.float64] | None = None,
    clusters: NDArray[Any] | None = None,
) -> Sample:
    """Search all rows once.

    Args:
        columns: what is searched.
        cell: each row's truth × decision (``audits.metrics.counting.cells``).
        discovery: which rows are for discovery.
        support: least share of the rows.
        depth: most categories together.
        weights: each row's weight, or ``None``.
        clusters: each row's cluster as a number, or ``None``.
    """
    outcome = cell + np.int8(CELLS) * discovery.astype(np.int8)
    cells = gather(columns, outcome, 2 * CELLS, support, weights)
    return Sample(cells, search(cells, depth), cell, discovery, weights, clusters)
