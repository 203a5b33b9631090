"""Answers of rows as tables: a column for every number, named by its place in the JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, Protocol, get_args

import pyarrow as pa

from service.schemas.base import Answer


class Tabled(Protocol):
    """An answer that is a table too."""

    def rows(self) -> Sequence[Answer]:
        """The rows of the table."""

    def model_dump_json(self) -> str:
        """The answer as JSON."""


def table(rows: Sequence[Answer]) -> pa.Table:
    """Return rows of one kind as a table."""
    flat = [dict(_cells(row)) for row in rows]
    columns = {name: _column([row[name] for row in flat]) for name in (flat[0] if flat else ())}
    return pa.table(columns)


def _cells(row: Answer, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in type(row).model_fields.items():
        value, place = getattr(row, name), f"{prefix}{name}"
        if isinstance(value, Answer):
            yield from _cells(value, f"{place}.")
        elif isinstance(value, dict):
            yield from ((f"{place}.{key}", inner) for key, inner in value.items())
        elif value is None and (within := _within(field.annotation)):
            yield from ((f"{place}.{inner}", None) for inner in within.model_fields)
        else:
            yield place, None if isinstance(value, float) and not isfinite(value) else value


def _within(annotation: Any) -> type[Answer] | None:
    """Return the answer that stands where there may be none."""
    kinds = [kind for kind in get_args(annotation) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, Answer)), None)


def _column(values: list[Any]) -> pa.Array:
    found = pa.array(values)
    return found.cast(pa.float64()) if pa.types.is_null(found.type) else found
