"""CycloneDX ML-BOM: the model as a component, its card, and the audit's limits as claims that are attested."""

from __future__ import annotations

import re
from typing import Any

from audits.findings import Finding, canonical_json, digest
from model_cards.exports import export, exported, limit_verdicts, metric_type, model_name, slice_of
from model_cards.exports.huggingface import TASKS
from model_cards.overview import source_name
from model_cards.sources import Sources

_CONFORMANCE = {"PASS": 1.0, "FAIL": 0.0}


@export(
    source="CycloneDX 1.6, machine-learning model cards and declarations (ECMA-424)",
    loses=("missing numbers", "numbers as numbers: values are texts"),
    file="bom.cdx.json",
)
def cyclonedx(sources: Sources) -> bytes:
    """CycloneDX 1.6 ML-BOM: model card, claims, evidence and attestations; INCONCLUSIVE has no conformance score."""
    limits = limit_verdicts(sources)
    manifest = sources.document("manifest") or {}
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [_component(sources)],
    }
    if manifest.get("ended"):
        document["metadata"] = {"timestamp": manifest["ended"]}
    if limits:
        requirements = [
            {"bom-ref": f"limit-{at}", "identifier": str(at), "title": one["text"]} for at, one in _numbered(limits)
        ]
        standard = {
            "bom-ref": "policy",
            "name": f"Policy of the audit {sources.spec.audit}",
            "requirements": requirements,
        }
        document["definitions"] = {"standards": [standard]}
        document["declarations"] = _declarations(sources, limits)
    return canonical_json(document) + b"\n"


def _numbered(limits: list[dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    return list(enumerate(limits, start=1))


def _component(sources: Sources) -> dict[str, Any]:
    spec, card = sources.spec, sources.spec.card
    found = str(sources.document("model").get("digest") or "")
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": model_name(sources),
        "description": spec.question,
        "modelCard": {
            "modelParameters": _parameters(sources),
            "quantitativeAnalysis": {"performanceMetrics": [_metric(finding) for finding in exported(sources)]},
            "considerations": _considerations(sources),
            "properties": [_property("verdict", str(sources.verdict.get("verdict", "")))]
            + [
                _property(f"limit:{at}", f"{one['verdict']}: {one['text']}")
                for at, one in _numbered(limit_verdicts(sources))
            ]
            + [_property(f"finding:{f.id}", _beside(f)) for f in exported(sources)],
        },
    }
    if re.fullmatch(r"[0-9a-f]{64}", found):
        component["hashes"] = [{"alg": "SHA-256", "content": found}]
    if card.licence:
        component["licenses"] = [{"license": {"name": card.licence}}]
    return component


def _parameters(sources: Sources) -> dict[str, Any]:
    spec = sources.spec
    data: dict[str, Any] = {"type": "dataset", "bom-ref": "data", "name": source_name(sources)}
    data["sensitiveData"] = sorted(spec.protected)
    told: dict[str, Any] = {"datasets": [data]}
    if spec.model is not None:
        told["task"] = TASKS.get(spec.model.kind, spec.model.kind)
    return told


def _considerations(sources: Sources) -> dict[str, Any]:
    card = sources.spec.card
    told: dict[str, Any] = {}
    if card.intended_use:
        told["useCases"] = [card.intended_use]
    limitations = [text for text in (card.out_of_scope, card.caveats) if text]
    if limitations:
        told["technicalLimitations"] = limitations
    if card.ethical_considerations:
        told["ethicalConsiderations"] = [{"name": card.ethical_considerations}]
    broken = [one for one in limit_verdicts(sources) if one["verdict"] == "FAIL"]
    if broken:
        told["fairnessAssessments"] = [{"groupAtRisk": one["attribute"], "harms": one["reason"]} for one in broken]
    return told


def _metric(finding: Finding) -> dict[str, Any]:
    told: dict[str, Any] = {"type": metric_type(finding), "value": repr(finding.value), "slice": slice_of(finding)}
    if finding.interval is not None:
        bounds = {"lowerBound": repr(finding.interval.low)}
        if finding.interval.high is not None:
            bounds["upperBound"] = repr(finding.interval.high)
        told["confidenceInterval"] = bounds
    return told


def _beside(finding: Finding) -> str:
    """What the format has no field for: rows, level and method."""
    rows = "" if finding.n is None else f"n={finding.n.group:g}"
    if finding.n is not None and finding.n.reference is not None:
        rows += f" against {finding.n.reference:g}"
    interval = f"; {finding.interval.level:g} {finding.interval.method}" if finding.interval else ""
    return f"{rows}{interval}"


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"evenhand:{name}", "value": value}


def _declarations(sources: Sources, limits: list[dict[str, str]]) -> dict[str, Any]:
    policy = str(sources.verdict.get("policy_sha256") or digest(limits))
    return {
        "assessors": [{"bom-ref": "evenhand", "thirdParty": False}],
        "claims": [
            {"bom-ref": f"claim-{at}", "target": "model", "predicate": one["text"], "reasoning": one["reason"],
             "evidence": [f"evidence-{at}"]}
            for at, one in _numbered(limits)
        ],
        "evidence": [
            {"bom-ref": f"evidence-{at}", "propertyName": f"verdict.limits.{at - 1}",
             "description": f"{one['verdict']} under the policy sha256:{policy}",
             "data": [{"name": "findings.json", "contents": {"url": "findings.json"}}]}
            for at, one in _numbered(limits)
        ],
        "attestations": [
            {"summary": f"Audit {sources.spec.audit}: {sources.verdict.get('verdict')}", "assessor": "evenhand",
             "map": [_mapped(at, one) for at, one in _numbered(limits)]}
        ],
    }  # fmt: skip


def _mapped(at: int, limit: dict[str, str]) -> dict[str, Any]:
    conformance: dict[str, Any] = {"rationale": limit["reason"] or limit["verdict"]}
    if limit["verdict"] in _CONFORMANCE:
        conformance["score"] = _CONFORMANCE[limit["verdict"]]
    return {"requirement": f"limit-{at}", "claims": [f"claim-{at}"], "conformance": conformance}
