"""The dashboard as it is served: forms of the front page, names, caches, what it may do."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service import dashboard
from service.dashboard import assets, edition, front

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
pytestmark = pytest.mark.anyio


async def test_who_browses_gets_the_dashboard(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers=HTML)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Should I test my home for radon?" in answer.text
    assert not re.search(r"%[A-Z]+%", answer.text)  # every mark is filled in


async def test_who_wants_text_or_json_is_told_where_to_begin(client: httpx.AsyncClient) -> None:
    text = await client.get("/", headers={"accept": "text/plain"})
    assert "http://service/docs" in text.text
    assert text.headers["vary"] == "Accept"
    links = (await client.get("/", headers={"accept": "application/json"})).json()["links"]
    assert (await client.get(links["openapi"])).status_code == 200


async def test_scripts_and_styles_are_the_services_own_and_none_is_inline(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/", headers=HTML)
    rules = dict(
        rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text)
    named = re.findall(r'(?:src|href)="([^"#][^"]*)"', answer.text)
    assert named
    assert all(each.startswith("/") and not each.startswith("//") for each in named)
    for each in named:
        assert (await client.get(each)).status_code == 200


async def test_files_are_kept_for_ever_under_the_name_of_their_edition(
    client: httpx.AsyncClient,
) -> None:
    for name, asset in assets().items():
        answer = await client.get(f"/dashboard/{edition()}/{name}")
        assert answer.content == asset.plain
        assert answer.headers["content-type"] == asset.media
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]


async def test_a_file_of_another_edition_is_not_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/dashboard/another/scripts/main.js")
    assert answer.content == assets()["scripts/main.js"].plain
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["nothing.js", "index.html", "__init__.py", "..%2Fsettings.py"])
async def test_no_other_file_is_there(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/dashboard/{edition()}/{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_a_page_that_the_browser_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/", headers=HTML)
    again = await client.get("/", headers=HTML | {"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert first.headers["cache-control"] == "no-cache"
    plain = await client.get("/", headers=HTML | {"accept-encoding": "identity"})
    assert plain.content == first.content
    assert plain.headers["etag"] != first.headers["etag"]


async def test_the_front_page_does_not_wait_for_vega_which_is_made_once(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    vega = re.search(r'name="vega" content="([^"]+)"', front().plain.decode())
    assert vega is not None
    await client.get("/", headers=HTML)
    assert app.state.services.pictures.preparing
    answer = await client.get(vega[1])
    assert answer.status_code == 200
    assert not app.state.services.pictures.preparing


def test_every_module_is_there_that_another_names() -> None:
    here = Path(dashboard.__file__).parent
    for path in here.rglob("*.js"):
        for named in re.findall(r'(?:from|import\()\s*"([^"]+)"', path.read_text()):
            assert (path.parent / named).exists(), f"{path.name} imports {named}"


def test_no_file_reaches_for_another_origin_or_for_eval() -> None:
    for name, asset in assets().items():
        text = asset.plain.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|\beval\(|new Function|innerHTML", text), name
        assert gzip.decompress(asset.squeezed) == asset.plain
