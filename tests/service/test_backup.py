"""Backup and restore as docs/storage.md says, while the service runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import obstore
import pytest

from service import summaries
from service.api.examples import SUMMARY
from service.app import create_app
from service.blobs import Blobs
from service.settings import Settings
from tests.servers import Postgres, Storage, program
from tests.service.keeping import another
from tests.service.test_fleet import MODEL, asking, upload

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()
MACHINE, FLEET, RESTORE = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def run(commands: str, directory: Path, **environment: str) -> None:
    path = f"{Path(sys.executable).parent}:{program('pg_dump').parent}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euc", commands],
        cwd=directory,
        check=True,
        env=os.environ | {"PATH": path} | environment,
    )


async def filled_and_copied(settings: Settings, commands: str, directory: Path) -> str:
    """Fill a service and run the commands while it runs; return the path of a model."""
    app = create_app(settings)
    async with app.router.lifespan_context(app), asking(app) as client:
        await upload(client)
        await client.post(
            "/v1/datasets?name=sums", json=SUMMARY, headers={"content-type": summaries.JSON}
        )
        path = (await client.post("/v1/models", json=MODEL)).headers["location"]
        run(commands, directory, PARTIALPOOL_CATALOG_URL=settings.catalog)
        return path


async def restored(settings: Settings, path: str) -> None:
    """Everything is there, and is what it was."""
    async with another(settings) as client:
        for each in (path, "/v1/datasets/radon/rows?limit=1000", "/v1/datasets/sums"):
            assert (await client.get(each)).status_code == 200
        assert (await client.post("/v1/models", json=MODEL)).status_code == 200
        fit = {"dataset": "sums", "formula": SUMMARY["formula"]}
        assert (await client.post("/v1/models", json=fit)).status_code == 201


async def test_one_machine(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var", bundled_data=False)
    path = await filled_and_copied(settings, MACHINE, tmp_path)
    await restored(settings.model_copy(update={"data_dir": tmp_path / "backup"}), path)


async def test_a_fleet(tmp_path: Path, postgres: Postgres, storage: Storage) -> None:
    settings = Settings(
        data_dir=tmp_path / "var",
        bundled_data=False,
        catalog_url=postgres.database(),
        blobs_url=storage.bucket(),
    )
    path = await filled_and_copied(settings, FLEET, tmp_path)
    catalog, blobs = postgres.database(), storage.bucket()
    run(RESTORE, tmp_path, RESTORED_CATALOG_URL=catalog)
    source, target = Blobs(settings.blobs).store, Blobs(blobs).store
    for page in obstore.list(source):
        for each in page:
            found = await obstore.get_async(source, each["path"])
            await obstore.put_async(target, each["path"], await found.bytes_async())
    await restored(settings.model_copy(update={"catalog_url": catalog, "blobs_url": blobs}), path)
