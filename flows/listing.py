"""What ``evenhand list`` shows."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

REGISTRIES = ("metrics", "techniques", "counterfactuals")
PACKS = Path(__file__).resolve().parent.parent / "model_cards" / "packs"


def listing(what: str, out: Path) -> list[dict[str, Any]]:
    """Return the entries of one kind, each with ``name``, ``summary`` and, where there is one, ``source``."""
    if what in REGISTRIES:
        registry = importlib.import_module(f"audits.{what}").registry
        return [
            {"name": entry.name, "summary": entry.summary, "source": entry.source, "options": _options(entry)}
            for entry in registry.entries().values()
        ]
    if what == "packs":
        return [{"name": path.stem, "summary": ""} for path in sorted(PACKS.glob("*.yaml"))]
    return [_run(path) for path in sorted(out.glob("*/[!.]*/manifest.json"))]


def _options(entry: Any) -> dict[str, Any]:
    properties = entry.options.model_json_schema().get("properties", {})
    return {name: about.get("default") for name, about in properties.items()}


def _run(manifest: Path) -> dict[str, Any]:
    about = json.loads(manifest.read_bytes())
    verdict = json.loads((manifest.parent / "verdict.json").read_bytes())["verdict"]
    return {"name": str(manifest.parent), "summary": f"{verdict}  {about['ended']}", "verdict": verdict}
