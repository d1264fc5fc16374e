"""Numbers that add up: none that is withheld follows from those told, and few are withheld beside it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audits.findings import MISSING_GROUP
from audits.margins import widened

CROSSED = {
    "race": {"a": 100, "b": 200, "c": 300},
    "sex": {"m": 250, "f": 350},
    "race×sex": {"a × m": 40, "a × f": 60, "b × m": 90, "b × f": 110, "c × m": 120, "c × f": 180},
}


def test_one_group_of_an_attribute_takes_the_smallest_other_with_it() -> None:
    assert widened({"race": {"a"}}, {"race": CROSSED["race"]}) == {"race": {"a", "b"}}


def test_where_two_keep_silent_already_nobody_else_need_to() -> None:
    assert widened({"race": {"a", "c"}}, {"race": CROSSED["race"]}) == {"race": {"a", "c"}}


def test_a_cell_of_a_crossing_takes_a_block_of_two_by_two() -> None:
    found = widened({"race×sex": {"a × m"}}, CROSSED)
    assert found["race×sex"] == {"a × m", "a × f", "b × m", "b × f"}
    assert not found.get("race")
    assert not found.get("sex")


def test_a_group_follows_from_its_crossing_so_that_both_keep_silent() -> None:
    found = widened({"race": {"a"}}, CROSSED)
    assert len(found["race"]) == 2
    assert {cell.split(" × ")[0] for cell in found["race×sex"]} == found["race"]


def test_an_attribute_of_which_nothing_is_told_gives_nothing_away() -> None:
    assert widened({"race": {"a"}}, CROSSED, ["race×sex"])["race"] == {"a", "b"}
    assert "race×sex" not in widened({"race": {"a"}}, CROSSED, ["race×sex"])


def test_rows_of_which_one_part_is_not_recorded_are_in_no_cell() -> None:
    groups = {
        "race": {"a": 100, "b": 200},
        "sex": {"m": 150, "f": 140, MISSING_GROUP: 10},
        "race×sex": {"a × m": 50, "a × f": 45, "b × m": 100, "b × f": 95, MISSING_GROUP: 10},
    }
    found = widened({"sex": {MISSING_GROUP}}, groups)
    assert found["sex"] == {MISSING_GROUP, "f"}
    assert found["race×sex"] & {"a × f", "b × f"}, "or the women would follow from them"


@pytest.mark.parametrize("seed", range(20))
def test_no_silent_sum_follows_from_those_told(seed: int) -> None:
    """A second reader, by rank: a sum follows where it adds nothing to the equations of those that are told."""
    rng = np.random.default_rng(seed)
    races, sexes = [f"r{i}" for i in range(rng.integers(2, 5))], [f"s{i}" for i in range(rng.integers(2, 4))]
    cells = list(itertools.product(races, sexes))
    rows = {cell: int(rng.integers(5, 300)) for cell in cells}
    columns = {("race×sex", f"{r} × {s}"): [(r, s)] for r, s in cells}
    columns |= {("race", r): [cell for cell in cells if cell[0] == r] for r in races}
    columns |= {("sex", s): [cell for cell in cells if cell[1] == s] for s in sexes}
    groups: dict[str, dict[str, int]] = {"race": {}, "sex": {}, "race×sex": {}}
    for (attribute, group), held in columns.items():
        groups[attribute][group] = sum(rows[cell] for cell in held)
    silent: dict[str, set[str]] = {}
    for at in rng.choice(len(columns), 2, replace=False):
        attribute, group = list(columns)[at]
        silent.setdefault(attribute, set()).add(group)
    found = widened(silent, groups)
    sums = {place: np.array([float(cell in held) for cell in cells]) for place, held in columns.items()}
    told = [np.ones(len(cells)), *(row for (a, g), row in sums.items() if g not in found.get(a, ()))]
    rank = np.linalg.matrix_rank(np.array(told))
    for attribute, group in [(a, g) for a, own in silent.items() for g in own]:
        assert np.linalg.matrix_rank(np.array([*told, sums[attribute, group]])) > rank, (attribute, group)
