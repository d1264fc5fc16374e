"""Step 11: the sealed artifact into MLflow, now or, where the server is away, with the next run."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audits.artifact import Artifact, read
from audits.errors import AuditError
from audits.findings import Finding
from audits.paths import tracking_uri
from tasks.console import console
from tasks.lock import alone
from tasks.run import Run
from tasks.step import step

_LONGEST_KEY = 250  # characters of a metric's name, as MLflow has it
KEPT_AWAY = 5.0  # seconds a tracking server has to answer before it counts as away


@step(reads=("tracking",), retries=1, kept=False)
def record(run: Run, out: Path) -> None:
    """Log the sealed artifact as one MLflow run; keep it for the next run where the server is away."""
    sealed = json.loads((run.folder / "sealed.json").read_bytes())
    home = Path(run.home)
    put_aside(home, Path(sealed["artifact"]), run.spec.tracking.uri)
    logged = record_all(home)
    (out / "record.json").write_text(json.dumps(logged.get(sealed["artifact"], {"run_id": None})))


def put_aside(home: Path, artifact: Path, uri: str | None) -> None:
    """Note that an artifact is to be logged, before anything can go wrong with logging it."""
    note = home / "outbox" / f"{artifact.name}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"artifact": str(artifact), "uri": uri}))


def record_all(home: Path) -> dict[str, dict[str, Any]]:
    """Log every artifact that waits. Returns artifact path → run; one that cannot be logged keeps waiting."""
    with alone(home / "outbox.lock", "logging to MLflow"):  # or each would take the other's run for a half-written one
        return _record_all(home)


def _record_all(home: Path) -> dict[str, dict[str, Any]]:
    logged = {}
    for note in sorted((home / "outbox").glob("*.json")):
        waiting = json.loads(note.read_bytes())
        folder = Path(waiting["artifact"])
        if not folder.is_dir():
            console.warn(f"{folder} waited to be logged to MLflow and is no longer there")
            note.unlink()
            continue
        uri = tracking_uri(waiting["uri"], home)
        try:
            _answers(uri)
            logged[str(folder)] = _log(read(folder), uri, home) | {"tracking_uri": uri}
        except Exception as error:  # the verdict stands and the artifact is safe: a tracking server must not end a run
            console.warn(
                f"MLflow at {uri} could not be reached or refused: {_short(error)}. The artifact is kept and will be "
                f"logged by the next run, or by: evenhand run --resume {folder}"
            )
        else:
            note.unlink()
    return logged


def _answers(uri: str) -> None:
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(uri.rstrip("/") + "/health", timeout=KEPT_AWAY).read()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise


def _log(artifact: Artifact, uri: str, home: Path) -> dict[str, Any]:
    """Log one artifact, once: a run with its digest that was finished is left as it is."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    spec = artifact.spec
    experiment = _experiment(client, spec.tracking.experiment or spec.audit, uri, home)
    for known in client.search_runs([experiment], f"tags.`evenhand.artifact_digest` = '{artifact.digest}'"):
        if known.info.status == "FINISHED":
            return {"run_id": known.info.run_id, "experiment_id": experiment}
        client.delete_run(known.info.run_id)  # a killed process left it half written
    run = client.create_run(experiment, run_name=artifact.folder.name, tags=_tags(artifact))
    run_id = run.info.run_id
    _log_numbers(client, run_id, artifact.findings)
    _log_inputs(client, run_id, artifact)
    client.log_artifacts(run_id, str(artifact.folder))
    client.set_terminated(run_id)
    return {"run_id": run_id, "experiment_id": experiment}


def _experiment(client: Any, name: str, uri: str, home: Path) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    place = None if uri.startswith(("http", "databricks")) else (home / "mlartifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=place))


def _tags(artifact: Artifact) -> dict[str, str]:
    manifest = artifact.manifest
    return {
        "evenhand.audit": artifact.spec.audit,
        "evenhand.verdict": artifact.verdict.verdict,
        "evenhand.artifact_digest": artifact.digest,
        "evenhand.model_digest": manifest.digests.model or "",
        "evenhand.policy_sha256": manifest.digests.policy,
        "mlflow.note.content": artifact.spec.question,
    }


def metric_key(finding: Finding) -> str:
    """Return a readable MLflow metric key: ``parity/race/Black vs white/selection_rate difference``."""
    groups = f"{finding.group} vs {finding.reference}" if finding.reference else finding.group
    parts = [finding.technique, finding.attribute, groups, f"{finding.measure} {finding.comparison}"]
    allowed = ["".join(c if c.isascii() and (c.isalnum() or c in "_-. ") else "_" for c in part) for part in parts]
    return "/".join(part.strip(". ") or "_" for part in allowed if part)[:_LONGEST_KEY]


def _log_numbers(client: Any, run_id: str, findings: Sequence[Finding]) -> None:
    from mlflow.entities import Metric

    values: dict[str, float] = {}
    for finding in findings:
        if finding.value is not None:
            key = metric_key(finding)
            values[key if key not in values else f"{key[: _LONGEST_KEY - 8]} {len(values)}"] = finding.value
    metrics = [Metric(key, value, 0, 0) for key, value in values.items()]
    for start in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[start : start + 1000])


def _log_inputs(client: Any, run_id: str, artifact: Artifact) -> None:
    """Link the data and, where the registry knows it, the model; tag the model version with the verdict."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput

    source = artifact.spec.data.source
    fingerprint = artifact.manifest.digests.data
    data = Dataset(
        name=source[-500:],
        digest=fingerprint[:36],
        source_type="local",
        source=json.dumps({"uri": source}),
        schema=None,
        profile=json.dumps({"num_rows": artifact.document("data.json").get("rows", {}).get("audited")}),
    )
    tags = [InputTag("mlflow.data.context", "audit"), InputTag("evenhand.sha256", fingerprint)]
    models = []
    registered = re.fullmatch(r"models:/([^/]+)/(\d+)", artifact.document("model.json").get("resolved_uri") or "")
    if registered:
        name, number = registered.groups()
        client.set_model_version_tag(name, number, "evenhand.verdict", artifact.verdict.verdict)
        client.set_model_version_tag(name, number, "evenhand.artifact_digest", artifact.digest)
        logged = re.fullmatch(r"models:/(m-\w+)", client.get_model_version(name, number).source or "")
        models = [LoggedModelInput(model_id=logged[1])] if logged else []
    client.log_inputs(run_id, datasets=[DatasetInput(data, tags)], models=models)


def _short(error: Exception) -> str:
    text = str(error.message if isinstance(error, AuditError) else error).strip().split("\n")[0]
    return text[:200] or type(error).__name__
