"""A new technique is one new file: nothing else has to know of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parent.parent

TECHNIQUE = '''
"""Text length: do the texts of one group run longer?"""

from collections.abc import Iterator

from audits.evidence import Evidence
from audits.findings import Finding, Interval, Support
from audits.statistics import critical, interval
from audits.statistics.means import t_sufficient
from audits.techniques import technique


@technique(source="a technique written for this test", needs={"text"}, replayable=True)
def text_length(evidence: Evidence, *, unit: str = "words", floor: int = 2) -> Iterator[Finding]:
    """Mean length of each group's texts."""
    lengths = [len(t.split()) if unit == "words" else len(t) for t in evidence.rows["text"].to_pylist()]
    for attribute in evidence.attributes:
        groups = evidence.groups(attribute)
        for group in sorted(set(groups)):
            values = [length for length, name in zip(lengths, groups, strict=True) if name == group]
            common = dict(technique="text_length", measure="mean_length", attribute=attribute, group=group,
                          comparison="mean", unit=unit, n=Support(group=len(values)))
            if len(values) < floor:
                yield Finding(**common, missing=f"{len(values)} rows of {group}, fewer than {floor}")
                continue
            sufficient = t_sufficient(values)
            level = evidence.spec.statistics.level
            low, high = interval("t", sufficient, critical(level))
            yield Finding(**common, value=sufficient["mean"], sufficient=sufficient,
                          interval=Interval(low=low, high=high, level=level, method="t"))
'''

RUN = """
import json, sys
from pathlib import Path
from audits.evidence import Evidence
from audits.findings import write_findings
from audits.spec import AuditSpec
from audits.techniques import registry, run
given = json.loads(sys.argv[1])
spec = AuditSpec.model_validate(given["spec"])
entry = registry["text_length"]
findings = run(entry, Evidence(Path(given["run"]), spec), given["options"])
sys.stdout.buffer.write(write_findings(findings))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    techniques = tmp_path / "techniques"
    techniques.mkdir()
    (techniques / "text_length.py").write_text(TECHNIQUE)
    (techniques / "_notes.py").write_text("raise RuntimeError('files that begin with _ are not techniques')")
    return techniques


def python(code: str, folder: Path, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, where the registry has not been filled yet."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, cwd=ROOT, check=False, env={**os.environ, "EVENHAND_TECHNIQUES": str(folder)},
    )  # fmt: skip
    assert (done.returncode != 0) == (expect != 0), done.stderr
    return done


def carry_out(run: Path, folder: Path, options: dict, expect: int = 0) -> subprocess.CompletedProcess[str]:
    spec = {
        "audit": "letters", "question": "?", "data": {"source": "letters.csv"},
        "protected": {"sex": {"column": "sex"}}, "techniques": {"text_length": options},
    }  # fmt: skip
    return python(RUN, folder, json.dumps({"spec": spec, "run": str(run), "options": options}), expect=expect)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    from audits.evidence import ROWS

    made = tmp_path / "run"
    made.mkdir()
    texts = ["one two three", "one two", "one", "one two three four"]
    rows = {name: [None] * 4 for name in ROWS.names} | {"row": range(4), "text": texts}
    pq.write_table(pa.table({name: list(column) for name, column in rows.items()}, schema=ROWS), made / "rows.parquet")
    groups = ["female", "female", "male", "diverse"]
    pq.write_table(pa.table({"row": pa.array(range(4), pa.int64()), "sex": groups}), made / "slices.parquet")
    return made


def test_the_file_is_found_with_its_summary_source_and_options(folder):
    code = (
        "from audits.techniques import registry; import json; e = registry['text_length'];"
        "print(json.dumps([e.summary, e.source, e.facts['replayable'], e.options.model_json_schema(), list(registry)]))"
    )
    summary, source, replayable, schema, names = json.loads(python(code, folder).stdout)
    assert summary == "Mean length of each group's texts."
    assert source == "a technique written for this test"
    assert replayable is True
    assert schema["properties"]["floor"]["default"] == 2
    assert schema["additionalProperties"] is False
    assert {"parity", "text_length"} <= set(names)


def test_without_the_folder_nobody_knows_it(folder):
    done = python("from audits.techniques import registry; registry['text_length']", folder / "elsewhere", expect=1)
    assert "technique: got 'text_length', which is not one" in done.stderr


def test_it_runs_over_the_evidence_and_yields_findings(folder, run):
    from audits.findings import read_findings

    found = {f.group: f for f in read_findings(carry_out(run, folder, {}).stdout.encode())}
    assert found["female"].value == 2.5
    assert found["female"].interval.low < 2.5 < found["female"].interval.high
    assert found["male"].missing == "1 rows of male, fewer than 2"
    assert found["female"].id == "text_length/mean_length/sex/female/-/mean"


def test_its_options_are_those_of_its_signature(folder, run):
    letters = carry_out(run, folder, {"unit": "letters"}).stdout
    assert '"unit":"letters"' in letters
    unknown = carry_out(run, folder, {"flor": 3}, expect=1).stderr
    assert "flor" in unknown
    assert "Extra inputs are not permitted" in unknown
    assert "valid integer" in carry_out(run, folder, {"floor": "many"}, expect=1).stderr


def test_a_spec_may_name_it_and_a_misspelt_option_is_refused_on_reading(folder, tmp_path):
    text = """\
audit: letters
question: Do letters run equally long?
data: {{source: letters.csv, text: text, decision: asked}}
protected: {{sex: {{column: sex}}}}
techniques: {{text_length: {options}}}
"""
    (tmp_path / "good.yaml").write_text(text.format(options="{floor: 5}"))
    (tmp_path / "bad.yaml").write_text(text.format(options="{flor: 5}"))
    code = (
        "import sys; from pathlib import Path; from audits.spec_reader import read_spec; read_spec(Path(sys.argv[1]))"
    )
    python(code, folder, str(tmp_path / "good.yaml"))
    refused = python(code, folder, str(tmp_path / "bad.yaml"), expect=1).stderr
    assert "flor" in refused
    assert "floor" in refused
