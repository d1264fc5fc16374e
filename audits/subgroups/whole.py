"""What all rows say of all subgroups that were searched: tests by every correction, and two bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audits.findings import Support, rounded
from audits.statistics.multiplicity import benjamini_hochberg, benjamini_yekutieli, westfall_young
from audits.statistics.rates import tail
from audits.statistics.roots import Floats, quotient
from audits.statistics.simultaneous import holm, one_sided
from audits.subgroups import Outcomes
from audits.subgroups.sample import Sample
from audits.subgroups.testing import (
    Compared,
    Furthest,
    cluster_errors,
    furthest,
    permuted_z,
    simultaneous_bounds,
)

MOST_WORK = 30_000_000
"""Sets of columns times distinct rows from which no permutations and replicates are drawn: they would take hours."""


@dataclass(frozen=True)
class Search:
    """All subgroups together.

    ``count`` how many · ``furthest`` the largest difference and its bound, ``None`` where no subgroup has a rate
    (``why_not``) · ``simultaneous`` the limits of the largest difference from bounds for all at once, ``None`` where
    there are too many distinct rows to resample (``too_large``) · ``names`` which subgroups these are · ``n`` the rows
    of the furthest and of all others · ``tests`` how many of all tests are below the level by each correction.
    """

    count: int
    furthest: Furthest | None
    simultaneous: tuple[float, float] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    n: Support | None = None
    tests: Mapping[str, Any] = field(default_factory=dict)
    why_not: str = ""
    too_large: str = ""


def whole_search(drawn: Sample, rate: Outcomes, level: float, number: int, rng: np.random.Generator) -> Search:
    """Test and bound every subgroup of a search on all rows.

    Args:
        drawn: the rows, searched.
        rate: the metric.
        level: of bounds and tests, 0.95.
        number: permutations, and replicates.
        rng: the generator.
    """
    patterns = drawn.patterns
    compared = drawn.compared(rate)
    others = Compared(*(part[1:] for part in compared))
    count = len(patterns) - 1
    if not others.measured.any():
        return Search(count, None, why_not="" if count else "no category is frequent enough to be a subgroup")
    sets = 1 + int((np.diff(patterns.column, axis=0) != 0).any(axis=1).sum())
    large = sets * drawn.codes.shape[1] > MOST_WORK
    se, z_one = None, one_sided(level)
    if drawn.clusters is not None:
        from scipy.special import stdtrit

        se = cluster_errors(patterns, drawn.codes, *drawn.by_cluster(rate))[1:]
        z_one = float(stdtrit(max(int(drawn.clusters.max()), 1), level))
    found = furthest(others, z_one, se)
    both = None
    if not large:
        of, among = drawn.by_combination(rate)
        draws = drawn.resampled(rate, number, rng)
        limits = simultaneous_bounds(patterns, drawn.codes, of, among, draws, level)
        nearest = np.maximum(np.maximum(limits.low, -limits.high)[1:].max(), 0)
        both = (rounded(float(min(nearest, found.value))), rounded(max(limits.reach, found.value)))
    return Search(
        count=count,
        furthest=found,
        simultaneous=both,
        names={"furthest": patterns.name(found.at + 1), "bound_of": patterns.name(found.bound_at + 1)},
        n=Support(group=float(others.n1[found.at]), reference=float(others.n2[found.at])),
        tests=_tests(drawn, rate, others, se, level, 0 if large else number, rng),
        too_large="too many distinct rows to resample" if large else "",
    )


def _tests(
    drawn: Sample,
    rate: Outcomes,
    compared: Compared,
    se: Floats | None,
    level: float,
    number: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """How many subgroups differ from all others by each correction, and the clearest one."""
    known = np.flatnonzero(compared.measured)
    z = np.abs(compared.z if se is None else quotient(compared.gap, se))[known]
    p = np.array([2 * tail(one) for one in z.tolist()])
    alpha = 1 - level
    clearest = int(np.argmax(z))
    told: dict[str, Any] = {
        "tests": len(known),
        "level": rounded(alpha),
        "raw": int((p < alpha).sum()),
        "benjamini_hochberg": int((benjamini_hochberg(p) < alpha).sum()),
        "benjamini_yekutieli": int((benjamini_yekutieli(p) < alpha).sum()),
        "holm": int((holm(p) < alpha).sum()),
        "clearest": drawn.patterns.name(int(known[clearest]) + 1),
        "clearest_z": rounded(float(z[clearest])),
    }
    if not drawn.plain:
        return {**told, "no_westfall_young": "weighted rows, and rows in clusters, cannot be exchanged for one another"}
    if not number:
        return {**told, "no_westfall_young": "too many distinct rows to permute"}
    of, among = drawn.by_combination(rate)
    permuted = permuted_z(drawn.patterns, drawn.codes, of, among, number, rng)[:, 1:][:, known]
    adjusted = westfall_young(z, permuted)
    single = np.quantile(permuted.max(axis=1), level, method="higher")
    return {
        **told,
        "westfall_young": int((adjusted < alpha).sum()),
        "westfall_young_single_step": int((westfall_young(z, permuted, step_down=False) < alpha).sum()),
        "permutations": number,
        "critical_z": rounded(float(single), 6),
        "clearest_p_westfall_young": rounded(float(adjusted[clearest])),
    }
