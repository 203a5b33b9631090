"""Worker processes: they can be cancelled, killed and replaced, and their memory is bounded.

Each is a pool of one. Workers of one pool share a pipe and its lock, and one killed while it holds
the lock would stop the others; and a pool whose idle worker is killed takes no more work.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import structlog
from pebble import ProcessExpired, ProcessPool

from engine import Progress
from service import worker
from service.places import WorkerDiedError, too_slow
from service.problems import ProblemError

_SPAWN: Final = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads
_POLL_SECONDS: Final = 0.5


class Workers:
    """A fixed number of processes, each started when there is work for it and kept for more.

    ``deaths`` counts the workers that ended by themselves or were killed from elsewhere.
    """

    def __init__(
        self, count: int, memory_bytes: int, threads: int, kind: worker.Kind = worker.COMPUTING
    ) -> None:
        self.jobs = count or os.cpu_count() or 1
        self.spreads = False  # a job has one process: another would be one that other jobs wait for
        self._all = [_Slot(memory_bytes, threads, kind) for _ in range(self.jobs)]
        self._free: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()  # those in use stay warm
        for slot in self._all:
            self._free.put_nowait(slot)
        self._listener: threading.Thread | None = None
        self._closed = False
        self.deaths = 0

    async def run(
        self, task: Callable[..., Any], *arguments: Any, progress: Progress, seconds: float
    ) -> Any:
        """Run ``task(*arguments, progress=...)`` in the next worker that is free.

        See ``Places``. Another process takes the place of one that was ended.
        """
        slot = await self._free.get()
        try:
            self._listen()
            return self._opened(await slot.run(task, arguments, progress, seconds))
        except TimeoutError:
            raise too_slow(seconds) from None
        except (ProcessExpired, BrokenProcessPool) as error:
            self.deaths += 1
            raise WorkerDiedError from error
        finally:
            self._free.put_nowait(slot)

    def require(self) -> None:
        """Do nothing: there is always a process, or one is made."""

    async def start(self) -> None:
        """Do nothing: processes are started when there is work."""

    async def close(self) -> None:
        """End all processes, whatever they do."""
        self._closed = True
        await asyncio.gather(*(asyncio.to_thread(slot.close) for slot in self._all))
        if self._listener is not None:
            await asyncio.to_thread(self._listener.join)
        for slot in self._all:
            slot.hang_up()

    def _opened(self, outcome: object) -> Any:
        match outcome:
            case worker.Done(value):
                return value
            case worker.Refused(code, detail, items):
                raise ProblemError(code, detail, items)
            case worker.Broken(traceback):
                structlog.get_logger("service").error("task broke", traceback=traceback)
        raise ProblemError("internal")

    def _listen(self) -> None:
        """Start the one thread that hears what all workers tell."""
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._listener = threading.Thread(target=self._hear, args=(loop,), daemon=True)
            self._listener.start()

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        slots = {slot.heard: slot for slot in self._all}
        while not self._closed:
            for ready in wait(list(slots), _POLL_SECONDS):
                assert isinstance(ready, Connection)  # noqa: S101  sockets are never waited for
                loop.call_soon_threadsafe(slots[ready].hear, *ready.recv())


class _Slot:
    """The place of one worker, and the line on which it tells how far it is."""

    def __init__(self, memory_bytes: int, threads: int, kind: worker.Kind) -> None:
        self.heard, self._said = _SPAWN.Pipe(duplex=False)
        self._made_with = (threads, memory_bytes, kind)
        self._pool: ProcessPool | None = None
        self._number = 0
        self._progress: Progress | None = None

    async def run(
        self,
        task: Callable[..., Any],
        arguments: tuple[Any, ...],
        progress: Progress,
        seconds: float,
    ) -> object:
        """Return what became of a task."""
        self._number, self._progress = self._number + 1, progress
        try:
            return await asyncio.wrap_future(self._schedule(task, arguments, progress, seconds))
        finally:
            self._progress = None

    def hear(self, number: int, done: float, message: str) -> None:
        """Pass on how far the task is, unless it is one that was given up."""
        if number == self._number and self._progress is not None:
            self._progress(done, message)

    def close(self) -> None:
        """End the process."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]  # pebble says nothing of its type
            pool.join()

    def hang_up(self) -> None:
        """Close the line."""
        self.heard.close()
        self._said.close()

    def _schedule(
        self,
        task: Callable[..., Any],
        arguments: tuple[Any, ...],
        progress: Progress,
        seconds: float,
    ) -> Future[object]:
        if self._pool is not None and not self._pool.active:  # its idle worker was killed
            threading.Thread(target=self._pool.join, daemon=True).start()
            self._pool = None
        if self._pool is None:
            progress(0.0, "starting a worker process")
            self._pool = ProcessPool(
                max_workers=1,
                initializer=worker.prepare,
                initargs=(self._said, *self._made_with),
                context=_SPAWN,
            )
        given = (self._number, task, arguments)
        return self._pool.schedule(worker.perform, given, timeout=seconds)
