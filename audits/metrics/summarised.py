"""A summary of every group, and its numbers side by side: value, standard error, and what chance makes of them.

What ``audits.metrics.running`` tells as findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP
from audits.metrics import Share
from audits.registry import Entry
from audits.statistics.bootstrap import FEWEST_DEFINED, Spread, spread
from audits.statistics.means import satterthwaite, skewed_df
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import holm

_AT_ONCE = 1 << 17  # numbers of a block of replicates
_SAME = 1e-12  # numbers that are as near each other are equal: they were added up in another order


@dataclass(frozen=True)
class Summarised:
    """The groups of one attribute, summarised for the metrics of one task.

    ``summary`` a named tuple of arrays, the first axis of each is ``groups`` · ``replicates`` the same with the
    replicates of a bootstrap before it, or ``None`` (then no number has an interval) · ``by_chance`` such replicates
    of groups that are equal, for metrics whose least value is parity · ``rows`` the rows that an entry's number of
    each group stands on · ``pairs`` positions (group, reference) that are compared · ``favourable`` whether the
    positive decision is good for the person · ``file`` and ``selector`` where the numbers come from ·
    ``details`` what else is told beside every number · ``unresampled`` why there are no replicates, where there are
    none · ``units`` how many independent rows, clusters or lists each group's number stands on (default ``rows``): the
    degrees of freedom of its standard error follow from them · ``apart`` whether each of them is of one group only.
    """

    technique: str
    attribute: str
    groups: Sequence[str]
    summary: Any
    replicates: Any | None
    rows: Callable[[Entry], Floats]
    pairs: Sequence[tuple[int, int]]
    level: float
    favourable: bool = True
    by_chance: Any | None = None
    file: str = "predictions.parquet"
    selector: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    unresampled: str = "no replicates were taken"
    units: Floats | None = None
    apart: bool = False


class Number(NamedTuple):
    """Numbers side by side: value and whether it exists; standard error, whether it is known, degrees of freedom."""

    value: Floats
    exists: NDArray[np.bool_]
    se: Floats
    known: NDArray[np.bool_]
    df: Floats


def value_of(share: Share) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the numbers of a share, 0 where there is none, and where there is one."""
    of, among = np.asarray(share.of, np.float64), np.asarray(share.among, np.float64)
    exists = np.asarray((among > 0) & np.isfinite(of))
    return quotient(np.where(exists, of, 0), np.where(exists, among, 0)), exists


def at(summary: Any, places: Any, axis: int = 0) -> Any:
    """Return some groups of a summary: every array at ``places`` along ``axis``."""
    return type(summary)(*(np.take(np.asarray(part), places, axis=axis) for part in summary))


def number_of(share: Share, found: Spread | None, units: Floats) -> Number:
    """Return the numbers of a share, with the spread of their replicates.

    The resampled variance of a mean of n units is (n − 1)/n of what it should be.

    Args:
        share: the numbers.
        found: the spread, or ``None`` where there are no replicates.
        units: how many independent ones each number stands on.
    """
    value, exists = value_of(share)
    if found is None:
        none = np.zeros_like(value)
        return Number(value, exists, none, none > 0, none)
    many = np.maximum(units, 2)
    known = np.asarray(found.known & exists & (found.se > _SAME * np.abs(value)))
    return Number(value, exists, found.se * np.sqrt(many / (many - 1)), known, skewed_df(many, found.skewness))


def own_spread(entry: Entry, share: Share) -> Spread:
    """Return the spread of a metric over replicates, as skewed as the means that it is made of.

    The root of a mean is taken to be as skewed as that mean. The replicates of a metric that is bent are skewed by the
    bend too: of one with two ends they are looked at on the scale of its interval, of others not at all.
    """
    found, scale = spread(*share), entry.facts["scale"]
    if entry.facts["root"]:
        return found._replace(skewness=spread(np.asarray(share.of) ** 2, np.asarray(share.among) ** 2).skewness)
    if not entry.facts["bent"]:
        return found
    if scale not in ("signed", "explained"):
        return found._replace(skewness=np.zeros_like(found.se))
    value, exists = value_of(share)
    inside = exists & (value < 1) & ((value > -1) | (scale == "explained"))
    value = np.where(inside, value, 0.0)
    straight = np.arctanh(value) if scale == "signed" else -np.log1p(-value)
    return found._replace(skewness=spread(straight, inside.astype(np.float64)).skewness)


def units_of_groups(entry: Entry, data: Summarised) -> Floats:
    """How many units each group's number stands on."""
    return data.rows(entry) if data.units is None else data.units


def compared(
    entry: Entry,
    data: Summarised,
    share: Share,
    found: Spread | None,
    again: Share | None = None,
    logarithms: bool = False,
) -> Number:
    """Return numbers that compare the groups of each pair, with the spread of their replicates.

    The degrees of freedom are Welch's where the groups share no units, else those of the group that has fewer.

    Args:
        entry: the metric.
        data: the groups.
        share: the numbers, pair by pair.
        found: their spread, or ``None`` where there are no replicates.
        again: the replicates of the groups' own numbers, where they have any: the more one varies, the more its
            degrees of freedom count.
        logarithms: whether the spread is that of logarithms.

    Source: Welch 1947, Biometrika 34:28.
    """
    if found is None:
        return number_of(share, None, np.zeros(0))
    units = np.maximum(units_of_groups(entry, data), 2)
    sides = np.array(data.pairs).T
    if again is None:
        variances, df = 1 / units, units - 1
    else:
        found = found._replace(skewness=np.zeros_like(found.se))  # the groups tell their own
        own = number_of(entry.function(data.summary), own_spread(entry, again), units)
        variances = quotient(own.se, own.value if logarithms else np.ones_like(own.value)) ** 2
        df = own.df
        found = found._replace(known=found.known & own.known[sides].all(axis=0))
    freedom = satterthwaite(variances[sides], df[sides]) if data.apart else df[sides].min(axis=0)
    number = number_of(share, found, units[sides].min(axis=0))
    return number._replace(df=np.minimum(number.df, freedom) if again is None else freedom)


def of_groups(entry: Entry, data: Summarised, summary: Any) -> Share:
    """A metric of each group; one that looks across groups does not see those of unknown group."""
    if not entry.facts["across"] or MISSING_GROUP not in data.groups:
        share: Share = entry.function(summary)
        return share
    before = np.ndim(summary[0]) - np.ndim(data.summary[0])
    known = [place for place, group in enumerate(data.groups) if group != MISSING_GROUP]
    share = entry.function(at(summary, known, before))
    found = Share(*(np.zeros((*np.shape(part)[:-1], len(data.groups))) for part in share))
    for part, whole in zip(share, found, strict=True):
        whole[..., known] = part
    return found


def of_pairs(entry: Entry, data: Summarised, replicates: Any) -> Share:
    """A metric of two groups in every replicate, pair after pair.

    All groups that are held against the same one are taken together, in blocks of replicates that a processor's cache
    holds: what is made of that one is then made once.
    """
    number, pairs = len(replicates[0]), np.array(data.pairs)
    found = Share(*(np.empty((number, len(pairs))) for _ in range(2)))
    step = max(1, _AT_ONCE * number // max(np.size(part) for part in replicates))
    sides = [(two, np.flatnonzero(pairs[:, 1] == two)) for two in np.unique(pairs[:, 1])]
    for start in range(0, number, step):
        block = type(replicates)(*(part[start : start + step] for part in replicates))
        for two, places in sides:
            share = entry.function(at(block, pairs[places, 0], 1), at(block, [two], 1))
            for part, whole in zip(share, found, strict=True):
                whole[start : start + step, places] = part
    return found


def log_ratio_spread(again: Share, one: NDArray[Any], two: NDArray[Any]) -> Spread:
    """Return the spread of the logarithm of the ratio of a number in groups ``one`` to that in groups ``two``."""
    value, exists = value_of(again)
    positive = exists & (value > 0)
    log = np.log(np.where(positive, value, 1.0))
    both = positive[:, one] & positive[:, two]
    return spread(np.where(both, log[:, one] - log[:, two], 0.0), both)


def adjusted_p(p: Floats) -> Floats:
    """Holm-adjusted p-values; 1 where there is none."""
    adjusted = np.ones(len(p))
    adjusted[~np.isnan(p)] = holm(p[~np.isnan(p)])
    return adjusted


def told_by_chance(entry: Entry, number: Number, chance: Share) -> tuple[Floats, Floats]:
    """What a metric is on average where the groups are equal, and how often it is then as far off as it is here."""
    values, defined = value_of(chance)
    count = defined.sum(axis=0)
    mean = np.where(defined, values, 0).sum(axis=0) / np.maximum(count, 1)
    sign = -1 if entry.facts["good"] == "one" else 1
    beyond = (defined & (sign * values >= sign * number.value - _SAME * abs(number.value))).sum(axis=0)
    p = np.where(number.exists & (count >= FEWEST_DEFINED * len(values)), (1 + beyond) / (1 + count), np.nan)
    return np.asarray(mean), np.asarray(p)
