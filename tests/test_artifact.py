"""The sealed folder: round trip, every flipped byte found, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import ENDED, SPEC, STARTED, rename, reseal, sealed, spec_of, write_run, write_verdict

from audits.artifact import find_problems, newest_digest, read, seal, sealing, strict, verify
from audits.artifact.texts import policy_bytes, sealed_policy, spec_bytes
from audits.errors import ArtifactError
from audits.findings import canonical_json
from audits.paths import tracking_uri


def every_file(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def messages(path: Path) -> str:
    return "\n".join(f"{problem.file}: {problem.message}" for problem in find_problems(path))


# --- round trip


def test_a_sealed_artifact_verifies(whole: Path) -> None:
    assert find_problems(whole) == []


def test_the_folder_is_named_by_audit_time_and_digest(whole: Path) -> None:
    digest = hashlib.sha256((whole / "manifest.json").read_bytes()).hexdigest()
    assert whole.parent.name == "hiring"
    assert whole.name == f"20260301T090530Z-{digest[:12]}"
    assert read(whole).digest == digest


def test_an_artifact_holds_exactly_the_files_of_the_contract(whole: Path) -> None:
    folder = {"manifest.json", "spec.yaml", "policy.yaml", "findings.json", "verdict.json", "data.json", "checks.json"}
    folder |= {
        "ledger.json",
        "groups.json",
        "edits.json",
        "model.json",
        "card.html",
        "card.md",
        "card.json",
        "charts/rates-sex.svg",
    }
    folder |= {"rows.parquet", "slices.parquet", "pairs.parquet", "predictions.parquet"}
    assert set(every_file(whole)) == folder


def test_what_is_read_back_is_what_was_sealed(whole: Path) -> None:
    artifact = read(whole)
    assert artifact.spec.digest == spec_of().digest
    assert artifact.policy == spec_of().policy
    assert artifact.verdict.policy_sha256 == spec_of().policy_digest
    assert [f.measure for f in artifact.findings if f.comparison == "difference"]
    assert artifact.evidence.rows.num_rows == 120
    assert artifact.content("spec.yaml").decode() == SPEC
    assert artifact.manifest.started == STARTED
    assert artifact.manifest.ended == ENDED


def test_an_artifact_may_be_moved(whole: Path, tmp_path: Path) -> None:
    assert find_problems(Path(shutil.copytree(whole, tmp_path / "elsewhere" / whole.name))) == []


def test_an_artifact_may_be_renamed_where_its_digest_is_known_from_elsewhere(whole: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "download"))
    assert "the folder is called 'download'" in messages(copy)
    assert find_problems(copy, expected_digest=read(whole).digest) == []
    assert "expected 0000" in find_problems(copy, expected_digest="0" * 64)[0].message


def test_the_same_run_sealed_in_another_place_is_the_same_artifact(whole: Path, tmp_path: Path) -> None:
    assert sealed(tmp_path).name == whole.name


def test_sealing_the_same_run_twice_chains_the_second_to_the_first(tmp_path: Path) -> None:
    first, second = sealed(tmp_path), sealed(tmp_path, ended=ENDED + timedelta(hours=1))
    assert read(first).manifest.previous is None
    assert read(second).manifest.previous == read(first).digest


def test_the_chain_goes_to_the_newest_by_its_end_and_passes_over_a_damaged_one(tmp_path: Path) -> None:
    late = sealed(tmp_path, ended=ENDED + timedelta(hours=2))
    early = sealed(tmp_path, ended=ENDED)
    assert newest_digest(early.parent) == read(late).digest
    (late / "card.md").write_text("# something else\n")
    assert newest_digest(early.parent) == read(early).digest
    assert read(sealed(tmp_path, ended=ENDED + timedelta(hours=3))).manifest.previous == read(early).digest


def test_the_previous_artifact_may_be_named(tmp_path: Path) -> None:
    assert read(sealed(tmp_path, previous="a" * 64)).manifest.previous == "a" * 64


def test_the_verdict_of_an_unknown_format_version_is_not_guessed(artifact: Path) -> None:
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    later = rename(artifact, canonical_json({**manifest, "format_version": 2}) + b"\n")
    assert "got format version 2, expected 1" in messages(later)


# --- spec and policy


def test_limits_from_a_file_are_written_into_the_sealed_spec() -> None:
    spec = spec_of()
    text = SPEC[: SPEC.index("limits:")] + "limits: rules/policy.yaml  # agreed in May\ncard: {owner: me}\n"
    spec = spec.model_copy(update={"card": spec.card.model_copy(update={"owner": "me"})})
    written = spec_bytes(spec, text).decode()
    assert "# agreed in May" in written
    assert "# who is asked to an interview" in written
    assert spec_of(written).digest == spec.digest


def test_a_spec_that_ran_with_another_seed_is_sealed_as_run(tmp_path: Path) -> None:
    spec = spec_of()
    spec = spec.model_copy(update={"statistics": spec.statistics.model_copy(update={"seed": 7})})
    folder = sealed(tmp_path, spec=spec)
    assert read(folder).spec.statistics.seed == 7
    assert (folder / "spec.yaml").read_text().startswith("# The spec as run")


def test_a_password_in_the_spec_never_reaches_the_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2/@x")
    text = SPEC.replace("people.csv", "'sql+postgresql://ada:${DB_PASSWORD}@db.example/people#select * from people'")
    text += "tracking: {uri: 'https://ada:hunter2@mlflow.example/?token=hunter2&a=1'}\n"
    spec = spec_of(text.replace("${DB_PASSWORD}", "hunter2/@x"))
    folder = sealed(tmp_path, text, spec=spec)
    assert all(b"hunter2" not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert read(folder).spec.data.source == "sql+postgresql://***@db.example/people#select * from people"
    assert read(folder).spec.tracking.uri == "https://***@mlflow.example/?token=***&a=1"
    assert "# who is asked to an interview" in (folder / "spec.yaml").read_text()


def test_a_variable_is_sealed_by_value_unless_it_says_where_something_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"FOLDER": "/data/2026", "COLUMN": "good", "SECRET": "hunter2"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = SPEC.replace("people.csv", "'${FOLDER}/people.csv'").replace("label: good", "label: '${COLUMN}'")
    text = text.replace("equally often", "equally often (${FOLDER})").replace("models/letters", "'${FOLDER}/letters'")
    text = text.replace("# who", "# ${SECRET} who")
    run = re.sub(r"\$\{(\w+)\}(?!\)| who)", lambda found: variables[found[1]], text)
    written = spec_bytes(spec_of(run), text).decode()
    assert "source: '${FOLDER}/people.csv', label: 'good'" in written
    assert "uri: '${FOLDER}/letters'" in written
    assert "equally often (${FOLDER})" in written
    assert "# ${SECRET} who" in written


@pytest.mark.parametrize("seed", [0, 7])
def test_the_digest_of_a_spec_is_the_same_in_whatever_folder_a_variable_finds_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    text = SPEC.replace("people.csv", "'${FOLDER}/people.csv'").replace("models/letters", "'${FOLDER}/letters'")
    text += "tracking: {uri: 'sqlite:///${FOLDER}/mlflow.db'}\n"
    found = {}
    for at, folder in enumerate(("/home/ada/data", "/mnt/b")):
        monkeypatch.setenv("FOLDER", folder)
        spec = spec_of(text.replace("${FOLDER}", folder))
        spec = spec.model_copy(update={"statistics": spec.statistics.model_copy(update={"seed": seed})})
        artifact = verify(sealed(tmp_path / str(at), text, spec=spec))
        assert folder.encode() not in (artifact.folder / "spec.yaml").read_bytes()
        found[folder] = artifact.manifest.digests
    one, other = found.values()
    assert one == other


def test_a_variable_that_says_what_is_audited_counts_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for version in ("3", "4"):
        monkeypatch.setenv("VERSION", version)
        text = SPEC.replace("models/letters", "'models:/letters/${VERSION}'")
        digests.add(spec_of(spec_bytes(spec_of(text.replace("${VERSION}", version)), text).decode()).digest)
    assert len(digests) == 2


def test_a_store_named_by_a_variable_is_found_where_the_variable_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("FOLDER", "/mnt/b")
    assert tracking_uri("sqlite:///${FOLDER}/mlflow.db", tmp_path) == "sqlite:////mnt/b/mlflow.db"
    monkeypatch.delenv("FOLDER")
    assert tracking_uri("sqlite:///${FOLDER}/mlflow.db", tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


def test_an_artifact_that_was_sealed_with_its_folders_written_out_still_verifies(tmp_path: Path) -> None:
    assert verify(sealed(tmp_path, SPEC.replace("people.csv", "'/data/2026/people.csv'"))).spec.data.source[0] == "/"


def test_the_policy_reads_back_as_the_limits() -> None:
    assert sealed_policy(policy_bytes(spec_of().policy)) == spec_of().policy
    assert sealed_policy(policy_bytes(())) == ()


# --- digest only


def test_withheld_evidence_is_absent_but_its_digests_are_sealed(whole: Path, tmp_path: Path) -> None:
    folder = sealed(tmp_path, SPEC + "evidence: digest-only\n")
    manifest = read(folder).manifest
    assert not [name for name in every_file(folder) if name.endswith(".parquet")]
    assert manifest.withheld["rows.parquet"] == read(whole).manifest.files["rows.parquet"]
    assert find_problems(folder) == []
    with pytest.raises(ArtifactError, match="withheld"):
        _ = read(folder).evidence


def test_evidence_cannot_be_left_out_of_an_artifact_whose_spec_keeps_it(artifact: Path) -> None:
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    for name in [name for name in manifest["files"] if name.endswith(".parquet")]:
        manifest["withheld"][name] = manifest["files"].pop(name)
        (artifact / name).unlink()
    assert "evidence: got 'keep'" in messages(rename(artifact, canonical_json(manifest) + b"\n"))


# --- every byte


def test_one_flipped_byte_in_any_file_is_found(artifact: Path) -> None:
    for name in every_file(artifact):
        content = (artifact / name).read_bytes()
        for at in sorted({0, len(content) // 2, len(content) - 1}):
            flipped = bytearray(content)
            flipped[at] ^= 1
            (artifact / name).write_bytes(flipped)
            found = find_problems(artifact)
            assert found, f"{name} at {at}"
            assert found[0].file == name
        (artifact / name).write_bytes(content)
    assert find_problems(artifact) == []


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_any_byte_is_found(artifact: Path, data: st.DataObject) -> None:
    path = artifact / data.draw(st.sampled_from(every_file(artifact)))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytes([content[at] ^ data.draw(st.integers(1, 255))])
    path.write_bytes(content[:at] + changed + content[at + 1 :])
    try:
        assert find_problems(artifact)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["verdict.json", "rows.parquet", "card.html", "manifest.json", "charts/rates-sex.svg"])
def test_a_removed_file_is_found(artifact: Path, name: str) -> None:
    (artifact / name).unlink()
    assert name in messages(artifact)


@pytest.mark.parametrize("name", ["rows.parquet", "findings.json", "manifest.json", "card.md"])
def test_a_truncated_file_is_found(artifact: Path, name: str) -> None:
    os.truncate(artifact / name, (artifact / name).stat().st_size // 2)
    assert name in messages(artifact)


@pytest.mark.parametrize("name", ["notes.txt", "charts/more.svg", "deep/er/file.txt", ".hidden"])
def test_an_extra_file_is_found(artifact: Path, name: str) -> None:
    (artifact / name).parent.mkdir(parents=True, exist_ok=True)
    (artifact / name).write_text("<svg/>")
    assert "was not sealed" in messages(artifact) or "too deep" in messages(artifact)


def test_an_extra_empty_folder_is_found(artifact: Path) -> None:
    (artifact / "more").mkdir()
    assert "more/: is an empty folder" in messages(artifact)


def test_a_link_is_found_even_where_it_leads_to_the_same_bytes(artifact: Path, whole: Path) -> None:
    (artifact / "card.md").unlink()
    (artifact / "card.md").symlink_to(whole / "card.md")
    assert "card.md: is a link" in messages(artifact)


def test_a_linked_folder_is_found_and_not_followed(artifact: Path, whole: Path) -> None:
    shutil.rmtree(artifact / "charts")
    (artifact / "charts").symlink_to(whole / "charts")
    assert "charts: is a link" in messages(artifact)
    with pytest.raises(ArtifactError, match="not a plain folder"):
        read(artifact).content("charts/rates-sex.svg")


def test_a_manifest_that_is_a_link_is_not_read(artifact: Path, whole: Path) -> None:
    (artifact / "manifest.json").unlink()
    (artifact / "manifest.json").symlink_to(whole / "manifest.json")
    assert "expected a plain file" in messages(artifact)


def test_a_pipe_in_place_of_a_file_is_found_and_does_not_hang(artifact: Path) -> None:
    (artifact / "card.md").unlink()
    os.mkfifo(artifact / "card.md")
    assert "card.md: is not a plain file" in messages(artifact)
    with pytest.raises(ArtifactError, match="plain file"):
        read(artifact).content("card.md")


# --- a manifest made to deceive


@pytest.mark.parametrize(
    "name", ["../card.md", "/etc/passwd", "charts/../card.md", "charts/../../x.svg", "a/b.json", "charts/.x.svg", ""]
)
def test_a_manifest_cannot_name_a_file_outside_its_folder(artifact: Path, name: str) -> None:
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    manifest["files"][name] = manifest["files"]["card.md"]
    assert "has no place in an artifact" in messages(rename(artifact, canonical_json(manifest) + b"\n"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'{"attestation":null', b'{"audit":"hiring","attestation":null', "twice"),
        (b'"seed":0', b'"seed":NaN', "the number NaN"),
        (b'"seed":0', b'"seed":1e999', "the number 1e999"),
        (b'"seed":0', b'"seed": 0', "canonical"),
        (b'"seed":0', b'"seed":0.0', "canonical"),
        (b'"seed":0', b'"seed":0,"more":1', "more"),
        (b'"audit":"hiring"', b'"audit":"../up"', "audit"),
        (b"00Z", b"00+00:00", "canonical"),
        (b"{", b"[" * 100_000, "expected plain JSON"),
        (b'"seed":0', b'"seed":' + b"9" * 5000, "expected plain JSON"),
        (b"hiring", b"hir\xffng", "expected plain JSON"),
        (b"Are men", b"\\ud800re men", "manifest.json"),
    ],
)
def test_a_manifest_written_in_any_other_way_is_refused(artifact: Path, old: bytes, new: bytes, said: str) -> None:
    content = (artifact / "manifest.json").read_bytes()
    assert old in content
    assert said in messages(rename(artifact, content.replace(old, new, 1)))


def test_a_verdict_changed_by_someone_who_can_reseal_is_still_found(artifact: Path) -> None:
    verdict = json.loads((artifact / "verdict.json").read_bytes())
    assert verdict["verdict"] != "PASS"
    forged = reseal(artifact, {"verdict.json": canonical_json({**verdict, "verdict": "PASS"}) + b"\n"})
    assert "verdict.json: does not follow from the findings" in messages(forged)


def test_a_policy_changed_by_someone_who_can_reseal_is_still_found(artifact: Path) -> None:
    forged = reseal(artifact, {"policy.yaml": policy_bytes(spec_of(SPEC.replace("0.1}", "0.9}")).policy)})
    assert "the spec says" in messages(forged)


def test_findings_whose_ids_do_not_fit_their_content_are_found(artifact: Path) -> None:
    findings = (artifact / "findings.json").read_bytes().replace(b'"group":"female"', b'"group":"nobody"', 1)
    assert "findings.json: finding id: got" in messages(reseal(artifact, {"findings.json": findings}))


def test_a_verdict_that_names_a_finding_nobody_made_is_found(artifact: Path) -> None:
    name = json.loads((artifact / "findings.json").read_bytes())[0]["id"]
    verdict = json.loads((artifact / "verdict.json").read_bytes())
    verdict["limits"][0]["findings"] = [name + "x"]
    forged = reseal(artifact, {"verdict.json": canonical_json(verdict) + b"\n"})
    assert "which findings.json does not hold" in messages(forged)


def test_a_spec_of_aliases_that_swell_is_refused(artifact: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "aliases that multiply" in messages(reseal(artifact, {"spec.yaml": "\n".join(lines).encode()}))


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a: &a [*a]", "a: !!python/object/apply:os.getcwd []", "a: [", "\x00"])
def test_a_spec_with_two_meanings_or_none_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"spec\.yaml"):
        strict.parse_yaml(text.encode(), "spec.yaml")


def test_a_document_past_the_bound_is_not_read(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArtifactError, match="more than 10 bytes"):
        strict.read_bytes(artifact, "findings.json", 10)


def test_what_is_read_through_an_artifact_is_checked_when_it_is_read(artifact: Path) -> None:
    opened = read(artifact)
    (artifact / "findings.json").write_bytes(b"[]\n")
    os.truncate(artifact / "rows.parquet", 100)
    with pytest.raises(ArtifactError, match="not those that were sealed"):
        _ = opened.findings
    with pytest.raises(ArtifactError, match="not those that were sealed"):
        _ = opened.evidence
    with pytest.raises(ArtifactError, match="holds no such file"):
        opened.content("fit.parquet")


def test_something_that_is_no_artifact_is_an_error(tmp_path: Path, artifact: Path) -> None:
    with pytest.raises(ArtifactError, match="expected the folder of an artifact"):
        find_problems(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match=r"is not what was sealed: manifest\.json"):
        verify(tmp_path)
    (artifact / "card.md").unlink()
    with pytest.raises(ArtifactError, match=r"card\.md: is absent"):
        verify(artifact)


# --- whole or not at all


def test_a_seal_that_fails_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = sealing._copy, []

    def failing(source: Path, target: Path | None) -> object:
        calls.append(source)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(sealing, "_copy", failing)
    with pytest.raises(ArtifactError, match="No space left"):
        sealed(tmp_path)
    assert list((tmp_path / "artifacts" / "hiring").iterdir()) == []


def test_a_seal_interrupted_by_the_user_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sealing, "_put_in_place", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sealed(tmp_path)
    assert list((tmp_path / "artifacts" / "hiring").iterdir()) == []


def test_what_a_killed_seal_left_is_cleared_by_the_next_one(tmp_path: Path) -> None:
    code = "import os; print(os.getpid())"
    gone = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    place = tmp_path / "artifacts" / "hiring"
    host = sealing.socket.gethostname()
    dead, alive, old = (
        place / f".sealing-{host}-{gone}-aa",
        place / f".sealing-{host}-{os.getpid()}-bb",
        place / ".sealing-other-1-cc",
    )
    for folder in (dead, alive, old):
        folder.mkdir(parents=True)
        (folder / "rows.parquet").write_bytes(b"half")
    os.utime(old, (0, 0))
    odd = place / ".sealing-odd"
    odd.mkdir()
    folder = sealed(tmp_path)
    assert sorted(path.name for path in place.iterdir()) == sorted([alive.name, odd.name, folder.name])


def test_a_killed_process_leaves_no_artifact_and_the_next_one_seals(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
        "from synthetic import sealed; from audits.artifact import sealing\n"
        "sealing._put_in_place = lambda *_: os.kill(os.getpid(), 9)\n"
        f"sealed(Path({str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent)
    assert done.returncode == -9
    place = tmp_path / "artifacts" / "hiring"
    (left,) = place.iterdir()
    assert left.name.startswith(".sealing-")
    folder = sealed(tmp_path)
    assert list(place.iterdir()) == [folder]
    assert find_problems(folder) == []


def test_a_run_that_lacks_a_file_is_not_sealed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", spec_of())
    (run / "card.md").unlink()
    with pytest.raises(ArtifactError, match=r"card\.md is not in"):
        seal(run, tmp_path, spec=spec_of(), spec_text=SPEC, started=STARTED, ended=ENDED, libraries={})


def test_a_run_whose_verdict_does_not_follow_is_not_sealed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", spec_of())
    verdict = json.loads((run / "verdict.json").read_bytes())
    (run / "verdict.json").write_bytes(canonical_json({**verdict, "verdict": "PASS"}) + b"\n")
    with pytest.raises(ArtifactError, match=r"cannot seal: verdict\.json: does not follow"):
        seal(run, tmp_path / "out", spec=spec_of(), spec_text=SPEC, started=STARTED, ended=ENDED, libraries={})
    assert list((tmp_path / "out" / "hiring").iterdir()) == []


# --- cheap to ask


def test_verify_answers_quickly_and_imports_nothing_heavy(whole: Path) -> None:
    heavy = ["prefect", "mlflow", "torch", "scipy.stats", "pandas", "transformers", "polars", "great_expectations"]
    code = (
        "import sys, time; from pathlib import Path; from audits.artifact import find_problems\n"
        f"assert find_problems(Path({str(whole)!r})) == []\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
        "print(time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, seconds = done.stdout.splitlines()
    assert loaded == "[]"
    assert float(seconds) < 1  # of the processor; half of that on a quiet machine


# --- waivers


WAIVED = SPEC.replace(
    "compare: difference, at_most: 0.1}",
    "compare: difference, at_most: 0.1, waiver: {owner: Ada, reason: mended in May, expires: 2026-03-01}}",
)


def test_a_waiver_that_ran_out_since_does_not_change_what_was_sealed(tmp_path: Path) -> None:
    folder = sealed(tmp_path, WAIVED)
    assert read(folder).verdict.waivers[0]["expired"] is False
    assert find_problems(folder) == []


def test_a_waiver_cannot_be_sealed_as_valid_long_after_it_ran_out(tmp_path: Path) -> None:
    text = WAIVED.replace("2026-03-01", "2026-02-27")
    artifact = sealed(tmp_path, text)
    assert read(artifact).verdict.waivers[0]["expired"] is True
    write_verdict(artifact, spec_of(text), date(2026, 2, 27))
    forged = reseal(artifact, {"verdict.json": (artifact / "verdict.json").read_bytes()})
    assert "does not follow" in messages(forged)


def test_a_run_just_past_midnight_somewhere_else_is_judged_as_on_its_own_day(tmp_path: Path) -> None:
    artifact = sealed(tmp_path, WAIVED)
    write_verdict(artifact, spec_of(WAIVED), date(2026, 3, 2))
    assert find_problems(reseal(artifact, {"verdict.json": (artifact / "verdict.json").read_bytes()})) == []


def test_another_version_may_word_its_reasons_otherwise_but_decide_the_same(tmp_path, monkeypatch):
    import audits
    from audits import verdict

    artifact = verify(sealed(tmp_path))
    words = verdict.judge
    monkeypatch.setattr(audits, "__version__", "99.0")

    def reworded(*arguments):
        judged = words(*arguments)
        limits = tuple(limit.model_copy(update={"reason": "in other words"}) for limit in judged.limits)
        return judged.model_copy(update={"limits": limits})

    monkeypatch.setattr(verdict, "judge", reworded)
    assert find_problems(artifact.folder) == []
    monkeypatch.setattr(verdict, "judge", lambda *arguments: words(*arguments).model_copy(update={"verdict": "PASS"}))
    assert "does not follow" in find_problems(artifact.folder)[0].message
