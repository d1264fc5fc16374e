"""The card as readers get it: in Chromium, wide and narrow, light and dark, by keyboard, on paper, without network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, violations
from cards_example import write_example
from every_technique import write_every

from model_cards.render import write_card


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_example(tmp_path_factory.mktemp("example") / "run")
    write_card(run)
    return run / "card.html"


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_every(tmp_path_factory.mktemp("every"))
    write_card(run)
    return run / "card.html"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_in_the_example(browser: Any, example: Path, scheme: str, width: int) -> None:
    assert violations(browser, example, scheme=scheme, width=width) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_card_of_every_technique(browser: Any, every: Path, scheme: str) -> None:
    assert violations(browser, every, scheme=scheme) == []


def test_the_page_asks_for_nothing_and_its_policy_refuses_scripts(browser: Any, example: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(example.as_uri())
    page.wait_for_timeout(200)
    assert asked == [example.as_uri()]
    assert said == []
    page.evaluate(
        "() => { window.ran = false; const s = document.createElement('script');"
        " s.textContent = 'window.ran = true'; document.head.append(s);"
        " const i = document.createElement('img'); i.src = 'https://example.org/x.png'; document.body.append(i); }"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is False
    assert sum("Content Security Policy" in text for text in said) >= 2
    context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_is_wider_than_its_window(browser: Any, every: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(every.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_keyboard_reaches_the_verdict_first_and_every_table_that_scrolls(browser: Any, example: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(example.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    seen = []
    for _ in range(400):
        page.keyboard.press("Tab")
        at = page.evaluate("(() => { const e = document.activeElement; return e === document.body ? null :"
                           " [e.tagName, e.getBoundingClientRect().top + scrollY] })()")  # fmt: skip
        if at is None:
            break
        seen.append(at)
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.offsetParent)"
        ".every(e => e.tabIndex === 0)"
    )
    assert wide is True
    tops = [top for _, top in seen]
    assert max((a - b for a, b in pairwise(tops)), default=0) < 80  # in the order of reading, side by side at most
    context.close()


def test_on_paper_everything_is_open_and_light(browser: Any, every: Path) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(every.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    hidden = page.evaluate(
        "[...document.querySelectorAll('details table')].filter(table => !table.getClientRects().length).length"
    )
    assert hidden == 0
    headings = "[...document.querySelectorAll('.fold > summary h3')].map(h => h.getClientRects().length)"
    assert page.evaluate(headings)
    assert min(page.evaluate(headings)) > 0
    assert page.pdf(format="A4").startswith(b"%PDF-")
    context.close()
