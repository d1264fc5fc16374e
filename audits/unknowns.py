"""The verdict of a limit again, whatever group the rows of unknown group belong to.

Every such row is in some group. For each pair of groups there is an assignment that sets their rates as far apart as
can be, and one that brings them as near: the positive rows to one of them and the negative ones to the other. The
limit holds whatever the truth if it holds under the worst assignment of every pair; it is broken whatever the truth if
some pair lies beyond it even under the best. Bounds, not estimates: no assumption is made on why a group is unknown.

Source: Manski 1989, Journal of Human Resources 24:343 (worst-case bounds); Horowitz, Manski 2000, Journal of the
American Statistical Association 95:77.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audits.family import Family, measured
from audits.findings import MISSING_GROUP, WEIGHT, Finding, Frozen, rounded
from audits.judging import own_rate
from audits.sides import OF_RATES
from audits.statistics import on_side, z_where
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import bonferroni_critical, one_sided, pairs_critical


class Unknown(Frozen):
    """What becomes of a limit when its rows of unknown group are assigned to groups.

    ``rows`` how many there are · ``verdict`` the one that holds however they are assigned · ``worst`` the pair (or
    group) that decides · ``low``, ``high`` how far its number can lie, by assignment alone (null: no end, a ratio to
    a rate of 0).
    """

    rows: int
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    worst: dict[str, str]
    low: float | None
    high: float | None


def assigned(family: Family, level: float, limits: int) -> Unknown | None:
    """Return the verdict of a family under every assignment of its rows of unknown group.

    Args:
        family: what one limit is held against over one attribute.
        level: confidence level.
        limits: number of limits in the policy, for which a FAIL is corrected (Bonferroni).

    Returns:
        ``None`` where no row is of unknown group, or the limit is not one of rates and their pairs.
    """
    if family.limit.compare not in (*OF_RATES, "rate"):
        return None
    measures = [_Measure(family, of) for of in dict.fromkeys(measured(f) for f in family.known if own_rate(f))]
    rows = max((int(f.n.group) for one in measures for f in one.unknown if f.n), default=0)
    if not rows:
        return None
    found = [one.assigned(level, limits * len(measures), rows) for one in measures if len(one.own)]
    order = ("FAIL", "INCONCLUSIVE", "PASS")
    return min(found, key=lambda one: order.index(one.verdict), default=None)


class _Measure:
    """One measure of one technique over one attribute: the rates of its groups, and of the rows of unknown group.

    ``total`` what each group weighs: rows, or the sum of their weights · ``squares`` of their weights, as much as
    makes Kish's effective number the one that the rate's interval stands on.
    """

    def __init__(self, family: Family, of: tuple[str, str, str]) -> None:
        known = [f for f in family.known if measured(f) == of]
        rates = [f for f in known if own_rate(f)]
        self.family, self.groups = family, [f.group for f in rates]
        self.unknown = [f for f in known if _unknown_rate(f)]
        self.total, self.share, self.squares = _weighed(rates)
        self.method = OF_RATES.get(family.limit.compare, "clopper-pearson")
        own, its = np.indices((len(rates), len(rates))).reshape(2, -1)
        kept = (own == its) == (family.limit.compare == "rate")
        self.own, self.its = own[kept], its[kept]

    def assigned(self, level: float, limits: int, rows: int) -> Unknown:
        """Return the verdict whatever the assignment; ``limits`` how many are corrected for."""
        joint, count = 1 - (1 - level) / limits, len(self.groups)
        rate = self.family.limit.compare == "rate"
        z = bonferroni_critical(joint, count) if rate else pairs_critical(joint, count)
        upper = self.family.limit.at_most is not None
        most, least = self._counts(True), self._counts(False)
        bad, good = (most, least) if upper else (least, most)
        inside, outside = self._side(bad, one_sided(level)) < 0, self._side(good, z) > 0
        verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"] = "INCONCLUSIVE"
        deciding, looked_at = ~inside | inside.all(), bad
        if inside.all() and not self.family.unmeasured and not self.family.unseen:
            verdict = "PASS"
        elif outside.any():
            verdict, deciding, looked_at = "FAIL", outside, good
        at = self._worst(deciding, looked_at)
        low, high = (float(self._value(counts)[at]) for counts in (least, most))
        group, reference = self.groups[self.own[at]], self.groups[self.its[at]]
        return Unknown(
            rows=rows,
            verdict=verdict,
            worst={"group": group, "reference": "" if rate else reference},
            low=rounded(low) if np.isfinite(low) else None,
            high=rounded(high) if np.isfinite(high) else None,
        )

    def _counts(self, most: bool) -> dict[str, Floats]:
        """The counts of every side where its number is as large as can be, or as small."""
        x, n = self._with(self.own, most)
        if self.family.limit.compare == "rate":
            return {"x": x, "n": n}
        x2, n2 = self._with(self.its, not most)
        return {"x1": x, "n1": n, "x2": x2, "n2": n2}

    def _with(self, at: Any, positive: bool) -> tuple[Floats, Floats]:
        """The counts of groups that get every unknown row of the numerator, or every one that is not in it."""
        total, share, squares = self.total[at], self.share[at], self.squares[at]
        if self.unknown:
            (more,), (of,), (more_squares,) = _weighed(self.unknown[:1])
            part = of if positive else 1 - of
            share = (share * total + more * part * positive) / (total + more * part)
            total, squares = total + more * part, squares + more_squares * part
        effective = total**2 / squares
        return share * effective, effective

    def _side(self, counts: dict[str, Floats], z: float) -> Floats:
        """1 where the interval at z lies wholly beyond the limit, −1 where wholly inside, else 0."""
        side = on_side(self.method, counts, self.family.limit.bound, z)
        return side if self.family.limit.at_most is not None else -side

    def _worst(self, deciding: NDArray[np.bool_], counts: dict[str, Floats]) -> int:
        """Of the sides that decide the one whose number lies the clearest beyond the limit, or the nearest to it."""
        sign = 1 if self.family.limit.at_most is not None else -1
        z = sign * z_where(self.method.split("+")[-1], counts, self.family.limit.bound)
        value = sign * self._value(counts)
        clearest = np.flatnonzero(deciding & (z == z[deciding].max()))
        return int(clearest[np.argmax(value[clearest])])

    def _value(self, counts: dict[str, Floats]) -> Floats:
        if self.family.limit.compare == "rate":
            return quotient(counts["x"], counts["n"])
        one, two = quotient(counts["x1"], counts["n1"]), quotient(counts["x2"], counts["n2"])
        return one - two if self.family.limit.compare == "difference" else quotient(one, two, np.inf)


def _weighed(rates: list[Finding]) -> tuple[Floats, Floats, Floats]:
    """What the rows of each rate weigh, their rate, and the sum of their squared weights."""
    x, n = (np.array([f.sufficient[name] for f in rates], np.float64) for name in ("x", "n"))
    total = np.array([f.details.get(WEIGHT, f.n.group if f.n else f.sufficient["n"]) for f in rates], np.float64)
    return total, x / n, total**2 / n


def _unknown_rate(finding: Finding) -> bool:
    return (
        finding.comparison == "rate"
        and finding.group == MISSING_GROUP
        and finding.sufficient.keys() == {"x", "n"}
        and finding.sufficient["n"] > 0
    )
