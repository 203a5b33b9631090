"""What an operator does beside a running service: bring the catalog to a version, sweep."""

from __future__ import annotations

from msgspec import structs

from service.assembly import assembled
from service.catalog import Database
from service.compute import Compute
from service.observing import Instruments
from service.settings import Settings
from service.sweeping import Sweeper
from service.workers import Workers


async def migrate(settings: Settings, to: str | None = None) -> None:
    """Bring the tables of the catalog to this version, or back to an earlier one."""
    database = Database(settings.catalog)
    try:
        await database.migrate(to)
    finally:
        await database.close()


async def sweep(settings: Settings) -> dict[str, int] | None:
    """Sweep once and return what went, by its kind; ``None`` when another process sweeps."""
    database, compute = Database(settings.catalog), Compute(1)
    workers = Workers(1, settings.worker_memory_bytes, 1)
    try:
        parts = assembled(settings, database, compute, workers, Instruments())
        swept = await Sweeper(parts, parts.leases).sweep()
        return None if swept is None else structs.asdict(swept)
    finally:
        await workers.close()
        compute.close()
        await database.close()
