"""What the lists of a site say: the index of all audits, and the page of each model."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from audits.history import Audit, Entry
from model_cards.site_pages import (
    WORDS,
    count,
    day,
    heading_of,
    model_name,
    model_page,
    page_of,
    short_digest,
    warnings_of,
    word_of,
)
from model_cards.words import NOT_MEANT, shown

UNLETTERED = 12
"""Audits that a list holds without being parted by letters."""


class Row(NamedTuple):
    """An audit in a list."""

    name: str
    page: str
    title: str
    question: str
    about: tuple[str, ...]
    model: str
    word: str
    day: str
    warnings: tuple[str, ...]


def row(audit: Audit) -> Row:
    """Return an audit as a list tells it."""
    current = audit.current
    return Row(
        name=audit.name,
        page=page_of(audit.name),
        title=heading_of(audit),
        question=shown(current.question, 300) if current else "",
        about=tuple(_about(audit)),
        model=(current.model or "") if current else "",
        word=word_of(current),
        day=day(current.ended) if current else "",
        warnings=tuple(warnings_of(audit)),
    )


def _about(audit: Audit) -> list[str]:
    many = count(len(audit.entries), "artifact")
    current = audit.current
    if current is None:
        return [f"audit: {shown(audit.name, 80)}", many]
    subject = f"model: {model_name(current.model)}" if current.model else "decisions already taken"
    version = f" {shown(current.version, 80)}" if current.version else ""
    signed = "signed" if current.claimed else "not signed"
    return [f"audit: {audit.name}", f"{subject}{version}", f"data: {shown(current.data, 160)}", many, signed]


def index(rows: Sequence[Row], artifacts: int, broken: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the values of the first page. ``broken``: where, and what is wrong with it."""
    models: dict[str, list[Row]] = {}
    for one in rows:
        if one.word != "BROKEN":
            models.setdefault(one.model, []).append(one)
    return {
        "counted": f"{count(len(rows), 'question')} asked of {count(len([m for m in models if m]), 'model')}, "
        f"{count(artifacts, 'artifact')} in all.",
        "verdicts": _verdicts(rows),
        "broken": [(shown(place, 200), shown(problem, 400)) for place, problem in broken],
        "letters": _letters(rows),
        "models": [
            {
                "name": model_name(name),
                "page": model_page(name),
                "many": count(len(held), "question"),
                "verdicts": _verdicts(held),
            }
            for name, held in sorted(models.items(), key=lambda item: (not item[0], item[0].casefold()))
        ],
        "not_meant": NOT_MEANT,
    }


def _letters(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return audits by their first letter; a few of them as one list."""
    if len(rows) <= UNLETTERED:
        return [("", list(rows))]
    letters: dict[str, list[Row]] = {}
    for one in rows:
        first = one.name[:1].upper()
        letters.setdefault(first if first in string.ascii_uppercase else "0-9", []).append(one)
    return sorted(letters.items())


def _verdicts(rows: Sequence[Row]) -> list[tuple[str, int]]:
    found = Counter(one.word for one in rows)
    return [(word, found[word]) for word in WORDS if found[word]]


def model(name: str, audits: Sequence[Audit]) -> dict[str, Any]:
    """Return the values of a model's page: every audit whose newest artifact is of it, every version audited."""
    versions: dict[tuple[str, str, str], list[Entry]] = {}
    for audit in audits:
        for entry in audit.whole:
            if entry.model == name and entry.model_digest:
                versions.setdefault((entry.version, entry.model_digest, audit.name), []).append(entry)
    told_versions = sorted(versions.items(), key=lambda item: item[1][-1].ended, reverse=True)
    artifacts = sum(len(audit.entries) for audit in audits)
    return {
        "name": model_name(name),
        "counted": f"{count(len(audits), 'question')} asked of it, {count(artifacts, 'artifact')} in all.",
        "audits": [row(audit) for audit in audits],
        "versions": [
            (
                shown(version, 80) or "not named",
                short_digest(digest),
                audit,
                str(len(held)),
                day(held[-1].ended),
                WORDS[word_of(held[-1])],
            )
            for (version, digest, audit), held in told_versions
        ],
    }
