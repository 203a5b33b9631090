"""The service from upload to deletion, on the catalog and store of one machine and of a fleet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from service import summaries
from service.api.examples import SUMMARY
from service.app import create_app
from service.catalog.recent import SECONDS
from service.context import Services
from service.settings import Settings
from service.sweeping import Sweeper
from tests.servers import Postgres, Storage, flipped
from tests.service.examples import SOUTH
from tests.service.jobs import finished
from tests.service.keeping import RADON, another
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

Ask = Callable[[], Awaitable[httpx.Response]]

CSV = {"content-type": "text/csv"}
MODEL = {"dataset": "radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}
ASYNC = {"prefer": "respond-async"}
TABLE = "y,g\n1,a\n2,a\n4,b\n3,b\n5,c\n5.5,c\n"


@pytest.fixture(params=["machine", "fleet"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """SQLite and a directory, or PostgreSQL and S3."""
    given = Settings(data_dir=tmp_path / "var", bundled_data=False, worker_processes=1)
    if request.param == "machine":
        return given
    postgres: Postgres = request.getfixturevalue("postgres")
    storage: Storage = request.getfixturevalue("storage")
    return given.model_copy(
        update={"catalog_url": postgres.database(), "blobs_url": storage.bucket()}
    )


@pytest.fixture
def damage(settings: Settings, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """What flips a bit of a stored file, behind the back of the service."""
    if settings.blobs.startswith("s3:"):
        storage: Storage = request.getfixturevalue("storage")
        return lambda key: storage.damage(settings.blobs, key)

    def damaging(key: str) -> None:
        path = Path(settings.blobs.removeprefix("file://"), key)
        path.write_bytes(flipped(path.read_bytes()))

    return damaging


@pytest.fixture
async def replicas(settings: Settings) -> AsyncIterator[tuple[FastAPI, FastAPI]]:
    first, second = create_app(settings), create_app(settings)
    async with first.router.lifespan_context(first), second.router.lifespan_context(second):
        yield first, second


def asking(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


async def upload(client: httpx.AsyncClient, name: str = "radon", **more: str) -> httpx.Response:
    content = RADON.read_bytes()
    return await client.post(f"/v1/datasets?name={name}", content=content, headers=CSV | more)


async def stored(parts: Services) -> list[str]:
    return [key async for keys in parts.blobs.older(-60) for key in keys]


async def test_from_the_upload_over_fits_and_jobs_to_the_deletion(
    client: httpx.AsyncClient, parts: Services
) -> None:
    assert (await upload(client)).status_code == 201
    assert (await upload(client)).status_code == 200
    fitted = await client.post("/v1/models", json=MODEL)
    assert fitted.status_code == 201, fitted.text
    path = fitted.headers["location"]
    answer = await client.post("/v1/models", json=MODEL | {"method": "ML"}, headers=ASYNC)
    job = await finished(client, answer.headers["location"])
    assert job["state"] == "succeeded", job
    second = job["result"]["href"]
    intervals = f"{path}/fixed-effects?interval=profile"
    assert (await client.get(intervals)).status_code == 200
    rows = await client.get("/v1/datasets/radon/rows?limit=2")
    assert len(rows.json()["items"]) == 2
    listed = await client.get("/v1/models?limit=1")
    rest = await client.get(f"/v1/models?cursor={listed.json()['next']}")
    ids = [item["id"] for page in (listed, rest) for item in page.json()["items"]]
    assert [f"/v1/models/{each}" for each in ids] == [second, path]

    usage = (await client.get("/v1/usage")).json()
    assert (usage["datasets"]["count"], usage["models"]["count"]) == (1, 2)
    assert usage["bytes"] == usage["datasets"]["bytes"] + usage["models"]["bytes"] > 0
    assert len(await stored(parts)) == 3

    for each in (path, second, "/v1/datasets/radon"):
        assert (await client.delete(each)).status_code == 204
    assert await stored(parts) == []
    assert (await client.get("/v1/usage")).json()["bytes"] == 0
    count = text("SELECT count(*) FROM computed")
    assert await parts.database.read(lambda connection: connection.scalar(count)) == 0


async def test_a_running_job_is_cancelled(client: httpx.AsyncClient) -> None:
    await upload(client)
    path = (await client.post("/v1/models", json=MODEL)).headers["location"]
    query = f"{path}/fixed-effects?interval=bootstrap&n_sim=10000"
    job = (await client.get(query, headers=ASYNC)).headers["location"]
    assert (await client.delete(job)).json()["state"] == "cancelled"
    assert (await client.get(job)).json()["state"] == "cancelled"


@pytest.mark.parametrize("kind", ["table", "summary", "fit"])
async def test_a_damaged_file_of_any_kind_is_reported_and_can_be_made_anew(
    settings: Settings, damage: Callable[[str], None], kind: str
) -> None:
    async with another(settings) as client:
        await upload(client)
        headers = {"content-type": summaries.JSON}
        for name, body in (("north", SUMMARY), ("south", SOUTH)):
            kept = await client.post(f"/v1/datasets?name={name}", json=body, headers=headers)
            assert kept.status_code == 201
        path = (await client.post("/v1/models", json=MODEL)).headers["location"]
    app = create_app(settings)
    async with app.router.lifespan_context(app), asking(app) as client:
        parts: Services = app.state.services
        ending = {"table": ".parquet", "summary": ".summary", "fit": ".fit"}[kind]
        for key in await stored(parts):
            if key.endswith(ending):
                damage(key)
        merged = {"datasets": ["north", "south"]}
        asks: dict[str, tuple[Ask, Ask]] = {
            "table": (lambda: client.get("/v1/datasets/radon/rows"), lambda: upload(client)),
            "summary": (
                lambda: client.post("/v1/datasets/merge", json=merged),
                lambda: client.post("/v1/datasets", json=SUMMARY, headers=headers),
            ),
            "fit": (lambda: client.get(path), lambda: client.post("/v1/models", json=MODEL)),
        }
        ask, mend = asks[kind]
        assert read(await ask()).code == "corrupt_artefact"
        assert (await mend()).is_success
        again = {"table": "/v1/datasets/radon/rows", "fit": path, "summary": "/v1/datasets/north"}
        assert (await client.get(again[kind])).status_code == 200
        assert len(await stored(parts)) == 4, "the damaged file is gone"


async def test_a_job_whose_rows_are_damaged_fails_and_says_so(
    settings: Settings, damage: Callable[[str], None]
) -> None:
    """The rows came with the request: their file is the job's own."""
    app = create_app(settings)
    async with app.router.lifespan_context(app), asking(app) as client:
        parts: Services = app.state.services
        await parts.runner.close()
        parts.changes.closing = False
        body = {"data": {"columns": {"y": [1, 2, 4, 3], "g": list("aabb")}}, "formula": "y ~ (1|g)"}
        job = (await client.post("/v1/models", json=body, headers=ASYNC)).headers["location"]
        (key,) = await stored(parts)
        assert key.endswith(".arrow")
        damage(key)
    async with another(settings) as client:
        done = await finished(client, job)
        assert (done["state"], done["error"]["code"]) == ("failed", "corrupt_artefact")


async def test_what_one_replica_deletes_is_gone_from_the_memory_of_the_other(
    replicas: tuple[FastAPI, FastAPI],
) -> None:
    here, there = replicas
    async with asking(here) as client, asking(there) as other:
        await upload(client)
        path = (await client.post("/v1/models", json=MODEL)).headers["location"]
        for known in (path, "/v1/datasets/radon"):
            assert (await other.get(known)).status_code == 200
            assert (await client.delete(known)).status_code == 204
        await asyncio.sleep(SECONDS)
        parts: Services = there.state.services
        assert len(parts.fitting.holding()) == 1
        await Sweeper(parts, parts.leases).tend()
        assert parts.fitting.holding() == []
        for known in (path, "/v1/datasets/radon"):
            assert (await other.get(known)).status_code == 404
        # Made again by the one, it is the same to the other, and not the one from before.
        await upload(client)
        await client.post("/v1/models", json=MODEL)
        tags = {(await each.get(path)).headers["etag"] for each in (client, other)}
        assert len(tags) == 1


async def test_a_quota_is_held_by_all_who_add_at_once(settings: Settings) -> None:
    given = settings.model_copy(update={"max_owner_datasets": 3, "max_owner_models": 1})
    first, second = create_app(given), create_app(given)
    async with (
        first.router.lifespan_context(first),
        second.router.lifespan_context(second),
        asking(first) as client,
        asking(second) as other,
    ):
        answers = await asyncio.gather(
            *(
                (client, other)[i % 2].post("/v1/datasets", content=TABLE + f"{i},d\n", headers=CSV)
                for i in range(8)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
        assert {read(a).code for a in answers if a.status_code == 409} == {"quota_exceeded"}
        parts: Services = first.state.services
        assert len(await stored(parts)) == 3, "nothing is left of what was refused"
        known = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
        body = {"dataset": known, "formula": "y ~ 1 + (1 | g)"}
        assert (await client.post("/v1/models", json=body)).status_code == 201
        full = await other.post("/v1/models", json=body | {"method": "ML"})
        assert read(full).code == "quota_exceeded"
        assert (await client.post("/v1/models", json=body)).status_code == 200
        usage = (await client.get("/v1/usage")).json()
        assert usage["quotas"] == {"bytes": None, "datasets": 3, "models": 1}
        await client.delete(f"/v1/datasets/{known}")
        retry = await client.post("/v1/datasets", content=TABLE, headers=CSV)
        assert retry.status_code == 201


async def test_bytes_are_a_quota_too(settings: Settings) -> None:
    async with another(settings.model_copy(update={"max_owner_bytes": 2000})) as client:
        assert (await client.post("/v1/datasets", content=TABLE, headers=CSV)).status_code == 201
        assert read(await upload(client)).code == "quota_exceeded"


async def test_a_keyed_request_is_answered_once_and_for_all(
    client: httpx.AsyncClient, parts: Services
) -> None:
    first = await upload(client, **{"idempotency-key": '"k-1"'})
    assert first.status_code == 201
    await client.delete("/v1/datasets/radon")
    again = await upload(client, **{"idempotency-key": "k-1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert (await client.get("/v1/datasets/radon")).status_code == 404, "nothing was made"
    headers = {"idempotency-key": "k-1"}
    other = await client.post("/v1/datasets?name=radon", content=TABLE, headers=CSV | headers)
    assert read(other).code == "idempotency_key_reused"
    assert read(await upload(client, "other", **headers)).code == "idempotency_key_reused"
    await upload(client)
    headers = {"idempotency-key": "k-2"}
    wrong = await client.post("/v1/models", json=MODEL | {"formula": "y ~"}, headers=headers)
    assert wrong.status_code == 422
    right = await client.post("/v1/models", json=MODEL, headers=headers)
    assert right.status_code == 201, "what failed left its key free"
    again = await client.post("/v1/models", json=MODEL, headers=headers)
    assert (again.status_code, again.content) == (201, right.content)
    assert again.headers["etag"] == right.headers["etag"]
    assert parts.fitting.fits == 1
    headers = ASYNC | {"idempotency-key": "k-3"}
    job, same = [
        await client.post("/v1/models", json=MODEL | {"method": "ML"}, headers=headers)
        for _ in range(2)
    ]
    assert (same.status_code, same.json()) == (202, job.json())
    await client.delete(job.headers["location"])


async def test_a_keyed_request_that_is_being_answered_is_not_begun_again(
    replicas: tuple[FastAPI, FastAPI],
) -> None:
    here, there = replicas
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield TABLE[:10].encode()
        begun.set()
        await gate.wait()
        yield TABLE[10:].encode()

    headers = CSV | {"idempotency-key": "slow"}
    async with asking(here) as client, asking(there) as other:
        first = asyncio.create_task(client.post("/v1/datasets", content=slowly(), headers=headers))
        await begun.wait()
        second = await other.post("/v1/datasets", content=TABLE, headers=headers)
        assert read(second).code == "idempotency_in_progress"
        assert second.headers["retry-after"] == "1"
        gate.set()
        assert (await first).status_code == 201
        again = await other.post("/v1/datasets", content=TABLE, headers=headers)
        assert (again.status_code, again.json()) == (201, (await first).json())


async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    for key in (b" ", b"k" * 256, b"a b", b'"', "ñ".encode()):
        headers = [(b"content-type", b"text/csv"), (b"idempotency-key", key)]
        answer = await client.post("/v1/datasets", content=TABLE, headers=headers)
        (error,) = read(answer).errors
        assert error.pointer == "#/header/idempotency-key"


async def test_a_name_that_no_catalog_can_hold_is_not_found(client: httpx.AsyncClient) -> None:
    for name in ("a\x00b", "\ufffe", "\U0001f600", "ds_\x00"):
        path = "/v1/datasets/" + "".join(f"%{byte:02x}" for byte in name.encode())
        assert read(await client.get(path)).code == "dataset_not_found"
        fit = await client.post("/v1/models", json={"dataset": name, "formula": "y ~ 1"})
        assert read(fit).code == "dataset_not_found"
