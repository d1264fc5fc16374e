"""Models in an MLflow registry. The only file that imports mlflow to reach a model."""

from __future__ import annotations

import fcntl
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from audits.errors import ModelError
from audits.findings import digest as digest_of
from audits.subjects.files import HARMLESS, files_digest, model_files
from audits.subjects.saving import make_steady

FIT_KEY = "evenhand.fit_key"
EXPERIMENT = "evenhand-models"
NO_LICENCE = "A license file could not be found"


def resolve(uri: str, tracking: str, home: Path) -> dict[str, Any]:
    """Return folder, version and digest of ``models:/name/version`` or ``models:/name@alias``.

    A version never changes, so its folder is remembered; an alias is asked for every time.

    Raises:
        ModelError: no such model or version, or the files of a version are not those first seen.
    """
    name, version, alias = _split(uri)
    if alias is not None or not version.isdigit():
        version = _ask_version(uri, name, version, alias, tracking, home)
    note = _note(home, tracking, name, version)
    if note.is_file() and Path(json.loads(note.read_text())["folder"]).is_dir():
        known = json.loads(note.read_text())
    else:
        folder = _fetch(name, version, tracking, home, note.with_suffix(""))
        known = {"folder": str(folder), "digest": files_digest(model_files(folder))}
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(known))
    return describe(uri, name, version, Path(known["folder"]), known["digest"])


def describe(uri: str, name: str, version: str, folder: Path, expected: str) -> dict[str, Any]:
    """Return what ``audits.subjects.locate`` returns, after checking that the files are the expected ones."""
    files = model_files(folder)
    digest = files_digest(files)
    if digest != expected:
        raise ModelError(
            f"models:/{name}/{version}: its files have changed: got digest {digest}, expected {expected}",
            "a version is never overwritten: register a new one, or restore its files",
        )
    return {
        "uri": uri,
        "resolved_uri": f"models:/{name}/{version}",
        "version": version,
        "folder": str(folder),
        "digest": digest,
        "files": files,
    }


def find_fitted(name: str, key: str, tracking: str, home: Path) -> dict[str, Any]:
    """Return the version of a model that a fit with this key made, resolved; ``{}`` where there is none."""
    with connected(tracking, home) as (_, client):
        found = client.search_model_versions(f"name = '{name}' and tags.`{FIT_KEY}` = '{key}'")
    versions = sorted(int(each.version) for each in found)
    return resolve(f"models:/{name}/{versions[-1]}", tracking, home) if versions else {}


class _Skops:
    """What ``mlflow.models.Model.log`` takes for a flavor: scikit-learn's, with the skops file made steady."""

    @staticmethod
    def save_model(path: str, **settings: Any) -> None:
        """Save a model into a folder that is not there yet; ``settings`` as of ``mlflow.sklearn.save_model``."""
        import mlflow.sklearn

        mlflow.sklearn.save_model(path=path, serialization_format="skops", **settings)
        for file in Path(path).rglob("*.skops"):
            make_steady(file)


class _Networks:
    """What ``mlflow.models.Model.log`` takes for a flavor: that of transformers, without what it says of no licence."""

    @staticmethod
    def save_model(path: str, **settings: Any) -> None:
        """Save a model into a folder that is not there yet; ``settings`` as of ``mlflow.transformers.save_model``.

        Of a model that comes from no hub MLflow writes that the licence of the folder it was loaded from is unknown,
        and the folder is another one each time.
        """
        import mlflow.transformers

        mlflow.transformers.save_model(path=path, **settings)
        licence = Path(path) / "LICENSE.txt"
        if licence.is_file() and NO_LICENCE in licence.read_text(encoding="utf-8"):
            licence.unlink()


def register_network(folder: Path, kind: str, name: str, key: str, tracking: str, home: Path) -> dict[str, Any]:
    """Register a transformers folder as a new version of ``name``; the folder itself is an ordinary one."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    factory, task = {
        "text-classifier": (AutoModelForSequenceClassification, "text-classification"),
        "causal-lm": (AutoModelForCausalLM, "text-generation"),
    }[kind]
    parts = {"model": factory.from_pretrained(folder), "tokenizer": AutoTokenizer.from_pretrained(folder)}
    with connected(tracking, home) as (mlflow, client), _run(mlflow, client, home, name, tracking):
        logged = mlflow.models.Model.log(
            None,
            _Networks,
            name="model",
            transformers_model=parts,
            task=task,
            pip_requirements=_pins("transformers", "torch"),
            registered_model_name=name,
        )
        client.set_model_version_tag(name, str(logged.registered_model_version), FIT_KEY, key)
    return resolve(f"models:/{name}/{logged.registered_model_version}", tracking, home)


def register_estimator(estimator: Any, name: str, key: str, tracking: str, home: Path) -> dict[str, Any]:
    """Register a fitted estimator as a new version of ``name``, saved with skops, the same one in the same bytes."""
    with connected(tracking, home) as (mlflow, client), _run(mlflow, client, home, name, tracking):
        logged = mlflow.models.Model.log(
            None,
            _Skops,
            name="model",
            sk_model=estimator,
            skops_trusted_types=list(HARMLESS),
            pip_requirements=_pins("scikit-learn", "skops"),
            registered_model_name=name,
        )
        client.set_model_version_tag(name, str(logged.registered_model_version), FIT_KEY, key)
    return resolve(f"models:/{name}/{logged.registered_model_version}", tracking, home)


def shown(text: str) -> str:
    """Return a text without the names and passwords in its addresses."""
    return re.sub(r"(://)[^/@\s]*@", r"\1***@", text)


def _split(uri: str) -> tuple[str, str, str | None]:
    rest = uri.removeprefix("models:/")
    name, at, alias = rest.partition("@")
    if at and name and alias:
        return name, "", alias
    name, slash, version = rest.partition("/")
    if not slash or not name or not version:
        raise ModelError(
            f"model.uri: got {uri!r}, expected models:/name/version or models:/name@alias",
            "name the version to audit; models:/name alone goes with model.fit",
        )
    return name, version, None


def _ask_version(uri: str, name: str, version: str, alias: str | None, tracking: str, home: Path) -> str:
    from mlflow.exceptions import MlflowException

    with connected(tracking, home) as (_, client):
        try:
            if alias is not None:
                return str(client.get_model_version_by_alias(name, alias).version)
            if version == "latest":
                return str(max(int(each.version) for each in client.search_model_versions(f"name = '{name}'")))
        except (MlflowException, ValueError) as error:
            raise ModelError(
                f"{uri!r} is not in the registry at {shown(tracking)}: {shown(str(error))}", "check name and alias"
            ) from error
    raise ModelError(f"model.uri: got version {version!r}, expected a number, latest, or @alias", "")


def _fetch(name: str, version: str, tracking: str, home: Path, kept: Path) -> Path:
    """Return the local folder of a version: where it lies already, or a copy under ``home``."""
    from mlflow.exceptions import MlflowException

    with connected(tracking, home) as (mlflow, client):
        try:
            where = client.get_model_version_download_uri(name, version)
            local = where.startswith(("file:", "/")) or "://" not in where
            return Path(
                mlflow.artifacts.download_artifacts(
                    f"models:/{name}/{version}", dst_path=None if local else str(kept), tracking_uri=tracking
                )
            ).resolve()
        except MlflowException as error:
            raise ModelError(
                f"models:/{name}/{version} is not in the registry at {shown(tracking)}: {shown(error.message)}",
                "check name and version, and tracking.uri",
            ) from error


def _note(home: Path, tracking: str, name: str, version: str) -> Path:
    where = digest_of({"tracking": tracking})[:8]
    return home / "models" / f"{where}-{digest_of(name)[:16]}-{version}.json"


@contextmanager
def connected(tracking: str, home: Path) -> Iterator[tuple[Any, Any]]:
    """Give mlflow and a client of a registry. Two processes that open a new SQLite file break each other: one waits."""
    import mlflow
    import mlflow.artifacts

    logging.getLogger("mlflow").setLevel("ERROR")
    logging.getLogger("alembic").setLevel("ERROR")
    home.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(tracking)
    mlflow.set_registry_uri(tracking)
    with (home / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = mlflow.MlflowClient(tracking)
        client.search_registered_models(max_results=1)
    yield mlflow, client


@contextmanager
def _run(mlflow: Any, client: Any, home: Path, name: str, tracking: str) -> Iterator[None]:
    """An MLflow run to log a model in; with a local database the artifacts lie beside it, under ``home``."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    place = (home / "mlartifacts").resolve().as_uri() if tracking.startswith("sqlite:") else None
    identifier = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, place)
    with mlflow.start_run(experiment_id=identifier, run_name=f"fit {name}"):
        yield


def _pins(*names: str) -> list[str]:
    return [f"{name}=={version_of(name).partition('+')[0]}" for name in names]
