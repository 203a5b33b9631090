from __future__ import annotations

import io

import httpx
import pyarrow as pa
import pytest
from pyarrow import csv, ipc, parquet

from service.schemas.effects import EffectsPage
from tests.service.test_problems import read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"

COEFFICIENTS = {
    "AITKIN": 1.2291388,
    "ANOKA": 0.9811502,
    "BECKER": 1.5066938,
    "BELTRAMI": 1.5377713,
    "BENTON": 1.4732718,
    "BIG STONE": 1.5084495,
}


@pytest.fixture
async def model(client: httpx.AsyncClient) -> str:
    answer = await client.post(
        "/v1/models", json={"dataset": "minnesota-radon", "formula": FORMULA}
    )
    return str(answer.headers["location"])


async def page(
    client: httpx.AsyncClient, model: str, cursor: str | None = None, limit: int = 1000
) -> EffectsPage:
    parameters: dict[str, int | str] = {"limit": limit}
    if cursor is not None:
        parameters["cursor"] = cursor
    answer = await client.get(f"{model}/effects/county", params=parameters)
    assert answer.status_code == 200, answer.text
    return EffectsPage.model_validate_json(answer.content)


async def test_the_county_effects_are_those_of_the_lecture(
    client: httpx.AsyncClient, model: str
) -> None:
    found = await page(client, model)
    assert (found.count, len(found.items), found.next) == (85, 85, None)
    by_name = {item.level: item for item in found.items}
    for county, expected in COEFFICIENTS.items():
        estimate = by_name[county].coefficients["(Intercept)"].estimate
        assert estimate == pytest.approx(expected, abs=5e-8)


async def test_every_level_comes_with_what_pooling_did_to_it(
    client: httpx.AsyncClient, model: str
) -> None:
    first = (await page(client, model, limit=1)).items[0]
    assert (first.level, first.n) == ("AITKIN", 4)
    assert first.effects["(Intercept)"].estimate == pytest.approx(-0.2633, abs=1e-4)
    assert first.coefficients["floor"].estimate == pytest.approx(-0.6629, abs=1e-4)
    assert first.pooling_weight == pytest.approx(0.43, abs=0.01)
    assert first.no_pooling.estimate == pytest.approx(0.887, abs=1e-3)


async def test_pages_hold_every_level_once(client: httpx.AsyncClient, model: str) -> None:
    levels: list[str] = []
    cursor: str | None = None
    while True:
        found = await page(client, model, cursor, limit=30)
        levels += [item.level for item in found.items]
        if found.next is None:
            break
        cursor = found.next
    assert levels == [item.level for item in (await page(client, model)).items]


@pytest.mark.parametrize("cursor", ["x", "LTE", "ODU", "OTk5OTk5OTk5OTk5OTk5OTk5"])
async def test_a_cursor_from_elsewhere_is_refused(
    client: httpx.AsyncClient, model: str, cursor: str
) -> None:
    problem = read(await client.get(f"{model}/effects/county", params={"cursor": cursor}))
    assert problem.errors[0].pointer == "#/query/cursor"


def table_of(answer: httpx.Response) -> pa.Table:
    content = io.BytesIO(answer.content)
    match answer.headers["content-type"].split(";")[0]:
        case "text/csv":
            return csv.read_csv(content)
        case "application/vnd.apache.parquet":
            return parquet.read_table(content)
        case "application/vnd.apache.arrow.stream":
            return ipc.open_stream(content).read_all()
    raise AssertionError(answer.headers)


@pytest.mark.parametrize(
    "media", ["text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"]
)
async def test_all_levels_can_be_had_as_a_table(
    client: httpx.AsyncClient, model: str, media: str
) -> None:
    answer = await client.get(f"{model}/effects/county", headers={"accept": media})
    table = table_of(answer)
    assert table.num_rows == 85
    items = (await page(client, model)).items
    assert table["level"].to_pylist() == [item.level for item in items]
    assert table["coefficients.(Intercept).estimate"].to_pylist() == pytest.approx(
        [item.coefficients["(Intercept)"].estimate for item in items], abs=1e-14
    )


async def test_a_group_the_model_does_not_have_is_a_404(
    client: httpx.AsyncClient, model: str
) -> None:
    problem = read(await client.get(f"{model}/effects/state"))
    assert (problem.code, problem.status) == ("group_not_found", 404)
    assert "county" in problem.detail


async def test_a_group_name_may_hold_what_paths_hold(client: httpx.AsyncClient) -> None:
    columns = {"y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1], "a/b:c d": list("uuvvww")}
    body = {"data": {"columns": columns}, "formula": "y ~ 1 + (1 | `a/b:c d`)"}
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code == 201, answer.text
    group = answer.json()["random_effects"][0]["group"]
    assert group == "a/b:c d"
    found = await client.get(f"{answer.headers['location']}/effects/a%2Fb%3Ac%20d")
    assert found.json()["count"] == 3


async def test_nested_groups_have_the_names_of_lme4(client: httpx.AsyncClient) -> None:
    columns = {
        "y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1, 3.3, 2.9, 0.4, 0.8, 1.9, 1.2],
        "batch": list("aaaabbbbcccc"),
        "cask": list("uuvvuuvvuuvv"),
    }
    body = {"data": {"columns": columns}, "formula": "y ~ 1 + (1 | batch/cask)"}
    answer = await client.post("/v1/models", json=body)
    assert answer.json()["groups"] == {"cask:batch": 6, "batch": 3}
    found = await client.get(f"{answer.headers['location']}/effects/cask:batch")
    assert found.json()["items"][0]["level"] == "u:a"
