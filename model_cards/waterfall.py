"""What drives a gap: its parts as steps from zero to the whole, the largest first."""

from __future__ import annotations

from collections.abc import Sequence

from model_cards.charts import INK, LEFT, MARK, PITCH, RIGHT, SOFT, Row, axis, frame, rule, unit_in_chart
from model_cards.numbers import Number, number
from model_cards.svg import Scale, figure, label, linear, nice, tag

MOST_PARTS = 11
"""Parts of a gap that are drawn as steps of their own."""


def waterfall(name: str, heading: str, rows: Sequence[Row], total: Row | None = None) -> str:
    """Draw the parts of a gap as steps from zero, the largest first, each from where the last one ended.

    Where there are more parts than ``MOST_PARTS``, the smallest are one step without a number of its own.

    Raises:
        ValueError: no row has a value.
    """
    parts = sorted((row for row in rows if row.finding.value is not None), key=lambda row: -abs(row.finding.value or 0))
    if not parts:
        raise ValueError(f"chart {name!r}: got no row with a value, expected at least one")
    drawn, rest = (parts, []) if len(parts) <= MOST_PARTS + 1 else (parts[:MOST_PARTS], parts[MOST_PARTS:])
    steps = [row.finding.value or 0.0 for row in drawn] + ([sum(r.finding.value or 0.0 for r in rest)] if rest else [])
    ends = [sum(steps[: at + 1]) for at in range(len(steps))]
    starts = [0.0, *ends[:-1]]
    whole = total if total and total.finding.value is not None else None
    upwards = (whole.finding.value or 0.0 if whole else ends[-1]) >= 0
    reach = [0.0, *ends] + ([whole.finding.value or 0.0] if whole else [])
    for row, start in zip([*drawn, *([whole] if whole else [])], [*starts[: len(drawn)], 0.0], strict=False):
        interval = row.finding.interval
        reach += [start + interval.low, start + interval.high] if interval and interval.high is not None else []
    low, high = min(reach), max(reach)
    low, high = nice(low, high) if high > low else (low, low + 1)
    scale = linear(low, high, LEFT, RIGHT)
    count = len(steps) + (1 if whole else 0)
    tracks = [8 + PITCH * at + 25 for at in range(count)]
    body = axis(drawn[0].finding, scale, low, high, tracks)
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        part = drawn[at] if at < len(drawn) else None
        body += _step(
            part,
            f"{len(rest)} smaller ones together",
            scale,
            tracks[at] - 25,
            (start, end),
            full=(end >= start) == upwards,
        )
        if at + 1 < count:
            link = f"M{scale(end):.1f} {tracks[at] + 5:.1f}V{tracks[at] + PITCH - 6:.1f}"
            body.append(tag("path", d=link, class_="axis", stroke=SOFT, stroke_dasharray="2 2"))
    if whole:
        body += _step(whole, "", scale, tracks[-1] - 25, (0.0, whole.finding.value or 0.0), full=True, whole=True)
    body.append(rule(scale(0), tracks, "axis", SOFT, width=1.4))
    words = (
        "Steps from zero to the gap, the largest part first: a full bar goes the way of the gap, a hollow bar against "
        "it; the last bar is the whole gap. The numbers are in the table that follows."
    )
    return frame(name, heading, words, tracks[-1] + 32, body)


def _step(
    row: Row | None, words: str, scale: Scale, y: float, span: tuple[float, float], *, full: bool, whole: bool = False
) -> list[str]:
    left, right = sorted(map(scale, span))
    weight = {"font_weight": "bold"} if whole else {}
    kind = "cell" if whole else "mark" if full else "open"
    parts = [
        label(row.name if row else words, LEFT, y + 14, limit=40, **weight),
        tag("rect", x=left, y=y + 19, width=max(right - left, 1), height=11, class_=kind,
            fill=MARK if full else "#ffffff", fill_opacity="0.45" if whole else "1", stroke=MARK,
            stroke_width="1.5"),
    ]  # fmt: skip
    if row is None:
        return parts
    text: list[str | Number] = [number(row.finding), unit_in_chart(row.finding)]
    parts.append(figure(text, RIGHT, y + 14, class_="soft", fill=SOFT, **weight))
    if row.finding.interval:
        low, high = row.finding.interval.low, row.finding.interval.high
        end = RIGHT if high is None else scale(span[0] + high)
        parts.append(_across(scale(span[0] + low), end, y + 24.5))
    return parts


def _across(left: float, right: float, y: float) -> str:
    path = f"M{left:.1f} {y - 4:.1f}v8m0-4H{right:.1f}m0-4v8"
    return tag("path", d=path, class_="axis", fill="none", stroke=INK, stroke_width="1.5")
