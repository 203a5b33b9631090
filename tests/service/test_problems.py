from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Query, Request

from engine import DataError, FormulaError, LimitError, SpecError
from engine import Problem as Item
from service.bodies import read_json
from service.kinds import KINDS, catalogue
from service.problems import ProblemError, pointer
from service.schemas.base import Asked
from service.schemas.problems import Problem

pytestmark = pytest.mark.anyio

CATALOGUE = Path(__file__).parents[2] / "openapi" / "problems.md"


class House(Asked):
    county: str
    floor: int = 0


def read(response: httpx.Response) -> Problem:
    """Return the problem a response is, having checked what every one of them has."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content)
    assert problem.status == response.status_code
    assert problem.request_id == response.headers["x-request-id"]
    assert problem.type == f"/problems/{problem.code}"
    return problem


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    @app.post("/test/house")
    async def house(request: Request) -> str:
        return (await read_json(request, House, 1000)).county

    @app.get("/test/number")
    async def number(n: int = Query(ge=1)) -> int:
        return n

    @app.get("/test/raise/{name}")
    async def fail(name: str) -> None:
        at = Item("unknown_column", "There is no column 'flor'.", "Did you mean 'floor'?", ("f",))
        row = Item("unknown_level", "Row 3.", path=("rows", 2, "a/b~c"))
        raise {
            "formula": FormulaError(at),
            "spec": SpecError(at, at),
            "data": DataError(row),
            "limit": LimitError(at),
            "many": DataError(*[row] * 500),
            "bug": RuntimeError("secret"),
        }[name]

    return app


async def post(client: httpx.AsyncClient, body: str, media: str = "application/json") -> Problem:
    headers = {"content-type": media}
    return read(await client.post("/test/house", content=body, headers=headers))


def test_the_page_of_problems_is_what_the_command_prints() -> None:
    assert CATALOGUE.read_text() == catalogue()


@pytest.mark.parametrize("code", KINDS)
async def test_the_type_of_every_problem_leads_to_a_page(
    client: httpx.AsyncClient, code: str
) -> None:
    answer = await client.get(KINDS[code].type)
    assert answer.json()["code"] == code
    assert Problem.model_validate(answer.json()["sample"]).type == KINDS[code].type
    browser = await client.get(KINDS[code].type, headers={"accept": "text/html"})
    assert browser.headers["content-type"].startswith("text/html")
    assert KINDS[code].code in browser.text
    for heading in ("What it means", "What to do", "An example"):
        assert f"<h2>{heading}</h2>" in browser.text


async def test_there_is_a_page_of_all_problems(client: httpx.AsyncClient) -> None:
    items = (await client.get("/problems")).json()["items"]
    assert [item["code"] for item in items] == list(KINDS)
    browser = (await client.get("/problems", headers={"accept": "text/html"})).text
    assert all(f"href='{kind.type}'" in browser for kind in KINDS.values())


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    problem = read(await client.get("/v1/nothing"))
    assert (problem.code, problem.instance) == ("not_found", "/v1/nothing")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/limits", "GET, HEAD"),
        ("PUT", "/v1/models", "GET, HEAD, POST"),
        ("PUT", "/v1/models/m_x", "DELETE, GET, HEAD"),
        ("OPTIONS", "/v1/models/validate", "POST"),
    ],
)
async def test_a_wrong_method_names_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert read(answer).code == "method_not_allowed"
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("formula", "invalid_formula"),
        ("spec", "invalid_model"),
        ("data", "unusable_data"),
        ("limit", "limit_passed"),
    ],
)
async def test_each_error_of_the_engine_has_its_kind(
    client: httpx.AsyncClient, name: str, code: str
) -> None:
    problem = read(await client.get(f"/test/raise/{name}"))
    assert (problem.code, problem.status) == (code, 422)


async def test_every_item_points_to_its_place_and_says_how_to_mend_it(
    client: httpx.AsyncClient,
) -> None:
    problem = read(await client.get("/test/raise/spec"))
    assert [(item.pointer, item.hint) for item in problem.errors] == [
        ("#/f", "Did you mean 'floor'?")
    ] * 2
    assert problem.detail == "There is no column 'flor'. (and 1 more)"


async def test_no_more_than_a_hundred_items_are_told(client: httpx.AsyncClient) -> None:
    assert len(read(await client.get("/test/raise/many")).errors) == 100


async def test_a_bug_tells_nothing_of_itself(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/test/raise/bug")
    problem = read(answer)
    assert (problem.code, problem.retryable) == ("internal", True)
    assert "secret" not in answer.text
    assert "RuntimeError" in capsys.readouterr().out  # in the log, beside the request id


def test_a_pointer_escapes_what_json_pointers_escape() -> None:
    assert pointer(("rows", 2, "a/b~c")) == "#/rows/2/a~1b~0c"
    assert pointer(()) == "#"


async def test_a_query_parameter_is_pointed_to_and_its_value_not_echoed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/test/number", params={"n": "sesame"})
    problem = read(answer)
    assert problem.errors[0].pointer == "#/query/n"
    assert "sesame" not in answer.text


async def test_an_unknown_key_is_named_and_the_near_one_suggested(
    client: httpx.AsyncClient,
) -> None:
    problem = await post(client, '{"county": "A", "flor": 1}')
    item = problem.errors[0]
    assert (item.pointer, item.detail) == ("#/flor", "Unknown key 'flor'.")
    assert item.hint == "Did you mean 'floor'?"


async def test_a_missing_key_is_named(client: httpx.AsyncClient) -> None:
    item = (await post(client, "{}")).errors[0]
    assert (item.pointer, item.code, item.detail) == (
        "#/county",
        "missing_key",
        "'county' is missing.",
    )


@pytest.mark.parametrize("body", ['{"county": 7}', '{"county": "A", "floor": "1"}', "[]", "null"])
async def test_values_are_not_converted(client: httpx.AsyncClient, body: str) -> None:
    assert (await post(client, body)).code == "invalid_request"


@pytest.mark.parametrize("body", ["", "{", '{"county": }', "\x00", '{"county": "\\ud800"}'])
async def test_a_body_that_is_not_json_is_a_400(client: httpx.AsyncClient, body: str) -> None:
    assert (await post(client, body)).code == "malformed_json"


@pytest.mark.parametrize("media", ["text/plain", "", "application/jsonx"])
async def test_a_body_that_does_not_say_json_is_a_415(
    client: httpx.AsyncClient, media: str
) -> None:
    assert (await post(client, '{"county": "A"}', media)).code == "unsupported_media_type"


async def test_a_value_is_never_echoed(client: httpx.AsyncClient) -> None:
    problem = await post(client, '{"county": ["sesame"], "floor": "sesame"}')
    assert "sesame" not in problem.model_dump_json()


def test_an_error_nobody_listed_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        ProblemError("no_such_code")
