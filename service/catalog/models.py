"""The fitted models of one owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, structs
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.paging import Page, newest_first
from service.catalog.quotas import UNLIMITED, Ledger, Quotas
from service.catalog.recent import Recent
from service.catalog.scope import Scope
from service.problems import ProblemError

PREFIX: Final = "m"
_SUMS: Final = 100  # two or so for each key: the criteria and the ways to treat missing values


class Model(Struct, frozen=True):
    """A stored fit: what was asked of which data, and where the result is.

    ``key`` is the SHA-256 of engine version, specification and data, and gives the ``id``; ``blob``
    is the key of the saved fit, of ``size_bytes``; ``summary`` is what a list shows of it. Models
    with equal ``sums`` have the same cross-products; ``None`` when that is not known.
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
    used_at: str = ""
    size_bytes: int = 0
    sums: str | None = None


class Models:
    """What one owner has fitted; ``recent`` is shared by all who read and change models."""

    def __init__(
        self,
        database: Database,
        owner: str,
        recent: Recent[Model],
        quotas: Quotas = UNLIMITED,
    ) -> None:
        self._database = database
        self._scope = Scope(owner)
        self._recent = recent
        self._ledger = Ledger(database, owner, quotas)

    async def add(self, new: Model) -> Model:
        """Keep a model; one of the same key that is there already stays and is returned.

        Raises ``ProblemError`` (``quota_exceeded``).
        """
        time = scope.now()
        new = structs.replace(new, id=model_id(new.key), created_at=time, used_at=time)
        try:
            await self._database.write(lambda connection: self._add(connection, new))
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

    async def require_room(self) -> None:
        """Raise ``quota_exceeded`` when there is no room for a model."""
        await self._ledger.require(models=1)

    def known(self, ref: str) -> Model | None:
        """Return the model of this id if it was read a moment ago."""
        found = self._recent.known(self._scope.owner, ref)
        if found is not None:
            self._recent.used.add(found.blob)
        return found

    async def get(self, ref: str) -> Model:
        """Return the model of this id; raises ``ProblemError`` (``model_not_found``)."""
        found = await self._recent.get(self._scope.owner, ref, self._read)
        self._recent.used.add(found.blob)
        return found

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

    async def delete(self, ref: str, unused: float | None = None) -> Model:
        """Forget a model with all that was computed of it, and return what it was.

        Its file is the caller's to remove. With ``unused``, only if it was used last so many
        seconds ago, or earlier.
        """
        found = await self._database.write(lambda connection: self._remove(connection, ref, unused))
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

    def _add(self, connection: Connection, new: Model) -> None:
        row = {name: getattr(new, name) for name in Model.__struct_fields__}
        self._ledger.reserve(connection, models=1, size=new.size_bytes)
        connection.execute(self._scope.insert(tables.models).values(**row))

    def _remove(self, connection: Connection, ref: str, unused: float | None) -> Model:
        found, table, computed = self._find(connection, ref), tables.models, tables.computed
        change = self._scope.delete(table).where(table.c.id == ref)
        if unused is not None:
            change = change.where(table.c.used_at < scope.now(unused))
        if not connection.execute(change).rowcount:
            raise _missing()
        connection.execute(self._scope.delete(computed).where(computed.c.model == ref))
        return found


def _missing() -> ProblemError:
    return ProblemError("model_not_found", "There is no model of this id.")


def model_id(key: str) -> str:
    """Return the id of the model with this key."""
    return scope.identifier(PREFIX, key)
