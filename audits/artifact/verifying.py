"""Verifying: every byte is what was sealed, and the files say nothing against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import audits
from audits.artifact.comparing import Leaf, compare
from audits.artifact.model import ATTESTATION, MANIFEST, Artifact, read
from audits.artifact.strict import hash_file, list_files, sound
from audits.artifact.texts import sealed_policy
from audits.errors import ArtifactError, AuditError
from audits.findings import Frozen, digest, write_findings

if TYPE_CHECKING:
    from audits.verdict import Verdict

_DAY = timedelta(days=1)


class Problem(Frozen):
    """What is wrong with an artifact: the file, and what about it."""

    file: str
    message: str


def verify(path: Path, *, expected_digest: str | None = None) -> Artifact:
    """Return the artifact at ``path``, every byte of it what was sealed (see ``find_problems`` for the steps).

    Raises:
        ArtifactError: naming what is wrong, the first problem first.
    """
    artifact, problems = _opened(path, expected_digest)
    if artifact is None or problems:
        told = "; ".join(f"{problem.file}: {problem.message}" for problem in problems[:3])
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ArtifactError(
            f"{str(path)!r} is not what was sealed: {told}{more}",
            "get the artifact again from where it was sealed, or run the audit again",
        )
    return artifact


def find_problems(path: Path, *, expected_digest: str | None = None) -> list[Problem]:
    """Return everything that is wrong with an artifact; an empty list means that it is what was sealed.

    1. The manifest is there, bounded, canonical, and of a known format.
    2. The folder's name holds the time and the digest of the manifest; or, where the caller knows the digest
       from elsewhere (a registry tag), the digest is that one, whatever the folder is called.
    3. The folder holds the manifest's files, no other, no link, nothing special.
    4. Every file has the length and the sha256 of the manifest.
    5. The files fit each other: spec, policy, data, model, findings, verdict.
    6. The verdict follows from the findings under the policy; an attestation states this artifact and no other.

    Steps 5 and 6 are taken only when 1 to 4 found nothing. It says nothing of who sealed it.

    Raises:
        ArtifactError: where there is nothing at ``path``.
    """
    return _opened(path, expected_digest)[1]


def _opened(path: Path, expected: str | None) -> tuple[Artifact | None, list[Problem]]:
    """The artifact and its problems. What was looked at is what is handed on: the manifest is read only once."""
    try:
        there = path.exists()
    except OSError as error:
        raise ArtifactError(f"got {str(path)!r}, expected the folder of an artifact", f"{error.strerror}") from None
    if not there:
        raise ArtifactError(f"got {str(path)!r}, expected the folder of an artifact", "there is no such folder")
    try:
        with sound(MANIFEST):
            artifact = read(path)
    except ArtifactError as error:
        return None, [Problem(file=MANIFEST, message=error.message)]
    return artifact, problems_of(artifact, expected_digest=expected)


def problems_of(artifact: Artifact, *, expected_digest: str | None = None) -> list[Problem]:
    """Return everything that is wrong with an artifact whose manifest is read (steps 2 to 6 of ``find_problems``)."""
    problems = [*_named(artifact, expected_digest), *damage(artifact)]
    return problems or complaints(artifact)


def damage(artifact: Artifact) -> list[Problem]:
    """Return what is absent, added, or not the bytes that were sealed (steps 3 and 4)."""
    problems: list[Problem] = []
    sealed = artifact.manifest.files
    present: set[str] = set()
    for name, complaint in list_files(artifact.folder):
        present.add(name)
        if complaint or (name not in (MANIFEST, ATTESTATION) and name not in sealed):
            problems.append(Problem(file=name, message=complaint or "was not sealed: the manifest does not name it"))
    for name, expected in sealed.items():
        if name not in present:
            problems.append(Problem(file=name, message="is absent"))
            continue
        try:
            found, length = hash_file(artifact.folder, name)
        except ArtifactError as error:
            problems.append(Problem(file=name, message=error.message.removeprefix(f"{name}: ")))
            continue
        if length != expected.bytes:
            problems.append(Problem(file=name, message=f"got {length:,} bytes, expected {expected.bytes:,}"))
        elif found != expected.sha256:
            problems.append(Problem(file=name, message=f"got sha256 {found}, expected {expected.sha256}"))
    return problems


def complaints(artifact: Artifact) -> list[Problem]:
    """Return where the files of an undamaged artifact do not fit each other (steps 5 and 6)."""
    checks: dict[str, Callable[[Artifact], Iterator[str]]] = {
        "spec.yaml": _spec,
        "policy.yaml": _policy,
        "data.json": _data,
        "model.json": _model,
        "findings.json": _findings,
        "verdict.json": _verdict,
        "ledger.json": _ledger,
        "the documents": _documents,
        ATTESTATION: _attestation,
    }
    problems: list[Problem] = []
    for name, check in checks.items():
        try:
            with sound(name):
                problems += [Problem(file=name, message=message) for message in check(artifact)]
        except AuditError as error:
            problems.append(Problem(file=name, message=error.message.removeprefix(f"{name}: ")))
            if name in ("spec.yaml", "policy.yaml"):
                return problems  # the other checks lean on it: they would read it, slowly, only to say the same
    return problems


def _named(artifact: Artifact, expected: str | None) -> Iterator[Problem]:
    name = artifact.folder.name
    if expected is not None:
        if artifact.digest != expected:
            yield Problem(file=MANIFEST, message=f"got digest {artifact.digest}, expected {expected}")
    elif name != artifact.name:
        yield Problem(file=MANIFEST, message=f"the folder is called {name!r}, by its content it is {artifact.name!r}")


def _spec(artifact: Artifact) -> Iterator[str]:
    spec, manifest = artifact.spec, artifact.manifest
    pairs = {
        "digest": (spec.digest, manifest.digests.spec),
        "audit": (spec.audit, manifest.audit),
        "question": (spec.question, manifest.question),
        "seed": (spec.statistics.seed, manifest.seed),
        "evidence": (spec.evidence, "digest-only" if manifest.withheld else "keep"),
    }
    for what, (got, expected) in pairs.items():
        if got != expected:
            yield f"{what}: got {got!r}, the manifest says {expected!r}"


def _policy(artifact: Artifact) -> Iterator[str]:
    policy = sealed_policy(artifact.content("policy.yaml"))
    found = digest([limit.model_dump(mode="json") for limit in policy])
    for where, expected in (
        ("the manifest", artifact.manifest.digests.policy),
        ("the spec", artifact.spec.policy_digest),
        ("the verdict", artifact.verdict.policy_sha256),
    ):
        if found != expected:
            yield f"got policy digest {found}, {where} says {expected}"


def _data(artifact: Artifact) -> Iterator[str]:
    found = _digest_in(artifact, "data.json")
    if found != artifact.manifest.digests.data:
        yield f"got data digest {found!r}, the manifest says {artifact.manifest.digests.data!r}"


def _model(artifact: Artifact) -> Iterator[str]:
    found = _digest_in(artifact, "model.json") if artifact.spec.model else None
    if found != artifact.manifest.digests.model:
        yield f"got model digest {found!r}, the manifest says {artifact.manifest.digests.model!r}"


def _digest_in(artifact: Artifact, name: str) -> Any:
    document = artifact.document(name)
    if not isinstance(document, dict):
        raise ArtifactError(f"{name}: got {type(document).__name__}, expected a mapping")
    return document.get("digest")


def _documents(artifact: Artifact) -> Iterator[str]:
    """What no other step reads has one meaning, too: cards are made from it."""
    for name in artifact.manifest.files.keys() - {"findings.json", "verdict.json", "ledger.json"}:
        if name.endswith(".json") and not isinstance(artifact.document(name), dict | list):
            yield f"{name}: expected a mapping or a list"


def _findings(artifact: Artifact) -> Iterator[str]:
    try:
        canonical = write_findings(artifact.findings)
    except ValueError as error:
        yield str(error)
        return
    if canonical != artifact.content("findings.json"):
        yield "got other bytes than the canonical ones of its content"
    if artifact.manifest.files["findings.json"].sha256 != artifact.manifest.digests.findings:
        yield "its sha256 is not the findings digest of the manifest"


def _verdict(artifact: Artifact) -> Iterator[str]:
    known = {finding.id for finding in artifact.findings}
    for limit in artifact.verdict.limits:
        for name in limit.findings:
            if name not in known:
                yield f"names the finding {name!r}, which findings.json does not hold"
    different = verdict_differences(artifact, judge_again(artifact))
    if different:
        place, stored, derived = different[0]
        yield f"does not follow from the findings under the policy: {place}: got {stored!r}, derived {derived!r}"


def _ledger(artifact: Artifact) -> Iterator[str]:
    if "ledger.json" not in artifact.manifest.files:
        return
    from audits.ledger import ledger

    derived = ledger(artifact.findings, artifact.verdict)
    for place, stored, again in compare(artifact.document("ledger.json"), derived):
        yield f"does not follow from the findings: {place}: got {stored!r}, derived {again!r}"
        return


def _attestation(artifact: Artifact) -> Iterator[str]:
    if (artifact.folder / ATTESTATION).is_file():
        from audits.attestation import signatures

        signatures(artifact)  # raises what is wrong with it; whose they are is for whoever has the keys
    yield from ()


def judge_again(artifact: Artifact) -> Verdict:
    """Derive the verdict from the findings under the policy, as on the day on which it was first derived.

    The day matters to waivers alone. The manifest knows begin and end in UTC; where the run was, it may have been
    a day earlier or later.
    """
    from audits.verdict import judge

    manifest = artifact.manifest
    first, last = manifest.started.date() - _DAY, manifest.ended.date() + _DAY
    days = [manifest.ended.date()]
    if any(limit.waiver for limit in artifact.policy):
        days += [first + at * _DAY for at in range((last - first).days + 1)]
    derived = [judge(artifact.policy, artifact.findings, artifact.spec.statistics.level, day) for day in days]
    return next((one for one in derived if not verdict_differences(artifact, one)), derived[0])


def verdict_differences(artifact: Artifact, derived: Verdict) -> list[Leaf]:
    """Return where the sealed verdict and a derived one differ; another version may word its reasons otherwise."""
    leaves = compare(artifact.document("verdict.json"), derived.to_json())
    same_words = artifact.manifest.evenhand == audits.__version__
    return [leaf for leaf in leaves if same_words or leaf[0].rsplit(".", 1)[-1] not in ("reason", "rule")]
