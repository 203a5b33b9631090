"""One flight for all who want the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from service.problems import ProblemError

T = TypeVar("T")


class Flights:
    """Work under way, by key: who asks for what is being made waits for it instead of making it.

    The work goes on when all who wait have left or run out of time.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def once(
        self, key: Hashable, make: Callable[[], Awaitable[T]], wait: float | None = None
    ) -> tuple[T, bool]:
        """Return what ``make`` returns and whether this call began it.

        Raises what ``make`` raises, and ``still_fitting`` after ``wait`` seconds.
        """
        task: asyncio.Task[T] | None = self._under_way.get(key)
        begun = task is None
        if task is None:
            task = asyncio.ensure_future(_run(make))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        finished, _ = await asyncio.wait({task}, timeout=wait)
        if not finished:
            raise ProblemError("still_fitting")
        return task.result(), begun

    def flies(self, key: Hashable) -> bool:
        """Tell whether this is under way."""
        return key in self._under_way

    async def close(self) -> None:
        """Drop everything under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # seen, even when nobody waits any more


async def _run(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
