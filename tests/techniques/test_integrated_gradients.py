import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.errors import NotMeasurable, SpecError
from audits.evidence import PAIRS, ROWS, Evidence
from audits.gradients import clenshaw_curtis, encode, integrate
from audits.spec import AuditSpec
from audits.techniques import registry, run

torch = pytest.importorskip("torch")
WORDS = [
    *("she", "he", "is", "a", "good", "bad", "kind", "loud", "person", "who", "works", "here", "every", "day"),
    *("with", "the", "others", "and", "sings"),
]
WIDTH = 32


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    core = Tokenizer(models.WordLevel({word: at for at, word in enumerate(special + WORDS)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=core, model_input_names=["input_ids", "attention_mask"], **names)


def bert(labels=2, bend=4, dtype=torch.float32):
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(WORDS), hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, num_labels=labels,
    )  # fmt: skip
    model = BertForSequenceClassification(config).eval()
    with torch.no_grad():  # larger than at birth, so that the path bends
        for weight in model.parameters():
            weight.mul_(bend if weight.ndim > 1 else 1)
    return model.to(dtype)


def subject(model=None, positive=1, max_tokens=64):
    model = bert() if model is None else model
    return SimpleNamespace(
        model=model, tokenizer=tokenizer(), device="cpu", positive=positive, max_tokens=max_tokens
    )  # fmt: skip


class Linear(torch.nn.Module):
    """A bag of embeddings under a linear head: one logit."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(1)
        self.words = torch.nn.Embedding(5 + len(WORDS), 7, dtype=dtype)
        self.head = torch.nn.Linear(7, 1, dtype=dtype)

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, attention_mask):
        kept = self.words(input_ids) * attention_mask[:, :, None]
        return SimpleNamespace(logits=self.head(kept.sum(1)))


TEXTS = [
    "she is a good person who works here",
    "he is loud",
    "the others and she works here every day with a kind person who sings",
]
GIVEN = {"baseline": 4, "nodes": 16, "tolerance": 1e-3}


def test_the_quadrature_is_exact_for_polynomials_and_its_weights_sum_to_one():
    for intervals in (2, 8, 16):
        nodes, weights = clenshaw_curtis(intervals)
        assert weights.sum() == pytest.approx(1)
        assert (weights * nodes**intervals).sum() == pytest.approx(1 / (intervals + 1))


def test_of_a_linear_model_each_token_gets_weight_times_its_step_from_the_baseline():
    model = Linear()
    linear = subject(model, positive=0)
    codes = encode(linear, TEXTS)
    for code, found in zip(codes, integrate(linear, codes, **{**GIVEN, "nodes": 8}), strict=True):
        ids = torch.tensor(code.columns["input_ids"])
        step = model.words.weight[ids] - model.words.weight[4]
        expected = (step @ model.head.weight[0]).detach().numpy() * ~code.special
        np.testing.assert_allclose(found.tokens, expected, atol=1e-6)
        assert (abs(found.error) < 1e-6, found.nodes) == (True, 9)


@pytest.mark.parametrize("labels", [1, 2, 3])
def test_attributions_sum_to_the_change_of_the_log_odds(labels):
    model = bert(labels)
    whole = subject(model, positive=labels - 1)
    codes = encode(whole, TEXTS)
    for code, found in zip(codes, integrate(whole, codes, **GIVEN), strict=True):
        ids = torch.tensor([code.columns["input_ids"]])
        start = torch.where(torch.tensor(code.special), ids, 4)
        odds = []
        with torch.no_grad():
            for given in (ids, start):
                logits = model(given).logits[0]
                chance = torch.softmax(logits, 0)[-1] if labels > 1 else torch.sigmoid(logits[0])
                odds.append(float(torch.logit(chance)))
        assert found.change == pytest.approx(odds[0] - odds[1], abs=1e-4)
        assert abs(found.tokens.sum() - found.change) <= 1e-3 * max(1, abs(found.change))
        assert not found.tokens[code.special].any()


def test_captum_finds_the_same_attributions():
    captum = pytest.importorskip("captum.attr")
    model = bert().double()
    whole = subject(model)
    code = encode(whole, TEXTS)[2]
    ids = torch.tensor([code.columns["input_ids"]])
    start = torch.where(torch.tensor(code.special), ids, 4)

    def odds(given):
        logits = model(given).logits
        return logits[:, 1] - logits[:, 0]

    theirs = captum.LayerIntegratedGradients(odds, model.get_input_embeddings()).attribute(
        ids, baselines=start, n_steps=200, method="gausslegendre"
    )
    ours = integrate(whole, [code], **{**GIVEN, "tolerance": 1e-7})[0]
    np.testing.assert_allclose(ours.tokens, theirs.sum(-1)[0].detach().numpy(), atol=1e-5)


def test_texts_together_get_what_each_gets_alone():
    whole = subject()
    codes = encode(whole, TEXTS)
    together = integrate(whole, codes, **GIVEN)
    alone = [integrate(whole, [code], **GIVEN)[0] for code in codes]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-5)
        assert one.nodes == other.nodes


def test_only_the_texts_that_miss_the_tolerance_get_more_nodes():
    whole = subject(bert(bend=10))
    found = integrate(whole, encode(whole, TEXTS), **{**GIVEN, "nodes": 8, "tolerance": 1e-4})
    nodes = [one.nodes for one in found]
    assert 9 == min(nodes) < max(nodes) <= 257
    assert all(one.error <= 1e-4 for one in found)


def test_nodes_stop_at_256():
    whole = subject()
    found = integrate(whole, encode(whole, TEXTS[:1]), **{**GIVEN, "nodes": 128, "tolerance": 1e-30})
    assert found[0].nodes == 257


def test_a_decoder_pools_at_the_texts_own_last_token():
    from transformers import GPT2Config, GPT2ForSequenceClassification

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=24, n_positions=64, n_embd=WIDTH, n_layer=1, n_head=2, num_labels=2, pad_token_id=0,
        bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    decoder = subject(GPT2ForSequenceClassification(config).eval())
    codes = encode(decoder, ["she is good", "she is good and loud and kind and bad"])
    together = integrate(decoder, codes, **{**GIVEN, "nodes": 64})
    assert all(abs(one.error) < 1e-3 for one in together)
    with torch.no_grad():
        logits = decoder.model(torch.tensor([codes[0].columns["input_ids"]])).logits[0]
        before = decoder.model(torch.tensor([[2, 4, 4, 4, 3]])).logits[0]
    change = float((logits[1] - logits[0]) - (before[1] - before[0]))
    assert together[0].change == pytest.approx(change, abs=1e-5)


def test_parameters_may_be_trained_again_afterwards():
    whole = subject()
    integrate(whole, encode(whole, TEXTS[:1]), **GIVEN)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in whole.model.parameters())


def test_a_model_in_less_than_float32_is_not_measurable():
    half = subject(bert(dtype=torch.bfloat16))
    with pytest.raises(NotMeasurable, match="need a model in float32, got bfloat16") as caught:
        integrate(half, encode(half, TEXTS[:1]), **GIVEN)
    assert "model.dtype" in caught.value.hint


# the technique


def evidence(folder, texts, sexes, edited=True, clusters=None, **changes):
    """Rows whose "she" and "he" were exchanged for one another."""
    spec = {
        "audit": "letters", "question": "?", "data": {"source": "letters.csv", "text": "text", "favourable": 1},
        "protected": {"sex": {"column": "sex"}}, "techniques": {"integrated_gradients": {}}, **changes,
    }  # fmt: skip
    count = len(texts)
    rows = {"row": [10 + at for at in range(count)], "text": texts, "cluster": clusters}
    columns = {name: rows.get(name) or [None] * count for name in ROWS.names}
    pq.write_table(pa.table(columns, schema=ROWS), folder / "rows.parquet")
    pq.write_table(pa.table({"row": pa.array(rows["row"], pa.int64()), "sex": sexes}), folder / "slices.parquet")
    pairs = []
    for at, (text, sex) in enumerate(zip(texts, sexes, strict=True)):
        word = next((word for word in ("she", "he") if word in text.split()), None)
        if word is None or not edited:
            continue
        start = (" " + text + " ").index(f" {word} ")
        edit = {"start": start, "end": start + len(word), "old": word, "new": "they"}
        pairs.append(
            {"row": 10 + at, "attribute": "sex", "kind": "counterfactual", "from_group": sex, "status": "edited",
             "edits": json.dumps([edit])}
        )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(pairs, PAIRS), folder / "pairs.parquet")
    return Evidence(folder, AuditSpec.model_validate(spec))


def letters(count=24):
    random = np.random.default_rng(0)
    sexes = ["female" if at % 3 else "male" for at in range(count)]
    texts = []
    for sex in sexes:
        rest = random.choice(WORDS[2:], size=int(random.integers(3, 9)))
        texts.append(" ".join(["she" if sex == "female" else "he", *rest]))
    return texts, sexes


class Planted(torch.nn.Module):
    """Good and bad count; ``she`` counts against a person by ``bias``."""

    def __init__(self, bias):
        super().__init__()
        value = torch.zeros(5 + len(WORDS), 1)
        for word, worth in {"good": 2.0, "kind": 1.5, "person": 1.2, "bad": -2.0, "loud": -1.1, "she": -bias}.items():
            value[5 + WORDS.index(word)] = worth
        self.words = torch.nn.Embedding.from_pretrained(value)

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(logits=torch.tanh(self.words(input_ids) * attention_mask[:, :, None]).sum(1))


def findings(evidence, subject, **options):
    found = run(registry["integrated_gradients"], evidence, options, subject)
    return {(finding.measure, finding.group): finding for finding in found}


def test_a_planted_term_gets_its_attribution_and_a_clean_model_gives_it_none(tmp_path):
    written = evidence(tmp_path, *letters())
    planted = findings(written, subject(Planted(3.0), positive=0))
    clean = findings(written, subject(Planted(0.0), positive=0))
    share, other = planted["attribution_share", "female"], planted["attribution_share", "male"]
    assert share.interval.low > planted["token_share", "female"].value
    assert planted["signed_attribution", "female"].value == pytest.approx(-np.tanh(3), abs=1e-3)
    assert planted["signed_attribution", "female"].unit == "log-odds"
    assert other.value == 0
    assert clean["attribution_share", "female"].value == 0
    assert share.n.group == 16
    assert share.details["rows_naming_it"] == 16
    strip = share.details["strips"][0]
    assert strip["row"] == 11
    assert [strip["tokens"][at][0] for at in strip["terms"]] == ["she"]


def test_the_completeness_error_says_what_was_asked_and_what_was_done(tmp_path):
    found = findings(evidence(tmp_path, *letters()), subject(), rows=6, baseline="pad")
    check = found["completeness_error", ""]
    assert check.comparison == "check"
    assert check.value <= 1e-3
    assert check.details["rows"] == 6 == sum(check.details["nodes"].values())
    assert check.details["rows_above_tolerance"] == 0
    assert check.details["baseline"] == "pad"


def test_the_same_seed_gives_the_same_findings_and_groups_get_the_same_number_of_rows(tmp_path):
    written = evidence(tmp_path, *letters())
    first = findings(written, subject(), rows=8)
    assert first == findings(written, subject(), rows=8)
    assert {first["token_share", sex].n.group for sex in ("female", "male")} == {4}


def test_without_edits_it_is_not_known_which_words_name_the_attribute(tmp_path):
    found = findings(evidence(tmp_path, *letters(), edited=False), subject())
    assert list(found) == [("attribution_share", "")]
    assert "no counterfactual edits a text's sex" in found["attribution_share", ""].missing


def test_a_group_that_no_text_names_is_told_with_the_reason(tmp_path):
    texts, sexes = letters()
    found = findings(evidence(tmp_path, [*texts, "a kind person"], [*sexes, "unstated"]), subject(), rows=6)
    assert found["attribution_share", "unstated"].missing == "no text of unstated has a word that is known to name sex"


def test_a_group_of_one_text_has_no_mean_with_an_interval(tmp_path):
    texts, sexes = letters()
    found = findings(evidence(tmp_path, [*texts, "she sings"], [*sexes, "diverse"]), subject(), rows=9)
    assert "needs 2" in found["signed_attribution", "diverse"].missing


def test_texts_of_one_cluster_have_no_mean_with_an_interval(tmp_path):
    texts, sexes = letters(6)
    data = {"source": "letters.csv", "text": "text", "cluster": "person"}
    found = findings(evidence(tmp_path, texts, sexes, clusters=["one"] * 6, data=data), subject())
    assert "belong to one cluster" in found["attribution_share", "female"].missing


def test_the_interval_of_a_share_ends_at_0_and_1_and_unequal_clusters_have_none(tmp_path):
    texts, sexes = letters(12)
    data = {"source": "letters.csv", "text": "text", "cluster": "person"}
    halves = [str(at // 2 % 2) for at in range(len(texts))]
    (tmp_path / "even").mkdir()
    found = findings(evidence(tmp_path / "even", texts, sexes, clusters=halves, data=data), subject())
    told = [f.interval for f in found.values() if f.comparison == "share" and f.interval]
    assert told
    assert all(0 <= one.low <= one.high <= 1 for one in told)
    unequal = ["one"] * (len(texts) - 2) + ["other"] * 2
    (tmp_path / "odd").mkdir()
    found = findings(evidence(tmp_path / "odd", texts, sexes, clusters=unequal, data=data), subject())
    assert found["attribution_share", "female"].interval is None
    assert "worth fewer than two" in found["attribution_share", "female"].details["no_interval"]


def test_a_model_that_reads_no_word_has_no_share(tmp_path):
    found = findings(evidence(tmp_path, *letters(6)), subject(Planted(0.0).requires_grad_(False), positive=0))
    constant = Planted(0.0)
    constant.words.weight.zero_()
    found = findings(evidence(tmp_path, *letters(6)), subject(constant, positive=0))
    assert "depends on no word of the 4 texts of female" in found["attribution_share", "female"].missing


def test_terms_past_what_the_model_reads_are_counted(tmp_path):
    texts = ["a good person who works here and she", "she is good"] * 3
    found = findings(evidence(tmp_path, texts, ["female"] * 6), subject(max_tokens=6))
    assert found["token_share", "female"].details["terms_not_read"] == 3


def test_an_unknown_attribute_and_a_missing_token_are_refused(tmp_path):
    written = evidence(tmp_path, *letters(6))
    with pytest.raises(SpecError, match="got 'sexx', which is not one"):
        findings(written, subject(), attributes=["sexx"])
    without = subject()
    without.tokenizer = SimpleNamespace(mask_token_id=None, pad_token_id=0)
    assert "no mask token" in findings(written, without)["integrated_gradients", ""].missing


def test_no_words_are_told_of_rows_that_may_not_be_copied(tmp_path):
    written = evidence(tmp_path, *letters(), evidence="digest-only")
    found = findings(written, subject(Planted(3.0), positive=0))
    assert found["attribution_share", "female"].details["strips"] == []
