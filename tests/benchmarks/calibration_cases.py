"""The populations of the calibration: how many groups and rows, which rates, and whether the limit holds in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

GAP, FLOOR = 0.1, 0.8
"""The limits: rates differ by at most ten points; the smallest is at least four fifths of the largest."""

SMALL = 50
"""The aims are for groups of this many rows or more; what becomes of smaller ones is told apart."""


@dataclass(frozen=True)
class Case:
    """One population: what is drawn for each group, and whether the limit holds in it.

    ``holds`` the limit holds (exactly at the limit too) · ``broken`` the disparity is at the limit or beyond.
    """

    path: str
    groups: int
    n: tuple[int, ...]
    base: float
    truth: str
    rates: tuple[float, ...]
    holds: bool
    broken: bool
    more: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def small(self) -> bool:
        """Whether some group is below the size that the aims are for."""
        return min(self.n) < SMALL

    def told(self) -> str:
        """The case in words."""
        sizes = f"{min(self.n):,}" + (f" to {max(self.n):,}" if max(self.n) > min(self.n) else "")
        order = ", smallest lowest" if self.n[0] < self.n[-1] else ", largest lowest" if self.n[0] > self.n[-1] else ""
        return f"{self.groups} groups of {sizes}{order}; rates from {self.base:g}; {self.truth}"


def sizes(groups: int, quick: bool) -> Iterator[tuple[int, ...]]:
    """Groups of one size, and of sizes from n to 10 n, the smallest first or last."""
    for n in (50, 300) if quick else (10, 50, 100, 300, 1000, 3000):
        if n >= SMALL:
            yield (n,) * groups
        if n <= 300:
            unlike = tuple(np.rint(np.geomspace(n, 10 * n, groups)).astype(int).tolist())
            yield unlike
            yield unlike[::-1]


def rate_cases(quick: bool) -> Iterator[Case]:
    """Differences and ratios of rates of 2 to 14 groups."""
    for groups in (2, 8) if quick else (2, 4, 8, 14):
        for n in sizes(groups, quick):
            for base in (0.05, 0.3) if quick else (0.05, 0.1, 0.2, 0.3, 0.5):
                for path, far in (("difference", base + GAP), ("ratio", base / FLOOR)):
                    middle, half = (base + far) / 2, groups // 2
                    truths = {
                        "equal": (base,) * groups,
                        "one pair at the limit": (base, *[middle] * (groups - 2), far),
                        "half at the limit": (base,) * half + (far,) * (groups - half),
                        "half beyond it": (base,) * half + (far + (far - base),) * (groups - half),
                    }
                    for truth, rates in truths.items():
                        if groups > 2 or truth != "half at the limit":
                            at = "at the limit" in truth
                            holds, broken = truth == "equal" or at, truth != "equal"
                            yield Case(path, groups, n, base, truth, rates, holds, broken)


def odds_cases(quick: bool) -> Iterator[Case]:
    """Equalized odds: true and false positive rates of groups with their own share of positives."""
    for groups in (2,) if quick else (2, 4, 8):
        for n in [(1000,) * groups] if quick else [(n,) * groups for n in (100, 300, 1000, 3000)]:
            for base in (0.1, 0.3):
                for truth in ("equal", "one of both rates at the limit", "both rates at the limit"):
                    tpr = [0.7] * groups
                    fpr = [0.1] * groups
                    if truth != "equal":
                        tpr[0] -= GAP
                    if truth.startswith("both"):
                        fpr[-1] += GAP
                    more = {"tpr": tuple(tpr), "fpr": tuple(fpr)}
                    yield Case("equalized odds", groups, n, base, truth, (), True, truth != "equal", more)


def own_cases(quick: bool) -> Iterator[Case]:
    """One rate of each group, at most ``base``: one group at the limit, or all."""
    for groups in (1, 8) if quick else (1, 2, 4, 8, 14):
        for n in (50, 300) if quick else (50, 100, 300, 1000, 3000):
            for base in (0.02, 0.1) if quick else (0.01, 0.02, 0.05, 0.1, 0.3, 0.5):
                yield Case("rate", groups, (n,) * groups, base, "all at the limit", (base,) * groups, True, True)
                if groups > 1:
                    rates = (base, *[base / 2] * (groups - 1))
                    yield Case("rate", groups, (n,) * groups, base, "one at the limit", rates, True, True)


def flip_cases(quick: bool) -> Iterator[Case]:
    """Paired differences at most 5 points: ``base`` is the share of rows that flip at all."""
    for comparisons in (1, 6) if quick else (1, 6, 28):
        for n in (100, 1000) if quick else (50, 100, 300, 1000, 3000):
            for base in (0.06, 0.2) if quick else (0.05, 0.06, 0.1, 0.2, 0.4):
                for truth, gap in (("equal", 0.0), ("all at the limit", 0.05)):
                    yield Case("paired", comparisons, (n,), base, truth, (gap,), True, gap > 0)


def gap_cases(quick: bool) -> Iterator[Case]:
    """F1 of every group, by the t interval from resampled counts."""
    for groups in (2,) if quick else (2, 4):
        for n in (200,) if quick else (100, 300, 1000, 3000):
            for base in (0.3,) if quick else (0.1, 0.3, 0.5):
                for truth, low in (("equal", 0.7), ("one group at the limit", 0.6)):
                    rates = (low, *[0.7] * (groups - 1))
                    yield Case("gap", groups, (n,) * groups, base, truth, rates, True, low < 0.7)
