"""How a spec and its policy are written into an artifact, and read back from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import yaml
from pydantic import ValidationError

from audits.artifact.strict import parse_yaml
from audits.errors import ArtifactError, AuditError
from audits.findings import canonical_json
from audits.paths import expand
from audits.spec import AuditSpec, Limit

PROSE = ("question", "card")
"""The parts of a spec in which ``${…}`` is left as it is."""

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


def spec_bytes(spec: AuditSpec, text: str) -> bytes:
    """Return ``spec.yaml``: the text as it was given, with the limits written out where it named a file.

    Environment variables stand there by their values, secrets blanked out. Where the audit ran with something
    else than the text says (another seed, say), the spec as run is written instead, under a comment that says so.
    """
    spec = without_secrets(spec)
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
    """Return the text with ``limits: <file>`` and environment variables replaced by what they stood for."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    changes: list[tuple[int, int, str]] = []
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        start, end = value.start_mark.index, value.end_mark.index
        if key.value == "limits" and isinstance(value, yaml.ScalarNode):
            documents = [limit.model_dump(mode="json", exclude_none=True) for limit in spec.policy]
            limits = [canonical_json(document).decode() for document in documents]
            changes.append((start, end, "[" + ",".join(f"\n  {limit}" for limit in limits) + "\n  ]"))
        elif key.value not in PROSE:
            changes.append((start, end, expand(text[start:end])[0]))
    for start, end, new in reversed(changes):
        text = text[:start] + new + text[end:]
    return text


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
