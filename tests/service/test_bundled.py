"""The survey's tables are datasets from the first start."""

from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def names(settings: Settings) -> dict[str, tuple[str, int]]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        items = (await client.get("/v1/datasets")).json()["items"]
    return {item["name"]: (item["id"], item["n_rows"]) for item in items}


async def test_the_survey_is_there_from_the_first_start_and_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    first = await names(settings)
    assert {name: rows for name, (_, rows) in first.items()} == {
        "minnesota-radon": 919,
        "us-radon": 12_777,
    }
    assert await names(settings) == first


async def test_the_survey_can_be_left_out(tmp_path: Path) -> None:
    assert await names(Settings(data_dir=tmp_path / "var", bundled_data=False)) == {}


async def test_caps_smaller_than_the_survey_leave_it_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var", max_rows=1_000)
    assert set(await names(settings)) == {"minnesota-radon"}


async def test_a_quota_that_is_full_leaves_it_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var", max_owner_datasets=1)
    assert set(await names(settings)) == {"minnesota-radon"}
