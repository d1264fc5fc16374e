"""The numbers of a limit as it sees them: each by itself, and many thousands of pairs as columns.

Of 1,000 groups there are a million ordered pairs. They follow from 1,000 rates, so that a pair is made only where
somebody asks for it; what is asked of all of them is answered from columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from audits.findings import Finding, Support
from audits.spec import Limit
from audits.statistics.roots import Floats, quotient

OF_RATES = {"difference": "newcombe+gart-nam", "ratio": "koopman+gart-nam-ratio"}
"""Comparisons of two rates, and the interval by which they are judged."""

_EXACTLY = 1e-9  # numbers nearer than this to the limit are compared with it as fractions

Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Side:
    """One number as a limit sees it: group and reference in the order that ``value`` is told in.

    ``method`` and ``sufficient`` give its interval at any level. ``value`` is ``None`` for a ratio to a rate of 0.
    ``finding`` the number itself, ``ids`` the stored findings it follows from: itself, or the rates of both groups.
    """

    finding: Finding
    group: str
    reference: str
    value: float | None
    method: str
    sufficient: dict[str, float]
    n: Support | None
    ids: tuple[str, ...]

    @property
    def of_two_rates(self) -> bool:
        """Whether it is the difference or ratio of two rates, with their counts."""
        return self.sufficient.keys() >= {"x1", "n1", "x2", "n2"}


class PairsOfRates(Sequence[Side]):
    """Both orders of pairs of groups whose comparison is not stored, from the groups' own rates.

    ``rates`` the rates · ``one``, ``other`` which of them each side compares, an order and then its reverse.
    """

    def __init__(self, compare: str, rates: Sequence[Finding], apart: Collection[frozenset[str]] = ()) -> None:
        """Take all pairs of ``rates`` but those whose names stand in ``apart``."""
        self.compare, self.rates, self.method = compare, rates, OF_RATES[compare]
        first, second = np.triu_indices(len(rates), 1)
        at = {name: index for index, name in enumerate(f.group for f in rates)}
        left_out = np.zeros((len(rates), len(rates)), np.bool_)
        for pair in apart:
            if len(pair) == 2 and pair <= at.keys():
                one, other = sorted(at[name] for name in pair)
                left_out[one, other] = True
        kept = ~left_out[first, second]
        self.one = np.stack([first[kept], second[kept]], axis=1).ravel()
        self.other = np.stack([second[kept], first[kept]], axis=1).ravel()
        x, n = (np.array([f.sufficient[name] for f in rates], np.float64) for name in ("x", "n"))
        self.sufficient = {"x1": x[self.one], "n1": n[self.one], "x2": x[self.other], "n2": n[self.other]}

    def __len__(self) -> int:
        return len(self.one)

    @overload
    def __getitem__(self, at: int) -> Side: ...
    @overload
    def __getitem__(self, at: slice) -> list[Side]: ...
    def __getitem__(self, at: int | slice) -> Side | list[Side]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        one, other = self.rates[self.one[at]], self.rates[self.other[at]]
        value = float(self.values[at])
        n = Support(group=one.n.group, reference=other.n.group) if one.n and other.n else None
        counts = {name: float(column[at]) for name, column in self.sufficient.items()}
        ids = (min(one.id, other.id), max(one.id, other.id))
        known = None if np.isnan(value) else value
        return Side(one, one.group, other.group, known, self.method, counts, n, ids)

    @cached_property
    def groups(self) -> set[str]:
        """The names of the groups that are compared."""
        return {self.rates[at].group for at in np.unique(self.one)}

    @cached_property
    def values(self) -> Floats:
        """The number of every side; NaN for a ratio to a rate of 0."""
        counts = self.sufficient
        own, its = quotient(counts["x1"], counts["n1"]), quotient(counts["x2"], counts["n2"])
        return own - its if self.compare == "difference" else quotient(own, its, np.nan)

    def ids(self, chosen: Chosen) -> list[str]:
        """The ids of the rates that the chosen sides are made of, each once, by the first side that it stands in."""
        names = np.array([f.id for f in self.rates], np.object_)
        order = np.argsort(np.argsort(names, kind="stable"), kind="stable")
        pairs = np.stack([self.one[chosen], self.other[chosen]], axis=1)
        turned = order[pairs[:, 0]] > order[pairs[:, 1]]
        both = np.where(turned[:, None], pairs[:, ::-1], pairs).ravel()
        used, first = np.unique(both, return_index=True)
        return [str(name) for name in names[used[np.argsort(first)]]]

    def broken(self, limit: Limit) -> Chosen:
        """Which of the sides lie beyond the limit (``broken``)."""
        upper, values = limit.at_most is not None, self.values
        unknown = np.isnan(values)
        found = np.where(unknown, upper & (self.sufficient["x1"] > 0), (values > limit.bound) == upper)
        near = np.abs(values - limit.bound) <= _EXACTLY * np.maximum(np.abs(values), 1)
        for at in np.flatnonzero(near):
            found[at] = broken(limit, self[int(at)])
        return found


class Sides(Sequence[Side]):
    """All numbers of a limit over one attribute: those that are stored, then those that follow from rates."""

    def __init__(self, listed: Sequence[Side] = (), tables: Sequence[PairsOfRates] = ()) -> None:
        self.listed, self.tables = tuple(listed), tuple(table for table in tables if len(table))
        self._starts: list[int] = np.cumsum([len(self.listed), *(len(table) for table in self.tables)]).tolist()

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, at: int) -> Side: ...
    @overload
    def __getitem__(self, at: slice) -> list[Side]: ...
    def __getitem__(self, at: int | slice) -> Side | list[Side]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        if at < len(self.listed):
            return self.listed[at]
        which = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self.tables[which][at - self._starts[which]]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that the sides are of, or are made of."""
        used = [table.rates[at] for table in self.tables for at in np.unique(table.one)]
        return (*(side.finding for side in self.listed), *used)

    @cached_property
    def groups(self) -> int:
        """How many groups the sides are of."""
        names = {name for side in self.listed for name in (side.group, side.reference)}
        return len(names.union(*(table.groups for table in self.tables)))

    @cached_property
    def comparisons(self) -> int:
        """How many numbers there are: one per finding, or per pair of findings."""
        return len({side.ids for side in self.listed}) + sum(len(table) // 2 for table in self.tables)

    def ids(self, chosen: Chosen) -> list[str]:
        """The ids of the findings that the chosen sides follow from, each once, in their order."""
        found = [name for at in np.flatnonzero(chosen[: len(self.listed)]) for name in self.listed[at].ids]
        for start, table in zip(self._starts, self.tables, strict=False):
            found += table.ids(chosen[start : start + len(table)])
        return list(dict.fromkeys(found))

    def broken(self, limit: Limit) -> Chosen:
        """Which of the numbers themselves lie beyond the limit."""
        listed = np.array([broken(limit, side) for side in self.listed], np.bool_)
        return np.concatenate([listed, *(table.broken(limit) for table in self.tables)])

    def by_method(self, chosen: Chosen | None = None) -> Iterator[tuple[str, NDArray[np.intp], dict[str, Floats]]]:
        """Yield the method, the places and the sufficient statistics of the chosen sides; default all."""
        for method, places, columns in self._columns:
            if chosen is None:
                yield method, places, columns
            elif (kept := chosen[places]).any():
                yield method, places[kept], {name: column[kept] for name, column in columns.items()}

    @cached_property
    def _columns(self) -> list[tuple[str, NDArray[np.intp], dict[str, Floats]]]:
        places: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for at, side in enumerate(self.listed):
            places.setdefault((side.method, tuple(side.sufficient)), []).append(at)
        listed = [
            (method, np.array(at, np.intp), {name: self._column(at, name) for name in names})
            for (method, names), at in places.items()
        ]
        tables = zip(self._starts, self.tables, strict=False)
        return listed + [(table.method, start + np.arange(len(table)), table.sufficient) for start, table in tables]

    def _column(self, at: Sequence[int], name: str) -> Floats:
        return np.array([self.listed[index].sufficient[name] for index in at])


def broken(limit: Limit, side: Side) -> bool:
    """Whether the estimate itself lies beyond the limit; counts of rows are compared in exact rationals.

    48 of 100 against 60 of 100 is exactly 0.8 and so not below a limit of 0.8.
    """
    upper = limit.at_most is not None
    if side.value is not None and abs(side.value - limit.bound) > _EXACTLY * max(abs(side.value), 1):
        return (side.value > limit.bound) == upper
    value, bound = exact(side), Fraction(str(limit.bound))
    if value is None:
        return upper and bool(side.sufficient.get("x1"))
    return value > bound if upper else value < bound


def exact(side: Side) -> Fraction | None:
    """The estimate as a fraction of whole numbers where the counts are whole, else as the float it is."""
    counts = side.sufficient
    if set(counts) == {"x1", "n1", "x2", "n2"} and all(float(v).is_integer() for v in counts.values()):
        x1, n1, x2, n2 = (int(counts[name]) for name in ("x1", "n1", "x2", "n2"))
        if side.method.startswith("koopman") or side.finding.comparison == "ratio":
            return Fraction(x1 * n2, n1 * x2) if x2 else None
        return Fraction(x1, n1) - Fraction(x2, n2)
    if set(counts) >= {"x", "n"} and all(float(counts[name]).is_integer() for name in ("x", "n")):
        return Fraction(int(counts["x"]), int(counts["n"]))
    return None if side.value is None else Fraction(str(side.value))
