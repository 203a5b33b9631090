"""Typed columns, whatever the rows came in: a pandas DataFrame or an Arrow table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from engine.arrow import compute as pc
from engine.arrow import nothing, number, numbers
from engine.errors import DataError, Problem, SpecError
from engine.given import is_categorical, is_frame, is_scan, is_series

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from engine.parquet import ParquetRows

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Kind = Literal["number", "text", "boolean"]
Data: TypeAlias = "pd.DataFrame | pa.Table | pl.LazyFrame | ParquetRows"
"""Rows: in memory, or a scan of files that is read as often as needed and never held."""

FEW_ROWS = 512
"""A text column of so few rows is encoded sooner than Arrow's function has started."""
BOOLEAN_LEVELS = ("FALSE", "TRUE")
_NAN, _NO_CODE = number(math.nan), number(-1, pa.int64())


def all_finite(values: Floats) -> bool:
    """Whether no number of a column (n,) is missing or infinite."""
    square = float(values @ values)  # one quick sum tells in all but odd cases
    return math.isfinite(square) or bool(np.isfinite(values).all())


class Factor(Struct, frozen=True):
    """A categorical column: row i is ``levels[codes[i]]``, and missing where the code is -1.

    Levels are in byte order, every level occurs.
    """

    codes: Codes
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of equal length, turned into numbers or factors when asked for, each once."""

    data: pd.DataFrame | pa.Table
    n_rows: int
    names: tuple[str, ...]
    _columns: dict[str, Any] = field(default_factory=dict, repr=False)
    _plain: dict[str, NDArray[Any] | None] = field(default_factory=dict, repr=False)
    _arrays: dict[str, Any] = field(default_factory=dict, repr=False)
    _numbers: dict[str, Floats] = field(default_factory=dict, repr=False)
    _factors: dict[str, Factor] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, data: Data, columns: Iterable[str] = ()) -> Table:
        """Wrap ``data``; nothing is read yet, but of a scan the ``columns``.

        Raises:
            SpecError: it is no table, or a column name stands twice.
        """
        if is_scan(data):
            from engine.batches import collected  # polars takes a third of a second to import

            data = collected(data, columns)
        if isinstance(data, pa.Table):
            names = tuple(data.column_names)
        elif is_frame(data):
            names = tuple(map(str, _labels(data.columns)))
        else:
            raise SpecError(
                Problem(
                    "unknown_table",
                    f"data of type {type(data).__name__} cannot be read",
                    "give a pandas DataFrame, a pyarrow Table, a polars LazyFrame or ParquetRows",
                    ("dataset",),
                )
            )
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise SpecError(
                Problem(
                    "duplicate_column",
                    f"column names stand more than once: {', '.join(twice)}",
                    "rename the columns",
                    ("dataset",),
                )
            )
        return cls(data, len(data), names)

    def kind(self, name: str) -> Kind:
        """What a column holds; a pandas categorical is text, whatever its categories are."""
        column = self._series(name)
        if is_categorical(column):
            return "text"
        if (values := self._plain_numbers(name)) is not None:
            return "boolean" if values.dtype.kind == "b" else "number"
        return _kind(self._array(name).type, name)

    def numbers(self, name: str) -> Floats:
        """A column as doubles (n,), missing as NaN; booleans are 0 and 1.

        Raises:
            DataError: the column holds text.
        """
        if name not in self._numbers:
            self._numbers[name] = self._as_numbers(name)
        return self._numbers[name]

    def factor(self, name: str) -> Factor:
        """A column as a factor, levels in byte order; whole numbers lose their decimal point."""
        if name not in self._factors:
            array = self._array(name)
            try:
                self._factors[name] = _encode(array)
            except pa.ArrowNotImplementedError:
                raise unsupported(name, array.type) from None
        return self._factors[name]

    def _series(self, name: str) -> Any:
        """The column as it came."""
        if name not in self._columns:
            if isinstance(self.data, pa.Table):
                self._columns[name] = self.data.column(name)
            else:
                try:
                    self._columns[name] = self.data[name]
                except KeyError:  # its label is not text
                    self._columns[name] = self.data.iloc[:, self.names.index(name)]
        return self._columns[name]

    def _plain_numbers(self, name: str) -> NDArray[Any] | None:
        """The values of a pandas column that numpy holds as numbers or booleans already."""
        if name not in self._plain:
            column = self._series(name)
            values = None
            if is_series(column):
                dtype = column.dtype
                if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
                    values = column.to_numpy()
            self._plain[name] = values
        return self._plain[name]

    def _array(self, name: str) -> Any:
        """The column as one Arrow array."""
        if name not in self._arrays:
            column = self._series(name)
            array = _from_pandas(column, name) if is_series(column) else column
            if isinstance(array, pa.ChunkedArray):
                array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
            self._arrays[name] = array
        return self._arrays[name]

    def _as_numbers(self, name: str) -> Floats:
        if (values := self._plain_numbers(name)) is not None:
            return values.astype(np.float64, copy=False)
        array = self._array(name)
        if _kind(array.type, name) == "text":
            raise not_numeric(name)
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.uint8())
        return numbers(pc.coalesce(array.cast(pa.float64(), safe=False), _NAN))


def _labels(columns: pd.Index[Any]) -> list[Any]:
    """The labels of columns; texts by way of Arrow, which is much quicker."""
    import pandas as pd

    if isinstance(columns.dtype, pd.StringDtype):
        return list(pa.array(columns.array, from_pandas=True).to_pylist())
    return list(columns.tolist())


def _from_pandas(series: pd.Series[Any], name: str) -> Any:
    import pandas as pd

    try:
        text = isinstance(series.dtype, pd.StringDtype)  # pandas holds it as Arrow does
        return pa.array(series.array if text else series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise DataError(
            Problem(
                "mixed_column",
                f"column {name} mixes kinds of values",
                "make all values of the column text, or all numbers",
                ("dataset",),
            )
        ) from None
    except (pa.ArrowNotImplementedError, OverflowError, UnicodeError):
        raise DataError(
            Problem(
                "unsupported_column",
                f"column {name} has values that cannot be modelled",
                "use numbers that doubles can hold, text or booleans",
                ("dataset",),
            )
        ) from None


def not_numeric(name: str) -> DataError:
    """The error of text that is read as numbers."""
    return DataError(
        Problem(
            "not_numeric",
            f"column {name} holds text where a number is needed",
            f"mend the values, or take it as a factor: factor({name})",
            ("formula",),
        )
    )


def _kind(kind: Any, name: str) -> Kind:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return "number"
    if _is_text(kind):
        return "text"
    raise unsupported(name, kind)


def unsupported(name: str, kind: object) -> DataError:
    """The error of a column of a type that is neither number nor text nor boolean."""
    return DataError(
        Problem(
            "unsupported_column",
            f"column {name} is of a type that cannot be modelled ({kind})",
            "use numbers, text or booleans",
            ("dataset",),
        )
    )


def _encode(array: Any) -> Factor:
    """Dictionary-encode, then put the levels that occur into byte order."""
    if pa.types.is_floating(array.type):  # NaN is missing, as null is
        array = pc.if_else(pc.is_nan(array), nothing(array.type), array)
    given = pa.types.is_dictionary(array.type)
    if len(array) <= FEW_ROWS and _is_text(array.type):
        return _of_texts(array.to_pylist())
    if not given:
        array = array.dictionary_encode()
    values = array.dictionary.to_pylist()
    if None in values:  # a null can stand among the categories too
        array = array.cast(array.type.value_type).dictionary_encode()
        values, given = array.dictionary.to_pylist(), False
    if not _is_text(array.type.value_type):
        values = [level_text(value) for value in values]
    elif not given and not array.null_count:  # each value occurs, and only once
        return _sorted(numbers(array.indices).astype(np.int64), values)
    codes = pc.coalesce(array.indices.cast(pa.int64()), _NO_CODE)
    return compact(numbers(codes), values)


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _of_texts(values: list[str | None]) -> Factor:
    """A factor of a few texts, ``None`` where one is missing."""
    levels = sorted({value for value in values if value is not None})
    rank: dict[str | None, int] = dict(zip(levels, range(len(levels)), strict=True))
    return Factor(
        np.array([rank.get(value, -1) for value in values], dtype=np.int64), tuple(levels)
    )


def _sorted(codes: Codes, values: list[str]) -> Factor:
    """A factor of distinct values that all occur, put into byte order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    recode = np.empty(len(values), dtype=np.int64)
    recode[order] = np.arange(len(values))
    return Factor(recode[codes], tuple([values[i] for i in order]))


def compact(codes: Codes, values: list[str]) -> Factor:
    """A factor of only the values that occur, in byte order; equal texts become one level."""
    used = np.bincount(codes + 1, minlength=len(values) + 1)[1:].tolist()
    levels = sorted({value for value, count in zip(values, used, strict=True) if count})
    if levels == values:
        return Factor(codes, tuple(levels))
    rank = {level: code for code, level in enumerate(levels)}
    recode = np.array([*(rank.get(value, -1) for value in values), -1], dtype=np.int64)
    return Factor(recode[codes], tuple(levels))


def united(factor: Factor, known: Iterable[str]) -> Factor:
    """The same factor among more levels, of which some do not occur."""
    levels = tuple(sorted({*factor.levels, *known}))
    if levels == factor.levels:
        return factor
    rank = {level: code for code, level in enumerate(levels)}
    recode = np.array([*(rank[level] for level in factor.levels), -1], dtype=np.int64)
    return Factor(recode[factor.codes], levels)


def level_text(value: object) -> str:
    """The level that a value of any kind stands for: ``7``, ``7.0`` and ``"7"`` are one level."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return BOOLEAN_LEVELS[value]
    if isinstance(value, float):
        return (
            str(int(value)) if value.is_integer() and abs(value) < 2**53 else format(value, ".15g")
        )
    return str(value)
