"""Metrics: a plain function each, from confusion counts to a numerator and a denominator.

The function's name is the metric's name in specs, cards and MLflow. A denominator of 0 means that the
metric does not exist for that group; it is never 0, 1 or NaN (``audits.techniques.parity`` says so in words).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from audits.registry import Registry

registry = Registry("metric", __name__, "EVENHAND_METRICS")


class Counts(NamedTuple):
    """Confusion counts, scalars or arrays of one shape (weighted counts are floats).

    ``tp`` positive and decided positive; ``fp`` negative, decided positive; ``fn`` positive, decided negative;
    ``tn`` negative, decided negative. ``up``/``un``: decided positive/negative, truth unknown.
    """

    tp: NDArray[Any]
    fp: NDArray[Any]
    fn: NDArray[Any]
    tn: NDArray[Any]
    up: NDArray[Any]
    un: NDArray[Any]


class Share(NamedTuple):
    """``of`` rows among ``among`` rows."""

    of: NDArray[Any]
    among: NDArray[Any]


Metric = Callable[[Counts], Share]


def metric(
    *, source: str, among: str, good: str, labels: bool = True, decisions: bool = True
) -> Callable[[Metric], Metric]:
    """Register a metric.

    Args:
        source: where the definition is from.
        among: the denominator in words, as in "among the … rows": ``actual positives``.
        good: ``"high"`` where a high value is good for the person when the positive decision is favourable,
            ``"low"`` where a low value is, ``"truth"`` where it says nothing of the decision (base rate),
            ``"quality"`` where high is good whichever decision is favourable (accuracy).
        labels: needs the truth.
        decisions: needs the decision.
    """
    return registry.register(source=source, among=among, good=good, labels=labels, decisions=decisions)
