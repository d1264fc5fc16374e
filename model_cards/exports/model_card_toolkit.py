"""Model Card Toolkit JSON: a model card as Google's toolkit reads it."""

from __future__ import annotations

from typing import Any

from audits.findings import canonical_json
from model_cards.exports import export, exported, limit_verdicts, metric_type, model_name, slice_of
from model_cards.overview import source_name
from model_cards.sources import Sources

NOT_SUPPLIED = "not supplied"


@export(
    source="tensorflow/model-card-toolkit, schema v0.0.2",
    loses=("rows behind a number", "method of an interval", "limits and verdicts, but as text", "missing numbers"),
    file="model_card.json",
)
def mct(sources: Sources) -> bytes:
    """Model Card Toolkit JSON, schema v0.0.2; values are texts there."""
    card, manifest = sources.spec.card, sources.document("manifest")
    ended = str(manifest.get("ended", ""))[:10] if isinstance(manifest, dict) else ""
    details: dict[str, Any] = {
        "name": card.title or model_name(sources),
        "overview": sources.spec.question,
        "documentation": _verdicts(sources),
        "owners": [{"name": card.owner or NOT_SUPPLIED, **({"contact": card.contact} if card.contact else {})}],
        "version": {
            "name": str(sources.document("model").get("digest") or NOT_SUPPLIED),
            **({"date": ended} if ended else {}),  # a date, or none: words are no date
        },
        "licenses": [{"custom_text": card.licence or NOT_SUPPLIED}],
    }
    risks = [{"name": text, "mitigation_strategy": NOT_SUPPLIED} for text in [card.ethical_considerations] if text]
    considerations: dict[str, Any] = {
        "use_cases": [{"description": card.intended_use or NOT_SUPPLIED}],
        "limitations": [{"description": text} for text in (card.out_of_scope, card.caveats) if text],
        "ethical_considerations": risks,
    }
    document = {
        "schema_version": "0.0.2",
        "model_details": details,
        "model_parameters": {
            "data": [{"name": source_name(sources), "sensitive": {"sensitive_data": _sensitive(sources)}}]
        },
        "quantitative_analysis": {"performance_metrics": [_metric(finding) for finding in exported(sources)]},
        "considerations": considerations,
    }
    return canonical_json(document) + b"\n"


def _metric(finding: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"type": metric_type(finding), "value": repr(finding.value), "slice": slice_of(finding)}
    interval = finding.interval
    if interval is not None and interval.high is not None:
        told["confidence_interval"] = {"lower_bound": repr(interval.low), "upper_bound": repr(interval.high)}
    return told


def _sensitive(sources: Sources) -> list[str]:
    return sorted(sources.spec.protected)


def _verdicts(sources: Sources) -> str:
    lines = [f"{limit['verdict']}: {limit['text']}. {limit['reason']}" for limit in limit_verdicts(sources)]
    return "\n".join([f"Verdict of the audit: {sources.verdict.get('verdict')}.", *lines])
