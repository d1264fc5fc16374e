"""Integrated gradients: how much of a text's decision rests on the words that name a protected attribute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from audits.errors import NotMeasurable, SpecError, nearest
from audits.evidence import Evidence
from audits.findings import Evidence as Source
from audits.findings import Finding, Interval, Support, rounded
from audits.gradients import MOST_NODES, Attribution, Encoding, encode, integrate
from audits.spec import Attribute
from audits.statistics import critical, interval
from audits.statistics.samples import TOO_UNEQUAL, mean_sufficient, stratified_sample
from audits.techniques import technique
from audits.terms import Spans, named_groups, on_terms, term_spans

STRIPS = 3
DIGITS = 6
"""Significant digits of what is published: float32 has no more."""


@technique(
    source="Sundararajan, Taly, Yan 2017, sections 3 and 5; quadrature: Clenshaw, Curtis 1960",
    needs={"pairs", "text"},
    kinds={"text-classifier"},
    measures={"attribution_share", "token_share", "signed_attribution", "completeness_error"},
)
def integrated_gradients(
    evidence: Evidence,
    subject: Any,
    *,
    rows: Annotated[int, Field(ge=2)] = 200,
    nodes: Annotated[int, Field(ge=8, le=MOST_NODES, multiple_of=8)] = 16,
    tolerance: Annotated[float, Field(gt=0)] = 1e-3,
    baseline: Literal["mask", "pad"] = "mask",
    attributes: list[Attribute] | None = None,
) -> Iterator[Finding]:
    """Share of a text's attribution that falls on the words naming a protected attribute, with the sign it has.

    The log-odds of the positive class are shared out among the tokens by integrated gradients from a text of baseline
    tokens. The words naming an attribute are those that its counterfactual edits replace, so only rows with such an
    edit count. Yields per attribute and group ``attribution_share`` (mean of abs(attribution) on those words over
    abs(attribution) on all; 0: none of it, 1: all of it), ``token_share`` (what share of the tokens the words are:
    the attribution share expected by length alone), ``signed_attribution`` (mean log-odds that the words add); and
    one ``completeness_error``, the largest gap between summed attributions and the log-odds they share out.

    Args:
        evidence: rows, slices and pairs.
        subject: the text classifier.
        rows: most rows to examine, as many from each group of the first attribute as there are.
        nodes: intervals along the path at first, a multiple of 8; up to 256 for a text that misses ``tolerance``.
        tolerance: largest completeness error of a text, relative to max(1, change of log-odds).
        baseline: token that texts are compared with: the mask token, or padding.
        attributes: protected attributes or intersections; default every protected attribute.
    """
    named = _attributes(evidence, attributes)
    spans = {name: term_spans(evidence, name) for name in named}
    for name in [name for name in named if not spans[name]]:
        yield _missing(name, f"no counterfactual edits a text's {name}, so it is not known which words name it")
    if any(spans.values()):
        examined = _examine(evidence, subject, spans, rows, _baseline(subject, baseline), nodes, tolerance)
        for name in named:
            if spans[name]:
                report = _Report(evidence, examined, name, spans[name])
                for group in report.groups():
                    yield from report.findings(group)
        yield _completeness(examined, tolerance, baseline)


@dataclass(frozen=True)
class Examined:
    """The rows examined: positions among the audited rows, what each stands for, and what came out."""

    positions: NDArray[np.int64]
    weights: NDArray[np.float64]
    texts: list[str]
    encodings: list[Encoding]
    attributions: list[Attribution]


def _attributes(evidence: Evidence, asked: Sequence[str] | None) -> list[str]:
    known = [*dict.fromkeys([*evidence.spec.protected, *evidence.attributes])]
    names = list(evidence.spec.protected if asked is None else asked)
    for name in names:
        if name not in known:
            raise SpecError(f"integrated_gradients attributes: got {name!r}, which is not one", nearest(name, known))
    return names


def _baseline(subject: Any, name: str) -> int:
    token = subject.tokenizer.mask_token_id if name == "mask" else subject.tokenizer.pad_token_id
    if token is None:
        other = "pad" if name == "mask" else "mask"
        raise NotMeasurable(f"the model's tokenizer has no {name} token to start from", f"set baseline to {other}")
    return int(token)


def _examine(
    evidence: Evidence, subject: Any, spans: dict[str, Spans], rows: int, baseline: int, nodes: int, tolerance: float
) -> Examined:
    candidates = np.array(sorted({at for one in spans.values() for at in one}), dtype=np.int64)
    groups = named_groups(evidence, next(iter(spans)))[candidates].astype(str)
    drawn, weights = stratified_sample(groups, rows, evidence.spec.statistics.seed)
    positions = candidates[drawn]
    texts = evidence.rows["text"].take(positions).to_pylist()
    encodings = encode(subject, texts)
    attributions = integrate(subject, encodings, baseline=baseline, nodes=nodes, tolerance=tolerance)
    own = evidence.weights()
    return Examined(positions, weights if own is None else weights * own[positions], texts, encodings, attributions)


class _Report:
    """The findings of one attribute, group by group."""

    def __init__(self, evidence: Evidence, examined: Examined, attribute: str, spans: Spans) -> None:
        self.evidence, self.examined, self.attribute, self.spans = evidence, examined, attribute, spans
        self.names = named_groups(evidence, attribute)

    def groups(self) -> list[str]:
        """Every group the audit knows, whether or not any text of it names the attribute."""
        sliced = self.attribute in self.evidence.attributes
        known = self.evidence.codes(self.attribute)[1] if sliced else []
        return list(dict.fromkeys([*known, *self.names[sorted(self.spans)].tolist()]))

    def findings(self, group: str) -> Iterator[Finding]:
        """Yield the three means of one group."""
        positions = self.examined.positions
        known = sum(1 for at in self.spans if self.names[at] == group)
        inside = [i for i, at in enumerate(positions) if at in self.spans and self.names[at] == group]
        tokens = {i: self.examined.attributions[i].tokens for i in inside}
        terms = {i: on_terms(self.examined.encodings[i].offsets, self.spans[int(positions[i])]) for i in inside}
        used = [i for i in inside if tokens[i].any()]
        values = {
            "attribution_share": [np.abs(tokens[i][terms[i]]).sum() / np.abs(tokens[i]).sum() for i in used],
            "token_share": [terms[i].sum() / (~self.examined.encodings[i].special).sum() for i in used],
            "signed_attribution": [tokens[i][terms[i]].sum() for i in used],
        }
        details: dict[str, Any] = {
            "rows_naming_it": known,
            "rows_examined": len(inside),
            "terms_not_read": sum(1 for i in inside if not terms[i].any()),
        }
        copied = self.evidence.spec.evidence == "keep"  # strips are the rows' own words
        strips = [self._strip(i, terms[i]) for i in used[:STRIPS]] if copied else []
        for measure, numbers in values.items():
            shown = {**details, "strips": strips} if measure == "attribution_share" else details
            yield self._mean(measure, group, np.array(numbers, np.float64), used, shown)

    def _mean(
        self, measure: str, group: str, values: NDArray[np.float64], used: list[int], details: dict[str, Any]
    ) -> Finding:
        signed = measure == "signed_attribution"
        selector = f"attribute = {self.attribute}, kind = counterfactual; rows of {group}; tokens in edits"
        common: dict[str, Any] = {
            "technique": "integrated_gradients",
            "measure": measure,
            "attribute": self.attribute,
            "group": group,
            "comparison": "mean" if signed else "share",
            "unit": "log-odds" if signed else "share",
            "direction": _direction(measure, self.attribute, self.evidence.spec.data.positive_is_favourable),
            "evidence": Source(file="pairs.parquet", selector=selector),
            "n": Support(group=len(used)),
            "details": details,
        }
        clusters = self.evidence.clusters()
        own = np.arange(len(used)) if clusters is None else clusters[self.examined.positions[used]]
        if len(set(own.tolist())) < 2:
            return Finding(**common, missing=_why(self.attribute, group, details, len(used)))
        sufficient = mean_sufficient(values, self.examined.weights[used], None if clusters is None else own)
        sufficient = {name: rounded(number, DIGITS) for name, number in sufficient.items()}
        if sufficient["df"] < 1:
            return Finding(**common | {"details": details | {"no_interval": TOO_UNEQUAL}}, value=sufficient["mean"])
        sufficient |= {} if signed else {"low": 0.0, "high": 1.0}
        level = self.evidence.spec.statistics.level
        low, high = interval("t", sufficient, critical(level))
        limits = Interval(low=rounded(low), high=None if high is None else rounded(high), level=level, method="t")
        return Finding(**common, value=sufficient["mean"], interval=limits, sufficient=sufficient)

    def _strip(self, i: int, terms: NDArray[np.bool_]) -> dict[str, Any]:
        """A row's tokens with what each adds to the log-odds; ``terms`` tells which of them name the attribute."""
        encoding, text = self.examined.encodings[i], self.examined.texts[i]
        shown = np.flatnonzero(~encoding.special)
        added = self.examined.attributions[i].tokens
        return {
            "row": self.evidence.rows["row"][int(self.examined.positions[i])].as_py(),
            "tokens": [[text[slice(*encoding.offsets[at])], rounded(float(added[at]), 4)] for at in shown],
            "terms": np.flatnonzero(terms[shown]).tolist(),
        }


def _why(attribute: str, group: str, details: dict[str, Any], used: int) -> str:
    if details["rows_naming_it"] == 0:
        return f"no text of {group} has a word that is known to name {attribute}"
    if details["rows_examined"] and not used:
        return f"the model's answer depends on no word of the {details['rows_examined']} texts of {group} examined"
    if used > 1:
        return f"the {used} texts of {group} examined belong to one cluster, a mean with an interval needs 2"
    return f"{used} of the {details['rows_naming_it']} texts of {group} examined, a mean with an interval needs 2"


def _direction(measure: str, attribute: str, favourable: bool) -> str:
    if measure == "attribution_share":
        return f"0: no word naming {attribute} moves the log-odds, 1: only these do; compare with token_share"
    if measure == "token_share":
        return f"share of the tokens that name {attribute}: the attribution share expected by length alone"
    good = "good" if favourable else "bad"
    return f"above 0: the words naming {attribute} push towards the positive class, which is {good} for the person"


def _completeness(examined: Examined, tolerance: float, baseline: str) -> Finding:
    errors = np.array([abs(one.error) for one in examined.attributions])
    nodes, counts = np.unique([one.nodes for one in examined.attributions], return_counts=True)
    return Finding(
        technique="integrated_gradients",
        measure="completeness_error",
        comparison="check",
        value=rounded(float(errors.max()), 2),
        unit="share",
        n=Support(group=len(errors)),
        direction=f"largest gap between a text's summed attributions and its log-odds, at most {tolerance:g} asked for",
        evidence=Source(file="rows.parquet", selector="text of the rows examined"),
        details={
            "rows": len(errors),
            "rows_above_tolerance": int((errors > tolerance).sum()),
            "tolerance": tolerance,
            "nodes": {str(node): int(count) for node, count in zip(nodes, counts, strict=True)},
            "baseline": baseline,
        },
    )


def _missing(attribute: str, why: str) -> Finding:
    return Finding(
        technique="integrated_gradients",
        measure="attribution_share",
        attribute=attribute,
        comparison="share",
        unit="share",
        missing=why,
        evidence=Source(file="pairs.parquet", selector=f"attribute = {attribute}, kind = counterfactual"),
    )
