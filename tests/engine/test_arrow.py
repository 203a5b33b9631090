"""Arrow's arrays as numpy's, as Arrow itself would give them."""

import numpy as np
import pyarrow as pa
import pytest

from engine.arrow import nothing, number, numbers

TYPES = [pa.float64(), pa.float32(), pa.int64(), pa.int32(), pa.int8(), pa.uint8(), pa.uint32()]


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("cut", [slice(0, None), slice(3, 7), slice(10, None)])
def test_numbers_are_those_that_arrow_gives(kind: pa.DataType, cut: slice) -> None:
    cells = pa.array(range(10), kind)[cut]
    found = numbers(cells)
    assert found.dtype == cells.to_numpy().dtype
    np.testing.assert_array_equal(found, cells.to_numpy())


def test_an_array_without_a_buffer_has_no_numbers() -> None:
    assert numbers(pa.Array.from_buffers(pa.int64(), 0, [None, None])).tolist() == []


def test_scalars_are_those_that_arrow_makes() -> None:
    assert number(2.0**63) == pa.scalar(2.0**63)
    assert number(-1.0).cast(pa.int64()) == pa.scalar(-1)
    assert nothing(pa.string()) == pa.scalar(None, pa.string())
