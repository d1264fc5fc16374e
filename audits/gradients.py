"""Integrated gradients of a text classifier: the log-odds of its positive class, shared out among the tokens.

The path runs from a text of baseline tokens to the text itself through the word embeddings. The embedding layer's
answer is replaced while the model reads the real token ids, so positions, attention and the token that a decoder
pools at stay what they are for the text. torch is imported where it is used.

The path is cut into quarters, each with the nodes of Clenshaw and Curtis: as accurate as the same number of
Gauss–Legendre nodes (Trefethen 2008), but twice the nodes contain all former ones, so asking for more keeps what was
computed, and the ends of a quarter, which its check needs, are among them. A classifier makes up its mind on a short
stretch of the path, and only the quarters it lies in get more nodes: measured with a MiniLM trained on SST-2 to a
tolerance of 1e-3, 34 gradients a text, where doubling the nodes of the whole path takes 51, and Gauss–Legendre 82.
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
QUARTERS = ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
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

    ``change`` log-odds of the text less those of the baseline · ``error`` how far Σ tokens may be from ``change``, over
    max(1, abs(change)): summed over the quarters without their signs, so that no two errors cancel · ``nodes``
    gradients taken.
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
    kept = [_Kept([nodes // len(QUARTERS)] * len(QUARTERS)) for _ in encodings]
    open_ = list(range(len(encodings)))
    with model.frozen():
        while open_:
            wanted = [(at, alpha) for at in open_ for alpha in kept[at].wanted()]
            for (at, alpha), value, slope in model.evaluate(encodings, wanted):
                kept[at].values[alpha], kept[at].slopes[alpha] = value, slope
            open_ = [at for at in open_ if kept[at].refine(tolerance)]
    return [one.attribution() for one in kept]


class _Kept:
    """What is known of one text's path: log-odds and the tokens' slopes, by the place on the path."""

    def __init__(self, intervals: list[int]) -> None:
        self.intervals = intervals
        self.values: dict[float, float] = {}
        self.slopes: dict[float, NDArray[np.float32]] = {}

    def nodes(self, quarter: int) -> tuple[list[float], Floats]:
        begin, end = QUARTERS[quarter]
        nodes, weights = clenshaw_curtis(self.intervals[quarter])
        return (begin + (end - begin) * nodes).tolist(), (end - begin) * weights

    def wanted(self) -> list[float]:
        asked = {alpha for quarter in range(len(QUARTERS)) for alpha in self.nodes(quarter)[0]}
        return sorted(asked - self.values.keys())

    def parts(self) -> tuple[Floats, Floats]:
        """Tokens' attributions in each quarter, shape ``(quarters, tokens)``, and each quarter's error."""
        tokens, errors = [], []
        for quarter in range(len(QUARTERS)):
            nodes, weights = self.nodes(quarter)
            tokens.append(weights @ np.array([self.slopes[alpha] for alpha in nodes], dtype=np.float64))
            errors.append(tokens[-1].sum() - (self.values[nodes[0]] - self.values[nodes[-1]]))
        return np.array(tokens), np.abs(errors)

    def attribution(self) -> Attribution:
        tokens, errors = self.parts()
        change = self.values[1.0] - self.values[0.0]
        return Attribution(tokens.sum(axis=0), change, float(errors.sum()) / max(1.0, abs(change)), len(self.values))

    def refine(self, tolerance: float) -> bool:
        """Ask for twice the nodes in the quarters that miss their share of the tolerance; ``False`` to stop."""
        _, errors = self.parts()
        most = tolerance * max(1.0, abs(self.values[1.0] - self.values[0.0]))
        if errors.sum() <= most:
            return False
        before = list(self.intervals)
        for quarter in np.argsort(-errors, kind="stable"):
            if errors[quarter] > most / len(QUARTERS) and sum(self.intervals) + before[quarter] <= MOST_NODES:
                self.intervals[quarter] *= 2
        return self.intervals != before


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
        self, encodings: Sequence[Encoding], points: list[tuple[int, float]]
    ) -> Iterator[tuple[tuple[int, float], float, NDArray[np.float32]]]:
        """Yield each point (text, place on the path), the log-odds there, and the tokens' slopes along the path."""
        lengths = np.array([len(encodings[at]) for at, _ in points], dtype=np.int64)
        names = [f"{at:09d} {alpha:.17f}" for at, alpha in points]
        for batch in deal(lengths, names, self.subject.max_tokens, self.subject.device, self.budget):
            chosen = [points[i] for i in batch]
            values, slopes = self._slopes([encodings[at] for at, _ in chosen], [alpha for _, alpha in chosen])
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
