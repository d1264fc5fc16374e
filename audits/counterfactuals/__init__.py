"""Counterfactuals: one file per way to change a protected attribute of an input, nothing else changed.

A counterfactual is a generator of versions::

    @counterfactual(source="Lu et al. 2020 (CDA)", kinds={"text-classifier"})
    def swap(evidence: Evidence, *, attributes: list[str] | None = None, control: bool = True) -> Iterator[Version]:
        ...

Every version pairs one audited row with one changed input. An edit that cannot be made is a version too:
``status="refused"`` and the reason, so that the share edited is known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Literal

from audits.findings import Frozen
from audits.registry import Registry

registry = Registry("counterfactual", __name__, "EVENHAND_COUNTERFACTUALS")


class Edit(Frozen):
    """One replaced span of a text: character offsets in the original, what stood there, what stands there now."""

    start: int
    end: int
    old: str
    new: str


class Version(Frozen):
    """A row's input with one protected attribute (or one intersection) set to another group.

    ``text`` is the changed text; ``changes`` the changed columns of a table row. ``kind="control"`` is an edit
    of the same length that changes no protected attribute: the effect of editing as such.
    ``prompt``/``continuation`` subjects put the prompt in ``text`` and the continuation in ``continuation``.
    ``filling`` numbers the fillings of one template: filling i of a group belongs to filling i of every other.
    ``reason`` says why a version was refused; of an edited one, which of its edits were guesses (``ambiguous: …``).
    """

    row: int
    counterfactual: str
    attribute: str
    kind: Literal["counterfactual", "control"] = "counterfactual"
    from_group: str
    to_group: str
    text: str | None = None
    continuation: str | None = None
    changes: dict[str, float | int | str | bool | None] | None = None
    edits: tuple[Edit, ...] = ()
    filling: int | None = None
    status: Literal["edited", "refused"] = "edited"
    reason: str = ""


Counterfactual = Callable[..., Iterator[Version]]


def counterfactual(*, source: str, kinds: Collection[str]) -> Callable[[Counterfactual], Counterfactual]:
    """Register a way to change protected attributes, for the model kinds it can serve."""
    return registry.register(source=source, kinds=frozenset(kinds))
