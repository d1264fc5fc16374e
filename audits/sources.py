"""The table under audit, from wherever it is: a file, a Python package, a hub dataset, a database.

Files are read by ``datasets`` into memory-mapped Arrow, cached under the digest of their bytes: a file that
changed is never served from the cache.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits import __version__, paths
from audits.csv_files import IN_UTF8, header, told_apart
from audits.errors import DataError, nearest
from audits.findings import digest
from audits.spec import DataSpec

if TYPE_CHECKING:
    import polars as pl

TABLE_FILES = (".parquet", ".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".jsonl", ".ndjson", ".json")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
NUMBER_GAPS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A")
"""Marks of a missing number in a CSV column that otherwise holds numbers. In a column of texts they are texts:
a group may be called ``None``, and only an empty cell is missing."""
_EXACT = 2**53
_CSV = {"keep_default_na": False, "na_values": [""], "index_col": False, "chunksize": 2**31 - 1}
"""Cells are read as texts, an empty one as missing; ``typed`` then looks at a whole column, not at its first rows."""


def is_file(source: str) -> bool:
    """Whether a source names a table file."""
    return source.lower().endswith(TABLE_FILES) and "://" not in source


def is_hub(source: str) -> bool:
    """Whether a source is a hub id."""
    return HUB_ID.fullmatch(source) is not None and not is_file(source)


def read_table(data: DataSpec, base: Path) -> pl.DataFrame:
    """Return the whole table; missing values (NaN too) are null, categories are texts.

    Raises ``DataError`` where the source is absent or cannot be read.
    """
    import polars as pl

    if data.source.startswith("sql+"):
        table = _from_sql(data.source, base)
    elif is_hub(data.source):
        table = pl.from_arrow(_load("hub", data, path=data.source, name=data.config, revision=data.revision))
    else:
        table = _from_file(source_file(data, base), data)
    return table.with_columns(
        pl.col(pl.Categorical, pl.Enum).cast(pl.String), pl.col(pl.Decimal).cast(pl.Float64)
    ).with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def fingerprint(table: pl.DataFrame) -> str:
    """Return the sha256 of a table's content, rows in order, columns by name.

    The same for parquet, csv and jsonl: an integer column and the same column as floats are one, and so are
    dates and their texts.
    """
    table = table.select(sorted(table.columns))
    table = table.with_columns([_canonical(table[name]) for name in table.columns])
    hashed = hashlib.sha256(repr([(name, str(kind)) for name, kind in table.schema.items()]).encode())
    for start in range(0, table.height, 200_000):
        buffer = io.BytesIO()
        table.slice(start, 200_000).write_ndjson(buffer)
        hashed.update(buffer.getvalue())
    return hashed.hexdigest()


def whole_numbers(column: pl.Series) -> bool:
    """Whether every number of a float column is whole (and few enough digits to be exact)."""
    known = column.drop_nulls().drop_nans()
    return bool(known.is_finite().all() and ((known.round(0) == known) & (known.abs() < _EXACT)).all())


def _canonical(column: pl.Series) -> pl.Series:
    import polars as pl

    kind = column.dtype
    if column.null_count() == len(column):
        return column.cast(pl.Null) if kind != pl.Null else column
    if kind.is_float():
        column = column.cast(pl.Float64).fill_nan(None)
        return column.cast(pl.Int64) if whole_numbers(column) else column
    if kind.is_integer():
        made = column.cast(pl.Int64, strict=False)
        return made if made.null_count() == column.null_count() else column
    if kind == pl.Binary:
        return column.bin.encode("hex")
    if kind == pl.Duration:
        return column.cast(pl.Int64)
    return column.cast(pl.String) if kind.is_temporal() or kind in (pl.Categorical, pl.Enum) else column


def source_digest(data: DataSpec, base: Path) -> str:
    """Return a digest that changes when the source does, without reading it as a table where that is possible."""
    reading = {"source": source_name(data), "config": data.config, "part": data.part, "evenhand": __version__}
    if is_hub(data.source):
        return digest({**reading, "revision": data.revision})
    if data.source.startswith("sql+"):
        return digest({**reading, "content": fingerprint(read_table(data, base))})
    return digest({**reading, "content": _file_sha256(source_file(data, base))})


def source_name(data: DataSpec) -> str:
    """Return the source as a card may show it: a file without its folders, a database without its password."""
    if data.source.startswith("sql+"):
        url, _, query = data.source.removeprefix("sql+").partition("#")
        scheme, _, rest = url.partition("://")
        return f"sql+{scheme}://{rest.rpartition('@')[2].rpartition('/')[2]}#{query}"
    return data.source if is_hub(data.source) or data.source.startswith("package:") else Path(data.source).name


def source_file(data: DataSpec, base: Path) -> Path:
    """Return the file of a path or a package source. Raises ``DataError`` where it is absent."""
    if data.source.startswith("package:"):
        return _package_file(data.source)
    path = paths.resolve(data.source, base)
    if path.is_file():
        return path
    hint = f"the data are available from {data.available_from}" if data.available_from else "check the path"
    raise DataError(f"data.source: got {str(path)!r}, expected a file that exists", hint)


def _package_file(source: str) -> Path:
    """Return the data file of an installed package. Nothing of the package is imported."""
    package, _, name = source.removeprefix("package:").partition("/")
    found = importlib.util.find_spec(package.partition(".")[0])
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"data.source: got {source!r}, but no package {package!r} is installed",
            f"install it: pip install {package}",
        )
    folder = Path(found.submodule_search_locations[0], *package.split(".")[1:])
    files = {_stem(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if is_table(path)}
    fitting = [path for stem, path in files.items() if stem == name or stem.endswith(f"/{name}")]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DataError(
            f"data.source: got {source!r}, which is {len(fitting)} files of the package",
            f"write more of the path: {', '.join(str(path.relative_to(folder)) for path in fitting[:5])}",
        )
    known = {stem.rpartition("/")[2] for stem in files}
    raise DataError(
        f"data.source: got {source!r}, expected a data file of the package {package!r}",
        nearest(name, known) if known else "the package holds no parquet, csv or jsonl file",
    )


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.name.lower().endswith(TABLE_FILES)


def _stem(path: Path) -> str:
    ending = max((e for e in TABLE_FILES if path.name.lower().endswith(e)), key=len)
    return path.as_posix()[: -len(ending)]


def package_version(source: str) -> str | None:
    """Return the version of the distribution a package source is from, where it can be told."""
    if not source.startswith("package:"):
        return None
    package = source.removeprefix("package:").partition("/")[0].partition(".")[0]
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.lru_cache(maxsize=8)
def _sha256_at(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_sha256(path: Path) -> str:
    stat = path.stat()
    return _sha256_at(str(path), stat.st_size, stat.st_mtime_ns)


def _from_file(path: Path, data: DataSpec) -> pl.DataFrame:
    import polars as pl

    name = path.name.lower()
    kind = "parquet" if name.endswith(".parquet") else "csv" if ".csv" in name else "json"
    written, apart = header(path) if kind == "csv" else ([], [])
    options = {**_CSV, "features": _all_texts(apart)} if kind == "csv" else {}
    table = pl.from_arrow(_load(_file_sha256(path)[:16], data, path=kind, data_files=str(path), **options))
    if kind != "csv":
        return table
    return told_apart(table.with_columns([typed(table[name]) for name in table.columns]), written)


def _all_texts(names: list[str]) -> Any:
    import datasets

    return datasets.Features({name: datasets.Value("string") for name in names})


def typed(column: pl.Series) -> pl.Series:
    """Return a CSV column of texts as whole numbers, numbers or booleans where every cell is one.

    Codes with leading zeros (``007``) stay texts, as do columns without any value.
    """
    import polars as pl

    if column.null_count() == len(column):
        return column
    if column.drop_nulls().str.to_lowercase().is_in(["true", "false"]).all():
        return column.str.to_lowercase() == "true"
    rest = column.str.strip_chars()
    rest = rest.set(rest.is_in(list(NUMBER_GAPS)).fill_null(False), None)
    if rest.null_count() == len(rest) or rest.str.contains(r"^[-+]?0[0-9]").any():
        return column
    for kind in (pl.Int64, pl.Float64):
        numbers = rest.cast(kind, strict=False)
        if numbers.null_count() == rest.null_count():
            return numbers
    return column


def _load(cache: str, data: DataSpec, **arguments: Any) -> Any:
    """Return the Arrow table that ``datasets`` makes of a source."""
    import datasets

    datasets.disable_progress_bars()
    logging.getLogger("datasets").setLevel(logging.CRITICAL)  # it tells what it then raises
    folder = paths.home() / "datasets" / cache
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)  # what is used is not removed (tasks.prune)
    try:
        with warnings.catch_warnings():
            # a CSV line with more cells than the header has names: pandas would drop or shift them
            warnings.filterwarnings("error", message="Length of header or names")
            parts = datasets.load_dataset(**arguments, cache_dir=str(folder))
    except Exception as error:
        root = error.__cause__ or error
        said = (str(root).strip() or type(root).__name__).splitlines()[0]
        if "corresponds to no data" in said:
            said = "got no rows, expected at least one"
        hint = "check id, revision and network" if is_hub(data.source) else "check the file and its ending"
        raise DataError(
            f"data.source {source_name(data)!r}: cannot be read: {said}",
            IN_UTF8 if isinstance(root, UnicodeDecodeError) else hint,
        ) from error
    part = data.part or (next(iter(parts)) if len(parts) == 1 else None)
    if part not in parts:
        raise DataError(f"data.part: got {data.part!r}, expected one of {', '.join(parts)}", "name one: part: <part>")
    return parts[part].with_format(None).data.table


def _from_sql(source: str, base: Path) -> pl.DataFrame:
    import polars as pl
    import sqlalchemy

    url, _, query = source.removeprefix("sql+").partition("#")
    if " " not in query.strip():
        query = f'SELECT * FROM "{query.strip()}"'  # noqa: S608  a name from the spec, read by its own author
    made = sqlalchemy.make_url(url)
    if made.get_backend_name() == "sqlite" and made.database:
        file = paths.resolve(made.database, base)
        if not file.is_file():
            raise DataError(f"data.source: got {str(file)!r}, expected a database that exists", "check the path")
        made = made.set(database=str(file))
    engine = sqlalchemy.create_engine(made)
    try:
        with engine.connect() as connection:
            return pl.read_database(query, connection, infer_schema_length=None)
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = str(error).splitlines()[0]
        raise DataError(f"data.source: the database refused {query!r}: {said}", "check url and query") from error
    finally:
        engine.dispose()
