"""How a spec and its policy are written into an artifact, and read back from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import yaml
from pydantic import ValidationError

from audits.artifact.strict import parse_yaml
from audits.errors import ArtifactError, AuditError
from audits.findings import canonical_json
from audits.paths import expand
from audits.spec import AuditSpec, Limit
from audits.yaml_lines import Place, parse_lines

PROSE = ("question", "card")
"""The parts of a spec in which ``${…}`` is left as it is."""

YAML = (".yaml", ".yml")
_AGAIN = "get the artifact again from where it was sealed, or run the audit again"


def policy_bytes(limits: Sequence[Limit]) -> bytes:
    """Return ``policy.yaml``: the limits in their one canonical form, readable as a policy file of a spec."""
    documents = [limit.model_dump(mode="json", exclude_none=True) for limit in limits]
    return _yaml(documents)


@lru_cache(maxsize=32)  # the parser is slow, and the artifacts of an audit are of a few specs
def sealed_policy(content: bytes) -> tuple[Limit, ...]:
    """Read ``policy.yaml``. Raises ``ArtifactError`` where it is not one, or is not in its canonical form."""
    limits = parse_yaml(content, "policy.yaml")
    if not isinstance(limits, list):
        raise ArtifactError(f"policy.yaml: got {type(limits).__name__}, expected a list of limits", _AGAIN)
    try:
        policy = tuple(Limit.model_validate(limit) for limit in limits)
    except ValidationError as error:
        raise ArtifactError(f"policy.yaml: {error.errors()[0]['msg']}", _AGAIN) from None
    if policy_bytes(policy) != content:
        raise ArtifactError("policy.yaml: got other bytes than the canonical ones of its content", _AGAIN)
    return policy


def without_secrets(spec: AuditSpec) -> AuditSpec:
    """Return the spec as it may be shown: names and passwords in addresses of servers are blanked out."""
    return spec.model_copy(
        update={
            "data": spec.data.model_copy(update={"source": _blanked(spec.data.source)}),
            "model": spec.model and spec.model.model_copy(update={"uri": _blanked(spec.model.uri)}),
            "tracking": spec.tracking.model_copy(update={"uri": spec.tracking.uri and _blanked(spec.tracking.uri)}),
        }
    )


def as_written(spec: AuditSpec, text: str) -> AuditSpec:
    """Return the spec with its paths under the variables that its text names them by.

    A path says where something lies on this machine, not what is audited: what lies there is held by digests of its
    own (data, model, policy). So a variable in a path stays as it was written, and the digest of the sealed spec is
    the same wherever the audit runs. Anywhere else (a condition, a column, the version of a registered model) a
    variable says what is audited: it is written out, and counts.
    """
    document = spec.model_dump(mode="python")
    try:
        given = parse_lines(text, "spec.yaml").value
    except AuditError:
        return spec
    for *around, last in _paths(spec):
        named, parent = _inside(given, around), _inside(document, around)
        written = named.get(last) if isinstance(named, dict) else None
        if isinstance(written, str) and expand(written)[0] == parent[last]:
            parent[last] = written
    return AuditSpec.model_validate(document)


def _paths(spec: AuditSpec) -> list[Place]:
    """Return the places of a spec that name a file or a folder."""
    from audits.sources import is_file

    data, model = spec.data, spec.model
    lexicons = [name for name, attribute in spec.protected.items() if (attribute.lexicon or "").endswith(YAML)]
    found: list[Place] = [("protected", name, "lexicon") for name in lexicons]
    found += [("data", "template", "file")] if data.template else []
    found += [("data", "source")] if is_file(data.source) else []
    if model is not None:
        found.append(("model", "fit"))
        if "://" not in model.uri and not model.uri.startswith("models:/") and model.revision is None:
            found.append(("model", "uri"))
    local = spec.tracking.uri is not None and not spec.tracking.uri.startswith(("http", "databricks"))
    return [*found, ("tracking", "uri")] if local else found


def _inside(document: Any, place: Sequence[Any]) -> Any:
    for key in place:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def spec_bytes(spec: AuditSpec, text: str) -> bytes:
    """Return ``spec.yaml``: the text as it was given, with the limits written out where it named a file.

    Environment variables stand there by their values, but for those in paths (see ``as_written``); secrets are
    blanked out. Where the audit ran with something else than the text says (another seed, say), the spec as run is
    written instead, under a comment that says so.
    """
    spec = without_secrets(as_written(spec, text))
    try:
        kept = _blanked(_as_run(spec, text)).encode()
        if sealed_spec(kept).digest == spec.digest:
            return kept
    except (AuditError, yaml.YAMLError):
        pass  # the text leans on something beside it; the spec as run does not
    note = b"# The spec as run; it says something else than the file that was given.\n"
    written = note + _yaml(spec.model_dump(mode="python", exclude_defaults=True))
    if sealed_spec(written).digest != spec.digest:
        raise ArtifactError("spec.yaml: the spec as run cannot be written so that it reads back the same")
    return written


@lru_cache(maxsize=32)
def sealed_spec(content: bytes) -> AuditSpec:
    """Read ``spec.yaml``. Raises ``ArtifactError`` where it is not a whole spec."""
    document = parse_yaml(content, "spec.yaml")
    try:
        spec = AuditSpec.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"spec.yaml: {place}: {first['msg']}", _AGAIN) from None
    if isinstance(spec.limits, str):
        raise ArtifactError(f"spec.yaml: limits: got the file name {spec.limits!r}, expected the limits", _AGAIN)
    return spec


def _blanked(text: str) -> str:
    text = re.sub(r"(://)[^\s\"'#?]*@", r"\1***@", text)
    return re.sub(r"(?i)([?&;](?:user|password|passwd|pwd|token|secret|api_?key|key|sig)=)[^&;#\s\"']+", r"\1***", text)


def _as_run(spec: AuditSpec, text: str) -> str:
    """Return the text with ``limits: <file>`` and variables replaced by what they stood for, but for those in paths."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    documents = [limit.model_dump(mode="json", exclude_none=True) for limit in spec.policy]
    limits = "[" + ",".join(f"\n  {canonical_json(document).decode()}" for document in documents) + "\n  ]"
    changes: dict[tuple[int, int], str] = {}  # by place in the text: an alias leads to the same one again
    for place, node in _scalars(root, ()):
        start, end = node.start_mark.index, node.end_mark.index
        if place == ("limits",):
            changes[start, end] = limits
        elif place[:1] and place[0] not in PROSE and place not in _paths(spec):
            changes[start, end] = expand(text[start:end])[0]
    for (start, end), new in sorted(changes.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _scalars(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, yaml.ScalarNode]]:
    """Yield every value of a document that is one word, with its place."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*place, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield from _scalars(item, (*place, at))
    elif isinstance(node, yaml.ScalarNode):
        yield place, node


def _yaml(document: object) -> bytes:
    text: str = yaml.dump(
        document, Dumper=_Plain, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10_000
    )
    return text.encode()


class _Plain(yaml.SafeDumper):
    """YAML of one meaning: no aliases, and texts in quotes unless they are a mere word."""

    def ignore_aliases(self, data: object) -> bool:
        """Write out what stands there twice twice."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if re.fullmatch(r"[A-Za-z_][A-Za-z_-]*", text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)
