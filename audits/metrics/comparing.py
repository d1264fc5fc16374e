"""The rates of groups as findings: each group's own, the difference and ratio of pairs, and their range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from audits.findings import WEIGHT, Finding, Interval, Support, rounded
from audits.findings import Evidence as Source
from audits.metrics import direction
from audits.metrics.groups import GroupRates
from audits.metrics.pairing import known_groups
from audits.statistics import bounds, critical, difference_p
from audits.statistics.ranges import double_corrected_variance, expected_range, expected_ratio
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import holm

NO_RANGE_INTERVAL = (
    "a range is never below 0, so that no interval of resampled rows can cover parity; limit the difference of pairs"
)


def rate_findings(rates: GroupRates, pairs: Sequence[tuple[int, int]], technique: str = "parity") -> Iterator[Finding]:
    """Yield a ``rate`` per group, a ``difference`` and a ``ratio`` per pair, and the range over all groups.

    Args:
        rates: one metric in every group of one attribute.
        pairs: positions (group, reference).
        technique: which one the findings are of.
    """
    yield from many_rate_findings([(rates, pairs)], technique)


def many_rate_findings(
    many: Sequence[tuple[GroupRates, Sequence[tuple[int, int]]]], technique: str = "parity"
) -> Iterator[Finding]:
    """Yield what ``rate_findings`` does for each of several metrics and its pairs.

    The limits of all their ratios are looked for together: each step of that search costs the same for one pair and
    for a hundred.
    """
    counted = [_counts(rates, pairs) for rates, pairs in many]
    limits = _ratio_limits(counted, [rates.level for rates, _ in many])
    for (rates, pairs), counts, ends in zip(many, counted, limits, strict=True):
        yield from _rates(rates, technique)
        yield from _pairs(rates, pairs, counts, ends, technique)
        yield from _range(rates, technique)


def _counts(rates: GroupRates, pairs: Sequence[tuple[int, int]]) -> dict[str, Floats]:
    """Both sides of every pair: ``x`` of ``n`` rows, 1 the group, 2 the reference."""
    one, two = np.array(pairs, np.int64).reshape(-1, 2).T
    return {"x1": rates.x[one], "n1": rates.n[one], "x2": rates.x[two], "n2": rates.n[two]}


def _ratio_limits(many: Sequence[dict[str, Floats]], levels: Sequence[float]) -> list[tuple[Floats, Floats]]:
    """Koopman's limits of the ratios of every pair of each of several metrics."""
    sizes = [len(counts["x1"]) for counts in many]
    if not sum(sizes):
        return [(np.zeros(0), np.zeros(0)) for _ in many]
    joined = {name: np.concatenate([counts[name] for counts in many]) for name in many[0]}
    z = np.repeat([critical(level) for level in levels], sizes)
    low, high = (np.split(end, np.cumsum(sizes)[:-1]) for end in bounds("koopman", joined, z))
    return list(zip(low, high, strict=True))


def _range(rates: GroupRates, technique: str) -> Iterator[Finding]:
    """Largest minus smallest rate of the known groups, beside what chance alone would make of it.

    Source: Lum, Zhang, Bower 2022 (arXiv:2205.05770), on the bias of such measures and the corrected variance.
    """
    known = [at for at in known_groups(rates.groups) if not rates.missing[at]]
    if len(known) < 2:
        return
    x, n, value = rates.x[known], rates.n[known], rates.value[known]
    pooled, sizes = float(x.sum() / n.sum()), np.maximum(n, 1)
    low, high = int(np.argmin(value)), int(np.argmax(value))
    variance = double_corrected_variance(x, n)
    details: dict[str, Any] = {
        "smallest": rates.groups[known[low]],
        "largest": rates.groups[known[high]],
        "groups": len(known),
        "by_chance": rounded(expected_range(pooled, sizes)),
        "between_groups_variance": None if variance is None else rounded(variance),
        "no_interval": NO_RANGE_INTERVAL,
    }
    if value[high] > 0:
        details["smallest_over_largest"] = rounded(float(value[low] / value[high]))
        details["smallest_over_largest_by_chance"] = rounded(expected_ratio(pooled, sizes))
    yield Finding(
        technique=technique,
        measure=rates.measure,
        attribute=rates.attribute,
        comparison="whole",
        value=rounded(float(value[high] - value[low])),
        n=Support(group=float(rates.rows[known].sum())),
        direction="largest minus smallest rate; chance alone makes it positive",
        evidence=Source(file=rates.file, selector=f"{rates.attribute}; among {rates.among}"),
        details=details,
    )


def _words(measure: str) -> str:
    return measure.replace("_", " ")


def _rates(rates: GroupRates, technique: str) -> Iterator[Finding]:
    low, high = bounds("wilson", {"x": rates.x, "n": rates.n}, critical(rates.level))
    for at, group in enumerate(rates.groups):
        yield _finding(
            rates,
            technique,
            group=group,
            comparison="rate",
            value=float(rates.value[at]),
            missing=rates.missing[at],
            limits=(low[at], high[at], "wilson"),
            n=Support(group=rates.rows[at]),
            sufficient={"x": float(rates.x[at]), "n": float(rates.n[at])},
            direction=direction(rates.good, rates.favourable),
            details={} if rates.weight is None else {WEIGHT: rounded(float(rates.weight[at]))},
        )


def _pairs(
    rates: GroupRates,
    pairs: Sequence[tuple[int, int]],
    counts: dict[str, Floats],
    ends: tuple[Floats, Floats],
    technique: str,
) -> Iterator[Finding]:
    if not pairs:
        return
    missing = ["; ".join(filter(None, (rates.missing[a], rates.missing[b]))) for a, b in pairs]
    yield from _differences(rates, pairs, counts, missing, technique)
    yield from _ratios(rates, pairs, counts, ends, missing, technique)


def _differences(
    rates: GroupRates,
    pairs: Sequence[tuple[int, int]],
    counts: dict[str, Floats],
    missing: list[str],
    technique: str,
) -> Iterator[Finding]:
    low, high = bounds("newcombe", counts, critical(rates.level))
    p = difference_p(**counts)
    measured = np.array([not why for why in missing])
    adjusted = np.ones(len(pairs))
    adjusted[measured] = holm(p[measured])
    for at, (one, two) in enumerate(pairs):
        yield _finding(
            rates,
            technique,
            group=rates.groups[one],
            reference=rates.groups[two],
            comparison="difference",
            value=float(rates.value[one] - rates.value[two]),
            missing=missing[at],
            limits=(low[at], high[at], "newcombe"),
            n=Support(group=rates.rows[one], reference=rates.rows[two]),
            sufficient={name: float(column[at]) for name, column in counts.items()},
            direction=f"{direction(rates.good, rates.favourable)}; difference = group − reference",
            p=(float(p[at]), float(adjusted[at])),
        )


def _ratios(
    rates: GroupRates,
    pairs: Sequence[tuple[int, int]],
    counts: dict[str, Floats],
    ends: tuple[Floats, Floats],
    missing: list[str],
    technique: str,
) -> Iterator[Finding]:
    low, high = ends
    ratio = quotient(rates.value[[a for a, _ in pairs]], rates.value[[b for _, b in pairs]])
    for at, (one, two) in enumerate(pairs):
        why = missing[at]
        if not why and rates.value[two] == 0:
            name, n = rates.groups[two], int(rates.rows[two])
            why = f"the {_words(rates.measure)} of {name} is 0 of {n} {rates.among}, so there is no ratio to it"
        yield _finding(
            rates,
            technique,
            group=rates.groups[one],
            reference=rates.groups[two],
            comparison="ratio",
            value=float(ratio[at]),
            missing=why,
            limits=(low[at], high[at], "koopman"),
            n=Support(group=rates.rows[one], reference=rates.rows[two]),
            sufficient={} if missing[at] else {name: float(column[at]) for name, column in counts.items()},
            direction=f"{direction(rates.good, rates.favourable)}; ratio = group / reference",
        )


def _finding(
    rates: GroupRates,
    technique: str,
    *,
    group: str,
    comparison: Any,
    value: float,
    missing: str,
    limits: tuple[Any, Any, str],
    n: Support,
    sufficient: dict[str, float],
    direction: str,
    reference: str = "",
    p: tuple[float, float] | None = None,
    details: dict[str, Any] | None = None,
) -> Finding:
    """One finding; where ``missing`` says why there is no number, nothing but the rows it would stand on."""
    low, high, method = float(limits[0]), float(limits[1]), limits[2]
    known = not missing
    sides = f"{group} | {reference}" if reference else group
    return Finding(
        technique=technique,
        measure=rates.measure,
        attribute=rates.attribute,
        group=group,
        reference=reference,
        comparison=comparison,
        value=rounded(value) if known else None,
        missing=missing,
        interval=Interval(
            low=rounded(low), high=rounded(high) if np.isfinite(high) else None, level=rates.level, method=method
        )
        if known
        else None,
        n=n,
        sufficient={name: rounded(number) for name, number in sufficient.items()}
        if known or comparison == "ratio"
        else {},
        p=rounded(p[0]) if known and p else None,
        p_adjusted=rounded(p[1]) if known and p else None,
        adjustment="holm" if known and p else "",
        direction=direction,
        evidence=Source(file=rates.file, selector=f"{rates.attribute} = {sides}; among {rates.among}"),
        details=details if details and known else {},
    )
