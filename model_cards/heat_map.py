"""Two crossed attributes as a heat map: each cell its number and the rows it stands on."""

from __future__ import annotations

from audits.findings import Finding
from model_cards.charts import LEFT, MARK, RIGHT, SOFT, frame
from model_cards.numbers import number
from model_cards.svg import figure, label, tag
from model_cards.words import SMALL, group_name


def grid(name: str, heading: str, cells: dict[tuple[str, str], Finding], unit: str = "%") -> str:
    """Draw a heat map of two crossed attributes: each cell shows its number and the rows it stands on.

    Raises:
        ValueError: no cell has a value.
    """
    values = [cell.value for cell in cells.values() if cell.value is not None]
    if not values:
        raise ValueError(f"chart {name!r}: got no cell with a value, expected at least one")
    across = list(dict.fromkeys(second for _, second in cells))
    down = list(dict.fromkeys(first for first, _ in cells))
    width, height, top = (RIGHT - LEFT) / len(across), 44.0, 24.0
    body = [
        label(
            group_name(second),
            LEFT + width * (at + 0.5),
            16,
            anchor="middle",
            limit=int(width / 7),
            class_="soft",
            fill=SOFT,
        )
        for at, second in enumerate(across)
    ]
    low, high = min(values), max(values)
    for row, first in enumerate(down):
        y = top + row * (height + 20)
        body.append(label(group_name(first), LEFT, y + 13, limit=50))
        for column, second in enumerate(across):
            body += _cell(cells.get((first, second)), LEFT + column * width, y + 18, width, height, (low, high), unit)
    words = (
        f"A table of {len(down)} by {len(across)} crossed groups; the fuller its colour, the higher a cell. "
        "Hatched cells could not be measured. The numbers are in the table that follows."
    )
    return frame(name, heading, words, top + len(down) * (height + 20) + 4, body)


def _cell(
    cell: Finding | None, x: float, y: float, width: float, height: float, span: tuple[float, float], unit: str
) -> list[str]:
    box = {"x": x + 1.5, "y": y, "width": width - 3, "height": height, "rx": 3}
    if cell is None or cell.value is None:
        starts = range(0, int(width) - 18, 14)
        hatch = "".join(f"M{x + 4 + at:.1f} {y + height - 2:.1f}l14-{height - 4:.0f}" for at in starts)
        return [
            tag("rect", **box, class_="axis", fill="none", stroke=SOFT, stroke_dasharray="3 3"),
            tag("path", d=hatch or "M0 0", class_="grid", stroke="#d8dce1", fill="none"),
        ]
    part = (cell.value - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 0.5
    middle = x + width / 2
    parts = [
        tag("rect", **box, class_="cell", fill=MARK, fill_opacity=f"{0.08 + 0.42 * part:.2f}", stroke="none"),
        figure([number(cell), unit], middle, y + 19, anchor="middle", font_weight="bold"),
    ]
    if cell.n is not None:
        few = "few: " if cell.n.group < SMALL else ""
        parts.append(figure([f"{few}n ", number(cell, "n.group")], middle, y + 36, anchor="middle", font_size=11))
    return parts
