"""Protected attributes as groups of rows: one column of names per attribute and per intersection.

Every row is in exactly one group of every attribute; a row whose attribute is unknown is in ``(missing)``. Groups that
overlap are an attribute each, ``race=Black``: those inside it and those outside.
"""

from __future__ import annotations

import bisect
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.errors import DataError, nearest
from audits.findings import MISSING_GROUP
from audits.probabilities import read_probabilities
from audits.spec import AuditSpec, ProtectedSpec
from audits.values import as_seen, bin_names, group_names, value_key

CROSS = "×"
MOST_GROUPS = 1000
"""An attribute with more groups is an identifier or a number that wants ``bins``."""
LONGEST = 200
"""Characters of a group's name."""


@dataclass(frozen=True)
class Sliced:
    """The groups of one attribute: a position in ``names`` for each row, −1 where unknown, and why unknown."""

    codes: NDArray[np.int64]
    names: list[str]
    why: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each group, in order."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))

    def encoded(self) -> pa.DictionaryArray:
        """Return each row's group as dictionary-encoded text, ``(missing)`` where unknown."""
        names = [*self.names, MISSING_GROUP]
        codes = np.where(self.codes < 0, len(self.names), self.codes).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))


def cut(spec: AuditSpec, run: Path, out: Path) -> None:
    """Write ``slices.parquet`` and ``groups.json`` from ``rows.parquet``.

    ``slices.parquet`` holds ``row`` and one dictionary-encoded text column for each attribute that rows have, then
    for each intersection up to ``spec.intersections``. ``groups.json`` holds for each the groups in order with
    their rows, the reference, how many rows are unknown and why. Of an intersection only combinations that rows
    have are groups; a row that is unknown in one part is unknown.

    Raises:
        DataError: where a value has no name in the spec, two groups would share one, or probabilities are none.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(run / "rows.parquet")
    for name, attribute in spec.protected.items():
        if attribute.probabilities is not None:
            read_probabilities(rows, name, attribute)  # refused here, before a model is asked
    apart = {name: attribute for name, attribute in spec.protected.items() if attribute.sliced and attribute.overlap}
    named = {name: attribute for name, attribute in spec.protected.items() if attribute.sliced and name not in apart}
    sliced = {name: assign(name, attribute, rows) for name, attribute in named.items()}
    policies = {name: attribute.reference for name, attribute in named.items()}
    for name, attribute in apart.items():
        for group, inside in _overlapping(name, attribute.indicators or {}, rows).items():
            sliced[one_of(name, group)] = inside
            policies[one_of(name, group)] = inside.names[1]
    for depth in range(2, min(spec.intersections, len(named)) + 1):
        for parts in itertools.combinations(named, depth):
            name = CROSS.join(parts)
            sliced[name] = crossed(name, [sliced[part] for part in parts])
            policies[name] = _crossed_policy([policies[part] for part in parts])
    columns = {name: groups.encoded() for name, groups in sliced.items()}
    pq.write_table(pa.table({"row": rows["row"], **columns}), out / "slices.parquet", compression="zstd")
    documents = {name: _document(name, groups, policies[name]) for name, groups in sliced.items()}
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


def assign(name: str, attribute: ProtectedSpec, rows: pa.Table) -> Sliced:
    """Return the group of each row: in the order of the spec where it names them, else the largest first.

    Raises ``DataError`` where a value is not one the spec names, or not one that can be told apart.
    """
    if attribute.indicators is not None:
        return _by_indicators(name, attribute.indicators, rows)
    codes, values = _distinct(rows[f"data.{attribute.column}"])
    counts = np.bincount(codes[codes >= 0], minlength=len(values)).tolist()
    to_group = _namer(name, attribute, dict(zip(values, counts, strict=True)))
    of_value = [to_group(value) for value in values]
    sizes = Counter[str]()
    for group, n in zip(of_value, counts, strict=True):
        sizes[group] += n
    if MISSING_GROUP in sizes:
        raise DataError(
            f"protected.{name}: the data hold the value {MISSING_GROUP!r}, which is the name of rows without a value",
            "give it a name: values: {...}",
        )
    if len(sizes) > MOST_GROUPS:
        raise DataError(
            f"protected.{name}: got {len(sizes)} groups, expected at most {MOST_GROUPS}",
            "cut numbers by bins: [...], or name another column",
        )
    _refuse_look_alikes(name, sizes)
    names = group_names(attribute) or sorted(sizes, key=lambda group: (-sizes[group], group))
    at = {group: position for position, group in enumerate(names)}
    lookup = np.array([*(at[group] for group in of_value), -1], dtype=np.int64)
    absent = int((codes < 0).sum())
    return Sliced(lookup[codes], names, {"no value": absent} if absent else {})


def _refuse_look_alikes(name: str, sizes: Mapping[str, int]) -> None:
    """Two spellings of one group would each be audited as half of it, and nobody could tell them apart in a card."""
    hint = "name every value: values: {<value>: <group>, …}; values of one group get the same name"
    alike: dict[str, str] = {}
    for group, n in sizes.items():
        if len(group) > LONGEST:
            got = f"got a group of {len(group):,} characters ({group[:40]!r} …), expected at most {LONGEST}"
            raise DataError(f"protected.{name}: {got}", "name another column, or give it a name under values")
        if not as_seen(group):
            raise DataError(f"protected.{name}: got the group {group!r} ({n} rows), which shows as nothing", hint)
        if (other := alike.setdefault(as_seen(group), group)) != group:
            one, two = repr(other), repr(group)
            if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", two):
                one, two = ascii(other), ascii(group)
            raise DataError(
                f"protected.{name}: got the groups {one} and {two} ({sizes[other]} and {n} rows), "
                "which differ only in case, spaces or characters that are not seen",
                hint,
            )


def _distinct(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[Any]]:
    """Return each row's position among the distinct values, −1 where there is none; and the values."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def _namer(name: str, attribute: ProtectedSpec, counts: Mapping[Any, int]) -> Callable[[Any], str]:
    if attribute.bins is not None:
        odd = [value for value in counts if isinstance(value, bool) or not isinstance(value, int | float)]
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
    strange = {value_key(value): n for value, n in counts.items() if value_key(value) not in known}
    if strange:
        told = ", ".join(f"{value!r} ({n} rows)" for value, n in sorted(strange.items())[:8])
        raise DataError(
            f"protected.{name}: the column {attribute.column!r} holds {told}, "
            f"expected only {', '.join(map(repr, known))}",
            "name them under values, or leave these rows out by data.where",
        )
    return lambda value: known[value_key(value)]


def _by_indicators(name: str, indicators: dict[str, str], rows: pa.Table) -> Sliced:
    """Exactly one group marked by a 1 is the row's; none, several or an unknown mark leave it ``(missing)``."""
    names = list(dict.fromkeys(indicators.values()))
    marked = np.zeros((rows.num_rows, len(names)), dtype=bool)
    unknown = np.zeros(rows.num_rows, dtype=bool)
    for column, group in indicators.items():
        flags = _flags(name, column, rows[f"data.{column}"])
        marked[:, names.index(group)] |= flags == 1
        unknown |= flags < 0
    number = marked.sum(axis=1)
    codes = np.where((number == 1) & ~unknown, marked.argmax(axis=1), -1)
    reasons = {
        "an indicator without a value": unknown,
        "no indicator is 1": ~unknown & (number == 0),
        "several indicators are 1": ~unknown & (number > 1),
    }
    return Sliced(codes, names, {why: n for why, mask in reasons.items() if (n := int(mask.sum()))})


def one_of(name: str, group: str) -> str:
    """Return the name of the attribute that says whether a row is in one of several groups that overlap."""
    return f"{name}={group}"


def _overlapping(name: str, indicators: dict[str, str], rows: pa.Table) -> dict[str, Sliced]:
    """For each group that may overlap others: who is in it and who is not; a row without a mark is unknown."""
    found: dict[str, Sliced] = {}
    for group in dict.fromkeys(indicators.values()):
        flags = [_flags(name, column, rows[f"data.{column}"]) for column, of in indicators.items() if of == group]
        inside = np.any([flag == 1 for flag in flags], axis=0)
        unknown = ~inside & np.any([flag < 0 for flag in flags], axis=0)
        codes = np.where(unknown, -1, np.where(inside, 0, 1)).astype(np.int64)
        absent = int(unknown.sum())
        why = {"an indicator without a value": absent} if absent else {}
        found[group] = Sliced(codes, [group, f"not {group}"], why)
    return found


def _flags(name: str, column: str, values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return 1, 0, or −1 for unknown. Raises ``DataError`` for any other value."""
    codes, distinct = _distinct(values)
    odd = [value for value in distinct if value_key(value) not in ("0", "1")]
    if odd:
        raise DataError(
            f"protected.{name}: the indicator {column!r} holds {odd[0]!r}, expected 0 or 1",
            "name a column of 0 and 1, or use column: and values:",
        )
    return np.array([*(int(value_key(value)) for value in distinct), -1], dtype=np.int64)[codes]


def _document(name: str, sliced: Sliced, policy: str) -> dict[str, Any]:
    counts = sliced.counts
    reference = reference_group(policy, sliced.names, counts)
    if policy not in ("largest", "best") and reference is None and CROSS not in name:
        raise DataError(
            f"protected.{name}.reference: got {policy!r}, expected a group with rows",
            nearest(policy, [group for group, n in counts.items() if n]),
        )
    return {
        "groups": [{"name": group, "n": n} for group, n in counts.items()],
        "reference": {"policy": policy, "group": reference},
        "missing": {"n": int((sliced.codes < 0).sum()), "why": sliced.why},
    }


def crossed(name: str, parts: list[Sliced]) -> Sliced:
    """Return the groups of an intersection, in the order of its parts' groups."""
    code = np.zeros(len(parts[0].codes), dtype=np.int64)
    unknown = np.zeros(len(code), dtype=bool)
    for part in parts:
        code = code * max(len(part.names), 1) + part.codes
        unknown |= part.codes < 0
    present, codes = np.unique(np.where(unknown, -1, code), return_inverse=True)
    shift = 1 if len(present) and present[0] < 0 else 0
    places = np.unravel_index(present[shift:], [max(len(part.names), 1) for part in parts])
    names = [
        f" {CROSS} ".join(part.names[at] for part, at in zip(parts, position, strict=True))
        for position in zip(*places, strict=True)
    ]
    for group, n in Counter(names).items():
        if n > 1:
            raise DataError(
                f"protected.{name}: {n} combinations of groups are all called {group!r}",
                "give the groups names without ' × ': values: {...}",
            )
    absent = int(unknown.sum())
    return Sliced(codes - shift, names, {"a part is unknown": absent} if absent else {})


def _crossed_policy(policies: list[str]) -> str:
    """The intersection of the parts' references where each names one; else the largest."""
    return "largest" if {"largest", "best"} & set(policies) else f" {CROSS} ".join(policies)
