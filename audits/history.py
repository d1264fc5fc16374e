"""Every artifact of a folder, each held to its seal once: what a library of audits is made of.

An artifact that is not what was sealed is an entry like any other, with the sentence that says why; it has no verdict,
and nothing in it is believed but the place where it lies.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from audits import __version__
from audits.artifact import Artifact, read
from audits.artifact.chain import Link, broken_links
from audits.artifact.model import MANIFEST
from audits.artifact.strict import read_bytes
from audits.artifact.verifying import problems_of
from audits.attestation import PublicKey, signatures
from audits.differing import limit_key
from audits.errors import ArtifactError, AuditError
from audits.findings import Finding, Frozen, Interval
from audits.verdict import LimitVerdict

SHAPE = 1
"""Counts the shapes that ``Entry`` has had: what was kept of another one is read again."""
_NAMED = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")
_VERSION = re.compile(r"(models:/[^/@]+)(/[^/@]+|@[^/@]+)")


class Ruling(Frozen):
    """A limit over one attribute as it was judged; ``key`` is the same for the same limit in another artifact.

    ``value`` and ``interval`` are of the group or pair that decided (``worst``), in ``unit``.
    """

    key: str
    text: str
    measure: str
    attribute: str
    compare: str
    bound: float
    at_least: bool
    verdict: str
    waived: bool
    reason: str
    worst: dict[str, str] | None
    value: float | None
    interval: Interval | None
    unit: str


class Entry(Frozen):
    """What a library says of one artifact. ``problem`` is empty where it is what was sealed; else the rest is.

    ``place`` is its folder, below that of all artifacts; ``claimed`` the key ids that say to have signed it, ``signed``
    those of the keys at hand of which a signature holds.
    """

    place: str
    audit: str
    digest: str = ""
    previous: str | None = None
    ended: str = ""
    problem: str = ""
    title: str = ""
    question: str = ""
    model: str | None = None
    version: str = ""
    kind: str = ""
    model_digest: str | None = None
    data: str = ""
    data_digest: str = ""
    verdict: str = ""
    reason: str = ""
    rulings: tuple[Ruling, ...] = ()
    findings: int = 0
    missing: int = 0
    claimed: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.place.rpartition("/")[2]


class Audit(NamedTuple):
    """Every artifact of one audit, the oldest first; broken ones of which nothing is known come last."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def whole(self) -> list[Entry]:
        """Those that are what was sealed."""
        return [entry for entry in self.entries if not entry.problem]

    @property
    def broken(self) -> list[Entry]:
        """The others."""
        return [entry for entry in self.entries if entry.problem]

    @property
    def current(self) -> Entry | None:
        """The newest that is what was sealed."""
        return self.whole[-1] if self.whole else None

    @property
    def doubtful(self) -> bool:
        """Whether one that is broken may be newer than the current one."""
        ended = self.current.name if self.current else ""
        return any(not _NAMED.fullmatch(entry.name) or entry.name > ended for entry in self.broken)

    @property
    def chain(self) -> list[str]:
        """What is wrong with the chain, a sentence each; empty where none is removed, replaced or out of order."""
        found = [f"{entry.name} is not what was sealed: {entry.problem}" for entry in self.broken]
        known = [entry for entry in self.entries if entry.digest]
        links = [Link(e.name, e.digest, e.previous, datetime.fromisoformat(e.ended)) for e in known]
        return found + [f"{problem.file} {problem.message}" for problem in broken_links(links)]


class Library:
    """Entries by audit, and the artifacts behind them, which are opened when something is asked of them."""

    def __init__(self, runs: Path, entries: Iterable[Entry]) -> None:
        """Take the folder of all artifacts, and an entry for each of them."""
        self.runs = runs
        self.entries = tuple(entries)
        self._open: dict[str, Artifact] = {}

    @cached_property
    def audits(self) -> list[Audit]:
        """The audits by name. An artifact that lies in two places is told once."""
        found: dict[str, dict[str, Entry]] = {}
        for entry in sorted(self.entries, key=lambda one: (bool(one.problem), one.ended, one.place)):
            found.setdefault(entry.audit, {}).setdefault(entry.place if entry.problem else entry.digest, entry)
        return [Audit(name, tuple(sorted(held.values(), key=_age))) for name, held in sorted(found.items())]

    def artifact(self, entry: Entry) -> Artifact:
        """Return the artifact of an entry. Raises ``ArtifactError`` where it is another one by now."""
        if entry.place not in self._open:
            artifact = read(self.runs / entry.place)
            if artifact.digest != entry.digest:
                raise ArtifactError(f"{entry.place}: was replaced while it was read", "build the site again")
            self._open[entry.place] = artifact
        return self._open[entry.place]

    def __reduce__(self) -> tuple[type[Library], tuple[Path, tuple[Entry, ...]]]:
        """Travel to another process without what is open, and without entries, which it has no need of."""
        return Library, (self.runs, ())


def _age(entry: Entry) -> tuple[bool, str, str]:
    return not entry.ended, entry.ended, entry.place


def find_folders(runs: Path) -> list[Path]:
    """Return every folder ``<audit>/<run>`` that is an artifact, or is named as one.

    Raises:
        ArtifactError: there is none.
    """
    if not runs.is_dir():
        raise ArtifactError(f"got {str(runs)!r}, expected a folder of artifacts", "evenhand run --out makes one")
    found = [
        folder
        for audit in sorted(runs.iterdir())
        if audit.is_dir() and not audit.name.startswith(".")
        for folder in sorted(audit.iterdir())
        if folder.is_dir() and ((folder / MANIFEST).is_file() or _NAMED.fullmatch(folder.name))
        if not folder.name.startswith(".")
    ]
    if not found:
        within = any((folder / MANIFEST).is_file() for folder in (runs, *runs.iterdir()))
        hint = f"give {str(runs.resolve().parent)!r} or the folder above it" if within else "evenhand run seals one"
        raise ArtifactError(f"got {str(runs)!r}, expected a folder with <audit>/<artifact> in it", hint)
    return found


def stamp(folder: Path, keys: Sequence[PublicKey] = ()) -> str:
    """Return what changes with any file of an artifact, without reading more of it than the manifest.

    The digest of the manifest, and length and times of change of every file, stand for the bytes: whoever can set the
    time of change of an inode holds the machine.
    """
    seen = [str(SHAPE), __version__, folder.parent.name, folder.name, *sorted(key.keyid for key in keys)]
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if (Path(place) / one).is_symlink())]):
            about = (Path(place) / name).lstat()
            seen.append(
                f"{os.path.relpath(place, folder)}/{name}:{about.st_size}:{about.st_mtime_ns}:{about.st_ctime_ns}"
            )
    hasher = hashlib.sha256("\n".join(seen).encode(errors="surrogateescape"))
    with contextlib.suppress(ArtifactError):  # whatever is wrong with it, reading it says so
        hasher.update(hashlib.sha256(read_bytes(folder, MANIFEST)).digest())
    return hasher.hexdigest()


def read_entry(folder: Path, keys: Sequence[PublicKey] = ()) -> Entry:
    """Verify one artifact and return what a library says of it; it never fails for what the artifact holds."""
    place = f"{folder.parent.name}/{folder.name}"
    claim = Entry(place=place, audit=folder.parent.name)
    if not (folder / MANIFEST).exists():
        return claim.model_copy(update={"problem": f"{MANIFEST}: is absent"})
    try:
        artifact = read(folder)
    except Exception as error:  # whatever a stranger wrote, the others are told
        return claim.model_copy(update={"problem": _sentence(error)})
    about = {"digest": artifact.digest, "previous": artifact.manifest.previous}
    claim = claim.model_copy(update={**about, "ended": artifact.manifest.ended.isoformat()})
    try:
        problems = problems_of(artifact)
        if problems:
            if folder.name != artifact.name:  # then its manifest is no more to be believed than the rest
                claim = Entry(place=place, audit=folder.parent.name)
            return claim.model_copy(update={"problem": f"{problems[0].file}: {problems[0].message}"})
        return _told(artifact, claim, keys)
    except Exception as error:  # as above
        return claim.model_copy(update={"problem": _sentence(error)})


def _sentence(error: Exception) -> str:
    text = error.message if isinstance(error, AuditError) else f"cannot be read: {error}"
    return " ".join(text.split())


def _told(artifact: Artifact, claim: Entry, keys: Sequence[PublicKey]) -> Entry:
    spec, manifest = artifact.spec, artifact.manifest
    claimed, held = signatures(artifact, keys)
    data = artifact.document("data.json")
    source = data.get("source") if isinstance(data, Mapping) else None
    uri = spec.model.uri if spec.model else None
    version = _VERSION.fullmatch(uri) if uri else None
    return claim.model_copy(
        update={
            "audit": manifest.audit,
            "title": spec.card.title or "",
            "question": manifest.question,
            "model": version[1] if version else uri,
            "version": version[2].lstrip("/") if version else (spec.model.revision or "") if spec.model else "",
            "kind": spec.model.kind if spec.model else "",
            "model_digest": manifest.digests.model,
            "data": str((source.get("name") if isinstance(source, Mapping) else None) or spec.data.source),
            "data_digest": manifest.digests.data,
            "verdict": artifact.verdict.verdict,
            "reason": artifact.verdict.reason,
            "rulings": rulings(artifact.verdict.limits, artifact.findings),
            "findings": len(artifact.findings),
            "missing": sum(finding.value is None for finding in artifact.findings),
            "claimed": tuple(claimed),
            "signed": tuple(key.keyid for key in held),
        }
    )


def rulings(limits: Iterable[LimitVerdict], findings: Iterable[Finding]) -> tuple[Ruling, ...]:
    """Return every limit as it was judged, with the unit of the findings behind it."""
    units = {finding.id: finding.unit for finding in findings}
    found: dict[str, Ruling] = {}
    for one in limits:
        key = limit_key(one.limit, one.attribute, found)
        at_least = one.limit.get("at_least") is not None
        found[key] = Ruling(
            key=key,
            text=one.text,
            measure=str(one.limit["measure"]),
            attribute=one.attribute,
            compare=str(one.limit["compare"]),
            bound=one.limit["at_least" if at_least else "at_most"],
            at_least=at_least,
            verdict=one.verdict,
            waived=one.waived,
            reason=one.reason,
            worst=one.worst,
            value=one.value,
            interval=one.interval,
            unit=next((units[name] for name in one.findings if name in units), "proportion"),
        )
    return tuple(found.values())
