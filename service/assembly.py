"""The parts of a running service, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from engine import Progress
from service import fits, inquiring
from service.blobs import Blobs
from service.catalog import Claimed, Database, Queue
from service.changes import Changes
from service.compute import Compute
from service.context import Services
from service.desk import Desk
from service.fitting import Fitting
from service.inquiries import INQUIRIES
from service.places import Places
from service.running import Runner, replica_id
from service.settings import Settings

Perform: TypeAlias = Callable[[Services, Claimed, Progress], Awaitable[None]]

# How the jobs of each kind are done.
KINDS: Final[Mapping[str, Perform]] = {
    fits.KIND: fits.perform,
    **dict.fromkeys(INQUIRIES, inquiring.perform),
}


def assembled(
    settings: Settings, database: Database, compute: Compute, workers: Places
) -> Services:
    """Return the parts of a service that works on a catalog, with its threads and places."""
    blobs, changes = Blobs(settings.blobs), Changes()

    async def perform(claimed: Claimed, progress: Progress) -> None:
        job = claimed.job
        await parts.desk.join(claimed.owner, job.key)
        await KINDS[job.kind](parts, claimed, progress)

    runner = Runner(
        Queue(database, replica_id()),
        blobs,
        perform,
        changes,
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
        desk=Desk(blobs, changes, workers, runner.wake, settings.max_jobs),
        runner=runner,
    )
    return parts
