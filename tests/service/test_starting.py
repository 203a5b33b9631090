"""What the service does not wait for when it starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.responses import Response

from service.catalog import Database
from service.catalog.migrating import newest, revisions, version
from service.routing import Router
from service.schemas.base import Answer

# Each takes a tenth of a second or more to import, and a service can listen without it.
HEAVY = {
    "alembic",
    "altair",
    "distributed",
    "pandas",
    "pyarrow.compute",
    "polars",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "sqlalchemy.orm",
}


def test_a_service_starts_without_what_only_some_requests_need() -> None:
    told = "import sys, service.server; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert not HEAVY & set(found.stdout.split())


FIRST = """
import asyncio, httpx, pathlib, sys
from service.app import create_app
from service.settings import Settings

async def main():
    app = create_app(Settings(data_dir=pathlib.Path(sys.argv[1])))
    through = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=through) as client:
        body = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}
        fitted = await client.post("http://service/v1/models", json=body)
        house = {"rows": [{"county": "AITKIN", "floor": 0}]}
        path = fitted.headers["location"] + "/predictions"
        predicted = await client.post("http://service" + path, json=house)
        print(fitted.status_code, predicted.status_code, "pandas" in sys.modules)

asyncio.run(main())
"""


def test_the_survey_is_kept_fitted_and_predicted_from_without_pandas(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "201 200 False"


def test_what_reads_and_writes_a_body_is_built_when_it_is_first_used() -> None:
    told = (
        "import service.server; from service.schemas.inference import FixedEffects; "
        "print(FixedEffects.__pydantic_complete__)"
    )
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_document_is_told_by_name_what_a_route_answers() -> None:
    class Found(Answer):
        n: int

    class Odd(BaseModel):
        n: int

    router = Router()
    other = {202: {"description": "Later.", "model": Found}}
    router.add_api_route("/found", _nothing, response_model=Found, responses=other)
    router.add_api_route("/odd", _nothing, response_model=Odd)
    found, odd = router.routes
    assert router.answers == {Found}
    assert isinstance(found, APIRoute)
    assert isinstance(odd, APIRoute)
    named = {"application/json": {"schema": {"$ref": "#/components/schemas/Found"}}}
    assert found.responses == {
        200: {"content": named},
        202: {"description": "Later.", "content": named},
    }
    assert found.response_model is None
    assert odd.response_model is Odd


async def _nothing() -> Response:
    return Response()


def test_the_newest_version_of_the_tables_is_told_by_the_names_of_files() -> None:
    assert newest() == revisions()[0]


def test_tables_are_of_no_version_before_and_of_the_newest_after_a_migration(
    tmp_path: Path,
) -> None:
    async def versions() -> tuple[str | None, str | None]:
        database = Database(f"sqlite:///{tmp_path / 'catalog.db'}")
        try:
            before = await database.read(_version)
            await database.migrate()
            return before, await database.read(_version)
        finally:
            await database.close()

    assert asyncio.run(versions()) == (None, newest())


def _version(connection: Connection) -> str | None:
    return version(connection)
