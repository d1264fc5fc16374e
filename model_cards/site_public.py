"""A library for everybody: each artifact by its public version, held against those of its audit that came before.

Nothing of what an artifact holds reaches a page, a card or the record of the site but by ``model_cards.public``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from audits.findings import canonical_json, digest
from audits.history import Entry, Library, rulings
from audits.verdict import LimitVerdict
from model_cards.public import is_suppressed, public_sources
from model_cards.publishing import RECORD, held_against, records_beside, release_record
from model_cards.render import render_sources
from model_cards.site_record import Wanted
from model_cards.sources import Sources, read_sources

CARD = "card.html"
FORMS = {CARD: "html", "card.md": "md", "card.json": "json"}
"""What is published of each artifact: its card, made again. Nothing that was sealed is copied, nor linked to."""
UNTOLD = "This artifact is not what was sealed, or cannot be read."

Released = dict[str, Any]
"""The record of a release (``model_cards.publishing``), with the digest of its artifact."""


class Published(NamedTuple):
    """The public version of an artifact: what a library may say of it, its record, its card by the name of the file."""

    entry: Entry
    record: Released
    cards: dict[str, bytes]


Work = tuple[Sequence[Entry], Sequence[Released]]
"""Entries of one audit, the oldest first, and the records of all its releases so far."""
Cards = Mapping[str, Mapping[str, bytes]]
"""What is published of artifacts, by their place and the name of the file."""
Spread = Callable[[Callable[[Work], list[Published]], Sequence[Work]], Iterator[list[Published]]]


def publish(
    runs: Path, entries: Mapping[str, Entry], known: Collection[str], releases: Sequence[Released], threshold: int,
    spread: Spread,
) -> tuple[dict[str, Entry], tuple[Released, ...], Cards]:  # fmt: skip
    """Return entries that may be shown, the records of all releases, and the cards of what is published anew.

    Args:
        runs: the folder of all artifacts.
        entries: every entry by its stamp.
        known: stamps of those that are public already.
        releases: the records of whatever the site told before.
        threshold: the least count of people that may be told.
        spread: carries out the work, audit by audit, in order.
    """
    told = {mark: _hidden(entry) if entry.problem else entry for mark, entry in entries.items()}
    new: dict[str, list[str]] = {}
    for mark, entry in sorted(told.items(), key=lambda item: (item[1].ended, item[1].place)):
        if mark not in known and not entry.problem:
            new.setdefault(entry.audit, []).append(mark)
    work = [([told[mark] for mark in marks], [one for one in releases if one["audit"] == audit])
            for audit, marks in new.items()]  # fmt: skip
    kept, cards = {canonical_json(one): one for one in releases}, {}
    for marks, made in zip(new.values(), spread(partial(publish_all, runs, threshold), work), strict=True):
        for mark, one in zip(marks, made, strict=True):
            told[mark], cards[one.entry.place] = one.entry, one.cards
            kept[canonical_json(one.record)] = one.record
    return told, tuple(kept.values()), cards


def cards_of(
    library: Library, made: Cards, releases: Sequence[Released], threshold: int, code: str
) -> dict[str, Wanted]:
    """Return the cards of a public site; what was not made in this build is made again where it is not there."""
    wanted = {}
    for entry in [entry for audit in library.audits for entry in audit.whole]:
        known = [one for one in releases if one["audit"] == entry.audit]
        again = cache(partial(publish_one, library.runs, threshold, entry, known))

        def make(name: str, entry: Entry = entry, again: Callable[[], Published] = again) -> bytes:
            return made[entry.place][name] if entry.place in made else again().cards[name]

        own = [one for one in known if _is_of(one, entry, threshold)]
        for name in (*FORMS, f"{CARD}{RECORD}"):
            key = digest([code, name, entry.digest, own[-1:]])
            wanted[f"cards/{entry.place}/{name}"] = Wanted(key, partial(make, name))
    return wanted


def publish_all(runs: Path, threshold: int, work: Work) -> list[Published]:
    """Publish artifacts of one audit, each held against those published before."""
    entries, known = work
    records, made = list(known), []
    for entry in entries:
        made.append(publish_one(runs, threshold, entry, records))
        records.append(made[-1].record)
    return made


def publish_one(runs: Path, threshold: int, entry: Entry, records: Sequence[Released]) -> Published:
    """Publish one artifact. A release of it by the same rule is repeated, whatever came after it."""
    folder = runs / entry.place
    sources = read_sources(folder)
    own = [at for at, one in enumerate(records) if _is_of(one, entry, threshold)]
    before = records[: own[-1] + 1] if own else records
    earlier = held_against(sources, [*records_beside(folder.resolve().parent), *before])
    shown, release = public_sources(sources, threshold, earlier)
    record = {**release_record(sources, "site", release), "artifact": entry.digest}
    if own and all(record[name] == records[own[-1]][name] for name in ("told", "withheld", "open")):
        record = records[own[-1]]  # the same release, which keeps its day
    return Published(_told(entry, shown), record, _cards(shown, record))


def _is_of(record: Released, entry: Entry, threshold: int) -> bool:
    return bool((record["artifact"], record["threshold"]) == (entry.digest, threshold))


def _hidden(entry: Entry) -> Entry:
    """A broken artifact without the sentence that says what is wrong with it: it may quote what is in it."""
    return entry.model_copy(update={"problem": UNTOLD})


def _told(entry: Entry, shown: Sources) -> Entry:
    limits = [LimitVerdict.model_validate(limit) for limit in shown.verdict.get("limits") or ()]
    told = [finding for finding in shown.findings if not is_suppressed(finding) and finding.value is not None]
    return entry.model_copy(update={
        "rulings": rulings(limits, shown.findings), "reason": "", "findings": len(told), "missing": 0,
    })  # fmt: skip


def _cards(shown: Sources, record: Released) -> dict[str, bytes]:
    cards = {name: render_sources(shown, form) for name, form in FORMS.items()}
    return {**cards, f"{CARD}{RECORD}": canonical_json(record) + b"\n"}
