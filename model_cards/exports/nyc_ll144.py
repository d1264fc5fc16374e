"""The page that New York City's Local Law 144 asks to publish: three tables and what must stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.findings import MISSING_GROUP, Finding
from model_cards.exports import export
from model_cards.overview import source_name
from model_cards.sources import Sources
from model_cards.words import shown, title

NO = "not supplied"
SMALL_SHARE = 0.02
"""Categories below this share of the data may be left out of the ratios; here they never are, and are marked."""

RATES = {
    "selection_rate": ("Selection rate", ("Category", "Applicants", "Selected", "Selection rate", "Impact ratio")),
    "scoring_rate": ("Scoring rate", ("Category", "Applicants", "Above the median", "Scoring rate", "Impact ratio")),
}


@export(
    source="New York City Local Law 144 of 2021, 6 RCNY §§ 5-300 to 5-304",
    loses=("intervals, tests and the audit's own verdict, which the rule does not ask for",),
    file="ll144.html",
)
def ll144(sources: Sources) -> bytes:
    """The summary page of Local Law 144: rates and impact ratios on every axis, unknown counts, date and source."""
    from model_cards.render import environment

    template = environment().get_template("ll144.html.j2")
    return template.render(page=page(sources)).encode()


def page(sources: Sources) -> dict[str, Any]:
    """Return what the page shows, as text; a value that nobody supplied reads "not supplied"."""
    manifest, data = sources.document("manifest") or sources.document("run") or {}, sources.document("data") or {}
    rows = data.get("rows") if isinstance(data.get("rows"), Mapping) else {}
    card = sources.spec.card
    facts = [
        ("Date of the audit", str(manifest.get("ended") or manifest.get("started") or "not recorded")[:10]),
        ("Source of the data", shown(source_name(sources), 300)),
        ("Explanation of the data", shown(" ".join(filter(None, (card.data_motivation, card.caveats))) or NO, 1000)),
        ("Historical or test data (§ 5-302)", NO),
        ("People audited", _count((rows or {}).get("audited"))),
        ("Date of distribution (use began)", NO),
        ("Independent auditor, and the declaration of independence", NO),
        ("Owner of the tool", shown(card.owner or NO, 200)),
    ]
    sealed = manifest.get("audit", sources.spec.audit)
    return {
        "title": shown(sources.spec.card.title or title(sources.spec.audit), 200),
        "question": shown(sources.spec.question, 500),
        "facts": facts,
        "axes": _axes(sources),
        "sealed": f"{sealed} of {facts[0][1]}",
    }


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "not recorded"


def _axes(sources: Sources) -> list[dict[str, Any]]:
    rates = [f for f in sources.findings if f.measure in RATES and f.comparison == "rate"]
    attributes = sorted({f.attribute for f in rates}, key=lambda name: (name.count("×"), _place(sources, name)))
    return [_axis(attribute, [f for f in rates if f.attribute == attribute]) for attribute in attributes]


def _place(sources: Sources, attribute: str) -> list[int]:
    known = list(sources.spec.protected)
    return [known.index(part) if part in known else len(known) for part in attribute.split("×")]


def _axis(attribute: str, rates: Sequence[Finding]) -> dict[str, Any]:
    notes = []
    unknown = max((f.n.group for f in rates if f.group == MISSING_GROUP and f.n), default=0)
    notes.append(f"Of unknown category and in none of the rates above: {unknown:,.0f}.")
    tables = []
    for measure in RATES:
        own = [f for f in rates if f.measure == measure and f.group != MISSING_GROUP]
        if own:
            tables.append(_table(attribute, measure, own))
            notes += _median(own)
            notes += _small(own)
    return {"title": title(attribute.replace("×", " × ")), "tables": tables, "notes": list(dict.fromkeys(notes))}


def _median(own: Sequence[Finding]) -> list[str]:
    """The median of the full sample, above which a score must lie strictly; ties at it are not above it."""
    medians = [f.details["median"] for f in own if isinstance(f.details.get("median"), int | float)]
    return [f"Median score of the full sample: {medians[0]:g}. A score equal to it is not above it."] if medians else []


def _table(attribute: str, measure: str, own: Sequence[Finding]) -> dict[str, Any]:
    best = max((f.value for f in own if f.value is not None), default=0.0)
    lines = []
    for finding in sorted(own, key=lambda f: -(f.value if f.value is not None else -1)):
        n = finding.n.group if finding.n else 0.0
        if finding.value is None:
            lines.append((shown(finding.group, 120), f"{n:,.0f}", "–", "not measurable", "–"))
            continue
        ratio = f"{finding.value / best:.3f}" if best > 0 else "none selected"
        many = f"{finding.value * n:,.0f}"
        lines.append((shown(finding.group, 120), f"{n:,.0f}", many, f"{100 * finding.value:.1f}%", ratio))
    name, columns = RATES[measure]
    return {"caption": f"{name} and impact ratio by {shown(attribute, 80)}", "columns": columns, "lines": lines}


def _small(own: Sequence[Finding]) -> list[str]:
    """Which categories are below two per cent of the data, and whether one of them sets the denominator."""
    total = sum(f.n.group for f in own if f.n)
    small = [f for f in own if f.n and total and f.n.group < SMALL_SHARE * total]
    if not small:
        return []
    names = ", ".join(f"{shown(f.group, 120)} ({f.n.group:,.0f})" for f in small if f.n)
    notes = [f"Below 2% of the data, and included all the same: {names}."]
    measured = [f for f in own if f.value is not None]
    if measured and max(measured, key=lambda f: f.value or 0) in small:
        notes.append("The highest rate, by which all others are divided, is that of a category below 2% of the data.")
    return notes
