"""A library for everybody: no small count in any file of it, no way to what is not public, and releases that last."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from audits.artifact import read
from audits.errors import ArtifactError
from audits.linked_counts import rows_name
from model_cards.public import public_sources
from model_cards.publishing import RECORD
from model_cards.site import Asked, build
from model_cards.site_record import RECORD as SITE
from model_cards.sources import read_sources
from tests.model_cards.test_public import numbers, tokens
from tests.model_cards.test_site import one_more
from tests.synthetic import SPEC

PUBLIC = Asked(public=11)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two audits of the same question, of which the later is of four people more, and of fewer people another."""
    top = tmp_path_factory.mktemp("public")
    one_more(top, 0, SPEC, 400)
    one_more(top, 30, SPEC, 404)
    one_more(top, 1, SPEC.replace("audit: hiring", "audit: promotion"), 40)
    return top


@pytest.fixture(scope="module")
def built(made: Path) -> Path:
    build(made / "runs", made / "public", PUBLIC)
    return made / "public"


def texts(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): path.read_text() for path in sorted(out.rglob("*")) if path.is_file()}


def records(out: Path, audit: str = "hiring") -> list[dict]:
    return [one for one in json.loads((out / SITE).read_text())["releases"] if one["audit"] == audit]


def test_no_number_of_a_withheld_finding_is_in_any_file_of_it(made: Path, built: Path, tmp_path: Path) -> None:
    secret, told = set(), set()
    for folder in (made / "runs").glob("*/*"):
        private = read_sources(folder)
        place = f"cards/{folder.parent.name}/{folder.name}/card.html{RECORD}"
        record = json.loads((built / place).read_text())
        withheld = set(record["withheld"])
        told |= {str(n) for counts in record["told"].values() for n in counts}
        public, _ = public_sources(private)
        told |= tokens(json.dumps(public.documents)) | tokens((folder / "spec.yaml").read_text())
        for finding in private.findings:
            hidden = finding.id in withheld and finding.value is not None
            (secret if hidden else told).update(numbers(finding))
    build(made / "runs", tmp_path / "all", Asked(copy=True))
    secret -= told | {"100", "1.25", "0.8", "0.1"}
    full = set().union(*map(tokens, texts(tmp_path / "all").values()))
    assert len(secret & full) > 20, "the search finds them where they are"
    pages = {name: text for name, text in texts(built).items() if not name.startswith("cards/")}
    assert {name: found for name, text in pages.items() if (found := tokens(text) & secret)} == {}
    cards = {name: text for name, text in texts(built).items() if name.startswith("cards/")}
    assert {name: found for name, text in cards.items() if (found := tokens(text) & secret)} == {}


def test_nothing_that_was_sealed_is_in_it_and_every_link_stays_in_it(made: Path, built: Path) -> None:
    sealed = {path.read_bytes() for path in (made / "runs").rglob("*") if path.is_file()}
    assert not any(path.read_bytes() in sealed for path in built.rglob("*") if path.is_file())
    for name, text in texts(built).items():
        if not name.startswith("cards/") and name.endswith(".html"):
            for link in re.findall(r'href="([^"#]+)', text):
                place = ((built / name).parent / unquote(link)).resolve()
                assert place.is_relative_to(built.resolve()), link
                assert place.is_file(), link
            assert "This library is for everybody" in text
            assert "manifest.json" not in text


def test_each_artifact_is_held_against_those_published_before_it(built: Path) -> None:
    first, second = records(built)
    assert first["told"]["rows"] == [400.0]
    assert "rows" in second["withheld"], "four people more"
    assert rows_name("sex", "male") in first["told"].keys() | set(first["withheld"])


def test_built_again_it_is_the_same_and_a_release_outlives_its_artifact(made: Path, tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", tmp_path / "site"
    shutil.copytree(made / "runs", runs)
    later = max((runs / "hiring").iterdir())
    shutil.move(later, tmp_path / later.name)
    build(runs, out, PUBLIC)
    before = texts(out)
    assert build(runs, out, PUBLIC).done.written == ()
    build(runs, out, PUBLIC._replace(afresh=True))
    assert texts(out) == before
    first = next((runs / "hiring").iterdir())
    shutil.rmtree(first)
    shutil.move(tmp_path / later.name, later)
    build(runs, out, PUBLIC)
    assert len(records(out)) == 2
    assert "rows" in records(out)[1]["withheld"], "the first was published, and is still known to have been"
    assert not (out / "cards" / "hiring" / first.name).exists()


def test_a_page_that_is_lost_is_made_again_as_it_was(made: Path, tmp_path: Path) -> None:
    build(made / "runs", tmp_path / "site", PUBLIC)
    before = texts(tmp_path / "site")
    for path in (tmp_path / "site").glob("cards/hiring/*/card.html"):
        path.unlink()
    build(made / "runs", tmp_path / "site", PUBLIC)
    assert texts(tmp_path / "site") == before


def test_a_public_site_is_never_turned_into_one_that_tells_all_and_the_other_way_nothing_stays(
    made: Path, built: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="was built with --public, and would show everything"):
        build(made / "runs", built)
    build(made / "runs", tmp_path / "site", Asked(copy=True))
    build(made / "runs", tmp_path / "site", PUBLIC)
    again = texts(tmp_path / "site")
    assert not any("manifest.json" in name for name in again)
    assert {name: text for name, text in again.items() if name.endswith((".html", "card.json"))} == {
        name: text for name, text in texts(built).items() if name.endswith((".html", "card.json"))
    }
    entries = json.loads((tmp_path / "site" / SITE).read_text())["entries"].values()
    assert all(not entry["reason"] for entry in entries)
    assert json.loads((tmp_path / "site" / SITE).read_text())["changes"] == {}


def test_what_is_wrong_with_a_broken_artifact_is_not_quoted(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "runs", tmp_path / "runs")
    broken = next((tmp_path / "runs" / "promotion").iterdir())
    (broken / "card.md").write_text("seven people")
    build(tmp_path / "runs", tmp_path / "site", PUBLIC)
    page = (tmp_path / "site" / "audits" / "promotion.html").read_text()
    assert "not what was sealed, or cannot be read" in page
    assert "card.md" not in page
    assert read(next((made / "runs" / "promotion").iterdir())).manifest.audit == "promotion"


def test_a_suppressed_number_is_not_said_to_be_unmeasured(built: Path) -> None:
    page = (built / "audits" / "promotion.html").read_text()
    assert "suppressed" in page
    assert "not measured" not in page
