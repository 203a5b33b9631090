"""Warming: what the first visitors would wait for is read once the service is ready."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Final

from service import bundled, dashboard
from service.context import Services
from service.radon.places import places
from service.radon.tables import bundled as tables

NUMERICS: Final = ("scipy.linalg", "scipy.sparse")
"""What a first fit needs and a start does not: a tenth of a second."""


class Warming:
    """Reads, in the background, what many ask for and what never changes; nothing is stored.

    Whoever asks before it is done reads the same, and is told if something is wrong with it.
    """

    def __init__(self, parts: Services) -> None:
        self._parts = parts
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._warm())

    async def close(self) -> None:
        """Stop after what is being read: a part takes a moment, and leaves no file half read."""
        self._ending = True
        await self.done()

    async def done(self) -> None:
        """Wait until everything is read."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _warm(self) -> None:
        run = self._parts.compute.run
        for name in NUMERICS:
            await run(import_module, name)
        await run(dashboard.front)
        await run(places)
        for table in tables():
            if not self._ending:
                await bundled.id_of(self._parts, table)
