"""Croissant: the audited data with the vocabulary for responsible AI, a datasheet that machines read."""

from __future__ import annotations

from typing import Any

from audits.findings import canonical_json
from model_cards.exports import export
from model_cards.overview import source_name
from model_cards.sources import Sources

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
ROLES = {
    "row": "sc:Integer",
    "label": "sc:Integer",
    "decision": "sc:Integer",
    "score": "sc:Float",
    "weight": "sc:Float",
}


@export(
    source="MLCommons Croissant 1.0 with the RAI vocabulary 1.0",
    loses=("the audit itself: it tells the data alone",),
    file="croissant.json",
)
def croissant(sources: Sources) -> bytes:
    """Croissant 1.0 of the audited rows, with what the audit knows of gaps, groups and preparation."""
    spec, data = sources.spec, sources.document("data") or {}
    manifest = sources.document("manifest") or {}
    files = {**(manifest.get("withheld") or {}), **(manifest.get("files") or {})}
    sealed = files.get("rows.parquet", {}).get("sha256", "")
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": spec.audit,
        "description": f"The rows audited for: {spec.question}",
        "url": spec.data.available_from or source_name(sources),
        "license": spec.card.licence or "not supplied",
        "citeAs": f"Audit {spec.audit} of {source_name(sources)}",
        "version": "1.0.0",
        **({"datePublished": str(manifest["ended"])[:10]} if manifest.get("ended") else {}),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "rows",
                "name": "rows.parquet",
                "contentUrl": "rows.parquet",
                "encodingFormat": "application/x-parquet",
                "sha256": sealed or "0" * 64,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "audited",
                "name": "audited",
                "field": [_field(name, kind) for name, kind in ROLES.items()],
            }
        ],
        **_responsible(sources, data),
    }
    return canonical_json(document) + b"\n"


def _field(name: str, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"audited/{name}",
        "name": name,
        "dataType": kind,
        "source": {"fileObject": {"@id": "rows"}, "extract": {"column": name}},
    }


def _responsible(sources: Sources, data: dict[str, Any]) -> dict[str, Any]:
    spec, card = sources.spec, sources.spec.card
    rows = data.get("rows") if isinstance(data.get("rows"), dict) else {}
    gaps = [f"{name}: {n} rows without a value" for name, n in sorted((data.get("missing") or {}).items()) if n]
    steps = [f"{name}: {n}" for name, n in sorted((rows or {}).items()) if isinstance(n, int)]
    told = {
        "rai:personalSensitiveInformation": sorted(spec.protected),
        "rai:dataUseCases": card.intended_use or "not supplied",
        "rai:dataLimitations": card.caveats or "not supplied",
        "rai:dataBiases": card.ethical_considerations or "not supplied",
        "rai:dataCollectionMissingData": "; ".join(gaps) or "none found in the columns that the audit names",
        "rai:dataPreprocessingProtocol": "; ".join(steps) or "not recorded",
    }
    if spec.data.where:
        told["rai:dataManipulationProtocol"] = f"rows kept where {spec.data.where}"
    return told
