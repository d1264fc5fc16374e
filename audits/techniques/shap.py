"""SHAP: which features make the gap between two groups in what a table model answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from audits.errors import NotMeasurable, SpecError, nearest
from audits.evidence import Evidence
from audits.findings import MISSING_GROUP, Finding, Interval, Support, rounded
from audits.findings import Evidence as Source
from audits.shapley import Explanation, explain
from audits.slices import reference_group
from audits.spec import Attribute
from audits.statistics import critical, interval
from audits.statistics.samples import TOO_UNEQUAL, gap_sufficient, stratified_sample
from audits.techniques import technique


@technique(
    source="Lundberg, Lee 2017; Lundberg et al. 2020; intervals: Welch 1947",
    kinds={"tabular"},
    measures={"mean_output_gap", "gap_contribution", "additivity_error"},
)
def shap(
    evidence: Evidence,
    subject: Any,
    *,
    rows: Annotated[int, Field(ge=2)] = 2000,
    background: Annotated[int, Field(ge=1)] = 100,
    attributes: list[Attribute] | None = None,
) -> Iterator[Finding]:
    """The gap between each group's mean output and the reference group's, shared out among the features.

    With one common background, mean f of the group − mean f of the reference is the sum over the features of the
    difference in mean Shapley value, with nothing left over. Yields ``mean_output_gap`` per group, one
    ``gap_contribution[feature]`` per group and feature (they sum to the gap; 0: the feature makes none of it), and one
    ``additivity_error``. The unit is log-odds of the positive class where the model is linear or boosted on that
    scale, else probability. Intervals are over rows, given the background.

    Args:
        evidence: rows and slices.
        subject: the table model.
        rows: most rows to explain, as many from each group of the first attribute as there are.
        background: rows, drawn from all audited rows, whose values stand in for a feature that is left out.
        attributes: protected attributes or intersections; default every protected attribute.
    """
    if not subject.features:
        raise NotMeasurable("the model reads no features, so there is nothing to share a gap out among")
    named = _attributes(evidence, attributes)
    if not named:
        raise NotMeasurable("no protected attribute is known row by row, so there are no groups to compare")
    sample = _Sample(evidence, subject, named, rows, background)
    for name in named:
        yield from sample.findings(name)
    yield sample.additivity()


def _attributes(evidence: Evidence, asked: Sequence[str] | None) -> list[str]:
    known = evidence.attributes
    names = [name for name in evidence.spec.protected if name in known] if asked is None else list(asked)
    for name in names:
        if name not in known:
            raise SpecError(f"shap attributes: got {name!r}, which is not one", nearest(name, known))
    return names


class _Sample:
    """Rows drawn from the audited ones, explained, and what each of them stands for."""

    def __init__(self, evidence: Evidence, subject: Any, attributes: list[str], rows: int, background: int) -> None:
        self.evidence, self.features = evidence, list(subject.features)
        seed = evidence.spec.statistics.seed
        known = np.any([evidence.groups(name) != MISSING_GROUP for name in attributes], axis=0)
        candidates = np.flatnonzero(known)
        strata = evidence.groups(attributes[0])[candidates].astype(str)
        drawn, self.weights = stratified_sample(strata, rows, seed)
        self.positions = candidates[drawn]
        everyone = len(known)
        common = np.sort(np.random.default_rng([seed, 1]).permutation(everyone)[:background])
        self.background = len(common)
        own, clusters = evidence.weights(), evidence.clusters()
        self.weights = self.weights if own is None else self.weights * own[self.positions]
        self.clusters = None if clusters is None else clusters[self.positions]
        self.explained: Explanation = explain(subject, self._frame(self.positions), self._frame(common), seed)

    def _frame(self, positions: NDArray[np.int64]) -> Any:
        """The features of some rows, as the model is given them."""
        from audits.subjects.tabular import frame_of

        table = self.evidence.rows.select([f"data.{name}" for name in self.features]).take(positions)
        return frame_of(table.rename_columns(self.features))

    def findings(self, attribute: str) -> Iterator[Finding]:
        """Yield gap and contributions of every group against the reference group."""
        groups = self.evidence.groups(attribute)[self.positions]
        names = [name for name in self.evidence.codes(attribute)[1] if name != MISSING_GROUP]
        counts = {name: int((groups == name).sum()) for name in names}
        reference = self._reference(attribute, groups, names)
        columns = {"mean_output_gap": self.explained.output}
        columns |= {f"gap_contribution[{f}]": self.explained.values[:, at] for at, f in enumerate(self.features)}
        for group in [name for name in names if name != reference]:
            sides = (groups == group) | (groups == reference)
            inside = groups[sides] == group
            why = self._why(group, reference, counts, sides, inside)
            for measure, values in columns.items():
                yield self._gap(attribute, group, reference, measure, values[sides], inside, sides, why)

    def _reference(self, attribute: str, groups: NDArray[np.str_], names: list[str]) -> str:
        """The group that others are told against; ``best`` has the most favourable mean output."""
        sign = 1 if self.evidence.spec.data.positive_is_favourable else -1
        everyone = self.evidence.groups(attribute)
        counts = {name: float((everyone == name).sum()) for name in names}
        means = {name: sign * float(self.explained.output[groups == name].mean()) for name in names if name in groups}
        found = reference_group(self.evidence.reference(attribute), names, counts, means)
        return found or reference_group("largest", names, counts) or ""

    def _why(
        self, group: str, reference: str, counts: dict[str, int], sides: NDArray[np.bool_], inside: NDArray[np.bool_]
    ) -> str:
        """Why there is no gap, or empty."""
        for name, part in ((group, inside), (reference, ~inside)):
            if counts[name] < 2:
                return f"{counts[name]} rows of {name} explained, a mean with an interval needs 2"
            if self.clusters is not None and len(set(self.clusters[sides][part].tolist())) < 2:
                return f"the {counts[name]} rows of {name} belong to one cluster, a mean with an interval needs 2"
        return ""

    def _gap(
        self, attribute: str, group: str, reference: str, measure: str, values: NDArray[np.float64],
        inside: NDArray[np.bool_], sides: NDArray[np.bool_], why: str,
    ) -> Finding:  # fmt: skip
        feature = measure.partition("[")[2].removesuffix("]")
        selector = f"{attribute} = {group} | {reference}" + (f"; data.{feature}" if feature else "")
        common: dict[str, Any] = {
            "technique": "shap",
            "measure": measure,
            "attribute": attribute,
            "group": group,
            "reference": reference,
            "comparison": "gap",
            "unit": self.explained.unit,
            "direction": self._direction(feature),
            "evidence": Source(file="rows.parquet", selector=selector),
            "n": Support(group=int(inside.sum()), reference=int((~inside).sum())),
            "details": self._details(attribute, feature),
        }
        if why:
            return Finding(**common, missing=why)
        clusters = None if self.clusters is None else self.clusters[sides]
        sufficient = gap_sufficient(values, inside, self.weights[sides], clusters)
        sufficient = {name: rounded(number) for name, number in sufficient.items()}
        if sufficient["df"] < 1:
            common["details"] = {**common["details"], "no_interval": TOO_UNEQUAL}
            return Finding(**common, value=sufficient["mean"])
        level = self.evidence.spec.statistics.level
        low, high = interval("t", sufficient, critical(level))
        limits = Interval(low=rounded(low), high=None if high is None else rounded(high), level=level, method="t")
        return Finding(**common, value=sufficient["mean"], interval=limits, sufficient=sufficient)

    def _direction(self, feature: str) -> str:
        good = "good" if self.evidence.spec.data.positive_is_favourable else "bad"
        what = f"what {feature} adds to the gap" if feature else "mean output of group − reference"
        return f"{what}; above 0: raises the group's {self.explained.unit} of the positive class, {good} for the person"

    def _details(self, attribute: str, feature: str) -> dict[str, Any]:
        if not feature:
            return {"explainer": self.explained.explainer, "background": self.background}
        own = [self.evidence.spec.protected[part] for part in attribute.split("×")]
        columns = {column for one in own for column in (one.column, *(one.indicators or ()))}
        return {"feature": feature, "protected": feature in columns}

    def additivity(self) -> Finding:
        """The largest gap between a row's summed contributions and its output less the background's mean."""
        return Finding(
            technique="shap",
            measure="additivity_error",
            comparison="check",
            value=rounded(self.explained.error, 2),
            unit=self.explained.unit,
            n=Support(group=len(self.positions)),
            direction="0: the contributions of every row sum to its output",
            evidence=Source(file="rows.parquet", selector="rows explained"),
            details={"explainer": self.explained.explainer, "background": self.background},
        )
