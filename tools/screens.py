"""Photograph the dashboard for the README.

    python -m tools.screens [--all FOLDER]

Keeps docs/images/dashboard.png; with `--all` also every state of both doors, wide and narrow, light
and dark, to look at.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser, sync_playwright

from tools.live import serving
from tools.visiting import CHROMIUM, FLAGS, Scheme, Visit, visiting

KEPT: Final = Path(__file__).resolve().parent.parent / "docs" / "images" / "dashboard.png"
FORMULA: Final = "log(radon + 0.1) ~ floor + (1 | county)"
WINDOWS: Final[tuple[tuple[str, int, int, Scheme], ...]] = (
    ("wide", 1280, 900, "light"),
    ("narrow", 360, 740, "light"),
    ("dark", 1280, 900, "dark"),
    ("narrow-dark", 360, 740, "dark"),
)

Shot = Callable[[str], None]


def homeowner(visit: Visit, shot: Shot) -> None:
    """Walk through the homeowner's door."""
    page = visit.page
    visit.open()
    page.wait_for_selector(".county")
    shot("home-1-begin")
    page.fill("#county", "st")
    shot("home-2-choose")
    page.fill("#county", "Aitkin")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
    shot("home-3-answer")
    page.click("#reading-part summary")
    page.fill("#reading", "9")
    page.wait_for_selector(".key-earlier")
    page.click("#more-part summary")
    page.click("#grounds .advice summary")
    page.click("#counties-part summary")
    page.wait_for_selector("[data-drawn=intercepts]")
    shot("home-4-reading")
    page.fill("#action", "1")
    page.wait_for_selector("#home-problem .problem")
    shot("home-5-problem")


def analyst(visit: Visit, shot: Shot) -> None:
    """Walk through the analyst's door."""
    page = visit.page
    visit.open("/#/analyst")
    page.wait_for_selector("#formula-said .good")
    shot("data-1-begin")
    source = KEPT.parents[2] / "service" / "radon" / "data" / "minnesota-radon.csv"
    page.set_input_files("#file", source)
    page.wait_for_selector("#dataset-name")
    shot("data-2-preview")
    page.fill("#formula", FORMULA.replace("floor", "flor"))
    page.wait_for_selector("#formula-said .problem")
    page.click(".help summary")
    shot("data-3-wrong")
    page.fill("#formula", FORMULA)
    page.wait_for_selector("#formula-said .good")
    page.click("#fit")
    page.wait_for_selector("#panel pre")
    shot("data-4-summary")
    page.click("#tab-groups")
    page.wait_for_selector("#panel td")
    shot("data-5-groups")
    page.click("#tab-plots")
    for plot in ("caterpillar", "lines", "map"):
        page.wait_for_selector(f"#plot option[value={plot}]", state="attached")
        page.select_option("#plot", plot)
        page.wait_for_selector(f".paper[data-drawn={plot}]")
        shot(f"data-6-{plot}")
    page.click("#tab-predict")
    page.fill("#threshold", "4")
    page.click("#panel form [type=submit]")
    page.wait_for_selector("#predictions td")
    page.wait_for_selector("#compare:enabled")
    page.click("#compare")
    page.wait_for_selector("#comparison td")
    shot("data-7-predict")
    page.click("#tab-code")
    page.wait_for_selector("#panel pre >> nth=2")
    shot("data-8-code")


def everything(browser: Browser, url: str, folder: Path) -> None:
    """Photograph every state in every window."""
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "dataset": "minnesota-radon",
        "formula": FORMULA.replace("floor", "floor + log_uranium"),
    }
    httpx.post(f"{url}/v1/models", json=body).raise_for_status()
    for name, width, height, scheme in WINDOWS:
        for walk in (homeowner, analyst):
            with visiting(browser, url, width, height, scheme) as visit:
                walk(visit, partial(photograph, visit, folder / name))


def photograph(visit: Visit, stem: Path, state: str) -> None:
    """Keep the whole page, from its top."""
    visit.page.evaluate("scrollTo(0, 0)")
    visit.page.screenshot(path=f"{stem}-{state}.png", full_page=True)


def kept(browser: Browser, url: str) -> None:
    """Photograph an answer for the README."""
    KEPT.parent.mkdir(exist_ok=True)
    with visiting(browser, url, 1180, 1330) as visit:
        page = visit.page
        visit.open()
        page.fill("#county", "Aitkin")
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.screenshot(path=KEPT)
    print(f"{KEPT.name}: {KEPT.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Photograph."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", type=Path, metavar="FOLDER")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as live,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        kept(browser, live.url)
        if asked.all is not None:
            everything(browser, live.url, asked.all)
        browser.close()


if __name__ == "__main__":
    main()
