"""Small cells: what a reader of the published numbers could work out, and that no count of one to ten is in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.disclosure import Fact, Reader, Secret
from audits.findings import MISSING_GROUP, Finding, Interval, Support
from audits.linked_counts import Earlier
from audits.suppression import Release, rows_name, small, suppress

EXAMPLE = {"a": (120, 8), "b": (300, 90), "c": (75, 60)}
"""Three groups by two answers, as a published example has it: hiding the 8 alone hides nothing."""


def rates(attribute: str, counts: Mapping[str, tuple[int, int]], measure: str = "selection_rate") -> Iterator[Finding]:
    """Yield rates of ``(x, n)``, and the difference of every pair."""
    for group, (x, n) in counts.items():
        yield _rate(measure, attribute, group, x, n)
    for (one, (x1, n1)), (other, (x2, n2)) in itertools.combinations(counts.items(), 2):
        if not n1 or not n2:
            continue
        yield Finding(
            technique="parity", measure=measure, attribute=attribute, group=one, reference=other,
            comparison="difference", value=x1 / n1 - x2 / n2, n=Support(group=n1, reference=n2),
            sufficient={"x1": float(x1), "n1": float(n1), "x2": float(x2), "n2": float(n2)},
        )  # fmt: skip


def _rate(measure: str, attribute: str, group: str, x: int, n: int) -> Finding:
    if not n:
        return Finding(technique="parity", measure=measure, attribute=attribute, group=group, comparison="rate",
                       missing=f"{attribute} = {group} has no rows", n=Support(group=0))  # fmt: skip
    return Finding(
        technique="parity", measure=measure, attribute=attribute, group=group, comparison="rate", value=x / n,
        n=Support(group=n), sufficient={"x": float(x), "n": float(n)},
        interval=Interval(low=0.0, high=1.0, level=0.95, method="wilson"),
    )  # fmt: skip


def released(counts: Mapping[str, Mapping[str, tuple[int, int]]], **more: object) -> Release:
    findings = [finding for attribute, own in counts.items() for finding in rates(attribute, own)]
    groups = {attribute: {g: n for g, (_, n) in own.items()} for attribute, own in counts.items()}
    rows = sum(n for _, n in next(iter(counts.values())).values())
    return suppress(findings, groups, rows, **more)  # type: ignore[arg-type]


def rate_id(group: str, attribute: str = "race") -> str:
    return f"parity/selection_rate/{attribute}/{group}/-/rate"


def test_hiding_one_small_cell_alone_is_undone_by_its_margins() -> None:
    reader = Reader({"row": ["1", "2", "3"]}, [(1, 1), (1, 0), (0, 1)])
    cells = {(g, m): reader.cells("row", g, m) for g in "123" for m in ((1, 0), (0, 1), (1, 1))}
    table = {"1": (120, 8), "2": (300, 90), "3": (75, 60)}
    margins = [Fact(cells[g, (1, 1)], sum(table[g])) for g in table]
    totals = [Fact(tuple(c for g in "123" for c in cells[g, m]), sum(table[g][at] for g in table))
              for at, m in enumerate([(1, 0), (0, 1)])]  # fmt: skip
    inner = {(g, at): Fact(cells[g, m], table[g][at]) for g in table for at, m in enumerate([(1, 0), (0, 1)])}
    secret = Secret("8", cells["1", (0, 1)], 1.0, 10.0)

    alone = [fact for key, fact in inner.items() if key != ("1", 1)]
    assert reader.spread(secret, [*margins, *totals, *alone]) == pytest.approx((8, 8))
    assert reader.leaks(secret, [*margins, *totals, *alone])
    row_only = [fact for key, fact in inner.items() if key[0] != "1"]
    assert reader.spread(secret, [*margins, *totals, *row_only]) == pytest.approx((8, 8)), "the column gives it away"
    block = [fact for (g, _), fact in inner.items() if g == "2"]
    assert reader.leaks(secret, [*margins, *totals, *block]) is None, "a block of two by two keeps it"


def test_the_example_of_three_groups_and_two_answers_is_withheld_as_a_block() -> None:
    release = released({"race": {name: (small_, large + small_) for name, (large, small_) in EXAMPLE.items()},
                        "sex": {"m": (90, 380), "f": (68, 273)}})  # fmt: skip
    hidden = {name for name in release.withheld if name.endswith("/rate")}
    assert release.withheld[rate_id("a")] == "small"
    assert len(hidden & {rate_id(group) for group in EXAMPLE}) >= 2, "the total by sex would give one alone away"
    assert release.withheld["parity/selection_rate/race/a/b/difference"] == "derived"


@pytest.mark.parametrize(("x", "n", "hidden"), [
    (0, 40, False), (1, 40, True), (10, 40, True), (11, 40, False), (29, 40, False), (30, 40, True), (39, 40, True),
    (40, 40, False), (5, 10, True), (0, 10, True), (0, 11, False),
])  # fmt: skip
def test_counts_of_one_to_ten_and_what_they_leave_are_withheld_and_none_is_not(x: int, n: int, hidden: bool) -> None:
    release = released({"race": {"a": (x, n), "b": (200, 400), "c": (250, 500)}})
    assert (rate_id("a") in release.withheld) is hidden


def test_nothing_is_withheld_where_every_cell_is_large() -> None:
    release = released({"race": {"a": (40, 90), "b": (200, 400)}, "sex": {"m": (140, 290), "f": (100, 200)}})
    assert release.withheld == {}
    assert release.told[rate_id("a")] == (40.0, 90.0)


def test_a_group_left_over_by_the_total_is_not_the_only_one_withheld() -> None:
    release = released({"race": {"a": (0, 4), "b": (60, 120), "c": (90, 200)}})
    sizes = [group for group in "abc" if rows_name("race", group) in release.withheld]
    assert sizes == ["a", "b"], "and not the largest"


def test_rows_of_which_one_attribute_is_unknown_do_not_follow_from_the_crossing() -> None:
    cross = {"a × m": (60, 120), "a × f": (50, 101), "b × m": (70, 150), "b × f": (40, 90), MISSING_GROUP: (12, 24)}
    release = released({
        "race": {"a": (112, 225), "b": (120, 260)},
        "sex": {"m": (130, 270), "f": (90, 191), MISSING_GROUP: (12, 24)},
        "race×sex": cross,
    })  # fmt: skip
    known = {rows_name("race×sex", g) for g in cross} - release.withheld.keys()
    left = {rows_name("race", "a"), rows_name("race×sex", "a × m"), rows_name("race×sex", "a × f")}
    assert 225 - 120 - 101 == 4
    assert not left <= known | {rows_name("race", "a")} - release.withheld.keys(), "4 people of group a, sex unknown"


def test_complements_of_a_rate_go_with_it() -> None:
    race = {"a": (5, 60), "b": (100, 200)}
    findings = [
        *rates("race", race),
        *rates("race", {g: (n - x, n) for g, (x, n) in race.items()}, "non_selection_rate"),
    ]
    release = suppress(findings, {"race": {g: n for g, (_, n) in race.items()}}, 260)
    assert "parity/non_selection_rate/race/a/-/rate" in release.withheld


def test_linked_rates_of_the_same_truth_do_not_give_one_another_away() -> None:
    """Selected 60 of 100, truly positive 55, right 93: of those wrongly selected there are 6, of those missed 1."""
    big = {"selection_rate": (300, 600), "base_rate": (290, 600), "accuracy": (500, 600)}
    small_ = {"selection_rate": (60, 100), "base_rate": (55, 100), "accuracy": (93, 100)}
    findings = [f for m in big for f in rates("race", {"a": small_[m], "b": big[m], "c": big[m]}, m)]
    release = suppress(findings, {"race": {"a": 100, "b": 600, "c": 600}}, 1300)
    told = [m for m in big if f"parity/{m}/race/a/-/rate" not in release.withheld]
    assert len(told) < 3, "all three together tell the six"
    assert "parity/accuracy/race/a/-/rate" in release.withheld


def test_other_techniques_are_withheld_by_group_and_never_one_group_alone() -> None:
    def mean(group: str, n: int, technique: str = "score_parity") -> Finding:
        return Finding(technique=technique, measure="mean_score", attribute="race", group=group, comparison="mean",
                       value=0.4, n=Support(group=n))  # fmt: skip

    whole = Finding(technique="score_parity", measure="range", attribute="race", comparison="whole", value=0.1)
    findings = [mean("a", 60), mean("b", 200), mean("c", 300), mean("d", 8), whole]
    release = suppress(findings, {"race": {"a": 60, "b": 200, "c": 300, "d": 60}}, 620)
    assert set(release.withheld) == {f.id for f in (findings[0], findings[3], whole)}


def test_subgroups_found_by_search_are_never_told() -> None:
    found = Finding(technique="subgroups", measure="selection_rate", attribute="race", group="a and age ≥ 40",
                    comparison="difference", value=0.2, n=Support(group=80, reference=400))  # fmt: skip
    assert found.id in suppress([found], {"race": {"a": 100, "b": 400}}, 500).withheld


def test_weighted_rates_do_not_fit_the_table_and_are_withheld_by_group() -> None:
    def weighted(group: str, x: float, n: float, rows: int) -> Finding:
        return Finding(technique="parity", measure="selection_rate", attribute="race", group=group, comparison="rate",
                       value=x / n, n=Support(group=rows), sufficient={"x": x, "n": n})  # fmt: skip

    findings = [weighted("a", 4.2, 33.1, 40), weighted("b", 90.5, 180.2, 200), weighted("c", 120.5, 280.2, 300)]
    release = suppress(findings, {"race": {"a": 40, "b": 200, "c": 300}}, 540)
    assert set(release.withheld) == {findings[0].id, findings[1].id}


def test_a_count_that_moved_by_a_few_people_since_the_last_release_is_withheld() -> None:
    now = {"race": {"a": (43, 95), "b": (220, 430), "c": (300, 600)}}
    before = released({"race": {"a": (40, 90), "b": (200, 400), "c": (260, 560)}})
    assert not before.withheld
    release = released(now, earlier=[Earlier(before.told)])
    assert release.withheld[rate_id("a")] == release.withheld[rows_name("race", "a")] == "versions"
    assert rate_id("c") not in release.withheld
    alone = {rows_name("race", g) for g in "bc"} | {"rows"}
    assert not alone <= release.told.keys(), "5 people more would follow from the total and the other groups"


def test_the_same_numbers_published_again_hide_nothing_more() -> None:
    first = released({"race": {"a": (40, 90), "b": (200, 400)}})
    again = released({"race": {"a": (40, 90), "b": (200, 400)}}, earlier=[Earlier(first.told, same_data=True)])
    assert again.withheld == {}


def test_what_was_withheld_of_the_same_data_stays_withheld() -> None:
    counts = {"race": {"a": (14, 30), "b": (200, 400), "c": (90, 190)}}
    strict = released(counts, threshold=20)
    assert rate_id("a") in strict.withheld
    now = released(counts, earlier=[Earlier(strict.told, frozenset(strict.withheld), same_data=True)])
    assert now.withheld[rate_id("a")] == "versions"


def test_what_an_earlier_release_of_the_same_data_already_told_is_said_to_be_open() -> None:
    counts = {"race": {"a": (14, 30), "b": (200, 400), "c": (90, 190)}}
    lax = released(counts)
    now = released(counts, threshold=20, earlier=[Earlier(lax.told, same_data=True)])
    assert any("a" in name for name in now.open_ends)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 16), st.integers(0, 16)), min_size=2, max_size=2),
                min_size=2, max_size=3))  # fmt: skip
def test_no_small_count_is_pinned_down_by_what_is_published(cells: list[list[tuple[int, int]]]) -> None:
    """A second reader, of whole numbers and written otherwise, cannot tell any small count from 1 nor from 10."""
    rows, columns = len(cells), len(cells[0])
    if not sum(s + t for row in cells for s, t in row):
        return
    table = {(r, c, k): cells[r][c][k] for r in range(rows) for c in range(columns) for k in (0, 1)}

    def total(keep: Sequence[tuple[int, int]]) -> tuple[int, int]:
        return sum(table[r, c, 1] for r, c in keep), sum(table[r, c, k] for r, c in keep for k in (0, 1))

    places = {
        "race": {f"r{r}": [(r, c) for c in range(columns)] for r in range(rows)},
        "sex": {f"s{c}": [(r, c) for r in range(rows)] for c in range(columns)},
        "race×sex": {f"r{r} × s{c}": [(r, c)] for r in range(rows) for c in range(columns)},
    }
    counts = {a: {g: total(at) for g, at in own.items()} for a, own in places.items()}
    release = released(counts)
    _hold_against_every_table(release, counts)


def _hold_against_every_table(release: Release, counts: Mapping[str, Mapping[str, tuple[int, int]]]) -> None:
    reader = _ByHand(counts, release)
    for attribute, own in counts.items():
        for group, (x, n) in own.items():
            for name, count in (("x", x), ("rest", n - x), ("n", n)):
                if small(count, release.threshold):
                    low, high = reader.spread(attribute, group, name)
                    open_ = low <= 1 and high >= 10
                    assert open_, (attribute, group, name, count, low, high)


class _ByHand:
    """Another reader: integer programming over the crossing alone, written without the first one's tables."""

    def __init__(self, counts: Mapping[str, Mapping[str, tuple[int, int]]], release: Release) -> None:
        self.cells = [(a, b, k) for a in counts["race"] for b in counts["sex"] for k in (0, 1)]
        self.rows: list[tuple[list[float], float]] = []
        for attribute, own in counts.items():
            for group in own:
                if (told := release.told.get(rows_name(attribute, group))) is not None:
                    self.rows.append((self.goal(attribute, group, (0, 1)), told[0]))
                if (told := release.told.get(rate_id(group, attribute))) is not None:
                    self.rows.append((self.goal(attribute, group, (0, 1)), told[-1]))
                    if len(told) == 2:
                        self.rows.append((self.goal(attribute, group, (1,)), told[0]))
        if (told := release.told.get("rows")) is not None:
            self.rows.append(([1.0] * len(self.cells), told[0]))

    def goal(self, attribute: str, group: str, kinds: Sequence[int]) -> list[float]:
        named = {"race": lambda a, b: a, "sex": lambda a, b: b, "race×sex": lambda a, b: f"{a} × {b}"}[attribute]
        return [float(named(a, b) == group and k in kinds) for a, b, k in self.cells]

    def spread(self, attribute: str, group: str, name: str) -> tuple[float, float]:
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp

        goal = np.array(self.goal(attribute, group, {"x": (1,), "rest": (0,), "n": (0, 1)}[name]))
        counts = [n for _, n in self.rows]
        told = [LinearConstraint(np.array([row for row, _ in self.rows]), counts, counts)] if counts else []
        ends = []
        for sign in (1, -1):
            found = milp(sign * goal, integrality=np.ones(len(goal)), bounds=Bounds(0, 200),
                         constraints=told)  # fmt: skip
            ends.append(sign * found.fun)
        return ends[0], ends[1]
