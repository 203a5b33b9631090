"""The datasets of one owner."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, structs
from sqlalchemy import Connection, Select
from sqlalchemy.exc import IntegrityError

from engine import Problem
from service.catalog import scope, tables
from service.catalog.database import Database
from service.catalog.paging import Page, newest_first
from service.catalog.quotas import UNLIMITED, Ledger, Quotas
from service.catalog.recent import Recent
from service.catalog.scope import Scope
from service.problems import ProblemError

PREFIX: Final = "ds"
NAME_PATTERN: Final = r"^(?!ds_)[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Dataset(Struct, frozen=True):
    """A stored table: what it is called, where its file is, what it holds.

    ``content_hash`` is the SHA-256 of the typed content, whatever file it came in; ``blob`` the key
    of its file; ``columns`` one JSON object a column; ``report`` what was noted when it was read;
    ``public`` whether every owner may read it.
    """

    content_hash: str
    blob: str
    n_rows: int
    size_bytes: int
    columns: list[dict[str, Any]]
    report: dict[str, Any]
    name: str | None = None
    public: bool = False
    id: str = ""
    created_at: str = ""
    used_at: str = ""


class Datasets:
    """What one owner has uploaded, and may read beside it: what is public.

    ``recent`` is shared by all who read and change datasets.
    """

    def __init__(
        self,
        database: Database,
        owner: str,
        recent: Recent[Dataset],
        quotas: Quotas = UNLIMITED,
    ) -> None:
        self._database = database
        self._scope = Scope(owner)
        self._recent = recent
        self._ledger = Ledger(database, owner, quotas)

    async def add(self, new: Dataset) -> tuple[Dataset, bool]:
        """Keep a dataset and tell whether it was new; its id follows from its content.

        Content that is there already keeps its id and its file, and gains the name if it has none.
        Raises ``ProblemError``: ``name_taken`` when the name or the content is otherwise engaged,
        ``quota_exceeded``.
        """
        time = scope.now()
        new = structs.replace(new, id=dataset_id(new.content_hash), created_at=time, used_at=time)
        try:
            return await self._write(new)
        except IntegrityError:  # another replica was faster: what it wrote is there now
            return await self._write(new)

    async def kept(self, new: Dataset) -> Dataset | None:
        """Return what is kept of this content, named as asked; ``None`` when it is not there.

        Raises ``name_taken``.
        """
        try:
            return (await self.add(structs.replace(new, blob="")))[0]
        except _FilelessError:
            return None

    async def mend(self, damaged: Dataset, new: Dataset) -> bool:
        """Replace the file of a dataset that is damaged; false when it was already, or it went."""
        table = tables.datasets
        change = self._scope.update(table).where(
            table.c.id == damaged.id, table.c.blob == damaged.blob
        )
        change = change.values(blob=new.blob, size_bytes=new.size_bytes)
        done = await self._database.write(lambda connection: connection.execute(change).rowcount)
        self._recent.forget(self._scope.owner, damaged.id, damaged.name)
        return done > 0

    async def get(self, ref: str) -> Dataset:
        """Return the dataset of this id or name, or raise ``dataset_not_found``."""
        found = await self._recent.get(self._scope.owner, ref, self._read)
        self._recent.used.add(found.blob)
        return found

    async def page(self, limit: int, cursor: str | None = None) -> Page[Dataset]:
        """Return some datasets, newest first."""
        table = tables.datasets
        query = self._scope.shelf(table)
        return await newest_first(
            self._database, query, table, limit, cursor, lambda row: Dataset(**row)
        )

    async def delete(self, ref: str, unused: float | None = None) -> Dataset:
        """Forget a dataset and return what it was; its file is the caller's to remove.

        With ``unused``, only if it was used last so many seconds ago, or earlier.
        """
        found = await self._database.write(lambda connection: self._remove(connection, ref, unused))
        self._recent.forget(self._scope.owner, found.id, found.name)
        return found

    async def publish(self, ref: str, public: bool) -> Dataset:
        """Let every owner read a dataset of this one, or no longer; seen within a second."""
        found = await self._database.write(
            lambda connection: self._publish(connection, ref, public)
        )
        self._recent.forget(self._scope.owner, found.id, found.name)
        return found

    async def keeps(self, blob: str) -> bool:
        """Tell whether a dataset of anyone still needs this file."""
        queries = [scope.anyone(table, blob) for table in (tables.datasets, tables.parts)]
        return await self._database.read(
            lambda connection: any(connection.scalar(query) is not None for query in queries)
        )

    async def _read(self, ref: str) -> Dataset:
        query = _named(self._scope.readable(tables.datasets), ref).limit(1)
        row = await self._database.read(
            lambda connection: connection.execute(query).mappings().one_or_none()
        )
        if row is None:
            raise _missing()
        return Dataset(**row)

    async def _write(self, new: Dataset) -> tuple[Dataset, bool]:
        kept = await self._database.write(lambda connection: self._add(connection, new))
        self._recent.remember(self._scope.owner, kept[0], kept[0].id, kept[0].name)
        return kept

    def _publish(self, connection: Connection, ref: str, public: bool) -> Dataset:
        found, table = self._own(connection, ref), tables.datasets
        change = self._scope.update(table).where(table.c.id == found.id)
        connection.execute(change.values(public=public))
        return structs.replace(found, public=public)

    def _remove(self, connection: Connection, ref: str, unused: float | None) -> Dataset:
        found, table = self._own(connection, ref), tables.datasets
        change = self._scope.delete(table).where(table.c.id == found.id)
        if unused is not None:
            change = change.where(table.c.used_at < scope.now(unused))
        if not connection.execute(change).rowcount:
            raise _missing()
        held = tables.parts
        connection.execute(self._scope.delete(held).where(held.c.dataset == found.id))
        return found

    def _own(self, connection: Connection, ref: str) -> Dataset:
        """Return a dataset that this owner may change; raises when it may not."""
        found = self._find(connection, ref)
        if found is not None:
            return found
        if connection.execute(_named(self._scope.readable(tables.datasets), ref)).first():
            raise ProblemError("read_only", "The dataset is public, and another's to change.")
        raise _missing()

    def _find(self, connection: Connection, ref: str) -> Dataset | None:
        query = _named(self._scope.select(tables.datasets), ref)
        row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Dataset(**row)

    def _add(self, connection: Connection, new: Dataset) -> tuple[Dataset, bool]:
        held = None if new.name is None else self._find(connection, new.name)
        if held is not None and held.id != new.id:
            raise _taken(
                f"The name '{new.name}' belongs to another dataset.",
                "Choose another name, or delete the dataset that has this one.",
            )
        known = held or self._find(connection, new.id)
        if known is None:
            if not new.blob:
                raise _FilelessError
            self._ledger.reserve(connection, datasets=1, size=new.size_bytes)
            connection.execute(self._scope.insert(tables.datasets).values(**_row(new)))
            if parts := _parts(new):
                connection.execute(self._scope.insert(tables.parts), parts)
            return new, True
        if new.name is None or known.name == new.name:
            return known, False
        if known.name is not None:
            raise _taken(
                f"This content is already kept, as '{known.name}'.",
                "Use it by that name, or delete it first.",
            )
        table = tables.datasets
        change = self._scope.update(table).where(table.c.id == known.id)
        connection.execute(change.values(name=new.name))
        return structs.replace(known, name=new.name), False


class _FilelessError(Exception):
    """What is not there was to be added without a file."""


def dataset_id(content_hash: str) -> str:
    """Return the id of the dataset with this content."""
    return scope.identifier(PREFIX, content_hash)


def _named(query: Select[Any], ref: str) -> Select[Any]:
    """Return what a query finds of this id or name."""
    table = tables.datasets
    return query.where((table.c.id if ref.startswith(f"{PREFIX}_") else table.c.name) == ref)


def _parts(dataset: Dataset) -> list[dict[str, Any]]:
    """Return the files of a dataset in parts but its last, which are those it grew from."""
    return [
        {"dataset": dataset.id, "place": place, "blob": part["blob"]}
        for place, part in enumerate(dataset.report.get("parts", ())[:-1])
    ]


def _row(dataset: Dataset) -> dict[str, Any]:
    return {name: getattr(dataset, name) for name in Dataset.__struct_fields__}


def _missing() -> ProblemError:
    return ProblemError("dataset_not_found", "There is no dataset of this id or name.")


def _taken(detail: str, hint: str) -> ProblemError:
    return ProblemError("name_taken", detail, [Problem("name_taken", detail, hint, ("name",))])
