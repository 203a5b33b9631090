"""Something that one process does alone for a while, of all that share a catalog."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, insert, or_
from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.scope import Everyone

SWEEPING: Final = "sweeping"


class Leases:
    """What ``holder``, one process, has for itself until a time, or until it lets go.

    Who dies with a lease keeps others waiting until its time has passed, and no longer.
    """

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._scope = Everyone()
        self.holder = holder

    @property
    def shared(self) -> bool:
        """Whether processes of several machines may share the catalog."""
        return self._database.shared

    async def take(self, name: str, seconds: float) -> bool:
        """Take a lease, or have it longer; tell whether it is ours."""
        try:
            return await self._database.write(
                lambda connection: self._take(connection, name, seconds)
            )
        except IntegrityError:  # another was faster
            return False

    async def release(self, name: str) -> None:
        """Let go of a lease that is ours."""
        table = tables.leases
        change = self._scope.delete(table).where(
            table.c.name == name, table.c.holder == self.holder
        )
        await self._database.write(lambda connection: connection.execute(change))

    def _take(self, connection: Connection, name: str, seconds: float) -> bool:
        table, time = tables.leases, scope.now()
        held = {"holder": self.holder, "until": scope.now(-seconds)}
        change = self._scope.update(table).where(
            table.c.name == name, or_(table.c.holder == self.holder, table.c.until < time)
        )
        if connection.execute(change.values(**held)).rowcount:
            return True
        known = self._scope.select(table).where(table.c.name == name)
        if connection.execute(known).first() is not None:
            return False
        connection.execute(insert(table).values(name=name, **held))
        return True
