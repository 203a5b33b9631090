"""The homeowner's door."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, expect

from service.radon.places import STATES
from tools.visiting import PATIENCE, Visit, visiting

# Whether an element stands in the window as a whole.
WITHIN = """
(selector) => {
  const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}
"""


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
    assert "14 % from them" in visit.text("#grounds")
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
    assert "no homes of this county" in visit.text("#grounds")


def test_another_state_has_its_counties_by_name_and_in_a_list(visit: Visit, url: str) -> None:
    visit.open()
    page = visit.page
    page.select_option("#state", "PA")
    page.wait_for_selector("[data-fips='42069'][class*=shade]")
    assert page.locator(".county").count() == 67
    page.click("[data-view=list]")
    assert page.is_hidden("#map")
    page.fill("#county", "lackaw")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
    assert visit.text(".place") == "Lackawanna County, Pennsylvania, with a basement"
    page.click("#list thead button:has-text('Median')")
    known = httpx.get(f"{url}/v1/radon/counties?state=PA&limit=100").json()["items"]
    highest = max(known, key=lambda county: float(county["median"]))
    first = page.locator("#list tbody button").first
    assert highest["title"].startswith(first.inner_text())
    page.fill("#find-county", "york")
    assert page.locator("#list tbody tr").count() == 1
    first.click()
    page.wait_for_selector(".place:has-text('York County')")
    assert first.get_attribute("aria-pressed") == "true"
    assert page.input_value("#county") == "York"
    page.click("[data-view=map]")
    assert page.get_attribute(".county-mark", "d") == page.get_attribute("[data-fips='42133']", "d")


@pytest.mark.slow
def test_every_surveyed_state_has_its_counties(visit: Visit, url: str) -> None:
    visit.open()
    page = visit.page
    names = page.locator("#state option").all_inner_texts()
    assert names == list(STATES.values())
    for code in ("AZ", "IN", "MA", "MO", "ND"):
        page.select_option("#state", code)
        count = httpx.get(f"{url}/v1/radon/counties?state={code}&limit=1").json()["count"]
        expect(page.locator("#list tbody tr")).to_have_count(count, timeout=PATIENCE)
        assert page.locator(".county[class*=shade]").count() == count


def test_the_answer_comes_in_one_sentence_before_all_else(browser: Browser, url: str) -> None:
    for width in (360, 1280):
        with visiting(browser, url, width, 740) as visit:
            visit.open()
            page = visit.page
            page.fill("#county", "Hennepin")
            page.keyboard.press("Enter")
            page.wait_for_selector(".sentence")
            assert visit.text(".sentence") == assessed(url, fips=27053, floor="basement")
            page.wait_for_function(WITHIN, arg=".sentence")
            assert visit.top(".sentence") < visit.top(".density")
            page.click(".onward")
            page.wait_for_function(WITHIN, arg="#levels")


def test_the_first_view_asks_for_each_thing_once(visit: Visit) -> None:
    visit.open()
    visit.page.wait_for_selector(".shade-0")
    assert visit.page.get_attribute("nav a:text-is('My home')", "aria-current") == "page"
    asked = [each for each in visit.requests if "/v1/" in each or each.endswith(".json")]
    assert len(asked) == len(set(asked)) == 2


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
