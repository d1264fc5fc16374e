"""Conditional disparity: who is turned down more than accepted, among people who are alike in one respect?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics import registry as metrics
from audits.metrics.balance import LabelCounts
from audits.metrics.pairing import known_groups
from audits.metrics.replicating import add_up, tables
from audits.metrics.running import Summarised, findings
from audits.metrics.strata import usable
from audits.metrics.sums import units_of
from audits.statistics import bootstrap
from audits.statistics.roots import Floats
from audits.techniques import Column, technique
from audits.techniques.data_balance import encoded

_DECISIONS = "conditional_demographic_disparity"
_LABELS = "conditional_demographic_disparity_in_labels"
_MOST_STRATA = 1000


@technique(
    source="Wachter, Mittelstadt, Russell 2021, Computer Law & Security Review 41:105567; SageMaker Clarify, CDD",
    measures={_DECISIONS, _LABELS},
    task="data",
    replayable=True,
)
def conditional_disparity(evidence: Evidence, *, strata: Column) -> Iterator[Finding]:
    """Each group's share of the rejected minus its share of the accepted, inside strata and averaged over them.

    Yields a ``mean`` per group, of the decisions and of the labels, whichever there are: 0 where the group is among
    the rejected as often as among the accepted of its stratum. A stratum in which nobody is accepted, or nobody
    rejected, says nothing of that: it is left out, and named in ``details``. Rows without a stratum are left out too.

    Args:
        evidence: rows, slices and predictions.
        strata: the column of the data in which people are alike: the department, the kind of loan.
    """
    codes, names = encoded(evidence, strata)
    if not 0 < len(names) <= _MOST_STRATA:
        raise NotMeasurable(
            f"strata {strata!r}: got {len(names)} different values, expected 1 to {_MOST_STRATA}",
            "name a column with fewer values, or bin it first",
        )
    sources = list(_sources(evidence))
    if not sources:
        raise NotMeasurable("there are neither decisions nor labels, so nobody is accepted or rejected")
    for number, (measure, outcome, file) in enumerate(sources):
        known = (codes >= 0) & (outcome >= 0)
        cell = np.where(known, 2 * codes + outcome, -1)
        for place, attribute in enumerate(evidence.attributes):
            rng = np.random.default_rng([evidence.spec.statistics.seed, place, number])
            yield from _findings(evidence, attribute, measure, (strata, names), cell, file, rng)


def _sources(evidence: Evidence) -> Iterator[tuple[str, NDArray[np.int64], str]]:
    """What accepts and rejects people: decisions and labels, as 1, 0 and −1 unknown, and where they are."""
    data = evidence.spec.data
    if evidence.spec.model is not None or data.decision is not None or data.score is not None:
        file = "rows.parquet" if evidence.spec.model is None else "predictions.parquet"
        yield _DECISIONS, evidence.decision_codes().astype(np.int64), file
    if data.label is not None:
        yield _LABELS, evidence.label_codes().astype(np.int64), "rows.parquet"


def _findings(
    evidence: Evidence,
    attribute: str,
    measure: str,
    strata: tuple[str, list[str]],
    cell: NDArray[np.int64],
    file: str,
    rng: np.random.Generator,
) -> Iterator[Finding]:
    codes, groups = evidence.codes(attribute)
    cells = 2 * len(strata[1])
    known = known_groups(groups)
    weights, clusters = evidence.weights(), evidence.cluster_codes()
    many = tables(codes, len(groups), cell, cells, weights, clusters, bootstrap.NUMBER, rng, known=known)
    counted = _summary(add_up(codes[cell >= 0], len(groups), cell[cell >= 0], cells))
    used = usable(LabelCounts(counted.counts[known], counted.unknown[known]))
    rows: Any = counted.counts[:, used].sum(axis=(1, 2))
    yield from findings(
        metrics[measure],
        Summarised(
            technique="conditional_disparity",
            attribute=attribute,
            groups=groups,
            summary=_summary(many.table),
            replicates=_summary(many.replicates),
            rows=lambda entry: rows,
            pairs=[],
            level=evidence.spec.statistics.level,
            favourable=evidence.spec.data.positive_is_favourable,
            file=file,
            selector=f"{attribute} in strata of {strata[0]}",
            units=units_of(
                codes, len(groups), None if clusters is None else clusters.astype(np.int64), cell >= 0, weights
            ),
            apart=clusters is None,
            details=_told(strata[1], counted, used, known, int((cell < 0).sum())),
        ),
    )


def _summary(table: Floats) -> LabelCounts:
    """Cells are stratum × (negative, positive)."""
    counts = table.reshape(*table.shape[:-1], -1, 2)
    return LabelCounts(counts, np.zeros(counts.shape[:-1]))


def _told(
    names: list[str], counted: LabelCounts, used: NDArray[np.bool_], known: list[int], without: int
) -> dict[str, Any]:
    """Which strata were left out, with their rows and the reason."""
    excluded = []
    sides = counted.counts[known].sum(axis=0)
    for place in np.flatnonzero(~used):
        negative, positive = sides[place]
        why = "no rows" if negative + positive == 0 else "nobody negative" if negative == 0 else "nobody positive"
        excluded.append({"stratum": names[place], "rows": int(negative + positive), "reason": why})
    return {"strata": int(used.sum()), "excluded": excluded, "rows_without_stratum_or_outcome": without}
