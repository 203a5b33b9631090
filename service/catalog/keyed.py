"""Requests that one owner gave a key, so that sending them again changes nothing."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.scope import Scope

LEASE_SECONDS: Final = 30.0
"""How long a key stays taken when the process that answers under it has died."""


class Answered(Struct, frozen=True):
    """How a keyed request was answered: its fingerprint and the answer."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes


class Keyed:
    """The keyed requests of one owner, and their answers; ``holder`` is one request."""

    def __init__(self, database: Database, owner: str, holder: str) -> None:
        self._database = database
        self._scope = Scope(owner)
        self._holder = holder

    async def begin(self, key: str) -> Answered | bool:
        """Take a key: true when it is ours now, false when a request under it is being answered.

        Returns the answer when there is one.
        """
        try:
            return await self._database.write(lambda connection: self._begin(connection, key))
        except IntegrityError:  # another was faster
            return False

    async def stay(self, key: str) -> None:
        """Keep a key that is ours."""
        await self._change(key, until=scope.now(-LEASE_SECONDS))

    async def finish(self, key: str, answer: Answered, seconds: float) -> None:
        """Keep the answer for so many seconds."""
        await self._change(
            key,
            until=scope.now(-seconds),
            fingerprint=answer.fingerprint,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
        )

    async def release(self, key: str) -> None:
        """Let go of a key under which nothing was made."""
        table = tables.keyed
        change = self._scope.delete(table).where(
            table.c.key == key, table.c.holder == self._holder, table.c.status.is_(None)
        )
        await self._database.write(lambda connection: connection.execute(change))

    def _begin(self, connection: Connection, key: str) -> Answered | bool:
        table, time = tables.keyed, scope.now()
        taken = {"holder": self._holder, "until": scope.now(-LEASE_SECONDS)}
        cleared = {"fingerprint": None, "status": None, "headers": None, "body": None}
        change = self._scope.update(table).where(table.c.key == key, table.c.until < time)
        if connection.execute(change.values(**taken, **cleared)).rowcount:
            return True
        query = self._scope.select(table).where(table.c.key == key)
        row = connection.execute(query).mappings().one_or_none()
        if row is not None:
            return _answered(row)
        connection.execute(self._scope.insert(table).values(key=key, **taken))
        return True

    async def _change(self, key: str, **values: Any) -> None:
        table = tables.keyed
        change = self._scope.update(table).where(table.c.key == key, table.c.holder == self._holder)
        await self._database.write(lambda connection: connection.execute(change.values(**values)))


def _answered(row: RowMapping) -> Answered | bool:
    if row["status"] is None:
        return False
    return Answered(row["fingerprint"], row["status"], row["headers"], row["body"])
