"""What other libraries print in their own tests and guides, by the metrics that have another name or form here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from audits.known_answers import Known
from audits.metrics import Counts, registry

FAIRLEARN = "counts of ProPublica's COMPAS table, as fairlearn 0.15 gives them"
AIF360 = "counts of ProPublica's COMPAS table, as AI Fairness 360 gives them (favourable: low risk)"
AIF360_TESTS = "Trusted-AI/AIF360, tests of inequality indices"
AEQUITAS = "dssg/aequitas, COMPAS notebook, disparities to Hispanic"
HOLISTICAI = "holisticai, documentation of the bias metrics for binary classification"
CLARIFY = "aws/amazon-sagemaker-clarify, tests/unit/bias/metrics/test_metrics.py"

_BLACK, _WHITE, _HISPANIC = (1369, 805, 532, 990), (505, 349, 461, 1139), (103, 87, 129, 318)
"""True positives, false positives, false negatives, true negatives of COMPAS."""


def _counts(*cells: Sequence[int]) -> Counts:
    """Return confusion counts of groups: true positive, false positive, false negative, true negative."""
    tp, fp, fn, tn = np.array(cells, np.float64).T
    return Counts(tp, fp, fn, tn, np.zeros(len(tp)), np.zeros(len(tp)))


def _rows(truth: str, decision: str, groups: str) -> Counts:
    """Count rows; the groups in the order in which they first stand."""
    cells = [[0, 0, 0, 0] for _ in dict.fromkeys(groups)]
    names = list(dict.fromkeys(groups))
    for y, d, group in zip(truth, decision, groups, strict=True):
        cells[names.index(group)][("11", "01", "10", "00").index(y + d)] += 1
    return _counts(*cells)


def _turned(*cells: Sequence[int]) -> Counts:
    """Return counts in which the other outcome is the positive one."""
    return _counts(*[(tn, fn, fp, tp) for tp, fp, fn, tn in cells])


def _pair(metric: str, counts: Counts) -> float | None:
    """Return a number of the first group, and of the second as its reference."""
    entry = registry[metric]
    first, second = (Counts(*(column[at] for column in counts)) for at in (0, 1))
    if entry.facts["over"] == "pair":
        return _number(*entry.function(first, second))
    one, other = _number(*entry.function(first)), _number(*entry.function(second))
    return None if one is None or other is None else one - other


def _ratio(metric: str, counts: Counts) -> float | None:
    of, among = registry[metric].function(counts)
    return float((of[0] / among[0]) / (of[1] / among[1]))


def _whole(metric: str, counts: Counts) -> float | None:
    return _number(*registry[metric].function(counts))


def _number(of: np.ndarray, among: np.ndarray) -> float | None:
    return float(of / among) if among else None


_TWO = _counts(_BLACK, _WHITE)
_TURNED = _turned(_BLACK, _WHITE)
_TO_HISPANIC = _counts(_BLACK, _HISPANIC)
_TEN = _rows("1001001011", "1000111010", "aabbbbcccc")
_FOUR_SIX = _rows("0000000000", "1110110000", "aaaabbbbbb")
_LABELLED = _rows("1100101001", "1100110111", "aaaabbbbbb")
_CLARIFY = _rows("011110001000", "111000110100", "MFFMFMFFMMFF")

KNOWN = (
    Known("equalized odds difference", FAIRLEARN, "0.213925", lambda: _pair("equalized_odds_difference", _TWO)),
    Known("equalized odds ratio", FAIRLEARN, "0.522987", lambda: _pair("equalized_odds_ratio", _TWO)),
    Known("equal opportunity difference", FAIRLEARN, "0.197373", lambda: _pair("true_positive_rate", _TWO)),
    Known("average odds difference", AIF360, "-0.205649", lambda: _pair("average_odds_difference", _TURNED)),
    Known("disparate impact", AIF360, "0.631593", lambda: _ratio("selection_rate", _TURNED)),
    Known("generalized entropy, α = 2", AIF360, "0.183703", lambda: _whole("generalized_entropy_index", _TURNED)),
    Known("Theil index", AIF360, "0.256381", lambda: _whole("theil_index", _TURNED)),
    Known("generalized entropy of ten rows", AIF360_TESTS, "0.2", lambda: _whole("generalized_entropy_index", _TEN)),
    Known(
        "Theil index of ten rows, over 4 ln 2 / 10",
        AIF360_TESTS,
        "1/1",
        lambda: (_whole("theil_index", _TEN) or 0) / (0.4 * math.log(2)),
    ),
    Known("false discovery rate, ratio", AEQUITAS, "0.808669", lambda: _ratio("false_discovery_rate", _TO_HISPANIC)),
    Known("false omission rate, ratio", AEQUITAS, "1.211197", lambda: _ratio("false_omission_rate", _TO_HISPANIC)),
    Known("predicted positive rate, ratio", AEQUITAS, "1.972030", lambda: _ratio("selection_rate", _TO_HISPANIC)),
    Known("statistical parity", HOLISTICAI, "0.416667", lambda: _pair("selection_rate", _FOUR_SIX)),
    Known("four-fifths", HOLISTICAI, "0.44444", lambda: _pair("four_fifths_ratio", _FOUR_SIX)),
    Known("z test of the difference", HOLISTICAI, "1.290994", lambda: _pair("z_test_difference", _FOUR_SIX)),
    Known("z test of the ratio", HOLISTICAI, "1.256288", lambda: _pair("z_test_ratio", _FOUR_SIX)),
    Known("Cohen's d of rows with a truth", HOLISTICAI, "-0.784465", lambda: _pair("cohen_d", _LABELLED)),
    Known("average odds of rows with a truth", HOLISTICAI, "-0.333333",
          lambda: _pair("average_odds_difference", _LABELLED)),
    Known("Clarify TE, treatment equality", CLARIFY, "1/2", lambda: _pair("treatment_equality", _CLARIFY)),
    Known("Clarify DCA, conditional acceptance", CLARIFY, "1/4", lambda: _pair("conditional_acceptance", _CLARIFY)),
    Known("Clarify GE, generalized entropy", CLARIFY, "0.245562130178",
          lambda: _whole("generalized_entropy_index", _CLARIFY)),
)  # fmt: skip
