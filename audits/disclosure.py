"""What a reader can work out of published counts: every table of an audit as one system of linear equations.

The rows of an audit fall into cells: a group of every attribute, crossed with truth × decision. Every published count
is a sum of such cells, groups of one attribute add up to the same rows as those of another, and intersections add up
to their parts; that is all a reader of counts and rates has to go by. ``Reader`` holds these equations and asks, by
linear programming, what values a count can still have.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.findings import MISSING_GROUP

Mask = tuple[int, ...]
"""Which outcomes a count takes in: a 0 or 1 for each of them."""

CLOSE = 1e-6


class Fact(NamedTuple):
    """A published count: the cells that it adds up, and what it is."""

    cells: tuple[int, ...]
    total: float


class Secret(NamedTuple):
    """A count that must stay open from ``low`` to ``high``, as far as anybody can tell; ``name`` for people."""

    name: str
    cells: tuple[int, ...]
    low: float
    high: float


class Reader:
    """A reader who adds up and takes away, and knows that no count is negative or broken.

    Args:
        tables: each attribute's groups, without ``(missing)``; ``race×sex`` with the groups ``Black × female``.
        masks: the outcomes that counts take in, as 0s and 1s of equal length.
    """

    def __init__(self, tables: Mapping[str, Sequence[str]], masks: Iterable[Mask]) -> None:
        told = sorted(set(masks)) or [(1,)]
        columns = list(zip(*told, strict=True))
        kinds = {column: at for at, column in enumerate(dict.fromkeys(c for c in columns if any(c)))}
        self._kinds = len(kinds)
        self._of_mask = {
            mask: tuple(sorted({kinds[c] for c, taken in zip(columns, mask, strict=True) if taken})) for mask in told
        }
        self._places: dict[tuple[str, tuple[str, ...]], int] = {}
        self._groups: dict[tuple[str, str], list[int]] = {}
        self._tables = {name: list(groups) for name, groups in tables.items()}
        for name in self._tables:
            self._lay_out(name)
        self.size = len(self._places) * self._kinds
        self._links = self._linked()
        self._matrix = self._rows(self._links)
        self._witnesses: list[NDArray[np.float64]] = []

    def cells(self, attribute: str, group: str, mask: Mask) -> tuple[int, ...]:
        """Return the cells that a group's count adds up.

        Raises:
            KeyError: the group is none of the attribute's, or no count takes in these outcomes.
        """
        return tuple(p * self._kinds + k for p in self._groups[attribute, group] for k in self._of_mask[mask])

    def groups(self) -> list[tuple[str, str]]:
        """Return every attribute and group that rows could be of."""
        return list(self._groups)

    def half_known(self, attribute: str) -> list[tuple[tuple[str, str], int]]:
        """Return the places of a crossing of two attributes of which just one is recorded, by its two groups."""
        found = []
        for (name, combination), place in self._places.items():
            if name == attribute and len(combination) == 2 and combination.count(MISSING_GROUP) == 1:
                found.append(((combination[0], combination[1]), place))
        return found

    def at(self, places: Sequence[int], mask: Mask) -> tuple[int, ...]:
        """Return the cells of places (``half_known``) that a mask takes in."""
        return tuple(p * self._kinds + k for p in places for k in self._of_mask[mask])

    def consistent(self, facts: Sequence[Fact]) -> bool:
        """Return whether any table at all has these counts; else they are of something this reader does not know."""
        return bool(self._solve(np.zeros(self.size), facts).status == 0)

    def spread(self, secret: Secret, facts: Sequence[Fact]) -> tuple[float, float]:
        """Return the least and the greatest value that a count can have, given the facts (linear programming)."""
        goal = self._goal(secret.cells)
        low, high = self._solve(goal, facts), self._solve(-goal, facts)
        return (low.fun if low.status == 0 else 0.0), (-high.fun if high.status == 0 else np.inf)

    def leaks(self, secret: Secret, facts: Sequence[Fact]) -> list[int] | None:
        """Return the facts that a deduction about a secret leans on; ``None`` where it stays open as it must.

        A secret is open if some table of whole counts fits all facts in which it is at most ``low``, and another in
        which it is at least ``high``. Tables found are kept: they fit as well when fewer facts are told.
        """
        goal = self._goal(secret.cells)
        for sign, bound in ((1.0, secret.low), (-1.0, -secret.high)):
            if any(sign * float(goal @ x) <= bound + CLOSE for x in self._witnesses):
                continue
            found = self._solve(sign * goal, facts)
            if found.status == 3:
                continue  # nothing bounds it at all
            if found.status != 0 or found.fun > bound + CLOSE:
                return self._leans(found, secret, facts)
            if _whole(found.x):
                self._witnesses.append(np.round(found.x))
            elif not self._whole_table(sign * goal, bound, facts):
                return self._leans(found, secret, facts)
        return None

    def cheapest(
        self, secret: Secret, facts: Sequence[Fact], prices: Sequence[float], fixed: Sequence[Fact]
    ) -> list[int] | None:
        """Return facts that, given up, leave a secret open; ``None`` where the fixed ones alone close it.

        Another table is sought in which the secret has the value that it must be able to have, and in which the facts
        differ by as little as can be, each at its price (linear programming; Kelly, Golden, Assad 1992, Networks
        22:397). Where its counts are broken, giving up these facts may not be enough, or none may be found at all.
        """
        goal = self._goal(secret.cells)
        for sign, bound in ((1.0, secret.low), (-1.0, -secret.high)):
            if any(sign * float(goal @ x) <= bound + CLOSE for x in self._witnesses):
                continue
            moved = self._moved(sign * goal, bound, facts, prices, fixed)
            if moved is None or moved:
                return moved
        return []

    def forget(self, facts: Sequence[Fact]) -> list[NDArray[np.float64]]:
        """Drop the tables found that do not fit facts which are told again; returns those that there were."""
        before = self._witnesses
        self._witnesses = [x for x in before if all(abs(x[list(f.cells)].sum() - f.total) < CLOSE for f in facts)]
        return before

    def recall(self, before: list[NDArray[np.float64]]) -> None:
        """Take back the tables that were dropped: the facts are not told after all."""
        self._witnesses = before

    def _moved(
        self, goal: NDArray[np.float64], bound: float, facts: Sequence[Fact], prices: Sequence[float],
        fixed: Sequence[Fact],
    ) -> list[int] | None:  # fmt: skip
        """The facts that are otherwise in the nearest table in which the goal is at most the bound."""
        from scipy.optimize import linprog
        from scipy.sparse import csr_array, eye_array, hstack, vstack

        matrix, right = self._system(fixed)
        told, many = self._rows([dict.fromkeys(fact.cells, 1.0) for fact in facts]), len(facts)
        slack = eye_array(many, format="csr")
        asked: Any = csr_array(np.concatenate([goal, np.zeros(2 * many)]).reshape(1, -1))
        whole = vstack([hstack([matrix, csr_array((matrix.shape[0], 2 * many))]), hstack([told, slack, -slack])])
        found: Any = linprog(
            np.concatenate([np.zeros(self.size), prices, prices]), A_ub=asked, b_ub=[bound],
            A_eq=whole.tocsr(), b_eq=np.concatenate([right, [fact.total for fact in facts]]),
            bounds=(0, None), method="highs",
        )  # fmt: skip
        if found.status != 0:
            return None
        off = found.x[self.size : self.size + many] + found.x[self.size + many :]
        return [at for at in range(many) if off[at] > CLOSE]

    def _leans(self, found: Any, secret: Secret, facts: Sequence[Fact]) -> list[int]:
        """The facts with a price in the linear program; else every fact that shares a cell with the secret."""
        if found.status == 0:
            prices = found.eqlin.marginals[len(self._links) :]
            leans = [at for at, price in enumerate(prices) if abs(price) > CLOSE]
            if leans:
                return leans
        mine = set(secret.cells)
        return [at for at, fact in enumerate(facts) if mine & set(fact.cells)] or list(range(len(facts)))

    def _whole_table(self, goal: NDArray[np.float64], bound: float, facts: Sequence[Fact]) -> bool:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        matrix, right = self._system(facts)
        constraints = [
            LinearConstraint(matrix, right, right),
            LinearConstraint(csr_array(goal.reshape(1, -1)), -np.inf, bound),
        ]
        whole, bounds = np.ones(self.size, np.int64), Bounds(0, np.inf)
        limit: Any = {"node_limit": 1000}  # not of time: the same numbers are withheld on every machine
        found = milp(np.zeros(self.size), integrality=whole, bounds=bounds, constraints=constraints, options=limit)
        if found.x is None:
            return False
        self._witnesses.append(np.round(found.x))
        return True

    def _solve(self, goal: NDArray[np.float64], facts: Sequence[Fact]) -> Any:
        from scipy.optimize import linprog

        matrix, right = self._system(facts)
        return linprog(goal, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs")

    def _system(self, facts: Sequence[Fact]) -> tuple[Any, NDArray[np.float64]]:
        from scipy.sparse import vstack

        told = self._rows([dict.fromkeys(fact.cells, 1.0) for fact in facts])
        right = np.concatenate([np.zeros(len(self._links)), [fact.total for fact in facts]])
        return vstack([self._matrix, told]).tocsr(), right

    def _rows(self, rows: Sequence[Mapping[int, float]]) -> Any:
        from scipy.sparse import csr_array

        at = [row for row, cells in enumerate(rows) for _ in cells]
        columns = [cell for cells in rows for cell in cells]
        values = [value for cells in rows for value in cells.values()]
        return csr_array((values, (at, columns)), shape=(len(rows), self.size))

    def _goal(self, cells: Sequence[int]) -> NDArray[np.float64]:
        goal = np.zeros(self.size)
        goal[list(cells)] = 1.0
        return goal

    def _parts(self, name: str) -> list[str] | None:
        """The attributes that an intersection crosses; ``None`` of an attribute that is none."""
        parts = name.split("×")
        return parts if len(parts) > 1 and all(part in self._tables for part in parts) else None

    def _lay_out(self, name: str) -> None:
        parts = self._parts(name)
        known = [self._tables[part] for part in parts] if parts else [self._tables[name]]
        for combination in itertools.product(*([*groups, MISSING_GROUP] for groups in known)):
            place = self._places[name, combination] = len(self._places)
            group = MISSING_GROUP if MISSING_GROUP in combination else " × ".join(combination)
            self._groups.setdefault((name, group), []).append(place)

    def _linked(self) -> list[dict[int, float]]:
        """Equations that hold of any data: intersections add up to their parts, attributes to the same rows."""
        links: list[dict[int, float]] = []
        places = {name: [(c, p) for (table, c), p in self._places.items() if table == name] for name in self._tables}
        first = next(iter(self._tables), None)
        for name in self._tables:
            parts = self._parts(name)
            if not parts:
                if name != first and first is not None:
                    links += self._equal([p for _, p in places[name]], [p for _, p in places[first]])
                continue
            for smaller in self._tables:
                within = self._parts(smaller) or [smaller]
                if smaller != name and set(within) < set(parts):
                    at = [parts.index(part) for part in within]
                    for combination, place in places[smaller]:
                        same = [p for c, p in places[name] if tuple(c[i] for i in at) == combination]
                        links += self._equal(same, [place])
        return links

    def _equal(self, left: Sequence[int], right: Sequence[int]) -> list[dict[int, float]]:
        return [
            {p * self._kinds + k: 1.0 for p in left} | {p * self._kinds + k: -1.0 for p in right}
            for k in range(self._kinds)
        ]


def _whole(x: NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(x - np.round(x)) < CLOSE))
