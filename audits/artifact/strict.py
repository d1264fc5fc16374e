"""Reading a folder that a stranger may have written: bounded, no links followed, one way to write each thing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from audits.errors import ArtifactError, AuditError, SpecError
from audits.findings import canonical_json
from audits.yaml_lines import parse_lines

MAX_DOCUMENT = 64 * 2**20
"""Most bytes of a JSON document, of a card and of a chart that are read into memory."""

MAX_YAML = 2**20
"""Most bytes of ``spec.yaml`` and ``policy.yaml``: their parser is slow."""

MAX_DIGITS = 20
"""Most characters of a whole number: no count is longer, and a longer one cannot be compared with a float."""

_CHUNK = 2**20


def open_regular(folder: Path, name: str) -> BinaryIO:
    """Open ``folder/name`` for reading; no part of ``name`` may be a link, and the file must be a plain one.

    Raises:
        ArtifactError: where it is absent, a link, or no plain file.
    """
    try:
        for parent in list(Path(name).parents)[:-1]:
            if not stat.S_ISDIR((folder / parent).lstat().st_mode):
                raise ArtifactError(f"{name}: {str(parent)!r} is not a plain folder", _AGAIN)
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ArtifactError(f"{name}: got {error.strerror or error}, expected a plain file", _AGAIN) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ArtifactError(f"{name}: got something else, expected a plain file", _AGAIN)
    return os.fdopen(handle, "rb")


def read_bytes(folder: Path, name: str, limit: int = MAX_DOCUMENT) -> bytes:
    """Return the content of ``folder/name``. Raises ``ArtifactError`` where it is longer than ``limit``."""
    with open_regular(folder, name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ArtifactError(f"{name}: got more than {limit:,} bytes, expected at most that", _AGAIN)
    return content


def hash_file(folder: Path, name: str) -> tuple[str, int]:
    """Return sha256 (hex) and length in bytes of ``folder/name``, read once, in pieces."""
    hasher, length = hashlib.sha256(), 0
    with open_regular(folder, name) as file:
        while piece := file.read(_CHUNK):
            hasher.update(piece)
            length += len(piece)
    return hasher.hexdigest(), length


def copy_checked(folder: Path, name: str, into: Path, sha256: str) -> str:
    """Copy ``folder/name`` and hash what is copied, so that what was checked is what will be read; return ``name``.

    Raises:
        ArtifactError: it has another sha256, or is no plain file.
    """
    hasher = hashlib.sha256()
    with open_regular(folder, name) as file, (into / name).open("xb") as copy:
        while piece := file.read(_CHUNK):
            hasher.update(piece)
            copy.write(piece)
    if hasher.hexdigest() != sha256:
        raise ArtifactError(f"{name}: its bytes are not those that were sealed", _AGAIN)
    return name


def list_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield ``(name, complaint)`` for everything below ``folder``; the complaint is empty for a plain file.

    Links are named, not followed; an empty folder is named too.
    """
    yield from _list(folder, "")


def _list(folder: Path, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield prefix or ".", f"cannot be listed ({error.strerror})"
        return
    if prefix and not entries:
        yield prefix, "is an empty folder"
    for entry in entries:
        name = prefix + entry.name
        if entry.is_symlink():
            yield name, "is a link"
        elif entry.is_dir(follow_symlinks=False):
            if prefix:
                yield name, "is a folder too deep"
            else:
                yield from _list(Path(entry.path), f"{name}/")
        else:
            yield name, "" if entry.is_file(follow_symlinks=False) else "is not a plain file"


def parse_json(content: bytes, name: str) -> Any:
    """Parse JSON with one meaning only: duplicate keys, NaN, infinities and invalid text are refused.

    Raises:
        ArtifactError: naming the file and what was wrong.
    """
    try:
        text = content.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite, parse_int=_countable
        )
        if "\\ud" in text.lower():  # half a character, which no canonical text can hold
            canonical_json(value)
        return value
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{name}: got {error}, expected plain JSON", _AGAIN) from None


def parse_yaml(content: bytes, name: str) -> Any:
    """Parse YAML as the spec reader does: no tags, no duplicate keys, no aliases that multiply.

    Raises:
        ArtifactError: naming the file, the line and what was wrong.
    """
    try:
        return parse_lines(content.decode("utf-8"), name).value
    except SpecError as error:
        raise ArtifactError(error.message, _AGAIN) from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{name}: got {error}, expected plain YAML", _AGAIN) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} twice in one object")
    return document


def _no_constant(constant: str) -> Any:
    raise ValueError(f"the number {constant}")


def _countable(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:40]}")
    return number


@contextlib.contextmanager
def sound(name: str) -> Iterator[None]:
    """What a stranger wrote can be right piece by piece and still make no whole: say so, whatever stumbles over it.

    Raises:
        ArtifactError: in place of anything that is no ``AuditError``.
    """
    import numpy as np

    try:
        with np.errstate(all="ignore"):  # of numbers past all reason there is no interval, and no warning either
            yield
    except AuditError:
        raise
    except MemoryError:
        raise ArtifactError(f"{name}: takes more memory than there is", _AGAIN) from None
    except Exception as error:
        told = f"{name}: cannot be made sense of ({type(error).__name__}: {str(error)[:200]})"
        raise ArtifactError(told, _AGAIN) from error


_AGAIN = "get the artifact again from where it was sealed, or run the audit again"
