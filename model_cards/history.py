"""The audits before this one: each limit over time, as far as earlier artifacts of the same audit were at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from audits.history import Entry, Ruling, rulings
from audits.verdict import LimitVerdict
from model_cards.blocks import Block, Chart, Figures, Heading, Line, Prose, Section, Table
from model_cards.overview import moment
from model_cards.sources import Sources
from model_cards.trends import Point, told, told_interval, trend
from model_cards.words import anchor, shown


def history_section(sources: Sources) -> Section | None:
    """Return how each limit came out in the audits before this one; ``None`` where none was at hand."""
    entries = _entries(sources.document("history"))
    current = _current(sources)
    if not entries or not current:
        return None
    blocks: list[Block] = []
    for key, ruling in current.items():
        earlier = [(e.ended, found) for e in entries if (found := _of(e, key)) is not None]
        if earlier:
            days = _days([*(ended for ended, _ in earlier), moment(sources)])
            blocks += _limit(key, ruling, list(map(Point, days, [*(one for _, one in earlier), ruling])))
    if not blocks:
        return None
    many = "1 earlier audit" if len(entries) == 1 else f"{len(entries):,} earlier audits"
    words = (
        f"This audit beside {many} that stood in the same folder, by the limits that they have in common. Models and "
        "data may have changed in between: evenhand diff says what did. Earlier numbers stand in their own artifacts."
    )
    return Section(id="history", title="Over time", blocks=(Prose(text=(words,)), *blocks), part="results")


def _days(moments: Sequence[str]) -> list[str]:
    """Return the day of each audit, the newest last; with the time where two of them are of one day."""
    known = [one for one in moments if one[:1].isdigit()]
    days = [one[:10] for one in known]
    if len(set(days)) < len(days) and len({day[:4] for day in days}) == 1:
        return [f"{one[5:10]} {one[11:16]}" if one in known else "this audit" for one in moments]
    return [one[:10] if one in known else "this audit" for one in moments]


def _entries(document: Any) -> list[Entry]:
    found = []
    for one in document if isinstance(document, list) else ():
        try:
            found.append(Entry.model_validate(one))
        except ValidationError:
            continue  # of another version: its artifact can still be looked at
    return sorted((entry for entry in found if not entry.problem), key=lambda entry: entry.ended)


def _current(sources: Sources) -> dict[str, Ruling]:
    limits = [one for one in sources.verdict.get("limits") or () if isinstance(one, Mapping)]
    try:
        judged = [LimitVerdict.model_validate(one) for one in limits]
    except ValidationError:
        return {}
    return {ruling.key: ruling for ruling in rulings(judged, sources.findings)}


def _of(entry: Entry, key: str) -> Ruling | None:
    return next((ruling for ruling in entry.rulings if ruling.key == key), None)


def _limit(key: str, ruling: Ruling, points: Sequence[Point]) -> list[Block]:
    words = shown(ruling.text.replace("_", " "), 200)
    words = words[:1].upper() + words[1:]
    name = anchor("history", key)
    blocks: list[Block] = [Heading(text=words, level=3, id=name)]
    if any(point.ruling.value is not None for point in points):
        drawing = Chart(name=name, svg=trend(name, words, points), caption=f"{words}: audit by audit")
        blocks.append(Figures(charts=(drawing,)))
    lines = tuple(_line(point, last=at == len(points) - 1) for at, point in enumerate(points))
    columns = ("Audit", "Verdict", "Number", "Interval", "Limit", "Decided by")
    return [*blocks, Table(caption=f"{words}: audit by audit", columns=columns, lines=lines)]


def _line(point: Point, *, last: bool) -> Line:
    ruling = point.ruling
    worst = " vs ".join(shown(name, 60) for name in (ruling.worst or {}).values() if name)
    bound = f"{'at least' if ruling.at_least else 'at most'} {told(ruling, ruling.bound).removeprefix('+')}"
    cells = (ruling.verdict, told(ruling, ruling.value) or "not measured", told_interval(ruling) or "–", bound, worst)
    return Line(
        name=(f"{point.day} (this one)" if last and point.day != "this audit" else point.day,),
        cells=tuple((cell or "–",) for cell in cells),
        tone="warning" if ruling.verdict == "FAIL" else "",
    )
