"""What goes by itself: what nobody has used for long, and what nothing speaks of any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Column, Connection, Table, and_, exists, select, union_all

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.scope import Everyone

# Every column that speaks of a file.
REFERENCES: Final[tuple[Column[str], ...]] = (
    tables.datasets.c.blob,
    tables.parts.c.blob,
    tables.models.c.blob,
    tables.jobs.c.blob,
)


class Retention:
    """The rows of all owners, as the one who sweeps sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scope = Everyone()

    async def used(self, table: Table, blobs: Collection[str]) -> None:
        """Note that the rows of these files were used just now."""

        def note(connection: Connection) -> None:
            for some in _batches(blobs):
                change = self._scope.update(table).where(table.c.blob.in_(some))
                connection.execute(change.values(used_at=scope.now()))

        await self._database.write(note)

    async def unused(self, table: Table, seconds: float) -> list[tuple[str, str]]:
        """Return owner and id of what was used last so many seconds ago, or earlier."""
        query = self._scope.select(table).where(table.c.used_at < scope.now(seconds))
        query = query.with_only_columns(table.c.owner, table.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [(row[0], row[1]) for row in rows]

    async def unspoken(self, blobs: Collection[str]) -> list[str]:
        """Return those of these files that no row speaks of."""

        def find(connection: Connection) -> set[str]:
            spoken: set[str] = set()
            for some in _batches(blobs):
                asked = (select(column).where(column.in_(some)) for column in REFERENCES)
                spoken.update(connection.scalars(union_all(*asked)))
            return spoken

        found = await self._database.read(find)
        return [blob for blob in blobs if blob not in found]

    async def there(self, models: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of these models, by owner and file, that are still kept."""
        table = tables.models

        def find(connection: Connection) -> set[tuple[str, str]]:
            found: set[tuple[str, str]] = set()
            for some in _batches([blob for _, blob in models]):
                query = self._scope.select(table).where(table.c.blob.in_(some))
                rows = connection.execute(query.with_only_columns(table.c.owner, table.c.blob))
                found.update((row[0], row[1]) for row in rows)
            return found

        return await self._database.read(find) & set(models)

    async def forget(self) -> None:
        """Remove leases and answers whose time has passed, and answers about models that went."""

        def remove(connection: Connection) -> None:
            for table in (tables.leases, tables.keyed):
                connection.execute(self._scope.delete(table).where(table.c.until < scope.now()))
            computed, models = tables.computed, tables.models
            kept = and_(models.c.owner == computed.c.owner, models.c.id == computed.c.model)
            connection.execute(
                self._scope.delete(computed).where(
                    ~exists().where(kept), computed.c.created_at < scope.now(3600)
                )
            )

        await self._database.write(remove)


def _batches(found: Collection[str], size: int = 500) -> Iterable[list[str]]:
    listed = list(found)
    return (listed[start : start + size] for start in range(0, len(listed), size))
