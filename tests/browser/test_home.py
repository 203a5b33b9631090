"""The homeowner's door."""

from __future__ import annotations

import httpx
from playwright.sync_api import Browser

from tests.browser.visiting import Visit, visiting


def assessed(url: str, **asked: object) -> str:
    answer = httpx.post(f"{url}/v1/radon/assessments", json=asked, timeout=60).json()
    return str(answer["summary"]).replace("Bq/m3", "Bq/m³")


def test_a_county_by_name_a_reading_and_a_level_of_ones_own(visit: Visit, url: str) -> None:
    visit.open()
    page = visit.page
    page.fill("#county", "aitk")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict.measure")
    summary = assessed(url, fips=27001, floor="basement")
    assert visit.text(".sentence") == summary
    assert "14 % from them" in visit.text("#answer")
    assert page.get_attribute(".density", "aria-label") is not None
    page.click("#reading-part summary")
    page.fill("#reading", "9")
    page.wait_for_selector(".verdict.remediate")
    measured = {"value": 9, "kind": "short-term"}
    assert visit.text(".sentence") == assessed(
        url, fips=27001, floor="basement", measurement=measured
    )
    assert "before your test" in visit.text(".keys")
    page.click("#more-part summary")
    page.fill("#action", "8")
    page.wait_for_selector(".action-text:has-text('action level 8')")
    assert visit.text(".sentence") == assessed(
        url, fips=27001, floor="basement", measurement=measured, action_level=8
    )


def test_a_county_on_the_map_in_becquerels(visit: Visit, url: str) -> None:
    visit.open()
    page = visit.page
    assert page.locator(".county").count() == 87
    page.click("[data-fips='27123']", force=True)
    page.wait_for_selector(".verdict")
    assert page.input_value("#county") == "Ramsey"
    page.click("#more-part summary")
    page.select_option("#unit", "Bq/m3")
    page.wait_for_selector(".sentence:has-text('Bq/m³')")
    assert visit.text(".sentence") == assessed(url, fips=27123, floor="basement", unit="Bq/m3")
    page.click("text=First floor, no basement")
    page.wait_for_selector(".place:has-text('without a basement')")
    page.click("#counties-part summary")
    page.wait_for_selector("[data-drawn=intercepts] svg")


def test_a_county_without_houses_is_answered_through_its_uranium(visit: Visit) -> None:
    visit.open()
    visit.page.fill("#county", "red lake")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector(".verdict")
    assert "no homes of this county" in visit.text("#answer")


def test_another_state_has_its_counties_by_name(visit: Visit) -> None:
    visit.open()
    page = visit.page
    page.select_option("#state", "PA")
    page.wait_for_selector("#map-card", state="hidden")
    page.fill("#county", "lackaw")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
    assert visit.text(".place") == "Lackawanna County, Pennsylvania, with a basement"


def test_keys_alone_are_enough(visit: Visit) -> None:
    visit.open()
    keys = visit.page.keyboard
    keys.press("Tab")
    assert focused(visit) == "Skip to the content"
    keys.press("Enter")
    keys.press("Tab")
    assert focused(visit) == "state"
    keys.press("Tab")
    assert focused(visit) == "county"
    keys.type("he")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    active = visit.page.get_attribute("#county", "aria-activedescendant")
    assert active is not None
    name = visit.text(f"#{active} span")
    keys.press("Enter")
    visit.page.wait_for_selector(".verdict")
    assert visit.page.input_value("#county") == name
    keys.press("Tab")
    keys.press("ArrowDown")
    visit.page.wait_for_selector(".place:has-text('without a basement')")
    keys.press("Tab")
    keys.press("Enter")
    assert visit.page.get_attribute("#reading-part", "open") is not None


def test_what_is_wrong_is_said_with_a_hint(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visit:
        visit.open()
        page = visit.page
        page.click("#home-form [type=submit]")
        assert "Which county?" in visit.text("#home-problem")
        page.fill("#county", "Aitkin")
        page.keyboard.press("Enter")
        page.wait_for_selector(".verdict")
        page.click("#more-part summary")
        page.fill("#action", "1")
        page.wait_for_selector("#home-problem .problem")
        told = visit.text("#home-problem")
        assert "The action level is not above 2 pCi/L." in told
        assert "Remediation brings the level down to that" in told
        assert visit.refused == [422]


def focused(visit: Visit) -> str:
    found: str = visit.page.evaluate(
        "document.activeElement.id || document.activeElement.innerText"
    )
    return found
