"""Which groups are compared with which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from audits.findings import MISSING_GROUP

if TYPE_CHECKING:  # a verdict is told without reading parquet
    from audits.evidence import Evidence

MOST_GROUPS = 12
"""Up to this many groups every pair is compared; of more, each group with the reference alone. A verdict over rates
looks at every pair all the same (``audits.judging``): it has the counts of every group."""


def known_groups(groups: Sequence[str]) -> list[int]:
    """Return the positions of the groups that can be compared: all but ``(missing)``."""
    return [at for at, group in enumerate(groups) if group != MISSING_GROUP]


def pairs_of(
    evidence: Evidence,
    attribute: str,
    groups: Sequence[str],
    totals: Sequence[float] | NDArray[Any],
    values: Sequence[float | None] | None = None,
) -> list[tuple[int, int]]:
    """Return pairs of positions (group, reference): all against the reference, then every other pair once.

    Args:
        evidence: for the reference that the spec names.
        attribute: whose groups.
        groups: their names.
        totals: rows of each group, for ``largest``.
        values: a value of each group of which a high one is good, for ``best``; without them ``best`` is the largest.
    """
    from audits.slices import reference_group

    known = known_groups(groups)
    if len(known) < 2:
        return []
    names = [groups[at] for at in known]
    counts = {groups[at]: float(totals[at]) for at in known}
    rates = {groups[at]: values[at] for at in known} if values is not None else None
    policy = evidence.reference(attribute)
    found = reference_group(policy, names, counts, rates) or reference_group("largest", names, counts)
    reference = known[names.index(found)] if found else known[0]
    first = [(at, reference) for at in known if at != reference]
    if len(known) > MOST_GROUPS:
        return first
    return first + [(b, a) for i, a in enumerate(known) for b in known[i + 1 :] if reference not in (a, b)]
