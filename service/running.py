"""Running jobs: those of the catalog that wait, one for each worker that is free."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from engine import Progress
from service.blobs import Blobs
from service.catalog import Claimed, Job, Queue
from service.changes import Changes
from service.observing import Instruments
from service.places import Places, UnreachableError, WorkerDiedError
from service.problems import ProblemError, body_of

DEATHS: Final = 2
"""A job over which so many processes died has failed."""

# How often a job's progress is written, and that its process is alive when there is none.
TELLING_SECONDS: Final = 0.25
ALIVE_SECONDS: Final = 0.5

# How often the catalog is asked for what other processes queued or left behind.
LOOKING_SECONDS: Final = 2.0
SWEEPING_SECONDS: Final = 3600.0

TRIES: Final = 1000
"""A job that was begun so often, and each time missed the catalog or the store, has failed."""

_BROKEN_OFF: Final = "the service is restarting; the job begins again"
_WITHOUT: Final = "the catalog or the store of files does not answer; the job begins again"
_CUT_OFF: Final = "the cluster does not answer; the job begins again when it does"


class Runner:
    """Takes jobs and has them done, as many at a time as there are places for.

    ``perform`` does the work of a job, keeps the result, and returns its path where only the work
    could tell it; when it is cancelled, it has ended.
    """

    def __init__(
        self,
        queue: Queue,
        blobs: Blobs,
        perform: Callable[[Claimed, Progress], Awaitable[str | None]],
        changes: Changes,
        instruments: Instruments,
        *,
        places: Places,
        stale_seconds: float,
        retention_seconds: float,
    ) -> None:
        self._queue = queue
        self._blobs = blobs
        self._perform = perform
        self._changes = changes
        self._instruments = instruments
        self._places = places
        self._stale = stale_seconds
        self._retention = retention_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._swept = -SWEEPING_SECONDS
        self._deaf = -float("inf")
        self._log = structlog.get_logger("service")

    def start(self) -> None:
        """Begin to look for jobs."""
        self._loop = asyncio.create_task(self._look())

    def wake(self) -> None:
        """Look now: there is a new job, or a free worker."""
        self._woken.set()

    def cancel(self, job: str) -> None:
        """End the work on a job, if it is done here; its row says already that it is cancelled."""
        task = self._tasks.get(job)
        if task is not None:
            task.cancel()
        self._changes.tell(job)

    async def close(self) -> None:
        """End all work; its jobs wait for another process."""
        self._changes.closing = True
        tasks = [*self._tasks.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._changes.close()

    async def _look(self) -> None:
        while True:
            try:
                await self._tend()
                await self._take()
            except ProblemError as error:  # the catalog does not answer just now
                self._deaf = time.monotonic()
                self._log.warning("jobs cannot be read", code=error.kind.code)
            except Exception:  # noqa: BLE001  it is logged, and jobs must not stop for ever
                self._log.exception("jobs cannot be read")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), min(LOOKING_SECONDS, self._stale / 2))
            self._woken.clear()

    async def _take(self) -> None:
        """Begin as many jobs as there are places without one."""
        while len(self._tasks) < self._places.jobs:
            try:
                self._places.require()
            except UnreachableError:  # jobs wait, for this process or one that reaches the cluster
                return
            claimed = await self._queue.claim()
            if claimed is None:
                return
            self._tasks[claimed.job.id] = asyncio.create_task(self._run(claimed))

    async def _tend(self) -> None:
        """Look after the jobs of processes that are gone, and forget old ones."""
        # When the catalog did not answer here, processes that live could not tell it that they do.
        heard = time.monotonic() - self._deaf > self._stale
        for lost in await self._queue.lost(self._stale) if heard else ():
            if lost.job.deaths + 1 >= DEATHS:
                await self._queue.give_up(lost.job, _error(lost.job, ProblemError("worker_died")))
            else:
                await self._queue.take_back(lost.job)
            self._changes.tell(lost.job.id)
        for job in await self._queue.leftovers():
            await self._blobs.delete(job.blob or "")
            await self._queue.let_go(job)
        if time.monotonic() - self._swept >= SWEEPING_SECONDS:
            self._swept = time.monotonic()
            await self._queue.sweep(self._retention)

    async def _run(self, claimed: Claimed) -> None:
        """Do the work of a job and write down what came of it."""
        job, told, begun, state = claimed.job, _Told(), time.monotonic(), "failed"
        structlog.contextvars.bind_contextvars(job=job.id)
        telling = asyncio.create_task(self._tell(job, told))
        self._changes.tell(job.id)
        try:
            await self._queue.succeed(job, await self._perform(claimed, told))
            state = "succeeded"
        except asyncio.CancelledError:
            state = "put back" if self._changes.closing else "cancelled"
            if self._changes.closing:
                await self._put_back(job, _BROKEN_OFF)
        except UnreachableError:
            await self._put_back(job, _CUT_OFF)
        except ProblemError as error:
            await self._failed(job, error)
        except Exception:  # noqa: BLE001  it is logged, and the job must not run for ever
            self._log.exception("job broke")
            await self._failed(job, ProblemError("internal"))
        finally:
            telling.cancel()
            self._instruments.job(job.kind, state, time.monotonic() - begun)
            del self._tasks[job.id]
            self._changes.tell(job.id)
            self.wake()

    async def _put_back(self, job: Job, message: str) -> None:
        with suppress(ProblemError):  # then it is found again when it is stale
            await self._queue.put_back(job, message)

    async def _failed(self, job: Job, error: ProblemError) -> None:
        try:
            if error.kind.code == "unavailable" and job.attempts < TRIES:
                await self._wait_again(job)
            elif isinstance(error, WorkerDiedError) and job.deaths + error.deaths < DEATHS:
                await self._queue.try_again(job)
            else:
                await self._queue.fail(job, _error(job, error))
        except ProblemError as lost:  # the row stays "running" and is found again when it is stale
            self._log.warning("job cannot be ended", code=lost.kind.code)

    async def _wait_again(self, job: Job) -> None:
        """Put back a job that missed the catalog or the store, as soon as that can be written."""
        while True:
            try:
                await asyncio.sleep(LOOKING_SECONDS)
            except asyncio.CancelledError:
                await self._put_back(job, _BROKEN_OFF)
                raise
            with suppress(ProblemError):
                await self._queue.put_back(job, _WITHOUT)
                return

    async def _tell(self, job: Job, told: _Told) -> None:
        """Write how far a job is while it lasts; end it when it is no longer ours."""
        written, last = (0.0, ""), time.monotonic()
        while True:
            await asyncio.sleep(TELLING_SECONDS)
            if told.last == written and time.monotonic() - last < ALIVE_SECONDS:
                continue
            written, last = told.last, time.monotonic()
            try:
                ours = await self._queue.tell(job, *written)
            except ProblemError:  # the catalog does not answer: the work goes on
                continue
            if not ours:
                self.cancel(job.id)
                return
            self._changes.tell(job.id)


class _Told:
    """The last that was told of a job."""

    def __init__(self) -> None:
        self.last = (0.0, "starting")

    def __call__(self, done: float, message: str, /) -> None:
        """Take note; progress never falls, and only the end is the end."""
        self.last = (max(self.last[0], min(done, 0.99)), message)


def replica_id() -> str:
    """Return a name of this process that no other has."""
    return f"{os.getpid()}-{os.urandom(8).hex()}"


def _error(job: Job, error: ProblemError) -> dict[str, Any]:
    return body_of(error, f"/v1/jobs/{job.id}").model_dump()
