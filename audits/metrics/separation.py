"""The interval of an AUC of 1 or 0, whose classes do not overlap: resampled rows do not overlap either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from audits.findings import Finding, Interval, rounded
from audits.registry import Entry
from audits.statistics import critical, interval
from audits.statistics.roots import Floats

_SIDES: dict[str, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "auc": lambda own, rest: (own[..., 2], own[..., 1]),
    "subgroup_auc": lambda own, rest: (own[..., 2], own[..., 1]),
    "bpsn_auc": lambda own, rest: (rest[..., 2], own[..., 1]),
    "bnsp_auc": lambda own, rest: (own[..., 2], rest[..., 1]),
}


def exact_where_separated(
    entry: Entry, made: Iterable[Finding], groups: list[str], own: Floats, rest: Floats, level: float
) -> Iterator[Finding]:
    """Put an exact interval beside each group's AUC that is 1 or 0.

    Pair off each positive row with another negative one: the pairs are independent, so that the number ranked right
    is binomial with the AUC as its rate, and it is all (or none) of them, whichever way they were paired off.

    Args:
        entry: the metric; of one that is no AUC the findings are passed on as they are.
        made: its findings.
        groups: the names of the groups.
        own: groups × truth (unknown, negative, positive), rows; neither weighted nor in clusters.
        rest: the same of each group's background.
        level: of the interval.

    Source: Clopper, Pearson 1934, Biometrika 26:404, for as many pairs as the smaller class has rows.
    """
    sides = _SIDES.get(entry.name)
    for finding in made:
        bare = finding.comparison == "mean" and finding.interval is None and finding.value in (0.0, 1.0)
        if sides is None or not bare:
            yield finding
            continue
        pairs = float(np.minimum(*sides(own, rest))[groups.index(finding.group)])
        sufficient = {"x": pairs * (finding.value or 0.0), "n": pairs}
        low, high = interval("clopper-pearson", sufficient, critical(level))
        yield finding.model_copy(
            update={
                "interval": Interval(low=rounded(low), high=high, level=level, method="clopper-pearson"),
                "sufficient": sufficient,
                "details": {key: value for key, value in finding.details.items() if key != "no_interval"},
            }
        )
