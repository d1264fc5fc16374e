"""Stability: does the verdict hang on a choice that could have been made otherwise?"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable, SpecError
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Finding, Support, rounded
from audits.findings import Evidence as Source
from audits.judging import measures_of
from audits.metrics import chosen, registry
from audits.metrics.comparing import rate_findings
from audits.metrics.counting import cells
from audits.metrics.groups import Counted, count_rows, measure
from audits.metrics.pairing import pairs_of
from audits.registry import Entry
from audits.slices import assign, crossed
from audits.spec import Limit
from audits.techniques import technique
from audits.verdict import verdict_of

MOST_TOLD = 500
"""So many alternatives are listed one by one in ``details``; the counts are of all."""

Edges = tuple[float, ...]


@dataclass(frozen=True)
class _Choice:
    """One way the audit could have been set up; ``None`` is as the spec has it."""

    threshold: float | None = None
    bins: tuple[str, Edges] | None = None
    margin: float | None = None
    seed: int | None = None

    def told(self) -> dict[str, Any]:
        """Return what is otherwise, as plain JSON values."""
        known = {key: value for key, value in vars(self).items() if value is not None}
        return known | ({"bins": {self.bins[0]: list(self.bins[1])}} if self.bins else {})


@technique(
    source="Simonsohn, Simmons, Nelson 2020, Nature Human Behaviour 4:1208 (specification curve)",
    needs={"decisions"},
    measures={"stability"},
    replayable=True,
)
def stability(
    evidence: Evidence,
    *,
    thresholds: list[float] | None = None,
    bins: dict[str, list[list[float]]] | None = None,
    margins: dict[Literal["difference", "ratio", "rate"], list[float]] | None = None,
    seeds: list[int] | None = None,
) -> Iterator[Finding]:
    """Share of the alternative set-ups under which a limit gets the verdict that it has.

    Every combination of the thresholds, bins, margins and seeds that are named, and of what the spec says itself, is
    judged as the audit is: rates counted again, a FAIL corrected for the other limits. 1: the verdict is the same under
    all of them; what it would be otherwise stands in ``details``. Limits on rates of decisions, their differences,
    ratios and composites can be judged again; others are missing with that reason, and a FAIL is corrected for them as
    if nothing were shown of them. No combination is a verdict of the audit.

    Args:
        evidence: rows, slices and predictions.
        thresholds: scores from which on a decision is positive, beside the spec's own.
        bins: by protected attribute, other inner edges for its column: ``{age: [[30, 50], [40]]}``.
        margins: by comparison, other bounds: ``{ratio: [0.75, 0.9]}``; a ratio below 1 is one for ``at_least``.
        seeds: each draws the rows (or clusters) again with replacement.

    Raises:
        NotMeasurable: nothing is varied, or the spec has no limit.
        SpecError: bins of what is no column of numbers, thresholds where there are no scores, or a margin that no
            rates can have.
    """
    limits = [(limit, attribute) for limit in evidence.spec.policy for attribute in limit.attributes]
    if not limits:
        raise NotMeasurable("the spec has no limits, so there is no verdict that could change")
    if not (thresholds or bins or margins or seeds):
        raise NotMeasurable("stability names no thresholds, bins, margins or seeds, so nothing is varied")
    _check(evidence, thresholds, bins)
    _check_margins(margins or {})
    counts = _Counts(evidence, limits)
    for at, (limit, attribute) in enumerate(limits):
        choices = list(_choices(limit, attribute, thresholds, bins or {}, dict(margins or {}), seeds))
        yield _finding(counts, at, choices)


def _check(evidence: Evidence, thresholds: list[float] | None, bins: dict[str, list[list[float]]] | None) -> None:
    spec = evidence.spec
    if thresholds and spec.data.score is None and spec.model is None:
        raise SpecError(
            "techniques.stability.thresholds: got thresholds, expected none: the data hold decisions and no scores",
            "name data.score and data.threshold, or leave them out",
        )
    for name, edges in (bins or {}).items():
        if name not in spec.protected or spec.protected[name].bins is None:
            raise SpecError(
                f"techniques.stability.bins.{name}: got other bins, expected an attribute that has bins",
                "see protected",
            )
        odd = [one for one in edges if not one or one != sorted(set(one))]
        if odd:
            raise SpecError(f"techniques.stability.bins.{name}: got {odd[0]}, expected edges that rise")


def _check_margins(margins: Mapping[Any, list[float]]) -> None:
    for compare, bounds in margins.items():
        odd = [one for one in bounds if not (one > 0 if compare == "ratio" else 0 <= one <= 1)]
        if odd:
            expected = "ratios above 0" if compare == "ratio" else "proportions, 0 to 1"
            raise SpecError(f"techniques.stability.margins.{compare}: got {odd[0]:g}, expected {expected}")


def _margins_of(limit: Limit, margins: Mapping[Any, list[float]]) -> list[float]:
    """The other bounds that a limit could have: a ratio that is at least so much is bounded below 1, else above."""
    found = margins.get(limit.compare, [])
    if limit.compare != "ratio":
        return list(found)
    return [one for one in found if (one <= 1 if limit.at_least is not None else one >= 1)]


def _choices(
    limit: Limit,
    attribute: str,
    thresholds: Sequence[float] | None,
    bins: Mapping[str, list[list[float]]],
    margins: Mapping[Any, list[float]],
    seeds: Sequence[int] | None,
) -> Iterator[_Choice]:
    """Every combination of what could be otherwise for one limit; the first is the spec's own."""
    binned = [(name, tuple(edges)) for name in attribute.split("×") for edges in bins.get(name, [])]
    for threshold, cut, margin, seed in itertools.product(
        [None, *(thresholds or ())], [None, *binned], [None, *_margins_of(limit, margins)], [None, *(seeds or ())]
    ):
        yield _Choice(threshold, cut, margin, seed)


def _finding(counts: _Counts, at: int, choices: Sequence[_Choice]) -> Finding:
    limit, attribute = counts.limits[at]
    said = limit.text(attribute).replace(f" over {attribute}", "", 1)
    place: dict[str, Any] = {
        "technique": "stability",
        "measure": "stability",
        "attribute": attribute,
        "group": said,
        "comparison": "share",
        "direction": "1: the verdict is the same under every alternative",
        "evidence": Source(file="rows.parquet", selector=f"by {attribute}; limit {said}"),
    }
    if not counts.entries[at]:
        why = f"{limit.measure} over {attribute} is no rate of decisions by group, so it is not counted again here"
        return Finding(**place, missing=why)
    if len(choices) == 1:
        why = f"nothing that is varied has to do with the limit: {said}"
        return Finding(**place, missing=why)
    verdicts = [counts.verdict(at, choice) for choice in choices]
    others = Counter(verdicts[1:])
    told = [
        {**choice.told(), "verdict": verdict}
        for choice, verdict in zip(choices[1:MOST_TOLD], verdicts[1:MOST_TOLD], strict=True)
    ]
    return Finding(
        **place,
        value=rounded(others[verdicts[0]] / (len(choices) - 1)),
        n=Support(group=len(choices) - 1),
        details={"verdict": verdicts[0], "verdicts": dict(sorted(others.items())), "alternatives": told},
    )


def _entries(limit: Limit, attribute: str, evidence: Evidence) -> list[Entry]:
    """The rates that a limit is held against; none where it is of another technique or task."""
    names = measures_of(limit, ())
    rates = [registry.entries().get(name) for name in names]
    plain = all(
        entry is not None and entry.facts["task"] == "binary" and entry.facts["scale"] == "rate" for entry in rates
    )
    judged = limit.compare in ("difference", "ratio", "rate") and limit.technique in (None, "parity")
    return chosen("binary", names) if plain and judged and attribute in evidence.attributes else []


class _Counts:
    """The rows of the audit, counted under one choice after another; each count is taken once."""

    def __init__(self, evidence: Evidence, limits: Sequence[tuple[Limit, str]]) -> None:
        self.evidence, self.limits = evidence, limits
        self.entries = [_entries(limit, attribute, evidence) for limit, attribute in limits]
        self._labels = evidence.label_codes()
        if evidence.spec.data.label is None:
            self._labels = np.full_like(self._labels, -1)
        self._known: dict[_Choice, list[Finding]] = {}

    def verdict(self, at: int, choice: _Choice) -> str:
        """Return the verdict of one limit under a choice; another margin is one of this limit alone."""
        policy = [limit.model_copy(update={"over": attribute, "waiver": None}) for limit, attribute in self.limits]
        if choice.margin is not None:
            side = "at_most" if policy[at].at_most is not None else "at_least"
            policy[at] = policy[at].model_copy(update={side: choice.margin})
        findings = self._findings(replace(choice, margin=None))
        return verdict_of(policy, findings, self.evidence.spec.statistics.level, at)

    def _findings(self, choice: _Choice) -> list[Finding]:
        """The rates that the limits are held against, and their pairs."""
        if choice not in self._known:
            by_attribute: dict[str, dict[str, Entry]] = {}
            for (_, attribute), entries in zip(self.limits, self.entries, strict=True):
                by_attribute.setdefault(attribute, {}).update({entry.name: entry for entry in entries})
            self._known[choice] = [
                finding
                for attribute, entries in by_attribute.items()
                if entries
                for counted in [self._counted(attribute, choice)]
                for entry in entries.values()
                for rates in [measure(self.evidence, entry, counted, 1)]
                for finding in rate_findings(rates, pairs_of(self.evidence, attribute, rates.groups, rates.totals))
            ]
        return self._known[choice]

    def _counted(self, attribute: str, choice: _Choice) -> Counted:
        codes, groups = self._groups(attribute, choice.bins)
        cell = cells(self._labels, self._decisions(choice.threshold))
        weights = self.evidence.weights()
        clusters: NDArray[np.integer[Any]] | None = self.evidence.cluster_codes()
        if choice.seed is not None:
            codes, cell, weights, clusters = _drawn_again(choice.seed, codes, cell, weights, clusters)
        return count_rows(attribute, codes, groups, cell, weights, clusters)

    def _decisions(self, threshold: float | None) -> NDArray[np.int8]:
        if threshold is None:
            return self.evidence.decision_codes()
        scores = self.evidence.scores()
        rule = self.evidence.spec.data.threshold or ">="
        compare = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less}
        sign = rule.strip()[:2].rstrip("-.0123456789 ")
        decided = compare[sign](scores, threshold).astype(np.int8)
        decided[np.isnan(scores)] = -1
        return decided

    def _groups(self, attribute: str, bins: tuple[str, Edges] | None) -> tuple[NDArray[Any], list[str]]:
        if bins is None:
            return self.evidence.codes(attribute)
        protected = dict(self.evidence.spec.protected)
        protected[bins[0]] = protected[bins[0]].model_copy(update={"bins": bins[1]})
        parts = [assign(name, protected[name], self.evidence.rows) for name in attribute.split("×")]
        whole = parts[0] if len(parts) == 1 else crossed(attribute, parts)
        codes, names = whole.codes, list(whole.names)
        if (codes < 0).any():
            codes, names = np.where(codes < 0, len(names), codes), [*names, MISSING_GROUP]
        return codes, names


def _drawn_again(
    seed: int,
    codes: NDArray[Any],
    cell: NDArray[np.int8],
    weights: NDArray[np.float64] | None,
    clusters: NDArray[np.integer[Any]] | None,
) -> tuple[NDArray[Any], NDArray[np.int8], NDArray[np.float64] | None, NDArray[np.integer[Any]] | None]:
    """As many rows as there are, drawn with replacement; whole clusters, each draw a cluster of its own."""
    rng = np.random.default_rng(seed)
    if clusters is None:
        rows = rng.integers(0, len(codes), len(codes))
        return codes[rows], cell[rows], None if weights is None else weights[rows], None
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=clusters[order][0] - 1)) if len(order) else order
    parts = np.split(order, starts[1:])
    drawn = [parts[at] for at in rng.integers(0, len(parts), len(parts))]
    rows = np.concatenate(drawn)
    again = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn])
    return codes[rows], cell[rows], None if weights is None else weights[rows], again
