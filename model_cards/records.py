"""Plain JSON documents of a run (data, checks, groups, edits, model) read with tolerance, as facts and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from audits.findings import MISSING_GROUP
from model_cards.blocks import Block, Facts, Line, Table
from model_cards.numbers import Text
from model_cards.tables import LONG
from model_cards.words import group_name, shown, title


class Grouped(NamedTuple):
    """An attribute's groups with their rows (``None``: suppressed), in order; ``reference`` may be empty."""

    attribute: str
    reference: str
    groups: tuple[tuple[str, int | None], ...]


class Check(NamedTuple):
    """An expectation on the data and whether it was met."""

    name: str
    met: bool
    severity: str
    observed: str


def groups_of(document: Any) -> list[Grouped]:
    """Read ``groups.json``: per attribute its groups and counts."""
    attributes = document.get("attributes", document) if isinstance(document, Mapping) else document
    entries: list[tuple[str, Any]] = []
    if isinstance(attributes, Mapping):
        entries = [(name, value) for name, value in attributes.items() if isinstance(value, Mapping | list)]
    elif isinstance(attributes, list):
        entries = [(str(e.get("attribute", e.get("name", ""))), e) for e in attributes if isinstance(e, Mapping)]
    found = []
    for name, value in entries:
        facts = value if isinstance(value, Mapping) else {}
        groups = list(_counted(facts.get("groups", value)))
        reference, missing = facts.get("reference"), facts.get("missing")
        if isinstance(reference, Mapping):
            reference = reference.get("group")
        unknown = missing.get("n") if isinstance(missing, Mapping) else None
        if isinstance(unknown, int) and unknown and MISSING_GROUP not in dict(groups):
            groups.append((MISSING_GROUP, unknown))
        if groups:
            found.append(Grouped(name, reference if isinstance(reference, str) else "", tuple(groups)))
    return found


def _counted(groups: Any) -> Iterator[tuple[str, int | None]]:
    pairs = groups.items() if isinstance(groups, Mapping) else ((None, group) for group in groups or ())
    for name, value in pairs:
        if isinstance(value, Mapping):
            name = name if name is not None else value.get("name", value.get("group"))
            value = next((value[key] for key in ("n", "rows", "count") if key in value), False)
        if isinstance(name, str) and isinstance(value, int | None) and not isinstance(value, bool):
            yield name, value


def checks_of(document: Any) -> list[Check]:
    """Read ``checks.json``, the broken ones first."""
    entries = document
    if isinstance(document, Mapping):
        entries = next((document[key] for key in ("results", "checks", "expectations") if key in document), [])
    found = [_check(entry) for entry in entries if isinstance(entry, Mapping)]
    return sorted(found, key=lambda check: (check.met, check.severity != "critical", check.name))


def _check(entry: Mapping[str, Any]) -> Check:
    arguments = entry.get("arguments")
    given = {**arguments} if isinstance(arguments, Mapping) else {}
    column = given.pop("column", entry.get("column"))
    words = title(str(entry.get("expectation") or "check").removeprefix("expect_").removeprefix("column_"))
    where = f"{column}: " if column else ""
    told = ", ".join(f"{key.replace('_', ' ')} {_listed(value)}" for key, value in given.items())
    name = f"{where}{words[:1].lower() if where else words[:1]}{words[1:]}{f' ({told})' if told else ''}"
    observed, count = entry.get("observed"), entry.get("unexpected_count")
    bare = isinstance(observed, list) and all(item is None for item in observed)  # "null" says nothing more
    said = f"observed {_listed(observed)}" if observed not in (None, "") and not bare else ""
    if isinstance(count, int) and count:
        rows = [str(row) for row in entry.get("unexpected_rows") or []]  # names, not amounts: no thousands mark
        where = f" ({'row' if len(rows) == 1 else 'rows'} {_listed(rows)} of the source)" if rows else ""
        said = f"{count:,} {'row is' if count == 1 else 'rows are'} not so{where}" + (f"; {said}" if said else "")
    return Check(shown(name, 200), bool(entry.get("success")), str(entry.get("severity") or ""), shown(said, 300))


def _listed(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_listed(item) for item in value[:8]) + (" …" if len(value) > 8 else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_listed(item)}" for key, item in value.items())
    return scalar(value)


def edits_of(document: Any) -> list[dict[str, Any]]:
    """Read ``edits.json``: an entry per counterfactual, attribute, group and kind, in words for a table."""
    entries = [entry for entry in document if isinstance(entry, Mapping)] if isinstance(document, list) else []
    told = []
    for entry in entries:
        kind = entry.get("kind")
        name = f"{entry.get('attribute', '')} to {group_name(str(entry.get('to_group', '')))}"
        share, refused = entry.get("share_edited"), entry.get("refused")
        told.append({
            "edit": "control edit" if kind == "control" else name,
            "asked": entry.get("asked"),
            "made": entry.get("edited"),
            "made, %": f"{100 * share:.1f}" if isinstance(share, int | float) else None,
            "guessed": entry.get("ambiguous"),
            "words changed, mean": entry.get("mean_edits"),
            "refused, and why": refused if isinstance(refused, Mapping) else {},
        })  # fmt: skip
    return told


def blocks_of(document: Any, *, without: Sequence[str] = ()) -> list[Block]:
    """Return any other document: its plain values as facts, its mappings of numbers as small tables."""
    if not isinstance(document, Mapping):
        return []
    kept = {key: value for key, value in document.items() if key not in without}
    facts: list[tuple[str, Text]] = [
        (title(shown(key, 60)), (scalar(value),)) for key, value in kept.items() if _plain(value) and value is not None
    ]
    blocks: list[Block] = [Facts(items=tuple(facts))] if facts else []
    for key, value in kept.items():
        if isinstance(value, Mapping) and value and all(_plain(item) for item in value.values()):
            lines = tuple(Line(name=(shown(name, 80),), cells=((scalar(item),),)) for name, item in value.items())
            blocks.append(Table(caption=title(shown(key, 60)), columns=("Name", "Value"), lines=lines, folded=True))
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            blocks.append(records_table(title(shown(key, 60)), value))
    return blocks


def records_table(caption: str, records: Sequence[Mapping[str, Any]]) -> Table:
    """Return a list of like records as a table, a column per key whose values are plain."""
    keys = [key for key in dict.fromkeys(k for record in records for k in record)
            if any(_plain(r.get(key)) or isinstance(r.get(key), Mapping) for r in records)]  # fmt: skip
    lines = tuple(
        Line(name=(_told(record.get(keys[0])),), cells=tuple((_told(record.get(key)),) for key in keys[1:]))
        for record in records
    ) if keys else ()  # fmt: skip
    columns = tuple(title(shown(key, 60)) for key in keys)
    return Table(caption=caption, columns=columns, lines=lines, folded=len(lines) > LONG)


def library_table(libraries: Mapping[str, Any]) -> Table:
    """Return the versions of the libraries that computed the numbers."""
    lines = tuple(Line(name=(shown(k, 60),), cells=((shown(v, 60),),)) for k, v in libraries.items())
    return Table(caption="Versions", columns=("Library", "Version"), lines=lines, folded=True)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{shown(key, 200)}: {scalar(item)}" for key, item in value.items()) or "–"
    return scalar(value)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def scalar(value: Any) -> str:
    """Return a plain JSON value as text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return shown(value, 200)
