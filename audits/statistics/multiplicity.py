"""Many tests at once, beyond Holm: false discovery rates, and maxima over joint permutations.

No discovery is a normal answer: every adjusted p-value is then above the level. Holm, Bonferroni and the studentized
range are in ``audits.statistics.simultaneous``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audits.statistics.roots import Floats


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Return p-values adjusted by Benjamini and Hochberg, in the order given.

    Those up to a level are discoveries; the share of false ones among them is below it on average, where the tests
    are independent or positively dependent.

    Source: Benjamini, Hochberg 1995, JRSS B 57:289.
    """
    return _stepped_up(np.asarray(p, np.float64), 1.0)


def benjamini_yekutieli(p: ArrayLike) -> Floats:
    """Return p-values adjusted by Benjamini and Yekutieli: as ``benjamini_hochberg``, under any dependence.

    Source: Benjamini, Yekutieli 2001, Annals of Statistics 29:1165.
    """
    p = np.asarray(p, np.float64)
    return _stepped_up(p, float((1 / np.arange(1, len(p) + 1)).sum()))


def _stepped_up(p: Floats, factor: float) -> Floats:
    """p·m·factor/rank, each the least of itself and all after it. The rank is where p stands in the sorted order."""
    order = np.argsort(p, kind="stable")
    rank = np.arange(1, len(p) + 1)
    stepped = np.minimum.accumulate((p[order] * len(p) * factor / rank)[::-1])[::-1]
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def westfall_young(observed: ArrayLike, permuted: ArrayLike, step_down: bool = True) -> Floats:
    """Return p-values adjusted by the largest statistic of joint permutations (max-T).

    The chance of one false alarm or more is below the level, and tests that go together cost less than by Bonferroni:
    the permutations carry their dependence. The data at hand count as one more permutation, so that no p-value is 0.

    Args:
        observed: one statistic per test; large is evidence, so two-sided tests give absolute values.
        permuted: the same statistics under each permutation: permutations × tests.
        step_down: compare each test with the largest of the tests that are no clearer than it (never less powerful),
            else with the largest of all (single-step).

    Source: Westfall, Young 1993, Resampling-Based Multiple Testing, algorithms 2.5 and 2.8; Phipson, Smyth 2010, SAGMB
    9:39 (the permutation more).
    """
    observed = np.asarray(observed, np.float64)
    permuted = np.asarray(permuted, np.float64)
    order = np.argsort(-observed, kind="stable")
    ranked = permuted[:, order]
    if step_down:
        largest = np.maximum.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
    else:
        largest = np.broadcast_to(ranked.max(axis=1, initial=-np.inf)[:, None], ranked.shape)
    above = (largest >= observed[order] - 1e-12 * np.abs(observed[order])).sum(
        axis=0
    )  # a permutation that gives the data back counts
    p = (1 + above) / (1 + len(permuted))
    adjusted = np.empty_like(observed)
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted
