"""Alternatives to today's decisions: each fitted on one half of the rows, as decisions for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, rounded
from audits.refitting import Design, Kind, as_many_positive, design, numbers, probabilities
from audits.registry import Entry
from audits.remedies import (
    Curve,
    Target,
    candidates,
    common_threshold,
    curve,
    group_thresholds,
    halves,
    residualised,
    reweighing,
    separation,
)
from audits.statistics.roots import Floats, quotient

Alternative = Literal["common_threshold", "group_thresholds", "refit", "drop", "residualise", "reweigh"]
ALTERNATIVES: tuple[Alternative, ...] = (
    "common_threshold", "group_thresholds", "refit", "drop", "residualise", "reweigh",
)  # fmt: skip

AS_IT_IS = "as it is"

TELLING = 0.6
"""A column that tells two groups apart with this AUC or more is taken for a proxy."""


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


def tried(rows: Rows, aim: Aim, asked: Sequence[str], kind: Kind, proxies: int, seed: int) -> Iterator[Tried | Untried]:
    """Yield the alternatives that are asked for, each fitted on the fitting half.

    Args:
        rows: the audited rows.
        aim: what is to be mended.
        asked: names of ``ALTERNATIVES``.
        kind: of the model that is refitted.
        proxies: at most so many columns are taken for proxies.
        seed: of the refits.
    """
    if "common_threshold" in asked or "group_thresholds" in asked:
        yield from _thresholds(rows, aim, asked)
    if {"refit", "drop", "residualise", "reweigh"} & set(asked):
        yield from _refits(rows, aim, asked, kind, proxies, seed)


def _thresholds(rows: Rows, aim: Aim, asked: Sequence[str]) -> Iterator[Tried | Untried]:
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


def _refits(
    rows: Rows, aim: Aim, asked: Sequence[str], kind: Kind, proxies: int, seed: int
) -> Iterator[Tried | Untried]:
    names = {"refit": "refitted", "drop": "without proxies", "residualise": "residualised", "reweigh": "reweighed"}
    columns = {name: rows.evidence.column("rows", f"data.{name}") for name in rows.evidence.spec.data.features}
    why = "" if columns else "the evidence holds no columns that a model could be fitted to again (data.features)"
    if columns and not (rows.labels[rows.fitting] >= 0).any():
        why = "no row has a truth that a model could be fitted to again"
    if why:
        yield from (Untried(told, why) for name, told in names.items() if name in asked)
        return
    again = _Refit(rows, design(columns, rows.fitting), kind, seed)
    base = again.tried("refitted", Tried(AS_IT_IS, rows.decisions, "", rows.decisions))
    if "refit" in asked:
        yield base
    telling = told_apart(rows, aim.pair)
    chosen = [name for name, auc in telling.items() if auc >= TELLING][:proxies]
    if "drop" in asked:
        yield from _without(rows, aim, again, base, chosen, telling)
    if "residualise" in asked:
        yield _residuals(rows, again, base, chosen, telling)
    if "reweigh" in asked:
        fitted = rows.fitting & rows.known & (rows.labels >= 0)
        weights = rows.weights.copy()
        weights[fitted] = reweighing(rows.codes[fitted], rows.labels[fitted], rows.weights[fitted])
        yield again.tried("reweighed", base, weights=weights)


def _without(
    rows: Rows, aim: Aim, again: _Refit, base: Tried, chosen: list[str], telling: dict[str, float]
) -> Iterator[Tried | Untried]:
    """Proxies left out one by one and together."""
    if not chosen:
        one, two = sorted(rows.groups[at] for at in aim.pair)
        most = max(telling, key=lambda name: telling[name], default="")
        why = f"no column tells {one} from {two}" + (f": of {most} the AUC is {telling[most]:.2f}" if most else "")
        yield Untried("without proxies", why)
    for names in [[name] for name in chosen] + ([chosen] if len(chosen) > 1 else []):
        how = {"dropped": {name: rounded(telling[name], 4) for name in names}}
        yield again.tried(f"without {', '.join(names)}", base, without=names, how=how)


def _residuals(rows: Rows, again: _Refit, base: Tried, chosen: list[str], telling: dict[str, float]) -> Tried | Untried:
    """Proxies less the mean of each group; the attribute's own column is left out."""
    own = sorted(own_columns(rows))
    names = [name for name in chosen if name not in own]
    if not names:
        return Untried("residualised", "no column but the attribute's own tells the groups apart")
    part = np.array([owner in names for owner in again.made.owner])
    matrix = again.made.matrix.copy()
    matrix[:, part] = residualised(matrix[:, part], rows.codes, rows.fitting)
    how: dict[str, Any] = {"residualised": {name: rounded(telling[name], 4) for name in names}}
    moved = _Refit(rows, Design(matrix, again.made.owner), again.kind, again.seed)
    found = moved.tried("residualised", base, without=own, how=how)
    return replace(found, name=named(rows, "residualised", uses=True), uses=True)


def named(rows: Rows, name: str, uses: bool) -> str:
    """Return the name of an alternative, which says so where it looks at the attribute to decide."""
    return f"{name} (uses {rows.attribute})" if uses else name


def own_columns(rows: Rows) -> set[str]:
    """Return the columns that the attribute itself is read from."""
    found: set[str] = set()
    for part in rows.attribute.split("×"):
        named = rows.evidence.spec.protected[part]
        found |= {named.column} if named.column else set(named.indicators or ())
    return found


def told_apart(rows: Rows, pair: tuple[int, int]) -> dict[str, float]:
    """Return the columns of the model by how well each tells the two groups apart (AUC), the strongest first."""
    at = np.flatnonzero(np.isin(rows.codes, pair))
    one, found = rows.codes[at] == pair[0], {}
    for name in rows.evidence.spec.data.features:
        values = numbers(rows.evidence.column("rows", f"data.{name}"))[0]
        auc = separation(values[at], one, rows.fitting[at])
        if auc is not None:
            found[name] = auc
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, eq=False)
class _Refit:
    """Fits a model again and decides by it: as many positive on the fitting half as are today."""

    rows: Rows
    made: Design
    kind: Kind
    seed: int

    def tried(
        self,
        name: str,
        base: Tried,
        *,
        without: Sequence[str] = (),
        weights: Floats | None = None,
        how: dict[str, Any] | None = None,
    ) -> Tried:
        rows = self.rows
        columns = [column for column in rows.evidence.spec.data.features if column not in without]
        decided = rows.fitting & (rows.decisions >= 0)
        fitted = rows.weights if weights is None else weights
        scores = probabilities(self.kind, self.made.without(without), rows.labels, fitted, rows.fitting, self.seed)
        positive = rows.weights[decided & (rows.decisions == 1)].sum()
        share = float(quotient(positive, rows.weights[decided].sum()))
        threshold = as_many_positive(scores, share, rows.weights, decided)
        decisions = np.where(rows.decisions < 0, -1, scores >= threshold).astype(np.int8)
        told = {"model": self.kind, "columns": columns, **(how or {})}
        uses = bool(own_columns(rows) & set(columns))
        return Tried(named(rows, name, uses), decisions, base.name, base.decisions, uses, told)
