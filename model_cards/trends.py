"""A limited measure over the audits of a history, as static SVG: value, interval, verdict and limit, audit by audit.

Drawn as ``model_cards.charts`` draws: text is text, colours are classes with the colours for paper beside them, and no
meaning rests on colour alone: what holds is a full circle, what is broken a square, what is open a hollow circle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from audits.findings import Finding
from audits.history import Ruling
from audits.judging import BOTH_WAYS
from model_cards.charts import BAND, INK, LIMIT, MARK, SOFT, WIDTH
from model_cards.numbers import form_of, unit_after, written
from model_cards.public import HIDDEN_REASON
from model_cards.svg import Scale, label, linear, logarithmic, nice, tag, ticks
from model_cards.words import shown, visible

LEFT, RIGHT, TOP, BOTTOM = 52.0, 424.0, 26.0, 196.0
MOST = 30
"""Audits in one chart, the newest; the table has them all."""


class Point(NamedTuple):
    """A limit in one audit: on which day, as how it was judged, and where the page tells of it."""

    day: str
    ruling: Ruling
    anchor: str = ""


def like(ruling: Ruling) -> Finding:
    """Return a finding that is written as the ruling's number is: in per cent, in points, as a ratio."""
    reference = (ruling.worst or {}).get("reference", "")
    return Finding.model_construct(comparison=ruling.compare, unit=ruling.unit, reference=reference)


def told(ruling: Ruling, value: float | None) -> str:
    """Return a number of a ruling with its unit; empty where there is none."""
    if value is None:
        return ""
    finding = like(ruling)
    return f"{written(form_of(finding), value)}{shown(unit_after(finding), 40)}"


def untold(ruling: Ruling) -> str:
    """Return why a ruling has no number, in a word or two."""
    return "suppressed" if ruling.reason.startswith(HIDDEN_REASON) else "not measured"


def told_interval(ruling: Ruling) -> str:
    """Return the interval of a ruling's number; empty where there is none."""
    if ruling.interval is None:
        return ""
    ends = {"low": ruling.interval.low, "high": ruling.interval.high}
    return written(form_of(like(ruling)), ends)


def trend(name: str, heading: str, points: Sequence[Point]) -> str:
    """Draw a limited measure over its history, the oldest audit first.

    Args:
        name: unique in the page; ids derive from it.
        heading: the accessible name.
        points: the same limit, audit by audit; an audit without a number has a cross at the foot.

    Raises:
        ValueError: no audit has a number.
    """
    drawn = list(points)[-MOST:]
    if all(point.ruling.value is None for point in drawn):
        raise ValueError(f"chart {name!r}: got no audit with a number, expected at least one")
    low, high, logs = _domain(drawn)
    y = (logarithmic if logs else linear)(low, high, BOTTOM, TOP)
    width = (RIGHT - LEFT) / len(drawn)
    x = [LEFT + width * (at + 0.5) for at in range(len(drawn))]
    body = [*_grid(drawn[-1].ruling, y, low, high, logs), *_bound(drawn, y, width), *_line(drawn, x, y)]
    for at, point in enumerate(drawn):
        body += _mark(point.ruling, x[at], y, (low, high))
    body += [*_days(drawn, x), label(f"limit: {told_limit(drawn[-1].ruling)}", RIGHT, 14, anchor="end", **_LIMIT_TEXT)]
    words = _described(drawn, len(points) - len(drawn))
    content = (
        tag("title", escape(visible(heading)), id=f"{name}.title")
        + tag("desc", escape(visible(words)), id=f"{name}.desc")
        + "".join(body)
    )
    return tag(
        "svg", content, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} 226", width=WIDTH, height=226,
        role="img", aria_labelledby=f"{name}.title {name}.desc", class_="chart",
        font_family="system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif", font_size=13,
        fill="currentColor",
    )  # fmt: skip


_LIMIT_TEXT: dict[str, Any] = {"class_": "limit-text", "fill": "#a34700", "font_size": 12}
_QUIET: dict[str, Any] = {"class_": "soft", "fill": SOFT, "font_size": 11}


def allowed(ruling: Ruling) -> tuple[float | None, float | None]:
    """Return the region that a limit allows, null where a side is open; two groups are held to it in either order."""
    bound = ruling.bound
    if ruling.compare == "ratio" and bound > 0:
        return min(bound, 1 / bound), max(bound, 1 / bound)
    if ruling.compare in BOTH_WAYS and not ruling.at_least:
        return -bound, bound
    return (bound, None) if ruling.at_least else (None, bound)


def told_limit(ruling: Ruling) -> str:
    """Return what a limit allows, in words: "at most 40%", "within 10 points", "0.8 to 1.25"."""
    low, high = allowed(ruling)
    form, unit = form_of(like(ruling)), shown(unit_after(like(ruling)), 40)
    scale = 100 if form in ("percent", "points") else 1
    if low is not None and high is not None:
        both = f"{low:.3g} to {high:.3g}" if form == "ratio" else f"within {scale * high:g}"
        return f"{both}{unit}"
    return f"at {'least' if ruling.at_least else 'most'} {scale * ruling.bound:g}{unit}".replace("-", "−")


def _domain(points: Sequence[Point]) -> tuple[float, float, bool]:
    """Return the ends of the upright axis, and whether it is logarithmic (ratios)."""
    ends: list[float] = []
    for ruling in (point.ruling for point in points):
        ends += [end for end in allowed(ruling) if end is not None] + ([] if ruling.value is None else [ruling.value])
        if ruling.interval is not None:
            ends += [ruling.interval.low] + ([] if ruling.interval.high is None else [ruling.interval.high])
    if points[-1].ruling.compare == "ratio":
        return max(min(0.5, *ends), 0.1), min(max(2.0, *ends), 10.0), True
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.08 * (high - low) or 0.5
    low, high = nice(low - room if low < 0 else low, high + room)
    return low, high, False


def _grid(ruling: Ruling, y: Scale, low: float, high: float, logs: bool) -> list[str]:
    marks = [at for at in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= at <= high] if logs else ticks(low, high)
    form = form_of(like(ruling))
    parts = []
    for at in marks:
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(at), y2=y(at), class_="grid", stroke="#d8dce1"))
        words = f"{100 * at:g}" if form in ("percent", "points") else f"{at:g}"
        parts.append(label(words.replace("-", "−") + ("%" if form == "percent" else ""), LEFT - 8, y(at) + 4,
                           anchor="end", limit=8, **_QUIET))  # fmt: skip
    unit = shown(unit_after(like(ruling)), 30).strip()
    return [*parts, label(unit, 4, 14, limit=24, **_QUIET)] if unit not in ("", "%") else parts


def _bound(points: Sequence[Point], y: Scale, width: float) -> list[str]:
    """Draw what the limit allows: it may have been another one at another time."""
    parts, paths = [], {"low": "", "high": ""}
    for at, point in enumerate(points):
        low, high = allowed(point.ruling)
        left = LEFT + width * at
        top, foot = TOP if high is None else y(high), BOTTOM if low is None else y(low)
        parts.append(
            tag(
                "rect",
                x=left,
                y=top,
                width=width,
                height=max(foot - top, 0),
                class_="band",
                fill=BAND,
                fill_opacity="0.12",
            )
        )
        for side, edge in (("low", low), ("high", high)):
            if edge is not None:
                paths[side] += f"{'L' if paths[side] else 'M'}{left:.1f} {y(edge):.1f}H{left + width:.1f}"
    drawn: dict[str, Any] = {
        "class_": "limit",
        "fill": "none",
        "stroke": LIMIT,
        "stroke_width": "1.8",
        "stroke_dasharray": "5 3",
    }
    return [*parts, *(tag("path", d=path, **drawn) for path in paths.values() if path)]


def _line(points: Sequence[Point], x: Sequence[float], y: Scale) -> list[str]:
    path, last = "", False
    for at, value in enumerate(point.ruling.value for point in points):
        if value is not None:
            path += f"{'L' if last else 'M'}{x[at]:.1f} {y(value):.1f}"
        last = value is not None
    return [tag("path", d=path, class_="axis", fill="none", stroke=SOFT, stroke_width="1.2")]


def _mark(ruling: Ruling, x: float, y: Scale, domain: tuple[float, float]) -> list[str]:
    if ruling.value is None:
        cross = f"M{x - 4:.1f} {BOTTOM - 9:.1f}l8 8m0-8l-8 8"
        return [tag("path", d=cross, class_="axis", stroke=INK, stroke_width="1.8")]
    parts = []
    if ruling.interval is not None:
        parts = _whisker(ruling.interval.low, ruling.interval.high, x, y, domain)
    middle = y(ruling.value)
    shape: dict[str, Any] = {"class_": "mark", "fill": MARK, "stroke": MARK, "stroke_width": 2}
    if ruling.verdict == "FAIL":
        return [*parts, tag("rect", x=x - 4.5, y=middle - 4.5, width=9, height=9, **shape)]
    if ruling.verdict != "PASS":
        shape = {**shape, "class_": "open", "fill": "#ffffff"}
    return [*parts, tag("circle", cx=x, cy=middle, r=4.5, **shape)]


def _whisker(low: float, high: float | None, x: float, y: Scale, domain: tuple[float, float]) -> list[str]:
    foot, top = y(low), TOP if high is None else y(high)
    path = f"M{x:.1f} {foot:.1f}V{top:.1f}"
    path += f"M{x - 3.5:.1f} {foot:.1f}h7" if low >= domain[0] else ""  # an end that lies outside has no foot
    path += f"M{x - 3.5:.1f} {top:.1f}h7" if high is not None and high <= domain[1] else ""
    return [tag("path", d=path, class_="bar", fill="none", stroke=MARK, stroke_width="2", opacity="0.75")]


def _days(points: Sequence[Point], x: Sequence[float]) -> list[str]:
    """Write the days under the marks, as many as have room."""
    room = max(1, math.ceil(72 * len(points) / (RIGHT - LEFT)))
    parts = []
    for at in range(len(points) - 1, -1, -room):
        far = at == len(points) - 1 and len(points) > 1
        anchor, place = ("end", min(x[at] + 30, RIGHT)) if far else ("middle", max(x[at], LEFT + 18))
        parts.append(label(points[at].day, place, BOTTOM + 20, anchor=anchor, limit=12, **_QUIET))
    return parts


def _described(points: Sequence[Point], left_out: int) -> str:
    """Say in words what the picture shows; its numbers are in the table that follows it."""
    first, last = points[0], points[-1]
    words = [
        f"One mark for each audit, the oldest first, with its interval as an upright bar. "
        f"The limit is {told_limit(last.ruling)}."
    ]
    for name, point in (("First", first), ("Last", last)):
        value = told(point.ruling, point.ruling.value) or untold(point.ruling)
        words.append(f"{name}, {point.day}: {value}, {point.ruling.verdict}.")
    if left_out:
        words.append(f"{left_out} earlier ones are in the table only.")
    words.append("The numbers are in the table that follows.")
    return " ".join(words)
