"""Lists, newest first, page by page: a cursor stays right while rows come and go."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import RowMapping, Select, Table, tuple_

from engine import Problem as Item
from service.catalog.database import Database
from service.problems import ProblemError

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """Some items and the cursor of the next page, ``None`` on the last."""

    items: tuple[T, ...]
    next: str | None


async def newest_first(
    database: Database,
    query: Select[Any],
    table: Table,
    limit: int,
    cursor: str | None,
    make: Callable[[RowMapping], T],
) -> Page[T]:
    """Return a page of ``query``, which is over ``table``, ordered by time and id."""
    place = tuple_(table.c.created_at, table.c.id)
    if cursor is not None:
        query = query.where(place < tuple_(*decode(cursor)))
    query = query.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit + 1)
    rows = await database.read(lambda connection: connection.execute(query).mappings().all())
    more = len(rows) > limit
    after = encode(rows[limit - 1]["created_at"], rows[limit - 1]["id"]) if more else None
    return Page(tuple(make(row) for row in rows[:limit]), after)


def encode(*parts: str) -> str:
    """Return the opaque cursor that carries ``parts``."""
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def decode(cursor: str, count: int = 2) -> list[str]:
    """Return the parts of a cursor; raises ``ProblemError`` for text that is not one of ours."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        parts = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("\n")
    except (binascii.Error, UnicodeError):
        parts = []
    if len(parts) != count:
        raise invalid_cursor()
    return parts


def start_of(cursor: str | None, count: int) -> int:
    """Return the place among ``count`` items that the cursor of a page by number stands for."""
    if cursor is None:
        return 0
    place = decode(cursor, 1)[0]
    if not (place.isascii() and place.isdigit() and int(place) < count):
        raise invalid_cursor()
    return int(place)


def window(cursor: str | None, limit: int, count: int) -> tuple[slice, str | None]:
    """Return which of ``count`` items a page by number has, and the cursor of the next page."""
    start = start_of(cursor, count)
    end = min(start + limit, count)
    return slice(start, end), encode(str(end)) if end < count else None


def invalid_cursor() -> ProblemError:
    """Return the problem of a cursor that is not one of ours."""
    detail = "The cursor is not one that this service gave."
    hint = "Leave it out for the first page; then pass 'next' of the page before, unchanged."
    item = Item("invalid_cursor", detail, hint, ("query", "cursor"))
    return ProblemError("invalid_request", detail, [item])
