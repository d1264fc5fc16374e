"""The library of audits as readers get it: in Chromium, wide and narrow, light and dark, without network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, violations
from synthetic import ENDED, SPEC, STARTED, spec_of, write_run

from audits.artifact import seal
from model_cards import site_lists
from model_cards.site import build

PAGES = ("index.html", "audits/hiring.html", "audits/audit-2.html", "models/*.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Audits parted by letters, enough artifacts of one for a history that folds, one of them broken."""
    top = tmp_path_factory.mktemp("library")
    newest = _seal(top, [("hiring", at) for at in range(5)])
    _seal(top, [(f"audit-{at}", 0) for at in range(3)])
    (newest / "card.md").write_text("changed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_lists, "UNLETTERED", 2)
        build(top / "runs", top / "site")
    return top / "site"


def _seal(top: Path, wanted: list[tuple[str, int]]) -> Path:
    for name, at in wanted:
        text = SPEC.replace("audit: hiring", f"audit: {name}").replace(
            "models/letters", f"models/{name}-" + "long" * 20
        )
        run = write_run(top / f"run-{at}", spec_of(text), 100 + 50 * at, at)
        later = timedelta(days=30 * at)
        made = seal(run, top / "runs", spec=spec_of(text), spec_text=text, started=STARTED + later, ended=ENDED + later,
                    libraries={"numpy": "2.3"})  # fmt: skip
        shutil.rmtree(run)
    return made


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_in_any_page(browser: Any, site: Path, scheme: str, width: int) -> None:
    for pattern in PAGES:
        page = min(path for path in site.glob(pattern) if ".axe." not in path.name)
        assert violations(browser, page, scheme=scheme, width=width) == [], page.name


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_is_wider_than_its_window(browser: Any, site: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    for pattern in PAGES:
        page = context.new_page()
        page.goto(min(site.glob(pattern)).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, pattern
    context.close()


def test_a_reader_walks_from_the_index_to_a_card_without_a_request_outside(browser: Any, site: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="Hiring", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Hiring"
    page.get_by_role("link", name="the card of this audit").click()
    assert page.url.endswith("/card.html")
    assert all(url.startswith("file://") for url in asked)
    assert len(asked) == 3
    assert said == []
    context.close()


def test_a_link_to_what_changed_long_ago_opens_what_is_folded(browser: Any, site: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto((site / "audits" / "hiring.html").as_uri())
    page.locator("#history tbody tr").nth(3).get_by_text("changes").click()
    assert page.locator("#changes :target").is_visible()
    context.close()
