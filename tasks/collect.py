"""The artifacts that MLflow keeps, as a folder like any other: each fetched once, held to the digest of its tag.

What a run says of itself is not believed: a name or a digest leads nowhere until the manifest that was fetched has it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from audits.artifact import read
from audits.errors import ArtifactError, AuditError
from audits.findings import digest

TAG = "evenhand.artifact_digest"
_PAGE = 1000


class Collected(NamedTuple):
    """What was found: the folder of all artifacts, those that the server has now, and what could not be had."""

    runs: Path
    folders: tuple[Path, ...]
    lost: tuple[tuple[str, str], ...]


def collect(uri: str, home: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Collected:
    """Fetch the artifact of every run of an MLflow server that names one.

    Args:
        uri: the tracking server or store.
        home: Evenhand's own folder, in which what was fetched is kept for the next time.
        progress: told how many artifacts of how many have been looked at.

    Raises:
        ArtifactError: the server does not answer, or no run names an artifact.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient(tracking_uri=uri)
    try:
        runs = sorted(_runs(client), key=lambda run: run.info.status == "FINISHED")  # rather than a half-written one
        found = {run.data.tags[TAG]: run for run in runs}
    except (MlflowException, OSError) as error:
        raise ArtifactError(
            f"--tracking: MLflow at {uri!r} did not answer: {_first_line(error)}", "check the address and the server"
        ) from error
    if not found:
        raise ArtifactError(f"--tracking: no run of MLflow at {uri!r} names an artifact", "evenhand run logs one")
    top = home / "collected" / digest(uri)[:12]
    folders: list[Path] = []
    lost: list[tuple[str, str]] = []
    for at, (tagged, run) in enumerate(sorted(found.items(), key=lambda item: item[1].info.start_time)):
        try:
            folders.append(_kept(top, tagged) or _fetched(client, run.info.run_id, tagged, top))
        except Exception as error:  # one artifact that cannot be had is told, and the others stand
            lost.append((f"MLflow run {run.info.run_id}", _first_line(error)))
        progress(at + 1, len(found))
    if not folders:
        raise ArtifactError(f"--tracking: no artifact could be had: {lost[0][0]}: {lost[0][1]}", "check the server")
    return Collected(top, tuple(folders), tuple(lost))


def _runs(client: Any) -> Iterator[Any]:
    """Yield every run that names an artifact, of every experiment."""
    experiments = [one.experiment_id for one in _all(client.search_experiments)]
    for at in range(0, len(experiments), 100):
        asked = {"experiment_ids": experiments[at : at + 100], "filter_string": f"tags.`{TAG}` LIKE '%'"}
        yield from (run for run in _all(client.search_runs, **asked) if run.data.tags.get(TAG))


def _all(search: Callable[..., Any], **asked: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(**asked, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _kept(top: Path, tagged: str) -> Path | None:
    """Return where an artifact of this digest was put before."""
    if not re.fullmatch(r"[0-9a-f]{64}", tagged):
        raise ArtifactError(f"the tag {TAG} says {tagged[:80]!r}, which is no digest")
    for folder in top.glob(f"*/*-{tagged[:12]}"):
        try:
            if read(folder).digest == tagged:
                return folder
        except AuditError:
            shutil.rmtree(folder)  # half removed by somebody: fetched again
    return None


def _fetched(client: Any, run: str, tagged: str, top: Path) -> Path:
    top.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=top, prefix=".fetching-") as place:
        folder = Path(client.download_artifacts(run, "", place))
        artifact = read(folder)
        if artifact.digest != tagged:
            raise ArtifactError(f"what it holds has the digest {artifact.digest[:12]}, its tag says {tagged[:12]}")
        kept = top / artifact.manifest.audit / artifact.name
        kept.parent.mkdir(exist_ok=True)
        return folder.rename(kept)


def _first_line(error: Exception) -> str:
    text = str(error.message if isinstance(error, AuditError) else error).strip()
    return (text.splitlines() or [type(error).__name__])[0][:300]
