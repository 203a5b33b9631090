"""Warming: what the first visitors would wait for is read once the service is ready."""

from __future__ import annotations

import asyncio

from service import bundled, dashboard
from service.context import Services
from service.radon.places import places
from service.radon.tables import bundled as tables


class Warming:
    """Reads, in the background, what many ask for and what never changes; nothing is stored.

    Whoever asks before it is done reads the same.
    """

    def __init__(self, parts: Services) -> None:
        self._parts = parts
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._warm())

    async def close(self) -> None:
        """Stop, however far it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _warm(self) -> None:
        run = self._parts.compute.run
        await run(dashboard.front)
        await run(places)
        for table in tables():
            await bundled.id_of(self._parts, table)
