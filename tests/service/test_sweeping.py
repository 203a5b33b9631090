"""What goes by itself, and what stays."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Table

from service.catalog import Leases, tables
from service.catalog.leases import SWEEPING
from service.context import Services
from service.settings import Settings
from service.sweeping import Sweeper, Swept
from tests.service.jobs import soon
from tests.service.keeping import another
from tests.service.test_fleet import CSV, MODEL, TABLE, stored, upload
from tools.live import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return Settings(
        data_dir=tmp_path / "var",
        bundled_data=False,
        dataset_unused_days=30,
        model_unused_days=60,
    )


@pytest.fixture
def sweeper(parts: Services) -> Sweeper:
    return Sweeper(parts, parts.leases)


def aged(root: Path, seconds: float) -> None:
    """Make all that is there so much older."""
    then = time.time() - seconds
    for path in (root, *root.rglob("*")):
        os.utime(path, (then, then))


async def aged_rows(parts: Services, table: Table) -> None:
    change = table.update().values(used_at="2020-01-01")
    await parts.database.write(lambda connection: connection.execute(change))


async def test_what_nobody_uses_goes_with_its_file_and_what_is_used_stays(
    client: httpx.AsyncClient, parts: Services, sweeper: Sweeper
) -> None:
    await upload(client)
    await client.post("/v1/datasets?name=other", content=TABLE, headers=CSV)
    path = (await client.post("/v1/models", json=MODEL)).headers["location"]
    assert await sweeper.sweep() == Swept()
    await aged_rows(parts, tables.datasets)
    await aged_rows(parts, tables.models)
    await client.get("/v1/datasets/radon")
    assert await sweeper.sweep() == Swept(datasets=1, models=1)
    assert (await client.get("/v1/datasets/radon")).status_code == 200
    assert (await client.get("/v1/datasets/other")).status_code == 404
    assert (await client.get(path)).status_code == 404
    assert len(await stored(parts)) == 1


async def test_a_model_that_is_asked_for_from_memory_is_used(
    client: httpx.AsyncClient, parts: Services, sweeper: Sweeper
) -> None:
    await upload(client)
    path = (await client.post("/v1/models", json=MODEL)).headers["location"]
    await client.get(path)
    await sweeper.tend()
    await aged_rows(parts, tables.models)
    await client.post(f"{path}/predictions", json={"rows": [{"county": "AITKIN", "floor": 0}]})
    assert await sweeper.sweep() == Swept()


async def test_nothing_goes_where_nothing_says_so(tmp_path: Path, parts: Services) -> None:
    forever = Settings(data_dir=tmp_path / "forever", bundled_data=False)
    async with another(forever) as client:
        await client.post("/v1/datasets?name=radon", content=TABLE, headers=CSV)
        assert parts.settings.dataset_unused_days
        assert (await client.get("/v1/datasets/radon")).status_code == 200


async def test_a_file_that_no_row_speaks_of_goes_after_a_while(
    client: httpx.AsyncClient, parts: Services, sweeper: Sweeper, settings: Settings
) -> None:
    await upload(client)
    blobs = settings.data_dir / "blobs"
    orphan = await parts.blobs.put(b"its row was never written: the process died", ".parquet")
    (blobs / orphan).with_name("half#1").write_bytes(b"hal")
    assert await sweeper.sweep() == Swept(), "it may be on its way"
    aged(blobs, settings.sweep_grace_seconds + 60)
    assert await sweeper.sweep() == Swept(files=1, unfinished=1)
    assert (await client.get("/v1/datasets/radon/rows")).status_code == 200
    assert len(await stored(parts)) == 1


async def test_what_a_process_that_died_left_of_an_upload_goes(
    sweeper: Sweeper, parts: Services, tmp_path: Path
) -> None:
    assert parts.settings.job_seconds < 86_400
    for name in ("partialpool-old", "partialpool-new", "others"):
        (tmp_path / "tmp" / name).mkdir()
        (tmp_path / "tmp" / name / "given").write_bytes(b"a,b\n")
    for name in ("partialpool-old", "others"):
        aged(tmp_path / "tmp" / name, 2 * 86_400)
    assert await sweeper.sweep() == Swept(unfinished=1)
    left = {path.name for path in (tmp_path / "tmp").iterdir()}
    assert {"partialpool-new", "others"} <= left
    assert "partialpool-old" not in left


async def test_what_a_service_that_was_killed_left_goes_at_once_and_what_one_that_runs_has_stays(
    sweeper: Sweeper, tmp_path: Path
) -> None:
    spare = tmp_path / "tmp"
    with serving(tmp_path, TMPDIR=str(spare)) as killed:
        killed.process.kill()
    assert list(spare.glob("partialpool-*"))
    with serving(tmp_path, TMPDIR=str(spare)):
        assert soon(lambda: len(list(spare.glob("partialpool-*"))) == 1, 60), "cleared at its start"
        (its,) = spare.glob("partialpool-*")
        aged(its, 9 * 86_400)
        assert await sweeper.sweep() == Swept()
        assert its.exists()
    assert not list(spare.iterdir()), "a service that ends leaves nothing"


async def test_one_process_sweeps_at_a_time(sweeper: Sweeper, parts: Services) -> None:
    other = Leases(parts.database, "another process")
    assert await other.take(SWEEPING, 60)
    assert await sweeper.sweep() is None
    await other.release(SWEEPING)
    assert await sweeper.sweep() == Swept()
