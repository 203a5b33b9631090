"""The real application on a directory of its own: in this process, or as a process that listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from service.catalog import Database, Dataset
from service.context import Services
from service.settings import Settings
from tests.servers import Postgres, Storage, running_postgres, running_storage
from tests.service import making
from tests.service.keeping import RADON, keep
from tests.service.making import made


@pytest.fixture(scope="session", autouse=True)
def workers_end() -> Iterator[None]:
    """Worker processes that tests have left to one another end with the last."""
    yield
    asyncio.run(making.end())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", bundled_data=False)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    application = made(settings)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.fixture
def parts(app: FastAPI) -> Services:
    """The parts of the running application, to count what it does and to store what it needs."""
    found = app.state.services
    assert isinstance(found, Services)
    return found


@pytest.fixture
async def radon(parts: Services) -> Dataset:
    """The Minnesota survey among the datasets, as ``minnesota-radon``."""
    return await keep(parts, RADON, "minnesota-radon")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests that a process runs; each makes its own database in it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def storage() -> Iterator[Storage]:
    """An S3 server likewise; the environment of the tests finds it."""
    with pytest.MonkeyPatch.context() as patch, running_storage() as server:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty catalog of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/catalog.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture(params=["directory", "s3"])
def blobs_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of files of each kind."""
    if request.param == "directory":
        return f"file://{tmp_path}/var/blobs"
    server: Storage = request.getfixturevalue("storage")
    return server.bucket()


@pytest.fixture
async def database(catalog_url: str) -> AsyncIterator[Database]:
    """A catalog of each kind, with a second owner."""
    opened = Database(catalog_url)
    await opened.migrate()
    other = text("INSERT INTO owners VALUES ('other', '2026')")
    await opened.write(lambda connection: connection.execute(other))
    yield opened
    await opened.close()
