"""A subgroup that no conjunction names: those whom a linear rule over their attributes picks out.

Two groups may be treated alike by race and by sex and by both together, and still some combination be treated worst.
Searching all combinations is hard in the worst case; the linear rule is the usual heuristic oracle.

Source: Kearns, Neel, Roth, Wu 2018, Preventing Fairness Gerrymandering, ICML (the auditor of section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audits.statistics.roots import Floats, quotient

_NEAR_0 = 1e-9


class LinearRule(NamedTuple):
    """Who is in: those for whom constant + the weights of their categories lies above 0.

    ``columns`` positions of the columns · ``weights`` of each, by category plus one (0: none of them, weight 0).
    """

    constant: float
    columns: tuple[int, ...]
    weights: tuple[Floats, ...]

    def picks(self, codes: NDArray[Any]) -> NDArray[np.bool_]:
        """Return who is in, from codes (columns × rows: the category plus one, 0 for none)."""
        value = np.full(codes.shape[1], self.constant)
        for column, weights in zip(self.columns, self.weights, strict=True):
            value += weights[codes[column]]
        return np.asarray(value > _NEAR_0)


def fit_linear(
    codes: NDArray[Any], sizes: Sequence[int], columns: Sequence[int], of: ArrayLike, among: ArrayLike
) -> LinearRule:
    """Regress the centred rate on the categories of some columns, by least squares over the denominator's rows.

    The rule cuts the fit at 0: in are those whom it expects to lie above the rate of all rows. The other sign is its
    complement, which differs from it by the same amount and has the same γ.

    Args:
        codes: columns × combinations: the category plus one, 0 for none.
        sizes: categories of each column, and none: one more.
        columns: positions of the columns that the rule may use.
        of: numerator of each combination.
        among: its denominator.
    """
    of, among = np.asarray(of, np.float64), np.asarray(among, np.float64)
    target = quotient(of, among) - of.sum() / max(among.sum(), 1)
    blocks = [codes[column][:, None] == np.arange(1, sizes[column]) for column in columns]
    design = np.column_stack([np.ones(len(of)), *blocks]).astype(np.float64)
    root = np.sqrt(among)
    fitted = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
    edges = np.cumsum([1, *(sizes[column] - 1 for column in columns)])
    weights = tuple(np.concatenate([[0.0], fitted[a:b]]) for a, b in pairwise(edges))
    return LinearRule(float(fitted[0]), tuple(columns), weights)


def gamma(of: ArrayLike, among: ArrayLike, all_of: float, all_among: float, mass: ArrayLike | None = None) -> Floats:
    """Return the weighted unfairness γ of subgroups: their mass times |their rate − that of all rows|.

    Args:
        of: numerator of each subgroup.
        among: its denominator.
        all_of: numerator of all rows.
        all_among: denominator of all rows.
        mass: weight of each subgroup; default its share of the denominator's rows (for the false positive rate, of
            the actual negatives). Its share of all rows gives another γ, so whoever tells a γ says which.
    """
    of, among = np.asarray(of, np.float64), np.asarray(among, np.float64)
    weight = among / all_among if mass is None else np.asarray(mass, np.float64)
    return np.where(among > 0, weight * np.abs(quotient(of, among) - all_of / all_among), 0.0)
