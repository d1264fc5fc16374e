"""The verdict rule on planted cases, and how often simultaneous intervals are right."""

from __future__ import annotations

import numpy as np

from audits.findings import Finding, Interval, Support
from audits.known_answers import Known
from audits.spec import Limit
from audits.statistics import bounds, critical, interval
from audits.statistics.simultaneous import pairs_critical
from audits.verdict import judge

RULE = "the rule of the verdict, by hand (PASS: Berger 1982, Technometrics 24:295; FAIL: Tukey 1953, Holm 1979)"
COVERAGE = "the nominal 95 % of Tukey's simultaneous intervals, Hayter 1984, Annals of Statistics 12:61"
NOMINAL = "the rule's own aim: a fair model is blocked in at most 2.5 % of audits"


def _verdict(one: tuple[int, int], other: tuple[int, int], at_most: float = 0.1) -> str:
    """Judge the difference of two rates, given as counts."""
    counts = {"x1": float(one[0]), "n1": float(one[1]), "x2": float(other[0]), "n2": float(other[1])}
    found = Finding(
        technique="parity",
        measure="selection_rate",
        attribute="group",
        group="one",
        reference="other",
        comparison="difference",
        value=one[0] / one[1] - other[0] / other[1] if one[1] else None,
        missing="" if one[1] else "no rows",
        interval=_interval(counts) if one[1] else None,
        sufficient=counts if one[1] else {},
        n=Support(group=one[1], reference=other[1]),
    )
    limit = Limit(measure="selection_rate", over="group", compare="difference", at_most=at_most)
    return judge([limit], [found]).verdict


def _interval(counts: dict[str, float]) -> Interval:
    low, high = interval("newcombe", counts, critical(0.95))
    return Interval(low=low, high=high, level=0.95, method="newcombe")


def _pairs(groups: int, rows: int, rate: float, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the simultaneous limits of all pairs of equal groups: draws × pairs."""
    x = np.random.default_rng(0).binomial(rows, rate, (draws, groups))
    one, other = np.triu_indices(groups, 1)
    n = np.full((draws, len(one)), rows)
    counts = {"x1": x[:, one], "n1": n, "x2": x[:, other], "n2": n}
    return bounds("newcombe", counts, pairs_critical(0.95, groups))


def _covered() -> float:
    """Return how often all six intervals of four equal groups of 200, rate .3, hold 0 together."""
    low, high = _pairs(4, 200, 0.3, 2000)
    return float(((low <= 0) & (high >= 0)).all(axis=1).mean())


def _not_blocked() -> float:
    """Return how often eight equal groups of 100, rate .3, are not shown to differ by more than ten points."""
    low, high = _pairs(8, 100, 0.3, 2000)
    return float(1 - ((low > 0.1) | (high < -0.1)).any(axis=1).mean())


KNOWN = (
    Known("equal rates of 1,000 rows each, limit 10 points", RULE, "PASS", lambda: _verdict((500, 1000), (500, 1000))),
    Known("20 points apart, 1,000 rows each", RULE, "FAIL", lambda: _verdict((600, 1000), (400, 1000))),
    Known("10 points apart, 50 rows each", RULE, "INCONCLUSIVE", lambda: _verdict((30, 50), (25, 50))),
    Known("a group without rows", RULE, "INCONCLUSIVE", lambda: _verdict((0, 0), (500, 1000))),
    Known(
        "precision of COMPAS at no tolerance, counts of ProPublica",
        RULE,
        "INCONCLUSIVE",
        lambda: _verdict((1369, 1369 + 805), (505, 505 + 349), at_most=0.0),
    ),
    Known("four equal groups: all intervals hold 0", COVERAGE, "at least 0.93", _covered),
    Known("eight equal groups of 100: not blocked", NOMINAL, "at least 0.975", _not_blocked),
)
