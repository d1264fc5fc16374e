"""A model made at first use by a function of the user's, and found again ever after."""

from __future__ import annotations

import inspect
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audits.errors import ModelError
from audits.findings import digest
from audits.subjects.files import file_digest, files_digest, model_files
from audits.subjects.python_function import function_of, split

FIT_LIBRARIES = ("numpy", "scikit-learn", "torch", "transformers", "skops")


def fit_key(fit_file: Path, function: str, rows: Path, seed: int, kind: str) -> str:
    """Return the key of a fit: two fits of one key make the same model.

    It covers the bytes of the file with the function, the rows, the seed, the kind and the versions of the
    libraries; not what the file imports from other files of the project.
    """
    return digest(
        {
            "file": file_digest(fit_file),
            "function": function,
            "rows": file_digest(rows),
            "seed": seed,
            "kind": kind,
            "libraries": {name: version(name) for name in FIT_LIBRARIES},
        }
    )


def remembered(key: str, home: Path) -> dict[str, Any]:
    """Return the model of an earlier fit without asking MLflow, its files checked; ``{}`` where there is none."""
    note = _note(key, home)
    if not note.is_file():
        return {}
    known: dict[str, Any] = json.loads(note.read_text())
    folder = Path(known["folder"])
    if not folder.is_dir() or files_digest(model_files(folder)) != known["digest"]:
        return {}
    return known


def remember(key: str, home: Path, found: dict[str, Any]) -> None:
    """Keep where the model of a fit lies."""
    note = _note(key, home)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(found))


def _note(key: str, home: Path) -> Path:
    return home / "models" / "fits" / f"{key}.json"


def fit_and_register(
    *, fit: str, path: str, rows: str, seed: int, kind: str, name: str, key: str, tracking: str, home: str
) -> dict[str, Any]:
    """Call the fit function and register what it makes; return it resolved.

    Args:
        fit: ``file.py:function``, for messages.
        path: the file.
        rows: ``fit.parquet``.
        seed: given to the function.
        kind: of the model.
        name: registered under it.
        key: ``fit_key``; kept as a tag of the version.
        tracking: MLflow tracking uri.
        home: Evenhand's own folder.
    """
    import pyarrow.parquet as pq

    from audits.subjects import registered

    function = function_of(Path(path), split(fit)[1])
    if len(inspect.signature(function).parameters) != 3:
        raise ModelError(
            f"model.fit: {fit} takes other parameters than (rows, out, seed)", "see the fit functions here"
        )
    with tempfile.TemporaryDirectory() as made:
        estimator = function(pq.read_table(rows), Path(made), seed)
        if kind == "tabular":
            if estimator is None:
                raise ModelError(f"model.fit: {fit} returned nothing", "return the fitted estimator")
            return registered.register_estimator(estimator, name, key, tracking, Path(home))
        if not (Path(made) / "config.json").is_file():
            raise ModelError(f"model.fit: {fit} wrote no config.json into out", "save model and tokenizer into out")
        return registered.register_network(Path(made), kind, name, key, tracking, Path(home))
