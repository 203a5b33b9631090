"""Sweeping: what nobody used for long, what no row speaks of, what processes that died left."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final, TypeVar

import structlog
from msgspec import Struct, structs

from service import datasets, scratch
from service.catalog import Leases, Recent, Retention
from service.catalog.leases import SWEEPING
from service.catalog.tables import Named
from service.catalog.tables import datasets as dataset_table
from service.catalog.tables import models as model_table
from service.context import Services
from service.problems import ProblemError

T = TypeVar("T")

DAY: Final = 86_400.0
LEASE_SECONDS: Final = 300.0
"""How long a sweep keeps others from sweeping when its process dies; it is renewed as it goes."""

# How often a process writes down what was used, and drops from memory what is gone.
TENDING_SECONDS: Final = 60.0


class Swept(Struct, dict=True):
    """What a sweep removed.

    Attributes:
        datasets, models: that were not used for as long as the settings say.
        files: that no row spoke of.
        unfinished: files and directories of processes that died while they wrote.
    """

    datasets: int = 0
    models: int = 0
    files: int = 0
    unfinished: int = 0


class Sweeper:
    """Sweeps in the background, one process at a time of all that share a catalog."""

    def __init__(self, parts: Services, leases: Leases) -> None:
        self._parts = parts
        self._leases = leases
        self._retention = Retention(parts.database)
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("service")

    def start(self) -> None:
        """Begin to sweep, now and then."""
        self._task = asyncio.create_task(self._keep_sweeping())

    async def close(self) -> None:
        """Stop; what was used is written down."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with suppress(ProblemError):
            await self.tend()

    async def tend(self) -> None:
        """Write down what was used here, and drop from memory what is kept no longer."""
        parts = self._parts
        await self._note(parts.recent_datasets, dataset_table)
        await self._note(parts.recent_models, model_table)
        holding = parts.fitting.holding()
        if holding:
            parts.fitting.drop(set(holding) - await self._retention.there(holding))

    async def sweep(self) -> Swept | None:
        """Sweep, unless another process does; return what went, ``None`` when another sweeps."""
        await self.tend()
        if not await self._leases.take(SWEEPING, LEASE_SECONDS):
            return None
        swept = Swept()
        try:
            await self._unused(swept)
            await self._unspoken(swept)
            await self._retention.forget()
        finally:
            with suppress(ProblemError):
                await self._leases.release(SWEEPING)
        swept.unfinished += await self._unfinished()
        return swept

    async def _keep_sweeping(self) -> None:
        await asyncio.to_thread(scratch.clear)  # of a service that was killed here before
        last = time.monotonic()
        every = self._parts.settings.sweep_seconds
        while True:
            await asyncio.sleep(min(TENDING_SECONDS, every))
            try:
                await self.tend()
                if time.monotonic() - last >= every:
                    last = time.monotonic()
                    await self._logged()
            except ProblemError as error:  # the catalog or the store does not answer just now
                self._log.warning("cannot sweep", code=error.kind.code)
            except Exception:  # noqa: BLE001  it is logged, and sweeping must not stop for ever
                self._log.exception("cannot sweep")

    async def _logged(self) -> None:
        swept = await self.sweep()
        if swept is not None and any(structs.asdict(swept).values()):
            self._log.info("swept", **structs.asdict(swept))

    async def _note(self, recent: Recent[T], table: Named) -> None:
        used, recent.used = recent.used, set()
        try:
            if used:
                await self._retention.used(table, used)
        except ProblemError:
            recent.used |= used
            raise

    async def _unused(self, swept: Swept) -> None:
        given = self._parts.settings
        if given.dataset_unused_days:
            swept.datasets = await self._unused_datasets(DAY * given.dataset_unused_days)
        if given.model_unused_days:
            swept.models = await self._unused_models(DAY * given.model_unused_days)

    async def _unused_datasets(self, seconds: float) -> int:
        parts, gone = self._parts, 0
        for owner, ref in await self._retention.unused(dataset_table, seconds):
            with suppress(ProblemError):  # used or deleted meanwhile
                await datasets.forget(parts, owner, ref, seconds)
                gone += 1
            await self._leases.take(SWEEPING, LEASE_SECONDS)
        return gone

    async def _unused_models(self, seconds: float) -> int:
        parts, gone = self._parts, 0
        for owner, ref in await self._retention.unused(model_table, seconds):
            with suppress(ProblemError):
                await parts.fitting.delete(parts.models(owner), ref, seconds)
                gone += 1
            await self._leases.take(SWEEPING, LEASE_SECONDS)
        return gone

    async def _unspoken(self, swept: Swept) -> None:
        """Remove files that no row speaks of and that are no longer on their way to one."""
        grace = self._parts.settings.sweep_grace_seconds
        async for keys in self._parts.blobs.older(grace):
            for key in await self._retention.unspoken(keys):
                await self._parts.blobs.delete(key)
                swept.files += 1
            await self._leases.take(SWEEPING, LEASE_SECONDS)

    async def _unfinished(self) -> int:
        """Remove what processes left that died while they wrote, on this machine."""
        given = self._parts.settings
        cleared = await self._parts.blobs.clear_unfinished(given.sweep_grace_seconds)
        # A job may read a copy for as long as it lasts.
        age = max(DAY, 2 * given.job_seconds)
        return cleared + await asyncio.to_thread(scratch.clear, age)
