"""Numbers that add up: which groups must keep silent beside those that do, so that no sum or difference undoes it.

What is told of groups as a mean or a share is, times its rows, a sum; groups of one attribute add up to the whole,
intersections to their parts. A withheld sum follows from those told unless others that are withheld, too, can move
with it: here the cheapest such others are sought, by linear programming, as circuits are in a graph.

Source: Gusfield 1988, SIAM J. Comput. 17:552 (what follows from margins); Kelly, Golden, Assad 1992, Networks 22:397.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP

Place = tuple[str, str]
"""An attribute and its group; or, of an intersection, rows of which one part is not recorded."""


def widened(
    silent: Mapping[str, set[str]], groups: Mapping[str, Mapping[str, int]], free: Sequence[str] = ()
) -> dict[str, set[str]]:
    """Return the groups that must keep silent: those that do, and the fewest people beside them.

    Args:
        silent: attribute → its groups of which nothing is told.
        groups: attribute → group → rows.
        free: attributes of which nothing is told at all.
    """
    places = [(attribute, group) for attribute, own in groups.items() for group in own]
    unrecorded = _unrecorded(groups)
    at = {place: number for number, place in enumerate([*places, *unrecorded])}
    matrix = _equations(groups, at)
    prices = np.array([float(groups[a][g]) for a, g in places] + [0.0] * len(unrecorded))
    hidden = [(a, g) for a, g in places if g in silent.get(a, ()) or a in free]
    prices[[at[place] for place in hidden]] = 0.0
    for place in [(a, g) for a, g in hidden if a not in free]:
        for also in _circuit(matrix, prices, at[place]):
            prices[also] = 0.0
    found: dict[str, set[str]] = {attribute: set(own) for attribute, own in silent.items()}
    for (attribute, group), price in zip(places, prices, strict=False):
        if price == 0.0 and attribute not in free:
            found.setdefault(attribute, set()).add(group)
    return found


def _parts(name: str, groups: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The attributes that an intersection crosses; none of what is none."""
    parts = name.split("×")
    return parts if len(parts) > 1 and all(part in groups for part in parts) else []


def _combinations(name: str, groups: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    """The groups of an intersection of two, by their parts."""
    known = [[g for g in groups[part] if g != MISSING_GROUP] for part in _parts(name, groups)]
    named = {f"{one} × {other}": [one, other] for one in known[0] for other in known[1]} if len(known) == 2 else {}
    return {group: parts for group, parts in named.items() if group in groups[name]}


def _unrecorded(groups: Mapping[str, Mapping[str, int]]) -> list[Place]:
    """Rows of a group that are in no crossing of it, as the other part is not recorded, where there are any."""
    found = []
    for name in groups:
        crossed = _combinations(name, groups)
        for side, part in enumerate(_parts(name, groups) if crossed else []):
            for group, rows in groups[part].items():
                held = sum(groups[name][cell] for cell, parts in crossed.items() if parts[side] == group)
                if group != MISSING_GROUP and rows > held:
                    found.append((f"{name}/{part}", group))
        if crossed and MISSING_GROUP in groups[name]:
            found.append((f"{name}/", MISSING_GROUP))
    return found


def _equations(groups: Mapping[str, Mapping[str, int]], at: Mapping[Place, int]) -> NDArray[np.float64]:
    """What sums to what: every row is an equation that holds, whatever the numbers are."""
    rows = []

    def equation(left: Sequence[Place], right: Sequence[Place] = ()) -> None:
        row = np.zeros(len(at))
        for places, sign in ((left, 1.0), (right, -1.0)):
            for place in places:
                if place in at:
                    row[at[place]] += sign
        rows.append(row)

    for name, own in groups.items():
        crossed = _combinations(name, groups)
        if not crossed:
            equation([(name, group) for group in own])
            continue
        both = (f"{name}/", MISSING_GROUP)
        loose: list[Place] = [both]
        for side, part in enumerate(_parts(name, groups)):
            other = [place for place in at if place[0] == f"{name}/{part}"]
            loose += other
            for group in groups[part]:
                if group != MISSING_GROUP:
                    cells = [(name, cell) for cell, parts in crossed.items() if parts[side] == group]
                    equation([*cells, (f"{name}/{part}", group)], [(part, group)])
            if MISSING_GROUP in groups[_parts(name, groups)[1 - side]]:
                equation([*other, both], [(_parts(name, groups)[1 - side], MISSING_GROUP)])
        if MISSING_GROUP in own:
            equation(loose, [(name, MISSING_GROUP)])
    return np.array(rows).reshape(-1, len(at))


def _circuit(
    matrix: NDArray[np.float64],
    prices: NDArray[np.float64],
    place: int,
) -> list[int]:
    """The cheapest places that can move with one so that no equation breaks; none where nothing can."""
    from scipy.optimize import linprog

    size = matrix.shape[1]
    bounds: list[Any] = [(0.0, None)] * (2 * size)
    bounds[place], bounds[size + place] = (1.0, 1.0), (0.0, 0.0)
    found: Any = linprog(np.concatenate([prices, prices]), A_eq=np.hstack([matrix, -matrix]),
                    b_eq=np.zeros(len(matrix)), bounds=bounds, method="highs")  # fmt: skip
    if found.status != 0:
        return []
    moved = found.x[:size] - found.x[size:]
    return [int(number) for number in np.flatnonzero(np.abs(moved) > 1e-6)]
