"""From a summary of every group to findings: one way for every metric that is no plain rate.

A technique makes the summary of each attribute, and its bootstrap replicates; ``findings`` does the rest for any
metric of the task: the number of each group, of each pair, of all groups together; its interval, or why there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from audits.findings import MISSING_GROUP, Comparison, Evidence, Finding, Interval, Support, rounded
from audits.metrics import Share, direction, ends
from audits.metrics.summarised import (
    Number,
    Summarised,
    adjusted_p,
    at,
    compared,
    log_ratio_spread,
    number_of,
    of_groups,
    of_pairs,
    own_spread,
    told_by_chance,
    units_of_groups,
    value_of,
)
from audits.registry import Entry
from audits.statistics import bounds, critical
from audits.statistics.bootstrap import spread
from audits.statistics.means import t_p
from audits.statistics.roots import Floats, quotient

__all__ = ["Summarised", "at", "findings", "value_of"]


def findings(entry: Entry, data: Summarised) -> Iterator[Finding]:
    """Yield the findings of one metric over one attribute.

    ``over="group"``: a ``mean`` per group (the rows of ``(missing)`` too), and unless it looks ``across`` groups, per
    pair a ``gap``, and where the scale is ``positive`` a ``ratio`` · ``over="pair"``: a ``gap`` per pair ·
    ``over="groups"``: one ``whole``.
    """
    over = entry.facts["over"]
    if over == "group":
        again = None
        if data.replicates is not None and not entry.facts["boundary"]:
            again = of_groups(entry, data, data.replicates)
        yield from _own(entry, data, again)
        if entry.facts["across"]:
            return
        yield from _gaps(entry, data, again)
        if entry.facts["scale"] == "positive":
            yield from _ratios(entry, data, again)
    elif over == "pair":
        yield from _pairs(entry, data)
    else:
        yield from _whole(entry, data)


def _own(entry: Entry, data: Summarised, again: Share | None) -> Iterator[Finding]:
    boundary = entry.facts["boundary"]
    found = None if again is None else own_spread(entry, again)
    number = number_of(of_groups(entry, data, data.summary), found, units_of_groups(entry, data))
    rows = data.rows(entry)
    expected, p = np.zeros(len(data.groups)), np.full(len(data.groups), np.nan)
    if boundary and data.by_chance is not None:
        expected, p = told_by_chance(entry, number, of_groups(entry, data, data.by_chance))
    adjusted = adjusted_p(p)
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
            sufficient=_scaled(entry, value, number.se[place], number.df[place]) if number.known[place] else None,
            n=Support(group=float(rows[place])),
            said=direction(entry.facts["good"], data.favourable),
            p=(float(p[place]), float(adjusted[place])) if told else None,
            details={"by_chance": rounded(float(expected[place]))} if told else {},
        )


def _gaps(entry: Entry, data: Summarised, again: Share | None) -> Iterator[Finding]:
    if not data.pairs:
        return
    one, two = np.array(data.pairs).T

    def difference(share: Share) -> Share:
        of, among = np.asarray(share.of, np.float64), np.asarray(share.among, np.float64)
        both = among[..., one] * among[..., two]
        return Share(of[..., one] * among[..., two] - of[..., two] * among[..., one], both)

    own = entry.function(data.summary)
    found = None if again is None else spread(*difference(again))
    number = compared(entry, data, difference(own), found, again)
    yield from _compared(entry, data, number, _missing(entry, data, own), "group − reference")


def _ratios(entry: Entry, data: Summarised, again: Share | None) -> Iterator[Finding]:
    if not data.pairs:
        return
    one, two = np.array(data.pairs).T
    own = entry.function(data.summary)
    value, exists = value_of(own)
    missing, rows = _missing(entry, data, own), data.rows(entry)
    found = None if again is None else log_ratio_spread(again, one, two)
    number = compared(entry, data, Share(value[one], exists[one] & exists[two]), found, again, logarithms=True)
    for place, (group, reference) in enumerate(data.pairs):
        why = missing[place]
        if not why and value[reference] == 0:
            why = f"the {_words(entry)} of {data.groups[reference]} is 0, so there is no ratio to it"
        ratio = 0.0 if why else float(value[group] / value[reference])
        known = not why and ratio > 0 and bool(number.known[place])
        log = (
            {"mean": float(np.log(ratio)), "se": float(number.se[place]), "df": float(number.df[place])}
            if known
            else {}
        )
        yield _finding(
            entry,
            data,
            comparison="ratio",
            group=data.groups[group],
            reference=data.groups[reference],
            value=ratio,
            missing=why,
            sufficient=("log-t", log) if known else None,
            n=Support(group=float(rows[group]), reference=float(rows[reference])),
            said=f"{direction(entry.facts['good'], data.favourable)}; ratio = group / reference",
        )


def _pairs(entry: Entry, data: Summarised) -> Iterator[Finding]:
    if not data.pairs:
        return
    one, two = np.array(data.pairs).T
    share = entry.function(at(data.summary, one), at(data.summary, two))
    found = None
    if data.replicates is not None and not entry.facts["boundary"]:
        found = spread(*of_pairs(entry, data, data.replicates))
    _, exists = value_of(share)
    missing = [
        ""
        if there
        else f"{data.groups[a]} or {data.groups[b]} has no {entry.facts['among']}, so there is no {_words(entry)}"
        for there, (a, b) in zip(exists, data.pairs, strict=True)
    ]
    chance = None
    if data.by_chance is not None and entry.facts["boundary"]:
        chance = of_pairs(entry, data, data.by_chance)
    yield from _compared(entry, data, compared(entry, data, share, found), missing, "of group and reference", chance)


def _compared(
    entry: Entry, data: Summarised, number: Number, missing: list[str], sense: str, chance: Share | None = None
) -> Iterator[Finding]:
    """A ``gap`` for each pair, with a two-sided p-value of Student's t (or the one by chance), Holm over the pairs."""
    rows = data.rows(entry)
    parity = 1 if entry.facts["good"] == "one" and entry.facts["over"] == "pair" else 0
    p = np.where(number.known, t_p(quotient(number.value - parity, number.se), np.maximum(number.df, 1)), np.nan)
    expected = None
    if chance is not None:
        expected, p = told_by_chance(entry, number, chance)
    measured, adjusted = ~np.isnan(p), adjusted_p(p)
    for place, (group, reference) in enumerate(data.pairs):
        value, t = float(number.value[place]), {"se": float(number.se[place]), "df": float(number.df[place])}
        yield _finding(
            entry,
            data,
            comparison="gap",
            group=data.groups[group],
            reference=data.groups[reference],
            value=value,
            missing=missing[place],
            sufficient=("t", {"mean": value, **t, **_ends(entry, "gap")}) if number.known[place] else None,
            n=Support(group=float(rows[group]), reference=float(rows[reference])),
            said=f"{direction(entry.facts['good'], data.favourable)}; {sense}",
            p=(float(p[place]), float(adjusted[place])) if measured[place] else None,
            details={} if expected is None or missing[place] else {"by_chance": rounded(float(expected[place]))},
        )


def _whole(entry: Entry, data: Summarised) -> Iterator[Finding]:
    known = [place for place, group in enumerate(data.groups) if group != MISSING_GROUP]
    share = entry.function(at(data.summary, known)) if known else Share(np.zeros(()), np.zeros(()))
    spreads = None
    if data.replicates is not None and known and not entry.facts["boundary"]:
        spreads = spread(*entry.function(at(data.replicates, known, 1)))
    number = number_of(share, spreads, _of_all(units_of_groups(entry, data)[known], data.apart))
    value, exists, found = float(number.value), bool(number.exists), None
    details: dict[str, Any] = {}
    p = None
    if data.by_chance is not None and known and entry.facts["boundary"] and exists:
        expected, chance = told_by_chance(entry, number, entry.function(at(data.by_chance, known, 1)))
        if not np.isnan(chance):
            details = {"by_chance": rounded(float(expected))}
            p = (float(chance), float(chance))
    if number.known:
        found = _scaled(entry, value, number.se, number.df)
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


def _of_all(units: Floats, apart: bool) -> Floats:
    """How many units all groups have together: where they may share them, at least as many as the largest."""
    return np.asarray(units.sum() if apart else units.max(initial=0.0))


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


def _scaled(entry: Entry, value: float, error: Any, freedom: Any) -> tuple[str, dict[str, float]] | None:
    """The interval of one number of one group, or of all, on the scale on which it is nearly normal."""
    scale, se, df = entry.facts["scale"], float(error), float(freedom)
    if scale in ("rate", "proportion"):
        if not 0 < value < 1:
            return None
        return "logit-t", {"mean": float(np.log(value / (1 - value))), "se": se / (value * (1 - value)), "df": df}
    if scale == "signed":
        inside = abs(value) < 1
        return ("fisher-t", {"mean": float(np.arctanh(value)), "se": se / (1 - value**2), "df": df}) if inside else None
    if scale == "explained":
        rest = 1 - value
        return ("rest-log-t", {"mean": -float(np.log(rest)), "se": se / rest, "df": df}) if rest > 0 else None
    if scale == "positive":
        log, most = {"mean": float(np.log(value)), "se": se / value, "df": df} if value > 0 else None, ends(entry)[1]
        return None if log is None else ("log-t", log if most is None else log | {"high": most})
    return "t", {"mean": value, "se": se, "df": df, **_ends(entry)}


def _ends(entry: Entry, comparison: Comparison = "mean") -> dict[str, float]:
    """Where the interval of a number ends whatever the rows say; of a gap, at the widest that there can be."""
    low, high = ends(entry)
    if comparison == "gap" and entry.facts["over"] == "group":
        low, high = (None, None) if low is None or high is None else (low - high, high - low)
    return {name: end for name, end in (("low", low), ("high", high)) if end is not None}


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
        interval = _interval(sufficient, data.level)
        if interval is None:
            more["no_interval"] = "so little is known of it that its interval has no lower end"
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


def _interval(sufficient: tuple[str, dict[str, float]], level: float) -> Interval | None:
    """The interval at the level, none without a lower end."""
    low, high = (float(end) for end in bounds(*sufficient, critical(level)))
    top = rounded(high) if np.isfinite(high) else None
    return Interval(low=rounded(low), high=top, level=level, method=sufficient[0]) if np.isfinite(low) else None


def _why_no_interval(entry: Entry, data: Summarised) -> str:
    if entry.facts["boundary"]:
        end = "greatest" if entry.facts["good"] == "one" else "least"
        return f"parity is the {end} value that it or its parts can take, so no interval from resampled rows is valid"
    if data.replicates is None:
        return data.unresampled
    return "it hardly varies, or often does not exist, in resampled rows"
