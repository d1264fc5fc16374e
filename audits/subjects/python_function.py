"""A model that is a Python function: ``file.py:function``, from texts or a frame to P(positive)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import ModelError, nearest
from audits.subjects import Plan, Subject
from audits.subjects.tabular import checked, deal_rows, frame_of

TEXTS_PER_BATCH = 256
"""A function of texts may take seconds for each: no more than this is lost when it fails."""


class PythonFunction(Subject):
    """A function of a list of texts, or of a pandas frame where the spec has ``data.features``.

    It returns P(positive) of each, and answers for an input alone what it answers for it among others.
    """

    kind: ClassVar[str] = "python"

    def __init__(self, function: Callable[[Any], Any], features: tuple[str, ...]) -> None:
        self.function = function
        self.features = features

    def predict(self, given: Any) -> NDArray[np.float64]:
        """Return P(positive) of each text of a list, or of each row of a frame."""
        return checked(np.asarray(self.function(given), dtype=np.float64), len(given))

    def plan(self, inputs: pa.Table) -> Plan:
        """Deal inputs in the order of their digests; ``inputs`` has ``input`` and ``text`` or the features."""

        def run(batch: NDArray[np.int64]) -> NDArray[np.float64]:
            taken = inputs.take(pa.array(batch))
            return self.predict(
                frame_of(taken.select(list(self.features))) if self.features else taken["text"].to_pylist()
            )

        batches = deal_rows(inputs) if self.features else deal_rows(inputs, TEXTS_PER_BATCH)
        return Plan(batches, run, np.zeros(len(inputs), dtype=bool))


def load(model: dict[str, Any], folder: Path) -> PythonFunction:
    """Load the function that ``model.uri`` names; ``folder`` is its file."""
    _, name = split(model["uri"])
    return PythonFunction(function_of(folder, name), tuple(model["features"]))


def split(uri: str) -> tuple[str, str]:
    """Return file and function of ``file.py:function``. Raises ``ModelError`` where it is not written so."""
    file, colon, name = uri.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ModelError(f"got {uri!r}, expected file.py:function", "name a file and a function in it")
    return file, name


def module_of(path: Path) -> ModuleType:
    """Import a file once, its own folder after the project's on ``sys.path``."""
    if not path.is_file():
        raise ModelError(f"{str(path)!r}: no such file", "paths are relative to the spec's folder")
    name = f"evenhand_model_{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        sys.path.insert(1, str(path.parent))
    loader = SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(cast(ModuleSpec, importlib.util.spec_from_loader(name, loader)))
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def function_of(path: Path, name: str) -> Callable[..., Any]:
    """Return a function of a file. Raises ``ModelError`` with the nearest name where there is none."""
    module = module_of(path)
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ModelError(f"{path.name} has no function {name!r}", nearest(name, known) if known else "")
    return function  # type: ignore[no-any-return]


def source_files(path: Path, project: Path) -> list[Path]:
    """Return the files a Python model consists of: its own, what it imported from the project, ``MODEL_FILES``.

    A module may list in ``MODEL_FILES`` what else it reads (weights, vocabularies), relative to itself; a
    change there is a change of the model. What it imports later, inside the function, is not seen.
    """
    module = module_of(path)
    loaded = [each for name, each in list(sys.modules.items()) if name.partition(".")[0] != "audits"]
    names = [getattr(each, "__file__", None) for each in loaded]
    files = {Path(name).resolve() for name in names if name and Path(name).is_file()}
    folders = (project.resolve(), path.parent.resolve())
    own = {file for file in files if any(file.is_relative_to(folder) for folder in folders)}
    own -= {file for file in own if not {"site-packages", "dist-packages"}.isdisjoint(file.parts)}
    named = {(path.parent / name).resolve() for name in getattr(module, "MODEL_FILES", ())}
    return sorted(own | named | {path.resolve()})
