"""The card as files: self-contained, safe with hostile data, the same bytes for the same audit."""

from __future__ import annotations

import builtins
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cards_example import _made, example_findings, parity, write_example

from audits.errors import AuditError
from audits.findings import Finding
from model_cards.card import build
from model_cards.render import escape_markdown, html, pdf, render, write_card

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_example(tmp_path_factory.mktemp("render") / "run")
    write_card(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return (run / "card.html").read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Collects what the tests ask of a page: tags, headings, ids, links, tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
        given = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if tag == "a":
            self.anchors.append(given.get("href") or "")


def test_every_format_is_written(run: Path) -> None:
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.suffix in (".html", ".md", ".svg")}
    assert {"card.html", "card.md", "charts/parity-selection_rate-race.svg"} <= names
    assert json.loads((run / "card.json").read_bytes())["ruling"]["word"] == "FAIL"
    assert not list(run.rglob("*.tmp"))


def test_a_card_can_be_written_beside_its_run(run: Path, tmp_path: Path) -> None:
    write_card(run, tmp_path)
    assert (tmp_path / "card.html").read_bytes() == (run / "card.html").read_bytes()


def test_a_run_folder_without_a_spec_takes_the_spec_as_an_argument(run: Path, tmp_path: Path) -> None:
    from audits.artifact.texts import sealed_spec

    spec = sealed_spec((run / "spec.yaml").read_bytes())
    folder = write_example(tmp_path / "run")
    (folder / "spec.yaml").unlink()
    assert render(folder, "html", spec) == (run / "card.html").read_bytes()


def test_the_same_run_gives_the_same_bytes(run: Path) -> None:
    for form in ("html", "md", "json"):
        assert render(run, form) == render(run, form)


def test_the_page_asks_for_nothing_and_runs_nothing(page: str) -> None:
    outline = Outline(page)
    assert not {"script", "link", "iframe", "img", "object", "form"} & set(outline.tags)
    assert all(anchor.startswith("#") for anchor in outline.anchors)
    assert not [a for a in outline.attributes if a[1].startswith("on") or a[1] in ("src", "xlink:href")]
    policy = next(value for _, name, value in outline.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert not re.search(r"url\(|@import", page)


def test_the_page_can_be_found_through_by_ear_and_by_keyboard(page: str) -> None:
    outline = Outline(page)
    assert ("html", "lang", "en") in outline.attributes
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.levels, outline.levels[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert {anchor[1:] for anchor in outline.anchors} <= set(outline.ids)
    assert outline.anchors[0] == "#main"
    assert outline.tags.count("table") == outline.tags.count("caption")
    assert all(name == "scope" for tag, name, _ in outline.attributes if tag == "th")
    assert outline.tags.count("th") == len([1 for tag, name, _ in outline.attributes if (tag, name) == ("th", "scope")])


def test_the_verdict_is_a_word_and_a_shape_not_only_a_colour(page: str) -> None:
    banner = page[page.index('<div class="ruling') : page.index("</div></div>")]
    assert '<h2 class="word">FAIL</h2>' in banner
    assert "<svg" in banner


def test_every_number_element_names_its_finding(page: str) -> None:
    assert page.count("data-finding=") > 300
    assert page.count("data-finding=") == page.count("data-path=") == page.count("data-form=")


def hostile_run(folder: Path) -> Path:
    counts = {"white": (50, 100), HOSTILE: (20, 90), "a|b`c*[x](javascript:alert(1))": (3, 9), "\u202eevil": (4, 40)}
    text = f"I am {HOSTILE} [x](javascript:alert(1)) | `code` \u202e" + "y" * 10_000
    details = {"examples": [{"row": 1, "from": HOSTILE, "to": "b", "text": text,
                             "text_after": text.replace("am", "was"),
                             "score_before": 0.6, "score_after": 0.4, "decision_before": 1, "decision_after": 0}],
               "strips": [{"row": 2, "tokens": [[HOSTILE, 0.4], ["</span>", -0.2]], "terms": [0]}]}  # fmt: skip
    found = [
        *parity("selection_rate", "race", counts),
        Finding(technique="</h2><b>", measure="<i>m</i>", attribute="<u>", group=HOSTILE, comparison="mean", value=1.0,
                unit="<nats>", direction="<em>up</em>", details=details),
        Finding(technique="t", measure="m", comparison="rate", missing=f"because {HOSTILE}"),
    ]  # fmt: skip
    run = write_example(folder, found)
    spec = (run / "spec.yaml").read_text().replace("title: Mortgage approvals by letter", f"title: '{HOSTILE}'")
    (run / "spec.yaml").write_text(spec)
    groups = {"attributes": {"race": {"groups": [{"name": name, "n": n} for name, (_, n) in counts.items()]}}}
    (run / "groups.json").write_text(json.dumps(groups))
    (run / "checks.json").write_text(json.dumps([{"expectation": HOSTILE, "column": HOSTILE, "success": False}]))
    (run / "model.json").write_text(json.dumps({HOSTILE: HOSTILE, "files": {HOSTILE: HOSTILE}}))
    return run


def test_hostile_data_show_as_text_in_html(tmp_path: Path) -> None:
    text = render(hostile_run(tmp_path / "run"), "html").decode()
    outline = Outline(text)
    assert not {"script", "b", "i", "u", "em"} & set(outline.tags)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text
    assert "[U+202E]" in text
    assert "more characters]" in text
    assert len(text) < 250_000


def test_hostile_data_show_as_text_in_markdown(tmp_path: Path) -> None:
    text = render(hostile_run(tmp_path / "run"), "md").decode()
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\[x(?<!\\)\]", text)
    assert not re.search(r"(?<!\\)`code", text)
    rows = [line for line in text.splitlines() if line.startswith("|") and "a\\|b" in line]
    head = next(line for line in text.splitlines() if line.startswith("| Race |"))
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows if "Selection" not in line} >= {head.count("|")}


def test_hostile_data_stay_in_json_as_they_are_but_never_break_it(tmp_path: Path) -> None:
    document = json.loads(render(hostile_run(tmp_path / "run"), "json"))
    assert document["title"] == HOSTILE


def test_markdown_is_escaped_where_it_would_mean_something() -> None:
    assert escape_markdown("a|b*c_d`e[f](g)<h>#") == "a\\|b\\*c\\_d\\`e\\[f\\](g)&lt;h&gt;\\#"
    assert escape_markdown("https://x.y @me www.z\nq") == "https&#58;//x.y &#64;me www&#46;z q"


def test_charts_in_the_page_are_those_beside_it(run: Path, page: str) -> None:
    names = {chart.name for chart in build(run).charts}
    assert {path.stem for path in (run / "charts").glob("*.svg")} == names
    assert page.count('class="chart"') == len(names)
    assert all(re.fullmatch(r"[a-z0-9_.-]+", name) for name in names)


def test_charts_of_groups_with_like_names_do_not_share_a_file(tmp_path: Path) -> None:
    found = [*parity("selection_rate", "ra ce", {"a": (1, 30), "b": (2, 30)}),
             *parity("selection_rate", "ra-ce", {"a": (1, 30), "b": (2, 30)})]  # fmt: skip
    made = build(write_example(tmp_path / "run", found))
    names = [chart.name for chart in made.charts]
    assert len(names) == len(set(names)) == 4
    outline = Outline(html(made))
    assert len(outline.ids) == len(set(outline.ids))


def test_an_unknown_format_is_refused_with_the_nearest_one(run: Path) -> None:
    with pytest.raises(AuditError, match="got 'htm', expected one of html, md, json, pdf"):
        render(run, "htm")


def test_a_pdf_without_its_library_says_what_to_install(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("weasyprint"):
            raise ImportError("No module named 'weasyprint'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(AuditError, match=r"pip install 'evenhand\[pdf\]'"):
        pdf(build(run))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_pdf_is_a_tagged_pdf_of_the_card(run: Path) -> None:
    pytest.importorskip("weasyprint")
    content = render(run, "pdf")
    assert content.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in content or b"/ObjStm" in content


def test_five_hundred_findings_are_rendered_within_two_seconds_and_three_megabytes(tmp_path: Path) -> None:
    counts = {f"group {i}": (i, 100) for i in range(1, 15)}
    found = example_findings()
    found = [f for f in found if f.technique != "parity"]
    for measure in ("selection_rate", "true_positive_rate"):
        found += list(parity(measure, "race", counts))
    found += [
        _made("probe", f"m{i}", "race", "a", "", "rate", 0.5, "wilson", {"x": 5, "n": 10}, 10) for i in range(100)
    ]
    assert len(found) > 480
    run = write_example(tmp_path / "run", found)
    render(run, "html")  # templates compiled
    begun = time.process_time()
    page = render(run, "html")
    assert time.process_time() - begun < 2
    assert len(page) < 3_000_000
