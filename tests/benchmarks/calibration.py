"""How often a verdict is wrong: fair and unfair populations, simulated, and judged by the rule itself.

Run it as a script: ``python tests/benchmarks/calibration.py [--quick]``. For every path to a verdict it tells the rate
of wrong FAIL (the limit holds, exactly at the limit too), of wrong PASS (the disparity is at the limit or beyond), of
INCONCLUSIVE, and the coverage of the intervals that are published; beside it, on the same draws, what a gate on the
point estimate (largest minus smallest above the limit, smallest over largest below it) and one on fairlearn's
percentile bootstrap of the range would have said.

Every case is drawn a few hundred times; the worst are drawn again, many times, and the worst of these once more, so
that what is told of it is not the luck of the search. The full run writes ``audits/calibration.json`` and
``infra/calibration.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

import calibration_checks as checks  # noqa: E402 - the path comes first
import calibration_rules as rules  # noqa: E402
import numpy as np  # noqa: E402
from calibration_cases import (  # noqa: E402
    FLOOR,
    GAP,
    Case,
    flip_cases,
    gap_cases,
    odds_cases,
    own_cases,
    rate_cases,
)
from calibration_exact import two_groups  # noqa: E402
from calibration_page import markdown  # noqa: E402
from calibration_proxies import proxy_bounds  # noqa: E402

import audits  # noqa: E402
from audits.statistics import bounds  # noqa: E402
from audits.statistics.bootstrap import multinomial  # noqa: E402

AIMS = {"wrong_fail": 0.025, "wrong_pass": 0.055, "coverage": 0.935}


@dataclass
class Tally:
    """What became of the draws of one case."""

    case: Case
    verdicts: dict[str, np.ndarray]
    coverage: dict[str, float]
    gates: dict[str, np.ndarray]


def of_rates(case: Case, draws: int, rng: np.random.Generator) -> Tally:
    """Differences or ratios."""
    n = np.array(case.n)
    x = rng.binomial(n, case.rates, size=(draws, case.groups))
    ratio = case.path == "ratio"
    bound = FLOOR if ratio else GAP
    verdicts = {method: rules.of_pairs(method, [(x, n)], bound, not ratio) for method in checks.candidates(case.path)}
    share = x / n
    low, high = share.min(axis=1), share.max(axis=1)
    point = (low < FLOOR * high) if ratio else (high - low > GAP)
    one, two = np.triu_indices(case.groups, 1)
    counts = {"x1": x[:, one], "n1": n[one] + 0 * x[:, one], "x2": x[:, two], "n2": n[two] + 0 * x[:, one]}
    rates = np.array(case.rates)
    truth = rates[one] / rates[two] if ratio else rates[one] - rates[two]
    methods = dict.fromkeys(["koopman" if ratio else "newcombe", *checks.candidates(case.path)])
    coverage = {method: float(rules.covers(method, counts, truth).mean()) for method in methods}
    if not ratio:
        coverage["wilson"] = float(rules.covers("wilson", {"x": x, "n": n + 0 * x}, rates).mean())
    return Tally(case, verdicts, coverage, {"point": np.where(point, 2, 1)})


def of_odds(case: Case, draws: int, rng: np.random.Generator) -> Tally:
    """Equalized odds, held against both of its rates."""
    n = np.array(case.n)
    positives = rng.binomial(n, case.base, size=(draws, case.groups))
    hits = rng.binomial(positives, case.more["tpr"])
    false = rng.binomial(n - positives, case.more["fpr"])
    measured = [(hits, positives), (false, n - positives)]
    verdicts = {m: rules.of_pairs(m, measured, GAP) for m in checks.candidates("difference")}
    range_ = [np.ptp(np.where(n > 0, x / np.maximum(n, 1), 0), axis=1) for x, n in measured]
    return Tally(case, verdicts, {}, {"point": np.where(np.maximum(*range_) > GAP, 2, 1)})


def of_own(case: Case, draws: int, rng: np.random.Generator) -> Tally:
    """Each group's own rate."""
    n = np.array(case.n)
    x = rng.binomial(n, case.rates, size=(draws, case.groups))
    verdicts = {"clopper-pearson": rules.of_rates(x, n, case.base)}
    coverage = {"wilson": float(rules.covers("wilson", {"x": x, "n": n + 0 * x}, np.array(case.rates)).mean())}
    return Tally(case, verdicts, coverage, {"point": np.where((x / n > case.base).any(axis=1), 2, 1)})


def of_flips(case: Case, draws: int, rng: np.random.Generator) -> Tally:
    """Paired differences, each on rows of its own (the worst case for Bonferroni)."""
    (gap,), (n,) = case.rates, case.n
    up, down = (case.base + gap) / 2, (case.base - gap) / 2
    drawn = rng.multinomial(n, [up, down, 1 - up - down], size=(draws, case.groups))
    b, c = drawn[..., 0], drawn[..., 1]
    left, right = bounds("tango", {"b": b[:, 0], "c": c[:, 0], "n": np.full(draws, float(n))}, rules.Z)
    coverage = {"tango": float(((left <= gap) & (gap <= right)).mean())}
    point = (np.abs(b - c) / n > 0.05).any(axis=1)
    verdicts = {method: rules.of_flips(method, b, c, n, 0.05) for method in checks.candidates(case.path)}
    return Tally(case, verdicts, coverage, {"point": np.where(point, 2, 1)})


def of_gaps(case: Case, draws: int, rng: np.random.Generator) -> Tally:
    """Gaps of F1: as many false positives as false negatives, so that F1 is the true positive rate."""
    draws = min(draws, 1500)
    value, se, df, known = [], [], [], []
    for _ in range(draws):
        table = np.array([rng.multinomial(n, f1_cells(case.base, f)) for n, f in zip(case.n, case.rates, strict=True)])
        for kept, found in zip((value, se, df, known), rules.gaps(table, multinomial(table, 500, rng)), strict=True):
            kept.append(found)
    value, se, df, known = np.array(value), np.array(se), np.maximum(df, 1), np.array(known)
    one, two = np.triu_indices(case.groups, 1)
    truth = np.array(case.rates)[one] - np.array(case.rates)[two]
    covered = np.abs(value - truth) <= bounds("t", {"mean": 0.0, "se": se, "df": df}, rules.Z)[1]
    point = np.where((np.abs(value) > GAP).any(axis=1), 2, 1)
    coverage = {"t": float(covered[known].mean())}
    return Tally(case, {"t": rules.of_gaps(value, se, df, known, GAP)}, coverage, {"point": point})


def f1_cells(base: float, f1: float) -> list[float]:
    """Chances of tp, fp, fn, tn of which F1 is ``f1``."""
    return [base * f1, base * (1 - f1), base * (1 - f1), 1 - base - base * (1 - f1)]


PATHS = {
    "difference": (rate_cases, of_rates),
    "ratio": (rate_cases, of_rates),
    "equalized odds": (odds_cases, of_odds),
    "rate": (own_cases, of_own),
    "paired": (flip_cases, of_flips),
    "gap": (gap_cases, of_gaps),
}


def wrong(tally: Tally, method: str) -> dict[str, float]:
    """Rates of wrong FAIL, wrong PASS and INCONCLUSIVE, of what the case allows to be wrong."""
    verdicts = tally.verdicts[method] if method in tally.verdicts else tally.gates[method]
    found = {"inconclusive": float((verdicts == 0).mean())}
    if tally.case.holds:
        found["wrong_fail"] = float((verdicts == 2).mean())
    if tally.case.broken:
        found["wrong_pass"] = float((verdicts == 1).mean())
    if not tally.case.broken:
        found["right_pass"] = float((verdicts == 1).mean())
    if not tally.case.holds:
        found["right_fail"] = float((verdicts == 2).mean())
    return found


def examine(path: str, quick: bool, rng: np.random.Generator) -> dict[str, Any]:
    """Screen every case of a path, draw the worst again, the worst of these once more, and sum up by method."""
    cases, simulate = PATHS[path]
    chosen = [case for case in cases(quick) if case.path == path]
    few, many = (100, 1000) if quick else (400, 20_000)
    screened = [simulate(case, few, rng) for case in chosen]
    again: dict[int, Tally] = {}
    told_of: dict[int, Tally] = {}

    def drawn(at: int, kept: dict[int, Tally]) -> Tally:
        if at not in kept:
            kept[at] = simulate(chosen[at], max(many // max(chosen[at].groups ** 2 // 16, 1), many // 5), rng)
        return kept[at]

    def drawn_again(ranked: list[int]) -> None:
        for at in ranked[: 2 if quick else 4]:
            drawn(at, again)

    result: dict[str, Any] = {"cases": len(chosen), "screened_with": few, "methods": {}, "coverage": {}}
    for method in [*screened[0].verdicts, *screened[0].gates]:
        told = [wrong(tally, method) for tally in screened]
        summary: dict[str, Any] = {}
        for key in ("right_pass", "right_fail", "inconclusive"):
            values = [one[key] for one, case in zip(told, chosen, strict=True) if key in one and not case.small]
            if values:
                summary[f"mean_{key}"] = round(float(np.mean(values)), 4)
        for key, small in ((key, small) for key in ("wrong_fail", "wrong_pass") for small in (False, True)):
            ranked = [at for at, one in enumerate(told) if key in one and chosen[at].small == small]
            drawn_again(sorted(ranked, key=lambda at: -told[at][key]))
            values = [(wrong(again[at], method)[key], at) for at in again if at in ranked]
            if values:
                last = drawn(max(values)[1], told_of)
                summary[key + "_small" * small] = _worst(wrong(last, method)[key], last)
        result["methods"][method] = summary
    for method in {name: None for tally in screened for name in tally.coverage}:
        ranked = sorted(range(len(chosen)), key=lambda at: screened[at].coverage[method])
        drawn_again([at for at in ranked if not chosen[at].small])
        last = drawn(min((again[at].coverage[method], at) for at in again if not chosen[at].small)[1], told_of)
        mean = np.mean([tally.coverage[method] for tally in screened if not tally.case.small])
        result["coverage"][method] = {"mean": round(float(mean), 4), "least": _worst(last.coverage[method], last)}
    return result


def _worst(rate: float, tally: Tally) -> dict[str, Any]:
    draws = len(next(iter(tally.verdicts.values())))
    return {"rate": round(float(rate), 4), "case": tally.case.told(), "draws": draws}


def main() -> None:
    """Run, print, and write what the card links to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases and draws, under a minute; writes nothing")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    start = time.perf_counter()
    document: dict[str, Any] = {
        "evenhand": audits.__version__,
        "date": date.today().isoformat(),
        "seed": given.seed,
        "level": rules.LEVEL,
        "aims": AIMS,
        "same_as_judge": checks.same_as_judge(8 if given.quick else 60, rng),
        "fairlearn": checks.fairlearn(given.quick, rng),
        "two_groups": two_groups(given.quick),
        "proxy_bounds": proxy_bounds(given.quick, np.random.default_rng(given.seed)),
        "paths": {},
    }
    for path in PATHS:
        document["paths"][path] = examine(path, given.quick, rng)
        print(f"{path}: {time.perf_counter() - start:.0f} s so far", file=sys.stderr, flush=True)
    document["shortfalls"] = checks.shortfalls(document)
    document["seconds"] = round(time.perf_counter() - start)
    text = markdown({**document, "intervals": json.loads((ROOT / "infra" / "coverage.json").read_text())})
    print(text)
    if not given.quick:
        (ROOT / "audits" / "calibration.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        (ROOT / "infra" / "calibration.md").write_text(text)
    print(f"{datetime.now(UTC):%H:%M} UTC, {document['seconds']} s", file=sys.stderr)


if __name__ == "__main__":
    main()
