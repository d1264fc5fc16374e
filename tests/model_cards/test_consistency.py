"""No card says what its findings do not: a changed number, a swapped finding, another form, another sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cards_example import write_example

from audits.findings import Finding, read_findings
from model_cards.consistency import check, read
from model_cards.render import render


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example(tmp_path_factory.mktemp("consistent") / "run")


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return render(run, "html").decode()


@pytest.fixture(scope="module")
def findings(run: Path) -> list[Finding]:
    return read_findings((run / "findings.json").read_bytes())


def test_a_card_agrees_with_its_findings_and_its_verdict(run: Path, page: str, findings: list[Finding]) -> None:
    assert check(page, findings, json.loads((run / "verdict.json").read_bytes())) == []
    assert len([piece for piece in read(page) if "data-finding" in piece.attributes]) > 300


def test_a_tampered_number_is_caught(page: str, findings: list[Finding]) -> None:
    assert ">54.1</span>" in page
    problems = check(page.replace(">54.1</span>", ">94.1</span>", 1), findings)
    assert len(problems) == 1
    assert "got '94.1', expected '54.1'" in problems[0]


def test_a_tampered_number_in_a_chart_is_caught(page: str, findings: list[Finding]) -> None:
    assert ">54.1</tspan>" in page
    assert "expected '54.1'" in check(page.replace(">54.1</tspan>", ">94.1</tspan>", 1), findings)[0]


def test_a_number_from_a_finding_that_changed_is_caught(page: str, findings: list[Finding]) -> None:
    changed = [f.model_copy(update={"value": 0.61}) if f.id.endswith("selection_rate/race/Black/-/rate") else f
               for f in findings]  # fmt: skip
    assert any("expected '61.0'" in problem for problem in check(page, changed))


def test_a_number_of_a_finding_that_is_not_there_is_caught(page: str, findings: list[Finding]) -> None:
    fewer = [f for f in findings if f.measure != "true_positive_rate"]
    assert any("which is not in findings.json" in problem for problem in check(page, fewer))


def test_a_number_in_a_form_that_is_not_its_own_is_caught(findings: list[Finding]) -> None:
    name = next(f.id for f in findings if f.comparison == "ratio")
    text = f'<span data-finding="{name}" data-path="value" data-form="percent">58.6</span>'
    assert "got the form 'percent', expected ratio" in check(text, findings)[0]


def test_a_path_that_leads_nowhere_is_caught(findings: list[Finding]) -> None:
    text = f'<span data-finding="{findings[0].id}" data-path="details.9.x" data-form="plain">1</span>'
    assert "leads to no number" in check(text, findings)[0]


def test_a_sentence_that_is_not_the_verdicts_own_is_caught(run: Path, page: str, findings: list[Finding]) -> None:
    verdict = json.loads((run / "verdict.json").read_bytes())
    verdict["limits"][2]["reason"] = "All is well."
    assert "expected 'All is well.'" in check(page, findings, verdict)[0]


def test_a_card_without_numbers_is_no_card_of_these_findings(findings: list[Finding]) -> None:
    assert check("<p>All is well.</p>", findings) == ["the card shows none of its findings"]


def test_numbers_inside_other_markup_are_read_whole(findings: list[Finding]) -> None:
    found = next(f for f in findings if f.comparison == "rate" and f.group == "Black")
    text = f'<p><span data-finding="{found.id}" data-path="value" data-form="percent">5<b>4</b>.1</span><br></p>'
    assert [piece.text for piece in read(text)] == ["54.1"]
