"""Text in the catalog: compared byte by byte, and nothing in it that a catalog cannot hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect
from sqlalchemy import String as AnyString
from sqlalchemy.types import TypeDecorator, TypeEngine


class String(TypeDecorator[str]):
    """Text whose order is that of its bytes, so that cursors and names mean the same everywhere.

    PostgreSQL holds no NUL and no half of a surrogate pair: a replacement character stands for
    them, also in what is searched for, which then is not there.
    """

    impl = AnyString
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        super().__init__(length)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type as the database names it."""
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(AnyString(self.length, collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text as it can be held."""
        if value is None or (value.isascii() and "\x00" not in value):
            return value
        clean = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return clean.replace("\x00", "\ufffd")
