"""Reliability diagrams: in each group, what a score says against what happens, with the intervals of what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.findings import Finding
from model_cards.blocks import Chart, Figures, Leaf, Line, Prose, Table
from model_cards.charts import INK, MARK, SOFT, frame
from model_cards.families import Family
from model_cards.numbers import Text, number
from model_cards.svg import label, linear, tag
from model_cards.tables import few
from model_cards.words import SMALL, anchor, group_name, title

MOST = 8
"""Diagrams of one attribute, of the groups with most rows; the table has every group."""
LEFT, RIGHT, TOP, BOTTOM = 52.0, 424.0, 14.0, 300.0


def reliability_blocks(family: Family, *, brief: bool = False) -> list[Leaf]:
    """Return diagrams and table of the groups that come with a reliability diagram in ``details``; else nothing."""
    found = [f for f in family.own if f.value is not None and _bins(f)]
    if not found:
        return []
    ranked = sorted((f for f in found if not few(f)), key=lambda f: -(f.n.group if f.n else 0))
    kept = {f.id for f in ranked[: 0 if brief and "×" in family.attribute else MOST]}
    drawn = [f for f in found if f.id in kept]
    blocks: list[Leaf] = []
    if drawn:
        words = (
            "Reliability: among rows that got about the same score, the share that turned out positive. On the line "
            "the score is what it says; above it positives are more frequent than the score says, below it rarer."
        )
        blocks.append(Prose(text=(words,)))
        blocks.append(Figures(charts=tuple(_chart(f) for f in drawn)))
    return [*blocks, _table(found, family)]


def _bins(finding: Finding) -> list[Mapping[str, Any]]:
    found = finding.details.get("reliability")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _chart(finding: Finding) -> Chart:
    name = anchor("reliability", finding.technique, finding.measure, finding.attribute, finding.group)
    words = f"Reliability: {group_name(finding.group)}"
    return Chart(name=name, svg=reliability(name, words, _bins(finding)), caption=words)


def reliability(name: str, heading: str, bins: Sequence[Mapping[str, Any]]) -> str:
    """Draw observed shares against mean scores, bin by bin, with their intervals and the line of perfect calibration.

    Args:
        name: unique in the page; ids derive from it.
        heading: the accessible name.
        bins: ``mean_score``, ``observed``, ``low``, ``high`` (0 to 1) and ``n``.
    """
    x, y = linear(0, 1, LEFT, RIGHT), linear(0, 1, BOTTOM, TOP)
    quiet: dict[str, Any] = {"class_": "soft", "fill": SOFT, "font_size": 11}
    body = []
    for at in (0.0, 0.25, 0.5, 0.75, 1.0):
        lines = f"M{x(at):.1f} {TOP:.1f}V{BOTTOM:.1f}M{LEFT:.1f} {y(at):.1f}H{RIGHT:.1f}"
        body.append(tag("path", d=lines, class_="grid", stroke="#d8dce1", fill="none"))
        body.append(label(f"{100 * at:g}%", LEFT - 7, y(at) + 4, anchor="end", **quiet))
        body.append(label(f"{100 * at:g}%", x(at), BOTTOM + 17, anchor="end" if at == 1 else "middle", **quiet))
    body.append(tag("path", d=f"M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}", class_="axis", stroke=SOFT, fill="none",
                    stroke_dasharray="5 4", stroke_width="1.4"))  # fmt: skip
    body.append(label("mean score", (LEFT + RIGHT) / 2, BOTTOM + 34, anchor="middle", **quiet))
    body.append(label("turned out positive", LEFT + 6, TOP + 12, **quiet))
    known = [one for one in bins if _known(one)]
    path = "".join(f"{'L' if at else 'M'}{x(one['mean_score']):.1f} {y(one['observed']):.1f}"
                   for at, one in enumerate(known))  # fmt: skip
    body.append(tag("path", d=path or "M0 0", class_="axis", stroke=SOFT, fill="none", stroke_width="1"))
    for one in known:
        body += _point(one, x(one["mean_score"]), y(one["observed"]), y(one["low"]), y(one["high"]))
    words = (
        f"Observed share of positives against the mean score in {len(known)} bins of the score, each with its interval "
        "as an upright bar; the dashed line is a score that means what it says. Hollow dots stand on few rows. The "
        "numbers are in the table that follows."
    )
    return frame(name, heading, words, BOTTOM + 42, body)


def _known(one: Mapping[str, Any]) -> bool:
    return all(isinstance(one.get(key), int | float) for key in ("mean_score", "observed", "low", "high", "n"))


def _point(one: Mapping[str, Any], x: float, y: float, low: float, high: float) -> list[str]:
    small = one["n"] < SMALL
    bar = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 3.5:.1f} {low:.1f}h7M{x - 3.5:.1f} {high:.1f}h7"
    shape = {"class_": "open" if small else "mark", "fill": "#ffffff" if small else MARK, "stroke": MARK}
    return [
        tag("path", d=bar, class_="bar", stroke=MARK, fill="none", stroke_width="2", opacity="0.75", color=INK),
        tag("circle", cx=x, cy=y, r=4.5, stroke_width=2, **shape),
    ]


def _table(found: Sequence[Finding], family: Family) -> Table:
    lines = []
    for finding in found:
        for at, one in enumerate(_bins(finding)):
            if not _known(one):
                continue
            path = f"details.reliability.{at}"
            scores = f"{100 * one['from']:g} to {100 * one['to']:g}" if "from" in one and "to" in one else "–"
            observed: Text = (
                number(finding, f"{path}.observed", "percent"),
                " (",
                number(finding, path, "percent"),
                ")",
            )
            cells: tuple[Text, ...] = ((scores,), (number(finding, f"{path}.mean_score", "percent"),), observed,
                                       (number(finding, f"{path}.n", "count"),))  # fmt: skip
            lines.append(Line(name=(group_name(finding.group),), cells=cells, tone="note" if one["n"] < SMALL else ""))
    columns = (title(family.attribute) or "Group", "Score, %", "Mean score, %", "Turned out positive, %", "Rows")
    caption = f"Reliability by {family.attribute}, bin by bin"
    return Table(caption=caption, columns=columns, lines=tuple(lines), folded=True)
