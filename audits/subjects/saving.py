"""Estimators saved so that the same estimator has the same bytes: on another day, in another folder and process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip file can name."""
_READABLE = 0o644 << 16


def make_steady(path: Path) -> None:
    """Write a skops file again without what differs between two savings of one estimator.

    skops names objects by their addresses in memory, and the members of its zip by them or at random; a zip notes
    when each was written. Here objects and members are numbered in the order in which the schema names them, members
    lie in the order of their names, and all are of one time. What it loads as stays the same.
    """
    with ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    names: dict[str, str] = {}
    schema = _numbered(json.loads(members.pop(SCHEMA)), {}, names, members)
    written = {SCHEMA: json.dumps(schema, indent=2).encode()}
    written |= {names.get(name, name): content for name, content in members.items()}
    beside = path.with_name(f".{path.name}.making")
    with ZipFile(beside, "w") as archive:
        for name in sorted(written):
            info = ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = 3, _READABLE
            archive.writestr(info, written[name])
    shutil.move(beside, path)


def _numbered(node: Any, numbers: dict[int, int], names: dict[str, str], members: dict[str, bytes]) -> Any:
    """Return a part of the schema with its objects (``__id__``) and members (``file``) numbered from 1."""
    if isinstance(node, list):
        return [_numbered(item, numbers, names, members) for item in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            made[key] = numbers.setdefault(value, len(numbers) + 1)
        elif key == "file" and isinstance(value, str) and value in members:
            made[key] = names.setdefault(value, f"{len(names) + 1}{PurePosixPath(value).suffix}")
        else:
            made[key] = _numbered(value, numbers, names, members)
    return made
