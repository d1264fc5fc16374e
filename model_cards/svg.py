"""The little SVG that the charts are written with: elements, escaping, scales, ticks."""

from __future__ import annotations

import math
from collections.abc import Callable
from unicodedata import combining, east_asian_width
from xml.sax.saxutils import escape, quoteattr

from model_cards.numbers import Number
from model_cards.words import visible

Scale = Callable[[float], float]


def tag(name: str, content: str = "", /, **attributes: str | float) -> str:
    """Return an element. ``class_`` is ``class``; other underscores become hyphens; floats keep one decimal."""
    given = "".join(f" {_key(key)}={quoteattr(_text(value))}" for key, value in attributes.items())
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def label(words: str, x: float, y: float, *, anchor: str = "start", limit: int = 60, **attributes: str | float) -> str:
    """Return a line of text, shortened in its middle to the room of ``limit`` Latin letters."""
    return tag("text", escape(visible(squeezed(words, limit))), x=x, y=y, text_anchor=anchor, **attributes)


def breadth(words: str) -> int:
    """Return how many Latin letters take as much room; a letter of Chinese, Japanese or Korean takes that of two."""
    return sum(_letters(letter) for letter in words)


def squeezed(words: str, most: int) -> str:
    """Shorten words in their middle, so that names which begin alike, and a note at their end, stay readable."""
    if breadth(words) <= most:
        return words
    head, tail = "", ""
    for letter in words:
        if breadth(head + letter) > (most - 1) * 2 // 3:
            break
        head += letter
    for letter in reversed(words[len(head) :]):
        if breadth(head + tail + letter) > most - 1:
            break
        tail = letter + tail
    return f"{head.rstrip()}…{tail.lstrip()}"


def _letters(letter: str) -> int:
    return 0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1


def figure(parts: list[str | Number], x: float, y: float, *, anchor: str = "end", **attributes: str | float) -> str:
    """Return a line of text in which every number carries the finding it is from."""
    content = "".join(_part(part) for part in parts)
    return tag("text", content, x=x, y=y, text_anchor=anchor, **attributes)


def _part(part: str | Number) -> str:
    if isinstance(part, str):
        return escape(visible(part))
    return tag("tspan", escape(part.text), data_finding=part.finding, data_path=part.path, data_form=part.form)


def linear(low: float, high: float, left: float, right: float) -> Scale:
    """Return a linear scale from ``low..high`` to ``left..right``; what lies outside stays at the edge."""
    return lambda value: left + (right - left) * (min(max(value, low), high) - low) / (high - low)


def logarithmic(low: float, high: float, left: float, right: float) -> Scale:
    """Return a logarithmic scale, for ratios: half and double lie equally far from 1."""
    inner = linear(math.log(low), math.log(high), left, right)
    return lambda value: inner(math.log(min(max(value, low), high)))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers between ``low`` and ``high``, at most ``most`` of them."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 2.5, 5, 10, 20):
        if (high - low) / (step * factor) <= most - 1:
            step *= factor
            break
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(at * step, 10) for at in range(first, last + 1)]


def nice(low: float, high: float) -> tuple[float, float]:
    """Widen a range to the next ticks."""
    marks = ticks(low, high)
    step = marks[1] - marks[0] if len(marks) > 1 else high - low
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _key(name: str) -> str:
    return "class" if name == "class_" else name.replace("_", "-")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
