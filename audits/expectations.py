"""Data expectations, checked by Great Expectations before anything is computed.

Those of the spec, and those any audit needs: named columns hold something, labels and decisions have two values,
texts are not empty, weights are 0 or more. Shares of missing values are warnings: recorded, never a stop.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audits.errors import DataError, SpecError
from audits.findings import Frozen
from audits.spec import AuditSpec
from audits.values import value_key

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray

FIRST_ROWS = 20
DEPRECATED = {"expect_multicolumn_values_to_be_unique"}
"""Offered by name, but no longer computed; ``compound_columns_to_be_unique`` took its place."""
_INTERNAL = {"id", "meta", "result_format", "rendered_content", "windows", "batch_id", "catch_exceptions"}


class Check(Frozen):
    """An expectation to be checked, and who asks for it."""

    expectation: str
    arguments: dict[str, Any]
    origin: Literal["spec", "default"]
    severity: Literal["critical", "warning"] = "critical"

    @property
    def text(self) -> str:
        """``column_values_to_be_between(column='age', min_value=18)``."""
        inner = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.expectation.removeprefix('expect_')}({inner})"


def full_name(name: str) -> str:
    """Return the name with ``expect_`` in front."""
    return name if name.startswith("expect_") else f"expect_{name}"


@functools.cache
def known() -> dict[str, Path]:
    """Return the file of every expectation that is offered, by name.

    Read from the source text: importing Great Expectations takes seconds.
    """
    offered = {name for _, names in _imports(_folder() / "__init__.py") for name in names}
    core = _folder() / "core"
    files = {module: names for module, names in _imports(core / "__init__.py") if module.startswith("expect_")}
    kept = sorted(module for module, names in files.items() if offered & set(names) and module not in DEPRECATED)
    return {module: core / f"{module}.py" for module in kept}


def _imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield (node.module or "").rpartition(".")[2], [alias.name for alias in node.names]


@functools.cache
def arguments_of(name: str) -> frozenset[str]:
    """Return the arguments an expectation takes, read from its source text."""
    classes = {**_classes(_folder() / "expectation.py"), **_classes(known()[name])}
    wanted = name.replace("_", "")
    start = next(node for node in classes.values() if node.name.lower() == wanted)
    return frozenset(_fields(start, classes)) - _INTERNAL


def _folder() -> Path:
    found = importlib.util.find_spec("great_expectations")
    where = found.submodule_search_locations if found is not None else None
    return Path(where[0] if where else "", "expectations")


@functools.cache
def _classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    for item in node.body:
        if not (isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)):
            continue
        if not item.target.id.startswith("_") and "ClassVar" not in ast.unparse(item.annotation):
            yield item.target.id
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            yield from _fields(classes[base.id], classes)


def examine(
    spec: AuditSpec,
    table: pl.DataFrame,
    rows: NDArray[Any],
    named: list[str],
    out: Path,
    also: Iterable[dict[str, Any]] = (),
) -> None:
    """Check a table and write ``checks.json``, one entry an expectation.

    Args:
        spec: whose expectations and roles.
        table: the rows to be audited and fitted on, columns of the source (and of the template).
        rows: position in the source of each row of ``table``.
        named: columns the spec names; warnings tell their missing values.
        out: folder to write to.
        also: further entries, none of which stops an audit.

    Raises:
        DataError: naming each broken expectation, how many rows break it and the first of them; not for
            warnings, and not where the spec says ``when_broken: carry-on``.
    """
    checks = [*_from_spec(spec), *_defaults(spec, table, named)]
    frame = table.to_pandas()
    results = [_told(check, raw, rows) for check, raw in zip(checks, _validate(checks, frame), strict=True)]
    out.joinpath("checks.json").write_text(
        json.dumps([*results, *also], indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    )
    broken = [
        (check, told)
        for check, told in zip(checks, results, strict=True)
        if not told["success"] and told["severity"] != "warning"
    ]
    if broken and spec.data.when_broken == "stop":
        said = "\n".join(f"  {check.text}: {_why(told, table.height)}" for check, told in broken)
        raise DataError(
            f"data: {len(broken)} broken expectation{'s'[: len(broken) > 1]}:\n{said}",
            "mend the data or leave rows out by data.where; data.when_broken: carry-on records it only",
        )


def _why(told: dict[str, Any], height: int) -> str:
    if told["unexpected_count"]:
        shown = ", ".join(map(str, told["unexpected_rows"]))
        more = ", …" if told["unexpected_count"] > len(told["unexpected_rows"]) else ""
        return f"{told['unexpected_count']} of {height} rows, source rows (from 0): {shown}{more}"
    return f"got {told['observed']}"


def _from_spec(spec: AuditSpec) -> Iterator[Check]:
    for item in spec.data.expect:
        arguments = {key: value for key, value in item.arguments.items() if key != "severity"}
        severity: Literal["critical", "warning"] = (
            "warning" if item.arguments.get("severity") in ("warning", "info") else "critical"
        )
        yield Check(expectation=full_name(item.expect), arguments=arguments, origin="spec", severity=severity)


def _defaults(spec: AuditSpec, table: pl.DataFrame, named: list[str]) -> Iterator[Check]:
    def make(name: str, severity: Literal["critical", "warning"] = "critical", **arguments: Any) -> Check:
        return Check(expectation=f"expect_{name}", arguments=arguments, origin="default", severity=severity)

    data = spec.data
    for column in named:
        yield make("column_to_exist", column=column)
    for column in filter(None, dict.fromkeys((data.label, data.decision))):
        yield _two_values(spec, table, column)
    for column in dict.fromkeys(a.column for a in spec.protected.values() if a.column):
        yield make("column_proportion_of_non_null_values_to_be_between", column=column, min_value=0, strict_min=True)
    for column in filter(None, (data.text_column, data.continuation)):
        yield make("column_values_to_not_be_null", column=column)
        yield make("column_values_to_match_regex", column=column, regex=r"\S")
    if data.weight:
        yield make("column_values_to_not_be_null", column=data.weight)
        yield make("column_values_to_be_between", column=data.weight, min_value=0)
    for column in named:
        if column not in (data.text_column, data.continuation, data.weight):
            yield make("column_values_to_not_be_null", "warning", column=column)


def _two_values(spec: AuditSpec, table: pl.DataFrame, column: str) -> Check:
    """Where both values are known they are the only ones; else there are at most two."""
    data = spec.data
    if data.positive_is_favourable:
        name, arguments = "column_unique_value_count_to_be_between", {"column": column, "max_value": 2}
    else:
        wanted = {value_key(data.positive_value), value_key(data.favourable)}
        values = [value for value in table[column].unique().to_list() if value_key(value) in wanted]
        # where the data hold neither value, the spec's own are shown
        values = sorted(values or [data.positive_value, data.favourable], key=str)
        name, arguments = "column_values_to_be_in_set", {"column": column, "value_set": values}
    return Check(expectation=f"expect_{name}", arguments=arguments, origin="default")


def _validate(checks: list[Check], frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the result of each check, in order."""
    with warnings.catch_warnings():  # of modules that Great Expectations imports: nothing a user could mend
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
        import great_expectations.expectations as gxe
        from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # temporary folders
    classes = {
        getattr(gxe, name).expectation_type: getattr(gxe, name) for name in dir(gxe) if name.startswith("Expect")
    }
    suite = gx.ExpectationSuite(
        name="audit", expectations=[_expectation(classes, check, at) for at, check in enumerate(checks)]
    )
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("data").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    results = batch.validate(suite, result_format={"result_format": "COMPLETE"}).to_json_dict()["results"]
    # Great Expectations returns them in an order of its own
    return sorted(results, key=lambda result: int(result["expectation_config"]["meta"]["at"]))


def _expectation(classes: dict[str, Any], check: Check, at: int) -> Any:
    try:
        return classes[check.expectation](**check.arguments, severity=check.severity, meta={"at": at})
    except Exception as error:
        said = "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise SpecError(
            f"data.expect: {check.text} has arguments it cannot take: {said}",
            "see its arguments in the Great Expectations gallery",
        ) from error


def _told(check: Check, raw: dict[str, Any], rows: NDArray[Any]) -> dict[str, Any]:
    result = raw["result"]
    positions = sorted(result.get("unexpected_index_list") or [])
    observed = result.get("observed_value", result.get("partial_unexpected_list"))
    return {
        "expectation": check.expectation.removeprefix("expect_"),
        "column": check.arguments.get("column"),
        "arguments": check.arguments,
        "from": check.origin,
        "success": bool(raw["success"]),
        "unexpected_count": result.get("unexpected_count"),
        "unexpected_rows": [int(rows[at]) for at in positions[:FIRST_ROWS]],
        "observed": _exception(raw["exception_info"]) or (observed[:5] if isinstance(observed, list) else observed),
        "severity": check.severity,
    }


def _exception(info: dict[str, Any]) -> str:
    """What went wrong inside an expectation, in its own words; empty where nothing did."""
    said = [info, *(part for part in info.values() if isinstance(part, dict))]
    texts = [str(part["exception_message"]) for part in said if part.get("exception_message")]
    return texts[0].splitlines()[0] if texts else ""
