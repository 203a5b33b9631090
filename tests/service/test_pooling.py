from __future__ import annotations

import httpx
import pytest

from service.schemas.pooling import PoolingPage
from service.tabular import MEDIA_TYPES
from tests.service.test_effects import table_of
from tests.service.test_problems import read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"


async def fitted(client: httpx.AsyncClient, formula: str = FORMULA) -> str:
    answer = await client.post(
        "/v1/models", json={"dataset": "minnesota-radon", "formula": formula}
    )
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.headers["location"])


async def test_partial_pooling_stands_beside_complete_and_none(client: httpx.AsyncClient) -> None:
    model = await fitted(client)
    answer = await client.get(f"{model}/pooling/county")
    assert answer.status_code == 200, answer.text
    found = PoolingPage.model_validate_json(answer.content)
    assert (found.count, len(found.items), found.next) == (85, 85, None)
    effects = (await client.get(f"{model}/effects/county")).json()["items"]
    plain = (await client.get(await fitted(client, "log(radon + 0.1) ~ floor"))).json()
    everywhere = plain["fixed_effects"][0]
    for item, own in zip(found.items, effects, strict=True):
        assert (item.level, item.n) == (own["level"], own["n"])
        assert item.pooling_weight == own["pooling_weight"]
        assert item.no_pooling.model_dump() == own["no_pooling"]
        partial = own["coefficients"]["(Intercept)"]
        assert item.partial_pooling.estimate == pytest.approx(partial["estimate"], rel=1e-12)
        assert item.partial_pooling.std_error == pytest.approx(partial["std_error"], rel=1e-9)
        assert item.complete_pooling.estimate == pytest.approx(everywhere["estimate"], rel=1e-10)
        assert item.complete_pooling.std_error == pytest.approx(everywhere["std_error"], rel=1e-9)


async def test_no_pooling_is_a_regression_with_a_constant_for_each_county(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get(f"{await fitted(client)}/pooling/county")).json()
    rows = (await client.get(await fitted(client, "log(radon + 0.1) ~ 0 + county + floor"))).json()
    by_term = {row["term"]: row for row in rows["fixed_effects"]}
    for item in page["items"]:
        own = by_term["county" + item["level"]]
        assert item["no_pooling"]["estimate"] == pytest.approx(own["estimate"], rel=1e-9)
        assert item["no_pooling"]["std_error"] == pytest.approx(own["std_error"], rel=1e-9)


async def test_the_comparison_comes_in_pages_or_as_a_table(client: httpx.AsyncClient) -> None:
    path = f"{await fitted(client)}/pooling/county"
    first = (await client.get(path, params={"limit": 80})).json()
    last = (await client.get(path, params={"limit": 80, "cursor": first["next"]})).json()
    assert (len(first["items"]), len(last["items"]), last["next"]) == (80, 5, None)
    for media in MEDIA_TYPES:
        table = table_of(await client.get(path, headers={"accept": media}))
        found = table["partial_pooling.estimate"].to_pylist()
        assert found[-1] == pytest.approx(last["items"][-1]["partial_pooling"]["estimate"])


async def test_a_model_of_another_form_has_nothing_to_compare(client: httpx.AsyncClient) -> None:
    model = await fitted(client, "log(radon + 0.1) ~ floor + (0 + floor | county)")
    problem = read(await client.get(f"{model}/pooling/county"))
    assert (problem.code, problem.status) == ("not_comparable", 422)
    assert "intercept" in problem.errors[0].hint
    problem = read(await client.get(f"{model}/pooling/state"))
    assert problem.code == "group_not_found"
