"""A service, a browser, and visits that must leave nothing to complain of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tools.live import serving
from tools.visiting import CHROMIUM, FLAGS, Visit, visiting


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("dashboard")) as live:
        yield live.url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for the package: while it runs, no other event loop can in this process."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    """A visit in which nothing is asked of another origin, refused, or complained of."""
    with visiting(browser, url) as visit:
        yield visit
    assert visit.complaints == []
    assert visit.refused == []
    assert [each for each in visit.requests if not each.startswith((url, "blob:", "data:"))] == []
