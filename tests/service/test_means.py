"""Marginal means over HTTP: the numbers of emmeans."""

from __future__ import annotations

import httpx
import pytest

from tests.reference.inference import InferenceCase
from tests.service.cases import OATS, agree, every_case, get, model_of
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


@every_case
async def test_means_and_their_differences_are_those_of_emmeans(
    client: httpx.AsyncClient, known: InferenceCase
) -> None:
    model = await model_of(client, known)
    for record in known["means"]:
        path = f"{model}/marginal-means/{':'.join(record['factors'])}"
        found = await get(client, path, df=record["ddf"])
        assert found["pairs"] is None
        own = {"estimate": record["estimate"], "std_error": record["se"], "df": record["df"]}
        agree(found["items"], own, 2e-6)
        agree(found["items"], {"lower": record["lower"], "upper": record["upper"]}, 2e-6)
        levels = [list(item["levels"].values()) for item in found["items"]]
        assert levels == list(map(list, zip(*record["levels"], strict=True)))
        for adjust, pairs in record["pairs"].items():
            items = (await get(client, path, df=record["ddf"], pairs=True, adjust=adjust))["pairs"]
            agree(items, {"std_error": pairs["se"], "df": pairs["df"]}, 1e-5)
            bounds = {"lower": pairs["lower"], "upper": pairs["upper"]}
            agree(items, {"estimate": pairs["estimate"], **bounds}, 1e-5, 1e-6)
            agree(items, {"p_value": pairs["p"]}, 1e-3, 1e-12)


async def test_numeric_columns_are_held_where_they_are_asked_to_be(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    at_mean = await get(client, f"{model}/marginal-means/Variety")
    at_zero = await get(client, f"{model}/marginal-means/Variety", at="nitro:0")
    assert at_mean["held"] == {"nitro": [pytest.approx(0.3)]}
    assert at_zero["held"] == {"nitro": [0]}
    (slope,) = [
        row
        for row in (await get(client, f"{model}/fixed-effects"))["items"]
        if row["term"] == "nitro"
    ]
    lower = [
        mean["estimate"] - other["estimate"]
        for mean, other in zip(at_mean["items"], at_zero["items"], strict=True)
    ]
    assert lower == pytest.approx([0.3 * slope["estimate"]] * 3)


@pytest.mark.parametrize(
    ("path", "code", "pointer"),
    [
        ("Variety?at=nitro", "bad_value", "#/query/at/0"),
        ("Variety?at=nitro:x", "bad_value", "#/query/at/0"),
        ("Variety?at=nitro:inf", "bad_value", "#/query/at/0"),
        ("Variety?at=nitro:1&at=nitro:2", "duplicate_column", "#/query/at/1"),
        ("Variety?at=nitro:1&at=rain:2", "unknown_column", "#/query/at/1"),
        ("Variety?adjust=scheffe", "literal_error", "#/query/adjust"),
        ("Variety?adjusted=holm", "unknown_key", "#/query/adjusted"),
        ("Variety:", "bad_factors", "#/path/factors"),
    ],
)
async def test_what_means_cannot_be_asked_for_is_said(
    client: httpx.AsyncClient, path: str, code: str, pointer: str
) -> None:
    model = await model_of(client, OATS)
    problem = read(await client.get(f"{model}/marginal-means/{path}"))
    assert problem.status == 422
    assert (problem.errors[0].code, problem.errors[0].pointer) == (code, pointer)


async def test_a_factor_that_the_fixed_effects_do_not_have_is_a_404(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    problem = read(await client.get(f"{model}/marginal-means/Variety:Block"))
    assert (problem.status, problem.code) == (404, "factor_not_found")
    assert problem.errors[0].pointer == "#/path/factors"
    assert "Variety" in problem.errors[0].hint


async def test_a_factor_name_may_hold_what_paths_hold(client: httpx.AsyncClient) -> None:
    columns = {
        "y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1, 0.3, 1.9],
        "a/b:c": list("uvuvuvuv"),
        "g": list("aabbccdd"),
    }
    body = {"data": {"columns": columns}, "formula": "y ~ `a/b:c` + (1 | g)"}
    model = (await client.post("/v1/models", json=body)).headers["location"]
    found = await get(client, f"{model}/marginal-means/%60a%2Fb%3Ac%60")
    assert [item["levels"] for item in found["items"]] == [{"a/b:c": "u"}, {"a/b:c": "v"}]


async def test_a_cell_without_rows_has_null_numbers_and_empty_cells(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, "cake_empty_cell")
    path = f"{model}/marginal-means/recipe:temperature"
    items = (await get(client, path))["items"]
    (missing,) = [item for item in items if item["estimate"] is None]
    assert missing["levels"] == {"recipe": "B", "temperature": "225"}
    content = (await client.get(path, headers={"accept": "text/csv"})).text
    assert '"B","225",,,,,' in content
