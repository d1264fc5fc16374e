"""The model about to be released against the one in production, on the same rows.

Two findings answer a limit on a change, both only as far as the rows of the two artifacts are the same:

``change``    of each group: its rate under this model minus its rate under the one in production. Rows that both
              decide alike cancel: Tango's score interval over the rows that flip, McNemar's mid-p test.
``widening``  of each ordered pair of groups: the lead of one over the other under this model, minus the size of the
              gap between them in production, whichever was ahead then. Above 0 the gap has grown.

"Not shown worse by more than δ" is then a limit like any other, judged by the same function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits import metrics
from audits.artifact import Artifact
from audits.errors import ArtifactError, NotMeasurable
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Comparison, Finding, Interval, Support, rounded
from audits.findings import Evidence as Source
from audits.metrics import direction
from audits.metrics.changing import Decided, Moved, moved
from audits.registry import Entry
from audits.same_rows import SAME, refuse_other_rows
from audits.spec import Limit
from audits.statistics import bounds, critical
from audits.statistics.paired import mcnemar_p
from audits.statistics.rates import tail
from audits.statistics.simultaneous import holm

AGAINST_PRODUCTION = ("change", "widening")
"""Comparisons that need the artifact of the model in production."""

NO_BASELINE = "no artifact of the model in production was given (--baseline), so no change against it can be told"

_SURELY = 3.09  # standard errors: the sign of a production gap this far from 0 is wrong once in 1,000


class _Asked(NamedTuple):
    """One measure over one attribute, in one comparison."""

    measure: str
    attribute: str
    compare: Comparison


def asked_of(policy: Sequence[Limit]) -> list[_Asked]:
    """Return what the limits of a policy ask against production, each once; empty where none does."""
    wanted = [limit for limit in policy if limit.compare in AGAINST_PRODUCTION]
    return list(
        dict.fromkeys(_Asked(limit.measure, over, limit.compare) for limit in wanted for over in limit.attributes)
    )


def not_compared(policy: Sequence[Limit]) -> list[Finding]:
    """Return a finding without a number for whatever a policy asks against production, where there is no baseline."""
    return [_missing(asked, "", "", NO_BASELINE) for asked in asked_of(policy)]


def compare(candidate: Artifact, baseline: Artifact, policy: Sequence[Limit]) -> list[Finding]:
    """Return the findings that a policy asks of an artifact against the one of the model in production.

    Raises:
        ArtifactError: the artifacts are not of the same rows, or their evidence was withheld; with the reason.
    """
    refuse_other_rows(candidate, baseline)
    return list(changes(candidate.evidence, baseline.evidence, policy))


def changes(candidate: Evidence, baseline: Evidence, policy: Sequence[Limit]) -> Iterator[Finding]:
    """Yield a ``change`` of each group and a ``widening`` of each ordered pair, as far as the policy asks for them.

    Args:
        candidate: evidence of the model about to be released.
        baseline: of the one in production, over the same rows (``audits.same_rows``).
        policy: the limits.

    Raises:
        ArtifactError: the rows are in other groups there.
    """
    families: dict[tuple[str, str], list[Comparison]] = {}
    for measure, attribute, comparison in asked_of(policy):
        families.setdefault((measure, attribute), []).append(comparison)
    for (measure, attribute), comparisons in families.items():
        if attribute not in candidate.attributes:
            continue  # the verdict says that no finding is over it
        try:
            if measure not in metrics.registry:
                raise NotMeasurable(f"{measure} is no metric of this version, so that its change cannot be told")
            entry = metrics.registry[measure]
            groups, rows = _decided(candidate, baseline, attribute)
            both = _Family(candidate, entry, attribute, groups, moved(entry, rows), rows)
        except NotMeasurable as why:
            yield from (_missing(_Asked(measure, attribute, each), "", "", why.message) for each in comparisons)
            continue
        if "change" in comparisons:
            yield from both.own()
        if "widening" in comparisons:
            yield from both.pairs()


def _decided(candidate: Evidence, baseline: Evidence, attribute: str) -> tuple[list[str], Decided]:
    codes, groups = candidate.codes(attribute)
    if attribute not in baseline.attributes:
        raise ArtifactError(f"the baseline has no groups of {attribute}", SAME)
    other, names = baseline.codes(attribute)
    place = np.array([groups.index(name) if name in groups else -1 for name in names])
    if not np.array_equal(place[other], codes):
        raise ArtifactError(f"the baseline has other groups of {attribute}", SAME)
    labels = candidate.label_codes()
    if candidate.spec.data.label is None:
        labels = np.full_like(labels, -1)
    found = Decided(
        codes=codes,
        groups=len(groups),
        labels=labels,
        old=baseline.decision_codes(),
        new=candidate.decision_codes(),
        weights=candidate.weights(),
        clusters=candidate.cluster_codes(),
    )
    return groups, found


class _Family:
    """One metric over one attribute under both models, told as findings."""

    def __init__(
        self, evidence: Evidence, entry: Entry, attribute: str, groups: list[str], both: Moved, rows: Decided
    ) -> None:
        self.entry, self.attribute, self.groups, self.both, self.rows = entry, attribute, groups, both, rows
        self.level = evidence.spec.statistics.level
        self.good = direction(entry.facts["good"], evidence.spec.data.positive_is_favourable)
        self.missing = [self._why(at) for at in range(len(groups))]

    def own(self) -> Iterator[Finding]:
        known = [at for at, why in enumerate(self.missing) if not why]
        p = {at: self._p(at) for at in known}
        compared = [at for at in known if self.groups[at] != MISSING_GROUP]
        adjusted = dict(zip(compared, holm([p[at] for at in compared]), strict=True))
        for at, group in enumerate(self.groups):
            asked = _Asked(self.entry.name, self.attribute, "change")
            if self.missing[at]:
                yield _missing(asked, group, "", self.missing[at])
                continue
            change = float(self.both.new[at] - self.both.old[at])
            b, c, n = (float(part[at]) for part in (self.both.up, self.both.down, self.both.rows))
            se = float(np.sqrt(self.both.change[at, at]))
            df = float(self.both.units[at] - 1)
            method, sufficient = "t", {"mean": change, "se": se, "df": df, "low": -1.0, "high": 1.0}
            if self.both.plain:
                method, sufficient = "tango", {"b": b, "c": c, "n": n}
            yield self._finding(
                asked,
                (group, ""),
                change,
                (method, sufficient),
                Support(group=n),
                (p[at], adjusted.get(at)),
                "change = this model − production, on the same rows",
                {"rate": float(self.both.new[at]), "in_production": float(self.both.old[at]), "up": b, "down": c},
            )

    def pairs(self) -> Iterator[Finding]:
        known = [at for at, group in enumerate(self.groups) if group != MISSING_GROUP]
        told = {(a, b): self._widening(a, b) for a, b in permutations(known, 2)}
        once = [pair for pair in told if pair[0] < pair[1] and not self._pair_missing(*pair)]
        p = {pair: self._changed_p(told[pair]) for pair in once}
        adjusted = dict(zip(once, holm([p[pair] for pair in once]), strict=True))
        for (a, b), sufficient in told.items():
            asked = _Asked(self.entry.name, self.attribute, "widening")
            one, other, pair = self.groups[a], self.groups[b], (min(a, b), max(a, b))
            if self._pair_missing(a, b):
                yield _missing(asked, one, other, self._pair_missing(a, b))
                continue
            new, old = (float(rate[a] - rate[b]) for rate in (self.both.new, self.both.old))
            yield self._finding(
                asked,
                (one, other),
                min(sufficient["same"], sufficient["turned"]),
                ("widening", sufficient),
                Support(group=float(self.both.rows[a]), reference=float(self.both.rows[b])),
                (p[pair], adjusted[pair]),
                "widening = group − reference in this model − |group − reference| in production, on the same rows",
                {"lead": new, "in_production": old},
            )

    def _why(self, at: int) -> str:
        name, among = self.entry.name.replace("_", " "), self.entry.facts["among"]
        if not self.both.exists[at]:
            return f"{self.groups[at]} has no {among}, so its {name} has no change"
        unit = "row" if self.rows.clusters is None else "cluster"
        if self.both.units[at] < 2:
            return f"{self.groups[at]} has 1 {unit} among the {among}, and nothing is known of a change from one"
        return ""

    def _pair_missing(self, a: int, b: int) -> str:
        return "; ".join(filter(None, (self.missing[a], self.missing[b])))

    def _widening(self, a: int, b: int) -> dict[str, float]:
        new, old = (float(rate[a] - rate[b]) for rate in (self.both.new, self.both.old))
        same, turned, before = (_se(part, a, b) for part in (self.both.change, self.both.total, self.both.before))
        third = [float(part[a] - part[b]) for part in (self.both.change_third, self.both.total_third)]
        return {
            "same": new - old,
            "same_se": same,
            "same_skew": third[0] / same**2,
            "turned": new + old,
            "turned_se": turned,
            "turned_skew": third[1] / turned**2,
            "behind": float(old < -_SURELY * before),
        }

    def _changed_p(self, known: dict[str, float]) -> float:
        """Two-sided, that the difference of the two groups is what it was."""
        return 2 * tail(abs(known["same"]) / known["same_se"])

    def _p(self, at: int) -> float:
        """Two-sided, that the group's rate is what it was."""
        if self.both.plain:
            return mcnemar_p(int(self.both.up[at]), int(self.both.down[at]))
        change = float(self.both.new[at] - self.both.old[at])
        return 2 * tail(abs(change) / float(np.sqrt(self.both.change[at, at])))

    def _finding(
        self,
        asked: _Asked,
        sides: tuple[str, str],
        value: float,
        interval: tuple[str, dict[str, float]],
        n: Support,
        p: tuple[float, float | None],
        sense: str,
        details: dict[str, Any],
    ) -> Finding:
        method, sufficient = interval
        low, high = bounds(method, sufficient, critical(self.level))
        return Finding(
            technique="baseline",
            measure=asked.measure,
            attribute=asked.attribute,
            group=sides[0],
            reference=sides[1],
            comparison=asked.compare,
            value=rounded(value),
            interval=Interval(low=rounded(float(low)), high=rounded(float(high)), level=self.level, method=method),
            n=n,
            sufficient={name: rounded(number) for name, number in sufficient.items()},
            p=rounded(p[0]),
            p_adjusted=None if p[1] is None else rounded(float(p[1])),
            adjustment="" if p[1] is None else "holm",
            direction=f"{self.good}; {sense}",
            evidence=Source(file="predictions.parquet", selector=f"{asked.attribute}, of both artifacts"),
            details={name: rounded(number) for name, number in details.items()},
        )


def _se(covariance: NDArray[np.float64], a: int, b: int) -> float:
    return float(np.sqrt(max(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b], 0.0)))


def _missing(asked: _Asked, group: str, reference: str, why: str) -> Finding:
    return Finding(
        technique="baseline",
        measure=asked.measure,
        attribute=asked.attribute,
        group=group,
        reference=reference,
        comparison=asked.compare,
        missing=why,
    )
