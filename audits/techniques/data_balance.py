"""Data balance: are the labels of the data spread alike over the groups, and is every group there?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable, SpecError
from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics import chosen
from audits.metrics.balance import LabelCounts, all_rows
from audits.metrics.pairing import known_groups, pairs_of
from audits.metrics.replicating import add_up, tables
from audits.metrics.representation import SIZES, equal_sizes
from audits.metrics.running import Summarised, findings
from audits.metrics.sums import units_of
from audits.registry import Entry
from audits.statistics import bootstrap
from audits.statistics.roots import Floats
from audits.techniques import Column, technique

_CONDITIONAL = ("conditional_demographic_disparity", "conditional_demographic_disparity_in_labels")
_OF_POSITIVE = (
    "positive_label_rate",
    "group_conditional_disparity",
    "pointwise_mutual_information",
    "dice_coefficient",
    "membership_jaccard_index",
    "membership_correlation",
    "log_likelihood_ratio",
    "association_t_statistic",
)
_MOST_VALUES = 50


@technique(
    source="SageMaker Clarify, pre-training metrics; Responsible AI Toolbox, data balance; AI Fairness 360",
    task="data",
    replayable=True,
)
def data_balance(
    evidence: Evidence, *, metrics: list[str] | None = None, column: Column | None = None
) -> Iterator[Finding]:
    """How labels are spread over the groups of the data, and how large the groups are, whatever a model does.

    Needs no decisions. Distances of two distributions (which are 0 at parity and never below) have no interval; what
    chance alone makes of groups with the pooled distribution is told beside them, with its p-value. Of the metrics of
    the groups' sizes chi-squared alone is held to chance: what it makes of groups of equal size.

    Args:
        evidence: rows and slices.
        metrics: names of metrics of the task ``data``; default all that the column allows.
        column: whose values are looked at; default the label. Metrics of the positive label need two values: the
            last one in order counts as positive.
    """
    entries = _entries(metrics)
    values, names, file = _values(evidence, column)
    if len(names) != 2:
        entries = _without_positive(entries, len(names), metrics is not None)
    for attribute in evidence.attributes:
        data, by_chance = _summarised(evidence, attribute, (values, names), file, column)
        for entry in entries:
            alike: LabelCounts | None = by_chance
            if entry.name in SIZES:
                alike = _equal_sizes(evidence, attribute, data) if entry.name == "group_size_chi_squared" else None
            yield from findings(entry, replace(data, by_chance=alike))


def _equal_sizes(evidence: Evidence, attribute: str, data: Summarised) -> LabelCounts:
    """Groups of equal size but for chance; rows of one cluster are one."""
    codes, groups = evidence.codes(attribute)
    clusters = evidence.cluster_codes()
    unit = None if clusters is None else clusters.astype(np.int64)
    units = units_of(codes, len(groups), unit, np.ones(len(codes), np.bool_), evidence.weights())
    rng = np.random.default_rng([evidence.spec.statistics.seed, evidence.attributes.index(attribute), 1])
    return equal_sizes(data.summary, units, known_groups(groups), bootstrap.NUMBER, rng)


def _summarised(
    evidence: Evidence, attribute: str, valued: tuple[NDArray[np.int64], list[str]], file: str, column: str | None
) -> tuple[Summarised, LabelCounts]:
    """The groups of one attribute, and such groups that are equal."""
    values, names = valued
    codes, groups = evidence.codes(attribute)
    weights, clusters = evidence.weights(), evidence.cluster_codes()
    rng = np.random.default_rng([evidence.spec.statistics.seed, evidence.attributes.index(attribute)])
    cells, known = len(names) + 1, known_groups(groups)
    given = [0] * len(names) + [1]  # groups keep their own share of rows without a value
    rows = _summary(add_up(codes, len(groups), values, cells))
    many = tables(codes, len(groups), values, cells, weights, clusters, bootstrap.NUMBER, rng, given=given, known=known)
    unit = None if clusters is None else clusters.astype(np.int64)
    data = Summarised(
        technique="data_balance",
        attribute=attribute,
        groups=groups,
        summary=_summary(many.table),
        replicates=_summary(many.replicates),
        rows=partial(_rows, rows=rows),
        pairs=pairs_of(evidence, attribute, groups, all_rows(rows)),
        level=evidence.spec.statistics.level,
        favourable=evidence.spec.data.positive_is_favourable,
        file=file,
        selector=f"{column or 'label'} by {attribute}",
        units=units_of(codes, len(groups), unit, values < len(names), weights),
        apart=clusters is None,
        details={"values": names} if column else {},
    )
    return data, _summary(many.by_chance)


def _values(evidence: Evidence, column: str | None) -> tuple[NDArray[np.int64], list[str], str]:
    """Each row's value as a number, the number of values where it has none; the values' names; where they are."""
    if column is None:
        if evidence.spec.data.label is None:
            raise NotMeasurable(
                "the spec names no label (data.label), so nothing is known of how labels are spread",
                "name a label, or a column of the data in the option column",
            )
        labels = evidence.label_codes().astype(np.int64)
        return np.where(labels < 0, 2, labels), ["negative", "positive"], "rows.parquet"
    codes, names = encoded(evidence, column)
    if len(names) > _MOST_VALUES:
        raise NotMeasurable(
            f"column {column!r}: got {len(names)} different values, expected at most {_MOST_VALUES}",
            "bin the column first, or name another one",
        )
    return np.where(codes < 0, len(names), codes), names, "rows.parquet"


def encoded(evidence: Evidence, column: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return each row's value of a column of the data as a number, −1 where it has none, and the values in order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = evidence.column("rows", f"data.{column}")
    ordered = sorted(one for one in pc.unique(values).to_pylist() if one is not None)
    codes = pc.index_in(values, value_set=pa.array(ordered, values.type)).fill_null(-1)
    return codes.to_numpy().astype(np.int64), [str(one) for one in ordered]


def _entries(names: Sequence[str] | None) -> list[Entry]:
    """The metrics that are named, or all that need no strata."""
    for name in names or []:
        if name in _CONDITIONAL:
            raise SpecError(
                f"data_balance metrics: got {name!r}, which needs strata",
                "use the technique conditional_disparity, whose option strata names a column",
            )
    return [entry for entry in chosen("data", names) if entry.name not in _CONDITIONAL]


def _without_positive(entries: list[Entry], values: int, named: bool) -> list[Entry]:
    """Those that need no positive value; raises ``NotMeasurable`` where one that does was asked for by name."""
    unfit = [entry.name for entry in entries if entry.name in _OF_POSITIVE]
    if named and unfit:
        raise NotMeasurable(f"{unfit[0]} needs two values, one of them positive, and the column has {values}")
    return [entry for entry in entries if entry.name not in unfit]


def _summary(table: Floats) -> LabelCounts:
    """One stratum; the last cell holds the rows without a value."""
    return LabelCounts(table[..., None, :-1], table[..., None, -1])


def _rows(entry: Entry, rows: LabelCounts) -> Floats:
    """The rows of each group that a number stands on: those with a value, or all where only sizes are looked at."""
    if entry.name in SIZES or entry.name == "class_imbalance":
        return all_rows(rows)
    return np.asarray(rows.counts.sum(axis=(1, 2)))
