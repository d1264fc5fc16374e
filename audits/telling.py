"""Telling what a stranger wrote: names of groups, files and keys come from data and artifacts that anybody may send.

None of them may end the line it stands in (a log of continuous integration takes the next one for a command), steer a
terminal, or turn the direction of reading.
"""

from __future__ import annotations

import json
import re
from typing import Any

_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]+"
)


def one_line(text: str, most: int | None = None) -> str:
    """Return a text as part of one line.

    Args:
        text: anything.
        most: characters that are kept at most; what is too long loses its middle.
    """
    text = _CONTROLS.sub(" ", text)
    return text if most is None or len(text) <= most else f"{text[: most * 2 // 3]} … {text[-most // 4 :]}"


def json_text(document: Any) -> str:
    """Return a JSON document for people and programs: indented, every character that steers a terminal escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    lines = (_CONTROLS.sub(_escaped, line) for line in text.split("\n"))  # json itself escapes those within a text
    return "\n".join(lines) + "\n"


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in found[0])
