"""Many clients at once, and predictions beside large fits: ``python -m benchmarks.crowd``.

Three parts, each with a service of its own, written to benchmarks/results-load.md:

- known fits and single predictions a second, with keys and rate limits and without, beside a bare
  FastAPI endpoint that answers the same (``benchmarks.guarded``);
- 200 clients for five minutes, each a second's pause on average between its requests: predictions,
  known fits, effects, plots, and uploads of new tables that are then fitted. Every status is
  counted; the memory of the service's own process and of all its processes is noted;
- one client that predicts, alone, and while large fits run in the worker processes.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import psutil

from benchmarks import guarded
from benchmarks.drawing import milliseconds
from benchmarks.fits import HOUSES
from benchmarks.loopback import FIT, PREDICT
from benchmarks.machine import machine
from benchmarks.rounds import table
from benchmarks.servers import Server

PAGE = Path(__file__).with_name("results-load.md")
CLIENTS = 200
PAUSE = 1.0
JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
SHARES = {"predict": 0.70, "known fit": 0.17, "effects": 0.10, "plot": 0.01, "upload and fit": 0.02}
LARGE_ROWS, LARGE_FITS = 2_000_000, 6


class Crowd:
    """Clients that ask by turns what ``SHARES`` says, and what they were answered."""

    def __init__(self, http: httpx.AsyncClient, model: str, houses: str) -> None:
        self._http, self._model, self._houses = http, model, houses
        self._asks: dict[str, Callable[[np.random.Generator], Awaitable[httpx.Response]]] = {
            "predict": lambda _: http.post(f"{model}/predictions", content=PREDICT, headers=JSON),
            "known fit": lambda _: http.post("/v1/models", content=FIT, headers=JSON),
            "effects": lambda _: http.get(f"{model}/effects/county?limit=200"),
            "plot": self._plot,
            "upload and fit": self._upload,
        }
        self.took: dict[str, list[float]] = defaultdict(list)
        self.statuses: Counter[tuple[str, int]] = Counter()

    async def client(self, number: int, end: float) -> None:
        """Be one client until the end."""
        draw = np.random.default_rng(number)
        names, shares = list(SHARES), list(SHARES.values())
        await asyncio.sleep(draw.uniform(0.0, PAUSE))
        while time.monotonic() < end:
            name = str(draw.choice(names, p=shares))
            begun = time.perf_counter()
            answer = await self._asks[name](draw)
            self.took[name].append(1e3 * (time.perf_counter() - begun))
            self.statuses[name, answer.status_code] += 1
            await asyncio.sleep(draw.exponential(PAUSE))

    async def _plot(self, draw: np.random.Generator) -> httpx.Response:
        scale = 1.0 + round(draw.uniform(), 3)  # hardly ever one that is drawn already
        return await self._http.get(f"{self._model}/plots/caterpillar?format=png&scale={scale}")

    async def _upload(self, draw: np.random.Generator) -> httpx.Response:
        content = self._houses.replace(",2.2,", f",{2.2 + draw.uniform():.9f},", 1).encode()
        kept = await self._http.post("/v1/datasets", content=content, headers=CSV)
        if kept.status_code >= 300:
            return kept
        asked = json.loads(FIT) | {"dataset": kept.json()["id"]}
        return await self._http.post("/v1/models", content=json.dumps(asked), headers=JSON)


def megabytes(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process, and of it with all that it has started."""
    own = psutil.Process(pid)
    each = [process.memory_info().rss for process in (own, *own.children(recursive=True))]
    return each[0] / 1e6, sum(each) / 1e6


async def watched(pid: int, seconds: float) -> list[tuple[float, float]]:
    """Return the memory at the beginning and after each fifth of the time."""
    found = [megabytes(pid)]
    for _ in range(5):
        await asyncio.sleep(seconds / 5)
        found.append(megabytes(pid))
    return found


async def crowd(server: Server, houses: str, seconds: float) -> str:
    """Let the clients ask, and return the tables."""
    server.post("/v1/datasets?name=minnesota-radon", houses.encode(), "text/csv")
    model = server.post("/v1/models", FIT).json()["id"]
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60.0) as http:
        asked = Crowd(http, f"/v1/models/{model}", houses)
        end = time.monotonic() + seconds
        memory = asyncio.create_task(watched(server.pid, seconds))
        await asyncio.gather(*(asked.client(number, end) for number in range(CLIENTS)))
    rows = []
    for name, took in asked.took.items():
        statuses = sorted((code, n) for (own, code), n in asked.statuses.items() if own == name)
        shown = ", ".join(f"{code}: {n:,}" for code, n in statuses)
        rows.append((name, shown, *(f"{np.percentile(took, q):.1f}" for q in (50, 99, 100))))
    held = [
        (f"{fifth * seconds / 5:.0f} s", f"{own:.0f}", f"{whole:.0f}")
        for fifth, (own, whole) in enumerate(await memory)
    ]
    return (
        table(("request", "answers", "median ms", "p99 ms", "longest ms"), rows)
        + "\n"
        + table(("after", "MB of the service", "MB with its workers"), held)
    )


def large(seed: int) -> bytes:
    """Draw a table whose fit takes a worker process a while, as Parquet."""
    draw = np.random.default_rng(seed)
    g, x = draw.integers(0, 5_000, LARGE_ROWS), draw.normal(size=LARGE_ROWS)
    y = 1.0 + 0.5 * x + draw.normal(size=5_000)[g] + draw.normal(size=LARGE_ROWS)
    out = io.BytesIO()
    pd.DataFrame({"y": y, "x": x, "g": g}).to_parquet(out)
    return out.getvalue()


def beside_large_fits(server: Server, seconds: float) -> str:
    """Predict alone and beside large fits, and return the table."""
    server.post("/v1/datasets?name=minnesota-radon", Path(HOUSES).read_bytes(), "text/csv")
    path = f"/v1/models/{server.post('/v1/models', FIT).json()['id']}/predictions"
    kind = "application/vnd.apache.parquet"
    tables = [
        server.post("/v1/datasets", large(seed), kind).json()["id"] for seed in range(LARGE_FITS)
    ]
    end = time.perf_counter() + seconds
    alone = milliseconds(server.port, path, lambda: time.perf_counter() < end)
    asks = [{"dataset": each, "formula": "y ~ x + (x | g)"} for each in tables]
    jobs = [server.later("/v1/models", json.dumps(ask).encode()) for ask in asks]
    ending = _ending(server, jobs)
    beside = milliseconds(server.port, path, lambda: next(ending))
    rows = [
        (what, f"{len(own):,}", *(f"{np.percentile(own, q):.2f}" for q in (50, 99, 100)))
        for what, own in (("alone", alone), (f"while {LARGE_FITS} large fits run", beside))
    ]
    return table(("predictions", "requests", "median ms", "p99 ms", "longest ms"), rows)


def _ending(server: Server, jobs: list[str]) -> Iterator[bool]:
    """Whether some of the jobs still run; they are asked a few times a second."""
    asked, going = 0.0, True
    while True:
        if going and time.monotonic() - asked > 0.3:
            found = [server.ask("GET", job).json() for job in jobs]
            failed = [job for job in found if job["state"] in {"failed", "cancelled"}]
            assert not failed, failed
            asked, going = time.monotonic(), any(job["state"] != "succeeded" for job in found)
        yield going


def report(seconds: float, rounds: int) -> Iterator[str]:
    """Measure all parts; yield the sections of the page."""
    yield f"# Under load\n\nWritten by `make bench-load`.\n\n{machine()}"
    yield "## Beside a bare endpoint\n\n" + guarded.report(rounds, 3.0)
    serve = ("service", "serve", "--data-dir")
    with tempfile.TemporaryDirectory() as scratch, Server(*serve, scratch) as server:
        shares = ", ".join(f"{share:.0%} {name}" for name, share in SHARES.items())
        yield (
            f"## {CLIENTS} clients for {seconds / 60:g} minutes\n\n"
            f"Each pauses {PAUSE:g} s on average between its requests: {shares}. A plot is drawn "
            "anew each time, an uploaded table is new and its fit too; the time of both together "
            "is told. The clients run on the same machine.\n\n"
            + asyncio.run(crowd(server, Path(HOUSES).read_text("ascii"), seconds))
        )
    with tempfile.TemporaryDirectory() as scratch, Server(*serve, scratch) as server:
        yield (
            "## Predictions beside large fits\n\n"
            f"One client predicts one house after the other; the fits are of {LARGE_ROWS:,} rows "
            "each with correlated slopes, as jobs.\n\n"
            + beside_large_fits(server, min(seconds, 10.0))
        )


def main() -> None:
    """Parse the command line, measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    page = "\n".join(report(options.seconds, options.rounds))
    PAGE.write_text(page, "utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
