"""Which characters of a text, and which of its tokens, name a protected attribute."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence

Spans = dict[int, list[tuple[int, int]]]


def term_spans(evidence: Evidence, attribute: str) -> Spans:
    """Return the characters (start, end) that name an attribute, for each audited position whose text has any.

    They are what the counterfactual edits of the attribute replace, whichever group they edit it to.
    """
    at = {row: position for position, row in enumerate(evidence.rows["row"].to_pylist())}
    found: dict[int, set[tuple[int, int]]] = {}
    for pair in evidence.pairs.select(["row", "attribute", "kind", "status", "edits"]).to_pylist():
        if (pair["attribute"], pair["kind"], pair["status"]) == (attribute, "counterfactual", "edited"):
            spans = {(edit["start"], edit["end"]) for edit in json.loads(pair["edits"]) if edit["end"] > edit["start"]}
            if spans and pair["row"] in at:
                found.setdefault(at[pair["row"]], set()).update(spans)
    return {position: sorted(found[position]) for position in sorted(found)}


def named_groups(evidence: Evidence, attribute: str) -> NDArray[np.str_]:
    """Return each audited row's group; of an attribute that only texts tell, the group its edits start from."""
    if attribute in evidence.attributes:
        return evidence.groups(attribute)
    pairs = evidence.pairs.select(["row", "attribute", "kind", "from_group"]).to_pylist()
    said = {p["row"]: p["from_group"] for p in pairs if (p["attribute"], p["kind"]) == (attribute, "counterfactual")}
    return np.array([said.get(row, "") for row in evidence.rows["row"].to_pylist()], dtype=object)


def on_terms(offsets: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Return which tokens overlap any of the spans, shape ``(tokens,)``; ``offsets`` has shape ``(tokens, 2)``."""
    start, end = offsets.T
    touched = [(start < stop) & (end > begin) for begin, stop in spans]
    return np.asarray(np.any(touched, axis=0))
