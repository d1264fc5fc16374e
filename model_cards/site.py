"""A library of audits as a static site: an index, a page for every audit, a page for every model.

A page is made again only where something it is made from changed: its key is the digest of its entries, of the code
that lays it out, and of where it links to. Pages need no script, and ask for nothing outside themselves.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from audits import __version__
from audits.attestation import PublicKey
from audits.differing import between
from audits.errors import ArtifactError
from audits.findings import digest
from audits.history import Audit, Entry, Library, find_folders, read_entry, stamp
from model_cards import site_lists as lists
from model_cards import site_pages as pages
from model_cards.differences import Changed, in_words
from model_cards.site_public import FORMS, Cards, cards_of, publish
from model_cards.site_record import Done, Maker, Record, Wanted, alone, read_record, update

COPIED = ("card.html", "card.md", "card.json", "manifest.json")
"""What ``copy`` takes of an artifact, beside its charts; never the evidence, which is of people."""
_HERE = Path(__file__).parent
_MADE_BY = (
    "site.py",
    "site_pages.py",
    "site_lists.py",
    "site_record.py",
    "site_public.py",
    "trends.py",
    "svg.py",
    "numbers.py",
    "words.py",
    "differences.py",
    "charts.py",
)


class Asked(NamedTuple):
    """How a site is to be built.

    ``lost``: artifacts that could not be had, where and why · ``folders``: those that are meant, where not all are
    · ``workers``: processes that may verify · ``public``: the least count of people that a site for everybody tells.
    """

    copy: bool = False
    afresh: bool = False
    keys: Sequence[PublicKey] = ()
    lost: Sequence[tuple[str, str]] = ()
    folders: Sequence[Path] | None = None
    workers: int = 1
    public: int | None = None


Given = TypeVar("Given")
Found = TypeVar("Found")
AS_IT_IS = Asked()
WORTH_A_PROCESS = 8
"""Artifacts to verify that are worth the second in which a process starts."""
Progress = Callable[[int, int], None]


class Built(NamedTuple):
    """A site as it was built."""

    out: Path
    audits: int
    artifacts: int
    read: int
    broken: tuple[tuple[str, str], ...]
    done: Done

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "index": str(self.out / "index.html"),
            "audits": self.audits,
            "artifacts": self.artifacts,
            "verified": self.read,
            "broken": [{"artifact": place, "problem": problem} for place, problem in self.broken],
            "written": list(self.done.written),
            "unchanged": self.done.unchanged,
            "removed": list(self.done.removed),
        }

    def to_text(self) -> str:
        """Return it in a few lines."""
        lines = [
            f"{self.out / 'index.html'}: {pages.count(self.artifacts, 'artifact')} of "
            f"{pages.count(self.audits, 'audit')}, {self.read} verified anew",
            f"{len(self.done.written)} files written, {self.done.unchanged} unchanged, "
            f"{len(self.done.removed)} removed",
        ]
        return "\n".join([*lines, *(f"broken: {place}: {problem}" for place, problem in self.broken)])


def build(runs: Path, out: Path, asked: Asked = AS_IT_IS, progress: Progress = lambda done, total: None) -> Built:
    """Build the site of every artifact in a folder, or bring it up to date.

    Args:
        runs: the folder of all artifacts, ``<audit>/<artifact>``.
        out: the folder of the site: absent, empty, or built before.
        asked: whether cards are copied, whether all is made again, whose signatures are checked.
        progress: told how many artifacts of how many have been looked at.

    Raises:
        ArtifactError: there are no artifacts, or the folder holds what no build made, or a public site, of which this
            one would be none.
    """
    folders = find_folders(runs) if asked.folders is None else asked.folders
    _apart(runs, out)
    with alone(out):
        before = read_record(out)
        _may(before, out, asked)
        kept = Record(files=before.files) if asked.afresh or before.public != asked.public else before
        stamps = {stamp(folder, asked.keys): folder for folder in folders}
        entries = dict(_entries(stamps, kept.entries, asked, progress))
        cards: Cards = {}
        releases = before.releases
        if asked.public is not None:
            spread = partial(_spread, workers=asked.workers, worth=1)
            entries, releases, cards = publish(runs, entries, kept.entries.keys(), releases, asked.public, spread)
        library = Library(runs, entries.values())
        changes = _changes(library, kept.changes, asked) if asked.public is None else {}
        record = Record(site=_code(), entries=entries, changes=changes, public=asked.public, releases=releases)
        wanted = _wanted(library, changes, out, asked)
        if asked.public is not None:
            wanted = {**cards_of(library, cards, releases, asked.public, _code()), **wanted}
        if asked.afresh:
            before = before.model_copy(
                update={"files": {name: one.model_copy(update={"key": ""}) for name, one in before.files.items()}}
            )
        done = update(out, before, record, wanted)
    new = len([mark for mark in entries if mark not in kept.entries])
    return Built(out, len(library.audits), _artifacts(library), new, tuple(_broken(library, asked)), done)


def _entries(
    stamps: Mapping[str, Path], kept: Mapping[str, Entry], asked: Asked, progress: Progress
) -> Iterator[tuple[str, Entry]]:
    """Yield the entry of every artifact, kept or read."""
    yield from ((mark, kept[mark]) for mark in stamps if mark in kept)
    new = [mark for mark in stamps if mark not in kept]
    read = partial(read_entry, keys=tuple(asked.keys))
    found = _spread(read, [stamps[mark] for mark in new], asked.workers)
    for at, (mark, entry) in enumerate(zip(new, found, strict=True)):
        progress(at + 1, len(new))
        yield mark, entry


def _may(before: Record, out: Path, asked: Asked) -> None:
    """Refuse to put what is not for everybody where everybody looks."""
    if before.public is not None and asked.public is None:
        raise ArtifactError(
            f"site: {str(out)!r} was built with --public, and would show everything",
            "build it with --public, or into another folder",
        )


def _changes(library: Library, known: Mapping[str, Changed], asked: Asked) -> dict[str, Changed]:
    """Return what changed between every two artifacts that follow one another, by their digests."""
    pairs = {f"{one.digest} {two.digest}": (one, two) for audit in library.audits for one, two in pairwise(audit.whole)}
    new = [pair for pair in pairs if pair not in known]
    found = _spread(partial(_compared, library), [pairs[pair] for pair in new], asked.workers)
    told = dict(zip(new, found, strict=True))
    return {pair: known.get(pair) or told[pair] for pair in pairs}


def _compared(library: Library, pair: tuple[Entry, Entry]) -> Changed:
    return in_words(between(library.artifact(pair[0]), library.artifact(pair[1])))


def _spread(
    function: Callable[[Given], Found], given: Sequence[Given], workers: int, worth: int = WORTH_A_PROCESS
) -> Iterator[Found]:
    """Yield what a function finds for each thing given, in order; several processes share what takes seconds."""
    workers = min(workers, len(given) // worth)
    if workers < 2:
        yield from map(function, given)
        return
    share = max(1, len(given) // (8 * workers))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            yield from pool.map(function, given, chunksize=share)
        except BrokenProcessPool:
            raise ArtifactError(
                "site: a process that verifies was ended", "is there memory enough? run it again"
            ) from None


def _apart(runs: Path, out: Path) -> None:
    """Refuse a place among the artifacts: what is written there would be taken for one, or damage one."""
    place, top = out.resolve(), runs.resolve()
    if place == top or place.parent.parent == top or (place.is_relative_to(top) and (place / "manifest.json").exists()):
        raise ArtifactError(f"site: got {str(out)!r}, which is a place for artifacts", "give another folder with --out")


def _artifacts(library: Library) -> int:
    return sum(len(audit.entries) for audit in library.audits)


def _broken(library: Library, asked: Asked) -> list[tuple[str, str]]:
    here = [(entry.place, entry.problem) for audit in library.audits for entry in audit.broken]
    return sorted([*here, *asked.lost])


@lru_cache(maxsize=1)
def _code() -> str:
    """Return the digest of everything that lays out a page, so that a page of another version is made again."""
    hasher = hashlib.sha256(__version__.encode())
    templates = sorted((_HERE / "templates").glob("site*"))
    for path in [*(_HERE / name for name in _MADE_BY), *templates, _HERE / "templates" / "card.css"]:
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def _wanted(library: Library, changes: Mapping[str, Changed], out: Path, asked: Asked) -> dict[str, Wanted]:
    """Return every file of the site, the index last."""
    wanted: dict[str, Wanted] = {}
    base = (
        "../cards"
        if asked.copy or asked.public
        else _url(os.path.relpath(library.runs.resolve(), (out / "audits").resolve()))
    )
    models: dict[str, list[Audit]] = {}
    for audit in library.audits:
        if asked.copy and not asked.public:
            for entry in audit.whole:
                wanted |= _copies(library, entry)
        wanted[pages.page_of(audit.name)] = _audit_page(audit, changes, base, asked.public)
        if audit.current:
            models.setdefault(audit.current.model or "", []).append(audit)
    for name, held in models.items():
        values = lists.model(name, held) | {"public": asked.public}
        wanted[pages.model_page(name)] = _page("site_model.html.j2", values)
    rows = [lists.row(audit) for audit in library.audits]
    values = lists.index(rows, _artifacts(library), _broken(library, asked)) | {"public": asked.public}
    wanted["index.html"] = _page("site_index.html.j2", values)
    return wanted


def _audit_page(audit: Audit, changes: Mapping[str, Changed], base: str, public: int | None) -> Wanted:
    pairs = pairwise(audit.whole) if public is None else ()  # what changed is not told to everybody
    after = {two.digest: changes[f"{one.digest} {two.digest}"] for one, two in pairs}
    held = [entry.model_dump(mode="json") for entry in audit.entries]
    key = digest([_code(), base, public, held])  # what changed follows from the digests

    def link(entry: Entry, name: str) -> str:
        return f"{base}/{_url(entry.place)}/{name}" if public is None or name in FORMS else ""

    def make() -> bytes:
        return _rendered("site_audit.html.j2", pages.audit(audit, after, link) | {"public": public})

    return Wanted(key, make)


def _page(template: str, values: Mapping[str, Any]) -> Wanted:
    return Wanted(digest([_code(), template, values]), lambda: _rendered(template, values))


def _rendered(template: str, values: Mapping[str, Any]) -> bytes:
    page = _templates().get_template(template).render(css=Markup(_style()), words=pages.WORDS, **values)  # noqa: S704 - our own file
    return page.encode()


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """Return the templates; every value is escaped, but the style sheet and the charts."""
    return Environment(loader=PackageLoader("model_cards", "templates"), autoescape=True, undefined=StrictUndefined)


def _copies(library: Library, entry: Entry) -> dict[str, Wanted]:
    sealed = library.artifact(entry).manifest.files
    names = [name for name in sealed if name in COPIED or name.startswith("charts/")] + ["manifest.json"]
    return {
        f"cards/{entry.place}/{name}": Wanted(f"{entry.digest} {name}", _reader(library, entry, name)) for name in names
    }


def _reader(library: Library, entry: Entry, name: str) -> Maker:
    def make() -> bytes:
        artifact = library.artifact(entry)
        return artifact.manifest.to_bytes() if name == "manifest.json" else artifact.content(name)

    return make


def _url(path: str) -> str:
    return quote(Path(path).as_posix())


@lru_cache(maxsize=1)
def _style() -> str:
    sheets = [(_HERE / "templates" / name).read_text(encoding="utf-8") for name in ("card.css", "site.css")]
    return "\n".join(line.strip() for sheet in sheets for line in sheet.splitlines() if line.strip())
