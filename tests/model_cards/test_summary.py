"""The summary after the verdict: what a person who is no statistician takes away, and what it stands on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cards_example import example_findings, parity, write_example

from audits.findings import Finding, Interval, Support
from model_cards.blocks import Said
from model_cards.card import build
from model_cards.numbers import Text
from model_cards.summary import chance


def said(text: Text) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in text)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, ...]:
    return build(write_example(tmp_path_factory.mktemp("summary") / "run")).summary


def test_a_broken_limit_is_said_in_numbers_of_people_and_whether_it_is_chance(told: tuple[Said, ...]) -> None:
    first = said(told[0].text)
    assert first.startswith(
        "Of 100 Black applicants, 54 are approved; of 100 white applicants, 92. The difference is not chance: "
        "−38.2 points (95% interval −48."
    )
    assert "Limit broken: Selection rate by race: ratio of any group to any other, at least 0.8" in first


def test_limits_that_the_same_pair_decides_are_said_once(told: tuple[Said, ...]) -> None:
    assert [s.verdict for s in told if s.verdict] == ["FAIL", "INCONCLUSIVE", "PASS", "PASS"]
    assert said(told[0].text).count("Limit broken") == 2


def test_behind_every_sentence_stand_its_findings(told: tuple[Said, ...]) -> None:
    known = {finding.id for finding in example_findings()}
    for one in told:
        assert set(one.findings) <= known
        assert {part.finding for part in one.text if not isinstance(part, str)} <= set(one.findings)
    assert "parity/selection_rate/race/Black/white/difference" in told[0].findings


def test_what_could_not_be_measured_is_counted(told: tuple[Said, ...]) -> None:
    assert said(told[-1].text).startswith("1 number that the audit asked for could not be measured")


@pytest.mark.parametrize(
    ("low", "high", "adjusted", "words"),
    [
        (-0.5, -0.1, 0.001, "The difference is not chance: −30.0 points (95% interval −50.0 to −10.0), also after"),
        (-0.5, -0.1, None, "The difference is not chance: −30.0 points (95% interval −50.0 to −10.0)."),
        (-0.5, -0.1, 0.2, "By itself the difference would not be chance: −30.0 points"),
        (-0.7, 0.1, 0.2, "That may be chance: the difference is −30.0 points"),
    ],
)
def test_chance_is_said_as_far_as_interval_and_correction_go(
    low: float, high: float, adjusted: float | None, words: str
) -> None:
    finding = Finding(
        technique="parity", measure="selection_rate", attribute="race", group="b", reference="a",
        comparison="difference", value=-0.3, n=Support(group=9, reference=9), p_adjusted=adjusted,
        interval=Interval(low=low, high=high, level=0.95, method="newcombe"),
    )  # fmt: skip
    assert said(chance(finding, 0.05)).startswith(words)


def test_without_limits_the_first_measure_of_each_attribute_is_said(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    (run / "verdict.json").write_text(json.dumps({"verdict": "INCONCLUSIVE", "limits": []}))
    told = build(run).summary
    assert said(told[0].text).startswith("Of 100 Black applicants, 54 are approved; of 100 white applicants, 92.")
    assert told[0].findings
    assert "Limit" not in said(told[0].text)


def test_a_limit_that_few_people_decide_says_so(tmp_path: Path) -> None:
    few = [*parity("selection_rate", "race", {"white": (90, 100), "Black": (60, 100), "other": (1, 4)})]
    run = write_example(tmp_path / "run", few)
    text = " ".join(said(one.text) for one in build(run).summary)
    assert "What decides the limit is other against white, and stands on few rows: 4 of one group." in text
