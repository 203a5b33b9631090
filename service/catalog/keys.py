"""The keys of all owners: made, listed and revoked by who runs the service, found by who asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct, structs
from sqlalchemy import Connection, RowMapping, Table, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.scope import Everyone, Scope
from service.problems import ProblemError

USED_SECONDS = 3600.0
"""How exactly the time of the last use is kept: a write a request would be dear."""


class Key(Struct, frozen=True):
    """What is kept of a key, which is not the key.

    Attributes:
        owner: who asks with it.
        id: the part of it that names it.
        digest: its SHA-256.
        scopes: what it may be used for: ``read``, ``write``, ``admin``.
        note: what it is for, in the words of who made it.
        expires_at: from when on it is refused; ``None`` for never.
        used_at: when it was last used, to the hour.
    """

    owner: str
    id: str
    digest: str
    scopes: tuple[str, ...]
    note: str
    created_at: str = ""
    expires_at: str | None = None
    revoked_at: str | None = None
    used_at: str | None = None

    @property
    def expires(self) -> float:
        """When it is refused, in seconds since 1970."""
        found = self.expires_at
        return math.inf if found is None else datetime.fromisoformat(found).timestamp()

    @property
    def valid(self) -> bool:
        """Whether it may be used now."""
        return self.revoked_at is None and not (self.expires_at and self.expires_at <= scope.now())


class Keys:
    """All keys; the one table that is read before it is known who asks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scope = Everyone()

    async def add(self, new: Key) -> Key:
        """Keep a key; its owner is made when it is new."""
        new = structs.replace(new, created_at=scope.now())
        with suppress(IntegrityError):  # another process has just made the same owner
            await self._database.write(lambda connection: self._own(connection, new.owner))
        row = {name: getattr(new, name) for name in Key.__struct_fields__ if name != "owner"}
        row["scopes"] = " ".join(new.scopes)
        statement = Scope(new.owner).insert(tables.keys).values(**row)
        await self._database.write(lambda connection: connection.execute(statement))
        return new

    async def find(self, ref: str) -> Key | None:
        """Return the key of this id, whatever has become of it."""
        table = tables.keys
        query = self._scope.select(table).where(table.c.id == ref)
        row = await self._database.read(
            lambda connection: connection.execute(query).mappings().one_or_none()
        )
        return None if row is None else _key(row)

    async def all(self, owner: str | None = None) -> Sequence[Key]:
        """Return all keys, or those of one owner, oldest first."""
        table = tables.keys
        query = self._scope.select(table).order_by(table.c.owner, table.c.created_at, table.c.id)
        if owner is not None:
            query = query.where(table.c.owner == owner)
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_key(row) for row in rows]

    async def any(self) -> bool:
        """Tell whether anybody has a key that may be used."""
        return any(key.valid for key in await self.all())

    async def revoke(self, ref: str) -> Key:
        """Refuse a key from now on; raises ``key_not_found``."""
        table = tables.keys
        change = self._scope.update(table).where(table.c.id == ref, table.c.revoked_at.is_(None))
        change = change.values(revoked_at=scope.now())
        await self._database.write(lambda connection: connection.execute(change))
        found = await self.find(ref)
        if found is None:
            raise ProblemError("key_not_found", "There is no key of this id.")
        return found

    async def note_use(self, key: Key) -> None:
        """Note that a key is used, unless that was noted within the hour."""
        if key.used_at is not None and key.used_at > scope.now(USED_SECONDS):
            return
        table = tables.keys
        stale = or_(table.c.used_at.is_(None), table.c.used_at <= scope.now(USED_SECONDS))
        change = self._scope.update(table).where(table.c.id == key.id, stale)
        change = change.values(used_at=scope.now())
        await self._database.write(lambda connection: connection.execute(change))

    def _own(self, connection: Connection, owner: str) -> None:
        table: Table = tables.owners
        known = select(func.count()).select_from(table).where(table.c.id == owner)
        if not connection.scalar(known):
            connection.execute(insert(table).values(id=owner, created_at=scope.now()))


def _key(row: RowMapping) -> Key:
    return Key(**{**row, "scopes": tuple(row["scopes"].split())})
