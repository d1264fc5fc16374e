"""The JSON Schema of the spec, for editors: completion, descriptions and red lines while it is written."""

from __future__ import annotations

from typing import Any

from audits.registry import Registry
from audits.spec import AuditSpec


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec, with the options of everything that is registered."""
    from audits import counterfactuals, techniques

    schema = AuditSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Evenhand audit spec"
    for part, registry in (("techniques", techniques.registry), ("counterfactuals", counterfactuals.registry)):
        schema["properties"][part] |= {
            "additionalProperties": False,
            "properties": _options(registry, schema["$defs"]),
        }
    return schema


def _options(registry: Registry, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return one schema per entry; what their options share moves to the spec's own definitions."""
    made: dict[str, Any] = {}
    for name, entry in registry.entries().items():
        options = entry.options.model_json_schema()
        definitions |= options.pop("$defs", {})
        made[name] = {**options, "title": name, "description": f"{entry.summary} Source: {entry.source}"}
    return made
