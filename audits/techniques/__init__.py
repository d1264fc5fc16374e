"""Techniques: one file each, found by scanning this folder and those in ``EVENHAND_TECHNIQUES``.

A technique is a generator of findings::

    @technique(source="Hardt, Price, Srebro 2016, section 2", needs={"decisions"})
    def parity(evidence: Evidence, *, metrics: list[str] | None = None) -> Iterator[Finding]:
        ...

Its keyword-only parameters are its options in the spec. A technique that reads the model's inside takes the
model as second positional parameter, ``subject``, and is then run in the child process that holds the
model; all others run beside the evidence alone, without the model. What it cannot measure it yields as a
finding with ``missing``; what makes the whole technique impossible it raises as ``NotMeasurable``, which
becomes one such finding.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any

from audits.errors import NotMeasurable
from audits.findings import Finding
from audits.registry import Entry, Registry

Technique = Callable[..., Iterator[Finding]]

_COLUMN = "a column of the data"
Column = Annotated[str, _COLUMN]
"""Type of an option that names a column of the data: ``truth: Column``, ``strata: list[Column] | None``. The column is
kept in ``rows.parquet`` as ``data.<name>``, and one that the data do not have is refused."""
registry = Registry("technique", __name__, "EVENHAND_TECHNIQUES")


def technique(
    *,
    source: str,
    needs: Collection[str] = (),
    kinds: Collection[str] = (),
    measures: Collection[str] = (),
    over: Collection[str] = (),
    task: str = "binary",
    replayable: bool = False,
) -> Callable[[Technique], Technique]:
    """Register a technique.

    Args:
        source: where the method is from.
        needs: what it stands on: ``decisions``, ``scores``, ``labels``, ``pairs``, ``text``. ``evenhand plan``
            says beforehand what is absent.
        kinds: model kinds it can examine (``text-classifier`` …); empty for every kind and for no model.
        measures: the measures of its findings, without what stands in brackets; a limit on another name is then
            refused when a spec is read. Not needed where an option ``metrics`` names them.
        over: what its findings are over that is no protected attribute (``subgroups``): a limit may be over it too.
        task: of which task the metrics are that an option ``metrics`` may name (``audits.metrics``).
        replayable: its findings follow from the stored predictions alone, so ``evenhand replay`` recomputes them.
    """
    return registry.register(
        source=source,
        needs=frozenset(needs),
        kinds=frozenset(kinds),
        measures=frozenset(measures),
        over=frozenset(over),
        task=task,
        replayable=replayable,
    )


def option_columns(entry: Entry, options: Mapping[str, Any]) -> list[str]:
    """Return the columns of the data that a technique's options name (those whose type is ``Column``)."""
    hints = typing.get_type_hints(entry.function, include_extras=True)
    found: list[str] = []
    for name in entry.options.model_fields:
        value = options.get(name, entry.options.model_fields[name].default)
        if _names_columns(hints[name]) and value:
            found += [value] if isinstance(value, str) else [one for one in value if isinstance(one, str)]
    return found


def _names_columns(hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated and _COLUMN in hint.__metadata__:
        return True
    return any(_names_columns(part) for part in typing.get_args(hint))


def examines_inside(entry: Entry) -> bool:
    """Whether the technique takes the model itself and so runs in the child process."""
    return "subject" in inspect.signature(entry.function).parameters


def run(entry: Entry, evidence: Any, options: dict[str, Any], subject: Any = None) -> list[Finding]:
    """Carry out a technique with options as the spec gives them, checked against its signature.

    Returns its findings. One that cannot be carried out at all, or has nothing to say, is one finding that says why.
    """
    checked = entry.options.model_validate(options)
    given = {name: getattr(checked, name) for name in type(checked).model_fields}
    arguments = (evidence, subject) if examines_inside(entry) else (evidence,)
    try:
        found = list(entry.function(*arguments, **given))
        return found or [_nothing(entry, _NO_GROUP if not evidence.attributes else "it found nothing to measure")]
    except NotMeasurable as reason:
        return [_nothing(entry, reason.message)]


_NO_GROUP = "no row has a group of any protected attribute: words alone make none"


def _nothing(entry: Entry, why: str) -> Finding:
    return Finding(technique=entry.name, measure=entry.name, comparison="check", missing=why)
