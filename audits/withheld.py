"""Evidence that an artifact does not hold (``evidence: digest-only``), brought back by whoever has it.

Its digests are sealed, so that what is brought is held to what the audit saw: the tables themselves, from a folder
that kept them, byte for byte; or the data, from which rows, groups and decisions follow again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audits.artifact.strict import copy_checked, hash_file, parse_json
from audits.artifact.tables import refuse_swollen
from audits.errors import ArtifactError
from audits.evidence import PAIRS, Evidence

if TYPE_CHECKING:
    from audits.artifact import Artifact


def evidence_from(artifact: Artifact, given: Path, folder: Path) -> Evidence:
    """Return the evidence of an artifact that withheld it, put together in ``folder``.

    Args:
        artifact: one that verifies.
        given: a folder with the withheld tables, or the file that the data were read from.
        folder: an empty folder.

    Raises:
        ArtifactError: what was brought is not what the audit saw, or is not enough.
    """
    if given.is_dir():
        _copied(artifact, given, folder)
    else:
        _made_again(artifact, given, folder)
    if not (folder / "groups.json").is_file():
        (folder / "groups.json").write_bytes(artifact.content("groups.json"))
    return Evidence(folder, artifact.spec)


def _copied(artifact: Artifact, given: Path, folder: Path) -> None:
    for name, sealed in artifact.manifest.withheld.items():
        if not (given / name).is_file():
            raise ArtifactError(f"{str(given)!r}: got no {name}, which was withheld", "name the folder that keeps it")
        found, _ = hash_file(given, name)
        if found != sealed.sha256:
            raise ArtifactError(
                f"{name}: got sha256 {found[:12]}…, the audit saw {sealed.sha256[:12]}…",
                "bring the one it was made from",
            )
        refuse_swollen(folder, copy_checked(given, name, folder, sealed.sha256))


def _made_again(artifact: Artifact, given: Path, folder: Path) -> None:
    import pyarrow.parquet as pq

    from audits.data import load
    from audits.observe import from_data
    from audits.slices import cut

    spec = artifact.spec
    if spec.model is not None:
        raise ArtifactError(
            "the model's predictions were withheld, and they do not follow from the data",
            "name the folder that keeps predictions.parquet, or run the audit again",
        )
    if not given.is_file():
        raise ArtifactError(
            f"got {str(given)!r}, expected a folder of tables or the file of the data", "check the path"
        )
    source = spec.data.model_copy(update={"source": str(given.resolve())})
    load(spec.model_copy(update={"data": source}), given.resolve().parent, folder)
    found = parse_json((folder / "data.json").read_bytes(), "data.json")["digest"]
    expected = artifact.manifest.digests.data
    if found != expected:
        raise ArtifactError(
            f"{str(given)!r}: got the data digest {found[:12]}…, the audit saw {expected[:12]}…",
            "bring the very table that was audited, with the same rows in the same order",
        )
    cut(spec, folder, folder)
    pq.write_table(from_data(pq.read_table(folder / "rows.parquet")), folder / "predictions.parquet")
    pq.write_table(PAIRS.empty_table(), folder / "pairs.parquet")
