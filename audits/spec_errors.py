"""Mistakes in a spec, told in sentences: file, line, place, what was got, what was expected."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ValidationError

from audits.errors import SpecError, nearest
from audits.spec import THRESHOLD
from audits.yaml_lines import Lines, Place

PATTERNS = {
    r"^[a-z0-9-]+$": "lower-case letters, digits and hyphens",
    r"^[0-9a-f]{40}$": "a commit (40 hexadecimal digits)",
    r"^[0-9a-f]{64}$": "a sha256 (64 hexadecimal digits)",
    r"^\d{4}-\d{2}-\d{2}$": "a date, YYYY-MM-DD",
    THRESHOLD: "a comparison with a number, such as '>= 5'",
}
"""A pattern in words; one that is missing here is shown as it is."""

_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Any: "a value"}


@dataclass(frozen=True)
class Mistake:
    """One mistake at one place of the spec."""

    place: Place
    message: str
    hint: str = ""


def spec_error(mistakes: Iterable[Mistake], lines: Lines) -> SpecError:
    """Return one error that lists every mistake, in the order of their lines."""
    told = [(*lines.locate(mistake.place), mistake) for mistake in mistakes]
    told.sort(key=lambda item: (item[0] != lines.file, item[0], item[1]))
    errors = [
        SpecError(f"{file}:{line}: {_dotted(mistake.place)}{mistake.message}", mistake.hint)
        for file, line, mistake in told
    ]
    return errors[0] if len(errors) == 1 else SpecError("\n".join(str(error) for error in errors))


def _dotted(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) and at else f".{part}" for at, part in enumerate(place))
    return f"{text.removeprefix('.')}: " if text else ""


def mistakes_in(model: type[BaseModel], value: Any, error: ValidationError, at: Place = ()) -> Iterator[Mistake]:
    """Translate what pydantic refused in ``value``; ``at`` is where the value stands in the spec."""
    found: dict[Place, list[Any]] = {}
    for item in error.errors():
        found.setdefault(_place(item["loc"], value, item["type"]), []).append(item)
    for place, items in found.items():
        # a list refused as text (the other half of a union) and again inside: the inner place says it
        bad_key = any("[key]" in item["loc"] for item in items)
        if bad_key or not any(other[: len(place)] == place and len(other) > len(place) for other in found):
            yield _mistake(model, value, place, items, at)


def _place(loc: tuple[int | str, ...], value: Any, kind: str) -> Place:
    """Drop from a pydantic location what is no key of the value: names of union members."""
    place: list[str | int] = []
    for part in loc:
        keys = value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list | tuple) else ()
        if part in keys:
            place.append(part)
            value = value[part]
        elif isinstance(keys, Mapping) and kind == "missing" and part == loc[-1]:
            place.append(part)
    return tuple(place)


def _mistake(model: type[BaseModel], value: Any, place: Place, items: list[Any], at: Place) -> Mistake:
    kinds = {item["type"] for item in items}
    here = (*at, *place)
    if kinds == {"extra_forbidden"}:
        owner = next(iter(_models(_annotation(model, place[:-1])[0])), model)
        message = f"got an unknown key, expected a key of {'.'.join(map(str, here[:-1])) or 'the spec'}"
        return Mistake(here, message, nearest(str(place[-1]), owner.model_fields))
    if kinds <= {"value_error", "assertion_error"}:
        return Mistake(here, str(items[0]["ctx"]["error"]))
    keys = [item["input"] for item in items if "[key]" in item["loc"]]
    if keys:
        return Mistake(here, f"got {keys[0]!r} as a name, expected text", "put the name in quotes")
    annotation, constraints = _annotation(model, place)
    expected = describe(annotation, constraints)
    if kinds == {"missing"}:
        return Mistake(here, f"got nothing, expected {expected}", "add it")
    got = _inside(value, place)
    return Mistake(here, f"got {_shown(got)}, expected {expected}", _hint(got, annotation, expected))


def _hint(got: Any, annotation: Any, expected: str) -> str:
    choices = [str(choice) for choice in _choices(annotation)]
    if choices and isinstance(got, str):
        return nearest(got, choices)
    if expected.startswith("text") and isinstance(got, int | float):
        return "put it in quotes"
    return ""


def _shown(got: Any) -> str:
    if isinstance(got, Mapping):
        return "a mapping" if got else "an empty mapping"
    if isinstance(got, list | tuple):
        return "a list" if got else "an empty list"
    if isinstance(got, bool):
        return str(got).lower()
    text = repr(got)
    return "nothing" if got is None else text if len(text) <= 80 else f"{text[:77]}…"


def _inside(value: Any, place: Place) -> Any:
    for part in place:
        value = value[part]
    return value


def describe(annotation: Any, constraints: Iterable[Any] = ()) -> str:
    """Return what an annotation expects, in words: ``a number above 0``, ``'keep' or 'digest-only'``."""
    told = list(dict.fromkeys(_words(member) for member in _members(annotation)))
    limits = [text for item in constraints for text in _limit(item)]
    patterns = [text for item in constraints if (text := getattr(item, "pattern", None))]
    if patterns:
        told = [PATTERNS.get(patterns[0], f"text that matches {patterns[0]}")]
    limited = " and ".join(limits).replace(" and up to ", " to ") if limits and limits[0].startswith("from") else ""
    return " ".join([" or ".join(told), limited or " and ".join(limits)]).strip()


def _limit(item: Any) -> Iterator[str]:
    for kind, name, word in (
        (Ge, "ge", "from {:g}"),
        (Gt, "gt", "above {:g}"),
        (Le, "le", "up to {:g}"),
        (Lt, "lt", "below {:g}"),
        (MaxLen, "max_length", "of at most {} characters"),
    ):
        if isinstance(item, kind):
            yield word.format(getattr(item, name))
    if isinstance(item, MinLen):
        yield f"with at least {item.min_length} in it"


def _words(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is typing.Literal:
        return " or ".join(repr(choice) for choice in arguments)
    if origin in (tuple, list, set, frozenset):
        inner = _members(arguments[0]) if arguments else []
        return f"a list of {_many(inner[0])}" if inner else "a list"
    return "a mapping"


def _many(annotation: Any) -> str:
    return {str: "texts", int: "whole numbers", float: "numbers"}.get(
        annotation, "values" if annotation is Any else "mappings"
    )


def _members(annotation: Any) -> list[Any]:
    """The members of a union without None and without Annotated wrappers; ``[annotation]`` where it is none."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [m for part in typing.get_args(annotation) if part is not type(None) for m in _members(part)]
    return [annotation]


def _choices(annotation: Any) -> list[Any]:
    literals = [member for member in _members(annotation) if typing.get_origin(member) is typing.Literal]
    return [choice for literal in literals for choice in typing.get_args(literal)]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [m for m in _members(annotation) if isinstance(m, type) and issubclass(m, BaseModel)]


def _annotation(model: type[BaseModel], place: Place) -> tuple[Any, list[Any]]:
    """Return the annotation of a place under a model, and its constraints."""
    annotation: Any = model
    constraints: list[Any] = []
    for part in place:
        annotation, constraints = _step(annotation, part)
    return annotation, constraints


def _step(annotation: Any, part: str | int | float) -> tuple[Any, list[Any]]:
    for owner in _models(annotation):
        if part in owner.model_fields:
            known = owner.model_fields[str(part)]
            return known.annotation, list(known.metadata)
    for member in _members(annotation):
        arguments = typing.get_args(member)
        if typing.get_origin(member) in (tuple, list, dict) and arguments:
            inner = arguments[1] if typing.get_origin(member) is dict else arguments[0]
            return inner, list(getattr(inner, "__metadata__", ()))
    return Any, []
