"""Files of tables, and what becomes of them on a bad disk or under a careless hand."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

CSV, TSV = "text/csv", "text/tab-separated-values"
PARQUET = "application/vnd.apache.parquet"
ARROW, ARROW_FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"

Step = Callable[[Random, bytearray], None]
File = tuple[str, bytes]

SCRAPS: Final = (
    *(b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\t", b";"),
    *(b"\xed\xa0\x80", b"1e999", b"-1e-999", b"NaN", b"Inf", b"NA", b"9" * 400, b"x" * 5000),
    *(b"\n\n\n", b",,,,,,,,", b"\x1f\x8b\x08", b"PAR1", b"ARROW1", b"=cmd|' /C calc'!A0"),
)
NUMBERS: Final = tuple(
    value.to_bytes(size, "little", signed=False)
    for size in (1, 2, 4, 8)
    for value in (0, 1, (1 << 8 * size - 1) - 1, 1 << 8 * size - 1, (1 << 8 * size) - 1)
)


def files(seed: int) -> Iterator[File]:
    """Yield files for ever, each with the media type it is sent as; nearly all are damaged."""
    draw, whole = Random(seed), originals()  # noqa: S311  nothing secret is drawn
    while True:
        media, content = draw.choice(whole)
        if draw.random() < 0.02:
            yield media, content
            continue
        damaged = bytearray(content)
        for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
            draw.choice(STEPS)(draw, damaged)
        if draw.random() < 0.1:
            damaged += draw.choice(whole)[1]
        if draw.random() < 0.05:
            damaged = bytearray(gzip.compress(bytes(damaged)))
        if draw.random() < 0.05:
            media = draw.choice(whole)[0]
        yield media, bytes(damaged)


def originals() -> list[File]:
    """Return whole files of every form: of all kinds of column, compressed and not."""
    tables = (_plain(300), _odd(40), _plain(0), _nested())
    csv = _csv(_plain(200))
    made = [
        (CSV, csv),
        (CSV, csv.replace(b"\n", b"\r\n")),
        (CSV, b"\xef\xbb\xbf" + csv),
        (CSV, gzip.compress(csv)),
        (CSV, b'a,"b ""c""",d\n1,"x, y\nz",\n2,NA,007\n'),
        (CSV, "größe,имя\n1,é\n2,日本\n".encode()),
        (TSV, csv.replace(b",", b"\t")),
    ]
    for table in tables:
        made += [(PARQUET, _parquet(table, each)) for each in ("none", "snappy", "zstd", "gzip")]
        made += [(ARROW, _arrow(table, each)) for each in (None, "zstd", "lz4")]
        made.append((ARROW_FILE, _arrow(table, None, file=True)))
    return made


def _plain(rows: int) -> pa.Table:
    draw = Random(3)  # noqa: S311
    return pa.table(
        {
            "y": pa.array([draw.gauss(0, 1) for _ in range(rows)], pa.float64()),
            "n": pa.array([draw.randrange(9) if i % 7 else None for i in range(rows)], pa.int32()),
            "g": pa.array([draw.choice("abc") for _ in range(rows)], pa.string()),
            "ok": pa.array([draw.random() < 0.5 for _ in range(rows)], pa.bool_()),
        }
    )


def _odd(rows: int) -> pa.Table:
    words = pa.array(["one", "two", None, "three"] * (rows // 4)).dictionary_encode()
    return pa.table(
        {
            "words": words,
            "half": pa.array([0.5] * rows, pa.float32()),
            "when": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * rows),
            "day": pa.array([date(2026, 1, 1)] * rows),
            "money": pa.array([Decimal("1.10")] * rows, pa.decimal128(9, 2)),
            "large": pa.array(["x" * 50] * rows, pa.large_string()),
            "unsigned": pa.array([2**64 - 1] * rows, pa.uint64()),
            "nothing": pa.nulls(rows),
        }
    )


def _nested() -> pa.Table:
    return pa.table({"list": [[1, 2], []], "struct": [{"a": 1}, {"a": 2}], "raw": [b"\xff", b""]})


def _csv(table: pa.Table) -> bytes:
    return str(table.to_pandas().to_csv(index=False)).encode()


def _parquet(table: pa.Table, compression: str) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression=compression, row_group_size=100)
    return out.getvalue()


def _arrow(table: pa.Table, compression: str | None, *, file: bool = False) -> bytes:
    out, options = io.BytesIO(), pyarrow.ipc.IpcWriteOptions(compression=compression)
    begin = pyarrow.ipc.new_file if file else pyarrow.ipc.new_stream
    with begin(out, table.schema, options=options) as writer:
        writer.write_table(table, 100)
    return out.getvalue()


def _place(draw: Random, content: bytearray) -> int:
    """Return a place: anywhere, or near an end, where formats keep what they say of the rest."""
    near = min(len(content), draw.choice((64, 600)))
    match draw.randrange(4):
        case 0:
            return draw.randint(0, near)
        case 1 | 2:
            return len(content) - draw.randint(0, near)
        case _:
            return draw.randint(0, len(content))


def _flip(draw: Random, content: bytearray) -> None:
    at = _place(draw, content)
    if at < len(content):
        content[at] ^= 1 << draw.randrange(8)


def _overwrite(draw: Random, content: bytearray) -> None:
    at, value = _place(draw, content), draw.choice(NUMBERS)
    content[at : at + len(value)] = value


def _insert(draw: Random, content: bytearray) -> None:
    at = _place(draw, content)
    content[at:at] = draw.choice((*SCRAPS, draw.randbytes(draw.randint(1, 64))))


def _cut(draw: Random, content: bytearray) -> None:
    at = _place(draw, content)
    del content[at : at + draw.choice((1, 2, 8, 100, 100_000))]


def _double(draw: Random, content: bytearray) -> None:
    at, size = _place(draw, content), draw.randint(1, 400)
    content[at:at] = content[at : at + size] * draw.choice((1, 1, 2, 50))


def _truncate(draw: Random, content: bytearray) -> None:
    if draw.random() < 0.3:
        del content[_place(draw, content) :]


STEPS: Final[tuple[Step, ...]] = (_flip, _flip, _overwrite, _insert, _cut, _double, _truncate)
