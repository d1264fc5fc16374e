"""From the uri of a spec to a local folder and the digest of what lies there. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from audits.errors import ModelError
from audits.paths import resolve as path_of
from audits.subjects.files import files_digest, model_files

SAFE_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.skops"]


def locate(model: dict[str, Any], base: str, home: str, tracking: str) -> dict[str, Any]:
    """Find the model on this machine, fetching it where it is elsewhere.

    Args:
        model: the spec's ``model``.
        base: folder of the spec.
        home: Evenhand's own folder; what is fetched is kept in ``models`` there.
        tracking: MLflow tracking uri.

    Returns:
        ``uri``, ``resolved_uri`` (with version or revision), ``version``, ``folder``, ``digest``, ``files``.
    """
    uri = model["uri"]
    if uri.startswith("models:/"):
        from audits.subjects import registered

        return registered.resolve(uri, tracking, Path(home))
    if model["kind"] == "python":
        return _python(uri, Path(base))
    path = path_of(uri, Path(base))
    if path.exists():
        return _found(uri, str(path.resolve()), None, path.resolve(), model_files(path))
    if is_hub_id(uri, Path(base)):
        return _from_hub(uri, model["revision"])
    raise ModelError(
        f"model.uri: got {uri!r}, which is neither in {base!r} nor in the current folder",
        "give a folder, models:/name/version, or a hub id with model.revision",
    )


def is_hub_id(uri: str, base: Path) -> bool:
    """Whether a uri can only be a model on the Hugging Face hub: ``name`` or ``owner/name``, and no such path."""
    plain = not uri.startswith(("models:/", ".", "/", "~")) and "://" not in uri and not uri.endswith(".skops")
    return plain and uri.count("/") <= 1 and ":" not in uri and not path_of(uri, base).exists()


def _found(uri: str, resolved: str, version: str | None, folder: Path, files: dict[str, str]) -> dict[str, Any]:
    return {
        "uri": uri,
        "resolved_uri": resolved,
        "version": version,
        "folder": str(folder),
        "digest": files_digest(files),
        "files": files,
    }


def _python(uri: str, base: Path) -> dict[str, Any]:
    from audits.subjects.python_function import function_of, source_files, split

    file, name = split(uri)
    path = path_of(file, base).resolve()
    function_of(path, name)
    sources = source_files(path, base)
    root = Path(os.path.commonpath([source.parent for source in sources]))
    return _found(uri, f"{path.name}:{name}", None, path, model_files(root, sources))


def _from_hub(uri: str, revision: str | None) -> dict[str, Any]:
    if revision is None:
        raise ModelError(
            f"model.uri: {uri!r} is on the hub and the spec names no revision",
            "set model.revision to a commit, so that tomorrow's audit is of the same model",
        )
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(uri, revision=revision, allow_patterns=SAFE_PATTERNS))
    except Exception as error:  # network, no such repository, gated: the hub's own words are the best
        raise ModelError(f"model {uri!r} at {revision!r}: {error}", "check id, revision and network") from error
    return _found(uri, f"{uri}@{folder.name}", folder.name, folder, model_files(folder))
