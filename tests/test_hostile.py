"""What a stranger may send: every hostile artifact is refused in one sentence, and no word in it steers anybody."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
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
from audits.findings import Finding, canonical_json, read_findings, write_findings
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
    assert said.startswith("error: ") and len(said) < 2_200
    assert all(line.startswith("  hint: ") for line in rest) and len(rest) <= 1
    assert "Traceback" not in stderr and "defect" not in stderr
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
    assert code == 2 and out == ""
    told_in_one_sentence(err)
    code, out, err = called("gate", place, "--json")
    assert code == 2 and json.loads(out)["verdict"] is None
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


def same_or_refused(artifact: Path, expected: str | None = None) -> str | None:
    """The digest of an artifact that verifies; nothing where it is refused as it has to be."""
    began, found = time.monotonic(), None
    try:
        found = verify(artifact, expected_digest=expected).digest
    except ArtifactError as error:
        assert error.message and one_line(error.message) == error.message
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
    with pytest.raises(ArtifactError, match="rows.parquet"):
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
