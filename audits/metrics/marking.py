"""Rows that are marked or not: the share of each group that is, with the intervals and comparisons of a rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics.comparing import rate_findings
from audits.metrics.counting import cells
from audits.metrics.groups import count, measure
from audits.metrics.pairing import pairs_of
from audits.metrics.rates import base_rate
from audits.registry import Entry


def counted_rate(
    evidence: Evidence,
    attribute: str,
    entry: Entry,
    cell: NDArray[np.int8],
    *,
    technique: str,
    favourable: bool = True,
    floor: int = 1,
    file: str = "rows.parquet",
) -> Iterator[Finding]:
    """Yield a rate of every group, and its difference and ratio of every pair.

    Args:
        evidence: the rows, their weights and clusters.
        attribute: whose groups.
        entry: a rate, a function of ``Counts``.
        cell: each row's cell (``audits.metrics.counting.cells``).
        technique: which one the findings are of.
        favourable: whether what the rate calls positive is good for the person.
        floor: fewest rows of the denominator for a number.
        file: where what is counted stands.
    """
    rates = measure(evidence, entry, count(evidence, attribute, cell), max(floor, 1))
    rates = dataclasses.replace(rates, favourable=favourable, file=file)
    sign = -1 if rates.good == ("low" if favourable else "high") or rates.good == "error" else 1
    values = [None if why else sign * float(value) for why, value in zip(rates.missing, rates.value, strict=True)]
    yield from rate_findings(rates, pairs_of(evidence, attribute, rates.groups, rates.totals, values), technique)


def marked_rate(
    evidence: Evidence, attribute: str, entry: Entry, marked: NDArray[np.bool_], known: NDArray[np.bool_], **more: Any
) -> Iterator[Finding]:
    """Yield the share of known rows that are marked, as ``counted_rate``; ``entry`` gives its name and facts."""
    mark = np.where(known, marked, -1).astype(np.int8)
    facts = {**entry.facts, "labels": False, "decisions": False}
    own = dataclasses.replace(entry, function=base_rate, facts=facts)
    yield from counted_rate(evidence, attribute, own, cells(mark, mark), **more)
