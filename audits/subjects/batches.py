"""Batches of texts: of one padded length each, so that nothing in a batch changes a neighbour's score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MULTIPLE = 8
"""Texts are padded to the next multiple of this many tokens, and only texts of one padded length share a batch.

How far a text is padded thus follows from the text alone, and with it the order in which its numbers are summed.
Measured with MiniLM on a CPU: the same bits in every batch from 1 to 127 rows.
"""
TOKENS = {"cpu": 4096, "mps": 16384, "cuda": 65536}
"""Tokens in one batch: past these the arithmetic gets no faster, and a kill loses more."""


def padded(length: int, longest: int) -> int:
    """Return the padded length of a text of ``length`` tokens, at most ``longest``."""
    return min(-(-length // MULTIPLE) * MULTIPLE, max(longest, length))


def deal(
    lengths: NDArray[np.int64], names: list[str], longest: int, device: str, tokens: int | None = None
) -> list[NDArray[np.int64]]:
    """Deal texts into batches of one padded length, by length and then by name, the longest first.

    The deal follows from the set of inputs, not from their order. Longest first: what does not fit into memory
    fails at once, and the time left is never underestimated.

    Args:
        lengths: tokens of each text, shape ``(rows,)``.
        names: the inputs' digests; the order among equals.
        longest: length past which nothing is padded.
        device: sets the tokens per batch.
        tokens: tokens per batch, where fewer than usual fit.
    """
    budget = min(tokens or TOKENS["cuda"], TOKENS.get(device, TOKENS["cpu"]))
    widths = np.array([padded(int(length), longest) for length in lengths], dtype=np.int64)
    order = np.lexsort((np.array(names, dtype=object), -widths)) if len(widths) else np.array([], dtype=np.int64)
    batches: list[NDArray[np.int64]] = []
    at = 0
    while at < len(order):
        width = int(widths[order[at]])
        same = at + int(np.searchsorted(-widths[order[at:]], -width, side="right"))
        size = max(1, budget // max(width, 1))
        batches += [order[start : min(start + size, same)] for start in range(at, same, size)]
        at = same
    return batches


def right_padded(rows: list[list[int]], width: int, filler: int) -> NDArray[np.int64]:
    """Return token ids as an array of shape ``(len(rows), width)``, filled up on the right."""
    array = np.full((len(rows), width), filler, dtype=np.int64)
    for row, ids in zip(array, rows, strict=True):
        row[: len(ids)] = ids
    return array
