"""Techniques whose findings are no plain rates by group: each is told in a form that can be read."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from every_technique import write_every

from audits.findings import read_findings
from model_cards.blocks import Block, Card, Facts, Figures, Heading, Prose, Table
from model_cards.card import build
from model_cards.consistency import check
from model_cards.curves import reliability
from model_cards.numbers import Text
from model_cards.render import html, markdown

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_every(tmp_path_factory.mktemp("every"))


@pytest.fixture(scope="module")
def card(run: Path) -> Card:
    return build(run)


def said(text: Text) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in text)


def leaves(card: Card, section: str) -> list[Block]:
    found = next(part for part in card.sections if part.id == section)
    return [leaf for block in found.blocks for leaf in (block.blocks if block.kind == "fold" else (block,))]


def prose(card: Card, section: str) -> list[str]:
    return [said(block.text) for block in leaves(card, section) if isinstance(block, Prose)]


def table(card: Card, section: str, words: str) -> Table:
    return next(b for b in leaves(card, section) if isinstance(b, Table) and words in b.caption)


def lines(found: Table) -> dict[str, list[str]]:
    return {said(line.name): [said(cell) for cell in line.cells] for line in found.lines}


def test_every_number_of_every_technique_is_what_its_finding_says(run: Path, card: Card) -> None:
    findings = read_findings((run / "findings.json").read_bytes())
    assert check(html(card), findings, json.loads((run / "verdict.json").read_text())) == []
    assert markdown(card)


def test_every_technique_has_a_section_with_a_plain_title(card: Card) -> None:
    titles = {section.title for section in card.sections if section.part == "results"}
    assert {"Had the audit been set up otherwise", "What it would take", "Subgroups that nobody named"} <= titles
    assert not [title for title in titles if "_" in title]


def test_stability_tells_each_limit_under_every_choice(card: Card) -> None:
    found = lines(table(card, "stability", "Verdicts under other choices"))
    name = "Selection rate by race: ratio at least 0.8"
    assert found[name][0] == "FAIL"
    assert int(found[name][2]) + int(found[name][3]) + int(found[name][4]) == int(found[name][5]) == 11
    assert any("no rate of decisions" in said(item) for b in leaves(card, "stability") if b.kind == "bullets"
               for item in b.items)  # fmt: skip


def test_a_search_tells_how_many_were_searched_and_which_were_confirmed(card: Card) -> None:
    assert any("subgroups were searched; " in text and "confirmed on rows not searched" in text
               for text in prose(card, "subgroups"))  # fmt: skip
    found = lines(table(card, "subgroups", "Selection rate: subgroups that stood out"))
    assert {cells[-1] for cells in found.values()} <= {"confirmed", "not confirmed"}
    assert "race Black" in found


def test_remedies_are_told_with_gap_cost_and_legal_caution(card: Card) -> None:
    assert any(text.startswith("Legal caution, for group thresholds (uses race)") for text in prose(card, "remedies"))
    found = table(card, "remedies", "what it would take")
    assert found.columns[-1] == "Looks at race"
    told = lines(found)
    assert told["group thresholds (uses race)"][-1] == "yes: see the caution"
    facts = next(b for b in leaves(card, "remedies") if isinstance(b, Facts))
    assert said(dict(facts.items)["Chosen"]).startswith("none")


def test_calibration_comes_with_a_diagram_a_group_and_its_table(card: Card) -> None:
    charts = [chart for b in leaves(card, "score_parity") if isinstance(b, Figures) for chart in b.charts]
    assert "Reliability: Black" in [chart.caption for chart in charts]
    assert table(card, "score_parity", "Reliability by race, bin by bin").columns[1] == "Score, %"


def test_a_reliability_diagram_puts_each_bin_where_it_belongs() -> None:
    bins = [{"mean_score": 0.25, "observed": 0.5, "low": 0.4, "high": 0.6, "n": 90},
            {"mean_score": 0.75, "observed": 1.0, "low": 0.7, "high": 1.0, "n": 5}]  # fmt: skip
    root = ElementTree.fromstring(reliability("c", "Reliability", bins))
    circles = [(float(c.get("cx")), float(c.get("cy")), c.get("class")) for c in root.iter(f"{SVG}circle")]
    assert circles == [(145.0, 157.0, "mark"), (331.0, 14.0, "open")]  # few rows are hollow


def test_bounds_are_told_as_bounds_and_never_as_a_rate(card: Card) -> None:
    told = prose(card, "proxy_bounds")
    assert any("Of 100 Black applicants, between 9 and 66 are approved" in text for text in told)
    assert not any("Of 100 Black applicants, 48" in text for text in told)
    charts = [chart for b in leaves(card, "proxy_bounds") if isinstance(b, Figures) for chart in b.charts]
    assert charts[0].caption.endswith("bars are bounds, dots are weighted by the probabilities")


def test_what_can_only_lie_above_parity_is_told_beside_chance(card: Card) -> None:
    assert "By chance alone" in table(card, "score_parity", "ABROCA by race: pairs of groups").columns
    assert any("chance alone would make" in text for text in prose(card, "score_parity"))


def test_a_class_or_a_cutoff_is_a_measure_and_no_part_of_a_whole(card: Card) -> None:
    headings = [b.text for b in leaves(card, "multiclass_parity") if isinstance(b, Heading)]
    assert "Selection rate (class used)" in headings
    assert "Skew (k 10)" in [b.text for b in leaves(card, "ranking_parity") if isinstance(b, Heading)]


def test_folded_measures_have_a_heading_in_every_form(card: Card) -> None:
    folds = [block for section in card.sections for block in section.blocks if block.kind == "fold"]
    page, text = html(card), markdown(card)
    assert folds
    for fold in folds:
        assert f"<summary><h3>{fold.title}</h3></summary>" in page
        assert f"### {fold.title}" in text.replace("\\", "")
