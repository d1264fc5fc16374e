"""Reliability diagrams: every row in the bin and the group that it belongs to."""

import numpy as np
import pytest
from columned import found, with_columns


def test_many_groups_keep_their_own_reliability_diagrams(tmp_path):
    random = np.random.default_rng(5)
    score = random.random(3000)
    label = (random.random(3000) < score).astype(int)
    group = [f"g{29 - at % 30:02}" for at in range(3000)]  # not in order, so that their codes are 8 bits wide
    evidence = with_columns(tmp_path, {"group": group}, {}, score=score.tolist(), label=label.tolist())
    assert evidence.codes("group")[0].dtype == np.int8
    findings = found(evidence, "score_parity", metrics=["expected_calibration_error"])
    for name in ("g00", "g13", "g29"):
        mine = np.array(group) == name
        told = findings[f"expected_calibration_error/group/{name}/-/mean"].details["reliability"]
        bins = np.floor(10 * score[mine])
        assert [line["n"] for line in told] == np.unique(bins, return_counts=True)[1].tolist()
        by_hand = [np.mean(label[mine][bins == at]) for at in np.unique(bins)]
        assert [line["observed"] for line in told] == pytest.approx(by_hand)
