"""Text classifiers of the transformers library: P(positive class) of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import ModelError
from audits.subjects import Plan, Subject, positive_index
from audits.subjects.batches import deal, padded, right_padded
from audits.subjects.networks import load_network, longest_input, parts


class TextClassifier(Subject):
    """A sequence classification model with its tokenizer.

    Attributes:
        model: the ``transformers`` model in eval mode.
        tokenizer: as saved beside it.
        positive: index of the positive class among the logits; 0 where the model has one logit.
        max_tokens: longest input in tokens; longer ones are cut and counted.
    """

    kind: ClassVar[str] = "text-classifier"

    def __init__(self, model: Any, tokenizer: Any, positive: int, max_tokens: int, device: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.positive = positive
        self.max_tokens = max_tokens
        self.device = device

    def plan(self, inputs: pa.Table) -> Plan:
        """Deal texts of the same padded length together; ``inputs`` has the columns ``input`` and ``text``."""
        encoded, truncated = self._encode(inputs["text"].to_pylist())
        lengths = np.array([len(ids) for ids in encoded["input_ids"]], dtype=np.int64)
        batches = deal(lengths, inputs["input"].to_pylist(), self.max_tokens, self.device)

        def run(batch: NDArray[np.int64]) -> NDArray[np.float64]:
            logits = self._logits({name: [column[i] for i in batch] for name, column in encoded.items()})
            return self.probability(logits)

        return Plan(batches, run, truncated)

    def probability(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(positive) from logits of shape ``(rows, classes)``: sigmoid of one, or softmax of several."""
        if logits.shape[1] == 1 or getattr(self.model.config, "problem_type", None) == "multi_label_classification":
            return np.asarray(1 / (1 + np.exp(-logits[:, self.positive])))
        exp = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exp[:, self.positive] / exp.sum(axis=1))

    def _encode(self, texts: list[str]) -> tuple[dict[str, list[list[int]]], NDArray[np.bool_]]:
        whole = self.tokenizer(texts, truncation=False, verbose=False)
        truncated = np.array([len(ids) > self.max_tokens for ids in whole["input_ids"]], dtype=bool)
        encoded = {name: list(column) for name, column in whole.items() if name != "attention_mask"}
        long = np.flatnonzero(truncated)
        if len(long):
            cut = self.tokenizer([texts[i] for i in long], truncation=True, max_length=self.max_tokens)
            for name, column in encoded.items():
                for position, value in zip(long, cut[name], strict=True):
                    column[position] = value
        return encoded, truncated

    def _logits(self, columns: dict[str, list[list[int]]]) -> NDArray[np.float64]:
        import torch

        longest = padded(max(len(ids) for ids in columns["input_ids"]), self.max_tokens)
        tensors = {
            name: right_padded(rows, longest, self.tokenizer.pad_token_id if name == "input_ids" else 0)
            for name, rows in columns.items()
        }
        tensors["attention_mask"] = right_padded([[1] * len(ids) for ids in columns["input_ids"]], longest, 0)
        with torch.inference_mode():
            answer = self.model(**{name: torch.from_numpy(x).to(self.device) for name, x in tensors.items()})
        logits: NDArray[np.float64] = answer.logits.double().cpu().numpy()
        return logits


def load(model: dict[str, Any], folder: Path) -> TextClassifier:
    """Load from a folder as ``save_pretrained`` writes it, or as MLflow logs it.

    Raises:
        ModelError: weights are missing (a head that was never trained), only a pickle is there, the model is one
            of regression, or the positive class is not among the labels.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    weights, words = parts(folder)
    network = load_network(AutoModelForSequenceClassification, weights, model)
    tokenizer = AutoTokenizer.from_pretrained(words, trust_remote_code=False)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if network.config.pad_token_id is None:
        network.config.pad_token_id = tokenizer.pad_token_id
    if network.config.problem_type == "regression":
        raise ModelError(
            f"{weights.name}: got problem_type 'regression', a model that answers a number, expected classes",
            "wrap it in a function that returns P(positive class), kind: python",
        )
    labels = [str(network.config.id2label[index]) for index in range(network.config.num_labels)]
    positive = positive_index(labels, model["positive_class"], model.get("positive_value", ""))
    return TextClassifier(
        network, tokenizer, positive, longest_input(network, tokenizer, model), str(network.device.type)
    )
