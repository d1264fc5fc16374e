"""Real rows whose decision flipped, as a reader can check them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from audits.evidence import Evidence
from audits.findings import rounded
from audits.paired import Sides


def examples(evidence: Evidence, seen: Sides, group: int, reference: int, most: int = 3) -> list[dict[str, Any]]:
    """Return up to ``most`` rows whose decision differs between two groups, the largest change of score first.

    Rows of which one side is the row as it is come before those of which both are edited. Each example holds
    ``row``, ``from``, ``to``, ``score_before``, ``score_after``, ``decision_before``, ``decision_after``; for a
    text ``text``, ``text_after`` and, from the row as it is, ``edits``; for a table ``changes`` (column →
    [before, after]). Where the evidence may not be copied (``evidence: digest-only``) only numbers and names.
    """
    one, other = seen.decision[:, group], seen.decision[:, reference]
    flipped = np.flatnonzero(~np.isnan(one) & ~np.isnan(other) & (one != other))
    change = np.nan_to_num(np.abs(seen.score[flipped, group] - seen.score[flipped, reference]))
    edited_twice = ~np.isin(seen.own[flipped], (group, reference))
    order = np.lexsort((seen.row[flipped], -change, edited_twice))[:most]
    return [_example(evidence, seen, int(unit), group, reference) for unit in flipped[order]]


def _example(evidence: Evidence, seen: Sides, unit: int, group: int, reference: int) -> dict[str, Any]:
    before, after = (group, reference) if seen.own[unit] == group else (reference, group)
    scores, decisions = seen.score[unit], seen.decision[unit]
    told = {
        "row": int(seen.row[unit]),
        "from": seen.groups[before],
        "to": seen.groups[after],
        "score_before": None if np.isnan(scores[before]) else rounded(float(scores[before])),
        "score_after": None if np.isnan(scores[after]) else rounded(float(scores[after])),
        "decision_before": int(decisions[before]),
        "decision_after": int(decisions[after]),
    }
    return (
        told if evidence.spec.evidence == "digest-only" else {**told, **_content(evidence, seen, unit, before, after)}
    )


def _content(evidence: Evidence, seen: Sides, unit: int, before: int, after: int) -> dict[str, Any]:
    changed = _line(evidence, int(seen.version[unit, after]))
    start = int(seen.version[unit, before])
    at = int(np.flatnonzero(evidence.rows["row"].to_numpy() == seen.row[unit])[0])
    earlier = _line(evidence, start) if start >= 0 else {}
    if changed["changes"] is not None:
        set_before = json.loads(earlier["changes"]) if earlier else {}
        return {
            "changes": {
                name: [set_before.get(name, evidence.rows[f"data.{name}"][at].as_py()), value]
                for name, value in json.loads(changed["changes"]).items()
            }
        }
    text = earlier["text"] if earlier else evidence.rows["text"][at].as_py()
    return {
        "text": text,
        "text_after": changed["text"],
        **({} if earlier else {"edits": json.loads(changed["edits"])}),
    }


def _line(evidence: Evidence, at: int) -> dict[str, Any]:
    line: dict[str, Any] = evidence.pairs.slice(at, 1).to_pylist()[0]
    return line
