"""Text columns as the arrays under them, for work that must not make a Python string per cell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def texts(*words: str) -> pa.StringArray:
    """Return these texts as an array; ``pa.array`` would import pandas, a tenth of a second."""
    encoded = [word.encode() for word in words]
    bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(words), pa.py_buffer(bounds), pa.py_buffer(b"".join(encoded))
    )


def text_buffers(cells: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return the offsets (n + 1, into the data) and the data bytes of a string array, uncopied."""
    _, offsets, data = cells.buffers()
    if offsets is None or len(cells) == 0:
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
    content = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return bounds, content


def used_bytes(cells: pa.Array) -> NDArray[np.uint8]:
    """Return the bytes of a string array's own cells, one after another, uncopied."""
    bounds, content = text_buffers(cells)
    return content[bounds[0] : bounds[-1]]


def longest(cells: pa.Array) -> int:
    """Return the length in bytes of the longest cell of a string array."""
    bounds, _ = text_buffers(cells)
    return int(np.max(np.diff(bounds), initial=0))


_ZERO, _PLUS, _MINUS = b"0+-"
_AFTER_A_ZERO = np.zeros(256, np.bool_)
_AFTER_A_ZERO[list(b".eE")] = True


def first_padded(cells: pa.Array) -> int | None:
    """Return the index of the first cell like ``007``, ``-01`` or ``0x1F``, or ``None``.

    The cells are known to parse as numbers; these parse too, and are names all the same.
    """
    bounds, content = text_buffers(cells)
    lengths = np.diff(bounds)
    found = [
        _zero_then_more(np.flatnonzero(lengths > 1), bounds, content, skip=0),
        _zero_then_more(_signed(lengths, bounds, content), bounds, content, skip=1),
    ]
    hits = [int(where[0]) for where in found if where.size]
    return min(hits, default=None)


def _signed(
    lengths: NDArray[np.int32], bounds: NDArray[np.int32], content: NDArray[np.uint8]
) -> NDArray[np.intp]:
    long = np.flatnonzero(lengths > 2)
    first = content[bounds[long]]
    signed: NDArray[np.intp] = long[(first == _MINUS) | (first == _PLUS)]
    return signed


def _zero_then_more(
    where: NDArray[np.intp], bounds: NDArray[np.int32], content: NDArray[np.uint8], skip: int
) -> NDArray[np.intp]:
    starts = bounds[where] + skip
    zero = content[starts] == _ZERO
    where, starts = where[zero], starts[zero]
    found: NDArray[np.intp] = where[~_AFTER_A_ZERO[content[starts + 1]]]
    return found
