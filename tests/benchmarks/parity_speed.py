"""How fast parity is: against one polars group-by of the same columns, and against fairlearn's bootstrap.

Run it as a script. Both sides of the first comparison read the same parquet files and run in the same process, in
turn; the best of the repeats counts. The second compares the price of one replicate: fairlearn resamples rows, which
is why it is asked of fewer rows, while parity's closed-form intervals need no replicate at all.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402 - the path comes first
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from audits.evidence import ROWS, Evidence  # noqa: E402
from audits.spec import AuditSpec  # noqa: E402
from audits.techniques.parity import parity  # noqa: E402

RACES = ("Asian", "Black", "Hispanic", "Native American", "Other", "white")


def write_large(folder: Path, rows: int) -> Evidence:
    """Write ``rows`` audited rows with truth, decision and one attribute of six groups."""
    random = np.random.default_rng(0)
    race = pa.DictionaryArray.from_arrays(random.integers(0, len(RACES), rows).astype(np.int8), RACES)
    some = {name: pa.nulls(rows, ROWS.field(name).type) for name in ROWS.names}
    some["row"] = pa.array(np.arange(rows))
    some["input"] = pa.array(np.full(rows, "row"))
    for name in ("label", "decision"):
        some[name] = pa.array(random.integers(0, 2, rows).astype(np.int8))
    pq.write_table(pa.table(some, schema=ROWS), folder / "rows.parquet")
    pq.write_table(pa.table({"row": some["row"], "race": race.cast(pa.string())}), folder / "slices.parquet")
    data = {"source": "large", "label": "label", "decision": "decision"}
    spec = {"audit": "large", "question": "?", "data": data, "protected": {"race": {"column": "race"}}}
    return Evidence(folder, AuditSpec.model_validate({**spec, "techniques": {"parity": {}}}))


def best(action: Callable[[], Any], repeats: int) -> float:
    """Return the shortest of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def against_polars(rows: int, repeats: int = 5) -> dict[str, float]:
    """Time parity (nine metrics, every pair, every interval) and one polars group-by, both from the files."""
    import polars as pl

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evidence = write_large(folder, rows)

        def group_by() -> Any:
            left = pl.scan_parquet(folder / "slices.parquet").select("race")
            right = pl.scan_parquet(folder / "rows.parquet").select("label", "decision")
            columns = pl.concat([left, right], how="horizontal")
            return columns.group_by("race", "label", "decision").len().collect()

        def audit() -> Any:
            return list(parity(Evidence(folder, evidence.spec)))

        frame = pl.concat(
            [pl.read_parquet(folder / "slices.parquet", columns=["race"]),
             pl.read_parquet(folder / "rows.parquet", columns=["label", "decision"])],
            how="horizontal",
        )  # fmt: skip
        group_by(), audit()
        return {
            "parity": best(audit, repeats),
            "polars": best(group_by, repeats),
            "polars_in_memory": best(lambda: frame.group_by("race", "label", "decision").len(), repeats),
        }


def against_fairlearn(rows: int, replicates: int = 10) -> dict[str, float]:
    """Time fairlearn's bootstrap per replicate and the whole of parity, on the same rows and one metric."""
    from fairlearn.metrics import MetricFrame, selection_rate

    with tempfile.TemporaryDirectory() as name:
        evidence = write_large(Path(name), rows)
        truth, decided, race = evidence.labels(), evidence.rows["decision"].to_numpy(), evidence.groups("race")

        def bootstrap() -> Any:
            return MetricFrame(
                metrics=selection_rate,
                y_true=truth,
                y_pred=decided,
                sensitive_features=race,
                n_boot=replicates,
                ci_quantiles=[0.025, 0.975],
                random_state=0,
            )

        def audit() -> Any:
            return list(parity(Evidence(Path(name), evidence.spec), metrics=["selection_rate"]))

        audit()
        return {"parity": best(audit, 3), "fairlearn_replicate": best(bootstrap, 1) / replicates}


def main() -> None:
    """Print both comparisons."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    first = against_polars(rows)
    print(f"{rows:,} rows, 9 metrics, 6 groups, every pair with its intervals, from parquet files")
    print(f"  parity {first['parity']:.3f} s · one polars group-by from the files {first['polars']:.3f} s", end=" · ")
    print(f"in memory {first['polars_in_memory']:.3f} s")
    print(f"  parity / polars from files: {first['parity'] / first['polars']:.2f}", end=" · ")
    print(f"parity (from files) / polars in memory: {first['parity'] / first['polars_in_memory']:.2f}")
    fewer = min(rows, 100_000)
    second = against_fairlearn(fewer)
    print(f"{fewer:,} rows, 1 metric (fairlearn is too slow for more)")
    print(f"  all of parity {second['parity']:.4f} s · fairlearn {second['fairlearn_replicate']:.3f} s a replicate")
    print(f"  fairlearn replicate / all of parity: {second['fairlearn_replicate'] / second['parity']:.1f}")


if __name__ == "__main__":
    main()
