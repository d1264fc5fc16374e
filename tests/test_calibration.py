"""The calibration judges by the rule of the verdict, and finds the published rates of wrong and right verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import calibration
import calibration_checks
import calibration_rules


def test_the_rule_of_the_calibration_is_that_of_the_verdict():
    assert calibration_checks.same_as_judge(5, np.random.default_rng(11)) == 30


@pytest.mark.parametrize(
    ("groups", "n", "gap", "passed", "failed", "blocked"),
    [
        (2, 300, 0, 0.707, 0, 0.006),
        (4, 1000, 0, 0.993, 0, 0),
        (8, 100, 0, 0, 0, 0.745),
        (2, 300, 0.1, 0.054, 0.025, 0.497),
        (4, 300, 0.1, 0.006, 0.011, 0.738),
        (8, 1000, 0.1, 0.001, 0.007, 0.867),
        (8, 1000, 0.15, 0, 0.599, 1),
    ],
)
def test_verdicts_by_newcombe_are_right_and_wrong_as_often_as_simulated_before(groups, n, gap, passed, failed, blocked):
    """One group ``gap`` above the others, which are at 0.3; a limit of 0.1 on the difference."""
    rates = np.full(groups, 0.3)
    rates[-1] += gap
    x = np.random.default_rng(12).binomial(n, rates, size=(4000, groups))
    found = calibration_rules.of_pairs("newcombe", [(x, n)], 0.1)
    assert (found == 1).mean() == pytest.approx(passed, abs=0.02)
    assert (found == 2).mean() == pytest.approx(failed, abs=0.025 if gap > 0.1 else 0.01)
    assert (np.ptp(x / n, axis=1) > 0.1).mean() == pytest.approx(blocked, abs=0.025)


@pytest.mark.parametrize(
    ("groups", "n", "above", "below"),
    [(2, 50, 0.26, 0.47), (4, 200, 0.12, 0.45), (8, 50, 0.95, 0.99), (8, 200, 0.34, 0.82), (14, 200, 0.62, 0.97)],
)
def test_point_gates_block_equal_groups_as_often_as_simulated_before(groups, n, above, below):
    x = np.random.default_rng(13).binomial(n, 0.3, size=(4000, groups)) / n
    assert (np.ptp(x, axis=1) > 0.1).mean() == pytest.approx(above, abs=0.025)
    assert (x.min(axis=1) < 0.8 * x.max(axis=1)).mean() == pytest.approx(below, abs=0.025)


def test_every_path_has_cases_that_can_go_wrong_either_way():
    for path, (cases, simulate) in calibration.PATHS.items():
        chosen = [case for case in cases(True) if case.path == path]
        assert any(case.holds for case in chosen), path
        assert any(case.broken for case in chosen), path
        tally = simulate(chosen[0], 20, np.random.default_rng(14))
        assert all(set(np.unique(verdicts)) <= {0, 1, 2} for verdicts in tally.verdicts.values())
