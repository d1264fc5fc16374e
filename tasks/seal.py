"""Step 10: the run folder becomes a sealed artifact."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from audits import artifact
from audits.attestation import attest, signing_keys
from audits.errors import SigningError
from tasks.run import Run, libraries
from tasks.step import step


@step(reads=("audit", "evidence"), also=lambda run: f"{run.started} {run.out}")
def seal(run: Run, out: Path) -> None:
    """Write the artifact folder, whole or not at all, and say where it is in ``sealed.json``."""
    folder = artifact.seal(
        run.folder,
        Path(run.out),
        spec=run.spec,
        spec_text=Path(run.spec_path).read_text(),
        started=datetime.fromisoformat(run.started),
        ended=datetime.now(UTC),
        libraries=libraries(),
    )
    sealed = artifact.read(folder)
    try:
        if keys := signing_keys():
            attest(sealed, keys)
    except SigningError as error:
        raise SigningError(
            f"{str(folder)!r} is sealed, but not signed: {error.message}", f"evenhand sign {folder} --key KEY"
        ) from error
    (out / "sealed.json").write_text(
        json.dumps({"artifact": str(folder), "digest": sealed.digest, "verdict": sealed.verdict.verdict})
    )
