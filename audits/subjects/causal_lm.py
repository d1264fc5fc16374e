"""Causal language models of the transformers library: log P(continuation | prompt)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import ModelError
from audits.subjects import Plan, Subject
from audits.subjects.batches import deal, padded, right_padded
from audits.subjects.networks import load_network, longest_input, parts

LOGITS = 2**27
"""Logits in one batch at most (512 MB in float32): a large vocabulary makes batches smaller."""


class CausalLM(Subject):
    """A causal model with its tokenizer; the score is the sum over the continuation's tokens, in nats."""

    kind: ClassVar[str] = "causal-lm"

    def __init__(self, model: Any, tokenizer: Any, max_tokens: int, device: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.device = device

    def rounded(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-probabilities to 6 significant digits."""
        return np.array([float(f"{score:.6g}") for score in scores], dtype=np.float64) + 0.0

    def plan(self, inputs: pa.Table) -> Plan:
        """Deal by padded length; ``inputs`` has the columns ``input``, ``text`` (the prompt) and ``continuation``."""
        ids, starts = self.encode(inputs["text"].to_pylist(), inputs["continuation"].to_pylist())
        truncated = np.array([len(row) > self.max_tokens for row in ids], dtype=bool)
        for at in np.flatnonzero(truncated):
            ids[at], starts[at] = self._cut(ids[at], starts[at])
        lengths = np.array([len(row) for row in ids], dtype=np.int64)
        tokens = max(1, LOGITS // int(self.model.config.get_text_config().vocab_size))
        batches = deal(lengths, inputs["input"].to_pylist(), self.max_tokens, self.device, tokens)

        def run(batch: NDArray[np.int64]) -> NDArray[np.float64]:
            return self.log_probability([ids[i] for i in batch], [starts[i] for i in batch])

        return Plan(batches, run, truncated)

    def encode(self, prompts: list[str], continuations: list[str]) -> tuple[list[list[int]], list[int]]:
        """Return each prompt-with-continuation as token ids, and where its continuation's tokens begin.

        Both are tokenised as one text, as the model would read them; the beginning-of-sequence token is there
        where the tokenizer adds it. Spaces at the end of a prompt count to the continuation, since tokenizers
        glue them to the word that follows.

        Raises:
            ModelError: the tokenizer joins the end of the prompt and the beginning of the continuation into one
                token, or nothing precedes the continuation.
        """
        if not prompts:
            return [], []
        bare = [prompt.rstrip() for prompt in prompts]
        whole = [prompt + continuation for prompt, continuation in zip(prompts, continuations, strict=True)]
        heads = [self._open(ids) for ids in self.tokenizer(bare)["input_ids"]]
        ids = [self._open(row) for row in self.tokenizer(whole)["input_ids"]]
        for text, continuation, head, row in zip(prompts, continuations, heads, ids, strict=True):
            if row[: len(head)] != head:
                raise ModelError(
                    f"prompt {text!r} and continuation {continuation!r}: the tokenizer joins them into one word",
                    "begin the continuation with a space, or end the prompt at the end of a word",
                )
            if not 0 < len(head) < len(row):
                raise ModelError(
                    f"prompt {text!r}, continuation {continuation!r}: got {len(head)} and {len(row) - len(head)} "
                    "tokens, expected at least one of each",
                    "give every row a prompt and a continuation",
                )
        return ids, [len(head) for head in heads]

    def log_probability(self, ids: list[list[int]], starts: list[int]) -> NDArray[np.float64]:
        """Return Σ log P(token | all before it) over the tokens from ``start`` on, one per row, in nats."""
        import torch

        width = padded(max(len(row) for row in ids), self.max_tokens)
        tokens = torch.from_numpy(right_padded(ids, width, 0)).to(self.device)
        seen = right_padded([[1] * len(row) for row in ids], width, 0)
        counted = seen.copy()
        for row, start in zip(counted, starts, strict=True):
            row[:start] = 0
        with torch.inference_mode():
            mask = torch.from_numpy(seen).to(self.device)
            logits = self.model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, :-1].float()
            chosen = logits.gather(-1, tokens[:, 1:, None])[..., 0] - logits.logsumexp(-1)
        summed: NDArray[np.float64] = (chosen.double().cpu().numpy() * counted[:, 1:]).sum(axis=1)
        return summed

    def _open(self, ids: list[int]) -> list[int]:
        """Drop an end-of-sequence token that the tokenizer puts after every text: here the text goes on."""
        ended = len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id
        return ids[:-1] if ended else list(ids)

    def _cut(self, ids: list[int], start: int) -> tuple[list[int], int]:
        """Drop the beginning of a prompt that is too long; the continuation is always whole."""
        gone = len(ids) - self.max_tokens
        if gone >= start:
            raise ModelError(
                f"a continuation of {len(ids) - start} tokens does not fit into {self.max_tokens}",
                "raise model.max_tokens, or shorten the continuation",
            )
        return ids[gone:], start - gone


def load(model: dict[str, Any], folder: Path) -> CausalLM:
    """Load from a folder as ``save_pretrained`` writes it, or as MLflow logs it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights, words = parts(folder)
    network = load_network(AutoModelForCausalLM, weights, model)
    tokenizer = AutoTokenizer.from_pretrained(words, trust_remote_code=False)
    return CausalLM(network, tokenizer, longest_input(network, tokenizer, model), str(network.device.type))
