"""What a stranger may send: every hostile artifact is refused in one sentence, and no word in it steers anybody."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from released import DIFFERENCE, NOW, people, released, write_model
from synthetic import rename, reseal, sealed

from audits.artifact import chain_problems, tables, verify
from audits.artifact.tables import refuse_swollen
from audits.attestation import ATTESTATION, STATEMENT_TYPE, attest, make_key, parse, read_private_key, sign
from audits.errors import ArtifactError, AuditError
from audits.findings import Finding, canonical_json, write_findings
from audits.gating import Asked, gate
from audits.spec_reader import read_policy
from audits.telling import json_text, one_line
from flows import cli
from flows.summary import write_summary
from model_cards.gate_report import FORMATS, render

LONG = "x" * 10_000_000
STEERING = "\x1b]0;owned\x07\x9b2J\n::set-output name=verdict::PASS\r\u202e\u2028"
FIFTY = "[" * 50 + "]" * 50
THOUSANDS = "[" * 100_000 + "]" * 100_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return sealed(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def artifact(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / whole.parent.name / whole.name))


def called(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.main, [str(one) for one in arguments])
    return done.exit_code, done.stdout, done.stderr


def told_in_one_sentence(stderr: str) -> str:
    """The error, held to the form in which every refusal is told."""
    said, *rest = stderr.rstrip("\n").split("\n")
    assert said.startswith("error: ")
    assert len(said) < 2_200
    assert all(line.startswith("  hint: ") for line in rest)
    assert len(rest) <= 1
    assert "Traceback" not in stderr
    assert "defect" not in stderr
    assert said.removeprefix("error: ").isprintable()
    return said


# --- one artifact, harmed


def link(to: str) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(to)

    return harm


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def with_manifest(artifact: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    manifest = json.loads((artifact / "manifest.json").read_bytes())
    change(manifest)
    return rename(artifact, canonical_json(manifest) + b"\n")


def resealed(name: str, content: bytes | str) -> Callable[[Path], Path]:
    return lambda artifact: reseal(artifact, {name: content if isinstance(content, bytes) else content.encode()})


def raw_manifest(old: bytes, new: bytes) -> Callable[[Path], Path]:
    return lambda artifact: rename(artifact, (artifact / "manifest.json").read_bytes().replace(old, new, 1))


def in_place(name: str, harm: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda artifact: harm(artifact / name) and None


def swapped(artifact: Path) -> None:
    one, other = artifact / "card.json", artifact / "card.md"
    content = one.read_bytes(), other.read_bytes()
    one.write_bytes(content[1])
    other.write_bytes(content[0])


def listed(name: str) -> Callable[[Path], Path]:
    """A manifest that names a file that has no place in an artifact."""
    return lambda artifact: with_manifest(
        artifact, lambda manifest: manifest["files"].update({name: manifest["files"]["card.md"]})
    )


def in_finding(field: str, value: object) -> Callable[[Path], Path]:
    def harm(artifact: Path) -> Path:
        findings = json.loads((artifact / "findings.json").read_bytes())
        findings[0][field] = value
        return reseal(artifact, {"findings.json": canonical_json(findings)})

    return harm


def extra(name: str, content: bytes = b"") -> Callable[[Path], None]:
    return lambda artifact: (artifact / name).write_bytes(content) and None


HARMS: dict[str, Callable[[Path], Path | None]] = {
    "a flipped byte": in_place("card.md", lambda path: path.write_bytes(b"\x00" + path.read_bytes()[1:])),
    "two files swapped": swapped,
    "an extra file": extra("notes.txt"),
    "an extra file of a name that is no text": lambda artifact: Path(
        os.fsdecode(bytes(artifact) + b"/\xff\n::x")
    ).touch(),
    "an extra file that steers a terminal": extra("\x1b[2J\n::error::x"),
    "a name that leads out": listed("../../outside"),
    "a name from the root": listed("/etc/passwd"),
    "a name that leads out of the charts": listed("charts/../../x.svg"),
    "a name with a line break": listed("charts/a\n::error::b.svg"),
    "a name longer than any file's": listed("charts/" + "ü" * 200 + ".svg"),
    "an attestation that is a link": in_place(ATTESTATION, link("card.json")),
    "an attestation that is a link into itself": in_place(ATTESTATION, link(ATTESTATION)),
    "an attestation that is a pipe": in_place(ATTESTATION, pipe),
    "an attestation that is a folder": in_place(ATTESTATION, folder),
    "an attestation of nothing": extra(ATTESTATION),
    "packs that nobody sealed": extra("packs.json", b"[]"),
    "packs that are a link": in_place("packs.json", link("/etc/passwd")),
    "a ledger that is a pipe": in_place("ledger.json", pipe),
    "a ledger that is a link": in_place("ledger.json", link("findings.json")),
    "a self-check that is a folder": in_place("selfcheck.json", folder),
    "a card that is a link to a device": in_place("card.md", link("/dev/zero")),
    "a manifest that is a pipe": in_place("manifest.json", pipe),
    "a manifest of thousands of brackets": lambda artifact: rename(artifact, THOUSANDS.encode()),
    "a manifest that is a number": lambda artifact: rename(artifact, b"1\n"),
    "a manifest with a key twice": raw_manifest(b'{"attestation"', b'{"seed":1,"attestation"'),
    "a manifest with a key that steers": lambda artifact: with_manifest(artifact, lambda m: m.update({STEERING: 1})),
    "a manifest with an endless key": lambda artifact: with_manifest(artifact, lambda m: m.update({LONG: 1})),
    "a manifest with an endless number": raw_manifest(b'"seed":0', b'"seed":' + b"9" * 4_000),
    "a manifest of the year 9999": lambda artifact: with_manifest(
        artifact, lambda m: m.update(ended="9999-12-31T23:59:59Z")
    ),
    "packs with a key twice": resealed("packs.json", '{"a":1,"a":2}'),
    "packs of NaN": resealed("packs.json", "[NaN]"),
    "packs of a number past all floats": resealed("packs.json", "[1e999]"),
    "packs of an endless number": resealed("packs.json", "[" + "9" * 4_000 + "]"),
    "packs nested without end": resealed("packs.json", THOUSANDS),
    "packs that are a text": resealed("packs.json", '"packs"'),
    "packs of half a character": resealed("packs.json", '["\\ud800"]'),
    "packs that are no text": resealed("packs.json", b"[\xff\xfe]"),
    "data that are a list": resealed("data.json", "[]"),
    "a model that is a list": resealed("model.json", "[]"),
    "findings that are a mapping": resealed("findings.json", "{}"),
    "findings that are numbers": resealed("findings.json", "[1]"),
    "a finding with an endless text": in_finding("measure", LONG),
    "a finding of a number past all counts": in_finding("n", {"group": 10**300, "reference": 1}),
    "a finding that lacks its counts": in_finding("sufficient", {}),
    "a finding with an endless mapping": in_finding("details", {"a": json.loads(FIFTY)}),
    "a verdict of nothing": resealed("verdict.json", "null"),
    "a verdict that is a list": resealed("verdict.json", "[]"),
    "a verdict of brackets": resealed("verdict.json", FIFTY),
    "a ledger of endless numbers": resealed("ledger.json", '{"level":' + "9" * 400 + "}"),
    "a spec of an endless text": resealed("spec.yaml", f'question: "{LONG}"'),
    "a spec of many values": resealed("spec.yaml", "- {a: 1}\n" * 110_000),
    "a policy of brackets": resealed("policy.yaml", "[" * 500_000),
    "a policy that runs something": resealed("policy.yaml", '- !!python/object/apply:os.system ["true"]\n'),
    "a policy of aliases that swell": resealed(
        "policy.yaml",
        "- &a [1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"- &{c} [{','.join(f'*{p}' for _ in 'xxxxxxxx')}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)
        ),
    ),
    "a policy that holds itself": resealed("policy.yaml", "&a [*a]\n"),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_a_hostile_artifact_is_refused_in_one_sentence(artifact, harm):
    place = harm(artifact) or artifact
    began = time.monotonic()
    code, out, err = called("verify", place)
    assert code == 2
    assert out == ""
    told_in_one_sentence(err)
    code, out, err = called("gate", place, "--json")
    assert code == 2
    assert json.loads(out)["verdict"] is None
    told_in_one_sentence(err)
    assert time.monotonic() - began < 20  # four readings of up to 5 seconds


# --- thousands of artifacts, harmed by chance

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "PASS", "FAIL", "(missing)", "sex=", "wilson", "koopman", "t", STEERING, "2026-13-45"]),
    st.text(max_size=20),
    st.sampled_from([[], {}, [[]], {"a": 1}, [None], json.loads(FIFTY)]),
)
DOCUMENTS = ("findings.json", "verdict.json", "ledger.json", "data.json", "model.json", "manifest.json")


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in inner for found in places(item, (*place, key)))]


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


def written(name: str, document: Any) -> bytes:
    """A document as a forger writes it: findings with the ids that they then have, in their order."""
    if name == "findings.json":
        with contextlib.suppress(Exception):
            found = [Finding.model_validate({k: v for k, v in one.items() if k != "id"}) for one in document]
            return write_findings(found)
    return canonical_json(document) + b"\n"


def stays_in_its_line(text: str) -> bool:
    """By the Unicode database: no control, end of line or lone surrogate; nothing turns the reading or is not seen."""
    return not any(
        unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(one) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or (unicodedata.category(one) == "Cf" and unicodedata.bidirectional(one) == "BN" and one not in "\u200c\u200d")
        for one in text
    )


def same_or_refused(artifact: Path, expected: str | None = None) -> str | None:
    """The digest of an artifact that verifies; nothing where it is refused as it has to be."""
    began, found, said = time.monotonic(), None, "nothing"
    try:
        found = verify(artifact, expected_digest=expected).digest
    except ArtifactError as error:
        said = error.message
    assert said
    assert stays_in_its_line(said)
    assert time.monotonic() - began < 5
    return found


MANY = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@MANY
@given(data=st.data())
def test_whatever_a_forger_writes_it_verifies_or_is_refused(whole, tmp_path_factory, data):
    artifact = Path(tmp_path_factory.getbasetemp()) / "forged" / whole.name
    if not artifact.exists():
        shutil.copytree(whole, artifact)
    name = data.draw(st.sampled_from(DOCUMENTS))
    document = json.loads((whole / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        value = json.loads(json.dumps(data.draw(VALUES)))  # a value of its own, that the next change may be in
        document = changed(document, data.draw(st.sampled_from(places(document))), value)
    content = written(name, document)
    manifest = json.loads((whole / "manifest.json").read_bytes())
    if name != "manifest.json":
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        manifest["digests"]["findings"] = manifest["files"]["findings.json"]["sha256"]
    sealed_as = content if name == "manifest.json" else canonical_json(manifest) + b"\n"
    try:
        (artifact / name).write_bytes(content)
        (artifact / "manifest.json").write_bytes(sealed_as)
        digest = hashlib.sha256(sealed_as).hexdigest()
        assert same_or_refused(artifact, digest) in (digest, None)
    finally:
        (artifact / name).write_bytes((whole / name).read_bytes())
        (artifact / "manifest.json").write_bytes((whole / "manifest.json").read_bytes())


@settings(MANY, max_examples=600)
@given(data=st.data())
def test_whatever_bytes_are_cut_in_taken_out_or_repeated_the_same_digest_or_refused(whole, tmp_path_factory, data):
    artifact = Path(tmp_path_factory.getbasetemp()) / "bytes" / whole.name
    if not artifact.exists():
        shutil.copytree(whole, artifact)
    files = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    name = data.draw(st.sampled_from(files))
    content = (whole / name).read_bytes()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    put = data.draw(
        st.one_of(st.binary(max_size=8), st.just(content[start:end] * 2), st.sampled_from([b"\x00", b"\n"]))
    )
    try:
        (artifact / name).write_bytes(content[:start] + put + content[end:])
        found = same_or_refused(artifact)
        assert (found is not None) == (content[:start] + put + content[end:] == content)
        assert found is None or found[:12] == whole.name[-12:]
    finally:
        (artifact / name).write_bytes(content)


# --- tables that swell


def table(place: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), place / "rows.parquet", **options)
    return place


def test_a_table_as_evidence_is_written_is_read(whole, tmp_path):
    for name in ("rows", "slices", "pairs", "predictions"):
        refuse_swollen(whole, f"{name}.parquet")
    rows = np.arange(200_000)
    every = {"row": rows, "input": [f"{at:064x}" for at in rows], "sex": ["male", "female", None, "other"] * 50_000}
    for options in ({}, {"compression": "zstd"}, {"data_page_version": "2.0"}, {"use_dictionary": False}):
        refuse_swollen(table(tmp_path, every, **options), "rows.parquet")


def test_a_text_that_a_dictionary_repeats_without_end_is_refused(tmp_path):
    codes = pa.array(np.zeros(300_000, np.int32))
    swollen = pa.DictionaryArray.from_arrays(codes, pa.array(["x" * 10**6]))
    place = table(tmp_path, {"row": np.arange(300_000), "text": swollen}, compression="zstd", store_schema=False)
    assert (place / "rows.parquet").stat().st_size < 2**20  # of 300 GB
    with pytest.raises(ArtifactError, match="bytes of text, more than is read"):
        refuse_swollen(place, "rows.parquet")


def test_rows_that_take_no_room_are_refused(tmp_path):
    place = table(tmp_path, {"label": np.zeros(10**6, np.int8)})
    with pytest.raises(ArtifactError, match=r"got 1,000,000 rows of 1 columns in [\d,]+ bytes"):
        refuse_swollen(place, "rows.parquet")


def test_pages_that_unpack_without_end_are_refused_by_their_own_headers(tmp_path, monkeypatch):
    place = table(tmp_path, {"text": ["x" * 10**6] * 50}, compression="zstd", use_dictionary=False)
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 10**7)
    with pytest.raises(ArtifactError, match="bytes unpacked, more than is read"):
        refuse_swollen(place, "rows.parquet")


def test_an_encoding_that_repeats_the_beginning_of_a_text_is_refused(tmp_path):
    columns = {"text": ["x" * 10_000] * 50}
    place = table(tmp_path, columns, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    with pytest.raises(ArtifactError, match="got the encoding 7"):
        refuse_swollen(place, "rows.parquet")


def test_texts_within_lists_are_no_evidence(tmp_path):
    codes = pa.array(np.zeros(40_000, np.int32))
    inner = pa.DictionaryArray.from_arrays(codes, pa.array(["".join(map(chr, range(300, 30_000)))]))
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, 40_001, 2, dtype=np.int32)), inner)
    place = table(tmp_path, {"row": np.arange(20_000), "text": lists}, store_schema=False)
    with pytest.raises(ArtifactError, match=r"rows\.parquet"):
        refuse_swollen(place, "rows.parquet")


@settings(MANY, max_examples=300)
@given(data=st.data())
def test_whatever_the_bytes_a_table_is_looked_through_or_refused(whole, tmp_path_factory, data):
    place = tmp_path_factory.getbasetemp()
    content = bytearray((whole / "predictions.parquet").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (place / "predictions.parquet").write_bytes(content)
    with contextlib.suppress(ArtifactError):
        refuse_swollen(place, "predictions.parquet")


# --- signatures


def pem(key) -> Path:
    return key[1]


def test_signatures_of_nobody_asked_for_over_something_else_or_taken_away_are_refused(artifact, whole, key, tmp_path):
    private = read_private_key(key[0])
    attest(verify(artifact), [private])
    good = (artifact / ATTESTATION).read_bytes()
    payload = parse(good).payload
    other = read_private_key(make_key(tmp_path / "other")[0])
    document = json.loads(good)
    forged = {
        "another key": sign(payload, STATEMENT_TYPE, [other]).to_bytes(),
        "another key under the right name": canonical_json(
            {
                **json.loads(sign(payload, STATEMENT_TYPE, [other]).to_bytes()),
                "signatures": [{"keyid": private.public.keyid, "sig": base64.b64encode(other.sign(b"x")).decode()}],
            }
        ),
        "another payload type": sign(payload, "text/plain", [private]).to_bytes(),
        "the type moved into the payload": sign(b" " + payload, STATEMENT_TYPE, [private]).to_bytes(),
        "the same statement, written otherwise": sign(
            json.dumps(json.loads(payload), indent=1).encode(), STATEMENT_TYPE, [private]
        ).to_bytes(),
        "truncated": good[: len(good) // 2],
        "of 10 MB": canonical_json({**document, "payload": LONG}),
        "a key twice": good.replace(b'{"payload"', b'{"payloadType":"a","payload"', 1),
        "brackets": THOUSANDS.encode(),
        "a signature of a text": canonical_json({**document, "signatures": [{"keyid": "a", "sig": "é"}]}),
        "no signature": canonical_json({**document, "signatures": []}),
        "a name that steers": canonical_json({**document, "signatures": [{"keyid": STEERING, "sig": "AAAA"}]}),
    }
    assert called("verify", artifact, "--key", pem(key))[0] == 0
    for what, content in forged.items():
        (artifact / ATTESTATION).write_bytes(content)
        code, _, err = called("verify", artifact, "--key", pem(key))
        assert code == 2, what
        told_in_one_sentence(err)
    (artifact / ATTESTATION).unlink()
    for verb in ("verify", "gate"):
        code, _, err = called(verb, artifact, "--key", pem(key))
        assert code == 2
        assert "is not signed by" in told_in_one_sentence(err)


def test_who_is_said_to_have_signed_cannot_steer_a_terminal(artifact, key):
    attest(verify(artifact), [read_private_key(key[0])])
    document = json.loads((artifact / ATTESTATION).read_bytes())
    document["signatures"].append({"keyid": STEERING, "sig": "AAAA"})
    (artifact / ATTESTATION).write_bytes(canonical_json(document))
    code, out, _ = called("verify", artifact)
    assert code == 0
    assert all(line.isprintable() for line in out.splitlines())
    code, out, _ = called("verify", artifact, "--json")
    assert json.loads(out)["claimed"][1] == STEERING
    assert "\x9b" not in out
    assert "\u202e" not in out


def test_the_attestation_of_another_artifact_does_not_serve(artifact, key, tmp_path):
    other = sealed(tmp_path / "other", ended=NOW)
    attest(verify(other), [read_private_key(key[0])])
    shutil.copyfile(other / ATTESTATION, artifact / ATTESTATION)
    code, _, err = called("verify", artifact, "--key", pem(key))
    assert code == 2
    assert "is no statement of this artifact" in told_in_one_sentence(err)


def test_a_summary_is_of_the_model_alone_and_of_the_very_artifact_that_was_judged(passing, failing, key, tmp_path):
    report = gate(passing, Asked())
    private = read_private_key(key[0])
    write_summary(tmp_path / "vsa.json", passing, report, None, [private])
    statement = json.loads(parse((tmp_path / "vsa.json").read_bytes()).payload)
    predicate = statement["predicate"]
    # github.com/in-toto/attestation spec/v1/statement.md; slsa.dev/spec/v1.0/verification_summary
    assert statement.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert [one["digest"] for one in statement["subject"]] == [{"sha256": verify(passing).manifest.digests.model}]
    required = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    assert required <= predicate.keys()
    assert predicate["verifier"]["id"]
    assert predicate["policy"].keys() == {"uri", "digest"}
    extensions = predicate.keys() - required - {"inputAttestations", "dependencyLevels", "slsaVersion"}
    assert all(":" in name for name in extensions)  # a URI
    assert all(one.keys() == {"uri", "digest"} for one in predicate["inputAttestations"])
    with pytest.raises(ArtifactError, match="got digest"):
        write_summary(tmp_path / "other.json", failing, report, None, [private])
    assert not (tmp_path / "other.json").exists()


# --- the chain


def test_artifacts_of_two_audits_are_no_chain(artifact, tmp_path):
    from synthetic import SPEC

    other = sealed(tmp_path / "b", SPEC.replace("audit: hiring", "audit: other"), previous=verify(artifact).digest)
    other = Path(shutil.move(other, artifact.parent / other.name))
    assert any("is of the audit" in problem.message for problem in chain_problems(artifact))
    code, _, err = called("verify", artifact, "--chain")
    assert code == 2
    assert "is of the audit" in told_in_one_sentence(err)


def test_what_is_still_being_sealed_is_no_part_of_the_chain(artifact):
    shutil.copytree(artifact, artifact.with_name(".sealing-host-1-abcd"))
    assert chain_problems(artifact) == []
    assert json.loads(called("verify", artifact, "--chain", "--json")[1])["chain"] == 1


# --- the gate


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def model(place) -> Path:
    return write_model(place / "model")


@pytest.fixture(scope="module")
def passing(place, model) -> Path:
    return released(place, *people(white=(500, 1000), Black=(500, 1000)), DIFFERENCE, model=model)


@pytest.fixture(scope="module")
def failing(place, model) -> Path:
    return released(place, *people(white=(700, 1000), Black=(400, 1000)), DIFFERENCE, model=model)


@pytest.mark.parametrize("days", ["nan", "inf", "-1", "1e-9"])
def test_no_age_that_is_none_lets_an_old_audit_through(passing, days):
    code, _, err = called("gate", passing, "--max-age", days)
    assert code == 2
    assert "error" in err.lower()


def test_an_audit_cannot_be_made_young_by_a_clock_ahead(place, model):
    for ahead in (timedelta(hours=1), timedelta(days=400)):
        late = released(place, *people(a=(5, 10), b=(5, 10)), DIFFERENCE, model=model, ended=NOW + ahead)
        code, _, err = called("gate", late, "--max-age", "1")
        assert code == 2
        assert "cannot have ended in the future" in told_in_one_sentence(err)


def test_a_baseline_that_nobody_signed_is_no_baseline(place, key, model):
    change = {"measure": "selection_rate", "over": "race", "compare": "change", "at_least": -0.05}
    groups = people(white=(500, 1000), Black=(500, 1000))
    new = released(place, *groups, change, model=model)
    old = released(place, *groups, DIFFERENCE, model=write_model(place / "old", "older"))
    attest(verify(new), [read_private_key(key[0])])
    asked = ("gate", new, "--baseline", old, "--key", pem(key))
    code, _, err = called(*asked)
    assert code == 2
    assert f"{old}' is not signed by" in told_in_one_sentence(err)
    attest(verify(old), [read_private_key(key[0])])
    assert called(*asked)[0] == 0


def test_an_artifact_that_is_not_signed_names_no_registry(passing, key, tmp_path, monkeypatch):
    from flows import gate as flow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    from synthetic import SPEC

    named = sealed(tmp_path, SPEC + "tracking: {uri: 'http://127.0.0.1:9/'}\n")
    assert flow.tracking_of(named, tmp_path) == "http://127.0.0.1:9/"
    assert "127.0.0.1" not in flow.tracking_of(named, tmp_path, (pem(key),))
    attest(verify(named), [read_private_key(key[0])])
    assert flow.tracking_of(named, tmp_path, (pem(key),)) == "http://127.0.0.1:9/"


LIMIT = "measure: selection_rate, over: race, compare: difference, at_most: 0.1"
POLICIES = {
    "brackets": "[" * 500_000,
    "an alias of itself": "&a [*a]\n",
    "aliases that swell": "- &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"- &{c} [{','.join(f'*{p}' for _ in range(9))}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)),
    "a tag that runs": '- !!python/object/apply:os.system ["true"]\n',
    "a tag of its own": "%TAG ! tag:yaml.org,2002:python/\n---\n- !object x\n",
    "a merge": "- &x {measure: selection_rate, over: race, compare: difference, at_most: 0.1}\n- {<<: *x}\n",
    "two documents": "- {}\n---\n- {}\n",
    "a key twice": "- {measure: selection_rate, over: race, at_most: 0.1, at_most: 0.9}\n",
    "a bound that is none": "- {measure: selection_rate, over: race, compare: difference, at_most: .nan}\n",
    "a bound past all": "- {measure: selection_rate, over: race, compare: difference, at_most: .inf}\n",
    "no text": "\x00",
    "10 MB": "- " + LONG,
    "names that steer": '- {measure: "\\e]0;owned\\a\\u202e", over: race, at_most: 0.1, "\\e[2J": 1}\n',
    "a waiver for all time": f"- {{{LIMIT}, waiver: {{owner: a, reason: b, expires: .inf}}}}\n",
    "a waiver of nobody": f"- {{{LIMIT}, waiver: {{owner: '', reason: b, expires: '2099-01-01'}}}}\n",
}


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES.keys())
def test_a_hostile_policy_is_refused(failing, tmp_path, text):
    (tmp_path / "policy.yaml").write_text(text)
    code, _, err = called("gate", failing, "--policy", tmp_path / "policy.yaml")
    assert code == 2
    assert "defect" not in err
    assert "Traceback" not in err
    assert len(err) < 5_000
    assert all(line.isprintable() for line in err.splitlines())


def test_a_policy_without_end_is_refused(tmp_path):
    with pytest.raises(AuditError, match="got more than"):
        read_policy(Path("/dev/zero")) if Path("/dev/zero").exists() else pytest.skip("no such device")


# --- between the look and the use


def test_the_manifest_that_was_verified_is_the_one_that_is_used(passing, failing, tmp_path, monkeypatch):
    """While the gate looks at a good artifact, a bad one is put in its place."""
    from audits.artifact import verifying

    place = Path(shutil.copytree(passing, tmp_path / passing.name))
    looked = verifying.complaints

    def swap(artifact):
        problems = looked(artifact)
        shutil.rmtree(place)
        shutil.copytree(failing, place)
        return problems

    monkeypatch.setattr(verifying, "complaints", swap)
    assert verify(place).digest == verify(passing).digest
    with pytest.raises(ArtifactError):
        verify(place)


def test_evidence_that_changes_after_it_was_checked_changes_nothing(passing, tmp_path):
    place = Path(shutil.copytree(passing, tmp_path / passing.name))
    held = verify(place)
    evidence = held.evidence
    before = evidence.column("rows", "row")
    own = evidence.folder
    for name in ("rows.parquet", "groups.json"):
        (place / name).write_bytes(b"harm")
    assert evidence.column("rows", "row").equals(before)
    assert evidence.groups("race").tolist()
    assert own != place
    assert (own.stat().st_mode & 0o777) == 0o700
    del held, evidence
    assert not own.exists()
    with pytest.raises(ArtifactError, match=r"rows\.parquet"):
        verify(place)


def test_whatever_changes_while_a_gate_runs_it_is_the_good_artifact_or_refused(passing, failing, tmp_path):
    """Somebody keeps swapping files; no verdict comes out that is of neither artifact."""
    place = Path(shutil.copytree(passing, tmp_path / passing.name))
    done = threading.Event()

    def keep_swapping() -> None:
        while not done.is_set():
            for source in (failing, passing):
                for name in ("findings.json", "verdict.json", "manifest.json"):
                    shutil.copyfile(source / name, place / name)

    swapping = threading.Thread(target=keep_swapping)
    swapping.start()
    try:
        for _ in range(25):
            report = gate(place, Asked())
            assert report.refused or (report.word, report.artifact_digest) == ("PASS", verify(passing).digest)
    finally:
        done.set()
        swapping.join()


# --- what is told


@pytest.mark.parametrize("form", FORMATS)
def test_no_name_in_a_report_starts_a_line_or_steers_a_terminal(place, model, form):
    nasty = f"a{STEERING}<!--\n-->|`@everyone`[x](http://evil)<script>]]>&#27;"
    groups, decisions = people(white=(500, 1000), other=(200, 1000))
    report = gate(released(place, [nasty if one == "other" else one for one in groups], decisions, DIFFERENCE), Asked())
    told = render(report, form)
    assert report.word == "FAIL"
    assert all(line.replace("\u200b", "").isprintable() for line in told.splitlines())
    assert not any(line.lstrip().startswith(("::", "##[")) for line in told.splitlines())
    if form == "md":
        assert "<script" not in told
        assert re.search(r"(?<!\\)\]\(", told) is None
        assert "@everyone" not in told


@settings(MANY, max_examples=300)
@given(text=st.text())
def test_no_text_leaves_its_line(text):
    assert stays_in_its_line(one_line(text))
    told = json_text({"a": [text]})
    assert json.loads(told) == {"a": [text]}
    assert "\x9b" not in told
    assert "\x7f" not in told


def test_a_comment_fits_a_pull_request_whatever_is_written_in_it(place, model):
    limits = [DIFFERENCE | {"measure": "selection_rate", "over": "race", "at_most": at / 1000} for at in range(1, 40)]
    groups, decisions = people(white=(500, 1000), other=(450, 1000))
    named = ["<" * 2_000 if one == "other" else one for one in groups]
    report = gate(released(place, named, decisions, *limits), Asked())
    told = render(report, "md")
    assert len(told) < 65_536  # what GitHub takes
    assert told.startswith("<!-- evenhand-gate:hiring -->")
    assert "</details>" in told
    assert re.search(r"and \d+ more limits?, of which \d+ hold", told)
    assert all(len(told) < 65_536 for told in [render(gate(place / LONG[:90], Asked()), "md")])
