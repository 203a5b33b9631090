"""The analyst's door."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.browser.visiting import Visit

ROOT = Path(__file__).parents[2]
FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
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


def plots(url: str, model: str) -> list[str]:
    found = httpx.get(f"{url}/v1/models/{model}/plots").json()["items"]
    return [each["name"] for each in found]
