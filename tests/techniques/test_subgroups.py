"""The technique subgroups: what is planted is found and confirmed, what is not there breaks nothing."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import write_evidence

from audits.errors import DataError, SpecError
from audits.evidence import Evidence
from audits.findings import write_findings
from audits.spec import AuditSpec, Limit
from audits.techniques import registry, run
from audits.verdict import judge

SUBGROUPS = registry["subgroups"]


def people(count=4000, planted=0.0, seed=0, base=0.3):
    """Race and sex by chance, a region that nobody protects, and actual negatives decided by chance alone, but that
    women of race b are wrongly called positive more often by ``planted``."""
    random = np.random.default_rng(seed)
    race, sex = random.choice(list("abc"), count, p=[0.5, 0.3, 0.2]), random.choice(["f", "m"], count)
    region = random.choice(["north", "south", "west"], count)
    label = (random.random(count) < 0.4).astype(int)
    rate = base + planted * ((race == "b") & (sex == "f"))
    decision = np.where(label == 1, random.random(count) < 0.7, random.random(count) < rate).astype(int)
    return {"race": race, "sex": sex, "region": region, "label": label, "decision": decision}


def evidence_of(folder, data, text=None, **more):
    groups = {name: data[name].tolist() for name in ("race", "sex")}
    made = write_evidence(
        folder, groups, label=data["label"].tolist(), decision=data["decision"].tolist(), reference="largest", **more
    )
    rows = pq.read_table(folder / "rows.parquet")
    for name in data.keys() - {"race", "sex", "label", "decision"}:
        rows = rows.append_column(f"data.{name}", pa.array(data[name].tolist()))
    if text is not None:
        rows = rows.set_column(rows.column_names.index("text"), "text", pa.array(text))
    pq.write_table(rows, folder / "rows.parquet")
    return Evidence(folder, made.spec)


def found_in(evidence, **options):
    given = {"columns": ["region"], "metrics": ["false_positive_rate"], "permutations": 199, **options}
    return run(SUBGROUPS, evidence, given)


def confirmed(findings):
    return [f for f in findings if f.details.get("confirmed")]


def values(findings):
    return {f.group: f.value for f in findings}


def of_kind(findings, comparison, group=None):
    return next(f for f in findings if f.comparison == comparison and group in (None, f.group))


def verdict(findings, bound, compare="difference", measure="false_positive_rate"):
    return judge([Limit(measure=measure, over="subgroups", compare=compare, at_most=bound)], findings).verdict


def test_a_planted_subgroup_is_found_confirmed_and_breaks_a_limit(tmp_path):
    found = found_in(evidence_of(tmp_path, people(planted=0.3)), linear=False)
    best = max(confirmed(found), key=lambda f: f.value)
    assert best.group == "race=b & sex=f"
    assert (best.reference, best.attribute, best.comparison) == ("all others", "subgroups", "difference")
    assert best.interval.low < 0.3 < best.interval.high
    assert best.p < best.p_adjusted < 0.001
    assert of_kind(found, "whole").details["furthest"].startswith("race=b & sex=f")
    assert verdict(found, 0.1) == "FAIL"
    assert verdict(found, 0.6) == "PASS"
    assert verdict(found, 0.1, "whole", "largest_subgroup_difference[false_positive_rate]") == "FAIL"


def test_beside_it_equal_treatment_is_not_blocked_and_can_pass(tmp_path):
    found = found_in(evidence_of(tmp_path, people(count=12_000)))
    assert not confirmed(found)
    assert verdict(found, 0.0) == "INCONCLUSIVE"
    assert verdict(found, 0.03) == "INCONCLUSIVE"
    assert verdict(found, 0.12) == "PASS"
    assert verdict(found, 0.2, "whole", "largest_subgroup_difference[false_positive_rate]") == "PASS"
    check = of_kind(found, "check")
    assert check.details["tests"]["westfall_young"] == 0
    assert check.value == check.details["tests"]["tests"] > 30
    assert (check.details["support"], check.details["depth"], check.details["seed"]) == (0.05, 3, 0)


def test_without_any_lead_the_bound_over_all_subgroups_still_decides(tmp_path):
    found = found_in(evidence_of(tmp_path, people(count=12_000)), linear=False, top=1)
    only = [f for f in found if f.group == "any subgroup" or f.comparison != "difference"]
    assert verdict(only, 0.12) == "PASS"
    assert verdict(only, 0.0) == verdict(only, 0.01) == "INCONCLUSIVE"


def test_a_bound_never_breaks_a_limit_by_itself(tmp_path):
    found = found_in(evidence_of(tmp_path, people(planted=0.5)))
    bound = [f for f in found if f.group == "any subgroup"]
    for limit in (0.0, 0.1, 0.3):
        assert verdict(bound, limit) == "INCONCLUSIVE"


def test_hardly_any_of_many_fair_audits_is_broken(tmp_path):
    wrong = 0
    for seed in range(40):
        found = found_in(evidence_of(tmp_path / str(seed), people(count=800, seed=seed)), permutations=99)
        wrong += bool(confirmed(found))
        assert verdict(found, 0.0) != "FAIL" or confirmed(found)
    assert wrong <= 5  # 2 expected at most; 6 or more of 40 has a chance of 1.4 % at a rate of 5 %


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_halves(tmp_path):
    evidence = evidence_of(tmp_path, people(planted=0.2))
    assert write_findings(found_in(evidence)) == write_findings(found_in(evidence))
    other = evidence.spec.model_dump() | {"statistics": {"seed": 1}}
    again = found_in(Evidence(tmp_path, AuditSpec.model_validate(other)))
    assert confirmed(again)[0].value != confirmed(found_in(evidence))[0].value


def test_a_linear_rule_finds_what_no_conjunction_names(tmp_path):
    data = people(count=6000)
    random = np.random.default_rng(9)
    worse = (data["race"] == "b").astype(int) + (data["sex"] == "f") + (data["region"] == "south") >= 2
    data["decision"] = np.where(worse, random.random(6000) < 0.55, random.random(6000) < 0.2).astype(int)
    found = found_in(evidence_of(tmp_path, data), metrics=["selection_rate"])
    linear = next(f for f in found if f.group == "a linear combination of race, sex")
    assert linear.details["confirmed"]
    assert linear.details["gamma"] > 0
    assert linear.details["rule"]["race=b"] > 0 > linear.details["rule"]["race=a"]
    assert "gamma_weight" in linear.details


def test_metrics_follow_from_what_the_data_have_and_columns_of_numbers_are_cut(tmp_path):
    data = people(count=1500) | {
        "income": np.random.default_rng(1).normal(50, 10, 1500),
        "children": np.arange(1500) % 3,
    }
    found = run(SUBGROUPS, evidence_of(tmp_path, data), {"columns": ["income", "children"], "permutations": 99})
    measures = {f.measure for f in found if f.comparison == "check"}
    assert {"selection_rate", "false_positive_rate"} < measures
    check = of_kind(found, "check")
    assert check.details["columns"] == ["race", "sex", "income", "children"]
    from audits.subgroups.columns import categories

    income = categories("income", pa.chunked_array([[1.0, None, float("nan"), *map(float, range(2, 102))]]))
    assert income.names == ["<26", "26 to <51", "51 to <76", "≥76"]
    assert income.codes[:4].tolist() == [0, -1, -1, 0]
    few = categories("few", pa.chunked_array([[True, False, None]]))
    assert (few.names, few.codes.tolist()) == (["0", "1"], [1, 0, -1])


def test_weights_and_clusters_are_counted_for_what_they_are_worth(tmp_path):
    data = people(count=1500, planted=0.3)
    plain = found_in(evidence_of(tmp_path / "plain", data))
    twice = {name: np.repeat(values, 2) for name, values in data.items()}
    pairs = [f"p{at // 2}" for at in range(3000)]
    clustered = found_in(evidence_of(tmp_path / "clusters", twice, cluster=pairs))
    bound, again = (of_kind(found, "difference", "any subgroup") for found in (plain, clustered))
    assert again.value == pytest.approx(bound.value)
    assert again.interval.high == pytest.approx(bound.interval.high, rel=0.05)
    told = of_kind(clustered, "check").details["tests"]
    assert "cannot be exchanged" in told["no_westfall_young"]
    assert told["raw"] == pytest.approx(of_kind(plain, "check").details["tests"]["raw"], abs=2)
    weighted = found_in(evidence_of(tmp_path / "weights", data, weight=[2.0] * 1500))
    assert of_kind(weighted, "difference", "any subgroup").interval == bound.interval
    assert {f.group: f.value for f in confirmed(weighted)} == pytest.approx(
        {f.group: f.value for f in confirmed(plain)}
    )
    uneven = np.random.default_rng(2).exponential(size=1500)
    worth = found_in(evidence_of(tmp_path / "uneven", data, weight=uneven.tolist()))
    assert of_kind(worth, "difference", "any subgroup").interval.high > bound.interval.high


def test_words_and_kinds_of_texts_are_subgroups(tmp_path):
    random, data = np.random.default_rng(5), people(count=3000)
    topics = [
        "refund delivery parcel courier late",
        "loan mortgage bank interest payment",
        "doctor clinic health nurse",
    ]
    topic = random.integers(0, 3, 3000)
    text = [" ".join(random.choice(topics[at].split(), 4)) + " please help" for at in topic]
    data["decision"] = (random.random(3000) < np.where(topic == 1, 0.6, 0.3)).astype(int)
    found = found_in(evidence_of(tmp_path, data, text=text), metrics=["selection_rate"], text=True, depth=1)
    groups = values(confirmed(found))
    assert any(name.startswith("texts like=") and {"loan", "bank"} & set(name[11:].split(", ")) for name in groups)
    assert any(name.startswith("word 'mortgage'=") for name in groups)
    assert all(value > 0.1 for name, value in groups.items() if "loan" in name or "mortgage" in name)
    columns = of_kind(found, "check").details["columns"]
    assert "word 'please'" not in columns  # it is everywhere
    none = run(SUBGROUPS, evidence_of(tmp_path / "none", data), {"text": True})
    assert "no text" in none[0].missing


def test_a_sentence_model_puts_texts_together_that_share_no_word():
    from audits.subgroups.embedding import minilm
    from audits.subgroups.words import cluster_column

    money = [
        "My mortgage was refused",
        "The bank denied a loan",
        "Credit was not granted",
        "They rejected my borrowing",
    ]
    health = ["The nurse was kind", "A doctor cured me", "Surgery went well", "My physician listened"]
    points = minilm([*money, *health])
    assert points.shape == (8, 384)
    near = points @ points.T
    assert near[:4, :4].mean() > near[:4, 4:].mean() + 0.1
    assert minilm(money) == pytest.approx(points[:4], abs=1e-6)
    found = cluster_column([*money, *health] * 5, 2, 0, "minilm")
    assert found.codes[:8].tolist() in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)


def test_no_words_are_told_of_rows_that_may_not_be_copied(tmp_path):
    evidence = evidence_of(tmp_path, people(count=100), text=["a letter"] * 100)
    spec = AuditSpec.model_validate(evidence.spec.model_dump() | {"evidence": "digest-only"})
    with pytest.raises(SpecError, match="text: got true, expected false"):
        run(SUBGROUPS, Evidence(tmp_path, spec), {"text": True})


def test_texts_that_are_nearly_all_alike_raise_nothing(tmp_path):
    text = ["the same dull letter", "another quite different message"] * 200
    found = found_in(evidence_of(tmp_path, people(count=400), text=text), text=True)
    assert "texts like" in of_kind(found, "check").details["columns"]
    alike = found_in(evidence_of(tmp_path / "one", people(count=400), text=["same letter here"] * 400), text=True)
    assert "texts like" not in of_kind(alike, "check").details["columns"]


def test_a_rule_that_is_a_pattern_is_told_once_and_one_attribute_has_no_combination(tmp_path):
    data = people(count=3000, base=0.1)
    data["decision"] = np.where(data["sex"] == "f", data["decision"] | (np.arange(3000) % 2), data["decision"])
    found = found_in(evidence_of(tmp_path, data), metrics=["selection_rate"])
    names = {f.group for f in found}
    assert "sex=f" in names
    picked = [f for f in found if "linear" in f.group]
    assert all(f.details["rows"] not in ((data["sex"] == "f").sum(), (data["sex"] == "m").sum()) for f in picked)


def test_a_row_of_unknown_group_is_in_no_subgroup_by_it(tmp_path):
    data = people(count=1000)
    data["race"] = np.where(np.arange(1000) % 4 == 0, "(missing)", data["race"])
    found = found_in(evidence_of(tmp_path, data))
    assert not any("(missing)" in f.group for f in found)


def test_what_cannot_be_measured_is_said_and_makes_a_limit_inconclusive(tmp_path):
    data = people(count=400)
    data["label"] = np.ones(400, int)  # no actual negatives at all
    found = found_in(evidence_of(tmp_path / "all-positive", data))
    missing = [f for f in found if f.missing]
    assert {f.comparison for f in missing} == {"difference", "whole"}
    assert "has a rate" in missing[0].missing
    assert verdict(found, 0.5) == "INCONCLUSIVE"
    rare = people(count=40)
    rare["race"] = np.array([f"r{at}" for at in range(40)])
    rare["sex"] = np.array([f"s{at}" for at in range(40)])
    rare["region"] = np.array([f"x{at}" for at in range(40)])
    none = found_in(evidence_of(tmp_path / "rare", rare))
    assert "no category is frequent enough" in next(f for f in none if f.missing).missing


def test_one_row_and_everyone_decided_alike_raise_nothing(tmp_path):
    one = {name: values[:1] for name, values in people(count=10).items()}
    assert found_in(evidence_of(tmp_path / "one", one))
    alike = people(count=300)
    alike["decision"] = np.zeros(300, int)
    found = found_in(evidence_of(tmp_path / "alike", alike))
    assert not confirmed(found)
    assert of_kind(found, "difference", "any subgroup").value == 0
    assert of_kind(found, "difference", "any subgroup").interval.high > 0.03  # nothing seen is not nothing there


def test_bad_options_and_columns_are_refused(tmp_path):
    data = people(count=2000) | {"id": np.array([f"person {at}" for at in range(2000)])}
    evidence = evidence_of(tmp_path, data)
    with pytest.raises(DataError, match=r"id: got 2,000 distinct values, expected at most 1,000"):
        found_in(evidence, columns=["id"])
    with pytest.raises(DataError, match="no column 'height'"):
        found_in(evidence, columns=["height"])
    for options in ({"support": 0}, {"support": 1.5}, {"depth": 0}, {"top": 0}, {"permutations": 5}):
        with pytest.raises(ValueError, match=next(iter(options))):
            found_in(evidence, **options)
    assert "no rate of rows" in found_in(evidence, metrics=["equalized_odds_difference"])[0].missing


def test_a_default_column_that_cannot_be_searched_is_left_out_by_name(tmp_path):
    data = people(count=2000) | {"id": np.array([f"person {at}" for at in range(2000)])}
    evidence = evidence_of(tmp_path, data)
    document = evidence.spec.model_dump()
    document["data"] |= {"features": ["id", "region", "sex"]}
    found = run(SUBGROUPS, Evidence(tmp_path, AuditSpec.model_validate(document)), {"permutations": 99})
    about = of_kind(found, "check").details
    assert about["columns"] == ["race", "sex", "region"]  # sex is protected already
    assert "2,000 distinct values" in about["left_out"]["id"]


SPEC = """\
audit: hiring
question: Is anybody treated otherwise?
data: {source: people.csv, label: good, decision: asked}
protected: {sex: {column: sex}}
techniques: {TECHNIQUES}
limits:
  - {measure: false_positive_rate, over: OVER, compare: difference, at_most: 0.1}
  - {measure: "largest_subgroup_difference[false_positive_rate]", over: OVER, compare: whole, at_most: 0.2}
"""


def read(folder, techniques, over):
    from audits.spec_reader import read_spec

    (folder / "people.csv").write_text("sex,good,asked\nf,1,1\nm,0,0\n")
    file = folder / "audit.yaml"
    file.write_text(SPEC.replace("TECHNIQUES", techniques).replace("OVER", over))
    return read_spec(file)


def test_a_limit_is_over_subgroups_only_where_they_are_searched(tmp_path):
    assert read(tmp_path, "subgroups: {support: 0.1}", "subgroups").policy[0].over == "subgroups"
    with pytest.raises(SpecError, match="got 'subgroups', expected a protected attribute"):
        read(tmp_path, "parity: {}", "subgroups")
    with pytest.raises(SpecError, match="did you mean 'subgroups'"):
        read(tmp_path, "subgroups: {}", "subgroup")
    with pytest.raises(SpecError, match="support"):
        read(tmp_path, "subgroups: {support: 5}", "subgroups")


def test_what_a_limit_over_subgroups_can_show_is_not_known_before_the_search(tmp_path):
    from audits.reach import reach

    evidence = evidence_of(tmp_path, people(count=200))
    document = evidence.spec.model_dump()
    document |= {"techniques": {"subgroups": {}}, "limits": [dict(LIMIT)]}
    (found,) = reach(AuditSpec.model_validate(document), Evidence(tmp_path, AuditSpec.model_validate(document)))
    assert found.outlook == "not known beforehand"


LIMIT = {"measure": "selection_rate", "over": "subgroups", "compare": "difference", "at_most": 0.1}
