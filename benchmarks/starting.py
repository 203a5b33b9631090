"""How long the service takes to start, what it then holds, and how long its first answers take.

    python -m benchmarks.starting --starts 7

The service is started anew each time, in an empty directory and in one that it has used before, and
asked every 5 ms until it answers. Writes benchmarks/results-starting.md.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.loopback import FIT
from benchmarks.machine import machine
from benchmarks.rounds import Measured, table
from benchmarks.servers import free_port

PAGE = Path(__file__).with_name("results-starting.md")
PAUSE = 0.005
LONGEST = 60.0
HEAD = ("milliseconds", "/healthz", "/readyz", "processor", "memory, MB", "first fit", "second fit")


def asked(port: int, method: str, path: str, body: bytes | None = None) -> int:
    """Return the status of an answer over a connection of its own, 0 when nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        connection.close()


def until(port: int, path: str, begun: float) -> float:
    """Return the milliseconds since ``begun`` when a path is answered with 200."""
    while asked(port, "GET", path) != 200:
        assert time.perf_counter() - begun < LONGEST, f"{path} is not answered"
        time.sleep(PAUSE)
    return 1e3 * (time.perf_counter() - begun)


def fitted(port: int, formula: bytes) -> float:
    """Return the milliseconds of a fit that was not made before."""
    begun = time.perf_counter()
    status = asked(port, "POST", "/v1/models", formula)
    assert status in {200, 201}, status
    return 1e3 * (time.perf_counter() - begun)


def start(directory: str) -> tuple[float, ...]:
    """Start the service once; return what ``HEAD`` names."""
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    begun = time.perf_counter()
    with subprocess.Popen(
        [*command, "--data-dir", directory],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        try:
            alive = until(port, "/healthz", begun)
            ready = until(port, "/readyz", begun)
            seen = psutil.Process(process.pid)
            spent, held = seen.cpu_times(), seen.memory_info().rss
            first = fitted(port, FIT)
            second = fitted(port, FIT.replace(b"1 + floor + ", b"1 + "))
        finally:
            process.terminate()
    return (alive, ready, 1e3 * (spent.user + spent.system), held / 2**20, first, second)


def row(name: str, starts: list[tuple[float, ...]]) -> tuple[str, ...]:
    """Return the median of each column, with the lowest and highest."""
    return (name, *(Measured(column).shown(1, 0) for column in zip(*starts, strict=True)))


def report(starts: int) -> str:
    """Measure both kinds of start, in turn, and return the table."""
    empty, known = [], []
    with tempfile.TemporaryDirectory() as directory:
        start(directory)  # bytecode is written, files are in memory
    for _ in range(starts):
        with tempfile.TemporaryDirectory() as directory:
            empty.append(start(directory))
            known.append(start(directory))
    rows = (row("in an empty directory", empty), row("in a directory used before", known))
    return (
        table(HEAD, rows)
        + f"\nMedian (lowest–highest) of {starts} starts of `python -m service serve` after "
        "another one, from the start of the process: until the answer is 200, asked every 5 ms; "
        "processor time and resident memory when it is ready; a fit of the 919 "
        "houses asked for at once, and another one. In an empty directory the tables of the "
        "survey are read and kept before "
        "the service is ready; in the other the first fit is known.\n"
    )


def main() -> None:
    """Parse the command line, measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starting", description=__doc__)
    parser.add_argument("--starts", type=int, default=7)
    options = parser.parse_args()
    page = f"# Starting\n\nWritten by `make bench-start`.\n\n{machine()}\n{report(options.starts)}"
    PAGE.write_text(page, "utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
