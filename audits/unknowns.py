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

from audits.findings import MISSING_GROUP, Finding, Frozen, rounded
from audits.judging import OF_RATES, Family, own_rate
from audits.statistics import bounds
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import bonferroni_critical, one_sided, pairs_critical


class Unknown(Frozen):
    """What becomes of a limit when its rows of unknown group are assigned to groups.

    ``rows`` how many there are · ``verdict`` the one that holds however they are assigned · ``worst`` the pair (or
    group) that decides · ``low``, ``high`` how far its number can lie, by assignment alone (``high`` null: no end).
    """

    rows: int
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    worst: dict[str, str]
    low: float
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
    found = [
        _of_measure(family, measure, attribute, level, limits)
        for measure, attribute in dict.fromkeys((f.measure, f.attribute) for f in family.known if own_rate(f))
    ]
    told = [one for one in found if one is not None]
    order = ("FAIL", "INCONCLUSIVE", "PASS")
    return min(told, key=lambda one: order.index(one.verdict), default=None)


def _of_measure(family: Family, measure: str, attribute: str, level: float, limits: int) -> Unknown | None:
    known = [f for f in family.known if (f.measure, f.attribute) == (measure, attribute)]
    rates, unknown = [f for f in known if own_rate(f)], [f for f in known if _unknown_rate(f)]
    if not unknown or len(rates) < 2:
        return None
    x = np.array([f.sufficient["x"] for f in rates])
    n = np.array([f.sufficient["n"] for f in rates])
    of = float(unknown[0].sufficient["x"])
    rest = float(unknown[0].sufficient["n"]) - of
    if family.limit.compare == "rate":
        sides = [(at, at) for at in range(len(rates))]
        most = {"x": x + of, "n": n + of}
        least = {"x": x, "n": n + rest}
        method, joint = "clopper-pearson", bonferroni_critical(1 - (1 - level) / limits, len(rates))
    else:
        sides = [(i, j) for i in range(len(rates)) for j in range(len(rates)) if i != j]
        one, two = np.array(sides).T
        most = {"x1": x[one] + of, "n1": n[one] + of, "x2": x[two], "n2": n[two] + rest}
        least = {"x1": x[one], "n1": n[one] + rest, "x2": x[two] + of, "n2": n[two] + of}
        method = OF_RATES[family.limit.compare]
        joint = pairs_critical(1 - (1 - level) / limits, len(rates))
    upper = family.limit.at_most is not None
    bad, good = (most, least) if upper else (least, most)
    inside = _beyond(method, bad, one_sided(level), family.limit.bound, upper)
    outside = _beyond(method, good, -joint, family.limit.bound, upper)
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"] = "INCONCLUSIVE"
    deciding = inside
    if (inside < 0).all() and not family.unmeasured:
        verdict = "PASS"
    elif (outside > 0).any():
        verdict, deciding = "FAIL", outside
    at = int(np.argmax(deciding))
    low, high = (float(_value(family, counts)[at]) for counts in (least, most))
    group, reference = (rates[side].group for side in sides[at])
    return Unknown(
        rows=int(unknown[0].n.group) if unknown[0].n else int(of + rest),
        verdict=verdict,
        worst={"group": group, "reference": "" if family.limit.compare == "rate" else reference},
        low=rounded(low),
        high=rounded(high) if np.isfinite(high) else None,
    )


def _unknown_rate(finding: Finding) -> bool:
    return (
        finding.comparison == "rate"
        and finding.group == MISSING_GROUP
        and finding.sufficient.keys() == {"x", "n"}
        and finding.sufficient["n"] > 0
    )


def _beyond(method: str, counts: dict[str, Any], z: float, bound: float, upper: bool) -> Floats:
    """How far the interval's end lies beyond the limit: the outer end for z above 0, the inner one for z below."""
    low, high = bounds(method, counts, abs(z))
    end = high if (z > 0) == upper else low
    return np.asarray(end - bound if upper else bound - end)


def _value(family: Family, counts: dict[str, Any]) -> Floats:
    if family.limit.compare == "rate":
        return quotient(counts["x"], counts["n"])
    one, two = quotient(counts["x1"], counts["n1"]), quotient(counts["x2"], counts["n2"])
    return one - two if family.limit.compare == "difference" else quotient(one, two, np.inf)
