"""Rows read a moment ago, so that busy paths need not ask the catalog each time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from cachetools import TTLCache

from service.flights import Flights

T = TypeVar("T")

SECONDS: Final = 1.0
MAX_ROWS: Final = 10_000


class Recent(Generic[T]):
    """Rows by owner and reference, remembered for a second.

    A change made here is seen at once, because who makes it says so; one made by another replica is
    seen within ``seconds``. That something is not there is never remembered. Of many who ask at the
    same time for what is not remembered, one reads. ``used`` are the files of rows that were asked
    for, until somebody writes that down and empties it.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._rows: TTLCache[tuple[str, str], T] = TTLCache(MAX_ROWS, seconds, time.monotonic)
        self._changes = 0
        self._reads = Flights()
        self.used: set[str] = set()

    def known(self, owner: str, ref: str) -> T | None:
        """Return what was read a moment ago, if anything was."""
        return self._rows.get((owner, ref))

    async def get(self, owner: str, ref: str, read: Callable[[str], Awaitable[T]]) -> T:
        """Return what was read a moment ago, or ``await read(ref)``."""
        found = self._rows.get((owner, ref))
        if found is not None:
            return found
        # Who asks after a change does not wait for what was being read before it.
        row, _ = await self._reads.once(
            (owner, ref, self._changes), lambda: self._read(owner, ref, read)
        )
        return row

    async def _read(self, owner: str, ref: str, read: Callable[[str], Awaitable[T]]) -> T:
        changes = self._changes
        row = await read(ref)
        if changes == self._changes:  # else it may have been read before the change
            self._rows[owner, ref] = row
        return row

    def remember(self, owner: str, row: T, *refs: str | None) -> None:
        """Remember a row that was written just now by its references."""
        self.forget(owner, *refs)
        for ref in refs:
            if ref:
                self._rows[owner, ref] = row

    def forget(self, owner: str, *refs: str | None) -> None:
        """Remember no row by these references: it has changed."""
        self._changes += 1
        for ref in refs:
            self._rows.pop((owner, ref or ""), None)
