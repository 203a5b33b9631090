"""What was computed of one owner's models and took long: kept, so that it is computed once."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.scope import Scope


class Computed:
    """JSON by the SHA-256 of what was asked; it goes when its model goes."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._scope = Scope(owner)

    async def find(self, key: str) -> Any:
        """Return what is kept under a key, or ``None``."""
        table = tables.computed
        query = self._scope.select(table).where(table.c.key == key)
        row = await self._database.read(
            lambda connection: connection.execute(query).mappings().one_or_none()
        )
        return None if row is None else row["content"]

    async def keep(self, key: str, model: str, content: Any) -> None:
        """Keep what was computed of a model; what is there already stays."""
        insert = self._scope.insert(tables.computed).values(
            key=key, model=model, content=content, created_at=scope.now()
        )
        try:
            await self._database.write(lambda connection: connection.execute(insert))
        except IntegrityError:
            return
