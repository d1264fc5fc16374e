"""Whether a card says what its findings say: every number in the page against the finding it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple

from audits.findings import Finding
from model_cards.numbers import form_of, resolve, written
from model_cards.words import shown

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)

_DETAILS = {
    r"details\.reliability\.\d+\.(mean_score|observed)": "percent",
    r"details\.reliability\.\d+": "percent",
    r"details\.reliability\.\d+\.n": "count",
    r"details\.verdicts\.[A-Z]+": "count",
    r"details\.(fitted_on|measured_on)": "count",
    r"details\.decisions_changed": "percent",
}
"""Numbers beside a finding's own whose unit is known, and the form in which alone they may be written."""


class Shown(NamedTuple):
    """A piece of a page that claims to be taken from somewhere, and its text."""

    attributes: Mapping[str, str]
    text: str


def check(card_html: str, findings: Iterable[Finding], verdict: Mapping[str, Any] | None = None) -> list[str]:
    """Return everything in a card that its findings do not say; an empty list means that they agree.

    Every element with ``data-finding`` must name a finding, a path that leads to a number in it, and show exactly
    that number in its form; the value itself and its interval only in the form that the finding's kind of number
    calls for (or as so many of a hundred). With ``verdict``, every limit's sentence must be the verdict's own.

    Args:
        card_html: the page.
        findings: the findings of the same audit.
        verdict: ``verdict.json`` as read.
    """
    known = {finding.id: finding for finding in findings}
    pieces = list(read(card_html))
    numbers = [piece for piece in pieces if "data-finding" in piece.attributes]
    problems = [problem for piece in numbers if (problem := _number(piece, known))]
    if not numbers and any(finding.value is not None for finding in known.values()):
        problems.append("the card shows none of its findings")
    if verdict is not None:
        problems += _reasons(pieces, verdict)
    return problems


def read(card_html: str) -> list[Shown]:
    """Return the pieces of a page that claim to be taken from a finding or from the verdict."""
    reader = _Reader()
    reader.feed(card_html)
    reader.close()
    return reader.found


def _number(piece: Shown, known: Mapping[str, Finding]) -> str:
    name, path, form = (piece.attributes.get(f"data-{key}", "") for key in ("finding", "path", "form"))
    finding = known.get(name)
    if finding is None:
        return f"{piece.text!r}: got the finding {name!r}, which is not in findings.json"
    forms = _forms(finding, path)
    if form not in forms:
        return f"{name} {path}: got the form {form!r}, expected {' or '.join(sorted(forms))}"
    try:
        expected = written(form, resolve(finding.to_json(), path))  # type: ignore[arg-type]
    except (LookupError, TypeError, ValueError):
        return f"{name}: got the path {path!r}, which leads to no number"
    return "" if piece.text == expected else f"{name} {path}: got {piece.text!r}, expected {expected!r}"


def _forms(finding: Finding, path: str) -> set[str]:
    """Return the forms a number may take, so that no unit can be changed by naming another form."""
    if path in (
        "interval",
        "interval.low",
        "interval.high",
        "details.by_chance",
        "details.difference_on_discovery_half",
    ):
        return {form_of(finding)}
    if path in ("details.bounds.low", "details.bounds.high"):
        return {form_of(finding), "of100"} if form_of(finding) == "percent" else {form_of(finding)}
    for pattern, form in _DETAILS.items():
        if re.fullmatch(pattern, path):
            return {form}
    if path == "value":
        natural = {"of100", "of1000", "of10000"} if form_of(finding) == "percent" else set()
        return {form_of(finding)} | natural
    return {"count"} if path.startswith("n.") else {"p"} if path in ("p", "p_adjusted") else {"plain", "signed"}


def _reasons(pieces: list[Shown], verdict: Mapping[str, Any]) -> list[str]:
    limits = verdict.get("limits") or []
    told = {piece.attributes["data-limit"]: piece.text for piece in pieces if "data-limit" in piece.attributes}
    problems = []
    for at, limit in enumerate(limits):
        expected = shown(limit.get("reason") or "no reason was given", 1200)
        if told.get(str(at)) != expected:
            problems.append(f"limit {at + 1}: got {told.get(str(at))!r}, expected {expected!r}")
    return problems


class _Reader(HTMLParser):
    """Collects the text of every element that says where it is from."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Shown] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing is inside, so nothing is said."""

    def handle_data(self, data: str) -> None:
        for _, attributes, text in self._open:
            if "data-finding" in attributes or "data-limit" in attributes:
                text.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, attributes, text = self._open.pop()
            if "data-finding" in attributes or "data-limit" in attributes:
                self.found.append(Shown(attributes, "".join(text)))
            if name == tag:
                return
