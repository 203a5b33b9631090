"""The parts of a running service, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from engine import Progress
from service import fits, inquiring, registering
from service.blobs import Blobs
from service.callers import Callers
from service.catalog import Claimed, Database, Keys, Leases, Queue
from service.changes import Changes
from service.checks import Checks
from service.compute import Compute
from service.context import Services
from service.desk import Desk
from service.fitting import Fitting
from service.inquiries import INQUIRIES
from service.observing import Count, Instruments
from service.places import Places
from service.plots.pictures import Pictures
from service.rates import Rates
from service.running import Runner, replica_id
from service.settings import Settings

Perform: TypeAlias = Callable[[Services, Claimed, Progress], Awaitable[str | None]]

# How the jobs of each kind are done.
KINDS: Final[Mapping[str, Perform]] = {
    fits.KIND: fits.perform,
    registering.KIND: registering.perform,
    **dict.fromkeys(INQUIRIES, inquiring.perform),
}


def _rates(settings: Settings) -> Rates | None:
    if not settings.limited:
        return None
    return Rates(settings.rate_units, settings.rate_store, settings.max_concurrent_requests)


def _checks(
    settings: Settings, database: Database, blobs: Blobs, places: Places, pictures: Pictures
) -> Checks:
    compute = "cluster" if settings.compute else "workers"
    return Checks(
        {
            "catalog": database.check,
            "store": blobs.check,
            compute: places.check,
            "drawing": pictures.check,
        },
        frozenset({compute, "drawing"}) if settings.ready_without_compute else frozenset(),
    )


def assembled(
    settings: Settings,
    database: Database,
    compute: Compute,
    workers: Places,
    instruments: Instruments,
) -> Services:
    """Return the parts of a service that works on a catalog, with its threads and places."""
    blobs, changes = (
        Blobs(settings.blobs, sync=settings.sync_files, timed=instruments.store),
        Changes(),
    )
    replica, pictures = replica_id(), Pictures(settings)
    queue, leases = Queue(database, replica), Leases(database, replica)

    async def perform(claimed: Claimed, progress: Progress) -> str | None:
        job = claimed.job
        await parts.desk.join(claimed.owner, job.key)
        return await KINDS[job.kind](parts, claimed, progress)

    runner = Runner(
        queue,
        blobs,
        perform,
        changes,
        instruments,
        places=workers,
        stale_seconds=settings.job_stale_seconds,
        retention_seconds=settings.job_retention_seconds,
    )
    parts = Services(
        settings=settings,
        database=database,
        blobs=blobs,
        compute=compute,
        fitting=Fitting(blobs, compute, settings.model_cache_bytes, settings.wait_seconds),
        workers=workers,
        changes=changes,
        instruments=instruments,
        queue=queue,
        desk=Desk(
            blobs,
            changes,
            workers,
            runner.wake,
            leases,
            instruments,
            most_jobs=settings.max_jobs,
            thread_seconds=settings.thread_seconds,
        ),
        leases=leases,
        runner=runner,
        callers=Callers(Keys(database)),
        rates=_rates(settings),
        pictures=pictures,
        checks=_checks(settings, database, blobs, workers, pictures),
    )
    _watch(parts)
    return parts


def _watch(parts: Services) -> None:
    """Let the metrics tell what the parts count for themselves."""
    counted = (
        ("partialpool_fits_made", "Models fitted by this process.", lambda: parts.fitting.fits),
        (
            "partialpool_worker_deaths",
            "Worker processes that ended by themselves or were killed from elsewhere.",
            lambda: parts.workers.deaths,
        ),
        (
            "partialpool_thread_tasks",
            "Tasks handed to the threads that compute.",
            lambda: parts.compute.submitted,
        ),
        (
            "partialpool_rate_store_losses",
            "Times that the store of rate limits did not answer; this process counted for itself.",
            lambda: 0 if parts.rates is None else parts.rates.losses,
        ),
    )
    for name, meaning, read in counted:
        parts.instruments.count(Count(name, meaning, read))
