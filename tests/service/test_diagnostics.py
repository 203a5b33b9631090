from __future__ import annotations

import httpx
import numpy as np
import pandas as pd
import pytest

import engine
from service.schemas.diagnostics import LevelInfluencePage, ModelDiagnostics, RowDiagnosticsPage
from service.tabular import MEDIA_TYPES
from tests.service.keeping import RADON
from tests.service.test_effects import table_of
from tests.service.test_problems import read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"

SMALL = {
    "y": [1.1, 0.9, None, 1.4, 2.2, 2.5, 2.1, 0.3, 0.7, 0.2],
    "g": ["a", "a", "a", "a", "b", "b", "b", "c", "c", "c"],
}


@pytest.fixture
async def model(client: httpx.AsyncClient) -> str:
    answer = await client.post(
        "/v1/models", json={"dataset": "minnesota-radon", "formula": FORMULA}
    )
    return str(answer.headers["location"])


@pytest.fixture
async def inline(client: httpx.AsyncClient) -> str:
    """A model whose rows came with the request."""
    body = {"data": {"columns": SMALL}, "formula": "y ~ 1 + (1 | g)"}
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


@pytest.fixture(scope="module")
def expected() -> engine.RowDiagnostics:
    data = pd.read_csv(RADON, dtype={"county": str})
    return engine.row_diagnostics(engine.fit(FORMULA, data), data)


async def test_the_diagnostics_in_short_lead_to_the_rest(
    client: httpx.AsyncClient, model: str
) -> None:
    answer = await client.get(f"{model}/diagnostics")
    assert answer.status_code == 200, answer.text
    found = ModelDiagnostics.model_validate_json(answer.content)
    told = (await client.get(model)).json()["statistics"]
    assert found.icc == told["icc"]
    assert found.r_squared.marginal == told["r_squared_marginal"]
    assert sum(own.share for own in found.variance_partition) == pytest.approx(1.0)
    assert found.rows is not None
    assert found.rows_missing is None
    assert found.rows.residuals.n == 919
    assert found.rows.leverage.total == pytest.approx(45.5614, abs=1e-3)
    for path in (found.links.rows, found.links.levels["county"], found.links.pooling["county"]):
        assert (await client.get(path)).status_code == 200


async def test_rows_come_page_by_page_and_are_those_of_the_engine(
    client: httpx.AsyncClient, model: str, expected: engine.RowDiagnostics
) -> None:
    items, cursor = [], None
    while True:
        parameters = {"limit": "400"} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(f"{model}/diagnostics/rows", params=parameters)
        assert answer.status_code == 200, answer.text
        page = RowDiagnosticsPage.model_validate_json(answer.content)
        assert page.count == 919
        items += page.items
        cursor = page.next
        if cursor is None:
            break
        assert 'rel="next"' in answer.headers["link"]
    assert [item.row for item in items] == list(range(919))
    for name in ("fitted", "residual", "leverage", "studentised", "cooks_distance"):
        own = [getattr(item, name) for item in items]
        assert own == pytest.approx(getattr(expected, name).tolist(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("media", MEDIA_TYPES)
@pytest.mark.parametrize("what", ["rows", "levels/county"])
async def test_rows_and_levels_are_tables_too(
    client: httpx.AsyncClient, model: str, media: str, what: str
) -> None:
    answer = await client.get(f"{model}/diagnostics/{what}", headers={"accept": media})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, media)
    table = table_of(answer)
    assert table.num_rows == (919 if what == "rows" else 85)
    assert "cooks_distance" in table.column_names


async def test_the_influence_of_a_county_is_the_fit_without_it(
    client: httpx.AsyncClient, model: str
) -> None:
    answer = await client.get(f"{model}/diagnostics/levels/county", params={"limit": 30})
    assert answer.status_code == 200, answer.text
    found = LevelInfluencePage.model_validate_json(answer.content)
    assert (found.count, len(found.items), found.exact) == (85, 30, True)
    data = pd.read_csv(RADON, dtype={"county": str})
    without = engine.fit(FORMULA, data[data.county != "HENNEPIN"])
    (item,) = [own for own in found.items if own.level == "HENNEPIN"]
    beta = [own.estimate for own in item.coefficients.values()]
    assert beta == pytest.approx(without.beta.tolist(), rel=1e-7)
    assert item.sigma == pytest.approx(without.sigma, rel=1e-7)
    spread = float(np.sqrt(without.random[0].covariance[0, 0]))
    assert item.random_effects["county"]["(Intercept)"] == pytest.approx(spread, rel=1e-5)
    again = await client.get(f"{model}/diagnostics/levels/county?cursor={found.next}")
    assert again.json()["items"][0]["level"] != found.items[0].level
    assert again.json()["next"] is None


async def test_without_its_dataset_a_model_tells_what_needs_no_row(
    client: httpx.AsyncClient, model: str
) -> None:
    await client.get(f"{model}/diagnostics/levels/county")
    assert (await client.delete("/v1/datasets/minnesota-radon")).status_code == 204
    found = (await client.get(f"{model}/diagnostics")).json()
    assert found["rows"] is None
    assert "upload it" in found["rows_missing"]
    assert found["icc"] > 0
    for what in ("rows", "levels/county"):
        problem = read(await client.get(f"{model}/diagnostics/{what}"))
        assert (problem.code, problem.status) == ("rows_not_kept", 409)
    assert (await client.get(f"{model}/pooling/county")).status_code == 200


async def test_rows_that_came_with_the_request_are_found_once_they_are_uploaded(
    client: httpx.AsyncClient, inline: str
) -> None:
    problem = read(await client.get(f"{inline}/diagnostics/rows"))
    assert problem.code == "rows_not_kept"
    assert (await client.post("/v1/datasets", json={"columns": SMALL})).status_code == 201
    found = (await client.get(f"{inline}/diagnostics/rows")).json()
    assert [item["row"] for item in found["items"]] == [0, 1, 3, 4, 5, 6, 7, 8, 9]


async def test_what_a_model_does_not_have_is_a_404(client: httpx.AsyncClient, model: str) -> None:
    problem = read(await client.get(f"{model}/diagnostics/levels/state"))
    assert (problem.code, problem.status) == ("group_not_found", 404)
    problem = read(await client.get("/v1/models/m_none/diagnostics"))
    assert problem.code == "model_not_found"


@pytest.mark.parametrize("cursor", ["x", "OTk5OTk5", "LTE"])
async def test_a_cursor_of_ones_own_is_refused(
    client: httpx.AsyncClient, model: str, cursor: str
) -> None:
    for what in ("diagnostics/rows", "diagnostics/levels/county", "pooling/county"):
        problem = read(await client.get(f"{model}/{what}?cursor={cursor}"))
        assert (problem.code, problem.errors[0].code) == ("invalid_request", "invalid_cursor")


async def test_least_squares_has_rows_and_no_levels(client: httpx.AsyncClient) -> None:
    body = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor"}
    model = (await client.post("/v1/models", json=body)).headers["location"]
    found = ModelDiagnostics.model_validate_json((await client.get(f"{model}/diagnostics")).content)
    assert (found.icc, found.links.levels, found.principal_components) == (None, {}, [])
    assert found.rows is not None
    assert found.rows.leverage.total == pytest.approx(2.0)
