"""The one place that decides whose rows a statement may touch."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    Delete,
    Insert,
    Select,
    Table,
    Update,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from service.catalog import tables

DEFAULT_OWNER: Final = "default"


class Scope:
    """Statements over one owner's rows; the catalog makes its statements here and nowhere else."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def select(self, table: Table) -> Select[Any]:
        """Select this owner's rows, without the owner column."""
        shown = (column for column in table.c if column.name != "owner")
        return select(*shown).where(table.c.owner == self.owner)

    def readable(self, table: Table) -> Select[Any]:
        """Select what this owner may read: its own rows first, then public ones of others."""
        shown = (column for column in table.c if column.name != "owner")
        own = table.c.owner == self.owner
        query = select(*shown).where(or_(own, table.c.public))
        return query.order_by(own.desc(), table.c.created_at, table.c.owner)

    def shelf(self, table: Table) -> Select[Any]:
        """Select what this owner may read, in no order, and each id once: its own row if any."""
        shown = (column for column in table.c if column.name != "owner")
        other = table.alias()
        before = or_(
            other.c.owner == self.owner, and_(other.c.public, other.c.owner < table.c.owner)
        )
        shadowed = exists().where(other.c.id == table.c.id, before)
        return select(*shown).where(
            or_(table.c.owner == self.owner, and_(table.c.public, ~shadowed))
        )

    def insert(self, table: Table) -> Insert:
        """Insert a row for this owner."""
        return insert(table).values(owner=self.owner)

    def update(self, table: Table) -> Update:
        """Change this owner's rows."""
        return update(table).where(table.c.owner == self.owner)

    def delete(self, table: Table) -> Delete:
        """Delete this owner's rows."""
        return delete(table).where(table.c.owner == self.owner)

    def lock(self) -> Select[Any]:
        """Let other transactions wait that count or add this owner's rows, until this one ends.

        SQLite has no such lock and needs none: one transaction writes at a time.
        """
        owners = tables.owners
        query = select(owners.c.id).where(owners.c.id == self.owner)
        return query.with_for_update(key_share=True)


class Everyone:
    """Statements over the rows of all owners: for who runs their jobs, never for who asks."""

    def select(self, table: Table) -> Select[Any]:
        """Select rows, with the owner column."""
        return select(table)

    def update(self, table: Table) -> Update:
        """Change rows."""
        return update(table)

    def delete(self, table: Table) -> Delete:
        """Delete rows."""
        return delete(table)


def anyone(table: Table, blob: str) -> Select[Any]:
    """Select one constant if any owner's row keeps this blob, and tell no more."""
    return select(1).select_from(table).where(table.c.blob == blob).limit(1)


@lru_cache(10_000)
def identifier(prefix: str, digest: str) -> str:
    """Return the id of a thing by the hash of its content: 160 bits, in lower-case base 32."""
    return f"{prefix}_{base64.b32encode(bytes.fromhex(digest)[:20]).decode().lower()}"


def now(ago: float = 0.0) -> str:
    """Return the time in UTC, or that of so many seconds ago, as text that sorts."""
    then = datetime.now(UTC) - timedelta(seconds=ago)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
