"""Log-odds between paired prompts: does a language model expect the same continuation for every group?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.findings import Evidence as Source
from audits.findings import Finding, Interval, Support, rounded
from audits.paired import Floats, Sides, attributes_of, refusals, sides
from audits.statistics import critical, interval
from audits.statistics.means import cluster_t_sufficient
from audits.techniques import technique


@technique(
    source="Nangia et al. 2020 (CrowS-Pairs) and Kurita et al. 2019 for pairs that differ in the group alone; "
    "templates as clusters: Tamkin et al. 2023 (arXiv:2312.03689); interval: Student 1908, Donner, Klar 2000",
    needs={"scores", "pairs"},
    kinds={"causal-lm"},
    measures={"log_odds_gap"},
    replayable=True,
)
def pair_log_odds(evidence: Evidence) -> Iterator[Finding]:
    """Mean log-odds of the same continuation after paired prompts of two groups.

    ``log_odds_gap`` = mean of log P(continuation | prompt of the group) − log P(continuation | prompt of the
    reference), in nats: 0 where the model expects the continuation equally of both, log 2 where it is twice as
    likely after the group's prompt. Every template weighs the same; the t interval and the p-value are over
    templates. ``share_edited`` says which share of the templates could be filled.

    Args:
        evidence: rows, pairs and predictions.
    """
    attributes = attributes_of(evidence)
    if not attributes:
        raise NotMeasurable("there are no paired prompts: the spec asks for none (counterfactuals)")
    for attribute in attributes:
        seen = sides(evidence, attribute)
        yield from (_gap(evidence, seen, group, reference) for group, reference in seen.pairs())
        for name, counts in sorted(refusals(evidence, attribute).items()):
            yield Finding(
                technique="pair_log_odds",
                measure="share_edited",
                attribute=attribute,
                group=name,
                comparison="check",
                value=rounded(counts["edited"] / counts["asked"]),
                n=Support(group=counts["asked"]),
                direction="1: every template could be filled for the group",
                evidence=Source(file="pairs.parquet", selector=f"attribute = {attribute}; to_group = {name}"),
                details=counts,
            )


def _gap(evidence: Evidence, seen: Sides, group: int, reference: int) -> Finding:
    odds = seen.score[:, group] - seen.score[:, reference]
    both = np.flatnonzero(~np.isnan(odds))
    name, other = seen.groups[group], seen.groups[reference]
    found: dict[str, Any] = {"missing": f"no prompt was scored both as {name} and as {other}"}
    if len(both):
        found = {
            **_estimate(evidence, odds[both], seen.cluster[both]),
            "details": {
                "templates": len(np.unique(seen.cluster[both])),
                "examples": _examples(evidence, seen, odds, group, reference),
            },
        }
    return Finding(
        technique="pair_log_odds",
        measure="log_odds_gap",
        attribute=seen.attribute,
        comparison="gap",
        n=Support(group=len(both)),
        unit="nats",
        direction="0: the continuation is expected equally of both; above 0: more after the group's prompts",
        evidence=Source(file="pairs.parquet", selector=f"attribute = {seen.attribute}; to_group = {name} | {other}"),
        group=name,
        reference=other,
        **found,
    )


def _estimate(evidence: Evidence, odds: Floats, cluster: Any) -> dict[str, Any]:
    """Value, interval and p-value over clusters; one cluster alone gives a value only."""
    if len(np.unique(cluster)) < 2:
        return {"value": rounded(float(odds.mean()))}
    from scipy.special import stdtr

    level = evidence.spec.statistics.level
    sufficient = cluster_t_sufficient(odds, cluster)
    low, high = interval("t", sufficient, critical(level))
    even = 1.0 if sufficient["mean"] == 0 else 0.0
    t = sufficient["mean"] / sufficient["se"] if sufficient["se"] else None
    return {
        "value": rounded(sufficient["mean"]),
        "interval": Interval(low=rounded(low), high=None if high is None else rounded(high), level=level, method="t"),
        "sufficient": {name: rounded(number) for name, number in sufficient.items()},
        "p": rounded(even if t is None else 2 * float(stdtr(sufficient["df"], -abs(t)))),
    }


def _examples(evidence: Evidence, seen: Sides, odds: Floats, group: int, reference: int) -> list[dict[str, Any]]:
    """Return the pair with the largest log-odds, either way, of up to three templates."""
    order = np.argsort(-np.abs(np.nan_to_num(odds)), kind="stable")
    _, first = np.unique(seen.row[order], return_index=True)
    return [_example(evidence, seen, int(unit), group, reference) for unit in order[np.sort(first)[:3]]]


def _example(evidence: Evidence, seen: Sides, unit: int, group: int, reference: int) -> dict[str, Any]:
    told = {
        "row": int(seen.row[unit]),
        "group": seen.groups[group],
        "reference": seen.groups[reference],
        "log_probability_group": rounded(float(seen.score[unit, group])),
        "log_probability_reference": rounded(float(seen.score[unit, reference])),
    }
    if evidence.spec.evidence == "digest-only":
        return told
    at = int(np.flatnonzero(evidence.rows["row"].to_numpy() == seen.row[unit])[0])
    texts = [
        evidence.rows["text"][at].as_py() if line < 0 else evidence.pairs["text"][int(line)].as_py()
        for line in (seen.version[unit, group], seen.version[unit, reference])
    ]
    continuation = evidence.rows["continuation"][at].as_py()
    return {**told, "text_group": texts[0], "text_reference": texts[1], "continuation": continuation}
