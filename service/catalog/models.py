"""The fitted models of one owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.paging import Page, newest_first
from service.catalog.recent import Recent
from service.catalog.scope import Scope
from service.problems import ProblemError

PREFIX: Final = "m"
_SUMS: Final = 100  # two or so for each key: the criteria and the ways to treat missing values


@dataclass(frozen=True, slots=True)
class Model:
    """A stored fit: what was asked of which data, and where the result is.

    ``key`` is the SHA-256 of engine version, specification and data, and gives the ``id``; ``blob``
    is the key of the saved fit; ``summary`` is what a list shows of it. Models with equal ``sums``
    have the same cross-products; ``None`` when that is not known.
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
    sums: str | None = None


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
        insert = self._scope.insert(tables.models).values(**row)
        try:
            await self._database.write(lambda connection: connection.execute(insert))
        except IntegrityError:
            return await self._read(new.id)
        self._recent.remember(self.owner, new, new.id)
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

    async def with_sums(self, keys: Sequence[str]) -> dict[str, Model]:
        """Return a model for each of these keys of sums that there is one for."""
        table = tables.models
        query = self._scope.select(table).where(table.c.sums.in_(keys)).limit(_SUMS)
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return {str(row["sums"]): Model(**row) for row in rows}

    async def delete(self, ref: str) -> Model:
        """Forget a model and return what it was; its file is the caller's to remove."""
        found = await self._database.write(lambda connection: self._remove(connection, ref))
        self._recent.forget(self.owner, ref)
        return found

    async def keeps(self, blob: str) -> bool:
        """Tell whether a model of anyone still needs this file."""
        query = scope.anyone(tables.models, blob)
        return await self._database.read(lambda connection: connection.scalar(query)) is not None

    async def _read(self, ref: str) -> Model:
        return await self._database.read(lambda connection: self._find(connection, ref))

    def _find(self, connection: Connection, ref: str) -> Model:
        table = tables.models
        query = self._scope.select(table).where(table.c.id == ref)
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise _missing()
        return Model(**row)

    def _remove(self, connection: Connection, ref: str) -> Model:
        found, table = self._find(connection, ref), tables.models
        connection.execute(self._scope.delete(table).where(table.c.id == ref))
        return found


def _missing() -> ProblemError:
    return ProblemError("model_not_found", "There is no model of this id.")


def model_id(key: str) -> str:
    """Return the id of the model with this key."""
    return scope.identifier(PREFIX, key)
