"""The columns that subgroups are searched in: protected attributes, columns of the data, and what texts say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audits.discovery import MOST_CATEGORIES, Categories
from audits.errors import DataError, NotMeasurable, SpecError
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP
from audits.slices import CROSS
from audits.subgroups.words import Embedding, cluster_column, word_columns
from audits.values import bin_names, value_key

MOST_NUMBERS = 10
"""A column of numbers with more distinct ones is cut into quarters."""

CLUSTERS = 8
"""Clusters of texts."""


def protected_columns(evidence: Evidence) -> list[Categories]:
    """Return each protected attribute that rows have; a row of unknown group has no category."""
    found = []
    for name in evidence.attributes:
        if CROSS not in name:
            codes, groups = evidence.codes(name)
            if groups and groups[-1] == MISSING_GROUP:
                codes, groups = np.where(codes == len(groups) - 1, -1, codes), groups[:-1]
            found.append(Categories(name, codes, groups))
    return found


def data_columns(evidence: Evidence, columns: Sequence[str] | None) -> tuple[list[Categories], dict[str, str]]:
    """Return columns of the data as categories, and which of the default ones are left out and why.

    Args:
        evidence: rows.
        columns: which; default the features of a tabular model that no protected attribute is made from.

    Raises:
        DataError: a column that is named is not kept with the rows, or has too many distinct values.
    """
    spec, found, left_out = evidence.spec, [], {}
    made_from = {name for one in spec.protected.values() for name in (one.column, *(one.indicators or ())) if name}
    chosen = [name for name in spec.data.features if name not in made_from] if columns is None else columns
    for name in dict.fromkeys(chosen):
        if f"data.{name}" not in evidence.rows.column_names:
            raise DataError(f"columns: the rows hold no column {name!r}", "name a column of the data")
        try:
            found.append(categories(name, evidence.rows[f"data.{name}"]))
        except DataError as error:
            if columns is not None:
                raise
            left_out[name] = error.message
    return found, left_out


def different(columns: Sequence[Categories]) -> tuple[list[Categories], dict[str, str]]:
    """Return the columns that say something of their own, and of each other one which column says the same.

    Two that part the rows alike, under whatever names (``sex`` and the 0/1 column that it is made from), would take
    every subgroup twice to the test.
    """
    kept: list[Categories] = []
    twins: dict[str, str] = {}
    for column in columns:
        twin = next((one.name for one in kept if _alike(one, column)), None)
        if twin is None:
            kept.append(column)
        else:
            twins[column.name] = f"parts the rows as {twin} does"
    return kept, twins


def _alike(one: Categories, other: Categories) -> bool:
    if not np.array_equal(one.codes < 0, other.codes < 0):
        return False
    pairs = one.codes.astype(np.int64) * (len(other.names) + 1) + other.codes
    counts = {len(np.unique(codes)) for codes in (one.codes, other.codes, pairs)}
    return len(counts) == 1


def categories(name: str, column: pa.ChunkedArray) -> Categories:
    """Return a column as categories: many numbers are cut at their quartiles, else each value is one.

    Raises:
        DataError: more than ``MOST_CATEGORIES`` distinct values that are no numbers.
    """
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if pc.count_distinct(column, mode="only_valid").as_py() > MOST_NUMBERS:
            return _quarters(name, numbers)
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    encoded = column.combine_chunks().dictionary_encode()
    if len(encoded.dictionary) > MOST_CATEGORIES:
        raise DataError(
            f"{name}: got {len(encoded.dictionary):,} distinct values, expected at most {MOST_CATEGORIES:,} categories",
            "leave the column out, or cut it into a few categories first",
        )
    texts = [value_key(value) for value in encoded.dictionary.to_pylist()]
    names = sorted(set(texts))
    place = np.array([*(names.index(text) for text in texts), -1], np.int32)
    return Categories(name, place[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)], names)


def _quarters(name: str, numbers: np.ndarray[Any, Any]) -> Categories:
    """Numbers cut at their quartiles, told to four digits; an unknown one has no category."""
    known = np.isfinite(numbers)
    quartiles = np.quantile(numbers[known], [0.25, 0.5, 0.75])
    edges = tuple(sorted({float(f"{edge:.4g}") for edge in quartiles}))
    codes = np.searchsorted(edges, np.where(known, numbers, 0), side="right")
    return Categories(name, np.where(known, codes, -1), bin_names(edges))


def text_columns(evidence: Evidence, support: float, seed: int, embedding: Embedding = "lsa") -> list[Categories]:
    """Return a column for each frequent word of the rows' texts, and one of clusters of texts.

    Args:
        evidence: rows.
        support: least share of the rows that a word is in.
        seed: of the clusters.
        embedding: how texts become points.

    Raises:
        SpecError: the rows may not be copied, so that no words of theirs may be told.
        NotMeasurable: the rows have no text.
    """
    if evidence.spec.evidence == "digest-only":
        raise SpecError(
            "techniques.subgroups.text: got true, expected false: no words of rows that may not be copied are told",
            "write text: false, or evidence: keep",
        )
    texts = evidence.rows["text"].to_pylist()
    if not any(texts):
        raise NotMeasurable("the rows have no text, so no subgroups over words can be searched (text: false)")
    cluster = cluster_column(texts, CLUSTERS, seed, embedding)
    return [*word_columns(texts, support), *([cluster] if cluster else [])]
