"""How alike the lists of two groups are for the same query, mean over queries: 1 is parity.

Every function takes the sums of ``audits.metrics.list_likeness``; of two lists they are ``audits.metrics.likeness``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.metrics import Share, metric
from audits.metrics.ranking import Ranked
from audits.statistics.roots import Floats


@metric(
    task="ranking",
    over="pair",
    labels=False,
    decisions=False,
    scale="proportion",
    source="Jaccard 1912; of recommendations: Zhang et al. 2023, RecSys (arXiv:2305.07609)",
    among="list for a query for which the other has one",
    good="one",
    names={"langfair": "Jaccard-K"},
)
def jaccard_at_k(group: Ranked, reference: Ranked) -> Share:
    """Share of the first k items of either group's list that are in both, same query: 1 alike; mean over queries."""
    return Share(_toward(group.jaccard, reference), _toward(group.compared, reference))


@metric(
    task="ranking",
    over="pair",
    labels=False,
    decisions=False,
    scale="proportion",
    source="Zhang et al. 2023, RecSys (arXiv:2305.07609) (SERP*), normalised",
    among="list for a query for which the other has one",
    good="one",
    names={"langfair": "SERP-K (of identical lists not 1)"},
)
def serp_at_k(group: Ranked, reference: Ranked) -> Share:
    """Weight of the items of the group's list that the reference's has too, the first weighing most: 1 alike; mean."""
    return Share(_toward(group.serp, reference), _toward(group.compared, reference))


@metric(
    task="ranking",
    over="pair",
    labels=False,
    decisions=False,
    scale="proportion",
    source="Zhang et al. 2023, RecSys (arXiv:2305.07609) (PRAG*), normalised",
    among="list of two items or more for a query for which the other has one",
    good="one",
    names={"langfair": "PRAG-K (of identical lists not 1)"},
)
def prag_at_k(group: Ranked, reference: Ranked) -> Share:
    """Share of the pairs of the group's list that the reference's list has in the same order: 1 alike; mean."""
    return Share(_toward(group.prag, reference), _toward(group.prag_compared, reference))


def _toward(table: NDArray[Any], reference: Ranked) -> Floats:
    """The column of each group's reference."""
    column = np.asarray(reference.place, np.intp)[..., None]
    return np.asarray(np.take_along_axis(np.asarray(table, np.float64), column, axis=-1)[..., 0])
