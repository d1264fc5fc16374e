"""The same spec, data, model and seed: the same findings, on another day, in another folder, with other threads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPECS = Path(__file__).parent.parent / "audits" / "specs"


def carried_out(folder, threads, day=None):
    """Run the table audit in a folder and process of its own; return every digest of its manifest."""
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
    return manifest["digests"]


@pytest.mark.slow
def test_no_digest_depends_on_folder_time_zone_or_threads_nor_that_of_the_model_fitted_anew(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "another folder").mkdir()
    one = carried_out(tmp_path / "a", 1)
    two = carried_out(tmp_path / "another folder", 2, day="Pacific/Kiritimati")
    assert one == two
    assert set(one) == {"spec", "policy", "data", "model", "findings"}


SAVED = """
import hashlib, sys
import numpy as np
from pathlib import Path
from skops import io
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from audits.subjects.saving import make_steady
kinds = np.array([["a"], ["b"], ["c"], ["b"]] * 10, dtype=object)
model = make_pipeline(OneHotEncoder(), RandomForestClassifier(3, random_state=0)).fit(kinds, [0, 1, 1, 0] * 10)
path = Path(sys.argv[1])
io.dump(model, path)
before = hashlib.sha256(path.read_bytes()).hexdigest()
make_steady(path)
again = io.load(path, trusted=io.get_untrusted_types(file=path))
assert np.array_equal(again.predict_proba(kinds), model.predict_proba(kinds))
print(before, hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_an_estimator_saved_by_two_processes_has_the_same_bytes_and_loads_as_it_was(tmp_path):
    found = []
    for name in ("a", "b"):
        command = [sys.executable, "-c", SAVED, str(tmp_path / f"{name}.skops")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SPECS.parent.parent)
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.split())
    (before, steady), (before_too, steady_too) = found
    assert before != before_too  # addresses and times, as skops writes them
    assert steady == steady_too
