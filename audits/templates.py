"""Rows written out as texts by a Jinja template, for models that read text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits import paths
from audits.errors import DataError, nearest
from audits.spec import Template

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Written:
    """A template that was read: the column it writes, the columns it reads, its digest."""

    name: str
    column: str
    columns: list[str]
    sha256: str
    compiled: Any

    def render(self, values: dict[str, Any]) -> str:
        """Return the text of one row, given its values by column name; missing ones are ``None``."""
        return str(self.compiled.render(values))

    def write(self, table: pl.DataFrame, rows: NDArray[Any]) -> pl.DataFrame:
        """Return the table with the written column.

        Missing values are ``None`` in the template; a column of whole numbers gives whole numbers, whichever
        format the file is of.
        """
        import polars as pl

        plain = plain_numbers(table.select([name for name in self.columns if name in table.columns]))
        empty: list[dict[str, Any]] = [{} for _ in range(table.height)]
        texts = []
        for position, values in zip(rows, plain.to_dicts() if plain.width else empty, strict=True):
            try:
                texts.append(self.render(values))
            except Exception as error:
                raise DataError(
                    f"data.template {self.name!r}: source row {position}: {error}",
                    nearest(str(getattr(error, "name", "") or ""), table.columns)
                    if "undefined" in str(error)
                    else "mend the template",
                ) from error
        return table.with_columns(pl.Series(self.column, texts, dtype=pl.String))

    def facts(self) -> dict[str, str]:
        """Return what ``data.json`` keeps of it."""
        return {"file": self.name, "sha256": self.sha256, "column": self.column}


def plain_numbers(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with float columns of whole numbers as integers: people do not write ``3.0 children``."""
    import polars as pl

    from audits.sources import whole_numbers

    whole = [name for name in table.columns if table[name].dtype.is_float() and whole_numbers(table[name])]
    return table.with_columns(pl.col(whole).cast(pl.Int64)) if whole else table


def read(template: Template | None, base: Path) -> Written | None:
    """Read a template file. Raises ``DataError`` where it is absent or not Jinja."""
    if template is None:
        return None
    import jinja2
    import jinja2.meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    path = paths.resolve(template.file, base)
    if not path.is_file():
        raise DataError(f"data.template.file: got {str(path)!r}, expected a file that exists", "check the path")
    content = path.read_bytes()
    # texts for a model, not for a browser: nothing is escaped
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    try:
        source = content.decode("utf-8")
        names = sorted(jinja2.meta.find_undeclared_variables(environment.parse(source)))
        compiled = environment.from_string(source)
    except (UnicodeDecodeError, jinja2.TemplateError) as error:
        line = getattr(error, "lineno", 1)
        raise DataError(f"data.template.file {path.name}:{line}: {error}", "mend the template") from error
    return Written(path.name, template.column, names, hashlib.sha256(content).hexdigest(), compiled)
