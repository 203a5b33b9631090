"""Waiting for a catalog and a store that do not answer yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from service.problems import ProblemError

T = TypeVar("T")

SHORTEST_SECONDS: Final = 0.25
LONGEST_SECONDS: Final = 2.0


async def patiently(
    attempt: Callable[[], Awaitable[T]],
    seconds: float,
    wanted: Callable[[], bool] = lambda: True,
) -> T:
    """Return what ``attempt`` returns, tried again while what it needs does not answer.

    Each failure is logged. Raises the last one, ``unavailable``, when it comes so many seconds
    after the beginning or when the outcome is no longer ``wanted``; any other at once.
    """
    end, pause = time.monotonic() + seconds, SHORTEST_SECONDS
    while True:
        try:
            return await attempt()
        except ProblemError as error:
            left = end - time.monotonic()
            if error.kind.code != "unavailable" or left <= 0 or not wanted():
                raise
            structlog.get_logger("service").warning(
                "waiting to start", detail=error.detail, seconds_left=round(left, 1)
            )
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_SECONDS)
