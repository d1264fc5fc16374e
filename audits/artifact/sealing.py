"""Sealing: a run folder becomes an artifact, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import audits
from audits.artifact.model import EVIDENCE, MANIFEST, OPTIONAL, REQUIRED, Artifact, Digests, Manifest, SealedFile, read
from audits.artifact.strict import parse_json
from audits.artifact.texts import policy_bytes, sealed_spec, spec_bytes
from audits.artifact.verifying import complaints, damage
from audits.errors import ArtifactError
from audits.processes import alive
from audits.spec import AuditSpec

_MAKING = ".sealing-"
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
_DAY = 86_400


def seal(
    run: Path,
    out: Path,
    *,
    spec: AuditSpec,
    spec_text: str,
    started: datetime,
    ended: datetime,
    libraries: dict[str, str],
    previous: str | None = None,
) -> Path:
    """Make the artifact of a finished run in ``out/<audit>/<UTC time>-<first 12 of its digest>``.

    It is built beside its final place, verified, written through to the disk, and put in place by one rename:
    whoever looks sees all of it or none. What a killed run left half built is cleared.

    Args:
        run: the run folder with every file of the run (it may hold more; only what belongs is taken).
        out: the folder of all artifacts.
        spec: the spec as run.
        spec_text: its file as given.
        started: begin of the run, with a time zone.
        ended: its end, which also dates the folder.
        libraries: name and version of every library that computed or carried a number.
        previous: digest of the artifact before this one; by default the newest whole one of the same audit.

    Raises:
        ArtifactError: where a file is absent, the files do not fit each other, or the disk refuses.
    """
    place = out / spec.audit
    making = place / f"{_MAKING}{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place)
        making.mkdir()
        files, withheld = _fill(making, run, spec, spec_text)
        manifest = Manifest(
            audit=spec.audit,
            question=spec.question,
            files=files,
            withheld=withheld,
            digests=_digests(making, spec, files),
            evenhand=audits.__version__,
            python=platform.python_version(),
            libraries=libraries,
            seed=spec.statistics.seed,
            started=started.astimezone(UTC),
            ended=ended.astimezone(UTC),
            previous=previous or newest_digest(place),
        )
        _write(making / MANIFEST, manifest.to_bytes())
        return _put_in_place(making, place)
    except OSError as error:
        raise ArtifactError(
            f"cannot seal into {str(place)!r}: {error}", "free some space, or give another --out"
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def newest_digest(place: Path) -> str | None:
    """Return the digest of the newest undamaged artifact (by its end) among the folders in ``place``."""
    found: list[Artifact] = []
    for folder in place.iterdir() if place.is_dir() else ():
        if _NAME.fullmatch(folder.name) and folder.is_dir():
            try:
                found.append(read(folder))
            except ArtifactError:
                continue  # damaged: not one to build a chain on
    found.sort(key=lambda artifact: (artifact.manifest.ended, artifact.digest), reverse=True)
    return next((one.digest for one in found if one.folder.name == one.name and not damage(one)), None)


def _fill(making: Path, run: Path, spec: AuditSpec, text: str) -> tuple[dict[str, SealedFile], dict[str, SealedFile]]:
    """Copy what belongs into ``making``; return the files kept and the files withheld."""
    files: dict[str, SealedFile] = {}
    withheld: dict[str, SealedFile] = {}
    for name, content in (("spec.yaml", spec_bytes(spec, text)), ("policy.yaml", policy_bytes(spec.policy))):
        files[name] = _write(making / name, content)
    for name in _belonging(run):
        if spec.evidence == "digest-only" and name in EVIDENCE:
            withheld[name] = _copy(run / name, None)
        else:
            files[name] = _copy(run / name, making / name)
    return files, withheld


def _belonging(run: Path) -> Iterator[str]:
    for name in sorted(REQUIRED - {"spec.yaml", "policy.yaml"}):
        if not (run / name).is_file():
            raise ArtifactError(f"cannot seal: {name} is not in {str(run)!r}", "run the audit again")
        yield name
    yield from sorted(name for name in OPTIONAL if (run / name).is_file())
    yield from sorted(f"charts/{path.name}" for path in (run / "charts").glob("*.svg"))


def _digests(making: Path, spec: AuditSpec, files: dict[str, SealedFile]) -> Digests:
    data = parse_json((making / "data.json").read_bytes(), "data.json")
    model = parse_json((making / "model.json").read_bytes(), "model.json")
    return Digests(
        spec=sealed_spec((making / "spec.yaml").read_bytes()).digest,
        policy=spec.policy_digest,
        data=data["digest"],
        model=model["digest"] if spec.model else None,
        findings=files["findings.json"].sha256,
    )


def _put_in_place(making: Path, place: Path) -> Path:
    """Verify the finished folder and give it its name."""
    artifact = read(making)
    wrong = [*damage(artifact), *complaints(artifact)]
    if wrong:
        raise ArtifactError(f"cannot seal: {wrong[0].file}: {wrong[0].message}", "run the audit again")
    for folder in (making / "charts", making):
        _flush_folder(folder)
    final = place / artifact.name
    if not (final / MANIFEST).is_file():  # the same run sealed twice is the same artifact
        making.rename(final)
    _flush_folder(place)
    return final


def _copy(source: Path, target: Path | None) -> SealedFile:
    """Hash a file in pieces while it is copied (or only hash it)."""
    hasher, length = hashlib.sha256(), 0
    if target is not None:
        target.parent.mkdir(exist_ok=True)
    with source.open("rb") as file, open(target or os.devnull, "wb") as copy:
        while piece := file.read(2**20):
            hasher.update(piece)
            length += len(piece)
            copy.write(piece)
        if target is not None:
            copy.flush()
            os.fsync(copy.fileno())
    return SealedFile(sha256=hasher.hexdigest(), bytes=length)


def _write(path: Path, content: bytes) -> SealedFile:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return SealedFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def _flush_folder(folder: Path) -> None:
    if folder.is_dir():
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _clear_leftovers(place: Path) -> None:
    """Remove what a killed run left: made on this machine by a process that is gone, or untouched for a day."""
    now = datetime.now(UTC).timestamp()
    for folder in place.glob(f"{_MAKING}*"):
        host, _, pid = folder.name.removeprefix(_MAKING).rpartition("-")[0].rpartition("-")
        gone = host == socket.gethostname() and pid.isdecimal() and not alive(int(pid))
        with contextlib.suppress(FileNotFoundError):  # another run has just put it in place
            if gone or now - folder.stat().st_mtime > _DAY:
                shutil.rmtree(folder, ignore_errors=True)
