"""What ``evenhand list`` shows."""

from __future__ import annotations

import importlib
import json
import textwrap
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REGISTRIES = ("metrics", "techniques", "counterfactuals")
WIDTH = 100


def listing(what: str, out: Path) -> list[dict[str, Any]]:
    """Return the entries of one kind, each with ``name``, ``summary`` and, where there is one, ``source``."""
    if what in REGISTRIES:
        registry = importlib.import_module(f"audits.{what}").registry
        return [
            {"name": entry.name, "summary": entry.summary, "source": entry.source, "options": _options(entry)}
            for entry in registry.entries().values()
        ]
    if what == "formats":
        from model_cards.exports import formats

        return [
            {
                "name": entry.name,
                "summary": f"{entry.summary} Loses: {'; '.join(entry.facts['loses'])}.",
                "source": entry.source,
            }
            for entry in formats()
        ]
    if what == "packs":
        from model_cards.regulation import STATUS, shipped_packs

        return [
            {
                "name": pack.pack,
                "summary": f"{pack.instrument}: {STATUS[pack.status]}, as read on {pack.as_of}",
                "source": pack.source,
            }
            for pack in shipped_packs()
        ]
    return [_run(path) for path in sorted(out.glob("*/[!.]*/manifest.json"))]


def crosswalk() -> list[dict[str, Any]]:
    """Return each metric with its task, the sign of what is told of it, and what other libraries call it."""
    metrics = importlib.import_module("audits.metrics")
    tasks = typing.get_args(metrics.Task)
    entries = sorted(metrics.registry.entries().values(), key=lambda entry: tasks.index(entry.facts["task"]))
    return [
        {
            "name": entry.name,
            "summary": entry.summary,
            "task": entry.facts["task"],
            "sign": _sign(entry.facts),
            "names": dict(sorted(entry.facts["names"].items())),
        }
        for entry in entries
    ]


def _sign(facts: Mapping[str, Any]) -> str:
    """Which way round a number is told, in words."""
    if facts["over"] == "groups":
        return "one number of all groups"
    if facts["across"]:
        return "each group among all groups"
    if facts["over"] == "pair":
        if not facts["boundary"]:
            return "group − reference"
        return "a ratio, the smaller over the larger" if facts["good"] == "one" else "a distance"
    return "group − reference" + (", group / reference" if facts["scale"] in ("rate", "positive") else "")


def crosswalk_lines(entries: list[dict[str, Any]], width: int = WIDTH) -> Iterator[str]:
    """Yield the crosswalk for a terminal, task by task, no line wider than ``width``."""
    column = 4 + max((len(library) for entry in entries for library in entry["names"]), default=0)
    for task in dict.fromkeys(entry["task"] for entry in entries):
        yield f"── {task} ".ljust(width, "─")
        for entry in (one for one in entries if one["task"] == task):
            yield f"{entry['name']}: {entry['sign']}"
            for library, name in entry["names"].items() or [("", "no other library is known to have it")]:
                head = f"  {library}".ljust(column)
                yield from textwrap.wrap(name, width, initial_indent=head, subsequent_indent=" " * column)
        yield ""


def _options(entry: Any) -> dict[str, Any]:
    properties = entry.options.model_json_schema().get("properties", {})
    return {name: about.get("default") for name, about in properties.items()}


def _run(manifest: Path) -> dict[str, Any]:
    about = json.loads(manifest.read_bytes())
    verdict = json.loads((manifest.parent / "verdict.json").read_bytes())["verdict"]
    return {"name": str(manifest.parent), "summary": f"{verdict}  {about['ended']}", "verdict": verdict}
