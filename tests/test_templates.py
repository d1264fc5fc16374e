"""Prompt templates: the same slots filled for each group, pair by pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_run import PROMPTS, make_run, make_spec

from audits.counterfactuals.templates import templates
from audits.errors import SpecError
from audits.inputs import slots
from audits.observe import distinct_inputs
from audits.pairs import pair
from audits.spec_reader import read_spec

PROTECTED = {"sex": {"terms": {"male": ["boy"], "female": ["girl"]}, "reference": "male"}}
FILL = {
    "male": {"name": ["Tim", "Tom"], "he": ["he"]},
    "female": {"name": ["Lily", "Mia"], "he": ["she"]},
}


def filled(tmp_path, texts, fill=FILL, continuations=None, attribute="sex"):
    spec = make_spec(PROTECTED, PROMPTS)
    evidence = make_run(tmp_path, spec, text=texts, continuation=continuations or [" happy"] * len(texts))
    return list(templates(evidence, attribute=attribute, fill=fill))


def test_filling_i_of_one_group_belongs_to_filling_i_of_the_other(tmp_path):
    made = filled(tmp_path, ["{name} ran. {He} said {he} was"])
    assert [(v.from_group, v.to_group, v.filling, v.text) for v in made] == [
        ("male", "male", 0, "Tim ran. He said he was"),
        ("male", "male", 1, "Tom ran. He said he was"),
        ("male", "female", 0, "Lily ran. She said she was"),
        ("male", "female", 1, "Mia ran. She said she was"),
    ]
    assert {v.continuation for v in made} == {" happy"}


def test_a_template_without_names_has_one_filling(tmp_path):
    assert [v.text for v in filled(tmp_path, ["{He} was"])] == ["He was", "She was"]


@pytest.mark.parametrize(
    ("text", "continuation", "reason"),
    [
        ("{hat} was", " red", "slot {hat} has no words"),
        ("It was", " red", "the text has no slot"),
        ("{He} was", " {his}", "the continuation has a slot: it must be the same for every group"),
        ("{He} was", None, "the row has no continuation to score"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(tmp_path, text, continuation, reason):
    made = filled(tmp_path, [text], continuations=[continuation])
    assert [v.reason for v in made] == [reason, reason]


@pytest.mark.parametrize(
    ("fill", "match"),
    [
        ({"male": {"he": ["he"]}}, "got fill for 1 groups"),
        ({"male": {"he": ["he"]}, "female": {"she": ["she"]}}, "got slot 'he' for one of male and female only"),
        ({"male": {"he": ["he"]}, "female": {"he": ["a", "b"]}}, "expected as many for every group"),
        (
            {g: {"a": ["x", "y"], "b": ["x", "y", "z"]} for g in ("male", "female")},
            r"got slots with \[2, 3\] words",
        ),
    ],
)
def test_fillings_that_do_not_pair_are_refused(tmp_path, fill, match):
    with pytest.raises(SpecError, match=match):
        filled(tmp_path, ["{he}"], fill)


def test_an_unknown_attribute_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(SpecError, match="did you mean 'sex'"):
        filled(tmp_path, ["{he}"], attribute="sexx")


def test_a_template_itself_is_never_scored(tmp_path):
    spec = make_spec(PROTECTED, PROMPTS, {"templates": {"attribute": "sex", "fill": FILL}})
    make_run(tmp_path, spec, text=["{He} is", "It is"], continuation=[" kind", " red"])
    pair(spec, tmp_path, tmp_path)
    assert sorted(distinct_inputs(spec, tmp_path)["text"].to_pylist()) == ["He is", "It is", "She is"]


def stories(monkeypatch):
    monkeypatch.setenv("EVENHAND_MODELS", "models")
    path = Path(templates.__code__.co_filename).parent.parent / "specs" / "stories.yaml"
    lines = path.with_name("stories-templates.jsonl").read_text("utf-8").splitlines()
    return read_spec(path), [json.loads(line) for line in lines]


def test_every_story_of_the_shipped_audit_is_filled_for_both(tmp_path, monkeypatch):
    spec, lines = stories(monkeypatch)
    evidence = make_run(
        tmp_path, spec, text=[line["text"] for line in lines], continuation=[line["continuation"] for line in lines]
    )
    made = list(templates(evidence, **spec.counterfactuals["templates"]))
    assert len({line["template"] for line in lines}) == len(lines) >= 30
    assert {version.status for version in made} == {"edited"}
    assert not any(slots(version.text) for version in made)
    assert len({version.text for version in made}) == len(made)  # the groups differ in every filling


@pytest.mark.slow
def test_paired_names_of_the_shipped_audit_have_as_many_tokens(shared_models, monkeypatch):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(shared_models / "stories260k")
    spec, _ = stories(monkeypatch)
    fill = spec.counterfactuals["templates"]["fill"]
    for pair_of_names in zip(fill["male"]["name"], fill["female"]["name"], strict=True):
        lengths = {len(tokenizer(f"named {name}.").input_ids) for name in pair_of_names}
        assert len(lengths) == 1, pair_of_names
