"""What a reader with ten minutes meets first: verdict, why, what to do; numbers and limits in one unit, names apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cards_example import _made, example_findings, parity, write_example

from audits.findings import Finding, Interval, Support
from model_cards.blocks import Card
from model_cards.card import build
from model_cards.consistency import check
from model_cards.measures import bound_of
from model_cards.numbers import Text, bound_words
from model_cards.render import html, markdown
from model_cards.sources import read_sources
from model_cards.summary import chance
from model_cards.svg import breadth, squeezed
from model_cards.words import NEXT, group_name, isolated, people_word


def said(text: Text) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in text)


def made(comparison: str, value: float, low: float, high: float, unit: str = "proportion", **more: object) -> Finding:
    given: dict[str, object] = {"technique": "t", "measure": "m", "attribute": "race", "group": "b", "reference": "a"}
    interval = Interval(low=low, high=high, level=0.95, method="x")
    return Finding(comparison=comparison, value=value, interval=interval, n=Support(group=99, reference=99), unit=unit,
                   **(given | more))  # type: ignore[arg-type]  # fmt: skip


def with_limits(run: Path, limits: str) -> Path:
    spec = (run / "spec.yaml").read_text()
    (run / "spec.yaml").write_text(re.sub(r"limits:\n(  .*\n)+", f"limits:\n{limits}", spec))
    return run


def judged(tmp_path: Path, findings: list[Finding], limits: str) -> Card:
    from cards_example import verdict

    run = with_limits(write_example(tmp_path / "run", findings), limits)
    (run / "verdict.json").write_text(json.dumps(verdict(run, findings)))
    card = build(run)
    assert not check(html(card), findings, json.loads((run / "verdict.json").read_bytes()))
    return card


@pytest.mark.parametrize(("word", "limits"), [
    ("PASS", "  - {measure: selection_rate, over: sex, compare: ratio, at_least: 0.8}\n"),
    ("FAIL", "  - {measure: selection_rate, over: race, compare: difference, at_most: 0.1}\n"),
    ("ROWS", "  - {measure: selection_rate, over: sex, compare: difference, at_most: 0.02}\n"),
    ("INCONCLUSIVE", "  - {measure: selection_rate, over: sex, compare: difference, at_most: 0.001}\n"),
    ("INCONCLUSIVE", "  - {measure: precision, over: sex, compare: difference, at_most: 0.1}\n"),
])  # fmt: skip
def test_every_verdict_says_what_to_do_and_more_rows_only_where_they_would_help(
    tmp_path: Path, word: str, limits: str
) -> None:
    card = judged(tmp_path, list(example_findings()), limits)
    assert card.ruling.next_step == NEXT[word]
    assert f"What to do: {NEXT[word]}" in html(card)
    assert f"What to do: {NEXT[word]}" in markdown(card)


def test_a_limit_on_a_ratio_is_told_by_the_ratio_and_never_turned_round(tmp_path: Path) -> None:
    limits = "  - {measure: selection_rate, over: race, compare: ratio, at_least: 0.8}\n"
    found = list(parity("selection_rate", "race", {"white": (770, 840), "Black": (53, 98), "other": (40, 80)}))
    card = judged(tmp_path / "one", found, limits)
    first = said(card.summary[0].text)
    assert "The ratio is not chance: 0.55 (95% interval 0.43 to 0.66)" in first
    assert "of 100 white applicants, 92" in first
    turned = list(parity("selection_rate", "race", {"Black": (53, 98), "white": (770, 840)}))
    first = said(judged(tmp_path / "two", turned, limits).summary[0].text)
    assert "1.70" not in first  # the limit speaks of 0.59: its inverse would contradict it
    assert "The difference is not chance: +37.6 points" in first


def test_a_ratio_is_held_to_the_corrected_p_of_its_pair() -> None:
    ratio = made("ratio", 0.8, 0.65, 0.95, p_adjusted=None)
    gap = made("difference", -0.1, -0.19, -0.01, p_adjusted=0.3)
    assert said(chance(ratio, 0.05)) == "The ratio is not chance: 0.80 (95% interval 0.65 to 0.95)."
    assert said(chance(ratio, 0.05, gap)).startswith("By itself the ratio would not be chance: 0.80")


def test_the_widest_difference_to_the_reference_is_not_called_the_widest_of_all(tmp_path: Path) -> None:
    found = list(parity("selection_rate", "race", {"white": (550, 1000), "Black": (400, 1000), "Asian": (610, 1000)}))
    card = build(write_example(tmp_path / "run", found))
    text = markdown(card)
    assert "The widest difference to the reference, Black compared with white, is −15.0 points" in text
    found = list(parity("selection_rate", "race", {"white": (610, 1000), "Black": (400, 1000), "Asian": (550, 1000)}))
    assert "The widest difference, Black compared with white" in markdown(build(write_example(tmp_path / "two", found)))


@pytest.mark.parametrize(("finding", "words"), [
    (made("difference", 0.1, 0.0, 0.2), "10 points"),
    (made("gap", 0.1, 0.0, 0.2), "10 points"),
    (made("gap", 0.1, 0.0, 0.2, unit="nats"), "0.1 nats"),
    (made("rate", 0.1, 0.0, 0.2, reference=""), "10%"),
    (made("ratio", 0.9, 0.8, 1.1), "0.1"),
    (made("gap", 0.5, 0.0, 1.0, unit=""), "0.1"),
    (None, "0.1"),
])  # fmt: skip
def test_a_bound_is_written_as_the_number_that_it_bounds(finding: Finding | None, words: str) -> None:
    assert bound_words(0.1, finding, "difference" if finding is None else finding.comparison) == words


def test_a_limit_on_a_number_that_was_not_measured_is_told_in_no_unit_of_another(tmp_path: Path) -> None:
    limits = "  - {measure: mean_error, over: race, compare: gap, at_most: 0.5}\n"
    card = judged(tmp_path, list(example_findings()), limits)
    assert card.ruling.limits[0].limit == "Mean error by race: gap between any two groups, at most 0.5"


def test_a_distance_has_no_direction_in_words_and_no_negative_side_in_its_chart(tmp_path: Path) -> None:
    distance = made("gap", 0.057, 0, 0, direction="0 is parity; of group and reference", measure="distance")
    distance = distance.model_copy(update={"interval": None})
    text = markdown(build(write_example(tmp_path / "run", [*example_findings(), distance])))
    assert "The distance, of b and a, is 5.7%" in text
    limits = [read_sources(tmp_path / "run").spec.policy[1].model_copy(update={"compare": "gap"})]
    assert bound_of(limits, distance)._asdict() == {"low": None, "high": 0.1, "text": "limit: at most 10%"}


def test_bounds_are_told_of_the_pair_that_they_leave_widest_open(tmp_path: Path) -> None:
    def bounds(group: str, other: str, low: float, high: float, value: float) -> Finding:
        found = made("difference" if other else "rate", value, low, high, measure="selection_rate", group=group,
                     reference=other)  # fmt: skip
        return found.model_copy(update={"details": {"bounds": {"low": low, "high": high}}})

    found = [bounds("a", "", 0.1, 0.9, 0.5), bounds("b", "", 0.2, 0.6, 0.4), bounds("c", "", 0.0, 1.0, 0.45),
             bounds("b", "a", -0.7, 0.5, -0.1), bounds("c", "b", -0.9, 0.8, 0.05)]  # fmt: skip
    text = markdown(build(write_example(tmp_path / "run", found)))
    assert "The difference between c and b lies anywhere in −90.0 to +80.0" in text


def test_the_truth_is_named_where_rates_are_counted_among_actual_positives(tmp_path: Path) -> None:
    facts = {name: said(value) for name, value in build(write_example(tmp_path / "run")).facts}
    assert facts["Truth"] == "approve: 1 is an actual positive, anything else a negative"


def test_long_names_that_begin_alike_stay_apart() -> None:
    one, other = (f"people who were born abroad and whose parents were both born abroad, and who {end}" for end in
                  ("came as children", "came as adults"))  # fmt: skip
    assert group_name(one) != group_name(other)
    assert squeezed(one, 40) != squeezed(other, 40)
    assert len(squeezed(one, 40)) <= 40
    assert squeezed("Female × American Indian or Alaska Native – few rows", 44).endswith("few rows")


def test_wide_letters_take_the_room_that_they_take() -> None:
    assert breadth("中国和东亚") == 10
    assert breadth("e\u0301") == 1
    assert breadth(squeezed("中国和东亚及太平洋地区的申请人群体", 20)) <= 20


def test_people_of_a_group_with_a_code_for_a_name_are_said_by_their_attribute() -> None:
    assert people_word("F", "sex", "pupils") == "pupils with sex F"
    assert people_word("Female", "sex", "pupils") == "Female pupils"


def test_names_from_right_to_left_stand_by_themselves_beside_numbers(tmp_path: Path) -> None:
    one, other = "أنثى الجنوب", "ذكر"
    found = list(parity("selection_rate", "race", {one: (900, 1000), other: (500, 1000)}))
    page = html(build(write_example(tmp_path / "run", found)))
    assert f"<bdi>{one}</bdi>" in page
    assert not re.search(rf"[ >]{other}[:,;] ", page)  # never bare where a number follows
    assert not check(page, found)
    assert f"\u2068{other}\u2069" in markdown(build(tmp_path / "run"))
    assert isolated("Black", "<", ">") == "Black"


def test_two_crossed_attributes_are_a_heat_map_whichever_of_them_has_many_groups(tmp_path: Path) -> None:
    races = ["white", "Black", "Asian", "Hispanic", "Pacific", "Native", "several"]
    crossed = {f"{sex} × {race}": (40 + at, 100) for sex in ("male", "female") for at, race in enumerate(races)}
    found = [_made("parity", "selection_rate", "sex×race", group, "", "rate", x / n, "wilson", {"x": x, "n": n}, n)
             for group, (x, n) in crossed.items()]  # fmt: skip
    card = build(write_example(tmp_path / "run", found))
    (chart,) = [chart for chart in card.charts if "sex_x_race" in chart.name]
    assert "A table of 7 by 2 crossed groups" in chart.svg


def test_an_audit_without_a_model_tells_no_inputs_of_one(tmp_path: Path) -> None:
    run = write_example(tmp_path / "run")
    spec = (run / "spec.yaml").read_text()
    spec = re.sub(r"model: .*\n|counterfactuals: .*\n|  flip_rate: .*\n|  integrated_gradients: .*\n", "", spec)
    (run / "spec.yaml").write_text(spec.replace("  text: letter\n", "  decision: decided\n").replace(
        "  - {measure: flip_rate, over: race, at_most: 0.05}\n", ""))  # fmt: skip
    (run / "model.json").write_text(json.dumps({"kind": "decisions", "inputs": {"distinct": 995}}))
    (section,) = [section for section in build(run).sections if section.id == "model"]
    assert [block.kind for block in section.blocks] == ["facts"]


def test_a_variance_estimated_below_zero_is_said_and_not_shown_as_a_number() -> None:
    from model_cards.telling import whole_sentence

    details = {"largest": "a", "smallest": "b", "by_chance": 0.01, "between_groups_variance": -0.0001}
    whole = made("whole", 0.012, 0.0, 0.03, group="", reference="").model_copy(update={"details": details})
    assert said(whole_sentence(whole)).endswith("no variance of the true rates between groups is seen.")
    seen = whole.model_copy(update={"details": details | {"between_groups_variance": 0.02}})
    assert said(whole_sentence(seen)).endswith("freed of that bias: 0.0200.")


def test_measures_of_ranked_lists_keep_their_names() -> None:
    from model_cards.words import title

    assert [title(name) for name in ("rkl", "rrd", "rnd", "ndkl")] == ["rKL", "rRD", "rND", "nDKL"]
