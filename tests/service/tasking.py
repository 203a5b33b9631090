"""Tasks for worker processes, each of which does one thing that a fit might."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time

import numpy as np

from engine import DataError, Problem, Progress


def add(a: int, b: int, *, progress: Progress) -> int:
    progress(0.5, "adding")
    return a + b


def pid(*, progress: Progress) -> int:
    progress(1.0, "")
    return os.getpid()


def count(steps: int, *, progress: Progress) -> str:
    """Tell of steps, some of them backwards; return how many threads linear algebra may have."""
    for i in range(steps):
        progress((i - i % 2) / steps, f"step {i}")
        time.sleep(0.12)
    return os.environ["OPENBLAS_NUM_THREADS"]


def multiply(size: int, *, progress: Progress) -> float:
    """Do nothing but linear algebra, for ever."""
    matrix = np.ones((size, size))
    while True:
        progress(0.1, "multiplying")
        matrix = matrix @ matrix / size


def die(*, progress: Progress) -> None:
    progress(0.0, "dying")
    os.kill(os.getpid(), signal.SIGKILL)


def die_writing(*, progress: Progress) -> None:
    progress(0.0, tempfile.mkdtemp())
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A large result; the process that hands it over is killed ``seconds`` after it has begun."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        threading.Timer(self.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return bytes, (bytes(64 << 20),)


def hand_over(seconds: float, *, progress: Progress) -> Deadly:
    progress(0.0, "")
    return Deadly(seconds)


def hold(size: int, *, progress: Progress) -> int:
    progress(0.0, "holding")
    return len(np.ones(size, dtype=np.uint8))


def refuse(*, progress: Progress) -> None:
    progress(0.0, "")
    raise DataError(Problem("bad", "this is bad", "do better", ("rows", 3)))


def stumble(*, progress: Progress) -> None:
    progress(0.0, "")
    raise ZeroDivisionError
