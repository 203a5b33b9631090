"""How much one owner keeps, and how much it may."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Table, func

from service.catalog import tables
from service.catalog.database import Database
from service.catalog.scope import Scope
from service.problems import ProblemError


class Quotas(Struct, frozen=True):
    """The most that each owner may keep; 0 is no limit.

    Attributes:
        bytes: of the files of datasets and models together.
        datasets, models: how many.
    """

    bytes: int = 0
    datasets: int = 0
    models: int = 0

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return bool(self.bytes or self.datasets or self.models)


UNLIMITED: Final = Quotas()


class Usage(Struct, frozen=True):
    """What one owner keeps: how many, and the bytes of their files."""

    datasets: int
    dataset_bytes: int
    models: int
    model_bytes: int

    @property
    def bytes(self) -> int:
        """All bytes."""
        return self.dataset_bytes + self.model_bytes

    def require(self, quotas: Quotas, *, datasets: int = 0, models: int = 0, size: int = 0) -> None:
        """Raise ``quota_exceeded`` when so much more would pass a quota."""
        for name, after, most in (
            ("datasets", self.datasets + datasets, quotas.datasets),
            ("models", self.models + models, quotas.models),
            ("bytes of files", self.bytes + size, quotas.bytes),
        ):
            if most and after > most:
                raise ProblemError("quota_exceeded", f"At most {most} {name} may be kept.")


class Ledger:
    """What one owner keeps."""

    def __init__(self, database: Database, owner: str, quotas: Quotas) -> None:
        self._database = database
        self._scope = Scope(owner)
        self._quotas = quotas

    async def usage(self) -> Usage:
        """Return what is kept now."""
        return await self._database.read(self._usage)

    async def require(self, *, datasets: int = 0, models: int = 0) -> None:
        """Raise ``quota_exceeded`` when there is no room for more, before any work is done."""
        if self._quotas.any:
            size = 1 if datasets or models else 0
            found = await self.usage()
            found.require(self._quotas, datasets=datasets, models=models, size=size)

    def reserve(
        self, connection: Connection, *, datasets: int = 0, models: int = 0, size: int = 0
    ) -> None:
        """Raise ``quota_exceeded`` when there is no room in this transaction, which adds it.

        Others that add for the same owner wait until this one has.
        """
        if self._quotas.any:
            connection.execute(self._scope.lock())
            found = self._usage(connection)
            found.require(self._quotas, datasets=datasets, models=models, size=size)

    def _usage(self, connection: Connection) -> Usage:
        return Usage(
            *self._counted(connection, tables.datasets), *self._counted(connection, tables.models)
        )

    def _counted(self, connection: Connection, table: Table) -> tuple[int, int]:
        query = self._scope.select(table).with_only_columns(
            func.count(), func.coalesce(func.sum(table.c.size_bytes), 0)
        )
        count, size = connection.execute(query).one()
        return int(count), int(size)
