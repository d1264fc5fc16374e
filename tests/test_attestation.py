"""Signatures: the protocol's known answers, and what a stranger with only a public key can tell."""

import base64
import contextlib
import hashlib
import json
import os
import socket
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import reseal, sealed

from audits.artifact import chain_problems, find_problems, read, verify
from audits.attestation import (
    ATTESTATION,
    STATEMENT_TYPE,
    attest,
    link_key,
    make_key,
    parse,
    read_private_key,
    read_public_key,
    result_statement,
    sign,
    signatures,
    signed_by,
    signing_keys,
    summary_statement,
)
from audits.attestation.envelope import encoded
from audits.errors import ArtifactError, AuditError, SigningError


@pytest.fixture
def key(tmp_path):
    private, _, _ = make_key(tmp_path / "keys")
    return read_private_key(private)


def test_the_bytes_that_are_signed_are_those_of_the_protocol():
    assert encoded("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_protocols_own_signature_is_verified():
    # github.com/secure-systems-lab/dsse, protocol.md: ECDSA over P-256
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    signature = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public.verify(der, encoded("http://example.com/HelloWorld", b"hello world"), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("curve", [None, ec.SECP256R1(), ec.SECP384R1()])
def test_what_a_key_signs_its_public_half_verifies_and_no_other(tmp_path, curve):
    path = tmp_path / "k.pem"
    if curve is None:
        path, _, _ = make_key(tmp_path)
    else:
        path.write_bytes(_pem(ec.generate_private_key(curve)))
    ours, other = read_private_key(path), read_private_key(make_key(tmp_path / "other")[0])
    envelope = sign(b"{}", STATEMENT_TYPE, [ours])
    assert signed_by(envelope, [other.public, ours.public]) == [ours.public]
    assert signed_by(envelope.model_copy(update={"payload": b"{ }"}), [ours.public]) == []
    assert signed_by(envelope.model_copy(update={"payload_type": "text/plain"}), [ours.public]) == []


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_claimed_key_id_proves_nothing(tmp_path, key):
    other = read_private_key(make_key(tmp_path / "other")[0])
    envelope = sign(b"{}", STATEMENT_TYPE, [other])
    lying = envelope.model_copy(
        update={"signatures": (envelope.signatures[0].model_copy(update={"keyid": key.public.keyid}),)}
    )
    assert signed_by(lying, [key.public]) == []
    assert signed_by(lying, [other.public]) == [other.public]


def test_a_new_key_is_its_owners_alone_and_never_overwritten(tmp_path):
    private, public, made = make_key(tmp_path)
    assert os.stat(private).st_mode & 0o077 == 0
    assert read_public_key(public) == made == read_private_key(private).public
    with pytest.raises(SigningError, match="exists already"):
        make_key(tmp_path)


def test_a_password_protects_the_private_half(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_KEY_PASSWORD", "secret")
    private, _, made = make_key(tmp_path)
    assert read_private_key(private).public == made
    monkeypatch.setenv("EVENHAND_KEY_PASSWORD", "wrong")
    with pytest.raises(SigningError, match="no private key that can be read"):
        read_private_key(private)
    monkeypatch.delenv("EVENHAND_KEY_PASSWORD")
    with pytest.raises(SigningError, match="is encrypted, and no password was given"):
        read_private_key(private)


def test_keys_of_other_kinds_are_refused_by_name(tmp_path):
    for key, message in (
        (rsa.generate_private_key(65537, 2048), "RSA"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
    ):
        (tmp_path / "k.pem").write_bytes(_pem(key))
        with pytest.raises(SigningError, match=message):
            read_private_key(tmp_path / "k.pem")
    private, _, _ = make_key(tmp_path)
    with pytest.raises(SigningError, match="no public key") as caught:
        read_public_key(private)
    assert ".pub" in caught.value.hint


def test_an_attestation_states_model_data_limits_and_files(artifact):
    held = verify(artifact)
    statement = result_statement(held)
    assert statement["subject"] == [
        {"name": "models/letters", "digest": {"sha256": held.manifest.digests.model}},
        {"name": "people.csv", "digest": {"sha256": held.manifest.digests.data}},
    ]
    predicate = statement["predicate"]
    assert predicate["configuration"][0] == {"name": "manifest.json", "digest": {"sha256": held.digest}}
    tests = predicate["passedTests"] + predicate["warnedTests"] + predicate["failedTests"]
    assert sorted(tests) == sorted(limit.text for limit in held.verdict.limits)
    assert predicate["result"] == {"PASS": "PASSED", "INCONCLUSIVE": "WARNED", "FAIL": "FAILED"}[held.verdict.verdict]


def test_an_inconclusive_audit_is_warned_and_its_summary_failed(artifact):
    held = verify(artifact)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    summary = summary_statement(
        held, verdict="INCONCLUSIVE", policy_sha256="0" * 64, resource="models:/letters/3", time=at, attestation=None
    )
    predicate = summary["predicate"]
    assert predicate["verificationResult"] == "FAILED"
    assert predicate["verifiedLevels"] == ["FAILED"]
    assert predicate["urn:evenhand:verdict"] == "INCONCLUSIVE"
    assert predicate["timeVerified"] == "2026-03-02T00:00:00Z"
    assert predicate["inputAttestations"][0]["digest"]["sha256"] == held.digest
    passed = summary_statement(
        held, verdict="PASS", policy_sha256="0" * 64, resource="r", time=at, attestation="1" * 64
    )
    assert passed["predicate"]["verificationResult"] == "PASSED"
    assert not passed["predicate"]["verifiedLevels"][0].startswith("SLSA_")


def test_a_signed_artifact_verifies_with_the_public_half_and_no_network(artifact, key, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *a, **k: pytest.fail("the network was asked"))
    attest(verify(artifact), [key])
    held = verify(artifact)
    assert signatures(held, [key.public]) == ([key.public.keyid], [key.public])


def test_several_people_sign_the_same_statement_each_once(artifact, key, tmp_path):
    other = read_private_key(make_key(tmp_path / "other")[0])
    attest(verify(artifact), [key])
    attest(verify(artifact), [other, key])
    claimed, held = signatures(verify(artifact), [key.public, other.public])
    assert claimed == [key.public.keyid, other.public.keyid]
    assert held == [key.public, other.public]


def test_an_attestation_of_another_artifact_does_not_verify(artifact, key, tmp_path):
    attest(verify(artifact), [key])
    changed = reseal(sealed(tmp_path / "other"), {"card.md": b"# other\n"})
    (changed / ATTESTATION).write_bytes((artifact / ATTESTATION).read_bytes())
    assert [problem.file for problem in find_problems(changed)] == [ATTESTATION]
    with pytest.raises(ArtifactError, match="is no statement of this artifact"):
        verify(changed)


def test_a_statement_made_to_pass_is_refused_though_it_is_signed(artifact, key):
    held = verify(artifact)
    statement = result_statement(held)
    statement["predicate"]["result"] = "PASSED" if statement["predicate"]["result"] != "PASSED" else "WARNED"
    forged = sign(json.dumps(statement).encode(), STATEMENT_TYPE, [key])
    (artifact / ATTESTATION).write_bytes(forged.to_bytes())
    with pytest.raises(ArtifactError, match="is no statement of this artifact"):
        verify(artifact)


BROKEN = [
    ("truncated", lambda c: c[:-40], "expected plain JSON"),
    ("another payload type", lambda c: c.replace(b"in-toto+json", b"in-toto+jsom"), "payload type"),
    ("no signature", lambda c: _without(c, "signatures", []), "expected 1 to 100"),
    ("one key more", lambda c: c[:1] + b'"extra":1,' + c[1:], "expected exactly"),
    ("a key twice", lambda c: c[:1] + b'"payloadType":"x",' + c[1:], "twice"),
    ("payload that is no base64", lambda c: _without(c, "payload", "§"), "expected base64"),
    ("not a number", lambda c: _without(c, "payload", float("nan")), "NaN"),
    ("a list", lambda c: b"[]", "expected exactly"),
]  # fmt: skip


def _without(content, key, value):
    return json.dumps({**json.loads(content), key: value}).encode()


@pytest.mark.parametrize(("harm", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_envelope_is_refused_in_one_sentence(artifact, key, harm, message):
    attest(verify(artifact), [key])
    path = artifact / ATTESTATION
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(ArtifactError, match=message):
        verify(artifact)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_byte_of_a_signed_envelope_keeps_its_signature(artifact, key, data):
    path = attest(read(artifact), [key])
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 2))
    bit = data.draw(st.integers(0, 7))
    content[at] ^= 1 << bit
    try:
        envelope = parse(bytes(content))
        held = signed_by(envelope, [key.public])
        assert not held or (envelope.payload, envelope.payload_type) == _original(path)
    except AuditError:
        pass


def _original(path):
    envelope = parse(path.read_bytes())
    return envelope.payload, envelope.payload_type


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_the_bytes_an_envelope_is_read_or_refused(content):
    with contextlib.suppress(ArtifactError):
        parse(content)


def chained(folder, many):
    made = []
    for at in range(many):
        previous = made[-1].name.split("-")[-1] if made else None
        digest = hashlib.sha256((made[-1] / "manifest.json").read_bytes()).hexdigest() if made else None
        assert previous is None or digest.startswith(previous)
        made.append(
            sealed(
                folder,
                started=datetime(2026, 3, 1 + at, 9, tzinfo=UTC),
                ended=datetime(2026, 3, 1 + at, 10, tzinfo=UTC),
                previous=digest,
            )
        )
    return made


def test_a_whole_chain_has_no_problem(tmp_path):
    made = chained(tmp_path, 3)
    assert chain_problems(made[-1]) == []


def test_a_removed_artifact_is_named_by_its_successor(tmp_path):
    import shutil

    made = chained(tmp_path, 3)
    shutil.rmtree(made[1])
    (problem,) = chain_problems(made[-1])
    assert problem.file == made[2].name
    assert "which is not here: removed or replaced" in problem.message


def test_a_replaced_artifact_breaks_the_chain(tmp_path):
    made = chained(tmp_path, 3)
    reseal(made[1], {"card.md": b"# other\n"})
    assert any("removed or replaced" in problem.message for problem in chain_problems(made[-1]))


def test_two_first_artifacts_are_a_branch(tmp_path):
    made = chained(tmp_path, 1)
    alone = sealed(
        tmp_path / "b", started=datetime(2026, 4, 1, 9, tzinfo=UTC), ended=datetime(2026, 4, 1, 10, tzinfo=UTC)
    )
    other = alone.rename(made[0].with_name(alone.name))
    (problem,) = chain_problems(other)
    assert made[0].name in problem.message
    assert "the chain has branches" in problem.message


def test_a_damaged_link_is_told_before_the_chain(tmp_path):
    made = chained(tmp_path, 2)
    (made[0] / "card.md").write_text("other")
    (problem,) = chain_problems(made[1])
    assert problem.file == made[0].name


def test_verify_names_the_key_that_did_not_sign(artifact, key, tmp_path):
    from flows.verifying import verified

    _, public, made = make_key(tmp_path / "other")
    assert "not signed" in verified(artifact, (), False).to_text()
    with pytest.raises(ArtifactError, match=r"is not signed by .*evenhand.pub: it says to be signed by nobody"):
        verified(artifact, (public,), False)
    attest(verify(artifact), [key])
    assert "check it with --key" in verified(artifact, (), False).to_text()
    with pytest.raises(ArtifactError, match=f"says to be signed by {key.public.keyid[:12]}"):
        verified(artifact, (public,), False)
    attest(verify(artifact), [read_private_key(tmp_path / "other" / "evenhand.key")])
    assert verified(artifact, (public,), False).signed_by == (made.keyid,)


def test_the_keys_of_the_environment_sign(tmp_path, monkeypatch):
    assert signing_keys() == []
    one, two = make_key(tmp_path, "one")[0], make_key(tmp_path, "two")[0]
    monkeypatch.setenv("EVENHAND_SIGNING_KEY", os.pathsep.join(map(str, (one, two))))
    assert [key.public for key in signing_keys()] == [read_public_key(path.with_suffix(".pub")) for path in (one, two)]
    monkeypatch.setenv("EVENHAND_SIGNING_KEY", "absent.key")
    with pytest.raises(SigningError, match=r"'absent\.key': No such file"):
        signing_keys()


# --- keys that others hold


@pytest.fixture
def held(tmp_path):
    """A link to a key that securesystemslib signs with, and its public half."""
    private, public, made = make_key(tmp_path / "vault")
    link, _, _ = link_key(f"file2:{private}", public, tmp_path, "release")
    return link, made


def test_a_key_that_others_hold_signs_beside_one_of_ours(artifact, key, held):
    link, public = held
    assert "PRIVATE" not in link.read_text()
    attest(read(artifact), [key, read_private_key(link)])
    claimed, holds = signatures(verify(artifact), [public, key.public])
    assert claimed == [key.public.keyid, public.keyid]
    assert holds == [public, key.public]


def test_the_keys_of_the_environment_may_be_held_elsewhere(held, monkeypatch):
    link, public = held
    monkeypatch.setenv("EVENHAND_SIGNING_KEY", str(link))
    (only,) = signing_keys()
    assert public.verifies(only.sign(b"text"), b"text")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=["P-256", "P-384"])
def test_what_a_holder_of_an_elliptic_key_signs_is_verified(tmp_path, curve):
    private = ec.generate_private_key(curve)
    plain = serialization.NoEncryption()
    held_at, public = tmp_path / "held.pem", tmp_path / "held.pub"
    held_at.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    public.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    link, _, made = link_key(f"file2:{held_at}", public, tmp_path, "release")
    assert made.verifies(read_private_key(link).sign(b"text"), b"text")


def test_a_holder_that_signs_with_another_key_is_refused(tmp_path, monkeypatch):
    import securesystemslib.signer as library

    one, two = make_key(tmp_path, "one"), make_key(tmp_path, "two")

    class Elsewhere(library.CryptoSigner):
        @classmethod
        def from_priv_key_uri(cls, uri, public_key, secrets_handler=None):
            return library.Signer.from_priv_key_uri(f"file2:{one[0]}", _as_theirs(one[1]))

    monkeypatch.setitem(library.SIGNER_FOR_URI_SCHEME, "elsewhere", Elsewhere)
    with pytest.raises(SigningError, match="got a signature of another key than"):
        link_key("elsewhere:1", two[1], tmp_path, "release")
    assert not (tmp_path / "release.key").exists()
    link_key("elsewhere:1", one[1], tmp_path, "release")


def _as_theirs(public):
    from securesystemslib.signer import SSlibKey

    return SSlibKey.from_crypto(serialization.load_pem_public_key(public.read_bytes()))


def test_a_holder_that_cannot_be_reached_is_told(tmp_path):
    _, public, _ = make_key(tmp_path)
    with pytest.raises(SigningError, match=r"'file2:absent\.pem': got no signature: FileNotFoundError"):
        link_key("file2:absent.pem", public, tmp_path, "release")
    with pytest.raises(SigningError, match="got the scheme 'cloud', expected one of awskms:, azurekms:"):
        link_key("cloud:1", public, tmp_path, "release")


@pytest.mark.parametrize("content", ["{", "{}", '{"signer": "hsm:1"}'])
def test_what_is_no_link_to_a_key_is_refused(tmp_path, content):
    path = tmp_path / "release.key"
    path.write_text(content)
    with pytest.raises(SigningError, match=r"release\.key': got no link to a key, expected a JSON object"):
        read_private_key(path)


def test_a_gate_wants_the_signatures_it_is_asked_for(artifact, key, tmp_path):
    from audits.gating import Asked, gate

    public = tmp_path / "keys" / "evenhand.pub"
    refused = gate(artifact, Asked(keys=(public,))).refused
    assert refused.name == "artifact"
    assert "it says to be signed by nobody" in refused.message
    attest(verify(artifact), [key])
    told = {check.name: check.message for check in gate(artifact, Asked(keys=(public,))).checks}
    assert f"signed by {key.public.keyid[:12]}" in told["artifact"]


def test_the_summary_of_a_gate_is_signed_and_fails_closed(artifact, key, tmp_path, monkeypatch, capsys):
    from audits.gating import Asked
    from flows.gate import Wanted, run

    monkeypatch.setenv("EVENHAND_SIGNING_KEY", str(tmp_path / "keys" / "evenhand.key"))
    report = run(artifact, Asked(), Wanted(summary=tmp_path / "vsa.json"))
    envelope = parse((tmp_path / "vsa.json").read_bytes())
    assert signed_by(envelope, [key.public]) == [key.public]
    predicate = json.loads(envelope.payload)["predicate"]
    assert predicate["verificationResult"] == ("PASSED" if report.word == "PASS" else "FAILED")
    assert predicate["urn:evenhand:verdict"] == report.word
    assert predicate["policy"]["digest"]["sha256"] == report.policy_sha256
    monkeypatch.delenv("EVENHAND_SIGNING_KEY")
    with pytest.raises(SigningError, match="got no key to sign with"):
        run(artifact, Asked(), Wanted(summary=tmp_path / "other.json"))
    assert not (tmp_path / "other.json").exists()
