"""Every error Evenhand raises on purpose: what went wrong, and what to do about it.

Only the command line turns an error into an exit code (2 for all of them).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from audits.telling import one_line

MOST_TOLD = 2_000
"""Characters of a message about an artifact; a stranger may have written part of it."""


class AuditError(Exception):
    """An audit cannot be carried out.

    Args:
        message: what went wrong, naming the place: ``got …, expected …``.
        hint: an action that mends it; empty where there is none to offer.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = ("\n".join(map(one_line, text.split("\n"))) for text in (message, hint))
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  Hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[AuditError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class SpecError(AuditError):
    """The spec or the policy says something that cannot be carried out."""


class DataError(AuditError):
    """The data cannot be read, or is not what the spec says it is."""


class ModelError(AuditError):
    """The model under audit cannot be loaded or fails to answer."""


class ArtifactError(AuditError):
    """An artifact is missing, incomplete, or not what was sealed. Its message is one line of bounded length."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(one_line(message, MOST_TOLD), one_line(hint, MOST_TOLD))


class SigningError(AuditError):
    """A key is missing, or is not one that can sign or check."""


class NotMeasurable(AuditError):
    """A number that was asked for does not exist; becomes a finding with ``missing``, never a 0."""


def nearest(got: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"``, or the list of what is known when nothing is near."""
    known = sorted(known)
    close = difflib.get_close_matches(got.lower(), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
