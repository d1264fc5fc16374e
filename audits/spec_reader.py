"""Reading a spec: YAML with lines, environment variables, the policy's own file, then every check there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from audits import paths
from audits.errors import SpecError
from audits.findings import Frozen
from audits.policy_checks import check_limits
from audits.spec import AuditSpec, Limit
from audits.spec_checks import check
from audits.spec_errors import Mistake, mistakes_in, spec_error
from audits.spec_schema import json_schema
from audits.yaml_lines import Lines, Place, read_lines

__all__ = ["json_schema", "policy_of", "read_policy", "read_spec"]

PROSE = ("question", "card")
"""Parts in which ``${…}`` is left as it is."""
FREE = ("techniques", "counterfactuals")
"""Parts whose options are checked against what is registered, not against the spec's own models."""


def read_spec(path: Path) -> AuditSpec:
    """Read and check a spec.

    ``${NAME}`` in a value is replaced by the environment variable; ``limits: policy.yaml`` by what that file
    holds (a list of limits, or a mapping with the one key ``limits``).

    Raises:
        SpecError: naming for every mistake the file, the line, the place, what was got and what was expected.
    """
    path = Path(path)
    lines = read_lines(path)
    if not isinstance(lines.value, dict):
        raise SpecError(f"{path}:1: got no mapping, expected a spec", "start with audit:, question:, data:")
    mistakes: list[Mistake] = []
    lines.value = _expanded(lines.value, (), lines, mistakes)
    if isinstance(lines.value.get("limits"), str) and not mistakes:
        _inline_policy(lines, path.parent)
    spec = _validated(AuditSpec, lines.value, mistakes)
    if spec is not None:
        mistakes += check(spec)
    if spec is None or mistakes:
        raise spec_error(mistakes, lines)
    return spec


def read_policy(path: Path) -> tuple[Limit, ...]:
    """Read the limits of a policy file, and check what can be checked without a spec.

    Raises ``SpecError`` as ``read_spec`` does.
    """
    return _limits(_policy_lines(Path(path)))


def policy_of(limits: Sequence[Limit | Mapping[str, Any]]) -> tuple[Limit, ...]:
    """Return limits that a program wrote, checked as those of a policy file are. Raises ``SpecError``."""
    plain = [each.model_dump() if isinstance(each, Limit) else dict(each) for each in limits]
    return _limits(Lines("policy", plain))


def _limits(lines: Lines) -> tuple[Limit, ...]:
    mistakes: list[Mistake] = []
    made = _validated(_Policy, {"limits": lines.value}, mistakes)
    mistakes += check_limits(made.limits) if made else ()
    if made is None or mistakes:
        raise spec_error(mistakes, lines)
    return made.limits


class _Policy(Frozen):
    limits: tuple[Limit, ...]


T = TypeVar("T", bound=Frozen)


def _validated(model: type[T], value: dict[str, Any], mistakes: list[Mistake]) -> T | None:
    try:
        return model.model_validate(_tuples(value, ()), strict=True)
    except ValidationError as error:
        mistakes += mistakes_in(model, value, error)
        return None


def _policy_lines(path: Path) -> Lines:
    """Read a policy file; its places are those of ``limits`` in a spec."""
    lines = read_lines(path)
    inner = isinstance(lines.value, dict) and list(lines.value) == ["limits"]
    lines.value = lines.value["limits"] if inner else lines.value
    lines.at = {place if inner else ("limits", *place): at for place, at in lines.at.items()}
    if not isinstance(lines.value, list):
        raise SpecError(f"{path}:1: got no list, expected a list of limits", "write each limit as - {measure: …}")
    return lines


def _inline_policy(lines: Lines, base: Path) -> None:
    name = lines.value["limits"]
    path = paths.resolve(name, base)
    if not path.is_file():
        raise spec_error([Mistake(("limits",), f"got {name!r}, expected a file that exists", "check the path")], lines)
    policy = _policy_lines(path)
    lines.value = {**lines.value, "limits": policy.value}
    lines.at.update(policy.at)


def _tuples(value: Any, place: Place) -> Any:
    """Lists as tuples, as the strict models want them; options and arguments stay as written."""
    if place[:1] and (place[0] in FREE or place[-1] == "arguments"):
        return value
    if isinstance(value, dict):
        return {key: _tuples(item, (*place, key)) for key, item in value.items()}
    return tuple(_tuples(item, (*place, at)) for at, item in enumerate(value)) if isinstance(value, list) else value


def _expanded(value: Any, place: Place, lines: Lines, mistakes: list[Mistake]) -> Any:
    if place[:1] and place[0] in PROSE:
        return value
    if isinstance(value, dict):
        return {key: _expanded(item, (*place, key), lines, mistakes) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, (*place, at), lines, mistakes) for at, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    text, unset = paths.expand(value)
    for name in unset:
        mistakes.append(Mistake(place, f"got ${{{name}}}, which is not set", _set_hint(name, place, lines.value)))
    return text


def _set_hint(name: str, place: Place, value: Any) -> str:
    what = {"EVENHAND_DATA": "the folder of the data sets", "EVENHAND_MODELS": "the folder of the models"}
    hint = f"set {name} to {what.get(name, 'what it stands for')}, or write the path itself"
    data = value.get("data")
    source = data.get("available_from") if place[:1] == ("data",) and isinstance(data, dict) else None
    return f"{hint}; the data are available from {source}" if source else hint
