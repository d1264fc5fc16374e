"""Text swaps: the words of one group for those of another, and nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_run import make_run, make_spec

from audits.counterfactuals.swap import swap
from audits.errors import SpecError
from audits.lexicons import flat, lexicon_names, lexicon_of, read_lexicon, served_names
from audits.rewriting import apply, choose_form, rewrite
from audits.spec import ProtectedSpec

SEX = {"sex": {"column": "sex"}}
RACE = {"race": {"column": "race"}}


def swapped(text, lexicon, group):
    """The text with every word of the lexicon said for ``group``."""
    lexicon = read_lexicon(lexicon) if isinstance(lexicon, str) else lexicon
    made = []
    for mention in lexicon.mentions(text):
        form, _ = choose_form(text, mention)
        made.append((mention, form.words[group][0], form.plural))
    return rewrite(text, made)[0]


def versions(tmp_path, texts, protected, slices, **options):
    spec = make_spec(protected)
    return list(swap(make_run(tmp_path, spec, slices, text=texts), **options))


@pytest.mark.parametrize(
    ("text", "female"),
    [
        ("He told his son's brother that it is his.", "She told her daughter's sister that it is hers."),
        ("I saw him. HIS hat. A friend of his and I", "I saw her. HER hat. A friend of hers and I"),
        ("He hurt himself; his own father helped him.", "She hurt herself; her own mother helped her."),
        ("The men's room and the gentlemen's club", "The women's room and the ladies' club"),
        ("he's a self-made man; his ex-husband", "she's a self-made woman; her ex-wife"),
        ("a nephew, an uncle, an actor", "a niece, an aunt, an actress"),
        ("Mr. Green, a man-made lake", "Ms. Green, a man-made lake"),
    ],
)
def test_male_words_become_female_ones_of_the_same_form(text, female):
    assert swapped(text, "sex", "female") == female


@pytest.mark.parametrize(
    ("text", "male"),
    [
        ("She gave her the book.", "He gave him the book."),
        ("Her friend saw her.", "His friend saw him."),
        ("A friend of hers; her very own house", "A friend of his; his very own house"),
        ("I saw her yesterday and her old mom", "I saw him yesterday and his old dad"),
        ("The ladies' room, the ladies’ hats", "The gentlemen's room, the gentlemen’s hats"),
        ("Yes, ma’am. HERS. Herself!", "Yes, sir. HIS. Himself!"),
    ],
)
def test_her_is_read_by_the_word_that_follows(text, male):
    assert swapped(text, "sex", "male") == male


@pytest.mark.parametrize(
    ("text", "group", "expected"),
    [
        ("A Black man", "Asian", "An Asian man"),
        ("I am a Black man.", "white", "I am a white man."),
        ("a Hispanic and an Asian", "white", "a white and a white"),
        ("an African-American woman", "Hispanic", "a Hispanic woman"),
        ("an African American man", "Black", "a Black man"),
        ("Black people. BLACK PEOPLE. black people.", "white", "White people. WHITE PEOPLE. white people."),
        ("A BLACK MAN", "Asian", "AN ASIAN MAN"),
        ("Black-owned; a Black's view; Blacks' views", "Asian", "Asian-owned; an Asian's view; Asians' views"),
        ("Race: White", "Black", "Race: Black"),
        ("black coffee in the White House, a black car, white-collar", "Asian", None),
    ],
)
def test_articles_and_capitals_follow_the_new_word(text, group, expected):
    assert swapped(text, "race", group) == (text if expected is None else expected)


def test_words_of_several_forms_are_read_by_their_place():
    text = (
        "A devout Christian who prays. The man is Christian. A Christian man; Christians in church. Is he a Christian?"
    )
    expected = "A devout Jew who prays. The man is Jewish. A Jewish man; Jews in synagogue. Is he a Jew?"
    assert swapped(text, "religion", "Jewish") == expected


def unambiguous(lexicon):
    """The forms whose first words have no other form."""
    return [
        form
        for form in lexicon.forms
        if all(len(lexicon.entries[flat(words[0])]) == 1 for words in form.words.values())
    ]


NEUTRAL = st.sampled_from(["report", "says", "the", "of", "Yes", "42", "income", "today", "a", "an", "café", "—"])


@pytest.mark.parametrize("name", ["sex", "race", "religion", "age", "disability", "nationality"])
@given(data=st.data())
def test_swapping_twice_is_the_identity_on_unambiguous_words(name, data):
    lexicon = read_lexicon(name)
    group, other = data.draw(st.permutations(lexicon.groups).map(lambda order: order[:2]))
    words = [form.words[group][0] for form in unambiguous(lexicon) if {group, other} <= set(form.words)]
    pieces = data.draw(st.lists(st.one_of(NEUTRAL, st.sampled_from(words) if words else NEUTRAL), max_size=12))
    text = "It: " + ", ".join(pieces)  # no word starts a sentence, where its own capital could not be told
    assert swapped(swapped(text, lexicon, other), lexicon, group) == text


@given(st.text(alphabet="aA bnhHe.sirm'\"-\n", max_size=60))
def test_edits_rebuild_the_text_and_touch_nothing_else(text):
    lexicon = read_lexicon("sex")
    made = [(m, choose_form(text, m)[0].words["female"][0], False) for m in lexicon.mentions(text)]
    new, edits = rewrite(text, made)
    assert apply(text, edits) == new
    kept_old, kept_new, at_old, at_new = [], [], 0, 0
    for edit in edits:
        gap = edit.start - at_old
        kept_old.append(text[at_old : edit.start])
        kept_new.append(new[at_new : at_new + gap])
        at_old, at_new = edit.end, at_new + gap + len(edit.new)
    assert [*kept_old, text[at_old:]] == [*kept_new, new[at_new:]]


def test_a_row_is_given_every_other_group(tmp_path):
    made = versions(tmp_path, ["A Black applicant."] * 3, RACE, {"race": ["Black", "Black", "white"]}, control=False)
    assert [(v.row, v.from_group, v.to_group, v.text) for v in made[:2]] == [
        (0, "Black", "white", "A white applicant."),
        (1, "Black", "white", "A white applicant."),
    ]
    assert made[2].status == "refused"
    assert made[2].reason == "the row is white, but the text says 'Black' (Black)"


@pytest.mark.parametrize(
    ("text", "group", "reason"),
    [
        ("A person.", "male", "the text has no word of sex"),
        ("He and his wife.", "male", "the text speaks of more than one sex: male ('He') and female ('wife')"),
        ("A man.", "(missing)", "the row's sex is not known"),
        ("She is pregnant.", "female", "the text says 'pregnant', which fits one group only"),
        ("She is called Mary.", "female", "the text says 'Mary', which fits one group only"),
        ('They wrote "he" on it.', "male", "'he' stands in a quotation"),
    ],
)
def test_what_cannot_be_swapped_is_refused_with_the_reason(tmp_path, text, group, reason):
    made = versions(tmp_path, [text, "He", "She"], SEX, {"sex": [group, "male", "female"]}, control=False)
    refused = [version for version in made if version.row == 0]
    assert refused
    assert {version.status for version in refused} == {"refused"}
    assert {version.reason for version in refused} == {reason}


def test_a_text_quoted_as_a_whole_is_no_quotation(tmp_path):
    made = versions(tmp_path, ['"He asks."', "She"], SEX, {"sex": ["male", "female"]}, control=False)
    assert made[0].text == '"She asks."'


def test_a_group_without_words_is_refused_by_name(tmp_path):
    made = versions(tmp_path, ["A white man"] * 2, RACE, {"race": ["white", "Martian"]}, control=False)
    assert made[0].reason == "there are no words for Martian in the lexicon race"


def test_guesses_are_told(tmp_path):
    made = versions(tmp_path, ["I saw her yesterday.", "He"], SEX, {"sex": ["female", "male"]}, control=False)
    assert made[0].text == "I saw him yesterday."
    assert made[0].reason == "ambiguous: 'her' read as object"
    assert made[0].status == "edited"


def test_the_control_exchanges_neutral_words_only(tmp_path):
    texts = ["He needs a house.", "She paints."]
    made = versions(tmp_path, texts, SEX, {"sex": ["male", "female"]})
    controls = {version.row: version for version in made if version.kind == "control"}
    assert controls[0].text == "He requires a house."  # as many edits as the swap makes: one
    assert (controls[0].attribute, controls[0].from_group, controls[0].to_group) == ("", "(control)", "(control)")
    assert controls[1].reason == "the text has no neutral word with another that means the same"


def test_neutral_words_are_no_group_words():
    neutral = set(read_lexicon("neutral").entries)
    for name in set(lexicon_names()) - {"neutral"}:
        assert not neutral & set(read_lexicon(name).entries)


def test_neutral_pairs_count_the_same_words():
    for form in read_lexicon("neutral").forms:
        assert len(form.words["a"][0].split()) == len(form.words["b"][0].split())


def test_two_attributes_at_once_change_both(tmp_path):
    protected = {**RACE, **SEX}
    slices = {"race": ["Black", "white"], "sex": ["male", "female"]}
    made = versions(tmp_path, ["A Black man.", "A white woman."], protected, slices, intersections=True, control=False)
    both = {v.to_group: v.text for v in made if v.attribute == "race×sex" and v.row == 0}
    assert both == {
        "Black × female": "A Black woman.",
        "white × male": "A white man.",
        "white × female": "A white woman.",
    }
    assert {v.from_group for v in made if v.attribute == "race×sex" and v.row == 0} == {"Black × male"}


def test_the_specs_own_terms_are_written_in_first():
    lexicon = lexicon_of("people", ProtectedSpec(terms={"elf": ("elf", "fairy"), "orc": ("orc",)}))
    assert swapped("An elf and a fairy", lexicon, "orc") == "An orc and an orc"
    assert swapped("An orc", lexicon, "elf") == "An elf"


def test_terms_take_the_names_of_the_specs_groups():
    terms = {"male": ["boy", "he", "his"], "female": ["girl", "she", "her"]}
    lexicon = lexicon_of("sex", ProtectedSpec.model_validate({"terms": terms}))
    assert swapped("A boy said he lost his hat. It was his.", lexicon, "female") == (
        "A girl said she lost her hat. It was hers."
    )


def test_an_attribute_with_terms_only_is_read_from_the_text(tmp_path):
    protected = {"sex": {"terms": {"male": ["man"], "female": ["woman"]}}}
    made = versions(tmp_path, ["A man.", "A person."], protected, {}, control=False)
    assert (made[0].from_group, made[0].to_group, made[0].text) == ("male", "female", "A woman.")
    assert {version.from_group for version in made if version.row == 1} == {"(missing)"}


def test_an_attribute_without_words_says_what_to_do(tmp_path):
    with pytest.raises(SpecError, match=r"no words are known for 'region'[\s\S]*protected.region.terms"):
        versions(tmp_path, ["x"], {"region": {"column": "region"}}, {"region": ["a"]}, attributes=["region"])


def test_an_unknown_lexicon_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match="did you mean 'sex'"):
        lexicon_of("who", ProtectedSpec(column="who", lexicon="sexx"))


def test_a_lexicon_may_be_a_file(tmp_path):
    path = tmp_path / "guild.yaml"
    path.write_text("source: us\ngroups: {elf: [], orc: []}\nwords: [{form: noun, elf: elf, orc: orc}]\n")
    assert swapped("an elf", lexicon_of("guild", ProtectedSpec(column="g", lexicon=str(path))), "orc") == "an orc"


def test_a_word_of_two_groups_is_refused():
    with pytest.raises(SpecError, match="got 'x' for a and b"):
        lexicon_of("who", ProtectedSpec(terms={"a": ("x",), "b": ("x",)}))


@pytest.mark.parametrize("name", sorted(served_names()))
def test_every_served_name_has_a_readable_lexicon_with_a_source(name):
    lexicon = read_lexicon(served_names()[name])
    assert len(lexicon.source) > 20
    assert len(lexicon.groups) > 1


def test_the_control_does_not_hang_on_one_word(tmp_path):
    made = versions(tmp_path, ["He needs a house."] * 2, SEX, {"sex": ["male", "male"]}, attributes=["sex"])
    assert not [v for v in made if v.kind == "control"]  # no other group, so nothing was edited
    made = versions(tmp_path, ["He needs a house."] * 2 + ["She"], SEX, {"sex": ["male", "male", "female"]})
    assert [v.text for v in made if v.kind == "control"][:2] == ["He requires a house.", "He needs a home."]


@pytest.mark.parametrize(
    ("text", "lexicon", "group", "expected"),
    [
        ("It made her feel better, so let her go home.", "sex", "male", "It made him feel better, so let him go home."),
        ("He looks at his 12th nomination.", "sex", "female", "She looks at her 12th nomination."),
        ("mr murray and his debut", "sex", "female", "ms murray and her debut"),
        ("MR. SMITH AND HIS DOG", "sex", "female", "MS. SMITH AND HER DOG"),
        ("He is a black man.", "race", "Native American", "He is a Native American man."),
        ("he is a black man", "race", "Native American", "he is a native american man"),
        ("In the black community, a black man", "race", "Asian", "In the Asian community, an Asian man"),
        (
            "Mr. White told a black comedy to a Black man.",
            "race",
            "white",
            "Mr. White told a black comedy to a white man.",
        ),
    ],
)
def test_ordinary_english_is_swapped_as_people_write_it(text, lexicon, group, expected):
    assert swapped(text, lexicon, group) == expected


@pytest.mark.parametrize(
    ("text", "attribute", "group", "word"),
    [
        ("Wendy said she won.", "sex", "female", "Wendy"),
        ("The fireman took off his helmet.", "sex", "male", "fireman"),
        ("Only white trash goes there.", "race", "white", "white trash"),
        ("A church that believes in Jesus.", "religion", "Christian", "Jesus"),
    ],
)
def test_a_word_that_would_contradict_the_swap_refuses_the_text(tmp_path, text, attribute, group, word):
    made = versions(tmp_path, [text], {attribute: {"column": attribute}}, {attribute: [group]}, control=False)
    assert {version.reason for version in made} <= {f"the text says {word!r}, which fits one group only"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("text", ["hé said", "père", "ame\u0301he", "Manōa", "la güera", "he\u0301, she"])
def test_an_accent_makes_another_word_however_it_is_written(text, form):
    found = [mention.listed for mention in read_lexicon("sex").mentions(unicodedata.normalize(form, text))]
    assert found == (["she"] if "she" in text else [])
