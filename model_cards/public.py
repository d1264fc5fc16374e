"""The public version of an audit: its documents without any count of a few people, before a card is made of them.

What a card, a chart or an export is composed from is cleaned here once, so that none of them has to know: withheld
findings keep their names and lose every number, real rows and texts go, counts in the other documents are cut, and a
limit's sentence that quotes a withheld number is put in other words. ``audits.suppression`` decides what is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from audits.findings import MISSING_GROUP, Finding
from audits.linked_counts import Earlier, small
from audits.suppression import SUPPRESSED, THRESHOLD, Release, suppress
from model_cards.blocks import Block, Bullets, Prose, Section
from model_cards.records import groups_of
from model_cards.sources import Sources
from model_cards.words import shown, title

NOT_TOLD = ("remedies", "stability", "subgroups")
"""Techniques whose numbers are of overlapping groups or of other decisions: what they give away is not worked out."""

KEPT_DETAILS = (
    "between_groups_variance", "bounds", "by_chance", "largest", "no_interval", "said", "smallest",
    "smallest_over_largest", "smallest_over_largest_by_chance",
)  # fmt: skip
KEPT_OF_DATA = ("source", "digest", "fingerprint", "columns", "split")
KEPT_OF_MODEL = ("kind", "uri", "resolved_uri", "version", "digest", "dtype")
NOT_RESAMPLED = "it would be drawn from the rows of all groups, those that are suppressed among them"
HIDDEN_REASON = "The numbers that decided this limit are suppressed in the public version."
_WAIVER = re.compile(r" (Waived by|The waiver of) .*$")
_UNKNOWN = re.compile(r" [\d,]+ rows? of unknown .*? (is|are) on neither side\..*?(?=( Waived by | The waiver of |$))")


def public_sources(
    sources: Sources, threshold: int = THRESHOLD, earlier: Sequence[Earlier] = ()
) -> tuple[Sources, Release]:
    """Return the documents that may be published, and what was decided.

    Args:
        sources: everything, as the artifact holds it.
        threshold: the least count of people that may be told.
        earlier: what was published of this audit before.
    """
    groups = {g.attribute: {name: n for name, n in g.groups if n} for g in groups_of(sources.document("groups"))}
    rows = _rows(sources, groups)
    candidates = [f for f in sources.findings if f.technique not in NOT_TOLD]
    release = suppress(candidates, groups, rows, threshold, earlier, _decided(sources))
    findings = [_public(finding, release) for finding in sources.findings if finding.technique not in NOT_TOLD]
    told = {finding.technique for finding in findings if not is_suppressed(finding)}
    silent = sorted({finding.technique for finding in sources.findings} - told)
    documents = _documents(sources, groups, release)
    hidden = {f.id for f in sources.findings if f.id in release.withheld or f.technique in NOT_TOLD}
    numbers = hidden | {f.id for f in sources.findings if f.value is not None}  # whether a hidden one is none is hidden
    documents["public"] = {
        "threshold": threshold,
        "numbers": len(numbers),
        "suppressed": len(hidden),
        "groups": sum(not release.rows(attribute, group) for attribute, own in groups.items() for group in own),
        "silent": silent,
        "earlier": sum(not before.same_data for before in earlier),
        "open": list(release.open_ends),
    }
    kept = tuple(finding for finding in findings if finding.technique in told)
    verdict = _verdict(sources, release)
    return replace(sources, findings=kept, verdict=verdict, documents=documents), release


def is_suppressed(finding: Finding) -> bool:
    """Whether a finding's number is withheld, which is not to say that it could not be measured."""
    return finding.missing.startswith(SUPPRESSED)


def public_section(sources: Sources) -> Section | None:
    """Return what the public version leaves out, and by which rule; ``None`` of the full card."""
    facts = sources.document("public")
    if not facts:
        return None
    most = facts["threshold"] - 1
    hidden, numbers, groups = facts["suppressed"], facts["numbers"], facts["groups"]
    words = (
        f"This is the public version of the card. {hidden:,} of {numbers:,} numbers"
        + (f" and the sizes of {groups:,} groups" if groups else "")
        + f" are suppressed, so that no count of 1 to {most} people can be read from it, nor worked out from totals, "
        "percentages, ratios, differences or intervals (the cell size rule of the Centers for Medicare & Medicaid "
        "Services). A number reads “suppressed” because it stands on so few people, or because it would give such a "
        "number away; which of the two is not said."
    )
    items = [
        "Real rows and texts, and the ledger of all tests, are in the full card only.",
        "All numbers stand in the sealed artifact, and whoever holds it can check this page against it.",
    ]
    if facts["silent"]:
        names = ", ".join(shown(title(name), 60) for name in facts["silent"])
        items.insert(0, f"Not told at all: {names}.")
    if facts["earlier"]:
        many = "one earlier release" if facts["earlier"] == 1 else f"{facts['earlier']:,} earlier releases"
        items.append(f"Held against {many} of this audit, on other data: counts that differ by 1 to {most} go, too.")
    blocks: list[Block] = [Prose(text=(words,)), Bullets(items=tuple((item,) for item in items))]
    if facts["open"]:
        warning = (
            f"Earlier releases of the same data already told numbers from which {len(facts['open']):,} small counts "
            "follow; nothing that is suppressed here can undo that."
        )
        blocks.append(Prose(text=(warning,), tone="warning"))
    return Section(id="public", title="The public version: what is left out", blocks=tuple(blocks), part="results")


def _decided(sources: Sources) -> set[str]:
    """The rates that decided a limit, of which a reader should hear most."""
    decided = set()
    for limit in sources.verdict.get("limits") or ():
        asked = limit.get("limit") or {}
        decided |= {
            (asked.get("measure"), limit.get("attribute"), group) for group in (limit.get("worst") or {}).values()
        }
    rates = [finding for finding in sources.findings if finding.comparison == "rate"]
    return {finding.id for finding in rates if (finding.measure, finding.attribute, finding.group) in decided}


def _rows(sources: Sources, groups: Mapping[str, Mapping[str, int]]) -> int:
    document = sources.document("groups")
    found = document.get("rows") if isinstance(document, Mapping) else None
    return found if isinstance(found, int) else max((sum(own.values()) for own in groups.values()), default=0)


def _public(finding: Finding, release: Release) -> Finding:
    """A finding without what may not be told."""
    if finding.id in release.withheld:
        reason = f"{SUPPRESSED}: fewer than {release.threshold} people, or they could be worked out from it"
        return finding.model_copy(update={
            "value": None, "missing": reason, "interval": None, "n": None, "sufficient": {}, "p": None,
            "p_adjusted": None, "adjustment": "", "evidence": None, "details": {},
        })  # fmt: skip
    details = {name: finding.details[name] for name in KEPT_DETAILS if name in finding.details}
    if finding.attribute in release.touched:  # what is made of all groups together would tell of those withheld
        made: dict[str, Any] = {"details": details, "sufficient": {}, "p_adjusted": None, "adjustment": ""}
        if _resampled(finding):
            details.pop("by_chance", None)
            made |= {"interval": None, "p": None, "details": details | {"no_interval": NOT_RESAMPLED}}
        return finding.model_copy(update=made)
    bins = finding.details.get("reliability")
    if isinstance(bins, list) and all(_told_bin(one, release.threshold) for one in bins):
        details["reliability"] = bins
    return finding.model_copy(update={"details": details})


def _resampled(finding: Finding) -> bool:
    """Whether interval and p are from tables drawn of all groups.

    The seed is known: whoever tries out what was withheld would see when every digit is right.
    """
    from audits.metrics import registry

    if finding.technique != "parity" or finding.measure not in registry:
        return False
    facts = registry[finding.measure].facts
    return not (facts["over"] == "group" and facts["scale"] == "rate")


def _told_bin(one: Any, threshold: int) -> bool:
    """Whether a bin of a reliability diagram is of many people, of both outcomes."""
    if not isinstance(one, Mapping) or not isinstance(n := one.get("n"), int | float):
        return False
    observed = one.get("observed")
    parts = (n, *((n * observed, n - n * observed) if isinstance(observed, int | float) else ()))
    return not any(small(part, threshold) for part in parts)


def _documents(sources: Sources, groups: Mapping[str, Mapping[str, int]], release: Release) -> dict[str, Any]:
    kept = {name: sources.documents[name] for name in ("manifest", "run", "selfcheck", "packs")
            if name in sources.documents}  # fmt: skip
    missing = any(MISSING_GROUP in own and not release.rows(attribute, MISSING_GROUP)
                  for attribute, own in groups.items())  # fmt: skip
    made = {
        "groups": _groups(sources, groups, release),
        "data": _data(sources, release, missing),
        "checks": _checks(sources.document("checks"), release, missing),
        "edits": _edits(sources.document("edits"), release),
        "model": _only(sources.document("model"), KEPT_OF_MODEL),
    }
    kept |= {name: document for name, document in made.items() if name in sources.documents}
    if not release.withheld and "ledger" in sources.documents:
        kept["ledger"] = sources.documents["ledger"]
    return kept


def _only(document: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: document[name] for name in names if name in document} if isinstance(document, Mapping) else {}


def _groups(sources: Sources, groups: Mapping[str, Mapping[str, int]], release: Release) -> dict[str, Any]:
    def told(attribute: str, group: str, n: int) -> int | None:
        return n if release.rows(attribute, group) else None

    references = {g.attribute: g.reference for g in groups_of(sources.document("groups"))}
    attributes = {
        attribute: {
            "groups": [{"name": group, "n": told(attribute, group, n)} for group, n in own.items()],
            "reference": {"group": references.get(attribute, "")},
        }
        for attribute, own in groups.items()
    }
    rows = {} if "rows" in release.withheld else {"rows": _rows(sources, groups)}
    return {**rows, "attributes": attributes}


def _data(sources: Sources, release: Release, missing: bool) -> dict[str, Any]:
    document = sources.document("data")
    made = _only(document, KEPT_OF_DATA)
    if not isinstance(document, Mapping):
        return made
    rows = document.get("rows")
    steps = rows if isinstance(rows, Mapping) else {"audited": rows}
    counts = {name: n for name, n in steps.items() if isinstance(n, int)}
    if any(small(n, release.threshold) for n in counts.values()):  # each follows from the others
        counts = {name: n for name, n in counts.items() if name == "audited"}
    if "rows" not in release.withheld:
        made["rows"] = counts
    for name in ("missing", "not_understood"):
        found = document.get(name)
        if isinstance(found, Mapping):
            made[name] = {
                column: n for column, n in found.items()
                if n == 0 or (isinstance(n, int) and not missing and not small(n, release.threshold))
            }  # fmt: skip
    return made


def _checks(document: Any, release: Release, missing: bool) -> list[dict[str, Any]]:
    """Checks without rows, without what was observed of the data, and without counts of few."""
    made = []
    for entry in document if isinstance(document, list) else []:
        count = entry.get("unexpected_count")
        few = isinstance(count, int) and count > 0 and (missing or small(count, release.threshold))
        kept = {name: value for name, value in entry.items() if name not in ("unexpected_rows", "observed")}
        made.append(kept | ({"unexpected_count": None, "observed": f"rows: {SUPPRESSED}"} if few else {}))
    return made


def _edits(document: Any, release: Release) -> list[dict[str, Any]]:
    """Edits asked for and refused, where no count of them is of few and all groups of the attribute are told."""
    made = []
    for entry in document if isinstance(document, list) else []:
        refused = entry.get("refused") if isinstance(entry.get("refused"), Mapping) else {}
        counts = [entry.get("asked"), entry.get("edited"), entry.get("ambiguous"), *refused.values()]
        numbers = [n for n in counts if isinstance(n, int)]
        numbers += [numbers[0] - numbers[1]] if len(numbers) > 1 else []
        told = entry.get("attribute") not in release.touched
        if told and not any(small(n, release.threshold) for n in numbers):
            made.append(dict(entry))
        else:
            made.append(_only(entry, ("counterfactual", "attribute", "to_group", "kind")))
    return made


def _verdict(sources: Sources, release: Release) -> dict[str, Any]:
    limits = [_limit(dict(limit), sources, release) for limit in sources.verdict.get("limits") or ()]
    return {**sources.verdict, "limits": limits}


def _limit(limit: dict[str, Any], sources: Sources, release: Release) -> dict[str, Any]:
    """A limit with the sentence and the numbers that rest on what is told; its word stands in any case."""
    attribute, asked = str(limit.get("attribute", "")), limit.get("limit")
    measure = asked.get("measure") if isinstance(asked, Mapping) else None
    family = [f for f in sources.findings if (f.measure, f.attribute) == (measure, attribute)]
    if any(f.technique in NOT_TOLD for f in family):
        return _wordless(limit)
    hidden = [f for f in family if f.id in release.withheld]
    unknown = release.rows(attribute, MISSING_GROUP)
    if not hidden and unknown and attribute not in release.touched:
        return limit
    told = [name for name in limit.get("findings") or () if name not in release.withheld]  # the order of others tells
    limit |= {"p": None, "p_adjusted": None, "unknown": None, "findings": told}
    limit["reason"] = _UNKNOWN.sub("", str(limit.get("reason") or ""))
    worst = limit.get("worst") if isinstance(limit.get("worst"), Mapping) else None
    names = set(worst.values()) - {""} if worst else set()
    decided = [f for f in hidden if f.value is None or names & {f.group, f.reference}]
    own = [f for f in hidden if f.comparison == "rate" and f.group in names]
    quoted = [f for f in decided if not names or {f.group, f.reference} - {""} <= names]
    unmeasured = [f for f in hidden if f.value is None]
    return _wordless(limit) if not names or own or quoted or unmeasured else limit


def _wordless(limit: dict[str, Any]) -> dict[str, Any]:
    none = dict.fromkeys(("value", "interval", "p", "p_adjusted", "smallest_detectable", "rows_needed", "unknown",
                          "worst"))  # fmt: skip
    waived = _WAIVER.search(str(limit.get("reason") or ""))
    return {**limit, **none, "findings": [], "reason": HIDDEN_REASON + (waived.group() if waived else "")}
