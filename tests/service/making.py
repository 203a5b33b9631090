"""Applications for tests that are not about how one starts: nothing is begun anew that need not."""

from __future__ import annotations

import asyncio
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI
from starlette.routing import BaseRoute

from service.app import create_app, places_of
from service.catalog import Database
from service.places import Places
from service.settings import Settings
from service.workers import Slot, Workers


def made(settings: Settings) -> FastAPI:
    """An application like any other, whose routes are read and whose tables are made already.

    Reading the routes and making the tables takes longer than most tests do, and gives the same for
    every application. A catalog that is there is left as it is. Worker processes are those of the
    application before.
    """
    application = create_app(settings, places=warm)
    application.router.routes[:] = _routes(settings.admin_port is None)
    path = settings.data_dir / "catalog.db"
    if settings.catalog == f"sqlite:///{path}" and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_catalog())
    return application


def warm(settings: Settings) -> Places:
    """Worker processes, some of which another application may have started."""
    return places_of(settings) if settings.compute else Warm(settings)


class Warm(Workers):
    """Worker processes that stay for another application, unless they have changed since."""

    def __init__(self, settings: Settings) -> None:
        given = settings.worker_processes, settings.worker_memory_bytes, settings.worker_threads
        super().__init__(*given)
        self._left = LEFT.setdefault((*given, tempfile.gettempdir(), *_environment()), [])
        slots = [self._left.pop() if self._left else slot for slot in self._all]
        self._all = sorted(slots, key=lambda slot: slot.alive)  # the last is taken first
        self._free = asyncio.LifoQueue()
        for slot in self._all:
            self._free.put_nowait(slot)

    async def close(self) -> None:
        if self._free.qsize() < len(self._all):  # one is at work
            await super().close()
            return
        self._closed = True
        self._left += [slot for slot in self._all if not slot.failed]


LEFT: dict[tuple[object, ...], list[Slot]] = {}
"""Places of applications that have ended, by what their processes were started with."""


async def end() -> None:
    """End the processes of applications that have ended."""
    slots = [*chain.from_iterable(LEFT.values())]
    LEFT.clear()
    await asyncio.gather(*(slot.close() for slot in slots))


def _environment() -> list[str]:
    """What a process that is started now has from this one."""
    return sorted(f"{name}={value}" for name, value in os.environ.items() if "PYTEST" not in name)


@lru_cache(2)
def _routes(metrics: bool) -> list[BaseRoute]:
    """The routes of an application; FastAPI reads them with the first request, and keeps that."""
    return create_app(Settings(admin_port=None if metrics else 0)).router.routes


@lru_cache(1)
def _catalog() -> bytes:
    """An empty catalog as its file."""
    with TemporaryDirectory() as directory, ThreadPoolExecutor(1) as apart:
        path = Path(directory) / "catalog.db"
        apart.submit(asyncio.run, _migrated(f"sqlite:///{path}")).result()
        return path.read_bytes()


async def _migrated(url: str) -> None:
    database = Database(url)
    await database.migrate()
    await database.close()
