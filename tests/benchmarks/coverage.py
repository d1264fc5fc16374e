"""How often the published intervals hold the truth: every metric whose interval comes from resampled rows.

Run it as a script: ``python tests/benchmarks/coverage.py [--task NAME] [--write]``. For groups of 20 to 300 rows (or
lists) of known populations it makes the findings by the real function, and counts how often the intervals of a group's
number, of the gap and of the ratio hold the truth, and how often there is one. Draws stand side by side as the groups
of one attribute, so that thousands are measured at once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

import numpy as np  # noqa: E402 - the path comes first
from calibration_page import markdown  # noqa: E402
from coverage_laws import Law, laws  # noqa: E402

from audits.metrics import of_task  # noqa: E402
from audits.metrics.groups import Counted  # noqa: E402
from audits.metrics.running import Summarised, findings, value_of  # noqa: E402
from audits.metrics.standing import EVERY, of_decisions, standing  # noqa: E402

FOUND = ROOT / "infra" / "coverage.json"
SIZES = (20, 30, 50, 100, 300)
LEVEL = 0.95
ELSEWHERE = (
    "jaccard_at_k", "serp_at_k", "prag_at_k",  # of pairs of lists
    "predicted_share",  # of all groups together
    "no_disparate_impact_level", "treatment_effect",  # of numbers that these laws do not draw
)  # fmt: skip


def sample(law: Law, n: int, draws: int, number: int, rng: np.random.Generator):
    """The summary of ``draws`` groups and as many references, one beside the other, and resampled ones."""
    if not law.fields:
        table = np.stack([rng.multinomial(n, of / of.sum(), size=draws) for of in (law.one, law.other)], axis=1)
        table = table.reshape(2 * draws, -1)
        share = np.repeat((table / n)[None], number, axis=0)
        sizes = rng.binomial(4 * n, 0.25, size=(number, 2 * draws)) if law.task != "data" else n
        return law.summary(table), law.summary(rng.multinomial(sizes, share)), np.full(2 * draws, float(n))
    at = rng.integers(0, law.one.shape[1], (draws, n))
    other = at if law.task == "ranking" else rng.integers(0, law.other.shape[1], (draws, n))
    worth = rng.multinomial(n, np.full(n, 1 / n), size=number).astype(float)
    worth_other = worth if law.task == "ranking" else rng.multinomial(n, np.full(n, 1 / n), size=number).astype(float)
    sides, again, there = [], [], []
    for pool, rows, times in ((law.one, at, worth), (law.other, other, worth_other)):
        parts = pool[:, rows]  # fields × draws × rows
        sides.append(parts.sum(axis=-1))
        again.append(np.einsum("fdr,br->bfd", parts, times, optimize=True))
        there.append((np.abs(parts).sum(axis=0) > 0).sum(axis=-1))
    fields = len(law.one)
    table = np.stack(sides, axis=-1).reshape(fields, -1)
    return (
        law.summary(table),
        law.summary(np.stack(again, axis=-1).reshape(number, fields, -1)),
        np.stack(there, axis=-1).ravel().astype(float),
    )


def truth(law: Law, n: int):
    """The summary of both populations, as large as the samples."""
    if law.fields:
        return law.summary(n * np.stack([law.one.mean(axis=1), law.other.mean(axis=1)], axis=-1))
    return law.summary(n * np.stack([law.one / law.one.sum(), law.other / law.other.sum()]))


def coverage(law: Law, n: int, draws: int, number: int, rng: np.random.Generator, names=None) -> list[dict]:
    """How often each metric's intervals hold the truth, of those that there are; and how often there is one."""
    summary, again, units = sample(law, n, draws, number, rng)
    whole = truth(law, n)
    pairs = [(2 * at, 2 * at + 1) for at in range(draws)]
    told = []
    for entry in of_task(law.task):
        facts = entry.facts
        if facts["boundary"] or facts["scale"] == "rate" or facts["across"] or facts["over"] == "groups":
            continue
        if (names and entry.name not in names) or entry.name in (
            "jaccard_at_k",
            "serp_at_k",
            "prag_at_k",
            "predicted_share",
        ):
            continue
        data = Summarised(
            technique=law.task, attribute="g", groups=[f"g{at:05}" for at in range(2 * draws)],
            summary=summary, replicates=again, rows=lambda entry: units, pairs=pairs, level=LEVEL,
            **resampling(law, entry, summary, units),
        )  # fmt: skip
        own = [None, None]
        if facts["over"] == "group":
            values, exists = value_of(entry.function(whole))
            if not np.ndim(values):  # of what these laws do not draw
                continue
            own = [float(v) if there else None for v, there in zip(values, exists, strict=True)]
            gap = own[0] - own[1] if None not in own else None
        else:
            one, other = (type(whole)(*(part[at : at + 1] for part in whole)) for at in (0, 1))
            gap = float(value_of(entry.function(one, other))[0][0])
        ratio = own[0] / own[1] if None not in own and own[1] > 0 else None
        true = {"mean": own, "gap": gap, "ratio": ratio}
        told += counted(entry, data, true, {"task": law.task, "law": law.name, "n": n})
    return told


def resampling(law, entry, summary, units):
    """What the technique of a task tells of the units that were resampled."""
    apart = law.task != "ranking"
    sets = {EVERY: units}
    if law.task == "scores":
        negatives, positives = np.moveaxis(summary.tally.sum(axis=-1), -1, 0)[1:]
        sets |= {"positives": positives, "negatives": negatives}
        sets |= {"background positives": summary.rest[:, 2].sum(axis=-1)}
        sets |= {"background negatives": summary.rest[:, 1].sum(axis=-1)}
    elif law.task == "binary":
        rows = np.zeros((len(units), 3, 3))
        rows[:, 2, 2], rows[:, 1, 2], rows[:, 2, 1], rows[:, 1, 1] = summary[:4]
        sets = of_decisions(Counted("g", [], rows))
    elif law.task == "multiclass":
        true, made = summary.both.sum(axis=-1), summary.both.sum(axis=-2)
        right = np.diagonal(summary.both, axis1=-2, axis2=-1)
        sets |= {"true classes": true, "predicted classes": made, "classes": true + made - right}
    return {"units": standing(entry, sets), "apart": apart}


def counted(entry, data, true, place):
    """Of one metric: the share of the intervals that hold the truth, how many there are and how wide."""
    seen: dict[str, list[tuple[bool, float]]] = {}
    many: dict[str, int] = {}
    for finding in findings(entry, data):
        kind = finding.comparison
        many[kind] = many.get(kind, 0) + 1
        aim = true[kind]
        if kind == "mean":
            aim = aim[int(finding.group[1:]) % 2]
        if finding.interval is None or aim is None:
            continue
        low, high = finding.interval.low, finding.interval.high
        high = np.inf if high is None else high
        seen.setdefault(kind, []).append((low <= aim <= high, high - low))
    found = []
    for kind, rows in seen.items():
        covered, width = np.array(rows, float).T
        row = {
            **place, "metric": entry.name, "kind": kind, "published": len(rows) / many[kind],
            "covers": covered.mean(), "draws": len(rows), "width": float(np.median(width)),
        }  # fmt: skip
        found.append(row)
    return found


def least(told: list[dict]) -> list[dict]:
    """Of each metric, kind and size, the law by which it is covered least often."""
    worst: dict[tuple, dict] = {}
    for row in told:
        key = (row["task"], row["metric"], row["kind"], row["n"])
        if key not in worst or row["covers"] < worst[key]["covers"]:
            worst[key] = row
    kept = ("task", "metric", "kind", "n", "law", "covers", "published", "draws")
    return [{name: worst[key][name] for name in kept} for key in sorted(worst)]


def write(told: list[dict]) -> None:
    """Put what was found beside the rest, in place of what was told of the same tasks, and renew the page."""
    tasks = {row["task"] for row in told}
    rows = [row for row in json.loads(FOUND.read_text()) if row["task"] not in tasks] if FOUND.exists() else []
    for row in least(told):
        rows.append({**row, "covers": round(float(row["covers"]), 4), "published": round(float(row["published"]), 3)})
    rows.sort(key=lambda row: (row["task"], row["metric"], row["kind"], row["n"]))
    FOUND.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
    document = json.loads((ROOT / "audits" / "calibration.json").read_text())
    (ROOT / "infra" / "calibration.md").write_text(markdown({**document, "intervals": rows}))


def main() -> None:
    """Run, print, and where asked write what the card links to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task")
    parser.add_argument("--metric", action="append")
    parser.add_argument("--law", help="a part of the name of a law")
    parser.add_argument("--n", type=int, action="append", help=f"default {SIZES}")
    parser.add_argument("--draws", type=int, default=120, help="of two groups each")
    parser.add_argument("--number", type=int, default=250, help="of replicates")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    told, start = [], time.perf_counter()
    for law in laws(rng):
        if given.task not in (None, law.task) or (given.law and given.law not in law.name):
            continue
        for n in given.n or SIZES:
            told += coverage(law, n, given.draws, given.number, rng, given.metric)
        print(f"{law.task} {law.name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    for row in least(told):
        print("{task:10} {metric:36} {kind:5} {n:4} {covers:.3f} of {published:.2f} {law}".format(**row))
    if given.write:
        write(told)


if __name__ == "__main__":
    main()
