"""Replay: what was stored is computed again; any difference is told by finding and field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import ENDED, SPEC, STARTED, reseal, sealed, spec_of, write_verdict

from audits.artifact import seal, tables
from audits.artifact.comparing import compare
from audits.errors import ArtifactError, NotMeasurable
from audits.evidence import PAIRS, PREDICTIONS, Evidence
from audits.findings import Finding, read_findings, write_findings
from audits.observe import from_data
from audits.replay import replay
from audits.techniques import registry, technique


def forge_findings(artifact: Path, **changes: Any) -> Path:
    """Change the first selection rate difference; seal it again with a verdict that follows from it."""
    findings = read_findings((artifact / "findings.json").read_bytes())
    at = next(i for i, f in enumerate(findings) if f.measure == "selection_rate" and f.comparison == "difference")
    findings[at] = findings[at].model_copy(update=changes)
    (artifact / "findings.json").write_bytes(write_findings(findings))
    write_verdict(artifact, spec_of())
    files = ("findings.json", "verdict.json", "ledger.json")
    return reseal(artifact, {name: (artifact / name).read_bytes() for name in files})


def test_every_number_of_an_untouched_artifact_comes_out_the_same(whole: Path) -> None:
    report = replay(whole)
    assert report.equal
    assert [one.technique for one in report.techniques] == ["parity", "flip_rate"]
    for one in report.techniques:
        assert one.equal == one.recomputed == one.stored > 0
    assert report.versions == ()
    assert "every recomputed number is equal" in report.to_text()
    assert json.loads(json.dumps(report.to_json()))["equal"] is True


def test_a_number_changed_and_sealed_again_is_found_by_field(artifact: Path) -> None:
    before = next(
        f
        for f in read_findings((artifact / "findings.json").read_bytes())
        if f.measure == "selection_rate" and f.comparison == "difference"
    )
    report = replay(forge_findings(artifact, value=0.001, direction="made up"))
    assert not report.equal
    assert {(d.finding, d.field) for d in report.differences} == {(before.id, "value"), (before.id, "direction")}
    value = next(d for d in report.differences if d.field == "value")
    assert value.stored == 0.001
    assert value.recomputed == before.value
    assert "DIFFERENT" in report.to_text()
    assert "stored 0.001" in report.to_text()


SAID = ("findings.json", "verdict.json", "ledger.json")


def test_a_finding_left_out_and_one_made_up_are_both_found(artifact: Path) -> None:
    findings = read_findings((artifact / "findings.json").read_bytes())
    gone = next(f for f in findings if f.comparison == "rate" and f.measure == "selection_rate")
    extra = gone.model_copy(update={"group": "nobody"})
    (artifact / "findings.json").write_bytes(write_findings([extra, *(f for f in findings if f is not gone)]))
    write_verdict(artifact, spec_of())
    forged = reseal(artifact, {name: (artifact / name).read_bytes() for name in SAID})
    found = {d.finding: d for d in replay(forged).differences}
    assert found.keys() == {gone.id, extra.id}
    assert found[gone.id].recomputed == gone.value
    assert found[extra.id].stored == gone.value


def test_predictions_changed_and_sealed_again_are_found(artifact: Path) -> None:
    table = pq.read_table(artifact / "predictions.parquet").to_pydict()
    table["decision"] = [1 - decision for decision in table["decision"]]
    pq.write_table(pa.table(table, schema=PREDICTIONS), artifact / "predictions.parquet")
    report = replay(reseal(artifact, {"predictions.parquet": (artifact / "predictions.parquet").read_bytes()}))
    assert any(d.field == "value" for d in report.differences)


def test_decisions_that_do_not_follow_from_their_scores_are_found(artifact: Path) -> None:
    table = pq.read_table(artifact / "predictions.parquet").to_pydict()
    table["decision"][3] = 1 - table["decision"][3]
    pq.write_table(pa.table(table, schema=PREDICTIONS), artifact / "predictions.parquet")
    report = replay(reseal(artifact, {"predictions.parquet": (artifact / "predictions.parquet").read_bytes()}))
    (found,) = report.evidence
    assert found.finding == "predictions.parquet"
    assert found.field.startswith("decision of 1 inputs")
    assert found.stored == table["decision"][3]
    assert found.recomputed == 1 - table["decision"][3]


def test_groups_that_do_not_follow_from_the_rows_are_found(artifact: Path) -> None:
    table = pq.read_table(artifact / "slices.parquet").to_pydict()
    table["sex"][0], table["sex"][7] = "male", "male"
    pq.write_table(pa.table(table), artifact / "slices.parquet")
    changed = [at for at, sex in enumerate(pq.read_table(artifact / "rows.parquet")["data.sex"].to_pylist())
               if sex != table["sex"][at]]  # fmt: skip
    assert changed
    report = replay(reseal(artifact, {"slices.parquet": (artifact / "slices.parquet").read_bytes()}))
    assert report.evidence[0].field == f"sex of {len(changed)} rows, the first at {changed[0]}"
    assert not report.equal


def test_the_last_bit_of_a_float_is_no_difference_and_the_tenth_digit_is_one() -> None:
    assert list(compare({"v": [0.1 + 0.2, 3]}, {"v": [0.3, 3]})) == []
    assert list(compare({"v": {"w": 0.3}}, {"v": {"w": 0.3000000001}})) == [("v.w", 0.3, 0.3000000001)]
    assert len(list(compare([True, None, "a"], [1, 0.0, "b"]))) == 3
    assert len(list(compare([1, 2], [1, 2, 3]))) == 1
    assert list(compare(1, 1.0)) == []
    assert list(compare({"v": {}}, {})) == [("v", {}, None)]


def test_an_artifact_that_is_not_what_was_sealed_is_not_replayed(artifact: Path) -> None:
    (artifact / "card.md").write_text("# something else\n")
    with pytest.raises(ArtifactError, match="is not what was sealed"):
        replay(artifact)


def test_withheld_evidence_is_told_not_recomputed(tmp_path: Path) -> None:
    report = replay(sealed(tmp_path, SPEC + "evidence: digest-only\n"))
    assert report.equal
    assert {one.not_recomputed for one in report.techniques} == {
        "the evidence was withheld (evidence: digest-only); bring it by --data"
    }
    assert report.verdict


def test_withheld_evidence_that_is_brought_is_held_to_its_digests_and_replayed(tmp_path: Path) -> None:
    kept = sealed(tmp_path / "kept")
    bare = sealed(tmp_path / "bare", SPEC + "evidence: digest-only\n")
    report = replay(bare, kept)
    assert report.equal
    assert [one.equal for one in report.techniques] == [one.stored for one in report.techniques]
    table = pq.read_table(kept / "rows.parquet")
    pq.write_table(table.slice(1), kept / "rows.parquet")
    with pytest.raises(ArtifactError, match=r"rows.parquet: got sha256 .*, the audit saw"):
        replay(bare, kept)
    (kept / "pairs.parquet").unlink()
    (kept / "rows.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"got no (rows|pairs).parquet, which was withheld"):
        replay(bare, kept)


def test_an_artifact_that_holds_its_evidence_wants_no_other(whole: Path) -> None:
    with pytest.raises(ArtifactError, match="holds its evidence"):
        replay(whole, whole)


def test_the_predictions_of_a_model_do_not_follow_from_the_data(tmp_path: Path) -> None:
    bare = sealed(tmp_path, SPEC + "evidence: digest-only\n")
    (tmp_path / "people.csv").write_text("sex,good\nmale,1\n")
    with pytest.raises(ArtifactError, match="the model's predictions were withheld"):
        replay(bare, tmp_path / "people.csv")


def test_decisions_in_the_data_are_replayed_from_the_data_alone(tmp_path: Path) -> None:
    from test_bad_input import audited, table

    from audits.findings import canonical_json
    from audits.ledger import ledger
    from audits.spec_reader import read_spec

    run = tmp_path / "run"
    run.mkdir()
    spec_text = (
        "audit: small\nquestion: Are all treated alike?\ndata: {source: t.csv, label: y, decision: d}\n"
        "protected:\n  sex: {column: sex}\ntechniques:\n  parity: {}\nevidence: digest-only\n"
        "limits:\n  - {measure: selection_rate, over: sex, compare: difference, at_most: 0.5}\n"
    )
    findings, verdict = audited(run, table(), spec_text)
    spec = read_spec(run / "spec.yaml")
    pq.write_table(from_data(pq.read_table(run / "rows.parquet")), run / "predictions.parquet")
    pq.write_table(PAIRS.empty_table(), run / "pairs.parquet")
    documents: dict[str, Any] = {
        "verdict.json": verdict.to_json(),
        "ledger.json": ledger(findings, verdict),
        "edits.json": [],
        "model.json": {"digest": None},
        "card.json": {},
    }
    (run / "findings.json").write_bytes(write_findings(findings))
    for name, document in documents.items():
        (run / name).write_bytes(canonical_json(document) + b"\n")
    for name in ("card.html", "card.md"):
        (run / name).write_text("card")
    bare = seal(run, tmp_path / "artifacts", spec=spec, spec_text=spec_text, started=STARTED, ended=ENDED, libraries={})
    assert not (bare / "rows.parquet").exists()
    report = replay(bare, run / "t.csv")
    assert report.equal
    assert report.techniques[0].equal == report.techniques[0].stored > 0
    table().head(150).to_csv(run / "t.csv", index=False)
    with pytest.raises(ArtifactError, match="got the data digest"):
        replay(bare, run / "t.csv")


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three techniques of a test's own."""
    monkeypatch.setattr(registry, "_entries", dict(registry.entries()))

    def mark(name: str) -> Finding:
        return Finding(technique=name, measure="mark", comparison="check", value=1.0)

    @technique(source="a test")
    def reads_model(evidence: Evidence, subject: Any) -> Iterator[Finding]:
        """Read the model's inside."""
        yield mark("reads_model")

    @technique(source="a test")
    def samples(evidence: Evidence) -> Iterator[Finding]:
        """Not promise to be replayable."""
        yield mark("samples")

    @technique(source="a test", replayable=True)
    def impossible(evidence: Evidence) -> Iterator[Finding]:
        """Find nothing to measure."""
        raise NotMeasurable("there is nothing here")
        yield


def _with_findings(folder: Path, findings: list[Finding], spec_text: str) -> Path:
    artifact = sealed(folder, SPEC)
    spec = spec_of(spec_text)
    findings += read_findings((artifact / "findings.json").read_bytes())
    run = folder / "run"
    (run / "findings.json").write_bytes(write_findings(findings))
    write_verdict(run, spec)
    return seal(run, folder / "other", spec=spec, spec_text=spec_text, started=STARTED, ended=ENDED, libraries={})


@pytest.mark.usefixtures("probes")
def test_a_technique_that_cannot_be_replayed_says_why(tmp_path: Path) -> None:
    text = SPEC.replace("  flip_rate: {}\n", "  flip_rate: {}\n  reads_model: {}\n  samples: {}\n  foreign: {}\n")
    marks = [
        Finding(technique=name, measure="mark", comparison="check", value=1.0)
        for name in ("reads_model", "samples", "foreign")
    ]
    report = replay(_with_findings(tmp_path, marks, text))
    why = {one.technique: one.not_recomputed for one in report.techniques}
    assert report.equal
    assert "reads the model's inside" in why["reads_model"]
    assert "needs the model" in why["samples"]
    assert "is installed here" in why["foreign"]
    assert why["parity"] == ""


@pytest.mark.usefixtures("probes")
def test_what_was_not_measurable_is_not_measurable_again(tmp_path: Path) -> None:
    text = SPEC.replace("  flip_rate: {}\n", "  flip_rate: {}\n  impossible: {}\n")
    stored = Finding(technique="impossible", measure="impossible", comparison="check", missing="there is nothing here")
    report = replay(_with_findings(tmp_path, [stored], text))
    assert report.equal
    assert next(one for one in report.techniques if one.technique == "impossible").equal == 1


def test_other_library_versions_are_told(tmp_path: Path) -> None:
    report = replay(sealed(tmp_path, libraries={"numpy": "0.1", "no-such-library": "1"}))
    assert [(name, sealed_as) for name, sealed_as, _ in report.versions] == [("no-such-library", "1"), ("numpy", "0.1")]
    assert "not installed is here" in report.to_text()


def test_a_table_that_would_swell_is_refused_from_its_footer(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_CELLS", 50)
    with pytest.raises(ArtifactError, match="more than is read"):
        replay(whole)


def test_evidence_that_is_no_parquet_is_an_error(artifact: Path) -> None:
    forged = reseal(artifact, {"pairs.parquet": b"PAR1 and nothing more"})
    with pytest.raises(ArtifactError, match=r"pairs\.parquet: got .* expected a parquet file"):
        replay(forged)
