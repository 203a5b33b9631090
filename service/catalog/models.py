"""The fitted models of one owner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.paging import Page, newest_first
from service.catalog.recent import Recent
from service.catalog.scope import Scope
from service.problems import ProblemError

PREFIX: Final = "m"


@dataclass(frozen=True, slots=True)
class Model:
    """A stored fit: what was asked of which data, and where the result is.

    ``key`` is the SHA-256 of engine version, specification and data, and gives the ``id``; ``blob``
    is the key of the saved fit; ``summary`` is what a list shows of it.
    """

    key: str
    dataset_id: str
    dataset_hash: str
    formula: str
    method: str
    n_rows: int
    summary: dict[str, Any]
    spec: dict[str, Any]
    blob: str
    id: str = ""
    created_at: str = ""


class Models:
    """What one owner has fitted; ``recent`` is shared by all who read and change models."""

    def __init__(self, database: Database, owner: str, recent: Recent[Model]) -> None:
        self._database = database
        self._scope = Scope(owner)
        self._recent = recent

    async def add(self, new: Model) -> Model:
        """Keep a model; one of the same key that is there already stays and is returned."""
        new = replace(new, id=model_id(new.key), created_at=scope.now())
        row = {name: getattr(new, name) for name in Model.__dataclass_fields__}
        try:
            async with self._database.write() as connection:
                await connection.execute(self._scope.insert(tables.models).values(**row))
        except IntegrityError:
            return await self._read(new.id)
        return new

    @property
    def owner(self) -> str:
        """Whose models these are."""
        return self._scope.owner

    async def find(self, ref: str) -> Model | None:
        """Return the model of this id, or ``None``."""
        try:
            return await self.get(ref)
        except ProblemError as error:
            if error.kind.code != "model_not_found":
                raise
            return None

    def known(self, ref: str) -> Model | None:
        """Return the model of this id if it was read a moment ago."""
        return self._recent.known(self._scope.owner, ref)

    async def get(self, ref: str) -> Model:
        """Return the model of this id; raises ``ProblemError`` (``model_not_found``)."""
        return await self._recent.get(self._scope.owner, ref, self._read)

    async def page(self, limit: int, cursor: str | None = None) -> Page[Model]:
        """Return some models, newest first."""
        table = tables.models
        query = self._scope.select(table)
        return await newest_first(
            self._database, query, table, limit, cursor, lambda row: Model(**row)
        )

    async def delete(self, ref: str) -> Model:
        """Forget a model and return what it was; its file is the caller's to remove."""
        table = tables.models
        async with self._database.write() as connection:
            found = await self._find(connection, ref)
            if found is None:
                raise _missing()
            await connection.execute(self._scope.delete(table).where(table.c.id == ref))
        self._recent.forget(self.owner, ref)
        return found

    async def keeps(self, blob: str) -> bool:
        """Tell whether a model of anyone still needs this file."""
        async with self._database.read() as connection:
            return (await connection.scalar(scope.anyone(tables.models, blob))) is not None

    async def _read(self, ref: str) -> Model:
        async with self._database.read() as connection:
            found = await self._find(connection, ref)
        if found is None:
            raise _missing()
        return found

    async def _find(self, connection: AsyncConnection, ref: str) -> Model | None:
        table = tables.models
        query = self._scope.select(table).where(table.c.id == ref)
        row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else Model(**row)


def _missing() -> ProblemError:
    return ProblemError("model_not_found", "There is no model of this id.")


def model_id(key: str) -> str:
    """Return the id of the model with this key."""
    return scope.identifier(PREFIX, key)
