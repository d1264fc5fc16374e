"""The evidence of an audit: rows, slices, pairs and predictions, read from the run folder when asked for."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from audits.errors import ArtifactError, NotMeasurable
from audits.findings import MISSING_GROUP
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
        ("filling", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
"""``pairs.parquet``, one line per version (``audits.counterfactuals.Version``): ``original`` and ``input`` are the
inputs before and after (``input`` is null where the edit was refused); ``changes`` and ``edits`` are JSON;
``cluster`` is the row's cluster, or the row itself; ``filling`` numbers the fillings of a template, null elsewhere.
Control edits belong to no attribute: ``attribute`` is empty, ``from_group`` and ``to_group`` are ``(control)``.

The row of a template audit is the template itself. A text that holds an unfilled slot (``audits.inputs.slots``) is
never given to a model and has no prediction: only the filled versions here are scored."""

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
        return pq.read_table(self.file(name), memory_map=True)

    def column(self, name: str, column: str, encoded: bool = False) -> pa.ChunkedArray:
        """Return one column of ``<name>.parquet`` without reading the others, ``encoded`` as a dictionary."""
        wanted = [column] if encoded else None
        return pq.read_table(self.file(name), columns=[column], memory_map=True, read_dictionary=wanted)[column]

    def file(self, name: str) -> Path:
        """Return the path of ``<name>.parquet``. Raises ``ArtifactError`` where it is absent."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise ArtifactError(f"evidence {path.name}: not found in {str(self.folder)!r}", "run the audit again")
        return path

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
        return [name for name in pq.read_schema(self.file("slices")).names if name != "row"]

    def groups(self, attribute: str) -> NDArray[np.str_]:
        """Return each audited row's group of ``attribute``, as an object array of strings."""
        names: NDArray[np.str_] = self.slices[attribute].to_numpy(zero_copy_only=False)
        return names

    def codes(self, attribute: str) -> tuple[NDArray[np.signedinteger[Any]], list[str]]:
        """Return each audited row's group as a number, and the group names that the numbers stand for.

        The names are those of ``groups.json`` in its order, also of groups without rows, then any others sorted;
        ``(missing)`` is last, where there are such rows.
        Read from the file as a dictionary, so that ten million names are never made.
        """
        return _ordered(_encoded(self.column("slices", attribute, encoded=True)), self.group_order(attribute))

    def group_order(self, attribute: str) -> list[str]:
        """Return the group names that ``groups.json`` lists, in its order; empty where it lists none."""
        path = self.folder / "groups.json"
        document = json.loads(path.read_bytes()) if path.is_file() else {}
        listed = document.get("attributes", {}).get(attribute, {}).get("groups", [])
        return [group["name"] for group in listed]

    def cluster_codes(self) -> NDArray[np.int32] | None:
        """Return each audited row's cluster as a number, or ``None`` where every row is its own."""
        if self.spec.data.cluster is None:
            return None
        return _encoded(self.column("rows", "cluster", encoded=True))[0]

    def label_codes(self) -> NDArray[np.int8]:
        """Return the truth of each row: 1 positive, 0 not, −1 unknown (everywhere, where there is no label)."""
        return _small(self.column("rows", "label"))

    def decision_codes(self) -> NDArray[np.int8]:
        """Return the decision of each row: 1 positive, 0 not, −1 unknown.

        Decisions that the data bring are read from ``rows``; others are looked up by input in ``predictions``.
        """
        if self.spec.model is None:
            return _small(self.column("rows", "decision"))
        return _small(self.predictions["decision"].take(self._positions(self.column("rows", "input"))))

    def _positions(self, inputs: pa.ChunkedArray) -> pa.ChunkedArray:
        import pyarrow.compute as pc

        return pc.index_in(inputs, value_set=self.predictions["input"].combine_chunks())

    def _of(self, column: str, inputs: pa.ChunkedArray) -> NDArray[np.float64]:
        found = self.predictions[column].take(self._positions(inputs))
        values: NDArray[np.float64] = found.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return values

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
        labels: NDArray[np.float64] = self.rows["label"].cast(pa.float64()).to_numpy(zero_copy_only=False)
        return labels

    def weights(self) -> NDArray[np.float64] | None:
        """Return the rows' weights, or ``None`` where every row counts once."""
        if self.spec.data.weight is None:
            return None
        weights: NDArray[np.float64] = self.column("rows", "weight").to_numpy(zero_copy_only=False)
        return weights

    def clusters(self) -> NDArray[np.str_] | None:
        """Return the rows' clusters, or ``None`` where every row is its own."""
        if self.spec.data.cluster is None:
            return None
        clusters: NDArray[np.str_] = self.rows["cluster"].to_numpy(zero_copy_only=False)
        return clusters

    def reference(self, attribute: str) -> str:
        """Return the reference policy of an attribute; an intersection joins its parts' references.

        ``largest`` and ``best`` are resolved by whoever has the counts (``audits.slices.reference_group``).
        """
        _, overlaps, group = attribute.partition("=")
        if overlaps:
            return f"not {group}"
        parts = attribute.split("×")
        named = [self.spec.protected[part].reference for part in parts]
        if len(named) > 1 and all(name not in ("largest", "best") for name in named):
            return " × ".join(named)
        return named[0] if len(named) == 1 else "largest"


def _small(column: pa.ChunkedArray) -> NDArray[np.int8]:
    """A column of 1, 0 and null as int8, null as −1."""
    small: NDArray[np.int8] = column.cast(pa.int8()).fill_null(-1).to_numpy()
    return small


def _encoded(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """A text column as numbers and the names they stand for; null is ``(missing)``."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    names = [str(name) for name in column.chunk(0).dictionary.to_pylist()] if column.num_chunks else []
    if column.null_count and MISSING_GROUP not in names:
        names.append(MISSING_GROUP)
    null = names.index(MISSING_GROUP) if column.null_count else 0
    parts = [chunk.indices.fill_null(null).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return (np.concatenate(parts) if parts else np.empty(0)).astype(np.int32, copy=False), names


def _ordered(
    encoded: tuple[NDArray[np.int32], list[str]], order: list[str]
) -> tuple[NDArray[np.signedinteger[Any]], list[str]]:
    """The same rows with the names in ``order``, then the others sorted, ``(missing)`` last."""
    codes, names = encoded
    known = [name for name in order if name != MISSING_GROUP]
    others = sorted(name for name in names if name not in known and name != MISSING_GROUP)
    missing = MISSING_GROUP in names and bool((codes == names.index(MISSING_GROUP)).any())
    arranged = known + others + [MISSING_GROUP] * missing
    place = np.array([arranged.index(name) if name in arranged else -1 for name in names], dtype=np.int32)
    if np.array_equal(place, np.arange(len(place))):
        return codes, arranged
    if len(arranged) < 128:
        return place.astype(np.int8)[codes], arranged  # a quarter of the bytes to write
    return place[codes], arranged
