"""Models of each kind: their numbers against the library's own, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from tiny_models import TEXTS, model, save_classifier, save_language_model

from audits.errors import ModelError
from audits.inputs import prompt_input, text_input
from audits.subjects import causal_lm, load, positive_index, tabular, text_classifier
from audits.subjects.batches import deal, padded
from audits.subjects.files import ENVELOPE, file_digest, files_digest, model_files
from audits.subjects.locate import is_hub_id, locate
from audits.subjects.networks import load_network


def texts_table(texts):
    return pa.table({"input": [text_input(text) for text in texts], "text": list(texts)})


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory):
    return save_classifier(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def classifier(classifier_folder):
    return text_classifier.load(model(), classifier_folder)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    return causal_lm.load(model(kind="causal-lm"), save_language_model(tmp_path_factory.mktemp("lm")))


# ---------------------------------------------------------------- batches


def test_every_text_is_in_one_batch_and_a_batch_has_one_padded_length():
    lengths = np.array([3, 17, 8, 9, 64, 1, 16, 63])
    names = [str(at) for at in range(8)]
    batches = deal(lengths, names, 512, "cpu")
    assert sorted(np.concatenate(batches)) == list(range(8))
    assert all(len({padded(int(lengths[at]), 512) for at in batch}) == 1 for batch in batches)


def test_the_deal_follows_from_the_set_of_inputs_and_not_from_their_order():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, 200)
    names = [f"{at:03d}" for at in range(200)]
    order = rng.permutation(200)
    here = [[names[at] for at in batch] for batch in deal(lengths, names, 64, "cpu", 128)]
    there = [
        [names[order[at]] for at in batch]
        for batch in deal(lengths[order], [names[at] for at in order], 64, "cpu", 128)
    ]
    assert here == there
    assert max(len(batch) * 64 for batch in here) >= 64


def test_batches_keep_to_the_tokens_allowed_but_hold_one_text_at_least():
    batches = deal(np.array([10, 10, 10, 500]), list("abcd"), 512, "cpu", 32)
    assert [len(batch) for batch in batches] == [1, 2, 1]


# ---------------------------------------------------------------- text classifier


def test_scores_are_those_of_the_librarys_own_pipeline(classifier):
    from transformers import pipeline

    own = pipeline(
        "text-classification", model=classifier.model, tokenizer=classifier.tokenizer, device="cpu", top_k=None
    )
    expected = [next(each["score"] for each in row if each["label"] == "approved") for row in own(TEXTS)]
    assert classifier.score(texts_table(TEXTS)) == pytest.approx(expected, abs=2e-6)


def test_a_score_does_not_depend_on_what_else_is_scored(classifier):
    texts = [" ".join(TEXTS[:4][at % 4 :])[: 5 + 3 * at] for at in range(30)]
    together = classifier.score(texts_table(texts))
    alone = [classifier.score(texts_table([text]))[0] for text in texts]
    assert together.tolist() == pytest.approx(alone, abs=1e-6)
    assert len(set(np.round(together, 6))) > 5


def test_the_positive_class_is_found_by_index_or_name(classifier_folder):
    approved = load(model(positive_class="approved"), classifier_folder).score(texts_table(TEXTS))
    denied = load(model(positive_class="denied"), classifier_folder).score(texts_table(TEXTS))
    assert approved + denied == pytest.approx(np.ones(len(TEXTS)))
    assert load(model(positive_class=0), classifier_folder).positive == 0
    with pytest.raises(ModelError, match=r"got 'aproved', expected an index or one of \['denied', 'approved'\]"):
        load(model(positive_class="aproved"), classifier_folder)


def test_of_more_than_two_classes_the_spec_has_to_name_one(tmp_path):
    save_classifier(tmp_path, ("bad", "fair", "good"))
    with pytest.raises(ModelError, match="got nothing, and the model has 3 classes"):
        load(model(), tmp_path)
    assert load(model(positive_class="good"), tmp_path).positive == 2


def test_one_logit_is_a_sigmoid(tmp_path):
    save_classifier(tmp_path, ("approved",))
    subject = load(model(), tmp_path)
    assert subject.probability(np.array([[0.0], [np.log(3)]])) == pytest.approx([0.5, 0.75])
    scores = subject.score(texts_table(TEXTS))
    assert ((scores > 0) & (scores < 1)).all()
    assert len(set(scores)) > 1


def test_longer_texts_are_cut_and_counted(classifier_folder):
    subject = load(model(max_tokens=6), classifier_folder)
    plan = subject.plan(texts_table(["the film is good", "the film is good and very bad", "a man"]))
    assert plan.truncated.tolist() == [False, True, False]
    whole = subject.score(texts_table(["the film is good and very bad"]))
    assert whole == subject.score(texts_table(["the film is good"]))


def test_a_head_that_was_never_trained_is_refused(tmp_path):
    from transformers import AutoModelForSequenceClassification, BertModel

    save_classifier(tmp_path)
    whole = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    BertModel.save_pretrained(whole.bert, tmp_path)
    with pytest.raises(ModelError, match=r"no weights for classifier\.bias, classifier\.weight; they would be random"):
        load_network(AutoModelForSequenceClassification, tmp_path, model())


def test_pickled_weights_are_refused_unless_the_spec_names_their_digest(tmp_path, classifier):
    import torch

    save_classifier(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(classifier.model.state_dict(), tmp_path / "pytorch_model.bin")
    digest = file_digest(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=f"pytorch_model.bin can run code(?s:.*)expected {digest}"):
        load(model(), tmp_path)
    with pytest.raises(ModelError, match=r"got model\.pickle_sha256 0000"):
        load(model(pickle_sha256="0" * 64), tmp_path)
    trusted = load(model(pickle_sha256=digest), tmp_path)
    assert trusted.score(texts_table(TEXTS)) == pytest.approx(classifier.score(texts_table(TEXTS)))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        load(model(), tmp_path)


# ---------------------------------------------------------------- causal language model

PROMPTS = ["the nurse is", "the nurse is", "dear lender I am a", "he"]
CONTINUATIONS = [" a woman", " a man and not a woman", " doctor", " is very good ."]


def prompts_table(prompts, continuations):
    names = [prompt_input(*pair) for pair in zip(prompts, continuations, strict=True)]
    return pa.table({"input": names, "text": list(prompts), "continuation": list(continuations)})


def by_hand(subject, prompt, continuation):
    """Σ log P by one forward pass without padding or batching."""
    import torch

    head = subject.tokenizer(prompt)["input_ids"]
    ids = subject.tokenizer(prompt + continuation)["input_ids"]
    with torch.inference_mode():
        chances = subject.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return sum(float(chances[at - 1, ids[at]]) for at in range(len(head), len(ids)))


def test_log_probabilities_in_a_batch_are_those_computed_one_by_one(language_model):
    together = language_model.score(prompts_table(PROMPTS, CONTINUATIONS))
    expected = [by_hand(language_model, *pair) for pair in zip(PROMPTS, CONTINUATIONS, strict=True)]
    assert together == pytest.approx(expected, abs=1e-5)
    assert (together < -1).all()


def test_the_probabilities_of_all_next_words_sum_to_one(language_model):
    from tiny_models import WORDS

    ids = language_model.tokenizer("the nurse is")["input_ids"]
    assert ids[0] == 4  # the beginning-of-sequence token that the tokenizer adds
    rows = [[*ids, word] for word in range(len(WORDS))]
    chances = np.exp(language_model.log_probability(rows, [len(ids)] * len(rows)))
    assert chances.sum() == pytest.approx(1, abs=1e-6)


def test_spaces_at_the_end_of_a_prompt_count_to_the_continuation(language_model):
    ids, starts = language_model.encode(["the nurse is "], ["a woman"])
    assert (ids, starts) == language_model.encode(["the nurse is"], [" a woman"])


def test_a_continuation_that_joins_the_prompts_last_word_is_refused(language_model):
    with pytest.raises(ModelError, match="'the man' and continuation 'ner': the tokenizer joins them") as got:
        language_model.encode(["the man"], ["ner"])
    assert "begin the continuation with a space" in got.value.hint


def test_an_empty_continuation_is_refused(language_model):
    with pytest.raises(ModelError, match="expected at least one of each"):
        language_model.encode(["the man"], [""])


def test_a_prompt_that_is_too_long_loses_its_beginning_and_is_counted(language_model):
    short = causal_lm.CausalLM(language_model.model, language_model.tokenizer, 4, "cpu")
    plan = short.plan(prompts_table(["the nurse is", "he"], [" a man", " is"]))
    assert plan.truncated.tolist() == [True, False]
    assert plan.run(np.array([0]))[0] == pytest.approx(
        short.log_probability([language_model.encode(["the nurse is"], [" a man"])[0][0][2:]], [2])[0], abs=1e-6
    )
    with pytest.raises(ModelError, match="does not fit into 4"):
        short.plan(prompts_table(["he"], [" is very good and"]))


def test_log_probabilities_keep_six_significant_digits(language_model):
    assert language_model.rounded(np.array([-123.4567891, -0.0012345678])).tolist() == [-123.457, -0.00123457]


@pytest.mark.shared
def test_a_trained_language_model_prefers_the_word_that_fits(shared_models):
    subject = causal_lm.load(model(kind="causal-lm"), shared_models / "stories260k")
    prompts = ["Once upon a time, there was a little girl named"] * 2
    scores = subject.score(prompts_table(prompts, [" Lily", " the"]))
    expected = [by_hand(subject, *pair) for pair in zip(prompts, [" Lily", " the"], strict=True)]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert scores[0] > scores[1] + 2


# ---------------------------------------------------------------- tabular


@pytest.fixture
def applications():
    rng = np.random.default_rng(0)
    income, debts = rng.normal(size=80), rng.normal(size=80)
    return pa.table(
        {"input": [f"{at:02d}" for at in range(80)], "income": income, "debts": debts, "unused": [0.0] * 80}
    ), (income > debts).astype(int)


def save_estimator(path, table, labels):
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from skops import io

    estimator = make_pipeline(SimpleImputer(), LogisticRegression())
    estimator.fit(table.select(["income", "debts"]).to_pandas(), labels)
    io.dump(estimator, path)
    return estimator


def test_an_estimator_answers_as_it_does_by_itself_whatever_the_order_of_columns(tmp_path, applications):
    table, labels = applications
    estimator = save_estimator(tmp_path / "model.skops", table, labels)
    subject = load(model(kind="tabular", features=["debts", "income"]), tmp_path)
    expected = estimator.predict_proba(table.select(["income", "debts"]).to_pandas())[:, 1]
    assert subject.score(table) == pytest.approx(expected, abs=1e-12)
    assert subject.features == ("income", "debts")


def test_missing_numbers_reach_the_estimator_as_missing(tmp_path, applications):
    table, labels = applications
    save_estimator(tmp_path / "model.skops", table, labels)
    subject = load(model(kind="tabular", features=["income", "debts"]), tmp_path / "model.skops")
    gaps = pa.table({"input": ["a", "b"], "income": pa.array([None, 1.0]), "debts": pa.array([1.0, None])})
    assert np.isfinite(subject.score(gaps)).all()


def test_columns_that_are_not_the_models_are_refused(tmp_path, applications):
    save_estimator(tmp_path / "model.skops", *applications)
    with pytest.raises(ModelError, match=r"got \['income', 'wealth'\], and the model was fitted on"):
        load(model(kind="tabular", features=["income", "wealth"]), tmp_path)


def test_a_pickled_estimator_is_refused_unless_the_spec_names_its_digest(tmp_path, applications):
    import joblib
    from sklearn.linear_model import LogisticRegression

    table, labels = applications
    joblib.dump(LogisticRegression().fit(table.select(["income"]).to_pandas(), labels), tmp_path / "model.pkl")
    with pytest.raises(ModelError, match=r"model.pkl can run code when it is loaded"):
        load(model(kind="tabular", features=["income"]), tmp_path)
    digest = file_digest(tmp_path / "model.pkl")
    assert load(model(kind="tabular", features=["income"], pickle_sha256=digest), tmp_path).score(table).shape == (80,)


def test_types_that_skops_does_not_know_are_refused_by_name(tmp_path, applications):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from skops import io

    table, labels = applications
    estimator = HistGradientBoostingClassifier(max_iter=2).fit(table.select(["income"]).to_pandas(), labels)
    io.dump(estimator, tmp_path / "model.skops")
    with pytest.raises(ModelError, match="TreePredictor"):
        load(model(kind="tabular", features=["income"]), tmp_path)
    digest = file_digest(tmp_path / "model.skops")
    assert load(model(kind="tabular", features=["income"], pickle_sha256=digest), tmp_path).score(table).shape == (80,)


def test_what_is_no_probability_is_refused():
    assert tabular.checked(np.array([0.0, 1.0]), 2).tolist() == [0.0, 1.0]
    with pytest.raises(ModelError, match=r"shape \(2, 2\), expected one number for each of 2 inputs"):
        tabular.checked(np.zeros((2, 2)), 2)
    for wrong in (1.5, -0.1, np.nan):
        with pytest.raises(ModelError, match="expected a probability from 0 to 1"):
            tabular.checked(np.array([0.5, wrong]), 2)


def test_a_sum_of_probabilities_a_rounding_above_one_is_one():
    assert tabular.checked(np.array([1 + 2e-16, -1e-9]), 2).tolist() == [1.0, 0.0]


def test_a_positive_class_that_could_mean_two_is_refused():
    assert positive_index(["0", "1"], None, "1") == 1
    assert positive_index(["1", "2"], "1") == 0
    with pytest.raises(ModelError, match=r"got 1, which is an index and also the name of another"):
        positive_index(["1", "2"], 1)
    for labels in (["approved", "denied"], ["LABEL_0", "LABEL_1"]):
        counted = labels[0].removeprefix("LABEL_")
        with pytest.raises(ModelError, match=f"which means {labels[1]!r}, and data.positive is {counted!r}"):
            positive_index(labels, None, counted)


def test_a_regression_head_is_no_classifier(tmp_path):
    folder = save_classifier(tmp_path, labels=("stars",))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "problem_type": "regression"}))
    with pytest.raises(ModelError, match="problem_type 'regression', a model that answers a number"):
        load(model(), folder)


# ---------------------------------------------------------------- digests and places


def test_the_digest_of_a_model_is_that_of_open_model_signing(tmp_path):
    import hashlib

    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "weights").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(b"ref")
    raw = hashlib.sha256(b"one").digest() + hashlib.sha256(b"two").digest()
    assert files_digest(model_files(tmp_path)) == hashlib.sha256(raw).hexdigest()
    assert list(model_files(tmp_path)) == ["a", "b/weights"]


def test_what_mlflow_writes_around_a_model_is_not_part_of_it(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"model")
    (tmp_path / "requirements.txt").write_bytes(b"scikit-learn")
    before = model_files(tmp_path)
    assert set(before) == {"model.skops", "requirements.txt"}
    for name in ENVELOPE:
        (tmp_path / name).write_bytes(b"x")
    assert set(model_files(tmp_path)) == {"model.skops"}


def test_a_folder_is_found_beside_the_spec_and_its_digest_is_of_its_content(tmp_path):
    save_classifier(tmp_path / "m")
    found = locate(model(uri="m"), str(tmp_path), str(tmp_path), "")
    assert found["folder"] == str((tmp_path / "m").resolve())
    assert found["digest"] == files_digest(found["files"])
    (tmp_path / "m" / "config.json").write_text("{}")
    assert locate(model(uri="m"), str(tmp_path), str(tmp_path), "")["digest"] != found["digest"]


def test_a_model_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"got './none', which is neither in"):
        locate(model(uri="./none"), str(tmp_path), str(tmp_path), "")


def test_a_hub_id_needs_a_revision(tmp_path):
    assert is_hub_id("distilbert/sst2", tmp_path)
    assert not is_hub_id("models:/x/1", tmp_path)
    assert not is_hub_id("model.py:score", tmp_path)
    with pytest.raises(ModelError, match="names no revision"):
        locate(model(uri="distilbert/sst2"), str(tmp_path), str(tmp_path), "")


def test_a_python_model_is_its_file_its_helpers_and_what_it_says_it_reads(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "score_helper_of_test.py").write_text("X = 1\n")
    (tmp_path / "other.py").write_text("Y = 1\n")
    (tmp_path / "weights.txt").write_text("1")
    source = "import score_helper_of_test\nMODEL_FILES = ['weights.txt']\ndef score(texts): return [0.5] * len(texts)\n"
    (tmp_path / "scoring.py").write_text(source)
    found = locate(model(kind="python", uri="scoring.py:score"), str(tmp_path), str(tmp_path), "")
    assert set(found["files"]) == {"scoring.py", "score_helper_of_test.py", "weights.txt"}
    with pytest.raises(ModelError, match=r"scoring\.py has no function 'scores'") as got:
        locate(model(kind="python", uri="scoring.py:scores"), str(tmp_path), str(tmp_path), "")
    assert got.value.hint == "did you mean 'score'?"


def test_a_function_may_read_columns(tmp_path):
    (tmp_path / "by_income.py").write_text("def score(frame): return (frame['income'] > 1).astype(float)\n")
    described = model(kind="python", uri="by_income.py:score", features=["income"])
    subject = load(described, tmp_path / "by_income.py")
    assert subject.score(pa.table({"input": ["b", "a"], "income": [0.5, 2.0]})).tolist() == [0.0, 1.0]
