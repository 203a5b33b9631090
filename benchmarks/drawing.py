"""Whether predictions stay quick while plots are drawn: their times alone, and beside 20 drawings.

    python -m benchmarks.drawing --seconds 10

One client asks for the prediction of one house, one request after the other. Beside it, every plot
of the model is asked for as PNG at other scales than before, so that none is kept, until 20 and
more have been drawn. Writes benchmarks/results-drawing.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.loopback import FIT, PREDICT
from benchmarks.machine import machine
from benchmarks.rounds import table
from benchmarks.servers import Server

PAGE = Path(__file__).with_name("results-drawing.md")
DRAWINGS = 20
ASKING = 4
"""Clients that ask for drawings at a time."""


def milliseconds(port: int, path: str, wanted: Callable[[], bool]) -> np.ndarray:
    """Predict while it is wanted, one request after the other; return what each took."""
    connection, took = HTTPConnection("127.0.0.1", port, timeout=60), []
    while wanted():
        begun = time.perf_counter()
        connection.request("POST", path, PREDICT, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        took.append(1e3 * (time.perf_counter() - begun))
        assert answer.status == 200, answer.status
    connection.close()
    return np.array(took)


class Drawings:
    """Plots that are drawn, each once, by several clients."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self._port, self._paths = port, paths
        self._next, self._lock = count(), threading.Lock()
        self.drawn = 0
        self._threads = [threading.Thread(target=self._ask) for _ in range(ASKING)]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def going(self) -> bool:
        """Whether there are still some to draw."""
        return any(thread.is_alive() for thread in self._threads)

    def _ask(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=120)
        while (number := next(self._next)) < DRAWINGS:
            path = self._paths[number % len(self._paths)]
            scale = 1.0 + (number // len(self._paths)) / 8
            connection.request("GET", f"{path}?format=png&scale={scale}")
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            with self._lock:
                self.drawn += 1
        connection.close()


def report(seconds: float) -> str:
    """Measure both and return the table."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Server("service", "serve", "--data-dir", directory) as server,
    ):
        model = server.post("/v1/models", FIT).json()["id"]
        path = f"/v1/models/{model}/predictions"
        listed = server.ask("GET", f"/v1/models/{model}/plots").json()["items"]
        plots = [f"/v1/models/{model}/plots/{each['name']}" for each in listed]
        warm = server.ask("GET", f"{plots[0]}?format=png&scale=3")
        assert warm.status == 200, warm.body
        end = time.perf_counter() + seconds
        alone = milliseconds(server.port, path, lambda: time.perf_counter() < end)
        drawings = Drawings(server.port, plots)
        drawings.start()
        beside = milliseconds(server.port, path, drawings.going)
    assert drawings.drawn == DRAWINGS, drawings.drawn
    rows = [
        (what, f"{len(own):,}", *(f"{np.percentile(own, q):.2f}" for q in (50, 99, 100)))
        for what, own in (("alone", alone), (f"while {DRAWINGS} plots are drawn", beside))
    ]
    return table(("predictions", "requests", "median ms", "p99 ms", "longest ms"), rows)


def main() -> None:
    """Parse the command line, measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drawing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    head = (
        f"# Predictions while plots are drawn\n\nWritten by `make bench-drawing`.\n\n{machine()}\n"
    )
    page = head + report(options.seconds)
    PAGE.write_text(page, "utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
