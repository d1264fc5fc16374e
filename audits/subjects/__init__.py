"""Models under audit, one file per kind. All are loaded in the child process alone (``audits.child``).

A subject answers for a table of inputs with one number each. It plans its batches first: the plan follows from
the inputs alone, so a run that was killed and taken up again scores the very same batches.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import ModelError

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Plan:
    """How a table of inputs is scored.

    Attributes:
        batches: positions in the table, each position in exactly one batch.
        run: scores one batch, shape ``(len(batch),)``.
        truncated: shape ``(rows,)``, whether the model sees only part of the input.
    """

    batches: list[NDArray[np.int64]]
    run: Callable[[NDArray[np.int64]], NDArray[np.float64]]
    truncated: NDArray[np.bool_]


class Subject(ABC):
    """A loaded model.

    Attributes:
        kind: as in the spec.
        device: where it computes: ``cpu``, ``cuda``, ``mps``.
    """

    kind: ClassVar[str]
    device: str = "cpu"

    @abstractmethod
    def plan(self, inputs: pa.Table) -> Plan:
        """Deal the inputs into batches. What stands in other batches changes no score."""

    def rounded(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores as stored: probabilities to 6 decimals, below which batches and chips differ."""
        return np.round(scores, 6) + 0.0

    def score(self, inputs: pa.Table, progress: Progress = silent) -> NDArray[np.float64]:
        """Return one score per input, shape ``(rows,)``, in the table's order, not rounded."""
        plan = self.plan(inputs)
        scores = np.full(len(inputs), np.nan)
        done = 0
        for batch in plan.batches:
            scores[batch] = plan.run(batch)
            done += len(batch)
            progress(done, len(inputs))
        return scores


MODULES = {
    "text-classifier": "text_classifier",
    "tabular": "tabular",
    "causal-lm": "causal_lm",
    "python": "python_function",
}
LIBRARIES = {
    "text-classifier": ("torch", "transformers", "tokenizers", "safetensors"),
    "causal-lm": ("torch", "transformers", "tokenizers", "safetensors"),
    "tabular": ("scikit-learn", "scipy", "skops", "pandas", "xgboost", "lightgbm", "catboost"),
    "python": ("pandas", "scikit-learn", "scipy", "torch", "transformers", "xgboost", "lightgbm", "catboost"),
}
"""What models of a kind stand on, where it is installed; what else a Python function imports is not known before."""


def load(model: dict[str, Any], folder: Path) -> Subject:
    """Load the model of a spec from its local folder.

    Args:
        model: the spec's ``model`` with its defaults, ``features`` added.
        folder: what ``audits.subjects.locate`` found.
    """
    subject: Subject = importlib.import_module(f"{__name__}.{MODULES[model['kind']]}").load(model, folder)
    return subject


def libraries(kind: str) -> dict[str, str]:
    """Return the versions of the libraries that compute a score of this kind."""
    found = {}
    for name in ("numpy", "pyarrow", *LIBRARIES[kind]):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def positive_index(labels: list[str], positive: str | int | None, counted: str = "") -> int:
    """Return the index of the positive class: index 1 of two, unless the spec names one.

    Args:
        labels: the model's label names in the order of its outputs.
        positive: an index, or a label's name.
        counted: the value that the data call positive; where it names class 0, index 1 would be its opposite.

    Raises:
        ModelError: no such class, or one that can only be guessed. Index 1 stands for the value 1, or for the one
            whose name it bears, and for no other.
    """
    if positive is None:
        _refuse_a_guess(labels, counted)
        return len(labels) - 1
    if isinstance(positive, int) and str(positive) in labels and labels.index(str(positive)) != positive:
        raise ModelError(
            f"model.positive_class: got {positive}, which is an index and also the name of another of {labels}",
            f"write the name in quotes: '{positive}'",
        )
    if isinstance(positive, int) and 0 <= positive < len(labels):
        return positive
    if str(positive) in labels:
        return labels.index(str(positive))
    raise ModelError(f"model.positive_class: got {positive!r}, expected an index or one of {labels}", "")


def _refuse_a_guess(labels: list[str], counted: str) -> None:
    if len(labels) > 2:
        raise ModelError(
            f"model.positive_class: got nothing, and the model has {len(labels)} classes: {labels}",
            "set model.positive_class to one of them",
        )
    names, wanted = [_value(label) for label in labels], _value(counted)
    named = wanted == names[-1] if wanted in names and len(labels) == 2 else counted == labels[-1] or wanted == "1"
    if counted and not named:
        raise ModelError(
            f"model.positive_class: got nothing, which means {labels[-1]!r}, and data.positive is {counted!r}",
            f"set model.positive_class to {' or '.join(map(repr, labels))}, whichever data.positive stands for",
        )


def _value(label: str) -> str:
    """Return the value that a class stands for: ``LABEL_1``, ``1.0`` and ``True`` are 1."""
    text = label.removeprefix("LABEL_").removesuffix(".0")
    return {"True": "1", "False": "0"}.get(text, text)
