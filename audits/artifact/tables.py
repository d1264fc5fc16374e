"""Evidence tables that a stranger may have written: looked through page by page before anything is decoded.

A parquet file of a few bytes can swell to any size: by pages that unpack to gigabytes, by a text that stands once in
a dictionary and a million times in the table, by a row that is repeated without end, by encodings that repeat the
beginning of a text. Its footer need not tell. So the headers of the pages themselves are read (Thrift's compact
protocol; Apache Parquet format 2.11, parquet.thrift), and whatever no writer here writes is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from audits.artifact.strict import sound
from audits.errors import ArtifactError

MAX_CELLS = 2 * 10**9
MAX_TABLE_BYTES = 16 * 2**30
"""Most cells and most bytes, unpacked, of an evidence table that is read into memory."""
MAX_HEADER = 2**16
"""Most bytes of a page's header; it holds no text longer than 4,096 bytes."""
ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 4: "BIT_PACKED", 8: "RLE_DICTIONARY"}
"""Encodings of values, of which the unpacked page bounds what comes out (texts of a dictionary: see ``_texts``)."""

_DICTIONARY_PAGE = 2
_LESS = "read the tables row group by row group instead"


class Page(NamedTuple):
    """What a page's header says: its kind, unpacked and packed bytes, values and their encoding."""

    kind: int
    unpacked: int
    packed: int
    values: int
    encoding: int


def refuse_swollen(folder: Path, name: str) -> None:
    """Refuse an evidence table that would swell beyond reason.

    1. Columns times rows, and the bytes of all pages unpacked, stay below the bounds.
    2. A row takes at least a byte: every table has a column in which no two rows are alike.
    3. Pages are encoded as ``ENCODINGS`` say.
    4. Texts that stand in a dictionary, written out, stay below the bound, too.

    Raises:
        ArtifactError: it would, or it is no parquet file.
    """
    path = folder / name
    with sound(name):
        footer = _footer(path, name)
        cells, length = footer.num_rows * footer.num_columns, path.stat().st_size
        if cells > MAX_CELLS or footer.num_rows > length:
            raise ArtifactError(
                f"{name}: got {footer.num_rows:,} rows of {footer.num_columns:,} columns in {length:,} bytes, "
                "more than is read",
                _LESS,
            )
        with path.open("rb") as file:
            _pages_bounded(file, name, footer)
        _texts_bounded(path, name, footer)


def _footer(path: Path, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(f"{name}: got {error}, expected a parquet file", "run the audit again") from None


def _pages_bounded(file: BinaryIO, name: str, footer: Any) -> None:
    unpacked = 0
    for group in range(footer.num_row_groups):
        for at in range(footer.num_columns):
            for page in _pages(file, footer.row_group(group).column(at)):
                unpacked += page.unpacked
                if page.encoding not in ENCODINGS:
                    raise ArtifactError(f"{name}: got the encoding {page.encoding}, which no evidence is written in")
                if unpacked > MAX_TABLE_BYTES:
                    raise ArtifactError(
                        f"{name}: got over {MAX_TABLE_BYTES:,} bytes unpacked, more than is read", _LESS
                    )


def _pages(file: BinaryIO, chunk: Any) -> Iterator[Page]:
    """The pages of one column of one row group, each by its own header."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset)
    end, values = start + chunk.total_compressed_size, 0
    while start < end and values < chunk.num_values:
        file.seek(start)
        header = _Compact(file.read(MAX_HEADER))
        page = _page(header.struct())
        yield page
        values += 0 if page.kind == _DICTIONARY_PAGE else page.values
        start += header.at + page.packed


def _page(header: dict[int, Any]) -> Page:
    about = header.get(5) or header.get(7) or header.get(8)
    if not isinstance(about, dict):
        raise ValueError("a page of a kind that no evidence has")
    encoding = about.get(4) if 8 in header else about.get(2)
    page = Page(header[1], header[2], header[3], about[1], -1 if encoding is None else encoding)
    if page.unpacked < 0 or page.packed < 0 or page.values < 0:
        raise ValueError("a page of less than nothing")
    return page


def _texts_bounded(path: Path, name: str, footer: Any) -> None:
    """Add up the texts that a dictionary would be written out to."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    groups = [footer.row_group(at) for at in range(footer.num_row_groups)]
    texts = [at for at in range(footer.num_columns) if footer.schema.column(at).physical_type == "BYTE_ARRAY"]
    written = 0
    for at in texts:
        chunks = [group.column(at) for group in groups]
        if sum(chunk.num_values for chunk in chunks) * path.stat().st_size <= 2**30:
            continue  # were every text as long as the file, it would still be little
        column = footer.schema.column(at).path
        for batch in pq.ParquetFile(path, read_dictionary=[column]).iter_batches(columns=[column]):
            values = batch.column(0)
            if not pa.types.is_dictionary(values.type):
                raise ArtifactError(f"{name}: got texts within {column!r}, expected plain columns")
            lengths = pc.binary_length(values.dictionary).cast(pa.int64())
            written += pc.sum(lengths.take(values.indices.drop_null())).as_py() or 0
            if written > MAX_TABLE_BYTES:
                raise ArtifactError(f"{name}: got over {MAX_TABLE_BYTES:,} bytes of text, more than is read", _LESS)


class _Compact:
    """Thrift's compact protocol, as much of it as a page's header is written in."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def struct(self, deep: int = 0) -> dict[int, Any]:
        """A struct: its fields by their numbers."""
        if deep > 8:
            raise ValueError("a page's header nested without end")
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._zigzag()
            fields[number] = self._value(kind & 15, deep)
        return fields

    def _value(self, kind: int, deep: int) -> Any:
        if kind in (1, 2):  # true, false
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind == 8:
            return self._bytes(self._varint())
        if kind == 12:
            return self.struct(deep + 1)
        raise ValueError("a page's header of an unknown kind")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        found = self.content[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("a page's header that is cut short")
        self.at += count
        return found

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a number of a page's header without end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
