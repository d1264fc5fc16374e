"""The folder of a site: what of it a build made, so that no more than that is ever written over or removed.

``.evenhand-site.json`` names every file with its sha256 and the key of what it was made from, and keeps what was found
out about each artifact. It is written before the first page changes, with all files that may come to be, and again
after the last, so that a build that is killed leaves nothing that the next one takes for somebody else's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from audits.errors import ArtifactError
from audits.findings import Frozen, canonical_json
from audits.history import Entry
from model_cards.differences import Changed

RECORD = ".evenhand-site.json"
_BESIDE = ".evenhand-site."


class Made(Frozen):
    """A file of the site: what it was made from, and the sha256 of its bytes; null while it is being made."""

    key: str
    sha256: str | None = None


class Record(Frozen):
    """What is known of a site; ``entries`` by the stamp of the artifact, ``changes`` by the two digests.

    ``public``: the least count that a public site tells, null of one that tells all · ``releases``: what it ever told.
    """

    format_version: Literal[1] = 1
    site: str = ""
    files: dict[str, Made] = Field(default_factory=dict)
    entries: dict[str, Entry] = Field(default_factory=dict)
    changes: dict[str, Changed] = Field(default_factory=dict)
    public: int | None = None
    releases: tuple[dict[str, Any], ...] = ()


Maker = Callable[[], bytes]


class Wanted(NamedTuple):
    """A file that the site is to have: what it is made from, and how."""

    key: str
    make: Maker


class Done(NamedTuple):
    """Files that a build wrote, left as they were, and removed."""

    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Make the folder where it is absent, and hold it against another build.

    Raises:
        ArtifactError: it is no folder that can be written to, or another build is at it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ArtifactError(f"site: got {str(out)!r}: {error.strerror}", "give another folder with --out") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ArtifactError(f"site: another build is writing {str(out)!r}", "wait for it to end") from None
    finally:
        os.close(handle)


def read_record(out: Path) -> Record:
    """Return what is known of the site in a folder; of an empty folder, nothing.

    Raises:
        ArtifactError: the folder holds what no build made, or its record cannot be read.
    """
    record = Record()
    if (out / RECORD).is_file():
        try:
            record = Record.model_validate_json((out / RECORD).read_bytes())
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            raise ArtifactError(
                f"site: {str(out / RECORD)!r} is no record of a site: {said}", "build into an empty folder"
            ) from None
    foreign = [name for name in _present(out) if name not in record.files]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise ArtifactError(
            f"site: {str(out)!r} holds {foreign[0]!r}{more}, which no build of a site made",
            "build into an empty folder, or move what is not part of the site elsewhere",
        )
    return record


def _present(out: Path) -> Iterator[str]:
    """Yield every file and link below the folder, but for what is hidden at its top (``.git``, ``.nojekyll``)."""
    for place, folders, files in os.walk(out):
        at = Path(place)
        top = at == out
        links = [name for name in folders if (at / name).is_symlink()]
        for name in sorted([*files, *links]):
            if not (top and name.startswith(".")):
                yield (at / name).relative_to(out).as_posix()
        folders[:] = [name for name in folders if not (top and name.startswith("."))]


def update(out: Path, before: Record, record: Record, wanted: Mapping[str, Wanted]) -> Done:
    """Bring the folder from what it was to what is wanted, file by file, each put in place whole.

    Pages come in the order of ``wanted``, so the index, which links to the others, belongs at its end; what is gone
    is removed after that.

    Raises:
        ArtifactError: a file to remove was changed by somebody else, or the disk refuses.
    """
    held = {name: _sha256(out / name) for name in before.files}
    kept = {
        name
        for name, one in wanted.items()
        if name in before.files and before.files[name].key == one.key and held[name] == before.files[name].sha256
        if held[name] is not None
    }
    gone = [name for name in before.files if name not in wanted]
    for name in gone:
        if held[name] not in (None, before.files[name].sha256) and before.files[name].sha256 is not None:
            raise ArtifactError(
                f"site: {str(out / name)!r} is to be removed, and was changed by somebody else",
                "move it elsewhere, or remove it",
            )
    todo = [name for name in wanted if name not in kept]
    try:
        _clear(out)
        if todo or gone:
            ours = {name: Made(key="") for name in {*before.files, *wanted}}
            _put(out, RECORD, _bytes(before.model_copy(update={"files": {**ours, **_same(before, kept)}})))
        files = dict(_same(before, kept))
        for name in todo:
            content = wanted[name].make()
            _put(out, name, content)
            files[name] = Made(key=wanted[name].key, sha256=hashlib.sha256(content).hexdigest())
        for name in gone:
            _remove(out, name)
        final = _bytes(record.model_copy(update={"files": dict(sorted(files.items()))}))
        if not (out / RECORD).is_file() or (out / RECORD).read_bytes() != final:
            _put(out, RECORD, final)
    except OSError as error:
        raise ArtifactError(
            f"site: cannot write {error.filename}: {error.strerror}", "check the folder and the disk"
        ) from error
    return Done(written=tuple(todo), unchanged=len(kept), removed=tuple(gone))


def _same(before: Record, kept: set[str]) -> dict[str, Made]:
    return {name: before.files[name] for name in sorted(kept)}


def _bytes(record: Record) -> bytes:
    return canonical_json(record.model_dump(mode="json")) + b"\n"


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else None


def _put(out: Path, name: str, content: bytes) -> None:
    unfinished = out / f"{_BESIDE}{os.getpid()}.tmp"
    path = out / _safe(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def _remove(out: Path, name: str) -> None:
    path = out / _safe(name)
    path.unlink(missing_ok=True)
    for parent in list(path.relative_to(out).parents)[:-1]:
        with contextlib.suppress(OSError):  # it still holds something
            (out / parent).rmdir()


def _clear(out: Path) -> None:
    """Remove what a killed build left half written."""
    for path in out.glob(f"{_BESIDE}*.tmp"):
        path.unlink(missing_ok=True)


def _safe(name: str) -> PurePosixPath:
    """Return a name that leads to no other place, whatever the record says. Raises ``ArtifactError``."""
    path = PurePosixPath(name)
    hidden = name != RECORD and any(part.startswith(".") for part in path.parts)  # ``..`` among them
    if path.is_absolute() or hidden or not path.parts:
        raise ArtifactError(f"site: got the file name {name!r}, which is none of a site", "build into an empty folder")
    return path
