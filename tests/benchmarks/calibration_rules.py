"""The rule of the verdict, written once more for thousands of simulated audits at a time.

Each function gives one outcome per draw: 0 INCONCLUSIVE, 1 PASS, 2 FAIL. ``calibration.py`` holds them to
``audits.verdict.judge`` on findings made by the real functions, draw by draw, in the same run.
"""

from __future__ import annotations

import numpy as np

from audits.metrics import Counts, Share, chosen
from audits.metrics.groups import Counted
from audits.metrics.running import Summarised, value_of
from audits.metrics.standing import of_decisions, standing
from audits.metrics.summarised import compared
from audits.statistics import bounds, z_where
from audits.statistics.bootstrap import multinomial, spread
from audits.statistics.simultaneous import bonferroni_critical, critical, one_sided, pairs_critical

LEVEL = 0.95
Z = critical(LEVEL)
OUTCOMES = ("INCONCLUSIVE", "PASS", "FAIL")


def outcomes(inside, beyond):
    """FAIL where some number is wholly beyond the limit, else PASS where all are inside; draws × numbers."""
    return np.where(beyond.any(axis=1), 2, np.where(inside.all(axis=1), 1, 0))


def ordered_pairs(groups):
    """Positions of both sides of every pair in either order."""
    return np.array([(a, b) for a in range(groups) for b in range(groups) if a != b]).T


def pair_counts(x, n):
    """The counts of every ordered pair: draws × pairs."""
    one, two = ordered_pairs(x.shape[1])
    n = np.broadcast_to(n, x.shape)
    return {"x1": x[:, one], "n1": n[:, one], "x2": x[:, two], "n2": n[:, two]}


def seen(method, counts, bound, at_most, within, beyond):
    """Which pairs lie inside the limit at the critical value ``within``, and which wholly beyond it at ``beyond``."""
    if "+" in method:
        parts = [seen(part, counts, bound, at_most, within, beyond) for part in method.split("+")]
        return parts[0][0] & parts[1][0], parts[0][1] & parts[1][1]
    if method == "newcombe":
        return bounds(method, counts, within)[1] < bound, bounds(method, counts, beyond)[0] > bound
    reach = z_where(method, counts, bound) * (1 if at_most else -1)
    return reach < -within, reach > beyond


def covers(method, counts, truth):
    """Whether the 95 % interval of each number holds the truth."""
    if "+" in method:
        return np.logical_or(*(covers(part, counts, truth) for part in method.split("+")))
    if method in ("newcombe", "wilson", "tango"):
        low, high = bounds(method, counts, Z)
        return (low <= truth) & (truth <= high)
    return np.abs(z_where(method, counts, truth)) <= Z


def of_pairs(method, measured, bound, at_most=True):
    """Judge all pairs of one measure, or of several together (a composite): ``measured`` holds (x, n) of each."""
    groups = measured[0][0].shape[1]
    beyond = pairs_critical(1 - (1 - LEVEL) / len(measured), groups)
    each = [seen(method, pair_counts(x, n), bound, at_most, one_sided(LEVEL), beyond) for x, n in measured]
    return outcomes(*(np.concatenate(side, axis=1) for side in zip(*each, strict=True)))


def of_rates(x, n, bound):
    """Judge every group's own rate, at most ``bound``, by Clopper and Pearson."""
    counts = {"x": x, "n": np.broadcast_to(n, x.shape)}
    inside = bounds("clopper-pearson", counts, one_sided(LEVEL))[1] < bound
    return outcomes(inside, bounds("clopper-pearson", counts, bonferroni_critical(LEVEL, x.shape[1]))[0] > bound)


def of_flips(method, b, c, n, bound):
    """Judge paired differences, several on rows of their own."""
    different, back = np.unique(np.stack([b, c], axis=-1).reshape(-1, 2), axis=0, return_inverse=True)
    known = {"b": different[:, 0], "c": different[:, 1], "n": np.full(len(different), float(n))}
    low, high = bounds(method, known, one_sided(LEVEL))
    far_low, far_high = bounds(method, known, bonferroni_critical(LEVEL, b.shape[1]))
    inside, beyond = (high < bound) & (low > -bound), (far_low > bound) | (far_high < -bound)
    return outcomes(inside[back].reshape(b.shape), beyond[back].reshape(b.shape))


F1 = chosen("binary", ["f1_score"])[0]


def f1_counts(table):
    """Confusion counts of tables whose last axis is tp, fp, fn, tn."""
    none = np.zeros(table.shape[:-1])
    return Counts(*(table[..., at] for at in range(4)), none, none)


def f1_of(table, resampled):
    """F1 of every group, and of every pair (each once), as ``parity`` summarises it."""
    one, two = np.triu_indices(len(table), 1)
    rows = np.zeros((len(table), 3, 3))
    rows[:, 2, 2], rows[:, 1, 2], rows[:, 2, 1], rows[:, 1, 1] = table.T
    return Summarised(
        technique="parity", attribute="group", groups=[f"g{at}" for at in range(len(table))],
        summary=f1_counts(table), replicates=f1_counts(resampled), rows=lambda entry: table.sum(axis=1),
        pairs=list(zip(one.tolist(), two.tolist(), strict=True)), level=LEVEL,
        units=standing(F1, of_decisions(Counted("group", [], rows))), apart=True,
    )  # fmt: skip


def gaps(table, resampled):
    """Return value, standard error, degrees of freedom and whether they are known, of the F1 gap of every pair."""
    one, two = np.triu_indices(len(table), 1)
    own, again = (F1.function(f1_counts(of)) for of in (table, resampled))
    value, exists = value_of(own)
    both = again.among[:, one] * again.among[:, two]
    found = spread(again.of[:, one] * again.among[:, two] - again.of[:, two] * again.among[:, one], both)
    share = Share(value[one] - value[two], (exists[one] & exists[two]).astype(float))
    number = compared(F1, f1_of(table, resampled), share, found, again)
    return number.value, number.se, number.df, number.known


def of_gaps(value, se, df, known, bound):
    """Judge gaps by t intervals from resampled counts; one that has no interval leaves the limit open."""
    far = bonferroni_critical(LEVEL, value.shape[1])
    near, apart = (bounds("t", {"mean": 0.0, "se": se, "df": np.maximum(df, 1)}, z)[1] for z in (one_sided(LEVEL), far))
    return outcomes(known & (np.abs(value) + near < bound), known & (np.abs(value) - apart > bound))


def range_interval(x, n, replicates, rng):
    """fairlearn's ``difference_ci`` from counts: quantiles of the largest minus the smallest resampled rate."""
    drawn = multinomial(np.stack([x, n - x], axis=1), replicates, rng)
    total = drawn.sum(axis=2)
    rates = np.where(total > 0, drawn[..., 0] / np.maximum(total, 1), 0)
    return np.quantile(rates.max(axis=1) - rates.min(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
