"""Table rows with the protected column set to another group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from audits.counterfactuals import Version, counterfactual
from audits.errors import SpecError
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP

Changes = dict[str, float | int | str | bool | None]


@counterfactual(
    source="Kusner et al. 2017, Counterfactual Fairness: here the attribute alone is set, nothing that may follow "
    "from it (the direct effect); Galhotra, Brun, Meliou 2017, Fairness Testing (causal discrimination)",
    kinds={"tabular", "python"},
)
def column(evidence: Evidence, *, attributes: list[str] | None = None) -> Iterator[Version]:
    """Set the protected column, or its indicator columns, of a table row to another group.

    What is written for a group is what most of its rows hold (for a binned attribute: the most frequent value
    within the bin; of equally frequent ones the smallest). A model that reads none of the attribute's columns
    cannot be asked: every version is refused and says so. There is no control edit in a table.

    Args:
        evidence: rows (with ``data.<name>`` columns) and slices.
        attributes: protected attributes to change; default all that are in the data.
    """
    for attribute in _attributes(evidence, attributes):
        values = _values(evidence, attribute)
        codes, names = evidence.codes(attribute)
        own = [names[code] for code in codes]
        for row, group in zip(evidence.rows["row"].to_pylist(), own, strict=True):
            for to_group, changes in values.items():
                if to_group != group:
                    yield _version(evidence, attribute, row, group, to_group, changes)


def _attributes(evidence: Evidence, attributes: Sequence[str] | None) -> list[str]:
    known = [name for name, protected in evidence.spec.protected.items() if protected.sliced]
    unknown = [name for name in attributes or () if name not in known]
    if unknown:
        expected = ", ".join(known) or "none, as no column is protected"
        raise SpecError(
            f"column: got attribute {unknown[0]!r}, expected {expected}", "give it a column under protected"
        )
    return known if attributes is None else list(attributes)


def columns_of(evidence: Evidence, attribute: str) -> list[str]:
    """Return the columns that hold an attribute, whether the model reads them or not."""
    protected = evidence.spec.protected[attribute]
    return list(protected.indicators) if protected.indicators else [protected.column] if protected.column else []


def _values(evidence: Evidence, attribute: str) -> dict[str, Changes]:
    """What is written for each group: the most frequent values of the columns that the model reads."""
    read = [name for name in columns_of(evidence, attribute) if name in evidence.spec.data.features]
    held = zip(*(evidence.rows[f"data.{name}"].to_pylist() for name in read), strict=True) if read else None
    codes, names = evidence.codes(attribute)
    counts: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in names if name != MISSING_GROUP}
    for code, value in zip(codes, held or [()] * len(codes), strict=True):
        if names[code] != MISSING_GROUP:
            counts[names[code]][value] += 1
    return {
        group: dict(zip(read, _most_frequent(counted), strict=True)) for group, counted in counts.items() if counted
    }


def _most_frequent(counts: Counter[tuple[Any, ...]]) -> tuple[Any, ...]:
    most = max(counts.values())
    return min((value for value, count in counts.items() if count == most), key=lambda value: tuple(map(_order, value)))


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return value is None, float(value) if number else 0.0, "" if number else str(value)


def _version(evidence: Evidence, attribute: str, row: int, group: str, to_group: str, changes: Changes) -> Version:
    reason = ""
    if not changes:
        names = " or ".join(columns_of(evidence, attribute))
        reason = f"the model does not read {names}, so changing it cannot change the decision"
    elif group == MISSING_GROUP:
        reason = f"the row's {attribute} is not known"
    return Version(
        row=row,
        counterfactual="column",
        attribute=attribute,
        from_group=group,
        to_group=to_group,
        changes=None if reason else changes,
        status="refused" if reason else "edited",
        reason=reason,
    )
