"""The protocol between the benchmark and the programs it compares: one process each, kept warm.

A contestant first fits once and writes one line of JSON about itself: its versions, its answer, and
how long that took. Then for every line it reads, a number of seconds, it fits over and over for
that long and writes the seconds each fit took as one line of JSON. Nothing else reaches the
protocol's stream: what libraries print goes to standard error. Only the standard library, as it
runs in the peers' environment too.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypedDict

WARM_UP = 3
PATIENCE = 10.0
"""A program that answered once within its limit may take so many times as long in a round."""
QUICK = 0.1
"""Fits that take less than so many seconds are warmed up before they are timed."""


class Answer(TypedDict):
    """What a program says of the model; the effects of the levels only where they are wanted."""

    criterion: float
    estimate: list[float]
    std_error: list[float]
    effects: dict[str, float]


class Hello(TypedDict):
    """What a contestant says of itself; ``seconds`` of its first fit."""

    versions: str
    answer: Answer
    seconds: float


class OverTimeError(RuntimeError):
    """A program did not answer within the time it was given."""


def play(versions: str, fit: Callable[[], object], answer: Callable[[], Answer]) -> None:
    """Be a contestant: time ``fit`` as told on standard input, until it ends."""
    with os.fdopen(os.dup(1), "w") as stream:
        os.dup2(2, 1)

        def say(message: object) -> None:
            stream.write(json.dumps(message) + "\n")
            stream.flush()

        start = time.perf_counter()
        first = answer()
        seconds = time.perf_counter() - start
        say({"versions": versions, "answer": first, "seconds": seconds})
        for line in sys.stdin:
            say(_timings(fit, float(line), seconds))


def _timings(fit: Callable[[], object], seconds: float, first: float) -> list[float]:
    for _ in range(WARM_UP if first < QUICK else 0):
        fit()
    timings: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not timings:
        start = time.perf_counter()
        fit()
        timings.append(time.perf_counter() - start)
    return timings


class Contestant:
    """A contestant's process, started on entering the context and ended on leaving it.

    ``limit`` are the seconds it has for an answer and ``memory`` the bytes it may address.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        limit: float | None = None,
        memory: int | None = None,
    ) -> None:
        self.name = name
        self._limit = limit
        held = memory is not None and shutil.which("prlimit") is not None
        self._command = [*(["prlimit", f"--as={memory}"] if held else []), *command]

    def __enter__(self) -> Contestant:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self._limit else None,
            text=True,
            env=environment,
        )
        self.hello: Hello = json.loads(self._line(self._limit))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def fit_for(self, seconds: float) -> list[float]:
        """Return the seconds each fit took, fitting for about ``seconds``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        patience = None if self._limit is None else seconds + PATIENCE * self._limit
        timings: list[float] = json.loads(self._line(patience))
        return timings

    def peak(self) -> int | None:
        """The most memory that the process has held so far, in bytes; ``None`` but on Linux."""
        status = Path(f"/proc/{self._process.pid}/status")
        if not status.exists():
            return None
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))
        return 1024 * int(found[1]) if found else None

    def _line(self, limit: float | None) -> str:
        """The next line; it is written whole, so the stream need not be asked twice."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        if not ready:
            self._process.kill()
            self._end()
            raise OverTimeError(f"{self.name} did not answer within {limit:g} s")
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise RuntimeError(f"{self.name} ended early, status {self._process.returncode}")
        return line

    def _end(self) -> None:
        with self._process:  # closes the pipes, which ends it, and waits
            pass
