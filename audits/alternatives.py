"""Alternatives to today's decisions, each fitted on one half of the rows, as decisions for all: other thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, rounded
from audits.registry import Entry
from audits.remedies import (
    Curve,
    Target,
    candidates,
    common_threshold,
    curve,
    group_thresholds,
    halves,
)
from audits.statistics.roots import Floats

Alternative = Literal["common_threshold", "group_thresholds", "refit", "drop", "residualise", "reweigh"]
ALTERNATIVES: tuple[Alternative, ...] = (
    "common_threshold", "group_thresholds", "refit", "drop", "residualise", "reweigh",
)  # fmt: skip

AS_IT_IS = "as it is"


@dataclass(frozen=True, eq=False)
class Rows:
    """The audited rows and one attribute of them.

    ``labels``, ``decisions`` 1, 0, −1 unknown · ``scores`` high is positive (``falling``: those of the data are
    positive where low), ``None`` where there are none · ``weights`` 1 where there are none · ``fitting`` the half
    that is fitted on.
    """

    evidence: Evidence
    attribute: str
    codes: NDArray[np.signedinteger[Any]]
    groups: list[str]
    labels: NDArray[np.int8]
    decisions: NDArray[np.int8]
    scores: Floats | None
    falling: bool
    weights: Floats
    clusters: NDArray[np.int32] | None
    fitting: NDArray[np.bool_]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows have a group that is known."""
        if MISSING_GROUP not in self.groups:
            return np.ones(len(self.codes), np.bool_)
        return np.asarray(self.codes != self.groups.index(MISSING_GROUP))

    @property
    def wanted(self) -> NDArray[np.int8]:
        """The decision that counts as right: the truth, or where the spec names none, today's decision."""
        return self.decisions if self.evidence.spec.data.label is None else self.labels


@dataclass(frozen=True, eq=False)
class Tried:
    """An alternative: what it decides for every row, and what it is compared with.

    ``how`` thresholds or columns · ``uses`` whether the attribute is looked at when a decision is taken.
    """

    name: str
    decisions: NDArray[np.int8]
    compared: str
    before: NDArray[np.int8]
    uses: bool = False
    how: dict[str, Any] = field(default_factory=dict)


class Untried(NamedTuple):
    """An alternative that could not be tried, and why."""

    name: str
    why: str


class Aim(NamedTuple):
    """What is to be mended: a rate and its target, between the groups (positions) that have rows enough to fit on.

    ``pair`` the two that the fitting half shows most to lie beyond the target; there the first has the higher rate,
    for a ratio the lower one, so that a difference is above 0 and a ratio below 1.
    """

    entry: Entry
    target: Target
    groups: list[int]
    pair: tuple[int, int]


def read_rows(evidence: Evidence, attribute: str, seed: int) -> Rows:
    """Read what the alternatives stand on, and deal the rows to a fitting and a measuring half."""
    codes, groups = evidence.codes(attribute)
    data = evidence.spec.data
    labels, weights, clusters = evidence.label_codes(), evidence.weights(), evidence.cluster_codes()
    falling = evidence.spec.model is None and (data.threshold or "").strip().startswith("<")
    return Rows(
        evidence=evidence,
        attribute=attribute,
        codes=codes,
        groups=groups,
        labels=labels if data.label is not None else np.full_like(labels, -1),
        decisions=evidence.decision_codes(),
        scores=_scores(evidence, falling),
        falling=falling,
        weights=np.ones(len(codes)) if weights is None else weights,
        clusters=clusters,
        fitting=halves(len(codes), clusters, np.random.default_rng([seed, 5])),
    )


def _scores(evidence: Evidence, falling: bool) -> Floats | None:
    if evidence.spec.model is None and evidence.spec.data.score is None:
        return None
    if evidence.spec.model is None:
        scores: Floats = evidence.column("rows", "score").to_numpy().astype(np.float64)
    else:
        scores = evidence.scores()
    if np.isnan(scores).all():
        return None
    return -scores if falling else scores


def thresholds(rows: Rows, aim: Aim, asked: Sequence[str]) -> Iterator[Tried | Untried]:
    """Yield those of ``common_threshold`` and ``group_thresholds`` that are asked for, fitted on the fitting half."""
    wanted = [name.replace("_", " ") for name in ("common_threshold", "group_thresholds") if name in asked]
    if rows.scores is None:
        yield from (Untried(name, "the evidence holds decisions and no scores to set thresholds on") for name in wanted)
        return
    if "common_threshold" in asked:
        yield _common(rows, aim, rows.scores)
    if "group_thresholds" in asked:
        yield _by_group(rows, aim, rows.scores)


def _curves(rows: Rows, aim: Aim, scores: Floats, grid: Floats | None) -> dict[int, Curve]:
    """The curve of each group that has scores, and the measure at some threshold."""
    found = {}
    for group in aim.groups:
        at = np.flatnonzero(rows.fitting & (rows.codes == group) & ~np.isnan(scores))
        if not len(at):
            continue
        thresholds = candidates(scores[at]) if grid is None else grid
        one = curve(aim.entry.function, scores[at], rows.labels[at], rows.wanted[at], rows.weights[at], thresholds)
        if not np.isnan(one.rate).all():
            found[group] = one
    return found


def _common(rows: Rows, aim: Aim, scores: Floats) -> Tried | Untried:
    grid = candidates(scores[rows.fitting & rows.known])
    curves = _curves(rows, aim, scores, grid)
    place = common_threshold(list(curves.values()), aim.target) if curves else None
    if place is None:
        return Untried("common threshold", "no one threshold brings the gap down to the target on the fitting half")
    decisions = np.where(np.isnan(scores), rows.decisions, scores >= grid[place]).astype(np.int8)
    how = {"threshold": _told(rows, grid[place])}
    return Tried("common threshold", decisions, AS_IT_IS, rows.decisions, how=how)


def _by_group(rows: Rows, aim: Aim, scores: Floats) -> Tried | Untried:
    curves = _curves(rows, aim, scores, None)
    places = group_thresholds(list(curves.values()), aim.target) if curves else None
    if places is None:
        return Untried("group thresholds", "no thresholds bring the gap down to the target on the fitting half")
    decisions = rows.decisions.copy()
    told = {}
    for (group, one), place in zip(curves.items(), places, strict=True):
        at = (rows.codes == group) & ~np.isnan(scores)
        decisions[at] = scores[at] >= one.thresholds[place]
        told[rows.groups[group]] = _told(rows, one.thresholds[place])
    name = named(rows, "group thresholds", uses=True)
    return Tried(name, decisions, AS_IT_IS, rows.decisions, uses=True, how={"thresholds": told})


def _told(rows: Rows, threshold: float) -> str:
    """A threshold in the sense of the data's own scores."""
    return f"<= {rounded(-threshold, 6):g}" if rows.falling else f">= {rounded(threshold, 6):g}"


def named(rows: Rows, name: str, uses: bool) -> str:
    """Return the name of an alternative, which says so where it looks at the attribute to decide."""
    return f"{name} (uses {rows.attribute})" if uses else name
