"""Columns of categories from texts: which frequent words a text holds, and which texts are like it.

Both look at the texts alone, never at how they were decided, so that searching them needs no rows of its own. Texts
are alike by k-means on an embedding (``audits.subgroups.embedding``); each cluster is named by the words by which it
differs most from the other texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audits.discovery import Categories
from audits.subgroups.embedding import lsa, minilm

MOST_WORDS = 40
"""Words that are searched: the most frequent ones that are not everywhere."""

_PATTERN = r"(?u)\b[^\W\d_][\w'-]+\b"
_SAMPLE = 20_000

Embedding = Literal["lsa", "minilm"]
"""Latent semantic analysis of the texts' own words, in seconds; or a sentence model, slower and better."""


def word_columns(texts: Sequence[str | None], support: float, most: int = MOST_WORDS) -> list[Categories]:
    """Return a column for each frequent word: ``yes`` where the text holds it, in lower case; no category elsewhere.

    Args:
        texts: one per row, ``None`` where there is none.
        support: least share of the rows that a word is in; those in more than 1 − support are left out too.
        most: words, the most frequent first; English function words never.
    """
    counts, words = _counted(texts, support, binary=True)
    if not words:
        return []
    held = np.asarray(counts.sum(axis=0)).ravel()
    order = np.lexsort((np.array(words), -held))[:most]
    columns = counts.tocsc()
    found = []
    for at in order.tolist():
        codes = np.full(len(texts), -1, np.int16)
        codes[columns.indices[columns.indptr[at] : columns.indptr[at + 1]]] = 0
        found.append(Categories(f"word {words[at]!r}", codes, ["yes"]))
    return found


def cluster_column(
    texts: Sequence[str | None], clusters: int, seed: int, embedding: Embedding = "lsa"
) -> Categories | None:
    """Return the column of each text's cluster, named by its most distinctive words; ``None`` for too few texts.

    Args:
        texts: one per row, ``None`` where there is none.
        clusters: how many; texts that are fewer than ten times as many have none.
        seed: of components and centres.
        embedding: how texts become points.
    """
    from sklearn.cluster import KMeans

    counts, words = _counted(texts, 0.0, binary=False)
    filled = np.flatnonzero(np.diff(counts.indptr)) if words else np.empty(0, np.int64)
    if len(filled) < 10 * clusters or len(words) < 3:
        return None
    own_words = counts[filled]
    points = lsa(own_words, seed) if embedding == "lsa" else minilm([texts[at] or "" for at in filled.tolist()])
    some = points[np.sort(np.random.default_rng(seed).permutation(len(filled))[:_SAMPLE])]
    distinct = len(np.unique(some.round(6), axis=0))
    if distinct < 2:
        return None
    means = KMeans(min(clusters, distinct), n_init=4, random_state=seed).fit(some)
    present, own = np.unique(means.predict(points), return_inverse=True)
    codes = np.full(len(texts), -1, np.int16)
    codes[filled] = own
    return Categories("texts like", codes, _names(own_words, own, len(present), words))


def _counted(texts: Sequence[str | None], support: float, binary: bool) -> tuple[Any, list[str]]:
    """Texts × words: how often each is in, of the words that enough and not nearly all texts hold."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    least = max(round(support * len(texts)), 2)
    most = len(texts) - least if support else len(texts)
    counter = CountVectorizer(
        token_pattern=_PATTERN, stop_words="english", binary=binary, min_df=least, max_df=max(most, least)
    )
    try:
        counts = counter.fit_transform([text or "" for text in texts])
    except ValueError:  # no word is left
        return csr_matrix((len(texts), 0)), []
    return counts.tocsr(), counter.get_feature_names_out().tolist()


def _names(counts: Any, own: NDArray[Any], clusters: int, words: Sequence[str]) -> list[str]:
    """Each cluster's three words of which its texts hold most beyond what the others do, rare words weighing more."""
    from sklearn.feature_extraction.text import TfidfTransformer

    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    total, names = np.asarray(weighted.sum(axis=0)).ravel(), []
    for cluster in range(clusters):
        mine = own == cluster
        inside = np.asarray(weighted[mine].sum(axis=0)).ravel()
        apart = inside / mine.sum() - (total - inside) / max((~mine).sum(), 1)
        best = np.argsort(-apart, kind="stable")[:3]
        names.append(", ".join(words[at] for at in best))
    return [name if names.count(name) == 1 else f"{name} ({at + 1})" for at, name in enumerate(names)]
