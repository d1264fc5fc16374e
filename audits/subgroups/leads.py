"""Leads: subgroups that the discovery half suggests, for the other half to confirm or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.findings import rounded
from audits.statistics import critical
from audits.subgroups import ANY, BOUNDED_BY, Outcomes
from audits.subgroups.divergence import redundant
from audits.subgroups.linear import LinearRule, fit_linear, gamma
from audits.subgroups.sample import Sample

_LEAD = 0.05  # p-value on the discovery half from which a pattern is no lead


class Lead(NamedTuple):
    """A subgroup: its name, which rows are in, its difference from all others on the discovery half, what is told."""

    name: str
    picked: NDArray[np.bool_]
    gap: float
    details: dict[str, Any]


def clearest_patterns(drawn: Sample, rate: Outcomes, top: int) -> list[Lead]:
    """Return the clearest patterns of the discovery half that say more than one with a category less.

    Args:
        drawn: the rows, searched.
        rate: the metric.
        top: most of them.
    """
    compared = drawn.compared(rate, True)
    z = np.abs(compared.z)
    own = np.where(compared.measured, compared.gap * compared.n2 / np.maximum(compared.n1 + compared.n2, 1), 0)
    z[redundant(drawn.patterns, own)] = 0  # own: the divergence from all rows
    leads = np.argsort(-z, kind="stable")[:top]
    return [
        Lead(
            drawn.patterns.name(at),
            drawn.picked(at),
            float(compared.gap[at]),
            {"rows": int(drawn.patterns.tables[at].sum()), BOUNDED_BY: ANY},
        )
        for at in leads[z[leads] > critical(1 - _LEAD)].tolist()
    ]


def linear_rule(drawn: Sample, rate: Outcomes, protected: int, known: Sequence[Lead]) -> list[Lead]:
    """Return whom a linear rule picks out on the discovery half; none where there is nothing to fit or to tell.

    Args:
        drawn: the rows, searched.
        rate: the metric.
        protected: the rule is over so many columns, the first ones.
        known: leads that are not told twice.
    """
    of, among = drawn.by_combination(rate, True)
    if not 0 < of.sum() < among.sum():
        return []
    names = [name for name, _ in drawn.cells.columns[:protected]]
    sizes = [len(categories) + 1 for _, categories in drawn.cells.columns]
    rule = fit_linear(drawn.codes, sizes, range(protected), of, among)
    inside = rule.picks(drawn.codes)
    x, n = of[inside].sum(), among[inside].sum()
    if not 0 < n < among.sum():
        return []
    picked = rule.picks(drawn.cells.codes)[drawn.cells.of_row]
    if any((picked == one.picked).all() or (picked != one.picked).all() for one in known):
        return []
    gap = float(x / n - (of.sum() - x) / (among.sum() - n))
    share = float(picked.mean())
    told = {
        "rows": int(picked.sum()),
        "rule": _rule_in_words(rule, drawn),
        "gamma": rounded(float(gamma(x, n, of.sum(), among.sum()))),
        "gamma_weight": "share of the denominator's rows, discovery half",
        "gamma_of_all_rows": rounded(float(gamma(x, n, of.sum(), among.sum(), share))),
    }
    return [Lead(f"a linear combination of {', '.join(names)}", picked, gap, told)]


def _rule_in_words(rule: LinearRule, drawn: Sample) -> dict[str, float]:
    found = {"constant": round(rule.constant, 6)}
    for column, weights in zip(rule.columns, rule.weights, strict=True):
        name, categories = drawn.cells.columns[column]
        for category, weight in zip(categories, weights[1:], strict=True):
            if abs(weight) > 1e-6:
                found[f"{name}={category}"] = round(float(weight), 6)
    return found
