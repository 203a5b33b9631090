"""One worker process, as the process that made it sees it.

It has a line of its own, which nobody else writes to or reads from, and which ends when it ends:
whenever and however it dies, who waits for it hears so, and no other process is harmed.
"""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from service import scratch, worker

Setup: TypeAlias = tuple[int, int, worker.Kind]
"""What a worker is made with: threads, bytes of memory, its kind."""

_SPAWN: Final = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads

_STARTING: Final = threading.Lock()
"""``multiprocessing`` keeps a list of processes that is for one thread at a time."""

ENDING_SECONDS: Final = 5.0
"""So long a process may take to be gone once it is killed."""


class DiedError(Exception):
    """A worker process ended; ``status`` is its exit status, a signal as a negative number."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class Child:
    """A process that does one task after another.

    ``start`` and ``perform`` block, and are called by one thread at a time; ``kill`` may be called
    by any, at any time, and ends them.
    """

    def __init__(self, setup: Setup) -> None:
        self._line, self._its = _SPAWN.Pipe()
        self._spare = _spare()
        arguments = (self._its, *setup, self._spare)
        self._process = _SPAWN.Process(
            target=worker.serve, args=arguments, name="worker", daemon=True
        )
        self._guard = threading.Lock()
        self._started = False
        self._killed = False

    @property
    def alive(self) -> bool:
        """Whether it has started and not ended."""
        return self._started and not self._killed and self._process.is_alive()

    def start(self) -> None:
        """Start the process, and wait until it is ready; raises ``DiedError``."""
        with self._its, self._guard:
            if self._killed:
                raise DiedError(None)
            with _STARTING:
                self._process.start()
            self._started = True
        self._hear()

    def perform(
        self,
        task: Callable[..., Any],
        arguments: tuple[Any, ...],
        tell: Callable[[float, str], None],
    ) -> worker.Outcome:
        """Return what becomes of a task, and pass on how far it is; raises ``DiedError``."""
        try:
            self._line.send((task, arguments))
        except OSError:
            raise self._died() from None
        while True:
            heard = self._hear()
            if isinstance(heard, worker.Done | worker.Refused | worker.Broken):
                return heard
            tell(heard.done, heard.message)

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        with self._guard:
            self._killed = True
            if self._started:
                self._process.kill()

    def close(self) -> None:
        """End the process, and wait until it is gone."""
        self.kill()
        if self._started:
            self._process.join(ENDING_SECONDS)
        self._line.close()
        self._clear()

    def _hear(self) -> Any:
        try:
            return self._line.recv()
        except (EOFError, OSError, pickle.UnpicklingError):  # half of a message, or none
            raise self._died() from None

    def _died(self) -> DiedError:
        """Return how the process ended; one that hung up and goes on is ended."""
        if not self._killed:
            self._process.join(ENDING_SECONDS)
        status = self._process.exitcode
        self.kill()
        self._clear()
        return DiedError(status)

    def _clear(self) -> None:
        """Remove what a process that was killed could not."""
        if self._spare is not None:
            scratch.remove(self._spare)


def _spare() -> Path | None:
    """Return a directory for the files of one process; without room for it there is none."""
    try:
        return Path(tempfile.mkdtemp(prefix=scratch.SCRATCH))
    except OSError:
        return None
