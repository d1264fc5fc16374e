"""Findings as charts: static SVG that can be read by anyone, on any screen and on paper.

The SVG is written by hand rather than by a plotting library. A chart is then 2 to 6 kB; its text is text, and every
number in it carries the finding it came from; colours are classes that the page turns for dark mode, with the colours
for paper as plain attributes beside them, so the same chart works in a file of its own, in a browser and in a PDF; and
the bytes depend on nothing but the findings. Labels stand above their line, not beside it, so that a chart keeps
its full width and legible letters on a phone. Colours are Okabe and Ito's (2008, "Color universal design"); no
meaning rests on colour alone: reference groups have a diamond, few rows an open mark, limits a dashed line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from audits.findings import Finding, Interval
from model_cards.numbers import Number, number, unit_after, written
from model_cards.svg import Scale, breadth, figure, label, linear, logarithmic, nice, tag, ticks
from model_cards.words import SMALL, visible

WIDTH = 440
LEFT, RIGHT = 10.0, 430.0
PITCH = 38.0
INK, SOFT, MARK, BAND, LIMIT = "#1b1f24", "#5b6470", "#0072b2", "#009e73", "#d55e00"
MOST = 24
"""Rows in one chart; beyond, the widest are drawn and the table has them all."""

STYLE = (
    "svg{color:#1b1f24}@media (prefers-color-scheme:dark){svg{color:#e6e8eb}.ink{fill:#e6e8eb}.soft{fill:#a5adb8}"
    ".axis{stroke:#a5adb8}.grid{stroke:#3a414b}.mark{fill:#56b4e9;stroke:#56b4e9}.open{fill:#14171b;stroke:#56b4e9}"
    ".bar{stroke:#56b4e9}.limit{stroke:#f0a36b}.limit-text{fill:#f0a36b}.band{fill:#2fbf95}.cell{fill:#56b4e9}}"
)
"""What a chart in a file of its own adds, so that it turns dark with its reader; the card's own sheet does the same."""


class Bound(NamedTuple):
    """The region that a limit allows; ``None`` where that side is open."""

    low: float | None
    high: float | None
    text: str


class Row(NamedTuple):
    """One line of a chart; ``hollow`` marks what is not to be relied on as the others are."""

    name: str
    finding: Finding
    note: str = ""
    reference: bool = False
    hollow: bool = False


def dots(
    name: str,
    heading: str,
    rows: Sequence[Row],
    *,
    centre: float | None = None,
    line: tuple[float, str] | None = None,
    bound: Bound | None = None,
) -> str:
    """Draw a dot and an interval per row: rates of groups, or differences, ratios and gaps around ``centre``.

    Args:
        name: unique in the page; ids derive from it.
        heading: the title; also the accessible name.
        rows: top to bottom; those without a value are left out (the card names them elsewhere).
        centre: the value that stands for "no difference" (0, or 1 for a ratio); ``None`` for rates.
        line: a value to compare with, and what it is ("all rows").
        bound: the region inside the limit, where a limit applies.

    Raises:
        ValueError: no row has a value.
    """
    drawn = [row for row in rows if row.finding.value is not None]
    if not drawn:
        raise ValueError(f"chart {name!r}: got no row with a value, expected at least one")
    drawn = _widest(drawn, centre)
    low, high, logs = _domain(drawn, centre, line, bound)
    scale = (logarithmic if logs else linear)(low, high, LEFT, RIGHT)
    top = 26.0 if line or bound else 8.0
    tracks = [top + PITCH * at + 26 for at in range(len(drawn))]
    body = [*axis(drawn[0].finding, scale, low, high, tracks), *_bound(bound, scale, top, tracks, (low, high))]
    if centre is not None:
        body.append(rule(scale(centre), tracks, "axis", SOFT, width=1.4))
    if line:
        body += _line(scale(line[0]), line[1], top, tracks)
    for y, row in zip(tracks, drawn, strict=True):
        body += _row(row, scale, y - 26, (low, high))
    left_out = len([row for row in rows if row.finding.value is not None]) - len(drawn)
    return frame(name, heading, _described(drawn, bound, left_out), tracks[-1] + 32, body)


def standalone(svg: str) -> str:
    """Return a chart as a file of its own."""
    at = svg.index(">") + 1
    return f"{svg[:at]}<style>{STYLE}</style>{svg[at:]}\n"


def frame(name: str, heading: str, words: str, height: float, body: list[str]) -> str:
    """Return a chart's parts as one picture with its title and its description, by which it is named."""
    content = (
        tag("title", escape(visible(heading)), id=f"{name}.title")
        + tag("desc", escape(visible(words)), id=f"{name}.desc")
        + "".join(body)
    )
    return tag(
        "svg", content, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height:.0f}", width=WIDTH,
        height=height, role="img", aria_labelledby=f"{name}.title {name}.desc", class_="chart",
        font_family="system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif", font_size=13,
        fill="currentColor",
    )  # fmt: skip


def _row(row: Row, scale: Scale, y: float, domain: tuple[float, float]) -> list[str]:
    finding = row.finding
    value = finding.value or 0.0
    few = finding.n is not None and min(finding.n.group, finding.n.reference or finding.n.group) < SMALL
    right: list[str | Number] = [number(finding), unit_in_chart(finding)]
    note = row.note or ("few rows" if few else "")
    written_name = f"{row.name} – {note}" if note else row.name
    if finding.interval and breadth(written_name) <= 34:  # else the name has the line; the interval is in the table
        right += [" (", number(finding, "interval"), ")"]
    room = 53 - sum(len(part if isinstance(part, str) else part.text) for part in right)
    parts = [
        label(written_name, LEFT, y + 14, limit=max(room, 14)),
        figure(right, RIGHT, y + 14, class_="soft", fill=SOFT),
        tag("line", x1=LEFT, x2=RIGHT, y1=y + 26, y2=y + 26, class_="grid", stroke="#d8dce1"),
    ]
    if finding.interval:
        parts += _whisker(finding.interval, scale, y + 26, domain)
    x = scale(value)
    hollow = few or row.hollow
    shape = {"class_": "open" if hollow else "mark", "fill": "#ffffff" if hollow else MARK, "stroke": MARK,
             "stroke_width": 2}  # fmt: skip
    if row.reference:
        corners = f"{x:.1f},{y + 19.5:.1f} {x + 6.5:.1f},{y + 26:.1f} {x:.1f},{y + 32.5:.1f} {x - 6.5:.1f},{y + 26:.1f}"
        return [*parts, tag("polygon", points=corners, **shape)]
    return [*parts, tag("circle", cx=x, cy=y + 26, r=5, **shape)]


def _whisker(interval: Interval, scale: Scale, y: float, domain: tuple[float, float]) -> list[str]:
    low, high = interval.low, interval.high
    left, right = scale(low), RIGHT if high is None else scale(high)
    marks = [tag("line", x1=left, x2=right, y1=y, y2=y, class_="bar", stroke=MARK, stroke_width=3, opacity="0.75")]
    for value, x, turn in ((low, left, 1), (high, right, -1)):
        beyond = value is None or value < domain[0] or value > domain[1]
        if beyond:  # an arrow says that the interval goes on
            points = f"{x + 6 * turn:.1f},{y - 5:.1f} {x:.1f},{y:.1f} {x + 6 * turn:.1f},{y + 5:.1f}"
            marks.append(tag("polyline", points=points, class_="bar", fill="none", stroke=MARK, stroke_width=2))
        else:
            marks.append(tag("line", x1=x, x2=x, y1=y - 4, y2=y + 4, class_="bar", stroke=MARK, stroke_width=2))
    return marks


def _bound(
    bound: Bound | None, scale: Scale, top: float, tracks: Sequence[float], domain: tuple[float, float]
) -> list[str]:
    if bound is None:
        return []
    left = LEFT if bound.low is None else scale(bound.low)
    right = RIGHT if bound.high is None else scale(bound.high)
    box = {"x": left, "y": top, "width": right - left, "height": tracks[-1] + 8 - top}
    parts = [tag("rect", **box, class_="band", fill=BAND, fill_opacity="0.12")]
    edges = [value for value in (bound.low, bound.high) if value is not None and domain[0] <= value <= domain[1]]
    parts += [rule(scale(edge), tracks, "limit", LIMIT, dash="3 2", width=1.8) for edge in edges]
    half = 3.3 * len(bound.text)
    middle = min(max((left + right) / 2, LEFT + half), RIGHT - half)
    words = label(bound.text, middle, top - 10, anchor="middle", class_="limit-text", fill="#a34700", font_size=12)
    return [*parts, words]


def _line(x: float, words: str, top: float, tracks: Sequence[float]) -> list[str]:
    anchor = "end" if x > WIDTH * 0.7 else "start" if x < WIDTH * 0.3 else "middle"
    return [
        rule(x, tracks, "axis", SOFT, dash="2 3", width=1.4),
        tag("path", d=f"M{x:.1f} {top - 5:.1f}v8", class_="axis", stroke=SOFT),
        label(words, x, top - 10, anchor=anchor, class_="soft", fill=SOFT, font_size=12),
    ]


def axis(finding: Finding, scale: Scale, low: float, high: float, tracks: Sequence[float]) -> list[str]:
    """Return the round numbers under the tracks, with a mark on each track."""
    marks = [at for at in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= at <= high] if finding.comparison == "ratio" else []
    marks = marks if len(marks) > 2 else ticks(low, high)
    unit = unit_after(finding)
    parts = []
    for at in marks:
        x = scale(at)
        anchor = "start" if x < LEFT + 12 else "end" if x > RIGHT - 16 else "middle"
        words, y = _tick(finding, at, unit), tracks[-1] + 25
        parts.append(rule(x, tracks, "grid", "#d8dce1"))
        parts.append(label(words, x, y, anchor=anchor, class_="soft", fill=SOFT, font_size=11))
    return parts


def unit_in_chart(finding: Finding) -> str:
    """Return the unit beside a number in a chart; points stand in the caption, to leave the names their room."""
    unit = unit_after(finding)
    return "" if unit == " points" else unit


def _tick(finding: Finding, at: float, unit: str) -> str:
    if unit in ("%", " points"):
        text = f"{100 * at:g}".replace("-", "−")
        return f"{text}%" if unit == "%" else (f"+{text}" if at > 0 else text)
    return f"{at:g}".replace("-", "−") if finding.comparison == "ratio" or abs(at) >= 1e-3 else written("plain", at)


def rule(x: float, tracks: Sequence[float], kind: str, colour: str, *, dash: str = "", width: float = 1.0) -> str:
    """Draw an upright through the tracks only, so that no line runs through the words above them."""
    path = "".join(f"M{x:.1f} {y - 8:.1f}v16" for y in tracks)
    more: dict[str, str | float] = {"stroke_dasharray": dash} if dash else {}
    return tag("path", d=path, class_=kind, stroke=colour, stroke_width=f"{width:g}", **more)


def _domain(
    rows: Sequence[Row], centre: float | None, line: tuple[float, str] | None, bound: Bound | None
) -> tuple[float, float, bool]:
    """Return the ends of the axis, and whether it is logarithmic (ratios)."""
    first = rows[0].finding
    ends = [row.finding.value or 0.0 for row in rows]
    ends += [end for end in (bound.low, bound.high) if end is not None] if bound else []
    for interval in (row.finding.interval for row in rows):
        if interval is not None:
            ends += [interval.low] + ([] if interval.high is None else [interval.high])
    if first.comparison == "ratio":
        low, high = min(0.5, *ends, 1), max(2, *ends, 1)
        return max(low, 0.1), min(high, 10.0), True
    if line:
        ends.append(line[0])
    ends.append(0.0 if centre is None else centre)
    low, high = min(ends), max(ends)
    if centre is None and first.unit == "proportion" and high > 0.4:
        return min(low, 0.0), 1.0, False
    if low == high:
        low, high = low - 0.5 if centre is not None else low, high + 0.5
    if bound:  # the edge of what is allowed never falls together with the edge of the picture
        room = 0.12 * (high - low)
        low = low - room if bound.low is not None and low == bound.low else low
        high = high + room if bound.high is not None and high == bound.high else high
    low, high = nice(low, high)
    return low, high, False


def _widest(rows: list[Row], centre: float | None) -> list[Row]:
    """Keep the rows that say most where there are too many: references, then those farthest from the middle."""
    if len(rows) <= MOST:
        return rows
    values = sorted(row.finding.value or 0.0 for row in rows)
    middle = values[len(values) // 2] if centre is None else centre
    ranked = sorted(rows, key=lambda row: (not row.reference, -abs((row.finding.value or 0.0) - middle)))[:MOST]
    kept = {id(row) for row in ranked}
    return [row for row in rows if id(row) in kept]


def _described(rows: Sequence[Row], bound: Bound | None, left_out: int) -> str:
    """Say in words what the picture shows; its numbers are in the table that follows it."""
    lowest = min(rows, key=lambda row: row.finding.value or 0.0)
    highest = max(rows, key=lambda row: row.finding.value or 0.0)
    words = ["A dot for each value, with its interval as a bar where there is one."]
    if len(rows) > 1:
        words.append(f"Lowest: {lowest.name}. Highest: {highest.name}.")
    if bound:
        words.append(f"The shaded band is what the limit allows: {bound.text}.")
    if left_out:
        words.append(f"{left_out} more are in the table only.")
    words.append("The numbers are in the table that follows.")
    return " ".join(words)
