"""Worker processes: they can be cancelled, killed and replaced, and their memory is bounded."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

import structlog

from engine import Progress
from service import worker
from service.child import ENDING_SECONDS, Child, DiedError, Setup
from service.endings import Endings
from service.places import UnreachableError, WorkerDiedError, too_slow
from service.problems import ProblemError

T = TypeVar("T")

STARTING_SECONDS: Final = 300.0
"""So long a process may take to be ready, on a machine that does much else."""

_NO_START: Final = "Worker processes do not start."


class Workers:
    """A fixed number of processes, each started when there is work for it and kept for more.

    ``deaths`` counts the workers that ended by themselves or were killed from elsewhere.
    """

    def __init__(
        self, count: int, memory_bytes: int, threads: int, kind: worker.Kind = worker.COMPUTING
    ) -> None:
        self.jobs = count or os.cpu_count() or 1
        self.spreads = False  # a job has one process: another would be one that other jobs wait for
        self._all = [Slot((threads, memory_bytes, kind)) for _ in range(self.jobs)]
        self._free: asyncio.LifoQueue[Slot] = asyncio.LifoQueue()  # those in use stay warm
        for slot in self._all:
            self._free.put_nowait(slot)
        self._closed = False
        self._trying: asyncio.Task[None] | None = None
        self.deaths = 0

    async def run(
        self, task: Callable[..., Any], *arguments: Any, progress: Progress, seconds: float
    ) -> Any:
        """Run ``task(*arguments, progress=...)`` in the next worker that is free.

        See ``Places``. Another process takes the place of one that was ended.
        """
        slot = await self._free.get()
        endings = Endings()
        try:
            if self._closed:
                raise WorkerDiedError
            return _opened(await slot.run(task, arguments, progress, seconds))
        except TimeoutError:
            raise too_slow(seconds) from None
        except DiedError as error:
            self.deaths += 1
            raise WorkerDiedError(detail=endings.told(error.status)) from error
        finally:
            self._free.put_nowait(slot)

    def require(self) -> None:
        """Do nothing: there is always a process, or one is made."""

    async def check(self) -> Literal["ok", "idle"]:
        """Return how the processes are; see ``Places``.

        Raises ``UnreachableError`` when the last that was to start did not, and there is no other.
        Where that is so, or one has died, another is tried, so that it is known whether they start.
        """
        if any(slot.alive for slot in self._all):
            return "ok"
        failed = any(slot.failed for slot in self._all)
        if failed or any(slot.died for slot in self._all):
            self._try_soon()
        if failed:
            raise UnreachableError(_NO_START)
        return "idle"

    async def start(self) -> None:
        """Do nothing: processes are started when there is work."""

    async def close(self) -> None:
        """End all processes, whatever they do."""
        self._closed = True
        if self._trying is not None:
            self._trying.cancel()
        await asyncio.gather(*(slot.close() for slot in self._all))

    def _try_soon(self) -> None:
        if self._trying is None or self._trying.done():
            self._trying = asyncio.create_task(self._try())

    async def _try(self) -> None:
        """Start a process, and see."""
        slot = await self._free.get()
        try:
            with suppress(DiedError, TimeoutError, OSError):
                await slot.ready(_untold)
        finally:
            self._free.put_nowait(slot)


class Slot:
    """The place of one worker.

    ``failed`` tells that the last process that was to start did not.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._child: Child | None = None
        self.failed = False

    @property
    def alive(self) -> bool:
        """Whether a process is there."""
        return self._child is not None and self._child.alive

    @property
    def died(self) -> bool:
        """Whether a process was there and is no more, and no other has been started."""
        return self._child is not None and not self._child.alive

    async def run(
        self,
        task: Callable[..., Any],
        arguments: tuple[Any, ...],
        progress: Progress,
        seconds: float,
    ) -> worker.Outcome:
        """Return what became of a task; raises ``DiedError``, ``TimeoutError``."""
        child = await self.ready(progress)
        told = _Told(progress)
        try:
            return await self._done(child, seconds, lambda: child.perform(task, arguments, told))
        finally:
            told.progress = None

    async def ready(self, progress: Progress) -> Child:
        """Return a process that can be given work; raises as ``run`` does."""
        child = self._child
        if child is not None and child.alive:
            return child
        if child is not None:  # it was killed while it had nothing to do
            await self.close()
        progress(0.0, "starting a worker process")
        self._child = child = Child(self._setup)
        try:
            await self._done(child, STARTING_SECONDS, child.start)
        except TimeoutError:
            self.failed = True
            raise DiedError(None) from None
        except (DiedError, OSError):
            self.failed = True
            raise
        self.failed = False
        return child

    async def close(self) -> None:
        """End the process, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            await asyncio.wait({asyncio.wrap_future(_apart(child.close))}, timeout=ENDING_SECONDS)

    async def _done(self, child: Child, seconds: float, call: Callable[[], T]) -> T:
        """Return what a call returns that a process answers; end the process if it does not."""
        answered = asyncio.wrap_future(_apart(call))
        done: set[asyncio.Future[T]] = set()
        try:
            done, _ = await asyncio.wait({answered}, timeout=seconds)
        finally:
            if not done:  # too late, or cancelled
                child.kill()
                answered.add_done_callback(_seen)
                await self.close()
        if not done:
            raise TimeoutError
        return answered.result()


class _Told:
    """Passes what a process tells to the event loop, until it is not wanted any more."""

    def __init__(self, progress: Progress) -> None:
        self.progress: Progress | None = progress
        self._loop = asyncio.get_running_loop()

    def __call__(self, done: float, message: str) -> None:
        """Pass it on, from a thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(self._pass, done, message)

    def _pass(self, done: float, message: str) -> None:
        if self.progress is not None:
            self.progress(done, message)


def _opened(outcome: worker.Outcome) -> Any:
    match outcome:
        case worker.Done(value):
            return value
        case worker.Refused(code, detail, items):
            raise ProblemError(code, detail, items)
        case worker.Broken(traceback):
            structlog.get_logger("service").error("task broke", traceback=traceback)
    raise ProblemError("internal")


def _apart(call: Callable[[], T]) -> Future[T]:
    """Have a thread call, which ends with the process even when the call does not."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001  who waits is told
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=run, name="worker", daemon=True).start()
    return future


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _untold(_: float, __: str, /) -> None:
    return
