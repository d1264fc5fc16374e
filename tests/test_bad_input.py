"""What a table or a policy can be wrong in: one clear error, or a number that says why it is none."""

import numpy as np
import pandas as pd
import pytest

from audits.data import load
from audits.errors import AuditError, SpecError
from audits.evidence import Evidence
from audits.slices import cut
from audits.spec_reader import read_spec
from audits.techniques.parity import parity
from audits.verdict import judge

ROWS = 200
SPEC = """\
audit: small
question: Are all treated alike?
data: {source: t.csv, label: y, decision: d}
protected:
  sex: {column: sex}
techniques:
  parity: {}
limits:
  - {measure: true_positive_rate, over: sex, compare: difference, at_most: 0.5}
"""


def table(**columns):
    rng = np.random.default_rng(0)
    whole = {
        "sex": rng.choice(["m", "f"], ROWS),
        "y": rng.integers(0, 2, ROWS),
        "d": rng.integers(0, 2, ROWS),
        "w": np.ones(ROWS),
    }
    return pd.DataFrame({**whole, **columns})


def audited(folder, frame, spec=SPEC):
    """Load, cut, measure and judge; return the findings and the verdict."""
    frame.to_csv(folder / "t.csv", index=False)
    (folder / "spec.yaml").write_text(spec)
    read = read_spec(folder / "spec.yaml")
    load(read, folder, folder)
    cut(read, folder, folder)
    findings = list(parity(Evidence(folder, read)))
    return findings, judge(read.policy, findings)


def changed(old, new):
    assert old in SPEC
    return SPEC.replace(old, new)


Y = np.arange(ROWS) % 2
WEIGHTED = changed("decision: d", "decision: d, weight: w")
REFUSED = [
    (
        "labels outside the stated values",
        table(y=Y * 2 - 1 + (np.arange(ROWS) == 3)),
        SPEC,
        r"data.label: the column 'y' has .*; expected '1' \(positive\) and one other value",
    ),
    (
        "a decision of three values",
        table(d=np.arange(ROWS) % 3),
        SPEC,
        r"data.decision: the column 'd' has '0' \(67\), '1' \(67\), '2' \(66\); expected",
    ),
    (
        "a negative weight",
        table(w=np.where(np.arange(ROWS) == 5, -1, 1)),
        WEIGHTED,
        r"data.weight: the column 'w' is negative or missing in source rows \(from 0\) 5",
    ),
    (
        "a missing weight",
        table(w=np.where(np.arange(ROWS) == 5, np.nan, 1)),
        WEIGHTED,
        r"data.weight: .* negative or missing in source rows \(from 0\) 5",
    ),
    (
        "an identifier as a protected attribute",
        table(sex=[f"person {at}" for at in range(1500)][:ROWS]).pipe(
            lambda f: pd.concat([f.assign(sex=[f"p{k}-{i}" for i in range(ROWS)]) for k in range(6)])
        ),
        SPEC,
        r"protected.sex: got 1200 groups, expected at most 1000",
    ),
    (
        "a score that is infinite",
        table(s=np.where(np.arange(ROWS) == 7, np.inf, 0.5)),
        changed("decision: d", "score: s, threshold: '>= 0.5'"),
        r"data.score: the column 's' is infinite in source rows .* 7",
    ),
    (
        "an attribute that is missing everywhere",
        table(sex=[None] * ROWS),
        SPEC,
        r"proportion_of_non_null_values_to_be_between\(column='sex'.*got 0.0",
    ),
    ("a table without rows", table().head(0), SPEC, r"got no rows"),
]


@pytest.mark.parametrize(("frame", "spec", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_audited_is_refused_in_one_sentence(tmp_path, frame, spec, message):
    with pytest.raises(AuditError, match=message) as caught:
        audited(tmp_path, frame, spec)
    assert caught.value.hint
    assert not (tmp_path / "slices.parquet").exists()


ALONE = np.where(np.arange(ROWS) == 0, "x", np.where(np.arange(ROWS) % 2, "m", "f"))
STATED = [
    ("a group of one", table(sex=ALONE, y=np.ones(ROWS, int)), SPEC, "INCONCLUSIVE", "x", None),
    (
        "a group without positives",
        table(y=Y, sex=np.where(Y, "m", "f")),
        SPEC,
        "INCONCLUSIVE",
        "f",
        "f has no actual positives with a decision, so it has no true positive rate",
    ),
    ("all of one class", table(y=np.zeros(ROWS, int)), SPEC, "INCONCLUSIVE", "m", "m has no actual positives"),
    (
        "a truth that is missing everywhere",
        table(y=[None] * ROWS),
        SPEC,
        "INCONCLUSIVE",
        "m",
        "m has no actual positives",
    ),
    (
        "weights of 0",
        table(w=np.zeros(ROWS)),
        WEIGHTED,
        "INCONCLUSIVE",
        "m",
        "the actual positives of m have no weight, so it has no true positive rate",
    ),
]


@pytest.mark.parametrize(
    ("frame", "spec", "outcome", "group", "missing"), [r[1:] for r in STATED], ids=[r[0] for r in STATED]
)
def test_what_cannot_be_measured_is_said_and_leaves_its_limit_open(tmp_path, frame, spec, outcome, group, missing):
    findings, verdict = audited(tmp_path, frame, spec)
    assert verdict.verdict == outcome
    assert verdict.limits[0].reason
    for finding in findings:
        assert finding.value is None or np.isfinite(finding.value)
    if missing:
        (own,) = [f for f in findings if f.id == f"parity/true_positive_rate/sex/{group}/-/rate"]
        assert own.missing.startswith(missing)
        assert missing in verdict.limits[0].reason


def test_a_policy_on_a_measure_that_is_not_computed_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(SpecError, match="got 'true_positive_rat', expected what a technique here measures") as caught:
        audited(tmp_path, table(), changed("measure: true_positive_rate", "measure: true_positive_rat"))
    assert "did you mean 'true_positive_rate'?" in caught.value.hint


def test_a_waiver_without_an_owner_is_refused(tmp_path):
    waiver = "at_most: 0.5, waiver: {owner: '', reason: r, expires: 2099-01-01}}"
    with pytest.raises(SpecError, match="waiver"):
        audited(tmp_path, table(), changed("at_most: 0.5}", waiver))
    with pytest.raises(SpecError, match="owner"):
        audited(tmp_path, table(), changed("at_most: 0.5}", waiver.replace("owner: '', ", "")))
