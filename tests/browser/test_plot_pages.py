"""Plots as pages in a real browser: drawn, without a word in the console, from here alone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from service.plots.registry import PLOTS
from tests.service.live import serving

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the plots of a model."""
    with serving(tmp_path_factory.mktemp("pages")) as live:
        formula = "log(radon + 0.1) ~ floor + log_uranium + (1 | county)"
        body = {"dataset": "minnesota-radon", "formula": formula}
        answer = httpx.post(f"{live.url}/v1/models", json=body, timeout=60)
        yield f"{live.url}{answer.headers['location']}/plots"


def test_every_plot_is_drawn_in_a_browser_from_this_origin_alone(
    browser: Browser, plots: str
) -> None:
    origin = urlsplit(plots).netloc
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for name in PLOTS:
        page.goto(f"{plots}/{name}", timeout=120_000)
        page.wait_for_selector("html[data-drawn=yes]", timeout=120_000, state="attached")
        picture = page.get_by_role("img").first
        assert picture.get_attribute("aria-label")
        marks = page.locator("#plot svg [role='graphics-symbol']").count()
        shapes = page.locator("#plot svg path").count()
        assert marks + shapes > 5, name
    page.close()
    assert not said
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {origin}
