"""What rows came in, told without importing the libraries that they may have come from.

Whose rows are a pandas DataFrame has imported pandas; who has not need not wait for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from engine.parquet import Scan


def is_lazy(data: object) -> TypeGuard[pl.LazyFrame]:
    """Whether these are rows of a scan."""
    return _is_a(data, "polars", "LazyFrame")


def is_scan(data: object) -> TypeGuard[Scan]:
    """Whether these are rows that are not held."""
    return is_lazy(data) or _is_a(data, "engine.parquet", "ParquetRows")


def is_frame(data: object) -> TypeGuard[pd.DataFrame]:
    """Whether these are rows that pandas holds."""
    return _is_a(data, "pandas", "DataFrame")


def is_series(column: object) -> TypeGuard[pd.Series[Any]]:
    """Whether pandas holds this column."""
    return _is_a(column, "pandas", "Series")


def is_categorical(column: object) -> bool:
    """Whether this is a categorical column of pandas."""
    return is_series(column) and _is_a(column.dtype, "pandas", "CategoricalDtype")


def is_na(value: object) -> bool:
    """Whether this is the missing value of pandas."""
    return value is not None and value is _found("pandas", "NA")


def _is_a(value: object, library: str, name: str) -> bool:
    kind = _found(library, name)
    return kind is not None and isinstance(value, kind)


def _found(library: str, name: str) -> Any:
    """Return what a library calls so, ``None`` when it is not, or only half, imported.

    Another thread may be at it just now: nothing can have come from there yet.
    """
    return getattr(sys.modules.get(library), name, None)
