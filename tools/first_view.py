"""How long the first view of the dashboard takes, and how much of it comes over the wire.

    python -m tools.first_view [--rounds 7]

Each round is a service that was just started, of whom nobody has asked anything, and a browser that
has seen nothing of it; then a second visitor, and an empty page to compare with. Times are the
browser's own, from the moment it sets out. Writes benchmarks/results-dashboard.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from benchmarks.machine import machine
from benchmarks.rounds import table
from tools.live import serving
from tools.visiting import CHROMIUM, FLAGS, visiting

PAGE: Final = Path(__file__).resolve().parent.parent / "benchmarks" / "results-dashboard.md"

TIMES: Final = """
() => ({
  painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  ready: performance.getEntriesByName("ready")[0]?.startTime ?? null,
})
"""


@dataclass(frozen=True, slots=True)
class View:
    """One visit.

    Attributes:
        painted: milliseconds until there is something to read.
        ready: until the numbers of the map are there, too; 0 of an empty page.
        bytes, requests: that came over the wire.
    """

    painted: float
    ready: float
    bytes: int
    requests: int


def seen(browser: Browser, url: str, path: str = "/") -> View:
    """Visit a page in a window of its own and return what the browser says of it."""
    with visiting(browser, url) as visit:
        session = visit.page.context.new_cdp_session(visit.page)
        got: list[int] = []

        def loaded(told: dict[str, Any]) -> None:
            got.append(int(told["encodedDataLength"]))

        session.on("Network.loadingFinished", loaded)
        session.send("Network.enable")
        visit.page.goto(url + path)
        if path == "/":
            visit.page.wait_for_selector("html[data-ready]")
        visit.page.wait_for_load_state("networkidle")
        visit.page.wait_for_function(
            "() => performance.getEntriesByName('first-contentful-paint').length > 0"
        )
        times = visit.page.evaluate(TIMES)
        return View(times["painted"], times["ready"] or 0.0, sum(got), len(got))


def measure(browser: Browser, rounds: int) -> dict[str, list[View]]:
    """Return the visits of all rounds by who visits."""
    found: dict[str, list[View]] = {"first visitor": [], "second visitor": [], "plain text": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as live:
            found["first visitor"].append(seen(browser, live.url))
            found["second visitor"].append(seen(browser, live.url))
            found["plain text"].append(seen(browser, live.url, "/healthz"))
    return found


def report(found: dict[str, list[View]], load: float) -> str:
    """Return the page."""
    rows = [
        (
            who,
            spread([view.painted for view in views]),
            spread([view.ready for view in views]) if views[0].ready else "",
            f"{median(view.bytes for view in views) / 1000:.0f}",
            str(views[0].requests),
        )
        for who, views in found.items()
    ]
    head = ("visit", "something to read, ms", "all of it, ms", "kB", "requests")
    rounds = len(found["first visitor"])
    return (
        "# The first view of the dashboard\n\nWritten by `make screens`: "
        f"{rounds} services, each just started, medians (lowest to highest). “All of it” is the "
        "map with its numbers; “plain text” is `/healthz` in the same browser, to compare.\n\n"
        f"{machine()}- load average while it ran: {load:.1f}\n\n{table(head, rows)}"
    )


def spread(values: list[float]) -> str:
    """Return the median, and the lowest and highest in brackets."""
    return f"{median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.first_view", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        found = measure(browser, options.rounds)
        browser.close()
    page = report(found, os.getloadavg()[0])
    PAGE.write_text(page, "utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
