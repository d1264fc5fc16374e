"""Decisions measured on some of the rows: what every alternative is held to, and told as."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.alternatives import Rows, Tried
from audits.findings import Evidence as Source
from audits.findings import Finding, Interval, Support, rounded
from audits.metrics.changing import Decided, Moved, moved
from audits.metrics.counting import cells
from audits.metrics.groups import GroupRates, count_rows, measure
from audits.registry import Entry
from audits.remedies import Target
from audits.statistics import bounds, critical


class Asked(NamedTuple):
    """A rate whose gap over an attribute is limited."""

    entry: Entry
    attribute: str
    target: Target

    @property
    def name(self) -> str:
        """What is mended: ``selection_rate difference``; stands as the group of every finding."""
        return f"{self.entry.name} {self.target.compare}"


class Measuring:
    """Measures decisions on some of the rows, and tells what came of it as findings."""

    def __init__(self, rows: Rows, asked: Asked, tolerance: float | None) -> None:
        self.rows = rows
        self.asked = asked
        self.tolerance = tolerance
        self.z = critical(rows.evidence.spec.statistics.level)
        self.level = rows.evidence.spec.statistics.level

    def rates(self, decisions: NDArray[np.int8], chosen: NDArray[np.bool_]) -> GroupRates:
        """The rate in every group, on the chosen rows."""
        rows = self.rows
        weights = rows.weights[chosen] if rows.evidence.spec.data.weight else None
        clusters = None if rows.clusters is None else rows.clusters[chosen]
        cell = cells(rows.labels, decisions)[chosen]
        counted = count_rows(rows.attribute, rows.codes[chosen], rows.groups, cell, weights, clusters)
        return measure(rows.evidence, self.asked.entry, counted, 1)

    def moved(self, entry: Entry, one: Tried, codes: NDArray[np.integer[Any]], groups: int) -> Moved:
        """How a rate moved on the measuring half, from what the alternative is compared with to what it decides."""
        rows, at = self.rows, ~self.rows.fitting
        data = rows.evidence.spec.data
        clusters = None if rows.clusters is None else np.unique(rows.clusters[at], return_inverse=True)[1]
        weights = rows.weights[at] if data.weight else None
        decided = Decided(codes[at], groups, rows.labels[at], one.before[at], one.decisions[at], weights, clusters)
        return moved(entry, decided)

    def finding(
        self,
        measure: str,
        alternative: str,
        *,
        value: float | None = None,
        missing: str = "",
        interval: tuple[str, dict[str, float]] | None = None,
        n: Support | None = None,
        direction: str = "",
        unit: str = "proportion",
        details: dict[str, Any] | None = None,
    ) -> Finding:
        """One finding about the limited rate; a ``check``, which no limit can be held against."""
        limits = None
        if interval is not None:
            low, high = (float(end) for end in bounds(interval[0], interval[1], self.z))
            high_told = rounded(high) if np.isfinite(high) else None
            limits = Interval(low=rounded(low), high=high_told, level=self.level, method=interval[0])
        return Finding(
            technique="remedies",
            measure=f"{measure}[{alternative}]" if alternative else measure,
            attribute=self.asked.attribute,
            group=self.asked.name,
            comparison="check",
            value=None if missing or value is None else rounded(value),
            missing=missing,
            interval=limits,
            n=n,
            sufficient={name: rounded(number) for name, number in interval[1].items()} if interval else {},
            unit=unit,
            direction=direction,
            evidence=Source(file="rows.parquet", selector=f"{self.asked.attribute}; the measuring half"),
            details=details or {},
        )
