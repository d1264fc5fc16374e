"""The evidence of an audit: rows, slices, pairs and predictions, read from the run folder when asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from audits.errors import ArtifactError, NotMeasurable
from audits.spec import AuditSpec

ROWS = pa.schema(
    [
        ("row", pa.int64()),
        ("input", pa.string()),
        ("label", pa.int8()),
        ("decision", pa.int8()),
        ("score", pa.float64()),
        ("weight", pa.float64()),
        ("cluster", pa.string()),
        ("text", pa.string()),
        ("continuation", pa.string()),
    ]
)
"""``rows.parquet``, one line per audited row, in the order of the source; then a column ``data.<name>`` for
every column of the data that the spec names.

``row`` position in the source, from 0 · ``input`` what the model is given, as a sha256 (``row:<n>`` where there
is no model) · ``label``, ``decision`` 1 positive, 0 not, null unknown (``decision`` and ``score`` only where
the data bring them) · ``text`` what a text model reads, ``continuation`` what a causal model scores after it.
"""

PAIRS = pa.schema(
    [
        ("pair", pa.int64()),
        ("row", pa.int64()),
        ("cluster", pa.string()),
        ("counterfactual", pa.string()),
        ("attribute", pa.string()),
        ("kind", pa.string()),
        ("from_group", pa.string()),
        ("to_group", pa.string()),
        ("original", pa.string()),
        ("input", pa.string()),
        ("text", pa.string()),
        ("continuation", pa.string()),
        ("changes", pa.string()),
        ("edits", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
"""``pairs.parquet``, one line per version (``audits.counterfactuals.Version``): ``original`` and ``input`` are the
inputs before and after; ``changes`` and ``edits`` are JSON; ``cluster`` is the row's cluster, or the row itself."""

PREDICTIONS = pa.schema([("input", pa.string()), ("score", pa.float64()), ("decision", pa.int8())])
"""``predictions.parquet``, one line per distinct input, sorted by it. ``score`` is the probability of the positive
class (a classifier), the log-probability in nats of the continuation (a causal model), or what the data bring."""


class Evidence:
    """The evidence in a run folder or a sealed artifact.

    Group columns of ``slices``: one per attribute and intersection (``race``, ``race×sex``), the group's name as
    text; rows whose attribute is unknown are in ``(missing)``. Row order is that of ``rows``.
    """

    def __init__(self, folder: Path, spec: AuditSpec) -> None:
        self.folder = folder
        self.spec = spec

    def table(self, name: str) -> pa.Table:
        """Return ``<name>.parquet``, memory-mapped. Raises ``ArtifactError`` where it is absent."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise ArtifactError(f"evidence {path.name}: not found in {str(self.folder)!r}", "run the audit again")
        return pq.read_table(path, memory_map=True)

    @cached_property
    def rows(self) -> pa.Table:
        """``rows.parquet`` (see ``ROWS``)."""
        return self.table("rows")

    @cached_property
    def slices(self) -> pa.Table:
        """``slices.parquet``: ``row``, then one text column per attribute and intersection."""
        return self.table("slices")

    @cached_property
    def pairs(self) -> pa.Table:
        """``pairs.parquet`` (see ``PAIRS``)."""
        return self.table("pairs")

    @cached_property
    def predictions(self) -> pa.Table:
        """``predictions.parquet`` (see ``PREDICTIONS``)."""
        return self.table("predictions")

    @property
    def attributes(self) -> list[str]:
        """Names of the sliced attributes and intersections, in spec order."""
        return [name for name in self.slices.column_names if name != "row"]

    def groups(self, attribute: str) -> NDArray[np.str_]:
        """Return each audited row's group of ``attribute``, as an object array of strings."""
        return self.slices[attribute].to_numpy(zero_copy_only=False)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {key: at for at, key in enumerate(self.predictions["input"].to_pylist())}

    def _of(self, column: str, inputs: pa.ChunkedArray) -> NDArray[np.float64]:
        values = self.predictions[column].cast(pa.float64()).to_numpy(zero_copy_only=False)
        at = np.array([self._position.get(key, -1) for key in inputs.to_pylist()], dtype=np.int64)
        found = np.where(at >= 0, values[at], np.nan) if len(values) else np.full(len(at), np.nan)
        return found.astype(np.float64)

    def scores(self, inputs: pa.ChunkedArray | None = None) -> NDArray[np.float64]:
        """Return the score of each row, or of each given input; NaN where there is none."""
        return self._of("score", self.rows["input"] if inputs is None else inputs)

    def decisions(self, inputs: pa.ChunkedArray | None = None) -> NDArray[np.float64]:
        """Return the decision (1 positive, 0 not) of each row, or of each given input; NaN where there is none."""
        return self._of("decision", self.rows["input"] if inputs is None else inputs)

    def labels(self) -> NDArray[np.float64]:
        """Return the truth of each row (1 positive, 0 not), NaN where unknown.

        Raises ``NotMeasurable`` where the spec names no label.
        """
        if self.spec.data.label is None:
            raise NotMeasurable("the spec names no label (data.label), so nothing that needs the truth is measurable")
        return self.rows["label"].cast(pa.float64()).to_numpy(zero_copy_only=False)

    def weights(self) -> NDArray[np.float64] | None:
        """Return the rows' weights, or ``None`` where every row counts once."""
        if self.spec.data.weight is None:
            return None
        return self.rows["weight"].to_numpy(zero_copy_only=False)

    def clusters(self) -> NDArray[np.str_] | None:
        """Return the rows' clusters, or ``None`` where every row is its own."""
        if self.spec.data.cluster is None:
            return None
        return self.rows["cluster"].to_numpy(zero_copy_only=False)

    def reference(self, attribute: str) -> str:
        """Return the reference policy of an attribute; an intersection joins its parts' references.

        ``largest`` and ``best`` are resolved by whoever has the counts (``audits.slices.reference_group``).
        """
        parts = attribute.split("×")
        named = [self.spec.protected[part].reference for part in parts]
        if len(named) > 1 and all(name not in ("largest", "best") for name in named):
            return " × ".join(named)
        return named[0] if len(named) == 1 else "largest"
