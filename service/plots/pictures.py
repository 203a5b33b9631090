"""Pictures: drawn once in processes of their own, and kept while they are asked for."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from engine import __version__
from service import worker
from service.flights import Flights
from service.plots import apart
from service.plots.figure import Figure
from service.plots.turns import Turns
from service.problems import ProblemError
from service.settings import Settings
from service.shelf import Shelf
from service.workers import Workers

BUNDLE_SECONDS: Final = 120.0
"""How long the script for browsers may take to be put together, once, on a busy machine."""


class Pictures:
    """Draws figures, each once however many ask, and none on the event loop or in its process."""

    def __init__(self, settings: Settings) -> None:
        self._workers = Workers(
            settings.plot_processes,
            settings.plot_memory_bytes,
            threads=1,
            kind=worker.DRAWING,
        )
        self._shelf: Shelf[Hashable, bytes] = Shelf(settings.plot_cache_bytes)
        self._flights = Flights()
        # While some are drawn, what the next ones show is gathered.
        self._turns = Turns(2 * settings.plot_processes, settings.max_waiting_plots)
        self._behind: set[Hashable] = set()
        self._wait = settings.wait_seconds
        self._seconds = settings.plot_seconds
        self._bundle: tuple[bytes, bytes] | None = None
        self.drawn = 0

    def kept(self, key: Hashable) -> bytes | None:
        """Return a picture that was drawn lately."""
        return self._shelf.get(key)

    async def draw(
        self,
        key: tuple[str, Hashable],
        gather: Callable[[], Awaitable[Figure]],
        form: str,
        scale: float,
    ) -> bytes:
        """Return the picture of what ``gather`` returns, as ``vega-lite``, ``svg`` or ``png``.

        The ``key`` is its owner and what tells it from all others. Raises what ``gather`` raises;
        ``too_many_plots`` when too many of its owner wait, or it has waited behind these as long as
        a request waits; ``still_fitting`` when that was too short for it alone, ``limit_passed``
        when it was so for the drawing.
        """
        owner, _ = key

        async def make() -> bytes:
            if self._turns.busy(owner):
                self._behind.add(key)
            try:
                async with self._turns.turn(owner):
                    figure = await gather()
                    found: bytes = await self._run(apart.draw, figure, form, scale)
            finally:
                self._behind.discard(key)
            self.drawn += 1
            self._shelf.put(key, found, len(found))
            return found

        try:
            content, _ = await self._flights.once(key, make, self._wait)
        except ProblemError as error:
            if error.kind.code == "still_fitting" and key in self._behind:
                raise self._turns.refusal(owner) from None
            raise
        return content

    async def bundle(self) -> tuple[bytes, bytes]:
        """Return Vega with all it needs as one script: plain, and by gzip."""
        if self._bundle is not None:
            return self._bundle
        found, _ = await self._flights.once("bundle", self._bundled)
        return found

    @property
    def preparing(self) -> bool:
        """Whether the script that draws in a browser is being put together, or soon will be."""
        begun = self._flights.flies("bundle") or self._flights.flies("prepare")
        return begun and self._bundle is None

    async def prepare(self, after: float) -> None:
        """Begin that script in some seconds for who will ask for it, and do not wait for it."""

        async def begin() -> None:
            await asyncio.sleep(after)
            await self.bundle()

        if self._bundle is None:
            with suppress(ProblemError):  # it is told to who asks
                await self._flights.once("prepare", begin, 0)

    async def check(self) -> Literal["ok", "idle"]:
        """Return how the processes are; raises ``UnreachableError`` when none can be started."""
        return await self._workers.check()

    async def close(self) -> None:
        """End all drawing."""
        await self._flights.close()
        await self._workers.close()

    async def _bundled(self) -> tuple[bytes, bytes]:
        found: tuple[bytes, bytes] = await self._run(apart.bundle, seconds=BUNDLE_SECONDS)
        self._bundle = found
        return found

    async def _run(
        self, task: Callable[..., Any], *arguments: Any, seconds: float | None = None
    ) -> Any:
        """Run a task; once more when the process was killed: maybe before it began."""
        try:
            found = await self._once(task, *arguments, seconds=seconds)
        except ProblemError as error:
            if error.kind.code != "worker_died":
                raise
            found = await self._once(task, *arguments, seconds=seconds)
        return found

    async def _once(self, task: Callable[..., Any], *arguments: Any, seconds: float | None) -> Any:
        return await self._workers.run(
            task,
            *arguments,
            progress=_untold,
            seconds=self._seconds if seconds is None else seconds,
        )


def picture_tag(**matters: Any) -> str:
    """Return the strong entity tag of the picture that all this gives, without drawing it."""
    told = json.dumps([_made_by(), matters], sort_keys=True)
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def bundle_name() -> str:
    """Return the file name of the script: another version has another."""
    return f"vega-{_digest([version('vl-convert-python'), apart.GLOBALS])}.js"


@cache
def _made_by() -> str:
    """Return what all pictures depend on: the libraries, and the code that makes them."""
    folder = Path(__file__).parents[1]
    files = sorted(path for part in ("plots", "charts") for path in (folder / part).glob("*.py"))
    libraries = [version(name) for name in ("altair", "vl-convert-python")]
    return _digest([__version__, *libraries, *(path.read_text("utf-8") for path in files)])


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _untold(_: float, __: str, /) -> None:
    return
