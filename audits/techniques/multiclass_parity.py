"""Multiclass parity: the same classes for every group, and the same mistakes? Each class against the rest as well."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits import columns
from audits.errors import DataError, NotMeasurable, SpecError, nearest
from audits.evidence import Evidence
from audits.findings import Finding
from audits.metrics import chosen, of_task
from audits.metrics.counting import cells
from audits.metrics.marking import counted_rate, marked_rate
from audits.metrics.multiclass import class_jaccard, classified, left_out
from audits.metrics.pairing import known_groups, pairs_of
from audits.metrics.replicating import add_up, equal_groups, moved_to_equal, tables
from audits.metrics.running import Summarised, findings
from audits.metrics.standing import of_classes
from audits.registry import Entry
from audits.statistics import bootstrap
from audits.statistics.roots import Floats
from audits.techniques import Column, technique
from audits.techniques.parity import USUAL, is_rate
from audits.values import value_key

MOST_CLASSES = 50
"""A column with more classes is an identifier or a number."""

_MOST_NUMBERS = 1 << 25  # numbers of all replicates together
_FEWEST = 100

_JACCARD = Entry(
    "jaccard_index",
    class_jaccard,
    "Share right of the rows that are of the class or were predicted to be: TP/(TP + FP + FN).",
    "Jaccard 1912, New Phytologist 11:37",
    {"among": "rows of the class, true or predicted", "good": "quality", "labels": True, "decisions": True},
)


class _Rows(NamedTuple):
    """Each row's true and predicted class, −1 unknown; the classes; whether there is a truth at all."""

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: list[str]
    labelled: bool


@technique(
    source="Hardt, Price, Srebro 2016, section 2, by total variation over classes; one class against the rest",
    measures=frozenset({entry.name for entry in of_task("binary") if is_rate(entry)} | {"jaccard_index"}),
    task="multiclass",
    replayable=True,
)
def multiclass_parity(
    evidence: Evidence,
    *,
    predicted: Column,
    truth: Column | None = None,
    metrics: list[str] | None = None,
    rates: list[str] | None = None,
    classes: list[str | int] | None = None,
    favourable: list[str | int] | None = None,
    floor: int = 1,
) -> Iterator[Finding]:
    """Distances between groups over all classes, averages over classes, and the rates of each class against the rest.

    Yields for a metric of one group a ``mean`` per group and a ``gap`` per pair; for a distance between two groups a
    ``gap`` per pair, beside what chance alone makes of it (the same size of groups, and no difference between them);
    for the accuracy and for each rate of each class, named ``true_positive_rate[class=spam]``, a ``rate`` per group
    and ``difference`` and ``ratio`` per pair, as ``parity`` does. A class that a group has no rows of has no rate
    there: it is left out, and named under ``classes_left_out``; nothing is put in its place.

    Args:
        evidence: rows and slices.
        predicted: column of the predicted class.
        truth: column of the true class; without it only what needs no truth is measured.
        metrics: multiclass metrics; default all that the columns allow.
        rates: rates of binary decisions that are taken of each class against the rest, and ``jaccard_index``;
            default the usual ones that the columns allow; ``[]`` for none.
        classes: all classes there are; default those that the columns hold.
        favourable: the classes that are good for the person to be put into.
        floor: fewest rows of the denominator for a rate.

    Raises:
        DataError: a class that ``classes`` does not name, or more of them than can be told apart.
        SpecError: a rate that there is not.
        NotMeasurable: no row has a predicted class.
    """
    rows = _read(evidence, predicted, truth, classes)
    good = {value_key(value) for value in favourable or ()}
    if good - set(rows.classes):
        name = sorted(good - set(rows.classes))[0]
        raise SpecError(f"multiclass_parity.favourable: got {name!r}, expected a class", nearest(name, rows.classes))
    asked = _asked(chosen("multiclass", metrics), metrics is not None, rows.labelled)
    of_class = _asked(_rates(rates), rates is not None, rows.labelled)
    for attribute in evidence.attributes:
        for entry in (*asked, *of_class):
            if entry.facts["labels"] and not rows.labelled:
                yield _no_truth(entry, attribute)
        summed = [entry for entry in asked if _possible(entry, rows) and entry.name != "multiclass_accuracy"]
        if summed:
            yield from _summed(evidence, attribute, rows, summed)
        if any(entry.name == "multiclass_accuracy" and _possible(entry, rows) for entry in asked):
            yield from _accuracy(evidence, attribute, rows, floor)
        for entry in of_class:
            if _possible(entry, rows):
                yield from _one_versus_rest(evidence, attribute, rows, entry, good if favourable else None, floor)


def _read(evidence: Evidence, predicted: str, truth: str | None, classes: Sequence[str | int] | None) -> _Rows:
    decided, own = columns.names(evidence, predicted, "multiclass_parity.predicted")
    if not own:
        raise NotMeasurable(f"multiclass_parity.predicted: the column {predicted!r} has no value in any row")
    true, others = np.full(len(decided), -1, np.int64), list[str]()
    if truth is not None:
        true, others = columns.names(evidence, truth, "multiclass_parity.truth")
    known = [value_key(value) for value in classes] if classes else columns.in_order({*own, *others})
    for column, found, codes in ((predicted, own, decided), (truth, others, true)):
        strange = [name for name in found if name not in known]
        if strange:
            times = int((codes == found.index(strange[0])).sum())
            raise DataError(
                f"multiclass_parity.classes: the column {column!r} holds {strange[0]!r} in {times} rows, "
                f"expected one of {', '.join(map(repr, known))}",
                "name every class, or leave these rows out by data.where",
            )
    if len(known) > MOST_CLASSES:
        raise DataError(
            f"multiclass_parity: got {len(known)} classes, expected at most {MOST_CLASSES}",
            "name a column of classes; numbers are for regression_parity",
        )
    return _Rows(_placed(true, others, known), _placed(decided, own, known), known, bool(others))


def _placed(codes: NDArray[np.int64], names: list[str], known: list[str]) -> NDArray[np.int64]:
    return np.array([*(known.index(name) for name in names), -1], np.int64)[codes]


def _rates(names: Sequence[str] | None) -> list[Entry]:
    """The rates that are taken of each class against the rest."""
    known = {entry.name: entry for entry in of_task("binary") if is_rate(entry)} | {_JACCARD.name: _JACCARD}
    for name in names or ():
        if name not in known:
            raise SpecError(
                f"multiclass_parity.rates: got {name!r}, expected a rate of binary decisions", nearest(name, known)
            )
    return [known[name] for name in (names if names is not None else [*USUAL, _JACCARD.name]) if name in known]


def _asked(entries: Sequence[Entry], named: bool, labelled: bool) -> list[Entry]:
    """Where the spec names no metrics, those that need a truth are asked for only where there is one."""
    return [entry for entry in entries if named or labelled or not entry.facts["labels"]]


def _possible(entry: Entry, rows: _Rows) -> bool:
    return rows.labelled or not entry.facts["labels"]


def _no_truth(entry: Entry, attribute: str) -> Finding:
    return Finding(
        technique="multiclass_parity",
        measure=entry.name,
        attribute=attribute,
        comparison="whole",
        missing="no row has a true class (multiclass_parity.truth), and it needs one",
    )


def _one_versus_rest(
    evidence: Evidence, attribute: str, rows: _Rows, entry: Entry, good: set[str] | None, floor: int
) -> Iterator[Finding]:
    """One rate of each class against the rest, as parity tells it."""
    for at, name in enumerate(rows.classes):
        facts = {**entry.facts, "labels": False}
        if good is None and facts["good"] in ("high", "low"):
            facts["good"] = "open"
        own = dataclasses.replace(entry, name=f"{entry.name}[class={name}]", facts=facts)
        truth, decided = _against(rows.truth, at), _against(rows.predicted, at)
        yield from counted_rate(
            evidence,
            attribute,
            own,
            cells(truth, decided),
            technique="multiclass_parity",
            favourable=good is None or name in good,
            floor=floor,
        )


def _against(codes: NDArray[np.int64], one: int) -> NDArray[np.int8]:
    return np.where(codes < 0, -1, codes == one).astype(np.int8)


def _accuracy(evidence: Evidence, attribute: str, rows: _Rows, floor: int) -> Iterator[Finding]:
    entry = chosen("multiclass", ["multiclass_accuracy"])[0]
    known = (rows.truth >= 0) & (rows.predicted >= 0)
    right = rows.truth == rows.predicted
    yield from marked_rate(evidence, attribute, entry, right, known, technique="multiclass_parity", floor=floor)


def _summed(evidence: Evidence, attribute: str, rows: _Rows, entries: Sequence[Entry]) -> Iterator[Finding]:
    """What is a function of the whole confusion table of every group."""
    codes, groups = evidence.codes(attribute)
    side = len(rows.classes) + 1
    cell = (rows.truth + 1) * side + rows.predicted + 1
    weights, clusters = evidence.weights(), evidence.cluster_codes()
    seed = [evidence.spec.statistics.seed, evidence.attributes.index(attribute)]
    number = min(bootstrap.NUMBER, _MOST_NUMBERS // max(1, len(groups) * side * side))
    known = known_groups(groups)
    own = tables(
        codes, len(groups), cell, side**2, weights, clusters, max(number, 2), np.random.default_rng(seed), known=known
    )

    def by_chance(entry: Entry) -> Floats:
        """Of what needs the truth: equal groups given the truth, so that base rates may differ."""
        if not entry.facts["labels"]:
            return own.by_chance
        given = np.arange(side**2) // side
        if clusters is not None:
            return moved_to_equal(own.table, own.replicates, given, known)
        squares = None if weights is None else add_up(codes, len(groups), cell, side**2, weights**2)
        rng = np.random.default_rng([*seed, 1])
        return equal_groups(own.table, max(number, 2), rng, squares=squares, given=given, known=known)

    counted = add_up(codes, len(groups), cell, side**2)
    summary = classified(own.table, len(rows.classes))
    for entry in entries:
        data = Summarised(
            technique="multiclass_parity",
            attribute=attribute,
            groups=groups,
            summary=summary,
            replicates=classified(own.replicates, len(rows.classes)) if number >= _FEWEST else None,
            by_chance=_chance(entry, by_chance, len(rows.classes)) if number >= _FEWEST else None,
            rows=lambda entry: _known_rows(counted, len(rows.classes), entry.facts["labels"]),
            pairs=pairs_of(evidence, attribute, groups, counted.sum(axis=1)),
            level=evidence.spec.statistics.level,
            file="rows.parquet",
            unresampled="too many groups and classes to resample their tables",
            units=of_classes(
                codes, len(groups), rows.truth, rows.predicted, len(rows.classes), clusters, weights, entry
            ),
            apart=clusters is None,
        )
        out = left_out(summary, entry.name) if entry.facts["labels"] else np.zeros((len(groups), 0), np.bool_)
        for finding in findings(entry, data):
            yield _with_left_out(finding, groups, rows.classes, out)


def _chance(entry: Entry, make: Callable[[Entry], Floats], classes: int) -> Any:
    return classified(make(entry), classes) if entry.facts["boundary"] else None


def _known_rows(counted: Floats, classes: int, labels: bool) -> Floats:
    """The rows of each group whose predicted class is known, and where it is needed the true one."""
    summary = classified(counted, classes)
    both = summary.both.sum(axis=(-2, -1))
    return np.asarray(both if labels else both + summary.predicted_alone.sum(axis=-1))


def _with_left_out(finding: Finding, groups: Sequence[str], classes: Sequence[str], out: NDArray[np.bool_]) -> Finding:
    """Say which classes the number does not speak of."""
    sides = [groups.index(side) for side in (finding.group, finding.reference) if side]
    absent = [name for name, lacking in zip(classes, np.atleast_1d(out[sides].any(axis=0)), strict=False) if lacking]
    if finding.value is None or not absent:
        return finding
    return finding.model_copy(update={"details": {**finding.details, "classes_left_out": absent}})
