"""Undefined is said: every metric of every task, and every way in which groups can be empty."""

from functools import cache

import numpy as np
import pytest
from empties import GROUPS, MAKERS, WAYS

from audits.metrics import registry

ENTRIES = [pytest.param(entry, id=entry.name) for entry in registry.entries().values() if entry.facts["task"] in MAKERS]
NO_PEER = {
    # metrics that no other library has, as far as is known: proposed here, or wider than what others compute
    "attention_weighted_parity",
    "brier_score",  # by group, with the gap: others give the overall one
    "calibration_in_the_large",
    "calibration_slope",
    "conditional_use_accuracy_difference",
    "exposure_per_relevance",
    "impact_ratio",
    "mean_average_precision",  # of a person's own items, with the gap: others give the overall one
    "mean_error",
    "regression_statistical_parity",
    "relative_attention",
    "selection_odds",
}


def at(summary, places, axis=0):
    return type(summary)(*(np.take(np.asarray(part), places, axis=axis) for part in summary))


def shares(entry, summary, axis=0):
    """The shares of every group, of every ordered pair, or of all groups."""
    if entry.facts["over"] != "pair":
        return entry.function(summary)
    one, other = np.array([(a, b) for a in range(GROUPS) for b in range(GROUPS)]).T
    return entry.function(at(summary, one, axis), at(summary, other, axis))


def numbers(share):
    of, among = np.broadcast_arrays(np.asarray(share.of, float), np.asarray(share.among, float))
    return of, among


def test_every_task_has_a_maker_of_empty_groups():
    tasks = {entry.facts["task"] for entry in registry.entries().values()}
    assert tasks <= set(MAKERS), "add a maker of the task to tests/empties.py"


@cache
def empties(task):
    """The summary of a task for every way to be empty."""
    return {way: MAKERS[task](rows) for way, rows in WAYS.items()}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_number_is_finite_or_its_denominator_is_zero(entry):
    for way, summary in empties(entry.facts["task"]).items():
        of, among = numbers(shares(entry, summary))
        assert np.isfinite(among).all(), way
        assert (among >= 0).all(), way
        there = among > 0
        assert np.isfinite(of[there] / among[there]).all(), way


@pytest.mark.parametrize("entry", ENTRIES)
def test_of_no_rows_there_is_no_number(entry):
    _, among = numbers(shares(entry, MAKERS[entry.facts["task"]]([])))
    assert (among == 0).all()


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_empty_group_has_no_number_of_its_own(entry):
    _, among = numbers(shares(entry, MAKERS[entry.facts["task"]](WAYS["one group is empty"])))
    if entry.facts["over"] == "group":
        assert among[1] == 0
    elif entry.facts["over"] == "pair" and entry.name != "class_imbalance":  # nobody against some is imbalance
        pairs = among.reshape(GROUPS, GROUPS)
        assert (pairs[1] == 0).all()
        assert (pairs[:, 1] == 0).all()


@pytest.mark.parametrize("entry", ENTRIES)
def test_replicates_are_taken_one_by_one(entry):
    maker = MAKERS[entry.facts["task"]]
    summaries = [maker(WAYS[way]) for way in WAYS if way != "no rows at all"]
    if len({tuple(np.shape(part) for part in summary) for summary in summaries}) > 1:
        shape = [np.shape(part) for part in summaries[3]]
        summaries = [one for one in summaries if [np.shape(part) for part in one] == shape]
    together = type(summaries[0])(*(np.stack(parts) for parts in zip(*summaries, strict=True)))
    of, among = numbers(shares(entry, together, axis=1))
    for place, summary in enumerate(summaries):
        alone_of, alone_among = numbers(shares(entry, summary))
        assert np.allclose(among[place] > 0, alone_among > 0)
        there = alone_among > 0
        value = np.divide(of[place], among[place], out=np.zeros_like(alone_of), where=there)
        assert np.allclose(value[there], alone_of[there] / alone_among[there])


def test_every_metric_says_what_others_call_it():
    own = {entry.name for entry in registry.entries().values() if entry.function.__module__.startswith("audits.")}
    unnamed = {name for name in own if not registry[name].facts["names"]}
    assert unnamed <= NO_PEER, "give the metric its names, or list it as one that no peer has"
    assert not {name for name in NO_PEER & own if registry[name].facts["names"]}
