"""Neighbours: are people who are alike decided alike, whichever group they are of?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable, SpecError
from audits.evidence import Evidence
from audits.findings import Comparison, Finding, Support, rounded
from audits.findings import Evidence as Source
from audits.metrics.pairing import known_groups, pairs_of
from audits.statistics.nearest import Points, means_of_nearest, points_of
from audits.statistics.roots import Floats, quotient
from audits.techniques import Column, technique

_NO_INTERVAL = "rows are each other's neighbours, so that neither their spread nor that of resampled rows is its own"
_SOURCE = (
    "Zemel et al. 2013, Learning Fair Representations, ICML (consistency); Black, Yeom, Fredrikson 2020, FlipTest, "
    "FAccT, as SageMaker Clarify approximates it (FT)"
)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows with an outcome (``what``: a decision or a label) and every feature: where they are, what it is, weights."""

    kept: NDArray[np.intp]
    points: Points
    decided: Floats
    weight: Floats
    nearest: int
    details: dict[str, Any]
    what: str


@technique(source=_SOURCE, measures={"consistency", "label_consistency", "flip_test"}, replayable=True)
def neighbours(
    evidence: Evidence, *, features: list[Column], nearest: int = 5, rows: int = 20_000, labels: bool = False
) -> Iterator[Finding]:
    """Whether rows are decided as their nearest neighbours are, and as those of another group.

    Yields ``consistency`` (a ``mean`` per group, and the ``whole``): 1 − the mean distance of a decision from the mean
    decision of the row's nearest other rows, of any group; 1 is parity, and so is what a constant gives.
    Yields ``flip_test`` (a ``gap`` per pair): the share of the group whose nearest rows of the reference are mostly
    decided positive though they are not, minus the share for whom it is the other way round. Yields
    ``label_consistency`` where it is asked for: the consistency of the truth instead of the decision, before any model.
    None has an interval.

    Neighbours are the nearest rows and all that are as near as the last of them, so that the order of rows plays no
    part. Distances are Euclidean: numbers in standard deviations, other values 0 apart where equal and 1 where not.

    Args:
        evidence: rows, slices and predictions.
        features: columns of the data in which people are compared; the protected ones are better left out.
        nearest: how many neighbours.
        rows: at most so many rows are looked at, drawn by the seed of the spec.
        labels: whether the consistency of the truth is told too; without decisions, it alone.
    """
    if nearest < 1 or rows < 2 or not features:
        raise SpecError(
            f"neighbours: got nearest {nearest!r}, rows {rows!r}, features {features!r}",
            "name at least one column; nearest is 1 or more, rows 2 or more",
        )
    decided = evidence.decision_codes()
    if not labels or (decided >= 0).any():
        data = _rows(evidence, decided, "decision", features, nearest, rows)
        same = 1 - np.abs(data.decided - means_of_nearest(data.points, data.decided, nearest))
        for attribute in evidence.attributes:
            codes, groups = evidence.codes(attribute)
            yield from _consistency(evidence, attribute, (codes[data.kept], groups), data, same)
            yield from _flips(evidence, attribute, (codes[data.kept], groups), data)
    if labels:
        data = _rows(evidence, evidence.label_codes(), "label", features, nearest, rows)
        same = 1 - np.abs(data.decided - means_of_nearest(data.points, data.decided, nearest))
        for attribute in evidence.attributes:
            codes, groups = evidence.codes(attribute)
            yield from _consistency(evidence, attribute, (codes[data.kept], groups), data, same)


def _rows(
    evidence: Evidence, outcome: NDArray[np.int8], what: str, features: list[str], nearest: int, most: int
) -> _Rows:
    decided = outcome.astype(np.float64)
    columns = [evidence.column("rows", f"data.{name}") for name in features]
    whole = decided >= 0
    for column in columns:
        whole &= column.is_valid().to_numpy()
    kept = np.flatnonzero(whole)
    details = {"nearest": nearest, "features": features, "rows_left_out": int(len(whole) - len(kept))}
    if len(kept) <= nearest:
        raise NotMeasurable(
            f"neighbours: got {len(kept)} rows with a {what} and every feature, expected more than {nearest}",
            "name features that more rows have, or fewer neighbours",
        )
    if len(kept) > most:
        details["rows_drawn"] = most
        rng = np.random.default_rng([evidence.spec.statistics.seed, most])
        kept = np.sort(rng.choice(kept, most, replace=False))
    weights = evidence.weights()
    weight = np.ones(len(kept)) if weights is None else weights[kept]
    return _Rows(
        kept, points_of([column.take(kept) for column in columns]), decided[kept], weight, nearest, details, what
    )


def _consistency(
    evidence: Evidence, attribute: str, coded: tuple[NDArray[Any], list[str]], data: _Rows, same: Floats
) -> Iterator[Finding]:
    codes, groups = coded
    weight = np.bincount(codes, data.weight, minlength=len(groups))
    total = np.bincount(codes, data.weight * same, minlength=len(groups))
    count = np.bincount(codes, minlength=len(groups))
    value = quotient(total, weight)
    measure, said = "consistency", "high means decided as one's neighbours are"
    if data.what == "label":
        measure, said = (
            "label_consistency",
            "high means labelled as one's neighbours are; says nothing of the decisions",
        )
    for place, group in enumerate(groups):
        why = "" if weight[place] > 0 else f"{group} has no rows with a {data.what} and every feature"
        n = Support(group=float(count[place]))
        yield _finding(evidence, data, measure, attribute, "mean", float(value[place]), why, n, said, group=group)
    known = known_groups(groups)
    there = weight[known].sum()
    why = "" if there > 0 else f"no row of known {attribute} has a {data.what} and every feature"
    n = Support(group=float(count[known].sum()))
    whole = float(quotient(total[known].sum(), there))
    yield _finding(evidence, data, measure, attribute, "whole", whole, why, n, said)


def _flips(evidence: Evidence, attribute: str, coded: tuple[NDArray[Any], list[str]], data: _Rows) -> Iterator[Finding]:
    codes, groups = coded
    count = np.bincount(codes, minlength=len(groups))
    good = "low" if evidence.spec.data.positive_is_favourable else "high"
    for one, two in pairs_of(evidence, attribute, groups, count):
        own, other = np.flatnonzero(codes == one), np.flatnonzero(codes == two)
        few = min((count[two], groups[two], data.nearest), (count[one], groups[one], 1))
        why = "" if few[0] >= few[2] else f"{few[1]} has {few[0]} rows with a decision and every feature"
        value, told = 0.0, {}
        if not why:
            theirs = means_of_nearest(data.points, data.decided, data.nearest, own, other)
            up = (theirs > 0.5) & (data.decided[own] == 0)
            down = (theirs < 0.5) & (data.decided[own] == 1)
            weight = data.weight[own]
            why = "" if weight.sum() > 0 else f"the rows of {groups[one]} have no weight"
            value = float(quotient((weight * up).sum() - (weight * down).sum(), weight.sum()))
            told = {"would_be_positive": int(up.sum()), "would_be_negative": int(down.sum())}
        n = Support(group=float(count[one]), reference=float(count[two]))
        said = f"{good} is good for the person; of the group, as the reference's neighbours are decided"
        pair = {"group": groups[one], "reference": groups[two]}
        yield _finding(evidence, data, "flip_test", attribute, "gap", value, why, n, said, told, **pair)


def _finding(
    evidence: Evidence,
    data: _Rows,
    measure: str,
    attribute: str,
    comparison: Comparison,
    value: float,
    missing: str,
    n: Support,
    said: str,
    told: dict[str, Any] | None = None,
    *,
    group: str = "",
    reference: str = "",
) -> Finding:
    details = {**data.details, **(told or {}), "no_interval": _NO_INTERVAL}
    return Finding(
        technique="neighbours",
        measure=measure,
        attribute=attribute,
        group=group,
        reference=reference,
        comparison=comparison,
        value=None if missing else rounded(value),
        missing=missing,
        n=n,
        direction=said,
        evidence=Source(
            file="rows.parquet" if evidence.spec.model is None or data.what == "label" else "predictions.parquet",
            selector=f"{attribute}, by {', '.join(data.details['features'])}",
        ),
        details={} if missing else details,
    )
