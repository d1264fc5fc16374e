"""Publishing an audit: the public version in any format, and the record of what was published and why.

The record stands beside the file (``card.html.public.json``). It names every count that was told, so that the next
public version of the same audit can be held against it, and who decided that a statutory page shows small counts.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audits.errors import ArtifactError, AuditError
from audits.findings import canonical_json
from audits.linked_counts import Earlier, rows_name
from audits.suppression import RULE, THRESHOLD, Release
from model_cards.exports.nyc_ll144 import RATES
from model_cards.public import public_sources
from model_cards.records import groups_of
from model_cards.render import render_sources
from model_cards.sources import Sources, read_sources

RECORD = ".public.json"
STATUTORY = "ll144"
"""The page whose statute asks for every count, however small."""


def publish(
    artifact: Path,
    form: str,
    output: Path | None,
    *,
    threshold: int = THRESHOLD,
    previous: Sequence[Path] = (),
    statutory: str | None = None,
) -> bytes:
    """Return the public version of an artifact's card, and write it with its record where it has a place.

    Args:
        artifact: a sealed artifact, already verified; nothing in it is touched.
        form: a format of the card.
        output: where the card goes, its record beside it.
        threshold: the least count of people that may be told.
        previous: records of earlier releases; those found beside the artifact and beside ``output`` count, too.
        statutory: why a page that must show small counts is published with them.

    Raises:
        AuditError: a statutory page without a reason, or a reason for a page that needs none.
        ArtifactError: a record that is none.
    """
    sources = read_sources(artifact)
    _may(form, output, statutory)
    if statutory is not None:
        content, release = render_sources(sources, form), Release(threshold, {}, _everything(sources))
    else:
        shown, release = public_sources(sources, threshold, _earlier(sources, artifact, output, previous))
        content = render_sources(shown, form)
    if output is not None:
        output.write_bytes(content)
        record = release_record(sources, form, release, statutory)
        record_of(output).write_bytes(canonical_json(record) + b"\n")
    return content


def record_of(output: Path) -> Path:
    """Return where the record of a published file stands."""
    return output.with_name(output.name + RECORD)


def _may(form: str, output: Path | None, statutory: str | None) -> None:
    if form == STATUTORY and statutory is None:
        raise AuditError(
            f"card format {form}: got --public, expected a decision: 6 RCNY § 5-303 asks for every count",
            'publish it with --statutory "REASON", which is recorded, or without --public for internal use',
        )
    if statutory is None:
        return
    if form != STATUTORY:
        raise AuditError(
            f"--statutory: got the format {form!r}, expected {STATUTORY}: no statute asks for small counts there",
            "leave --statutory out",
        )
    if not statutory.strip() or output is None:
        what = "no --output, so that nothing would record it" if statutory.strip() else "an empty reason"
        raise AuditError(
            f"--statutory: got {what}, expected a reason and a place", 'give --statutory "REASON" --output FILE'
        )


def _everything(sources: Sources) -> dict[str, tuple[float, ...]]:
    """Every count that the statutory page shows: sizes of groups and rates, with what they are made of."""
    told: dict[str, tuple[float, ...]] = {}
    for finding in sources.findings:
        if finding.measure in RATES and finding.comparison == "rate" and finding.n is not None:
            x, n = finding.sufficient.get("x"), finding.n.group
            told[finding.id] = (n,) if x is None else (x, n)
    for grouped in groups_of(sources.document("groups")):
        told |= {rows_name(grouped.attribute, group): (float(n),) for group, n in grouped.groups if n is not None}
    return told


def release_record(sources: Sources, form: str, release: Release, statutory: str | None = None) -> dict[str, Any]:
    """Return what is kept of a release: every count that it tells, what it withholds, and who decided it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    decision = None if statutory is None else {"by": getpass.getuser(), "at": now, "reason": statutory.strip()}
    return {
        "record": "evenhand public card",
        "format_version": 1,
        "audit": sources.spec.audit,
        "began": (sources.document("manifest") or sources.document("run") or {}).get("started"),
        "data": sources.document("data").get("digest"),
        "published": now,
        "format": form,
        "threshold": release.threshold,
        "rule": RULE.format(most=release.threshold - 1) if statutory is None else "all counts shown: statutory content",
        "statutory": decision,
        "told": {name: list(counts) for name, counts in release.told.items()},
        "withheld": sorted(release.withheld),
        "open": list(release.open_ends),
    }


def _earlier(sources: Sources, artifact: Path, output: Path | None, previous: Sequence[Path]) -> list[Earlier]:
    """The earlier releases of this audit: those given, and those whose records stand where they are looked for."""
    places = [artifact.resolve().parent, *([output.resolve().parent] if output else [])]
    found = {path.resolve() for place in places for path in place.glob(f"*{RECORD}")}
    given = {path.resolve() for path in previous}
    documents = []
    for path in sorted(found | given):
        document = _read(path)
        if document["audit"] != sources.spec.audit and path in given:
            raise ArtifactError(
                f"{path}: got a release of the audit {document['audit']!r}, expected of {sources.spec.audit!r}",
                "give the record of an earlier release of this audit",
            )
        documents.append(document)
    return held_against(sources, documents)


def held_against(sources: Sources, records: Iterable[Mapping[str, Any]]) -> list[Earlier]:
    """Return the earlier releases of this audit among the records of any."""
    releases: dict[bytes, Earlier] = {}
    for document in [one for one in records if one["audit"] == sources.spec.audit]:
        same = document["data"] is not None and document["data"] == sources.document("data").get("digest")
        told = {name: tuple(counts) for name, counts in document["told"].items()}
        release = Earlier(told, frozenset(document["withheld"]), same)
        releases[canonical_json([document["told"], document["withheld"], same])] = release
    return list(releases.values())


def records_beside(place: Path) -> list[dict[str, Any]]:
    """Return the records of the releases that lie in a folder. Raises ``ArtifactError`` for what is none."""
    return [_read(path) for path in sorted(place.glob(f"*{RECORD}"))]


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
        if document["record"] != "evenhand public card" or document["format_version"] != 1:
            raise ValueError("no record of a public card")
        for counts in document["told"].values():
            if not all(isinstance(n, int | float) for n in counts):
                raise ValueError("a count that is no number")
        _ = document["audit"], document["data"], document["withheld"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path}: got {str(error) or type(error).__name__}, expected the record of a public card",
            "give the .public.json that was written beside the card",
        ) from error
    made: dict[str, Any] = document
    return made
