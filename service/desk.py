"""Where work is asked for: found, done while the client waits, or made a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct, structs

from engine import EngineError
from service.blobs import Blobs
from service.catalog import Job, Jobs, Leases
from service.changes import Changes
from service.flights import Flights
from service.handlers import of_engine
from service.observing import Instruments
from service.places import Places
from service.preference import Preference
from service.problems import ProblemError, from_body
from service.schemas.problems import Problem
from service.work import Outlasted, Stowed, Work

T = TypeVar("T")

# So long a request waits at least: to look whether the result is there, and for a quick one.
LOOKING_SECONDS: Final = 0.2

# So long others wait for work in a thread of a process that died.
LEASE_SECONDS: Final = 10.0


Pay: TypeAlias = Callable[[float], Awaitable[None]]


async def free(_: float) -> None:
    """Take nothing for work."""


class Obtained(Struct, Generic[T], frozen=True):
    """A result, and how it came: kept already, made for this request, made for another too."""

    value: T
    how: Literal["found", "made", "shared"]


class _Begun(Struct, Generic[T], frozen=True):
    """A result, or the job that will have it; and whether it was made, or queued, just now."""

    value: T | None
    job: Job | None
    new: bool


class Desk:
    """Gives out results, or jobs for those that take longer than a client waits.

    Equal work is done once at a time however many ask, in requests or in jobs, of this process or
    of others that share the catalog.
    """

    def __init__(
        self,
        blobs: Blobs,
        changes: Changes,
        places: Places,
        wake: Callable[[], None],
        leases: Leases,
        instruments: Instruments,
        *,
        most_jobs: int,
        thread_seconds: float,
    ) -> None:
        self._blobs = blobs
        self._places = places
        self._changes = changes
        self._wake = wake
        self._leases = leases
        self._most = most_jobs
        self._lease_seconds = 2 * thread_seconds + LEASE_SECONDS
        self._instruments = instruments
        self._flights = Flights()

    async def obtain(
        self, jobs: Jobs, work: Work[T], preference: Preference, pay: Pay = free
    ) -> Obtained[T] | Job:
        """Return the result of ``work``, or its job when that takes longer than is preferred.

        Who begins it pays for it: not who finds it, nor who joins. Raises the problem that the
        work ends with, and ``job_cancelled`` when somebody cancels it.
        """
        outcome = "failed"
        try:
            obtained = await self._obtain(jobs, work, preference, pay)
            outcome = "job" if isinstance(obtained, Job) else obtained.how
            return obtained
        finally:
            self._instruments.result(work.label.kind, outcome)

    async def _obtain(
        self, jobs: Jobs, work: Work[T], preference: Preference, pay: Pay
    ) -> Obtained[T] | Job:
        clock = asyncio.get_running_loop().time
        end, key = clock() + preference.seconds, (jobs.owner, work.label.key)
        fly = self._flight(jobs, work, preference.asynchronous, pay)
        try:
            begun, first = await self._flights.once(
                key, fly, max(preference.seconds, LOOKING_SECONDS)
            )
        except ProblemError as error:
            if error.kind.code != "still_fitting":
                raise
            begun, first = await self._queue(jobs, work), True  # the job joins what has begun
        if begun.value is not None:
            how: Literal["found", "made", "shared"]
            how = "found" if not begun.new else "made" if first else "shared"
            return Obtained(begun.value, how)
        job = await self.wait(jobs, _given(begun.job), end - clock())
        match job.state:
            case "succeeded":
                return Obtained(
                    await _result(work, job), "made" if begun.new and first else "shared"
                )
            case "failed":
                raise from_body(Problem.model_validate(job.error))
            case "cancelled":
                raise ProblemError("job_cancelled")
        return job

    async def wait(self, jobs: Jobs, job: Job, seconds: float) -> Job:
        """Return a job once it is finished, or as it is after so many seconds."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        with self._changes.watch(job.id) as watch:
            while not job.finished and clock() < end and not self._changes.closing:
                await watch.next(end - clock())
                job = await jobs.get(job.id)
        return job

    async def join(self, owner: str, key: str) -> None:
        """Wait for what a thread makes of this work, if one is at it."""
        if self._flights.flies((owner, key)):
            try:
                await self._flights.once((owner, key), _nothing)
            except EngineError as error:
                raise of_engine(error) from error

    async def close(self) -> None:
        """Drop what threads do for requests."""
        await self._flights.close()

    def _flight(self, jobs: Jobs, work: Work[T], asynchronous: bool, pay: Pay) -> Callable[[], Any]:
        async def fly() -> _Begun[T]:
            return await self._known(jobs, work) or await begin()

        async def begin() -> _Begun[T]:
            await pay(work.label.price)
            if asynchronous or work.label.large:
                return await self._queue(jobs, work)
            async with self._alone(jobs, work) as known:
                return known or await attempt()

        async def attempt() -> _Begun[T]:
            try:
                return _Begun(await work.attempt(), None, new=True)
            except Outlasted:
                return await self._queue(jobs, work)

        return fly

    async def _known(self, jobs: Jobs, work: Work[T]) -> _Begun[T] | None:
        """Return the result that is kept, or the job that will have it."""
        value = await work.find()
        if value is not None:
            return _Begun(value, None, new=False)
        job = await jobs.active(work.label.key)
        return None if job is None else _Begun(None, job, new=False)

    @asynccontextmanager
    async def _alone(self, jobs: Jobs, work: Work[T]) -> AsyncIterator[_Begun[T] | None]:
        """Wait while another process that shares the catalog does this work.

        Gives what has become known of it meanwhile. Processes on a catalog in a file do not wait:
        they are of one machine, and what little a thread may do costs less than asking first.
        """
        if not self._leases.shared:
            yield None
            return
        name, known = f"{jobs.owner} {work.label.key}", None
        while known is None and not await self._leases.take(name, self._lease_seconds):
            await asyncio.sleep(LOOKING_SECONDS / 2)
            known = await self._known(jobs, work)
        if known is not None:
            yield known
            return
        try:
            yield await self._known(jobs, work)
        finally:
            with suppress(ProblemError):  # it ends by itself
                await self._leases.release(name)

    async def _queue(self, jobs: Jobs, work: Work[T]) -> _Begun[T]:
        """Make a job of the work, or find the one it is already; raises ``UnreachableError``.

        Who comes while its rows are being put away waits for that: they are put away once.
        """
        key = (jobs.owner, work.label.key, "job")
        begun, first = await self._flights.once(key, lambda: self._add(jobs, work))
        return structs.replace(begun, new=begun.new and first)

    async def _add(self, jobs: Jobs, work: Work[T]) -> _Begun[T]:
        self._places.require()
        label, stowed = work.label, await work.stow()
        new = Job(
            key=label.key,
            kind=label.kind,
            title=label.title,
            request=stowed.request,
            href=label.href,
            blob=stowed.blob,
        )
        try:
            job, added = await jobs.add(new, self._most)
        except ProblemError as error:
            if error.kind.code != "unavailable":  # else it may be there: what is not is swept
                await self._drop(stowed)
            raise
        if not added:
            await self._drop(stowed)
        self._wake()
        return _Begun(None, job, added)

    async def _drop(self, stowed: Stowed) -> None:
        if stowed.blob is not None:
            await self._blobs.delete(stowed.blob)


async def _result(work: Work[T], job: Job) -> T:
    value = await work.made(job)
    if value is None:  # deleted the moment it was made
        raise ProblemError("model_not_found")
    return value


async def _nothing() -> None:
    return


def _given(job: Job | None) -> Job:
    assert job is not None  # noqa: S101  what was begun is a value or a job
    return job
