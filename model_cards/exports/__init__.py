"""Exports: a card's numbers in the formats of other tools. One file each, found by scanning this folder.

An export is a function from the documents of an artifact to bytes, and a list of what its format cannot hold, which
``evenhand list formats`` shows. Values come from findings alone, so that each can be read back and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audits.findings import Finding
from audits.registry import Entry, Registry
from model_cards.overview import source_name
from model_cards.sources import Sources, limited_as

registry = Registry("card format", __name__)

Export = Callable[[Sources], bytes]
TOLD = ("rate", "mean", "difference", "ratio", "paired", "gap", "whole", "share")


def export(*, source: str, loses: Sequence[str], file: str) -> Callable[[Export], Export]:
    """Register an export.

    Args:
        source: the specification and its version.
        loses: what of a finding or a verdict the format has no place for.
        file: what the file is usually called.
    """
    return registry.register(source=source, loses=tuple(loses), file=file)


def formats() -> list[Entry]:
    """Return the exports, by name."""
    return list(registry.entries().values())


def exported(sources: Sources) -> list[Finding]:
    """Return the findings that an export tells: numbers of the measures under a limit, or all where there is none."""
    bounded = {(limit.measure, attribute) for limit in sources.spec.policy for attribute in limit.attributes}
    told = [f for f in sources.findings if f.value is not None and f.comparison in TOLD]
    return [f for f in told if any((f.measure, name) in bounded for name in limited_as(f))] if bounded else told


def metric_type(finding: Finding) -> str:
    """Return what the number is called: ``selection_rate`` of one group, ``selection_rate_difference`` of two."""
    own = finding.comparison in ("rate", "mean", "share")
    return finding.measure if own else f"{finding.measure}_{finding.comparison}"


def slice_of(finding: Finding) -> str:
    """Return whose number it is: ``race: Black``, ``race: Black against white``, ``race``."""
    who = f"{finding.group} against {finding.reference}" if finding.reference else finding.group
    return ": ".join(filter(None, (finding.attribute, who)))


def model_name(sources: Sources) -> str:
    """Return the model's name, or that the decisions are the data's own."""
    return sources.spec.model.uri if sources.spec.model else f"decisions in {source_name(sources)}"


def limit_verdicts(sources: Sources) -> list[dict[str, str]]:
    """Return each limit's own words, what became of it and why."""
    found = []
    for limit in sources.verdict.get("limits") or ():
        found.append({name: str(limit.get(name) or "") for name in ("text", "verdict", "reason", "attribute")})
    return found
