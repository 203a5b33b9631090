"""How much a service grows while a large file arrives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest

from service.places import WorkerDiedError
from service.shares import silent
from service.workers import Workers
from tests.faults.traffic import CSV
from tests.faults.work import PATIENCE
from tests.service import tasking
from tools.live import Live, serving

SIZE = 1 << 30
CEILING = 150_000_000
SMALL = b"county,floor,x,y\nA,1,0.5,1\nB,0,0.25,2\n"
GIVEN = {
    "PARTIALPOOL_BUNDLED_DATA": "false",
    "PARTIALPOOL_MAX_BODY_BYTES": str(2 * SIZE),
    "PARTIALPOOL_MAX_DECODED_BYTES": str(8 * SIZE),
    "PARTIALPOOL_MAX_ROWS": "100000000",
}


class Peak:
    """The most memory that a process was seen to hold, in bytes, beyond what it held before."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._before = self._most = int(process.memory_info().rss)
        self._ending = threading.Event()

    @property
    def grown(self) -> int:
        return self._most - self._before

    def watch(self) -> None:
        while not self._ending.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)

    def end(self) -> None:
        self._ending.set()


@contextmanager
def peak(live: Live) -> Iterator[Peak]:
    """Watch the memory of a service, from outside."""
    made = Peak(psutil.Process(live.process.pid))
    thread = threading.Thread(target=made.watch)
    thread.start()
    try:
        yield made
    finally:
        made.end()
        thread.join()


@pytest.mark.slow
def test_a_gigabyte_of_csv_costs_less_than_150_megabytes(tmp_path: Path) -> None:
    """Of memory, in the process that answers; the libraries are loaded by a small file before."""
    with serving(tmp_path, **GIVEN) as live, httpx.Client(base_url=live.url, timeout=900) as client:
        assert client.post("/v1/datasets", content=SMALL, headers=CSV).status_code == 201
        with peak(live) as watched:
            answer = client.post("/v1/datasets?name=large", content=_pieces(), headers=CSV)
        assert answer.status_code == 201, answer.text
        assert answer.json()["n_rows"] > 10_000_000
        print(f"grown by {watched.grown / 1e6:.0f} MB for {SIZE / 1e6:.0f} MB")  # noqa: T201
        assert watched.grown < CEILING


def _pieces() -> Iterator[bytes]:
    """Return a gigabyte of houses: text, whole numbers and decimals, the same ones repeated."""
    draw, rows = np.random.default_rng(1), 100_000
    county = [f"county-{each:04d}" for each in draw.integers(0, 3000, rows)]
    columns = {
        "county": county,
        "floor": draw.integers(0, 2, rows),
        "x": draw.standard_normal(rows),
        "y": draw.standard_normal(rows),
    }
    text = pd.DataFrame(columns).to_csv(index=False)
    head, _, body = text.partition("\n")
    yield f"{head}\n".encode()
    piece, sent = body.encode(), 0
    while sent < SIZE:
        yield piece
        sent += len(piece)


@contextmanager
def little_memory(size: int) -> Iterator[Path]:
    """Make a control group whose processes may hold so many bytes, of either version."""
    root = Path("/sys/fs/cgroup")
    old = (root / "memory").is_dir()
    group = root / ("memory/partialpool-test" if old else "partialpool-test")
    if not old:
        (root / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(size))
        yield group
    finally:
        group.rmdir()


def test_a_worker_that_the_system_ends_for_want_of_memory_is_told_so() -> None:
    asyncio.run(_ended_by_the_system())


async def _ended_by_the_system() -> None:
    workers = Workers(1, 8 << 30, threads=1)
    try:
        with little_memory(600 << 20) as group:
            worker = await workers.run(tasking.pid, progress=silent, seconds=PATIENCE)
            (group / "cgroup.procs").write_text(str(worker))
            with pytest.raises(WorkerDiedError) as caught:
                await workers.run(tasking.hold, 2 << 30, progress=silent, seconds=PATIENCE)
        assert "no memory left" in caught.value.detail
        assert await workers.run(tasking.add, 1, 1, progress=silent, seconds=PATIENCE) == 2
    finally:
        await workers.close()
