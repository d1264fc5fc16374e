"""Flip rate: does the decision change when only the protected attribute does?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.examples import examples
from audits.findings import Comparison, Finding, Interval, Support, rounded
from audits.findings import Evidence as Source
from audits.paired import Ints, Sides, attributes_of, controls, refusals, sides
from audits.statistics import critical, interval
from audits.statistics.means import cluster_t_sufficient
from audits.statistics.paired import clustered_mcnemar, mcnemar_p
from audits.statistics.rates import degrees_adjusted
from audits.statistics.simultaneous import holm
from audits.statistics.weights import cluster_effective
from audits.techniques import technique

CONTROL = "(control)"
Sufficient = dict[str, float]
Floats = NDArray[np.float64]


@technique(
    source="Garg et al. 2019 (counterfactual token fairness); Galhotra, Brun, Meliou 2017 (causal discrimination); "
    "intervals: Clopper, Pearson 1934, Korn, Graubard 1998, Tango 1998; test: Fagerland et al. 2013 (mid-p McNemar)",
    needs={"decisions", "pairs"},
    kinds={"text-classifier", "tabular", "python"},
    measures={"flip_rate", "counterfactual_selection_rate", "mean_score_change", "share_edited"},
    replayable=True,
)
def flip_rate(evidence: Evidence) -> Iterator[Finding]:
    """Share of rows decided otherwise when only their protected attribute is changed.

    For every attribute and every pair of groups, over the rows that could be written as both: the ``flip_rate``
    (0: the decision never depends on the attribute; 1: always), with up to three real examples; the
    ``counterfactual_selection_rate`` of all rows written as each group, and its ``paired`` difference (group −
    reference, mid-p McNemar); the ``mean_score_change``. Beside them the flip rate of neutral ``(control)`` edits
    of the same rows, and which share of the versions could be made at all (``share_edited``). Rows in clusters
    count as fewer independent ones.

    Args:
        evidence: rows, slices, pairs and predictions.
    """
    attributes = attributes_of(evidence)
    if not attributes:
        raise NotMeasurable("there are no counterfactual versions: the spec asks for none (counterfactuals)")
    for attribute in attributes:
        seen = sides(evidence, attribute)
        refused = refusals(evidence, attribute)
        make = partial(_finding, evidence, attribute)
        yield from _adjusted([f for pair in seen.pairs() for f in _pair(make, evidence, seen, *pair, refused)])
        yield from _rates(make, evidence, seen)
        yield from _control(make, evidence, seen)
        yield from _shares(make, refused)


def _finding(
    evidence: Evidence,
    attribute: str,
    measure: str,
    comparison: Comparison,
    n: float,
    found: tuple[float, str, Sufficient] | str,
    **more: Any,
) -> Finding:
    """A finding from (value, interval method, its sufficient statistics), or from the reason why there is none."""
    level = evidence.spec.statistics.level
    value, method, sufficient = (None, "", {}) if isinstance(found, str) else found
    limits = None
    if method:
        low, high = interval(method, sufficient, critical(level))
        limits = Interval(low=rounded(low), high=None if high is None else rounded(high), level=level, method=method)
    groups = " | ".join(filter(None, (more.get("group", ""), more.get("reference", ""))))
    return Finding(
        technique="flip_rate",
        measure=measure,
        attribute=attribute,
        comparison=comparison,
        value=None if value is None else rounded(value),
        missing=found if isinstance(found, str) else "",
        interval=limits,
        n=Support(group=n),
        sufficient={name: rounded(number) for name, number in sufficient.items()},
        evidence=Source(file="pairs.parquet", selector=f"attribute = {attribute}; to_group = {groups}"),
        **more,
    )


def _pair(
    make: Any, evidence: Evidence, seen: Sides, group: int, reference: int, refused: dict[str, dict[str, Any]]
) -> Iterator[Finding]:
    one, other = seen.decision[:, group], seen.decision[:, reference]
    both = np.flatnonzero(~np.isnan(one) & ~np.isnan(other))
    one, other, cluster = one[both], other[both], _renumbered(seen.cluster[both])
    names = {"group": seen.groups[group], "reference": seen.groups[reference]}
    direction = "0: the decision never depends on the attribute; low is good"
    if not len(both):
        why = _why_none(seen, names, refused)
        yield make("flip_rate", "rate", 0, why, direction=direction, **names)
        yield make("counterfactual_selection_rate", "paired", 0, why, direction=_direction(evidence), **names)
        return
    up, down = int(((one == 1) & (other == 0)).sum()), int(((one == 0) & (other == 1)).sum())
    yield make(
        "flip_rate",
        "rate",
        len(both),
        share(one != other, cluster),
        direction=direction,
        details={
            "positive_as_group_only": up,
            "positive_as_reference_only": down,
            "examples": examples(evidence, seen, group, reference),
        },
        **names,
    )
    yield make(
        "counterfactual_selection_rate",
        "paired",
        len(both),
        paired(one, other, cluster, critical(evidence.spec.statistics.level)),
        p=rounded(paired_p(one, other, cluster)),
        direction=f"{_direction(evidence)}; difference = as group − as reference, same rows",
        **names,
    )
    change = (seen.score[:, group] - seen.score[:, reference])[both]
    if not np.isnan(change).any():
        kind = evidence.spec.model.kind if evidence.spec.model else ""
        yield make(
            "mean_score_change",
            "mean",
            len(both),
            mean(change, cluster),
            unit="score" if kind == "python" else "probability",
            direction=f"{_direction(evidence)}; as group − as reference, same rows",
            **names,
        )


def _adjusted(findings: list[Finding]) -> Iterator[Finding]:
    """The p-values of one attribute's pairs of groups adjusted for one another (Holm 1979)."""
    tested = [finding.p for finding in findings if finding.p is not None]
    adjusted = iter(holm(tested).tolist() if tested else [])
    for finding in findings:
        if finding.p is None:
            yield finding
        else:
            yield finding.model_copy(update={"p_adjusted": rounded(next(adjusted)), "adjustment": "holm"})


def _direction(evidence: Evidence) -> str:
    high = evidence.spec.data.positive_is_favourable
    return f"{'high' if high else 'low'} is good for the person"


def _why_none(seen: Sides, names: dict[str, str], refused: dict[str, dict[str, Any]]) -> str:
    if (seen.version >= 0).any() and np.isnan(seen.decision).all():
        return "the model gave no decision for the edited rows"
    reasons: dict[str, int] = {}
    for name in names.values():
        for reason, count in refused.get(name, {}).get("refused", {}).items():
            reasons[reason] = reasons.get(reason, 0) + count
    most = max(reasons, key=lambda reason: (reasons[reason], reason), default="none was asked for")
    return f"no row could be written both as {names['group']} and as {names['reference']}: {most}"


def _renumbered(cluster: Ints) -> Ints:
    return np.unique(cluster, return_inverse=True)[1].astype(np.int64)


def share(counted: NDArray[np.bool_], cluster: Ints) -> tuple[float, str, Sufficient]:
    """Return a share of rows, the method of its interval and what that takes; clusters are numbers from 0."""
    x, n = float(counted.sum()), float(len(counted))
    of, among = np.bincount(cluster, counted), np.bincount(cluster)
    if among.max() == 1:
        return x / n, "clopper-pearson", {"x": x, "n": n}
    effective = cluster_effective(of, among)
    return x / n, "korn-graubard", {"x": x, "n": n, "effective": effective, "clusters": float(len(among))}


def paired(one: Floats, other: Floats, cluster: Ints, z: float) -> tuple[float, str, Sufficient]:
    """Return the paired difference of two decisions per row, and Tango's interval.

    Rows in clusters count as the number of independent rows with the same variance of the difference (one per
    cluster where nothing flips), less the price of few clusters at the critical value ``z``.
    """
    change = one - other
    b, c, n = float((change > 0).sum()), float((change < 0).sum()), float(len(change))
    among = np.bincount(cluster)
    if among.max() == 1:
        return (b - c) / n, "tango", {"b": b, "c": c, "n": n}
    clusters = len(among)
    spread = float(np.mean(change**2) - change.mean() ** 2)
    linear = np.bincount(cluster, change - change.mean())
    variance = clusters / max(clusters - 1, 1) * float((linear**2).sum()) / n**2
    effective = n if variance == 0 else min(n, spread / variance)
    effective = effective if spread > 1e-15 and clusters > 1 else float(clusters)
    shrink = float(degrees_adjusted(n, effective, clusters, z)) / n
    return (b - c) / n, "tango", {"b": b * shrink, "c": c * shrink, "n": n * shrink}


def paired_p(one: Floats, other: Floats, cluster: Ints) -> float:
    """Return the two-sided p-value of as many flips either way: mid-p McNemar; clustered McNemar where rows are."""
    up, down = (one > other).astype(float), (one < other).astype(float)
    if np.bincount(cluster).max() == 1:
        return mcnemar_p(int(up.sum()), int(down.sum()))
    return math.erfc(math.sqrt(clustered_mcnemar(np.bincount(cluster, up), np.bincount(cluster, down)) / 2))


def mean(values: Floats, cluster: Ints) -> tuple[float, str, Sufficient]:
    """Return the mean over clusters (each weighs the same) and its t interval; no interval from one cluster."""
    if cluster.max() == 0:
        return float(values.mean()), "", {}
    sufficient = cluster_t_sufficient(values, cluster)
    return sufficient["mean"], "t", sufficient


def _rates(make: Any, evidence: Evidence, seen: Sides) -> Iterator[Finding]:
    """How often each group would be decided positively, all rows written as that group."""
    for at, name in enumerate(seen.groups):
        known = np.flatnonzero(~np.isnan(seen.decision[:, at]))
        direction = f"{_direction(evidence)}; every row that could be written as the group, whichever its own is"
        found: tuple[float, str, Sufficient] | str = f"no row could be written as {name}"
        if len(known):
            value, _, counts = share(seen.decision[known, at] == 1, _renumbered(seen.cluster[known]))
            n = counts["n"]
            if "effective" in counts:
                z = critical(evidence.spec.statistics.level)
                n = float(degrees_adjusted(n, counts["effective"], counts["clusters"], z))
            found = (value, "wilson", {"x": value * n, "n": n})
        yield make("counterfactual_selection_rate", "rate", len(known), found, group=name, direction=direction)


def _control(make: Any, evidence: Evidence, seen: Sides) -> Iterator[Finding]:
    """How often a neutral edit of the same rows flips the decision: the effect of editing as such."""
    control = controls(evidence, seen.row)
    both = np.flatnonzero(~np.isnan(control.decision).any(axis=1))
    if not len(both):
        return
    before, after = control.decision[both].T
    yield make(
        "flip_rate",
        "rate",
        len(both),
        share(before != after, _renumbered(control.cluster[both])),
        group=CONTROL,
        direction="what editing as such does: neutral words exchanged in the same rows",
    )


def _shares(make: Any, refused: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """Which share of the versions could be made, and why the others could not."""
    for name, counts in sorted(refused.items()):
        yield make(
            "share_edited",
            "check",
            counts["asked"],
            (counts["edited"] / counts["asked"], "", {}),
            group=name,
            direction="1: every row could be written as the group",
            details=counts,
        )
