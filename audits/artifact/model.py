"""The artifact as a typed thing: its manifest, and what its files hold."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError, model_validator

from audits.artifact.strict import MAX_DOCUMENT, MAX_YAML, copy_checked, parse_json, read_bytes
from audits.artifact.tables import refuse_swollen
from audits.artifact.texts import sealed_policy, sealed_spec
from audits.errors import ArtifactError
from audits.findings import Finding, Frozen, canonical_json
from audits.spec import AuditSpec, Limit, Name

if TYPE_CHECKING:
    from audits.evidence import Evidence
    from audits.verdict import Verdict

MANIFEST = "manifest.json"
ATTESTATION = "attestation.dsse.json"
"""Beside the sealed files, not among them: it names the digest of their manifest."""
EVIDENCE = frozenset({"rows.parquet", "slices.parquet", "pairs.parquet", "predictions.parquet"})
"""The files left out under ``evidence: digest-only``."""

REQUIRED = frozenset(
    {
        "spec.yaml",
        "policy.yaml",
        "rows.parquet",
        "slices.parquet",
        "pairs.parquet",
        "predictions.parquet",
        "findings.json",
        "verdict.json",
        "data.json",
        "checks.json",
        "groups.json",
        "edits.json",
        "model.json",
        "card.html",
        "card.md",
        "card.json",
    }
)
"""In every artifact; beside them stand as many charts (``charts/<name>.svg``) as there are."""
OPTIONAL = frozenset({"history.json", "ledger.json", "packs.json", "selfcheck.json"})
"""In the artifacts of versions that write them."""

_CHART = re.compile(r"charts/[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,200}\.svg")
_AGAIN = "get the artifact again from where it was sealed, or run the audit again"


def may_be_sealed(name: str) -> bool:
    """Whether a file of this name has a place in an artifact (so no name can lead out of the folder)."""
    return name in REQUIRED | OPTIONAL or _CHART.fullmatch(name) is not None


def _sealable(name: str) -> str:
    if not may_be_sealed(name):
        raise ValueError(f"got the file name {name!r}, which has no place in an artifact")
    return name


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("expected a time in UTC")
    return moment


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, AfterValidator(_sealable)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class SealedFile(Frozen):
    """What a file was when it was sealed: sha256 (hex) and length in bytes."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class Digests(Frozen):
    """What the audit was about, by content.

    Spec (without secrets), policy and data as checked; ``model`` null where decisions in the data were audited;
    ``findings`` is the sha256 of ``findings.json``.
    """

    spec: Sha256
    policy: Sha256
    data: Sha256
    model: str | None
    findings: Sha256


class Manifest(Frozen):
    """``manifest.json``. The sha256 of its bytes is the artifact's digest.

    ``withheld`` holds the files that were not copied (``evidence: digest-only``), by what they were.
    ``previous`` is the digest of the artifact of the same audit sealed before this one: a chain.
    ``attestation`` is the place of a later format for a signature inside the seal.
    """

    format_version: Literal[1] = 1
    audit: Name
    question: str
    files: dict[FileName, SealedFile]
    withheld: dict[FileName, SealedFile] = Field(default_factory=dict)
    digests: Digests
    evenhand: str
    python: str
    libraries: dict[str, str]
    seed: int
    started: Moment
    ended: Moment
    previous: Sha256 | None = None
    attestation: None = None

    @model_validator(mode="after")
    def _complete(self) -> Manifest:
        both = self.files.keys() & self.withheld.keys()
        absent = REQUIRED - self.files.keys() - self.withheld.keys()
        if both:
            raise ValueError(f"{min(both)} is both sealed and withheld")
        if absent:
            raise ValueError(f"{min(absent)} is neither sealed nor withheld")
        if self.withheld and self.withheld.keys() != EVIDENCE & (self.files.keys() | self.withheld.keys()):
            raise ValueError("expected all of the evidence to be withheld, or none")
        if self.ended < self.started:
            raise ValueError("ended before it started")
        return self

    def to_bytes(self) -> bytes:
        """Return the one way to write this manifest."""
        return canonical_json(self.model_dump(mode="json")) + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Read a manifest. Raises ``ArtifactError`` where it is not one, or is written any other way."""
        document = parse_json(content, MANIFEST)
        version = document.get("format_version") if isinstance(document, dict) else None
        if version != 1:
            raise ArtifactError(f"{MANIFEST}: got format version {version!r}, expected 1", "use a newer Evenhand")
        try:
            manifest = cls.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ArtifactError(f"{MANIFEST}: {place}: {first['msg']}".replace(": :", ":"), _AGAIN) from None
        if manifest.to_bytes() != content:
            raise ArtifactError(f"{MANIFEST}: got other bytes than the canonical ones of its content", _AGAIN)
        return manifest


@dataclass(frozen=True)
class Artifact:
    """A sealed folder. Whatever is read through it has the digest that the manifest gives it."""

    folder: Path
    manifest: Manifest
    digest: str

    @property
    def name(self) -> str:
        """The name its folder has by its content: UTC time and the first 12 of its digest."""
        return f"{self.manifest.ended.astimezone(UTC):%Y%m%dT%H%M%SZ}-{self.digest[:12]}"

    def content(self, name: str) -> bytes:
        """Return a file's bytes. Raises ``ArtifactError`` where they are not what was sealed."""
        sealed = self._sealed(name)
        content = read_bytes(self.folder, name, MAX_YAML if name.endswith(".yaml") else MAX_DOCUMENT)
        if hashlib.sha256(content).hexdigest() != sealed.sha256:
            raise ArtifactError(f"{name}: its bytes are not those that were sealed", _AGAIN)
        return content

    def document(self, name: str) -> Any:
        """Return what a JSON file holds."""
        return parse_json(self.content(name), name)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, sorted by id."""
        documents = self.document("findings.json")
        try:
            return tuple(Finding.from_json(document) for document in documents)
        except (ValueError, AttributeError, TypeError) as error:
            raise ArtifactError(f"findings.json: {_first_line(error)}", _AGAIN) from None

    @cached_property
    def policy(self) -> tuple[Limit, ...]:
        """The limits, as they were fixed before any result was computed."""
        return sealed_policy(self.content("policy.yaml"))

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict as sealed."""
        from audits.verdict import Verdict

        document = self.document("verdict.json")
        try:
            return Verdict.from_json(document)
        except ValueError as error:
            raise ArtifactError(f"verdict.json: {_first_line(error)}", _AGAIN) from None

    @cached_property
    def spec(self) -> AuditSpec:
        """The spec as run."""
        return sealed_spec(self.content("spec.yaml"))

    @cached_property
    def evidence(self) -> Evidence:
        """Rows, slices, pairs and predictions, as a copy that is what was sealed, whatever happens to the folder.

        Raises:
            ArtifactError: where they are not what was sealed, would swell beyond reason, or were withheld.
        """
        from audits.evidence import Evidence

        if self.manifest.withheld:
            raise ArtifactError(
                "the evidence was withheld (evidence: digest-only), only its digests are sealed",
                "run the audit again where the data are",
            )
        folder = Path(tempfile.mkdtemp(prefix="evenhand-evidence-"))  # that nobody else writes to
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        for name in sorted(EVIDENCE & self.manifest.files.keys()):
            refuse_swollen(folder, copy_checked(self.folder, name, folder, self._sealed(name).sha256))
        (folder / "groups.json").write_bytes(self.content("groups.json"))
        return Evidence(folder, self.spec)

    def _sealed(self, name: str) -> SealedFile:
        if name not in self.manifest.files:
            raise ArtifactError(
                f"{name}: the artifact holds no such file", f"it holds {', '.join(self.manifest.files)}"
            )
        return self.manifest.files[name]


def read(path: Path) -> Artifact:
    """Open an artifact: its manifest is read and checked, its files are checked as they are asked for.

    Args:
        path: the artifact's folder, or its ``manifest.json``.

    Raises:
        ArtifactError: where there is no manifest, or it is not one.
    """
    folder = Path(path).resolve()
    folder = folder.parent if folder.name == MANIFEST and folder.is_file() else folder
    if not (folder / MANIFEST).exists():
        raise ArtifactError(f"got {str(path)!r}, expected the folder of an artifact", f"it has no {MANIFEST}")
    content = read_bytes(folder, MANIFEST)
    return Artifact(folder, Manifest.from_bytes(content), hashlib.sha256(content).hexdigest())


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).split("\n", 1)[0]
