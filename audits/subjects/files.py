"""The files of a model: their digest, and which of them may be opened at all."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

from audits.errors import ModelError

IGNORED = frozenset({".git", ".github", ".gitignore", ".gitattributes", "__pycache__"})
ENVELOPE = frozenset(
    {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "registered_model_meta", "input_example.json"}
)
"""What MLflow writes around a model when it is logged or registered: run ids, times, versions."""
PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".bin", ".pt", ".pth", ".ckpt", ".dill"})
HARMLESS = ("numpy.dtype",)
"""Types that skops asks about although making one runs nothing: imputers keep the dtype they saw."""


def file_digest(path: Path) -> str:
    """Return the sha256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(files: dict[str, str]) -> str:
    """Return the digest of a model from its files' digests.

    sha256 of the concatenated raw sha256 digests in sorted order of the files' paths: the subject digest of the
    OpenSSF model signing specification 1.0, method ``files``.
    """
    return hashlib.sha256(b"".join(bytes.fromhex(files[name]) for name in sorted(files))).hexdigest()


def model_files(root: Path, only: Iterable[Path] | None = None) -> dict[str, str]:
    """Return ``{path: sha256}`` of a model's files, paths relative to ``root`` with forward slashes.

    Left out, as in OpenSSF model signing: ``.git`` and its like. Also left out where MLflow has logged the model:
    its own envelope (``MLmodel``, requirements, environments, ``registered_model_meta``), which differs between two
    registrations of the same weights.
    """
    if root.is_file():
        return {root.name: file_digest(root)}
    envelope: Collection[str] = ENVELOPE if (root / "MLmodel").is_file() else ()
    files = sorted(path for path in root.rglob("*") if path.is_file()) if only is None else sorted(only)
    kept = {}
    for path in files:
        relative = path.relative_to(root)
        if IGNORED.isdisjoint(relative.parts) and relative.as_posix() not in envelope:
            kept[relative.as_posix()] = file_digest(path)
    if not kept:
        raise ModelError(f"model folder {str(root)!r} holds no files", "check model.uri")
    return kept


def allow(path: Path, allowed_sha256: str | None) -> None:
    """Refuse a file that runs code on loading, unless the spec names its digest.

    Raises:
        ModelError: naming the file and the digest to write into the spec by whoever trusts it.
    """
    digest = file_digest(path)
    if digest == allowed_sha256:
        return
    got = "no model.pickle_sha256" if allowed_sha256 is None else f"model.pickle_sha256 {allowed_sha256}"
    raise ModelError(
        f"{path.name} can run code when it is loaded; got {got}, expected {digest}",
        "save the model as safetensors or skops; or, where you trust whoever wrote the file, set model.pickle_sha256",
    )
