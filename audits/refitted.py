"""Alternatives to today's decisions that refit a model: without proxies, with residuals of them, with other weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audits.alternatives import AS_IT_IS, Aim, Rows, Tried, Untried, named
from audits.findings import rounded
from audits.refitting import Design, Kind, as_many_positive, design, numbers, probabilities
from audits.remedies import residualised, reweighing, separation
from audits.statistics.roots import Floats, quotient

TELLING = 0.6
"""A column that tells two groups apart with this AUC or more is taken for a proxy."""


def refits(
    rows: Rows, aim: Aim, asked: Sequence[str], kind: Kind, proxies: int, seed: int
) -> Iterator[Tried | Untried]:
    """Yield those of ``refit``, ``drop``, ``residualise`` and ``reweigh`` that are asked for.

    Args:
        rows: the audited rows.
        aim: what is to be mended.
        asked: names of alternatives.
        kind: of the model that is refitted.
        proxies: at most so many columns are taken for proxies.
        seed: of the refits.
    """
    names = {"refit": "refitted", "drop": "without proxies", "residualise": "residualised", "reweigh": "reweighed"}
    columns = {name: rows.evidence.column("rows", f"data.{name}") for name in rows.evidence.spec.data.features}
    why = "" if columns else "the evidence holds no columns that a model could be fitted to again (data.features)"
    if columns and not (rows.labels[rows.fitting] >= 0).any():
        why = "no row has a truth that a model could be fitted to again"
    if why:
        yield from (Untried(told, why) for name, told in names.items() if name in asked)
    if why or not names.keys() & set(asked):
        return
    again = _Refit(rows, design(columns, rows.fitting), kind, seed)
    base = again.tried("refitted", Tried(AS_IT_IS, rows.decisions, "", rows.decisions))
    if "refit" in asked:
        yield base
    telling = told_apart(rows, aim.pair)
    own = [name for name in columns if name in own_columns(rows)]
    chosen = [name for name, auc in telling.items() if auc >= TELLING and name not in own][:proxies]
    if "drop" in asked:
        yield from _without(rows, aim, again, base, (own, chosen), telling)
    if "residualise" in asked:
        yield _residuals(rows, again, base, (own, chosen), telling)
    if "reweigh" in asked:
        fitted = rows.fitting & rows.known & (rows.labels >= 0)
        weights = rows.weights.copy()
        weights[fitted] = reweighing(rows.codes[fitted], rows.labels[fitted], rows.weights[fitted])
        yield again.tried("reweighed", base, without=own, weights=weights)


def _without(
    rows: Rows, aim: Aim, again: _Refit, base: Tried, columns: tuple[list[str], list[str]], telling: dict[str, float]
) -> Iterator[Tried | Untried]:
    """The attribute's own columns left out; with them each proxy, and all of them."""
    own, chosen = columns
    sets = [own] * bool(own) + [[*own, name] for name in chosen] + [[*own, *chosen]] * (len(chosen) > 1)
    for names in sets:
        how = {"dropped": {name: rounded(telling.get(name, 0.5), 4) for name in names}}
        yield again.tried(f"without {', '.join(names)}", base, without=names, how=how)
    if not chosen:
        one, two = sorted(rows.groups[at] for at in aim.pair)
        others = [name for name in telling if name not in own]
        why = f"no column {'but its own ' * bool(own)}tells {one} from {two}"
        why += f": of {others[0]} the AUC is {telling[others[0]]:.2f}" if others else ""
        yield Untried("without proxies", why)


def _residuals(
    rows: Rows, again: _Refit, base: Tried, columns: tuple[list[str], list[str]], telling: dict[str, float]
) -> Tried | Untried:
    """Proxies less the mean of each group; the attribute's own columns are left out."""
    own, chosen = columns
    if not chosen:
        return Untried("residualised", "no column but the attribute's own tells the groups apart")
    part = np.array([owner in chosen for owner in again.made.owner])
    matrix = again.made.matrix.copy()
    matrix[:, part] = residualised(matrix[:, part], rows.codes, rows.fitting)
    how: dict[str, Any] = {"residualised": {name: rounded(telling[name], 4) for name in chosen}}
    moved = _Refit(rows, Design(matrix, again.made.owner), again.kind, again.seed)
    found = moved.tried("residualised", base, without=own, how=how)
    return replace(found, name=named(rows, "residualised", uses=True), uses=True)


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
