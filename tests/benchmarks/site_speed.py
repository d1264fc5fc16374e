"""How fast a site is built: 200 artifacts of 100 findings from nothing, again unchanged, and with one artifact more.

Run it as a script: ``site_speed.py [AUDITS [ARTIFACTS_OF_EACH]]``. It makes the artifacts first, which is not timed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from synthetic import ENDED, SPEC, STARTED, spec_of, write_run  # noqa: E402 - the path comes first

from audits.artifact import read, seal  # noqa: E402
from model_cards.site import Asked, build  # noqa: E402

WORKERS = os.cpu_count() or 1
METRICS = (
    "selection_rate, true_positive_rate, false_positive_rate, true_negative_rate, false_negative_rate, accuracy, "
    "precision, negative_predictive_value, false_discovery_rate, false_omission_rate, base_rate, error_rate, "
    "non_selection_rate, f1_score, balanced_accuracy, matthews_correlation, jaccard_index, conditional_acceptance, "
    "conditional_rejection, overprediction_rate, underprediction_rate, predicted_share, treatment_equality"
)
LIMITS = """\
  - {measure: true_positive_rate, over: sex, compare: difference, at_most: 0.1}
  - {measure: selection_rate, over: sex, compare: ratio, at_least: 0.8}
"""


def make(top: Path, audits: int, each: int) -> Path:
    """Seal ``each`` artifacts of every one of ``audits`` audits; returns the folder of all."""
    text = SPEC.replace("selection_rate, true_positive_rate", METRICS) + LIMITS
    for at in range(each):
        run = write_run(top / "run", spec_of(text), 200 + 10 * at, at)
        for audit in range(audits):
            own = text.replace("audit: hiring", f"audit: hiring-{audit}").replace("letters", f"letters-{audit % 30}")
            later = timedelta(days=30 * at)
            seal(run, top / "runs", spec=spec_of(own), spec_text=own, started=STARTED + later, ended=ENDED + later,
                 libraries={"numpy": "2.3"})  # fmt: skip
        shutil.rmtree(run)
    return top / "runs"


def main(audits: int, each: int) -> None:
    """Print what each build took."""
    with tempfile.TemporaryDirectory() as place:
        runs, out = make(Path(place), audits, each), Path(place) / "site"
        artifacts = sorted(runs.glob("*/*"))
        held, aside = artifacts[-1], Path(place) / "aside"
        print(f"{len(artifacts)} artifacts of {audits} audits, {len(read(held).findings)} findings each")
        shutil.move(held, aside)
        for what, asked in (
            ("all but one, from nothing", Asked(workers=WORKERS)),
            ("again, unchanged", Asked(workers=WORKERS)),
        ):
            told(what, runs, out, asked)
        shutil.move(aside, held)
        for what, asked in (
            ("with one more", Asked(workers=WORKERS)),
            ("afresh", Asked(afresh=True, workers=WORKERS)),
            ("copied", Asked(copy=True)),
        ):
            told(what, runs, out, asked)
        size = sum(path.stat().st_size for path in out.rglob("*.html")) / 2**20
        print(f"{size:.1f} MiB of pages")


def told(what: str, runs: Path, out: Path, asked: Asked) -> None:
    """Build once and print how long it took."""
    start, used = time.perf_counter(), sum(os.times()[:4])
    built = build(runs, out, asked)
    seconds, used = time.perf_counter() - start, sum(os.times()[:4]) - used
    took = f"{seconds:6.2f} s ({used:6.2f} s of processors)"
    print(f"{what:<28} {took}  {built.read} verified, {len(built.done.written)} files written")


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:] or ("20", "10")))
