"""Who waits for a job in this process is woken when it changes here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# A job may be run by another process: who waits looks again after so many seconds.
POLL_SECONDS = 0.5


class Watch:
    """One who waits for the next change of a job."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    async def next(self, seconds: float) -> None:
        """Wait for a change since the last time, some seconds at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), min(seconds, POLL_SECONDS))
        self._changed.clear()

    def wake(self) -> None:
        """Tell that there is a change."""
        self._changed.set()


class Changes:
    """All who wait, by the id of the job."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}
        self.closing = False  # no new work is begun, what runs is put back
        self.closed = False  # all of it has been put back

    @contextmanager
    def watch(self, job: str) -> Iterator[Watch]:
        """Watch a job; changes from now on are not missed."""
        watch = Watch()
        self._watches.setdefault(job, set()).add(watch)
        try:
            yield watch
        finally:
            left = self._watches[job]
            left.discard(watch)
            if not left:
                del self._watches[job]

    def tell(self, job: str) -> None:
        """Wake all who watch a job."""
        for watch in self._watches.get(job, ()):
            watch.wake()

    def close(self) -> None:
        """Wake everyone for the last time."""
        self.closing = self.closed = True
        for job in list(self._watches):
            self.tell(job)
