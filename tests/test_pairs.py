"""The step that writes every version beside its row."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from small_run import PROMPTS, TABLE, make_run, make_spec

from audits import counterfactuals
from audits.counterfactuals import Edit, Version
from audits.errors import SpecError
from audits.evidence import PAIRS, Evidence
from audits.inputs import features_input, prompt_input, slots, text_input
from audits.paired import refusals
from audits.pairs import pair
from audits.registry import Entry

SEX = {"sex": {"column": "sex"}}
SWAP = {"swap": {"control": False}}


def paired(tmp_path, spec, slices=None, **columns):
    make_run(tmp_path, spec, slices, **columns)
    pair(spec, tmp_path, tmp_path)
    return pq.read_table(tmp_path / "pairs.parquet"), json.loads((tmp_path / "edits.json").read_bytes())


def test_no_counterfactuals_make_an_empty_table(tmp_path):
    table, edits = paired(tmp_path, make_spec(SEX), {"sex": ["m"]}, text=["He"])
    assert table.schema.equals(PAIRS)
    assert table.num_rows == 0
    assert edits == []


def test_a_text_version_is_keyed_by_its_content(tmp_path):
    slices = {"sex": ["male", "female", "male"]}
    table, edits = paired(
        tmp_path,
        make_spec(SEX, counterfactuals=SWAP),
        slices,
        text=["A man.", "A woman.", "x"],
        cluster=["c", "c", None],
    )
    lines = table.to_pylist()
    assert [line["input"] for line in lines] == [text_input("A woman."), text_input("A man."), None]
    assert [line["original"] for line in lines] == [text_input("A man."), text_input("A woman."), text_input("x")]
    assert [line["cluster"] for line in lines] == ["c", "c", "2"]
    assert [line["pair"] for line in lines] == [0, 1, 2]
    assert json.loads(lines[0]["edits"]) == [{"start": 2, "end": 5, "old": "man", "new": "woman"}]
    assert edits == [
        {
            "counterfactual": "swap",
            "attribute": "sex",
            "to_group": "female",
            "kind": "counterfactual",
            "asked": 2,
            "edited": 1,
            "ambiguous": 0,
            "share_edited": 0.5,
            "mean_edits": 1,
            "mean_characters": 3,
            "refused": {"the text has no word of sex": 1},
        },
        {
            "counterfactual": "swap",
            "attribute": "sex",
            "to_group": "male",
            "kind": "counterfactual",
            "asked": 1,
            "edited": 1,
            "ambiguous": 0,
            "share_edited": 1,
            "mean_edits": 1,
            "mean_characters": 5,
            "refused": {},
        },
    ]


def test_guesses_and_the_commonest_refusal_are_counted(tmp_path):
    texts = ["I saw her go.", "x", "y", "(he)", "he or she"]
    slices = {"sex": ["female", "female", "female", "male", "female"]}
    _, edits = paired(tmp_path, make_spec(SEX, counterfactuals=SWAP), slices, text=texts)
    to_male = next(entry for entry in edits if entry["to_group"] == "male")
    assert to_male["ambiguous"] == 1
    assert list(to_male["refused"].values()) == [2, 1]


def test_a_table_version_is_keyed_by_its_features(tmp_path):
    spec = make_spec(SEX, TABLE, {"column": {}}, {"features": ("sex", "income")})
    features = {"sex": ["m", "f"], "income": [1, 2]}
    table, _ = paired(tmp_path, spec, {"sex": ["m", "f"]}, features=features)
    assert table["input"].to_pylist() == [
        features_input({"sex": "f", "income": 1}),
        features_input({"sex": "m", "income": 2}),
    ]
    assert table["changes"].to_pylist() == ['{"sex":"f"}', '{"sex":"m"}']


def test_a_prompt_version_is_keyed_with_its_continuation(tmp_path):
    protected = {"sex": {"terms": {"a": ["he"], "b": ["she"]}}}
    fill = {"a": {"he": ["he"]}, "b": {"he": ["she"]}}
    spec = make_spec(protected, PROMPTS, {"templates": {"attribute": "sex", "fill": fill}})
    table, _ = paired(tmp_path, spec, text=["{He} is"], continuation=[" kind"])
    assert table["input"].to_pylist() == [prompt_input("He is", " kind"), prompt_input("She is", " kind")]
    assert table["filling"].to_pylist() == [0, 0]


def test_slots_are_found_in_prompts_only():
    assert slots("{He} has {boy_girl}, {} and {1} and { he }") == ["He", "boy_girl"]


def test_a_counterfactual_of_another_kind_of_model_is_refused(tmp_path):
    with pytest.raises(SpecError, match="counterfactual column: got text-classifier, expected one of python, tabular"):
        paired(tmp_path, make_spec(SEX, counterfactuals={"column": {}}), {"sex": ["m"]}, text=["He"])


def broken(row=0, to_group="b", **more):
    return Version(row=row, counterfactual="broken", attribute="sex", from_group="a", to_group=to_group, **more)


@pytest.mark.parametrize(
    ("made", "match"),
    [
        ([broken(row=9, text="x")], "of a row that is not audited"),
        ([broken(text="x"), broken(text="y")], "made twice"),
        ([broken(status="refused")], "refused without a reason"),
        ([broken()], "either a text or columns"),
        ([broken(text="B?", edits=(Edit(start=0, end=1, old="A", new="B"),))], "more than its edits"),
    ],
)
def test_a_version_that_is_not_what_it_says_stops_the_step(tmp_path, monkeypatch, made, match):
    entry = Entry("broken", lambda evidence: iter(made), "Broken.", "none", {"kinds": frozenset({"text-classifier"})})
    monkeypatch.setitem(counterfactuals.registry._entries, "broken", entry)
    with pytest.raises(ValueError, match=match):
        paired(tmp_path, make_spec(SEX, counterfactuals={"broken": {}}), {"sex": ["a"]}, text=["A."])


def test_reasons_quote_no_words_of_a_text_that_may_not_be_copied(tmp_path):
    spec = make_spec(SEX, counterfactuals={"swap": {"control": False}}, evidence="digest-only")
    table, edits = paired(tmp_path, spec, {"sex": ["male", "female"]}, text=["He saw her."] * 2)
    told = "the text speaks of more than one sex: male (…) and female (…)"
    assert set(table["reason"].to_pylist()) == {told}
    assert list(edits[0]["refused"]) == [told]


def test_refusals_are_counted_by_their_reason_and_not_by_the_words_it_quotes(tmp_path):
    texts = ["He saw her.", "His wife saw it.", "The king is a man.", "The nun's son.", "Rain."]
    spec = make_spec(SEX, counterfactuals=SWAP)
    table, edits = paired(tmp_path, spec, {"sex": ["male"] * 4 + ["female"]}, text=texts)
    to_female = next(entry for entry in edits if entry["to_group"] == "female")
    two = "the text speaks of more than one sex: male (…) and female (…)"
    fits_one = "the text says …, which fits one group only"
    assert to_female["refused"] == {fits_one: 2, two: 2}
    assert refusals(Evidence(tmp_path, spec), "sex")["female"]["refused"] == {fits_one: 2, two: 2}
    assert "the text says 'king', which fits one group only" in table["reason"].to_pylist()  # each row keeps its own
