"""How fast parity is, in what memory: against one polars group-by of the same columns, and fairlearn's bootstrap.

Run it as a script: ``parity_speed.py [ROWS [STREAMED]]``. Everything is measured in one run, each part in a process of
its own so that the memory told is its own, and given as ratios:

- ten million rows, three attributes: the whole binary catalogue with its intervals and all pairs of groups, and one
  polars group-by of the same columns, both from the same parquet files, in turn; the best of the repeats counts;
- a hundred million rows streamed from parquet: peak memory against that of ten million;
- fairlearn's bootstrap of 1,000 replicates, extrapolated from 10, against parity's closed forms on the same rows, and
  how far the two sets of intervals lie apart.
"""

from __future__ import annotations

import json
import shutil
import subprocess
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

GROUPS = {
    "race": ("Asian", "Black", "Hispanic", "Native American", "Other", "white"),
    "sex": ("female", "male"),
    "age": ("<25", "25 to <45", "45 to <65", "≥65"),
}
PIECE = 1 << 20
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "true_negative_rate", "false_negative_rate")


def write_large(folder: Path, rows: int, seed: int = 0) -> Evidence:
    """Write ``rows`` audited rows with truth, decision and three attributes, a piece at a time."""
    random = np.random.default_rng(seed)
    names = {name: pa.array(groups, pa.string()) for name, groups in GROUPS.items()}
    slices = pa.schema([("row", pa.int64()), *((name, pa.dictionary(pa.int32(), pa.string())) for name in GROUPS)])
    with (
        pq.ParquetWriter(folder / "rows.parquet", ROWS) as own,
        pq.ParquetWriter(folder / "slices.parquet", slices) as cut,
    ):
        for start in range(0, rows, PIECE):
            size = min(PIECE, rows - start)
            some = {name: pa.nulls(size, ROWS.field(name).type) for name in ROWS.names}
            some["row"] = pa.array(np.arange(start, start + size))
            some["input"] = pa.array(np.full(size, "row"))
            for name in ("label", "decision"):
                some[name] = pa.array(random.integers(0, 2, size).astype(np.int8))
            own.write_table(pa.table(some, schema=ROWS))
            codes = {name: random.integers(0, len(groups), size).astype(np.int32) for name, groups in GROUPS.items()}
            made = {name: pa.DictionaryArray.from_arrays(codes[name], names[name]) for name in GROUPS}
            cut.write_table(pa.table({"row": some["row"], **made}, schema=slices))
    return evidence_of(folder)


def evidence_of(folder: Path) -> Evidence:
    """Return the evidence that ``write_large`` wrote."""
    data = {"source": "large", "label": "label", "decision": "decision"}
    protected = {name: {"column": name} for name in GROUPS}
    spec = {"audit": "large", "question": "?", "data": data, "protected": protected, "techniques": {"parity": {}}}
    return Evidence(folder, AuditSpec.model_validate(spec))


def best(action: Callable[[], Any], repeats: int) -> float:
    """Return the shortest of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def memory() -> dict[str, float]:
    """Return this process's present and highest memory, in MiB."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(told[key].split()[0]) / 1024 for name, key in (("now", "VmRSS"), ("most", "VmHWM"))}


def in_own_process(part: str, *arguments: object) -> dict[str, Any]:
    """Carry out one part in a process of its own and return what it found."""
    command = [sys.executable, str(Path(__file__).resolve()), "--part", part, *map(str, arguments)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def whole_catalogue(folder: str) -> dict[str, float]:
    """Carry out parity with every binary metric over every attribute once; tell what it took."""
    with tempfile.TemporaryDirectory() as small:  # so that what is imported at the first call is not counted
        list(parity(write_large(Path(small), 1000), metrics="all"))
    before = memory()["now"]
    start = time.perf_counter()
    findings = list(parity(evidence_of(Path(folder)), metrics="all"))
    taken = time.perf_counter() - start
    measures = {finding.measure for finding in findings}
    return {
        "seconds": taken, "before": before, **memory(), "findings": len(findings), "measures": len(measures),
        "intervals": sum(finding.interval is not None for finding in findings),
    }  # fmt: skip


def against_polars(folder: str, repeats: int = 3) -> dict[str, float]:
    """Time parity (the usual metrics of one attribute; all of three) and polars, in turn, from the same files."""
    import polars as pl

    path, names = Path(folder), list(GROUPS)

    def columns(attributes: list[str]) -> pl.LazyFrame:
        left = pl.scan_parquet(path / "slices.parquet").select(attributes)
        right = pl.scan_parquet(path / "rows.parquet").select("label", "decision")
        return pl.concat([left, right], how="horizontal")

    def group_by(attributes: list[str]) -> Any:
        return columns(attributes).group_by(*attributes, "label", "decision").len().collect()

    def usual() -> Any:
        evidence = evidence_of(path)
        one = evidence.spec.model_copy(update={"protected": {"race": evidence.spec.protected["race"]}})
        return list(parity(_Narrow(path, one)))

    frame = columns(names).collect()
    measured: dict[str, Callable[[], Any]] = {
        "polars, one attribute": lambda: group_by(["race"]),
        "parity, one attribute": usual,
        "polars, three attributes": lambda: group_by(names),
        "whole catalogue, three attributes": lambda: list(parity(evidence_of(path), metrics="all")),
        "polars in memory, three attributes": lambda: frame.group_by(*names, "label", "decision").len(),
    }
    for action in measured.values():
        action()
    times = {name: best(action, repeats) for name, action in measured.items()}
    return {**times, "columns": frame.estimated_size() / 2**20}


class _Narrow(Evidence):
    """Evidence of the first attribute alone."""

    @property
    def attributes(self) -> list[str]:
        return ["race"]


def bootstrap(rows: int, replicates: int) -> dict[str, Any]:
    """Time fairlearn's bootstrap and parity on the same rows and metrics, and return both sets of intervals."""
    import fairlearn.metrics as fair

    with tempfile.TemporaryDirectory() as name:
        evidence = write_large(Path(name), rows)
        truth, decided, race = evidence.labels(), evidence.rows["decision"].to_numpy(), evidence.groups("race")
        chosen = {measure: getattr(fair, measure) for measure in RATES}

        def theirs() -> Any:
            return fair.MetricFrame(
                metrics=chosen, y_true=truth, y_pred=decided, sensitive_features=race,
                n_boot=replicates, ci_quantiles=[0.025, 0.975], random_state=0,
            )  # fmt: skip

        def audit() -> Any:
            return list(parity(_Narrow(Path(name), evidence.spec), metrics=list(RATES)))

        audit()
        start = time.perf_counter()
        frame = theirs()
        slow = time.perf_counter() - start
        low, high = frame.by_group_ci
        closed = {(f.measure, f.group): f.interval for f in audit() if f.comparison == "rate"}
        return {
            "parity": best(audit, 5),
            "fairlearn": slow,
            **apart(low, high, closed, evidence, replicates),
        }


def apart(low: Any, high: Any, closed: Any, evidence: Evidence, replicates: int) -> dict[str, float]:
    """How far fairlearn's ends lie from the closed forms, and from percentiles of the count bootstrap.

    In standard errors of a rate; the chance error of a 2.5 % point of that many replicates is told beside them.
    """
    from audits.metrics import registry
    from audits.metrics.counting import confusion
    from audits.metrics.groups import count_all
    from audits.statistics.bootstrap import multinomial

    counted = count_all(evidence, ["race"])["race"]
    again = multinomial(counted.rows, 20_000, np.random.default_rng(1))
    from_closed, from_counts = [], []
    for measure in RATES:
        of, among = registry[measure].function(confusion(again))
        ends = np.quantile(of / among, [0.025, 0.975], axis=0)
        for at, group in enumerate(counted.groups):
            theirs = np.array([low[measure][group], high[measure][group]])
            ours = np.array([closed[measure, group].low, closed[measure, group].high])
            se = (ours[1] - ours[0]) / (2 * 1.96)
            from_closed += list((ours - theirs) / se)
            from_counts += list((ends[:, at] - theirs) / se)
    expected = np.sqrt(0.025 * 0.975 / replicates) / 0.05845
    typical = {name: float(np.sqrt(np.mean(np.square(found)))) for name, found in
               (("closed", from_closed), ("counts", from_counts))}  # fmt: skip
    return {**typical, "by_chance": float(expected)}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "whole_catalogue": whole_catalogue,
    "against_polars": against_polars,
    "bootstrap": lambda rows, replicates: bootstrap(int(rows), int(replicates)),
    "write": lambda folder, rows: {"rows": len(str(write_large(Path(folder), int(rows)))) and int(rows)},
}


def main() -> None:
    """Print every comparison."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    streamed = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000_000
    print(f"{rows:,} rows, 3 attributes of 6, 2 and 4 groups, every pair with its intervals, from parquet files")
    of_rows = on_disk(rows, tell_ratios)
    if streamed:
        print(f"{streamed:,} rows streamed: the whole catalogue over 3 attributes")
        on_disk(streamed, lambda folder: tell_streamed(folder, of_rows["most"]))
    fewer = min(rows, 100_000)
    found = in_own_process("bootstrap", fewer, 10)
    theirs = found["fairlearn"] * 100
    print(f"{fewer:,} rows, {len(RATES)} rates, 6 groups, every interval")
    print(f"  parity {found['parity']:.4f} s · fairlearn, 1,000 replicates from 10: {theirs:.0f} s", end="")
    print(f" · fairlearn / parity: {theirs / found['parity']:,.0f}")
    found = in_own_process("bootstrap", 5000, 300)
    print("  the same intervals? distance of their ends, in standard errors of the rate (5,000 rows, 300 replicates):")
    print(f"  from our closed forms {found['closed']:.3f}, from our count bootstrap {found['counts']:.3f}", end="")
    print(f", of which chance alone is {found['by_chance']:.3f}")


def on_disk(rows: int, action: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Carry out something on that many rows, written for it and taken away again."""
    folder = tempfile.mkdtemp()
    try:
        in_own_process("write", folder, rows)
        return action(folder)
    finally:
        shutil.rmtree(folder)


def tell_ratios(folder: str) -> dict[str, Any]:
    """Print times and memory of the whole catalogue against one polars group-by."""
    found, times = in_own_process("whole_catalogue", folder), in_own_process("against_polars", folder)
    print(f"  {found['measures']} measures, {found['findings']:,} findings, {found['intervals']:,} intervals")
    for name in ("parity, one attribute", "whole catalogue, three attributes"):
        other = "polars, one attribute" if "one" in name else "polars, three attributes"
        print(f"  {name} {times[name]:.3f} s · {other} {times[other]:.3f} s · ratio {times[name] / times[other]:.2f}")
    print(f"  polars in memory, three attributes {times['polars in memory, three attributes']:.3f} s")
    more = found["most"] - found["before"]
    print(f"  memory: {more:.0f} MiB more than before · the columns {times['columns']:.0f} MiB", end=" · ")
    print(f"ratio {more / times['columns']:.2f}")
    return found


def tell_streamed(folder: str, before: float) -> dict[str, Any]:
    """Print time and memory of the whole catalogue over very many rows."""
    found = in_own_process("whole_catalogue", folder)
    size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
    print(f"  {found['seconds']:.2f} s · peak memory of the process {found['most']:.0f} MiB", end=" ")
    print(f"({before:.0f} MiB for the rows above) · files {size:.0f} MiB")
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        print(json.dumps(PARTS[sys.argv[2]](*sys.argv[3:])))
    else:
        main()
