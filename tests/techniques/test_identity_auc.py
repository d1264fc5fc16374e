"""Groups held against everybody else, whether a column tells them or the words of a text."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from columned import found, with_columns
from sklearn.metrics import roc_auc_score

from audits.errors import SpecError
from audits.evidence import Evidence
from audits.metrics.identity import IDENTITY
from audits.techniques import registry, run

WORDS = {"faith": {"muslim": ["muslim", "muslims"], "christian": ["christian"], "jewish": ["jewish", "jew"]}}


def comments(count=3000, seed=0, raised="muslim", by=0.0):
    """Comments of which some mention one or two faiths; ``by`` raises the scores of harmless ones with one word."""
    random = np.random.default_rng(seed)
    toxic = random.random(count) < 0.3
    said = {word: random.random(count) < 0.15 for word in ("muslim", "christian", "jewish")}
    logit = random.normal(size=count) + 2.0 * toxic - 1 + by * (said[raised] & ~toxic)
    texts = ["My neighbour is " + " and ".join(w for w, who in said.items() if who[at]) for at in range(count)]
    return texts, toxic.astype(int).tolist(), (1 / (1 + np.exp(-logit))).tolist(), said


def of_texts(folder, texts, label, score, protected=None, **more):
    """Evidence of texts whose protected attributes have words and no column."""
    evidence = with_columns(folder, {"place": ["x", "y"] * (len(texts) // 2)}, {}, score=score, label=label, **more)
    rows = pq.read_table(folder / "rows.parquet")
    place = rows.schema.get_field_index("text")
    pq.write_table(rows.set_column(place, "text", pa.array(texts, pa.string())), folder / "rows.parquet")
    spec = evidence.spec.model_dump(mode="json")
    spec["protected"] = {name: {"terms": terms} for name, terms in (protected or WORDS).items()}
    return Evidence(folder, type(evidence.spec).model_validate(spec))


def test_a_word_that_raises_harmless_comments_is_found_and_the_others_are_not(tmp_path):
    texts, label, score, _ = comments(by=1.5)
    findings = found(of_texts(tmp_path, texts, label, score), "identity_auc", attributes=["faith"], resolution=100)
    assert {f.measure for f in findings.values()} == set(IDENTITY)
    assert {f.group for f in findings.values()} == {"muslim", "christian", "jewish"}
    gap = {name: findings[f"negative_average_equality_gap/faith/{name}/-/mean"].interval for name in WORDS["faith"]}
    assert gap["muslim"].low > 0.2
    assert all(gap[name].low < 0.05 and gap[name].high < 0.1 for name in ("christian", "jewish"))
    assert findings["bpsn_auc/faith/muslim/-/mean"].interval.high < 0.75
    assert findings["bpsn_auc/faith/jewish/-/mean"].interval.low > 0.85
    assert findings["bnsp_auc/faith/muslim/-/mean"].interval.low > 0.85
    positive = findings["positive_average_equality_gap/faith/muslim/-/mean"].interval
    assert positive.low < 0 < positive.high


def test_nothing_is_found_where_words_change_no_score(tmp_path):
    texts, label, score, _ = comments(by=0.0, seed=1)
    findings = found(of_texts(tmp_path, texts, label, score), "identity_auc", attributes=["faith"], resolution=100)
    for name, finding in findings.items():
        if "equality_gap" in name:
            assert finding.interval.low < 0 < finding.interval.high


def test_a_text_that_mentions_two_groups_is_in_both_and_each_has_its_own_background(tmp_path):
    texts, label, score, said = comments(seed=2, by=0.5)
    findings = found(of_texts(tmp_path, texts, label, score), "identity_auc", attributes=["faith"], resolution=100)
    assert (said["muslim"] & said["jewish"]).sum() > 20
    truth, given = np.array(label), np.array(score)
    for word, own in said.items():
        rows = {
            "subgroup_auc": own,
            "bpsn_auc": (own & (truth == 0)) | (~own & (truth == 1)),
            "bnsp_auc": (own & (truth == 1)) | (~own & (truth == 0)),
        }
        for name, chosen in rows.items():
            finding = findings[f"{name}/faith/{word}/-/mean"]
            assert finding.value == pytest.approx(roc_auc_score(truth[chosen], given[chosen]))
            assert finding.n.group == own.sum()
            assert finding.details["background_negatives"] == (~own & (truth == 0)).sum()


def test_words_of_the_option_are_groups_of_their_own_and_are_told_also_where_nobody_says_them(tmp_path):
    texts, label, score, said = comments(seed=3)
    evidence = of_texts(tmp_path, texts, label, score)
    terms = {"any faith": ["muslim", "christian", "jewish"], "hindu": ["hindu"]}
    findings = found(evidence, "identity_auc", terms=terms)
    anyone = findings["subgroup_auc/identity terms/any faith/-/mean"]
    assert anyone.n.group == (said["muslim"] | said["christian"] | said["jewish"]).sum()
    why = "hindu has no pairs of a positive and a negative row, so it has no subgroup auc"
    assert findings["subgroup_auc/identity terms/hindu/-/mean"].missing == why
    assert {finding.attribute for finding in findings.values()} == {"identity terms"}


def test_built_in_lexicons_tell_the_groups_that_texts_mention(tmp_path):
    texts = ["He is a man.", "A woman wrote this.", "Nobody said anything.", "His mother and her son."] * 30
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 120).tolist()
    evidence = of_texts(tmp_path, texts, label, random.random(120).tolist())
    spec = evidence.spec.model_dump(mode="json")
    spec["protected"] = {"sex": {"lexicon": "sex"}}
    findings = found(
        Evidence(evidence.folder, type(evidence.spec).model_validate(spec)), "identity_auc", attributes=["sex"]
    )
    standing = {f.group: f.n.group for f in findings.values() if f.measure == "subgroup_auc"}
    assert standing == {"male": 60, "female": 60}  # the last text mentions both


def test_groups_of_a_column_are_held_against_all_other_rows_of_known_group(tmp_path):
    random = np.random.default_rng(4)
    group = random.choice(["a", "b", "(missing)"], 600)
    label, score = random.integers(0, 2, 600), random.random(600)
    evidence = with_columns(tmp_path, {"group": group.tolist()}, {}, score=score.tolist(), label=label.tolist())
    findings = found(evidence, "identity_auc")
    rows = ((group == "a") & (label == 0)) | ((group == "b") & (label == 1))
    finding = findings["bpsn_auc/group/a/-/mean"]
    assert finding.value == pytest.approx(roc_auc_score(label[rows], score[rows]))
    assert finding.details["rows_of_unknown_group"] == (group == "(missing)").sum()
    assert {f.group for f in findings.values()} == {"a", "b"}
    parity = found(evidence, "score_parity", metrics=["bpsn_auc"])
    assert parity["bpsn_auc/group/a/-/mean"].value == finding.value


def test_other_metrics_of_one_group_can_be_asked_for_and_those_of_two_are_refused(tmp_path):
    texts, label, score, _ = comments(400, seed=5)
    evidence = of_texts(tmp_path, texts, label, score)
    findings = found(evidence, "identity_auc", metrics=["log_loss"], attributes=["faith"])
    assert {f.measure for f in findings.values()} == {"log_loss"}
    with pytest.raises(SpecError, match="got 'abroca', which compares two groups"):
        run(registry["identity_auc"], evidence, {"metrics": ["abroca"]})


def test_an_attribute_that_there_is_not_is_refused_with_the_nearest_name(tmp_path):
    evidence = of_texts(tmp_path, *comments(100, seed=6)[:3])
    with pytest.raises(SpecError, match="got 'faiht', which is none") as caught:
        run(registry["identity_auc"], evidence, {"attributes": ["faiht"]})
    assert "faith" in caught.value.hint


def test_where_no_attribute_has_a_column_or_words_nothing_is_measurable(tmp_path):
    evidence = with_columns(tmp_path, {"group": ["a", "b"]}, {}, score=[0.1, 0.2], label=[0, 1])
    (finding,) = run(registry["identity_auc"], evidence, {"read": "texts"})
    assert finding.missing.startswith("no protected attribute has a column, or words")


def test_a_group_that_is_ranked_perfectly_has_an_exact_interval(tmp_path):
    group = ["a"] * 40 + ["b"] * 40
    label = [0, 1] * 40
    score = [0.1 + 0.8 * y for y in label[:40]] + np.random.default_rng(0).random(40).tolist()
    findings = found(with_columns(tmp_path, {"group": group}, {}, score=score, label=label), "identity_auc")
    perfect = findings["subgroup_auc/group/a/-/mean"]
    assert (perfect.value, perfect.interval.method) == (1, "clopper-pearson")
    assert perfect.interval.low == pytest.approx(0.025 ** (1 / 20))


@pytest.mark.shared
def test_race_is_held_against_everybody_else_in_compas(tmp_path, shared_data):
    table = pq.read_table(shared_data / "compas" / "compas_two_years.parquet")
    race, label = np.array(table["race"].to_pylist()), table["two_year_recid"].to_numpy()
    score = table["decile_score"].to_numpy().astype(float)
    evidence = with_columns(tmp_path, {"race": race.tolist()}, {}, score=score.tolist(), label=label.tolist())
    findings = found(evidence, "identity_auc")
    own = race == "African-American"
    assert findings["subgroup_auc/race/African-American/-/mean"].value == pytest.approx(0.691834, abs=5e-7)
    rows = (own & (label == 0)) | (~own & (label == 1))
    bpsn = findings["bpsn_auc/race/African-American/-/mean"]
    assert bpsn.value == pytest.approx(roc_auc_score(label[rows], score[rows]))
    assert bpsn.value < 0.55  # others who reoffended are hardly scored above African-Americans who did not
    assert findings["negative_average_equality_gap/race/African-American/-/mean"].interval.low > 0.14
