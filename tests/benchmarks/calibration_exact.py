"""Two groups, without chance: every table that they can give, each with its probability."""

from __future__ import annotations

import itertools

import calibration_rules as rules
import numpy as np
from calibration_cases import FLOOR, GAP
from scipy.stats import binom

from audits.statistics.simultaneous import one_sided

METHODS = {
    "difference": ("newcombe", "gart-nam", "newcombe+gart-nam"),
    "ratio": ("koopman", "gart-nam-ratio", "koopman+gart-nam-ratio"),
}
SIZES = (50, 75, 150, 300, 1000)
RATES = (0.02, 0.035, 0.05, 0.08, 0.12, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)


def two_groups(quick):
    """Return, by path and method, the greatest rates of wrong FAIL and wrong PASS of two groups at the limit.

    Groups of 50 to 1,000 rows; the reference's rate from 0.02 to 0.8, the other's 10 points above it (difference) or
    four fifths of it (ratio). ``missed`` is the share of these cases in which the rate is above the aim.
    """
    sizes, rates = (SIZES[:3], RATES[::3]) if quick else (SIZES, RATES)
    found = {(path, method): [] for path, methods in METHODS.items() for method in methods}
    for n1, n2 in itertools.product(sizes, repeat=2):
        seen = {(path, method): _seen(path, method, n1, n2) for path, method in found}
        for p, (path, method) in itertools.product(rates, found):
            chance = np.outer(
                binom.pmf(np.arange(n1 + 1), n1, p + GAP if path == "difference" else FLOOR * p),
                binom.pmf(np.arange(n2 + 1), n2, p),
            )
            inside, beyond = seen[path, method]
            case = f"{n1:,} rows against {n2:,} at {p:g}"
            found[path, method].append((float(chance[beyond].sum()), float(chance[inside].sum()), case))
    return {f"{path}: {method}": _worst(cases) for (path, method), cases in found.items()}


def _seen(path, method, n1, n2):
    """Which tables PASS and which FAIL: both orders of the pair inside, either of them beyond."""
    x1, x2 = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    one = {"x1": x1, "n1": np.full_like(x1, n1), "x2": x2, "n2": np.full_like(x1, n2)}
    other = {"x1": x2, "n1": one["n2"], "x2": x1, "n2": one["n1"]}
    bound = GAP if path == "difference" else FLOOR
    sides = [
        rules.seen(method, side, bound, path == "difference", one_sided(rules.LEVEL), rules.Z) for side in (one, other)
    ]
    return sides[0][0] & sides[1][0], sides[0][1] | sides[1][1]


def _worst(cases):
    told = {"cases": len(cases)}
    for at, key, aim in ((0, "wrong_fail", 0.025), (1, "wrong_pass", 0.055)):
        rate, case = max((one[at], one[2]) for one in cases)
        missed = np.mean([one[at] > aim for one in cases])
        told[key] = {"rate": round(rate, 4), "case": case, "missed": round(float(missed), 4)}
    return told
