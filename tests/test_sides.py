"""Pairs that follow from rates are the pairs that findings would tell, whatever their number."""

import time

import numpy as np
import pytest

from audits.findings import Finding, Support
from audits.judging import families
from audits.sides import PairsOfRates, Sides, broken
from audits.spec import Limit
from audits.verdict import judge

LIMITS = [
    Limit(measure="selection_rate", over="race", compare="difference", at_most=0.1),
    Limit(measure="selection_rate", over="race", compare="ratio", at_least=0.8),
    Limit(measure="selection_rate", over="race", compare="difference", at_most=1.0),
]


def _of(group, comparison, value, sufficient, reference=""):
    n = Support(group=sufficient.get("n", sufficient.get("n1")), reference=sufficient.get("n2"))
    return Finding(
        technique="parity", measure="selection_rate", attribute="race", group=group, reference=reference,
        comparison=comparison, value=value, missing="" if value is not None else "a rate of 0", n=n,
        sufficient=sufficient if value is not None else {},
    )  # fmt: skip


def _compared(groups, one, other):
    (x1, n1), (x2, n2) = groups[one], groups[other]
    counts = {"x1": x1, "n1": n1, "x2": x2, "n2": n2}
    method = {"difference": "newcombe", "ratio": "koopman"}
    value = {"difference": x1 / n1 - x2 / n2, "ratio": x1 / n1 / (x2 / n2) if x2 else None}
    for comparison in method:
        finding = _of(one, comparison, value[comparison], counts, other)
        if finding.value is not None:
            interval = {"low": -1.0, "high": 1.0, "level": 0.95, "method": method[comparison]}
            finding = Finding.model_validate({**finding.model_dump(), "interval": interval})
        yield finding


def tables(seed, count, every_pair):
    random = np.random.default_rng(seed)
    rows = random.integers(20, 400, count)
    rates = random.choice([0.3, 0.5, 0.5, 0.55, 1.0], count)
    groups = {
        f"g{at}": (float(random.binomial(n, p)), float(n)) for at, (n, p) in enumerate(zip(rows, rates, strict=True))
    }
    findings = [_of(name, "rate", x / n, {"x": x, "n": n}) for name, (x, n) in groups.items()]
    pairs = [(a, b) for at, a in enumerate(groups) for b in list(groups)[:at]]
    for one, other in pairs if every_pair else pairs[:1]:
        findings += _compared(groups, one, other)
    return findings


@pytest.mark.parametrize("count", [2, 3, 13, 40])
@pytest.mark.parametrize("seed", range(2))
def test_a_verdict_from_rates_is_the_one_from_pairs(count, seed):
    from_pairs = judge(LIMITS, tables(seed, count, every_pair=True))
    from_rates = judge(LIMITS, tables(seed, count, every_pair=False))
    for one, other in zip(from_pairs.limits, from_rates.limits, strict=True):
        assert (one.verdict, one.p, one.p_adjusted, one.rows_needed) == (
            other.verdict, other.p, other.p_adjusted, other.rows_needed,
        )  # fmt: skip
        end = (
            "low" if one.limit["at_most"] is not None else "high"
        )  # between pairs that are equal there any may be told
        assert one.verdict == "PASS" or getattr(one.interval, end) == getattr(other.interval, end)


def test_a_column_of_pairs_is_the_pairs_one_by_one():
    findings = [f for f in tables(1, 9, every_pair=False) if f.comparison == "rate"]
    findings.append(_of("none", "rate", 0.0, {"x": 0.0, "n": 30.0}))
    for limit in LIMITS:
        table = PairsOfRates(limit.compare, findings, [frozenset(("g0", "g1"))])
        sides = Sides((), [table])
        assert len(sides) == 10 * 9 - 2 == 2 * sides.comparisons
        assert sides.groups == 10
        assert sides.broken(limit).tolist() == [broken(limit, side) for side in sides]
        chosen = np.arange(len(sides)) % 7 == 3
        assert sides.ids(chosen) == list(dict.fromkeys(n for at in np.flatnonzero(chosen) for n in sides[int(at)].ids))
        ((method, places, counts),) = sides.by_method(chosen)
        assert places.tolist() == np.flatnonzero(chosen).tolist()
        assert {method} == {side.method for side in sides}
        for at, place in enumerate(places.tolist()):
            assert {name: float(column[at]) for name, column in counts.items()} == sides[place].sufficient


def test_hundreds_of_groups_are_judged_in_a_moment():
    findings = tables(5, 400, every_pair=False)
    assert len(families(LIMITS[:1], findings)[0].sides) == 400 * 399
    begun = time.process_time()
    assert judge(LIMITS[:1], findings).verdict == "FAIL"
    assert time.process_time() - begun < 3  # by itself a quarter of a second


def test_of_equal_ends_the_first_is_told_whatever_their_last_bits():
    groups = {"a": (50.0, 100.0), "b": (50.0, 100.0)}
    findings = [_of(name, "rate", 0.5, {"x": x, "n": n}) for name, (x, n) in groups.items()]
    findings += _compared(groups, "b", "a")
    limit = Limit(measure="selection_rate", over="race", compare="difference", at_most=0.5)
    (judged,) = judge([limit], findings).limits
    assert (judged.verdict, judged.worst) == ("PASS", {"group": "b", "reference": "a"})
