"""How small a disparity the rows at hand can show, limit by limit, known before anything is run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Frozen, rounded
from audits.judging import measures_of
from audits.metrics import Counts, registry
from audits.spec import AuditSpec, Limit
from audits.statistics import interval
from audits.statistics.power import POWER, detectable_difference, detectable_ratio
from audits.statistics.simultaneous import one_sided, pairs_critical

Outlook = Literal["can hold", "too few rows", "cannot be measured", "not known beforehand"]
_HOPE: tuple[Outlook, ...] = ("cannot be measured", "too few rows", "can hold", "not known beforehand")


class Reach(Frozen):
    """What one limit can show over one attribute.

    ``pair`` are the groups with the fewest rows, ``rows`` how many stand in each (the rows of the measure's own
    denominator). ``smallest_detectable`` is the gap told from none with ``power``; for a rate, the upper limit that
    no case at all among the rows would leave. ``outlook`` is ``can hold`` where groups that are truly equal would
    pass with ``power`` or better.
    """

    limit: str
    attribute: str
    outlook: Outlook
    pair: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    smallest_detectable: float | None = None
    power: float = POWER
    reason: str


class Denominator(NamedTuple):
    """Rows of each group that a measure stands on, and the rate to expect."""

    rows: Mapping[str, int]
    rate: float
    known: bool
    among: str


def reach(spec: AuditSpec, evidence: Evidence) -> list[Reach]:
    """Return what each limit can show over each of its attributes.

    Args:
        spec: the audit.
        evidence: rows, slices and pairs; predictions are not looked at.
    """
    return [_hardest(evidence, limit, attribute) for limit in spec.policy for attribute in limit.attributes]


def _hardest(evidence: Evidence, limit: Limit, attribute: str) -> Reach:
    """Of a composite, which is held against its components, the one that the rows can show least of."""
    measures = measures_of(limit, [])
    found = [_reach(evidence, limit.model_copy(update={"measure": measure}), attribute) for measure in measures]
    hardest = min(found, key=_hope)
    if measures == (limit.measure,):
        return hardest
    component = measures[found.index(hardest)]
    reason = f"{_words(limit.measure)} is held against its parts, here {_words(component)}: {hardest.reason}"
    return hardest.model_copy(update={"limit": limit.text(attribute), "reason": reason})


def _hope(one: Reach) -> tuple[int, int, int]:
    return _HOPE.index(one.outlook), sum(one.rows), min(one.rows, default=0)


def _is_rate(measure: str) -> bool:
    """Whether a measure is a share of the rows of one group, which is all that counts say beforehand."""
    facts = registry[measure].facts if measure in registry else {}
    return (facts.get("task"), facts.get("over"), facts.get("scale")) == ("binary", "group", "rate")


def _reach(evidence: Evidence, limit: Limit, attribute: str) -> Reach:
    if not _is_rate(limit.measure) or limit.compare not in ("rate", "difference", "ratio"):
        if limit.compare == "rate" and limit.at_most is not None and limit.measure not in registry:
            return _of_pairs(evidence, limit, attribute)
        reason = f"how widely {_words(limit.measure)} varies is known only after scoring"
        return _unmeasured(limit, attribute, reason, outlook="not known beforehand")
    if overlapping := [name for name in evidence.attributes if name.startswith(f"{attribute}=")]:
        hardest = min((_reach(evidence, limit, name) for name in overlapping), key=_hope)
        return hardest.model_copy(update={"limit": limit.text(attribute), "attribute": attribute})
    if not set(attribute.partition("=")[0].split("×")) <= evidence.spec.protected.keys():
        reason = f"which {attribute} there are is known only after the search"
        return _unmeasured(limit, attribute, reason, outlook="not known beforehand")
    named = evidence.spec.protected.get(attribute)
    if named is not None and named.probabilities is not None:
        reason = f"{attribute} is known as probabilities, and how far its bounds lie apart only after scoring"
        return _unmeasured(limit, attribute, reason, outlook="not known beforehand")
    if attribute not in evidence.attributes:
        return _unmeasured(limit, attribute, f"no row has a group of {attribute}")
    denominator = _denominator(evidence, limit.measure, attribute)
    empty = [group for group, rows in denominator.rows.items() if rows == 0]
    if empty and denominator.known:
        reason = f"{', '.join(empty)}: no row among the {denominator.among}, so the limit stays open"
        return _unmeasured(limit, attribute, reason, groups=tuple(empty))
    if limit.compare == "rate":
        return _of_rate(evidence, limit, attribute, denominator)
    if len(denominator.rows) < 2:
        return _unmeasured(limit, attribute, f"{attribute} has fewer than two groups")
    return _of_two(evidence, limit, attribute, denominator)


def _unmeasured(
    limit: Limit, attribute: str, reason: str, *, groups: tuple[str, ...] = (), outlook: Outlook = "cannot be measured"
) -> Reach:
    rows = (0,) * len(groups)
    text = limit.text(attribute)
    return Reach(limit=text, attribute=attribute, outlook=outlook, pair=groups, rows=rows, reason=reason)


def _of_two(evidence: Evidence, limit: Limit, attribute: str, denominator: Denominator) -> Reach:
    pair = tuple(sorted(denominator.rows, key=lambda group: (denominator.rows[group], group))[:2])
    one, two = (denominator.rows[group] for group in pair)
    level, rate = evidence.spec.statistics.level, denominator.rate
    z, either_order = pairs_critical(level, len(denominator.rows)), (1 + POWER) / 2  # both must be shown inside
    if limit.compare == "difference":
        smallest = detectable_difference(rate, one, two, z)
        holds = detectable_difference(rate, one, two, one_sided(level), either_order) <= limit.bound
        told = f"a difference of {smallest:.2g}"
    else:
        smallest = detectable_ratio(rate, one, two, z)
        farthest = detectable_ratio(rate, one, two, one_sided(level), either_order)
        holds = abs(math.log(farthest)) <= abs(math.log(limit.bound)) and limit.bound != 1
        told = f"a ratio of {smallest:.2g}"
    at_most = "" if denominator.known else "at most "
    reason = (
        f"{pair[0]} ({at_most}{one:,} {denominator.among}) and {pair[1]} ({at_most}{two:,}): {told} would be told "
        f"from none with {POWER:.0%} power, at rates near {rate:.2g}{_caveat(evidence)}"
    )
    return Reach(
        limit=limit.text(attribute),
        attribute=attribute,
        outlook="can hold" if holds else "too few rows",
        pair=pair,
        rows=(one, two),
        smallest_detectable=rounded(smallest, 4),
        reason=reason,
    )


def _of_rate(evidence: Evidence, limit: Limit, attribute: str, denominator: Denominator) -> Reach:
    group = min(denominator.rows, key=lambda name: (denominator.rows[name], name))
    return _floor(limit, attribute, (group,), denominator.rows[group], evidence, denominator.among)


def _of_pairs(evidence: Evidence, limit: Limit, attribute: str) -> Reach:
    """A rate over counterfactual pairs (how often a decision flips): the pair of groups with the fewest.

    A row counts for every two groups that it is asked about, its own or written in.
    """
    pairs = evidence.pairs.select(["attribute", "kind", "status", "from_group", "to_group", "row", "cluster"])
    said: dict[tuple[int, str], set[str]] = {}
    for pair in pairs.to_pylist():
        if pair["attribute"] == attribute and pair["status"] == "edited" and pair["kind"] == "counterfactual":
            said.setdefault((pair["row"], pair["cluster"]), set()).update((pair["from_group"], pair["to_group"]))
    counted: dict[tuple[str, ...], set[str]] = {}
    for (_, cluster), groups in said.items():
        for two in combinations(sorted(groups), 2):
            counted.setdefault(two, set()).add(cluster)
    if not counted:
        return _unmeasured(limit, attribute, f"no text or row could be edited for {attribute}")
    fewest = min(counted, key=lambda groups: (len(counted[groups]), groups))
    return _floor(limit, attribute, fewest, len(counted[fewest]), evidence, "pairs")


def _floor(limit: Limit, attribute: str, groups: tuple[str, ...], rows: int, evidence: Evidence, among: str) -> Reach:
    """The best that ``rows`` can show of a rate: not one case among them (or, for ``at_least``, nothing but)."""
    cases = 0 if limit.at_most is not None else rows
    low, high = interval("clopper-pearson", {"x": cases, "n": rows}, one_sided(evidence.spec.statistics.level))
    best = low if limit.at_least is not None else (1.0 if high is None else high)
    holds = best >= limit.bound if limit.at_least is not None else best <= limit.bound
    what = "no case at all" if cases == 0 else "nothing but cases"
    return Reach(
        limit=limit.text(attribute),
        attribute=attribute,
        outlook="can hold" if holds else "too few rows",
        pair=groups,
        rows=(rows,),
        smallest_detectable=rounded(best, 4),
        reason=f"{' and '.join(groups)} ({rows:,} {among}): {what} among them would still leave {best:.2g} possible"
        f"{_caveat(evidence)}",
    )


def _denominator(evidence: Evidence, measure: str, attribute: str) -> Denominator:
    """Count each group's denominator, which the truth alone fixes for most metrics.

    The metric is asked twice, as if every row were decided positive and as if none were; where the two
    denominators agree, no decision can change them.
    """
    labels = evidence.label_codes()
    codes, names = evidence.codes(attribute)
    names_known = [name for name in names if name != MISSING_GROUP]
    of = {name: _truths(labels[codes == names.index(name)]) for name in names_known}
    function = registry[measure].function
    most: dict[str, int] = {}
    fixed = True
    for name, (positive, negative, unknown) in of.items():
        zero = np.zeros(())
        counts = [np.asarray(float(count)) for count in (positive, negative, unknown)]
        accepted = function(Counts(tp=counts[0], fp=counts[1], fn=zero, tn=zero, up=counts[2], un=zero)).among
        refused = function(Counts(tp=zero, fp=zero, fn=counts[0], tn=counts[1], up=zero, un=counts[2])).among
        fixed = fixed and float(accepted) == float(refused)
        most[name] = int(max(float(accepted), float(refused)))
    positives, negatives = (sum(truth[at] for truth in of.values()) for at in (0, 1))
    rate = positives / (positives + negatives) if positives and negatives and measure != "accuracy" else 0.5
    return Denominator(most, rate, fixed, registry[measure].facts["among"])


def _truths(labels: NDArray[np.int8]) -> tuple[int, int, int]:
    return int((labels == 1).sum()), int((labels == 0).sum()), int((labels == -1).sum())


def _caveat(evidence: Evidence) -> str:
    data = evidence.spec.data
    if data.weight is None and data.cluster is None:
        return ""
    return "; rows are weighted or in clusters, so it is really less"


def _words(measure: str) -> str:
    return measure.replace("_", " ")
