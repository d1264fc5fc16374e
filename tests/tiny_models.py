"""Models small enough to make in a test, and the tokenizer they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "<s>", "</s>", "the", "a", "man", "woman", "nurse", "doctor", "is", "was"),
    *("good", "bad", "film", "loan", "dear", "lender", "I", "am", "very", "and", "not", "with", "he", "she", "it"),
    *(".", ","),
]

TEXTS = [
    "the film is good",
    "the film is bad .",
    "a man",
    "dear lender , I am a woman and I am very good with it .",
    "",
]


def save_tokenizer(folder: Path, **special: str) -> Any:
    """Save a word tokenizer that puts [CLS] and [SEP] around a text, or with ``bos_token`` that one before it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {word: number for number, word in enumerate(WORDS)}
    words = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    if "bos_token" in special:
        words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", numbers["<s>"])])
    else:
        ends = [("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
        words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64, **special
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def save_classifier(folder: Path, labels: tuple[str, ...] = ("denied", "approved"), seed: int = 0) -> Path:
    """Save a BERT classifier with random weights; returns the folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    config.initializer_range = 0.3
    BertForSequenceClassification(config).save_pretrained(folder)
    save_tokenizer(folder, cls_token="[CLS]", sep_token="[SEP]")
    return folder


def save_language_model(folder: Path) -> Path:
    """Save a Llama with random weights, whose tokenizer puts <s> before every text; returns the folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        bos_token_id=4,
        eos_token_id=5,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    save_tokenizer(folder, bos_token="<s>", eos_token="</s>")
    return folder


def model(**settings: Any) -> dict[str, Any]:
    """Return a spec's model as the child takes it, on the CPU."""
    defaults = {"kind": "text-classifier", "uri": "m", "revision": None, "device": "cpu", "dtype": "float32"}
    rest = {"max_tokens": None, "positive_class": None, "pickle_sha256": None, "features": []}
    return {**defaults, **rest, **settings}
