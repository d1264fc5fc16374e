"""The audits before this one: told beside it where they were at hand, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from cards_example import write_example
from synthetic import SPEC, sealed, spec_of, write_run

from audits.history import read_entry
from model_cards.blocks import Figures, Table
from model_cards.card import build
from model_cards.render import html
from tasks.write_card import earlier


def with_history(folder: Path, entries: list[dict[str, object]]) -> Path:
    run = write_run(folder / "now", spec_of())
    (run / "spec.yaml").write_text(SPEC)
    (run / "history.json").write_text(json.dumps(entries))
    return run


def test_a_limit_is_drawn_audit_by_audit_with_its_table(tmp_path: Path) -> None:
    before = read_entry(sealed(tmp_path)).model_dump(mode="json")
    made = build(with_history(tmp_path, [before, {**before, "ended": "2026-02-01T00:00:00+00:00"}]))
    section = next(part for part in made.sections if part.id == "history")
    charts = [chart for block in section.blocks if isinstance(block, Figures) for chart in block.charts]
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert len(charts) == len(tables) == 2
    assert [line.name[0] for line in tables[0].lines] == ["2026-02-01", "2026-03-01", "this audit"]
    assert 'class="limit-text"' in charts[0].svg
    assert 'id="history"' in html(made)


def test_without_earlier_audits_nothing_is_said_of_them(tmp_path: Path) -> None:
    assert "history" not in [section.id for section in build(write_example(tmp_path / "run")).sections]
    assert "history" not in [section.id for section in build(with_history(tmp_path, [])).sections]


def test_what_another_version_wrote_is_left_out(tmp_path: Path) -> None:
    made = build(with_history(tmp_path, [{"shape": "of another version"}]))
    assert "history" not in [section.id for section in made.sections]


def test_only_whole_artifacts_of_the_folder_are_taken(tmp_path: Path) -> None:
    artifact = sealed(tmp_path)
    assert [entry.name for entry in earlier(artifact.parent)] == [artifact.name]
    (artifact / "verdict.json").write_text("{}")
    assert earlier(artifact.parent) == []
    assert earlier(tmp_path / "nowhere") == []


def test_two_audits_of_one_day_are_told_apart_by_their_time():
    from model_cards.history import _days

    assert _days(["2026-10-20T08:00:00Z", "2026-11-20 10:14 UTC"]) == ["2026-10-20", "2026-11-20"]
    assert _days(["2026-11-20T08:01:30Z", "2026-11-20 10:14 UTC"]) == ["11-20 08:01", "11-20 10:14"]
    assert _days(["2026-11-20T08:01:30Z", "not recorded"]) == ["2026-11-20", "this audit"]
