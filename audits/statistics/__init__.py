"""Intervals, tests, simultaneous limits, multiplicity and power; scipy is imported only when one needs it.

The names of ``METHODS`` stand in ``Interval.method``; a finding's ``sufficient`` holds the arguments that the
method takes, so that a verdict can take the interval at any level from the finding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audits.errors import SpecError
from audits.errors import nearest as nearest_name  # a submodule is called nearest
from audits.statistics.differences import agresti_caffo, difference_z, mee, miettinen_nurminen, newcombe, pooled_z
from audits.statistics.means import (
    fisher_interval,
    fisher_t_interval,
    log_normal_interval,
    log_t_interval,
    logit_normal_interval,
    logit_t_interval,
    normal_interval,
    rest_log_t_interval,
    t_interval,
)
from audits.statistics.paired import agreed_paired, bonett_price, one_way, tango, widening
from audits.statistics.proxies import bounded, bounded_ratio
from audits.statistics.rates import clopper_pearson, clopper_pearson_z, korn_graubard, mid_p, tail, wilson
from audits.statistics.ratios import adjusted_log, katz, koopman, miettinen_nurminen_ratio, ratio_z
from audits.statistics.roots import Floats, falling_root
from audits.statistics.simultaneous import critical
from audits.statistics.skewness import (
    agreed_difference,
    agreed_ratio,
    gart_nam,
    gart_nam_ratio,
    skewed_difference_z,
    skewed_ratio_z,
)

METHODS: Mapping[str, Callable[..., tuple[Floats, Floats]]] = {
    "wilson": wilson,  # x, n
    "clopper-pearson": clopper_pearson,  # x, n
    "mid-p": mid_p,  # x, n
    "korn-graubard": korn_graubard,  # x, n, effective, clusters
    "newcombe": newcombe,  # x1, n1, x2, n2: 1 is the group, 2 the reference
    "agresti-caffo": agresti_caffo,  # x1, n1, x2, n2
    "mee": mee,  # x1, n1, x2, n2
    "miettinen-nurminen": miettinen_nurminen,  # x1, n1, x2, n2
    "koopman": koopman,  # x1, n1, x2, n2
    "miettinen-nurminen-ratio": miettinen_nurminen_ratio,  # x1, n1, x2, n2
    "katz": katz,  # x1, n1, x2, n2
    "adjusted-log": adjusted_log,  # x1, n1, x2, n2
    "gart-nam": gart_nam,  # x1, n1, x2, n2: the difference, corrected for skewness
    "gart-nam-ratio": gart_nam_ratio,  # x1, n1, x2, n2
    "newcombe+gart-nam": agreed_difference,  # x1, n1, x2, n2: the hull of both
    "koopman+gart-nam-ratio": agreed_ratio,  # x1, n1, x2, n2: the hull of both
    "tango": tango,  # b, c, n: b flips towards the group's advantage, c away from it
    "one-way": one_way,  # b, c, n: exact where all flips go one way
    "tango+one-way": agreed_paired,  # b, c, n: the hull of both
    "bonett-price": bonett_price,  # b, c, n
    "widening": widening,  # same, same_se, same_skew, turned, turned_se, turned_skew, behind
    "t": t_interval,  # mean, se, df; low, high where the number has ends
    "log-t": log_t_interval,  # mean, se of the logarithm, df; high where the number has an end
    "logit-t": logit_t_interval,  # mean, se of the log-odds, df
    "fisher-t": fisher_t_interval,  # mean, se of the inverse hyperbolic tangent, df
    "rest-log-t": rest_log_t_interval,  # mean, se of −log of what is short of 1, df
    "normal": normal_interval,  # mean, se
    "log-normal": log_normal_interval,  # mean, se of the logarithm
    "logit-normal": logit_normal_interval,  # mean, se of the log-odds
    "fisher": fisher_interval,  # mean, se of the inverse hyperbolic tangent
    "bounds": bounded,  # low, high, se_low, se_high, least: what is not identified, and the sampling error of its ends
    "log-bounds": bounded_ratio,  # low, high, se_low, se_high of the logarithm
}

MOST_Z = 37.0
"""The largest critical value that is looked at: the normal tail beyond it is below what a float can hold."""

_SCORES: Mapping[str, Callable[..., Floats]] = {
    "koopman": ratio_z,
    "miettinen-nurminen-ratio": partial(ratio_z, corrected=True),
    "mee": difference_z,
    "miettinen-nurminen": partial(difference_z, corrected=True),
    "gart-nam": skewed_difference_z,
    "gart-nam-ratio": skewed_ratio_z,
}

_EXCHANGED = (("x1", "x2"), ("n1", "n2"), ("b", "c"), ("low", "high"), ("se_low", "se_high"))
_SWAPPED = {a: b for one, other in _EXCHANGED for a, b in ((one, other), (other, one))}
_NEGATED = ("mean", "low", "high")


def bounds(method: str, sufficient: Mapping[str, ArrayLike], z: ArrayLike) -> tuple[Floats, Floats]:
    """Return lower and upper limits as arrays; ``inf`` where there is no upper limit.

    Raises:
        SpecError: the method is not one of ``METHODS``.
    """
    if method not in METHODS:
        raise SpecError(f"interval method: got {method!r}, which is not one", nearest_name(method, METHODS))
    arguments: dict[str, Any] = dict(sufficient)
    return METHODS[method](**arguments, z=z)


def interval(method: str, sufficient: Mapping[str, float], z: float) -> tuple[float, float | None]:
    """Return the interval of one number.

    Args:
        method: one of ``METHODS``.
        sufficient: the method's arguments (see ``METHODS``).
        z: the two-sided critical value; ``t`` takes the same tail probability of its own distribution.

    Returns:
        Lower limit, and upper limit or ``None`` where there is none.
    """
    low, high = bounds(method, sufficient, z)
    return float(low), float(high) if np.isfinite(high) else None


def z_where(method: str, sufficient: Mapping[str, ArrayLike], bound: float) -> Floats:
    """Return how large the critical value may grow until the interval reaches ``bound``.

    Args:
        method: one of ``METHODS``.
        sufficient: the method's arguments, numbers or arrays.
        bound: the margin.

    Returns:
        z ≥ 0 where the estimate lies above ``bound`` (the lower limit at z is ``bound``), −z where it lies below;
        at most ``MOST_Z`` either way. The score methods have it in closed form: their own statistic at ``bound``.
    """
    counts: dict[str, Any] = dict(sufficient)
    if "+" in method:  # a hull reaches no further than the interval of its parts that is nearer to the bound
        parts = np.stack([z_where(part, counts, bound) for part in method.split("+")])
        return np.asarray(np.maximum(parts.min(axis=0), 0) + np.minimum(parts.max(axis=0), 0))
    if method in _SCORES:
        return np.clip(_SCORES[method](bound, **counts), -MOST_Z, MOST_Z)
    if method == "clopper-pearson":
        return np.clip(clopper_pearson_z(bound, **counts), -MOST_Z, MOST_Z)
    none = np.zeros(np.broadcast_shapes(*(np.shape(value) for value in counts.values())))
    above = falling_root(lambda z: bounds(method, counts, z)[0] - bound, none, none + MOST_Z)
    below = falling_root(lambda z: bound - bounds(method, counts, z)[1], none, none + MOST_Z)
    return above - below


def on_side(method: str, sufficient: Mapping[str, ArrayLike], bound: float, z: float) -> Floats:
    """Return 1 where the interval at ``z`` lies wholly above ``bound``, −1 where it lies wholly below, else 0.

    What ``bounds`` would say, without inverting the score methods, which have their statistic in closed form.
    """
    sides = []
    for part in method.split("+"):
        if part in _SCORES:
            where = z_where(part, sufficient, bound)
            sides.append(np.where(where > z, 1.0, np.where(where < -z, -1.0, 0.0)))
        else:
            low, high = bounds(part, sufficient, z)
            sides.append(np.where(low > bound, 1.0, np.where(high < bound, -1.0, 0.0)))
    agreed = np.stack(sides)
    return np.asarray(np.where((agreed == agreed[0]).all(axis=0), agreed[0], 0.0))


def reverse(sufficient: Mapping[str, float]) -> dict[str, float]:
    """Return the sufficient statistics of the same comparison with group and reference exchanged."""
    swapped = {_SWAPPED.get(name, name): value for name, value in sufficient.items()}
    return {name: -value if name in _NEGATED else value for name, value in swapped.items()}


def difference_p(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Return the two-sided p-value of equal rates, from the pooled score test (Pearson's χ² without correction)."""
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(pooled_z(x1, n1, x2, n2)) / np.sqrt(2)))


__all__ = [
    "METHODS",
    "MOST_Z",
    "bounds",
    "critical",
    "difference_p",
    "falling_root",
    "interval",
    "on_side",
    "reverse",
    "tail",
    "z_where",
]
