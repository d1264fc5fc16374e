"""A card as a file: HTML in one piece, Markdown, JSON, PDF.

Data never become markup: the HTML environment escapes everything but the charts, which this package writes itself;
the Markdown environment escapes every value; a policy in the page forbids scripts and outside requests.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from audits.errors import ArtifactError, AuditError, nearest
from audits.findings import canonical_json
from audits.spec import AuditSpec
from model_cards.blocks import Card, Chart, Heading
from model_cards.card import build, compose
from model_cards.charts import standalone
from model_cards.numbers import Text
from model_cards.sources import Sources, read_sources
from model_cards.words import isolated

PARTS = {
    "results": "Quantitative analyses: what was found",
    "context": "What must be known to read them",
    "proof": "What it is held against, and how to check it",
}
"""How the parts of a card are headed, in their order."""

FORMATS = ("html", "md", "json", "pdf")


def write_card(run: Path, out: Path | None = None, spec: AuditSpec | None = None) -> None:
    """Write ``card.html``, ``card.md``, ``card.json`` and ``charts/*.svg``.

    Args:
        run: the run folder (or an artifact).
        out: where to write; the run folder itself where left out.
        spec: the spec, where the run folder holds no ``spec.yaml``.

    Raises:
        ArtifactError: findings, verdict or spec are absent or unreadable.
    """
    card = build(run, spec)
    place = run if out is None else out
    (place / "charts").mkdir(parents=True, exist_ok=True)
    _write(place / "card.html", html(card).encode())
    _write(place / "card.md", markdown(card).encode())
    _write(place / "card.json", json_document(card))
    for chart in card.charts:
        _write(place / "charts" / f"{chart.name}.svg", standalone(chart.svg).encode())


def render(folder: Path, form: str, spec: AuditSpec | None = None) -> bytes:
    """Return the card of a run folder or an artifact in one format: ``html``, ``md``, ``json``, ``pdf`` or an export.

    Raises:
        ArtifactError: the folder does not hold what a card needs.
        AuditError: an unknown format, or ``pdf`` where the library for it is not installed.
    """
    return render_sources(read_sources(folder, spec), form)


def render_sources(sources: Sources, form: str) -> bytes:
    """Return the card of documents already read in one format.

    Raises:
        AuditError: an unknown format, or ``pdf`` where the library for it is not installed.
    """
    refuse_unknown(form)
    if form not in FORMATS:
        from model_cards.exports import registry

        content: bytes = registry[form].function(sources)
        return content
    card = compose(sources)
    if form == "html":
        return html(card).encode()
    if form == "md":
        return markdown(card).encode()
    return json_document(card) if form == "json" else pdf(card)


def refuse_unknown(form: str) -> None:
    """Raise ``AuditError`` for a format that is none, with those there are."""
    from model_cards.exports import registry

    known = (*FORMATS, *registry)
    if form not in known:
        raise AuditError(f"card format: got {form!r}, expected one of {', '.join(known)}", nearest(form, known))


def html(card: Card, *, unfolded: bool = False) -> str:
    """Return the card as one HTML page that needs nothing else; ``unfolded`` opens every table."""
    template = environment().get_template("card.html.j2")
    return template.render(
        card=card,
        css=Markup(_style()),  # noqa: S704 - our own file
        drawing=_drawing,
        shade=_shade,
        open=unfolded,
        anchors=_anchors(card),
        parts=PARTS,
    )


def markdown(card: Card) -> str:
    """Return the card as Markdown, every value escaped; charts are links to ``charts/``."""
    template = _markdown_environment().get_template("card.md.j2")
    text = template.render(card=card, inline=_inline, parts=PARTS)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def json_document(card: Card) -> bytes:
    """Return the card as canonical JSON; every number keeps the finding it is from."""
    return canonical_json(card.model_dump(mode="json")) + b"\n"


def pdf(card: Card) -> bytes:
    """Return the card as a tagged PDF (PDF/UA-1). Nothing outside the page is fetched.

    Raises:
        AuditError: weasyprint, or the system library it draws with, is not installed.
    """
    try:
        import weasyprint
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        raise AuditError(
            f"card as pdf: the library for it cannot be loaded: {error}", "pip install 'evenhand[pdf]'"
        ) from error

    class Deny(URLFetcher):  # type: ignore[misc]  # weasyprint has no types
        """Fetches nothing."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            raise ValueError(f"a card fetches nothing, got {url!r}")

    document = weasyprint.HTML(string=html(card, unfolded=True), url_fetcher=Deny())
    content: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return content


def escape_markdown(value: Any) -> str:
    """Return a value as Markdown that reads as itself: no table, link, markup, code or HTML can begin in it."""
    text = str(value).replace("\r", " ").replace("\n", " ")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]#|~^$])", r"\\\1", text)
    text = text.replace("://", "&#58;//").replace("@", "&#64;")
    return re.sub(r"(?i)\b(www\.)", "www&#46;", text)


class _Ready(str):
    """Markdown that is already escaped."""

    __slots__ = ()


def _inline(parts: Text) -> _Ready:
    told = (isolated(part, "\u2068", "\u2069") if isinstance(part, str) else part.text for part in parts)
    return _Ready("".join(map(escape_markdown, told)))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates that write HTML; every value is escaped."""
    made = Environment(
        loader=PackageLoader("model_cards", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    made.filters["isolated"] = _isolated
    return made


@lru_cache(maxsize=1)
def _markdown_environment() -> Environment:
    made = Environment(
        loader=PackageLoader("model_cards", "templates"),
        autoescape=False,  # noqa: S701 - what is written is Markdown: every value goes through escape_markdown
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, _Ready | Markup) else escape_markdown(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["ready"] = _Ready
    return made


@lru_cache(maxsize=1)
def _style() -> str:
    text = Path(__file__).with_name("templates").joinpath("card.css").read_text(encoding="utf-8")
    return re.sub(r"\n\s*", "\n", text).strip()


def _isolated(value: str) -> Markup:
    """Return text in which what is written from right to left stands by itself."""
    return Markup(isolated(str(escape(value)), "<bdi>", "</bdi>"))  # noqa: S704 - escaped the line above


def _drawing(chart: Chart) -> Markup:
    return Markup(chart.svg)  # noqa: S704 - written by model_cards.charts, which escapes what it is given


def _shade(weight: float) -> str:
    """Return the background of a token: blue for the positive decision, orange against, clear near zero."""
    colour = "0,114,178" if weight > 0 else "213,94,0"
    return f"rgba({colour},{min(abs(weight), 1) * 0.42:.2f})"


def _anchors(card: Card) -> frozenset[str]:
    headings = (leaf.id for leaf in card.leaves if isinstance(leaf, Heading) and leaf.id)
    return frozenset([*headings, *(section.id for section in card.sections)])


def _write(path: Path, content: bytes) -> None:
    """Put a file in place whole; never through a link to a file that somebody else holds."""
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError as error:
        raise ArtifactError(f"card: cannot write {str(path)!r}: {error}", "check the folder and the disk") from error
