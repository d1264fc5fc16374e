"""Protected attributes as groups of rows: one column of names per attribute and per intersection.

Every row is in exactly one group of every attribute; a row whose attribute is unknown is in ``(missing)``.
"""

from __future__ import annotations

import bisect
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from audits.errors import DataError, nearest
from audits.findings import MISSING_GROUP
from audits.spec import AuditSpec, ProtectedSpec
from audits.values import bin_names, group_names, value_key

CROSS = "×"
MOST_GROUPS = 1000
"""An attribute with more groups is an identifier or a number that wants ``bins``."""


def cut(spec: AuditSpec, run: Path, out: Path) -> None:
    """Write ``slices.parquet`` and ``groups.json`` from ``rows.parquet``.

    ``slices.parquet`` holds ``row`` and one dictionary-encoded text column for each attribute that rows have, then
    for each intersection up to ``spec.intersections``. ``groups.json`` holds for each the groups in order with
    their rows, the reference, how many rows are unknown and why.

    Raises:
        DataError: where a value has no name in the spec, or two groups would share one.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(run / "rows.parquet")
    named = {name: attribute for name, attribute in spec.protected.items() if attribute.sliced}
    columns: dict[str, list[str]] = {}
    documents: dict[str, Any] = {}
    for name, attribute in named.items():
        columns[name], why = assign(name, attribute, rows)
        order = _order(attribute, columns[name])
        documents[name] = _document(name, columns[name], order, attribute.reference, why)
    for depth in range(2, min(spec.intersections, len(named)) + 1):
        for parts in itertools.combinations(named, depth):
            name = CROSS.join(parts)
            columns[name], order = _crossed(name, [columns[part] for part in parts], [documents[p] for p in parts])
            policy = _crossed_reference([documents[part] for part in parts])
            documents[name] = _document(name, columns[name], order, policy, {})
    encoded = {name: pa.array(groups, pa.string()).dictionary_encode() for name, groups in columns.items()}
    pq.write_table(pa.table({"row": rows["row"], **encoded}), out / "slices.parquet", compression="zstd")
    text = json.dumps({"rows": rows.num_rows, "attributes": documents}, indent=1, ensure_ascii=False)
    out.joinpath("groups.json").write_text(text + "\n", encoding="utf-8")


def reference_group(
    policy: str,
    groups: Sequence[str],
    counts: Mapping[str, float],
    rates: Mapping[str, float | None] | None = None,
) -> str | None:
    """Return the group that others are compared with.

    Args:
        policy: a group's name, ``largest`` (most rows) or ``best`` (highest rate).
        groups: the groups in order; a tie goes to the earlier one. ``(missing)`` is never the reference.
        counts: rows of each group.
        rates: rate of the favourable outcome, for ``best``; a group without a rate is passed over.

    Returns:
        The group, or ``None`` where the named one has no rows or no group has a rate.
    """
    known = [group for group in groups if group != MISSING_GROUP and counts.get(group)]
    if policy in known:
        return policy
    if policy == "largest":
        return max(known, key=lambda group: counts[group], default=None)
    if policy == "best" and rates is not None:
        rated = [(rate, group) for group in known if (rate := rates.get(group)) is not None]
        return max(rated, key=lambda item: item[0])[1] if rated else None
    return None


def assign(name: str, attribute: ProtectedSpec, rows: pa.Table) -> tuple[list[str], dict[str, int]]:
    """Return the group of each row, and how many rows are ``(missing)`` for which reason.

    Raises ``DataError`` where a value is not one the spec names, or not one that can be told apart.
    """
    if attribute.indicators is not None:
        return _by_indicators(name, attribute.indicators, rows)
    values = rows[f"data.{attribute.column}"].to_pylist()
    distinct = Counter(value for value in values if not _unknown(value))
    to_group = _namer(name, attribute, distinct)
    named = {value: to_group(value) for value in distinct}
    if MISSING_GROUP in named.values():
        raise DataError(
            f"protected.{name}: the data hold the value {MISSING_GROUP!r}, which is the name of rows without a value",
            "give it a name: values: {...}",
        )
    if len(set(named.values())) > MOST_GROUPS:
        raise DataError(
            f"protected.{name}: got {len(set(named.values()))} groups, expected at most {MOST_GROUPS}",
            "cut numbers by bins: [...], or name another column",
        )
    groups = [MISSING_GROUP if _unknown(value) else named[value] for value in values]
    absent = groups.count(MISSING_GROUP)
    return groups, {"no value": absent} if absent else {}


def _unknown(value: Any) -> bool:
    return value is None or value != value  # NaN is the one value that differs from itself


def _namer(name: str, attribute: ProtectedSpec, distinct: Counter[Any]) -> Callable[[Any], str]:
    if attribute.bins is not None:
        odd = [value for value in distinct if not isinstance(value, int | float)]
        if odd:
            raise DataError(
                f"protected.{name}: got the value {odd[0]!r}, expected numbers to cut by bins",
                "name a column of numbers",
            )
        edges, names = attribute.bins, bin_names(attribute.bins)
        return lambda value: names[bisect.bisect_right(edges, value)]
    if attribute.values is None:
        return lambda value: str(value) if isinstance(value, bool) else value_key(value)
    known = {value_key(value): group for value, group in attribute.values.items()}
    strange = {value_key(value): n for value, n in distinct.items() if value_key(value) not in known}
    if strange:
        told = ", ".join(f"{value!r} ({n} rows)" for value, n in sorted(strange.items())[:8])
        raise DataError(
            f"protected.{name}: the column {attribute.column!r} holds {told}, "
            f"expected only {', '.join(map(repr, known))}",
            "name them under values, or leave these rows out by data.where",
        )
    return lambda value: known[value_key(value)]


def _by_indicators(name: str, indicators: dict[str, str], rows: pa.Table) -> tuple[list[str], dict[str, int]]:
    """Exactly one indicator of 1 names the group; none, several or an unknown one leave the row ``(missing)``."""
    table = [[_flag(name, column, value) for value in rows[f"data.{column}"].to_pylist()] for column in indicators]
    names = list(indicators.values())
    groups, why = [], Counter[str]()
    for flags in zip(*table, strict=True):
        marked = {group for group, flag in zip(names, flags, strict=True) if flag}
        if len(marked) == 1 and None not in flags:
            groups.append(marked.pop())
            continue
        groups.append(MISSING_GROUP)
        why[
            "an indicator without a value"
            if None in flags
            else "several indicators are 1"
            if marked
            else "no indicator is 1"
        ] += 1
    return groups, dict(sorted(why.items()))


def _flag(name: str, column: str, value: Any) -> bool | None:
    if _unknown(value):
        return None
    if value_key(value) not in ("0", "1"):
        raise DataError(
            f"protected.{name}: the indicator {column!r} holds {value!r}, expected 0 or 1",
            "name a column of 0 and 1, or use column: and values:",
        )
    return value_key(value) == "1"


def _order(attribute: ProtectedSpec, groups: list[str]) -> list[str]:
    """Groups in the order of the spec where it names them, else the largest first; ``(missing)`` is left out."""
    named = group_names(attribute)
    if named is not None:
        return named
    counts = Counter(group for group in groups if group != MISSING_GROUP)
    return sorted(counts, key=lambda group: (-counts[group], group))


def _document(name: str, column: list[str], order: list[str], policy: str, why: dict[str, int]) -> dict[str, Any]:
    counts = Counter(column)
    reference = reference_group(policy, order, counts)
    if policy not in ("largest", "best") and reference is None and CROSS not in name:
        raise DataError(
            f"protected.{name}.reference: got {policy!r}, expected a group with rows",
            nearest(policy, [group for group in order if counts[group]]),
        )
    return {
        "groups": [{"name": group, "n": counts[group]} for group in order],
        "reference": {"policy": policy, "group": reference},
        "missing": {"n": counts[MISSING_GROUP], "why": why},
    }


def _crossed(name: str, columns: list[list[str]], documents: list[Any]) -> tuple[list[str], list[str]]:
    """Return each row's group of an intersection, and the order; unknown in one part is unknown."""
    tuples = list(zip(*columns, strict=True))
    orders = [[group["name"] for group in document["groups"]] for document in documents]
    present = set(tuples)
    named: dict[tuple[str, ...], str] = {}
    for parts in itertools.product(*orders):
        if parts in present:
            named[parts] = f" {CROSS} ".join(parts)
    for group, n in Counter(named.values()).items():
        if n > 1:
            raise DataError(
                f"protected.{name}: {n} combinations of groups are all called {group!r}",
                "give the groups names without ' × ': values: {...}",
            )
    groups = [MISSING_GROUP if MISSING_GROUP in parts else named[parts] for parts in tuples]
    return groups, list(named.values())


def _crossed_reference(documents: list[Any]) -> str:
    """The intersection of the parts' references where each names one; else the largest."""
    policies = [document["reference"]["policy"] for document in documents]
    return "largest" if {"largest", "best"} & set(policies) else f" {CROSS} ".join(policies)
