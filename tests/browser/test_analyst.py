"""The analyst's door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tools.visiting import Visit, visiting

ROOT = Path(__file__).parents[2]
FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
CSV = {"Content-Type": "text/csv"}

# A file that is being dragged.
DROPPED = """
(text) => {
  const dragged = new DataTransfer();
  dragged.items.add(new File([text], "dropped.csv"));
  return dragged;
}
"""
# Whether something on the page shows that it has the focus.
OUTLINED = """
() => {
  const place = document.activeElement;
  return [place, ...place.labels ?? []].some((each) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  });
}
"""
LONG = "log(radon + 0.1) ~ floor * log_uranium + (1 + floor + log_uranium | state/county)"


def test_from_a_file_to_predictions(visit: Visit, url: str, tmp_path: Path) -> None:
    visit.open("/#/analyst")
    page = visit.page
    rows = (ROOT / "service/radon/data/minnesota-radon.csv").read_text().splitlines()
    (tmp_path / "My houses.csv").write_text("\n".join(rows[:500]) + "\nAITKIN,27001,,3.1,\n")
    page.set_input_files("#file", tmp_path / "My houses.csv")
    page.wait_for_selector("#dataset-name")
    assert "500 rows, 5 columns" in visit.text("#preview")
    assert page.input_value("#dataset-name") == "my-houses"
    page.click("#keep")
    page.wait_for_selector("#columns h3:has-text('my-houses')")
    missing = page.locator("#columns tr:has(code:text-is('floor')) td").nth(1).inner_text()
    assert missing == "1"

    page.fill("#formula", FORMULA.replace("floor", "flor"))
    page.wait_for_selector("#formula-said .problem")
    assert "Did you mean floor?" in visit.text("#formula-said")
    assert page.is_disabled("#fit")
    page.fill("#formula", FORMULA)
    page.wait_for_selector("#formula-said .good:has-text('499 rows, 1 left out')")
    page.click("#fit")
    page.wait_for_selector("#panel pre")
    model = page.url.rsplit("/", 1)[-1]
    printed = httpx.get(f"{url}/v1/models/{model}", headers={"Accept": "text/plain"}).text
    assert page.text_content("#panel pre") == printed
    term = page.locator("#panel tr:has(code:text-is('floor'))").first
    assert term.locator("td").count() == 6

    page.click("#tab-groups")
    page.wait_for_selector("#panel th:has-text('AITKIN')")
    page.click("text=Show more")
    page.wait_for_selector("#panel tbody tr:nth-child(26)")
    with page.expect_download() as download:
        page.click("text=All as CSV")
    assert Path(download.value.path()).read_text().startswith('"level","n",')

    page.click("#tab-predict")
    page.fill("#new-floor", "1")
    page.fill("#new-county", "NOWHERE")
    page.fill("#threshold", "4")
    page.click("#panel form [type=submit]")
    page.wait_for_selector("#predictions td")
    asked = {"rows": [{"county": "NOWHERE", "floor": 1}], "thresholds": [4]}
    found = httpx.post(f"{url}/v1/models/{model}/predictions", json=asked).json()["items"][0]
    assert f"{found['outcome']['median']:.3g}" in visit.text("#predictions")
    assert f"{100 * found['outcome']['exceedance'][0]['probability']:.0f} %" in visit.text(
        "#predictions"
    )
    assert "new county: from the whole" in visit.text("#predictions")
    (tmp_path / "new.csv").write_text("county,floor\nAITKIN,0\nANOKA,1\n")
    page.set_input_files("#new-rows", tmp_path / "new.csv")
    with page.expect_download() as download:
        page.click("text=Predict and keep as CSV")
    assert len(Path(download.value.path()).read_text().splitlines()) == 3


def test_every_plot_of_a_model_is_drawn(visit: Visit, url: str) -> None:
    body = {"dataset": "minnesota-radon", "formula": FORMULA}
    model = httpx.post(f"{url}/v1/models", json=body).json()["id"]
    names = plots(url, model)
    assert len(names) > 10
    visit.open(f"/#/analyst/{model}")
    page = visit.page
    page.click("#tab-plots")
    for name in names:
        page.select_option("#plot", name)
        page.wait_for_selector(f".paper[data-drawn={name}] svg")
    assert page.text_content(".paper svg") != ""
    with page.expect_download() as download:
        page.click("#panel button:text-is('SVG')")
    assert "<svg" in Path(download.value.path()).read_text()


def test_models_are_compared_and_told_as_code(visit: Visit, url: str) -> None:
    for formula in ("log(radon) ~ 1 + (1 | county)", "log(radon) ~ log_uranium + (1 | county)"):
        body = {"dataset": "minnesota-radon", "formula": formula.replace("radon)", "radon + 0.1)")}
        httpx.post(f"{url}/v1/models", json=body).raise_for_status()
    visit.open("/#/analyst")
    page = visit.page
    page.wait_for_selector("#compare:enabled")
    page.click("#compare")
    page.wait_for_selector("#comparison tbody tr:nth-child(2)")
    assert "again by ML" in visit.text("#comparison")
    page.click("section.models a:text-is('read') >> nth=0")
    page.click("#tab-code")
    page.wait_for_selector("#panel pre >> nth=2")
    curl, python, r = (each.inner_text() for each in page.locator("#panel pre").all())
    assert curl.startswith(f"curl {url}/v1/models")
    assert '"dataset": "minnesota-radon"' in python
    assert "lmer(log(radon + 0.1) ~ log_uranium + (1 | county), data = table" in r


def test_a_fit_can_be_cancelled(visit: Visit, url: str) -> None:
    visit.open("/#/analyst")
    page = visit.page
    page.select_option("#dataset", label="us-radon · 12,777 rows")
    page.wait_for_selector("#columns h3:has-text('us-radon')")
    page.fill("#formula", LONG)
    page.wait_for_selector("#formula-said .good")
    page.click("#fit")
    page.click("#cancel")
    page.wait_for_selector("text=The fit was cancelled.")
    (job,) = httpx.get(f"{url}/v1/jobs", params={"limit": 1}).json()["items"]
    assert job["state"] == "cancelled"


def test_a_dropped_file_shows_how_much_of_it_has_gone(visit: Visit) -> None:
    visit.open("/#/analyst")
    page = visit.page
    page.wait_for_selector("#formula-said .good")
    slowed(visit, bytes_per_second=400_000)
    zone = page.locator(".drop")
    dropped = page.evaluate_handle(DROPPED, "group,y\n" + "a,1.5\nb,2.5\nc,0.5\n" * 20_000)
    zone.dispatch_event("dragenter", {"dataTransfer": dropped})
    assert "over" in (zone.get_attribute("class") or "").split()
    zone.dispatch_event("drop", {"dataTransfer": dropped})
    seen = set()
    while page.is_hidden("#dataset-name"):
        told = page.locator("#preview [role=status]")
        seen |= set(told.all_inner_texts())
        page.wait_for_timeout(40)
    parts = {int(each.split()[0]) for each in seen if each.endswith("% sent")}
    assert any(0 < part < 100 for part in parts), seen
    assert "over" not in (zone.get_attribute("class") or "").split()
    assert "dropped.csv: 60,000 rows, 2 columns" in visit.text("#preview")
    dropped = page.evaluate_handle(DROPPED.replace("dropped.csv", "dropped.xlsx"), "x")
    zone.dispatch_event("drop", {"dataTransfer": dropped})
    page.wait_for_selector("#preview .problem:has-text('It may end in csv')")


def test_copied_code_fits_the_same_model(browser: Browser, url: str) -> None:
    """With weights and a column of numbers as a factor, which the form chooses."""
    table = "county,floor,radon,it's weight\n" + "".join(
        f"{'ABCD'[i % 4]},{i % 3},{1.0 + i % 7 + i % 3},{1 + i % 5}\n" for i in range(60)
    )
    kept = httpx.post(f"{url}/v1/datasets?name=copied", content=table, headers=CSV).json()
    with visiting(browser, url) as visit:
        page = visit.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        visit.open("/#/analyst")
        page.select_option("#dataset", kept["id"])
        page.wait_for_selector("#columns h3:has-text('copied')")
        page.fill("#formula", "log(radon) ~ floor + (1 | county)")
        page.click("summary:text-is('Options')")
        page.select_option("#weights", "it's weight")
        page.check("input[value=floor]")
        page.wait_for_selector("#formula-said .good:has-text('5 parameters')")
        page.click("#fit")
        page.wait_for_selector("#panel pre")
        assert "weighted by it's weight" in visit.text(".told-model")
        model = page.url.rsplit("/", 1)[-1]
        page.click("#tab-code")
        code = {name: copied(visit, name) for name in ("curl", "Python", "R")}
        assert visit.complaints == []
    printed = httpx.get(f"{url}/v1/models/{model}", headers={"Accept": "text/plain"}).text
    effects = httpx.get(f"{url}/v1/models/{model}").json()["fixed_effects"]
    assert run(["bash", "-c", code["curl"].replace("curl ", "curl -s ", 1)]) == printed
    told = run([sys.executable, "-c", code["Python"]]).splitlines()
    assert [line.split()[:2] for line in told] == [
        [effect["term"], str(effect["estimate"])] for effect in effects
    ]
    assert "data = table, REML = TRUE, weights = `it's weight`)" in code["R"]
    assert 'table[["floor"]] <- factor(as.character(table[["floor"]]))' in code["R"]


def test_a_model_that_is_opened_again_brings_its_options(visit: Visit, url: str) -> None:
    body = {"dataset": "minnesota-radon", "formula": FORMULA, "categorical": ["floor"]}
    model = httpx.post(f"{url}/v1/models", json={**body, "method": "ML"}).json()["id"]
    visit.open(f"/#/analyst/{model}")
    visit.page.wait_for_selector("#formula-said .good")
    assert visit.page.is_checked("input[value=floor]")
    assert visit.page.input_value("#method") == "ML"
    assert "floor as a factor" in visit.text(".told-model")


@pytest.mark.slow
def test_keys_alone_fit_read_predict_and_compare(visit: Visit, url: str) -> None:
    for right in ("1 + (1 | county)", "floor + log_uranium + (1 | county)"):
        body = {"dataset": "minnesota-radon", "formula": f"log(radon + 0.1) ~ {right}"}
        httpx.post(f"{url}/v1/models", json=body).raise_for_status()
    visit.open("/#/analyst")
    page, keys = visit.page, visit.page.keyboard
    page.wait_for_selector("#formula-said .good")
    tab_to(visit, "#dataset")
    tab_to(visit, "#file")
    tab_to(visit, "#formula")
    keys.press("Control+a")
    keys.type(FORMULA.replace("floor", "flor"))
    page.wait_for_selector("#formula-said .problem")
    keys.press("Control+a")
    keys.type(FORMULA)
    page.wait_for_selector("#formula-said .good")
    tab_to(visit, "#fit")
    keys.press("Enter")
    page.wait_for_selector("#panel pre")
    tab_to(visit, "#tab-summary")
    keys.press("ArrowRight")
    page.wait_for_selector("#tab-groups[aria-selected=true]")
    page.wait_for_selector("#panel th:has-text('AITKIN')")
    keys.press("ArrowRight")
    page.wait_for_selector("#tab-plots[aria-selected=true]")
    page.wait_for_selector(".paper[data-drawn=means] svg")
    tab_to(visit, "#plot")
    keys.press("ArrowDown")
    page.wait_for_selector(".paper[data-drawn=pooling] svg")
    tab_to(visit, "#tab-plots", "Shift+Tab")
    keys.press("ArrowRight")
    page.wait_for_selector("#new-floor")
    tab_to(visit, "#new-county")
    keys.press("Control+a")
    keys.type("ANOKA")
    keys.press("Escape")  # closes the list of counties
    keys.press("Enter")
    page.wait_for_selector("#predictions td")
    assert "ANOKA" in visit.text("#predictions")
    tab_to(visit, "#compare")
    keys.press("Enter")
    page.wait_for_selector("#comparison tbody tr:nth-child(2)")


def tab_to(visit: Visit, selector: str, key: str = "Tab") -> None:
    """Press Tab until the element has the focus; where it is must be seen."""
    for _ in range(60):
        visit.page.keyboard.press(key)
        if visit.page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            assert visit.page.evaluate(OUTLINED), selector
            return
    raise AssertionError(f"{selector} is not reached by {key}")


def copied(visit: Visit, name: str) -> str:
    """Press the button that copies this code, and return what the clipboard holds then."""
    button = visit.page.locator(f".step-head:has(h3:text-is('{name}')) button")
    button.click()
    expect(button).to_have_text("Copied")
    text: str = visit.page.evaluate("navigator.clipboard.readText()")
    shown = visit.page.locator(f"pre[aria-label='{name} code']").text_content()
    assert text == shown
    return text


def run(command: list[str]) -> str:
    """Run what was copied, as its reader would."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def slowed(visit: Visit, bytes_per_second: int) -> None:
    """Let the page upload no faster than this."""
    session = visit.page.context.new_cdp_session(visit.page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
    session.send(
        "Network.emulateNetworkConditions", {**limits, "uploadThroughput": bytes_per_second}
    )


def plots(url: str, model: str) -> list[str]:
    found = httpx.get(f"{url}/v1/models/{model}/plots").json()["items"]
    return [each["name"] for each in found]
