"""The jobs of all owners, as a process that runs them sees them.

Every change says in its condition what the row must still be: of several processes that share a
catalog one gets a job, and who lost it to another, or to a cancellation, learns it from the count.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.jobs import Job
from service.catalog.scope import Everyone

_DIED: Final = "the process that worked on it ended; waiting for a free worker"


class Claimed(Struct, frozen=True):
    """A job that this process runs, and whose it is."""

    owner: str
    job: Job


class Queue:
    """What ``replica``, one process, may take and say of jobs."""

    def __init__(self, database: Database, replica: str) -> None:
        self._database = database
        self.replica = replica
        self._scope = Everyone()

    async def claim(self) -> Claimed | None:
        """Begin the job that waits longest."""
        waiting = await self._database.read(self._waiting)  # mostly none: the lock is not taken
        return None if waiting is None else await self._database.write(self._claim)

    async def tell(self, job: Job, progress: float, message: str) -> bool:
        """Say how far a job is and that this process is alive; false when it is no longer ours."""
        return await self._change(
            self._running(job), progress=progress, message=message, heartbeat_at=scope.now()
        )

    async def succeed(self, job: Job, href: str | None = None) -> bool:
        """Finish a job whose result is at ``href``, or where it was said to be."""
        where = {} if href is None else {"href": href}
        return await self._finish(job, state="succeeded", progress=1.0, message="done", **where)

    async def fail(self, job: Job, error: dict[str, Any]) -> bool:
        """Finish a job with the body of a problem."""
        return await self._finish(job, state="failed", message=error["detail"], error=error)

    async def put_back(self, job: Job, message: str) -> bool:
        """Let a job of ours wait again, for this process or another."""
        return await self._change(self._running(job), **_queued(message))

    async def try_again(self, job: Job) -> bool:
        """Let a job of ours wait again whose worker died."""
        return await self._change(self._running(job), **_queued(_DIED), deaths=job.deaths + 1)

    async def lost(self, seconds: float) -> list[Claimed]:
        """Return the jobs of processes that have said nothing for so many seconds."""
        table = tables.jobs
        query = self._scope.select(table).where(
            table.c.state == "running", table.c.heartbeat_at < scope.now(seconds)
        )
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_claimed(dict(row)) for row in rows]

    async def take_back(self, lost: Job) -> bool:
        """Let a lost job wait again."""
        return await self._change(_as_it_was(lost), **_queued(_DIED), deaths=lost.deaths + 1)

    async def give_up(self, lost: Job, error: dict[str, Any]) -> bool:
        """Finish a lost job with the body of a problem."""
        return await self._change(_as_it_was(lost), **_failed(error))

    async def leftovers(self) -> list[Job]:
        """Return the finished jobs that still keep a file."""
        table = tables.jobs
        query = self._scope.select(table).where(table.c.active.is_(None), table.c.blob.is_not(None))
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_claimed(dict(row)).job for row in rows]

    async def let_go(self, job: Job) -> None:
        """Note that the file of a job is gone."""
        await self._change((tables.jobs.c.id == job.id,), blob=None, version=tables.jobs.c.version)

    async def depth(self) -> dict[str, int]:
        """Return how many jobs wait and how many run, of all owners and replicas."""
        table = tables.jobs
        counted = select(table.c.state, func.count().label("jobs")).where(
            table.c.active.is_not(None)
        )
        query = counted.group_by(table.c.state)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.state: row.jobs for row in rows}

    async def sweep(self, seconds: float) -> None:
        """Forget the jobs that were finished so many seconds ago."""
        table = tables.jobs
        change = self._scope.delete(table).where(table.c.finished_at < scope.now(seconds))
        await self._database.write(lambda connection: connection.execute(change))

    async def _finish(self, job: Job, **values: Any) -> bool:
        return await self._change(
            self._running(job), active=None, finished_at=scope.now(), **values
        )

    def _running(self, job: Job) -> tuple[ColumnElement[bool], ...]:
        table = tables.jobs
        return (
            table.c.id == job.id,
            table.c.state == "running",
            table.c.replica == self.replica,
            table.c.attempts == job.attempts,
        )

    async def _change(self, condition: tuple[ColumnElement[bool], ...], **values: Any) -> bool:
        table = tables.jobs
        change = self._scope.update(table).where(*condition)
        change = change.values(**{"version": table.c.version + 1, **values})
        done = await self._database.write(lambda connection: connection.execute(change).rowcount)
        return done > 0

    def _waiting(self, connection: Connection, locked: bool = False) -> RowMapping | None:
        """The job that waits longest; ``locked``, of those that nobody else is about to begin."""
        table = tables.jobs
        query = self._scope.select(table).where(table.c.state == "queued")
        query = query.order_by(table.c.created_at, table.c.id).limit(1)
        if locked:
            query = query.with_for_update(skip_locked=True)
        return connection.execute(query).mappings().one_or_none()

    def _claim(self, connection: Connection) -> Claimed | None:
        table, row = tables.jobs, self._waiting(connection, locked=True)
        if row is None:
            return None
        time = scope.now()
        begun = {
            "state": "running",
            "replica": self.replica,
            "attempts": row["attempts"] + 1,
            "version": row["version"] + 1,
            "message": "starting",
            "progress": 0.0,
            "started_at": time,
            "heartbeat_at": time,
        }
        change = self._scope.update(table).where(
            table.c.owner == row["owner"], table.c.id == row["id"], table.c.state == "queued"
        )
        done = connection.execute(change.values(**begun))
        return _claimed({**row, **begun}) if done.rowcount else None


def _as_it_was(job: Job) -> tuple[ColumnElement[bool], ...]:
    """The condition that a lost job has not been touched since it was read."""
    table = tables.jobs
    return (
        table.c.id == job.id,
        table.c.version == job.version,
        table.c.heartbeat_at == job.heartbeat_at,
    )


def _queued(message: str) -> dict[str, Any]:
    return {
        "state": "queued",
        "replica": None,
        "progress": 0.0,
        "message": message,
        "started_at": None,
        "heartbeat_at": scope.now(),
    }


def _failed(error: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": "failed",
        "active": None,
        "message": error["detail"],
        "error": error,
        "finished_at": scope.now(),
    }


def _claimed(row: dict[str, Any]) -> Claimed:
    owner = row.pop("owner")
    return Claimed(owner, Job(**row))
