"""What the page of an audit says, and words that all pages share: entries → the values that the templates lay out.

Everything that an artifact's author wrote goes through ``shown``; the templates escape whatever they are given.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from audits.history import Audit, Entry, Ruling
from model_cards.differences import Changed
from model_cards.trends import Point, told, told_interval, told_limit, trend, untold
from model_cards.words import NOT_MEANT, VERDICTS, anchor, group_name, shown, title

WORDS = {
    "PASS": "PASS",
    "FAIL": "FAIL",
    "INCONCLUSIVE": "INCONCLUSIVE",
    "WAIVED": "PASS, WAIVED",
    "NONE": "NO LIMITS",
    "BROKEN": "BROKEN",
}
"""How a verdict is called: those of an audit, and what stands in the place of one."""
NO_MODEL = "Decisions already taken, no model"
_MEANT = {**VERDICTS, "BROKEN": "No artifact of this audit is what was sealed, so there is no verdict to tell."}
_CAUTION = NOT_MEANT[0]

Link = Callable[[Entry, str], str]
"""Where the site links to for a file of an artifact, from a page one folder deep."""


def day(moment: str) -> str:
    """Return "2026-11-20"."""
    return moment[:10]


def minute(moment: str) -> str:
    """Return "2026-11-20 10:14 UTC"; "not known" where the artifact does not say it."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC" if moment else "not known"


def count(number: int, noun: str) -> str:
    """Return "1 audit" or "2 audits"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def word_of(entry: Entry | None) -> str:
    """Return which of ``WORDS`` an entry has; of no whole entry, that it is broken."""
    if entry is None or entry.problem:
        return "BROKEN"
    if not entry.rulings:
        return "NONE"
    waived = entry.verdict == "PASS" and any(ruling.waived for ruling in entry.rulings)
    return "WAIVED" if waived else entry.verdict


def page_of(audit: str) -> str:
    """Return the page of an audit, from the top of the site."""
    return f"audits/{_file(audit)}.html"


def model_page(model: str) -> str:
    """Return the page of a model, from the top of the site."""
    return f"models/{_file(model)}.html" if model else "models/decisions.html"


def _file(name: str) -> str:
    kept = set(string.ascii_lowercase + string.digits + "-")
    return name if set(name) <= kept and 0 < len(name) <= 80 and name != "decisions" else anchor(name)


def model_name(model: str) -> str:
    """Return a model as the site calls it."""
    return shown(model, 160) if model else NO_MODEL


def heading_of(audit: Audit) -> str:
    """Return the title that the newest card gives the audit, or its name as words."""
    current = audit.current
    return shown((current.title if current else "") or title(audit.name), 160)


def warnings_of(audit: Audit) -> list[str]:
    """Return what a reader of its verdict must know: broken artifacts, a broken chain."""
    found = []
    if audit.broken and audit.current and audit.doubtful:
        found.append("A newer artifact is broken: the verdict shown may not be the last one.")
    elif audit.broken:
        found.append(
            f"{count(len(audit.broken), 'artifact')} of it {'is' if len(audit.broken) == 1 else 'are'} broken."
        )
    if len(audit.chain) > len(audit.broken):
        found.append("Its chain is broken: an artifact was removed, replaced or reordered.")
    return found


def audit(held: Audit, changes: Mapping[str, Changed], link: Link) -> dict[str, Any]:
    """Return the values of an audit's page. ``changes`` by the digest of the later of two artifacts."""
    current = held.current
    word = word_of(current)
    trends = _trends(held)
    anchors = {one["key"]: one["id"] for one in trends}
    whole = [entry.ended for entry in held.whole]
    newest = current or held.entries[-1]
    return {
        "audit": shown(held.name, 80),
        "heading": heading_of(held),
        "question": shown(current.question) if current else "",
        "facts": _facts(held),
        "word": word,
        "meaning": _MEANT[word],
        "caution": _CAUTION if word in ("PASS", "WAIVED") else "",
        "day": minute(current.ended) if current else "",
        "card": link(current, "card.html") if current else "",
        "warnings": warnings_of(held),
        "limits": [_limit(ruling, anchors.get(ruling.key, "")) for ruling in (current.rulings if current else ())],
        "trends": trends,
        "history": [_line(entry, link, changes) for entry in reversed(held.entries)],
        "changes": [
            {
                "id": f"change-{after.digest[:12]}",
                "from": minute(before.ended),
                "to": minute(after.ended),
                "told": changes[after.digest],
            }
            for before, after in reversed(list(pairwise(held.whole)))
            if after.digest in changes
        ],
        "chain": [shown(line, 400) for line in held.chain],
        "whole": "the one artifact" if len(whole) == 1 else f"the {len(whole)}",
        "newest": shown(newest.place, 200),
        "signing": _signing(current),
    }


def _facts(held: Audit) -> list[tuple[str, str, str]]:
    current = held.current
    many = [("Audits", count(len(held.entries), "artifact"), "")]
    if current is None:
        return many
    name = current.model or ""
    version = f" ({shown(current.version, 80)})" if current.version else ""
    first = held.whole[0]
    return [
        ("Model", f"{model_name(name)}{version}", f"../{model_page(name)}"),
        ("Data", shown(current.data, 160), ""),
        ("Audited", day(current.ended) if first is current else f"{day(first.ended)} to {day(current.ended)}", ""),
        *many,
        ("Chain", "broken, see below" if held.chain else "whole", "#chain"),
    ]


def _limit(ruling: Ruling, place: str) -> dict[str, Any]:
    return {
        "verdict": ruling.verdict,
        "waived": ruling.waived,
        "text": shown(ruling.text, 300),
        "reason": shown(ruling.reason),
        "anchor": place,
    }


def _line(entry: Entry, link: Link, changes: Mapping[str, Changed]) -> dict[str, Any]:
    place = f"run-{anchor(entry.name)}"
    if entry.problem:
        told_problem = {"place": shown(entry.place, 200), "problem": shown(entry.problem, 400)}
        return {"id": place, "when": minute(entry.ended), **told_problem}
    missing = f", {entry.missing:,} not measurable" if entry.missing else ""
    return {
        "id": place,
        "problem": "",
        "when": minute(entry.ended),
        "word": word_of(entry),
        "model": " ".join(part for part in (shown(entry.version, 80), short_digest(entry.model_digest)) if part)
        or "none",
        "data": short_digest(entry.data_digest),
        "numbers": f"{entry.findings:,}{missing}",
        "signature": _signature(entry),
        "card": link(entry, "card.html"),
        "artifact": link(entry, "manifest.json"),
        "change": f"change-{entry.digest[:12]}" if entry.digest in changes else "",
    }


def short_digest(digest: str | None) -> str:
    """Return the first twelve of a digest."""
    return shown((digest or "").removeprefix("sha256:"), 200)[:12]


def _signature(entry: Entry) -> str:
    if entry.signed:
        return f"signed by {', '.join(key[:12] for key in entry.signed)}"
    if entry.claimed:
        return f"says {', '.join(shown(key, 80)[:12] for key in entry.claimed)}, not checked"
    return "not signed"


def _signing(current: Entry | None) -> str:
    if current is None or not current.claimed:
        return "Verified means that every byte is what was sealed; it says nothing of who sealed it."
    if current.signed:
        return "The newest artifact is signed, and the signature holds with the public key given to this site."
    return "A signature is checked with the public key of whoever signs: evenhand verify --key, or evenhand site --key."


def _trends(held: Audit) -> list[dict[str, Any]]:
    """Return a trend for each limit that any audit was judged by, those of the newest first, in its order."""
    points: dict[str, list[Point]] = {}
    for entry in reversed(held.whole):
        for ruling in entry.rulings:
            points.setdefault(ruling.key, []).insert(0, Point(day(entry.ended), ruling))
    return [_trend(key, found) for key, found in points.items()]


def _trend(key: str, points: Sequence[Point]) -> dict[str, Any]:
    place = f"trend-{anchor(key)}"
    last = points[-1].ruling
    name = shown(last.text, 200)
    measured = any(point.ruling.value is not None for point in points)
    svg = trend(place, f"{name}, over {count(len(points), 'audit')}", points) if measured else ""
    lines = [
        (
            point.day,
            point.ruling.verdict + (", waived" if point.ruling.waived else ""),
            told(point.ruling, point.ruling.value) or untold(point.ruling),
            told_interval(point.ruling) or "none",
            told_limit(point.ruling),
            " against ".join(group_name(one) for one in (point.ruling.worst or {}).values() if one) or "nobody",
        )
        for point in reversed(points)
    ]
    drawing = Markup(svg)  # noqa: S704 - written by model_cards.trends, which escapes what it is given
    return {"key": key, "id": place, "text": name, "svg": drawing, "lines": lines}
