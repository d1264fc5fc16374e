"""Columns of categories from texts: which frequent words a text holds, and which texts are like it.

Both look at the texts alone, never at how they were decided, so that searching them needs no rows of its own. The
embedding is latent semantic analysis: weighted word counts on their leading components, then k-means. Each cluster is
named by the words by which it differs most from the other texts.

Source: Deerwester et al. 1990, JASIS 41:391 (latent semantic analysis).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.discovery import Categories

MOST_WORDS = 40
"""Words that are searched: the most frequent ones that are not everywhere."""

_PATTERN = r"(?u)\b[^\W\d_][\w'-]+\b"
_COMPONENTS = 50
_SAMPLE = 100_000


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


def cluster_column(texts: Sequence[str | None], clusters: int, seed: int) -> Categories | None:
    """Return the column of each text's cluster, named by its most distinctive words; ``None`` for too few texts.

    Args:
        texts: one per row, ``None`` where there is none.
        clusters: how many; texts that are fewer than ten times as many have none.
        seed: of components and centres.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import normalize

    counts, words = _counted(texts, 0.0, binary=False)
    filled = np.flatnonzero(np.diff(counts.indptr)) if words else np.empty(0, np.int64)
    components = min(_COMPONENTS, len(words) - 1)
    if len(filled) < 10 * clusters or components < 2:
        return None
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts[filled])
    generator = np.random.default_rng(seed)
    sample = np.sort(generator.permutation(len(filled))[:_SAMPLE])
    svd = TruncatedSVD(components, random_state=seed).fit(weighted[sample])
    points = normalize(svd.transform(weighted))
    distinct = len(np.unique(points[sample].round(6), axis=0))
    if distinct < 2:
        return None
    means = KMeans(min(clusters, distinct), n_init=4, random_state=seed).fit(points[sample])
    own = means.predict(points)
    present, own = np.unique(own, return_inverse=True)
    codes = np.full(len(texts), -1, np.int16)
    codes[filled] = own
    return Categories("texts like", codes, _names(weighted, own, len(present), words))


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


def _names(weighted: Any, own: NDArray[Any], clusters: int, words: Sequence[str]) -> list[str]:
    """Each cluster's three words of which its texts hold most beyond what the others do."""
    total, names = np.asarray(weighted.sum(axis=0)).ravel(), []
    for cluster in range(clusters):
        mine = own == cluster
        inside = np.asarray(weighted[mine].sum(axis=0)).ravel()
        apart = inside / mine.sum() - (total - inside) / max((~mine).sum(), 1)
        best = np.argsort(-apart, kind="stable")[:3]
        names.append(", ".join(words[at] for at in best))
    return [name if names.count(name) == 1 else f"{name} ({at + 1})" for at, name in enumerate(names)]
