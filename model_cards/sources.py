"""What a card is written from: the files of a run folder or of a sealed artifact, as far as they are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from audits.artifact.texts import sealed_spec
from audits.errors import ArtifactError
from audits.findings import Finding, read_findings
from audits.spec import AuditSpec, Limit


@dataclass(frozen=True)
class Sources:
    """The documents behind a card. ``spec``, ``findings`` and ``verdict`` must be there; the others may be empty."""

    spec: AuditSpec
    findings: tuple[Finding, ...]
    verdict: Mapping[str, Any]
    documents: Mapping[str, Any] = field(default_factory=dict)

    def document(self, name: str) -> Any:
        """Return ``<name>.json``, or ``{}`` where the run has none."""
        return self.documents.get(name) or {}

    def limits(self, finding: Finding) -> list[Limit]:
        """Return the limits that speak of a finding's family."""
        found = (self._limits.get((finding.measure, name, finding.comparison)) for name in limited_as(finding))
        return next(filter(None, found), [])

    def finding(self, name: str) -> Finding | None:
        """Return the finding of an id."""
        return self._by_id.get(name)

    def whole_gap(self, part: Finding) -> Finding | None:
        """Return the gap that the parts of a technique over one pair of groups add up to."""
        return self._gaps.get((part.technique, part.attribute, part.group, part.reference))

    @cached_property
    def _gaps(self) -> dict[tuple[str, str, str, str], Finding]:
        gaps = [f for f in self.findings if f.comparison == "gap" and "[" not in f.measure]
        return {(f.technique, f.attribute, f.group, f.reference): f for f in reversed(gaps)}

    @cached_property
    def _by_id(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.findings}

    @cached_property
    def _limits(self) -> dict[tuple[str, str, str], list[Limit]]:
        found: dict[tuple[str, str, str], list[Limit]] = {}
        for limit in self.spec.policy:
            for attribute in limit.attributes:
                found.setdefault((limit.measure, attribute, limit.compare), []).append(limit)
        return found


def limited_as(finding: Finding) -> tuple[str, str]:
    """Return the attributes by which a limit may speak of a finding: its own, and that of which it is one group.

    Groups that overlap are an attribute each, ``race=Black``; limits name all of them together, ``race``.
    """
    return finding.attribute, finding.attribute.partition("=")[0]


OPTIONAL = ("data", "checks", "groups", "edits", "model", "manifest", "run", "selfcheck", "ledger", "packs", "history")


def read_sources(folder: Path, spec: AuditSpec | None = None) -> Sources:
    """Read what a card needs; ``spec`` stands in for ``spec.yaml``.

    Raises:
        ArtifactError: spec, findings or verdict are absent, or a file does not hold what its name says.
    """
    spec = spec or sealed_spec(_bytes(folder, "spec.yaml"))
    try:
        findings = tuple(read_findings(_bytes(folder, "findings.json")))
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(f"findings.json: {str(error).splitlines()[0]}", "run the audit again") from error
    documents = {name: _json(folder, f"{name}.json") for name in OPTIONAL if (folder / f"{name}.json").is_file()}
    return Sources(spec, findings, _json(folder, "verdict.json"), documents)


def _json(folder: Path, name: str) -> Any:
    try:
        return json.loads(_bytes(folder, name))
    except ValueError as error:
        raise ArtifactError(f"{name}: got something that is not JSON: {error}", "run the audit again") from error


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise ArtifactError(
            f"{name}: not found in {str(folder)!r}, expected a run folder or an artifact",
            "give the folder that holds findings.json",
        ) from None
