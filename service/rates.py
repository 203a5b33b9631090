"""How much work each caller may ask for: units a minute, and requests at a time.

A unit is about a millisecond of a processor. What a caller has left is asked of the store in
batches, so that most requests cost no more than a subtraction, also where replicas share a store.
While a shared store does not answer, each process counts for itself: callers are neither stopped by
that nor let go.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import Struct
from starlette.requests import Request

from service.problems import ProblemError

if TYPE_CHECKING:
    from limits.aio.strategies import SlidingWindowCounterRateLimiter
    from redis.asyncio import ConnectionPool

MEMORY: Final = "async+memory://"
"""Names the store that each process has for itself."""
WINDOW: Final = 60
"""Seconds of the window that moves."""
POLICY: Final = "work"

STORE_SECONDS: Final = 0.5
"""So long the store may take; then it is lost."""
AGAIN_SECONDS: Final = 1.0
"""So long after that it is not asked."""

_BATCHES: Final = 100
_MAX_CALLERS: Final = 100_000


class Lease(Struct):
    """What a caller may spend here without asking until ``end``, and what the store had left."""

    units: int
    beyond: int
    end: float


class Rates:
    """Units a minute of each caller; ``url`` names the store, in memory or one that is shared."""

    def __init__(self, units: int, url: str, most_at_once: int) -> None:
        # Imported here: a service that limits nobody starts a tenth of a second sooner.
        from limits import RateLimitItemPerMinute
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from limits.errors import StorageError
        from limits.storage import storage_from_string

        self._pool = _pool(url)
        options: dict[str, Any] = {"wrap_exceptions": True}
        if self._pool is not None:
            options |= {"implementation": "redispy", "connection_pool": self._pool}
        self.quota = units
        self.losses = 0
        self._loss = (StorageError, TimeoutError)
        self._lost_until = 0.0
        self._item = RateLimitItemPerMinute(units, namespace="partialpool")
        self._store = SlidingWindowCounterRateLimiter(storage_from_string(url, **options))
        self._own = SlidingWindowCounterRateLimiter(storage_from_string(MEMORY))
        self._batch = max(1, units // _BATCHES)
        self._leases: dict[str, Lease] = {}
        self._most = most_at_once
        self._under_way: dict[str, int] = {}
        self._log = structlog.get_logger("service")
        self.policy = (
            f'"{POLICY}";q={units};w={WINDOW};qu="units", '
            f'"requests";q={most_at_once};qu="concurrent-requests"'
        ).encode()

    async def charge(self, caller: str, price: float) -> None:
        """Take units from what a caller has left; raises ``rate_limited`` when that is too little.

        Nothing costs more than half of what there is in a minute, so that all can be had.
        """
        units = min(math.ceil(price), max(1, self.quota // 2))
        lease = self._leases.get(caller)
        if lease is None or lease.end < time.monotonic():
            lease = self._new_lease(caller)
        while lease.units < units:
            await self._extend(caller, lease, units - lease.units)
        lease.units -= units

    def left(self, caller: str) -> int:
        """Return the units that a caller has left, as far as is known here."""
        lease = self._leases.get(caller)
        return self.quota if lease is None else lease.units + lease.beyond

    def told(self, caller: str) -> str:
        """Return the value of ``RateLimit``: what is left, and when all will be there again."""
        left = self.left(caller)
        return f'"{POLICY}";r={left};t={self._seconds(self.quota - left)}'

    def enter(self, caller: str) -> None:
        """Count a request that begins; raises ``too_many_requests`` when there are too many."""
        count = self._under_way.get(caller, 0)
        if count >= self._most:
            detail = f"{self._most} requests of this caller are under way already."
            raise ProblemError("too_many_requests", detail)
        self._under_way[caller] = count + 1

    def leave(self, caller: str) -> None:
        """Count a request that has ended."""
        count = self._under_way.pop(caller) - 1
        if count:
            self._under_way[caller] = count

    async def close(self) -> None:
        """Hang up."""
        if self._pool is not None:
            await self._pool.aclose()

    def _new_lease(self, caller: str) -> Lease:
        if len(self._leases) >= _MAX_CALLERS:
            self._leases.clear()
        lease = self._leases[caller] = Lease(0, self.quota, time.monotonic() + WINDOW)
        return lease

    async def _extend(self, caller: str, lease: Lease, short: int) -> None:
        """Take a batch, or at least what is short, from the store or else from what is here."""
        if time.monotonic() >= self._lost_until:
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    await self._take(self._store, caller, lease, short)
            except self._loss as error:
                self.losses += 1
                self._lost_until = time.monotonic() + AGAIN_SECONDS
                self._log.warning("rate limits cannot be read", error=type(error).__name__)
            else:
                return
        await self._take(self._own, caller, lease, short)

    async def _take(
        self, store: SlidingWindowCounterRateLimiter, caller: str, lease: Lease, short: int
    ) -> None:
        batch = max(self._batch, short)
        if not await store.hit(self._item, caller, cost=batch):
            batch = short
            if not await store.hit(self._item, caller, cost=batch):
                lease.beyond = await self._left_in(store, caller)
                raise self._refusal(short - lease.beyond)
        lease.beyond = await self._left_in(store, caller)
        lease.units += batch

    async def _left_in(self, store: SlidingWindowCounterRateLimiter, caller: str) -> int:
        return (await store.get_window_stats(self._item, caller)).remaining

    def _refusal(self, units: int) -> ProblemError:
        seconds = self._seconds(units)
        detail = f"The caller has asked for {self.quota} units of work within {WINDOW} seconds."
        return ProblemError("rate_limited", detail, headers={"Retry-After": str(max(1, seconds))})

    def _seconds(self, units: int) -> int:
        return math.ceil(WINDOW * max(0, units) / self.quota)


def _pool(url: str) -> ConnectionPool | None:
    """Return the connections to a Redis, which are made when they are needed."""
    if not url.startswith(("async+redis://", "async+rediss://")):
        return None
    from redis.asyncio import ConnectionPool

    return ConnectionPool.from_url(url.removeprefix("async+"))


CHARGE: Final = "partialpool.charge"
"""Where the layers around the routes leave whom to charge: the rates, and the caller."""


async def charge(request: Request, price: float) -> None:
    """Charge who asks for work that is known only now; free where nothing is limited."""
    found: tuple[Rates, str] | None = request.scope.get(CHARGE)
    if found is not None:
        rates, caller = found
        await rates.charge(caller, price)
