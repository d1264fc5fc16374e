"""A spec in the making, as text: lines with their reasons, and questions with what was taken for an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


class Notes:
    """Lines of YAML, and the questions on the way."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.questions: list[str] = []

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines) + "\n"

    def add(self, line: str = "", why: str = "") -> None:
        """Add a line, with its reason after it."""
        self.lines.append(f"{line:<42}  # {one_line(why)}" if why else line)

    def note(self, text: str, indent: int = 2) -> None:
        """Add a comment on a line of its own."""
        self.lines.append(f"{' ' * indent}# {one_line(text)}")

    def ask(self, question: str, taken: str, indent: int = 2) -> None:
        """Add a question, and what was taken for its answer."""
        self.note(f"? {question} Taken: {taken}", indent)
        self.questions.append(f"{one_line(question)} Taken: {one_line(taken)}")


def one_line(text: str) -> str:
    """Return text that stays within its comment."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()


def scalar(value: Any) -> str:
    """Return a value as YAML that reads back as itself."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def listed(values: Iterable[Any]) -> str:
    """Return a YAML list on one line."""
    return f"[{', '.join(map(scalar, values))}]"


def mapped(values: dict[Any, Any]) -> str:
    """Return a YAML mapping on one line."""
    return f"{{{', '.join(f'{scalar(key)}: {scalar(value)}' for key, value in values.items())}}}"
