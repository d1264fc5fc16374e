"""A headless Chromium that is given a page and nothing else, for the tests of what readers get to see."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser without network; the test is skipped where none is installed."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None or find_spec("playwright") is None:
        pytest.skip("no chromium, or no playwright to drive it")
    from playwright.sync_api import sync_playwright

    blocked = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=blocked)
        try:
            yield browser
        finally:
            browser.close()


def violations(browser: Any, page: Path, *, scheme: str = "light", width: int = 1280) -> list[str]:
    """Return what axe-core finds in a page, a line each; every part that opens on demand is open.

    axe runs in a copy without the Content-Security-Policy, which would refuse it as any other script.
    """
    package = find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("axe-core is not installed")
    copy = page.with_suffix(".axe.html")
    copy.write_text(_POLICY.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        opened = context.new_page()
        opened.goto(copy.as_uri())
        opened.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        opened.add_script_tag(path=Path(package.origin).with_name("axe.min.js"))
        found = opened.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", WCAG
        )
    finally:
        context.close()
    return [
        f"{one['id']}: {one['help']}: {len(one['nodes'])} times, first {one['nodes'][0]['html'][:200]}"
        f" {one['nodes'][0]['failureSummary'][:200]}"
        for one in found["violations"]
    ]
