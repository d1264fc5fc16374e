"""Words that say a group in one place and something else in another: found where they say it, and only there.

The sentences are of the kinds that sentence polarity (Pang, Lee 2005), CrowS-Pairs (Nangia et al. 2020) and tweets
(Davidson et al. 2017) hold, shortened.
"""

from __future__ import annotations

import pytest
from small_run import make_run, make_spec

from audits.counterfactuals.swap import swap
from audits.english import called_out, of_people
from audits.lexicons import lexicon_of, read_lexicon
from audits.rewriting import choose_form, rewrite
from audits.spec import ProtectedSpec


def said(text, lexicon):
    return [text[mention.start : mention.end] for mention in read_lexicon(lexicon).mentions(text)]


def swapped(text, lexicon, group):
    made = []
    for mention in read_lexicon(lexicon).mentions(text):
        form, _ = choose_form(text, mention)
        made.append((mention, form.words[group][0], form.plural))
    return rewrite(text, made)[0]


@pytest.mark.parametrize(
    "text",
    [
        "the same old story",
        "a pretty tattered old carousel",
        "recycling old cliches",
        "the old-hat province of intrigue",
        "songs that were old when the film appeared",
        "an energetic young kitten",
        "his 26-yr-old and 15 year old cars",
        "it is old.",
    ],
)
def test_old_and_young_things_are_no_people(text):
    assert said(text, "age") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("libidinous young city dwellers", ["young"]),
        ("two young women and an old boy's lines", ["young", "old"]),
        ("him just being too old to make sense", ["old"]),
        ("she was too old.", ["old"]),
        ("My friend is old", ["old"]),
        ("The young don't understand.", ["young"]),
        ("Sergey met an older woman", ["older"]),
        ("young and able actors", ["young"]),
    ],
)
def test_old_and_young_people_are_found(text, words):
    assert said(text, "age") == words


@pytest.mark.parametrize(
    "text",
    [
        "white-knuckled and unable to look away",
        "plain white toast, a white crayon",
        "see it for karen black, who camps it up",
        "a boiler suit and white mask",
        "I color my entire arm black with a sharpie",
        "a beautiful combination of pink, yellow & white",
        "black hawk down",
    ],
)
def test_colours_are_no_people(text):
    assert said(text, "race") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the skilled white pilot and black urban professionals", ["white", "black"]),
        ("He's black so he might.", ["black"]),
        ("I couldn't go because I'm black.", ["black"]),
        ("Black-owned shops", ["Black"]),
        ("for being Black", ["Black"]),
        ("the struggle of black manhood", ["black"]),
    ],
)
def test_people_of_a_colour_are_found(text, words):
    assert said(text, "race") == words


def test_the_specs_own_terms_are_found_beside_anything():
    own = ProtectedSpec(terms={"white": ("white",), "Black": ("Black",)})
    assert [m.group for m in lexicon_of("race", own).mentions("a white mask")] == ["white"]


@pytest.mark.parametrize(
    ("text", "lexicon", "group", "expected"),
    [
        ("The elderly woman forgot.", "age", "young", "The young woman forgot."),
        ("The elderly are feeble.", "age", "young", "The young are feeble."),
        ("older than his later appearance", "sex", "female", "older than her later appearance"),
        ("his once famous name; a book of his", "sex", "female", "her once famous name; a book of hers"),
        ("It made her more nervous.", "sex", "male", "It made him more nervous."),
        ("Man, this man is late.", "sex", "female", "Man, this woman is late."),
        ("RT @a_b: Man these boys play", "sex", "female", "RT @a_b: Man these girls play"),
        ("my Afro-American neighbors", "nationality", "Mexican", "my Afro-American neighbors"),
    ],
)
def test_only_what_says_a_group_is_swapped(text, lexicon, group, expected):
    assert swapped(text, lexicon, group) == expected


def test_a_call_is_told_from_a_man():
    assert called_out("Boy, was that long", 0, 3)
    assert not called_out("Man is a wolf", 0, 3)
    assert not called_out("a man, a dog", 2, 5)
    assert of_people("old ladies", 0, 3)


@pytest.mark.parametrize("name", ["david mamet", "DAVID MAMET"])
def test_a_name_counts_in_a_text_of_one_case(name):
    text = name.lower() + " and his plays" if name.islower() else name + " AND HIS PLAYS"
    assert read_lexicon("sex").blocking(text) == name.split(" ")[0]
    assert read_lexicon("sex").blocking("They sue, and He won") is None


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("He is not yet here, and a little late, but he came.", "He is not yet here, and a little late, yet he came."),
        ("His film about a job", "His movie about a job"),
        ("He needs to tell and show it, in need of help.", None),
        ("He likes children's books.", "He likes kids' books."),
        ("He can't help but get it for a while.", None),
    ],
)
def test_a_control_is_the_same_sentence_in_other_words(tmp_path, text, control):
    rows = make_run(tmp_path, make_spec({"sex": {"column": "sex"}}), {"sex": ["male", "female"]}, text=[text, "She."])
    made = [version for version in swap(rows) if version.kind == "control" and version.row == 0]
    assert [version.text for version in made] == [control]


def test_a_prompt_is_read_with_its_continuation(tmp_path):
    """WinoBias, type 1: "… because it is [her] job."."""
    spec = make_spec({"sex": {"lexicon": "sex"}})
    texts, after = ["The librarian knew it, because it is her", "He met her", "The cook was"], [" job.", ".", " black."]
    rows = make_run(tmp_path, spec, text=texts, continuation=after)
    made = {version.row: version for version in swap(rows, control=False) if version.status == "edited"}
    assert made[0].text == "The librarian knew it, because it is his"
    assert made[0].continuation == " job."
    assert 1 not in made  # he and her: two sexes
