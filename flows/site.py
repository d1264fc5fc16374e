"""What ``evenhand site`` does: artifacts from a folder or from MLflow, as a static site."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from audits.attestation import read_public_key
from model_cards.site import Asked, Built, build
from tasks.console import console


def site(
    runs: Path,
    out: Path,
    *,
    tracking: str | None = None,
    copy: bool = False,
    afresh: bool = False,
    keys: Sequence[Path] = (),
    public: int | None = None,
) -> Built:
    """Build the site of a folder of artifacts, or of those that an MLflow server keeps.

    Those of a server are fetched into Evenhand's own folder, so their cards are always copied into the site. With
    ``public``, the least count of people that may be told, the site is of public versions alone.

    Raises:
        ArtifactError: there are no artifacts, or ``out`` holds what no build made.
        SigningError: a key cannot be read.
    """
    known = [read_public_key(key) for key in keys]
    asked = Asked(
        copy=copy or tracking is not None, afresh=afresh, keys=known, workers=os.cpu_count() or 1, public=public
    )
    if tracking is not None:
        from audits import paths
        from flows import environment
        from tasks.collect import collect

        environment.prepare(paths.home())
        with console.step("fetching artifacts"):
            found = collect(tracking, paths.home(), console.progress)
        runs, asked = found.runs, asked._replace(folders=found.folders, lost=found.lost)
    with console.step("reading artifacts"):
        return build(runs, out, asked, console.progress)
