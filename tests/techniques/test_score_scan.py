"""The scan score of groups: held to scores that are calibrated, which it is too large for by chance, too."""

import numpy as np
from columned import found, with_columns


def audit(folder, seed, raised, **more):
    random = np.random.default_rng(seed)
    group = np.where(random.random(1500) < 0.4, "b", "a")
    logit = random.normal(0, 1.5, 1500)
    label = (random.random(1500) < 1 / (1 + np.exp(-logit))).astype(int)
    score = 1 / (1 + np.exp(-(logit + raised * (group == "b"))))
    evidence = with_columns(folder, {"group": group.tolist()}, {}, score=score.tolist(), label=label.tolist(), **more)
    return found(evidence, "score_parity", resolution=100, metrics=["subset_scan_score"])


def test_a_group_whose_scores_are_raised_is_found_and_one_whose_are_right_is_not(tmp_path):
    told = audit(tmp_path, 0, 0.8)
    raised, right = (told[f"subset_scan_score/group/{group}/-/mean"] for group in "ba")
    assert raised.p < 0.01 < 0.05 < right.p
    assert raised.value * raised.n.group > 10
    assert 0.3 < right.details["by_chance"] * right.n.group < 0.8  # half a chi-squared of one degree of freedom: ½
    assert raised.interval is None


def test_the_scan_score_of_groups_whose_scores_are_right_is_rarely_large_by_chance(tmp_path):
    p = [
        finding.p
        for seed in range(12)
        for name, finding in audit(tmp_path / str(seed), seed, 0.0).items()
        if name.endswith("mean")
    ]
    assert 0.25 < np.mean(p) < 0.75
    assert np.mean(np.array(p) < 0.1) < 0.3
