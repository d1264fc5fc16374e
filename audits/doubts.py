"""What the data say against the meaning that a spec gives them: warnings of ``checks.json``, of plan and card.

None of them stops an audit: a score may well err more often than not. But no audit keeps it to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from audits.spec import DataSpec

if TYPE_CHECKING:
    import polars as pl

AGREE = "decisions_to_agree_with_truth"
DIVIDE = "threshold_to_divide_the_scores"
REMEDY = {
    AGREE: (
        "data.favourable",
        "check favourable, positive and threshold: positive is the value that a positive decision predicts",
    ),
    DIVIDE: ("data.threshold", "check that it is on the scale of the scores"),
}
"""The part of the spec that each is about, and what to look at."""


def doubts(data: DataSpec, rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield an entry of ``checks.json`` for each thing that can be doubted, met or not.

    Args:
        data: what the spec says of the columns.
        rows: the roles ``label``, ``decision`` and ``score`` of each row.
    """
    if data.label is not None and data.decision_column is not None:
        yield _agreement(data.decision_column, rows)
    if data.threshold is not None and rows["decision"].null_count() < rows.height:
        yield _division(str(data.score), data.threshold, rows)


def _agreement(column: str, rows: pl.DataFrame) -> dict[str, Any]:
    """Decisions that are wrong more often than right: likelier a value named the wrong way round."""
    from audits.statistics import critical
    from audits.statistics.rates import wilson

    both = rows.select("label", "decision").drop_nulls()
    right, known = int((both["label"] == both["decision"]).sum()), both.height
    met = not known or bool(wilson(right, known, critical(0.95))[1] >= 0.5)
    said = f"decisions and truth agree in {'' if met else 'only '}{right:,} of {known:,} rows"
    return _entry(AGREE, column, met, said if met else f"{said}: one may be named the wrong way round")


def _division(column: str, threshold: str, rows: pl.DataFrame) -> dict[str, Any]:
    scores = rows["score"].drop_nulls()
    sides = rows["decision"].drop_nulls().unique().to_list()
    side = f"{'each' if sides == [1] else 'none'} of them is {threshold.strip()}"
    said = f"scores from {scores.min():g} to {scores.max():g}"
    return _entry(DIVIDE, column, len(sides) == 2, said if len(sides) == 2 else f"{said}: {side}")


def _entry(name: str, column: str, met: bool, said: str) -> dict[str, Any]:
    return {
        "expectation": name,
        "column": column,
        "arguments": {},
        "from": "default",
        "success": met,
        "unexpected_count": None,
        "unexpected_rows": [],
        "observed": said,
        "severity": "warning",
    }
