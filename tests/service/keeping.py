"""Put a file among the datasets of a running application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from msgspec.structs import asdict

from service.catalog import DEFAULT_OWNER, Dataset
from service.context import Services
from service.intake import Form, take_in
from service.radon.tables import DATA
from service.settings import Settings
from tests.service.making import made

RADON = DATA / "minnesota-radon.csv"


async def keep(parts: Services, path: Path, name: str | None = None) -> Dataset:
    """Read a CSV file, store it, and return the dataset."""
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        target = scratch / "typed"
        found = await asyncio.to_thread(take_in, path, Form.CSV, scratch=scratch, target=target)
        blob = await parts.blobs.put_file(target, ".parquet")
        size = target.stat().st_size
    columns = [{**asdict(column), "kind": str(column.kind)} for column in found.columns]
    new = Dataset(found.hash, blob, found.rows, size, columns, {}, name)
    return (await parts.datasets(DEFAULT_OWNER).add(new))[0]


@asynccontextmanager
async def another(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A second application on the same directory: the service restarted, or a replica."""
    app = made(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        yield client
