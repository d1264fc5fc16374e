"""Regulation packs: data with dates and status, answers with their findings, and the page of Local Law 144."""

import json
from datetime import date

import pytest
from cards_example import write_example
from tables import write_evidence

from audits.errors import SpecError
from audits.findings import canonical_json
from audits.spec import AuditSpec
from audits.techniques.parity import parity
from model_cards.card import compose
from model_cards.consistency import check
from model_cards.exports.nyc_ll144 import page
from model_cards.regulation import Pack, packs_document, read_packs, regulation_section, shipped, shipped_packs
from model_cards.render import html, render
from model_cards.sources import Sources, read_sources


def spec_with(packs, **card):
    return AuditSpec.model_validate(
        {
            "audit": "hiring",
            "question": "Who is asked?",
            "data": {"source": "people.csv", "decision": "asked"},
            "protected": {"race": {"column": "race"}},
            "techniques": {"parity": {}},
            "card": {"packs": packs, **card},
        }
    )


@pytest.mark.parametrize("name", shipped())
def test_every_pack_that_ships_says_where_it_is_from_when_it_was_read_and_what_it_does_not_say(name):
    (pack,) = read_packs(spec_with([name]), None)
    assert pack.pack == name
    assert len(pack.source) > 20
    assert pack.does_not_say
    assert date(2025, 1, 1) < pack.as_of <= date(2026, 11, 20)
    assert len({clause.id for clause in pack.clauses}) == len(pack.clauses)


def test_the_instruments_that_audits_are_asked_about_are_there():
    assert {
        "nyc-ll144",
        "ugesp-four-fifths",
        "us-fair-lending",
        "eu-ai-act",
        "nist-ai-rmf-measure",
        "iso-42001",
        "colorado-insurance",
        "sr-26-2",
    } == set(shipped())
    by_name = {pack.pack: pack for pack in shipped_packs()}
    assert by_name["eu-ai-act"].status == "pending"
    assert by_name["nist-ai-rmf-measure"].status == "voluntary"
    assert "no pass mark" in by_name["nyc-ll144"].does_not_say[0]


OWN = """\
pack: our-policy
instrument: Our own policy on hiring
jurisdiction: our company
status: in_force
as_of: 2026-10-01
effective_from: 2026-01-01
superseded_by: null
source: board decision of 2025-12-01
does_not_say: [It says nothing of pay.]
clauses:
  - {id: P-1, provision: section 1, asks: Selection rates by race., answer: {findings: {measure: selection_rate}}}
  - {id: P-2, provision: section 2, asks: Who is responsible., answer: {spec: card.owner}}
  - {id: P-3, provision: section 3, asks: A yearly talk., answer: {people: the minutes}}
  - {id: P-4, provision: section 4, asks: Scores., answer: {findings: {measure: auc}}, only_with: score}
"""


def sources_with(tmp_path, packs, **more):
    evidence = write_evidence(
        tmp_path / "run", {"race": ["a"] * 50 + ["b"] * 50}, decision=[1] * 30 + [0] * 20 + [1] * 20 + [0] * 30
    )
    findings = tuple(parity(evidence, metrics=["selection_rate"]))
    documents = {"packs": packs_document(packs), "manifest": {"started": "2026-11-01T10:00:00Z"}}
    return Sources(spec_with([]), findings, {"verdict": "INCONCLUSIVE", "limits": []}, documents | more)


def test_a_teams_own_pack_is_one_yaml_file(tmp_path):
    (tmp_path / "ours.yaml").write_text(OWN)
    packs = read_packs(spec_with(["ours.yaml"]), tmp_path)
    section = regulation_section(sources_with(tmp_path, packs))
    (table,) = [block for block in section.blocks if block.kind == "table"]
    states = {line.name[0].split(",")[0]: line.cells[-1][0] for line in table.lines}
    assert states == {"P-1": "answered", "P-2": "missing", "P-3": "missing", "P-4": "not applicable"}
    numbers = [part for part in table.lines[0].cells[1] if not isinstance(part, str)]
    assert [part.text for part in numbers] == [
        "60.0",
        "40.0",
        "−20.0",
        "0.046",
    ]  # the difference with its p, after correction
    assert all(part.finding.startswith("parity/selection_rate/race/") for part in numbers)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (("status: in_force", "status: in-force"), r"ours.yaml: status: Input should be 'in_force'"),
        (
            ("{spec: card.owner}", "{spec: card.owner, people: both}"),
            r"clauses.1.answer: .*got spec, people, expected exactly one",
        ),
        (("as_of: 2026-10-01", "as_of: soon"), "as_of"),
        (("clauses:", "clause:"), "clauses: Field required"),
        (("pack: our-policy", "pack: [our"), "ours.yaml"),
    ],
)
def test_a_broken_pack_is_refused_by_place(tmp_path, harm, message):
    (tmp_path / "ours.yaml").write_text(OWN.replace(*harm))
    with pytest.raises(SpecError, match=message):
        read_packs(spec_with(["ours.yaml"]), tmp_path)


def test_an_unknown_pack_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(SpecError, match=r"card.packs\[0\]: got 'nyc-ll-144'") as caught:
        read_packs(spec_with(["nyc-ll-144"]), tmp_path)
    assert "did you mean 'nyc-ll144'?" in caught.value.hint


def test_a_pack_read_more_than_a_year_before_the_audit_warns(tmp_path):
    pack = Pack.model_validate({**shipped_packs()[0].model_dump(), "as_of": date(2025, 10, 1)})
    section = regulation_section(sources_with(tmp_path, [pack]))
    assert any(block.kind == "prose" and block.tone == "warning" for block in section.blocks)
    fresh = regulation_section(sources_with(tmp_path, [pack.model_copy(update={"as_of": date(2025, 12, 1)})]))
    assert not any(block.kind == "prose" and block.tone == "warning" for block in fresh.blocks)


def test_the_card_tells_the_packs_and_its_numbers_are_the_findings(tmp_path):
    folder = write_example(tmp_path)
    (folder / "packs.json").write_bytes(canonical_json(packs_document(shipped_packs())))
    sources = read_sources(folder)
    text = html(compose(sources))
    assert "What regulation asks" in text
    assert "It sets no pass mark" in text
    assert not check(text, sources.findings, sources.verdict)


LAW = {  # 6 RCNY § 5-301 arithmetic: applicants, selected
    "White": (797, 412),
    "Hispanic or Latino": (408, 204),
    "Asian": (616, 302),
    "Two or more races": (213, 96),
    "Native American or Alaska Native": (41, 18),
    "Native Hawaiian or Pacific Islander": (119, 52),
    "Black or African American": (390, 170),
}


def test_the_page_of_local_law_144_has_rates_ratios_unknown_and_small_categories(tmp_path):
    race = [name for name, (n, _) in LAW.items() for _ in range(n)] + [None] * 7
    asked = [int(at < x) for n, x in LAW.values() for at in range(n)] + [0] * 7
    findings = tuple(parity(write_evidence(tmp_path, {"race": race}, decision=asked), metrics=["selection_rate"]))
    told = page(Sources(spec_with([]), findings, {}, {"data": {"rows": {"audited": len(race)}}}))
    (axis,) = told["axes"]
    lines = {line[0]: line[1:] for line in axis["tables"][0]["lines"]}
    assert lines["White"] == ("797", "412", "51.7%", "1.000")
    assert lines["Hispanic or Latino"] == ("408", "204", "50.0%", "0.967")
    assert lines["Black or African American"] == ("390", "170", "43.6%", "0.843")
    assert "Of unknown category and in none of the rates above: 7." in axis["notes"]
    assert "Below 2% of the data, and included all the same: Native American or Alaska Native (41)." in axis["notes"]
    assert ("Date of distribution (use began)", "not supplied") in told["facts"]


def test_the_page_of_local_law_144_draws_no_pass_mark_and_asks_for_nothing_outside(tmp_path):
    text = render(write_example(tmp_path), "ll144").decode()
    assert "no pass mark" in text
    assert "0.8 " not in text
    assert "PASS" not in text
    assert "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


def test_hostile_names_stand_as_text_on_the_page(tmp_path):
    evidence = write_evidence(tmp_path, {"race": ["<b>x</b>"] * 5 + ["y"] * 5}, decision=[1, 0] * 5)
    findings = tuple(parity(evidence, metrics=["selection_rate"]))
    from model_cards.exports.nyc_ll144 import ll144

    text = ll144(Sources(spec_with([]), findings, {}, {})).decode()
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert json.dumps(page(Sources(spec_with([]), findings, {}, {})))


@pytest.mark.parametrize(
    ("one", "other", "turned"),
    [((16, 80), (3, 20), True), ((48, 80), (12, 40), False), ((5, 10), (5, 10), False), ((10, 10), (0, 10), False)],
)
def test_one_selection_moved_turns_small_numbers_round_and_no_large_ones(tmp_path, one, other, turned):
    from model_cards.answers import turns_round

    race = ["a"] * one[1] + ["b"] * other[1]
    decided = [int(at < one[0]) for at in range(one[1])] + [int(at < other[0]) for at in range(other[1])]
    found = list(parity(write_evidence(tmp_path, {"race": race}, decision=decided), metrics=["selection_rate"]))
    rates = [finding for finding in found if finding.comparison == "rate"]
    assert turns_round(*rates) == turns_round(*rates[::-1]) == turned
    (pack,) = [pack for pack in shipped_packs() if pack.pack == "ugesp-four-fifths"]
    section = regulation_section(Sources(spec_with([]), tuple(found), {}, {"packs": packs_document([pack])}))
    (table,) = [block for block in section.blocks if block.kind == "table"]
    assert f"turns the order in {int(turned)} of 1 pairs" in "".join(map(str, table.lines[-1].cells[1]))


def test_the_pack_of_the_readme_is_one():
    import re
    from pathlib import Path

    import yaml

    readme = (Path(__file__).parents[2] / "README.md").read_text()
    packs = [text for text in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if text.startswith("pack:")]
    assert [Pack.model_validate(yaml.safe_load(text)).pack for text in packs] == ["our-policy"]


def answers_of(tmp_path, pack, **more):
    (shape,) = [one for one in shipped_packs() if one.pack == pack]
    section = regulation_section(sources_with(tmp_path, [shape], **more))
    (table,) = [block for block in section.blocks if block.kind == "table"]
    told = {}
    for line in table.lines:
        words = "".join(part if isinstance(part, str) else part.text for part in line.cells[1])
        told[line.name[0].split(",")[0]] = (words, line.cells[2][0])
    return told


def test_a_rate_of_selection_is_no_answer_to_how_accurate_a_model_is_for_a_group(tmp_path):
    told = answers_of(tmp_path, "eu-ai-act")
    assert told["IV-3"] == told["Art-13"] == ("this audit did not measure it", "missing")
    assert told["Art-10f"][1] == "in part"
    assert told["Art-10f"][0].startswith("b vs a: −20.0 points")
    assert told["Art-10f"][0].endswith("left to people: measures to detect, prevent and mitigate")


def test_what_only_people_can_say_is_never_answered_by_another_field_of_the_spec(tmp_path):
    told = {name: state for pack in shipped() for name, (_, state) in answers_of(tmp_path / pack, pack).items()}
    for name in ("IV-2b", "IV-4", "MEASURE-1.3", "A.6-logs", "LL-10", "CO-1"):
        assert told[name] == "missing", name
    assert told["MRM-5"] == "not applicable"  # there is no model


def test_a_clause_is_answered_by_what_the_run_knows_before_its_manifest_is_sealed(tmp_path):
    documents = {"manifest": {}, "run": {"started": "2026-11-20T10:14:03+00:00"}}
    told = answers_of(tmp_path, "nyc-ll144", **documents)
    assert told["LL-1"][0].startswith("2026-11-20 10:14 UTC")
    told = answers_of(tmp_path / "two", "nist-ai-rmf-measure", **documents, history=[{"digest": "ab" * 32}])
    assert told["MEASURE-2.1"] == ("recorded in manifest.json of the artifact", "answered")
    assert told["MEASURE-3"][0].startswith(f"the audit before this one: artifact {'ab' * 6}")


def test_unknown_categories_are_told_by_their_number(tmp_path):
    groups = {"attributes": {"race": {"groups": [{"name": "a", "n": 50}], "missing": {"n": 7}}}}
    told = answers_of(tmp_path, "nyc-ll144", groups=groups)
    assert told["LL-6"] == ("race: 1 group, 7 not recorded", "answered")


def test_an_answer_that_is_measured_is_told_even_where_the_spec_names_no_score(tmp_path):
    (tmp_path / "ours.yaml").write_text(OWN.replace("measure: auc", "measure: [auc, selection_rate], attribute: race"))
    section = regulation_section(sources_with(tmp_path, read_packs(spec_with(["ours.yaml"]), tmp_path)))
    (table,) = [block for block in section.blocks if block.kind == "table"]
    assert table.lines[-1].cells[-1] == ("answered",)


def test_rows_of_unknown_group_are_told_last_and_pairs_by_how_far_they_lie_apart(tmp_path):
    race = ["a"] * 50 + ["b"] * 50 + ["c"] * 50 + [None] * 9
    decided = [1] * 30 + [0] * 20 + [1] * 25 + [0] * 25 + [1] * 5 + [0] * 45 + [1] * 9
    found = tuple(parity(write_evidence(tmp_path, {"race": race}, decision=decided), metrics=["selection_rate"]))
    (pack,) = [pack for pack in shipped_packs() if pack.pack == "ugesp-four-fifths"]
    section = regulation_section(Sources(spec_with([]), found, {}, {"packs": packs_document([pack])}))
    (table,) = [block for block in section.blocks if block.kind == "table"]
    told = "".join(part if isinstance(part, str) else part.text for part in table.lines[0].cells[1])
    assert told.startswith("c vs a: 0.17")
    assert "not recorded" not in told


@pytest.mark.parametrize("word", ["SR 11-7", "24-205", "four reasons", "Hazelwood", "Castaneda", "1.96"])
def test_what_is_superseded_or_not_confirmed_is_cited_by_no_pack_as_in_force(word):
    for pack in shipped_packs():
        cited = " ".join([pack.instrument, *(f"{clause.provision} {clause.asks}" for clause in pack.clauses)])
        assert word not in cited


def test_the_page_of_local_law_144_names_no_owner_as_its_auditor_and_leaves_no_required_line_out(tmp_path):
    found = tuple(parity(write_evidence(tmp_path, {"race": ["a", "b"] * 9}, decision=[1, 0] * 9)))
    spec = spec_with([], owner="Retail lending", caveats="All offices.", data_motivation="The last year.")
    facts = dict(page(Sources(spec, found, {}, {}))["facts"])
    assert facts["Independent auditor, and the declaration of independence"] == "not supplied"
    assert facts["Owner of the tool"] == "Retail lending"
    assert facts["Explanation of the data"] == "The last year. All offices."
    assert facts["Historical or test data (§ 5-302)"] == "not supplied"


def test_the_page_of_local_law_144_tells_the_median_that_scores_must_lie_above(tmp_path):
    rate = next(f for f in parity(write_evidence(tmp_path, {"race": ["a", "b"] * 9}, decision=[1, 0] * 9)))
    score = rate.model_copy(update={"measure": "scoring_rate", "details": {"median": 0.28}, "comparison": "rate"})
    (axis,) = page(Sources(spec_with([]), (score,), {}, {}))["axes"]
    assert "Median score of the full sample: 0.28. A score equal to it is not above it." in axis["notes"]


def test_a_page_of_local_law_144_without_a_rate_says_so(tmp_path):
    from model_cards.exports.nyc_ll144 import ll144

    text = ll144(Sources(spec_with([]), (), {}, {})).decode()
    assert "measured neither a selection rate nor a scoring rate" in text
