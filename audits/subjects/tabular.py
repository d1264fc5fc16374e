"""Estimators in the manner of scikit-learn: P(positive class) of a table row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import ModelError
from audits.subjects import Plan, Subject, positive_index
from audits.subjects.files import HARMLESS, PICKLES, allow, file_digest

ROWS_PER_BATCH = 8192
NOISE = 1e-6
"""How far past 0 or 1 a probability may lie by the rounding of sums (float32 in a forest)."""


class Tabular(Subject):
    """A fitted estimator with ``predict_proba``.

    Attributes:
        model: the estimator.
        features: the columns it reads, in its order.
        positive: index of the positive class in ``model.classes_``.
    """

    kind: ClassVar[str] = "tabular"

    def __init__(self, model: Any, features: tuple[str, ...], positive: int) -> None:
        self.model = model
        self.features = features
        self.positive = positive

    def predict(self, frame: Any) -> NDArray[np.float64]:
        """Return P(positive) of each row of a pandas frame with the columns ``features``, shape ``(rows,)``."""
        chances = np.asarray(self.model.predict_proba(frame[list(self.features)]), dtype=np.float64)
        return checked(chances[:, self.positive], len(frame))

    def plan(self, inputs: pa.Table) -> Plan:
        """Deal rows in the order of their digests; ``inputs`` has ``input`` and the features' columns."""
        table = inputs.select(list(self.features))
        return Plan(
            deal_rows(inputs),
            lambda batch: self.predict(frame_of(table.take(pa.array(batch)))),
            np.zeros(len(inputs), dtype=bool),
        )


def deal_rows(inputs: pa.Table, size: int = ROWS_PER_BATCH) -> list[NDArray[np.int64]]:
    """Return batches of at most ``size`` table rows, ordered by input."""
    order = np.argsort(np.array(inputs["input"].to_pylist(), dtype=object), kind="stable").astype(np.int64)
    return [order[at : at + size] for at in range(0, len(order), size)]


def frame_of(table: pa.Table) -> Any:
    """Return a pandas frame whose missing numbers are NaN; truth values with missing ones become 0, 1, NaN."""
    for at, column in enumerate(table.columns):
        if pa.types.is_boolean(column.type) and column.null_count:
            table = table.set_column(at, table.column_names[at], column.cast(pa.float64()))
    return table.to_pandas()


def checked(scores: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return the scores, or raise ``ModelError`` where they are not one probability per row."""
    if scores.shape != (rows,):
        raise ModelError(
            f"the model answered shape {scores.shape}, expected one number for each of {rows} inputs",
            "return P(positive class) of each input, in their order",
        )
    outside = ~((scores >= -NOISE) & (scores <= 1 + NOISE))
    if outside.any():
        raise ModelError(
            f"the model answered {float(scores[outside][0])!r}, expected a probability from 0 to 1",
            "return P(positive class); pass scores on other scales as data.score with data.threshold",
        )
    return np.clip(scores, 0, 1)


def load(model: dict[str, Any], folder: Path) -> Tabular:
    """Load one skops file, or a pickle that the spec names by its digest.

    Raises:
        ModelError: no such file, types in it that skops does not trust, no ``predict_proba``, or other columns
            than ``data.features``.
    """
    estimator = _open(folder, model["pickle_sha256"])
    if not hasattr(estimator, "predict_proba"):
        raise ModelError(
            f"{type(estimator).__name__} has no predict_proba",
            "wrap it in CalibratedClassifierCV, or use kind python",
        )
    features = tuple(model["features"])
    fitted = getattr(estimator, "feature_names_in_", None)
    if fitted is not None and set(fitted) != set(features):
        raise ModelError(
            f"data.features: got {sorted(features)}, and the model was fitted on {sorted(map(str, fitted))}",
            "list the model's own columns",
        )
    names = features if fitted is None else tuple(str(name) for name in fitted)
    labels = [str(label) for label in estimator.classes_]
    return Tabular(estimator, names, positive_index(labels, model["positive_class"], model.get("positive_value", "")))


def _open(folder: Path, allowed_sha256: str | None) -> Any:
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    safe = [path for path in files if path.suffix == ".skops"]
    pickles = [path for path in files if path.suffix.lower() in PICKLES]
    if len(safe) == 1:
        return _open_skops(safe[0], allowed_sha256)
    if len(pickles) == 1 and not safe:
        allow(pickles[0], allowed_sha256)
        import joblib  # type: ignore[import-untyped]

        return joblib.load(pickles[0])
    raise ModelError(
        f"{str(folder)!r}: got {len(safe)} skops files and {len(pickles)} pickles, expected one estimator",
        "save it with skops.io.dump, or log it with mlflow.sklearn.log_model",
    )


def _open_skops(path: Path, allowed_sha256: str | None) -> Any:
    from skops import io

    listed = io.get_untrusted_types(file=path)
    unknown = [name for name in listed if name not in HARMLESS]
    if unknown and file_digest(path) != allowed_sha256:
        raise ModelError(
            f"{path.name} holds types that are not known to be safe: {', '.join(unknown[:5])}",
            f"where you trust whoever wrote it, set model.pickle_sha256 to {file_digest(path)}",
        )
    return io.load(path, trusted=listed)
