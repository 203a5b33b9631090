"""Bad input of every kind: a precise 4xx with a pointer and a hint, and the service lives on."""

import io
from typing import Any

import httpx
import pandas as pd
import pytest

from service.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

CSV = {"content-type": "text/csv"}


async def alive(client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).status_code == 200


def precise(answer: httpx.Response, status: int, code: str, pointer: str) -> None:
    """Assert a problem that names the place and how to mend it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"]
    first = body["errors"][0]
    assert (first["code"], first["pointer"]) == (code, pointer)
    assert first["detail"]
    assert first["hint"]


FLOOR = "log(radon + 0.1) ~ floor + (1 | county)"


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("log(radon + 0.1) ~ flor + (1 | county)", "unknown_column"),
        ("__import__('os').system('x')", "formula_syntax"),
        ("radon ~ __import__('os').system('x')", "formula_syntax"),
        ("radon ~ (floor+county)^100000000", "formula_power"),
        ("radon ~ " + "floor + " * 131_072 + "floor", "formula_too_long"),
        ("radon ~ log(county) + (1 | fips)", "not_numeric"),
        ("county ~ floor + (1 | fips)", "not_numeric"),
        ("log(radon) ~ floor + (1 | county)", "not_finite"),
        ("radon ~ floor + (1 | nowhere)", "unknown_column"),
        ("radon", "formula_no_response"),
        ("", "formula_no_response"),
    ],
)
async def test_a_bad_formula(client: httpx.AsyncClient, formula: str, code: str) -> None:
    body = {"dataset": "minnesota-radon", "formula": formula}
    precise(await client.post("/v1/models", json=body), 422, code, "#/formula")
    await alive(client)


N = 12


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"g": ["a"] * N}, "one_level", "#/formula"),
        ({"x": [None] * N}, "no_rows", "#/dataset"),
        ({"y": [3.0] * N}, "constant_response", "#/formula"),
        ({"g": [str(i) for i in range(N)]}, "too_many_levels", "#/formula"),
        ({"w": [0.0] * N}, "bad_weights", "#/weights"),
    ],
)
async def test_data_that_cannot_carry_the_model(
    client: httpx.AsyncClient, changes: dict[str, Any], code: str, pointer: str
) -> None:
    columns = {
        "y": [float(i * i % 7) for i in range(N)],
        "x": [float(i) for i in range(N)],
        "g": ["a", "b", "c", "d"] * 3,
        "w": [1.0 + i for i in range(N)],
    }
    body = {"data": {"columns": columns | changes}, "formula": "y ~ x + (1 | g)", "weights": "w"}
    precise(await client.post("/v1/models", json=body), 422, code, pointer)
    await alive(client)


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"a": range(1000), "b": ["x"] * 1000}).to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "media", "status", "code", "pointer"),
    [
        (b"y,x\n1,inf\n2,3\n", "text/csv", 422, "infinite_value", "#/columns/x"),
        (b"a,a\n1,2\n", "text/csv", 422, "duplicate_column", "#/columns/a"),
        (b"a,\n1,2\n", "text/csv", 422, "empty_column_name", "#/columns"),
        (b"a,b\n1,2\n3\n", "text/csv", 422, "ragged_row", "#/rows/1"),
        (parquet()[:-700], "application/vnd.apache.parquet", 422, "unreadable_file", "#"),
    ],
)
async def test_a_bad_file(
    client: httpx.AsyncClient, content: bytes, media: str, status: int, code: str, pointer: str
) -> None:
    answer = await client.post("/v1/datasets", content=content, headers={"content-type": media})
    precise(answer, status, code, pointer)
    await alive(client)


async def test_a_body_over_the_limit(client: httpx.AsyncClient, settings: Settings) -> None:
    async def endless() -> Any:
        for _ in range(settings.max_body_bytes // 2**20 + 2):
            yield b"1\n" * 2**19

    answer = await client.post("/v1/datasets", content=endless(), headers=CSV)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    await alive(client)


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/models"])
async def test_a_wrong_content_type(client: httpx.AsyncClient, path: str) -> None:
    headers = {"content-type": "application/x-shockwave-flash"}
    answer = await client.post(path, content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    await alive(client)


async def test_unknown_keys(client: httpx.AsyncClient) -> None:
    body = {"dataset": "minnesota-radon", "formula": FLOOR, "methd": "ML"}
    precise(await client.post("/v1/models", json=body), 422, "unknown_key", "#/methd")
    await alive(client)


@pytest.mark.parametrize(
    ("row", "code", "pointer"),
    [
        ({"floor": 0}, "missing_key", "#/rows/0/county"),
        ({"county": "AITKIN", "floor": 0, "flor": 1}, "extra_key", "#/rows/0/flor"),
        ({"county": "AITKIN", "floor": "ground"}, "not_numeric", "#/rows/0/floor"),
        ({"county": None, "floor": 0}, "missing_value", "#/rows/0/county"),
    ],
)
async def test_a_bad_row_to_predict(
    client: httpx.AsyncClient, row: dict[str, Any], code: str, pointer: str
) -> None:
    fitted = await client.post("/v1/models", json={"dataset": "minnesota-radon", "formula": FLOOR})
    path = f"/v1/models/{fitted.json()['id']}/predictions"
    precise(await client.post(path, json={"rows": [row]}), 422, code, pointer)
    await alive(client)


async def test_a_dataset_that_is_not_there(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/models", json={"dataset": "nowhere", "formula": FLOOR})
    precise(answer, 404, "dataset_not_found", "#/dataset")
