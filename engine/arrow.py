"""Arrow's arrays as numpy's and back, without pandas.

``pa.scalar``, ``to_numpy`` and functions of Arrow that are given a Python value import pandas, a
quarter of a second; buffers do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def number(value: float) -> pa.DoubleScalar:
    """A number as a scalar of Arrow, which ``cast`` turns into one of another type."""
    return pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.float64(value))])[0]


def nothing(kind: pa.DataType) -> pa.Scalar:
    """A missing value of a type."""
    return pa.nulls(1, kind)[0]


def numbers(cells: pa.Array) -> NDArray[Any]:
    """The values (n,) of an array of numbers without nulls, uncopied; not to be written to."""
    _, values = cells.buffers()
    kind = np.dtype(cells.type.to_pandas_dtype())
    if values is None:
        return np.zeros(0, kind)
    return np.frombuffer(values, kind, len(cells), cells.offset * kind.itemsize)
