"""The chain: every artifact of an audit names the digest of the one sealed before it.

From one artifact alone nobody can tell whether an earlier one was taken away. From the chain they can: what was
removed is named by its successor, what was replaced has another digest, what was reordered names a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from audits.artifact.model import MANIFEST
from audits.artifact.verifying import Problem, verify
from audits.errors import ArtifactError


class Link(NamedTuple):
    """What an artifact, which verifies, says of its place in the chain."""

    name: str
    digest: str
    previous: str | None
    ended: datetime
    audit: str = ""


def chain_problems(path: Path) -> list[Problem]:
    """Return everything that is wrong with the chain of the artifact at ``path`` and those beside it.

    1. Every artifact of the folder verifies, and all are of one audit.
    2. All but the first name a predecessor that is there and ended no later than they did.
    3. No two name the same one, and one alone names none: a line without branches.

    Raises:
        ArtifactError: where there is nothing at ``path``.
    """
    if not (path / MANIFEST).is_file():
        raise ArtifactError(f"got {str(path)!r}, expected the folder of an artifact", "there is no such artifact")
    problems: list[Problem] = []
    links: list[Link] = []
    for folder in folders_beside(path):
        try:
            one = verify(folder)
        except ArtifactError as error:
            problems.append(Problem(file=folder.name, message=error.message))
        else:
            links.append(Link(one.name, one.digest, one.manifest.previous, one.manifest.ended, one.manifest.audit))
    return problems or broken_links(links)


def folders_beside(path: Path) -> list[Path]:
    """Return the folders of the artifact at ``path`` and of all beside it; what is still being sealed is none."""
    beside = path.resolve().parent.iterdir()
    return sorted(one for one in beside if not one.name.startswith(".") and (one / MANIFEST).is_file())


def broken_links(links: Sequence[Link]) -> list[Problem]:
    """Return where artifacts of one audit are no line without gaps and branches (steps 2 and 3)."""
    strange = [
        Problem(file=link.name, message=f"is of the audit {link.audit!r}, the one before it in the folder of another")
        for before, link in pairwise(links)
        if link.audit != before.audit
    ]
    return [*strange, *_predecessors(links), *_branches(links)]


def _predecessors(links: Sequence[Link]) -> list[Problem]:
    known = {link.digest: link for link in links}
    problems = []
    for link in links:
        previous = link.previous
        if previous is None:
            continue
        if previous not in known:
            said = f"names {previous[:12]} as the one before it, which is not here: removed or replaced"
            problems.append(Problem(file=link.name, message=said))
        elif known[previous].ended > link.ended:
            said = f"names {known[previous].name} as the one before it, which ended later"
            problems.append(Problem(file=link.name, message=said))
    return problems


def _branches(links: Sequence[Link]) -> list[Problem]:
    followers: dict[str | None, list[Link]] = {}
    for link in links:
        followers.setdefault(link.previous, []).append(link)
    problems = []
    for previous, after in followers.items():
        if len(after) > 1:
            names = " and ".join(one.name for one in after)
            of = "no predecessor" if previous is None else f"the predecessor {previous[:12]}"
            problems.append(Problem(file=after[1].name, message=f"{names} name {of}: the chain has branches"))
    return problems
