"""The protocol between the benchmark and the programs it compares: one process each, kept warm.

A contestant first writes one line of JSON about itself: its versions and its answer. Then for every
line it reads, a number of seconds, it fits over and over for that long and writes the seconds each
fit took as one line of JSON. Only the standard library, as it runs in the peers' environment too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypedDict

WARM_UP = 3


class Answer(TypedDict):
    """What a program says of the model, for comparison with the reference."""

    criterion: float
    estimate: list[float]
    std_error: list[float]
    effects: dict[str, float]


class Hello(TypedDict):
    """What a contestant says of itself."""

    versions: str
    answer: Answer


def play(versions: str, fit: Callable[[], object], answer: Callable[[], Answer]) -> None:
    """Be a contestant: time ``fit`` as told on standard input, until it ends."""
    _say({"versions": versions, "answer": answer()})
    for line in sys.stdin:
        _say(_timings(fit, float(line)))


def _say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _timings(fit: Callable[[], object], seconds: float) -> list[float]:
    for _ in range(WARM_UP):
        fit()
    timings: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not timings:
        start = time.perf_counter()
        fit()
        timings.append(time.perf_counter() - start)
    return timings


class Contestant:
    """A contestant's process, started on entering the context and ended on leaving it."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = command

    def __enter__(self) -> Contestant:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.hello: Hello = json.loads(self._line())
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
        timings: list[float] = json.loads(self._line())
        return timings

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise RuntimeError(f"{self.name} ended early, status {self._process.returncode}")
        return line

    def _end(self) -> None:
        with self._process:  # closes the pipes, which ends it, and waits
            pass
