"""Proxy bounds: what probabilities of group membership allow the rates of the groups to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits import metrics as catalogue
from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Comparison, Finding, Interval, Support, rounded
from audits.findings import Evidence as Source
from audits.metrics import direction
from audits.metrics.counting import CELLS, cells, confusion
from audits.metrics.pairing import pairs_of
from audits.probabilities import Probabilities, read_probabilities
from audits.registry import Entry
from audits.statistics import interval
from audits.statistics.proxy_rates import GroupBounds, Sample, alone, difference, folds_of, group_bounds, ratio
from audits.statistics.simultaneous import critical
from audits.techniques import Column, technique

USUAL = ["selection_rate", "true_positive_rate", "false_positive_rate"]
_SAID = (
    "Bounds, not an estimate: groups are known as probabilities only, and every number between the bounds fits the "
    "data. The value told is weighted by the probabilities, which is right only if decision and group have nothing "
    "in common beyond them."
)


_NOTE = "; the interval holds every number that fits probabilities of groups, the value is weighted by them"


@technique(
    source="Kallus, Mao, Zhou 2022, Management Science 68:1959; Chen et al. 2019, FAccT (arXiv 1811.11154)",
    needs={"decisions"},
    replayable=True,
)
def proxy_bounds(
    evidence: Evidence,
    *,
    metrics: list[str] | None = None,
    attributes: list[str] | None = None,
    strata: list[Column] | None = None,
) -> Iterator[Finding]:
    """Sharp bounds of rates, differences and ratios where each row has only a probability of each group.

    Yields a ``rate`` per group, and per pair a ``difference`` and a ``ratio``. The interval is the bounds, each end
    widened by its sampling error; the value is the estimate weighted by the probabilities. A limit is therefore
    passed only if all that fits the data lies inside it. Supposes that the probabilities are right, among the rows
    with a known label too where a metric needs labels. Rows that lack a probability are left out and counted.

    Args:
        evidence: rows and predictions; attributes with ``probabilities``.
        metrics: rates of rows (``evenhand list metrics``); default selection rate and, with labels, true and false
            positive rate.
        attributes: attributes with probabilities; default all.
        strata: columns within which the share of decisions is taken, of those that the probabilities were made from;
            default the rows with the same probabilities. Any choice gives bounds that hold, a finer one narrower.
    """
    protected = evidence.spec.protected
    named = [name for name in attributes or protected if protected[name].probabilities]
    if not named:
        raise NotMeasurable("no protected attribute has probabilities, so there is nothing to bound")
    usual = USUAL if evidence.spec.data.label is not None else USUAL[:1]
    chosen = [_linear(entry) for entry in catalogue.chosen("binary", metrics or usual)]
    labels = evidence.label_codes()
    if evidence.spec.data.label is None:
        labels = np.full_like(labels, -1)
    data = _Data(evidence, labels, evidence.decision_codes(), strata)
    for name in named:
        given = read_probabilities(evidence.rows, name, protected[name])
        yield from chain.from_iterable(_findings(data, name, given, *one) for one in chosen)


@dataclass(frozen=True)
class _Data:
    evidence: Evidence
    labels: NDArray[np.int8]
    decisions: NDArray[np.int8]
    strata: list[str] | None

    def sample(self, entry: Entry, parts: NDArray[np.int8], given: Probabilities) -> tuple[NDArray[np.int64], Sample]:
        """The rows whose label and decision are known as far as the metric needs them, and their roles in it."""
        known = given.known & ((self.labels >= 0) | (not entry.facts["labels"]))
        known &= (self.decisions >= 0) | (not entry.facts["decisions"])
        weights, clusters = self.evidence.weights(), self.evidence.cluster_codes()
        rows = np.flatnonzero(known if weights is None else known & (weights > 0))
        part = parts[cells(self.labels[rows], self.decisions[rows])]
        belongs = _codes(rows if clusters is None else clusters[rows])
        seed = self.evidence.spec.statistics.seed
        return rows, Sample(
            numerator=part == 2,
            rest=part == 1,
            weights=np.ones(len(rows)) if weights is None else weights[rows],
            strata=self._strata(given, rows),
            clusters=belongs,
            folds=folds_of(belongs, np.random.default_rng([seed, 1906])),
        )

    def _strata(self, given: Probabilities, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.strata is None:
            return _codes(np.round(given.of[rows], 9))
        columns = [self.evidence.rows[f"data.{name}"].combine_chunks().dictionary_encode() for name in self.strata]
        return _codes(np.column_stack([column.indices.fill_null(-1).to_numpy()[rows] for column in columns]))


def _codes(values: NDArray[Any]) -> NDArray[np.int64]:
    if not len(values):
        return np.empty(0, np.int64)
    return np.unique(values, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _linear(entry: Entry) -> tuple[Entry, NDArray[np.int8]]:
    """A metric, and for each of the nine cells whether its rows count (2), are in the denominator (1) or neither."""
    if entry.facts["over"] == "group" and entry.facts["scale"] == "rate":
        of, among = entry.function(confusion(np.eye(CELLS).reshape(CELLS, 3, 3), entry.facts["decisions"]))
        if np.isin(of, (0, 1)).all() and np.isin(among, (0, 1)).all() and (of <= among).all():
            return entry, (np.asarray(of) + np.asarray(among)).astype(np.int8)
    raise NotMeasurable(f"{entry.name} is no share of rows, so probabilities of groups do not bound it")


def _findings(
    data: _Data, attribute: str, given: Probabilities, entry: Entry, parts: NDArray[np.int8]
) -> Iterator[Finding]:
    rows, sample = data.sample(entry, parts, given)
    found = [group_bounds(given.of[rows, at], sample) for at in range(len(given.groups))]
    tell = _Teller(data.evidence, attribute, entry, len(given.known) - len(rows))
    sides = [_Side(group, one.rows if one else 0.0) for group, one in zip(given.groups, found, strict=True)]
    missing = [_why(data.evidence, entry, group, one) for group, one in zip(given.groups, found, strict=True)]
    for side, one, why in zip(sides, found, missing, strict=True):
        known = None if one is None else (one.weighted, alone(one, sample.clusters))
        yield tell("rate", "bounds", known, why, side)
    if not given.known.all():
        yield _unknown(data, tell, given, parts)
    values = [None if one is None else tell.sign * one.weighted for one in found]
    pairs = pairs_of(data.evidence, attribute, given.groups, given.of[given.known].sum(axis=0), values)
    told = {frozenset(pair) for pair in pairs}  # of many groups too, as no verdict can derive bounds from bounds
    pairs += [(b, a) for a in range(len(found)) for b in range(a + 1, len(found)) if frozenset((a, b)) not in told]
    for a, b in pairs:
        one, other, why = found[a], found[b], "; ".join(filter(None, (missing[a], missing[b])))
        gap = share = None
        if one is not None and other is not None:
            gap = one.weighted - other.weighted, difference(one, other, sample.clusters)
            if other.weighted > 0:
                share = one.weighted / other.weighted, ratio(one, other, sample.clusters)
        yield tell("difference", "bounds", gap, why, sides[a], sides[b])
        why = why or f"the {_words(entry)} of {given.groups[b]} is 0, so there is no ratio to it"
        yield tell("ratio", "log-bounds", share, why, sides[a], sides[b])


def _unknown(data: _Data, tell: _Teller, given: Probabilities, parts: NDArray[np.int8]) -> Finding:
    """The rate among the rows that lack a probability."""
    part = parts[cells(data.labels[~given.known], data.decisions[~given.known])]
    x, n = float((part == 2).sum()), float((part > 0).sum())
    why = f"{MISSING_GROUP} has no {tell.entry.facts['among']}, so it has no {_words(tell.entry)}"
    return tell("rate", "wilson", (x / n, {"x": x, "n": n}) if n else None, why, _Side(MISSING_GROUP, n))


def _why(evidence: Evidence, entry: Entry, group: str, found: GroupBounds | None) -> str:
    if found is not None:
        return ""
    if entry.facts["labels"] and evidence.spec.data.label is None:
        return f"the spec names no label (data.label), so nothing is known of the {_words(entry)}"
    return f"{group} has no {entry.facts['among']}, so it has no {_words(entry)}"


def _words(entry: Entry) -> str:
    return entry.name.replace("_", " ")


class _Side(NamedTuple):
    """A group, and how many rows of it are expected in the denominator."""

    group: str
    rows: float


@dataclass(frozen=True)
class _Teller:
    """Makes the findings of one metric over one attribute."""

    evidence: Evidence
    attribute: str
    entry: Entry
    left_out: int

    @property
    def direction(self) -> str:
        return direction(self.entry.facts["good"], self.evidence.spec.data.positive_is_favourable)

    @property
    def sign(self) -> int:
        return -1 if "low" in self.direction.split(" ")[:1] else 1

    def __call__(
        self,
        comparison: Comparison,
        method: str,
        known: tuple[float, dict[str, float]] | None,
        missing: str,
        side: _Side,
        reference: _Side | None = None,
    ) -> Finding:
        """A number with its bounds where there is one (``known``: value and what the method takes), else why not."""
        level = self.evidence.spec.statistics.level
        sense = {"difference": "; difference = group − reference", "ratio": "; ratio = group / reference"}
        value, sufficient = known or (0.0, {})
        low, high = interval(method, sufficient, critical(level)) if known else (0.0, None)
        bounded = bool(known) and method != "wilson"
        details = {"bounds": _ends(method, sufficient), "said": _SAID, "left_out": self.left_out} if bounded else {}
        among = self.entry.facts["among"]
        sides = f"{side.group} | {reference.group}" if reference else side.group
        return Finding(
            technique="proxy_bounds",
            measure=self.entry.name,
            attribute=self.attribute,
            group=side.group,
            reference=reference.group if reference else "",
            comparison=comparison,
            value=rounded(value) if known else None,
            missing="" if known else missing,
            interval=Interval(
                low=rounded(low), high=None if high is None else rounded(high), level=level, method=method
            )
            if known
            else None,
            n=Support(group=rounded(side.rows), reference=rounded(reference.rows) if reference else None),
            sufficient={name: rounded(number) for name, number in sufficient.items()},
            direction=self.direction + sense.get(comparison, "") + (_NOTE if bounded else ""),
            evidence=Source(
                file="rows.parquet" if self.evidence.spec.model is None else "predictions.parquet",
                selector=f"{self.attribute} = {sides} (probabilities); among {among}",
            ),
            details=details,
        )


def _ends(method: str, sufficient: dict[str, float]) -> dict[str, float | None]:
    """The bounds themselves, without sampling error."""
    low, high = interval(method, {**sufficient, "se_low": 0.0, "se_high": 0.0}, 0.0)
    return {"low": rounded(low), "high": None if high is None else rounded(high)}
