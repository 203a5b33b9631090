"""The lecture over HTTP: both of its tables, its county lines, its houses."""

import re

import httpx
import pandas as pd
import pytest

from tests.reference.cases import HERE

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FIRST = "log(pmax(radon, 0.1)) ~ 1 + (1 | county)"
SECOND = "log(radon + 0.1) ~ 1 + floor + (1 | county)"


def as_r_printed(name: str) -> str:
    """What arm::display printed of a fit; the call is R's and names its data."""
    sections = re.split(r"^## (\w+)\n", (HERE / "display.txt").read_text(), flags=re.MULTILINE)
    printed = dict(zip(sections[1::2], sections[2::2], strict=True))[name]
    return printed.replace(", data = radon", "")


async def fit(client: httpx.AsyncClient, formula: str) -> str:
    answer = await client.post(
        "/v1/models", json={"dataset": "minnesota-radon", "formula": formula}
    )
    assert answer.status_code == 201
    return f"/v1/models/{answer.json()['id']}"


@pytest.mark.parametrize(
    ("formula", "name"), [(FIRST, "lecture_first"), (SECOND, "lecture_second")]
)
async def test_the_table_is_rs_to_every_character(
    client: httpx.AsyncClient, formula: str, name: str
) -> None:
    model = await fit(client, formula)
    answer = await client.get(model, headers={"accept": "text/plain"})
    assert answer.text == as_r_printed(name)


async def test_the_first_county_lines_are_those_printed(client: httpx.AsyncClient) -> None:
    model = await fit(client, SECOND)
    items = (await client.get(f"{model}/effects/county", params={"limit": 6})).json()["items"]
    lines = {
        item["level"]: round(item["coefficients"]["(Intercept)"]["estimate"], 7) for item in items
    }
    assert lines == {
        "AITKIN": 1.2291388,
        "ANOKA": 0.9811502,
        "BECKER": 1.5066938,
        "BELTRAMI": 1.5377713,
        "BENTON": 1.4732718,
        "BIG STONE": 1.5084495,
    }
    assert {round(item["coefficients"]["floor"]["estimate"], 7) for item in items} == {-0.6628887}


async def test_all_85_counties_are_there(client: httpx.AsyncClient) -> None:
    model = await fit(client, SECOND)
    levels, cursor = [], None
    while True:
        params = {"limit": "50"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{model}/effects/county", params=params)).json()
        levels += [item["level"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(levels) == len(set(levels)) == page["count"] == 85


async def test_a_house_in_a_large_county_and_in_one_not_seen(client: httpx.AsyncClient) -> None:
    model = await fit(client, SECOND)
    rows = [{"county": "HENNEPIN", "floor": 0}, {"county": "NOWHERE", "floor": 0}]
    items = (await client.post(f"{model}/predictions", json={"rows": rows})).json()["items"]
    found = [
        (item["estimate"], item["std_error"], *item["prediction_interval"].values())
        for item in items
    ]
    assert found[0] == pytest.approx((1.39494945, 0.06954372, -0.03406816, 2.82396707), abs=1e-6)
    assert found[1] == pytest.approx((1.49239317, 0.31927698, -0.06166686, 3.04645321), abs=1e-6)
    assert [item["new_levels"] for item in items] == [[], ["county"]]


async def test_every_county_line_and_new_house_is_the_reference(client: httpx.AsyncClient) -> None:
    reference = pd.read_csv(HERE / "data" / "ref_M1_plus01_county_predictions.csv")
    assert len(reference) == 170
    model = await fit(client, SECOND)
    levels = {
        item["level"].replace(" ", "").replace(".", ""): item["level"]
        for item in (await client.get(f"{model}/effects/county?limit=100")).json()["items"]
    }
    counties = [levels[name.replace(" ", "").replace(".", "")] for name in reference["county"]]
    columns = {"county": counties, "floor": reference["floor"].tolist()}
    answer = await client.post(f"{model}/predictions", json={"columns": columns})
    found = answer.json()["columns"]
    assert found["estimate"] == pytest.approx(reference["mu"].tolist(), abs=1e-6)
    assert found["std_error"] == pytest.approx(reference["se"].tolist(), abs=1e-6)
    assert found["prediction_std_error"] == pytest.approx(reference["S"].tolist(), abs=1e-6)
