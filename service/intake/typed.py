"""From typed Arrow values (of Parquet, Arrow, JSON) to the four kinds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine import Problem, arrow
from service.intake.buffers import texts
from service.intake.cells import Batch, count_words
from service.intake.errors import IntakeError
from service.intake.kinds import Evidence, Kind

pc = arrow.compute


def refusal(name: str, kind: pa.DataType) -> Problem | None:
    """Return what is wrong with a column of this Arrow type, or ``None`` when it can be kept."""
    if isinstance(kind, pa.BaseExtensionType):
        return refusal(name, kind.storage_type)
    if pa.types.is_dictionary(kind):
        return refusal(name, kind.value_type)
    if any(holds(kind) for holds in _KEPT):
        return None
    nested = pa.types.is_nested(kind)
    return Problem(
        "nested_column" if nested else "unsupported_type",
        f"Column {name!r} holds {kind if not nested else 'nested values'}, "
        "which is neither numbers, booleans nor text.",
        "Leave the column out, or write it as numbers or as text.",
        ("columns", name),
    )


_KEPT = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_time,
)


_WIDE = 128  # bits; narrower decimals do not cast to integers by themselves


class TypedColumn:
    """A column whose cells have a type already; its kind still depends on the values."""

    def __init__(self, name: str, missing: tuple[str, ...] | None, keep_text: bool) -> None:
        self.name = name
        self.words = tuple(dict.fromkeys(missing or ()))
        self.missing_in_text = len(self.words)
        self.evidence = Evidence(text=keep_text)
        self.because = ""
        self.row = 0
        self._set = texts(*self.words)

    def read(self, cells: pa.Array) -> Batch:
        """Read the next batch of cells and take it into account for the kind."""
        values, word = _without_nan(plain(self.name, cells)), None
        if self.words and not pa.types.is_null(values.type):
            word = pc.index_in(values.cast(pa.string()), value_set=self._set)
            values = pc.if_else(pc.is_valid(word), arrow.nothing(values.type), values)
        self.evidence.add(values, self.row)
        self.row += len(cells)
        return Batch(cells, values, word)

    def settle(self, batch: Batch, kind: Kind) -> tuple[pa.Array, NDArray[np.int64]]:
        """Return the batch as values of ``kind``, and how many cells are each missing word."""
        values = batch.cells if batch.values is None else batch.values
        return values.cast(kind.arrow, safe=False), count_words(batch.word, len(self.words))


def plain(name: str, cells: pa.Array) -> pa.Array:
    """Return cells of any type that is kept as a bool, int64, float64, string or null array.

    Dates and times become ISO 8601 text, decimals numbers. Raises ``IntakeError`` for integers of
    more than 64 bits.
    """
    kind = cells.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain(name, cells.storage)
    if pa.types.is_dictionary(kind):
        return plain(name, cells.dictionary_decode())
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return cells
    if pa.types.is_integer(kind):
        return _integers(name, cells)
    if pa.types.is_floating(kind):
        return cells.cast(pa.float64())
    if pa.types.is_decimal(kind):
        wide = cells if kind.bit_width >= _WIDE else cells.cast(pa.decimal128(38, kind.scale))
        return _integers(name, wide) if kind.scale <= 0 else wide.cast(pa.float64())
    if pa.types.is_timestamp(kind):
        return _moments(cells)
    if pa.types.is_time(kind):
        return _short_fraction(cells.cast(pa.string()), kind.unit)
    return cells.cast(pa.string())


def _without_nan(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return values
    nan = pc.is_nan(values)
    if not pc.any(nan).as_py():
        return values
    return pc.if_else(nan, arrow.nothing(pa.float64()), values)


def _integers(name: str, cells: pa.Array) -> pa.Array:
    try:
        return cells.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise IntakeError(
            Problem(
                "integer_too_large",
                f"Column {name!r} has whole numbers of more than 64 bits.",
                "Write the column as text, or as 64-bit floating point numbers.",
                ("columns", name),
            )
        ) from error


def _moments(cells: pa.Array) -> pa.Array:
    """Return timestamps as ``2024-01-31T12:00:00.25``, in UTC with a Z when they have a zone."""
    zoned = cells.type.tz is not None
    text = cells.cast(pa.timestamp(cells.type.unit)).cast(pa.string())
    text = _short_fraction(pc.replace_substring(text, " ", "T"), cells.type.unit)
    return pc.binary_join_element_wise(text, "Z", "") if zoned else text


def _short_fraction(text: pa.Array, unit: str) -> pa.Array:
    return text if unit == "s" else pc.replace_substring_regex(text, r"\.?0+$", "")
