"""How fast subgroups are searched: against divexplorer and sliceline on Adult, and a million rows of twelve columns.

Run it as a script. The peers are not dependencies: install them beside Evenhand, or anywhere else::

    python -m venv peers && peers/bin/pip install divexplorer==0.2.6 sliceline==0.3.0
    EVENHAND_DATA=… python tests/benchmarks/subgroups_speed.py --peers peers/bin/python

A peer that is absent is skipped. Everyone reads the same file and runs in a process of its own, one after the other;
the best of the repeats counts, without reading and importing, in seconds of the processor, so that what else the
machine does is of no account. The answers have to be the same: every pattern with its count and rate, and the scores
of the best slices. What a search holds in memory is taken in a run of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

import numpy as np  # noqa: E402

COLUMNS = (
    "workclass",
    "education",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native_country",
)
SUPPORT = 0.01
SLICES = {"alpha": 0.95, "count": 10, "depth": 3}
ROWS = 1_000_000


def write_adult(file: Path) -> None:
    """Write Adult's categorical columns and the errors of a logistic regression on its numbers."""
    import polars as pl
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder = Path(os.environ.get("EVENHAND_DATA") or ROOT.parent / "shared" / "data")
    table = pl.read_parquet(folder / "adult" / "adult.parquet")
    numbers = table.select("age", "education_num", "hours_per_week", "capital_gain", "capital_loss").to_numpy()
    label = table["income"].str.contains(">").to_numpy().astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers, label)
    error = (model.predict(numbers) != label).astype(int)
    columns = [pl.col(name).cast(pl.String).fill_null("?").str.strip_chars() for name in COLUMNS]
    table.select(columns).with_columns(pl.Series("error", error)).write_csv(file)


def read(file: Path) -> dict[str, Any]:
    """Return the columns as arrays of text, and the errors."""
    import pandas as pd

    frame = pd.read_csv(file, keep_default_na=False)
    return {name: frame[name].to_numpy() for name in frame.columns}


def ours(table: dict[str, Any]) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Every pattern, or the best slices; from texts, as the peers."""
    sys.path[:0] = [str(ROOT)]
    import pyarrow as pa

    from audits.discovery import gather, search
    from audits.subgroups.columns import categories
    from audits.subgroups.slices import best_slices

    texts = {name: pa.chunked_array([pa.array(table[name], pa.string())]) for name in COLUMNS}
    least, errors = int(SUPPORT * len(table["error"])), table["error"].astype(float)

    def run() -> Any:
        columns = [categories(name, text) for name, text in texts.items()]
        if "slices" in sys.argv:
            return best_slices(columns, errors, least=least, **SLICES)
        return search(gather(columns, table["error"], 2, SUPPORT))

    def answer(found: Any) -> Any:
        if "slices" in sys.argv:
            return [one.score for one in found]
        names = (sorted(f"{column}={value}" for column, value in found.items(at)) for at in range(len(found)))
        return {"|".join(name): [int(n.sum()), int(n[1])] for name, n in zip(names, found.tables, strict=True)}

    return run, answer


def divexplorer(table: dict[str, Any]) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Every pattern by its fp-growth, which is its default."""
    import pandas as pd
    from divexplorer import DivergenceExplorer

    frame = pd.DataFrame(table)

    def answer(found: Any) -> Any:
        lines = zip(found["itemset"], found["support_count"], found["error"], strict=True)
        return {"|".join(sorted(items)): [int(n), round(n * rate)] for items, n, rate in lines}

    def run() -> Any:
        return DivergenceExplorer(frame).get_pattern_divergence(SUPPORT, boolean_outcomes=["error"])

    return run, answer


def sliceline(table: dict[str, Any]) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """The best slices."""
    from sliceline.slicefinder import Slicefinder

    rows = np.column_stack([table[name] for name in COLUMNS])
    errors, least = table["error"].astype(float), int(SUPPORT * len(table["error"]))

    def run() -> Any:
        finder = Slicefinder(
            alpha=SLICES["alpha"], k=SLICES["count"], max_l=SLICES["depth"], min_sup=least, verbose=False
        )
        return finder.fit(rows, errors)

    return run, lambda finder: [one["slice_score"] for one in finder.top_slices_statistics_]


def child(who: str, file: Path, repeats: int) -> None:
    """Print the best time, the most memory that is held beyond the table, and the answer."""
    warnings.simplefilter("ignore")
    run, answer = {"ours": ours, "divexplorer": divexplorer, "sliceline": sliceline}[who](read(file))
    times, found = [], None
    for _ in range(repeats):
        start = time.process_time()
        found = run()
        times.append(time.process_time() - start)
    tracemalloc.start()
    run()
    memory = tracemalloc.get_traced_memory()[1] / 2**20
    print(json.dumps({"seconds": min(times), "memory_mib": memory, "answer": answer(found)}))


def ask(python: str, who: str, file: Path, repeats: int, *more: str) -> dict[str, Any] | None:
    """Run one of them in its own process; ``None`` where it is not installed."""
    command = [python, __file__, "--child", who, str(file), "--repeats", str(repeats), *more]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def on_adult(python: str) -> None:
    """Print the ratios on Adult."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "adult.csv"
        write_adult(file)
        for peer, more in (("divexplorer", ()), ("sliceline", ("slices",))):
            mine, theirs = ask(sys.executable, "ours", file, 5, *more), ask(python, peer, file, 2)
            assert mine is not None
            if theirs is None:
                print(f"{peer}: not installed for {python}; see the head of this file")
                continue
            same = len(mine["answer"]) == len(theirs["answer"]) and (
                np.allclose(mine["answer"], theirs["answer"]) if more else mine["answer"] == theirs["answer"]
            )
            print(
                f"{peer}: {len(mine['answer'])} {'slices' if more else 'patterns'}, "
                f"{'the same' if same else 'NOT THE SAME'}; {theirs['seconds']:.2f} s, {theirs['memory_mib']:.0f} MiB; "
                f"ours {mine['seconds']:.3f} s, {mine['memory_mib']:.0f} MiB: "
                f"{theirs['seconds'] / mine['seconds']:.0f} times faster"
            )


def on_a_million_rows() -> None:
    """Print the time of a search of twelve columns, and of the whole technique on them."""
    sys.path[:0] = [str(ROOT)]
    from audits.discovery import Categories, gather, search

    random = np.random.default_rng(0)
    for kind, shares in (("even", [0.2] * 5), ("uneven", [0.6, 0.2, 0.1, 0.06, 0.04])):
        codes = [random.choice(5, ROWS, p=shares).astype(np.int16) for _ in range(12)]
        columns = [Categories(f"c{at}", code, list("vwxyz")) for at, code in enumerate(codes)]
        outcome = random.integers(0, 4, ROWS)
        wall, processor = time.perf_counter(), time.process_time()
        patterns = search(gather(columns, outcome, 4, SUPPORT), 3)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(
            f"1,000,000 rows × 12 {kind} columns, support 1 %, depth 3: {len(patterns)} patterns in {wall:.1f} s "
            f"({processor:.1f} s of the processor)"
        )


def technique_on_a_million_rows() -> None:
    """Print the time of the technique with its confirmation, tests and bounds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sys.path[:0] = [str(ROOT)]
    from audits.evidence import ROWS as SCHEMA
    from audits.evidence import Evidence
    from audits.spec import AuditSpec
    from audits.techniques.subgroups import subgroups

    random = np.random.default_rng(0)
    names = [f"c{at}" for at in range(12)]
    rows = {name: pa.nulls(ROWS, SCHEMA.field(name).type) for name in SCHEMA.names}
    rows |= {"row": pa.array(np.arange(ROWS)), "input": pa.array(np.full(ROWS, "row"))}
    rows |= {name: pa.array(random.integers(0, 2, ROWS).astype(np.int8)) for name in ("label", "decision")}
    data = {"source": "large", "label": "label", "decision": "decision"}
    spec = {"audit": "large", "question": "?", "data": data, "techniques": {"subgroups": {}}}
    spec["protected"] = {name: {"column": name} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.table(rows, schema=SCHEMA), Path(folder) / "rows.parquet")
        texts = {name: pa.array(random.choice(list("vwxyz"), ROWS, p=[0.6, 0.2, 0.1, 0.06, 0.04])) for name in names}
        pq.write_table(pa.table({"row": rows["row"], **texts}), Path(folder) / "slices.parquet")
        wall, processor = time.perf_counter(), time.process_time()
        found = list(subgroups(Evidence(Path(folder), AuditSpec.model_validate(spec)), metrics=["selection_rate"]))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    count = next(one.value for one in found if one.comparison == "check")
    print(
        f"the technique on 1,000,000 rows × 12 columns, support 5 %: {count:.0f} subgroups in {wall:.1f} s "
        f"({processor:.1f} s of the processor)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", default=sys.executable, help="a Python that has divexplorer and sliceline")
    parser.add_argument("--child", nargs=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("what", nargs="?")
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]), given.repeats)
    else:
        on_adult(given.peers)
        on_a_million_rows()
        technique_on_a_million_rows()
