"""Exports: valid by the format's own checker, offline; every value read back is the finding's."""

import json

import pytest
import yaml
from cards_example import parity, write_example

from audits.errors import AuditError
from model_cards.exports import exported, formats, metric_type, registry, slice_of
from model_cards.render import render
from model_cards.sources import read_sources

RACE_BLACK = {"not Black": (700, 842), "Black": (53, 98)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_example(tmp_path_factory.mktemp("card"))


def test_every_export_says_what_it_loses_and_where_its_format_is_from():
    assert [entry.name for entry in formats()] == ["croissant", "cyclonedx", "hf", "ll144", "mct"]
    for entry in formats():
        assert entry.facts["loses"]
        assert entry.facts["file"]


def test_an_unknown_format_is_refused_with_those_there_are(folder):
    with pytest.raises(
        AuditError, match="got 'htlm', expected one of html, md, json, pdf, croissant, cyclonedx, hf, ll144, mct"
    ) as caught:
        render(folder, "htlm")
    assert "html" in caught.value.hint


def test_the_bill_of_materials_is_valid_and_holds_every_value(folder):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    content = render(folder, "cyclonedx").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content) is None
    document = json.loads(content)
    told = exported(read_sources(folder))
    metrics = document["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert [float(one["value"]) for one in metrics] == [f.value for f in told]
    for one, finding in zip(metrics, told, strict=True):
        assert (one["type"], one["slice"]) == (metric_type(finding), slice_of(finding))
        if finding.interval:
            assert float(one["confidenceInterval"]["lowerBound"]) == finding.interval.low


def test_what_is_inconclusive_has_no_conformance_score(folder):
    document = json.loads(render(folder, "cyclonedx"))
    limits = read_sources(folder).verdict["limits"]
    mapped = document["declarations"]["attestations"][0]["map"]
    assert len(mapped) == len(limits)
    for one, limit in zip(mapped, limits, strict=True):
        assert one["conformance"].get("score") == {"PASS": 1.0, "FAIL": 0.0}.get(limit["verdict"])


def test_the_readme_is_read_by_the_hubs_own_library_and_holds_every_value(folder):
    from huggingface_hub import ModelCard

    text = render(folder, "hf").decode()
    told = exported(read_sources(folder))
    card = ModelCard(text)
    assert [result.metric_value for result in card.data.eval_results] == [f.value for f in told]
    assert [result.metric_args["finding"] for result in card.data.eval_results] == [f.id for f in told]
    head = yaml.safe_load(text.split("---\n")[1])
    for metric, finding in zip(head["model-index"][0]["results"][0]["metrics"], told, strict=True):
        if finding.interval:
            assert metric["args"]["interval"] == [finding.interval.low, finding.interval.high]


def closed(**fields):
    return {"type": "object", "properties": fields, "additionalProperties": False}


def many(**fields):
    return {"type": "array", "items": closed(**fields)}


TEXT = {"type": "string"}
MCT = closed(  # the fields of the published schema v0.0.2 (package 2.0.0), each level closed
    schema_version=TEXT,
    model_details=closed(
        name=TEXT,
        overview=TEXT,
        documentation=TEXT,
        owners=many(name=TEXT, contact=TEXT),
        version=closed(name=TEXT, date={"type": "string", "format": "date"}, diff=TEXT),
        licenses={
            "type": "array",
            "items": closed(identifier=TEXT, custom_text=TEXT)
            | {"oneOf": [{"required": ["identifier"]}, {"required": ["custom_text"]}]},
        },
        references=many(reference={"type": "string", "format": "uri"}),
        citations=many(style=TEXT, citation=TEXT),
        path=TEXT,
    ),
    model_parameters=closed(
        model_architecture=TEXT,
        data=many(
            name=TEXT,
            link={"type": "string", "format": "uri"},
            sensitive=closed(sensitive_data={"type": "array", "items": TEXT}),
            description=TEXT,
        ),
        input_format=TEXT,
        output_format=TEXT,
    ),
    quantitative_analysis=closed(
        performance_metrics=many(
            type=TEXT, value=TEXT, slice=TEXT, confidence_interval=closed(lower_bound=TEXT, upper_bound=TEXT)
        )
    ),
    considerations=closed(
        users=many(description=TEXT),
        use_cases=many(description=TEXT),
        limitations=many(description=TEXT),
        tradeoffs=many(description=TEXT),
        ethical_considerations=many(name=TEXT, mitigation_strategy=TEXT),
    ),
)


def test_the_toolkits_json_is_valid_and_its_values_are_texts(folder):
    from jsonschema import Draft7Validator

    document = json.loads(render(folder, "mct"))
    validator = Draft7Validator(MCT, format_checker=Draft7Validator.FORMAT_CHECKER)
    assert not [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(document)]
    metrics = document["quantitative_analysis"]["performance_metrics"]
    assert [float(one["value"]) for one in metrics] == [f.value for f in exported(read_sources(folder))]
    assert list(validator.iter_errors(document | {"verdict": "PASS"}))
    assert list(validator.iter_errors(document | {"schema_version": 2}))


@pytest.mark.filterwarnings("ignore")
def test_the_data_are_valid_croissant(folder):
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=json.loads(render(folder, "croissant")))
    assert not dataset.metadata.issues.errors


def test_nothing_is_exported_that_is_under_no_limit_where_there_are_limits(folder):
    sources = read_sources(folder)
    bounded = {limit.measure for limit in sources.spec.policy}
    assert {finding.measure for finding in exported(sources)} <= bounded
    assert registry["hf"].function(sources)


def test_groups_that_overlap_are_under_the_limit_of_all_of_them_together(tmp_path):
    folder = write_example(tmp_path / "run", list(parity("selection_rate", "race=Black", RACE_BLACK)))
    sources = read_sources(folder)
    told = exported(sources)
    assert {f.comparison for f in told} == {"rate", "difference", "ratio"}
    assert {f.attribute for f in told} == {"race=Black"}
    assert [limit.bound for f in told if f.comparison == "ratio" for limit in sources.limits(f)] == [0.8]
    assert "limit: within 10 points" in render(folder, "html").decode()


def test_a_date_that_is_not_known_is_left_out_of_the_toolkits_json(folder):
    details = json.loads(render(folder, "mct"))["model_details"]
    assert details["version"].get("date", "2026-11-20")[:2] == "20"
