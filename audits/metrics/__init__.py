"""Metrics: a plain function each, from a mergeable summary of rows to a numerator and a denominator.

The function's name is the metric's name in specs, cards and MLflow. A summary is a named tuple of arrays that add up
over shards of the data: confusion counts (``Counts``), histograms of scores, sums of errors. Its axes are, from the
left: any number of leading ones (replicates of a bootstrap), then the groups, then its own. A metric takes summaries
and gives a ``Share``, elementwise over the leading axes::

    over="group"   f(summary) -> Share                  one number for each group
    over="pair"    f(group, reference) -> Share         one number for two groups: group − reference, or a distance
    over="groups"  f(summary) -> Share                  one number for all groups, whose axis is the last leading one

A denominator of 0 means that the metric does not exist there; it is never 0, 1, infinite or NaN, and the numerator is
then of no account. Whoever turns shares into findings says so in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from audits.errors import SpecError, nearest
from audits.registry import Entry, Registry

registry = Registry("metric", __name__, "EVENHAND_METRICS")

Task = Literal["binary", "scores", "multiclass", "regression", "ranking", "data"]
Scale = Literal["rate", "proportion", "signed", "explained", "positive", "number"]


class Counts(NamedTuple):
    """Confusion counts, scalars or arrays of one shape (weighted counts are floats).

    ``tp`` positive and decided positive; ``fp`` negative, decided positive; ``fn`` positive, decided negative;
    ``tn`` negative, decided negative. ``up``/``un``: decided positive/negative, truth unknown.
    """

    tp: NDArray[Any]
    fp: NDArray[Any]
    fn: NDArray[Any]
    tn: NDArray[Any]
    up: NDArray[Any]
    un: NDArray[Any]


class Share(NamedTuple):
    """A number as ``of / among``; there is none where ``among`` is 0."""

    of: NDArray[Any]
    among: NDArray[Any]


Metric = Callable[..., Share]


def metric(
    *,
    source: str,
    among: str,
    good: str,
    labels: bool = True,
    decisions: bool = True,
    task: Task = "binary",
    over: Literal["group", "pair", "groups"] = "group",
    scale: Scale = "rate",
    unit: str = "proportion",
    boundary: bool = False,
    given: Literal["", "truth", "decision"] = "",
    across: bool = False,
    components: tuple[str, ...] = (),
    within: tuple[str, ...] = (),
    root: bool = False,
    bent: bool = False,
    between: tuple[float, float] | None = None,
    names: Mapping[str, str] | None = None,
) -> Callable[[Metric], Metric]:
    """Register a metric.

    Args:
        source: where the definition is from.
        among: the denominator in words, as in "among the … rows": ``actual positives``.
        good: ``"high"`` where a high value is good for the person when the positive decision is favourable,
            ``"low"`` where a low value is, ``"truth"`` where it says nothing of the decision (base rate),
            ``"quality"`` where high is good whichever decision is favourable (accuracy), ``"error"`` where low is,
            ``"zero"`` where only 0 is parity (a gap or distance), ``"one"`` where only 1 is (a ratio), ``"open"``
            where it depends on what is predicted (one class of several, a number).
        labels: needs the truth.
        decisions: needs the decision.
        task: which summary it takes.
        over: one group, two, or all groups of an attribute (see above).
        scale: ``"rate"`` a share of rows, with the intervals of a rate · ``"proportion"`` another number from 0 to 1 ·
            ``"signed"`` one from −1 to 1 · ``"explained"`` one of at most 1 · ``"positive"`` a number above 0, told as
            a ratio too · ``"number"`` any.
        unit: of the value.
        boundary: parity is the least value it can take (the greatest, where ``good`` is ``"one"``), so that its
            resampled values all lie beyond it: it has no interval; what chance alone would make of it is told beside.
        given: what groups may differ in though they are equal by this metric, where ``boundary``: with ``"truth"``
            chance is told of groups that keep their base rates (``audits.metrics.replicating.equal_groups``).
        across: ``over="group"``, but the number of a group compares it with the other groups already (the last axis
            of what it takes): rows of unknown group are not among them, and pairs are not compared by it.
        components: rates whose differences it is the largest of; a limit on it is held against theirs.
        within: the sets of rows that it is averaged within, where these are not all that it is among: ``"positives"``,
            ``"predicted negatives"``… The smallest of them say how far its standard error can be trusted; which sets
            there are, the task's summary knows (``audits.metrics.standing``).
        root: it is the square root of a mean.
        bent: it is far from a sum of what single rows add, as odds and correlations are.
        between: the least and the greatest value that there can be, where ``scale`` does not say it.
        names: what other libraries call it, with their sign: ``{"fairlearn": "selection_rate"}``.
    """
    return registry.register(
        source=source,
        among=among,
        good=good,
        labels=labels,
        decisions=decisions,
        task=task,
        over=over,
        scale=scale,
        unit=unit,
        boundary=boundary,
        given=given,
        across=across,
        components=components,
        within=within,
        root=root,
        bent=bent,
        between=between,
        names=dict(names or {}),
    )


def ends(entry: Entry) -> tuple[float | None, float | None]:
    """Return the least and the greatest value that a metric can take, ``None`` where there is no such end."""
    by_scale: Mapping[Scale, tuple[float | None, float | None]] = {
        "rate": (0.0, 1.0),
        "proportion": (0.0, 1.0),
        "signed": (-1.0, 1.0),
        "explained": (None, 1.0),
        "positive": (0.0, None),
        "number": (None, None),
    }
    found: tuple[float | None, float | None] = entry.facts["between"] or by_scale[entry.facts["scale"]]
    return found


def comparisons(entry: Entry) -> tuple[str, ...]:
    """Return what a limit may compare of a metric that is no share of rows; nothing of one that is."""
    facts = entry.facts
    if facts["over"] == "groups":
        return ("whole",)
    if facts["over"] == "pair":
        return ("gap", "difference", "ratio") if facts["components"] else ("gap",)
    if facts["scale"] == "rate":
        return ()
    amount = (facts["task"], facts["scale"], facts["good"]) == ("regression", "number", "high")  # where never below 0
    ratio = facts["scale"] == "positive" or amount
    return ("mean",) if facts["across"] else ("mean", "gap", "ratio") if ratio else ("mean", "gap")


def of_task(task: str) -> list[Entry]:
    """Return the metrics of a task, by name."""
    return [entry for entry in registry.entries().values() if entry.facts["task"] == task]


def chosen(task: str, names: Sequence[str] | None) -> list[Entry]:
    """Return the metrics that are named, or all of the task. Raises ``SpecError`` for one that is not of the task."""
    known = {entry.name: entry for entry in of_task(task)}
    if names is None:
        return list(known.values())
    for name in names:
        if name not in known:
            raise SpecError(f"metrics: got {name!r}, expected a metric of the task {task!r}", nearest(name, known))
    return [known[name] for name in names]


def alike(measure: str) -> bool:
    """Return whether a measure of two groups says how alike they are: 1 is parity, the same in either order."""
    entry = registry.entries().get(measure.partition("[")[0])
    return entry is not None and entry.facts["over"] == "pair" and entry.facts["good"] == "one"


GOOD = {
    ("high", True): "high is good for the person",
    ("high", False): "low is good for the person",
    ("low", True): "low is good for the person",
    ("low", False): "high is good for the person",
}
_ANYWAY = {
    "truth": "says nothing of the decisions",
    "quality": "high means right more often",
    "error": "low means right more often",
    "zero": "0 is parity",
    "open": "whether high is good for the person depends on what is predicted",
    "one": "1 is parity",
}


def direction(good: str, favourable: bool) -> str:
    """Return what is good for the person, in words: ``favourable`` says whether the positive decision is."""
    return _ANYWAY.get(good) or GOOD[good, favourable]
