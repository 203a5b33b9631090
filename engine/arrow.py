"""Arrow's arrays as numpy's and back, without pandas.

``pa.scalar``, ``to_numpy`` and functions of Arrow that are given a Python value import pandas, a
quarter of a second; buffers do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class _Compute:
    """``pyarrow.compute``: a tenth of a second, imported when a function of it is first wanted."""

    def __getattr__(self, name: str) -> Any:
        import pyarrow.compute

        return getattr(pyarrow.compute, name)


compute: Any = _Compute()


def number(value: float, kind: pa.DataType | None = None) -> pa.Scalar:
    """A number, or a truth value, as a scalar of Arrow; a double unless told."""
    kind = kind or pa.float64()
    cell = np.array([value], kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(cell)])[0]


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
