"""What the service does not wait for when it starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Connection

from service.catalog import Database
from service.catalog.migrating import newest, revisions, version

# Each takes a tenth of a second or more to import, and a service can listen without it.
HEAVY = {"alembic", "altair", "distributed", "pandas", "polars", "scipy.optimize", "scipy.stats"}


def test_a_service_starts_without_what_only_some_requests_need() -> None:
    told = "import sys, service.server; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert not HEAVY & set(found.stdout.split())


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
