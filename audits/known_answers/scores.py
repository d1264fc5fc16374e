"""Scores: the area under a ROC curve and how sure it is."""

from __future__ import annotations

import numpy as np

from audits.known_answers import Known
from audits.metrics.histograms import binning, summarise
from audits.metrics.scores import auc
from audits.statistics import critical, interval
from audits.statistics.delong import auc_sufficient
from audits.statistics.roots import Floats

RATINGS = {"normal": (33, 6, 6, 11, 2), "abnormal": (3, 2, 2, 11, 33)}
"""How many of 109 computed tomography images were rated 1 (definitely normal) to 5 (definitely abnormal)."""

HANLEY = "Hanley, McNeil 1982, Radiology 143:29, table 1"
STATA = "Stata Base Reference Manual, roctab, example 1 (data of Hanley, McNeil 1982)"


def _rated(which: str) -> Floats:
    return np.repeat(np.arange(1.0, 6.0), RATINGS[which])


def _area() -> float:
    low, high = _rated("normal"), _rated("abnormal")
    labels, scores = np.repeat([0, 1], [len(low), len(high)]), np.append(low, high)
    share = auc(summarise(np.zeros(len(scores), np.int64), 1, labels, scores, binning(scores, 5)))
    return float(share.of[0] / share.among[0])


def _delong() -> dict[str, float]:
    return auc_sufficient(_rated("abnormal"), _rated("normal"))


KNOWN = (
    Known("AUC of rated images", HANLEY, "0.893", _area),
    Known("DeLong, standard error of that AUC", STATA, "0.0307", lambda: _delong()["se"]),
    Known(
        "DeLong, 95 % interval of that AUC",
        STATA,
        "0.83295, 0.95339",
        lambda: interval("normal", _delong(), critical(0.95)),
    ),
)
