"""Browsers: pages of other origins, and https."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.service.making import made

pytestmark = pytest.mark.anyio

PAGE = "https://notebook.example"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@asynccontextmanager
async def asked(directory: Path, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    fixed = {"data_dir": directory, "bundled_data": False, "auth": "keys"}
    app = made(Settings.model_validate(fixed | changes))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield client


def allowed(answer: httpx.Response) -> str | None:
    found: str | None = answer.headers.get("access-control-allow-origin")
    return found


async def test_no_other_origin_may_ask_unless_it_is_named(tmp_path: Path) -> None:
    async with asked(tmp_path) as client:
        assert allowed(await client.options("/v1/models", headers=PREFLIGHT)) is None
        assert allowed(await client.get("/healthz", headers={"origin": PAGE})) is None


async def test_a_named_origin_may_ask_with_a_key_and_without_cookies(tmp_path: Path) -> None:
    async with asked(tmp_path, cors_origins=f"{PAGE}, https://other.example/") as client:
        preflight = await client.options("/v1/models", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert allowed(preflight) == PAGE
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in preflight.headers
        refused = await client.get("/v1/models", headers={"origin": PAGE})
        assert (refused.status_code, allowed(refused)) == (401, PAGE)
        assert "RateLimit" in refused.headers["access-control-expose-headers"]
        other = {"origin": "https://other.example"}
        assert allowed(await client.get("/healthz", headers=other)) == other["origin"]
        stranger = PREFLIGHT | {"origin": "https://stranger.example"}
        assert allowed(await client.options("/v1/models", headers=stranger)) is None


async def test_https_only_is_said_where_it_is_served_so(tmp_path: Path) -> None:
    async with asked(tmp_path) as client:
        assert "strict-transport-security" not in (await client.get("/healthz")).headers
    async with asked(tmp_path, hsts_seconds=86_400) as client:
        told = (await client.get("/healthz")).headers["strict-transport-security"]
        assert told == "max-age=86400"
