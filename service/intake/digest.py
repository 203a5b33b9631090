r"""The canonical hash of a table: equal tables have it equal, whatever files they came in.

Two tables are equal when they have the same column names in the same order, the same kinds, and
the same cells, missing ones included. The hash is SHA-256 over

    "partialpool table 1\n", the number of rows, the number of columns (unsigned 64-bit), and per
    column: the length of its name in UTF-8 (unsigned 64-bit), its name, the initial of its kind
    (``n``, ``i``, ``b``, ``t``), SHA-256 of its values, SHA-256 of its missing rows,

all integers little-endian. Values are float64 (number; -0 as 0), int64 (integer) or one byte 0 or 1
(boolean), zero where missing; for text, SHA-256 of the cells' lengths in bytes (int32, zero where
missing) and SHA-256 of the cells one after another, side by side. Missing rows are their indices
from 0, int64. Batches, dictionaries and compression leave no trace, so it can be fed as the file
streams.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine import arrow
from service.intake.buffers import text_buffers, texts, used_bytes
from service.intake.kinds import Kind

pc = arrow.compute

_FORMAT = b"partialpool table 1\n"
_ID_CHARACTERS = 32


class Digest:
    """The hash of a table, fed batch by batch."""

    def __init__(self, names: Sequence[str], kinds: Sequence[Kind]) -> None:
        self._columns = [_ColumnDigest(name, kind) for name, kind in zip(names, kinds, strict=True)]
        self.rows = 0

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Take the next rows: one array per column, of its kind's Arrow type, no NaN in it."""
        for column, cells in zip(self._columns, columns, strict=True):
            column.add(cells, self.rows)
        self.rows += len(columns[0])

    def hexdigest(self) -> str:
        """Return the hash as 64 hexadecimal digits."""
        whole = hashlib.sha256(_FORMAT)
        whole.update(_count(self.rows) + _count(len(self._columns)))
        for column in self._columns:
            whole.update(column.digest())
        return whole.hexdigest()


class _ColumnDigest:
    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name.encode()
        self.kind = kind
        self._values = hashlib.sha256()
        self._lengths = hashlib.sha256()
        self._missing = hashlib.sha256()

    def add(self, cells: pa.Array, row: int) -> None:
        if cells.null_count:
            where = np.flatnonzero(arrow.numbers(pc.is_null(cells).cast(pa.uint8())))
            self._missing.update((where + row).astype("<i8").data)
            cells = cells.fill_null(_NOTHING[self.kind])
        match self.kind:
            case Kind.TEXT:
                self._lengths.update(np.diff(text_buffers(cells)[0]).astype("<i4", copy=False).data)
                self._values.update(used_bytes(cells).data)
            case Kind.NUMBER:
                self._values.update((arrow.numbers(cells) + 0.0).astype("<f8", copy=False).data)
            case Kind.INTEGER:
                self._values.update(arrow.numbers(cells).astype("<i8", copy=False).data)
            case Kind.BOOLEAN:
                self._values.update(arrow.numbers(cells.cast(pa.uint8())).data)

    def digest(self) -> bytes:
        lengths = self._lengths.digest() if self.kind is Kind.TEXT else b""
        return b"".join(
            (
                _count(len(self.name)),
                self.name,
                self.kind[0].encode(),
                lengths,
                self._values.digest(),
                self._missing.digest(),
            )
        )


_NOTHING: dict[Kind, pa.Scalar] = {
    Kind.NUMBER: arrow.number(0.0),
    Kind.INTEGER: arrow.number(0, pa.int64()),
    Kind.BOOLEAN: arrow.number(False, pa.bool_()),
    Kind.TEXT: texts("")[0],
}


def _count(length: int) -> bytes:
    return length.to_bytes(8, "little")


def dataset_id(digest: str) -> str:
    """Return the id of the table with this hash: ``ds_`` and 160 of its bits in base 32."""
    letters = base64.b32encode(bytes.fromhex(digest)).decode().lower()
    return "ds_" + letters[:_ID_CHARACTERS]
