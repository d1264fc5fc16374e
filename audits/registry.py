"""A name for a function and the facts beside it: techniques, counterfactuals and metrics are found by scanning.

A new entry is one new file in its folder. The options of an entry are the keyword-only parameters of its
function: their annotations become a pydantic model, so the spec, its JSON Schema and ``evenhand list``
know them without a second place to edit.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from audits.errors import SpecError, nearest


@dataclass(frozen=True)
class Entry:
    """A registered function: its name is the name in specs, cards and MLflow."""

    name: str
    function: Callable[..., Any]
    summary: str
    source: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def options(self) -> type[BaseModel]:
        """The options as a pydantic model, read from the function's keyword-only parameters."""
        hints = typing.get_type_hints(self.function, include_extras=True)
        fields: dict[str, Any] = {
            name: (hints[name], ... if parameter.default is inspect.Parameter.empty else parameter.default)
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        return create_model(
            f"{self.name}_options",
            __config__=ConfigDict(frozen=True, extra="forbid"),
            __doc__=self.summary,
            **fields,
        )


class Registry:
    """The entries of one kind, found in one package and in the folders that an environment variable names."""

    def __init__(self, kind: str, package: str, folders_variable: str = "") -> None:
        self.kind = kind
        self.package = package
        self.folders_variable = folders_variable
        self._entries: dict[str, Entry] = {}
        self._scanned = False

    def register(self, *, source: str, **facts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function under its own name.

        Args:
            source: paper, rule or section that the entry implements.
            facts: what else ``evenhand list`` and the card may say of it.
        """

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            name = function.__name__
            known = self._entries.get(name)
            if known is not None and known.function.__module__ != function.__module__:
                raise SpecError(
                    f"two {self.kind}s are called {name!r}: {known.function.__module__} and {function.__module__}",
                    "rename one of the two functions",
                )
            summary = (inspect.getdoc(function) or "").split("\n", 1)[0]
            self._entries[name] = Entry(name, function, summary, source, MappingProxyType(facts))
            return function

        return keep

    def entries(self) -> Mapping[str, Entry]:
        """Return every entry by name, scanning the folders on the first call."""
        if not self._scanned:
            self._scanned = True
            package = importlib.import_module(self.package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self.package}.{module.name}")
            for path in self._folder_files():
                _import_file(path, self.kind)
        return MappingProxyType(dict(sorted(self._entries.items())))

    def __getitem__(self, name: str) -> Entry:
        """Return the entry called ``name``. Raises ``SpecError`` with the nearest known name."""
        entries = self.entries()
        if name not in entries:
            raise SpecError(f"{self.kind}: got {name!r}, which is not one", nearest(name, entries))
        return entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries())

    def __contains__(self, name: object) -> bool:
        return name in self.entries()

    def _folder_files(self) -> Iterator[Path]:
        folders = os.environ.get(self.folders_variable, "") if self.folders_variable else ""
        for folder in filter(None, folders.split(os.pathsep)):
            yield from sorted(path for path in Path(folder).glob("*.py") if not path.name.startswith("_"))


def _import_file(path: Path, kind: str) -> ModuleType:
    name = f"evenhand_{kind.replace(' ', '_')}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise SpecError(f"{kind} file {str(path)!r} cannot be imported", "check that it is a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module
