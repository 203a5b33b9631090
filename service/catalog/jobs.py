"""The jobs of one owner: long work that was asked for, how far it is, what came of it."""

from __future__ import annotations

import os
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import Connection, func
from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.paging import Page, newest_first
from service.catalog.scope import Scope
from service.problems import ProblemError

State: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]

PREFIX: Final = "job"
UNFINISHED: Final = ("queued", "running")


class Job(Struct, frozen=True):
    """One piece of long work.

    Attributes:
        key: SHA-256 of what is computed: equal work has an equal key.
        active: the key until the job is finished; one owner has no two jobs with the same.
        kind: which work it is, ``fit`` or ``intervals``.
        title: what it is, in words.
        progress: 0 to 1; it never falls while an attempt lasts.
        message: what is being done, or why it was ended.
        request: enough to do the work, also by another process.
        blob: key of a file that is kept for the job alone, until it is finished.
        href: path of the result, there once the job has succeeded.
        error: the body of the problem that it failed with.
        version: counts the changes of the row.
        attempts: how often it was begun.
        deaths: how often a process died over it.
        replica: the process that works on it.
        heartbeat_at: when that process last said that it is alive.
    """

    key: str
    kind: str
    title: str
    request: dict[str, Any]
    href: str
    blob: str | None = None
    id: str = ""
    active: str | None = None
    state: State = "queued"
    progress: float = 0.0
    message: str = ""
    error: dict[str, Any] | None = None
    version: int = 1
    attempts: int = 0
    deaths: int = 0
    replica: str | None = None
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    heartbeat_at: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in UNFINISHED


class Jobs:
    """What one owner has asked for."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._scope = Scope(owner)

    @property
    def owner(self) -> str:
        """Whose jobs these are."""
        return self._scope.owner

    async def add(self, new: Job, most: int) -> tuple[Job, bool]:
        """Queue a job and tell whether it is new: unfinished work of the same key is that work.

        Raises ``ProblemError`` (``too_many_jobs``) when ``most`` are unfinished already.
        """
        time = scope.now()
        new = structs.replace(
            new,
            id=scope.identifier(PREFIX, os.urandom(20).hex()),
            active=new.key,
            message="waiting for a free worker",
            created_at=time,
            heartbeat_at=time,
        )
        try:
            return await self._database.write(lambda connection: self._add(connection, new, most))
        except IntegrityError:  # another replica was faster
            return await self._database.write(lambda connection: self._add(connection, new, most))

    async def active(self, key: str) -> Job | None:
        """Return the unfinished job with this key."""
        table = tables.jobs
        query = self._scope.select(table).where(table.c.active == key)
        found = await self._database.read(
            lambda connection: connection.execute(query).mappings().one_or_none()
        )
        return None if found is None else Job(**found)

    async def get(self, ref: str) -> Job:
        """Return the job of this id; raises ``ProblemError`` (``job_not_found``)."""
        return await self._database.read(lambda connection: self._find(connection, ref))

    async def page(
        self, limit: int, cursor: str | None = None, state: State | None = None
    ) -> Page[Job]:
        """Return some jobs, newest first; ``state`` keeps those in it."""
        table = tables.jobs
        query = self._scope.select(table)
        if state is not None:
            query = query.where(table.c.state == state)
        return await newest_first(
            self._database, query, table, limit, cursor, lambda row: Job(**row)
        )

    async def cancel(self, ref: str) -> Job:
        """End a job that is not finished, and return it; who works on it stops at once."""
        return await self._database.write(lambda connection: self._cancel(connection, ref))

    def _add(self, connection: Connection, new: Job, most: int) -> tuple[Job, bool]:
        table = tables.jobs
        connection.execute(self._scope.lock())
        unfinished = self._scope.select(table).where(table.c.active.is_not(None))
        same = connection.execute(unfinished.where(table.c.active == new.key)).mappings()
        known = same.one_or_none()
        if known is not None:
            return Job(**known), False
        count = connection.scalar(unfinished.with_only_columns(func.count()))
        if count is not None and count >= most:
            detail = f"{most} jobs are waiting or running already."
            raise ProblemError("too_many_jobs", detail)
        row = {name: getattr(new, name) for name in Job.__struct_fields__}
        connection.execute(self._scope.insert(table).values(**row))
        return new, True

    def _cancel(self, connection: Connection, ref: str) -> Job:
        table = tables.jobs
        change = self._scope.update(table).where(table.c.id == ref, table.c.state.in_(UNFINISHED))
        connection.execute(
            change.values(
                state="cancelled",
                active=None,
                message="cancelled",
                version=table.c.version + 1,
                finished_at=scope.now(),
            )
        )
        return self._find(connection, ref)

    def _find(self, connection: Connection, ref: str) -> Job:
        table = tables.jobs
        query = self._scope.select(table).where(table.c.id == ref)
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise ProblemError("job_not_found", "There is no job of this id.")
        return Job(**row)
