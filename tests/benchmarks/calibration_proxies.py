"""How often bounds of groups that are known as probabilities break a limit that holds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from calibration_rules import LEVEL

from audits.statistics import bounds
from audits.statistics.proxy_rates import Sample, difference, folds_of, group_bounds
from audits.statistics.simultaneous import pairs_critical

CASES = ((2, 200, 0.3, 1.0), (4, 200, 0.3, 1.0), (4, 800, 0.05, 1.0), (4, 800, 0.5, 1.0), (4, 800, 0.5, 0.9))
"""Groups, rows, the rate of all groups, and the probability of the group that a row is likeliest of."""


def proxy_bounds(quick: bool, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return, for every case, the share of draws in which equal groups lie wholly beyond a limit of 0.

    The groups are equal and the limit on their difference is 0, so that it holds exactly at the limit; the rows'
    probabilities are right, and the strata are the groups that the rows are likeliest of.
    """
    draws = 20 if quick else 1000
    found = []
    for groups, rows, rate, sure in CASES:
        wrong = sum(_breaks(groups, rows, rate, sure, rng) for _ in range(draws))
        told = {"groups": groups, "rows": rows, "rate": rate, "sure": sure}
        found.append({**told, "draws": draws, "wrong_fail": round(wrong / draws, 4)})
    return found


def _breaks(groups: int, rows: int, rate: float, sure: float, rng: np.random.Generator) -> bool:
    """Whether a draw is judged to break the limit: the lower bound of some pair lies above 0."""
    likeliest = rng.integers(0, groups, rows)
    of = np.full((groups, groups), (1 - sure) / (groups - 1))
    np.fill_diagonal(of, sure)
    decided, unit = rng.random(rows) < rate, np.arange(rows)
    sample = Sample(
        numerator=decided,
        rest=~decided,
        weights=np.ones(rows),
        strata=likeliest.astype(np.int64),
        clusters=unit,
        folds=folds_of(unit, rng),
    )
    own = [group_bounds(of[likeliest, group], sample) for group in range(groups)]
    pairs = [difference(own[one], own[other], unit) for one, other in itertools.permutations(range(groups), 2)]
    counts = {name: np.array([pair[name] for pair in pairs]) for name in pairs[0]}
    return bool((bounds("bounds", counts, pairs_critical(LEVEL, groups))[0] > 0).any())
