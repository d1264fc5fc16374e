"""``evenhand init``: a first spec from a table, written to a file that was not there before."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audits import paths
from audits.errors import SpecError
from flows import environment


@dataclass(frozen=True)
class Written:
    """Where the spec is, what it asks, and what keeps it from being whole (empty where it is)."""

    file: str
    audit: str
    questions: tuple[str, ...]
    obstacle: str

    def to_json(self) -> dict[str, Any]:
        """Return what was written as plain JSON values."""
        return asdict(self)


def write_first_spec(data: str, model: str | None, output: Path | None) -> Written:
    """Read the table and write the spec.

    Args:
        data: a file or ``package:NAME/DATASET``.
        model: the model under audit.
        output: the file to write; by default named as the audit, in the current folder.

    Raises:
        SpecError: the file is there already, or the data are no source of a spec.
        DataError: the data cannot be read.
    """
    environment.prepare(paths.home())
    from audits.first_spec import first_spec
    from audits.sources import is_file, read_table
    from audits.spec import DataSpec
    from audits.spec_reader import read_spec

    if not (is_file(data) or data.startswith(("package:", "sql+"))):
        raise SpecError(
            f"DATA: got {data!r}, expected a file ending in .parquet, .csv or .jsonl, or package:NAME/DATASET",
            "download a hub dataset first, or write its spec by hand: evenhand schema",
        )
    name = _audit_name(data)
    file = output or Path(f"{name}.yaml")
    _refuse_existing(file)
    table = read_table(DataSpec(source=data), Path.cwd())
    made = first_spec(table, _source(data, file), name=name, model=model)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(made.text)
    except FileExistsError:
        _refuse_existing(file)
    obstacle = made.obstacle
    if not obstacle:
        try:
            read_spec(file)
        except SpecError as error:  # the spec stays, as a draft, for whoever can answer what we cannot
            obstacle = error.message
    return Written(str(file), name, made.questions, obstacle)


def _refuse_existing(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise SpecError(f"{file}: got a file that exists, expected none", "name another one: --output FILE")


def _audit_name(data: str) -> str:
    stem = data.rpartition("#")[2].replace("\\", "/").rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:80] or "audit"


def _source(data: str, file: Path) -> str:
    """Return the source as the spec shall name it: relative to the spec where the file lies beside or below it."""
    if data.startswith(("package:", "sql+")):
        return data
    whole, folder = Path(data).expanduser().resolve(), file.parent.resolve()
    near = os.path.relpath(whole, folder)
    return str(whole) if near.startswith(os.path.join("..", "..", "..")) else Path(near).as_posix()
