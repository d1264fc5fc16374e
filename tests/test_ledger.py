"""The multiplicity ledger: everything that was tested, raw and adjusted, and nothing else."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests
from synthetic import reseal
from test_verdict import all_pairs, limit, own

from audits.artifact import verify
from audits.errors import ArtifactError
from audits.findings import canonical_json
from audits.ledger import ledger
from audits.verdict import judge

GROUPS = {"a": (50, 100), "b": (30, 100), "c": (45, 100), "d": (52, 100)}


def with_p(values):
    pairs = zip(all_pairs("difference", GROUPS), values, strict=True)
    return [pair.model_copy(update={"p": each, "p_adjusted": min(1, 2 * each)}) for pair, each in pairs]


P = [0.001, 0.03, 0.04, 0.2, 0.5, 0.9]


def test_every_p_value_is_listed_once_raw_and_adjusted():
    findings = with_p(P)
    found = ledger([*findings, own("a", 5, 10)], judge([limit()], findings))
    assert found["tested"]["id"] == sorted(finding.id for finding in findings)
    p = np.array(found["tested"]["p"])
    assert sorted(p) == sorted(P)
    assert found["tested"]["holm"] == pytest.approx(multipletests(p, method="holm")[1])
    assert found["tested"]["benjamini_hochberg"] == pytest.approx(false_discovery_control(p))
    assert found["counts"] == {"tested": 6, "raw": 3, "own_table": 1, "holm": 1, "benjamini_hochberg": 1}


def test_the_ledger_names_every_limit_with_its_p_value():
    findings = with_p(P)
    verdict = judge([limit(), limit("ratio", at_least=0.8)], findings)
    found = ledger(findings, verdict)
    assert [one["limit"] for one in found["limits"]] == [one.text for one in verdict.limits]
    assert found["limits"][0]["p"] == verdict.limits[0].p


def test_where_nothing_was_tested_the_ledger_is_empty_and_says_so():
    found = ledger([own("a", 5, 10)], judge([], []))
    assert found["counts"] == {"tested": 0, "raw": 0, "own_table": 0, "holm": 0, "benjamini_hochberg": 0}


def test_a_ledger_that_leaves_a_test_out_is_no_ledger_of_its_findings(artifact):
    sealed = verify(artifact)
    document = ledger(sealed.findings, sealed.verdict)
    assert document == sealed.document("ledger.json")
    document["tested"] = {name: column[1:] for name, column in document["tested"].items()}
    forged = reseal(artifact, {"ledger.json": canonical_json(document) + b"\n"})
    with pytest.raises(ArtifactError, match=r"ledger.json: does not follow from the findings: tested"):
        verify(forged)
