"""How many bytes an Arrow IPC stream says it decompresses to, read from its frames alone.

A compressed buffer starts with its decompressed length (signed 64-bit, -1 when it is stored as it
is), and Arrow allocates what it says. The places of the buffers are in the frame's metadata, a
flatbuffer: tables of fields behind offsets (Arrow's ``Message.fbs``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import ipc

_DICTIONARY, _RECORDS = 2, 3  # MessageHeader
_HEADER_TYPE, _HEADER = 1, 2  # fields of Message
_DATA = 1  # field of DictionaryBatch
_BUFFERS, _COMPRESSION = 2, 3  # fields of RecordBatch


def decoded_sizes(mapped: pa.MemoryMappedFile) -> Iterator[int]:
    """Yield how many bytes each frame of the stream decodes to; nothing is decompressed.

    Raises ``ValueError``, ``struct.error`` or an Arrow error when the frames are damaged.
    """
    for message in ipc.MessageReader.open_stream(mapped):
        body = message.body
        if body is None:
            continue
        yield sum(_buffer_sizes(memoryview(message.metadata), memoryview(body)))


def _buffer_sizes(metadata: memoryview, body: memoryview) -> Iterator[int]:
    message = _Table(metadata, _at("<I", metadata, 0))
    kind = message.number("<B", _HEADER_TYPE)
    batch = message.table(_HEADER)
    if batch and kind == _DICTIONARY:
        batch = batch.table(_DATA)
    if not batch or kind not in {_DICTIONARY, _RECORDS} or not batch.field(_COMPRESSION):
        yield len(body)
        return
    for offset, length in batch.pairs(_BUFFERS):
        if length:
            declared = _at("<q", body, offset)
            if declared < -1:
                raise ValueError("a buffer of negative length")
            yield length if declared < 0 else declared


class _Table:
    """One table of a flatbuffer."""

    def __init__(self, content: memoryview, place: int) -> None:
        self.content = content
        self.place = place
        self.fields = place - _at("<i", content, place)

    def field(self, index: int) -> int:
        """Return where a field is, 0 when it is left out."""
        entry = 4 + 2 * index
        if entry >= _at("<H", self.content, self.fields):
            return 0
        offset = _at("<H", self.content, self.fields + entry)
        return self.place + offset if offset else 0

    def number(self, code: str, index: int) -> int:
        place = self.field(index)
        return _at(code, self.content, place) if place else 0

    def table(self, index: int) -> _Table | None:
        place = self.field(index)
        return _Table(self.content, place + _at("<I", self.content, place)) if place else None

    def pairs(self, index: int) -> Iterator[tuple[int, int]]:
        """Yield the pairs of 64-bit integers of a vector field."""
        place = self.field(index)
        if place:
            start = place + _at("<I", self.content, place)
            for n in range(_at("<I", self.content, start)):
                at = start + 4 + 16 * n
                yield _at("<q", self.content, at), _at("<q", self.content, at + 8)


def _at(code: str, content: memoryview, place: int) -> int:
    if place < 0:
        raise ValueError("an offset before the start")
    (value,) = struct.unpack_from(code, content, place)
    return int(value)
