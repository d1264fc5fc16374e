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
MANY = "clusters_to_be_many"
FEW = 20
"""Clusters of equal size below which asymptotic statements about clustered rows are doubted: the lower end of "few" in
Cameron, Miller 2015, Journal of Human Resources 50:317, section VI."""
REMEDY = {
    AGREE: (
        "data.favourable",
        "check favourable, positive and threshold: positive is the value that a positive decision predicts",
    ),
    DIVIDE: ("data.threshold", "check that it is on the scale of the scores"),
    MANY: ("data.cluster", "leave it empty where it is unknown: such a row stands alone"),
}
"""The part of the spec that each is about, and what to look at."""


def doubts(data: DataSpec, rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield an entry of ``checks.json`` for each thing that can be doubted, met or not.

    Args:
        data: what the spec says of the columns.
        rows: the roles ``label``, ``decision``, ``score`` and ``cluster`` of each row.
    """
    if data.label is not None and data.decision_column is not None:
        yield _agreement(data.decision_column, rows)
    if data.threshold is not None and rows["decision"].null_count() < rows.height:
        yield _division(str(data.score), data.threshold, rows)
    if data.cluster is not None and rows.height:
        yield _clusters(data.cluster, rows)


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


def _clusters(column: str, rows: pl.DataFrame) -> dict[str, Any]:
    """Few clusters, or many of which one holds much: intervals are wide, and only as good as that few allow.

    As many clusters of equal size as would say as much, by Kish's (Σn)²/Σn² (Carter, Schnepel, Steigerwald 2017,
    Review of Economics and Statistics 99:698, where clusters differ in size alone).
    """
    from audits.statistics.weights import kish

    sizes = rows["cluster"].value_counts()["count"].cast(float)
    equal = float(kish(sizes.sum(), (sizes**2).sum()))
    said = f"the largest of {len(sizes):,} clusters holds {sizes.max() / sizes.sum():.0%} of the rows"
    few = f"{said}: together they say about as much as {equal:.1f} of equal size, and intervals are wide"
    return _entry(MANY, column, equal >= FEW, said if equal >= FEW else few)


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
