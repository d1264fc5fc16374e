"""Proxies: how much do the other columns of the data tell of the group, each by itself and all of them together?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from audits.errors import NotMeasurable, SpecError
from audits.evidence import Evidence
from audits.findings import Evidence as Source
from audits.findings import Finding, Interval, Support, rounded
from audits.metrics import registry
from audits.metrics.balance import LabelCounts
from audits.metrics.pairing import known_groups
from audits.metrics.replicating import tables
from audits.metrics.running import Summarised, findings
from audits.refitting import Kind, design, numbers, probabilities
from audits.statistics import bootstrap, bounds, critical
from audits.statistics.delong import auc_sufficient
from audits.techniques import Column, technique

INFORMATION, AUC = "membership_information", "membership_auc"
_FEWEST = 2  # rows of a group, and of the others, for an AUC with a standard error
_MOST_VALUES = 50


@technique(
    source="Credo AI Lens, data fairness (sensitive feature prediction score, maximum proxy mutual information); "
    "AUC: DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44:837",
    measures={INFORMATION, AUC},
    replayable=True,
)
def proxies(
    evidence: Evidence,
    *,
    features: list[Column],
    bins: Annotated[int, Field(ge=2, le=50)] = 10,
    folds: Annotated[int, Field(ge=2, le=20)] = 5,
    kind: Kind = "logistic",
) -> Iterator[Finding]:
    """How much columns tell of the group, whatever a model makes of them: what is left out of a model may stay in it.

    Yields ``membership_information[column=…]`` (a ``whole``) for each column: the mutual information of its value and
    the group over the entropy of the group, 0 nothing, 1 everything, beside what chance alone makes of it (having no
    value is a value, too); the largest once more without the column's name, its p-value for all columns together.
    Yields ``membership_auc`` (a ``mean`` per group): how often a row of the group is given a higher chance to be of it
    than a row of another group, by a model fitted to all columns on the other folds; ½ is nothing, 1 everything. Its
    interval is DeLong's, of these fitted models; where rows are weighted or in clusters it has none. Clusters are kept
    in one fold.

    Args:
        evidence: rows and slices.
        features: columns of the data; the protected ones tell everything and are better left out.
        bins: numbers of many values are cut at so many quantiles less one, for the information.
        folds: the model is fitted so many times, each time without one of as many parts of the rows.
        kind: of the model, ``logistic`` or ``boosting``.
    """
    if not features:
        raise SpecError("proxies.features: got no column, expected one or more", "name columns of the data")
    for attribute in evidence.attributes:
        codes, groups = evidence.codes(attribute)
        if len([at for at in known_groups(groups) if (codes == at).any()]) < 2:
            raise NotMeasurable(
                f"proxies: {attribute} has fewer than two groups with rows, so nothing can be told apart"
            )
        yield from _information(evidence, attribute, features, bins)
        yield from _aucs(evidence, attribute, features, folds, kind)


def _information(evidence: Evidence, attribute: str, features: list[str], bins: int) -> Iterator[Finding]:
    """What each column tells by itself, and which tells most."""
    codes, groups = evidence.codes(attribute)
    known, told = known_groups(groups), []
    rows = np.bincount(codes, minlength=len(groups)).astype(np.float64)
    for place, name in enumerate(features):
        cell, cells = _cells(evidence, name, bins)
        rng = np.random.default_rng([evidence.spec.statistics.seed, evidence.attributes.index(attribute), place])
        weights, clusters = evidence.weights(), evidence.cluster_codes()
        many = tables(codes, len(groups), cell, cells, weights, clusters, bootstrap.NUMBER, rng, known=known)
        data = Summarised(
            technique="proxies",
            attribute=attribute,
            groups=groups,
            summary=_labels(many.table),
            replicates=None,
            by_chance=_labels(many.by_chance),
            rows=lambda _: rows,
            pairs=[],
            level=evidence.spec.statistics.level,
            file="rows.parquet",
            selector=f"{name} by {attribute}",
        )
        entry = dataclasses.replace(registry[INFORMATION], name=f"{INFORMATION}[column={name}]")
        told += list(findings(entry, data))
    yield from told
    measured = [finding for finding in told if finding.value is not None]
    if measured:
        most = max(measured, key=lambda finding: finding.value or 0.0)
        p = None if most.p is None else rounded(min(1.0, most.p * len(measured)))
        details = {**most.details, "column": most.measure.partition("=")[2].removesuffix("]"), "columns": len(measured)}
        yield most.model_copy(update={"measure": INFORMATION, "p": p, "p_adjusted": p, "details": details})


def _cells(evidence: Evidence, name: str, bins: int) -> tuple[NDArray[np.int64], int]:
    """Each row's value as a number, with one more for rows without any; numbers of many values by quantiles."""
    values, coded = numbers(evidence.column("rows", f"data.{name}"))
    absent = np.isnan(values)
    distinct = np.unique(values[~absent])
    if coded and len(distinct) > _MOST_VALUES:
        raise NotMeasurable(
            f"proxies: the column {name!r} has {len(distinct)} different values that are no numbers, expected at most "
            f"{_MOST_VALUES}: so many tell rows apart, not groups",
            "leave it out of features, or bin it first",
        )
    if not coded and len(distinct) > bins:
        edges = np.unique(np.quantile(values[~absent], np.arange(1, bins) / bins, method="inverted_cdf"))
        cell = np.searchsorted(edges, values, side="left")
        return np.where(absent, len(edges) + 1, cell).astype(np.int64), len(edges) + 2
    return np.where(absent, len(distinct), np.searchsorted(distinct, values)).astype(np.int64), len(distinct) + 1


def _labels(table: NDArray[Any]) -> LabelCounts:
    return LabelCounts(table[..., None, :], np.zeros((*table.shape[:-1], 1)))


def _aucs(evidence: Evidence, attribute: str, features: list[str], folds: int, kind: Kind) -> Iterator[Finding]:
    """What all columns tell together, of each group against all others."""
    codes, groups = evidence.codes(attribute)
    known = np.isin(codes, known_groups(groups))
    fold = _folds(evidence, len(codes), folds)
    columns = {name: evidence.column("rows", f"data.{name}") for name in features}
    weights = evidence.weights()
    worth = np.ones(len(codes)) if weights is None else weights
    made = [design(columns, known & (fold != one)) for one in range(folds)]
    for place in known_groups(groups):
        own = np.where(known, codes == place, -1).astype(np.int8)
        score = np.zeros(len(codes))
        for one in range(folds):
            seed = evidence.spec.statistics.seed
            given = probabilities(kind, made[one].matrix, own, worth, known & (fold != one), seed)
            score = np.where(fold == one, given, score)
        told = {"features": features, "folds": folds, "model": kind}
        yield _auc(evidence, attribute, groups[place], score[own == 1], score[own == 0], told)


def _folds(evidence: Evidence, rows: int, folds: int) -> NDArray[np.int64]:
    """The fold of each row, that of its cluster where it has one."""
    clusters = evidence.cluster_codes()
    unit = np.arange(rows) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    rng = np.random.default_rng([evidence.spec.statistics.seed, folds])
    return np.asarray((rng.permutation(int(unit.max(initial=-1)) + 1) % folds)[unit], np.int64)


def _auc(
    evidence: Evidence, attribute: str, group: str, own: NDArray[Any], others: NDArray[Any], told: dict[str, Any]
) -> Finding:
    missing, interval, value = "", None, 0.0
    sufficient: dict[str, float] = {}
    if min(len(own), len(others)) < _FEWEST:
        missing = f"{group} has {len(own)} rows and the other groups {len(others)}, expected {_FEWEST} of each or more"
    else:
        found = auc_sufficient(own, others)
        value, level = found["mean"], evidence.spec.statistics.level
        plain = evidence.weights() is None and evidence.cluster_codes() is None
        if plain and found["se"] > 0 and 0 < value < 1:
            sufficient = {"mean": float(np.log(value / (1 - value))), "se": found["se"] / (value * (1 - value))}
            low, high = bounds("logit-normal", sufficient, critical(level))
            interval = Interval(low=rounded(float(low)), high=rounded(float(high)), level=level, method="logit-normal")
            sufficient = {name: rounded(number) for name, number in sufficient.items()}
        else:
            why = "the rows do not overlap" if plain else "rows are weighted or in clusters"
            told = {**told, "no_interval": f"{why}, and DeLong's interval is of single rows whose scores overlap"}
    return Finding(
        technique="proxies",
        measure=AUC,
        attribute=attribute,
        group=group,
        comparison="mean",
        value=None if missing else rounded(value),
        missing=missing,
        interval=interval,
        n=Support(group=float(len(own)), reference=float(len(others))),
        sufficient=sufficient,
        unit="AUC",
        direction="½ tells nothing of the group, 1 everything; says nothing of the decisions",
        evidence=Source(file="rows.parquet", selector=f"{', '.join(told['features'])} by {attribute}"),
        details={} if missing else told,
    )
