"""How much work each caller may ask for: units a minute, and requests at a time.

A unit is about a millisecond of a processor. What a caller has left is asked of the store in
batches, so that most requests cost no more than a subtraction, also where replicas share a store.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.requests import Request

from service.problems import ProblemError

WINDOW: Final = 60
"""Seconds of the window that moves."""
POLICY: Final = "work"

_BATCHES: Final = 100
_MAX_CALLERS: Final = 100_000


@dataclass(slots=True)
class Lease:
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

        self.quota = units
        self._lost = StorageError
        self._item = RateLimitItemPerMinute(units, namespace="partialpool")
        self._store = SlidingWindowCounterRateLimiter(
            storage_from_string(url, wrap_exceptions=True)
        )
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

    def _new_lease(self, caller: str) -> Lease:
        if len(self._leases) >= _MAX_CALLERS:
            self._leases.clear()
        lease = self._leases[caller] = Lease(0, self.quota, time.monotonic() + WINDOW)
        return lease

    async def _extend(self, caller: str, lease: Lease, short: int) -> None:
        """Take a batch from the store, or at least what is short."""
        batch = max(self._batch, short)
        try:
            if not await self._store.hit(self._item, caller, cost=batch):
                batch = short
                if not await self._store.hit(self._item, caller, cost=batch):
                    raise await self._refusal(caller, lease, short)
            lease.beyond = (await self._store.get_window_stats(self._item, caller)).remaining
        except self._lost as error:  # who may ask is decided elsewhere: the service goes on
            self._log.warning("rate limits cannot be read", error=type(error).__name__)
        lease.units += batch

    async def _refusal(self, caller: str, lease: Lease, short: int) -> ProblemError:
        lease.beyond = (await self._store.get_window_stats(self._item, caller)).remaining
        seconds = self._seconds(short - lease.beyond)
        detail = f"The caller has asked for {self.quota} units of work within {WINDOW} seconds."
        return ProblemError("rate_limited", detail, headers={"Retry-After": str(max(1, seconds))})

    def _seconds(self, units: int) -> int:
        return math.ceil(WINDOW * max(0, units) / self.quota)


CHARGE: Final = "partialpool.charge"
"""Where the layers around the routes leave whom to charge: the rates, and the caller."""


async def charge(request: Request, price: float) -> None:
    """Charge who asks for work that is known only now; free where nothing is limited."""
    found: tuple[Rates, str] | None = request.scope.get(CHARGE)
    if found is not None:
        rates, caller = found
        await rates.charge(caller, price)
