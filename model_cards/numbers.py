"""How a finding's number is written out, and the tie between what is shown and where it stands.

Every number in a card is a ``Number``: the text, and the path into the finding that it was written from.
``model_cards.consistency`` goes the same way back, so a card that says anything else than its findings is caught.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from audits.findings import Finding, Frozen

Form = Literal["percent", "points", "ratio", "plain", "signed", "count", "of100", "of1000", "of10000", "p"]

MINUS = "−"


class Number(Frozen):
    """A number as shown: ``text`` is ``form`` of what stands at ``path`` in the finding called ``finding``.

    ``path`` is dotted (``value``, ``interval``, ``n.group``, ``details.examples.0.score_before``); a path that
    ends at an interval is written as ``low to high``.
    """

    finding: str
    path: str
    form: Form
    text: str


Text = tuple[Number | str, ...]
"""Running text with numbers in it."""


def number(finding: Finding, path: str = "value", form: Form | None = None) -> Number:
    """Return the number at ``path`` of a finding, in the form that suits its comparison and unit unless given."""
    chosen = form or ("count" if path.startswith("n.") else form_of(finding))
    return Number(finding=finding.id, path=path, form=chosen, text=written(chosen, _at(finding, path)))


def form_of(finding: Finding) -> Form:
    """Return the form of a finding's value: rates in per cent, differences of rates in points, and so on."""
    between = finding.comparison in ("difference", "paired", "gap") or (
        finding.comparison == "mean" and finding.reference != ""
    )
    between = between and not is_distance(finding)
    if finding.comparison == "ratio":
        return "ratio"
    if finding.unit in ("proportion", "probability", "share"):
        return "points" if between else "percent"
    return "signed" if between else "plain"


def is_distance(finding: Finding) -> bool:
    """Whether a number between two groups has no direction: how far apart they lie, whichever is the higher."""
    return finding.comparison == "gap" and finding.interval is None and "of group and reference" in finding.direction


def unit_after(finding: Finding) -> str:
    """Return what to write straight after the value: ``%``, ``points``, or the unit with a space before it."""
    form = form_of(finding)
    if form == "percent":
        return "%"
    if form == "points":
        return " points"
    return "" if form == "ratio" or not finding.unit or finding.unit == "ratio" else f" {finding.unit}"


def bound_words(bound: float, finding: Finding | None, compare: str) -> str:
    """Return a limit's bound as the number that it bounds is written: "10 points", "2%", "0.8", "0.2 nats"."""
    if finding is None:  # nothing was measured, so that only the kind of comparison says what is bounded
        scaled = {"rate": "%", "share": "%"}.get(compare)
        return f"{100 * bound:g}{scaled}" if scaled else f"{bound:g}"
    form = form_of(finding)
    scale = 100 if form in ("percent", "points") else 1
    return f"{scale * bound:g}{unit_after(finding)[:40]}".replace("-", "−")


def written(form: Form, value: Any) -> str:
    """Return a value, or an interval ``{"low", "high"}``, as text. Raises ``ValueError`` where there is none."""
    if isinstance(value, Mapping):
        low, high = value["low"], value["high"]
        return f"{_end(form, low)} and above" if high is None else f"{_end(form, low)} to {_end(form, high)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a number to write: got {value!r}, expected a number or an interval")
    return _FORMS[form](float(value))


def resolve(document: Any, path: str) -> Any:
    """Follow a dotted path into JSON values. Raises ``LookupError`` where it leads nowhere."""
    for key in path.split("."):
        document = document[int(key)] if isinstance(document, list | tuple) else document[key]
    return document


def _at(finding: Finding, path: str) -> Any:
    if path == "value":
        return finding.value
    head, _, rest = path.partition(".")
    found = getattr(finding, head)
    if isinstance(found, Frozen):
        found = found.model_dump(mode="json")
    return resolve(found, rest) if rest else found


def _fixed(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text


def _signed(text: str, value: float) -> str:
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def _percent(value: float) -> str:
    """One decimal; what is not quite none or all never reads as 0.0 or 100.0."""
    share = 100 * value
    if 0 < share < 0.05:
        return "<0.1"
    if 99.95 <= share < 100:
        return ">99.9"
    return _fixed(share, 1)


def _plain(value: float) -> str:
    """Three significant digits; powers of ten where there would be many zeros."""
    size = abs(value)
    if value == 0 or 1e-3 <= size < 1e5:
        before = math.floor(math.log10(size)) if size else 0
        return _fixed(value, min(max(2 - before, 0), 4) if value else 0)
    mantissa, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa.replace('-', MINUS)} × 10{raised}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else _fixed(value, 3)


_FORMS: dict[str, Callable[[float], str]] = {
    "percent": _percent,
    "points": lambda value: _signed(_fixed(100 * value, 1), value),
    "ratio": lambda value: _fixed(value, 2),
    "plain": _plain,
    "signed": lambda value: _signed(_plain(value), value),
    "count": lambda value: _fixed(value, 0 if float(value).is_integer() else 1),
    "of100": lambda value: _fixed(100 * value, 0),
    "of1000": lambda value: _fixed(1000 * value, 0),
    "of10000": lambda value: _fixed(10000 * value, 0),
    "p": _p,
}


def _end(form: Form, value: float) -> str:
    """An end of an interval: as the value, but without the marks for "not quite"."""
    return _fixed(100 * value, 1) if form == "percent" else _FORMS[form](value)
