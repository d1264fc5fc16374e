"""Small published tables of rows: rates, group by group, and the four-fifths rule."""

from __future__ import annotations

import numpy as np

from audits.findings import Finding, Support
from audits.judging import families
from audits.known_answers import Known
from audits.metrics import Counts, registry
from audits.sides import broken
from audits.spec import Limit

CLARIFY = "aws/amazon-sagemaker-clarify, tests/unit/bias/metrics/test_metrics.py"
FAIRLEARN = "fairlearn, user guide, 18 rows of the chapter on assessment"
DOCSTRING = "fairlearn, docstring example of ten rows"
EEOC = "EEOC, Questions and Answers on the Uniform Guidelines, 1979 (adverse impact of four groups)"

_CLARIFY = ("MFFMFMFFMMFF", "011110001000", "111000110100")
_GUIDE = ("bbabbcccaacabccbcc", "011110101000111111", "001011100111100110")
_TEN = ("FFFFFMMMMM", "1111100110", "0111100011")
"""Group, truth and decision of each row."""


def _rate(rows: tuple[str, str, str], group: str, metric: str) -> float | None:
    """Return a metric of one group."""
    cells = [f"{truth}{decision}" for name, truth, decision in zip(*rows, strict=True) if name == group]
    counts = Counts(*(np.array(float(cells.count(cell))) for cell in ("11", "01", "10", "00", "1?", "0?")))
    share = registry[metric].function(counts)
    return float(share.of / share.among) if share.among else None


def _rates(rows: tuple[str, str, str], group: str, *metrics: str) -> list[float | None]:
    return [_rate(rows, group, metric) for metric in metrics]


def _gap(metric: str, sign: int = 1) -> float | None:
    """Men less women, in the rows of Clarify; the other way round with the sign −1."""
    men, women = _rate(_CLARIFY, "M", metric), _rate(_CLARIFY, "F", metric)
    return None if men is None or women is None else sign * (men - women)


def _impact(men: float | None, women: float | None) -> float | None:
    return women / men if men and women is not None else None


def _adverse() -> list[str]:
    """Return the groups whose ratio to the largest rate lies below four fifths; .48/.60 is four fifths exactly."""
    limit = Limit(measure="selection_rate", over="race", compare="ratio", at_least=0.8)
    rates = {"American Indian": 45, "Hispanic": 48, "Black": 51}
    findings = [
        Finding(
            technique="parity",
            measure="selection_rate",
            attribute="race",
            group=group,
            reference="White",
            comparison="ratio",
            value=hired / 60,
            sufficient={"x1": hired, "n1": 100, "x2": 60, "n2": 100},
            n=Support(group=100, reference=100),
        )
        for group, hired in rates.items()
    ]
    return [side.group for side in families([limit], findings)[0].sides if broken(limit, side)]


_GUIDE_RATES = ("true_positive_rate", "false_positive_rate", "selection_rate")

KNOWN = (
    Known("fairlearn guide, group a", FAIRLEARN, "0.5, 1.0, 0.75", lambda: _rates(_GUIDE, "a", *_GUIDE_RATES)),
    Known("fairlearn guide, group b", FAIRLEARN, "0.6, 0.0, 0.5", lambda: _rates(_GUIDE, "b", *_GUIDE_RATES)),
    Known("fairlearn guide, group c", FAIRLEARN, "0.4, 0.6667, 0.5", lambda: _rates(_GUIDE, "c", *_GUIDE_RATES)),
    Known(
        "fairlearn docstring, selection and accuracy of F",
        DOCSTRING,
        "0.8, 0.8",
        lambda: _rates(_TEN, "F", "selection_rate", "accuracy"),
    ),
    Known(
        "fairlearn docstring, selection and accuracy of M",
        DOCSTRING,
        "0.4, 0.6",
        lambda: _rates(_TEN, "M", "selection_rate", "accuracy"),
    ),
    Known(
        "Clarify DI, disparate impact",
        CLARIFY,
        "10/7",
        lambda: _impact(_rate(_CLARIFY, "M", "selection_rate"), _rate(_CLARIFY, "F", "selection_rate")),
    ),
    Known("Clarify AD, accuracy difference", CLARIFY, "-13/35", lambda: _gap("accuracy")),
    Known("Clarify RD, recall difference", CLARIFY, "-2/3", lambda: _gap("true_positive_rate")),
    Known("Clarify SD, specificity difference", CLARIFY, "1/6", lambda: _gap("true_negative_rate", -1)),
    Known("Clarify DAR, difference in acceptance rates", CLARIFY, "-1/2", lambda: _gap("precision")),
    Known("Clarify DRR, difference in rejection rates", CLARIFY, "1/3", lambda: _gap("negative_predictive_value", -1)),
    Known("four fifths, groups with adverse impact", EEOC, "American Indian", _adverse),
)
