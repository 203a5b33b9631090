"""The sums of rows.c where it has been compiled (compile.sh), else those of numpy, in more time.

Both add the same numbers, in another order: the last bits of a sum can differ.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_int, c_int64, c_ssize_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import adder
from engine.adder import NARROW, LevelSums, products
from engine.columns import Columns
from engine.crossproducts import Pilot
from engine.table import Codes, Floats

VERSION = 1
"""Of what is called below, as rows.c counts it."""
NO_MEMORY = 1


class _Columns(ctypes.Structure):
    _fields_ = (
        ("count", c_ssize_t),
        ("cells", c_void_p),
        ("centre", c_void_p),
        ("by", c_void_p),
    )


class _Grouping(ctypes.Structure):
    _fields_ = (
        ("z", _Columns),
        ("codes", c_void_p),
        ("levels", c_ssize_t),
        ("stride", c_ssize_t),
        ("sums", c_void_p),
        ("rows", c_void_p),
        ("squares", c_void_p),
    )


def load(path: Path) -> ctypes.CDLL | None:
    """The compiled library; ``None`` where there is none, or one of another version."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError:
        return None
    library.rows_version.restype = c_int64
    if library.rows_version() != VERSION:
        return None
    library.rows_add.argtypes = [
        *(c_ssize_t, POINTER(_Columns), c_void_p, c_ssize_t, c_void_p, c_void_p),
        *(c_ssize_t, POINTER(_Grouping)),
    ]
    library.rows_add.restype = c_int
    return library


LIBRARY = load(Path(__file__).with_name("rows.so"))


def new(pilots: Sequence[Pilot], first: int, ones: Sequence[tuple[bool, ...]]) -> adder.Adder:
    """The quickest adder there is."""
    if LIBRARY is None:
        return adder.Adder(pilots, first, ones)
    return Adder(LIBRARY, pilots, first, ones)


class Adder(adder.Adder):
    """Adds rows by compiled code, a block at a time; other threads go on meanwhile."""

    def __init__(
        self,
        library: ctypes.CDLL,
        pilots: Sequence[Pilot],
        first: int,
        ones: Sequence[tuple[bool, ...]],
    ) -> None:
        super().__init__(pilots, first, ones)
        self._library = library
        self._m = _Shifted(pilots[0])
        self._z = [_Shifted(pilot) for pilot in pilots[1:]]
        self._groupings = (_Grouping * len(ones))()

    def add(
        self, columns: Columns, codes: Sequence[Codes], into: Sequence[LevelSums]
    ) -> tuple[Floats, list[Floats]]:
        """Add rows, as numpy does.

        Raises:
            MemoryError: there is none for a block of rows.
            IndexError: a code is not among the levels.
        """
        m, weights, first = columns.m, columns.weights, self._first
        p = len(m)
        wide = p - first > NARROW  # BLAS multiplies them in less time
        mm = np.zeros((p, p))
        squares = [np.zeros(p), *(np.zeros(len(one)) for one in self._ones)]
        codes = [np.ascontiguousarray(own, np.int64) for own in codes]
        if weights is not None:
            weights = np.ascontiguousarray(weights, np.float64)
        for i, (grouping, group) in enumerate(zip(self._groupings, into, strict=True)):
            cells = columns.z[i] or (None,)
            ones = self._ones[i]
            grouping.z = self._z[i].of(
                [None if one else own for own, one in zip(cells, ones, strict=True)]
            )
            grouping.codes = _address(codes[i])
            grouping.levels, grouping.stride = group.sums.shape
            grouping.sums, grouping.rows = _address(group.sums), _address(group.rows)
            grouping.squares = _address(squares[i + 1])
        outcome = self._library.rows_add(
            len(m[0]),
            self._m.of([None, *m[1:]]),
            None if weights is None else _address(weights),
            first,
            None if wide else _address(mm),
            _address(squares[0]),
            len(into),
            self._groupings,
        )
        if outcome:
            raise MemoryError if outcome == NO_MEMORY else IndexError
        if wide:
            rest = self._pilots[0].apply(m)[first:]
            mm = products(rest, None if weights is None else rest * weights)
        else:
            mm = mm[first:, first:]
        squares[0] = mm.diagonal() if weights is None else squares[0][first:]
        return mm, squares


class _Shifted:
    """The columns of rows that come, and how they are shifted."""

    def __init__(self, pilot: Pilot) -> None:
        self._centre = np.ascontiguousarray(pilot.centre, np.float64)
        self._by = np.ascontiguousarray(1.0 / pilot.scale, np.float64)  # powers of two: exact
        self._cells: list[Floats | None] = []  # held while they are read
        self._addresses = (c_void_p * len(self._by))()
        self._own = _Columns(
            len(self._by),
            ctypes.addressof(self._addresses),
            _address(self._centre),
            _address(self._by),
        )

    def of(self, cells: Sequence[Floats | None]) -> _Columns:
        """Those of some rows, each (n,); ``None`` is a column of ones."""
        self._cells = [
            None if own is None else np.ascontiguousarray(own, np.float64) for own in cells
        ]
        for i, own in enumerate(self._cells):
            self._addresses[i] = None if own is None else _address(own)
        return self._own


def _address(values: NDArray[Any]) -> int:
    return values.ctypes.data
