"""Charts: readable without colour, without a screen, and the same bytes every time."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from audits.findings import Finding, Interval, Support
from model_cards.charts import MOST, RIGHT, Bound, Row, dots, standalone
from model_cards.heat_map import grid
from model_cards.waterfall import MOST_PARTS, waterfall

SVG = "{http://www.w3.org/2000/svg}"


def finding(group: str, value: float, low: float, high: float | None, n: int = 100, **more: object) -> Finding:
    given: dict[str, object] = {"technique": "parity", "measure": "selection_rate", "attribute": "race", "group": group,
                                "comparison": "rate", **more}  # fmt: skip
    interval = Interval(low=low, high=high, level=0.95, method="wilson")
    return Finding(value=value, interval=interval, n=Support(group=n), **given)  # type: ignore[arg-type]


ROWS = [
    Row("white", finding("white", 0.92, 0.90, 0.94, 842), "reference", reference=True),
    Row("Black", finding("Black", 0.54, 0.44, 0.64, 98)),
    Row("few", finding("few", 0.5, 0.2, 0.8, 7)),
]


def test_a_chart_has_a_title_a_description_and_a_role() -> None:
    root = ElementTree.fromstring(dots("c", "Selection rate by race", ROWS))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Selection rate by race"
    assert "Lowest: few. Highest: white." in root.find(f"{SVG}desc").text
    named = root.get("aria-labelledby").split()
    assert {root.find(f"{SVG}title").get("id"), root.find(f"{SVG}desc").get("id")} == set(named)
    assert root.get("viewBox").startswith("0 0 440 ")


def test_the_same_findings_give_the_same_bytes() -> None:
    assert dots("c", "Rates", ROWS) == dots("c", "Rates", list(ROWS))


def test_a_dot_stands_where_its_value_is() -> None:
    root = ElementTree.fromstring(dots("c", "Rates", ROWS))
    x = {float(circle.get("cx")) for circle in root.iter(f"{SVG}circle")}
    assert {round(10 + 420 * 0.54, 1), round(10 + 420 * 0.5, 1)} == x


def test_few_rows_and_the_reference_have_marks_of_their_own() -> None:
    root = ElementTree.fromstring(dots("c", "Rates", ROWS))
    assert len(list(root.iter(f"{SVG}polygon"))) == 1
    assert [circle.get("class") for circle in root.iter(f"{SVG}circle")] == ["mark", "open"]
    assert "few – few rows" in "".join(root.itertext())


def test_every_number_in_a_chart_names_its_finding() -> None:
    root = ElementTree.fromstring(dots("c", "Rates", ROWS))
    numbers = [span for span in root.iter(f"{SVG}tspan") if span.get("data-finding")]
    assert {(span.get("data-path"), span.text) for span in numbers} >= {("value", "54.0"), ("interval", "44.0 to 64.0")}


def test_the_limit_is_drawn_and_named_and_never_at_the_edge_of_the_picture() -> None:
    rows = [Row("female", finding("female", 0.001, -0.059, 0.048, comparison="difference", reference="male"))]
    text = dots("c", "Difference", rows, centre=0.0, bound=Bound(-0.1, 0.1, "limit: within 10 points"))
    root = ElementTree.fromstring(text)
    band = next(rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "band")
    assert float(band.get("x")) > 20
    assert float(band.get("x")) + float(band.get("width")) < RIGHT - 10
    assert "limit: within 10 points" in "".join(root.itertext())
    assert len([path for path in root.iter(f"{SVG}path") if path.get("class") == "limit"]) == 2


def test_an_interval_without_upper_limit_ends_in_an_arrow() -> None:
    rows = [Row("tiny", finding("tiny", 1.3, 0.6, None, comparison="ratio", reference="big"))]
    root = ElementTree.fromstring(dots("c", "Ratio", rows, centre=1.0))
    assert [line.get("points") for line in root.iter(f"{SVG}polyline")]
    assert "0.60 and above" in "".join(root.itertext())


def test_nothing_is_drawn_outside_the_picture() -> None:
    rows = [Row("odd", finding("odd", 40.0, 0.0, 900.0, comparison="ratio", reference="big"))]
    root = ElementTree.fromstring(dots("c", "Ratio", rows, centre=1.0))
    for mark in root.iter():
        for key in ("x1", "x2", "cx"):
            assert 0 <= float(mark.get(key, "5")) <= 440


def test_a_chart_of_nothing_is_refused() -> None:
    absent = Finding(technique="t", measure="m", group="a", comparison="rate", missing="no rows")
    with pytest.raises(ValueError, match="expected at least one"):
        dots("c", "Rates", [Row("a", absent)])


def test_a_chart_with_many_rows_keeps_the_widest_and_says_so() -> None:
    many = [Row(f"g{i}", finding(f"g{i}", i / 100, max(i / 100 - 0.02, 0), i / 100 + 0.02)) for i in range(60)]
    root = ElementTree.fromstring(dots("c", "Rates", many))
    assert len(list(root.iter(f"{SVG}circle"))) == MOST
    assert "36 more are in the table only" in root.find(f"{SVG}desc").text


def test_a_heat_map_shows_n_and_hatches_what_was_not_measured() -> None:
    absent = Finding(technique="t", measure="m", group="x", comparison="rate", missing="no rows")
    cells = {("a", "x"): finding("a × x", 0.2, 0.1, 0.3, 12), ("a", "y"): finding("a × y", 0.8, 0.7, 0.9, 120),
             ("b", "x"): absent, ("b", "y"): finding("b × y", 0.5, 0.4, 0.6, 90)}  # fmt: skip
    root = ElementTree.fromstring(grid("c", "Rates", cells))
    text = "".join(root.itertext())
    assert "few: n 12" in text
    assert "n 120" in text
    assert len([rect for rect in root.iter(f"{SVG}rect") if rect.get("stroke-dasharray")]) == 1


def test_the_parts_of_a_gap_are_steps_from_zero_largest_first() -> None:
    parts = [Row(name, finding(name, value, value - 0.01, value + 0.01, comparison="gap", unit="probability"))
             for name, value in (("age", 0.02), ("income", -0.12))]  # fmt: skip
    total = Row("The whole gap", finding("all", -0.1, -0.13, -0.07, comparison="gap", unit="probability"))
    root = ElementTree.fromstring(waterfall("c", "Parts", parts, total))
    names = [text.text for text in root.iter(f"{SVG}text") if text.text in ("age", "income", "The whole gap")]
    assert names == ["income", "age", "The whole gap"]
    boxes = [(float(rect.get("x")), float(rect.get("width"))) for rect in root.iter(f"{SVG}rect")]
    assert boxes[1][0] == pytest.approx(boxes[0][0], abs=0.2)  # each begins where the last one ended
    assert boxes[2][0] == pytest.approx(boxes[1][0] + boxes[1][1], abs=0.2)
    assert boxes[2][0] + boxes[2][1] == pytest.approx(boxes[0][0] + boxes[0][1], abs=0.2)
    kinds = [rect.get("class") for rect in root.iter(f"{SVG}rect")]
    assert kinds == ["mark", "open", "cell"]  # what goes against the gap is hollow, so that it is seen in grey


def test_of_many_parts_the_smallest_are_one_step() -> None:
    parts = [Row(f"p{at}", finding(f"p{at}", 0.01 * (at + 1), 0, 1, comparison="gap", unit="probability"))
             for at in range(MOST_PARTS + 4)]  # fmt: skip
    root = ElementTree.fromstring(waterfall("c", "Parts", parts))
    assert len(list(root.iter(f"{SVG}rect"))) == MOST_PARTS + 1
    assert "4 smaller ones together" in "".join(root.itertext())


def test_hostile_names_stay_text() -> None:
    name = "</text><script>alert(1)</script>\u202e"
    text = dots("c", name, [Row(name, finding("a", 0.5, 0.4, 0.6))])
    assert "<script" not in text
    assert "\u202e" not in text
    ElementTree.fromstring(text)


def test_a_chart_in_its_own_file_brings_its_dark_colours_and_nothing_from_outside() -> None:
    text = standalone(dots("c", "Rates", ROWS))
    ElementTree.fromstring(text)
    assert "prefers-color-scheme" in text
    assert not re.search(r"(href|src|url\(|@import)", text)
