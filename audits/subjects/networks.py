"""What the transformers models have in common: where the parts lie, safe loading, device, longest input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audits.errors import ModelError
from audits.subjects.files import allow

NO_LIMIT = 100_000
"""A tokenizer's ``model_max_length`` past this means that it was never set."""
OFFSET_POSITIONS = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet", "data2vec-text"}
)
"""Model types whose positions begin after the padding index, so that that many fewer tokens fit."""


def parts(folder: Path) -> tuple[Path, Path]:
    """Return the folders of weights and tokenizer: one and the same, or MLflow's two."""
    if (folder / "config.json").is_file():
        return folder, folder
    if (folder / "model" / "config.json").is_file():
        words = folder / "components" / "tokenizer"
        return folder / "model", words if words.is_dir() else folder / "model"
    raise ModelError(
        f"{str(folder)!r} is no transformers model: it has no config.json",
        "save it with save_pretrained, the tokenizer into the same folder",
    )


def load_network(factory: Any, weights: Path, model: dict[str, Any]) -> Any:
    """Load a network from safetensors, in eval mode, on its device.

    Pickled weights only with ``model.pickle_sha256``; code that comes with a model never.

    Raises:
        ModelError: no safetensors, or weights that the architecture needs are not in the files.
    """
    import torch

    safe = any(weights.glob("*.safetensors"))
    if not safe:
        pickles = sorted(weights.glob("*.bin"))
        if not pickles:
            raise ModelError(f"{str(weights)!r} holds no weights", "expected model.safetensors beside config.json")
        for path in pickles:
            allow(path, model["pickle_sha256"])
    try:
        network, report = factory.from_pretrained(
            weights,
            dtype=getattr(torch, model["dtype"]),
            use_safetensors=safe,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"{weights.name}: {error}", "check model.kind and the folder's config.json") from error
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:4])
        raise ModelError(
            f"{weights.name}: the files have no weights for {missing}; they would be random",
            "audit a model that was trained for the task; check model.kind",
        )
    return network.eval().to(device(model["device"]))


def device(wanted: str) -> str:
    """Return the device of a spec: ``auto`` is CUDA, else Apple's, else the CPU."""
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, there in available.items() if there)
    if not available[wanted]:
        raise ModelError(f"model.device: got {wanted!r}, which this machine has not", "set it to auto")
    return wanted


def longest_input(network: Any, tokenizer: Any, model: dict[str, Any]) -> int:
    """Return the most tokens an input may have: the least of what model, tokenizer and spec allow."""
    limits = [model["max_tokens"], getattr(network.config, "max_position_embeddings", None)]
    if limits[1] is not None and network.config.model_type in OFFSET_POSITIONS:
        limits[1] -= (network.config.pad_token_id or 0) + 1
    if tokenizer.model_max_length < NO_LIMIT:
        limits.append(tokenizer.model_max_length)
    return min((int(limit) for limit in limits if limit and limit > 0), default=NO_LIMIT)
