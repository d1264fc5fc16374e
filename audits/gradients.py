"""Integrated gradients of a text classifier: the log-odds of its positive class, shared out among the tokens.

The path runs from a text of baseline tokens to the text itself through the word embeddings. The embedding layer's
answer is replaced while the model reads the real token ids, so positions, attention and the token that a decoder
pools at stay what they are for the text. torch is imported where it is used.

Nodes are those of Clenshaw and Curtis: as accurate here as the same number of Gauss–Legendre nodes (Trefethen 2008),
but twice the nodes contain all former ones, so asking for more keeps what was computed, and both ends of the path,
which the check needs, are among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable
from audits.subjects.batches import deal, padded, right_padded

Floats = NDArray[np.float64]
MOST_NODES = 256
TOKENS_PER_BATCH = {"cpu": 2048, "mps": 8192, "cuda": 32768}
"""A third of what scoring takes: every layer's answers are kept for the way back."""


@dataclass(frozen=True)
class Encoding:
    """One text as the model reads it, shape ``(tokens,)`` each.

    ``columns`` what the model is given (``input_ids`` …) · ``offsets`` characters of each token, shape ``(tokens, 2)``
    · ``special`` whether a token is the tokenizer's own (its embedding never moves).
    """

    columns: dict[str, list[int]]
    offsets: NDArray[np.int64]
    special: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.special)


@dataclass(frozen=True)
class Attribution:
    """What the tokens of one text add to the log-odds, shape ``(tokens,)``.

    ``change`` log-odds of the text less those of the baseline · ``error`` (Σ tokens − change) / max(1, abs(change))
    · ``nodes`` gradients taken.
    """

    tokens: Floats
    change: float
    error: float
    nodes: int


def encode(subject: Any, texts: Sequence[str]) -> list[Encoding]:
    """Tokenise texts as the subject does, cut at its longest input. Raises ``NotMeasurable`` without offsets."""
    if not getattr(subject.tokenizer, "is_fast", False):
        raise NotMeasurable("the model's tokenizer does not tell which characters a token stands for")
    coded = subject.tokenizer(
        list(texts),
        truncation=True,
        max_length=subject.max_tokens,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    own = ("offset_mapping", "special_tokens_mask", "attention_mask")
    columns = [name for name in coded if name not in own]
    return [
        Encoding(
            {name: coded[name][at] for name in columns},
            np.array(coded["offset_mapping"][at], dtype=np.int64).reshape(-1, 2),
            np.array(coded["special_tokens_mask"][at], dtype=bool),
        )
        for at in range(len(texts))
    ]


def clenshaw_curtis(intervals: int) -> tuple[Floats, Floats]:
    """Return the ``intervals + 1`` nodes on [0, 1], falling from 1 to 0, and their weights (sum 1).

    Source: Clenshaw, Curtis 1960, Numerische Mathematik 2:197; weights after Waldvogel 2006, BIT 46:195.
    """
    k = np.arange(intervals + 1)
    j = np.arange(1, intervals // 2 + 1)
    terms = np.where(2 * j == intervals, 1, 2) / (4 * j**2 - 1) * np.cos(2 * np.pi * np.outer(k, j) / intervals)
    ends = np.where((k == 0) | (k == intervals), 1, 2)
    return (1 + np.cos(np.pi * k / intervals)) / 2, ends / (2 * intervals) * (1 - terms.sum(axis=1))


def integrate(
    subject: Any, encodings: Sequence[Encoding], *, baseline: int, nodes: int, tolerance: float
) -> list[Attribution]:
    """Return the attribution of every text, in order.

    Args:
        subject: a text classifier (``model``, ``tokenizer``, ``device``, ``positive``, ``max_tokens``).
        encodings: what ``encode`` returned.
        baseline: token id that every token but the special ones starts from.
        nodes: intervals of the first try (an even number); doubled for a text whose error is above ``tolerance``,
            as long as they are at most 256.
        tolerance: largest completeness error, relative to max(1, change).

    Raises:
        NotMeasurable: the model computes in less than float32, or reads more than one embedded text.

    Source: Sundararajan, Taly, Yan 2017, section 3.
    """
    model = _Path(subject, baseline)
    kept = [_Kept.start(nodes, len(encoding)) for encoding in encodings]
    open_ = list(range(len(encodings)))
    with model.frozen():
        while open_:
            wanted = [(at, node) for at in open_ for node in kept[at].wanted()]
            for (at, node), value, slope in model.evaluate(encodings, wanted, kept):
                kept[at].values[node], kept[at].slopes[node] = value, slope
            open_ = [at for at in open_ if abs(kept[at].attribution().error) > tolerance and kept[at].doubled()]
    return [one.attribution() for one in kept]


@dataclass
class _Kept:
    """What is known of one text's path: log-odds and slopes at the nodes, NaN where not yet computed."""

    values: Floats
    slopes: NDArray[np.float32]

    @classmethod
    def start(cls, intervals: int, tokens: int) -> _Kept:
        return cls(np.full(intervals + 1, np.nan), np.zeros((intervals + 1, tokens), np.float32))

    def wanted(self) -> list[int]:
        return np.flatnonzero(np.isnan(self.values)).tolist()

    def alpha(self, node: int) -> float:
        return float((1 + np.cos(np.pi * node / (len(self.values) - 1))) / 2)

    def attribution(self) -> Attribution:
        _, weights = clenshaw_curtis(len(self.values) - 1)
        tokens = weights @ self.slopes.astype(np.float64)
        change = float(self.values[0] - self.values[-1])
        return Attribution(tokens, change, (float(tokens.sum()) - change) / max(1.0, abs(change)), len(self.values))

    def doubled(self) -> bool:
        """Make room for twice the nodes; ``False`` where that would be too many."""
        intervals = 2 * (len(self.values) - 1)
        if intervals > MOST_NODES:
            return False
        finer = _Kept.start(intervals, self.slopes.shape[1])
        finer.values[::2], finer.slopes[::2] = self.values, self.slopes
        self.values, self.slopes = finer.values, finer.slopes
        return True


class _Path:
    """A classifier's log-odds and their slope at points between a text of baseline tokens and the text."""

    def __init__(self, subject: Any, baseline: int) -> None:
        import torch

        self.subject = subject
        self.baseline = baseline
        self.embed = subject.model.get_input_embeddings()
        self.budget = TOKENS_PER_BATCH.get(subject.device, TOKENS_PER_BATCH["cpu"])
        dtype = self.embed.weight.dtype
        if dtype not in (torch.float32, torch.float64):
            raise NotMeasurable(
                f"integrated gradients need a model in float32, got {str(dtype).removeprefix('torch.')}: "
                "in less, the attributions do not add up",
                "set model.dtype to float32",
            )
        if getattr(getattr(subject.model, "config", None), "is_encoder_decoder", False):
            raise NotMeasurable("integrated gradients of a model that embeds its text twice (encoder and decoder)")

    @cached_property
    def separate(self) -> bool:
        """Whether every class has its own sigmoid."""
        kind = getattr(getattr(self.subject.model, "config", None), "problem_type", None)
        return bool(kind == "multi_label_classification")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Take gradients of the input alone: half the work, and the parameters stay as they were."""
        asked = [parameter for parameter in self.subject.model.parameters() if parameter.requires_grad]
        for parameter in asked:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in asked:
                parameter.requires_grad_(True)

    def evaluate(
        self, encodings: Sequence[Encoding], points: list[tuple[int, int]], kept: Sequence[_Kept]
    ) -> Iterator[tuple[tuple[int, int], float, NDArray[np.float32]]]:
        """Yield each point (text, node), the log-odds there, and the tokens' slopes along the path."""
        lengths = np.array([len(encodings[at]) for at, _ in points], dtype=np.int64)
        names = [f"{at:09d} {node:04d}" for at, node in points]
        longest = self.subject.max_tokens
        for batch in deal(lengths, names, longest, self.subject.device, self.budget):
            chosen = [points[i] for i in batch]
            alphas = [kept[at].alpha(node) for at, node in chosen]
            values, slopes = self._slopes([encodings[at] for at, _ in chosen], alphas)
            for point, value, slope in zip(chosen, values, slopes, strict=True):
                yield point, float(value), slope[: len(encodings[point[0]])]

    def _slopes(self, texts: list[Encoding], alphas: list[float]) -> tuple[Floats, NDArray[np.float32]]:
        import torch

        inputs, start = self._tensors(texts)
        alpha = torch.tensor(alphas, dtype=torch.float64).to(self.embed.weight)[:, None, None]
        with torch.no_grad():
            end, begin = self.embed(inputs["input_ids"]), self.embed(start)
            step = end - begin
            path = begin + alpha * step
        with torch.enable_grad(), self._embedding(path.requires_grad_()):
            odds = self.log_odds(self.subject.model(**inputs).logits)
            (gradient,) = torch.autograd.grad(odds.sum(), path)
        slopes = (gradient * step).sum(-1)
        return odds.detach().double().cpu().numpy(), slopes.float().cpu().numpy()

    def _tensors(self, texts: list[Encoding]) -> tuple[dict[str, Any], Any]:
        """Return the model's inputs, padded to one length, and the token ids that the path starts from."""
        import torch

        width = padded(max(map(len, texts)), self.subject.max_tokens)
        filler = {"input_ids": self.subject.tokenizer.pad_token_id or 0}
        arrays = {
            name: right_padded([text.columns[name] for text in texts], width, filler.get(name, 0))
            for name in texts[0].columns
        }
        arrays["attention_mask"] = right_padded([[1] * len(text) for text in texts], width, 0)
        moves = right_padded([(~text.special).astype(int).tolist() for text in texts], width, 0)
        start = np.where(moves == 1, self.baseline, arrays["input_ids"])
        inputs = {name: torch.from_numpy(array).to(self.subject.device) for name, array in arrays.items()}
        return inputs, torch.from_numpy(start).to(self.subject.device)

    @contextmanager
    def _embedding(self, answer: Any) -> Iterator[None]:
        """Let the embedding layer answer with a point of the path."""
        hook = self.embed.register_forward_hook(lambda *_: answer)
        try:
            yield
        finally:
            hook.remove()

    def log_odds(self, logits: Any) -> Any:
        """Return log P(positive) / P(not positive) from logits of shape ``(texts, classes)``."""
        import torch

        own = logits[:, self.subject.positive]
        if logits.shape[1] == 1 or self.separate:
            return own
        others = [at for at in range(logits.shape[1]) if at != self.subject.positive]
        return own - torch.logsumexp(logits[:, others], dim=1)
