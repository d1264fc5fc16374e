"""The library of audits: what its pages say, what they leave alone, and what a build writes."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from synthetic import ENDED, SPEC, STARTED, sealed, spec_of, write_run

from audits.artifact import read, seal
from audits.attestation import attest, make_key, read_private_key, read_public_key
from audits.errors import ArtifactError
from audits.history import Entry, Library, find_folders, read_entry, stamp
from model_cards import site as site_module
from model_cards.site import Asked, build
from model_cards.site_record import RECORD

HOSTILE = "<script>alert(1)</script>\"'&\u202e"
PROMOTION = SPEC.replace("audit: hiring", "audit: promotion").replace("models/letters", "models:/letters/3")
EVIL = PROMOTION.replace("audit: promotion", "audit: evil").replace("models:/letters/3", "'models/</title><b>'")
EVIL = EVIL.replace("question: Are men and women asked equally often?", f"question: {json.dumps(HOSTILE)}")


def one_more(top: Path, at: int, text: str = SPEC, rows: int = 120) -> Path:
    """Seal an artifact of ``text``, the ``at``-th day."""
    spec, later = spec_of(text), timedelta(days=at)
    run = write_run(top / "run", spec, rows, at)
    made = seal(run, top / "runs", spec=spec, spec_text=text, started=STARTED + later, ended=ENDED + later,
                libraries={"numpy": "2.3"})  # fmt: skip
    shutil.rmtree(run)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Three audits of hiring under a limit that moves, two of a promotion, one of somebody hostile."""
    top = tmp_path_factory.mktemp("made")
    for at in (0, 30, 60):
        one_more(top, at, SPEC.replace("0.05", "0.6") if at == 60 else SPEC, 100 + at)
    one_more(top, 1, PROMOTION)
    one_more(top, 2, PROMOTION.replace("/3", "/4"))
    one_more(top, 3, EVIL)
    return top


@pytest.fixture
def runs(made, tmp_path) -> Path:
    """A copy of them to do harm to."""
    return Path(shutil.copytree(made / "runs", tmp_path / "runs"))


@pytest.fixture(scope="module")
def built(made) -> Path:
    build(made / "runs", made / "site")
    return made / "site"


def pages(out: Path) -> dict[str, str]:
    return {path.relative_to(out).as_posix(): path.read_text() for path in sorted(out.rglob("*.html"))}


def files(out: Path) -> dict[str, tuple[int, int, bytes]]:
    found = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(out)): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in found
    }


class Outline(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, *names):
        return [given for tag, given in self.tags if tag in names]


def words(text: str) -> str:
    return " ".join(" ".join(Outline(text[text.index("<body>") :]).text).split())


def test_the_index_tells_of_every_audit_what_it_asks_of_whom_and_what_came_out(built, made):
    told = words((built / "index.html").read_text())
    assert "3 questions asked of 3 models, 6 artifacts in all." in told
    for name, about in (
        ("hiring", "model: models/letters · data: people.csv · 3 artifacts · not signed"),
        ("promotion", "model: models:/letters 4 · data: people.csv · 2 artifacts"),
    ):
        newest = max((made / "runs" / name).iterdir())
        verdict = json.loads((newest / "verdict.json").read_text())["verdict"]
        assert f"audit: {name} · {about}" in told
        title = name.capitalize()
        assert re.search(rf"{verdict} \d{{4}}-\d\d-\d\d {title} Are men and women asked equally often\?", told)


def test_models_are_found_by_name_and_have_a_page_of_their_own(built):
    index = Outline((built / "index.html").read_text())
    pages_of_models = [one["href"] for one in index.all("a") if one["href"].startswith("models/")]
    assert len(pages_of_models) == 3
    letters = next(path for path in (built / "models").iterdir() if "promotion.html" in path.read_text())
    told = words(letters.read_text())
    assert "models:/letters 1 question asked of it, 2 artifacts in all." in told
    assert re.search(r"4 [0-9a-f]{12} promotion 1 2026-03-03", told)
    assert re.search(r"3 [0-9a-f]{12} promotion 1 2026-03-02", told)


def test_an_audit_without_a_model_is_found_under_decisions(tmp_path):
    text = SPEC.replace("model: {kind: text-classifier, uri: models/letters}\ncounterfactuals: {swap: {}}\n", "")
    text = text.replace("text: letter", "decision: good").replace("  flip_rate: {}\n", "")
    text = re.sub(r"  - \{measure: flip_rate.*\n", "", text)
    one_more(tmp_path, 0, text)
    build(tmp_path / "runs", tmp_path / "site")
    assert "Decisions already taken" in words((tmp_path / "site" / "models" / "decisions.html").read_text())


def test_the_trend_of_a_limit_says_what_each_verdict_says(built, made):
    page = (built / "audits" / "hiring.html").read_text()
    tables = re.findall(r"<caption>(.*?), audit by audit</caption>.*?<tbody>(.*?)</tbody>", page, flags=re.DOTALL)
    assert len(tables) == 2
    newest_first = sorted((made / "runs" / "hiring").iterdir(), reverse=True)
    for (caption, body), at in zip(tables, (0, 1), strict=True):
        lines = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", line) for line in body.split("<tr>")[1:]]
        assert len(lines) == 3
        for cells, folder in zip(lines, newest_first, strict=True):
            limit = json.loads((folder / "verdict.json").read_text())["limits"][at]
            assert caption.startswith(limit["text"].split(":")[0])
            shown = float(re.match(r"[+−]?[\d.]+", cells[2])[0].replace("−", "-")) / 100
            low, high = (float(end.replace("−", "-")) / 100 for end in cells[3].split(" to "))
            assert shown == pytest.approx(limit["value"], abs=6e-4)
            assert (low, high) == pytest.approx((limit["interval"]["low"], limit["interval"]["high"]), abs=6e-4)
            assert cells[1] == limit["verdict"]
            assert cells[0] == folder.name[:4] + "-" + folder.name[4:6] + "-" + folder.name[6:8]
    assert [cells[4] for cells in lines] == ["at most 60%", "at most 5%", "at most 5%"]  # as the limit was at the time


def test_what_changed_between_two_is_told_of_every_two(built):
    told = words((built / "audits" / "hiring.html").read_text())
    assert "2026-03-31 09:05 UTC to 2026-04-30 09:05 UTC:" in told
    assert "2026-03-01 09:05 UTC to 2026-03-31 09:05 UTC:" in told
    assert "flip_rate over sex: rate at most: 0.05 → 0.6" in told
    assert "policy (1)" in told


def test_nothing_is_asked_for_outside_and_nothing_runs(built):
    for name, page in pages(built).items():
        outline = Outline(page)
        kinds = {tag for tag, _ in outline.tags}
        assert not kinds & {"script", "link", "iframe", "img", "object", "form", "input"}, name
        given = [(key, value) for _, attributes in outline.tags for key, value in attributes.items()]
        assert not [key for key, _ in given if key.startswith("on") or key in ("src", "xlink:href", "style")], name
        assert not re.search(r"url\(|@import|javascript:", page), name
        assert not [one for one in outline.all("a") if re.match(r"[a-z]+:|//", one["href"])], name
        policy = next(one["content"] for one in outline.all("meta") if "default-src" in one.get("content", ""))
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
        assert "script" not in policy


def test_every_page_can_be_walked_by_ear_and_by_keyboard(built):
    for name, page in pages(built).items():
        outline = Outline(page)
        levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        assert all(b - a <= 1 for a, b in pairwise(levels)), (name, levels)
        ids = [given["id"] for _, given in outline.tags if "id" in given]
        assert len(ids) == len(set(ids)), name
        kinds = [tag for tag, _ in outline.tags]
        assert kinds.count("main") == kinds.count("header") == kinds.count("footer") == 1, name
        assert outline.all("html")[0]["lang"] == "en"
        assert outline.all("a")[0]["href"] == "#main"
        assert kinds.count("table") == kinds.count("caption"), name
        assert all(given.get("scope") in ("col", "row") for given in outline.all("th")), name
        assert all("aria-label" in given for given in outline.all("nav")), name
        regions = [given for _, given in outline.tags if given.get("role") == "region"]
        assert all(given["tabindex"] == "0" and given["aria-label"] for given in regions), name
        labels = [given["aria-label"] for given in regions]
        assert len(labels) == len(set(labels)), name
        drawings = [given for given in outline.all("svg") if given.get("role") == "img"]
        assert all(set(given["aria-labelledby"].split()) <= set(ids) for given in drawings), name
        assert all(given.get("aria-hidden") == "true" or given in drawings for given in outline.all("svg")), name


def test_every_link_leads_somewhere(built):
    for name, page in pages(built).items():
        for href in [one["href"] for one in Outline(page).all("a")]:
            path, _, place = href.partition("#")
            target = (built / name).parent / unquote(path) if path else built / name
            assert target.is_file(), (name, href)
            if place:
                assert f'id="{place}"' in target.read_text(), (name, href)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["light", "dark", "paper"])
def test_words_stand_out_from_what_is_behind_them(built, mode):
    sheets = re.findall(r":root \{(.*?)\}", (built / "index.html").read_text(), flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", sheets[mode]))
    pairs = [(ink, back) for ink in ("ink", "soft", "link", "pass", "fail", "open", "limit-text") for back in ("page",)]
    pairs += [("ink", "panel"), *((tone, f"{tone}-soft") for tone in ("pass", "fail", "open"))]
    pairs += [("ink", f"{tone}-soft") for tone in ("pass", "fail", "open")]
    pairs += [("link", f"{tone}-soft") for tone in ("pass", "fail", "open")]
    for ink, back in pairs:
        light, dark = sorted((luminance(colours[ink]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, back)


def test_what_an_author_wrote_never_becomes_markup(built):
    for name in ("index.html", "audits/evil.html"):
        page = (built / name).read_text()
        assert "<script" not in page.lower()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "\u202e" not in page
        assert "[U+202E]" in page
        assert "</title><b>" not in page.replace("&lt;", "\0").replace("&gt;", "\0")
    assert not [name for name in files(built) if re.search(r"[<>\"'&]", name)]


def test_a_broken_artifact_is_named_with_its_reason_and_nothing_in_it_is_believed(runs, tmp_path):
    newest = max((runs / "hiring").iterdir())
    before = sorted((runs / "hiring").iterdir())[1]
    (newest / "findings.json").write_bytes((newest / "findings.json").read_bytes()[:-3] + b"]]\n")
    (runs / "lonely" / "20270101T000000Z-abcdefabcdef").mkdir(parents=True)
    told = build(runs, tmp_path / "site")
    assert [place for place, _ in told.broken] == [f"hiring/{newest.name}", "lonely/20270101T000000Z-abcdefabcdef"]
    index = words((tmp_path / "site" / "index.html").read_text())
    assert f"hiring/{newest.name} findings.json: got sha256" in index
    assert "lonely/20270101T000000Z-abcdefabcdef manifest.json: is absent" in index
    assert "A newer artifact is broken: the verdict shown may not be the last one." in index
    page = (tmp_path / "site" / "audits" / "hiring.html").read_text()
    assert f"As of {before.name[:4]}-{before.name[4:6]}-{before.name[6:8]}" in words(page)
    assert f"{newest.name}/card.html" not in page
    assert "The chain of artifacts is broken" in words(page)
    lonely = words((tmp_path / "site" / "audits" / "lonely.html").read_text())
    assert "No artifact of this audit is what was sealed, so there is no verdict to tell." in lonely


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 100_000, b'{"format_version": 2}', b'{"a": 1, "a": 2}', b"\xff\xfe", b'{"x": NaN}']
)
def test_no_manifest_ends_a_build(runs, tmp_path, content):
    newest = max((runs / "evil").iterdir())
    (newest / "manifest.json").write_bytes(content)
    told = build(runs, tmp_path / "site")
    ((place, problem),) = told.broken
    assert place == f"evil/{newest.name}"
    assert problem.startswith("manifest.json")
    assert "\n" not in problem


def test_a_manifest_that_is_a_link_or_a_pipe_or_a_folder_ends_no_build(runs, tmp_path):
    (tmp_path / "secret").write_text("secret")
    for at, (name, put) in enumerate(
        [("hiring", lambda path: path.symlink_to(tmp_path / "secret")), ("promotion", os.mkfifo), ("evil", Path.mkdir)]
    ):
        manifest = max((runs / name).iterdir()) / "manifest.json"
        manifest.unlink()
        put(manifest)
        told = build(runs, tmp_path / f"site-{at}")
        assert len(told.broken) == at + 1
    assert not [name for name, page in pages(tmp_path / "site-2").items() if "secret" in page]


def test_a_forged_verdict_is_broken_and_not_a_pass(runs, tmp_path):
    from synthetic import reseal

    first = min((runs / "hiring").iterdir())
    forged = (first / "verdict.json").read_bytes().replace(b'"verdict":"FAIL"', b'"verdict":"PASS"')
    reseal(first, {"verdict.json": forged})
    ((_, problem),) = build(runs, tmp_path / "site").broken
    assert "does not follow from the findings under the policy" in problem


def test_a_removed_artifact_is_missed(runs, tmp_path):
    build(runs, tmp_path / "site")
    assert "None of the 3 was removed" in words((tmp_path / "site/audits/hiring.html").read_text())
    gone = sorted((runs / "hiring").iterdir())[1]
    shutil.rmtree(gone)
    told = build(runs, tmp_path / "site")
    assert told.read == 0
    page = words((tmp_path / "site/audits/hiring.html").read_text())
    assert "as the one before it, which is not here: removed or replaced" in page
    assert "Its chain is broken" in words((tmp_path / "site/index.html").read_text())


def test_an_artifact_in_two_places_is_told_once(runs, tmp_path):
    newest = max((runs / "hiring").iterdir())
    shutil.copytree(newest, runs / "copies" / newest.name)
    told = build(runs, tmp_path / "site")
    assert (told.artifacts, told.broken) == (6, ())
    assert not (tmp_path / "site/audits/copies.html").exists()


def test_the_second_build_reads_and_writes_nothing(runs, tmp_path, monkeypatch):
    build(runs, tmp_path / "site")
    before = files(tmp_path / "site")
    monkeypatch.setattr(site_module, "read_entry", lambda *_, **__: pytest.fail("was verified again"))
    monkeypatch.setattr(site_module, "between", lambda *_: pytest.fail("was compared again"))
    monkeypatch.setattr(site_module, "_rendered", lambda *_: pytest.fail("was made again"))
    told = build(runs, tmp_path / "site")
    assert files(tmp_path / "site") == before
    assert (told.read, told.done.written, told.done.removed) == (0, (), ())


def test_one_artifact_more_touches_only_the_pages_that_tell_of_it(made, runs, tmp_path):
    place = tmp_path / "more"
    shutil.copytree(runs, place / "runs")
    build(place / "runs", tmp_path / "site")
    one_more(place, 90, PROMOTION)
    told = build(place / "runs", tmp_path / "site")
    assert told.read == 1
    assert {name for name in told.done.written if not name.startswith("models/")} == {
        "audits/promotion.html",
        "index.html",
    }
    assert told.done.written[-1] == "index.html"


def test_a_byte_flipped_after_a_build_is_found_though_length_and_time_are_as_they_were(runs, tmp_path):
    build(runs, tmp_path / "site")
    newest = max((runs / "hiring").iterdir())
    about = (newest / "card.md").stat()
    (newest / "card.md").write_bytes(b"!" + (newest / "card.md").read_bytes()[1:])
    os.utime(newest / "card.md", ns=(about.st_atime_ns, about.st_mtime_ns))
    told = build(runs, tmp_path / "site")
    assert told.broken[0][1].startswith("card.md: got sha256")


def test_audits_that_are_gone_leave_no_page(runs, tmp_path):
    build(runs, tmp_path / "site")
    shutil.rmtree(runs / "evil")
    told = build(runs, tmp_path / "site")
    assert "audits/evil.html" in told.done.removed
    assert not (tmp_path / "site/audits/evil.html").exists()
    assert "evil" not in (tmp_path / "site/index.html").read_text()
    assert len(list((tmp_path / "site/models").iterdir())) == 2


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(runs, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"holds 'thesis.txt', which no build of a site made") as caught:
        build(runs, tmp_path / "home")
    assert "empty folder" in caught.value.hint
    assert files(tmp_path / "home").keys() == {"thesis.txt"}
    build(runs, tmp_path / "site")
    (tmp_path / "site" / "audits" / "mine.html").write_text("mine")
    before = files(tmp_path / "site")
    with pytest.raises(ArtifactError, match=r"audits/mine.html"):
        build(runs, tmp_path / "site")
    assert files(tmp_path / "site") == before


def test_links_out_of_the_site_are_refused_and_hidden_files_at_its_top_stay(runs, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / ".nojekyll").write_text("")
    build(runs, tmp_path / "site")
    assert (tmp_path / "site" / ".nojekyll").exists()
    shutil.move(tmp_path / "site" / "audits", tmp_path / "elsewhere")
    (tmp_path / "site" / "audits").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match=r"holds 'audits'"):
        build(runs, tmp_path / "site")


def test_a_page_that_was_changed_or_lost_is_made_again(runs, tmp_path):
    build(runs, tmp_path / "site")
    before = (tmp_path / "site/index.html").read_bytes()
    (tmp_path / "site/index.html").write_text("changed")
    (tmp_path / "site/audits/evil.html").unlink()
    told = build(runs, tmp_path / "site")
    assert set(told.done.written) == {"index.html", "audits/evil.html"}
    assert (tmp_path / "site/index.html").read_bytes() == before


def test_a_page_that_somebody_changed_is_never_removed(runs, tmp_path):
    build(runs, tmp_path / "site")
    (tmp_path / "site/audits/evil.html").write_text("notes of mine")
    shutil.rmtree(runs / "evil")
    with pytest.raises(ArtifactError, match="was changed by somebody else"):
        build(runs, tmp_path / "site")
    assert (tmp_path / "site/audits/evil.html").read_text() == "notes of mine"


def test_a_record_cannot_make_a_build_remove_a_file_elsewhere(runs, tmp_path):
    build(runs, tmp_path / "site")
    (tmp_path / "precious").write_text("x")
    record = json.loads((tmp_path / "site" / RECORD).read_text())
    for name in ("../precious", str(tmp_path / "precious"), ".git/config"):
        record["files"] = {**record["files"], name: {"key": "", "sha256": None}}
        (tmp_path / "site" / RECORD).write_text(json.dumps(record))
        with pytest.raises(ArtifactError, match="none of a site"):
            build(runs, tmp_path / "site")
        del record["files"][name]
    assert (tmp_path / "precious").read_text() == "x"
    (tmp_path / "site" / RECORD).write_text("{")
    with pytest.raises(ArtifactError, match="no record of a site"):
        build(runs, tmp_path / "site")


def test_a_build_that_is_killed_is_carried_on_by_the_next(runs, tmp_path, monkeypatch):
    build(runs, tmp_path / "whole", Asked(copy=True))
    rendered = site_module._rendered
    monkeypatch.setattr(site_module, "_rendered", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build(runs, tmp_path / "site", Asked(copy=True))
    (tmp_path / "site" / ".evenhand-site.1.tmp").write_text("half")
    monkeypatch.setattr(site_module, "_rendered", rendered)
    build(runs, tmp_path / "site", Asked(copy=True))
    whole, again = files(tmp_path / "whole"), files(tmp_path / "site")
    assert {name: one[2] for name, one in whole.items()} == {name: one[2] for name, one in again.items()}


def test_a_copied_site_stands_alone_and_takes_no_evidence(runs, tmp_path):
    build(runs, tmp_path / "site", Asked(copy=True))
    shutil.rmtree(runs)
    site = Path(shutil.move(tmp_path / "site", tmp_path / "moved"))
    test_every_link_leads_somewhere(site)
    names = {Path(name).name for name in files(site)}
    assert {"card.html", "card.md", "card.json", "rates-sex.svg", "manifest.json"} <= names
    assert not {"rows.parquet", "predictions.parquet", "pairs.parquet", "findings.json"} & names


def test_a_signature_is_told_and_checked_with_the_key_at_hand(runs, tmp_path):
    private, public, key = make_key(tmp_path / "keys")
    attest(read(max((runs / "hiring").iterdir())), [read_private_key(private)])
    build(runs, tmp_path / "site")
    page = words((tmp_path / "site/audits/hiring.html").read_text())
    assert f"says {key.keyid[:12]}, not checked" in page
    assert page.count("not signed") == 2
    build(runs, tmp_path / "site", Asked(keys=[read_public_key(public)]))
    page = words((tmp_path / "site/audits/hiring.html").read_text())
    assert f"signed by {key.keyid[:12]}" in page
    assert "the signature holds with the public key given" in page


def test_several_processes_read_what_one_reads(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(site_module, "WORTH_A_PROCESS", 2)
    build(runs, tmp_path / "one")
    build(runs, tmp_path / "two", Asked(workers=2))
    assert {name: one[2] for name, one in files(tmp_path / "one").items()} == {
        name: one[2] for name, one in files(tmp_path / "two").items()
    }


def test_there_is_no_site_of_nothing(tmp_path, whole):
    with pytest.raises(ArtifactError, match="expected a folder of artifacts"):
        build(tmp_path / "nowhere", tmp_path / "site")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="<audit>/<artifact>"):
        build(tmp_path / "empty", tmp_path / "site")
    with pytest.raises(ArtifactError, match="<audit>/<artifact>") as caught:
        build(whole.parent, tmp_path / "site")
    assert repr(str(whole.parent.parent)) in caught.value.hint
    for place in (whole.parent.parent, whole):
        with pytest.raises(ArtifactError, match="place for artifacts"):
            build(whole.parent.parent, place)


def test_a_stamp_changes_with_any_file_and_an_entry_survives_its_json(tmp_path):
    artifact = sealed(tmp_path)
    entry = read_entry(artifact)
    assert Entry.model_validate_json(entry.model_dump_json()) == entry
    assert [audit.name for audit in Library(artifact.parent.parent, [entry]).audits] == ["hiring"]
    assert find_folders(artifact.parent.parent) == [artifact]
    first = stamp(artifact)
    (artifact / "added.txt").write_text("")
    assert stamp(artifact) != first
    assert read_entry(artifact).problem.startswith("added.txt: was not sealed")
