"""What changed between two artifacts: data, model, policy, spec, versions, numbers, verdicts.

Findings are read as plain JSON, so that an answer comes at once. Whether a number moved by more than chance allows:
``audits.moves``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audits.artifact.comparing import compare
from audits.artifact.model import Artifact, read
from audits.artifact.verifying import damage
from audits.errors import ArtifactError
from audits.findings import Frozen
from audits.moves import Move, Samples, compared
from audits.spec import Limit

DATA = ("rows", "groups", "source", "split", "template", "digest", "fingerprint", "columns")
"""What of the data is compared, in the order in which it is told."""
_RUN = ("inputs", "libraries", "digest")
"""What of ``model.json`` says how it was run and not what it is; the digest stands in the manifest."""


class Side(Frozen):
    """One of the two artifacts."""

    digest: str
    audit: str
    question: str
    ended: str
    verdict: str


class Change(Frozen):
    """Something that is not what it was: where, and both values as JSON; null where it was not there."""

    what: str
    before: Any = None
    after: Any = None


class Ruled(Frozen):
    """A limit over one attribute: its verdict before and after; null where it was not set."""

    limit: str
    before: str | None
    after: str | None
    reason: str

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one."""
        return self.before != self.after


class DiffReport(Frozen):
    """What changed from ``before`` to ``after``. Moves beyond chance come first, then by size, the largest first."""

    before: Side
    after: Side
    samples: Samples
    about: tuple[Change, ...]
    data: tuple[Change, ...]
    model: tuple[Change, ...]
    policy: tuple[Change, ...]
    spec: tuple[Change, ...]
    versions: tuple[Change, ...]
    moves: tuple[Move, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]
    unchanged: int
    limits: tuple[Ruled, ...]

    @property
    def same(self) -> bool:
        """Whether nothing changed but times and digests."""
        parts = (self.about, self.data, self.model, self.policy, self.spec, self.versions, self.moves)
        return not any((*parts, self.added, self.gone, any(one.changed for one in self.limits)))

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {"same": self.same, **self.model_dump(mode="json")}


def diff(before: Path, after: Path) -> DiffReport:
    """Return what changed between two artifacts.

    Raises:
        ArtifactError: one of them is not an artifact, or holds other bytes than were sealed.
    """
    return between(_opened(before), _opened(after))


def between(one: Artifact, two: Artifact) -> DiffReport:
    """Return what changed between two artifacts that verify."""
    data = (one.document("data.json"), two.document("data.json"))
    samples = _samples(*data)
    earlier, later = _findings(one), _findings(two)
    both = earlier.keys() & later.keys()
    moves = compared([(earlier[name], later[name]) for name in sorted(both)], samples)
    verdicts = (one.document("verdict.json"), two.document("verdict.json"))
    return DiffReport(
        before=_side(one, verdicts[0]),
        after=_side(two, verdicts[1]),
        samples=samples,
        about=_changes({"audit": one.manifest.audit, "question": one.manifest.question},
                       {"audit": two.manifest.audit, "question": two.manifest.question}),
        data=_data_changes(_data(one, data[0]), _data(two, data[1])),
        model=_changes(_model(one), _model(two)),
        policy=_policy(one.policy, two.policy),
        spec=_changes(_spec(one), _spec(two)),
        versions=_changes(_versions(one), _versions(two)),
        moves=moves,
        added=tuple(sorted(later.keys() - earlier.keys())),
        gone=tuple(sorted(earlier.keys() - later.keys())),
        unchanged=len(both) - len(moves),
        limits=_ruled(*verdicts),
    )  # fmt: skip


def _opened(path: Path) -> Artifact:
    artifact = read(path)
    broken = damage(artifact)
    if broken:
        raise ArtifactError(
            f"{str(path)!r} is not what was sealed: {broken[0].file}: {broken[0].message}",
            "get the artifact again from where it was sealed, or run the audit again",
        )
    return artifact


def _side(artifact: Artifact, verdict: Mapping[str, Any]) -> Side:
    manifest = artifact.manifest
    return Side(
        digest=artifact.digest,
        audit=manifest.audit,
        question=manifest.question,
        ended=manifest.ended.isoformat(),
        verdict=str(verdict.get("verdict")),
    )


def _findings(artifact: Artifact) -> dict[str, dict[str, Any]]:
    """Return the findings by id: bytes that were sealed, so parsed at full speed."""
    content = artifact.content("findings.json")
    try:
        return {finding["id"]: finding for finding in json.loads(content, parse_constant=_refused)}
    except (ValueError, KeyError, TypeError):
        raise ArtifactError(
            "findings.json: got something else than findings", "run the audit again with the version at hand"
        ) from None


def _refused(constant: str) -> Any:
    raise ValueError(f"the number {constant}")


def _samples(one: Mapping[str, Any], two: Mapping[str, Any]) -> Samples:
    """What is known of the rows: the same ones, parts of the same table (or a table of that name and length)."""
    if one.get("digest") == two.get("digest"):
        return "same rows"
    if one.get("fingerprint") is not None and one.get("fingerprint") == two.get("fingerprint"):
        return "same table"
    table = [(_at(each, "source", "name"), _at(each, "rows", "source")) for each in (one, two)]
    return "same table" if table[0] == table[1] and None not in table[0] else "other rows"


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _changes(one: Any, two: Any) -> tuple[Change, ...]:
    return tuple(Change(what=place, before=before, after=after) for place, before, after in compare(one, two))


def _data_changes(one: Mapping[str, Any], two: Mapping[str, Any]) -> tuple[Change, ...]:
    return tuple(change for key in DATA for change in _changes({key: one[key]}, {key: two[key]}))


def _data(artifact: Artifact, document: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: document.get(key) for key in DATA}
    groups = artifact.document("groups.json")
    attributes = groups.get("attributes", {}) if isinstance(groups, Mapping) else {}
    return {**found, "groups": {name: _sizes(each) for name, each in attributes.items()}}


def _sizes(attribute: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {group["name"]: group["n"] for group in attribute.get("groups", [])}
    return {**sizes, "(missing)": _at(attribute, "missing", "n"), "(reference)": _at(attribute, "reference", "group")}


def _model(artifact: Artifact) -> dict[str, Any]:
    document = artifact.document("model.json")
    known = {key: value for key, value in document.items() if key not in _RUN} if isinstance(document, dict) else {}
    return {"digest": artifact.manifest.digests.model, **known}


def _spec(artifact: Artifact) -> dict[str, Any]:
    return artifact.spec.model_dump(mode="json", exclude={"audit", "question", "limits"})


def _versions(artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return {"evenhand": manifest.evenhand, "python": manifest.python, **manifest.libraries}


def _policy(one: Sequence[Limit], two: Sequence[Limit]) -> tuple[Change, ...]:
    """A limit is the same one where it bounds the same measure of the same attribute from the same side."""
    return _changes(_bounds(one), _bounds(two))


def _bounds(policy: Sequence[Limit]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for limit in policy:
        for attribute in limit.attributes:
            waiver = limit.waiver
            told = f", waived by {waiver.owner} until {waiver.expires}: {waiver.reason}" if waiver else ""
            found[limit_key(limit.model_dump(mode="json"), attribute, found)] = f"{limit.bound:g}{told}"
    return found


def limit_key(limit: Mapping[str, Any], attribute: str, taken: Mapping[str, Any]) -> str:
    """Return what makes a limit the same one in another policy; numbered where ``taken`` has that already."""
    side = "at least" if limit.get("at_least") is not None else "at most"
    by = f" by {limit['technique']}" if limit.get("technique") else ""
    key = f"{limit['measure']} over {attribute}: {limit['compare']} {side}{by}"
    count = sum(name == key or name.startswith(f"{key} #") for name in taken)
    return f"{key} #{count + 1}" if count else key


def _ruled(one: Mapping[str, Any], two: Mapping[str, Any]) -> tuple[Ruled, ...]:
    earlier, later = _by_limit(one), _by_limit(two)
    return tuple(
        Ruled(
            limit=(later.get(key) or earlier[key])["text"],
            before=_word(earlier.get(key)),
            after=_word(later.get(key)),
            reason=(later.get(key) or earlier[key])["reason"],
        )
        for key in [*later, *(key for key in earlier if key not in later)]
    )


def _word(limit: Mapping[str, Any] | None) -> str | None:
    return None if limit is None else f"{limit['verdict']}{' (waived)' if limit.get('waived') else ''}"


def _by_limit(verdict: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for limit in verdict.get("limits") or ():
        found[limit_key(limit["limit"], limit["attribute"], found)] = limit
    return found
