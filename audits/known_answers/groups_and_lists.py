"""What other libraries print of group sizes, of labels by group, of predicted numbers, and of ranked lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from audits.known_answers import Known
from audits.metrics import registry
from audits.metrics.balance import LabelCounts
from audits.metrics.lists import prefixes
from audits.metrics.predicted import distributed
from audits.metrics.ranking import ranked
from audits.statistics.roots import Floats

TOOLBOX = "microsoft/responsible-ai-toolbox-mitigations, test/databalanceanalysis (nine rows in three groups)"
FINS = "KCachel/FINS, docstrings (four items, two groups); Cachel, Rundensteiner 2022, AIES"
CREDO = "credo-ai/credoai_lens, metrics_credoai.py, docstring of the normalized discounted cumulative KL divergence"
HOLISTICAI = "holisticai, documentation of the bias metrics for recommenders and regression"

_ROWS = LabelCounts(np.array([[[2.0, 2.0]], [[2.0, 1.0]], [[2.0, 0.0]]]), np.zeros((3, 1)))
"""Negative and positive labels of three groups."""


def _number(metric: str, *summaries: Any) -> Any:
    of, among = registry[metric].function(*summaries)
    found = [float(a / b) if b else None for a, b in zip(np.atleast_1d(of), np.atleast_1d(among), strict=True)]
    return found if len(found) > 1 else found[0]


def _gap(metric: str) -> float:
    one, other, *_ = _number(metric, _ROWS)
    return float(one - other)


def _four(chosen: list[int]) -> Any:
    """Four items of relevance 100, 85 and 54, 12, of two groups, of which some are chosen (from 1)."""
    relevance, group = np.array([100.0, 85, 54, 12]), np.array([0, 0, 1, 1])
    first = np.isin(np.arange(4) + 1, chosen).astype(np.float64)

    def summed(worth: Floats) -> Floats:
        return np.bincount(group, worth, minlength=2).astype(np.float64)

    every = np.ones(4)
    return ranked(
        (2,),
        pool=summed(every),
        first=summed(first),
        judged=summed(every),
        judged_first=summed(first),
        worth=summed(relevance),
        worth_first=summed(relevance * first),
    )


def _divergence() -> float:
    codes = np.array([0, 1, 1, 0, 1, 1])  # female male male female male male
    return float(prefixes(np.zeros(6, np.int64), codes, (1, 2), 6, 10, np.array([0.6, 0.4])).ndkl.sum())


_SHOWN = [ranked((), shown=np.array(counts)) for counts in ([1.0, 1, 0, 2], [1.0, 2, 1, 2])]
"""How often each of four items stands first, for the four people of the one group and the six of the other."""


def _level() -> Any:
    values = np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9])
    table = np.array([[1.0, 1, 0, 0, 0, 0, 1, 1], [0.0, 0, 1, 1, 1, 1, 1, 1]])
    return _number("no_disparate_impact_level", *(distributed(one, values) for one in table))


KNOWN = (
    Known("group sizes, Theil T", TOOLBOX, "0.03775534151", lambda: _number("group_size_kl_divergence", _ROWS)),
    Known("group sizes, Theil L", TOOLBOX, "0.03926101189", lambda: _number("group_size_theil_l_index", _ROWS)),
    Known("group sizes, Atkinson index", TOOLBOX, "0.03850028646", lambda: _number("group_size_atkinson_index", _ROWS)),
    Known("group sizes, JS distance", TOOLBOX, "0.09785224087", lambda: _number("group_size_js_distance", _ROWS)),
    Known("group sizes, chi-squared", TOOLBOX, "2/3", lambda: _number("group_size_chi_squared", _ROWS)),
    Known("labels by group, log-likelihood ratio", TOOLBOX, "0.69314718056", lambda: _gap("log_likelihood_ratio")),
    Known("labels by group, t", TOOLBOX, "0.19245008973", lambda: _gap("association_t_statistic")),
    Known("labels by group, Jaccard index", TOOLBOX, "1/5", lambda: _gap("membership_jaccard_index")),
    Known("FINS parity", FINS, "1.0", lambda: _number("first_places_parity", _four([1, 4]))),
    Known("FINS relevance parity", FINS, "0.35675675676", lambda: _number("relevance_parity", _four([1, 4]))),
    Known("FINS score parity", FINS, "0.14117647059",
          lambda: _number("first_places_relevance_parity", _four([2, 4]))),
    Known("FINS score balance", FINS, "0.77647058824",
          lambda: _number("first_places_relevance_balance", _four([2, 3, 4]))),
    Known("NDKL of six people", CREDO, "0.20809699315", _divergence),
    Known("items shown, total variation", HOLISTICAI, "0.25", lambda: _number("exposure_total_variation", *_SHOWN)),
    Known("items shown, divergence", HOLISTICAI, "0.23217831297", lambda: _number("exposure_kl_divergence", *_SHOWN)),
    Known("no disparate impact level", HOLISTICAI, "0.7", _level),
)  # fmt: skip
