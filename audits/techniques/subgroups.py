"""Subgroups: is some group of people that nobody named treated otherwise than all others?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from audits.discovery import Categories
from audits.errors import NotMeasurable
from audits.evidence import Evidence
from audits.findings import Evidence as Source
from audits.findings import Finding, Interval, Support, rounded
from audits.metrics import chosen, direction, registry
from audits.metrics.counting import cells, tally, tally_clusters
from audits.metrics.groups import Counted, GroupRates, measure
from audits.registry import Entry
from audits.statistics import bounds, critical, difference_p
from audits.statistics.simultaneous import holm
from audits.subgroups import ALL_OTHERS, ANY, outcomes_of
from audits.subgroups.columns import data_columns, different, protected_columns, text_columns
from audits.subgroups.leads import Lead, clearest_patterns, linear_rule
from audits.subgroups.sample import Sample, sample
from audits.subgroups.testing import half_of
from audits.subgroups.whole import Search, whole_search
from audits.subgroups.words import Embedding
from audits.techniques import Column, technique

ATTRIBUTE = "subgroups"
"""What a limit is over: ``{measure: false_positive_rate, over: subgroups, compare: difference, at_most: 0.1}``."""

LARGEST = "largest_subgroup_difference"
"""Measure of the ``whole`` findings, with the metric in brackets: the furthest subgroup, whichever it is."""


@technique(
    source="Pastor et al. 2021 (DivExplorer); Kearns et al. 2018 (linear auditor); Westfall, Young 1993; "
    "Cherian, Candès 2023 (arXiv:2305.03712)",
    needs={"decisions"},
    measures={LARGEST},
    over={ATTRIBUTE},
    replayable=True,
)
def subgroups(
    evidence: Evidence,
    *,
    metrics: list[str] | None = None,
    columns: list[Column] | None = None,
    support: Annotated[float, Field(gt=0, le=1)] = 0.05,
    depth: Annotated[int, Field(ge=1)] = 3,
    top: Annotated[int, Field(ge=1)] = 10,
    text: bool = False,
    embedding: Embedding = "lsa",
    linear: bool = True,
    permutations: Annotated[int, Field(ge=99)] = 1000,
) -> Iterator[Finding]:
    """Every conjunction of categories that enough rows have, found on one half of the rows, tested on the other.

    Per metric: a ``difference`` (subgroup − all others, on the confirmation half) for each of the few subgroups that
    the discovery half suggests, Holm-adjusted over them; ``details.confirmed`` says whether it was confirmed, and only
    such a one can break a limit. A ``difference`` of ``any subgroup``: a bound that no subgroup of the search exceeds,
    from all rows; it alone lets a limit pass. A ``whole`` (``largest_subgroup_difference[metric]``): how far the
    furthest subgroup lies, with an interval for all at once. A ``check``: how many were searched, and what tests of all
    of them on all rows say, by method.

    Args:
        evidence: rows, slices and predictions.
        metrics: rates (``evenhand list metrics``); default selection rate and, with a label, false positive rate and
            error.
        columns: columns of the data to search beside the protected attributes, numbers at their quartiles; default the
            model's features.
        support: least share of the rows that a subgroup has.
        depth: most categories together.
        top: most subgroups that are taken to the other half, per metric.
        text: search the rows' frequent words and clusters of texts too.
        embedding: by what texts are alike: ``lsa`` their own words, ``minilm`` a sentence model (much slower).
        linear: look for a linear combination of the protected attributes too.
        permutations: for max-T, and replicates for bounds that hold for all subgroups.

    Raises:
        DataError: a column that is named is absent or has too many distinct values.
        SpecError: words are asked for where none may be told.
    """
    entries = _entries(evidence, metrics)
    seed = evidence.spec.statistics.seed
    protected = protected_columns(evidence)
    data, left_out = data_columns(evidence, columns)
    searched, twins = different(protected + [one for one in data if one.name not in {o.name for o in protected}])
    own = sum(one.name not in twins for one in protected)
    if text:
        searched += text_columns(evidence, support, seed, embedding)
    drawn = _drawn(evidence, searched, support, depth)
    about = {
        "support": support,
        "depth": depth,
        "seed": seed,
        "rows": len(drawn.cell),
        "discovery_rows": int(drawn.discovery.sum()),
        "confirmation_rows": int((~drawn.discovery).sum()),
        "columns": [one.name for one in searched],
        "left_out": {**left_out, **twins},
    }
    for number, entry in enumerate(entries):
        rate = outcomes_of(entry)
        leads = clearest_patterns(drawn, rate, top)
        if linear and own > 1:
            leads += linear_rule(drawn, rate, own, leads)
        yield from _confirmed(evidence, entry, drawn, leads)
        rng = np.random.default_rng([seed, 1, number])
        search = whole_search(drawn, rate, evidence.spec.statistics.level, permutations, rng)
        yield from _whole(evidence, entry, search, {**about, "leads": [lead.name for lead in leads]})


def _drawn(evidence: Evidence, searched: Sequence[Categories], support: float, depth: int) -> Sample:
    """The rows, dealt into two halves and searched."""
    cell = cells(evidence.label_codes(), evidence.decision_codes())
    if not len(cell) or not searched:
        what = "column of categories to search subgroups in" if len(cell) else "row to search subgroups in"
        raise NotMeasurable(f"there is no {what}")
    clusters = evidence.cluster_codes()
    half = half_of(len(cell), np.random.default_rng([evidence.spec.statistics.seed, 0]), clusters)
    return sample(searched, cell, half, support, depth, evidence.weights(), clusters)


def _entries(evidence: Evidence, metrics: list[str] | None) -> list[Entry]:
    """The metrics that are named, or the usual ones that the data allow."""
    if metrics is None:
        error = "error_rate" if "error_rate" in registry else "accuracy"
        metrics = ["selection_rate", *(["false_positive_rate", error] if evidence.spec.data.label else [])]
    return chosen("binary", metrics)


def _confirmed(evidence: Evidence, entry: Entry, drawn: Sample, leads: Sequence[Lead]) -> Iterator[Finding]:
    """Each lead beside all others on the confirmation half, Holm-adjusted over all leads."""
    rates = [_other_half(evidence, entry, drawn, lead) for lead in leads]
    missing = ["; ".join(filter(None, one.missing)) for one in rates]
    p = np.array([float(difference_p(one.x[0], one.n[0], one.x[1], one.n[1])) for one in rates])
    measured = np.array([not why for why in missing], bool)
    adjusted = np.ones(len(leads))
    adjusted[measured] = holm(p[measured])
    level = evidence.spec.statistics.level
    for lead, one, why, raw, both in zip(leads, rates, missing, p, adjusted, strict=True):
        counts = {"x1": one.x[0], "n1": one.n[0], "x2": one.x[1], "n2": one.n[1]}
        low, high = bounds("newcombe", counts, critical(level))
        gap = float(one.value[0] - one.value[1])
        shown = bool(not why and both < 1 - level)
        if shown and gap * lead.gap <= 0:  # so clear both ways is no subgroup to act on, and may break no limit
            why, shown = f"the halves contradict each other: {lead.gap:+.3g} on the one, {gap:+.3g} on the other", False
        yield Finding(
            technique="subgroups",
            measure=entry.name,
            attribute=ATTRIBUTE,
            group=lead.name,
            reference=ALL_OTHERS,
            comparison="difference",
            value=None if why else rounded(gap),
            missing=why,
            interval=None
            if why
            else Interval(low=rounded(float(low)), high=rounded(float(high)), level=level, method="newcombe"),
            n=Support(group=float(one.rows[0]), reference=float(one.rows[1])),
            sufficient={} if why else {name: rounded(float(value)) for name, value in counts.items()},
            p=None if why else rounded(float(raw)),
            p_adjusted=None if why else rounded(float(both)),
            adjustment="" if why else "holm",
            direction=f"{direction(one.good, one.favourable)}; difference = subgroup − all others",
            evidence=Source(file=one.file, selector=f"{lead.name}; among {one.among}, confirmation half"),
            details={"confirmed": shown, "difference_on_discovery_half": rounded(lead.gap), **lead.details},
        )


def _other_half(evidence: Evidence, entry: Entry, drawn: Sample, lead: Lead) -> GroupRates:
    """The rate of the lead and of all others on the confirmation half."""
    rest = np.flatnonzero(~drawn.discovery)
    side, cell = (~lead.picked[rest]).astype(np.int8), drawn.cell[rest]
    weights = None if drawn.weights is None else drawn.weights[rest]
    clusters = None if drawn.clusters is None else drawn.clusters[rest]
    counted = Counted(
        ATTRIBUTE,
        [lead.name, ALL_OTHERS],
        tally(side, 2, cell),
        None if weights is None else tally(side, 2, cell, weights),
        None if weights is None else tally(side, 2, cell, weights**2),
        None if clusters is None else tally_clusters(side, 2, cell, clusters, weights),
    )
    return measure(evidence, entry, counted, 1)


def _whole(evidence: Evidence, entry: Entry, search: Search, about: dict[str, Any]) -> Iterator[Finding]:
    """What is known of all subgroups together, from all rows."""
    share = f"{100 * about['support']:g}%"
    file = "rows.parquet" if evidence.spec.model is None else "predictions.parquet"
    among = f"all {search.count} subgroups with at least {share} of the rows; among {entry.facts['among']}"
    said = direction(entry.facts["good"], evidence.spec.data.positive_is_favourable)
    found = search.furthest
    common: dict[str, Any] = {
        "technique": "subgroups",
        "attribute": ATTRIBUTE,
        "evidence": Source(file=file, selector=among),
    }
    number: dict[str, Any] = {
        "value": rounded(found.value) if found else None,
        "missing": "" if found else search.why_not or f"no subgroup that has at least {share} of the rows has a rate",
        "n": search.n,
    }
    told = {**search.names, "searched": search.count} if found else {}
    yield Finding(
        **common,
        **number,
        measure=entry.name,
        group=ANY,
        reference=ALL_OTHERS,
        comparison="difference",
        interval=_bound(search, evidence.spec.statistics.level),
        direction=f"{said}; size of the difference, whichever way",
        details=told,
    )
    yield Finding(
        **common,
        **number,
        measure=f"{LARGEST}[{entry.name}]",
        comparison="whole",
        interval=_largest(search, evidence.spec.statistics.level),
        direction="0 is parity; the largest difference of a subgroup from all others",
        details={**told, "no_interval": search.too_large} if search.too_large else told,
    )
    yield Finding(
        **common,
        measure=entry.name,
        comparison="check",
        value=float(search.count),
        n=Support(group=float(about["rows"])),
        unit="subgroups",
        direction="subgroups that were searched",
        details={**about, "tests": search.tests},
    )


def _bound(search: Search, level: float) -> Interval | None:
    """No subgroup lies further, with the level's confidence; no lower limit is claimed, so that it breaks no limit."""
    if search.furthest is None:
        return None
    high, both = rounded(search.furthest.bound), rounded(2 * level - 1)
    return Interval(low=0.0, high=high, level=both, method="largest-one-sided-limit", simultaneous=True)


def _largest(search: Search, level: float) -> Interval | None:
    """Where the largest difference lies, from bounds that hold for every subgroup at once."""
    if search.simultaneous is None:
        return None
    low, high = (rounded(one) for one in search.simultaneous)
    return Interval(low=low, high=high, level=level, method="bootstrap-supremum", simultaneous=True)
