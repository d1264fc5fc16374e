"""What is asked of ranked lists: cut-offs, targets and bins that fit the data, and metrics that the columns allow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from audits.errors import SpecError, nearest
from audits.evidence import Evidence
from audits.metrics import chosen
from audits.metrics.list_items import SHOWN
from audits.metrics.list_likeness import LIKENESS
from audits.metrics.list_sums import Items
from audits.registry import Entry


class Chosen(NamedTuple):
    """What is looked at: how many first places, which relevance is enough, and the edges between its bins."""

    cutoffs: list[int]
    qualified: float | None
    edges: list[float] | None


def checked(
    cutoffs: list[int] | None,
    step: int,
    rank: str | None,
    score: str | None,
    targets: dict[str, dict[str, float]] | None,
    edges: list[float] | None,
    evidence: Evidence,
) -> list[int]:
    """Return the cut-offs that are asked for, after a look at whether the options fit each other and the data.

    Raises ``SpecError`` where they do not.
    """
    if rank is not None and score is not None:
        raise SpecError("ranking_parity: got both rank and score, expected one of them")
    found = [10] if cutoffs is None else list(dict.fromkeys(cutoffs))
    for name, number in [("step", step), *(("cutoffs", one) for one in found)]:
        if number < 1:
            raise SpecError(f"ranking_parity.{name}: got {number}, expected whole numbers from 1")
    if edges is not None and (not edges or any(a >= b for a, b in pairwise(edges))):
        raise SpecError(f"ranking_parity.relevance_bins: got {edges!r}, expected one edge or more, each above the last")
    for attribute, shares in (targets or {}).items():
        if attribute not in evidence.attributes:
            hint = nearest(attribute, evidence.attributes)
            raise SpecError(f"ranking_parity.targets: got {attribute!r}, expected an attribute of this audit", hint)
        known = evidence.codes(attribute)[1]
        for group in shares:
            if group not in known:
                raise SpecError(f"ranking_parity.targets: got {group!r}, expected a group", nearest(group, known))
        if min(shares.values(), default=0) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
            raise SpecError(
                f"ranking_parity.targets: got shares of {attribute} that add up to {sum(shares.values()):g}, "
                "expected shares above 0 that add up to 1"
            )
    return found


def possible_entries(names: Sequence[str] | None, items: Items, asked: Chosen) -> list[Entry]:
    """Return the metrics that are named, or all that are possible."""
    entries = chosen("ranking", names)
    return entries if names is not None else [entry for entry in entries if not impossible(entry, items, asked)]


def impossible(entry: Entry, items: Items, asked: Chosen) -> str:
    """Return why a metric cannot be taken of these lists, or nothing."""
    if entry.facts["labels"] and np.isnan(items.relevance).all():
        return "no item has a relevance (ranking_parity.relevance), and it needs one"
    if entry.name in LIKENESS and items.item is None:
        return "no column names the items (ranking_parity.item), so lists cannot be compared"
    if entry.name in (*SHOWN, "recommendation_popularity") and items.item is None:
        return "no column names the items (ranking_parity.item), so nobody knows which are shown"
    if entry.name.startswith("qualified_") and asked.qualified is None:
        return "nothing says how relevant an item must be (ranking_parity.qualified)"
    if entry.name.startswith("calibrated_") and asked.edges is None:
        return "nothing says which relevance is alike (ranking_parity.relevance_bins)"
    return ""
