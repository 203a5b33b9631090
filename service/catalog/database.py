"""The connection to the catalog: reads, writes, migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from service.problems import ProblemError

T = TypeVar("T")

_MIGRATIONS: Final = Path(__file__).parent / "migrations"

# WAL: readers and the writer do not wait for each other. NORMAL: a killed process loses nothing;
# a power cut may lose the last moments but never corrupts, the same promise as the directory of
# blobs, which is not synced file by file either.
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA foreign_keys = ON",
)


class Database:
    """A pool of connections to one catalog, by URL.

    What is done in one transaction is one function of a connection, so that SQLite, whose driver
    blocks, costs one step to another thread and not one for every statement. Raises
    ``ProblemError`` (``unavailable``) when the catalog does not answer.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._engine: Engine | AsyncEngine
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            blocking = create_engine(
                parsed.set(drivername="sqlite"), connect_args={"check_same_thread": False}
            )
            event.listen(blocking, "connect", _prepare_sqlite)
            event.listen(blocking, "begin", _begin_sqlite)
            self._engine = blocking
        else:
            self._engine = create_async_engine(parsed)

    async def read(self, task: Callable[[Connection], T]) -> T:
        """Do ``task`` in one transaction that only reads."""
        return await self._run(task, writing=False)

    async def write(self, task: Callable[[Connection], T]) -> T:
        """Do ``task`` in one transaction that holds the lock to write from its start."""
        return await self._run(task, writing=True)

    async def migrate(self) -> None:
        """Bring the tables to this version; of several processes starting, one does it."""
        await self.write(_upgrade)

    async def check(self) -> None:
        """Ask the catalog something, to know that it answers."""
        await self.read(_version)

    async def close(self) -> None:
        """Close all connections."""
        if isinstance(self._engine, AsyncEngine):
            await self._engine.dispose()
        else:
            await asyncio.to_thread(self._engine.dispose)

    async def _run(self, task: Callable[[Connection], T], *, writing: bool) -> T:
        with _answering():
            if isinstance(self._engine, AsyncEngine):
                async with self._engine.begin() as connection:
                    return await connection.run_sync(task)
            return await asyncio.to_thread(_blocking, self._engine, task, writing)


def _blocking(engine: Engine, task: Callable[[Connection], T], writing: bool) -> T:
    with engine.execution_options(writing=writing).begin() as connection:
        return task(connection)


def _version(connection: Connection) -> None:
    connection.execute(text("SELECT version_num FROM alembic_version"))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise ProblemError("unavailable", "The catalog does not answer.") from error


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes could be refused half-way: take the lock first.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
