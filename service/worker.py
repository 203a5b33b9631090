"""What runs in a worker process; nothing heavy is imported before its limits are set."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct

from service.scratch import move_to

if TYPE_CHECKING:
    from engine import Problem, Progress

TELLING_SECONDS: Final = 0.1
LONGEST_MESSAGE: Final = 200

# What Python says when there is no memory for the stack of a thread.
_NO_THREAD: Final = "can't start new thread"

# Below the process that answers requests: predictions stay quick while large fits run.
NICENESS: Final = 5

# What the numerical libraries read when they are loaded.
_THREADS: Final = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


class Done(Struct, frozen=True):
    """A task came to its end."""

    value: Any


class Refused(Struct, frozen=True):
    """A task ended with a problem: its code, its detail, its items."""

    code: str
    detail: str
    items: tuple[Problem, ...] = ()


class Broken(Struct, frozen=True):
    """A task ended with an error that nobody foresaw: lines of code, no values."""

    traceback: str


Outcome: TypeAlias = Done | Refused | Broken
"""What became of a task."""


class Ready(Struct, frozen=True):
    """A worker can be given tasks."""


class Told(Struct, frozen=True):
    """How far a task is: a share, and words."""

    done: float
    message: str


class Kind(Struct, frozen=True):
    """A kind of worker.

    Attributes:
        module: what it imports at its start.
        bound: the limit on its memory: address space, or what it really writes to where a library
            reserves far more than it uses.
    """

    module: str
    bound: Literal["RLIMIT_AS", "RLIMIT_DATA"]


COMPUTING: Final = Kind("service.tasks", "RLIMIT_AS")
DRAWING: Final = Kind("service.charts.drawing", "RLIMIT_DATA")


def serve(
    line: Connection,
    threads: int,
    memory_bytes: int,
    kind: Kind = COMPUTING,
    spare: Path | None = None,
) -> None:
    """Do what comes on ``line``, one task after another, until nobody is at its other end.

    Temporary files are made in ``spare``, which whoever made this process clears away.
    """
    if spare is not None:
        move_to(spare)
    prepare(threads, memory_bytes, kind)
    speaking = threading.Lock()

    def say(message: bytes) -> None:
        with speaking:
            line.send_bytes(message)

    with suppress(EOFError, OSError):
        say(pickle.dumps(Ready()))
        while True:
            say(perform(line.recv_bytes(), say))


def prepare(threads: int, memory_bytes: int, kind: Kind = COMPUTING) -> None:
    """Make this process a worker.

    It ends when the process that made it does, holds at most ``memory_bytes`` (where the system can
    bound it), and its numerical libraries use ``threads`` threads.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # at once, also within a long call of LAPACK
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent tells us
    for name in _THREADS:
        os.environ[name] = str(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_module(kind.module)
    _multiply_once()
    if sys.platform != "win32":
        import resource

        bound = getattr(resource, kind.bound)
        resource.setrlimit(bound, (memory_bytes, memory_bytes))
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def _multiply_once() -> None:
    """Have numpy's BLAS take its memory while there is some: without, it ends the process.

    Products of smaller matrices than these are made without.
    """
    some = np.ones((256, 256))
    some @ some


def perform(asked: bytes, say: Callable[[bytes], None]) -> bytes:
    """Do a pickled task, which takes its arguments and whom to tell; return what became of it.

    Whatever it raises is turned into plain data: not every exception survives the way between
    processes.
    """
    from service.handlers import refusal

    outcome: Outcome
    try:
        task, arguments = pickle.loads(asked)  # noqa: S301  of the process that made this one
        return _pickled(Done(task(*arguments, progress=_telling(say))))
    except MemoryError:
        outcome = Refused("out_of_memory", "")
    except Exception as error:  # noqa: BLE001  nothing may end a worker
        if str(error) == _NO_THREAD:
            outcome = Refused("out_of_memory", "")
        else:
            outcome = refusal(error) or Broken(traceback.format_exc())
    return _pickled(outcome)


def _pickled(message: object) -> bytes:
    return bytes(ForkingPickler.dumps(message))


def _telling(say: Callable[[bytes], None]) -> Progress:
    """Return what tells the progress of a task, often enough and not more often."""
    last, furthest = 0.0, 0.0

    def tell(done: float, message: str, /) -> None:
        nonlocal last, furthest
        now = time.monotonic()
        if now - last < TELLING_SECONDS and done < 1.0:
            return
        last, furthest = now, max(furthest, done)
        say(pickle.dumps(Told(furthest, message[:LONGEST_MESSAGE])))

    return tell


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
