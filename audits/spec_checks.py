"""What the shape of a spec cannot say: names that must exist, and parts that must fit each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from audits.errors import nearest
from audits.findings import MISSING_GROUP
from audits.policy_checks import check_policy
from audits.registry import Registry
from audits.sources import is_file, is_hub
from audits.spec import AuditSpec, DataSpec, ProtectedSpec
from audits.spec_errors import Mistake, mistakes_in
from audits.values import as_seen, group_names, value_key
from audits.yaml_lines import Place

PACKAGE = re.compile(r"package:[A-Za-z_][\w.]*/[\w./-]+")


def check(spec: AuditSpec) -> list[Mistake]:
    """Return every mistake of a spec whose shape is right, in no order."""
    return [
        *_source(spec.data),
        *_roles(spec),
        *_meaning(spec),
        *_expectations(spec.data),
        *_model(spec),
        *(m for name, attribute in spec.protected.items() for m in _protected(name, attribute)),
        *_entries(spec),
        *check_policy(spec),
    ]


def _source(data: DataSpec) -> Iterator[Mistake]:
    source = data.source
    if source.startswith("package:"):
        if not PACKAGE.fullmatch(source):
            yield Mistake(("data", "source"), f"got {source!r}, expected package:NAME/DATASET")
    elif source.startswith("sql+"):
        if "://" not in source or not source.partition("#")[2]:
            yield Mistake(("data", "source"), f"got {source!r}, expected sql+<url>#<query or table>")
    elif is_hub(source):
        if data.revision is None:
            yield Mistake(
                ("data", "source"),
                f"got the hub id {source!r} without data.revision, expected its commit",
                "copy the commit from the dataset's history on the hub; or write a path with its ending",
            )
        return
    elif not is_file(source):
        yield Mistake(
            ("data", "source"),
            f"got {source!r}, expected a path ending in .parquet, .csv or .jsonl, "
            "package:NAME/DATASET, a hub id (owner/name), or sql+<url>#<query>",
            "write the file's ending, or save the table as parquet, csv or jsonl",
        )
    for key in ("revision", "config", "part"):
        if getattr(data, key) is not None:
            yield Mistake(("data", key), f"got {getattr(data, key)!r}, expected nothing: only a hub id has a {key}")


def _roles(spec: AuditSpec) -> Iterator[Mistake]:
    data = spec.data
    if data.threshold is not None and data.score is None:
        yield Mistake(
            ("data", "threshold"),
            f"got {data.threshold!r} without data.score, expected a column of scores",
            "name it: score: <column>",
        )
    if data.decision is not None and data.score is not None:
        yield Mistake(("data", "score"), "got both data.decision and data.score, expected one of them")
    for key in ("decision", "score"):
        if spec.model is not None and getattr(data, key) is not None:
            yield Mistake(
                ("data", key),
                f"got both model and data.{key}, expected one of them",
                f"leave out model to audit what is in the data, or data.{key} to audit the model",
            )
    nothing = spec.model is None and data.decision is None and data.score is None and data.label is None
    if nothing and not _columns_of_their_own(spec):
        yield Mistake(
            ("data",),
            "got no model, decision, score or label, expected something to audit",
            "name the column of decisions already taken: decision: <column>; or add model:",
        )
    if data.label is not None and data.label in (data.decision, data.score):
        yield Mistake(("data", "label"), f"got the column {data.label!r} that is audited, expected another")
    if data.template and data.text not in (None, data.template.column):
        yield Mistake(
            ("data", "text"),
            f"got {data.text!r} beside a template that writes {data.template.column!r}, expected one text",
            "leave out text",
        )


def _meaning(spec: AuditSpec) -> Iterator[Mistake]:
    """Which decision is the good one, where decisions are cut from numbers and have no values of their own.

    ``favourable: 0`` beside ``threshold: ">= 5"`` may mean that a score of 5 predicts a 0, or that 0 is what such a
    score is not. One of the two turns every rate round, so neither is taken. A model's classes have names; where
    they do not settle it, loading the model says so.
    """
    data, model = spec.data, spec.model
    if data.positive is not None or value_key(data.favourable) == "1":
        return
    if data.score is not None:
        cut = f"a score {data.threshold.strip()}" if data.threshold else "a high score"
    elif model is not None and model.kind == "python":
        cut = f"an answer of {model.threshold:g} or more"
    else:
        return
    yield Mistake(
        ("data", "favourable"),
        f"got {data.favourable!r} without data.positive, expected both: {cut} could mean either value",
        f"write positive: {data.favourable} where {cut} predicts {data.favourable!r}, which is good for the person; "
        "or positive: <the other value> where it predicts that one",
    )


def _columns_of_their_own(spec: AuditSpec) -> bool:
    """Whether some technique says itself which columns it looks at: several classes, predicted numbers, ranks."""
    from audits import techniques

    known = [
        (techniques.registry[name], options) for name, options in spec.techniques.items() if name in techniques.registry
    ]
    return any(techniques.option_columns(entry, options) for entry, options in known)


def _expectations(data: DataSpec) -> Iterator[Mistake]:
    if not data.expect:
        return
    from audits.expectations import arguments_of, full_name, known

    for at, item in enumerate(data.expect):
        name = full_name(item.expect)
        if name not in known():
            short = item.expect.removeprefix("expect_")
            yield Mistake(
                ("data", "expect", at, "expect"),
                f"got {item.expect!r}, expected an expectation",
                nearest(short, [name.removeprefix("expect_") for name in known()]),
            )
            continue
        for argument in sorted(set(item.arguments) - arguments_of(name)):
            yield Mistake(
                ("data", "expect", at, "arguments", argument),
                f"got an unknown argument, expected one of {item.expect}",
                nearest(argument, arguments_of(name)),
            )


def _model(spec: AuditSpec) -> Iterator[Mistake]:
    model, data = spec.model, spec.data
    if model is None:
        return
    if model.kind in ("text-classifier", "causal-lm") and data.text_column is None:
        yield Mistake(
            ("model", "kind"),
            f"got {model.kind} without a text, expected data.text or data.template",
            "name the column the model reads: text: <column>",
        )
    if model.kind == "causal-lm" and data.continuation is None:
        yield Mistake(
            ("model", "kind"),
            "got causal-lm without data.continuation, expected a column",
            "name the column of what is scored after the text: continuation: <column>",
        )
    if model.kind == "tabular" and not data.features:
        yield Mistake(
            ("model", "kind"),
            "got tabular without data.features, expected columns",
            "list the columns the model reads: features: [<column>, …]",
        )
    if model.kind == "python" and not data.features and data.text_column is None:
        yield Mistake(
            ("model", "kind"),
            "got python without data.text, data.template or data.features, expected what the function reads",
        )
    if model.kind != "causal-lm" and not 0 <= model.threshold <= 1:
        yield Mistake(
            ("model", "threshold"),
            f"got {model.threshold:g}, expected 0 to 1: the model answers a probability",
            "pass scores on other scales as data.score with data.threshold",
        )
    if model.fit is not None and not re.search(r"\.py:[A-Za-z_]\w*$", model.fit):
        yield Mistake(("model", "fit"), f"got {model.fit!r}, expected file.py:function")


def _protected(name: str, attribute: ProtectedSpec) -> Iterator[Mistake]:
    place = ("protected", name)
    if not name.strip() or any(mark in name for mark in "×*/=") or name == "row":
        yield Mistake(
            place, f"got the name {name!r}, expected one without × * / = and not 'row'", "choose another name"
        )
    if attribute.overlap and attribute.reference not in ("largest", "best"):
        yield Mistake(
            (*place, "reference"),
            f"got {attribute.reference!r} with overlap, expected none: each group is held against all rows outside it",
            "leave out reference",
        )
    if not attribute.sliced and all(getattr(attribute, key) is None for key in ("probabilities", "terms", "lexicon")):
        yield Mistake(
            place,
            "got no column, indicators, probabilities, terms or lexicon, expected one of them",
            "name the column: {column: <column>}",
        )
    for key in ("values", "bins"):
        if getattr(attribute, key) is not None and attribute.column is None:
            yield Mistake((*place, key), f"got {key} without a column, expected column: <column>")
    for key in ("values", "indicators", "probabilities", "terms"):
        if getattr(attribute, key) == {}:
            yield Mistake((*place, key), "got an empty mapping, expected at least one group")
    yield from _probabilities(attribute, place)
    if attribute.lexicon is not None and not attribute.lexicon.endswith((".yaml", ".yml")):
        from audits.lexicons import lexicon_names

        if attribute.lexicon not in lexicon_names():
            hint = nearest(attribute.lexicon, lexicon_names())
            yield Mistake((*place, "lexicon"), f"got {attribute.lexicon!r}, expected a lexicon", hint)
    yield from _groups(attribute, place)


def _probabilities(attribute: ProtectedSpec, place: Place) -> Iterator[Mistake]:
    """Two groups or more, each with a column of its own."""
    columns = attribute.probabilities or {}
    if len(columns) == 1:
        (group,) = columns
        yield Mistake(
            (*place, "probabilities"),
            f"got {group!r} alone, expected a column for every group",
            "add the column of all others, so that each row adds up to 1",
        )
    seen: dict[str, str] = {}
    for group, column in columns.items():
        if (other := seen.setdefault(column, group)) != group:
            at = (*place, "probabilities", group)
            yield Mistake(at, f"got {column!r}, which is the column of {other!r} already, expected another")


def _groups(attribute: ProtectedSpec, place: Place) -> Iterator[Mistake]:
    known = group_names(attribute)
    if attribute.values:
        seen: dict[str, Any] = {}
        for value in attribute.values:
            if (other := seen.setdefault(value_key(value), value)) is not value:
                yield Mistake((*place, "values", value), f"got {value!r}, which is the same value as {other!r}")
    if known is not None and MISSING_GROUP in known:
        yield Mistake(
            place,
            f"got a group called {MISSING_GROUP!r}, expected another name: rows without a value are shown under it",
        )
    alike: dict[str, str] = {}
    for group in known or ():
        if (other := alike.setdefault(as_seen(group), group)) != group or not as_seen(group):
            what = f"which looks like {other!r}" if as_seen(group) else "which shows as nothing"
            yield Mistake(place, f"got a group called {group!r}, {what}", "choose another name")
    if attribute.terms:
        for group, words in attribute.terms.items():
            if attribute.sliced and known is not None and group not in known:
                yield Mistake(
                    (*place, "terms", group),
                    f"got terms of {group!r}, expected a group of the attribute",
                    nearest(group, known),
                )
            if not words:
                yield Mistake((*place, "terms", group), "got no words, expected at least one")
    choices = known if known is not None else [*(attribute.terms or ())] if not attribute.sliced else None
    free = choices is None or (not attribute.sliced and attribute.lexicon is not None)
    if not free and attribute.reference not in [*(choices or ()), "largest", "best"]:
        yield Mistake(
            (*place, "reference"),
            f"got {attribute.reference!r}, expected a group, largest or best",
            nearest(attribute.reference, [*(choices or ()), "largest", "best"]),
        )


def _entries(spec: AuditSpec) -> Iterator[Mistake]:
    from audits import counterfactuals, techniques

    yield from _named(spec, "techniques", spec.techniques, techniques.registry)
    yield from _named(spec, "counterfactuals", spec.counterfactuals, counterfactuals.registry)
    if spec.counterfactuals and spec.model is None:
        yield Mistake(
            ("counterfactuals",),
            "got counterfactuals without a model, expected a model to ask",
            "leave out counterfactuals, or add model:",
        )


def _named(
    spec: AuditSpec, part: str, chosen: Mapping[str, Mapping[str, Any]], registry: Registry
) -> Iterator[Mistake]:
    for name, options in chosen.items():
        place = (part, name)
        if name not in registry:
            yield Mistake(place, f"got {name!r}, expected a {registry.kind}", nearest(name, registry))
            continue
        try:
            registry[name].options.model_validate(dict(options))
        except ValidationError as error:
            yield from mistakes_in(registry[name].options, dict(options), error, place)
            continue
        kinds = registry[name].facts.get("kinds")
        if kinds and spec.model is not None and spec.model.kind not in kinds:
            yield Mistake(place, f"got {name!r} for a {spec.model.kind} model, expected {_either(kinds)}")
        if kinds and spec.model is None and part == "techniques":
            yield Mistake(place, f"got {name!r} without a model, expected {_either(kinds)}", "add model:")
        yield from _option_names(spec, place, options, registry[name].facts.get("task", ""))


def _either(kinds: Any) -> str:
    return "a model of kind " + " or ".join(sorted(kinds))


def _option_names(spec: AuditSpec, place: Place, options: Mapping[str, Any], task: str) -> Iterator[Mistake]:
    """Options named ``attribute``, ``attributes`` and ``metrics`` mean the spec's attributes and the known metrics."""
    named = [((*place, "attributes", at), name) for at, name in enumerate(options.get("attributes") or ())]
    if "attribute" in options:
        named.append(((*place, "attribute"), options["attribute"]))
    for where, name in named:
        if name not in spec.protected:
            hint = nearest(str(name), spec.protected)
            yield Mistake(where, f"got {name!r}, expected a protected attribute", hint)
    if options.get("metrics") and not isinstance(options["metrics"], str):
        from audits import metrics

        known = [entry.name for entry in metrics.of_task(task)]
        for at, name in enumerate(options["metrics"]):
            if name not in known:
                expected = f"a metric of {task} tasks" if name in metrics.registry else "a metric"
                yield Mistake((*place, "metrics", at), f"got {name!r}, expected {expected}", nearest(str(name), known))
