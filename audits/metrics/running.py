"""From a summary of every group to findings: one way for every metric that is no plain rate.

A technique makes the summary of each attribute, and its bootstrap replicates; ``findings`` does the rest for any
metric of the task: the number of each group, of each pair, of all groups together; its interval, or why there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP, Comparison, Evidence, Finding, Interval, Support, rounded
from audits.metrics import Share, direction
from audits.registry import Entry
from audits.statistics import bounds, critical
from audits.statistics.bootstrap import FEWEST_DEFINED, Spread, spread
from audits.statistics.means import t_interval
from audits.statistics.rates import tail
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import holm

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
    none · ``units`` how many independent rows, clusters or lists each group has: from few of them, intervals are as
    much wider as Student's distribution is.
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


class _Number(NamedTuple):
    """Numbers side by side: value and whether it exists, standard error and whether it is known."""

    value: Floats
    exists: NDArray[np.bool_]
    se: Floats
    known: NDArray[np.bool_]


def findings(entry: Entry, data: Summarised) -> Iterator[Finding]:
    """Yield the findings of one metric over one attribute.

    ``over="group"``: a ``mean`` per group (the rows of ``(missing)`` too), and unless it looks ``across`` groups, per
    pair a ``gap``, and where the scale is ``positive`` a ``ratio`` · ``over="pair"``: a ``gap`` per pair ·
    ``over="groups"``: one ``whole``.
    """
    over = entry.facts["over"]
    if over == "group":
        yield from _own(entry, data)
        if entry.facts["across"]:
            return
        yield from _gaps(entry, data)
        if entry.facts["scale"] == "positive":
            yield from _ratios(entry, data)
    elif over == "pair":
        yield from _pairs(entry, data)
    else:
        yield from _whole(entry, data)


def value_of(share: Share) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the numbers of a share, 0 where there is none, and where there is one."""
    of, among = np.asarray(share.of, np.float64), np.asarray(share.among, np.float64)
    exists = np.asarray((among > 0) & np.isfinite(of))
    return quotient(np.where(exists, of, 0), np.where(exists, among, 0)), exists


def at(summary: Any, places: Any, axis: int = 0) -> Any:
    """Return some groups of a summary: every array at ``places`` along ``axis``."""
    return type(summary)(*(np.take(np.asarray(part), places, axis=axis) for part in summary))


def _number(share: Share, replicates: Share | None, widened: Floats | float = 1.0) -> _Number:
    value, exists = value_of(share)
    found = Spread(np.zeros_like(value), np.zeros(value.shape, np.bool_))
    if replicates is not None:
        found = spread(replicates.of, replicates.among)
    return _Number(
        value, exists, found.se * widened, np.asarray(found.known & exists & (found.se > _SAME * np.abs(value)))
    )


def _widened(data: Summarised, places: NDArray[Any] | Sequence[int]) -> Floats:
    """How much wider an interval is than the resampled rows of a group say, by how few units they are of.

    The resampled variance of a mean of n units is (n − 1)/n of what it should be, and its law is Student's.
    """
    if data.units is None:
        return np.ones(len(places))
    units = np.maximum(data.units[np.asarray(places, np.intp)], 2)
    z = critical(data.level)
    return np.asarray(t_interval(0.0, np.sqrt(units / (units - 1)), units - 1, z=z)[1] / z)


def _widest(data: Summarised) -> Floats:
    """The same of each pair: of whichever group has fewer units."""
    one, two = np.array(data.pairs).T
    return np.maximum(_widened(data, one), _widened(data, two))


def _own(entry: Entry, data: Summarised) -> Iterator[Finding]:
    boundary = entry.facts["boundary"]
    again = None if data.replicates is None or boundary else _of_groups(entry, data, data.replicates)
    number = _number(_of_groups(entry, data, data.summary), again, _widened(data, range(len(data.groups))))
    rows = data.rows(entry)
    expected, p = np.zeros(len(data.groups)), np.full(len(data.groups), np.nan)
    if boundary and data.by_chance is not None:
        expected, p = _by_chance(entry, number, _of_groups(entry, data, data.by_chance))
    adjusted = _adjusted(p)
    for place, group in enumerate(data.groups):
        value, told = float(number.value[place]), not np.isnan(p[place])
        why = "" if number.exists[place] else f"{group} has no {entry.facts['among']}, so it has no {_words(entry)}"
        if entry.facts["across"] and group == MISSING_GROUP:
            why = f"{_words(entry)} compares known groups with each other, and {group} is none"
        yield _finding(
            entry,
            data,
            comparison="mean",
            group=group,
            value=value,
            missing=why,
            sufficient=_scaled(entry.facts["scale"], value, float(number.se[place])) if number.known[place] else None,
            n=Support(group=float(rows[place])),
            said=direction(entry.facts["good"], data.favourable),
            p=(float(p[place]), float(adjusted[place])) if told else None,
            details={"by_chance": rounded(float(expected[place]))} if told else {},
        )


def _of_groups(entry: Entry, data: Summarised, summary: Any) -> Share:
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


def _gaps(entry: Entry, data: Summarised) -> Iterator[Finding]:
    if not data.pairs:
        return
    one, two = np.array(data.pairs).T

    def difference(share: Share) -> Share:
        of, among = np.asarray(share.of, np.float64), np.asarray(share.among, np.float64)
        both = among[..., one] * among[..., two]
        return Share(of[..., one] * among[..., two] - of[..., two] * among[..., one], both)

    own = entry.function(data.summary)
    again = None if data.replicates is None else difference(entry.function(data.replicates))
    number = _number(difference(own), again, _widest(data))
    yield from _compared(entry, data, number, _missing(entry, data, own), "group − reference")


def _ratios(entry: Entry, data: Summarised) -> Iterator[Finding]:
    if not data.pairs:
        return
    one, two = np.array(data.pairs).T
    own = entry.function(data.summary)
    value = value_of(own)[0]
    missing, rows = _missing(entry, data, own), data.rows(entry)
    log_se = _log_ratio_spread(entry, data, one, two)
    for place, (group, reference) in enumerate(data.pairs):
        why = missing[place]
        if not why and value[reference] == 0:
            why = f"the {_words(entry)} of {data.groups[reference]} is 0, so there is no ratio to it"
        ratio = 0.0 if why else float(value[group] / value[reference])
        known = not why and ratio > 0 and bool(log_se.known[place]) and log_se.se[place] > 0
        yield _finding(
            entry,
            data,
            comparison="ratio",
            group=data.groups[group],
            reference=data.groups[reference],
            value=ratio,
            missing=why,
            sufficient=("log-normal", {"mean": float(np.log(ratio)), "se": float(log_se.se[place])}) if known else None,
            n=Support(group=float(rows[group]), reference=float(rows[reference])),
            said=f"{direction(entry.facts['good'], data.favourable)}; ratio = group / reference",
        )


def _log_ratio_spread(entry: Entry, data: Summarised, one: NDArray[Any], two: NDArray[Any]) -> Spread:
    if data.replicates is None:
        return Spread(np.zeros(len(one)), np.zeros(len(one), np.bool_))
    value, exists = value_of(entry.function(data.replicates))
    positive = exists & (value > 0)
    log = np.log(np.where(positive, value, 1.0))
    both = positive[:, one] & positive[:, two]
    found = spread(np.where(both, log[:, one] - log[:, two], 0.0), both)
    return Spread(found.se * _widest(data), found.known)


def _pairs(entry: Entry, data: Summarised) -> Iterator[Finding]:
    if not data.pairs:
        return
    one, two = np.array(data.pairs).T
    share = entry.function(at(data.summary, one), at(data.summary, two))
    again = None
    if data.replicates is not None and not entry.facts["boundary"]:
        again = _of_pairs(entry, data, data.replicates)
    _, exists = value_of(share)
    missing = [
        ""
        if there
        else f"{data.groups[a]} or {data.groups[b]} has no {entry.facts['among']}, so there is no {_words(entry)}"
        for there, (a, b) in zip(exists, data.pairs, strict=True)
    ]
    chance = None
    if data.by_chance is not None and entry.facts["boundary"]:
        chance = _of_pairs(entry, data, data.by_chance)
    yield from _compared(entry, data, _number(share, again, _widest(data)), missing, "of group and reference", chance)


def _of_pairs(entry: Entry, data: Summarised, replicates: Any) -> Share:
    """A metric of two groups in every replicate, pair after pair: all at once they would be many times the summary."""
    found = [entry.function(at(replicates, [one], 1), at(replicates, [two], 1)) for one, two in data.pairs]
    return Share(*(np.concatenate([np.asarray(share[part]) for share in found], axis=1) for part in (0, 1)))


def _compared(
    entry: Entry, data: Summarised, number: _Number, missing: list[str], sense: str, chance: Share | None = None
) -> Iterator[Finding]:
    """A ``gap`` for each pair, with a two-sided normal p-value (or the one by chance), Holm-adjusted over the pairs."""
    rows = data.rows(entry)
    parity = 1 if entry.facts["good"] == "one" and entry.facts["over"] == "pair" else 0
    off = np.abs(number.value - parity)
    p = np.array([2 * tail(v / se) if se > 0 else np.nan for v, se in zip(off, number.se, strict=True)])
    p[~number.known] = np.nan
    expected = None
    if chance is not None:
        expected, p = _by_chance(entry, number, chance)
    measured, adjusted = ~np.isnan(p), _adjusted(p)
    for place, (group, reference) in enumerate(data.pairs):
        value, se = float(number.value[place]), float(number.se[place])
        yield _finding(
            entry,
            data,
            comparison="gap",
            group=data.groups[group],
            reference=data.groups[reference],
            value=value,
            missing=missing[place],
            sufficient=("normal", {"mean": value, "se": se}) if number.known[place] else None,
            n=Support(group=float(rows[group]), reference=float(rows[reference])),
            said=f"{direction(entry.facts['good'], data.favourable)}; {sense}",
            p=(float(p[place]), float(adjusted[place])) if measured[place] else None,
            details={} if expected is None or missing[place] else {"by_chance": rounded(float(expected[place]))},
        )


def _whole(entry: Entry, data: Summarised) -> Iterator[Finding]:
    known = [place for place, group in enumerate(data.groups) if group != MISSING_GROUP]
    share = entry.function(at(data.summary, known)) if known else Share(np.zeros(()), np.zeros(()))
    again = None
    if data.replicates is not None and known and not entry.facts["boundary"]:
        again = entry.function(at(data.replicates, known, 1))
    number = _number(share, again)
    value, exists, found = float(number.value), bool(number.exists), None
    details: dict[str, Any] = {}
    p = None
    if data.by_chance is not None and known and entry.facts["boundary"] and exists:
        expected, chance = _by_chance(entry, number, entry.function(at(data.by_chance, known, 1)))
        if not np.isnan(chance):
            details = {"by_chance": rounded(float(expected))}
            p = (float(chance), float(chance))
    if number.known:
        found = _scaled(entry.facts["scale"], value, float(number.se))
    yield _finding(
        entry,
        data,
        comparison="whole",
        value=value,
        missing="" if exists else f"{data.attribute} has no {entry.facts['among']}, so there is no {_words(entry)}",
        sufficient=found,
        n=Support(group=float(data.rows(entry)[known].sum()) if known else 0.0),
        said=direction(entry.facts["good"], data.favourable),
        p=p,
        details=details,
    )


def _adjusted(p: Floats) -> Floats:
    """Holm-adjusted p-values; 1 where there is none."""
    adjusted = np.ones(len(p))
    adjusted[~np.isnan(p)] = holm(p[~np.isnan(p)])
    return adjusted


def _by_chance(entry: Entry, number: _Number, chance: Share) -> tuple[Floats, Floats]:
    """What a metric is on average where the groups are equal, and how often it is then as far off as it is here."""
    values, defined = value_of(chance)
    count = defined.sum(axis=0)
    mean = np.where(defined, values, 0).sum(axis=0) / np.maximum(count, 1)
    sign = -1 if entry.facts["good"] == "one" else 1
    beyond = (defined & (sign * values >= sign * number.value - _SAME * abs(number.value))).sum(axis=0)
    p = np.where(number.exists & (count >= FEWEST_DEFINED * len(values)), (1 + beyond) / (1 + count), np.nan)
    return np.asarray(mean), np.asarray(p)


def _missing(entry: Entry, data: Summarised, own: Share) -> list[str]:
    _, exists = value_of(own)
    return [
        "; ".join(
            f"{data.groups[side]} has no {entry.facts['among']}, so it has no {_words(entry)}"
            for side in pair
            if not exists[side]
        )
        for pair in data.pairs
    ]


def _scaled(scale: str, value: float, se: float) -> tuple[str, dict[str, float]] | None:
    """The interval of one number of one group, or of all, on the scale on which it is nearly normal."""
    if scale in ("rate", "proportion"):
        if not 0 < value < 1:
            return None
        return "logit-normal", {"mean": float(np.log(value / (1 - value))), "se": se / (value * (1 - value))}
    if scale == "signed":
        return ("fisher", {"mean": float(np.arctanh(value)), "se": se / (1 - value**2)}) if abs(value) < 1 else None
    if scale == "positive":
        return ("log-normal", {"mean": float(np.log(value)), "se": se / value}) if value > 0 else None
    return "normal", {"mean": value, "se": se}


def _words(entry: Entry) -> str:
    return entry.name.replace("_", " ")


def _finding(
    entry: Entry,
    data: Summarised,
    *,
    comparison: Comparison,
    value: float,
    missing: str,
    sufficient: tuple[str, dict[str, float]] | None,
    n: Support,
    said: str,
    group: str = "",
    reference: str = "",
    p: tuple[float, float] | None = None,
    details: dict[str, Any] | None = None,
) -> Finding:
    """One finding; where there is a number and no interval, ``details`` says why."""
    more = {**data.details, **(details or {})} if not missing else {}
    interval = None
    if not missing and sufficient is not None:
        low, high = bounds(sufficient[0], sufficient[1], critical(data.level))
        interval = Interval(low=rounded(float(low)), high=rounded(float(high)), level=data.level, method=sufficient[0])
    elif not missing:
        more["no_interval"] = _why_no_interval(entry, data)
    return Finding(
        technique=data.technique,
        measure=entry.name,
        attribute=data.attribute,
        group=group,
        reference=reference,
        comparison=comparison,
        value=None if missing else rounded(value),
        missing=missing,
        interval=interval,
        n=n,
        sufficient={name: rounded(number) for name, number in sufficient[1].items()} if interval and sufficient else {},
        p=rounded(p[0]) if p and not missing else None,
        p_adjusted=rounded(p[1]) if p and not missing else None,
        adjustment="holm" if p and not missing else "",
        unit=entry.facts["unit"],
        direction=said,
        evidence=Evidence(file=data.file, selector=data.selector or f"by {data.attribute}"),
        details=more,
    )


def _why_no_interval(entry: Entry, data: Summarised) -> str:
    if entry.facts["boundary"]:
        end = "greatest" if entry.facts["good"] == "one" else "least"
        return f"parity is the {end} value that it or its parts can take, so no interval from resampled rows is valid"
    if data.replicates is None:
        return data.unresampled
    return "it hardly varies, or often does not exist, in resampled rows"
