"""Hugging Face README.md: the card with a model index that the Hub and its tools read."""

from __future__ import annotations

from typing import Any

from audits.findings import Finding
from model_cards.exports import export, exported, metric_type, model_name, slice_of
from model_cards.overview import source_name
from model_cards.sources import Sources

TASKS = {"tabular": "tabular-classification", "text-classifier": "text-classification", "causal-lm": "text-generation"}


@export(
    source="Hugging Face model card metadata, model-index (huggingface/hub-docs, modelcard.md)",
    loses=("which rows a number stands on, but their count", "missing numbers, but as text"),
    file="README.md",
)
def hf(sources: Sources) -> bytes:
    """Hugging Face README.md: front matter with a model index, then the card."""
    import yaml

    from model_cards.card import compose
    from model_cards.render import markdown

    head = yaml.safe_dump(front_matter(sources), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{head}---\n\n{markdown(compose(sources))}".encode()


def front_matter(sources: Sources) -> dict[str, Any]:
    """Return the metadata: licence, tags, and a metric per finding with all that belongs to it in ``args``."""
    spec = sources.spec
    task = TASKS.get(spec.model.kind, "other") if spec.model else "other"
    dataset: dict[str, Any] = {"type": source_name(sources), "name": source_name(sources)}
    if spec.data.part:
        dataset["split"] = spec.data.part
    digest = sources.document("data").get("digest")
    if digest:
        dataset["revision"] = f"sha256:{digest}"
    metrics = [_metric(finding, sources) for finding in exported(sources)]
    result = {"task": {"type": task}, "dataset": dataset, "metrics": metrics}
    head: dict[str, Any] = {
        "license": "other",
        "license_name": spec.card.licence or "not supplied",
        "tags": ["responsible-ai-audit", "evenhand", f"verdict-{str(sources.verdict.get('verdict', '')).lower()}"],
    }
    if metrics:
        head["model-index"] = [{"name": model_name(sources), "results": [result]}]
    return head


def _metric(finding: Finding, sources: Sources) -> dict[str, Any]:
    args: dict[str, Any] = {"finding": finding.id, "attribute": finding.attribute, "unit": finding.unit}
    args |= {name: value for name in ("group", "reference") if (value := getattr(finding, name))}
    if finding.interval is not None:
        args["interval"] = [finding.interval.low, finding.interval.high]
        args |= {"level": finding.interval.level, "method": finding.interval.method}
    if finding.n is not None:
        args["n"] = [finding.n.group] + ([finding.n.reference] if finding.n.reference is not None else [])
    decided = [limit for limit in sources.verdict.get("limits") or () if finding.id in (limit.get("findings") or ())]
    if decided:
        args["limits"] = [{"limit": limit["text"], "verdict": limit["verdict"]} for limit in decided]
    name = f"{metric_type(finding).replace('_', ' ')} ({slice_of(finding)})"
    return {"type": metric_type(finding), "value": finding.value, "name": name, "args": args}
