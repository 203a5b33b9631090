"""What rows came in, told without importing the libraries that they may have come from.

Whose rows are a pandas DataFrame has imported pandas; who has not need not wait for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def is_lazy(data: object) -> TypeGuard[pl.LazyFrame]:
    """Whether these are rows of a scan."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(data, polars.LazyFrame)


def is_frame(data: object) -> TypeGuard[pd.DataFrame]:
    """Whether these are rows that pandas holds."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def is_series(column: object) -> TypeGuard[pd.Series[Any]]:
    """Whether pandas holds this column."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(column, pandas.Series)


def is_categorical(column: object) -> bool:
    """Whether this is a categorical column of pandas."""
    return is_series(column) and isinstance(column.dtype, sys.modules["pandas"].CategoricalDtype)


def is_na(value: object) -> bool:
    """Whether this is the missing value of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and value is pandas.NA
