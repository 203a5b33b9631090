"""The connection to the catalog: reads, writes, migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from service.catalog import migrating
from service.observing.timing import Timed, untimed
from service.problems import ProblemError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

# WAL: readers and the writer do not wait for each other.
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA foreign_keys = ON",
)
# FULL: what was committed survives a power cut. NORMAL: a killed process loses nothing, a power cut
# may lose the last moments, and neither corrupts.
_SYNC: Final = {True: "PRAGMA synchronous = FULL", False: "PRAGMA synchronous = NORMAL"}

CONNECT_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 10.0
"""A server that has said nothing for so long does not answer."""
POOL: Final = 20
"""Most connections of one process to a server."""

TRIES: Final = 5
"""How often a transaction is tried that the server gave up for the sake of another."""

# PostgreSQL's codes: what another transaction was in the way of, and a server that is not up, is
# going down, has no connection left or no disk.
_CONFLICTS: Final = frozenset({"40001", "40P01", "55P03"})
_DOWN: Final = ("08", "53", "57P", "58")


class Database:
    """A pool of connections to one catalog, by URL.

    What is done in one transaction is one function of a connection, so that SQLite, whose driver
    blocks, costs one step to another thread and not one for every statement. Raises
    ``ProblemError`` (``unavailable``) when the catalog does not answer.
    """

    def __init__(self, url: str, *, sync: bool = False, timed: Timed = untimed) -> None:
        parsed = make_url(url)
        self._timed = timed
        self._engine: Engine | AsyncEngine
        self._reading: Engine | AsyncEngine
        if parsed.get_backend_name() == "sqlite":
            self._engine = self._reading = _sqlite(parsed, sync)
            self._url = parsed
        else:
            self._url = parsed.set(drivername="postgresql+asyncpg")
            self._engine = _postgres(self._url)
            # One statement sees one state by itself: no BEGIN and no COMMIT to wait for.
            self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def shared(self) -> bool:
        """Whether it is a server, so that processes of several machines may share it."""
        return not isinstance(self._engine, Engine)

    async def read(self, task: Callable[[Connection], T]) -> T:
        """Do ``task``, which only reads; in SQLite all of it is one transaction."""
        return await self._run(self._reading, task, writing=False)

    async def write(self, task: Callable[[Connection], T]) -> T:
        """Do ``task`` in one transaction, again when another was in the way.

        In SQLite it holds the lock to write from its start.
        """
        for left in reversed(range(TRIES)):
            try:
                return await self._run(self._engine, task, writing=True)
            except DBAPIError as error:
                if left == 0 or _code(error) not in _CONFLICTS:
                    raise
                await asyncio.sleep(0.01 * (TRIES - left))
        raise AssertionError  # pragma: no cover  the last try returned or raised

    async def migrate(self, to: str | None = None) -> None:
        """Bring the tables to this version, or back to the one named.

        Of several processes that start at once, one does it and the others wait.
        """

        def task(connection: Connection) -> None:
            if to is None:
                migrating.upgrade(connection)
            else:
                migrating.downgrade(connection, to)

        if isinstance(self._engine, Engine):
            await self.write(task)
            return
        from sqlalchemy.ext.asyncio import create_async_engine

        # Of its own, without a limit: large tables may take their time, and so may the others.
        patient = create_async_engine(self._url, poolclass=NullPool)
        try:
            await self._run(patient, task, writing=True)
        finally:
            await patient.dispose()

    async def check(self) -> None:
        """Ask the catalog something, to know that it answers."""
        try:
            await self.read(_version)
        except ProgrammingError as error:  # it was never migrated
            raise _unavailable() from error

    async def close(self) -> None:
        """Close all connections."""
        if isinstance(self._engine, Engine):
            await asyncio.to_thread(self._engine.dispose)
        else:
            await self._engine.dispose()

    async def _run(
        self, engine: Engine | AsyncEngine, task: Callable[[Connection], T], *, writing: bool
    ) -> T:
        with self._timed("catalog", "write" if writing else "read"), _answering():
            if isinstance(engine, Engine):
                return await asyncio.to_thread(_blocking, engine, task, writing)
            async with engine.begin() as connection:
                return await connection.run_sync(task)


def _sqlite(url: URL, sync: bool) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url.set(drivername="sqlite"), connect_args={"check_same_thread": False})
    event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, sync))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres(url: URL) -> AsyncEngine:
    from sqlalchemy.ext.asyncio import create_async_engine  # it loads the ORM, which SQLite spares

    return create_async_engine(
        url,
        pool_pre_ping=True,  # a connection that a restart of the server has cut is found out
        pool_size=POOL // 2,
        max_overflow=POOL - POOL // 2,
        pool_timeout=COMMAND_SECONDS,
        connect_args={"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS},
    )


def _blocking(engine: Engine, task: Callable[[Connection], T], writing: bool) -> T:
    with engine.execution_options(writing=writing).begin() as connection:
        return task(connection)


def _version(connection: Connection) -> None:
    connection.execute(text("SELECT version_num FROM alembic_version"))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _code(error) in _CONFLICTS or not _is_down(error):
            raise
        raise _unavailable() from error
    except (PoolTimeout, OSError, TimeoutError) as error:
        raise _unavailable() from error
    except Exception as error:
        # What the driver raises while it connects comes as it is.
        if not _down_code(str(getattr(error, "sqlstate", "") or "")):
            raise
        raise _unavailable() from error


def _is_down(error: DBAPIError) -> bool:
    known = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    return known or isinstance(error.orig, OSError | TimeoutError) or _down_code(_code(error))


def _down_code(code: str) -> bool:
    return code.startswith(_DOWN)


def _code(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")


def _unavailable() -> ProblemError:
    return ProblemError("unavailable", "The catalog does not answer.")


def _prepare_sqlite(connection: DBAPIConnection, sync: bool) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    cursor = connection.cursor()
    for pragma in (*_PRAGMAS, _SYNC[sync]):
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes could be refused half-way: take the lock first.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
