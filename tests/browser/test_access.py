"""Both doors for everybody: axe's rules, both colour schemes, a narrow screen, few bytes."""

from __future__ import annotations

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tools.visiting import Scheme, Visit, visiting

FORMULA = "log(radon + 0.1) ~ floor + log_uranium + (1 | county)"
NARROW = 360


def violations(visit: Visit) -> list[str]:
    found = Axe().run(visit.page).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


def answered(visit: Visit) -> None:
    """All of the homeowner's door is open."""
    visit.open()
    page = visit.page
    page.click("#reading-part summary")
    page.fill("#reading", "3")
    page.click("#more-part summary")
    page.fill("#county", "hennep")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
    page.click("#grounds .advice summary")


def modelled(visit: Visit) -> None:
    """A model is shown."""
    body = {"dataset": "minnesota-radon", "formula": FORMULA}
    model = httpx.post(f"{visit.url}/v1/models", json=body).json()["id"]
    visit.open(f"/#/analyst/{model}")
    visit.page.wait_for_selector("#panel pre")
    visit.page.click(".help summary")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_behind_either_door(browser: Browser, url: str, scheme: Scheme) -> None:
    with visiting(browser, url, scheme=scheme) as visit:
        answered(visit)
        assert violations(visit) == []
        visit.page.fill("#county", "a")
        assert violations(visit) == []
        visit.page.select_option("#state", "ND")
        visit.page.click("[data-view=list]")
        visit.page.wait_for_selector("#list td")
        assert violations(visit) == []
        modelled(visit)
        assert violations(visit) == []
        for tab in ("groups", "plots", "predict", "code"):
            visit.page.click(f"#tab-{tab}")
            visit.page.wait_for_selector("#panel td, #panel pre, .paper[data-drawn], #new-floor")
            assert violations(visit) == []


def test_nothing_is_wider_than_a_narrow_screen(browser: Browser, url: str) -> None:
    with visiting(browser, url, NARROW, 740) as visit:
        visit.open()
        visit.page.fill("#county", "a")
        assert visit.overflow() == 0
        visit.page.select_option("#state", "ND")
        visit.page.click("[data-view=list]")
        visit.page.wait_for_selector("#list td")
        assert visit.overflow() == 0
        answered(visit)
        assert visit.overflow() == 0
        modelled(visit)
        assert visit.overflow() == 0
        for tab in ("groups", "plots", "predict", "code"):
            visit.page.click(f"#tab-{tab}")
            visit.page.wait_for_selector("#panel td, #panel pre, .paper[data-drawn], #new-floor")
            assert visit.overflow() == 0
        assert violations(visit) == []


def test_the_chosen_colours_stay(visit: Visit) -> None:
    visit.open()
    visit.page.click("#theme")
    assert visit.page.get_attribute("html", "data-theme") == "dark"
    visit.page.reload()
    visit.page.wait_for_selector("html[data-ready]")
    assert visit.page.get_attribute("html", "data-theme") == "dark"


def test_the_first_view_is_small_and_the_second_smaller(visit: Visit) -> None:
    first, second = sizes(visit), sizes(visit)
    assert first < 1_500_000
    assert second < 0.7 * first  # files are kept; what the service says is asked anew
    assert not any("/static/vega" in each for each in visit.requests)  # only with the first plot


def sizes(visit: Visit) -> int:
    """Bytes that came over the wire until the map is there."""
    session = visit.page.context.new_cdp_session(visit.page)
    got: list[int] = []
    session.on("Network.loadingFinished", lambda told: got.append(int(told["encodedDataLength"])))
    session.send("Network.enable")
    visit.open()
    visit.page.wait_for_selector(".shade-0")
    session.detach()
    return sum(got)
