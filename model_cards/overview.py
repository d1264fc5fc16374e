"""The first screen: what was audited, what came out, one sentence per limit, and what a pass does not mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from audits.findings import Finding
from audits.spec import Limit
from model_cards.blocks import Judged, Ruling, Word
from model_cards.measures import heading_id
from model_cards.numbers import Text, bound_words, form_of, number, unit_after, written
from model_cards.records import checks_of
from model_cards.sources import Sources
from model_cards.words import NEXT, NOT_MEANT, VERDICTS, group_name, nouns, shown, title

_COMPARED = {
    "rate": "of each group",
    "difference": "difference between any two groups",
    "ratio": "ratio of any group to any other",
    "paired": "difference on the same rows",
    "gap": "gap between any two groups",
    "mean": "mean of each group",
    "share": "share in each group",
    "whole": "of all groups together",
    "change": "change of each group against the model in production",
    "widening": "growth of the gap between any two groups against the model in production",
}


def ruling(sources: Sources) -> Ruling:
    """Return the verdict as the card tells it."""
    limits = tuple(_judged(at, entry, sources) for at, entry in enumerate(sources.verdict.get("limits") or ()))
    word = word_of(sources.verdict.get("verdict"))
    waived = word == "PASS" and any(limit.waived for limit in limits)
    said = "NONE" if not limits else "WAIVED" if waived else word
    return Ruling(
        word=word,
        meaning=VERDICTS[said],
        next_step=NEXT["ROWS" if said == "INCONCLUSIVE" and _rows_known(sources) else said],
        counts=_counts(limits),
        limits=limits,
        not_meant=NOT_MEANT,
    )


def _rows_known(sources: Sources) -> bool:
    """Whether some open limit says how many rows would settle it."""
    limits = sources.verdict.get("limits") or ()
    return any(isinstance(limit, Mapping) and limit.get("rows_needed") for limit in limits)


def first_facts(sources: Sources) -> tuple[tuple[str, Text], ...]:
    """Return what was audited, in a handful of lines."""
    model = sources.spec.model
    told: list[tuple[str, Text]] = []
    if model is None:
        told.append(("Model", ("none: the decisions in the data are audited",)))
    else:
        told.append(("Model", (f"{shown(model.uri, 120)} ({model.kind})",)))
    rows = audited_rows(sources)
    many = f", {rows:,} {nouns(sources.spec).subjects} audited" if rows else ""
    weight = sources.spec.data.weight
    weighted = f", weighted by {shown(weight, 80)}" if weight else ""
    told.append(("Data", (f"{source_name(sources)}{many}{weighted}",)))
    checks = checks_of(sources.document("checks") or [])
    broken = [check for check in checks if not check.met and check.severity != "warning"]
    if broken:
        told.append(("Checks of the data", (f"{len(broken)} of {len(checks)} broken; the audit was told to carry on",)))
    if (label := sources.spec.data.label) is not None:
        positive = shown(sources.spec.data.positive_value, 80)
        told.append(("Truth", (f"{shown(label, 80)}: {positive} is an actual positive, anything else a negative",)))
    told.append(("Groups", (", ".join(shown(name, 80) for name in sources.spec.protected),)))
    if public := sources.document("public"):
        many = f"{public['suppressed']:,} of {public['numbers']:,} numbers suppressed"
        told.append(("Version", (f"public: {many}, so that no count of a few people can be worked out",)))
    told.append(("Date", (moment(sources),)))
    told.append(("Owner", (shown(sources.spec.card.owner or "not supplied", 200),)))
    return tuple(told)


def source_name(sources: Sources) -> str:
    """Return where the data are from: as the run names them, else as the spec does."""
    found = sources.document("data").get("source") if isinstance(sources.document("data"), Mapping) else None
    name = found.get("name") if isinstance(found, Mapping) else None
    return shown(name or sources.spec.data.source, 200)


def audited_rows(sources: Sources) -> int | None:
    """Return how many rows were audited, as the data or the groups say."""
    for name in ("data", "groups"):
        document = sources.document(name)
        found = document.get("rows") if isinstance(document, Mapping) else None
        found = found.get("audited") if isinstance(found, Mapping) else found
        if isinstance(found, int):
            return found
    return None


def moment(sources: Sources) -> str:
    """Return when the audit began: "2026-11-20 10:14 UTC"."""
    for name in ("manifest", "run"):
        document = sources.document(name)
        started = document.get("started") if isinstance(document, Mapping) else None
        if isinstance(started, str) and len(started) >= 16:
            return f"{started[:10]} {started[11:16]} UTC"
    return "not recorded"


def _judged(index: int, entry: Mapping[str, Any], sources: Sources) -> Judged:
    ids = tuple(str(name) for name in entry.get("findings") or ())
    first = sources.finding(ids[0]) if ids else None  # the worst one stands first
    return Judged(
        index=index,
        limit=limit_words(entry, first),
        verdict=word_of(entry.get("verdict")),
        waived=bool(entry.get("waived")),
        reason=shown(entry.get("reason") or "no reason was given", 1200),
        findings=ids,
        anchor=heading_id(first.technique, first.measure, first.attribute) if first else "",
        notes=tuple(_notes(entry, first, rates_of_pair(first, entry, sources))),
    )


def rates_of_pair(worst: Finding | None, entry: Mapping[str, Any], sources: Sources) -> tuple[Finding, Finding] | None:
    """Return the rates of the two groups that decided a limit on pairs of rates, in the verdict's order."""
    limit, told = entry.get("limit"), entry.get("worst")
    if worst is None or not isinstance(told, Mapping) or not isinstance(limit, Mapping):
        return None
    if limit.get("compare") not in ("difference", "ratio"):
        return None
    family = (worst.technique, worst.measure, worst.attribute)
    rates = {
        f.group: f
        for f in sources.findings
        if f.comparison == "rate" and not f.reference and f.value is not None
        and (f.technique, f.measure, f.attribute) == family
    }  # fmt: skip
    one, other = (rates.get(str(told.get(side))) for side in ("group", "reference"))
    return (one, other) if one and other else None


def limit_words(entry: Mapping[str, Any], finding: Finding | None) -> str:
    """Return a limit in words: "Selection rate by race: ratio of any group to any other at least 0.8"."""
    limit = entry.get("limit")
    if not isinstance(limit, Mapping):
        return shown(limit or "a limit", 300)
    checked = Limit.model_validate({key: value for key, value in limit.items() if key in Limit.model_fields})
    over = entry.get("attribute") or (finding.attribute if finding else "") or ", ".join(checked.attributes)
    compared = _COMPARED[checked.compare]
    if finding is not None and finding.reference and checked.compare in ("rate", "mean", "share"):
        compared = "between any two groups"
    side = "at least" if checked.at_least is not None else "at most"
    bound = checked.bound
    size = bound_words(bound, finding, checked.compare)
    return shown(f"{title(checked.measure)} by {over}: {compared}, {side} {size}", 300)


def _notes(entry: Mapping[str, Any], finding: Finding | None, rates: tuple[Finding, Finding] | None) -> list[Text]:
    notes: list[Text] = []
    if rates:
        one, other = rates
        notes.append(
            ("Stands on ", number(one, "n.group"), f" rows of {group_name(one.group)} and ",
             number(other, "n.group"), f" of {group_name(other.group)}."))  # fmt: skip
    elif finding is not None and finding.value is not None and finding.n is not None:
        rows: Text = ("Stands on ", number(finding, "n.group"), " rows")
        if finding.n.reference is not None:
            rows = (*rows, f" of {group_name(finding.group)} and ", number(finding, "n.reference"),
                    f" of {group_name(finding.reference)}")  # fmt: skip
        notes.append((*rows, "."))
    smallest, limit = entry.get("smallest_detectable"), entry.get("limit")
    if isinstance(smallest, int | float) and isinstance(limit, Mapping):
        size = _sized(float(smallest), finding, str(limit.get("compare", "")))
        notes.append((f"The smallest disparity that these rows could have shown: {size}.",))
    return notes


def _sized(value: float, finding: Finding | None, compare: str) -> str:
    if finding is None:
        return written("ratio" if compare == "ratio" else "plain", value)
    size = value if form_of(finding) == "ratio" else abs(value)
    return f"{written(form_of(finding), size).lstrip('+')}{shown(unit_after(finding), 40)}"


def _counts(limits: tuple[Judged, ...]) -> str:
    if not limits:
        return "No limits were set."
    found = Counter("WAIVED" if limit.waived else limit.verdict for limit in limits)
    names = {"FAIL": "broken", "WAIVED": "broken but waived", "INCONCLUSIVE": "open", "PASS": "shown to hold"}
    told = [f"{found[word]} {words}" for word, words in names.items() if found[word]]
    return f"Of {len(limits)} limit{'s' if len(limits) > 1 else ''}: {', '.join(told)}."


def word_of(value: Any) -> Word:
    """Return a verdict as read; whatever is none is INCONCLUSIVE."""
    text = str(value or "").upper()
    return text if text in ("PASS", "FAIL", "INCONCLUSIVE") else "INCONCLUSIVE"  # type: ignore[return-value]
