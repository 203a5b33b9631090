"""A summary as bytes, JSON or Arrow, and back; equal summaries have equal bytes.

As Arrow it is a table of one row per array, with the columns ``name`` (``groups.0.zz``),
``numbers`` and ``texts``; the rest of the document is JSON among the metadata of the schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NoReturn, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

from engine.errors import DataError, Problem
from engine.summaries.document import Document, to_document
from engine.summaries.reading import from_document
from engine.summaries.summary import FORMAT, Summary

Encoding = Literal["json", "arrow"]
_Row: TypeAlias = tuple[str, NDArray[np.float64] | None, list[str] | None]

_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("numbers", pa.large_list(pa.float64())),
        pa.field("texts", pa.large_list(pa.large_string())),
    ]
)
_ARRAYS = ("columns", "products", "groups", "meetings")
_MOST_ARRAYS = 100_000
_BROKEN = (ValueError, TypeError, KeyError, IndexError, RecursionError, OSError, pa.ArrowException)


def write_summary(summary: Summary, encoding: Encoding = "json") -> bytes:
    """A summary as bytes: JSON text, or an Arrow IPC stream; lossless both."""
    document = to_document(summary)
    return _json(document) if encoding == "json" else _arrow(document)


def read_summary(data: bytes) -> Summary:
    """The summary that these bytes hold, JSON or Arrow (stream or file).

    The memory taken is a small multiple of the bytes, unless an Arrow file is compressed: from a
    stranger, refuse that first.

    Raises:
        EngineError: they hold none; the path of the problem says where it is wrong.
    """
    try:
        document = _parsed_json(data) if data.lstrip()[:1] == b"{" else _parsed_arrow(data)
    except _BROKEN as error:
        raise DataError(
            Problem(
                "not_a_summary",
                "these bytes are neither JSON nor an Arrow stream that holds a summary",
                f'the format is described in docs/summaries.md: "{FORMAT}"',
            )
        ) from error
    return from_document(document)


def digest_of(summary: Summary) -> str:
    """The SHA-256 of a summary's content, whichever way it was written.

    Hashed are, each followed by a line feed: the JSON of all but the arrays, with sorted keys, and
    for each array its name, then its texts as JSON or its numbers as little-endian doubles.
    """
    document = to_document(summary)
    header = {key: value for key, value in document.items() if key not in _ARRAYS}
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode() + b"\n")
    for key in _ARRAYS:
        for name, numbers, texts in _rows(key, document[key]):
            content = json.dumps(texts).encode() if numbers is None else numbers.astype("<f8").data
            found.update(name.encode() + b"\n")
            found.update(content)
            found.update(b"\n")
    return found.hexdigest()


def _json(document: Document) -> bytes:
    text = json.dumps(
        document, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return text.encode()


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in a summary")


def _parsed_json(data: bytes) -> object:
    return json.loads(data, parse_constant=_no_number)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _arrow(document: Document) -> bytes:
    header = {key: value for key, value in document.items() if key not in _ARRAYS}
    rows = [row for key in _ARRAYS for row in _rows(key, document[key])]
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    schema = _SCHEMA.with_metadata({FORMAT: text})
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, schema) as writer:
        columns = [[row[i] for row in rows] for i in range(3)]
        writer.write_table(pa.table(columns, schema=schema))
    return bytes(sink.getvalue())


def _rows(name: str, value: object) -> Iterator[_Row]:
    """One row per array of a part of the document."""
    if isinstance(value, np.ndarray):
        yield name, value.astype(np.float64), None
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _rows(f"{name}.{key}", inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, inner in enumerate(value):
            yield from _rows(f"{name}.{i}", inner)
    elif isinstance(value, list):
        yield name, None, [text for each in value for text in _texts(each)]


def _texts(value: object) -> list[str]:
    return list(map(str, value)) if isinstance(value, list) else [str(value)]


def _parsed_arrow(data: bytes) -> Document:
    opened = ipc.open_file(data) if data[:6] == b"ARROW1" else ipc.open_stream(data)
    table = opened.read_all()
    header = json.loads(table.schema.metadata[FORMAT.encode()], parse_constant=_no_number)
    if table.num_rows > _MOST_ARRAYS or not isinstance(header, dict) or {*header} & {*_ARRAYS}:
        raise ValueError("this is another table")
    table = table.cast(_SCHEMA).combine_chunks()
    table.validate(full=True)
    document: Document = header
    names, numbers, texts = (table.column(name) for name in _SCHEMA.names)
    for i, name in enumerate(names.to_pylist()):
        own, its = numbers[i].values, texts[i].values
        if (own is None) == (its is None) or (own is not None and own.null_count):
            raise ValueError("an array is of neither numbers nor texts")
        _put(document, name.split("."), its.to_pylist() if own is None else own.to_numpy())
    for group in _objects(document.get("groups")):
        _unflatten(group)
    return document


def _put(document: Document, path: list[str], value: object) -> None:
    """Set the value at a path such as ``groups.0.zz``, which nothing else has."""
    at: object = document
    for key, following in pairwise([*path, ""]):
        fresh: object = value if not following else [] if following.isdecimal() else {}
        if isinstance(at, list):
            if int(key) > len(at):
                raise ValueError("an entry is left out")
            if int(key) == len(at):
                at.append(fresh)
            at = at[int(key)]
        elif isinstance(at, dict):
            if not following and key in at:
                raise ValueError("an array stands twice")
            at = at.setdefault(key, fresh)
        else:
            raise TypeError("an array stands inside another")


def _objects(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _unflatten(group: Document) -> None:
    """Give the levels of several columns back as lists."""
    levels, columns = group.get("levels"), group.get("columns")
    if isinstance(levels, list) and isinstance(columns, list) and len(columns) > 1:
        width = len(columns)
        group["levels"] = [levels[i : i + width] for i in range(0, len(levels), width)]
