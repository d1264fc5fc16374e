"""What the calibration rests on and what it tells: the rule is the real one, fairlearn's is theirs, where aims fail."""

from __future__ import annotations

from datetime import date
from functools import cache

import calibration_rules as rules
import numpy as np

from audits.findings import Finding, Interval, Support
from audits.judging import families
from audits.metrics.comparing import rate_findings
from audits.metrics.groups import GroupRates
from audits.metrics.running import findings
from audits.spec import Limit
from audits.statistics import bounds
from audits.statistics.bootstrap import multinomial
from audits.techniques.flip_rate import paired
from audits.verdict import judge

TODAY = date(2026, 1, 1)
PUBLISHED = ("wilson", "newcombe", "koopman", "tango", "t")
ALSO = {
    "difference": ("newcombe", "gart-nam", "newcombe+gart-nam"),
    "ratio": ("koopman", "gart-nam-ratio", "koopman+gart-nam-ratio"),
    "paired": ("tango", "tango+one-way"),
}


def limit(measure, compare, **bound):
    return Limit(measure=measure, over="group", compare=compare, **bound)


def found(x, n, measure="selection_rate", among="decided rows"):
    """The findings of one rate, by the real function."""
    x, n = np.asarray(x, float), np.asarray(n, float)
    groups = [f"g{at:02}" for at in range(len(x))]
    value = np.divide(x, n, out=np.zeros(len(x)), where=n > 0)
    missing = ["" if rows else f"{group} has no {among}" for group, rows in zip(groups, n, strict=True)]
    rates = GroupRates(
        measure, "group", groups, n, n, x, n, value, missing, among, "high", rules.LEVEL, "rows.parquet", True
    )
    pairs = [(at, 0) for at in range(1, len(x))]
    if len(x) <= 12:  # beyond, the verdict derives the others from the rates
        pairs += [(b, a) for a in range(1, len(x)) for b in range(a + 1, len(x))]
    return list(rate_findings(rates, pairs))


@cache
def candidates(path):
    """The method by which a path is judged today, then the others that it might be."""
    if path == "paired":
        given = [_finding("paired", "g", 0.1, "tango", {"b": 12.0, "c": 2.0, "n": 100.0}, 100)]
        (family,) = families([limit("counterfactual", path, at_most=0.1)], given)
    else:
        bound = {"at_most": 0.1} if path == "difference" else {"at_least": 0.8}
        (family,) = families([limit("selection_rate", path, **bound)], found([30, 40], [100, 100]))
    return tuple(dict.fromkeys((family.sides[0].method, *ALSO[path])))


def same_as_judge(count, rng):
    """Hold every path's rule to ``judge`` on draws by chance, near the limits; return how many were compared."""
    compared = 0
    for check in (_differences, _ratios, _odds, _own, _flips, _gaps):
        seen = set()
        for _ in range(count):
            ours, verdict = check(rng)
            assert rules.OUTCOMES[int(ours[0])] == verdict.verdict, (check.__name__, ours, verdict.reason)
            seen.add(verdict.verdict)
            compared += 1
        assert count < 30 or len(seen) > 1, f"{check.__name__}: only {seen} was drawn"
    return compared


def _population(rng, spread):
    groups = int(rng.choice([2, 4, 14]))
    n = rng.integers(30, 2000, groups)
    base = rng.uniform(0.02, 0.6)
    return rng.binomial(n, np.clip(base + spread * rng.random(groups), 0, 1)), n


def _differences(rng):
    x, n = _population(rng, rng.choice([0.0, 0.1, 0.3]))
    ours = rules.of_pairs(candidates("difference")[0], [(x[None], n)], 0.1)
    return ours, judge([limit("selection_rate", "difference", at_most=0.1)], found(x, n), rules.LEVEL, TODAY)


def _ratios(rng):
    x, n = _population(rng, rng.choice([0.0, 0.1, 0.3]))
    if rng.random() < 0.5:
        x, n = n * 10 - x, n * 10
    ours = rules.of_pairs(candidates("ratio")[0], [(x[None], n)], 0.8, at_most=False)
    return ours, judge([limit("selection_rate", "ratio", at_least=0.8)], found(x, n), rules.LEVEL, TODAY)


def _odds(rng):
    (hits, positives), (false, negatives) = (_population(rng, rng.choice([0.0, 0.25])) for _ in range(2))
    groups = min(len(hits), len(false))
    parts = [(hits[:groups], positives[:groups]), (false[:groups], negatives[:groups])]
    ours = rules.of_pairs(candidates("difference")[0], [(x[None], n) for x, n in parts], 0.1)
    names = ("true_positive_rate", "false_positive_rate")
    given = [one for (x, n), name in zip(parts, names, strict=True) for one in found(x, n, name)]
    policy = [limit("equalized_odds_difference", "difference", at_most=0.1)]
    return ours, judge(policy, given, rules.LEVEL, TODAY)


def _own(rng):
    x, n = _population(rng, 0.1)
    bound = round(float(np.clip(rng.uniform(0.5, 1.7) * (x / n).max(), 0.01, 0.9)), 3)
    ours = rules.of_rates(x[None], n, bound)
    return ours, judge([limit("selection_rate", "rate", at_most=bound)], found(x, n), rules.LEVEL, TODAY)


def _flips(rng):
    groups, n = int(rng.choice([1, 6])), int(rng.integers(50, 2000))
    b = rng.binomial(n, rng.uniform(0, 0.15), groups)
    c = rng.binomial(n - b, rng.uniform(0, 0.05))
    given = []
    for at in range(groups):
        one = np.arange(n) < b[at]
        other = (np.arange(n) >= b[at]) & (np.arange(n) < b[at] + c[at])
        value, method, counts = paired(one.astype(float), other.astype(float), np.arange(n), rules.Z)
        given.append(_finding("paired", f"g{at}", value, method, counts, n))
    ours = rules.of_flips(candidates("paired")[0], b[None], c[None], n, 0.05)
    return ours, judge([limit("counterfactual", "paired", at_most=0.05)], given, rules.LEVEL, TODAY)


def _finding(comparison, group, value, method, counts, n):
    low, high = (float(end) for end in bounds(method, counts, rules.Z))
    return Finding(
        technique="by hand", measure="counterfactual", attribute="group", group=group, reference="other",
        comparison=comparison, value=value, sufficient=counts, n=Support(group=n),
        interval=Interval(low=low, high=high, level=rules.LEVEL, method=method),
    )  # fmt: skip


def _gaps(rng):
    groups = int(rng.choice([2, 4]))
    f1 = rng.uniform(0.3, 0.8) + rng.choice([0.0, 0.2]) * rng.random(groups)
    parts = np.stack([0.3 * f1, 0.3 * (1 - f1), 0.3 * (1 - f1), 0.4 + 0.3 * f1], axis=1)
    table = np.array([rng.multinomial(int(rng.integers(60, 4000)), part / part.sum()) for part in parts])
    again = multinomial(table, 500, rng)
    ours = rules.of_gaps(*(one[None] for one in rules.gaps(table, again)), 0.1)
    given = list(findings(rules.F1, rules.f1_of(table, again)))
    return ours, judge([limit("f1_score", "gap", at_most=0.1)], given, rules.LEVEL, TODAY)


def fairlearn(quick, rng):
    """A gate on fairlearn's bootstrap of the largest minus the smallest rate, on equal groups and at the limit.

    FAIL where its interval lies above the limit, PASS where below. The emulation from counts is held to the real
    ``difference_ci`` on a few draws.
    """
    told = []
    for groups, n, gap in ((2, 200, 0), (8, 60, 0), (8, 300, 0), (14, 100, 0), (4, 300, 0.1), (8, 300, 0.1)):
        rates, sizes = np.full(groups, 0.3), np.full(groups, n)
        rates[groups // 2 :] += gap
        x = rng.binomial(sizes, rates, size=(40 if quick else 400, groups))
        ends = np.array([rules.range_interval(one, sizes, 200, rng) for one in x])
        ours = rules.of_pairs(candidates("difference")[0], [(x, sizes)], 0.1)
        told.append(
            {
                "groups": groups, "n": n, "gap": gap, "draws": len(x),
                "covers_truth": round(float(((ends[:, 0] <= gap) & (gap <= ends[:, 1])).mean()), 4),
                "fail": round(float((ends[:, 0] > 0.1).mean()), 4),
                "pass": round(float((ends[:, 1] < 0.1).mean()), 4),
                "point_fail": round(float((np.ptp(x / sizes, axis=1) > 0.1).mean()), 4),
                "ours_fail": round(float((ours == 2).mean()), 4),
                "ours_pass": round(float((ours == 1).mean()), 4),
            }
        )  # fmt: skip
    return {"cases": told, "furthest_from_real": _real_fairlearn(1 if quick else 3, rng)}


def _real_fairlearn(draws, rng):
    from fairlearn.metrics import MetricFrame, selection_rate

    furthest = 0.0
    for seed in range(draws):
        n = np.full(8, 60)
        x = rng.binomial(n, 0.3)
        group = np.repeat(np.arange(8), n)
        decided = np.concatenate([np.arange(60) < hits for hits in x]).astype(int)
        given = {"y_true": decided, "y_pred": decided, "sensitive_features": group, "n_boot": 200}
        frame = MetricFrame(metrics=selection_rate, ci_quantiles=[0.025, 0.975], random_state=seed, **given)
        real = np.array([float(end) for end in frame.difference_ci()])
        furthest = max(furthest, float(np.abs(real - rules.range_interval(x, n, 4000, rng)).max()))
    assert furthest < 0.06, f"the emulation is {furthest:.3f} away from fairlearn's difference_ci"
    return round(furthest, 4)


def shortfalls(document):
    """Where the rule as it is, or an interval that is published, misses its aim by more than chance explains."""
    missed = []
    aims = document["aims"]
    for path, result in document["paths"].items():
        method, told = next(iter(result["methods"].items()))
        for key in ("wrong_fail", "wrong_pass"):
            if key in told and told[key]["rate"] - _noise(told[key]) > aims[key]:
                missed.append({"path": path, "method": method, "what": key, **told[key], "aim": aims[key]})
        exact = document["two_groups"].get(f"{path}: {method}", {})
        for key in ("wrong_fail", "wrong_pass"):
            if key in exact and exact[key]["rate"] > aims[key]:
                case = f"two groups, exactly: {exact[key]['case']}"
                missed.append(
                    {"path": path, "method": method, "what": key, **exact[key], "case": case, "aim": aims[key]}
                )
        for method, told in result["coverage"].items():
            least = told["least"]
            if method in PUBLISHED and least["rate"] + _noise(least) < aims["coverage"]:
                missed.append({"path": path, "method": method, "what": "coverage", **least, "aim": aims["coverage"]})
    return missed


def _noise(told):
    """Two standard errors of a rate that was simulated."""
    return 2 * (told["rate"] * (1 - told["rate"]) / told["draws"]) ** 0.5
