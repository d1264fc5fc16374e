"""The trend of a limit: where it lies in the picture, and what a picture of a hostile or empty history says."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from audits.findings import Interval
from audits.history import Ruling
from model_cards.trends import BOTTOM, MOST, TOP, Point, allowed, told, told_interval, told_limit, trend


def ruling(value: float | None = 0.1, *, verdict: str = "PASS", **changes) -> Ruling:
    ends = None if value is None else Interval(low=value - 0.05, high=value + 0.05, level=0.95, method="newcombe")
    given = {
        "key": "k", "text": "selection_rate over sex: difference at most 0.2", "measure": "selection_rate",
        "attribute": "sex", "compare": "difference", "bound": 0.2, "at_least": False, "verdict": verdict,
        "waived": False, "reason": "", "worst": {"group": "a", "reference": "b"}, "value": value, "interval": ends,
        "unit": "proportion",
    }  # fmt: skip
    return Ruling(**{**given, **changes})


def points(*rulings: Ruling) -> list[Point]:
    return [Point(f"2026-01-{at + 1:02d}", one) for at, one in enumerate(rulings)]


def shapes(svg: str, kind: str) -> list[dict[str, str]]:
    return [dict(one.attrib) for one in ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{kind}")]


def test_a_limit_between_two_groups_is_drawn_on_both_sides_and_a_ratio_by_its_inverse_too():
    assert allowed(ruling()) == (-0.2, 0.2)
    assert allowed(ruling(1.0, compare="ratio", bound=0.8, at_least=True)) == (0.8, 1.25)
    assert allowed(ruling(compare="rate", worst={"group": "a", "reference": ""})) == (None, 0.2)
    assert allowed(ruling(compare="rate", at_least=True)) == (0.2, None)
    assert told_limit(ruling()) == "within 20 points"
    assert told_limit(ruling(1.0, compare="ratio", bound=0.8, at_least=True)) == "0.8 to 1.25"
    assert told_limit(ruling(compare="rate")) == "at most 20%"
    assert told_limit(ruling(compare="change", at_least=True, bound=-0.05)).startswith("at least −")


def test_numbers_are_written_as_the_card_writes_them():
    assert (told(ruling(), 0.1), told_interval(ruling())) == ("+10.0 points", "+5.0 to +15.0")
    assert (told(ruling(compare="rate"), 0.1), told(ruling(), None)) == ("10.0%", "")
    assert told(ruling(compare="ratio"), 0.8) == "0.80"
    assert told_interval(ruling(None)) == ""


def test_marks_lie_where_their_values_lie():
    svg = trend("t", "a limit", points(ruling(0.0), ruling(0.1), ruling(0.2)))
    heights = [float(mark["cy"]) for mark in shapes(svg, "circle")]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    edges = [float(line) for line in re.findall(r'd="M52\.0 ([\d.]+)H[^"]*" class="limit"', svg)]
    assert heights[2] == pytest.approx(min(edges), abs=0.2)
    assert all(TOP <= height <= BOTTOM for height in heights)


def test_the_verdict_is_a_shape_and_what_was_not_measured_a_cross():
    told_by_shape = points(ruling(), ruling(0.4, verdict="FAIL"), ruling(verdict="INCONCLUSIVE"),
                           ruling(None, verdict="INCONCLUSIVE"))  # fmt: skip
    svg = trend("t", "a limit", told_by_shape)
    assert [mark["class"] for mark in shapes(svg, "circle")] == ["mark", "open"]
    assert [mark["class"] for mark in shapes(svg, "rect")].count("mark") == 1
    assert sum("l8 8m0-8l-8 8" in mark["d"] for mark in shapes(svg, "path")) == 1


def test_a_limit_that_was_moved_is_drawn_as_it_was_at_the_time():
    svg = trend("t", "a limit", points(ruling(), ruling(bound=0.1)))
    lines = [mark["d"] for mark in shapes(svg, "path") if mark["class"] == "limit"]
    assert len(lines) == 2
    assert all(len(set(re.findall(r"[ML][\d.]+ ([\d.]+)", line))) == 2 for line in lines)


def test_a_long_history_is_drawn_by_its_newest_and_says_so():
    svg = trend("t", "a limit", points(*[ruling()] * (MOST + 5)))
    assert len(shapes(svg, "circle")) == MOST
    assert "5 earlier ones are in the table only." in svg


def test_an_interval_without_an_upper_end_reaches_the_edge():
    open_end = Interval(low=0.5, high=None, level=0.95, method="koopman")
    svg = trend("t", "a limit", points(ruling(1.5, compare="ratio", bound=0.8, at_least=True, interval=open_end)))
    assert f"V{TOP:.1f}" in svg
    assert told_interval(ruling(1.5, compare="ratio", interval=open_end)) == "0.50 and above"


def test_what_is_written_by_others_stays_text_and_an_empty_history_is_an_error():
    svg = trend("t", '<script>"&', points(ruling(unit="<b>&", compare="mean")))
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "<b>" not in svg
    with pytest.raises(ValueError, match="no audit with a number"):
        trend("t", "a limit", points(ruling(None)))
