"""The audited rows in blocks: cells, groups, weights and clusters, read from the files in constant memory.

``rows.parquet`` and ``slices.parquet`` are read side by side, so many rows at a time whatever their row groups are;
names become numbers by their order of first appearance. What is kept for the whole run are the distinct names, and
where a model answers, its predictions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from audits.errors import ArtifactError
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP
from audits.metrics.counting import AT_ONCE, cells

BLOCK = 4 * AT_ONCE
"""Rows of a block; as many as ``pyarrow`` writes into a row group, so that most blocks are read without copying."""


class Names:
    """Names as numbers, in the order in which they are first seen."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self._place: dict[str, int] = {}
        self._last: pa.Array | None = None
        self._lookup: NDArray[np.int32] = np.zeros(0, np.int32)

    def numbers(self, column: pa.ChunkedArray) -> NDArray[np.int32]:
        """Return the number of each value of a text column; null is ``(missing)``."""
        parts = [self._numbers(chunk) for chunk in column.chunks]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int32), *parts])

    def _numbers(self, chunk: pa.Array) -> NDArray[np.int32]:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        lookup, indices = self._places(encoded.dictionary), encoded.indices
        if encoded.null_count:
            lookup = np.append(lookup, np.int32(self._one(MISSING_GROUP)))
            indices = indices.fill_null(len(lookup) - 1)
        numbers: NDArray[np.int32] = indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
        return numbers if np.array_equal(lookup, np.arange(len(lookup))) else lookup[numbers]

    def _places(self, dictionary: pa.Array) -> NDArray[np.int32]:
        if self._last is None or not self._last.equals(dictionary):
            places = [self._one(str(name)) for name in dictionary.to_pylist()]
            self._last, self._lookup = dictionary, np.array(places, dtype=np.int32)
        return self._lookup

    def _one(self, name: str) -> int:
        place = self._place.get(name)
        if place is None:
            place = self._place[name] = len(self.known)
            self.known.append(name)
        return place


@dataclass(frozen=True)
class Block:
    """Some rows that follow each other.

    ``cell`` see ``audits.metrics.counting.cells`` · ``groups`` the group numbers of each attribute · ``weights`` and
    ``clusters`` (numbers) where the spec names them.
    """

    cell: NDArray[np.int8]
    groups: dict[str, NDArray[np.int32]]
    weights: NDArray[np.float64] | None
    clusters: NDArray[np.int32] | None


def blocks(evidence: Evidence, names: dict[str, Names], size: int = BLOCK) -> Iterator[Block]:
    """Yield all audited rows in order, ``size`` at a time.

    Args:
        evidence: its files are read; nothing of them is kept in it.
        names: for each attribute to read, the names seen so far; they grow.
        size: rows of a block; more where a model answers many distinct inputs, which are looked up block by block.

    Raises:
        ArtifactError: the two files do not have the same rows.
    """
    data = evidence.spec.data
    roles = (("label", data.label), ("weight", data.weight), ("cluster", data.cluster))
    columns = [role for role, column in roles if column]
    own = evidence.spec.model is None and _brings_decisions(evidence)
    answers = None if own else _Answers(evidence)
    if answers is not None:  # so that the answers are hashed a few times, not once a block
        size = max(size, -(-len(answers.inputs) // (2 * AT_ONCE)) * AT_ONCE)
    rows = _read(evidence, "rows", [*columns, "decision" if own else "input"], size, ["cluster"])
    slices = _read(evidence, "slices", list(names) or ["row"], size, list(names))
    people = Names()
    for row, slice_ in _side_by_side(rows, slices):
        decisions = _small(row["decision"]) if answers is None else answers.of(row["input"])
        labels = _small(row["label"]) if "label" in columns else np.full(len(decisions), -1, np.int8)
        yield Block(
            cells(labels, decisions),
            {name: known.numbers(slice_[name]) for name, known in names.items()},
            row["weight"].to_numpy() if "weight" in columns else None,
            people.numbers(row["cluster"]) if "cluster" in columns else None,
        )


class _Answers:
    """What the model decided for each distinct input."""

    def __init__(self, evidence: Evidence) -> None:
        table = pq.read_table(evidence.file("predictions"), columns=["input", "decision"], memory_map=True)
        self.inputs = table["input"]
        self._decisions = np.append(_small(table["decision"]), np.int8(-1))  # the last is of inputs never asked

    def of(self, inputs: pa.ChunkedArray) -> NDArray[np.int8]:
        """Return the decision of each input, −1 where there is none."""
        places = pc.index_in(inputs, value_set=self.inputs).fill_null(len(self.inputs)).to_numpy()
        found: NDArray[np.int8] = self._decisions[places]
        return found


def _brings_decisions(evidence: Evidence) -> bool:
    file = pq.ParquetFile(evidence.file("rows"), memory_map=True)
    batches = file.iter_batches(AT_ONCE, columns=["decision"])
    return any(batch.column(0).null_count < len(batch) for batch in batches)


def _read(evidence: Evidence, name: str, columns: list[str], size: int, encoded: list[str]) -> Iterator[pa.Table]:
    """Yield a table's columns, ``size`` rows at a time, whatever its row groups are."""
    file = pq.ParquetFile(evidence.file(name), memory_map=True, read_dictionary=encoded)
    waiting: list[pa.RecordBatch] = []
    have = 0
    for batch in file.iter_batches(size, columns=columns):
        while have + len(batch) >= size:
            cut = size - have
            yield pa.Table.from_batches([*waiting, batch.slice(0, cut)])
            waiting, have, batch = [], 0, batch.slice(cut)
        if len(batch):
            waiting.append(batch)
            have += len(batch)
    if waiting:
        yield pa.Table.from_batches(waiting)


def _side_by_side(rows: Iterator[pa.Table], slices: Iterator[pa.Table]) -> Iterator[tuple[pa.Table, pa.Table]]:
    for row, slice_ in zip_longest(rows, slices):
        if row is None or slice_ is None or len(row) != len(slice_):
            raise ArtifactError("slices.parquet: got other rows than rows.parquet has", "run the audit again")
        yield row, slice_


def _small(column: pa.ChunkedArray) -> NDArray[np.int8]:
    """A column of 1, 0 and null as int8, null as −1."""
    small: NDArray[np.int8] = column.cast(pa.int8()).fill_null(-1).to_numpy()
    return small
