"""What an audit asks for and cannot get, and why, known before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audits.doubts import REMEDY
from audits.evidence import Evidence
from audits.findings import Frozen
from audits.registry import Entry
from audits.spec import AuditSpec


class Unanswerable(Frozen):
    """What cannot be had, why, and what would change that (empty where nothing would)."""

    what: str
    why: str
    remedy: str = ""


def unanswerable(
    spec: AuditSpec, evidence: Evidence, edits: list[dict[str, Any]], checks: list[dict[str, Any]]
) -> list[Unanswerable]:
    """Return everything that the spec asks for and that data and model cannot give.

    Args:
        spec: the audit.
        evidence: rows, slices and pairs.
        edits: what ``edits.json`` holds.
        checks: what ``checks.json`` holds.
    """
    return [
        *_data(spec, checks),
        *_techniques(spec, evidence, edits),
        *_metrics(spec),
        *_comparisons(spec),
        *_edits(spec, edits),
        *_groups(evidence),
        *_doubts(checks),
    ]


def _doubts(checks: list[dict[str, Any]]) -> Iterator[Unanswerable]:
    """What the data say against the spec; the run tells it as a warning."""
    for check in checks:
        if not check["success"] and check["expectation"] in REMEDY:
            what, remedy = REMEDY[check["expectation"]]
            yield Unanswerable(what=what, why=check["observed"], remedy=remedy)


def _data(spec: AuditSpec, checks: list[dict[str, Any]]) -> Iterator[Unanswerable]:
    """Broken expectations: the run would stop at them, or go on where the spec says so."""
    broken = [check for check in checks if not check["success"] and check["severity"] != "warning"]
    for check in broken:
        why = (
            f"{check['unexpected_count']:,} rows break it" if check["unexpected_count"] else f"got {check['observed']}"
        )
        stops = "; the run would stop here" if spec.data.when_broken == "stop" else "; it would be recorded only"
        column = f" of {check['column']}" if check.get("column") else ""
        yield Unanswerable(what=f"{check['expectation']}{column}", why=why + stops, remedy="mend the data")


def _techniques(spec: AuditSpec, evidence: Evidence, edits: list[dict[str, Any]]) -> Iterator[Unanswerable]:
    from audits.techniques import registry

    given = available(spec, evidence, edits)
    for name in spec.techniques:
        if name not in registry:
            continue  # the spec reader refuses it
        entry = registry[name]
        for need in sorted(entry.facts.get("needs", ())):
            if why := given.get(need):
                yield Unanswerable(what=name, why=why[0], remedy=why[1])
        if why_not := _wrong_kind(spec, entry):
            yield Unanswerable(what=name, why=why_not)


def available(spec: AuditSpec, evidence: Evidence, edits: list[dict[str, Any]]) -> Mapping[str, tuple[str, str] | None]:
    """Return, for each thing a technique may need, why it is absent and the remedy; ``None`` where it is there."""
    data, model = spec.data, spec.model
    if not spec.counterfactuals:
        no_pairs = ("the spec asks for no counterfactuals", "add counterfactuals: {swap: {}}")
    else:
        no_pairs = ("not one counterfactual could be made", "see the reasons below")
    labelled = data.label is not None and evidence.rows["label"].null_count < evidence.rows.num_rows
    alone = ": only what needs the label alone is measured" if labelled else ""
    no_decisions = (f"the spec names neither a model nor decisions{alone}", "add model:, or data.decision")
    if model is not None and model.kind == "causal-lm":
        no_decisions = ("a causal language model scores texts and decides nothing", "")
    elif data.score is not None:
        no_decisions = ("the data hold scores and the spec no data.threshold", "say which are positive: threshold: …")
    no_labels = ("no row has a truth", "") if data.label else ("the spec names no label", "add data.label")
    decided = (model is not None and model.kind != "causal-lm") or data.decision or (data.score and data.threshold)
    return {
        "labels": None if labelled else no_labels,
        "pairs": None if any(entry["edited"] for entry in edits) else no_pairs,
        "decisions": None if decided else no_decisions,
        "scores": None if model or data.score else ("the spec names neither a model nor scores", "add data.score"),
        "text": None if evidence.rows["text"].null_count < evidence.rows.num_rows else ("no row has a text", ""),
    }


def _wrong_kind(spec: AuditSpec, entry: Entry) -> str:
    kinds = entry.facts.get("kinds") or ()
    got = spec.model.kind if spec.model else "no model"
    return f"it examines {' or '.join(sorted(kinds))}, and there is {got}" if kinds and got not in kinds else ""


def _metrics(spec: AuditSpec) -> Iterator[Unanswerable]:
    """Metrics named in an option of a technique, or in a limit, that need a truth which is not there."""
    from audits.metrics import registry

    asked = {name for options in spec.techniques.values() for name in options.get("metrics") or ()}
    asked |= {limit.measure for limit in spec.policy}
    for name in sorted(asked):
        if name not in registry or registry[name].facts["task"] not in ("binary", "scores"):
            continue
        if registry[name].facts["labels"] and spec.data.label is None:
            yield Unanswerable(
                what=name, why="it needs the truth, and the spec names no label", remedy="add data.label"
            )


def _comparisons(spec: AuditSpec) -> Iterator[Unanswerable]:
    """Limits on a comparison that their measure never has; one against production, only a gate makes."""
    from audits.metrics import comparisons, registry

    for limit in spec.policy:
        known = comparisons(registry[limit.measure]) if limit.measure in registry else ()
        if known and limit.compare not in (*known, "change", "widening"):
            what = f"{limit.compare} of {limit.measure} over {', '.join(limit.attributes)}"
            of_two = limit.compare in ("difference", "paired", "ratio") and "gap" in known
            yield Unanswerable(
                what=what,
                why=f"{limit.measure} has no {limit.compare}, it has {', '.join(known)}",
                remedy=f"write compare: {'gap' if of_two else known[0]}",
            )


def _edits(spec: AuditSpec, edits: list[dict[str, Any]]) -> Iterator[Unanswerable]:
    """Attributes (or groups of them) that no input could be changed to, with the commonest reason."""
    for entry in edits:
        if entry["asked"] and not entry["edited"]:
            reason = next(iter(entry["refused"]), "no reason given")
            what = f"{entry['counterfactual']} of {entry['attribute'] or 'control words'} to {entry['to_group']}"
            yield Unanswerable(what=what, why=f"none of {entry['asked']:,} could be made; most often: {reason}")
    made = {entry["attribute"] for entry in edits}
    for name, options in spec.counterfactuals.items():
        for attribute in sorted(set(options.get("attributes") or ()) - made):
            why = "no input mentions it in words that can be changed"
            yield Unanswerable(what=f"{name} of {attribute}", why=why, remedy=f"add protected.{attribute}.terms")


def _groups(evidence: Evidence) -> Iterator[Unanswerable]:
    from audits.findings import MISSING_GROUP

    for attribute in evidence.attributes:
        codes, names = evidence.codes(attribute)
        known = [name for at, name in enumerate(names) if name != MISSING_GROUP and (codes == at).any()]
        if len(known) < 2:
            got = f"only {known[0]!r}" if known else "no group at all"
            yield Unanswerable(what=f"parity over {attribute}", why=f"the rows hold {got}, and parity compares two")
    spec = evidence.spec
    for name, given in spec.protected.items() if {"parity", "score_parity"} & spec.techniques.keys() else ():
        told = any(attribute.partition("=")[0] == name for attribute in evidence.attributes)
        if not told and given.probabilities is None and (given.lexicon or given.terms):
            why = "its words say which texts to change and whom they name, not of which group a row is"
            yield Unanswerable(what=f"parity over {name}", why=why, remedy=f"add protected.{name}.column")
