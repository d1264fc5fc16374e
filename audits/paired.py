"""Rows seen as each of several groups: what the model answers for every version of the same row, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import MISSING_GROUP
from audits.pairs import QUOTED

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sides:
    """Every version of every unit (a row; a filling of a template), a line per unit and a column per group.

    ``own`` is the unit's own group (position in ``groups``), ``cluster`` its cluster as a number from 0,
    ``version`` the line of ``pairs`` that holds it as that group (−1: the row as it is, or none). ``score`` and
    ``decision`` are NaN where there is no version or no answer.
    """

    attribute: str
    groups: list[str]
    reference: int
    row: Ints
    own: Ints
    cluster: Ints
    version: Ints
    score: Floats
    decision: Floats

    @property
    def clustered(self) -> bool:
        """Whether some cluster holds more than one unit."""
        return len(np.unique(self.cluster)) < len(self.cluster)

    def pairs(self) -> list[tuple[int, int]]:
        """Return positions (group, reference): all against the reference, then every other pair once."""
        others = [at for at in range(len(self.groups)) if at != self.reference]
        first = [(at, self.reference) for at in others]
        return first + [(b, a) for i, a in enumerate(others) for b in others[i + 1 :]]


def attributes_of(evidence: Evidence) -> list[str]:
    """Return the attributes that some version was asked for, in the order of the spec, intersections last."""
    asked = set(pc.unique(evidence.pairs["attribute"]).to_pylist()) - {""}
    listed = [name for name in evidence.spec.protected if name in asked]
    return listed + sorted(asked - set(listed))


def sides(evidence: Evidence, attribute: str) -> Sides:
    """Return all versions of one attribute side by side, refused ones as NaN."""
    of_attribute = pc.and_(
        pc.equal(evidence.pairs["attribute"], attribute), pc.equal(evidence.pairs["kind"], "counterfactual")
    )
    lines = np.flatnonzero(of_attribute.to_numpy(zero_copy_only=False))
    asked = evidence.pairs.take(pa.array(lines))
    groups = _groups(evidence, attribute, asked)
    edited = pc.equal(asked["status"], "edited")
    made = asked.filter(edited)
    lines = lines[edited.to_numpy(zero_copy_only=False)]
    unit, first = _units(made)
    own, to = _codes(made["from_group"], groups), _codes(made["to_group"], groups)
    shape = (len(first), len(groups))
    version = np.full(shape, -1, np.int64)
    version[unit, to] = lines
    return Sides(
        attribute=attribute,
        groups=groups,
        reference=_reference(evidence, attribute, groups, own[first]),
        row=made["row"].to_numpy()[first],
        own=own[first],
        cluster=np.unique(_numbered(made["cluster"])[first], return_inverse=True)[1].astype(np.int64),
        version=version,
        score=_matrix(shape, unit, own, to, evidence.scores(made["original"]), evidence.scores(made["input"])),
        decision=_matrix(shape, unit, own, to, evidence.decisions(made["original"]), evidence.decisions(made["input"])),
    )


def _matrix(shape: tuple[int, int], unit: Ints, own: Ints, to: Ints, before: Floats, after: Floats) -> Floats:
    matrix = np.full(shape, np.nan)
    matrix[unit, own] = before
    matrix[unit, to] = after  # last: a template is not scored itself, its reference filling is
    return matrix


def _units(made: pa.Table) -> tuple[Ints, Ints]:
    """Number the units: one per counterfactual, row and filling. Returns each line's unit, each unit's first line."""
    parts = np.stack(
        [
            _numbered(made["counterfactual"]),
            made["row"].to_numpy(),
            made["filling"].fill_null(-1).to_numpy(),
        ]
    )
    _, first, unit = np.unique(parts, axis=1, return_index=True, return_inverse=True)
    return unit.reshape(-1).astype(np.int64), first.astype(np.int64)


def _numbered(column: pa.ChunkedArray) -> Ints:
    encoded = column.combine_chunks().dictionary_encode()
    numbers: Ints = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _codes(column: pa.ChunkedArray, groups: list[str]) -> Ints:
    found: Ints = pc.index_in(column, value_set=pa.array(groups, pa.string())).to_numpy().astype(np.int64)
    return found


def _groups(evidence: Evidence, attribute: str, asked: pa.Table) -> list[str]:
    """The groups of the versions, in the order of the slices, or of the spec's terms, or by name."""
    seen = set(pc.unique(asked["to_group"]).to_pylist()) | set(pc.unique(asked["from_group"]).to_pylist())
    seen -= {MISSING_GROUP}
    if attribute in evidence.attributes:
        order = evidence.codes(attribute)[1]
    else:
        protected = evidence.spec.protected.get(attribute)
        order = list(protected.terms) if protected and protected.terms else []
    return [name for name in order if name in seen] + sorted(seen - set(order))


def _reference(evidence: Evidence, attribute: str, groups: list[str], own: Ints) -> int:
    """The spec's reference group, or the one that ``groups.json`` resolved, or that of most units."""
    named = evidence.reference(attribute)
    path = evidence.folder / "groups.json"
    if named not in groups and path.is_file():
        document: Mapping[str, Any] = json.loads(path.read_bytes()).get("attributes", {}).get(attribute, {})
        named = document.get("reference", {}).get("group") or named
    if named in groups:
        return groups.index(named)
    return int(np.bincount(own, minlength=max(len(groups), 1)).argmax())


@dataclass(frozen=True, eq=False)
class Controls:
    """Neutral edits: the rows, their clusters as numbers, scores and decisions before and after."""

    row: Ints
    cluster: Ints
    score: Floats
    decision: Floats


def controls(evidence: Evidence, rows: Ints) -> Controls:
    """Return the control edits of the given rows; ``score`` and ``decision`` have two columns, before and after."""
    pairs = evidence.pairs
    wanted = pc.and_(pc.equal(pairs["kind"], "control"), pc.equal(pairs["status"], "edited"))
    made = pairs.filter(pc.and_(wanted, pc.is_in(pairs["row"], value_set=pa.array(np.unique(rows)))))
    before, after = made["original"], made["input"]
    return Controls(
        row=made["row"].to_numpy(),
        cluster=_numbered(made["cluster"]),
        score=np.stack([evidence.scores(before), evidence.scores(after)], axis=1),
        decision=np.stack([evidence.decisions(before), evidence.decisions(after)], axis=1),
    )


def refusals(evidence: Evidence, attribute: str) -> dict[str, dict[str, Any]]:
    """Return per group (and ``(control)``): ``asked``, ``edited``, ``ambiguous``, ``refused``.

    ``refused``: reason → count, the commonest first; the words that a reason quotes are left out.
    """
    pairs = evidence.pairs
    wanted = pc.or_(pc.equal(pairs["attribute"], attribute), pc.equal(pairs["kind"], "control"))
    counted = pairs.filter(wanted).group_by(["to_group", "status", "reason"]).aggregate([([], "count_all")]).to_pylist()
    table: dict[str, dict[str, Any]] = {}
    for line in sorted(counted, key=lambda line: (-line["count_all"], line["reason"] or "")):
        entry = table.setdefault(line["to_group"], {"asked": 0, "edited": 0, "ambiguous": 0, "refused": {}})
        entry["asked"] += line["count_all"]
        if line["status"] == "edited":
            entry["edited"] += line["count_all"]
            entry["ambiguous"] += line["count_all"] * (line["reason"] or "").startswith("ambiguous")
        else:
            reason = QUOTED.sub("…", line["reason"] or "")
            entry["refused"][reason] = entry["refused"].get(reason, 0) + line["count_all"]
    for entry in table.values():
        entry["refused"] = dict(sorted(entry["refused"].items(), key=lambda item: (-item[1], item[0])))
    return table
