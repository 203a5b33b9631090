"""Profile and bootstrap intervals over HTTP."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyarrow import csv

from service.context import Services
from service.settings import Settings
from tests.reference.likelihood import ProfileRecord, described, likelihoods
from tests.service.cases import get
from tests.service.jobs import finished
from tests.service.keeping import another
from tests.service.test_comparisons import INTERCEPTS, SLOPES, models_of
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


async def rows_of(client: httpx.AsyncClient, model: str, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/models/{model}/fixed-effects", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


@pytest.mark.parametrize("known", likelihoods().profiles, ids=described)
async def test_profile_intervals_are_those_of_confint(
    client: httpx.AsyncClient, parts: Services, known: ProfileRecord
) -> None:
    (model,) = await models_of(client, parts, known["data"], known["method"], known["formula"])
    rows = {row["term"]: row for row in await rows_of(client, model, interval="profile")}
    names = list(zip(known["names"], known["lower"], known["upper"], strict=True))
    compared = [(rows[name], lower, upper) for name, lower, upper in names if name in rows]
    assert len(compared) == len(rows)
    for row, lower, upper in compared:
        near = 1e-4 * row["std_error"]
        assert row["lower"] == pytest.approx(lower, abs=near)
        assert row["upper"] == pytest.approx(upper, abs=near)


@pytest.mark.parametrize("known", likelihoods().profiles, ids=described)
async def test_variance_parameters_have_the_intervals_of_confint(
    client: httpx.AsyncClient, parts: Services, known: ProfileRecord
) -> None:
    (model,) = await models_of(client, parts, known["data"], known["method"], known["formula"])
    items = (await get(client, f"/v1/models/{model}/variance-parameters"))["items"]
    fitted = (await get(client, f"/v1/models/{model}"))["random_effects"]
    expected = zip(known["names"], known["lower"], known["upper"], strict=True)
    for row, (name, lower, upper) in zip(items, expected, strict=False):
        assert (row["name"], row["method"]) == (name, "profile")
        if upper is None:
            continue  # lme4 loses its way along sigma where a variance is zero
        near = 1e-5 * (row["upper"] - row["lower"])
        assert row["lower"] == pytest.approx(lower, abs=near)
        assert row["upper"] == pytest.approx(upper, abs=near)
        assert row["lower_at_limit"] == (lower in (0.0, -1.0))
        assert row["upper_at_limit"] == (upper == 1.0)
    deviations = [value for effects in fitted for value in effects["std_dev"]]
    told = [row["estimate"] for row in items if row["kind"] == "sd"]
    assert told == pytest.approx(deviations)
    assert items[-1]["kind"] == "sigma"


async def test_a_variance_of_zero_is_told_plainly(
    client: httpx.AsyncClient, parts: Services
) -> None:
    (model,) = await models_of(client, parts, "Dyestuff2", "REML", "Yield ~ 1 + (1 | Batch)")
    path = f"/v1/models/{model}/variance-parameters"
    batch, sigma = (await get(client, path))["items"]
    assert (batch["estimate"], batch["lower"], batch["lower_at_limit"]) == (0, 0, True)
    assert "limit" in batch["reason"]
    assert (sigma["lower_at_limit"], sigma["reason"]) == (False, None)
    batch, _ = (await get(client, path, interval="wald", scale="variance"))["items"]
    assert (batch["name"], batch["lower"], batch["upper"]) == ("var_(Intercept)|Batch", None, None)
    assert "Wald" in batch["reason"]


async def test_variance_parameters_can_be_had_as_a_table(
    client: httpx.AsyncClient, parts: Services
) -> None:
    (model,) = await models_of(client, parts, "sleepstudy", "REML", SLOPES)
    path = f"/v1/models/{model}/variance-parameters"
    items = (await get(client, path))["items"]
    answer = await client.get(path, headers={"accept": "text/csv"})
    found = csv.read_csv(io.BytesIO(answer.content))
    assert found.column_names == list(items[0])
    assert found["lower"].to_pylist() == pytest.approx([item["lower"] for item in items])
    assert found["name"].to_pylist() == [item["name"] for item in items]


@pytest.mark.parametrize("table", ["fixed-effects", "variance-parameters"])
async def test_the_bootstrap_says_what_it_drew(
    client: httpx.AsyncClient, parts: Services, table: str
) -> None:
    (model,) = await models_of(client, parts, "Dyestuff2", "REML", "Yield ~ 1 + (1 | Batch)")
    path = f"/v1/models/{model}/{table}"
    query = {"interval": "bootstrap", "n_sim": 40, "seed": 3}
    drawn = (await get(client, path, **query))["bootstrap"]
    assert (drawn["n_sim"], drawn["seed"], drawn["n_failed"]) == (40, 3, 0)
    assert 10 < drawn["n_singular"] < 40
    assert (await get(client, path, interval="profile"))["bootstrap"] is None


async def test_other_intervals_leave_the_tests_as_they_are(
    client: httpx.AsyncClient, parts: Services
) -> None:
    (model,) = await models_of(client, parts, "sleepstudy", "REML", SLOPES)
    wald = await rows_of(client, model, df="kenward-roger")
    for interval in ("profile", "bootstrap"):
        rows = await rows_of(client, model, df="kenward-roger", interval=interval, n_sim=100)
        for row, other in zip(rows, wald, strict=True):
            assert row["lower"] != other["lower"]
            assert row["upper"] != other["upper"]
            assert row | {"lower": 0, "upper": 0} == other | {"lower": 0, "upper": 0}


async def test_the_bootstrap_is_its_seed_and_near_the_wald_interval(
    client: httpx.AsyncClient, parts: Services
) -> None:
    (model,) = await models_of(client, parts, "sleepstudy", "REML", INTERCEPTS)
    query = {"interval": "bootstrap", "n_sim": 400, "seed": 7}
    first = await rows_of(client, model, **query)
    assert first == await rows_of(client, model, **query)
    assert first != await rows_of(client, model, **{**query, "seed": 8})
    for row in first:
        half = (row["upper"] - row["lower"]) / 2
        assert half == pytest.approx(1.96 * row["std_error"], rel=0.2)


@pytest.mark.parametrize(
    ("table", "without"), [("fixed-effects", {"df": "none"}), ("variance-parameters", {})]
)
async def test_intervals_that_take_longer_than_a_request_waits_become_a_job(
    tmp_path: Path, table: str, without: dict[str, str]
) -> None:
    known = {"formula": "log(radon + 0.1) ~ floor + (1 | county)", "dataset": "minnesota-radon"}
    query = {"interval": "bootstrap", "n_sim": "50", "seed": "3", "level": "0.9"}
    async with another(Settings(data_dir=tmp_path / "patient")) as client:
        path = (await client.post("/v1/models", json=known)).headers["location"]
        at_once = await client.get(f"{path}/{table}", params=query)
    hasty = Settings(data_dir=tmp_path / "hasty", thread_seconds=0)
    async with another(hasty) as client:
        answer = await client.post("/v1/models", json=known)
        path = f"{answer.headers['location']}/{table}"
        answer = await client.get(path, params=query, headers={"prefer": "respond-async"})
        assert answer.status_code == 202
        job = await finished(client, answer.headers["location"])
        assert (job["kind"], job["state"]) == (table, "succeeded"), job
        found = await client.get(job["result"]["href"], headers={"prefer": "respond-async"})
        assert found.status_code == 200
        assert found.content == at_once.content
        other = await client.get(path, params={**query, **without}, headers={"prefer": "wait=0"})
        assert other.status_code == 200, "the same intervals beside other tests"


@pytest.mark.parametrize(
    ("query", "where"),
    [({"interval": "boot"}, "interval"), ({"n_sim": 0}, "n_sim"), ({"seed": -1}, "seed")],
)
@pytest.mark.parametrize("table", ["fixed-effects", "variance-parameters"])
async def test_what_intervals_cannot_be_asked_for_is_said(
    client: httpx.AsyncClient, table: str, query: dict[str, Any], where: str
) -> None:
    problem = read(await client.get(f"/v1/models/m_none/{table}", params=query))
    assert problem.errors[0].pointer == f"#/query/{where}"
