"""The card of an audit as the description and tags of the model version that was audited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audits.artifact import Artifact
from audits.errors import ModelError
from audits.telling import one_line
from tasks.promote import Target, registry_of, target_of

MOST = 5000
"""Characters that a registry on a database keeps of a description."""


def description(artifact: Artifact) -> str:
    """Return the card's first screen as Markdown: question, verdict, every limit with its reason; escaped, bounded."""
    verdict = artifact.verdict
    lines = [
        f"## Audit {_safe(artifact.spec.audit)}: {verdict.verdict}",
        _safe(artifact.spec.question),
        f"Sealed {artifact.manifest.ended:%Y-%m-%d %H:%M} UTC as `{artifact.digest[:12]}`.",
    ]
    for limit in verdict.limits:
        lines.append(f"- **{limit.verdict}** {_safe(limit.text)}. {_safe(limit.reason)}")
    lines.append("A pass says that these limits hold on these rows, and nothing beyond.")
    text = "\n\n".join(lines)
    more = "\n\n… the rest is in the card."
    return text if len(text) <= MOST else text[: MOST - len(more)].rsplit("\n\n", 1)[0] + more


def _safe(text: str) -> str:
    from model_cards.render import escape_markdown

    return escape_markdown(one_line(text))


def push(artifact: Artifact, uri: str, tracking: str, home: Path) -> dict[str, Any]:
    """Write the card's first screen to a model version, and tag it with verdict and digest.

    Args:
        artifact: one that verifies.
        uri: ``models:/NAME/VERSION``.
        tracking: the registry.
        home: Evenhand's own folder.

    Returns:
        The model, the version and the tags.

    Raises:
        ModelError: the registry does not know the version, or its model is not the one that was audited.
    """
    target = target_of(uri, "card", tracking, home)
    with registry_of(target) as client:
        client.get_model_version(target.model, target.version)
        _hold(artifact, target, tracking, home)
        tags = {
            "evenhand.verdict": artifact.verdict.verdict,
            "evenhand.artifact_digest": artifact.digest,
            "evenhand.audit": artifact.manifest.audit,
        }
        client.update_model_version(target.model, target.version, description=description(artifact))
        for name, value in tags.items():
            client.set_model_version_tag(target.model, target.version, name, value)
    return {"model": target.model, "version": target.version, "tags": tags}


def _hold(artifact: Artifact, target: Target, tracking: str, home: Path) -> None:
    """Refuse a version that is not the audited model."""
    from audits.subjects.locate import locate

    audited = artifact.manifest.digests.model
    if audited is None:
        raise ModelError(
            f"{target.uri}: the artifact is of decisions, not of a model", "push the card of the model's audit"
        )
    found = locate({"uri": target.uri, "kind": "", "revision": None}, str(Path.cwd()), str(home), tracking)["digest"]
    if found != audited:
        raise ModelError(
            f"{target.uri}: got the model digest {found[:12]}…, the artifact is of {audited[:12]}…",
            "name the version that was audited",
        )
