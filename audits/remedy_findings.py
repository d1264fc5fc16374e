"""What an alternative comes to on the half of the rows that it was not fitted on, as findings and in a log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from audits.alternatives import AS_IT_IS, Aim, Tried, Untried
from audits.findings import Finding, Support, rounded
from audits.metrics import registry as metrics
from audits.metrics.groups import GroupRates
from audits.metrics.pairing import known_groups
from audits.remedy_measuring import Measuring
from audits.statistics.differences import difference_z
from audits.statistics.ratios import ratio_z

CAUTION = (
    "it looks at {attribute} when it decides, which may itself be unlawful: in the United States as disparate "
    "treatment (ECOA, 15 U.S.C. 1691(a); Title VII, 42 U.S.C. 2000e-2(a), and (l) on cut-off scores); ask a lawyer"
)
"""Said of every alternative that takes the attribute at the time of decision."""


def told(case: Measuring, aim: Aim, one: Tried | Untried, log: list[dict[str, Any]]) -> Iterator[Finding]:
    """The findings of one alternative; what they say goes to the log too."""
    if isinstance(one, Untried):
        log.append({"alternative": one.name, "not_tried": one.why})
        yield case.finding("remedy_gap", one.name, missing=one.why)
        return
    rows, groups = case.rows, case.rows.groups
    entry: dict[str, Any] = {"alternative": one.name, **one.how, "uses_attribute": one.uses}
    if one.uses:
        entry["caution"] = CAUTION.format(attribute=rows.attribute)
    if one.compared:
        entry["compared_with"] = one.compared
        among = ~rows.fitting & (one.decisions >= 0)
        entry["decisions_changed"] = rounded(float((one.decisions != one.before)[among].mean()), 6)
    about = dict(entry)
    found = [_gap(case, aim, one, about)]
    if one.compared:
        found += [_gap_change(case, aim, one, about), _accuracy_change(case, one, about)]
    for finding in found:
        entry[finding.measure.partition("[")[0]] = _numbers(finding)
    if one.compared:
        entry |= {"chosen": None, "reason": None}
        if case.tolerance is not None:
            entry["within_tolerance"] = _tolerated(found[-1], case.tolerance)
        entry["between"] = [groups[at] for at in aim.pair]
        log.append(entry)
    yield from found


def _numbers(finding: Finding) -> dict[str, Any]:
    if finding.missing:
        return {"missing": finding.missing}
    interval = finding.interval
    return {"value": finding.value, "low": interval and interval.low, "high": interval and interval.high}


def _tolerated(accuracy: Finding, tolerance: float) -> str:
    """Whether the loss of accuracy is shown to lie within the tolerance that was fixed before, or beyond it."""
    if accuracy.interval is None or accuracy.interval.high is None:
        return "not known"
    if accuracy.interval.low >= -tolerance:
        return "shown"
    return "exceeded" if accuracy.interval.high < -tolerance else "not shown"


def _gap(case: Measuring, aim: Aim, one: Tried, told: dict[str, Any]) -> Finding:
    """The gap of the two groups on the measuring half; the widest of all pairs there stands beside it."""
    rates = case.rates(one.decisions, ~case.rows.fitting)
    group, reference = aim.pair
    names = [rates.groups[at] for at in aim.pair]
    known = [at for at in known_groups(rates.groups) if not rates.missing[at]]
    widest = max(known, key=lambda at: rates.value[at]), min(known, key=lambda at: rates.value[at])
    details = {
        **told,
        "between": names,
        "rates": {rates.groups[at]: rounded(float(rates.value[at]), 6) for at in known},
        "widest": {
            "between": [rates.groups[at] for at in widest],
            "difference": rounded(float(rates.value[widest[0]] - rates.value[widest[1]]), 6),
        },
    }
    counts = {"x1": rates.x[group], "n1": rates.n[group], "x2": rates.x[reference], "n2": rates.n[reference]}
    ratio = aim.target.compare == "ratio"
    missing = "; ".join(filter(None, (rates.missing[at] for at in aim.pair)))
    if not missing and ratio and rates.value[reference] == 0:
        missing = f"the {aim.entry.name.replace('_', ' ')} of {names[1]} is then 0, so there is no ratio to it"
    value = 0.0
    if not missing:
        one_rate, other = float(rates.value[group]), float(rates.value[reference])
        value = one_rate / other if ratio else one_rate - other
    sign = "ratio = group / reference" if ratio else "difference = group − reference"
    return case.finding(
        "remedy_gap",
        one.name,
        value=value,
        missing=missing,
        interval=None
        if missing
        else ("koopman" if ratio else "newcombe", {name: float(count) for name, count in counts.items()}),
        n=Support(group=float(rates.rows[group]), reference=float(rates.rows[reference])),
        direction=f"{'1' if ratio else '0'} is parity; {sign}: {names[0]}, {names[1]}",
        unit="ratio" if ratio else "proportion",
        details=details,
    )


def _gap_change(case: Measuring, aim: Aim, one: Tried, told: dict[str, Any]) -> Finding:
    """How much narrower the difference became, on the same rows before and after."""
    group, reference = aim.pair
    found = case.moved(aim.entry, one, case.rows.codes, len(case.rows.groups))
    if not (found.exists[group] and found.exists[reference]):
        why = f"{' or '.join(case.rows.groups[at] for at in aim.pair)} then has no {aim.entry.facts['among']}"
        return case.finding("remedy_gap_change", one.name, missing=f"{why}, so nothing is known of the change")
    step = found.new - found.old
    variance = found.change[group, group] + found.change[reference, reference] - 2 * found.change[group, reference]
    mean = float(step[group] - step[reference]) * (-1 if aim.target.compare == "ratio" else 1) + 0.0
    return case.finding(
        "remedy_gap_change",
        one.name,
        value=mean,
        interval=("normal", {"mean": mean, "se": float(np.sqrt(variance))}),
        n=Support(group=float(found.rows[group]), reference=float(found.rows[reference])),
        direction="below 0 the rates came nearer to each other, or changed places; after − before, on the same rows",
        details=told,
    )


def _accuracy_change(case: Measuring, one: Tried, told: dict[str, Any]) -> Finding:
    """How much oftener the decisions are right, on the same rows before and after."""
    found = case.moved(metrics["accuracy"], one, np.zeros(len(case.rows.codes), np.int8), 1)
    if not found.exists[0]:
        named = case.rows.evidence.spec.data.label is not None
        why = "no row of the measuring half has truth and decision" if named else "the spec names no label (data.label)"
        return case.finding("remedy_accuracy_change", one.name, missing=f"{why}, so nothing is known of the accuracy")
    value, n = float(found.new[0] - found.old[0]), float(found.rows[0])
    flips = {"b": float(found.up[0]), "c": float(found.down[0]), "n": n}
    resampled = {"mean": value, "se": float(np.sqrt(found.change[0, 0]))}
    return case.finding(
        "remedy_accuracy_change",
        one.name,
        value=value,
        interval=("tango", flips) if found.plain else ("normal", resampled),
        n=Support(group=n),
        direction="high means right more often; after − before, on the same rows",
        details=told,
    )


def log_of(case: Measuring, aim: Aim, log: list[dict[str, Any]], seed: int) -> Finding:
    """Every alternative that was considered, for people to choose from; the value is how many were tried."""
    tried_ones = [entry for entry in log if "not_tried" not in entry]
    rows = case.rows
    return case.finding(
        "remedy_log",
        "",
        value=len(tried_ones),
        unit="alternatives",
        direction="alternatives that were tried; which is chosen, and why, is for people to say",
        details={
            "target": {"compare": aim.target.compare, "bound": aim.target.bound},
            "tolerance": case.tolerance if case.tolerance is not None else "none was fixed",
            "seed": seed,
            "fitted_to": [rows.groups[at] for at in aim.groups],
            "too_small_to_fit_to": [rows.groups[at] for at in known_groups(rows.groups) if at not in aim.groups],
            "fitted_on": int(rows.fitting.sum()),
            "measured_on": int((~rows.fitting).sum()),
            "alternatives": log,
            "chosen": None,
            "reason": None,
        },
    )


def nothing(case: Measuring, rates: GroupRates, groups: Sequence[int]) -> Iterator[Finding]:
    """The gap of ``groups`` lies within the target: nothing is to be mended, and nothing was tried."""
    values = rates.value[list(groups)]
    low, high = float(values.min()), float(values.max())
    gap = high - low if case.asked.target.compare == "difference" else low / high if high else 1.0
    said = f"nothing is to be mended: the {case.asked.name} is {rounded(gap, 3):g}, within {case.asked.target.bound:g}"
    small = [name for at, name in enumerate(rates.groups) if at in known_groups(rates.groups) and at not in groups]
    if small:
        said += f"; {', '.join(small)}: too few rows to fit anything to"
    yield case.finding("remedy_gap", AS_IT_IS, value=gap, direction="of all audited rows", details={"said": said})
    yield case.finding("remedy_log", "", value=0, unit="alternatives", details={"said": said, "alternatives": []})


def aim_of(case: Measuring, floor: int) -> Aim | None:
    """The groups with rows enough to fit on, and the two that the fitting half shows most to lie beyond the target.

    Most shown, not furthest apart: of many groups the smallest lie furthest out by chance alone.
    """
    rows, target = case.rows, case.asked.target
    one, two = (case.rates(rows.decisions, half) for half in (rows.fitting, ~rows.fitting))
    groups = [
        at for at in known_groups(rows.groups) if one.rows[at] >= floor and not (one.missing[at] or two.missing[at])
    ]
    if len(groups) < 2:
        return None
    high, low = (np.array(side) for side in zip(*itertools.permutations(groups, 2), strict=True))
    if target.compare == "difference":
        shown = difference_z(target.bound, one.x[high], one.n[high], one.x[low], one.n[low])
    else:
        shown = -ratio_z(target.bound, one.x[low], one.n[low], one.x[high], one.n[high])
    best = int(np.argmax(shown))
    pair = int(high[best]), int(low[best])
    return Aim(case.asked.entry, target, groups, pair if target.compare == "difference" else pair[::-1])
