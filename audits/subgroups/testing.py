"""Which subgroups differ from all others, and how far any of them can: valid tests and bounds over a whole search.

A subgroup is compared with its complement, never with the whole that it is part of. Patterns overlap, so that their
tests go together: permutations of the numerator among the rows of the denominator keep how they do (max-T). A draw is
made on the distinct rows: how many numerators each of them gets is multivariate hypergeometric, which is the very law
of permuting row by row, at a cost that does not depend on the number of rows.

Source: Westfall, Young 1993, Resampling-Based Multiple Testing; Cherian, Candès 2023, arXiv:2305.03712.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.discovery import Patterns
from audits.statistics.differences import newcombe, pooled_z
from audits.statistics.roots import Floats, quotient

_AT_ONCE = 1 << 22  # numbers of one block of draws


class Compared(NamedTuple):
    """Each subgroup (1) and all other rows (2): numerators ``x`` and denominators ``n``."""

    x1: Floats
    n1: Floats
    x2: Floats
    n2: Floats

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Where both sides have a rate."""
        return np.asarray((self.n1 > 0) & (self.n2 > 0))

    @property
    def gap(self) -> Floats:
        """Rate of the subgroup minus that of all others; 0 where one has none (see ``measured``)."""
        return np.where(self.measured, quotient(self.x1, self.n1) - quotient(self.x2, self.n2), 0.0)

    @property
    def z(self) -> Floats:
        """The score statistic of equal rates; 0 where there is none."""
        return np.where(self.measured, pooled_z(*self), 0.0)


def with_complement(of: ArrayLike, among: ArrayLike) -> Compared:
    """Return each pattern beside its complement, from the counts of every pattern; the first is all rows."""
    of, among = np.asarray(of, np.float64), np.asarray(among, np.float64)
    return Compared(of, among, of[0] - of, among[0] - among)


def memberships(patterns: Patterns, codes: NDArray[Any]) -> Iterator[tuple[slice, Any]]:
    """Yield which patterns and a sparse matrix of ones, patterns × combinations: a block for each set of columns.

    Args:
        patterns: what ``audits.discovery.search`` returned.
        codes: columns × combinations (``Cells.combinations``).
    """
    from scipy.sparse import csr_matrix

    changes = np.flatnonzero((np.diff(patterns.column, axis=0) != 0).any(axis=1)) + 1
    edges = [0, *changes.tolist(), len(patterns)]
    for first, last in pairwise(edges):
        block = slice(first, last)
        own, theirs = np.zeros(last - first, np.int64), np.zeros(codes.shape[1], np.int64)
        for at, column in enumerate(patterns.column[first].tolist()):
            if column >= 0:
                size = len(patterns.columns[column][1]) + 1
                own = own * size + patterns.category[block, at] + 1
                theirs = theirs * size + codes[column]
                own, theirs = _renumbered(own, theirs)
        order = np.argsort(own)
        place = np.clip(np.searchsorted(own[order], theirs), 0, len(own) - 1)
        inside = np.flatnonzero(own[order][place] == theirs)
        rows = order[place[inside]]
        shape = (last - first, codes.shape[1])
        yield block, csr_matrix((np.ones(len(inside), np.float32), (rows, inside)), shape=shape)


def _renumbered(own: NDArray[np.int64], theirs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both keys on small numbers again: long patterns of columns of many categories would run over."""
    if max(int(own.max()), int(theirs.max(initial=0))) < 1 << 40:
        return own, theirs
    _, both = np.unique(np.concatenate([own, theirs]), return_inverse=True)
    return both[: len(own)].astype(np.int64), both[len(own) :].astype(np.int64)


def permuted_z(
    patterns: Patterns, codes: NDArray[Any], of: ArrayLike, among: ArrayLike, number: int, rng: np.random.Generator
) -> Floats:
    """Return |z| of every pattern against its complement under permutations: number × patterns.

    Args:
        patterns: what is tested together.
        codes: columns × combinations.
        of: rows of the numerator that each combination has.
        among: those of the denominator: whole numbers.
        number: how many permutations.
        rng: the generator.
    """
    of, among = np.asarray(of), np.asarray(among).astype(np.int64)
    there = np.flatnonzero(among)
    codes, among, drawn, total = codes[:, there], among[there], int(of.sum()), int(among.sum())
    found = np.zeros((number, len(patterns)))
    if not 0 < drawn < total:
        return found
    matrices = [(block, matrix) for block, matrix in memberships(patterns, codes)]
    inside = np.concatenate([matrix @ among for _, matrix in matrices]).astype(np.float64)
    share = drawn / total
    se = np.sqrt(share * (1 - share) * inside * (total - inside) / total)
    method: Literal["count", "marginals"] = "count" if total < 8 * len(among) else "marginals"
    exact = np.float32 if total < 1 << 24 else np.float64
    step = max(1, _AT_ONCE // len(among))
    for start in range(0, number, step):
        size = min(step, number - start)
        counts = rng.multivariate_hypergeometric(among, drawn, size=size, method=method).T.astype(exact)
        for block, matrix in matrices:
            apart = np.abs((matrix @ counts).T - inside[block] * share)
            found[start : start + size, block] = quotient(apart, np.broadcast_to(se[block], apart.shape))
    return found


class Furthest(NamedTuple):
    """The largest observed difference (``value``, pattern ``at``) and a limit that none exceeds: ``bound``.

    ``bound_at`` the pattern whose own limit that is.
    """

    value: float
    at: int
    bound: float
    bound_at: int


def furthest(compared: Compared, z: float, se: Floats | None = None) -> Furthest:
    """Return how far the rate of any subgroup can lie from that of all others.

    The largest of the one-sided limits of all of them. As the largest true difference is that of one subgroup, this
    lies below it no more often than that one's own limit does: no correction is needed for how many there are, and
    none for their overlap (Berger 1982, intersection-union). A subgroup without a denominator may differ by 1.

    Args:
        compared: every subgroup and its complement, without the pattern of all rows; effective rows where weighted.
        z: one-sided critical value, 1.645 for 95 %.
        se: standard errors of the differences where rows are clustered; the wider of both limits counts.
    """
    low, high = newcombe(*compared, z=z)
    reach = np.maximum(high, -low)
    if se is not None:
        reach = np.maximum(reach, np.minimum(np.abs(compared.gap) + z * se, 1))
    reach = np.where(compared.measured, reach, 1.0)
    size = np.abs(compared.gap)
    at, bound_at = int(np.argmax(size)), int(np.argmax(reach))
    return Furthest(float(size[at]), at, float(reach[bound_at]), bound_at)


class Bounds(NamedTuple):
    """Limits of every subgroup's difference from its complement that hold for all of them at once.

    ``low``, ``high`` arrays over the patterns (−1 and 1 where there is no rate) · ``reach`` the largest of them all.
    """

    low: Floats
    high: Floats
    reach: float


def simultaneous_bounds(
    patterns: Patterns,
    codes: NDArray[Any],
    of: ArrayLike,
    among: ArrayLike,
    draws: Iterable[tuple[Floats, Floats]],
    level: float,
) -> Bounds:
    """Return bounds on every subgroup's difference from all others, valid for all together, by the bootstrap.

    The quantile t* of the largest |P(G)(1 − P(G)) · (gap*(G) − gap(G))| over the subgroups, P(G) the share of the
    denominator's rows that are in G; then gap(G) ± t*/(P(G)(1 − P(G))). The weight keeps small subgroups from
    deciding t*, so that it is stable, and gives them the widest bounds.

    Args:
        patterns: all subgroups, the first one all rows.
        codes: columns × combinations.
        of: numerator of each combination, rows or sums of weights.
        among: its denominator.
        draws: resampled ``of`` and ``among``, each replicates × combinations.
        level: of the bounds, 0.95.

    Source: Cherian, Candès 2023, section 3 (their disparity from the whole is P(Gᶜ) times that from the complement).
    """
    matrices = list(memberships(patterns, codes))
    counts = [np.asarray(part, np.float64) for part in (of, among)]
    x, n = (np.concatenate([matrix @ part for _, matrix in matrices]) for part in counts)
    compared = with_complement(x, n)
    largest = []
    for again_of, again_among in draws:
        total_of, total = again_of.sum(axis=1), again_among.sum(axis=1)
        most = np.zeros(len(total))
        for block, matrix in matrices:
            inside, held = matrix @ again_of.T, matrix @ again_among.T
            weight = held * (total - held)
            apart = inside * total - held * total_of - compared.gap[block, None] * weight
            apart = np.where(compared.measured[block, None], np.abs(apart), 0)
            most = np.maximum(most, quotient(apart, np.broadcast_to(total**2, apart.shape)).max(axis=0, initial=0))
        largest.append(most)
    quantile = float(np.quantile(np.concatenate(largest), level, method="higher"))
    share = n / n[0]
    width = quotient(np.full(len(n), quantile), share * (1 - share), otherwise=np.inf)
    known = compared.measured
    low = np.where(known, np.clip(compared.gap - width, -1, 1), -1.0)
    high = np.where(known, np.clip(compared.gap + width, -1, 1), 1.0)
    return Bounds(low, high, float(np.maximum(high, -low)[1:].max(initial=0)))


def cluster_errors(patterns: Patterns, codes: NDArray[Any], of: Any, among: Any) -> Floats:
    """Return the standard error of every subgroup's difference where rows come in clusters, linearised between them.

    Args:
        patterns: the subgroups, the first one all rows.
        codes: columns × combinations.
        of: numerator of each combination in each cluster: scipy sparse, combinations × clusters.
        among: its denominator.

    Source: Cochran 1977, Sampling Techniques, section 9A.
    """
    clusters = of.shape[1]
    all_of, all_among = (np.asarray(part.sum(axis=0), np.float64).ravel() for part in (of, among))
    found, step = [], max(1, _AT_ONCE // max(clusters, 1))
    blocks = (matrix[at : at + step] for _, matrix in memberships(patterns, codes) for at in _steps(matrix, step))
    for some in blocks:
        x, n = ((some @ part).toarray().astype(np.float64) for part in (of, among))
        parts = np.zeros(x.shape)
        for own, held, sign in ((x, n, 1), (all_of - x, all_among - n, -1)):
            many = held.sum(axis=1, keepdims=True)
            rate = quotient(own.sum(axis=1, keepdims=True), many)
            parts += sign * quotient(own - rate * held, np.broadcast_to(many, own.shape))
        found.append(np.sqrt(clusters / max(clusters - 1, 1) * (parts**2).sum(axis=1)))
    return np.concatenate(found)


def _steps(matrix: Any, step: int) -> range:
    return range(0, matrix.shape[0], step)


def half_of(count: int, rng: np.random.Generator, clusters: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    """Return which rows are for discovery, about one half; the others are for confirmation. A cluster is never cut.

    Args:
        count: all rows.
        rng: the generator.
        clusters: each row's cluster as a number, or ``None``.
    """
    many = count if clusters is None else int(clusters.max(initial=-1)) + 1
    first = np.zeros(many, bool)
    first[rng.permutation(many)[: many // 2]] = True
    return first if clusters is None else first[clusters]
