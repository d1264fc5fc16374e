"""Telling what a stranger wrote: names of groups, files and keys come from data and artifacts that anybody may send.

None of them may end the line it stands in (a log of continuous integration takes the next one for a command), steer a
terminal, turn the direction of reading, or make two names look like one.
"""

from __future__ import annotations

import json
import re
from typing import Any

_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]+"
)
"""Controls, ends of lines, turns of direction, halves of pairs, and what is there without being seen.

The joiners U+200C and U+200D stay: Persian and the scripts of India write words with them.
"""


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
