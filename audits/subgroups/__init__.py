"""What is made of the patterns that ``audits.discovery`` counts.

How far each diverges, which say something of their own, which are shown, and how far any of them can lie from the
others. Every rate is a numerator and a denominator by outcome: ``of`` and ``among`` are a pattern's counts, and the
first pattern is all rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from audits.errors import NotMeasurable
from audits.metrics.counting import CELLS, confusion
from audits.registry import Entry
from audits.statistics.roots import Floats

ALL_OTHERS = "all others"
"""The other side of every comparison: the rows that are not in the subgroup."""

ANY = "any subgroup"
"""The group of the bound that no subgroup of a search exceeds."""

BOUNDED_BY = "bounded_by"
"""Detail of a finding whose group is one of those that the finding of the group named here bounds (``ANY``)."""


class Outcomes(NamedTuple):
    """A rate over outcomes: which count (``of``) among which (``among``), 0 or 1 each; ``of`` is part of ``among``."""

    of: Floats
    among: Floats


def outcomes_of(entry: Entry) -> Outcomes:
    """Return which cells of truth × decision (``audits.metrics.counting.cells``) a metric counts, among which.

    Raises:
        NotMeasurable: the metric is no rate of rows, so that a subgroup's rows cannot be exchanged for others.
    """
    what = f"{entry.name} is no rate of rows, so no subgroups are searched for it"
    if entry.facts["task"] != "binary" or entry.facts["over"] != "group" or entry.facts["scale"] != "rate":
        raise NotMeasurable(what)
    share: Any = entry.function(confusion(np.eye(CELLS).reshape(CELLS, 3, 3), entry.facts["decisions"]))
    of, among = (np.asarray(part, np.float64) for part in share)
    if not (np.isin(among, (0, 1)).all() and np.isin(of, (0, 1)).all() and (of <= among).all() and among.any()):
        raise NotMeasurable(what)
    return Outcomes(of, among)
