"""The public version: no small count, nothing from which one follows, in no format; and a record of what was told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from audits.errors import ArtifactError, AuditError
from audits.findings import Finding
from audits.linked_counts import rows_name
from model_cards import consistency
from model_cards.card import compose
from model_cards.numbers import form_of, written
from model_cards.public import is_suppressed, public_sources
from model_cards.publishing import publish, record_of
from model_cards.render import html, json_document, markdown, render_sources
from model_cards.sources import Sources, read_sources
from tests import cards_example
from tests.cards_example import parity, write_example

EXPORTS = ("hf", "cyclonedx", "mct", "croissant")
LARGE = {
    "race": {"white": (400, 700), "Black": (90, 200), "Hispanic": (50, 95)},
    "sex": {"male": (300, 595), "female": (240, 400)},
}


SEX = {"male": (706, 805), "female": (160, 183), "(missing)": (4, 7)}
CROSSED = {
    "white × male": (636, 685), "white × female": (138, 152), "Black × male": (40, 75), "Black × female": (13, 22),
    "Hispanic × male": (30, 45), "Hispanic × female": (9, 9), "(missing)": (4, 7),
}  # fmt: skip
"""The example's applicants, so that every attribute adds up to the same ones."""


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cards_example, "SEX", SEX)
    monkeypatch.setattr(cards_example, "CROSSED", CROSSED)
    return write_example(tmp_path / "mortgage" / "run")


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in which every count is of many people."""
    monkeypatch.setattr(cards_example, "RACE", LARGE["race"])
    monkeypatch.setattr(cards_example, "SEX", LARGE["sex"])
    crossed = {"white × male": (210, 420), "white × female": (190, 280), "Black × male": (60, 120),
               "Black × female": (30, 80), "Hispanic × male": (30, 55), "Hispanic × female": (20, 40)}  # fmt: skip
    monkeypatch.setattr(cards_example, "CROSSED", crossed)
    counts = {**LARGE, "race×sex": crossed}
    findings = [f for attribute, own in counts.items() for f in parity("selection_rate", attribute, own)]
    return write_example(tmp_path / "large" / "run", findings)


def everything(sources: Sources) -> Iterator[tuple[str, str]]:
    """Every form in which a card or an export can be had, with its text."""
    card = compose(sources)
    yield "html", html(card, unfolded=True)
    yield "md", markdown(card)
    yield "json", json_document(card).decode()
    for chart in card.charts:
        yield chart.name, chart.svg
    for form in EXPORTS:
        yield form, render_sources(sources, form).decode()


def tokens(text: str) -> set[str]:
    """Numbers of three digits and more that stand alone in a text; the style and the shapes of a drawing are none."""
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?!data-|aria-|title|alt|id)[\w:-]+="[^"]*"', "", text)
    found = re.findall(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)", text)
    return {token for token in found if sum(c.isdigit() for c in token) > 2}


def numbers(finding: Finding) -> set[str]:
    """Every way in which a finding's numbers can be written."""
    told = [finding.value, finding.p, finding.p_adjusted, *finding.sufficient.values()]
    if finding.interval:
        told += [finding.interval.low, finding.interval.high]
    if finding.n:
        told += [finding.n.group, finding.n.reference]
    values = [float(value) for value in told if value is not None]
    forms = {form_of(finding), "count"}
    made = {written(form, value) for value in values for form in forms}  # type: ignore[arg-type]
    return tokens(" ".join([*made, *map(repr, values), *(f"{v:g}" for v in values)]).replace("−", ""))


def test_no_number_of_a_withheld_finding_is_anywhere_in_any_format(example: Path) -> None:
    private = read_sources(example)
    public, release = public_sources(private)
    withheld = [f for f in private.findings if f.id in release.withheld and f.value is not None]
    assert len(withheld) > 20
    told = {token for f in private.findings if f.id not in release.withheld for token in numbers(f)}
    told |= {token for limit in public.verdict["limits"] for token in tokens(limit["reason"]) | _reach(limit)}
    told |= (
        tokens(json.dumps(public.documents)) | tokens(cards_example.SPEC) | {"100", "1,000", "10,000", "995", "1.25"}
    )
    secret = {token for f in withheld for token in numbers(f)} - told
    assert len(secret) > 50
    full = tokens(" ".join(text for _, text in everything(private)))
    assert len(secret & full) > 30, "the search finds them where they are"
    leaks = {name: found for name, text in everything(public) if (found := tokens(text) & secret)}
    assert leaks == {}


def _reach(limit: dict[str, Any]) -> set[str]:
    """How a limit's smallest detectable disparity is written: it is of the pair that decided it."""
    smallest = limit["smallest_detectable"]
    forms = ("percent", "points", "ratio", "plain")
    return set() if smallest is None else tokens(" ".join(written(form, smallest) for form in forms))  # type: ignore[arg-type]


def test_real_rows_and_texts_are_not_in_a_public_card(example: Path) -> None:
    public, _ = public_sources(read_sources(example))
    text = " ".join(text for _, text in everything(public))
    assert "Dear lender" not in text
    assert "guidelines" not in text
    assert "1203" not in text


def test_a_public_card_agrees_with_its_public_findings_and_says_what_it_is(example: Path) -> None:
    public, release = public_sources(read_sources(example))
    page = html(compose(public))
    assert consistency.check(page, public.findings, public.verdict) == []
    facts = public.document("public")
    assert f"{facts['suppressed']:,} of {facts['numbers']:,} numbers suppressed" in page
    assert "This is the public version of the card" in page
    assert "Centers for Medicare" in page
    assert all(not f.n and not f.sufficient and not f.details for f in public.findings if is_suppressed(f))
    assert "small" not in " ".join(f.missing for f in public.findings), "why a number is withheld tells of it"
    assert release.withheld


def test_a_suppressed_group_keeps_its_name_and_loses_its_numbers(example: Path) -> None:
    public, release = public_sources(read_sources(example))
    assert not release.rows("sex", "(missing)")
    page = html(compose(public))
    assert "not recorded" in page
    assert "suppressed" in page
    assert "7 rows" not in page


def test_where_all_cells_are_large_the_public_card_has_the_numbers_of_the_full_one(large: Path) -> None:
    private = read_sources(large)
    public, release = public_sources(private)
    assert release.withheld == {}
    assert {f.id: (f.value, f.interval, f.n) for f in public.findings} == {
        f.id: (f.value, f.interval, f.n) for f in private.findings
    }
    assert public.verdict == private.verdict
    shown = {(s.attributes.get("data-finding"), s.text) for s in consistency.read(html(compose(public)))}
    assert shown == {(s.attributes.get("data-finding"), s.text) for s in consistency.read(html(compose(private)))}


def test_a_limits_sentence_that_quotes_a_suppressed_number_is_put_in_other_words(example: Path) -> None:
    private = read_sources(example)
    public, release = public_sources(private)
    for before, after in zip(private.verdict["limits"], public.verdict["limits"], strict=True):
        assert before["verdict"] == after["verdict"]
        assert "of unknown" not in after["reason"]
        assert not set(after["findings"]) & release.withheld.keys(), "their order says which is larger"
        if after["worst"] is None:
            assert not re.search(r"\d", after["reason"])
            assert after["value"] is after["interval"] is after["p"] is after["rows_needed"] is None
    assert any(limit["worst"] is None for limit in public.verdict["limits"])


def test_other_documents_lose_their_small_counts(example: Path) -> None:
    document = json.loads((example / "data.json").read_text())
    document["rows"] |= {"source": 1992, "left_out": 3}
    (example / "data.json").write_text(json.dumps(document))
    checks = json.loads((example / "checks.json").read_text())
    checks[0] |= {"unexpected_rows": [417, 588], "observed": [12345]}
    (example / "checks.json").write_text(json.dumps(checks))
    public, _ = public_sources(read_sources(example))
    assert public.document("data")["rows"] == {"audited": 995}
    assert {"male", "married", "dep"} & public.document("data")["missing"].keys() == set()
    assert public.document("data")["missing"]["approve"] == 0
    text = json.dumps(public.documents)
    assert all(word not in text for word in ("417", "588", "12345", "1992"))
    assert "ledger" not in public.documents
    edits = public.document("edits")
    assert all("asked" not in edit for edit in edits if edit["attribute"] in ("race", "sex"))


def test_the_second_public_version_does_not_tell_who_came_and_went(example: Path, large: Path, tmp_path: Path) -> None:
    first = tmp_path / "out" / "first.html"
    first.parent.mkdir()
    publish(large, "html", first)
    record = json.loads(record_of(first).read_text())
    assert record["told"][rows_name("race", "Hispanic")] == [95.0]
    data = json.loads((large / "data.json").read_text())
    (large / "data.json").write_text(json.dumps(data | {"digest": "00" * 32}))
    groups = json.loads((large / "groups.json").read_text())
    groups["attributes"]["race"]["groups"][2]["n"] += 4
    groups["attributes"]["race"]["groups"][0]["n"] -= 4
    for name, people in (("white × male", -4), ("Hispanic × male", 4)):
        crossed = next(g for g in groups["attributes"]["race×sex"]["groups"] if g["name"] == name)
        crossed["n"] += people
    (large / "groups.json").write_text(json.dumps(groups))
    publish(large, "json", first.with_name("second.json"))
    second = json.loads(record_of(first.with_name("second.json")).read_text())
    assert rows_name("race", "Hispanic") in second["withheld"], "found beside the output, unasked"
    alone = tmp_path / "elsewhere" / "third.json"
    alone.parent.mkdir()
    publish(large, "json", alone)
    assert rows_name("race", "Hispanic") not in json.loads(record_of(alone).read_text())["withheld"]
    publish(large, "json", alone, previous=[record_of(first)])
    assert rows_name("race", "Hispanic") in json.loads(record_of(alone).read_text())["withheld"]


def test_a_card_published_twice_is_the_same_card(example: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    publish(example, "json", one)
    publish(example, "json", other)
    before, after = (json.loads(record_of(path).read_text()) for path in (one, other))
    assert before["withheld"] == after["withheld"]
    assert before["told"] == after["told"]
    assert after["open"] == []


def test_the_page_of_a_statute_shows_all_counts_only_by_a_recorded_decision(example: Path, tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"ll144: got --public, expected a decision"):
        publish(example, "ll144", tmp_path / "page.html")
    with pytest.raises(AuditError, match="no --output, so that nothing would record it"):
        publish(example, "ll144", None, statutory="6 RCNY 5-303")
    with pytest.raises(AuditError, match="no statute asks for small counts there"):
        publish(example, "html", tmp_path / "page.html", statutory="because")
    assert not (tmp_path / "page.html").exists()
    out = tmp_path / "page.html"
    publish(example, "ll144", out, statutory="6 RCNY 5-303 asks for every category")
    decision = json.loads(record_of(out).read_text())
    assert decision["statutory"]["reason"] == "6 RCNY 5-303 asks for every category"
    assert decision["statutory"]["by"]
    assert decision["statutory"]["at"] == decision["published"]
    later = tmp_path / "card.json"
    publish(example, "json", later)
    assert json.loads(record_of(later).read_text())["open"], "what the statutory page told cannot be taken back"


def test_a_record_that_is_none_is_refused(example: Path, tmp_path: Path) -> None:
    for content in ("{}", "[1]", "no", '{"record": "evenhand public card", "format_version": 2}'):
        (tmp_path / "old.public.json").write_text(content)
        with pytest.raises(ArtifactError, match="expected the record of a public card"):
            publish(example, "json", None, previous=[tmp_path / "old.public.json"])


def test_the_record_says_what_is_withheld_and_not_why(example: Path, tmp_path: Path) -> None:
    publish(example, "html", tmp_path / "card.html")
    record = json.loads(record_of(tmp_path / "card.html").read_text())
    assert isinstance(record["withheld"], list)
    assert not set(record["withheld"]) & record["told"].keys()
    assert record["threshold"] == 11
    assert record["statutory"] is None


def card(*arguments: str | Path) -> Result:
    from flows.cli import main

    return CliRunner().invoke(main, ["card", *map(str, arguments)])


def test_evenhand_card_public_writes_card_and_record_and_leaves_the_artifact_alone(tmp_path: Path) -> None:
    from tests.synthetic import sealed

    artifact = sealed(tmp_path)
    before = {path: path.read_bytes() for path in artifact.rglob("*") if path.is_file()}
    out = tmp_path / "out.html"
    result = card(artifact, "--public", "--output", out)
    assert result.exit_code == 0, result.output
    assert "public version" in out.read_text()
    assert json.loads(record_of(out).read_text())["threshold"] == 11
    assert {path: path.read_bytes() for path in artifact.rglob("*") if path.is_file()} == before


def test_options_of_the_public_card_are_refused_without_it(tmp_path: Path) -> None:
    assert "--threshold belongs to --public" in card(tmp_path, "--threshold", "5").output
    assert card(tmp_path, "--statutory", "reason").exit_code == 2
    assert "not public" in card(tmp_path, "--public", "--push", "models:/a/1").output
