"""The OWASP API Security Top 10 of 2023, where no other test has it; docs/security.md names all."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from service.access import SCOPES
from service.settings import Settings
from tests.service.guarded import given
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
HOUSES = "county,floor,radon\n" + "".join(
    f"{county},{i % 2},{1 + (7 * i % 11) / 3 + rise}\n"
    for county, rise in (("A", 0), ("B", 1), ("C", 3))
    for i in range(20)
)
FORMULA = "radon ~ floor + (1 | county)"

# Pages for people, which are no part of the API.
PAGES = {"/", "/docs", "/openapi.json", "/static/{name}", "/dashboard/{name}/{path}"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "var", bundled_data=False, auth="keys", worker_processes=1, max_jobs=1
    )


async def of(settings: Settings, owner: str, *scopes: str) -> dict[str, str]:
    return {"authorization": f"Bearer {await given(settings, owner, *scopes)}"}


async def houses(client: httpx.AsyncClient, who: dict[str, str]) -> str:
    headers = {"content-type": "text/csv", **who}
    answer = await client.post("/v1/datasets", content=HOUSES, headers=headers)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


async def test_no_request_sets_and_no_answer_tells_whose_a_thing_is(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    who = await of(settings, "alice")
    dataset = await houses(client, who)
    asked = {"dataset": dataset, "formula": FORMULA}
    for name, value in (("owner", "bob"), ("id", "m_x"), ("blob", "aa/b"), ("key", "x")):
        refused = await client.post("/v1/models", json={**asked, name: value}, headers=who)
        assert [error.code for error in read(refused).errors] == ["unknown_key"]
    model = (await client.post("/v1/models", json=asked, headers=who)).json()["id"]
    for path in ("/v1/datasets", f"/v1/datasets/{dataset}", "/v1/models", f"/v1/models/{model}"):
        names = keys_in((await client.get(path, headers=who)).json())
        assert not names & {"owner", "blob", "key", "digest"}


def keys_in(value: Any) -> set[str]:
    match value:
        case dict():
            return set(value) | {name for inner in value.values() for name in keys_in(inner)}
        case list():
            return {name for inner in value for name in keys_in(inner)}
    return set()


async def test_every_operation_is_refused_to_a_key_of_a_lesser_scope(
    client: httpx.AsyncClient, app: FastAPI, settings: Settings
) -> None:
    keys = {scope: await of(settings, "alice", scope) for scope in SCOPES}
    tried = 0
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            needed = [scope for each in operation["security"] for scope in each.get("bearer", [])]
            for scope in needed:
                for lesser in SCOPES[: SCOPES.index(scope)]:
                    url = re.sub(r"\{\w+\}", "x", path)
                    answer = await client.request(method, url, headers=keys[lesser])
                    assert read(answer).code == "insufficient_scope", (method, path, lesser)
                    tried += 1
    assert tried >= 8


async def test_who_fills_the_queue_fills_none_but_its_own(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    answers = []
    for owner in ("alice", "bob"):
        who = await of(settings, owner)
        dataset = await houses(client, who)
        for formula in ("log(radon) ~ floor + (1 | county)", FORMULA):
            asked = {"dataset": dataset, "formula": formula}
            model = (await client.post("/v1/models", json=asked, headers=who)).json()["id"]
            path = f"/v1/models/{model}/variance-parameters?interval=bootstrap&n_sim=10000"
            answers.append(await client.get(path, headers=who | {"prefer": "respond-async"}))
    assert [answer.status_code for answer in answers] == [202, 429, 202, 429]
    assert read(answers[1]).code == "too_many_jobs"


async def test_no_address_in_a_request_is_ever_asked(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    who, calls = await of(settings, "alice"), 0

    async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.close()

    server = await asyncio.start_server(called, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/table.csv"
    try:
        for dataset in (url, f"s3://bucket/{url}", f"file://{url}", "/etc/passwd"):
            asked = {"dataset": dataset, "formula": FORMULA}
            answer = await client.post("/v1/models", json=asked, headers=who)
            assert answer.status_code in {404, 422}
            merged = {"datasets": [dataset, dataset]}
            refused = await client.post("/v1/datasets/merge", json=merged, headers=who)
            assert refused.status_code in {404, 422}
        csv = {"content-type": "text/csv", **who}
        answer = await client.post(f"/v1/datasets?url={url}", content=f"a\n{url}\n", headers=csv)
        assert answer.status_code == 201
    finally:
        server.close()
        await server.wait_closed()
    assert calls == 0


async def test_every_path_that_is_served_is_in_the_document(app: FastAPI) -> None:
    served = {
        route.path.replace(":path", "")
        for route in iter_route_contexts(app.routes)
        if route.methods and route.path is not None
    }
    assert served - PAGES == set(app.openapi()["paths"])


def named() -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())


@pytest.mark.parametrize(("path", "name"), named())
def test_every_test_that_the_page_names_exists(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("number", range(1, 11))
def test_each_of_the_ten_has_a_paragraph_that_names_a_test(number: int) -> None:
    paragraphs = PAGE.read_text().split("\n\n")
    (own,) = [text for text in paragraphs if text.startswith(f"**API{number}:2023 ")]
    assert "::test_" in own
