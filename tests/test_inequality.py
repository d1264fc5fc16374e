"""Inequality of what decisions give people, where the positive decision is the good one and where it is the bad one."""

import numpy as np
import pytest
from tables import write_evidence

from audits.techniques import registry, run

COMPAS = {"African-American": (990, 805, 532, 1369), "Caucasian": (1139, 349, 461, 505)}
"""ProPublica's two-year file: not flagged and not charged again, flagged wrongly, missed, flagged rightly."""
INDICES = (
    "generalized_entropy_index",
    "theil_index",
    "mean_log_deviation",
    "coefficient_of_variation",
    "between_group_generalized_entropy",
    "between_group_theil_index",
    "between_group_coefficient_of_variation",
)


def indices(folder, flagged=1, **more):
    """The indices of all groups; with ``flagged`` 0 the same decisions are told as ones for the person."""
    cells = [(0, 0), (0, 1), (1, 0), (1, 1)]
    rows = [(name, *cell) for name in COMPAS for cell in cells]
    count = [n for counts in COMPAS.values() for n in counts]
    group, label, decision = (np.repeat([row[at] for row in rows], count).tolist() for at in range(3))
    if not flagged:
        label, decision = ([1 - value for value in values] for values in (label, decision))
    evidence = write_evidence(folder, {"race": group}, label=label, decision=decision, **more)
    found = run(registry["parity"], evidence, {"metrics": list(INDICES)})
    return {finding.measure: finding.value for finding in found if finding.comparison == "whole"}


def test_whoever_is_wrongly_flagged_has_nothing_as_published_of_compas(tmp_path):
    """AI Fairness 360 with not being flagged as the favourable label."""
    found = indices(tmp_path, positive=1, favourable=0)
    assert found["generalized_entropy_index"] == pytest.approx(0.183703, abs=5e-7)
    assert found["theil_index"] == pytest.approx(0.256381, abs=5e-7)


def test_it_does_not_matter_which_of_the_two_decisions_is_called_positive(tmp_path):
    bad_is_positive = indices(tmp_path / "bad", positive=1, favourable=0)
    good_is_positive = indices(tmp_path / "good", flagged=0)
    assert set(bad_is_positive) == set(INDICES)
    assert bad_is_positive.pop("mean_log_deviation") is good_is_positive.pop("mean_log_deviation") is None
    assert bad_is_positive == pytest.approx(good_is_positive, rel=1e-12)
