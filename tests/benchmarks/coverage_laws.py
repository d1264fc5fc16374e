"""Populations of which every number is known, and samples of them as the techniques summarise them.

A law of counts is the chance of each cell of the tables that a task's metrics take; a law of numbers or of lists is a
large pool of rows, of which samples are drawn with replacement, so that the truth is the pool's own value. Groups come
in twos: a group, and a reference of another law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from audits.metrics import Counts
from audits.metrics.balance import LabelCounts
from audits.metrics.histograms import Scored, binning, into_cuts, row_errors
from audits.metrics.list_sums import Items, listed
from audits.metrics.list_sums import summed as summed_lists
from audits.metrics.multiclass import classified
from audits.metrics.predicted import parts_of, summed

POOL = 40_000


@dataclass(frozen=True)
class Law:
    """``task`` whose metrics are measured · ``one`` and ``other``: the chances of the cells, or the pool, of the group
    and of the reference · ``summary`` makes the summary of … × groups × cells (or fields)."""

    task: str
    name: str
    one: np.ndarray
    other: np.ndarray
    summary: Callable[[np.ndarray], Any]
    fields: bool = False


def binary(base: float, tpr: float, fpr: float) -> np.ndarray:
    """The chances of tp, fp, fn, tn, and of no decisions without truth."""
    return np.array([base * tpr, (1 - base) * fpr, base * (1 - tpr), (1 - base) * (1 - fpr), 0, 0])


def scores(base: float, spread: float, sharper: float, bins: int = 40) -> np.ndarray:
    """The chances of truth × score: truths follow the score, whose log-odds are told ``sharper`` times too large."""
    logit = np.linspace(-4.5, 4.5, bins) if bins > 5 else np.linspace(-1.5, 1.5, bins)
    true = 1 / (1 + np.exp(-logit / sharper))
    middle = logit[np.argmin(np.abs(true - base))]
    density = np.exp(-0.5 * ((logit - middle) / (spread * sharper)) ** 2)
    density /= density.sum()
    return np.stack([0 * density, density * (1 - true), density * true]).ravel()


def scored(bins: int = 40) -> Callable[[np.ndarray], Scored]:
    """The summary of counts of truth × score."""
    logit = np.linspace(-4.5, 4.5, bins) if bins > 5 else np.linspace(-1.5, 1.5, bins)
    value = 1 / (1 + np.exp(-logit))
    binned = binning(value, bins)

    def summary(table: np.ndarray) -> Scored:
        tally = np.asarray(table, float).reshape(*table.shape[:-1], 3, bins)
        errors = np.array([row_errors(np.full(bins, truth), value) for truth in (-1, 0, 1)])
        squared, loss = (np.einsum("...tb,tb->...", tally, errors[:, at]) for at in (0, 1))
        even = np.arange(tally.shape[-3]) ^ 1  # the other of the two groups is the background
        return Scored(
            tally=tally, rest=np.take(tally, even, axis=-3),
            value=np.broadcast_to(value, (*tally.shape[:-2], bins)),
            held=into_cuts(tally, binned), score=into_cuts(tally * value, binned),
            squared=squared, loss=loss, outside=np.zeros(tally.shape[:-2]),
        )  # fmt: skip

    return summary


def classes(chances: list[float], right: float) -> np.ndarray:
    """The chances of true × predicted class (each with an unknown one first); a wrong prediction is any other."""
    many = len(chances)
    given = np.full((many, many), (1 - right) / (many - 1)) + np.eye(many) * (right - (1 - right) / (many - 1))
    table = np.zeros((many + 1, many + 1))
    table[1:, 1:] = np.array(chances)[:, None] * given
    return table.ravel()


def predictions(errors: str, rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    """A pool of rows, as fields × rows: skewed truths, and errors of one of three shapes."""
    truth = rng.gamma(2.0, 5.0, POOL) + 1
    drawn = {
        "normal": rng.normal(0, 2, POOL),
        "exponential": 2 * rng.exponential(1, POOL) - 1,
        "laplace": rng.laplace(0, 1.5, POOL),
        "lognormal": rng.lognormal(0, 0.8, POOL) - 1,
    }[errors]
    return np.stack(parts_of(truth + scale * drawn, truth, np.ones(POOL)))


def lists(advantage: float, rng: np.random.Generator, length: int = 10, many: int = 4000) -> np.ndarray:
    """A pool of ranked lists, as lists × fields × groups: two groups, relevance of which the order knows something."""
    group = (rng.random((many, length)) < 0.4).astype(int)
    relevance = (rng.random((many, length)) < 0.3).astype(float) * rng.integers(1, 4, (many, length))
    order = np.argsort(-(relevance + advantage * group + rng.normal(0, 1.2, group.shape)), axis=1)
    group, relevance = (np.take_along_axis(of, order, axis=1) for of in (group, relevance))
    items = Items(
        row=np.arange(many * length), lists=np.repeat(np.arange(many), length),
        rank=np.tile(np.arange(1.0, length + 1), many), relevance=relevance.ravel(), query=np.arange(many),
        item=None, weight=np.ones(many), cluster=None, file="rows.parquet", details={},
    )  # fmt: skip
    return summed_lists(items, group.ravel(), ["a", "b"], 5, 10, None).table


def laws(rng: np.random.Generator) -> list[Law]:
    """Every law of which the coverage is told."""
    found = []

    def counts(task, name, one, other, summary):
        found.append(Law(task, name, one, other, summary))

    def confused(table):
        return Counts(*np.moveaxis(np.asarray(table, float), -1, 0))

    for base in (0.05, 0.2, 0.5):
        counts("binary", f"base rate {base:g}", binary(base, 0.7, 0.15), binary(base, 0.6, 0.1), confused)
    for base, spread, sharper in ((0.05, 1.0, 1.0), (0.2, 1.0, 1.5), (0.5, 1.0, 1.0)):
        name = f"base rate {base:g}, log-odds {sharper:g} times"
        counts("scores", name, scores(base, spread, sharper), scores(base, spread * 1.3, sharper), scored())
    for name, chances in (("even", [0.3, 0.3, 0.4]), ("one class in twenty", [0.05, 0.35, 0.6])):
        one, other = classes(chances, 0.7), classes(chances, 0.8)
        counts("multiclass", name, one, other, lambda table: classified(np.asarray(table, float), 3))
    for base in (0.05, 0.2, 0.5):
        one, other = np.array([1 - base, base, 0]), np.array([1 - base * 0.8, base * 0.8, 0])

        def labelled(table):
            table = np.asarray(table, float)
            return LabelCounts(table[..., None, :-1], table[..., -1:])

        counts("data", f"base rate {base:g}", one, other, labelled)
    for errors in ("normal", "exponential", "laplace", "lognormal"):
        one, other = predictions(errors, rng), predictions(errors, rng, 1.2)
        found.append(Law("regression", f"{errors} errors", one, other, summed, True))
    for advantage in (0.0, 0.8):
        pool = np.moveaxis(lists(advantage, rng), 0, -1)  # fields × groups × lists: of the same lists
        found.append(Law("ranking", f"advantage {advantage:g}", pool[:, 0], pool[:, 1], listed, True))
    return found
