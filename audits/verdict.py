"""The verdict: limits × findings → PASS, FAIL or INCONCLUSIVE, from the findings alone.

The steps, for a policy fixed beforehand, at level 1 − α:

1. Every limit over each of its attributes is a *family*: the numbers of its measure and comparison, group by group
   or pair by pair; differences, ratios, paired differences, gaps and changes in either order.
   Rows of unknown group are never a side.
2. How far does the family lie beyond its limit? For each number beyond it, the critical value z at which its interval
   reaches the limit; the largest z gives the family's p-value: of the studentized range for all pairs of K groups
   (differences, ratios; not of groups that overlap), else two-sided, times the number of numbers (Bonferroni). One
   group's own rate is tested exactly (Clopper–Pearson): Wilson's interval, which is published, is right on average
   over rates only, and calls a rate that is at a limit of 1 % broken in up to 16 % of small audits.
3. These p-values are adjusted by Holm over all families of the policy.
4. FAIL: the adjusted p-value is below α. For a policy of one limit that is to say that a lower limit that holds for
   all pairs together (z = q/√2) lies wholly beyond the limit. Of the pairs shown to be beyond it after both
   corrections, the one of which the most is shown is named.
5. PASS: every group could be measured, every pair was looked at, and the one-sided limit (z of 1 − α) of *every*
   number lies inside. No correction: all must hold at once (intersection-union test). Subgroups that a search found
   hold where its bound on all of them, from all rows, lies inside.
6. Otherwise INCONCLUSIVE, with the smallest disparity that these rows can show, and the rows that it takes.
7. Overall: FAIL if a limit fails that nobody waives; else INCONCLUSIVE if a limit is; else PASS.

Source: Berger 1982, Technometrics 24:295 (PASS); Tukey 1953, Holm 1979 (FAIL).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
from pydantic import Field

from audits import sentences
from audits.errors import SpecError, nearest
from audits.family import Family
from audits.findings import Finding, Frozen, Interval, digest, rounded
from audits.judging import NO_SIDE, families
from audits.resolution import Needed, rows_needed, smallest_detectable
from audits.spec import Limit
from audits.statistics.simultaneous import holm, one_sided
from audits.unknowns import Unknown, assigned

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]

RULE = (
    "PASS only if the one-sided confidence limit of every group or pair lies inside the limit; FAIL only if, after "
    "correction for the number of comparisons and of limits, one lies wholly outside; else INCONCLUSIVE."
)


class LimitVerdict(Frozen):
    """What became of one limit over one attribute.

    ``worst`` the group (and reference) that decided · ``value``, ``interval`` its number: the interval for all
    numbers of the limit together, for a PASS the one whose either end holds with the level's confidence ·
    ``findings`` the ids that decided · ``p`` that nothing lies beyond the limit, ``p_adjusted`` over the policy ·
    ``smallest_detectable`` the smallest disparity that these rows would have shown, ``rows_needed`` how many would
    decide where nothing is shown (``audits.resolution``) · ``unknown`` the verdict again under every assignment of
    the rows of unknown group (``audits.unknowns``).
    """

    limit: dict[str, Any]
    text: str
    attribute: str
    verdict: Outcome
    reason: str
    findings: tuple[str, ...] = ()
    worst: dict[str, str] | None = None
    value: float | None = None
    interval: Interval | None = None
    p: float | None = None
    p_adjusted: float | None = None
    smallest_detectable: float | None = None
    rows_needed: int | None = None
    unknown: Unknown | None = None
    waiver: dict[str, Any] | None = None
    waived: bool = False


class Verdict(Frozen):
    """The verdict of an audit: overall, and limit by limit in the order of the policy."""

    verdict: Outcome
    reason: str
    limits: tuple[LimitVerdict, ...] = ()
    policy_sha256: str
    waivers: tuple[dict[str, Any], ...] = ()
    rule: str = RULE
    level: float = Field(gt=0, lt=1)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON values (``verdict.json``)."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Verdict:
        """Read back what ``to_json`` wrote."""
        return cls.model_validate(document)


def judge(
    policy: Sequence[Limit], findings: Sequence[Finding], level: float = 0.95, today: date | None = None
) -> Verdict:
    """Judge findings by a policy.

    Args:
        policy: the limits.
        findings: every finding of the audit; order does not matter.
        level: confidence level, 1 − α.
        today: the day on which waivers are looked at; default the day it is.

    Raises:
        SpecError: a waiver's date is no date.
    """
    today = today or date.today()
    ordered = sorted(findings, key=lambda finding: finding.id)
    held = families(policy, ordered)  # step 1
    beyond, p = _shown_by(held)  # step 2
    adjusted = holm(p)  # step 3
    judged = [
        _waive(
            _assign(_judge_family(family, z, one, float(all_), level, ordered), family, len(held), level), family, today
        )
        for family, z, one, all_ in zip(held, beyond, p, adjusted, strict=True)
    ]
    overall, reason = _overall(judged)
    return Verdict(
        verdict=overall,
        reason=reason,
        limits=tuple(judged),
        policy_sha256=digest([limit.model_dump(mode="json") for limit in policy]),
        waivers=tuple(one.waiver | {"limit": one.text} for one in judged if one.waiver),
        level=level,
    )


def verdict_of(policy: Sequence[Limit], findings: Sequence[Finding], level: float, at: int) -> Outcome:
    """Return the verdict that ``judge`` has of one limit, without all that it tells beside it.

    Args:
        policy: the limits, each over one attribute.
        findings: every finding of the audit; order does not matter.
        level: confidence level, 1 − α.
        at: which limit.
    """
    held = families(policy, sorted(findings, key=lambda finding: finding.id))
    family, adjusted = held[at], holm(_shown_by(held)[1])
    if not family.sides:
        return "INCONCLUSIVE"
    if adjusted[at] < 1 - level:
        return "FAIL"
    inside, _ = family.within(one_sided(level))
    covered, unmeasured = family.covered(inside)
    return _unless_broken(family, inside | covered, unmeasured)


def _shown_by(held: Sequence[Family]) -> tuple[list[np.ndarray[Any, Any]], list[float]]:
    """How far each side of every family is shown to be beyond its limit, and the p-values of the families."""
    beyond = [family.beyond() for family in held]
    return beyond, [family.p(float(z.max())) if len(z) else 1.0 for family, z in zip(held, beyond, strict=True)]


def _unless_broken(family: Family, inside: np.ndarray[Any, Any], unmeasured: Sequence[Finding]) -> Outcome:
    """Steps 5 and 6: what a limit is that is not broken, of the sides which lie inside or are covered."""
    return "PASS" if inside.all() and not unmeasured and not family.unseen else "INCONCLUSIVE"


def _judge_family(
    family: Family, beyond: np.ndarray[Any, Any], p: float, adjusted: float, level: float, findings: Sequence[Finding]
) -> LimitVerdict:
    if not family.sides:
        valued = any(finding.value is not None for finding in family.unmeasured)
        nothing = "Nothing can be shown" if valued else "Nothing was measured"
        return _undecided(family, f"{nothing}: {_why_nothing(family, findings)}.")
    inside, inner = family.within(one_sided(level))
    covered, unmeasured = family.covered(inside)
    holds = bool((inside | covered).all())
    outcome = _unless_broken(family, inside | covered, unmeasured)
    deciding = inside & ~covered if outcome == "PASS" else ~(inside | covered)
    at = _nearest_the_limit(family, inner, ~covered)
    if p < 1 - level:  # beyond the limit, at least before the limits are corrected for one another
        shown = _shown_beyond(family, beyond, level)
        if adjusted < 1 - level:  # step 4
            outcome = "FAIL"
            shown = deciding = _shown_beyond(family, beyond, 1 - (1 - level) * p / adjusted)
        at = _furthest_beyond(family, shown, level)
    side, told = family.sides[at], _interval(family, at, level, outcome == "PASS")
    ids = [*side.ids] if deciding[at] or not unmeasured else []  # the worst first
    ids += family.sides.ids(deciding)
    ids += [finding.id for finding in unmeasured if outcome == "INCONCLUSIVE"]
    open_ = outcome == "INCONCLUSIVE"
    needed = rows_needed(family, at, level) if open_ and not holds else None
    return LimitVerdict(
        limit=family.limit.model_dump(mode="json"),
        text=family.limit.text(family.attribute),
        attribute=family.attribute,
        verdict=outcome,
        reason=_reason(family, at, outcome, told, holds, needed, level) + sentences.left_out(family),
        findings=tuple(dict.fromkeys(ids)),
        worst={"group": side.group, "reference": side.reference},
        value=None if side.value is None else rounded(side.value),
        interval=told,
        p=rounded(p),
        p_adjusted=rounded(adjusted),
        smallest_detectable=smallest_detectable(family, at, level),
        rows_needed=needed.rows if needed else None,
    )


def _shown_beyond(family: Family, beyond: np.ndarray[Any, Any], level: float) -> np.ndarray[Any, Any]:
    """Which sides' intervals lie wholly beyond the limit, for all numbers together; always the clearest one."""
    shown = beyond > family.critical(level)
    shown[np.argmax(beyond)] = True
    return np.asarray(shown)


def _furthest_beyond(family: Family, shown: np.ndarray[Any, Any], level: float) -> int:
    """Of the sides shown to be beyond the limit the one of which the most is shown, not the one with most rows.

    Of equal ones, but for the last bits of a float, the first.
    """
    low, high = family.intervals(family.critical(level), shown)
    ends = low if family.limit.at_most is not None else -high
    return max(np.flatnonzero(~np.isnan(ends)).tolist(), key=lambda at: rounded(float(ends[at])))


def _nearest_the_limit(family: Family, limits: tuple[Any, Any], counting: np.ndarray[Any, Any]) -> int:
    """The side whose one-sided limit lies nearest to the limit or furthest beyond; between equals, by the number."""
    low, high = limits
    sign = 1 if family.limit.at_most is not None else -1
    ends = high if family.limit.at_most is not None else -low
    known = np.flatnonzero(~np.isnan(ends) & (counting | ~counting.any()))

    def place(at: int) -> tuple[float, float]:
        value = family.sides[at].value
        return rounded(float(ends[at])), -np.inf if value is None else rounded(sign * value)

    return max(known.tolist(), key=place)


def _interval(family: Family, at: int, level: float, passed: bool) -> Interval:
    """The interval that decided: one-sided limits for a PASS, else the one for all numbers together."""
    low, high = family.interval(at, one_sided(level) if passed else family.critical(level))
    return Interval(
        low=rounded(float(np.nan_to_num(low))),  # the least float where there is no lower end
        high=rounded(high) if np.isfinite(high) else None,
        level=rounded(2 * level - 1) if passed else level,
        method=family.sides[at].method,
        simultaneous=not passed and family.comparisons > 1,
    )


def _reason(
    family: Family, at: int, outcome: str, told: Interval, inside: bool, needed: Needed | None, level: float
) -> str:
    estimate = sentences.estimate(family, family.sides[at], told)
    estimate, limit = estimate[:1].upper() + estimate[1:], sentences.limit(family)
    upper = family.limit.at_most is not None
    outer = "above" if upper else "below"
    if outcome == "FAIL":
        return f"{estimate}, wholly {outer} {limit}."
    if outcome == "PASS":
        every = "" if len(family.sides) == 1 else "; no other comes nearer"
        return f"{estimate}, inside {limit} with {100 * level:g}% confidence{every}."
    if inside:
        whom = " for every group" if family.unmeasured else ""
        return f"Cannot be shown{whom}: {sentences.unmeasured(family)}. {estimate} is inside {limit}."
    wholly = told.low > family.limit.bound if upper else told.high is not None and told.high < family.limit.bound
    reach = (
        f"wholly {outer} {limit}, but not after correction for the number of limits"
        if wholly
        else f"on both sides of {limit}"
    )
    more = sentences.needed(family, family.sides[at], needed) if needed else ""
    what = "Not measured" if all(finding.value is None for finding in family.unmeasured) else "Not judged"
    also = f" {what}: {sentences.unmeasured(family)}." if family.unmeasured or family.unseen else ""
    return f"{estimate}, {reach}.{more}{also}"


def _undecided(family: Family, reason: str) -> LimitVerdict:
    return LimitVerdict(
        limit=family.limit.model_dump(mode="json"),
        text=family.limit.text(family.attribute),
        attribute=family.attribute,
        verdict="INCONCLUSIVE",
        reason=reason + sentences.left_out(family),
        findings=tuple(finding.id for finding in family.unmeasured),
    )


def _why_nothing(family: Family, findings: Sequence[Finding]) -> str:
    """Why a limit has no number to be held against."""
    limit, attribute = family.limit, family.attribute
    if family.unmeasured:
        return sentences.unmeasured(family)
    groups = {name for f in family.known for name in (f.group, f.reference)} - {"", *NO_SIDE}
    if family.known and limit.compare in ("difference", "ratio") and len(groups) < 2:
        named = f" ({groups.pop()})" if groups else ""
        return f"{attribute} has fewer than two known groups{named}, so there is no pair to compare"
    if family.known and limit.compare in sentences.AGAINST_PRODUCTION:
        return "it is held against the model in production, which only a gate does: evenhand gate --baseline"
    if family.known:
        there = ", ".join(sorted({f.comparison for f in family.known if f.value is not None}))
        return f"{limit.measure} over {attribute} has no {limit.compare}" + (f"; it has {there}" if there else "")
    over = {f.measure for f in findings if f.attribute == attribute and limit.technique in (None, f.technique)}
    if over:
        return f"no finding is of {limit.measure!r} over {attribute}; {nearest(limit.measure, over)}"
    attributes = {f.attribute for f in findings if f.attribute}
    if attribute in attributes:
        return f"no finding over {attribute} is of the technique {limit.technique!r}"
    near = f"; {nearest(attribute, attributes)}" if attributes else ""
    return f"no finding is over {attribute!r}{near}"


def _assign(judged: LimitVerdict, family: Family, limits: int, level: float) -> LimitVerdict:
    """Add what becomes of the limit however the rows of unknown group are assigned."""
    unknown = assigned(family, level, limits) if family.sides else None
    if unknown is None:
        return judged
    return judged.model_copy(update={"unknown": unknown, "reason": judged.reason + sentences.assigned(family, unknown)})


def _waive(judged: LimitVerdict, family: Family, today: date) -> LimitVerdict:
    """Note the waiver of a broken limit; one that has run out leaves the limit broken."""
    limit = family.limit
    if limit.waiver is None:
        return judged
    try:
        expires = date.fromisoformat(limit.waiver.expires)
    except ValueError as error:
        raise SpecError(
            f"waiver of {judged.text!r}: got expires {limit.waiver.expires!r}, expected a date such as 2027-01-31",
            "write the last day on which the waiver holds",
        ) from error
    expired = today > expires
    broken = judged.verdict == "FAIL"
    said = (
        f" The waiver of {limit.waiver.owner} ran out on {expires}."
        if expired
        else (f" Waived by {limit.waiver.owner} until {expires}: {limit.waiver.reason.rstrip('.')}.")
    )
    return judged.model_copy(
        update={
            "waiver": {**limit.waiver.model_dump(mode="json"), "expired": expired},
            "waived": broken and not expired,
            "reason": judged.reason + (said if broken else ""),
        }
    )


def _overall(judged: Sequence[LimitVerdict]) -> tuple[Outcome, str]:
    """Step 7."""
    if not judged:
        return "INCONCLUSIVE", "No limit was set, so nothing was judged."
    broken = [one.text for one in judged if one.verdict == "FAIL" and not one.waived]
    undecided = [one.text for one in judged if one.verdict == "INCONCLUSIVE"]
    waived = [one.text for one in judged if one.waived]
    also = f" Waived: {'; '.join(waived)}." if waived else ""
    if broken:
        return "FAIL", f"{len(broken)} of {len(judged)} limits broken: {'; '.join(broken)}.{also}"
    if undecided:
        return (
            "INCONCLUSIVE",
            f"{len(undecided)} of {len(judged)} limits not shown to hold: {'; '.join(undecided)}.{also}",
        )
    return "PASS", f"{len(judged) - len(waived)} of {len(judged)} limits shown to hold.{also}"
