"""A visit: a page of a real browser that notes what goes wrong and what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import Browser, Page, Request, Response

CHROMIUM = "/usr/bin/chromium"
# Nothing that the browser itself would ask the network for.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000  # milliseconds: for a machine that is busy

Scheme = Literal["light", "dark"]


@dataclass
class Visit:
    """A page at the service, with all that was asked for and all that was complained of."""

    url: str
    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def open(self, where: str = "/") -> None:
        """Go there, and wait for the door to be ready."""
        self.page.goto(self.url + where)
        self.page.wait_for_selector("html[data-ready]")

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return max(found, 0)

    def top(self, selector: str) -> float:
        """Where an element begins, in pixels from the top of the window."""
        box = self.page.locator(selector).bounding_box()
        if box is None:
            raise LookupError(f"{selector} is not shown")
        return box["y"]

    def text(self, selector: str) -> str:
        """The text of what is shown there."""
        return self.page.inner_text(selector)


@contextmanager
def visiting(
    browser: Browser, url: str, width: int = 1280, height: int = 900, scheme: Scheme = "light"
) -> Iterator[Visit]:
    """Open a window of its own, without memory of others."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    visit = Visit(url, page)

    def asked(request: Request) -> None:
        visit.requests.append(request.url)

    def answered(response: Response) -> None:
        if response.status >= 400:
            visit.refused.append(response.status)

    page.on("request", asked)
    page.on("response", answered)
    page.on(
        "console",
        lambda told: visit.complaints.append(told.text) if told.type == "error" else None,
    )
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    try:
        yield visit
    finally:
        context.close()
