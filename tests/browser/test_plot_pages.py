"""Plots as pages in a real browser: drawn, without a word in the console, from here alone."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from service.plots.registry import PLOTS


@pytest.fixture
def plots(url: str) -> str:
    """The URL of the plots of a model."""
    formula = "log(radon + 0.1) ~ floor + log_uranium + (1 | county)"
    body = {"dataset": "minnesota-radon", "formula": formula}
    answer = httpx.post(f"{url}/v1/models", json=body, timeout=60)
    return f"{url}{answer.headers['location']}/plots"


@pytest.mark.slow
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
