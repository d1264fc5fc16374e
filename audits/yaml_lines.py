"""YAML read with the line of every value, so that a mistake can be told by file and line.

YAML 1.2 rules: only ``true`` and ``false`` are booleans (``no`` is a text), dates are texts, a key stands once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from audits.errors import SpecError

Place = tuple[str | int | float, ...]
MOST_NODES = 30_000
"""A spec is written by hand; more values than this come from aliases that multiply."""
MOST_BYTES = 4 * 2**20
MOST_DEEP = 100

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  a class attribute that PyYAML reads
    composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Stop at too many values, before the rest of them is read."""
        self.composed += 1
        if self.composed > 2 * MOST_NODES:  # keys count here, too
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"more than {MOST_NODES:,} values", problem_mark=mark)
        return super().compose_node(parent, index)


for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(
        _TAG + _name, re.compile(f"^(?:{_pattern})$"), ["" if c == "\0" else c for c in _first]
    )


@dataclass
class Lines:
    """A document and where its values stand: ``at[("data", "label")]`` is (file, line)."""

    file: str
    value: Any = None
    at: dict[Place, tuple[str, int]] = field(default_factory=dict)

    def locate(self, place: Place) -> tuple[str, int]:
        """Return file and line of a place, or of the nearest thing around it."""
        while place and place not in self.at:
            place = place[:-1]
        return self.at.get(place, (self.file, 1))


def read_lines(path: Path) -> Lines:
    """Read a YAML file. Raises ``SpecError`` naming file and line where it is not readable as one."""
    try:
        with path.open("rb") as file:  # a pipe may be read, and may have no end
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})", "check the path") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: got bytes that are not UTF-8 at {error.start}", "save the file as UTF-8") from error
    if len(content) > MOST_BYTES:
        raise SpecError(f"{path}: got more than {MOST_BYTES:,} bytes, expected what people write", "check the path")
    return parse_lines(text, str(path))


def parse_lines(text: str, file: str) -> Lines:
    """Parse YAML that is called ``file`` in errors. Raises ``SpecError`` as ``read_lines`` does."""
    lines = Lines(file)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _unreadable(file, error) from error
    except RecursionError:
        raise SpecError(f"{file}:1: got values nested without end, expected at most {MOST_DEEP} deep") from None
    if root is None:
        raise SpecError(f"{file}:1: got an empty file, expected YAML")
    lines.value = _Builder(lines).build(root, ())
    return lines


def _unreadable(path: str, error: yaml.YAMLError) -> SpecError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = mark.line + 1 if mark else 1
    return SpecError(f"{path}:{line}: got what is not YAML: {problem}", "check indentation, colons and quotes there")


class _Builder:
    """Turns nodes into values and notes their lines."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.built = 0

    def build(self, node: yaml.Node, place: Place) -> Any:
        self.built += 1
        if self.built > MOST_NODES or len(place) > MOST_DEEP:
            self._refuse(node, "got aliases that multiply without end, expected the values themselves")
        self.lines.at.setdefault(place, (self.lines.file, node.start_mark.line + 1))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*place, at)) for at, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        first: dict[Any, int] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node)
            line = key_node.start_mark.line + 1
            if key in made:
                self._refuse(key_node, f"got the key {key!r} again, expected it once (it stands in line {first[key]})")
            first[key] = line
            self.lines.at[(*place, key)] = (self.lines.file, line)
            made[key] = self.build(value_node, (*place, key))
        return made

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if not isinstance(node, yaml.ScalarNode) or kind not in ("str", *_SCALARS):
            self._refuse(node, f"got {node.tag.replace(_TAG, '!!')!r}, expected plain text, number, list or mapping")
        if kind == "str":
            return node.value
        try:
            return _VALUES[kind](node.value)
        except ValueError:
            self._refuse(node, f"got {node.value[:80]!r}, expected what its tag !!{kind} says")

    def _refuse(self, node: yaml.Node, message: str) -> Any:
        raise SpecError(f"{self.lines.file}:{node.start_mark.line + 1}: {message}")


_VALUES: dict[str, Any] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
}
