"""Whose plot is drawn next: owners take turns, and each may have so many that wait."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from service.problems import ProblemError

LONGEST: Final = 60
"""Most seconds that one who is refused is told to wait."""

_WEIGHT: Final = 0.2


class Turns:
    """``places`` drawings are under way at a time; of each owner at most ``most`` wait for one.

    Owners who wait are served one after the other, whoever of them asked for more, so that one who
    asks for many waits for these alone.
    """

    def __init__(self, places: int, most: int) -> None:
        self._places = self._free = places
        self._most = most
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._under_way: dict[str, int] = {}
        self._seconds = 0.0

    def busy(self, owner: str) -> bool:
        """Tell whether something of this owner is drawn or waits."""
        return owner in self._under_way or owner in self._waiting

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn and have it within; raises ``too_many_plots`` when too many wait."""
        await self._take(owner)
        self._under_way[owner] = self._under_way.get(owner, 0) + 1
        begun = time.monotonic()
        try:
            yield
        finally:
            count = self._under_way.pop(owner) - 1
            if count:
                self._under_way[owner] = count
            self._give()
        self._seconds += _WEIGHT * (time.monotonic() - begun - self._seconds)

    def refusal(self, owner: str) -> ProblemError:
        """Return the problem of one who asks for too many; it says when some will be drawn."""
        ahead = len(self._waiting.get(owner, ())) * max(1, len(self._waiting))
        seconds = math.ceil(self._seconds * ahead / self._places)
        return ProblemError(
            "too_many_plots",
            "Plots are asked for faster than they can be drawn.",
            headers={"Retry-After": str(min(max(1, seconds), LONGEST))},
        )

    async def _take(self, owner: str) -> None:
        if self._free:
            self._free -= 1
            return
        queue = self._waiting.get(owner, deque())
        if len(queue) >= self._most:
            raise self.refusal(owner)
        mine = asyncio.get_running_loop().create_future()
        queue.append(mine)
        self._waiting[owner] = queue
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._leave(owner, mine)
            else:  # it was given a turn, and learns of it too late
                self._give()
            raise

    def _give(self) -> None:
        """Give a turn to the next owner, whose others then wait behind those of the rest."""
        while self._waiting:
            owner = next(iter(self._waiting))
            queue = self._waiting.pop(owner)
            mine = queue.popleft()
            if queue:
                self._waiting[owner] = queue
            if not mine.done():  # one who was cancelled just now has not left yet
                mine.set_result(None)
                return
        self._free += 1

    def _leave(self, owner: str, mine: asyncio.Future[None]) -> None:
        queue = self._waiting.get(owner, deque())
        if mine in queue:
            queue.remove(mine)
            if not queue:
                del self._waiting[owner]
