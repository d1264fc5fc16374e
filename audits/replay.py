"""Replay: every number of an artifact that follows from its stored predictions is computed again and compared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import audits
from audits.artifact.comparing import Leaf, compare
from audits.artifact.model import Artifact
from audits.artifact.strict import parse_json, sound
from audits.artifact.verifying import judge_again, verdict_differences, verify
from audits.errors import ArtifactError
from audits.evidence import Evidence
from audits.findings import Finding, Frozen
from audits.telling import one_line
from audits.withheld import evidence_from


class Difference(Frozen):
    """One field of one finding (or of the verdict) that came out otherwise.

    A finding that one side lacks is told under the field ``finding``.
    """

    finding: str
    field: str
    stored: Any = None
    recomputed: Any = None


class TechniqueReplay(Frozen):
    """What became of one technique: its findings stored, recomputed, equal; or why it was not recomputed."""

    technique: str
    stored: int
    recomputed: int = 0
    equal: int = 0
    differences: tuple[Difference, ...] = ()
    not_recomputed: str = ""


class ReplayReport(Frozen):
    """The outcome of a replay. Any difference is an error; a technique that needs the model is not.

    ``evidence`` holds differences between the evidence tables: groups cut again from the rows, decisions taken
    again from the scores.
    ``versions`` lists the libraries whose installed version is not the one that computed the artifact
    (name, sealed, installed): the first place to look when there is a difference.
    """

    artifact: str
    techniques: tuple[TechniqueReplay, ...]
    evidence: tuple[Difference, ...] = ()
    verdict: str
    verdict_differences: tuple[Difference, ...] = ()
    versions: tuple[tuple[str, str, str], ...] = ()

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every difference found."""
        return tuple(d for one in self.techniques for d in one.differences) + self.evidence + self.verdict_differences

    @property
    def equal(self) -> bool:
        """Whether everything that was recomputed came out as stored."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {"equal": self.equal, **self.model_dump(mode="json")}

    def to_text(self) -> str:
        """Return the report for people, a line per technique and per difference."""
        lines = [f"artifact {self.artifact[:12]}: {'every recomputed number is equal' if self.equal else 'DIFFERENT'}"]
        for one in self.techniques:
            done = one.not_recomputed and f"not recomputed: {one.not_recomputed}"
            lines.append(f"  {one.technique}: {done or f'{one.recomputed} recomputed, {one.equal} equal'}")
            lines += [_line(difference) for difference in one.differences]
        lines += [_line(difference) for difference in self.evidence]
        same = "as stored" if not self.verdict_differences else "OTHERWISE than stored"
        lines.append(f"  verdict: derived again from the findings, {self.verdict}, {same}")
        lines += [_line(difference) for difference in self.verdict_differences]
        lines += [f"  {name}: {sealed} computed the artifact, {here} is here" for name, sealed, here in self.versions]
        return "\n".join(map(one_line, lines)) + "\n"


def replay(path: Path, data: Path | None = None) -> ReplayReport:
    """Recompute every finding that follows from the stored predictions, the verdict, and what the evidence repeats.

    Args:
        path: the artifact.
        data: where its evidence was withheld, a folder that keeps it or the file of the data, held to the digests.

    Raises:
        ArtifactError: where the artifact is not what was sealed, an evidence table is too large to read, or ``data``
            is not what the audit saw.
    """
    artifact = verify(path)
    withheld = bool(artifact.manifest.withheld)
    if data is not None and not withheld:
        raise ArtifactError(f"{str(path)!r} holds its evidence, so no other data are needed", "leave out --data")
    with tempfile.TemporaryDirectory(prefix="evenhand-replay-") as name:
        if data is not None:
            evidence: Evidence | None = evidence_from(artifact, data, Path(name))
        else:
            evidence = None if withheld else artifact.evidence
        with sound("the evidence"):
            return _report(artifact, evidence)


def _report(artifact: Artifact, evidence: Evidence | None) -> ReplayReport:
    again = judge_again(artifact)
    repeated = () if evidence is None else (*_slices(artifact, evidence), *_decisions(artifact, evidence))
    return ReplayReport(
        artifact=artifact.digest,
        techniques=tuple(_techniques(artifact, evidence)),
        evidence=repeated,
        verdict=again.verdict,
        verdict_differences=tuple(_differences("(verdict)", verdict_differences(artifact, again))),
        versions=tuple(_versions(artifact)),
    )


def _techniques(artifact: Artifact, evidence: Evidence | None) -> Iterator[TechniqueReplay]:
    names = list(artifact.spec.techniques)
    names += sorted({finding.technique for finding in artifact.findings} - set(names))
    for name in names:
        stored = [finding for finding in artifact.findings if finding.technique == name]
        reason = _not_replayable(artifact, name)
        if not reason and evidence is None:
            reason = "the evidence was withheld (evidence: digest-only); bring it by --data"
        if reason or evidence is None:
            yield TechniqueReplay(technique=name, stored=len(stored), not_recomputed=reason)
        else:
            yield _replay_one(artifact, evidence, name, stored)


def _not_replayable(artifact: Artifact, name: str) -> str:
    """Return why a technique cannot be recomputed from the artifact alone, or nothing."""
    from audits.techniques import examines_inside, registry

    if name not in registry:
        return "no technique of that name is installed here"
    if name not in artifact.spec.techniques:
        return "the spec does not name it"
    if examines_inside(registry[name]):
        return "it reads the model's inside, so it needs the model"
    if not registry[name].facts.get("replayable"):
        return "it does not follow from the stored predictions alone, so it needs the model"
    return ""


def _replay_one(artifact: Artifact, evidence: Evidence, name: str, stored: Sequence[Finding]) -> TechniqueReplay:
    from audits.techniques import registry, run

    again = run(registry[name], evidence, artifact.spec.techniques[name])
    before = {finding.id: finding.to_json() for finding in stored}
    after = {finding.id: finding.to_json() for finding in again}
    differences: list[Difference] = []
    equal = 0
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            differences.append(Difference(finding=key, field="finding", stored=before[key]["value"]))
        elif key not in before:
            differences.append(Difference(finding=key, field="finding", recomputed=after[key]["value"]))
        else:
            found = list(_compare(key, before[key], after[key]))
            differences += found
            equal += not found
    return TechniqueReplay(
        technique=name, stored=len(before), recomputed=len(after), equal=equal, differences=tuple(differences)
    )


def _slices(artifact: Artifact, evidence: Evidence) -> Iterator[Difference]:
    """Cut the rows into groups again."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from audits.slices import cut

    with tempfile.TemporaryDirectory(prefix="evenhand-replay-") as name:
        cut(artifact.spec, evidence.folder, Path(name))
        again = Evidence(Path(name), artifact.spec).slices
        groups = parse_json((Path(name) / "groups.json").read_bytes(), "groups.json")
    stored = evidence.slices
    if stored.column_names != again.column_names or len(stored) != len(again):
        shapes = [f"{len(table)} rows of {', '.join(table.column_names)}" for table in (stored, again)]
        yield Difference(finding="slices.parquet", field="shape", stored=shapes[0], recomputed=shapes[1])
        return
    for column in stored.column_names:
        one, other = (table[column].cast(pa.string()).fill_null("") for table in (stored, again))
        differing = pc.indices_nonzero(pc.not_equal(one, other))
        if len(differing):
            at = differing[0].as_py()
            field = f"{column} of {len(differing)} rows, the first at {at}"
            yield Difference(
                finding="slices.parquet", field=field, stored=one[at].as_py(), recomputed=other[at].as_py()
            )
    yield from _compare("groups.json", artifact.document("groups.json"), groups)


def _decisions(artifact: Artifact, evidence: Evidence) -> Iterator[Difference]:
    """Take the decisions again: a score of the threshold or more is positive."""
    import numpy as np

    model = artifact.spec.model
    if model is None or model.kind == "causal-lm":
        return
    table = evidence.predictions
    scores = table["score"].to_numpy()
    stored = table["decision"].cast("float64").to_numpy()
    again = np.where(np.isnan(scores), np.nan, scores >= model.threshold)
    differing = np.flatnonzero(~((stored == again) | (np.isnan(stored) & np.isnan(again))))
    if len(differing):
        at = int(differing[0])
        field = f"decision of {len(differing)} inputs, the first {table['input'][at].as_py()[:12]}"
        values = [None if np.isnan(value) else int(value) for value in (stored[at], again[at])]
        yield Difference(finding="predictions.parquet", field=field, stored=values[0], recomputed=values[1])


def _compare(finding: str, stored: Any, recomputed: Any) -> Iterator[Difference]:
    yield from _differences(finding, compare(stored, recomputed))


def _differences(finding: str, leaves: Iterable[Leaf]) -> Iterator[Difference]:
    for field, one, other in leaves:
        yield Difference(finding=finding, field=field, stored=one, recomputed=other)


def _versions(artifact: Artifact) -> Iterator[tuple[str, str, str]]:
    if artifact.manifest.evenhand != audits.__version__:
        yield "evenhand", artifact.manifest.evenhand, audits.__version__
    for name, sealed in sorted(artifact.manifest.libraries.items()):
        try:
            here = version(name)
        except PackageNotFoundError:
            here = "not installed"
        if here != sealed:
            yield name, sealed, here


def _line(difference: Difference) -> str:
    where = f"{difference.finding} {difference.field}"
    return f"    {where}: stored {difference.stored!r}, recomputed {difference.recomputed!r}"
