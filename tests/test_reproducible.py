"""The same spec, data, model and seed: the same findings, on another day, in another folder, with other threads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPECS = Path(__file__).parent.parent / "audits" / "specs"


def carried_out(folder, threads, day=None):
    """Run the table audit in a folder and process of its own; return its findings digest and when it began."""
    settings = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **settings, "EVENHAND_HOME": str(folder / "home"), "TZ": day or "UTC"}
    spec = SPECS / "mortgage-table.yaml"
    command = [sys.executable, "-m", "flows.cli", "run", str(spec), "--out", str(folder / "runs"), "--json", "-q"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=SPECS.parent.parent, check=False
    )
    assert done.returncode in (0, 1, 3), done.stderr
    artifact = Path(json.loads(done.stdout)["artifact"])
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    return manifest["digests"]["findings"], manifest["digests"]["data"]


@pytest.mark.slow
def test_findings_do_not_depend_on_folder_time_zone_or_threads(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "another folder").mkdir()
    one = carried_out(tmp_path / "a", 1)
    two = carried_out(tmp_path / "another folder", 2, day="Pacific/Kiritimati")
    assert one == two
