"""The models behind the answers: fitted once, by what every model is fitted by."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from service.context import Services
from service.settings import Settings
from tests.service.keeping import another
from tests.service.radon.asking import FORMULA, assessed
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


async def test_the_model_is_one_fit_like_any_other_however_many_ask(
    client: httpx.AsyncClient, parts: Services
) -> None:
    counties = ("AITKIN", "ANOKA", "GRANT", "HENNEPIN")
    found = await asyncio.gather(*(assessed(client, county=county) for county in counties))
    assert len({own.model.id for own in found}) == 1
    assert parts.fitting.fits == 1
    again = await client.post("/v1/models", json={"dataset": "minnesota-radon", "formula": FORMULA})
    assert (again.status_code, again.json()["id"]) == (200, found[0].model.id)


async def test_another_table_under_the_name_of_the_survey_is_not_taken_for_it(
    client: httpx.AsyncClient,
) -> None:
    body = "county,floor,radon,log_uranium\nAITKIN,0,900,1\nAITKIN,0,800,1\nANOKA,1,700,2\n"
    await client.post(
        "/v1/datasets?name=minnesota-radon", content=body, headers={"content-type": "text/csv"}
    )
    found = await assessed(client, county="AITKIN")
    assert found.distribution.median < 10.0
    model = (await client.get(found.model.href)).json()
    assert model["n_rows"] == 919


async def test_the_survey_and_its_model_come_back_when_they_are_deleted(
    client: httpx.AsyncClient,
) -> None:
    first = await assessed(client, county="AITKIN")
    await client.delete(first.model.href)
    await client.delete("/v1/datasets/minnesota-radon")
    again = await assessed(client, county="AITKIN")
    assert again.model.id == first.model.id
    assert again.distribution == first.distribution


async def test_caps_smaller_than_the_survey_are_told(settings: Settings) -> None:
    small = settings.model_copy(update={"max_rows": 1_000})
    async with another(small) as client:
        assert (await assessed(client, county="AITKIN")).basis == "county"
        answer = await client.post("/v1/radon/assessments", json={"fips": 4013, "floor": "first"})
    assert read(answer).code == "limit_passed"


async def test_a_full_quota_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, bundled_data=False, max_owner_datasets=1)
    async with another(settings) as client:
        assert (await assessed(client, county="AITKIN")).basis == "county"
        answer = await client.post("/v1/radon/assessments", json={"fips": 4013, "floor": "first"})
    assert read(answer).code == "quota_exceeded"
