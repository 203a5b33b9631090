"""A fit of many rows on 1, 2 and 4 workers of a cluster: ``python -m benchmarks.cluster``.

The table is that of ``benchmarks.scan``. A scheduler and workers run as processes of this machine,
one task at a time each, with one thread for Polars and for linear algebra; all workers share its
processors, so what is seen here is what a cluster costs, and that its answer does not depend on its
size. ``plain`` is the same scan in one process without a cluster, also with one thread. ``empty``
are as many tasks as a fit has, which do nothing: the overhead of scheduler, pipes and processes.
Least of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.machine import machine
from benchmarks.scan import FORMULA, write
from engine import Fit, Progress, fit_spec, from_bytes, partitions
from service import parted
from service.blobs import Blobs, digest_of
from service.cluster.client import Cluster
from service.intake import heights
from service.orders import Order, specify
from service.places import Step
from service.schemas.fits import FitRequest
from service.settings import Settings
from service.stored import Stored

WORKERS = (1, 2, 4)
SECONDS = 3600.0
PAGE = Path(__file__).parent / "results-cluster.md"


def nothing(*_: object, progress: Progress) -> None:
    progress(1.0, "")


def told(_: float, __: str, /) -> None:
    """Take no note of progress."""


@contextmanager
def processes(directory: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run a scheduler; workers that are added to the list are ended with it."""
    file = directory / "scheduler.json"
    command = [sys.executable, "-m", "service", "scheduler", "--port", "0", "--file", str(file)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL)]
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def worker(directory: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service", "worker", str(directory / "scheduler.json")]
    env = os.environ | {"PARTIALPOOL_WORKER_PROCESSES": "1"}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)


async def timed(run: Callable[[], Awaitable[object]], rounds: int) -> float:
    await run()  # processes are started and pages read
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        await run()
        best = min(best, time.perf_counter() - begun)
    return best


class Contest:
    """The same fit again and again, of a table that is in a store.

    ``fits`` are the keys of the files that it was kept in, one for each number of workers.
    """

    def __init__(self, directory: Path, stored: Stored, part_rows: int) -> None:
        self.directory, self.stored, self.part_rows = directory, stored, part_rows
        self.blobs = f"file://{directory}/blobs"
        asked = FitRequest(formula=FORMULA, dataset="rows")
        self.order = Order.of(specify(asked), "rows", "hash")
        self.fits: list[str] = []

    async def fit(self, cluster: Cluster) -> None:
        """Fit the table and keep the fit."""
        given = (self.order, self.stored, self.blobs, False, self.part_rows)
        row = await parted.fit(cluster, *given, progress=told, seconds=SECONDS)
        self.fits.append(row.blob)

    async def empty(self, cluster: Cluster, parts: int) -> None:
        """As many tasks as a fit has, in the same tree."""
        from benchmarks.cluster import nothing  # workers cannot find what is in __main__

        steps = [Step(nothing, ()) for _ in range(parts)]
        await cluster.run(nothing, progress=told, seconds=SECONDS)
        joined = [Step(nothing, tuple(steps[i : i + 8])) for i in range(0, parts, 8)]
        await cluster.run(nothing, *joined, progress=told, seconds=SECONDS)

    async def on(self, count: int, parts: int, rounds: int) -> tuple[float, float]:
        """The seconds of a fit and of empty tasks on the workers that are there."""
        cluster = Cluster(Settings(compute=str(self.directory / "scheduler.json")))
        await cluster.start()
        try:
            while cluster.members < count:  # noqa: ASYNC110  the client asks the scheduler itself
                await asyncio.sleep(0.2)
            fits = await timed(lambda: self.fit(cluster), rounds)
            return fits, await timed(lambda: self.empty(cluster, parts), rounds)
        finally:
            await cluster.close()


def plain(path: Path, order: Order, rounds: int) -> tuple[float, Fit]:
    """The seconds of the scan without a cluster, and its fit."""
    best = float("inf")
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        fit = fit_spec(order.specified.spec, pl.scan_parquet(path, glob=False))
        best = min(best, time.perf_counter() - begun)
    return best, fit


def apart(one: Fit, other: Fit) -> float:
    """The largest relative difference of estimates and standard errors."""
    pairs = ((one.beta, other.beta), (one.std_errors, other.std_errors), (one.theta, other.theta))
    return max(float(abs(a / b - 1.0).max()) for a, b in pairs)


def contest(rows: int, rounds: int, part_rows: int, directory: Path) -> str:
    path = directory / "rows.parquet"
    write(path, rows)
    blobs = Blobs(f"file://{directory}/blobs")
    key = asyncio.run(blobs.put_file(path, ".parquet"))
    made = Contest(directory, Stored((key,)), part_rows)
    alone, whole = plain(path, made.order, rounds)
    parts = len(partitions(heights(path), part_rows, parted.MOST_PARTS))
    lines = [f"| plain scan | {alone:.2f} | 1.00 | | |"]
    with processes(directory) as running:
        for count in WORKERS:
            running += [worker(directory) for _ in range(count + 1 - len(running))]
            seconds, empty = asyncio.run(made.on(count, parts, rounds))
            share = f"{seconds:.2f} | {seconds / alone:.2f} | {empty:.3f}"
            lines.append(f"| {count} | {share} | {1e3 * empty / parts:.1f} |")
    assert len({digest_of(own) for own in made.fits}) == 1, "fits on clusters of other sizes differ"
    found = from_bytes(asyncio.run(blobs.read(made.fits[0])))
    head = [
        f"{rows:,} rows in {parts} parts.",
        "",
        "| workers | seconds | x plain | empty tasks, seconds | by part, milliseconds |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    foot = [
        "",
        f"All {len(made.fits)} fits on the cluster are equal to the last bit.",
        f"From the plain scan they differ by {apart(found, whole):.0e} at most.",
    ]
    return "\n".join([*head, *lines, *foot]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part-rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    about = machine()
    with TemporaryDirectory() as folder:
        found = contest(asked.rows, asked.rounds, asked.part_rows, Path(folder))
    head = f"# A fit on a cluster\n\nWritten by `make bench-cluster`.\n\n{__doc__}\n"
    PAGE.write_text(f"{head}\n{about}\n{found}", "utf-8")
    print(found)


if __name__ == "__main__":
    main()
