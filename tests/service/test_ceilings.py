"""What is made to be too large: refused at once, or done within bounds, over a real connection."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.service.intake.taking import parquet
from tools.live import Live, serving

CSV, PARQUET, ARROW = (
    "text/csv",
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
)
MIB = 1 << 20
MEMORY = 2560 * MIB
ROWS = 3_000_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service whose workers have little memory, and one at a time."""
    limits = {
        "WORKER_MEMORY_BYTES": str(MEMORY),
        "WORKER_PROCESSES": "1",
        "WAIT_SECONDS": "100",
        "MAX_DECODED_BYTES": str(128 * MIB),
        "MAX_ROWS": str(ROWS),
    }
    named = {f"PARTIALPOOL_{name}": value for name, value in limits.items()}
    with serving(tmp_path_factory.mktemp("ceilings"), **named) as running:
        yield running


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with the limits that it has by default, but one worker."""
    named = {"PARTIALPOOL_WORKER_PROCESSES": "1", "PARTIALPOOL_WAIT_SECONDS": "100"}
    named["PARTIALPOOL_WORKER_MEMORY_BYTES"] = str(MEMORY)
    with serving(tmp_path_factory.mktemp("default"), **named) as running:
        yield running


@pytest.fixture
def client(small: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=small.url, timeout=120) as client:
        yield client


def many_rows(millions: int) -> bytes:
    """Parquet of booleans, a tenth of a byte a row."""
    sink = io.BytesIO()
    draw = np.random.default_rng(1).integers(0, 2, 1_000_000).astype(bool)
    table = pa.table({"a": pa.array(draw)})
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        for _ in range(millions):
            writer.write_table(table)
    return sink.getvalue()


def constant_columns() -> bytes:
    """A few kilobytes of Parquet that decode to 160 MB, as no page says."""
    zeros = pa.array(np.zeros(100_000))
    return parquet(pa.table({f"c{i}": zeros for i in range(200)}))


def repeated_text() -> bytes:
    """A dictionary of one long text, which two million cells are."""
    words, cells = pa.array(["x" * 60_000]), pa.array(np.zeros(2_000_000, np.int8))
    return parquet(pa.table({"a": pa.DictionaryArray.from_arrays(cells, words)}))


def long_footer() -> bytes:
    """A Parquet file whose footer says that it is 300 MB long."""
    return b"PAR1" + b"\0" * 100 + struct.pack("<I", 300 * MIB) + b"PAR1"


def nested(depth: int) -> bytes:
    """Lists in lists."""
    kind: pa.DataType = pa.int8()
    for _ in range(depth):
        kind = pa.list_(kind)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema([("a", kind)])):
        pass
    return sink.getvalue()


def wide() -> bytes:
    sink = io.BytesIO()
    table = pa.table({f"c{i}": [1] for i in range(20_000)})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def many_batches() -> bytes:
    """Batches of no row at all, each of which takes its time."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema([("a", pa.int8())])) as writer:
        writer.write_batch(empty := pa.record_batch({"a": pa.array([], pa.int8())}))
        one = len(sink.getvalue())
        writer.write_batch(empty)
        frame = sink.getvalue()[one:]
        sink.write(frame * 110_000)
    return gzip.compress(sink.getvalue())


BOMBS: dict[str, tuple[Callable[[], bytes], str, int, str]] = {
    "rows that are bits": (lambda: many_rows(4), PARQUET, 422, "too_many_rows"),
    "columns of zeros": (constant_columns, PARQUET, 413, "too_many_bytes"),
    "a long text repeated": (repeated_text, PARQUET, 413, "too_many_bytes"),
    "a long footer": (long_footer, PARQUET, 422, "long_footer"),
    "gzip": (lambda: gzip.compress(b"a\n" + b"1\n" * 40_000_000), CSV, 413, "swelling_gzip"),
    "nested lists": (lambda: nested(50), ARROW, 422, "nested_column"),
    "deeply nested lists": (lambda: nested(5_000), ARROW, 422, "unreadable_file"),
    "batches without rows": (many_batches, ARROW, 422, "too_many_frames"),
    "20,000 columns": (wide, ARROW, 422, "too_many_columns"),
}


@pytest.mark.parametrize(("make", "media", "status", "code"), BOMBS.values(), ids=BOMBS)
def test_a_file_made_to_swell_is_refused_in_little_memory(
    client: httpx.Client,
    small: Live,
    make: Callable[[], bytes],
    media: str,
    status: int,
    code: str,
) -> None:
    bomb = make()
    assert len(bomb) < 8 * MIB
    before = peak(small)
    answer = client.post("/v1/datasets", content=bomb, headers={"content-type": media})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert peak(small) - before < 600 * MIB
    assert client.get("/healthz").status_code == 200


def test_rows_within_the_limits_are_streamed_however_well_they_were_compressed(
    client: httpx.Client, small: Live
) -> None:
    zeros = parquet(pa.table({"a": pa.array(np.zeros(ROWS)), "b": np.zeros(ROWS)}))
    before = peak(small)
    answer = client.post("/v1/datasets", content=zeros, headers={"content-type": PARQUET})
    assert (answer.status_code, answer.json()["n_rows"]) == (201, ROWS)
    assert peak(small) - before < 300 * MIB


def test_a_fit_that_needs_more_memory_than_a_worker_has_ends_as_a_problem(
    client: httpx.Client, small: Live
) -> None:
    """About 130,000 levels and 600 columns: 600 MB of sums, and as much again to make them."""
    dataset = upload(client, rows=150_000, groups=500_000, kinds=600)
    before = peak(small)
    answer = client.post("/v1/models", json={"dataset": dataset, "formula": "y ~ k + (1 | g)"})
    assert (answer.status_code, answer.json()["code"]) == (507, "out_of_memory")
    assert peak(small) - before < 600 * MIB  # it was never tried where requests are answered
    after = client.post("/v1/models", json={"dataset": dataset, "formula": "y ~ x + (1 | k)"})
    assert after.status_code == 201
    assert after.json()["groups"] == {"k": 600}


@pytest.mark.slow
def test_fifty_million_rows_in_five_megabytes_are_refused(default: Live) -> None:
    bomb = many_rows(50)
    assert len(bomb) < 8 * MIB
    before = peak(default)
    headers = {"content-type": PARQUET}
    answer = httpx.post(f"{default.url}/v1/datasets", content=bomb, headers=headers, timeout=120)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_many_rows")
    assert peak(default) - before < 600 * MIB


@pytest.mark.slow
def test_a_fit_of_more_than_a_gigabyte_of_sums_ends_as_a_problem(default: Live) -> None:
    """About 250,000 levels and 600 columns."""
    with httpx.Client(base_url=default.url, timeout=120) as client:
        dataset = upload(client, rows=400_000, groups=350_000, kinds=600)
        before = peak(default)
        answer = client.post("/v1/models", json={"dataset": dataset, "formula": "y ~ k + (1 | g)"})
        assert (answer.status_code, answer.json()["code"]) == (507, "out_of_memory")
        assert peak(default) - before < 600 * MIB


def upload(client: httpx.Client, rows: int, groups: int, kinds: int) -> Any:
    draw = np.random.default_rng(1)
    names = [pa.array([f"{i}" for i in range(n)]) for n in (groups, kinds)]
    codes = [pa.array(draw.integers(0, n, rows).astype(np.int32)) for n in (groups, kinds)]
    texts = [
        pa.DictionaryArray.from_arrays(own, its).cast(pa.string())
        for own, its in zip(codes, names, strict=True)
    ]
    columns = {"g": texts[0], "k": texts[1], "x": draw.normal(size=rows)}
    table = pa.table({**columns, "y": draw.normal(size=rows)})
    answer = client.post(
        "/v1/datasets",
        content=parquet(table),
        params={"text": ["g", "k"]},
        headers={"content-type": PARQUET},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def peak(live: Live) -> int:
    """Return the most memory that the process has held, in bytes."""
    status = Path(f"/proc/{live.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
